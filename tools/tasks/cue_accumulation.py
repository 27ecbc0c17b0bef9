"""Cue accumulation, a T-maze with delayed supervision: tell the side that had more cues.

A trial: `cues` times a `gap` and a cue, on the left or on the right, then a `delay`, then the
`recall`, the only ticks with a target. The inputs are four groups of neurons that spike at random:
the first while there is a cue on the left, the second while there is one on the right, the third
during the recall, the fourth, noise, always. A trial has a side, each as likely, and each cue
is on the other one with probability `astray`; the class is the side that has more of them.
Source: Bellec et al., Nature Communications 11:3625 (2020), after Morcos and Harvey, Nature
Neuroscience 19:1672 (2016); Frenkel and Indiveri, "ReckOn", ISSCC 2022, on 50 samples an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldenspike.golden.parameters import Parameters, unit
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.tools.supervised import Labelled, check_ticks, spikes

SIDES = 2
GROUPS = 4
"""Left, right, recall, noise."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    cues
        How many there are, an odd number.
    cue, gap, delay, recall
        Durations in ticks.
    group
        Neurons of a group.
    rate, noise
        Probability of a spike a tick: of groups that are shown, and of the noise.
    astray
        Probability that a cue is on the other side.
    train, held_out
        Samples to learn from and to measure with.
    """

    cues: int = 7
    cue: int = 100
    gap: int = 50
    delay: int = 1050
    recall: int = 150
    group: int = 10
    rate: float = 0.04
    noise: float = 0.01
    astray: float = 0.3
    train: int = 50
    held_out: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("cues", "cue", "recall", "group", "train", "held_out"):
            if getattr(self, name) < 1:
                noun = name.capitalize().replace("_", "-")
                raise ValueError(f"{noun} must be 1 or more, not {getattr(self, name)!r}")
        for name in ("gap", "delay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name.capitalize()} must be 0 or more ticks, not less")
        if self.cues % 2 == 0:
            raise ValueError(f"Cues must be an odd number, not {self.cues!r}")
        for name in ("rate", "noise", "astray"):
            unit(name.capitalize(), getattr(self, name))

    @property
    def ticks(self) -> int:
        """The length of a trial."""
        return self.cues * (self.gap + self.cue) + self.delay + self.recall


def draw(params: Params, seed: int, stream: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs and sides of samples; side 0 is left, 1 right.

    Sides and cues are drawn from a stream, spikes from the next one.
    """
    drawn = np.array([words(seed, stream, k, 0, 1 + params.cues) for k in range(count)])
    side = drawn[:, 0] >> 31
    right = side[:, None] ^ (drawn[:, 1:] < params.astray * 2.0**32)
    group, period = params.group, params.gap + params.cue
    p = np.zeros((count, params.ticks, GROUPS, group))
    for k in range(params.cues):
        begin = k * period + params.gap
        p[np.arange(count), begin : begin + params.cue, right[:, k]] = params.rate
    p[:, -params.recall :, 2] = params.rate
    p[:, :, 3] = params.noise
    inputs = spikes(p.reshape(count, params.ticks, -1), seed, stream + 1)
    return inputs, (2 * right.sum(axis=1) > params.cues).astype(np.int64)


class Task(Labelled):
    """Cue accumulation for one network: a source of four groups, one of 2 targets, 2 readouts."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        self.params = params
        check_ticks("cue_accumulation", plan, params.ticks)
        super().__init__(
            "cue_accumulation",
            plan,
            seed,
            draw(params, seed, Stream.TASK, params.train),
            draw(params, seed, Stream.TASK + 2, params.held_out),
            params.recall,
            SIDES,
            spiking=True,
        )
