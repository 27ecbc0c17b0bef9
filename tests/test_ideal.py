"""Fixed point against floating point: the only place where something is nearly equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import Format
from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session, Stimulus

F = Format.parse
FINE = 24
"""Fraction bits of the fine networks' weights, states and factors."""
ULP = 2.0**-FINE
WIDE = Format(True, 30, FINE)
OUTPUT = Format(True, 21, 15)
"""Of graded outputs: their squares, summed and averaged, must fit 63 bits."""
RATE = 2.0**-16
"""A rate keeps 16 significant bits: half of the last one, relative to the least number of them."""


def fine(network: Network) -> Network:
    """Return a network of one plastic projection with many bits everywhere."""
    pre, post = network.populations
    (q,) = network.projections
    state = {"membrane": WIDE} if hasattr(post.model, "membrane") else {"output": OUTPUT}
    return replace(
        network,
        populations=(pre, replace(post, model=replace(post.model, **state))),
        projections=(replace(q, weight=WIDE, rule=replace(q.rule, factor=WIDE)),),
    )


def test_spiking_networks_learn_as_real_numbers_do(
    networks: dict[str, Network], stimulate: Callable[..., Stimulus]
) -> None:
    made = plan(fine(networks["spiking"]))
    stimulus = stimulate(made, 1, 8)
    fixed, ideal = Session(made, 3, "python"), Session(made, 3, "ideal")
    rule: Any = made.plastic[0].rule
    eligible = made.ticks * 1.0
    bound = 0.0
    for k in range(8):
        before = ideal.weights("a_to_b")
        one = fixed.learn(stimulus, [k], record=True)
        two = ideal.learn(stimulus, [k], record=True)
        # Decay and threshold are exact and a potential is rounded to 2**-25 a tick, so spikes
        # are equal unless a potential comes that near to the threshold. Then counts, targets and
        # so errors and rewards are equal, exactly.
        assert np.array_equal(one.signals, two.signals)
        assert np.array_equal(one.errors * 2.0**-8, two.errors)
        assert np.array_equal(one.rewards * 2.0**-8, two.rewards)
        # One update differs by the relative error of the rate, by half a bit of the factor times
        # the eligibility, and by half a bit of the weight.
        change = np.abs(ideal.weights("a_to_b") - before).max()
        bound += change * RATE + eligible * ULP / 2 + ULP / 2
        difference = np.abs(fixed.weights("a_to_b") - ideal.weights("a_to_b")).max()
        assert difference <= bound
        assert bound < 1e-4
    assert rule.perturbation.amplitude == 0.25
    assert np.abs(ideal.weights("a_to_b") - Session(made, 3, "ideal").weights("a_to_b")).max() > 0.1
    assert one.signals.any()


def test_graded_networks_learn_as_real_numbers_do(
    networks: dict[str, Network], stimulate: Callable[..., Stimulus]
) -> None:
    network = fine(networks["graded"])
    (q,) = network.projections
    assert network.reward is not None
    network = replace(
        network,
        projections=(replace(q, rule=replace(q.rule, eta=2.0**-13)),),
        reward=replace(network.reward, reward=Format(True, 40, FINE)),
    )
    made = plan(network)
    stimulus = stimulate(made, 2, 6)
    fixed, ideal = Session(made, 5, "python"), Session(made, 5, "ideal")
    rule: Any = made.plastic[0].rule
    reward: Any = made.reward
    inputs = stimulus.inputs["a"] * 2.0**-6
    targets = stimulus.targets * 2.0**-4
    error_lsb = reward.error.lsb
    weights = means = 0.0  # bounds of the differences so far
    start = ideal.weights("a_to_b")
    for k in range(5):
        before = ideal.weights("a_to_b")
        one = fixed.learn(stimulus, [k], record=True)
        two = ideal.learn(stimulus, [k], record=True)
        # A current differs by the weights' difference times the inputs' sum, an output with
        # decay 1/2 by at most twice that and twice half a bit.
        outputs = 2 * (np.abs(inputs[k]).sum(axis=1).max() * weights + OUTPUT.lsb / 2)
        real = one.signals[0] * OUTPUT.lsb
        assert np.abs(real - two.signals[0]).max() <= outputs
        # Squares are exact, and exactly summed.
        deviation = np.abs(real - targets[k])
        errors = (2 * deviation * outputs + outputs**2).sum()
        error = reward.error.to_float(int(one.errors[0, 0]))
        assert abs(error - two.errors[0, 0]) <= errors
        # Reward = mean - error; the mean moves an eighth of the way and is rounded finer.
        rewards = (means + errors) * (k > 0) + ULP / 2
        gained = float(one.rewards[0]) * ULP
        assert abs(gained - two.rewards[0]) <= rewards
        means = max(means, errors) + error_lsb
        # Variates are 1 and -1.
        weights += rule.rate * (rewards + abs(gained) * RATE) + ULP
        difference = np.abs(fixed.weights("a_to_b") - ideal.weights("a_to_b")).max()
        assert difference <= weights
        assert (k > 0) == (not np.array_equal(before, ideal.weights("a_to_b")))
    assert np.abs(ideal.weights("a_to_b") - start).max() > 20 * weights


def test_coarse_networks_do_not(
    networks: dict[str, Network], stimulate: Callable[..., Stimulus]
) -> None:
    made = plan(networks["graded"])
    stimulus = stimulate(made, 2)
    outcomes = [Session(made, 5, kind).evaluate(stimulus, [0]) for kind in ("python", "ideal")]
    error = made.variables["reward.error"].format.to_float(int(outcomes[0].errors[0, 0]))
    assert error != outcomes[1].errors[0, 0]
    assert error == pytest.approx(outcomes[1].errors[0, 0], rel=0.02)
