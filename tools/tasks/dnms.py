"""Delayed non-match to sample: tell whether two stimuli, a delay between them, differ.

A trial, in ticks: sample `stimulus`, `delay`, test `stimulus`, `delay`, `response`. Sample and test
are one of two, the first or the second neuron of the source, which is 1 as long as it is shown; all
other neurons of the source are 1 throughout. The target is 1 in the response if they differ, -1 if
they are the same, and 0 before. The kinds of trials are the conditions of a baseline that tells
four apart.
Source: Miconi, eLife 6:e20899 (2017), with other durations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.parameters import Parameters
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.golden.trial import Session, Stimulus

KINDS = 4
"""Sample A or B, test A or B: kind k shows stimulus ``k % 2``, then ``k // 2``."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    stimulus, delay, response
        Durations in ticks.
    """

    stimulus: int = 8
    delay: int = 4
    response: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("stimulus", "delay", "response"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name.capitalize()} must be 1 or more ticks, not 0 or less")

    @property
    def ticks(self) -> int:
        """The length of a trial."""
        return 2 * (self.stimulus + self.delay) + self.response


class Task:
    """The four kinds of trials for one network: a source of 2 or more, one graded readout."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        reward: Any = plan.reward
        if len(plan.sources) != 1 or plan.sources[0].size < 2:
            raise ValueError("Network of dnms must have one source of 2 neurons or more")
        if reward is None or not reward.targets_every_tick or reward.readout.size != 1:
            raise ValueError("Network of dnms must have one readout and targets every tick")
        if plan.ticks != params.ticks:
            raise ValueError(f"Ticks of dnms must be {params.ticks}, not {plan.ticks!r}")
        kinds = reward.baselines // reward.bins
        if kinds not in (1, KINDS):
            raise ValueError(f"Conditions of dnms must be 1 or {KINDS}, not {kinds!r}")
        self.plan, self.params, self.seed = plan, params, seed
        (source,) = plan.sources
        kind = np.arange(KINDS)
        shown = np.zeros((KINDS, plan.ticks, source.size))
        shown[:, :, 2:] = 1
        second = params.stimulus + params.delay
        shown[kind, : params.stimulus, kind % 2] = 1
        shown[kind, second : second + params.stimulus, kind // 2] = 1
        self.sign = np.where(kind % 2 == kind // 2, -1.0, 1.0)
        target = np.zeros((KINDS, plan.ticks, 1))
        target[:, -params.response :] = self.sign[:, None, None]
        self.stimulus = Stimulus(
            {source.name: source.signal.nearest(shown)},
            reward.target.nearest(target),
            kind if kinds == KINDS else None,
        )

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the stimulus of learning trials ``first`` and on, and the kind of each."""
        drawn = words(self.seed, Stream.TASK, 0, first, 2 * count)[::2]
        return self.stimulus, drawn >> 30

    def measure(self, session: Session) -> dict[str, float]:
        """Return the share of kinds answered rightly, and the error of a trial over its ticks.

        An answer is the sign of the readout's sum over the response.
        """
        reward: Any = self.plan.reward
        outcome = session.evaluate(self.stimulus, np.arange(KINDS), record=True)
        answers = outcome.signals[:, -self.params.response :, 0].astype(np.float64).sum(axis=1)
        raw = outcome.errors[:, 0]
        real = raw if session.kind == "ideal" else reward.error.to_float(raw.astype(np.int64))
        return {
            "accuracy": float((answers * self.sign > 0).mean()),
            "error": float(np.mean(real)) / self.plan.ticks,
        }
