"""RFLO: 50 rate units learn a sum of sines, a circle and a figure eight, by random feedback.

Nothing but a start pulse drives the units. There is no closed form: the bands are what an
independent float model did, over seeds that differ in all weights, loosened to the issue's figures.
Alignment is the cosine between the feedback's weights and the readout's, which learn to agree.
Losses are half the squared error of a tick. Sources: see
:mod:`goldenspike.tools.tasks.periodic_output`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from goldenspike.golden.trial import Session
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run
from goldenspike.tools.tasks.periodic_output import Task

SOURCE = "Murray 2019; own float code"
SEEDS = range(5)
STEP = 500
"""Trials that are presented at once."""
FEEDBACK, READOUT = "errors_to_teacher", "units_to_readout"
LOCKSTEP: dict[Simulator, int] = {"verilator": 20, "icarus": 1}


class Shape(NamedTuple):
    """What an experiment must reach: the median loss and, if it is given, alignment."""

    words: str
    loss: float
    expected: float
    alignment: float | None = None


EXPERIMENTS = {
    "rflo_periodic": Shape("sum of sines", 2e-3, 9e-4, 0.7),
    "rflo_circle": Shape("circle, twice", 5e-3, 7e-4),
    "rflo_figure_eight": Shape("figure eight", 1e-3, 2e-4),
}


def alignment(session: Session) -> float:
    """Return the cosine between the weights of the feedback and those of the readout."""
    feedback, readout = session.weights(FEEDBACK), session.weights(READOUT).T
    norm = np.linalg.norm(feedback) * np.linalg.norm(readout)
    return float((feedback * readout).sum() / norm)


def learned(job: Job, kind: str = "compiled", run: Run | None = None) -> np.ndarray:
    """Return loss and alignment after the experiment's trials, ``(seeds, 2)``."""
    trials = job.experiment.trials

    def work(session: Session) -> list[float]:
        task = Task(job.task.params, job.plan, session.seed)
        while session.trial < trials:
            session.learn(*task.trials(session.trial, min(STEP, trials - session.trial)))
        return [task.measure(session)["loss"], alignment(session)]

    what = f"{job.experiment.name} learns {trials} trials"
    return np.array((run or Run()).sessions(job.plan, SEEDS, kind, work, what))


def figures(run: Run) -> Iterator[Figure]:
    """Yield the median loss of each shape, and the alignment where it is asked for."""
    for name, shape in EXPERIMENTS.items():
        job = run.job(name)
        same = run.lockstep(job, LOCKSTEP)
        fixed, real = (np.median(learned(job, kind, run), axis=0) for kind in ("compiled", "ideal"))
        what = f"median loss, {shape.words}, {job.experiment.trials} trials"
        pair = float(fixed[0]), float(real[0])
        yield Figure("RFLO", what, SOURCE, (0.0, shape.loss), *pair, shape.expected, same)
        if shape.alignment is not None:
            pair, band = (float(fixed[1]), float(real[1])), (shape.alignment, 1.0)
            yield Figure("RFLO", "median alignment", SOURCE, band, *pair, 0.79, same)
