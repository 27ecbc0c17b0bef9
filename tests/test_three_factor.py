"""What must hold of the cells that learning rules share, and of how they learn, in one layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.modulators import paired
from goldenspike.golden.network import Network
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import node_perturbation, three_factor, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus

F = Format.parse
SYMMETRIC = [Rounding.HALF_EVEN, Rounding.TOWARD_ZERO]
FORMATS = st.builds(Format, st.just(value=True), st.integers(2, 12), st.integers(-3, 14))
SEEDS = st.integers(0, 2**32 - 1)
RULES = ("weight_perturbation", "node_perturbation")
Stimulate = Callable[..., Stimulus]


def with_rule(network: Network, name: str, **changes: Any) -> Network:
    """Return a network of one plastic projection with another rule."""
    (q,) = network.projections
    module = {"weight_perturbation": weight_perturbation, "node_perturbation": node_perturbation}
    values = {"eta": 0.25, "sigma": 0.25, "factor": F("fxp-s18/16")} | changes
    return replace(network, projections=(replace(q, rule=module[name].Params(**values)),))


@given(
    weight=FORMATS,
    factor=FORMATS,
    eligibility=FORMATS,
    rounding=st.sampled_from(SYMMETRIC),
    data=st.data(),
)
def test_an_update_is_odd_in_the_reward_where_rounding_is_symmetric(
    weight: Format, factor: Format, eligibility: Format, rounding: Rounding, data: Any
) -> None:
    c = three_factor.update_constants(weight, factor, eligibility, rounding, Overflow.SATURATE)
    w = data.draw(st.integers(weight.low + 1, weight.high))
    f = data.draw(st.integers(factor.low + 1, factor.high))
    e = data.draw(st.integers(eligibility.low, eligibility.high))

    def after(w: int, f: int) -> int:
        inputs = three_factor.UpdateInputs(f, e, 0)
        return three_factor.update(c, three_factor.UpdateState(w), inputs)[0].w

    mirrored, plain = after(-w, -f), after(w, f)
    assume(weight.low < plain < weight.high)  # the ends are not symmetric
    assert mirrored == -plain
    if rounding is Rounding.HALF_EVEN and weight.low < after(w, -f) < weight.high:
        assert after(w, -f) - w == -(plain - w)


def test_an_update_is_not_odd_where_rounding_is_not() -> None:
    fmt, unit = F("fxp-s8/0"), F("fxp-s8/0")
    for rounding in (Rounding.FLOOR, Rounding.HALF_UP):
        c = three_factor.update_constants(fmt, F("fxp-s8/1"), unit, rounding, Overflow.SATURATE)
        moved = [
            three_factor.update(c, three_factor.UpdateState(0), three_factor.UpdateInputs(f, 1, 0))[
                0
            ].w
            for f in (1, -1)
        ]
        assert moved[0] != -moved[1]


@given(
    rate=st.floats(1e-4, 1e4),
    reward=FORMATS,
    factor=FORMATS,
    data=st.data(),
)
def test_a_factor_is_odd_in_the_reward(
    rate: float, reward: Format, factor: Format, data: Any
) -> None:
    c = three_factor.factor_constants(rate, reward, factor)
    r = data.draw(st.integers(reward.low + 1, reward.high))

    def made(r: int) -> int:
        return three_factor.scale(c, Nothing(), three_factor.FactorInputs(r))[1].factor

    assert made(0) == 0
    assume(abs(made(r)) < factor.high)
    assert made(-r) == -made(r)


def eligibilities(made: Plan, stimulus: Stimulus, samples: list[int], seed: int) -> np.ndarray:
    """Return the eligibilities at the end of the ticks of one trial, ``(pre, post)``."""
    session = Session(made, seed, "python")
    trace = session.learn(stimulus, samples, traced=True, trace_rows=50_000).trace
    variable = made.variables["a_to_b.e"]
    found = np.zeros(variable.shape, np.int64)
    for _, number, index, value in trace.tolist():
        if number == variable.number:
            assert variable.format.low <= value <= variable.format.high
            found[variable.index(index)] = value
    return found


@pytest.mark.parametrize("distribution", Distribution)
@pytest.mark.parametrize("signal", ["fxp-u1/0", "fxp-s8/6", "fxp-u5/2"])
@settings(max_examples=10)
@given(seed=SEEDS)
def test_the_default_eligibility_is_exact(
    networks: dict[str, Network],
    stimulate: Stimulate,
    threefry: Callable[..., Any],
    distribution: Distribution,
    signal: str,
    seed: int,
) -> None:
    network = with_rule(networks["spiking"], "node_perturbation", distribution=distribution)
    source, post = network.populations
    pre = replace(source, model=replace(source.model, signal=F(signal)))
    made = plan(replace(network, populations=(pre, post)))
    stimulus = stimulate(made, seed)
    stimulus.inputs["a"][1] = F(signal).low or F(signal).high  # the worst there is
    for sample in (0, 1):
        got = eligibilities(made, stimulus, [sample], seed)
        want = np.zeros((5, 3), np.int64)
        for t in range(made.ticks):
            x0, x1 = threefry((seed, 0x101), (0, t << 16))
            y0, _ = threefry((seed, 0x101), (0, t << 16 | 1))
            words = [x0, x1, y0] if distribution is Distribution.GAUSSIAN else [x0]
            variates = [
                words[i].bit_count() - 16 if len(words) == 3 else 2 * (x0 >> i & 1) - 1
                for i in range(3)
            ]
            want += np.outer(stimulus.inputs["a"][sample, t], variates)
        assert (got == want).all()


@pytest.mark.parametrize("rule", RULES)
def test_learning_reduces_the_error(
    rule: str, networks: dict[str, Network], stimulate: Stimulate
) -> None:
    network = with_rule(networks["graded"], rule, eta=0.002, sigma=0.0625, factor=F("fxp-s24/22"))
    reward = replace(networks["graded"].reward, baseline=paired.Params(), reward=F("fxp-s24/12"))
    made = plan(replace(network, reward=reward))
    stimulus = stimulate(made, 1, 1)
    stimulus.targets[:] = 8  # one half
    session = Session(made, 1, "python")
    first = int(session.evaluate(stimulus, [0]).errors[0, 0])
    session.learn(stimulus, [0] * 400)
    assert int(session.evaluate(stimulus, [0]).errors[0, 0]) < 0.5 * first
