"""Japanese vowels: e-prop learns on line which of nine men speaks, from real recordings.

Accuracy is that of the 370 recordings of the archive's test part. Settings were chosen by the last
ten recordings of each man of the part to learn from instead, while those before were learned. What
e-prop itself contributes is how much better it is than the same network in which only the readout's
weights learn.
Source: see :mod:`goldenspike.tools.tasks.japanese_vowels`; no paper gives figures of such a
network.
"""

from __future__ import annotations

from collections.abc import Iterator

from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.labelled import both, changed, fixed_hidden, medians
from goldenspike.tools.measuring import Figure, Run

NAME, RULE, SOURCE = "japanese_vowels", "e-prop", "own bound"
SEEDS = range(1, 6)
LEAST, GAIN = 0.95, 0.01
LOCKSTEP: dict[Simulator, int] = {"verilator": 20, "icarus": 2}


def figures(run: Run) -> Iterator[Figure]:
    """Yield accuracies, and what is gained by hidden weights that learn."""
    jobs = [run.job(NAME, seed=seed) for seed in SEEDS]
    fixed, real = medians(both(run, jobs))
    same = run.lockstep(jobs[0], LOCKSTEP)
    trials = jobs[0].experiment.trials
    what = f"held-out accuracy, {trials} trials: median of {len(SEEDS)} seeds"
    yield Figure(RULE, what, SOURCE, (LEAST, 1.0), fixed, real, lockstep=same)
    still = medians(both(run, [changed(job, fixed_hidden(job.experiment.network)) for job in jobs]))
    what = "gain over fixed hidden weights"
    yield Figure(RULE, what, SOURCE, (GAIN, 1.0), fixed - still[0], real - still[1])
