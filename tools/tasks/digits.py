"""Handwritten digits: scikit-learn's 1,797 real 8x8 images (UCI, Alpaydin and Kaynak 1998).

A pixel of intensity p (0 to 16) spikes in a tick with probability p/16. The target of a class
neuron is a spike count: `hit` of the ticks for the right class, `miss` for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from sklearn.datasets import load_digits

from goldenspike.golden.parameters import Parameters, unit
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import MASK, Stream, bernoulli, block, words
from goldenspike.golden.trial import Session, Stimulus

TRAIN = 1400
"""Images that are learned from; the rest are held out."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    hit, miss
        Spikes a tick that the neuron of the right class and the others should make.
    repeats
        Presentations of each image when accuracy is measured.
    """

    hit: float = 0.6
    miss: float = 0.05
    repeats: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        unit("Hit", self.hit)
        unit("Miss", self.miss)


@numba.njit(cache=True, nogil=True)
def _encode(images: Any, seed: int, stream: int, first: int, ticks: int) -> Any:
    """Return spikes ``(images, ticks, pixels)``; presentation ``first + k`` is image k's."""
    count, pixels = images.shape
    out = np.zeros((count, ticks, pixels), np.int8)
    for k in range(count):
        for t in range(ticks):
            for j in range(0, pixels, 2):
                x0, x1 = block(seed, stream, (first + k) & MASK, (t << 16) | (j >> 1))
                out[k, t, j] = bernoulli(x0, images[k, j] << 28)
                if j + 1 < pixels:
                    out[k, t, j + 1] = bernoulli(x1, images[k, j + 1] << 28)
    return out


class Task:
    """Digits for one network: a source of 64 spiking pixels, a readout of 10 spiking neurons."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        self.params, self.plan, self.seed = params, plan, seed
        sources = [(p.size, p.signal.width) for p in plan.sources]
        if sources != [(64, 1)] or plan.reward is None or plan.reward.readout.size != 10:
            raise ValueError("Network of digits must have one source of 64 spikes, and 10 readouts")
        data: Any = load_digits()
        self.images = data.data.astype(np.int64)
        self.labels = data.target.astype(np.int64)
        order = np.argsort(words(0, Stream.TASK, 0, 0, len(self.labels)), kind="stable")
        self.train, self.held_out = order[:TRAIN], order[TRAIN:]

    @cached_property
    def targets(self) -> np.ndarray:
        """The raw targets of every image."""
        reward: Any = self.plan.reward
        rate = np.where(np.eye(10)[self.labels] == 1, self.params.hit, self.params.miss)
        return reward.target.nearest(rate * self.plan.ticks)

    def _present(self, images: np.ndarray, first: int, stream: int) -> Stimulus:
        source = self.plan.sources[0].name
        spikes = _encode(self.images[images], self.seed, stream, first, self.plan.ticks)
        return Stimulus({source: spikes}, self.targets[images])

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the stimulus of learning trials ``first`` and on, and the sample of each."""
        drawn = words(self.seed, Stream.TASK + 1, 0, first, 2 * count)[::2]
        images = self.train[(drawn * len(self.train)) >> 32]
        return self._present(images, first, Stream.TASK + 2), np.arange(count)

    def accuracy(self, session: Session, images: np.ndarray) -> float:
        """Return the share of presentations in which the right neuron spikes most.

        Every image is presented `repeats` times; of neurons that tie, the lowest class counts.
        """
        shown = np.tile(images, self.params.repeats)
        stimulus = self._present(shown, 0, Stream.TASK + 3)
        signals = session.evaluate(stimulus, np.arange(len(shown)), record=True).signals
        counts = signals.astype(np.float64).sum(axis=1)
        return float((counts.argmax(axis=1) == self.labels[shown]).mean())

    def measure(self, session: Session) -> dict[str, float]:
        """Return the accuracy on the images learned from and on those held out."""
        return {
            "train accuracy": self.accuracy(session, self.train),
            "held-out accuracy": self.accuracy(session, self.held_out),
        }
