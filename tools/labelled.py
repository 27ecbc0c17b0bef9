"""What labelled tasks reach: the accuracy of what is held out, after every epoch, by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import in_parallel
from goldenspike.tools import results
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import THREADS, Run


def changed(job: Job, network: Network) -> Job:
    """Return a job with another network for the same task."""
    experiment, planned = replace(job.experiment, network=network), plan(network)
    task = type(job.task)(experiment.parameters, planned, experiment.seed)
    return Job(experiment, planned, task)


def fixed_hidden(network: Network) -> Network:
    """Return a network of which only the readout's weights learn."""
    return replace(
        network,
        projections=tuple(
            q if q.post == network.readout else replace(q, rule=None) for q in network.projections
        ),
    )


def accuracies(run: Run, jobs: Sequence[Job], kind: str) -> np.ndarray:
    """Return the held-out accuracy after every epoch of each experiment, ``(jobs, epochs)``.

    Parameters
    ----------
    jobs
        As long as each other, of whole epochs; usually of one experiment with several seeds.
    kind
        The engine: ``compiled`` or ``ideal``.
    """
    size = jobs[0].task.stimulus.size
    epochs = jobs[0].experiment.trials // size
    what = f"{jobs[0].experiment.name} learns {epochs} epochs, {results.NAMES[kind]}"
    bar = run.bars.add_task(what, total=len(jobs) * epochs)

    def work(job: Job) -> list[float]:
        session, found = job.session(kind=kind), []
        for _ in range(epochs):
            session.learn(*job.task.trials(session.trial, size))
            found.append(job.task.measure(session)["held-out accuracy"])
            run.bars.advance(bar)
        return found

    try:
        return np.array(in_parallel(jobs, work, THREADS))
    finally:
        run.bars.remove_task(bar)


def both(run: Run, jobs: Sequence[Job]) -> tuple[np.ndarray, np.ndarray]:
    """Return the accuracies in fixed point and in float64."""
    return accuracies(run, jobs, "compiled"), accuracies(run, jobs, "ideal")


def medians(found: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Return the medians over jobs at the end, in fixed point and in float64."""
    fixed, real = (float(np.median(one[:, -1])) for one in found)
    return fixed, real
