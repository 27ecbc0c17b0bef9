"""Butterfly: the task, that its readouts learn it, and that hardware draws the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session
from goldenspike.tools.figures import butterfly as figures
from goldenspike.tools.job import prepare
from goldenspike.tools.measuring import Run, lockstep_trials
from goldenspike.tools.tasks import butterfly

NAMES = sorted(figures.EXPERIMENTS.values())


def test_curve_is_a_butterfly() -> None:
    curve = butterfly.curve(1024)
    x, y = curve.T
    assert curve[0] == pytest.approx([0.0, np.e - 2])
    assert abs(x).max() / 3.2 < 1
    assert abs(y).max() / 3.2 < 1
    # But for sin(s/12)**5, at most 0.03 in one cycle, the wings mirror each other.
    assert x[1:] == pytest.approx(-x[1:][::-1], abs=0.04)
    assert y[1:] == pytest.approx(y[1:][::-1], abs=0.04)


def test_pulses_take_turns() -> None:
    task = prepare("butterfly_node").task
    (pulses,) = task.stimulus.inputs["pulses"]
    assert pulses.shape == (256, 16)
    assert (pulses.sum(axis=1) == 1).all()
    assert (pulses.argmax(axis=1) == np.arange(256) // 16).all()
    stimulus, samples = task.trials(7, 3)
    assert stimulus is task.stimulus
    assert samples.tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["compiled", "ideal"])
def test_silent_readouts_leave_all_of_the_error(kind: str) -> None:
    job = prepare("butterfly_node")
    session = Session(job.plan, 1, kind)
    assert job.task.measure(session) == {"error left": pytest.approx(1.0)}
    assert (job.task.drawn(session) == 0).all()


def test_what_is_drawn_makes_the_error() -> None:
    job = prepare("butterfly_node")
    session = Session(job.plan, 1)
    session.learn(*job.task.trials(0, 5))
    drawn = job.task.drawn(session)
    target = job.plan.reward.target.to_float(job.task.stimulus.targets[0])
    share = ((drawn - target) ** 2).sum() / (target**2).sum()
    assert job.task.measure(session)["error left"] == pytest.approx(share)


def test_networks_that_do_not_fit_are_refused() -> None:
    job = prepare("butterfly_node")
    network = job.experiment.network
    with pytest.raises(ValueError, match="a source whose size divides the ticks"):
        butterfly.Task(butterfly.Params(), plan(replace(network, ticks=250)), 0)
    pulses, reservoir, pen = network.populations
    three = replace(network, populations=(pulses, reservoir, replace(pen, size=3)))
    with pytest.raises(ValueError, match="two readouts and targets every tick"):
        butterfly.Task(butterfly.Params(), plan(three), 0)
    with pytest.raises(ValueError, match="Extent must be"):
        butterfly.Params(extent=0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_few_trials_lower_the_error(name: str) -> None:
    job = prepare(name)
    errors = []
    for kind in ("compiled", "ideal"):
        session = Session(job.plan, 1, kind)
        session.learn(*job.task.trials(0, 60))
        errors.append(job.task.measure(session)["error left"])
    # The same perturbations: over so few trials rounding is all that differs.
    assert errors[0] < 0.7
    assert errors[0] == pytest.approx(errors[1], rel=0.02)


@pytest.mark.long
@pytest.mark.parametrize("name", ["butterfly_weight", "butterfly_node"])
def test_hardware_learns_the_same(name: str) -> None:
    (verdict,) = lockstep_trials(prepare(name), 1, ("verilator",))
    assert verdict.problem is None


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_figures(name: str) -> None:
    job = Run().job(name)
    fixed, ideal = figures.left(job), figures.left(job, "ideal")
    assert fixed < figures.MOST
    assert fixed == pytest.approx(ideal, rel=0.1)
