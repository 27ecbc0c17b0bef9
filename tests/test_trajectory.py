"""A teacher's trajectory: conductance perturbation learns it, on time, late and episodically."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import Format
from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session
from goldenspike.sim.toolchain import SIMULATORS, Simulator
from goldenspike.tools.figures import conductance
from goldenspike.tools.job import Job, prepare
from goldenspike.tools.measuring import Run, lockstep_trials
from goldenspike.tools.tasks.trajectory import APART, BURST, FIRST, Params, Task


@pytest.fixture(scope="module")
def sign() -> Job:
    return prepare("trajectory_sign", seed=0)


def changed(job: Job, **parameters: Any) -> Task:
    return Task(replace(job.task.params, **parameters), job.plan, job.task.seed)


# The task


def test_inputs_burst_in_sequence(sign: Job) -> None:
    (spikes,) = sign.task.stimulus.inputs.values()
    ticks, neurons = np.nonzero(spikes[0])
    assert spikes.sum() == spikes.astype(bool).sum() == 20 * len(BURST)
    for j in range(20):
        assert ticks[neurons == j].tolist() == [FIRST + APART * j + t for t in BURST]


def test_a_teacher_hears_some_inputs_and_every_seed_has_its_own(sign: Job) -> None:
    teacher = sign.task.teacher
    weight = round(0.15 / 32 * 2**21)
    assert set(np.unique(teacher)) == {0, weight}
    assert (np.count_nonzero(teacher, axis=0) == 14).all()
    assert len({tuple(column) for column in teacher.T}) == 10
    other = Task(sign.task.params, sign.plan, 1).teacher
    assert (other != teacher).any()
    assert (Task(sign.task.params, sign.plan, 0).teacher == teacher).all()
    everything = changed(sign, connected=20).teacher
    assert (everything == weight).all()


def test_the_target_is_the_mean_of_what_the_teacher_does(sign: Job) -> None:
    task = changed(sign, averaged=4)
    session = Session(sign.plan, 0)
    session.set_weights("inputs_to_neurons", task.teacher)
    session.trial = 1 << 31
    signals = session.perturb(sign.task.stimulus, [0] * 4, record=True).signals
    wanted = np.rint(signals.sum(axis=0).astype(float) / 4)  # ties to even, as a target's
    assert (task.stimulus.targets[0] == wanted).all()
    assert not (signals[0] == signals[1]).all()


def test_an_error_is_the_mean_over_the_ticks(sign: Job) -> None:
    session = Session(sign.plan, 0)
    outcome = session.learn(*sign.task.trials(0, 2), record=True)
    difference = (outcome.signals - sign.task.stimulus.targets) / 4096
    wanted = (difference**2).sum(axis=2).mean(axis=1)
    assert sign.task.real("compiled", outcome.errors) == pytest.approx(wanted, rel=1e-12)
    assert sign.task.real("ideal", np.array([[800.0], [1.0]])).tolist() == [2.0, 1 / 400]


def test_measuring_changes_nothing(sign: Job) -> None:
    sessions = [Session(sign.plan, 0) for _ in range(2)]
    sign.task.measure(sessions[0])
    outcomes = [session.learn(*sign.task.trials(0, 3), traced=True) for session in sessions]
    assert (outcomes[0].digests == outcomes[1].digests).all()
    assert sign.task.measure(sessions[0]) == sign.task.measure(sessions[1])


@pytest.mark.parametrize("name", ["trajectory_sign", "trajectory_episodic"])
def test_perturbing_is_learning_without_its_effects(name: str) -> None:
    job = prepare(name)
    session = Session(job.plan, 1)
    before = session.save()
    stimulus, samples = job.task.trials(0, 1)
    seen = session.perturb(stimulus, samples, record=True)
    after = session.save()
    assert all(np.array_equal(before[key], after[key]) for key in before)
    learned = session.learn(stimulus, samples, record=True)  # the first trial has reward 0
    assert (seen.signals == learned.signals).all()
    assert (seen.errors == learned.errors).all()
    assert (seen.signals != session.evaluate(stimulus, samples, record=True).signals).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": 0.0}, "Teacher must be above 0, not 0.0"),
        ({"connected": 0}, "Connected must be above 0, not 0"),
        ({"judged": 0}, "Judged must be above 0, not 0"),
        ({"averaged": -1}, "Averaged must be above 0, not -1"),
    ],
)
def test_wrong_parameters_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        Params(**({"teacher": 0.1} | change))
    assert str(caught.value) == message


def test_networks_that_do_not_fit_are_refused(sign: Job) -> None:
    with pytest.raises(ValueError, match="Connected must be 1 to 20, not 21"):
        changed(sign, connected=21)
    for name, message in {
        "digits": "Network of trajectory must have targets every tick",
        "linear_node": "Network of trajectory must have one source, of spikes",
    }.items():
        with pytest.raises(ValueError, match=message):
            Task(sign.task.params, prepare(name).plan, 0)


# Learning


@pytest.mark.parametrize("name", conductance.EXPERIMENTS)
def test_one_seed_learns_down_to_the_floor(name: str) -> None:
    before, after = conductance.errors_of(prepare(name), seeds=[1])[0]
    assert before > conductance.UNLEARNED[0]
    assert after <= conductance.LEARNED[1]


def test_neurons_with_the_rewards_of_others_learn_nothing() -> None:
    job = prepare("trajectory_yoked")
    assert (conductance.yoked(job, seeds=[1]) > 1).all()
    assert conductance.errors_of(job, seeds=[1])[0, 1] <= conductance.LEARNED[1]


def test_late_rewards_need_late_eligibilities() -> None:
    run = Run()
    one = conductance.errors_of(conductance.one_filter(run), seeds=[1])[0, 1]
    six = conductance.errors_of(run.job("trajectory_delayed"), seeds=[1])[0, 1]
    assert one > 1.1 * six


@pytest.mark.long
def test_all_figures_are_good() -> None:
    found = list(conductance.figures(Run()))
    assert len(found) == 3 + len(conductance.EXPERIMENTS)
    assert [one for one in found if not one.good] == []


# Fixed point


def finer(network: Network, bits: int) -> Network:
    """Return a network whose neurons and synapses have that many fraction bits more."""

    def changed(params: Any) -> Any:
        names = ("membrane", "conductance", "trace", "eligibility")
        found = {name: getattr(params, name) for name in names if hasattr(params, name)}
        # The neuron's sum, with one bit more of the traces, would take 64 bits.
        more = {name: bits - (name == "trace") for name in found}
        wide = {
            name: Format(f.signed, f.width + more[name], f.frac + more[name])
            for name, f in found.items()
        }
        return replace(params, **wide)

    def projection(q: Any) -> Any:
        return replace(q, synapse=changed(q.synapse), rule=changed(q.rule)) if q.rule else q

    populations = [replace(p, model=changed(p.model)) for p in network.populations]
    projections = [projection(q) for q in network.projections]
    return replace(network, populations=tuple(populations), projections=tuple(projections))


def test_with_fine_states_a_trial_is_that_of_floats(sign: Job) -> None:
    made = plan(finer(sign.experiment.network, 6))
    fixed, real = Session(made, 0, "python"), Session(sign.plan, 0, "ideal")
    seen, wanted = (s.perturb(sign.task.stimulus, [0], record=True).signals for s in (fixed, real))
    assert wanted.max() > 5
    # The spikes are the same, as one more or less would be 1. Every tick then rounds y by up to
    # half an LSB, and multiplies it by a decay that is off by up to 2**-17; the pole sums that
    # over 1 / (1 - decay) ticks.
    ticks = 1 / (1 - sign.experiment.network.populations[2].model.decay)
    bound = ticks * (2.0**-13 + wanted.max() * 2.0**-17)
    assert np.abs(seen.astype(float) / 4096 - wanted).max() <= bound < 0.01


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", ["trajectory_sign", "trajectory_delayed"])
@pytest.mark.long
def test_whole_trials_on_the_hardware_are_golden(name: str, simulator: Simulator) -> None:
    (verdict,) = lockstep_trials(prepare(name), 2, (simulator,))
    assert verdict.problem is None
    assert verdict.total("ticks") == 2 * prepare(name).plan.ticks
