"""Cue association by reward: actor and critic learn from a late reward, with e-prop behind them.

Accuracy is the share of rewarded choices, which are drawn as they are when learning, on samples
held out, the median over seeds that differ in all weights, in the cues' arms and in all spikes;
chance is a half. There is no closed form: bounds are of what the float model does. Where only the
readouts learn, or where no cue tells the arm, the same network must stay behind.
Source: Bellec et al., Nature Communications 11:3625 (2020), on reward-based e-prop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run
from goldenspike.tools.tasks.cue_association_reward import Task

NAME, RULE, SOURCE = "cue_association_reward", "e-prop with rewards", "own float code"
SEEDS = range(8)
LOCKSTEP: dict[Simulator, int] = {"verilator": 20, "icarus": 2}
STEP = 500
"""Trials that are presented at once."""


def accuracy(job: Job, kind: str, run: Run) -> float:
    """Return the median accuracy of the seeds after the experiment's trials."""
    trials = job.experiment.trials

    def work(session: Session) -> float:
        task = Task(job.task.params, job.plan, session.seed)
        task.initial(session)
        while session.trial < trials:
            session.learn(*task.trials(session.trial, min(STEP, trials - session.trial)))
        return task.measure(session)["accuracy"]

    what = f"{job.experiment.name} learns {trials} trials"
    return float(np.median(run.sessions(job.plan, SEEDS, kind, work, what)))


def readouts_only(job: Job) -> Job:
    """Return a job whose hidden neurons learn nothing."""
    network = job.experiment.network
    kept = tuple(replace(q, rule=None) if q.post == "hidden" else q for q in network.projections)
    planned = plan(replace(network, projections=kept))
    experiment = replace(job.experiment, network=replace(network, projections=kept))
    return Job(experiment, planned, Task(job.task.params, planned, job.task.seed))


def figures(run: Run) -> Iterator[Figure]:
    """Yield the accuracy, and that of two networks that cannot learn it."""
    job = run.job(NAME)
    same = run.lockstep(job, LOCKSTEP)
    trials = job.experiment.trials
    compared: tuple[tuple[str, Job, tuple[float, float], float, dict[str, Any]], ...] = (
        (f"accuracy, {trials} trials", job, (0.9, 1.0), 0.96, {"lockstep": same}),
        ("if only the readouts learn", readouts_only(job), (0.5, 0.85), 0.75, {}),
        ("if the arm is drawn by lot", run.job(NAME, lottery=True), (0.4, 0.6), 0.5, {}),
    )
    for what, one, band, expected, more in compared:
        fixed, ideal = (accuracy(one, kind, run) for kind in ("compiled", "ideal"))
        yield Figure(RULE, what, SOURCE, band, fixed, ideal, expected, **more)
