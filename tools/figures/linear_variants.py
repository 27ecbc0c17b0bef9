"""Linear readout: what hybrid, two-sided, sparse and running-mean perturbation change.

The setting of the family ``linear``. Its closed forms, and what is derived from them here, are in
:class:`goldenspike.tools.tasks.linear_teacher.Theory`.
Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023), for weight, node and hybrid perturbation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from goldenspike.golden.trial import Session
from goldenspike.tools import moments
from goldenspike.tools.figures.linear import (
    DECAY_SEEDS,
    DECAY_TRIALS,
    EFFECTIVE,
    FLOOR_TRIALS,
    LOCKSTEP,
    SILENT_TRIALS,
    SOURCE,
    START,
    TOLERANCE,
    errors_of,
    floor,
    rate_of,
    silent,
)
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run, near

DERIVED = "derived: linear_teacher.Theory"
WEIGHTS, NODES = "weight_perturbation", "node_perturbation"
SEEDS = range(8)
POINTS = 10
"""Times that an error is measured without perturbation in the second half of the trials."""
LEFT_TRIALS, LEFT_SEEDS = 2500, range(16)
LEFT_TOLERANCE = 0.25
"""A two-sided trial multiplies the error by about ``1 - 2 z / K``, z a chi-square of one degree
and K = 502: after n trials the variance of its logarithm is 8 n / K**2, 0.08, and the error's
deviation in a mean of 16 seeds 7 %."""
MEAN_EFFECTIVE = 0.4


def settled(
    job: Job, kind: str = "compiled", run: Run | None = None, seeds: Sequence[int] = SEEDS
) -> float:
    """Return the mean error without perturbation in the second half of the trials."""

    def work(session: Session) -> float:
        found = []
        half = FLOOR_TRIALS // 2
        for point in range(POINTS + 1):
            count = half // POINTS if point else half
            session.learn(*job.task.trials(session.trial, count))
            found.append(job.task.measure(session)["error"])
        return float(np.mean(found))

    what = f"{job.experiment.name} learns {FLOOR_TRIALS} trials"
    return float(np.mean((run or Run()).sessions(job.plan, seeds, kind, work, what)))


def left(job: Job, kind: str = "compiled", run: Run | None = None) -> float:
    """Return the mean error without perturbation after trials."""

    def work(session: Session) -> float:
        session.learn(*job.task.trials(0, LEFT_TRIALS))
        return job.task.measure(session)["error"]

    what = f"{job.experiment.name} learns {LEFT_TRIALS} trials"
    return float(np.mean((run or Run()).sessions(job.plan, LEFT_SEEDS, kind, work, what)))


def decay(job: Job, least: float, kind: str = "compiled", run: Run | None = None) -> float:
    """Return the share of the excess error that a trial removes, above the error `least`.

    The errors are those of the first run; what its perturbation adds to all of them is in `least`.
    """
    errors = errors_of(job, DECAY_SEEDS, DECAY_TRIALS, kind, run)
    return rate_of(errors, float(errors[:, 0].mean()), least)


def added(job: Job, effective: float) -> float:
    """Return what a perturbation of all weights adds to the error: ``M sigma_eff**2 / 2``."""
    return job.task.theory.outputs * effective**2 / 2


def difference(run: Run, name: str, kind: str = "compiled", trials: int = 200) -> float:
    """Return by how much the weights that matter differ from those of weight perturbation."""

    def work(session: Session) -> np.ndarray:
        session.learn(*job.task.trials(0, trials))
        return session.weights("inputs_to_outputs")[: job.task.params.dimension]

    found = []
    for one in ("linear_weight", name):
        job = run.job(one)
        found.append(run.sessions(job.plan, [1], kind, work, f"{one} learns {trials} trials")[0])
    return float(abs(found[1] - found[0]).max())


def settings_of(job: Job) -> Any:
    """Return the ``Params`` of an experiment's rule."""
    return job.experiment.network.projections[0].rule


def _both(measure: Callable[[str], float]) -> tuple[float, float]:
    """Return what is measured in fixed point and in float64."""
    return measure("compiled"), measure("ideal")


def figures(run: Run) -> Iterator[Figure]:
    """Yield decay, floors and silent weights of the variants."""
    yield from _active(run)
    yield from _hybrid(run)
    yield from _two_sided(run)
    yield from _sparse(run)
    yield from _running_mean(run)


def _active(run: Run) -> Iterator[Figure]:
    words, job = "weight perturbation of active inputs", run.job("linear_weight_0")
    same = run.lockstep(job, LOCKSTEP)
    # Perturbed by the same words, and what a silent input's weight does has no effect.
    found = _both(lambda kind: difference(run, "linear_weight_0", kind))
    what = "active weights beside weight perturbation's"
    yield Figure(words, what, DERIVED, (0.0, 0.0), found[0], found[1], 0.0, same)
    yield _silent(words, job, run, same)


def _silent(words: str, job: Job, run: Run, same: Any) -> Figure:
    return Figure(
        words,
        f"rms silent weight, {SILENT_TRIALS} trials",
        SOURCE,
        (0.0, 0.0),
        silent(job, "compiled", run),
        silent(job, "ideal", run),
        0.0,
        same,
    )


def _hybrid(run: Run) -> Iterator[Figure]:
    words, job = "hybrid perturbation", run.job("linear_hybrid")
    same, theory = run.lockstep(job, LOCKSTEP), job.task.theory
    expected = theory.floor(WEIGHTS, EFFECTIVE)
    found = _both(lambda kind: decay(job, expected, kind, run))
    rate = 1 - theory.decay(theory.eta)
    yield Figure(words, "decay, 1 - a", DERIVED, near(rate, TOLERANCE), *found, rate, same)
    found = _both(lambda kind: floor(job, kind, run))
    yield Figure(words, "floor", DERIVED, near(expected, TOLERANCE), *found, expected, same)
    yield _silent(words, job, run, same)


def _two_sided(run: Run) -> Iterator[Figure]:
    words, job = "two-sided perturbation", run.job("linear_two_sided")
    same, theory = run.lockstep(job, LOCKSTEP), job.task.theory
    expected = 1 - theory.decay(theory.eta)
    found = _both(lambda kind: decay(job, added(job, EFFECTIVE), kind, run))
    yield Figure(words, "decay, 1 - a", DERIVED, near(expected, TOLERANCE), *found, expected, same)
    # Half the difference is the derivative along psi: nothing is left but what decays.
    expected = START * theory.decay(theory.eta) ** LEFT_TRIALS
    found = _both(lambda kind: left(job, kind, run))
    band = near(expected, LEFT_TOLERANCE)
    yield Figure(words, f"error after {LEFT_TRIALS} trials", DERIVED, band, *found, expected, same)
    beyond = run.job("linear_two_sided", unreachable=2.0)
    # What has not decayed yet is 0.3 % of it.
    found = _both(lambda kind: settled(beyond, kind, run, range(4)))
    yield Figure(words, "floor, 2 unreachable", DERIVED, near(2.0, 0.01), *found, 2.0)


def _sparse(run: Run) -> Iterator[Figure]:
    words, job = "node perturbation, rare kicks", run.job("linear_node_sparse")
    same, theory, eta = run.lockstep(job, LOCKSTEP), job.task.theory, settings_of(job).eta
    kicks = moments.sparse(settings_of(job).noise.probability)
    least = theory.floor(NODES, EFFECTIVE, kicks, eta)
    expected = 1 - theory.decay(eta, NODES, kicks)
    found = _both(lambda kind: decay(job, least, kind, run))
    yield Figure(words, "decay, 1 - a", DERIVED, near(expected, TOLERANCE), *found, expected, same)
    found = _both(lambda kind: floor(job, kind, run))
    yield Figure(words, "floor", DERIVED, near(least, TOLERANCE), *found, least, same)
    yield _silent(words, job, run, same)


def _running_mean(run: Run) -> Iterator[Figure]:
    words, job = "weight perturbation, running mean", run.job("linear_running_mean")
    same = run.lockstep(job, LOCKSTEP)
    reward: Any = job.plan.reward
    rate = reward.baseline_params.rate
    expected = job.task.theory.floor_of_mean(MEAN_EFFECTIVE, rate)
    found = _both(lambda kind: settled(job, kind, run))
    yield Figure(
        words,
        f"floor, perturbed by {MEAN_EFFECTIVE:g}",
        DERIVED,
        near(expected, TOLERANCE),
        *found,
        expected,
        same,
    )
