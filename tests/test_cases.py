"""Random cases are a function of their seeds, and the chosen seeds leave nothing out."""

from __future__ import annotations

import sys
from itertools import product
from typing import Any

import numpy as np
import pytest

from goldenspike.golden import fixed
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.plan import UNUSED, Plan
from goldenspike.golden.randomness import Distribution
from goldenspike.sim.cases import COVERING, draw, random_case


def name(module: Any) -> str:
    """Return the last part of a module's name."""
    return module.__name__.rpartition(".")[2]


def of_reward(planned: Plan) -> set[Any]:
    """Return what a network's reward has."""
    reward: Any = planned.reward
    found: set[Any] = {
        name(reward.baseline),
        name(reward.objective) if reward.objective else "external",
        ("sign", reward.sign is not None),
        ("conditions", reward.baselines > reward.bins),
    }
    if reward.objective is None:
        found |= {("error", reward.error.signed), ("two words", reward.error.width > 32)}
    if reward.period:
        found |= {("late", reward.delay > 0), ("bins", reward.bins > 1)}
        found |= {("long bins", reward.period > 1), ("old means", reward.baselines > 1)}
    return found


def of_population(p: Any) -> set[Any]:
    """Return what a population has."""
    if p.module is None:
        return {"spikes" if p.signal == BIT else ("levels", p.signal.signed)}
    model = name(p.module)
    found: set[Any] = {
        (model, Rounding(p.constants.rounding)),
        (model, Overflow(p.constants.overflow)),
    }
    for choices in ("drive", "reset", "compare", "function"):
        value = getattr(p.params, choices, None)
        found |= {value} if isinstance(value, str) else set()
    if model == "rate":
        found.add(("slow", p.params.tau > 1))
    if model == "conductance_lif":
        found.add(("inhibited", p.currents["inhibitory"] != UNUSED))
    if p.perturbation is not None:
        noise = p.perturbation.noise
        found.add("white" if noise.white else name(sys.modules[type(noise.params).__module__]))
    return found


def of_rule(q: Any) -> set[Any]:
    """Return what a projection's rule has."""
    rule = q.rule
    if rule is None:
        return {"fixed"}
    kind, params = name(rule.module), rule.params
    way = "learns" if rule.accumulate is None else "sums"
    found: set[Any] = {
        (kind, way),
        (kind, "random" if rule.words else "sure"),
        *((way, params.rounding), (way, params.overflow)),
        ("delayed", kind, q.delay > 0),
        ("filtered", kind, q.filter is not None),
    }
    if hasattr(params, "sigma"):
        found.add((kind, params.distribution))
    if q.weight_perturbation is not None:
        found.add(("code", params.code))
    if rule.kind in ("delivery", "output"):
        found.add((rule.kind, "exact" if params.eligibility is None else "short"))
    return found


def parts(planned: Plan) -> set[Any]:
    """Return what a network has."""
    place = {p.name: k for k, p in enumerate(planned.neurons)}
    found = of_reward(planned).union(*map(of_population, planned.populations))
    for q in planned.projections:
        far = place.get(q.pre.name, -1) - place[q.post.name]
        way = "back" if far > 0 else "own" if far == 0 else "forward"
        found |= of_rule(q) | {
            ("input", min(q.delay, 2)) if q.pre.module is None else (way, min(q.delay, 2)),
            ("arrives", q.delay < planned.ticks),
            ("graded", q.pre.signal != BIT),
            ("words", q.pre.signal == BIT and q.pre.size > 32),
            ("weight", q.weight.signed),
        }
        if q.filter is not None:
            found |= {("filter", name(q.filter)), ("trace", q.signal.signed)}
            found |= {("filter", q.delay > 0), ("filtered words", q.pre.size > 32)}
    return found


LEARNED = ("node_perturbation", "hybrid_perturbation", "conductance_perturbation")
WEIGHTS = (
    *("weight_perturbation", "weight_perturbation_0", "finite_difference"),
    "multiplexed_perturbation",
)
ONLINE = ("online_conductance_perturbation", "delayed_conductance_perturbation")
SPREAD = (*WEIGHTS[:2], "multiplexed_perturbation", *LEARNED[:2])
MODELS = ("lif", "leaky_readout", "conductance_lif", "rate")
WANTED: set[Any] = {
    *("paired", "two_sided", "running_mean", "squared_error", "count_error", "external"),
    *("spikes", "one", "complement", "subtract", "to_value", ">=", ">", "tanh", "sigmoid"),
    *("white", "sparse", "filtered", "empiric", "fixed"),
    *(("filter", "exponential"), ("filter", "dynamic")),
    *((way, delay) for way in ("input", "forward") for delay in (0, 1, 2)),
    *((way, delay) for way in ("back", "own") for delay in (1, 2)),
    *product(
        ("error", "two words", "levels", "graded", "words", "weight", "sign", "conditions"),
        (False, True),
    ),
    *product(("late", "bins", "long bins", "old means", "slow", "inhibited"), (False, True)),
    *product(("trace", "filter", "filtered words", "arrives"), (False, True)),
    *product((*LEARNED, *WEIGHTS), ("learns", "sums")),
    *product((*LEARNED, *WEIGHTS, *ONLINE), ("random", "sure")),
    *product(ONLINE, ("learns",)),
    *product(("delayed", "filtered"), (*LEARNED, *WEIGHTS, *ONLINE), (False, True)),
    *product(("learns", "sums"), (*Rounding, *Overflow)),
    *product(SPREAD, Distribution),
    *product(("code",), ("random", "walsh", "one_hot")),
    *product(("delivery", "output"), ("exact", "short")),
    *product(MODELS, (*Overflow, Rounding.FLOOR, Rounding.HALF_EVEN, Rounding.TOWARD_ZERO)),
}


def test_the_random_networks_have_every_part() -> None:
    found = [parts(random_case(seed).plan) for seed in COVERING]
    assert WANTED - set().union(*found) == set()
    assert {part for part in WANTED if sum(part in one for one in found) < 2} == set()


def formats_of(planned: Any) -> dict[str, list[Format]]:
    """Return the formats whose ends must be reached, by what they are of."""
    plastic = planned.plastic
    drawn = [p.perturbation.noise for p in planned.neurons if p.perturbation]
    sums = [q.rule.accumulate for q in plastic]
    return {
        "weight": [q.weight for q in plastic],
        "eligibility": [q.rule.eligibility for q in plastic if q.rule.state],
        "factor": [q.rule.factor.factor for q in plastic],
        "reward": [planned.reward.reward],
        "neuron": [fmt for p in planned.neurons for fmt in p.state.values()],
        "filter": [fmt for q in planned.projections for fmt in q.filter_state.values()],
        "noise": [fmt for noise in drawn for fmt in noise.state.values()],
        "sum": [one.accumulator for one in sums if one],
    }


def reached(case: Any, monkeypatch: pytest.MonkeyPatch) -> set[tuple[Any, ...]]:
    """Return the ends that a case's trials reach: what it was, how limited, and whether above."""
    beyond: set[tuple[Any, ...]] = set()
    limit = fixed.limit

    def watched(x: Any, fmt: Any, overflow: int) -> Any:
        if type(x) in (int, np.int64) and not fmt.low <= x <= fmt.high:
            beyond.add((fmt, Overflow(overflow), x > fmt.high))
        return limit(x, fmt, overflow)

    with monkeypatch.context() as patch:
        patch.setattr(fixed, "limit", watched)
        case.session.learn(case.stimulus, case.samples, external=case.external)
    return {
        (word, overflow, high)
        for word, listed in formats_of(case.plan).items()
        for fmt, overflow, high in beyond
        if fmt in listed
    }


WORDS = ("weight", "eligibility", "factor", "reward", "neuron", "filter", "sum")
ENDS = {
    *product(WORDS, (Overflow.SATURATE,), (False, True)),
    *product(("weight", "neuron"), (Overflow.WRAP,), (False, True)),
    ("noise", Overflow.SATURATE, True),
}


def test_the_random_networks_reach_every_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ends, learnt, wraps = set(), 0, 0
    for case in map(random_case, COVERING):
        first = {q.name: case.session.arrays[f"{q.name}.w"].copy() for q in case.plan.plastic}
        trial = case.session.trial
        ends |= reached(case, monkeypatch)
        wraps += case.session.trial < trial
        learnt += any((w != case.session.arrays[f"{q}.w"]).any() for q, w in first.items())
    assert ENDS - ends == set()
    assert learnt >= len(COVERING) - 4
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
