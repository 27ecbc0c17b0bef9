"""Basic motions: e-prop learns real recordings of a watch's sensors on line.

Accuracy is that of the 40 recordings of the archive's test part. Settings were chosen by the last
three recordings of each class of the part to learn from instead, while those before were learned.
What e-prop itself contributes is how much better it is than the same network in which only the
readout's weights learn; that shows early, as these recordings are easy to tell apart.
Source: see :mod:`goldenspike.tools.tasks.basic_motions`; no paper gives figures of such a network.
"""

from __future__ import annotations

from collections.abc import Iterator

from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.labelled import both, changed, fixed_hidden, medians
from goldenspike.tools.measuring import Figure, Run

NAME, RULE, SOURCE = "basic_motions", "e-prop", "own bound"
SEEDS = range(1, 9)
LEAST = 0.9
VALIDATION = 3
EARLY = 3
"""Epochs after which what hidden weights learn shows."""
LOCKSTEP: dict[Simulator, int] = {"verilator": 20, "icarus": 2}


def figures(run: Run) -> Iterator[Figure]:
    """Yield accuracies, and what is gained by hidden weights that learn."""
    jobs = [run.job(NAME, seed=seed) for seed in SEEDS]
    found = fixed, real = both(run, jobs)
    same = run.lockstep(jobs[0], LOCKSTEP)
    trials = jobs[0].experiment.trials
    what = f"held-out accuracy, {trials} trials: median of {len(SEEDS)} seeds"
    yield Figure(RULE, what, SOURCE, (LEAST, 1.0), *medians(found), lockstep=same)
    worst = float(fixed[:, -1].min()), float(real[:, -1].min())
    yield Figure(RULE, "the same, worst seed", SOURCE, (LEAST, 1.0), *worst, lockstep=same)
    chosen = both(run, [run.job(NAME, seed=seed, validation=VALIDATION) for seed in SEEDS])
    what = "of recordings to choose settings by"
    yield Figure(RULE, what, SOURCE, (LEAST, 1.0), *medians(chosen))
    still = both(run, [changed(job, fixed_hidden(job.experiment.network)) for job in jobs])
    gains = [
        float((one - other)[:, EARLY - 1].mean()) for one, other in zip(found, still, strict=True)
    ]
    what = f"gain over fixed hidden weights after {EARLY} epochs, mean"
    yield Figure(RULE, what, SOURCE, (0.01, 1.0), gains[0], gains[1])
