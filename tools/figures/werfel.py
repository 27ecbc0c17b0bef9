"""Werfel's perceptron: decay and floor of weight and node perturbation, inputs fresh every trial.

4 outputs, 8 inputs. The closed forms of the source are for Gaussian perturbations; here they are
those of popcounts, by the same derivation: the floor is 4 % lower for node perturbation, whose
perturbation has 4 elements, and 1 % for weight perturbation. Means of 64 seeds scatter about
that by 1 % (floor), of 256 by 2 % (decay).
Source: Werfel, Xie, Seung, Neural Computation 17:2699 (2005).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from goldenspike.golden.trial import Session
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.figures.linear import rate_of
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run, near
from goldenspike.tools.moments import POPCOUNT
from goldenspike.tools.tasks import werfel
from goldenspike.tools.training import real_errors

EXPERIMENTS = {"weight_perturbation": "werfel_weight", "node_perturbation": "werfel_node"}
SOURCE = "theory: Werfel et al. 2005, moments of popcounts"
FLOOR_TIMES, FLOOR_SEEDS = 30, range(64)
DECAY_TIMES, DECAY_SEEDS = 5, range(256)
"""Trials, in units of K: the error falls by 1/K a trial."""
LOCKSTEP: dict[Simulator, int] = {"verilator": 500, "icarus": 50}
FLOOR_TOLERANCE, DECAY_TOLERANCE = 0.04, 0.05


def errors_of(
    job: Job, seeds: Sequence[int], trials: int, kind: str = "compiled", run: Run | None = None
) -> tuple[np.ndarray, float]:
    """Return the unperturbed errors, ``(seeds, trials)``, and their mean before learning.

    A seed has its own teacher and inputs. As weights start from 0, inputs of variance 1 make the
    error before learning half the squared length of the teacher.
    """

    def work(session: Session) -> tuple[np.ndarray, float]:
        task = werfel.Task(job.task.params, job.plan, session.seed)
        errors = real_errors(job, session.kind, session.learn(*task.trials(0, trials)))
        return errors, float((task.teacher**2).sum()) / 2

    what = f"{job.experiment.name} learns {trials} trials"
    found = (run or Run()).sessions(job.plan, seeds, kind, work, what)
    return np.array([errors for errors, _ in found]), float(np.mean([start for _, start in found]))


def expected_floor(job: Job, rule: str) -> float:
    """Return the floor of the theory for popcounts."""
    settings: Any = job.plan.plastic[0].rule
    return job.task.theory.floor(rule, settings.params.sigma, POPCOUNT)


def floor(
    job: Job,
    rule: str,
    kind: str = "compiled",
    run: Run | None = None,
    seeds: Sequence[int] = FLOOR_SEEDS,
) -> float:
    """Return the mean error of the second half of the trials."""
    trials = FLOOR_TIMES * job.task.theory.trials(rule)
    return errors_of(job, seeds, trials, kind, run)[0][:, trials // 2 :].mean()


def decay(job: Job, rule: str, kind: str = "compiled", run: Run | None = None) -> float:
    """Return the share of the excess error that a trial removes, above the theory's floor."""
    trials = DECAY_TIMES * job.task.theory.trials(rule)
    errors, start = errors_of(job, DECAY_SEEDS, trials, kind, run)
    return rate_of(errors, start, expected_floor(job, rule))


def figures(run: Run) -> Iterator[Figure]:
    """Yield decay and floor of both rules."""
    for rule, name in EXPERIMENTS.items():
        words = rule.replace("_", " ")
        job = run.job(name)
        same = run.lockstep(job, LOCKSTEP)
        expected = job.task.theory.rate(rule, POPCOUNT)
        yield Figure(
            words,
            "decay, about 1/K",
            SOURCE,
            near(expected, DECAY_TOLERANCE),
            decay(job, rule, "compiled", run),
            decay(job, rule, "ideal", run),
            expected,
            same,
        )
        expected = expected_floor(job, rule)
        yield Figure(
            words,
            "floor",
            SOURCE,
            near(expected, FLOOR_TOLERANCE),
            floor(job, rule, "compiled", run),
            floor(job, rule, "ideal", run),
            expected,
            same,
        )
