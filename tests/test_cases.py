"""Random cases are a function of their seeds; what is drawn is what validation accepts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import pytest

from goldenspike.golden import catalog
from goldenspike.golden.domains import (
    Between,
    Formats,
    Name,
    OneOf,
    Whole,
    check,
    domains,
)
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.neurons import lif
from goldenspike.golden.plan import plan
from goldenspike.sim import coverage
from goldenspike.sim.cases import ANY, random_case, single_case
from goldenspike.sim.corners import DESCRIPTIONS
from goldenspike.sim.drawing import Drawing, corners
from goldenspike.sim.drawn import draw_network
from goldenspike.sim.stimuli import draw

F = Format.parse


def test_a_case_is_a_function_of_its_seed() -> None:
    one, other = random_case(43), random_case(43)
    assert one.network == other.network
    assert one.network != random_case(44).network
    for field, array in one.session.arrays.items():
        assert np.array_equal(array, other.session.arrays[field])
    assert (one.runs, one.lanes, one.neurons) == (other.runs, other.lanes, other.neurons)


def test_every_source_shows_something_and_most_first_samples_are_busy() -> None:
    busy = 0
    for seed in range(60):
        found = single_case(seed, "small").stimulus.inputs
        assert all(signals.any() for signals in found.values())
        busy += all(signals[0].any() for signals in found.values())
    assert busy > 50


def test_small_networks_learn_more_than_those_first_drawn() -> None:
    seeds = [seed for seed in range(1, 40) if seed % ANY]
    first = [single_case(seed, "small", "rewarded") for seed in seeds]
    taken = [random_case(seed, "small", "rewarded") for seed in seeds]
    covered = [
        sum(any(one[0] == "rule" and one[1] != "none" for one in coverage.of_case(c)) for c in cs)
        for cs in (first, taken)
    ]
    assert covered[1] > 1.3 * covered[0]


@pytest.mark.parametrize(
    "text",
    [
        "field: match: window: large",
        "field: PairParams: trace: over 32 bits",
        "field: sparse: probability: near 1",
        "field: triplet_stdp: bound: no fraction",
        "end: rules.credit.adapted: g: high",
    ],
)
def test_a_network_aims_at_a_bin(text: str) -> None:
    aim = coverage.named(text)
    case = coverage.aimed_case(1, aim)
    assert aim in coverage.of_case(case)
    assert case.network == coverage.aimed_case(1, aim).network


def test_a_bin_that_no_turn_reaches_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "TURNS", 1)
    aim = coverage.named("field: Reward: delay: 255")
    with pytest.raises(RuntimeError, match="Network of seed 1 must be in 'field: Reward: delay"):
        coverage.aimed_case(1, aim, "small")


@pytest.mark.parametrize("kind", ["traced", "rewarded"])
def test_every_seed_gives_a_network_that_learns(kind: str) -> None:
    refused = 0
    for seed in range(40):
        drawn = draw_network(seed, "small", kind)
        planned = plan(drawn.network)
        assert planned.learners if kind == "traced" else planned.plastic
        refused += len(drawn.refused)
    assert refused < 120  # Three of four descriptions would be in vain.


@pytest.mark.parametrize("text", ["fxp-s1/0", "fxp-u1/0", "fxp-s6/2", "fxp-u40/4", "fxp-s62/0"])
def test_half_of_the_numbers_are_corners(text: str) -> None:
    fmt = F(text)
    drawn = draw(np.random.default_rng(1), fmt, 4000)
    assert (drawn.min(), drawn.max()) == (fmt.low, fmt.high)
    ends = [fmt.low, min(fmt.low + 1, fmt.high), fmt.high - 1, fmt.high]
    assert np.isin(drawn, [*ends, -1, 0, 1]).mean() > 0.49
    assert len(np.unique(drawn)) >= min(1 << fmt.width, 500)


def test_corners_are_ends_zero_powers_and_one_off() -> None:
    assert corners(-3, 9) == [-3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 8, 9]
    assert corners(1, 1) == [1]
    assert {1, 2, 127, 128, 129, 254, 255} <= set(corners(0, 255))


DESCRIBED = DESCRIPTIONS


@pytest.mark.parametrize("described", DESCRIBED, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_every_field_that_validation_checks_has_a_domain(described: type) -> None:
    """But for those that hold descriptions, and lists of numbers that belong together."""
    left = {f.name for f in fields(described)} - set(domains(described))
    kept = {"name", "model", "synapse", "rule", "noise", "baseline", "populations", "projections"}
    assert left <= {*kept, "boundaries", "levels", "readout", "reward"}


VALUES: list[tuple[Any, Any, str]] = [
    (Between(0, 1), 1.5, "0 to 1"),
    (Between(0, 1, below=True), 1.0, "0 to below 1"),
    (Between(0, above=True), 0.0, "above 0"),
    (Between(0, 1, above=True), 0.0, "above 0, to 1"),
    (Between(0), -1.0, "0 or more"),
    (Between(), float("nan"), "finite"),
    (Between(), float("inf"), "finite"),
    (Whole(0, 255), 256, "0 to 255"),
    (Whole(1, 64, power=True), 12, "a power of two to 64"),
    (OneOf(("a", "b")), "c", "one of 'a', 'b'"),
    (OneOf((Rounding.FLOOR,), "x"), Rounding.STOCHASTIC, "one of 'floor'"),
    (Formats(signed=True), F("fxp-u4/2"), "signed"),
    (Formats(signed=False), F("fxp-s4/2"), "unsigned"),
    (Formats(fracs=(0, 4)), F("fxp-s8/5"), "have 0 to 4 fraction bits"),
    (Formats(behind=True), F("fxp-u5/4"), "unsigned, all bits behind the point"),
    (Formats(one=True), F("fxp-u3/4"), "a format that holds 1"),
]


@pytest.mark.parametrize(("domain", "value", "words"), VALUES)
def test_domains_say_what_they_are(domain: Any, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=rf"^It( of x)? must (be )?{re.escape(words)}, not "):
        domain.check("It", value)


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (Between(), "1"),
        (Whole(0, 1), 1.0),
        (OneOf((False, True)), 1),
        (Formats(), "s"),
        (Name(), 1),
    ],
)
def test_domains_refuse_other_kinds(domain: Any, value: Any) -> None:
    with pytest.raises(TypeError, match=r"^It must be "):
        domain.check("It", value)


def test_what_is_held_must_be_representable() -> None:
    given: dict[str, Any] = {"membrane": F("fxp-s8/4"), "decay": 0.5, "threshold": 1.0}
    check(lif.Params(**given))
    with pytest.raises(ValueError, match=r"^Threshold must be representable in fxp-s8/4, not 0.01"):
        lif.Params(**given | {"threshold": 0.01})
    with pytest.raises(ValueError, match=r"^Decay must be representable in fxp-u2/1, not 0.3 "):
        lif.Params(**given | {"decay": 0.3}, factor=F("fxp-u2/1"))


@pytest.mark.parametrize("name", ["lif", "leaky_readout", "adaptive_lif", "conductance_lif"])
def test_what_is_drawn_of_a_model_is_in_its_domains(name: str) -> None:
    """And all of its corners are drawn, as far as one field alone decides."""
    params: Any = catalog.NEURONS[name].Params
    seen: Counter[tuple[str, str]] = Counter()
    for seed in range(400):
        d = Drawing(seed, wild=0.3)
        try:
            one = d.params(params)
        except ValueError:
            continue
        check(one)
        for f in fields(one):
            domain = domains(params)[f.name]
            if isinstance(domain, OneOf):
                seen[f.name, str(getattr(one, f.name))] += 1
            assert f.default is MISSING or f.default is not None
    for field, domain in domains(params).items():
        if isinstance(domain, OneOf):
            assert {value for name, value in seen if name == field} == set(map(str, domain.options))


def test_coverage_names_bins_and_reasons() -> None:
    every = coverage.bins()
    assert not every & coverage.removed()
    assert all(coverage.reason(one) is None for one in every)
    assert {coverage.reason(one) for one in coverage.removed()} == set(coverage.REASONS.values())
    found = coverage.of_case(random_case(3))
    assert found <= every
    assert {one[0] for one in found} >= {"field", "cell", "end", "rule", "size", "run"}


def test_seeds_are_chosen_for_what_they_add() -> None:
    a, b, c = (("size", k) for k in range(3))
    assert coverage.choose({1: {a}, 2: {a, b}, 3: {c}, 4: {b}}) == [2, 3]
    assert coverage.choose({1: {a}, 2: {a, b}, 3: {c}}, most=1) == [2]
