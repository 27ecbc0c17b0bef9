"""Every learning rule of the catalog learns the same bits, however its trials are run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import catalog
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.modulators import running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.trial import Session, Stimulus, in_parallel

F = Format.parse
Stimulate = Callable[..., Stimulus]
LIF = lif.Params(F("fxp-s14/10"), 0.875, 0.5)

VALUES = {
    "eta": 0.125,
    "sigma": 0.25,
    "factor": F("fxp-s18/14"),
    "weight": 0.25,
    "probability": 0.25,
    "decay": 0.5,
    "trace": F("fxp-u8/5"),
    "eligibility": F("fxp-s14/8"),
    "eligibility_decay": 0.75,
}
"""What rules cannot do without; a rule that asks for something else needs a line here."""
GROUPS = {
    when: [name for name, rule in catalog.PERTURBING.items() if (rule.TRACE == "tick") == online]
    for when, online in (("after trials", False), ("during trials", True))
}
"""The rules that one network can have together."""


def rule_of(name: str, **changes: Any) -> Any:
    """Return the parameters of a rule, with an accumulator if it needs one."""
    kind = catalog.PERTURBING[name].Params
    needed = [f.name for f in fields(kind) if f.default is MISSING]
    if changes.get("interval", 1) > 1:
        changes.setdefault("accumulator", F("fxp-s16/14"))
    return kind(**{field: VALUES[field] for field in needed} | changes)


def joint(names: list[str], interval: int = 4, **more: Any) -> Network:
    """Return a network that learns a projection by each of some rules, judged together.

    Every other one rounds stochastically; those that can update at intervals do.
    """
    rules = {}
    for number, name in enumerate(names):
        online = catalog.PERTURBING[name].TRACE == "tick"
        rounding = Rounding.STOCHASTIC if number % 2 else Rounding.HALF_EVEN
        changes = {} if online else {"interval": interval}
        rules[name] = rule_of(name, rounding=rounding, **changes, **more)
    hidden = [(f"h{number}", rule) for number, rule in enumerate(rules.values())]
    return Network(
        4,
        (
            Population("a", 4, Source()),
            *(Population(h, 3, LIF) for h, _ in hidden),
            Population("b", 2, LIF),
        ),
        (
            *(
                Projection("a", h, F("fxp-s14/10"), initial=1.0, mean=0.125, rule=rule)
                for h, rule in hidden
            ),
            *(Projection(h, "b", F("fxp-s10/8"), initial=0.5) for h, _ in hidden),
        ),
        Reward(
            "b",
            "squared_error",
            running_mean.Params(0.25),
            F("fxp-s20/8"),
            F("fxp-s8/4"),
            scale=0.25,
            period=2 if catalog.PERTURBING[names[0]].TRACE == "tick" else 0,
        ),
    )


def learned(session: Session, stimulus: Stimulus, samples: list[int]) -> list[Any]:
    """Return all that some learning trials give, and what the session then holds."""
    outcome = session.learn(stimulus, samples, traced=True)
    arrays = {name: array.tolist() for name, array in session.arrays.items()}
    return [outcome.errors.tolist(), outcome.rewards.tolist(), outcome.digests.tolist(), arrays]


def together(parts: list[list[Any]]) -> list[Any]:
    """Return what parts of a run gave, as if they were one."""
    return [list(chain(*(part[k] for part in parts))) for k in range(3)] + parts[-1][3:]


@pytest.fixture(scope="session")
def jointly() -> dict[str, Plan]:
    """Give the networks of all rules: two, so that two programs are compiled."""
    return {when: plan(joint(names)) for when, names in GROUPS.items()}


def test_the_groups_are_all_rules() -> None:
    assert sorted(chain(*GROUPS.values())) == sorted(catalog.PERTURBING)
    assert all(GROUPS.values())


@pytest.mark.parametrize("when", GROUPS)
@settings(max_examples=6)
@given(
    eta=st.sampled_from([0.001, 0.125, 500.0]),
    factor=st.sampled_from([F("fxp-s18/14"), F("fxp-s18/4")]),
    width=st.integers(9, 14),
    frac=st.integers(7, 10),
    decay=st.sampled_from([0.5, 0.9]),
    overflow=st.sampled_from(Overflow),
    rounding=st.sampled_from([r for r in Rounding if r is not Rounding.STOCHASTIC]),
    samples=st.lists(st.integers(0, 2), min_size=1, max_size=6),
    seed=st.integers(0, 2**32 - 1),
)
def test_compiled_rules_learn_what_python_integers_do(
    jointly: dict[str, Plan],
    stimulate: Stimulate,
    when: str,
    eta: float,
    factor: Format,
    width: int,
    frac: int,
    decay: float,
    overflow: Overflow,
    rounding: Rounding,
    samples: list[int],
    seed: int,
) -> None:
    network = joint(GROUPS[when], eta=eta, factor=factor, overflow=overflow)
    projections = [
        replace(q, weight=Format(True, width, frac))
        if q.rule is None or q.rule.rounding is Rounding.STOCHASTIC
        else replace(q, weight=Format(True, width, frac), rule=replace(q.rule, rounding=rounding))
        for q in network.projections
    ]
    populations = [
        p if p.name == "a" else replace(p, model=replace(p.model, decay=decay))
        for p in network.populations
    ]
    made = plan(replace(network, projections=(*projections,), populations=(*populations,)))
    stimulus = stimulate(made, seed)
    one, two = Session(made, seed), Session(made, seed, "python")
    assert learned(one, stimulus, samples) == learned(two, stimulus, samples)


@pytest.mark.parametrize("when", GROUPS)
@settings(max_examples=8)
@given(
    samples=st.lists(st.integers(0, 2), min_size=2, max_size=9),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=4, unique=True),
    cuts=st.sets(st.integers(1, 8)),
)
def test_trials_at_once_one_by_one_and_in_threads_are_the_same(
    jointly: dict[str, Plan],
    stimulate: Stimulate,
    when: str,
    samples: list[int],
    seeds: list[int],
    cuts: set[int],
) -> None:
    made = jointly[when]
    stimulus = stimulate(made, 1)
    at_once = [learned(Session(made, seed), stimulus, samples) for seed in seeds]
    sessions = [Session(made, seed) for seed in seeds]
    threads = in_parallel(sessions, lambda session: learned(session, stimulus, samples), 2)
    assert threads == at_once
    places = [0, *sorted(cut for cut in cuts if cut < len(samples)), len(samples)]
    for seed, want in zip(seeds, at_once, strict=True):
        session, parts = Session(made, seed), []
        for first, last in pairwise(places):
            parts.append(learned(session, stimulus, samples[first:last]))
        assert together(parts) == want
    assert at_once[0][2] != at_once[1][2]  # seeds do count


@pytest.mark.parametrize("name", catalog.PERTURBING)
@settings(max_examples=3)
@given(
    seed=st.integers(0, 2**32 - 1),
    first=st.integers(0, 2**32 - 1),
    rounding=st.sampled_from(Rounding),
)
def test_a_saved_session_goes_on_as_if_never_stopped(
    name: str, stimulate: Stimulate, seed: int, first: int, rounding: Rounding
) -> None:
    network = joint([name])
    projection, rest = network.projections[0], network.projections[1:]
    rule = replace(projection.rule, rounding=rounding)
    made = plan(replace(network, projections=(replace(projection, rule=rule), *rest)))
    stimulus, samples = stimulate(made, seed), [0, 1, 2, 0, 2, 1, 0]
    session = Session(made, seed, "python")
    session.trial = first
    saved, gave = [], []
    for sample in samples:  # with an interval of 4, in the middle of it as well
        saved.append(session.save())
        gave.append(learned(session, stimulus, [sample]))
    for k, state in enumerate(saved):
        other = Session(made, seed, "python")
        other.learn(stimulus, [1])
        other.restore(state)
        went = learned(other, stimulus, samples[k:])
        assert together(gave[k:]) == went
    if "a_to_h0.sum" in made.variables:
        sums = [np.any(state["a_to_h0.sum"]) for state in saved]
        assert not sums[-first % 4]


def test_sums_are_saved_in_the_middle_of_an_interval(stimulate: Stimulate) -> None:
    for name in GROUPS["after trials"]:
        made = plan(joint([name], interval=32, eta=1.0))
        session, stimulus = Session(made, 3, "python"), stimulate(made, 3)
        session.learn(stimulus, [0, 1, 2] * 6)
        assert session.save()["a_to_h0.sum"].any()


@pytest.mark.parametrize("name", GROUPS["during trials"])
def test_traces_of_earlier_trials_do_not_count(name: str, stimulate: Stimulate) -> None:
    made = plan(joint([name]))
    stimulus, rule = stimulate(made, 2), made.plastic[0].rule
    session = Session(made, 2, "python")
    session.learn(stimulus, [0])
    other = session.copy()
    for field, fmt in rule.state.items():
        assert session.arrays[f"a_to_h0.{field}"].any()
        other.arrays[f"a_to_h0.{field}"][...] = fmt.high
    assert learned(session, stimulus, [0, 1]) == learned(other, stimulus, [0, 1])
