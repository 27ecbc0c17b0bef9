"""Delayed non-match to sample: 64 rate units learn recurrent weights by node perturbation.

There is no closed form: as an independent float model did, all seeds must answer all four
kinds of trials rightly, after 5000 trials that are compared with an unperturbed run, and after
30000 that are compared with a running mean of their kind. Seeds differ in all weights.
Source of the task: Miconi, eLife 6:e20899 (2017).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from goldenspike.golden.trial import Session
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run
from goldenspike.tools.tasks import dnms

SOURCE = "own float code"
EXPERIMENTS = {"paired": "dnms", "running mean": "dnms_running_mean"}
SEEDS = range(6)
POINTS = 5
"""Measurements in the last fifth of the trials: an answer near 0 can flip back for a moment."""
SOLVED = 0.9
SILENT = 0.25
"""The error of an answer that is always 0."""
LOCKSTEP: dict[Simulator, int] = {"verilator": 50, "icarus": 1}


def learned(job: Job, kind: str = "compiled", run: Run | None = None) -> np.ndarray:
    """Return accuracy and error, ``(seeds, 2)``, meant over the last measurements."""
    trials = job.experiment.trials

    def work(session: Session) -> np.ndarray:
        task = dnms.Task(job.task.params, job.plan, session.seed)
        found = []
        for point in range(POINTS):
            stop = trials - trials // 5 * (POINTS - 1 - point) // POINTS
            session.learn(*task.trials(session.trial, stop - session.trial))
            figures = task.measure(session)
            found.append([figures["accuracy"], figures["error"]])
        return np.mean(found, axis=0)

    what = f"{job.experiment.name} learns {trials} trials"
    return np.array((run or Run()).sessions(job.plan, SEEDS, kind, work, what))


def figures(run: Run) -> Iterator[Figure]:
    """Yield the share of seeds that solve the task, and the error."""
    for baseline, name in EXPERIMENTS.items():
        words, job = f"node perturbation, {baseline}", run.job(name)
        same = run.lockstep(job, LOCKSTEP)
        fixed, real = learned(job, "compiled", run), learned(job, "ideal", run)
        solved = [float((found[:, 0] > SOLVED).mean()) for found in (fixed, real)]
        what = f"share of seeds solved, {job.experiment.trials} trials"
        yield Figure(words, what, SOURCE, (1.0, 1.0), solved[0], solved[1], 1.0, same)
        errors = float(np.median(fixed[:, 1])), float(np.median(real[:, 1]))
        band = (0.0, SILENT / 2)
        yield Figure(words, "median error a tick", SOURCE, band, *errors, None, same)
