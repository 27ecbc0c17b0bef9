"""Delayed non-match to sample: the task, that it is learned, and that hardware learns the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from goldenspike.golden.modulators import running_mean
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session
from goldenspike.tools.figures import dnms as figures
from goldenspike.tools.job import prepare
from goldenspike.tools.measuring import Run, lockstep_trials
from goldenspike.tools.tasks import dnms


def test_a_trial_is_sample_delay_test_delay_response() -> None:
    stimulus = prepare("dnms").task.stimulus
    shown, targets = stimulus.inputs["stimuli"], stimulus.targets
    assert shown.shape == (4, 32, 3)
    for kind, (sample, test) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        want = np.zeros((32, 3))
        want[:8, sample] = want[12:20, test] = want[:, 2] = 1
        assert (shown[kind] == want).all()
        assert (targets[kind, :24] == 0).all()
        assert (targets[kind, 24:] == (4096 if sample != test else -4096)).all()


def test_kinds_are_drawn_alike_however_trials_are_cut() -> None:
    task = prepare("dnms").task
    _, kinds = task.trials(0, 4000)
    assert (np.bincount(kinds, minlength=4) > 900).all()
    parts = [task.trials(first, count)[1] for first, count in ((0, 7), (7, 3993))]
    assert (np.concatenate(parts) == kinds).all()
    assert (prepare("dnms", seed=2).task.trials(0, 4000)[1] != kinds).any()


def test_networks_that_do_not_fit_are_refused() -> None:
    network = prepare("dnms").experiment.network
    with pytest.raises(ValueError, match="Ticks of dnms must be 32, not 33"):
        dnms.Task(dnms.Params(), plan(replace(network, ticks=33)), 0)
    stimuli, units, answer = network.populations
    for changed in (
        (replace(stimuli, size=1), units, answer),
        (stimuli, units, replace(answer, size=2)),
    ):
        with pytest.raises(ValueError, match="Network of dnms must have one"):
            dnms.Task(dnms.Params(), plan(replace(network, populations=changed)), 0)
    with pytest.raises(ValueError, match="Delay must be 1 or more ticks, not 0"):
        dnms.Params(delay=0)


@pytest.mark.parametrize("conditions", [1, 3, 4])
def test_baselines_may_tell_the_kinds_apart(conditions: int) -> None:
    network = prepare("dnms").experiment.network
    assert network.reward is not None
    mean = running_mean.Params(conditions=conditions)
    made = plan(replace(network, reward=replace(network.reward, baseline=mean)))
    if conditions == 3:
        with pytest.raises(ValueError, match="Conditions of dnms must be 1 or 4, not 3"):
            dnms.Task(dnms.Params(), made, 0)
        return
    task = dnms.Task(dnms.Params(), made, 0)
    session = Session(made, 0)
    rewards = session.learn(task.stimulus, [0, 3, 3, 0]).rewards
    # The first trial of a condition has nothing to be compared with.
    assert [reward == 0 for reward in rewards] == [True, conditions == 4, False, False]


def test_accuracy_is_that_of_the_sign_in_the_response() -> None:
    job = prepare("dnms")
    session = Session(job.plan, 0)
    answers = session.plan.projections[-1].name
    session.set_weights(answers, 0 * session.arrays[f"{answers}.w"].astype(np.int64))
    silent = job.task.measure(session)
    assert silent == {"accuracy": 0.0, "error": pytest.approx(8 / 32)}  # no answer is no right one


def test_a_few_trials_lower_the_error() -> None:
    job = prepare("dnms")
    session = Session(job.plan, 2)  # begins with .92
    before = job.task.measure(session)["error"]
    session.learn(*job.task.trials(0, 250))
    assert job.task.measure(session)["error"] < before / 2


@pytest.mark.long
@pytest.mark.parametrize("name", ["dnms", "dnms_running_mean"])
def test_hardware_learns_the_same(name: str) -> None:
    (verdict,) = lockstep_trials(prepare(name), 2, ("verilator",))
    assert verdict.problem is None


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(figures.EXPERIMENTS.values()))
def test_all_seeds_learn_the_task(name: str) -> None:
    found = figures.learned(Run().job(name))
    assert (found[:, 0] > figures.SOLVED).all()
    assert np.median(found[:, 1]) < figures.SILENT / 2
