"""Tasks of RFLO and of STDP: their data, their measures, and the networks that they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Outcome, Session
from goldenspike.tools.figures import rflo, stdp
from goldenspike.tools.job import Job, prepare
from goldenspike.tools.measuring import Run, lockstep_trials
from goldenspike.tools.tasks import assembly, cue_association, periodic_output

RFLO = sorted(rflo.EXPERIMENTS)
STDP = ("cue_association", "assembly", "assembly_pairs")


def changed(job: Job, **network: Any) -> Any:
    """Return the plan of a job's network with other fields."""
    return plan(replace(job.experiment.network, **network))


def resized(job: Job, name: str, size: int) -> Any:
    """Return the plan of a job's network with another size of a population."""
    populations = tuple(
        replace(p, size=size) if p.name == name else p for p in job.experiment.network.populations
    )
    return changed(job, populations=populations)


def outcome(signals: np.ndarray) -> Outcome:
    """Return an outcome of recorded signals."""
    none = np.zeros((0, 0), np.int64)
    return Outcome(none, none, signals, none, none, none)


# Periodic output


def test_a_pulse_starts_and_the_curve_follows() -> None:
    task = prepare("rflo_periodic").task
    start, target = task.stimulus.inputs["start"], task.stimulus.inputs["target"]
    assert start.shape == target.shape == (1, 100, 1)
    assert start[0, 0, 0] == start.sum() == 1
    s = 2 * np.pi * np.arange(1, 101) / 100
    curve = np.sin(s) + np.sin(2 * s) / 2 + np.sin(4 * s) / 4
    assert np.abs(target[0, :, 0] / 2**13 - curve).max() <= 2**-14
    _, samples = task.trials(7, 3)
    assert samples.tolist() == [0, 0, 0]


def test_cycles_follow_one_another_and_settling_leads_into_them() -> None:
    task = prepare("rflo_circle").task
    assert (task.period, task.counted) == (50, 100)
    assert (task.target[10:60] == task.target[60:]).all()
    assert (task.target[:10] == task.target[50:60]).all()
    assert np.allclose((task.target**2).sum(axis=1), 1)
    eight = prepare("rflo_figure_eight").task.target[10:]
    s = 2 * np.pi * np.arange(1, 101) / 100
    assert np.allclose(eight, np.stack([np.sin(s), np.sin(2 * s)], axis=1))


def test_a_curve_has_the_size_that_is_asked_for() -> None:
    assert np.allclose(
        periodic_output.Params(shape="circle", size=0.5).curve(8),
        0.5 * periodic_output.Params(shape="circle").curve(8),
    )


def test_the_loss_is_half_the_squared_error_of_ticks_that_count() -> None:
    task = prepare("rflo_circle").task
    off = np.zeros((2, *task.target.shape))
    off[0, :10] = 5.0
    off[1, 10:, 1] = 0.5
    losses = task.losses(outcome(task.target + off), np.zeros(2, np.int64))
    assert losses == pytest.approx([0.0, 0.125])


def test_units_start_at_a_tenth() -> None:
    job = prepare("rflo_periodic")
    session = job.session()
    session.set_weights("units_to_readout", np.full((50, 1), 2**16))
    assert job.task.drawn(session)[0, 0] == pytest.approx(50 * 0.1, rel=1e-3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shape": "square"}, "Shape must be one of 'sines', 'circle', 'figure_eight'"),
        ({"cycles": 0}, "Cycles must be 1 or more, not 0"),
        ({"settle": -1}, "Settle must be 0 or more ticks, not -1"),
        ({"size": 0.0}, "Size must be above 0, not 0.0"),
    ],
)
def test_curves_that_are_none_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        periodic_output.Params(**parameters)


def test_networks_that_draw_no_curve_are_refused() -> None:
    job = prepare("rflo_circle")
    params = job.task.params
    with pytest.raises(ValueError, match="must be 10 and a multiple of 2, not 111"):
        periodic_output.Task(params, changed(job, ticks=111), 0)
    with pytest.raises(ValueError, match="Window of errors must be the 110 ticks that count"):
        periodic_output.Task(replace(params, settle=0), job.plan, 0)
    with pytest.raises(ValueError, match="must have a source of 1, then one of 1 targets"):
        periodic_output.Task(periodic_output.Params(), job.plan, 0)


@pytest.mark.parametrize("name", RFLO)
def test_some_trials_lower_the_loss(name: str) -> None:
    job = prepare(name)
    session = job.session()
    before = job.task.measure(session)["loss"]
    session.learn(*job.task.trials(0, job.experiment.trials // 5))
    assert job.task.measure(session)["loss"] < before / 2


def test_feedback_and_readout_align() -> None:
    session = prepare("rflo_periodic").session()
    feedback = session.arrays["errors_to_teacher.w"].astype(np.int64)
    session.set_weights("units_to_readout", feedback.T)
    assert rflo.alignment(session) == pytest.approx(1.0)
    session.set_weights("units_to_readout", -feedback.T)
    assert rflo.alignment(session) == pytest.approx(-1.0)


# Cue association


def test_a_trial_is_cue_delay_reward() -> None:
    task = prepare("cue_association").task
    cues, noise, arm = (task.stimulus.inputs[name] for name in ("cues", "noise", "arm"))
    assert cues.shape == (512, 50, 20)
    assert noise.shape == (512, 50, 10)
    assert not cues[:, 20:].any()
    assert not noise[:, 20:].any()
    assert not arm[:, :40].any()
    assert (arm[:, 40:] == np.eye(2)[task.arms][:, None]).all()
    for cue in range(4):
        groups = cues[task.cue_of == cue].reshape(-1, 50, 4, 5).sum(axis=(0, 1, 3))
        assert (np.flatnonzero(groups) == cue).all()
    assert cues[:, :20].mean() == pytest.approx(0.25 / 4, rel=0.05)
    assert noise[:, :20].mean() == pytest.approx(0.2, rel=0.05)


def test_half_of_the_cues_stand_for_each_arm_and_seeds_differ() -> None:
    tasks = [prepare("cue_association", seed=seed).task for seed in range(6)]
    assert all(task.arm_of.sum() == 2 for task in tasks)
    assert len({tuple(task.arm_of) for task in tasks}) > 1
    again = prepare("cue_association", seed=3).task
    for name, raw in again.stimulus.inputs.items():
        assert (raw == tasks[3].stimulus.inputs[name]).all()
        assert (raw != tasks[4].stimulus.inputs[name]).any()


def test_samples_are_drawn_alike_however_trials_are_cut() -> None:
    task = Run().job("cue_association", reversal=30).task
    _, samples = task.trials(0, 100)
    parts = [task.trials(first, count)[1] for first, count in ((0, 7), (7, 93))]
    assert (np.concatenate(parts) == samples).all()
    assert (samples // 256 == np.arange(100) // 30 % 2).all()
    spikes = task.stimulus.inputs["cues"]
    assert (spikes[:256] == spikes[256:]).all()
    assert (task.arms[:256] == 1 - task.arms[256:]).all()


def test_a_choice_is_right_if_its_count_is_positive() -> None:
    task = prepare("cue_association").task
    counts = np.zeros((3, 50, 2), np.int64)
    samples = np.array([np.flatnonzero(task.arms == arm)[0] for arm in (0, 1, 1)])
    counts[0, -1] = 3, -3
    counts[1, -1] = 3, -3
    assert task.losses(outcome(counts), samples).tolist() == [0.0, 1.0, 1.0]


def test_dopamine_tells_whether_the_choice_was_right() -> None:
    job = prepare("cue_association")
    made = changed(job, readout="dopamine")
    session, task = Session(made, 1), job.task
    task.initial(session)
    samples = np.arange(64)
    dopamine = session.evaluate(task.stimulus, samples, record=True).signals[:, :, 0]
    right = task.losses(job.session().evaluate(task.stimulus, samples, record=True), samples) == 0
    assert not dopamine[:, :40].any()
    assert 0 < right.sum() < 64
    assert (dopamine[right, 40:] == 1).all()
    assert (dopamine[~right, 40:] <= 0).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cues": 3}, "Cues must be an even number, not 3"),
        ({"held_out": 0}, "Held-out must be 1 or more, not 0"),
        ({"reversal": -1}, "Reversal must be 0 or more, not -1"),
        ({"rate": 2.0}, "Rate must be 0 to 1, not 2.0"),
        ({"inhibition": 0.0}, "Inhibition must be above 0, not 0.0"),
    ],
)
def test_cues_that_are_none_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cue_association.Params(**parameters)


def test_networks_of_no_maze_are_refused() -> None:
    job = prepare("cue_association")
    params, network = job.task.params, job.experiment.network
    for made, message in (
        (changed(job, ticks=49), "Ticks of cue_association must be 50, not 49"),
        (changed(job, readout="choice"), "Readout of cue_association must be the decision"),
        (resized(job, "cues", 19), "must have a source of 20, one of noise and one of 2 arms"),
        (resized(job, "outcome", 3), "must have a projection decision_to_outcome of 2 to 4"),
        (
            changed(
                job,
                projections=tuple(q for q in network.projections if q.name != "choice_to_choice"),
            ),
            "must have a projection choice_to_choice of 2 to 2",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            cue_association.Task(params, made, 0)


# Assembly


def test_a_group_is_stimulated_and_the_cue_is_a_part_of_it() -> None:
    task = prepare("assembly").task
    (shown,) = task.stimulus.inputs.values()
    (cued,) = task.held_out.inputs.values()
    assert shown.shape == (64, 200, 32)
    assert cued.shape == (32, 200, 32)
    for inputs, neurons in ((shown, 8), (cued, 4)):
        for group in range(4):
            rates = inputs[group::4, 20:120].mean(axis=(0, 1))
            on = np.flatnonzero(rates > 0.1)
            assert on.tolist() == list(range(8 * group, 8 * group + neurons))
        assert inputs[:, :20].mean() < 0.02
        assert inputs[:, 120:].mean() < 0.02


def test_groups_are_drawn_alike_however_trials_are_cut() -> None:
    task = prepare("assembly").task
    _, samples = task.trials(0, 400)
    parts = [task.trials(first, count)[1] for first, count in ((0, 7), (7, 393))]
    assert (np.concatenate(parts) == samples).all()
    assert (np.bincount(samples % 4, minlength=4) > 70).all()


def test_the_loss_is_the_share_of_other_groups() -> None:
    task = prepare("assembly").task
    signals = np.zeros((3, 200, 32), np.int64)
    signals[0, 30, :8] = signals[1, 30, :8] = 1
    signals[1, 31, 8:16] = 1
    assert task.losses(outcome(signals), np.zeros(3, np.int64)).tolist() == [0.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"groups": 1}, "Groups must be 2 or more, not 1"),
        ({"cued": 1.0}, "Cued must be some neurons of a group, not all, not 1.0"),
        ({"background": -0.1}, "Background must be 0 to 1, not -0.1"),
    ],
)
def test_groups_that_are_none_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assembly.Params(**parameters)


def test_networks_of_no_assembly_are_refused() -> None:
    job = prepare("assembly")
    for made, message in (
        (changed(job, ticks=199), "Ticks of assembly must be 200, not 199"),
        (changed(job, readout="inhibition"), "Readout of assembly must be 32 neurons"),
        (resized(job, "stimulus", 31), "must have one source of 32 spikes"),
    ):
        with pytest.raises(ValueError, match=message):
            assembly.Task(job.task.params, made, 0)


# What is learned


@pytest.mark.parametrize("kind", ["compiled", "ideal"])
def test_cues_are_associated_and_assemblies_complete(kind: str) -> None:
    for name in STDP:
        job = prepare(name)
        session = job.session(kind=kind)
        session.learn(*job.task.trials(0, job.experiment.trials))
        figures = job.task.measure(session)
        assert next(iter(figures.values())) > 0.85
        if name != "cue_association":
            assert figures["weight within"] > 3 * figures["weight between"]


def test_kernels_are_those_of_the_equations() -> None:
    found = list(stdp.kernels())
    assert len(found) == 5
    assert all(figure.in_band for figure in found)
    # The float64 engine is what the equations say.
    assert all(figure.ideal is not None and figure.ideal < 1e-6 for figure in found)


@pytest.mark.parametrize(
    "name",
    [STDP[0], *(pytest.param(name, marks=pytest.mark.long) for name in [*RFLO, *STDP[1:]])],
)
def test_hardware_learns_the_same(name: str) -> None:
    (verdict,) = lockstep_trials(prepare(name), 2, ("verilator",))
    assert verdict.problem is None


@pytest.mark.long
@pytest.mark.parametrize("name", RFLO)
def test_rflo_learns_its_curves(name: str) -> None:
    shape, found = rflo.EXPERIMENTS[name], np.median(rflo.learned(prepare(name)), axis=0)
    assert found[0] <= shape.loss
    assert shape.alignment is None or found[1] >= shape.alignment
