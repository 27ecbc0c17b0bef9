"""Pattern generation: one readout draws a sum of four sines, driven by frozen random spikes.

Inputs, target and initial weights are those of NEST's test of e-prop against the original
authors' TensorFlow code (``test_eprop_regression``), if the seed is 1 and the sizes are 100:
numpy's legacy generator draws, in this order, the weights of the inputs, of the recurrent
projection, which has none from a neuron to itself, of the readout and of the feedback, Gaussians
over the square root of the presynaptic neurons, or of the hidden ones for the feedback; the
spikes, none in the first tick; the amplitudes and the phases. The target starts at 0, its
largest absolute value is 1. There is one trial, shown again and again.
Source: Bellec et al., Nature Communications 11:3625 (2020); NEST.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldenspike.golden.parameters import Parameters, unit
from goldenspike.golden.plan import Plan
from goldenspike.golden.trial import Outcome, Session, Stimulus
from goldenspike.tools.supervised import populations, real

PROJECTIONS = ("inputs_to_hidden", "hidden_to_hidden", "hidden_to_readout", "errors_to_teacher")
"""Their weights are drawn; a projection that the network lacks or that mirrors another is not."""
SINES = (1, 2, 3, 5)
"""Periods of the sines are the trial's length over these, in whole ticks."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    rate
        Probability of a spike of an input a tick.
    """

    rate: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        unit("Rate", self.rate)


class Task:
    """Pattern generation for one network: a source of inputs, one of the target, one readout."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        self.params, self.plan, self.seed = params, plan, seed
        size = plan.sources[0].size if plan.sources else 1
        source, targets, self.readout = populations(
            "pattern_generation", plan, size, 1, spiking=True
        )
        if plan.ticks < SINES[-1]:
            raise ValueError(
                f"Ticks of pattern_generation must be {SINES[-1]} or more, not {plan.ticks!r}"
            )
        found = {q.name: q for q in plan.projections}
        for name in PROJECTIONS[:3:2]:
            if name not in found:
                raise ValueError(f"Network of pattern_generation must have a projection {name}")
        hidden = found[PROJECTIONS[0]].post.size
        draw = np.random.RandomState(seed)
        self.weights = _weights(draw, size, hidden)
        spikes = draw.rand(plan.ticks, size) < params.rate
        spikes[0] = False
        self.target = _target(draw, plan.ticks)
        self.stimulus = Stimulus(
            {
                source.name: spikes[None].astype(np.int8),
                targets.name: targets.signal.nearest(self.target[None, :, None]),
            }
        )

    def initial(self, session: Session) -> None:
        """Give a session the weights to begin with."""
        for q in self.plan.projections:
            if q.name in self.weights and q.mirror is None:
                session.start_weights(q.name, self.weights[q.name])

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the stimulus of learning trials, which is the same for all of them."""
        return self.stimulus, np.zeros(count, np.int64)

    def losses(self, outcome: Outcome, samples: np.ndarray) -> np.ndarray:
        """Return half the squared error of each trial, summed over its ticks."""
        error = real(self.readout, outcome)[:, :, 0] - self.target
        return 0.5 * (error**2).sum(axis=1)

    def measure(self, session: Session) -> dict[str, float]:
        """Return half the squared error summed over a trial."""
        samples = np.zeros(1, np.int64)
        outcome = session.evaluate(self.stimulus, samples, record=True)
        return {"loss": float(self.losses(outcome, samples)[0])}


def _weights(draw: np.random.RandomState, inputs: int, hidden: int) -> dict[str, np.ndarray]:
    """Return the weights ``(pre, post)`` by projection; NEST's weights are single precision."""
    into = draw.randn(inputs, hidden) / inputs**0.5
    recurrent = draw.randn(hidden, hidden) / hidden**0.5
    np.fill_diagonal(recurrent, 0)
    out = draw.randn(hidden, 1) / hidden**0.5
    feedback = draw.randn(hidden, 1) / hidden**0.5
    drawn = into, recurrent, out, feedback.T
    return {
        name: w.astype(np.float32).astype(np.float64)
        for name, w in zip(PROJECTIONS, drawn, strict=True)
    }


def _target(draw: np.random.RandomState, ticks: int) -> np.ndarray:
    """Return the sum of sines ``(ticks,)``."""
    amplitudes = draw.uniform(0.5, 2, len(SINES))
    phases = draw.uniform(0, 2 * np.pi, len(SINES))
    total = np.zeros(ticks)
    for amplitude, phase, sine in zip(amplitudes, phases, SINES, strict=True):
        turns = ticks // (ticks // sine)
        total += amplitude * np.sin(np.linspace(phase, phase + 2 * np.pi * turns, ticks))
    total -= total[0]
    return total / np.abs(total).max()
