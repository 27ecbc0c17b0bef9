"""Linear teacher: the setting of the closed forms of perturbation learning.

Inputs ``x_j(t)``, the same in every trial: the first `dimension` are orthogonal sines and cosines
of strength ``mean x**2 = N / dimension``, the others are silent. The target is what a teacher whose
weights from them are all `teacher` gives, and, if `unreachable` is not 0, a cosine orthogonal to
all inputs that keeps the error ``1/(2T) sum (y - target)**2`` from falling below it.
Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.parameters import Parameters
from goldenspike.golden.plan import Plan
from goldenspike.golden.trial import Session, Stimulus


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    dimension
        Inputs that are not silent: even, below the ticks of a trial and up to all inputs.
    teacher
        Weight of the teacher from each of them.
    unreachable
        The least error that can be reached, 0 or more.
    """

    dimension: int
    teacher: float = 0.1
    unreachable: float = 0.0


@dataclass(frozen=True)
class Theory:
    """The closed forms, for `outputs` M, `dimension` Neff, `ticks` T and `strength` alpha**2.

    Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023).
    """

    outputs: int
    inputs: int
    dimension: int
    ticks: int
    unreachable: float = 0.0

    @property
    def strength(self) -> float:
        """The inputs' mean square, alpha**2."""
        return self.inputs / self.dimension

    @property
    def eta(self) -> float:
        """The learning rate of fastest convergence."""
        return 1 / ((self.outputs * self.dimension + 2) * self.strength)

    def decay(self, eta: float) -> float:
        """Return the factor by which the excess error falls in a trial."""
        a = eta * self.strength
        return 1 - 2 * a + a * a * (self.outputs * self.dimension + 2)

    def sigma(self, rule: str, effective: float) -> float:
        """Return the perturbation whose effect on the outputs is `effective`."""
        weights = math.sqrt(self.strength * self.dimension)
        return effective / weights if rule == "weight_perturbation" else effective

    def floor(self, rule: str, effective: float) -> float:
        """Return the error that remains at the rate :attr:`eta`."""
        m, mn, t = self.outputs, self.outputs * self.dimension, self.ticks
        if rule == "weight_perturbation":
            return self.unreachable + effective**2 / 8 * m * (mn + 4)
        noise = effective**2 / 8 * mn / t * (m * t + 2) * (m * t + 4) / (mn + 2)
        return self.unreachable * (1 + mn / (mn + 2)) + noise


class Task:
    """The teacher for one network: one graded source, one graded readout."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        reward: Any = plan.reward
        if len(plan.sources) != 1 or reward is None or not reward.targets_every_tick:
            raise ValueError("Network of linear_teacher must have a source and targets every tick")
        source = plan.sources[0]
        most = min(source.size, plan.ticks - 2)
        if params.dimension % 2 or not 2 <= params.dimension <= most:
            raise ValueError(f"Dimension must be even, 2 to {most}, not {params.dimension!r}")
        self.plan, self.params, self.seed = plan, params, seed
        self.theory = Theory(
            reward.readout.size, source.size, params.dimension, plan.ticks, params.unreachable
        )
        t = np.arange(plan.ticks)[:, None]
        wave = 2 * np.pi / plan.ticks * t * np.arange(1, params.dimension // 2 + 1)
        x = np.zeros((plan.ticks, source.size))
        x[:, : params.dimension : 2] = np.sin(wave)
        x[:, 1 : params.dimension : 2] = np.cos(wave)
        x *= math.sqrt(2 * self.theory.strength)
        outputs = reward.readout.size
        target = np.repeat(x.sum(axis=1, keepdims=True) * params.teacher, outputs, axis=1)
        # Mean square 2 unreachable over all outputs, at a frequency that no input has.
        beyond = params.dimension // 2 + 1
        height = math.sqrt(4 * params.unreachable / outputs)
        target += height * np.cos(2 * np.pi / plan.ticks * beyond * t)
        self.stimulus = Stimulus(
            {source.name: source.signal.nearest(x)[None]}, reward.target.nearest(target)[None]
        )

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the stimulus of learning trials and the sample of each: always the one."""
        return self.stimulus, np.zeros(count, np.int64)

    def error(self, errors: Any) -> Any:
        """Return real errors ``1/(2T) sum (y - target)**2`` from raw ones of fixed point."""
        reward: Any = self.plan.reward
        return reward.error.to_float(errors) / (2 * self.plan.ticks)

    def measure(self, session: Session) -> dict[str, float]:
        """Return the error without perturbation."""
        errors = session.evaluate(self.stimulus, [0]).errors[:, 0]
        scaled = errors / (2 * self.plan.ticks) if session.kind == "ideal" else self.error(errors)
        return {"error": float(scaled[0])}
