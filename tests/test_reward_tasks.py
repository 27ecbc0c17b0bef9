"""Cue association by reward: the task, and that its experiment learns it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.sim.lockstep import lockstep
from goldenspike.tools.experiment import read_experiment
from goldenspike.tools.figures import cue_association_reward as figures
from goldenspike.tools.job import prepare
from goldenspike.tools.measuring import Run
from goldenspike.tools.tasks.cue_association_reward import SIGNS, Params, Task

NAME = "cue_association_reward"
SMALL = Params(train=32, held_out=16)


def network() -> Network:
    return read_experiment(NAME).network


def test_samples_show_a_cue_then_nothing_then_the_recall() -> None:
    task = Task(SMALL, plan(network()), 3)
    inputs = task.stimulus.inputs
    spikes = inputs["inputs"].reshape(SMALL.train, SMALL.ticks, SMALL.cues + 2, SMALL.group)
    shown: np.ndarray = np.asarray(spikes.any(axis=3))
    cues, recall = shown[:, :, : SMALL.cues], shown[:, :, SMALL.cues]
    assert (cues.any(axis=1).sum(axis=1) == 1).all()
    assert not cues[:, SMALL.cue :].any()
    begin = SMALL.cue + SMALL.delay
    assert not recall[:, :begin].any()
    assert recall[:, begin : SMALL.decision + 1].any(axis=1).all()
    assert not recall[:, SMALL.decision + 1 :].any()
    assert np.array_equal(task.arms, task.arm_of[cues.any(axis=1).argmax(axis=1)])
    assert (np.bincount(task.arm_of) == SMALL.cues // 2).all()


def test_the_arm_is_told_at_the_end_only() -> None:
    task = Task(SMALL, plan(network()), 3)
    inputs = task.stimulus.inputs
    assert (inputs["go"].sum(axis=(1, 2)) == 1).all()
    assert inputs["go"][:, SMALL.decision].all()
    assert not inputs["arm"][:, :-1].any()
    assert np.array_equal(inputs["arm"][:, -1, 0], SIGNS[task.arms])
    assert inputs["alive"][:, :-1].all()
    assert not inputs["alive"][:, -1].any()
    assert (inputs["one"] == -1).all()


def test_the_reward_is_that_of_the_choice() -> None:
    job = prepare(NAME)
    session, planned = job.session(kind="python"), job.plan
    stimulus, samples = job.task.trials(0, 4)
    outcome = session.learn(stimulus, samples, record=True, trace_rows=1 << 21, traced=True)
    number = planned.variables["hidden_to_policy.factor"].number
    before = planned.variables["delta.before"].number
    right = job.task.right(outcome, job.task.arms[samples])
    assert set(right) == {False, True}
    for k, one in enumerate(right):
        end = k * planned.digests + planned.ticks - 1
        rows = outcome.trace
        factor = rows[(rows[:, 0] == end) & (rows[:, 1] == number)][0, 3]
        expected = rows[(rows[:, 0] == end - 1) & (rows[:, 1] == before)][0, 3] / 4096
        delta = (1.0 if one else 0.0) - expected
        # Half an LSB of the factor, and that of the rate, which has 18 significant bits.
        assert factor / 2**20 == pytest.approx(-0.05 * delta, abs=2**-20)


def test_it_learns() -> None:
    job = prepare(NAME, trials=1000)
    before = job.task.measure(job.session())["accuracy"]
    assert abs(before - 0.5) < 0.15
    assert figures.accuracy(job, "compiled", Run()) > 0.75


def test_only_readouts_learn_where_nothing_else_does() -> None:
    job = figures.readouts_only(prepare(NAME))
    assert [q.name for q in job.plan.learners] == ["hidden_to_policy", "hidden_to_value"]


@pytest.mark.long
@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_two_trials_of_the_core(simulator: Any) -> None:
    job = prepare(NAME)
    stimulus, samples = job.task.trials(0, 2)
    report = lockstep(job.session(), stimulus, samples, lanes=8, simulator=simulator)
    assert report.mismatch is None
    assert report.trials == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"cues": 3}, "Cues must be an even number, not 3"),
        ({"held_out": 0}, "Held-out must be 1 or more, not 0"),
        ({"wait": 0}, "Wait must be 1 or more, not 0"),
        ({"delay": -1}, "Delay must be 0 or more, not -1"),
        ({"rate": 1.5}, "Rate must be 0 to 1, not 1.5"),
    ],
)
def test_the_task_says_what_it_must_be_told(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **more)


@pytest.mark.parametrize(
    ("given", "params", "message"),
    [
        (replace(network(), ticks=61), SMALL, "Ticks of cue_association_reward must be 60, not 61"),
        (
            network(),
            replace(SMALL, group=6),
            "Sources of cue_association_reward must be inputs of 36, go of 1, alive of 1, one",
        ),
        (
            replace(network(), readout="policy"),
            SMALL,
            "Readout of cue_association_reward must be taken",
        ),
    ],
)
def test_the_network_must_be_one_for_the_task(given: Network, params: Params, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Task(params, plan(given), 1)
