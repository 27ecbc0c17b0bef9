"""Labelled tasks learn: basic motions, Japanese vowels, store and recall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goldenspike.tools import labelled
from goldenspike.tools.figures import basic_motions, japanese_vowels, store_recall
from goldenspike.tools.job import Job, prepare
from goldenspike.tools.measuring import Run, lockstep_trials

FAMILIES = {module.NAME: module for module in (basic_motions, japanese_vowels, store_recall)}


def epochs(job: Job, count: int) -> Job:
    """Return a job of some epochs."""
    trials = count * job.task.stimulus.size
    return replace(job, experiment=replace(job.experiment, trials=trials))


def betas(job: Job) -> list[float]:
    """Return how far thresholds adapt, of neurons and rules that tell."""
    network = job.experiment.network
    models = [p.model for p in network.populations] + [q.rule for q in network.projections]
    return [model.beta for model in models if hasattr(model, "beta")]


# Networks to compare with.


@pytest.mark.parametrize("name", FAMILIES)
def test_hidden_weights_that_are_fixed_stay(name: str) -> None:
    job = prepare(name)
    still = labelled.changed(job, labelled.fixed_hidden(job.experiment.network))
    assert [q.name for q in job.plan.learners] == [
        "inputs_to_hidden",
        "hidden_to_hidden",
        "hidden_to_readout",
    ]
    assert [q.name for q in still.plan.learners] == ["hidden_to_readout"]
    assert still.experiment.seed == job.experiment.seed
    for a, b in (
        (still.task.stimulus, job.task.stimulus),
        (still.task.held_out, job.task.held_out),
    ):
        assert all((a.inputs[source] == b.inputs[source]).all() for source in b.inputs)
    before, after = still.session(), still.session()
    after.learn(*still.task.trials(0, 2))
    for q in still.plan.projections:
        moved = (after.weights(q.name) != before.weights(q.name)).any()
        assert moved == (q.name in ("hidden_to_readout", "errors_to_teacher"))  # its mirror too


def test_thresholds_that_do_not_adapt_are_those_of_lif() -> None:
    job = prepare("store_recall")
    assert len(betas(job)) == 3
    assert min(betas(job)) > 0
    plain = labelled.changed(job, store_recall.unadapted(job.experiment.network))
    assert betas(plain) == [0.0] * 3
    session = plain.session()
    session.learn(*plain.task.trials(0, 1))
    assert (
        session.weights("hidden_to_readout") != job.session().weights("hidden_to_readout")
    ).any()


def test_short_trials_are_the_same_in_less_ticks() -> None:
    job = prepare("store_recall")
    made = store_recall.short(job)
    assert (job.plan.ticks, made.plan.ticks) == (600, 60)
    assert made.task.window == 10
    windows = [p.model.window for p in made.experiment.network.populations if p.name == "errors"]
    assert windows == [10]
    assert [p.size for p in made.plan.populations] == [p.size for p in job.plan.populations]
    assert (made.task.labels == job.task.labels).all()


# Accuracies.


@pytest.mark.parametrize("kind", ["compiled", "ideal"])
def test_accuracies_are_those_after_every_epoch(kind: str) -> None:
    jobs = [epochs(Run().job("basic_motions", seed=seed, validation=8), 3) for seed in (1, 2)]
    found = labelled.accuracies(Run(), jobs, kind)
    assert found.shape == (2, 3)
    for job, of_job in zip(jobs, found, strict=True):
        session = job.session(kind=kind)
        for accuracy in of_job:
            session.learn(*job.task.trials(session.trial, 8))
            assert job.task.measure(session)["held-out accuracy"] == accuracy
    assert session.trial == 24


def test_medians_are_those_at_the_end() -> None:
    fixed, real = np.array([[9, 1], [9, 3], [9, 8]]), np.array([[0, 5], [0, 5], [0, 6]])
    assert labelled.medians((fixed, real)) == (3.0, 5.0)


# Learning.


@pytest.mark.parametrize("kind", ["compiled", "ideal"])
def test_basic_motions_are_learned_on_line(kind: str) -> None:
    jobs = [prepare("basic_motions", seed=seed) for seed in (1, 2, 3)]
    found = labelled.accuracies(Run(), jobs, kind)
    assert found.shape == (3, 10)
    assert found[:, -1].min() >= basic_motions.LEAST


@pytest.mark.long
@pytest.mark.parametrize("kind", ["compiled", "ideal"])
@pytest.mark.parametrize("name", ["japanese_vowels", "store_recall"])
def test_the_others_are_learned_too(name: str, kind: str) -> None:
    jobs = [prepare(name, seed=seed) for seed in (1, 2, 3)]
    found = labelled.accuracies(Run(), jobs, kind)
    assert np.median(found[:, -1]) >= FAMILIES[name].LEAST


@pytest.mark.long
@pytest.mark.parametrize("name", ["basic_motions", "japanese_vowels"])
def test_hardware_learns_the_same(name: str) -> None:
    (verdict,) = lockstep_trials(prepare(name), 2, ("verilator",))
    assert verdict.problem is None


@pytest.mark.long
@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_hardware_recalls_the_same(simulator: Any) -> None:
    job = store_recall.short(prepare("store_recall"))
    (verdict,) = lockstep_trials(job, 2, (simulator,))
    assert verdict.problem is None
    assert verdict.total("ticks") == 120
