"""Store and recall: thresholds that adapt keep a value for up to half a second.

Accuracy is that of 100 held-out samples. The same network whose thresholds do not adapt is the
control: what a membrane of 12 ticks keeps is gone before the recall. A whole trial takes more than
half a million cycles of the hardware, too many for Icarus, which runs trials of the same network
that are ten times shorter.
Source: Bellec et al., NeurIPS 31 (2018), Nat Commun 11:3625 (2020). Bounds are our own, as trials
and networks are others there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.labelled import both, changed, medians
from goldenspike.tools.measuring import Figure, Run

NAME, RULE, SOURCE = "store_recall", "e-prop, adaptive LIF", "own bound"
SEEDS = (1, 2, 3)
LEAST, MOST = 0.95, 0.7
STEP = 10
"""Ticks of a step of a short trial."""
LOCKSTEP: dict[Simulator, int] = {"verilator": 4}
SHORT: dict[Simulator, int] = {"icarus": 2}


def unadapted(network: Network) -> Network:
    """Return a network whose thresholds do not adapt, and rules that know of it."""

    def flat(given: Any) -> Any:
        return replace(given, beta=0.0) if hasattr(given, "beta") else given

    return replace(
        network,
        populations=tuple(replace(p, model=flat(p.model)) for p in network.populations),
        projections=tuple(replace(q, rule=flat(q.rule)) for q in network.projections),
    )


def short(job: Job) -> Job:
    """Return a job with short trials."""
    parameters = replace(job.experiment.parameters, step=STEP)

    def window(model: Any) -> Any:
        return replace(model, window=STEP) if hasattr(model, "window") else model

    network = job.experiment.network
    populations = tuple(replace(p, model=window(p.model)) for p in network.populations)
    network = replace(network, ticks=parameters.ticks, populations=populations)
    experiment, planned = (
        replace(job.experiment, parameters=parameters, network=network),
        plan(network),
    )
    return Job(experiment, planned, type(job.task)(parameters, planned, experiment.seed))


def figures(run: Run) -> Iterator[Figure]:
    """Yield the accuracy with thresholds that adapt and without, and a loss of short trials."""
    jobs = [run.job(NAME, seed=seed) for seed in SEEDS]
    trials = jobs[0].experiment.trials
    what = f"held-out accuracy, {trials} trials: median of {len(SEEDS)} seeds"
    same = run.lockstep(jobs[0], LOCKSTEP)
    pair = medians(both(run, jobs))
    yield Figure(RULE, what, SOURCE, (LEAST, 1.0), *pair, lockstep=same)
    others = [changed(job, unadapted(job.experiment.network)) for job in jobs]
    pair = medians(both(run, others))
    yield Figure(RULE, "the same, thresholds that do not adapt", SOURCE, (0.0, MOST), *pair, 0.5)
    job = short(jobs[0])

    def loss(kind: str) -> float:
        stimulus, samples = job.task.trials(0, job.task.stimulus.size)
        outcome = job.session(kind=kind).evaluate(stimulus, samples, record=True)
        return float(job.task.losses(outcome, samples).mean())

    chance = math.log(job.task.readout.size)
    what = f"loss before learning, trials of {job.plan.ticks} ticks"
    same = run.lockstep(job, SHORT)
    band = 0.9 * chance, 1.1 * chance
    yield Figure(RULE, what, "chance", band, loss("compiled"), loss("ideal"), chance, same)
