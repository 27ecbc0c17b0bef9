"""A teacher's trajectory, for conductance perturbation.

Inputs burst one after the other, the same in every trial: input j spikes in the ticks
``10 + 18 j + (0, 3, 6, 9)``. The teacher is the network itself with other weights: in it every
neuron hears `connected` inputs, chosen at random, with the weight `teacher`. What is to be learned
is the mean of its readout over many trials, in which its neurons are perturbed as the student's
are. That jiggle leaves an error which no weights take away: the floor is the teacher's own.
The error is the mean over the ticks of ``sum (y - target)**2``.
Source: Fiete and Seung, PRL 97:048104 (2006); the trajectory is of our own making.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from goldenspike.golden.parameters import Parameters, positive
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.golden.trial import Outcome, Session, Stimulus

FIRST, APART, BURST = 10, 18, (0, 3, 6, 9)
"""Ticks: of the first burst, between two bursts, and of the spikes in a burst."""
TEACHING, JUDGING = 1 << 31, 3 << 30
"""Trials whose perturbations the teacher and the judge see: far from those of learning."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    teacher
        Weight of the teacher's synapses, above 0.
    connected
        Inputs that each of the teacher's neurons hears.
    averaged
        Trials of the teacher whose mean is the target.
    judged
        Trials over which an error is measured.
    """

    teacher: float
    connected: int = 14
    averaged: int = 512
    judged: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("teacher", "connected", "averaged", "judged"):
            positive(name.capitalize(), getattr(self, name))


class Task:
    """The trajectory for one network: a source of spikes, a readout behind one that learns."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        reward: Any = plan.reward
        if len(plan.sources) != 1 or plan.sources[0].signal.width != 1:
            raise ValueError("Network of trajectory must have one source, of spikes")
        if reward is None or not reward.targets_every_tick:
            raise ValueError("Network of trajectory must have targets every tick")
        source = plan.sources[0]
        end = FIRST + APART * (source.size - 1) + BURST[-1]
        if plan.ticks <= end:
            raise ValueError(f"Ticks must be above {end}, not {plan.ticks}")
        if params.connected > source.size:
            raise ValueError(f"Connected must be 1 to {source.size}, not {params.connected!r}")
        self.params, self.plan, self.seed = params, plan, seed
        judged = [q.pre for q in plan.projections if q.post is reward.readout]
        learned = [q for q in plan.plastic if q.post in judged and q.pre is source]
        if len(learned) != 1:
            raise ValueError(
                "Network of trajectory must have one projection that learns and is judged, "
                f"not {len(learned)}"
            )
        self.learned = learned[0]
        self.spikes = np.zeros((1, plan.ticks, source.size), np.int8)
        for j in range(source.size):
            self.spikes[0, [FIRST + APART * j + t for t in BURST], j] = 1

    @cached_property
    def teacher(self) -> np.ndarray:
        """The teacher's weights, raw."""
        shape = self.learned.post.size, self.learned.pre.size
        drawn = words(self.seed, Stream.TASK, 0, 0, shape[0] * shape[1]).reshape(shape)
        heard = drawn.argsort(axis=1, kind="stable").argsort(axis=1) < self.params.connected
        return np.where(heard.T, self.learned.weight.nearest(self.params.teacher), 0)

    def _perturbed(
        self, session: Session, weights: Any, stimulus: Stimulus, first: int, count: int
    ) -> Outcome:
        """Return what trials `first` and on give with other weights."""
        other = session.copy()
        other.trial = first
        other.arrays[f"{self.learned.name}.w"][...] = weights
        return other.perturb(stimulus, np.zeros(count, np.int64), record=True)

    @cached_property
    def stimulus(self) -> Stimulus:
        """The one sample: the bursts and the teacher's mean trajectory."""
        reward: Any = self.plan.reward
        inputs = {self.plan.sources[0].name: self.spikes}
        unknown = np.zeros((1, self.plan.ticks, reward.readout.size), np.int64)
        shown, count = Stimulus(inputs, unknown), self.params.averaged
        teacher = Session(self.plan, self.seed)
        signals = self._perturbed(teacher, self.teacher, shown, TEACHING, count).signals
        mean = reward.readout.signal.to_float(signals.sum(axis=0)) / count
        return Stimulus(inputs, reward.target.nearest(mean)[None])

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the stimulus of learning trials and the sample of each: always the one."""
        return self.stimulus, np.zeros(count, np.int64)

    def real(self, kind: str, errors: Any) -> np.ndarray:
        """Return the errors of trials, means over their ticks, from those of an engine."""
        reward: Any = self.plan.reward
        sums = errors[:, 0] if kind == "ideal" else reward.error.to_float(errors[:, 0])
        return np.asarray(sums, np.float64) / self.plan.ticks

    def error(self, session: Session, weights: Any) -> float:
        """Return the mean error of a session's network with other weights, perturbed."""
        seen = self._perturbed(session, weights, self.stimulus, JUDGING, self.params.judged)
        return float(self.real(session.kind, seen.errors).mean())

    @cached_property
    def floor(self) -> float:
        """The error of the teacher itself."""
        return self.error(Session(self.plan, self.seed), self.teacher)

    def measure(self, session: Session) -> dict[str, float]:
        """Return the error under perturbations, and how many times the floor it is."""
        error = self.error(session, session.arrays[f"{self.learned.name}.w"])
        return {"error / floor": error / self.floor, "error": error}
