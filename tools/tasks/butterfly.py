"""Butterfly: readouts of a reservoir draw a curve in a trial, from pulses that tell the time.

The source's neurons take turns, ``neuron k is 1 in the ticks k T/K to (k+1) T/K``. The targets
are the coordinates of one cycle of a butterfly, over `extent`:

    r = exp(cos s) - 2 cos 4s - sin(s/12)**5,  x = r sin s,  y = r cos s,  s = 2 pi t / T

Source of the curve: Fay, American Mathematical Monthly 96:442 (1989); of reservoirs that draw
one by perturbation: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.parameters import Parameters, positive
from goldenspike.golden.plan import Plan
from goldenspike.golden.trial import Session, Stimulus

COORDINATES = 2


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    extent
        What the curve is divided by: with 3.2 it lies within -1 and 1.
    """

    extent: float = 3.2

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("Extent", self.extent)


def curve(ticks: int) -> np.ndarray:
    """Return one cycle, ``(ticks, 2)``."""
    s = 2 * np.pi * np.arange(ticks) / ticks
    r = np.exp(np.cos(s)) - 2 * np.cos(4 * s) - np.sin(s / 12) ** 5
    return np.stack([r * np.sin(s), r * np.cos(s)], axis=1)


class Task:
    """The curve for one network: a source whose size divides the ticks, two graded readouts."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        reward: Any = plan.reward
        fits = len(plan.sources) == 1 and plan.ticks % plan.sources[0].size == 0
        if not fits:
            raise ValueError("Network of butterfly must have a source whose size divides the ticks")
        if reward is None or not reward.targets_every_tick or reward.readout.size != COORDINATES:
            raise ValueError("Network of butterfly must have two readouts and targets every tick")
        self.plan, self.params, self.seed = plan, params, seed
        (source,) = plan.sources
        turns = np.arange(plan.ticks) * source.size // plan.ticks
        pulses = source.signal.nearest(1.0 * (turns[:, None] == np.arange(source.size)))
        targets = reward.target.nearest(curve(plan.ticks) / params.extent)
        self.stimulus = Stimulus({source.name: pulses[None]}, targets[None])
        self.silent = float((reward.target.to_float(targets) ** 2).sum())

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the stimulus of learning trials and the sample of each: always the one."""
        return self.stimulus, np.zeros(count, np.int64)

    def drawn(self, session: Session) -> np.ndarray:
        """Return what the readouts draw, ``(ticks, 2)``, in units of the target's."""
        signals = session.evaluate(self.stimulus, [0], record=True).signals[0]
        if session.kind == "ideal":
            return signals
        reward: Any = self.plan.reward
        return reward.readout.signal.to_float(signals.astype(np.int64))

    def measure(self, session: Session) -> dict[str, float]:
        """Return the squared error, in units of that of readouts that stay at 0."""
        raw = session.evaluate(self.stimulus, [0]).errors[:, 0]
        reward: Any = self.plan.reward
        real = raw if session.kind == "ideal" else reward.error.to_float(raw.astype(np.int64))
        return {"error left": float(real[0]) / self.silent}
