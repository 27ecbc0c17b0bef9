"""Store and recall: repeat the value that was shown when the command to store it was.

A trial is a sequence of steps. Each but the last shows one of `values` values, drawn anew, one step
that is drawn too gives the command to store, and the last gives the command to recall, the only
ticks with a target: the value of the step with the command. The inputs are groups of neurons that
spike at random while theirs is shown: one of each value, then store, then recall.
Source: Bellec et al., NeurIPS 31 (2018), where a trial has several pairs of commands; Nature
Communications 11:3625 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldenspike.golden.parameters import Parameters, unit
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.tools.supervised import Labelled, check_ticks, spikes


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    values
        How many values there are, 2 or more.
    steps
        Steps of a trial, 2 or more.
    step
        Duration of a step in ticks.
    group
        Neurons of a group.
    rate
        Probability of a spike a tick of groups that are shown.
    train, held_out
        Samples to learn from and to measure with.
    """

    values: int = 2
    steps: int = 6
    step: int = 100
    group: int = 10
    rate: float = 0.05
    train: int = 200
    held_out: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (
            ("values", 2),
            ("steps", 2),
            ("step", 1),
            ("group", 1),
            ("train", 1),
            ("held_out", 1),
        ):
            if getattr(self, name) < least:
                noun = name.capitalize().replace("_", "-")
                raise ValueError(f"{noun} must be {least} or more, not {getattr(self, name)!r}")
        unit("Rate", self.rate)

    @property
    def ticks(self) -> int:
        """The length of a trial."""
        return self.steps * self.step


def draw(params: Params, seed: int, stream: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and stored values of samples; steps are of a stream, spikes of the next."""
    shown = params.steps - 1
    drawn = np.array([words(seed, stream, k, 0, 1 + shown) for k in range(count)])
    stored = (drawn[:, 0] * shown) >> 32
    value = (drawn[:, 1:] * params.values) >> 32
    each = np.arange(count)
    on = np.zeros((count, params.steps, params.values + 2))
    on[each[:, None], np.arange(shown), value] = params.rate
    on[each, stored, params.values] = params.rate
    on[:, -1, params.values + 1] = params.rate
    p = np.repeat(np.repeat(on, params.step, axis=1), params.group, axis=2)
    return spikes(p, seed, stream + 1), value[each, stored]


class Task(Labelled):
    """Store and recall for one network: a source of groups, a target and a readout a value."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        self.params = params
        check_ticks("store_recall", plan, params.ticks)
        super().__init__(
            "store_recall",
            plan,
            seed,
            draw(params, seed, Stream.TASK, params.train),
            draw(params, seed, Stream.TASK + 2, params.held_out),
            params.step,
            params.values,
            spiking=True,
        )
