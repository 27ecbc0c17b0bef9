"""What tasks share whose network is told its targets: by a source, beside that of the inputs.

A labelled task asks which class an input is of. The target is 1 for the right class's readout and 0
for the others in the last `window` ticks, and 0 before; the answer is the readout with the largest
sum over these ticks, the first of those that tie. An epoch presents every sample that is learned
from once, in an order of its own.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from goldenspike.golden.plan import Plan
from goldenspike.golden.planned import PlannedPopulation
from goldenspike.golden.randomness import MASK, Stream, bernoulli, block, words
from goldenspike.golden.trial import Outcome, Session, Stimulus

ORDER = Stream.TASK + 0xFF
"""Stream of the order of epochs; tasks draw their data from others."""


@numba.njit(cache=True, nogil=True)
def _draw(thresholds: Any, seed: int, stream: int, first: int) -> Any:
    samples, ticks, neurons = thresholds.shape
    out = np.zeros((samples, ticks, neurons), np.int8)
    for k in range(samples):
        for t in range(ticks):
            for j in range(0, neurons, 2):
                x0, x1 = block(seed, stream, (first + k) & MASK, (t << 16) | (j >> 1))
                out[k, t, j] = bernoulli(x0, thresholds[k, t, j])
                if j + 1 < neurons:
                    out[k, t, j + 1] = bernoulli(x1, thresholds[k, t, j + 1])
    return out


def spikes(probabilities: np.ndarray, seed: int, stream: int, first: int = 0) -> np.ndarray:
    """Return spikes of given probabilities ``(samples, ticks, neurons)``; sample 0 is `first`."""
    return _draw(
        np.round(np.asarray(probabilities) * 2.0**32).astype(np.int64), seed, stream, first
    )


def populations(
    name: str, plan: Plan, inputs: int, outputs: int, *, spiking: bool = False
) -> tuple[PlannedPopulation, PlannedPopulation, PlannedPopulation]:
    """Return the source of a task's inputs, that of its targets, and the readout.

    Raises
    ------
    ValueError
        If the network has others, or a reward.
    """
    if plan.reward is not None:
        raise ValueError(f"Network of {name} must have no reward, as it is told its targets")
    sizes = [p.size for p in plan.sources]
    if sizes != [inputs, outputs] or plan.readout is None or plan.readout.size != outputs:
        raise ValueError(
            f"Network of {name} must have a source of {inputs}, then one of {outputs} targets, "
            f"and {outputs} readouts"
        )
    source, targets = plan.sources
    if spiking and source.signal.width != 1:
        raise ValueError(f"Inputs of {name} must be spikes, not {source.signal}")
    return source, targets, plan.readout


def check_ticks(name: str, plan: Plan, ticks: int) -> None:
    """Raise ValueError unless trials are as long as a task's."""
    if plan.ticks != ticks:
        raise ValueError(f"Ticks of {name} must be {ticks}, not {plan.ticks!r}")


def real(readout: PlannedPopulation, outcome: Outcome) -> np.ndarray:
    """Return the recorded signals of the readout as real numbers."""
    signals = outcome.signals
    if signals.dtype == np.float64:
        return signals
    return readout.signal.to_float(signals.astype(np.int64))


class Labelled:
    """A labelled task for one network; tasks make its data.

    Parameters
    ----------
    name
        Of the task.
    plan, seed
        The network, and the seed of the order of epochs.
    learned, held_out
        Raw inputs ``(samples, ticks, neurons)`` and classes ``(samples,)``.
    window
        Ticks in which there are targets, the last ones.
    classes
        The number of classes.
    spiking
        Whether inputs are spikes.
    """

    def __init__(
        self,
        name: str,
        plan: Plan,
        seed: int,
        learned: tuple[np.ndarray, np.ndarray],
        held_out: tuple[np.ndarray, np.ndarray],
        window: int,
        classes: int,
        *,
        spiking: bool = False,
    ) -> None:
        self.plan, self.seed, self.window = plan, seed, window
        size = learned[0].shape[2]
        self.source, self.targets, self.readout = populations(
            name, plan, size, classes, spiking=spiking
        )
        self.labels, self.held_out_labels = learned[1], held_out[1]
        self.stimulus = self._stimulus(*learned, classes)
        self.held_out = self._stimulus(*held_out, classes)

    def _stimulus(self, inputs: np.ndarray, labels: np.ndarray, classes: int) -> Stimulus:
        hot = np.zeros((len(labels), self.plan.ticks, classes))
        hot[:, -self.window :] = np.eye(classes)[labels][:, None]
        raw = self.targets.signal.nearest(hot)
        return Stimulus({self.source.name: inputs, self.targets.name: raw})

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the samples that are learned from, and which each trial from `first` on shows."""
        size = self.stimulus.size
        epochs = range(first // size, (first + count - 1) // size + 1)
        orders = [
            np.argsort(words(self.seed, ORDER, epoch, 0, size), kind="stable") for epoch in epochs
        ]
        begin = first % size
        return self.stimulus, np.concatenate(orders)[begin : begin + count]

    def losses(self, outcome: Outcome, samples: np.ndarray) -> np.ndarray:
        """Return the cross-entropy of each trial, the mean over the ticks with targets, in nats.

        It is that of the readouts' softmax.
        """
        y = real(self.readout, outcome)[:, -self.window :]
        y = y - y.max(axis=2, keepdims=True)
        entropy = np.log(np.exp(y).sum(axis=2))
        right = self.labels[samples][:, None, None]
        return (entropy - np.take_along_axis(y, right, 2)[:, :, 0]).mean(axis=1)

    def accuracy(self, session: Session, stimulus: Stimulus, labels: np.ndarray) -> float:
        """Return the share of samples that are answered rightly."""
        outcome = session.evaluate(stimulus, np.arange(stimulus.size), record=True)
        sums = real(self.readout, outcome)[:, -self.window :].sum(axis=1)
        return float((sums.argmax(axis=1) == labels).mean())

    def measure(self, session: Session) -> dict[str, float]:
        """Return the accuracy on the samples learned from and on those held out."""
        return {
            "train accuracy": self.accuracy(session, self.stimulus, self.labels),
            "held-out accuracy": self.accuracy(session, self.held_out, self.held_out_labels),
        }
