"""Learning in steps: the same trials for one or more engines, measured on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from goldenspike.golden.health import Finding, Watch
from goldenspike.golden.parameters import nearest_word
from goldenspike.golden.trial import Outcome, Session, in_parallel
from goldenspike.tools.console import InputError
from goldenspike.tools.job import Job

POINTS = 10
"""Measurements besides the one before the first trial; they lie closer where most is learned."""
BLOCKS = 400
"""Means of the error that a learning curve shows, at most."""
STEP_S = 0.2
"""About how long a step takes: how often progress moves and Ctrl-C is heard."""
MOST = 4096
"""Trials of a step, which bounds the memory of their stimulus."""


class History:
    """What becomes of one session.

    Parameters
    ----------
    kind
        Its engine.
    trials
        How many it will learn.

    Attributes
    ----------
    measured
        ``(trials learned, figures)``.
    """

    def __init__(self, kind: str, trials: int) -> None:
        self.kind, self.trials = kind, trials
        self.measured: list[tuple[int, dict[str, float]]] = []
        self._sums = np.zeros(min(trials, BLOCKS))
        self._counts = np.zeros_like(self._sums)

    def add(self, first: int, errors: np.ndarray) -> None:
        """Note the errors of the trials `first` and on."""
        size = len(self._sums)
        places = (first + np.arange(len(errors))) * size // self.trials
        self._sums += np.bincount(places, errors, size)
        self._counts += np.bincount(places, minlength=size)

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return trials and the mean errors around them."""
        size = len(self._sums)
        return (np.arange(size) + 0.5) * self.trials / size, self._sums / self._counts

    @property
    def last(self) -> dict[str, float]:
        """The figures at the end."""
        return self.measured[-1][1]


def real_errors(job: Job, kind: str, outcome: Outcome, samples: Any = ()) -> np.ndarray:
    """Return the error of every trial, unperturbed if paired, in the units `eta` refers to.

    Without a reward it is what the task makes of the recorded signals.
    """
    if job.plan.reward is None:
        return np.asarray(job.task.losses(outcome, samples), np.float64)
    reward: Any = job.plan.reward
    raw = outcome.errors[:, 0]
    real = raw if kind == "ideal" else reward.error.to_float(raw.astype(np.float64))
    return np.asarray(real, np.float64) * reward.scale


def headline(job: Job, figures: dict[str, float]) -> str:
    """Return the name of the figure that counts.

    Raises
    ------
    InputError
        If the experiment asks for one that its task does not measure.
    """
    metric = job.experiment.metric
    if metric is None:
        return next(iter(figures))
    if metric not in figures:
        listed = ", ".join(repr(name) for name in figures)
        hint = nearest_word(metric, figures)
        name = job.experiment.name
        raise InputError(f"{name}: Metric must be one of {listed}, not {metric!r}{hint}")
    return metric


def train(
    job: Job,
    sessions: Sequence[Session],
    moved: Callable[[int], Any] = lambda _: None,
    told: Callable[[list[Finding]], Any] = lambda _: None,
) -> list[History]:
    """Let sessions learn the experiment's trials, side by side.

    How the trials are cut into steps changes nothing but when progress is shown.

    Parameters
    ----------
    moved
        Is told after every step how many trials it had.
    told
        Is told, after the first trials and at the end, what keeps a session of fixed point from
        learning.

    Raises
    ------
    InputError
        If the experiment's metric is not one of the task's.
    """
    trials = job.experiment.trials
    histories = [History(session.kind, trials) for session in sessions]
    stops = sorted({trials * k**2 // POINTS**2 for k in range(POINTS + 1)})
    size, done = 1, 0
    record = job.plan.reward is None
    watch = watched(sessions)
    for stop in stops:
        while done < stop:
            begin = time.perf_counter()
            count = min(size, stop - done)
            stimulus, samples = job.task.trials(done, count)
            outcomes = in_parallel(
                sessions,
                lambda session, s=stimulus, k=samples: session.learn(s, k, record=record),
                len(sessions),
            )
            for history, outcome in zip(histories, outcomes, strict=True):
                history.add(done, real_errors(job, history.kind, outcome, samples))
            done += count
            moved(count)
            if watch is not None and done - count < watch.enough <= done:
                told(watch.findings())
            if time.perf_counter() - begin < STEP_S:
                size = min(2 * size, MOST)
        measured = in_parallel(sessions, job.task.measure, len(sessions))
        for history, figures in zip(histories, measured, strict=True):
            history.measured.append((done, figures))
        headline(job, histories[0].last)
    told([] if watch is None else watch.findings())
    return histories


def watched(sessions: Sequence[Session]) -> Watch | None:
    """Watch the first session of fixed point, beside the first of float64; None if all are that."""
    fixed = next((session for session in sessions if session.kind != "ideal"), None)
    if fixed is None:
        return None
    beside = next((session for session in sessions if session.kind == "ideal"), None)
    fixed.watch = Watch(fixed, beside)
    return fixed.watch
