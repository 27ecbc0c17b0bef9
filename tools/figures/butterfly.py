"""Butterfly: two readouts of a reservoir of 100 rate units draw a curve.

There is no closed form: fixed point must do what an independent float model with weights of another
generator did, an error of less than 2.5 % of that of silent readouts after 1000 trials
(1.3 % there). The float64 engine beside it learns from the same perturbations.
Sources: see :mod:`goldenspike.tools.tasks.butterfly`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from goldenspike.golden.trial import Session
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run

EXPERIMENTS = {"weight_perturbation": "butterfly_weight", "node_perturbation": "butterfly_node"}
SOURCE = "own float code"
TRIALS, SEEDS = 1000, range(3)
MOST = 0.025
"""Of the error: twice what the float code left, as every seed is a reservoir of its own."""
LOCKSTEP: dict[Simulator, int] = {"verilator": 20}
"""A trial is some 700 000 cycles: minutes for Icarus."""


def left(job: Job, kind: str = "compiled", run: Run | None = None) -> float:
    """Return the median of the error left after trials, each seed with its own reservoir."""

    def work(session: Session) -> float:
        session.learn(*job.task.trials(0, TRIALS))
        return job.task.measure(session)["error left"]

    what = f"{job.experiment.name} learns {TRIALS} trials"
    return float(np.median((run or Run()).sessions(job.plan, SEEDS, kind, work, what)))


def figures(run: Run) -> Iterator[Figure]:
    """Yield the error left by both rules."""
    for rule, name in EXPERIMENTS.items():
        job = run.job(name)
        yield Figure(
            rule.replace("_", " "),
            f"error left after {TRIALS} trials",
            SOURCE,
            (0.0, MOST),
            left(job, "compiled", run),
            left(job, "ideal", run),
            0.013,
            run.lockstep(job, LOCKSTEP),
        )
