"""Parity of a few bits: one output learns whether an odd number of inputs are 1; XOR is 2 bits.

Inputs and targets are 0 and 1. Biases are weights from inputs that are always 1: the last neuron of
the first source, and all of the others. A trial shows one of the ``2**bits`` patterns or, one
a tick, all of them.
Source: Rumelhart, Hinton, Williams, "Learning internal representations by error propagation", in
Parallel Distributed Processing 1 (1986).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.parameters import Parameters, choice
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.golden.trial import Session, Stimulus

MOST_BITS = 8
SOLVED = 0.04
"""The mean squared error below which parity counts as solved, if all outputs are right."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    bits
        Inputs whose parity is asked for, 2 to 8.
    order
        ``cyclic``: trials show the patterns in turn; ``random``: each shows one drawn anew;
        ``together``: each shows all, one a tick.
    """

    bits: int = 2
    order: str = "random"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.bits <= MOST_BITS:
            raise ValueError(f"Bits must be 2 to {MOST_BITS}, not {self.bits!r}")
        choice("Order", self.order, ("cyclic", "random", "together"))

    @property
    def ticks(self) -> int:
        """The ticks of a trial."""
        return 1 << self.bits if self.order == "together" else 1


class Task:
    """Parity for one network: a source of the bits and a 1, sources of 1 only, one readout."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        reward: Any = plan.reward
        if reward is None or not reward.targets_every_tick or reward.readout.size != 1:
            raise ValueError("Network of parity must have one readout, and targets every tick")
        size = params.bits + 1
        if not plan.sources or plan.sources[0].size != size:
            raise ValueError(f"First source of parity must have {size} neurons: the bits and a 1")
        if plan.ticks != params.ticks:
            raise ValueError(f"Ticks of parity must be {params.ticks}, not {plan.ticks}")
        self.params, self.plan, self.seed = params, plan, seed
        patterns = np.arange(1 << params.bits)
        bits = (patterns[:, None] >> np.arange(params.bits)) & 1
        self.targets = bits.sum(axis=1) & 1
        shape = (-1, params.ticks)  # samples, ticks
        inputs = {}
        for source in plan.sources:
            ones = np.ones((len(patterns), source.size))
            if source is plan.sources[0]:
                ones[:, : params.bits] = bits
            inputs[source.name] = source.signal.nearest(ones).reshape(*shape, source.size)
        targets = reward.target.nearest(self.targets.astype(float)).reshape(*shape, 1)
        self.stimulus = Stimulus(inputs, targets)

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the stimulus of learning trials ``first`` and on, and the sample of each."""
        size = self.stimulus.size
        if self.params.order == "random":
            drawn = words(self.seed, Stream.TASK, 0, first, 2 * count)[::2]
            return self.stimulus, (drawn * size) >> 32
        return self.stimulus, (first + np.arange(count)) % size

    def outputs(self, session: Session) -> np.ndarray:
        """Return the outputs for all patterns, ``(2**bits,)``, as real numbers."""
        samples = np.arange(self.stimulus.size)
        signals = session.evaluate(self.stimulus, samples, record=True).signals.ravel()
        reward: Any = self.plan.reward
        return signals if session.kind == "ideal" else reward.readout.signal.to_float(signals)

    def measure(self, session: Session) -> dict[str, float]:
        """Return the mean squared error, the share of right outputs, and whether that is solved.

        An output is right if it is on its target's side of 1/2.
        """
        outputs = self.outputs(session).astype(np.float64)
        error = float(((outputs - self.targets) ** 2).mean())
        right = float((np.abs(outputs - self.targets) < 0.5).mean())
        return {
            "mean squared error": error,
            "right outputs": right,
            "solved": float(error < SOLVED and right == 1.0),
        }
