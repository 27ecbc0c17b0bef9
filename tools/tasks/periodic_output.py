"""Periodic output: readouts of a recurrent network draw a curve, told only when to start.

The source's one neuron is 1 in the first tick and 0 after: what follows, the network makes itself.
The targets are a curve of so many ticks a cycle, over `cycles` cycles, after `settle` ticks that do
not count, in which the targets are those of the ticks before a cycle. With ``s = 2 pi t / T`` in
the ticks t = 1 to T of a cycle the curves are `size` times

    sines            sin s + sin 2s / 2 + sin 4s / 4                            one readout
    circle           sin s, cos s                                               two
    figure_eight     sin s, sin 2s                                              two

The loss is half the squared error, summed over readouts and meant over the ticks that count.
Source: Murray, eLife 8:e43299 (2019), who starts from units of 0.1, which is what a pulse of a
weight of 4 makes of tanh units of time constant 10; circle and figure eight: Pearlmutter, Neural
Computation 1:263 (1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldenspike.golden.parameters import Parameters, choice, positive
from goldenspike.golden.plan import Plan
from goldenspike.golden.trial import Outcome, Session, Stimulus
from goldenspike.tools.supervised import populations, real

SHAPES = {
    "sines": lambda s: np.stack([np.sin(s) + np.sin(2 * s) / 2 + np.sin(4 * s) / 4], axis=1),
    "circle": lambda s: np.stack([np.sin(s), np.cos(s)], axis=1),
    "figure_eight": lambda s: np.stack([np.sin(s), np.sin(2 * s)], axis=1),
}


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    shape
        ``"sines"``, ``"circle"`` or ``"figure_eight"``.
    cycles
        How often it is drawn in a trial.
    settle
        Ticks before that, in which errors do not count: the network's errors, if they have a
        window, must leave these ticks out too.
    size
        What the curve is multiplied by.
    """

    shape: str = "sines"
    cycles: int = 1
    settle: int = 0
    size: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("Shape", self.shape, tuple(SHAPES))
        if self.cycles < 1:
            raise ValueError(f"Cycles must be 1 or more, not {self.cycles!r}")
        if self.settle < 0:
            raise ValueError(f"Settle must be 0 or more ticks, not {self.settle!r}")
        positive("Size", self.size)

    def curve(self, period: int) -> np.ndarray:
        """Return one cycle of the curve, ``(period, readouts)``."""
        return self.size * SHAPES[self.shape](2 * np.pi * np.arange(1, period + 1) / period)


class Task:
    """The curve for one network: a source of one, one of the targets, a readout a coordinate."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        self.params, self.plan, self.seed = params, plan, seed
        readouts = params.curve(1).shape[1]
        source, targets, self.readout = populations("periodic_output", plan, 1, readouts)
        self.counted = plan.ticks - params.settle
        if self.counted < params.cycles or self.counted % params.cycles:
            raise ValueError(
                f"Ticks of periodic_output must be {params.settle} and a multiple of "
                f"{params.cycles}, not {plan.ticks!r}"
            )
        for p in plan.populations:
            if p.window is not None and (p.window or plan.ticks) != self.counted:
                raise ValueError(
                    f"Window of {p.name} must be the {self.counted} ticks that count, "
                    f"not {p.window!r}"
                )
        self.period = self.counted // params.cycles
        turns = np.arange(plan.ticks) - params.settle
        self.target = params.curve(self.period)[turns % self.period]
        pulse = np.zeros((1, plan.ticks, 1))
        pulse[0, 0, 0] = 1
        self.stimulus = Stimulus(
            {
                source.name: source.signal.nearest(pulse),
                targets.name: targets.signal.nearest(self.target[None]),
            }
        )

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the stimulus of learning trials, which is the same for all of them."""
        return self.stimulus, np.zeros(count, np.int64)

    def losses(self, outcome: Outcome, samples: np.ndarray) -> np.ndarray:
        """Return the loss of each trial."""
        error = (real(self.readout, outcome) - self.target)[:, -self.counted :]
        return 0.5 * (error**2).sum(axis=2).mean(axis=1)

    def drawn(self, session: Session) -> np.ndarray:
        """Return what the readouts draw in a trial, ``(ticks, readouts)``."""
        return real(self.readout, session.evaluate(self.stimulus, [0], record=True))[0]

    def measure(self, session: Session) -> dict[str, float]:
        """Return the loss of a trial."""
        outcome = session.evaluate(self.stimulus, [0], record=True)
        return {"loss": float(self.losses(outcome, np.zeros(1, np.int64))[0])}
