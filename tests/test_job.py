"""What a job warns of: weights that floor rounding of their updates makes drift."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from goldenspike.golden import catalog
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import lif
from goldenspike.golden.plan import plan
from goldenspike.golden.rules import three_factor
from goldenspike.golden.trial import Session
from goldenspike.tools.console import InputError
from goldenspike.tools.experiment import read_experiment
from goldenspike.tools.job import mean_drift, prepare, warnings

F = Format.parse
VALUES = {
    "eta": 0.125,
    "sigma": 0.25,
    "factor": F("fxp-s24/22"),
    "weight": 0.25,
    "probability": 0.25,
    "decay": 0.5,
    "trace": F("fxp-u8/5"),
    "eligibility": F("fxp-s14/8"),
    "eligibility_decay": 0.75,
}
ONLINE = [name for name, rule in catalog.PERTURBING.items() if rule.TRACE == "tick"]
EPISODIC = [name for name in catalog.PERTURBING if name not in ONLINE]


def network(name: str, weight: str = "fxp-s12/9", period: int = 2, **changes: Any) -> Network:
    """Return a network of one projection that learns by a rule, by default with floor rounding."""
    kind = catalog.PERTURBING[name].Params
    needed = [f.name for f in fields(kind) if f.default is MISSING]
    rule = kind(**{f: VALUES[f] for f in needed} | {"rounding": Rounding.FLOOR} | changes)
    return Network(
        6,
        (
            Population("a", 4, Source()),
            Population("b", 2, lif.Params(F("fxp-s14/10"), 0.875, 0.5)),
        ),
        (Projection("a", "b", F(weight), rule=rule),),
        Reward(
            "b",
            "squared_error",
            running_mean.Params(),
            F("fxp-s20/8"),
            F("fxp-s8/4"),
            period=period if name in ONLINE else 0,
        ),
    )


def warned(name: str, **more: Any) -> list[str]:
    """Return the warnings of a network."""
    return warnings(plan(network(name, **more)))


@pytest.mark.parametrize("name", catalog.PERTURBING)
def test_floor_rounding_names_its_drift(name: str) -> None:
    (line,) = warned(name)
    updates = "3 updates a trial" if name in ONLINE else "an update a trial"
    assert line == (
        "Rule of a_to_b rounds with floor, so every weight that learns drifts by up to half an "
        "LSB (-0.5 LSB of fxp-s12/9, -0.000977) per update on average, with "
        f"{updates}, which ruins learning below 16 fraction bits: take half_even or stochastic"
    )


@pytest.mark.parametrize("name", catalog.PERTURBING)
def test_other_roundings_and_fine_weights_are_no_trouble(name: str) -> None:
    for rounding in set(Rounding) - {Rounding.FLOOR}:
        assert warned(name, rounding=rounding) == []
    assert warned(name, weight="fxp-s20/16") == []
    assert len(warned(name, weight="fxp-s20/15")) == 1


@pytest.mark.parametrize("name", EPISODIC)
def test_a_sum_of_trials_drifts_once(name: str) -> None:
    (line,) = warned(name, interval=8, accumulator=F("fxp-s24/20"))
    assert "half an LSB (-0.5 LSB of fxp-s12/9, -0.000977) per update" in line
    assert "with an update every 8 trials, which" in line
    # The sum is what is rounded: where it has the weight's bits, nothing is dropped.
    assert warned(name, interval=8, accumulator=F("fxp-s24/9")) == []
    assert (
        "(-0.25 LSB of fxp-s12/9, -0.000488)"
        in warned(name, interval=8, accumulator=F("fxp-s24/10"))[0]
    )


@pytest.mark.parametrize("name", ONLINE)
@pytest.mark.parametrize(
    ("period", "updates"), [(1, "6 updates"), (3, "2 updates"), (6, "an update")]
)
def test_every_time_bin_has_an_update(name: str, period: int, updates: str) -> None:
    (line,) = warned(name, period=period)
    assert f"with {updates} a trial, which" in line


@pytest.mark.parametrize(("frac", "dropped"), [(9, 0), (10, 1), (12, 3), (15, 6)])
def test_the_drift_is_that_of_the_update(frac: int, dropped: int) -> None:
    made = plan(network("weight_perturbation", factor=Format(True, 18, frac)))
    (q,) = made.plastic
    update: Any = q.rule.update
    residues = range(1 << dropped)  # as often as each other
    drifts = [
        three_factor.update(
            update, three_factor.UpdateState(5), three_factor.UpdateInputs(residue, 1, 0)
        )[0].w
        - 5
        - Fraction(residue, 1 << dropped)
        for residue in residues
    ]
    assert mean_drift(q) == round(float(sum(drifts) / len(drifts)), 2)
    assert bool(warnings(made)) == (dropped > 0)
    fixed = replace(made.plastic[0].rule.params, rounding=Rounding.TOWARD_ZERO)
    network_ = network("weight_perturbation")
    projection = replace(network_.projections[0], rule=fixed)
    assert mean_drift(plan(replace(network_, projections=(projection,))).plastic[0]) == 0


@pytest.mark.parametrize("kind", ["compiled", "ideal"])
def test_bounds_are_those_of_the_weights_that_a_task_begins_with(kind: str) -> None:
    job = prepare("assembly")
    (q,) = job.plan.learners
    weights = np.arange(q.pre.size * q.post.size).reshape(q.pre.size, -1) % 7 * q.weight.lsb
    np.fill_diagonal(weights, 0)

    class Task(type(job.task)):
        def initial(self, session: Session) -> None:
            session.set_weights(q.name, q.weight.nearest(weights))

    task = Task(job.task.params, job.plan, 1)
    session = replace(job, task=task).session(kind=kind)
    assert (session.weights(q.name) == weights).all()
    params = q.learner.params
    wanted = (params.fixed_ideal if kind == "ideal" else params.fixed)(weights)["bound"]
    assert (session.arrays[f"{q.name}.bound"] == wanted).all()
    assert (wanted != wanted[0, 0]).any()


def test_weights_that_a_rule_cannot_begin_with_are_refused() -> None:
    job = prepare("assembly")
    given = job.experiment.network
    drawn = tuple(replace(q, mean=0.0, initial=0.02) if q.rule else q for q in given.projections)
    job = replace(job, plan=plan(replace(given, projections=drawn)))
    with pytest.raises(InputError, match=r"^assembly: Initial weights must be 0 or more, not -0\."):
        job.session()


def test_rules_with_traces_are_warned_of_too() -> None:
    given = read_experiment("cue_accumulation").network
    assert warnings(plan(given)) == []
    floored = [
        q if q.rule is None else replace(q, rule=replace(q.rule, rounding=Rounding.FLOOR))
        for q in given.projections
    ]
    lines = warnings(plan(replace(given, projections=tuple(floored))))
    assert len(lines) == 3
    assert all("rounds with floor" in line for line in lines)
    assert all("with up to 2250 updates a trial, which" in line for line in lines)
