"""Conductance perturbation: a teacher's trajectory from rewards in time, late, or one a trial.

Random spikes of a synapse of each neuron's own jiggle its conductance, which leaves an error that
no weights take away: errors are given in units of the teacher's own. In fixed point weights are
never negative, as the teacher's; in float64, which has no limits, they may be.
That it is the reward that teaches is seen in neurons which get that of others: see
`trajectory_yoked`. That late rewards need late eligibilities is seen with one filter for six.
Source: Fiete and Seung, PRL 97:048104 (2006); Fiete, Fee, Seung, J Neurophysiol 98:2038 (2007).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run
from goldenspike.tools.tasks.trajectory import Task

SOURCE = "own float code"
EXPERIMENTS = {
    "trajectory_sign": "online, reward of one bit",
    "trajectory_graded": "online, graded reward",
    "trajectory_delayed": "reward of one bit, 20 ms late",
    "trajectory_episodic": "episodic, graded reward",
}
RULE = "conductance perturbation"
SEEDS = range(5)
LAST = 100
"""Trials at the end over which the error is meant."""
LEARNED = (0.0, 1.15)
"""Errors, in units of the floor, of what has learned: that code's worst of 13 seeds is 1.12."""
UNLEARNED = (5.0, float("inf"))
ALONE = (1.15, float("inf"))
"""With one filter that code has 1.26 in the mean at the best of four rates, which is this one."""
LOCKSTEP: dict[Simulator, int] = {"verilator": 20, "icarus": 2}
LOCKSTEP_YOKED: dict[Simulator, int] = {"verilator": 20}


def errors_of(
    job: Job, kind: str = "compiled", run: Run | None = None, seeds: Sequence[int] = SEEDS
) -> np.ndarray:
    """Return errors before and after learning in units of the floor, ``(seeds, 2)``."""

    def work(session: Session) -> tuple[float, float]:
        task = Task(job.task.params, job.plan, session.seed)
        before = task.measure(session)["error"]
        outcome = session.learn(*task.trials(0, job.experiment.trials))
        after = task.real(session.kind, outcome.errors)[-LAST:].mean()
        return before / task.floor, float(after) / task.floor

    what = f"{job.experiment.name} learns {job.experiment.trials} trials"
    return np.array((run or Run()).sessions(job.plan, seeds, kind, work, what))


def yoked(
    job: Job, kind: str = "compiled", run: Run | None = None, seeds: Sequence[int] = SEEDS
) -> np.ndarray:
    """Return the errors of neurons with others' rewards, over those before learning."""

    def work(session: Session) -> float:
        task = Task(job.task.params, job.plan, session.seed)
        weights = session.arrays["inputs_to_yoked.w"]
        before = task.error(session, weights)
        session.learn(*task.trials(0, job.experiment.trials))
        return task.error(session, weights) / before

    what = f"{job.experiment.name} learns {job.experiment.trials} trials"
    return np.array((run or Run()).sessions(job.plan, seeds, kind, work, what))


def one_filter(run: Run) -> Job:
    """Return the experiment of late rewards with the rule of prompt ones."""
    job = run.job("trajectory_delayed")
    prompt = run.job("trajectory_sign").experiment.network.projections[0].rule
    network = job.experiment.network
    first, *rest = network.projections
    changed = replace(network, projections=(replace(first, rule=prompt), *rest))
    planned = plan(changed)
    experiment = replace(job.experiment, name="one filter", network=changed)
    return Job(experiment, planned, Task(job.task.params, planned, job.task.seed))


def figures(run: Run) -> Iterator[Figure]:
    """Yield the errors of all experiments, and of the two that must not learn as well."""
    for name, words in EXPERIMENTS.items():
        job = run.job(name)
        same = run.lockstep(job, LOCKSTEP)
        fixed, real = (errors_of(job, kind, run) for kind in ("compiled", "ideal"))
        if name == "trajectory_sign":
            yield Figure(
                RULE,
                f"error before / floor, least of {len(SEEDS)} seeds",
                SOURCE,
                UNLEARNED,
                fixed[:, 0].min(),
                real[:, 0].min(),
            )
        yield Figure(
            f"{RULE}, {words}",
            f"error / floor, worst of {len(SEEDS)} seeds",
            SOURCE,
            LEARNED,
            fixed[:, 1].max(),
            real[:, 1].max(),
            lockstep=same,
        )
    job = one_filter(run)
    yield Figure(
        f"{RULE}, {EXPERIMENTS['trajectory_delayed']}",
        f"the same with one filter, least of {len(SEEDS)}",
        SOURCE,
        ALONE,
        errors_of(job, "compiled", run)[:, 1].min(),
    )
    job = run.job("trajectory_yoked")
    yield Figure(
        f"{RULE}, reward that others earn",
        f"error / error before, least of {len(SEEDS)} seeds",
        SOURCE,
        (1.0, float("inf")),
        yoked(job, "compiled", run).min(),
        yoked(job, "ideal", run).min(),
        lockstep=run.lockstep(job, LOCKSTEP_YOKED),
    )
