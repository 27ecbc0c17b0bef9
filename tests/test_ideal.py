"""Fixed point against floating point: the only place where something is nearly equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from goldenspike.golden import catalog, engine
from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import paired, running_mean, two_sided
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import lif
from goldenspike.golden.noise import empiric, filtered, sparse
from goldenspike.golden.plan import plan
from goldenspike.golden.synapses import dynamic, exponential
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


# Every rule, noise, synapse and baseline. All factors are a few powers of two and all traces have
# the bits to be exact; what is left is derived below.

NARROW = Format(True, 26, 20)
REAL = {
    "eta": 2.0**-6,
    "sigma": 0.5,
    "factor": NARROW,
    "weight": 0.5,
    "probability": 0.25,
    "decay": 0.5,
    "trace": Format(False, 12, 10),
    "eligibility": Format(True, 33, 30),
    "eligibility_decay": 0.5,
}
"""Parameters of rules that have no default; the models of the catalog by their names."""
NOISES: dict[str, Any] = {
    "sparse": sparse.Params(0.25),
    "filtered": filtered.Params(0.5, Format(True, 14, 8)),
    "empiric": empiric.Params(0.5, 0.5, Format(False, 12, 10)),
}
SYNAPSES: dict[str, Any] = {
    "exponential": exponential.Params(0.5, Format(False, 10, 8)),
    "dynamic": dynamic.Params(0.5, 0.5, 0.5, Format(False, 14, 14)),
}
BASELINES: dict[str, Any] = {
    "paired": paired.Params(),
    "two_sided": two_sided.Params(),
    "running_mean": running_mean.Params(0.5),
}


def rule_of(name: str, **changes: Any) -> Any:
    """Return the parameters of a rule with many bits."""
    kind = catalog.PERTURBING[name].Params
    needed = [f.name for f in fields(kind) if f.default is MISSING]
    return kind(**{field: REAL[field] for field in needed} | changes)


def online(rule: str) -> bool:
    """Return whether a rule learns during trials."""
    return catalog.PERTURBING[rule].TRACE == "tick"


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rule and the changes of every case that can be."""
    for name, baseline in product(catalog.PERTURBING, catalog.BASELINES):
        stateful = getattr(rule_of(name), "noise", None) is not None
        if baseline == "running_mean" or not (online(name) or (stateful and baseline != "paired")):
            yield name, {"baseline": baseline}
    for noise, baseline in product(catalog.NOISES, catalog.BASELINES):
        if noise == "sparse" or baseline != "two_sided":
            yield "node_perturbation", {"noise": noise, "baseline": baseline}
    for name, synapse in product(catalog.PERTURBING, catalog.SYNAPSES):
        yield name, {"synapse": synapse, "baseline": "running_mean"}
    for name in catalog.PERTURBING:
        if online(name):
            yield name, {"sign": True, "delay": 1, "baseline": "running_mean"}
        else:
            yield name, {"interval": 2, "sign": True, "baseline": "paired"}


CASES = list(cases())


def wide(
    name: str,
    baseline: str,
    noise: str | None = None,
    synapse: str | None = None,
    interval: int = 1,
    **reward: Any,
) -> Network:
    """Return a network of two layers of one rule, with as many bits as 63 can hold."""
    changes: dict[str, Any] = {} if noise is None else {"noise": NOISES[noise]}
    simple = synapse is None and getattr(rule_of(name, **changes), "noise", None) is None
    # Weights times signals, plus variates, and factors times eligibilities are exact.
    weight = Format(True, 46, 40) if simple else Format(True, 34, 26)
    if catalog.PERTURBING[name].TRACE in ("none", "active"):
        changes["factor"] = Format(True, 46, 40)
    if interval > 1:
        changes |= {"interval": interval, "accumulator": weight}
    model = lif.Params(Format(True, 46, 40), 0.875, 0.5, factor=Format(False, 4, 3))
    rule = rule_of(name, **changes)
    filtered_ = None if synapse is None else SYNAPSES[synapse]
    return Network(
        6,
        (Population("a", 4, Source()), Population("h", 3, model), Population("b", 2, model)),
        (
            Projection("a", "h", weight, initial=1.0, mean=0.5, rule=rule, synapse=filtered_),
            Projection("h", "b", weight, initial=1.0, mean=0.5, rule=rule),
            Projection("h", "h", weight, delay=1, initial=0.25),
        ),
        Reward(
            "b",
            "squared_error",
            BASELINES[baseline],
            Format(True, 30, 20),
            Format(False, 6, 4),
            period=2 if online(name) else 0,
            **reward,
        ),
    )


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have programs of real numbers run as they are: compiling each would take seconds."""
    monkeypatch.setattr(engine, "compiled", lambda source: engine.load(source).run)


def test_every_model_of_the_catalog_is_compared() -> None:
    assert NOISES.keys() == catalog.NOISES.keys()
    assert SYNAPSES.keys() == catalog.SYNAPSES.keys()
    assert BASELINES.keys() == catalog.BASELINES.keys()
    assert {name for name, _ in CASES} == catalog.PERTURBING.keys()
    for part in ("noise", "synapse", "baseline"):
        used = {changes.get(part) for _, changes in CASES} - {None}
        assert used == getattr(catalog, f"{part.upper()}S").keys()


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_every_rule_learns_as_real_numbers_do(
    name: str, changes: dict[str, Any], stimulate: Callable[..., Stimulus]
) -> None:
    made = plan(wide(name, **changes))
    reward: Any = made.reward
    stimulus = stimulate(made, 3, 4)
    fixed, ideal = Session(made, 5, "python"), Session(made, 5, "ideal")
    start = {q.name: ideal.weights(q.name) for q in made.plastic}
    values: dict[int, int] = dict.fromkeys(range(1, len(made.variables) + 1), 0)
    trials = 4 if changes["baseline"] == "running_mean" else 12
    for k in range(trials):
        one = fixed.learn(stimulus, [k % 4], record=True, traced=True, trace_rows=5000)
        two = ideal.learn(stimulus, [k % 4], record=True)
        for _, number, _, value in one.trace.tolist():
            values[number] = max(values[number], abs(value))
        # Potentials are rounded to 2**-41 a tick, so spikes are equal unless one comes that near
        # to the threshold. Then errors are equal, exactly, and so are rewards: a mean that moves
        # half of the way has four bits for four trials.
        assert np.array_equal(one.signals, two.signals)
        assert np.array_equal(one.errors * reward.error.lsb, two.errors)
        assert np.array_equal(one.rewards * reward.reward.lsb, two.rewards)

    def largest(variable: str) -> float:
        found = made.variables[variable]
        return values[found.number] * found.format.lsb

    for q in made.plastic:
        rule: Any = q.rule
        field = [f"{q.name}.{field}" for field in rule.state][-1:]
        eligible = largest(field[0]) if field else 1.0
        # Releases alone are no exact sums. With r = 2**-15, half a bit of them, and factors 1/2,
        # u is off by (0.25 u + 1.5 r) or 2 r, d by (0.25 d + 3.5 r) or 5 r, and a release by 7 r.
        # Scores are 4 at most, or sums of 4 releases, so an eligibility is off by 8 of them a tick.
        inexact = field and changes.get("synapse") == "dynamic" and q.filter is not None
        wrong = made.ticks * 8 * 7 * 2.0**-15 if inexact else 0.0
        # One update differs by the relative error of the rate, that of the amplitude included,
        # by half a bit of the factor times the eligibility, and by half a bit of the weight and
        # of the sum.
        factor, half = largest(f"{q.name}.factor"), rule.factor.factor.lsb / 2
        bound = factor * (eligible * (RATE + ULP) + wrong) + eligible * half + q.weight.lsb
        bound *= trials * reward.bins
        assert np.abs(fixed.weights(q.name) - ideal.weights(q.name)).max() <= bound
        moved = np.abs(ideal.weights(q.name) - start[q.name]).max()
        assert moved > bound * (2 if inexact else 500) or q.name == "h_to_b"


@pytest.mark.parametrize("name", ["spiking", "graded"])
def test_compiled_real_numbers_are_those_of_the_interpreter(
    name: str,
    networks: dict[str, Network],
    stimulate: Callable[..., Stimulus],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = plan(networks[name])
    stimulus = stimulate(made, 1)
    compiled, plain = Session(made, 2, "ideal"), Session(made, 2, "ideal")
    one = compiled.learn(stimulus, [0, 1, 2])
    monkeypatch.setattr(engine, "compiled", lambda source: engine.load(source).run)
    two = plain.learn(stimulus, [0, 1, 2])
    assert one.rewards.any()
    # Compiled code may fuse a product and a sum, which is then rounded once.
    assert one.rewards == pytest.approx(two.rewards, rel=1e-12)
    for key, array in compiled.arrays.items():
        assert array == pytest.approx(plain.arrays[key], rel=1e-12, abs=1e-12)
