"""Random cases are a function of their seeds, and the chosen seeds leave nothing out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goldenspike.golden import fixed
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Distribution
from goldenspike.sim.cases import COVERING, draw, random_case


def name(module: Any) -> str:
    """Return the last part of a module's name."""
    return module.__name__.rpartition(".")[2]


def parts(planned: Plan) -> set[Any]:
    """Return what a network has."""
    reward: Any = planned.reward
    place = {p.name: k for k, p in enumerate(planned.neurons)}
    found: set[Any] = {
        "paired" if reward.paired else "running mean",
        name(reward.objective) if reward.objective else "external",
    }
    if reward.objective is None:
        found |= {("error", reward.error.signed), ("two words", reward.error.width > 32)}
    for p in planned.sources:
        found.add("spikes" if p.signal == BIT else ("levels", p.signal.signed))
    for p in planned.neurons:
        model = name(p.module)
        found |= {
            (model, Rounding(p.constants.rounding)),
            (model, Overflow(p.constants.overflow)),
            p.params.drive,
        }
        if model == "lif":
            found |= {p.params.reset, p.params.compare}
    for q in planned.projections:
        far = place.get(q.pre.name, -1) - place[q.post.name]
        way = "back" if far > 0 else "own" if far == 0 else "forward"
        found |= {
            "input" if q.pre.module is None else (way, q.delay),
            ("delay", q.delay),
            ("graded", q.pre.signal != BIT),
            ("words", q.pre.signal == BIT and q.pre.size > 32),
            ("weight", q.weight.signed),
        }
        if q.rule is not None:
            rule = name(q.rule.module)
            found |= {
                (rule, q.rule.params.distribution),
                (rule, q.rule.params.rounding),
                (rule, q.rule.params.overflow),
            }
            if q.rule.step is not None:
                found.add("exact" if q.rule.params.eligibility is None else "short")
        else:
            found.add("fixed")
    return found


def test_the_random_networks_have_every_part() -> None:
    found = [parts(random_case(seed).plan) for seed in COVERING]
    rules = ("node_perturbation", "weight_perturbation")
    wanted = {
        *("paired", "running mean", "squared_error", "count_error", "external"),
        *("spikes", "one", "complement", "subtract", "to_value", ">=", ">", "input"),
        *("exact", "short", "fixed", ("back", 1), ("own", 1), ("forward", 0), ("forward", 1)),
        *((word, flag) for word in ("error", "two words", "levels") for flag in (False, True)),
        *((word, flag) for word in ("graded", "words", "weight") for flag in (False, True)),
        *(("delay", delay) for delay in (0, 1)),
        *((rule, kind) for rule in rules for kind in (*Distribution, *Rounding, *Overflow)),
        *(
            (model, how)
            for model in ("lif", "leaky_readout")
            for how in (*Overflow, Rounding.FLOOR, Rounding.HALF_EVEN, Rounding.TOWARD_ZERO)
        ),
    }
    assert wanted - set().union(*found) == set()
    assert {part for part in wanted if sum(part in one for one in found) < 2} == set()


def test_the_random_networks_reach_every_end(monkeypatch: pytest.MonkeyPatch) -> None:
    beyond: set[tuple[Any, ...]] = set()
    limit = fixed.limit

    def watched(x: Any, fmt: Any, overflow: int) -> Any:
        if type(x) in (int, np.int64) and not fmt.low <= x <= fmt.high:
            beyond.add((fmt, Overflow(overflow), x > fmt.high))
        return limit(x, fmt, overflow)

    cases = [random_case(seed) for seed in COVERING]
    monkeypatch.setattr(fixed, "limit", watched)
    ends, learnt, wraps = set(), 0, 0
    for case in cases:
        beyond.clear()
        first = {q.name: case.session.arrays[f"{q.name}.w"].copy() for q in case.plan.plastic}
        trial = case.session.trial
        case.session.learn(case.stimulus, case.samples, external=case.external)
        wraps += case.session.trial < trial
        learnt += any((w != case.session.arrays[f"{q}.w"]).any() for q, w in first.items())
        formats: dict[str, list[Format]] = {
            "weight": [q.weight for q in case.plan.plastic],
            "eligibility": [q.rule.eligibility for q in case.plan.plastic if q.rule.step],
            "factor": [q.rule.factor.factor for q in case.plan.plastic],
            "reward": [case.plan.reward.reward],
            "neuron": [fmt for p in case.plan.neurons for fmt in p.state.values()],
        }
        for word, listed in formats.items():
            ends |= {(word, overflow, high) for fmt, overflow, high in beyond if fmt in listed}
    saturated = {(word, Overflow.SATURATE, high) for word in formats for high in (False, True)}
    wrapped = {(w, Overflow.WRAP, high) for w in ("weight", "neuron") for high in (False, True)}
    assert (saturated | wrapped) - ends == set()
    assert learnt >= len(COVERING) - 2
    assert wraps > 0


def test_a_case_is_a_function_of_its_seed() -> None:
    one, other = random_case(43), random_case(43)
    assert one.network == other.network
    assert one.network != random_case(44).network
    for field, array in one.session.arrays.items():
        assert np.array_equal(array, other.session.arrays[field])
    assert np.array_equal(one.samples, other.samples)
    assert np.array_equal(one.stimulus.targets, other.stimulus.targets)


def test_every_seed_gives_a_network() -> None:
    for seed in range(200):
        case = random_case(seed)
        assert case.plan.plastic
        assert case.stimulus.size == 2


@pytest.mark.parametrize("text", ["fxp-s1/0", "fxp-u1/0", "fxp-s6/2", "fxp-u40/4", "fxp-s62/0"])
def test_half_of_the_numbers_are_corners(text: str) -> None:
    fmt = Format.parse(text)
    drawn = draw(np.random.default_rng(1), fmt, 4000)
    assert (drawn.min(), drawn.max()) == (fmt.low, fmt.high)
    ends = [fmt.low, min(fmt.low + 1, fmt.high), fmt.high - 1, fmt.high]
    assert np.isin(drawn, [*ends, -1, 0, 1]).mean() > 0.49
    assert len(np.unique(drawn)) >= min(1 << fmt.width, 500)
