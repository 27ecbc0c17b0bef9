"""Cue accumulation: a T-maze with delayed supervision, learned with weights of 8 bits.

Accuracy is that of 50 held-out samples after every epoch of 50 samples, the median over seeds. The
bounds are what ReckOn's chip reaches in the same task: 45 of 50 after one epoch, 47 to 50 from the
third on. The hardware learns the whole first epoch in lockstep.
Source: Frenkel and Indiveri, "ReckOn", ISSCC 2022; Bellec et al., Nat Commun 11:3625 (2020).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from goldenspike.golden.trial import in_parallel
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import THREADS, Figure, Run

NAME, RULE = "cue_accumulation", "e-prop, one LSB a step"
EPOCH, EPOCHS = 50, 5
SEEDS = (1, 2, 3)
FIRST, LATER = 0.9, 0.94
SOURCE = "ReckOn: 45 of 50, then 47 to 50"
LOCKSTEP: dict[Simulator, int] = {"verilator": EPOCH}
"""A whole epoch; a trial takes over a million cycles, too many for Icarus."""


def accuracies(job: Job, kind: str) -> list[float]:
    """Return the held-out accuracy after every epoch."""
    session = job.session(kind=kind)
    found = []
    for epoch in range(EPOCHS):
        session.learn(*job.task.trials(epoch * EPOCH, EPOCH))
        found.append(job.task.measure(session)["held-out accuracy"])
    return found


def figures(run: Run) -> Iterator[Figure]:
    """Yield the accuracy after the first epoch, and the lowest one from the third on."""
    jobs = [run.job(NAME, seed=seed) for seed in SEEDS]
    medians = {
        kind: np.median(
            in_parallel(jobs, lambda job, kind=kind: accuracies(job, kind), THREADS), axis=0
        )
        for kind in ("compiled", "ideal")
    }
    fixed, real = medians["compiled"], medians["ideal"]
    yield Figure(
        RULE,
        "held-out accuracy after 1 epoch",
        SOURCE,
        (FIRST, 1.0),
        float(fixed[0]),
        float(real[0]),
        lockstep=run.lockstep(jobs[0], LOCKSTEP),
    )
    yield Figure(
        RULE,
        f"the lowest one after epochs 3 to {EPOCHS}",
        SOURCE,
        (LATER, 1.0),
        float(fixed[2:].min()),
        float(real[2:].min()),
    )
