"""Linear readout: decay, floors and silent weights of weight and node perturbation.

The setting of the closed forms: 10 outputs, 100 inputs of which 50 are silent, trials of 100 ticks.
How far the means of these seeds scatter about the closed forms was measured with 96 seeds: decay
2 % for 32 seeds, floor 2 % for 8.
Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import root_scalar

from goldenspike.golden.trial import Session
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run, near
from goldenspike.tools.training import real_errors

EXPERIMENTS = {"weight_perturbation": "linear_weight", "node_perturbation": "linear_node"}
EFFECTIVE = 0.04
"""The perturbations' effect on the outputs."""
SOURCE = "theory: Zuge et al. 2023"
CHECKED = "own float code"
START = 5.0
"""The error before learning."""
FLOOR_TRIALS, FLOOR_SEEDS = 5000, range(8)
DECAY_TRIALS, DECAY_SEEDS = 1000, range(32)
SILENT_TRIALS, SILENT_SEEDS = 4000, range(4)
TOLERANCE = 0.05
LOCKSTEP: dict[Simulator, int] = {"verilator": 20, "icarus": 1}
LOCKSTEP_BEYOND: dict[Simulator, int] = {"verilator": 20}
"""With another target and the same core. A trial is up to 400 000 cycles, minutes for Icarus."""


def errors_of(
    job: Job, seeds: Sequence[int], trials: int, kind: str = "compiled", run: Run | None = None
) -> np.ndarray:
    """Return the unperturbed errors, ``(seeds, trials)``."""

    def work(session: Session) -> np.ndarray:
        return real_errors(job, session.kind, session.learn(*job.task.trials(0, trials)))

    what = f"{job.experiment.name} learns {trials} trials"
    return np.array((run or Run()).sessions(job.plan, seeds, kind, work, what))


def rate_of(errors: np.ndarray, start: float, floor: float) -> float:
    """Return the share of the excess error that a trial removes.

    The errors of the trials, meant over seeds, are summed: a geometric series above the floor,
    solved for its rate.
    """
    trials = errors.shape[1]
    share = (errors.mean(axis=0) - floor).sum() / (start - floor)
    if not 1 < share < trials:  # nothing was learned, or it diverged
        return float("nan")
    return root_scalar(
        lambda rate: (1 - (1 - rate) ** trials) / rate - share, bracket=(1e-9, 1)
    ).root


def floor(
    job: Job, kind: str = "compiled", run: Run | None = None, seeds: Sequence[int] = FLOOR_SEEDS
) -> float:
    """Return the mean error of the second half of the trials."""
    return errors_of(job, seeds, FLOOR_TRIALS, kind, run)[:, FLOOR_TRIALS // 2 :].mean()


def decay(job: Job, rule: str, kind: str = "compiled", run: Run | None = None) -> float:
    """Return the share of the excess error that a trial removes, above the theory's floor."""
    errors = errors_of(job, DECAY_SEEDS, DECAY_TRIALS, kind, run)
    return rate_of(errors, START, job.task.theory.floor(rule, EFFECTIVE))


def silent(job: Job, kind: str = "compiled", run: Run | None = None) -> float:
    """Return the root mean square of the weights from silent inputs."""

    def work(session: Session) -> np.ndarray:
        session.learn(*job.task.trials(0, SILENT_TRIALS))
        return session.weights("inputs_to_outputs")[job.task.params.dimension :]

    what = f"{job.experiment.name} learns {SILENT_TRIALS} trials"
    weights = np.array((run or Run()).sessions(job.plan, SILENT_SEEDS, kind, work, what))
    return float(np.sqrt((weights**2).mean()))


def figures(run: Run) -> Iterator[Figure]:
    """Yield decay, floors and silent weights of both rules."""
    for rule, name in EXPERIMENTS.items():
        words = rule.replace("_", " ")
        job = run.job(name)
        theory, same = job.task.theory, run.lockstep(job, LOCKSTEP)
        expected = 1 - theory.decay(theory.eta)
        yield Figure(
            words,
            "decay, 1 - a",
            SOURCE,
            near(expected, TOLERANCE),
            decay(job, rule, "compiled", run),
            decay(job, rule, "ideal", run),
            expected,
            same,
        )
        for least in (0.0, 2.0):
            beyond = run.job(name, unreachable=least)
            expected = beyond.task.theory.floor(rule, EFFECTIVE)
            yield Figure(
                words,
                f"floor, {least:g} unreachable" if least else "floor",
                SOURCE,
                near(expected, TOLERANCE),
                floor(beyond, "compiled", run),
                floor(beyond, "ideal", run),
                expected,
                run.lockstep(beyond, LOCKSTEP_BEYOND) if least else same,
            )
        expected = 0.20 if rule == "weight_perturbation" else 0.0
        yield Figure(
            words,
            "rms silent weight",
            CHECKED if expected else SOURCE,
            near(expected, 0.10),
            silent(job, "compiled", run),
            silent(job, "ideal", run),
            expected,
            same,
        )
