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
from goldenspike.tools.moments import GAUSSIAN, Moments


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

    Those of the source are for Gaussian perturbations. Of others only the fourth and sixth
    moments count, since every row of inputs has the same length, ``sum_j x_j(t)**2 = N``: with
    u = eta alpha**2, K elements that matter and C the mean of ``|xi|**6``, the excess error D is

        D' = a D + u**2 (sigma_eff**2 / (8 Neff)) C           a = 1 - 2 u + u**2 (K - 1 + fourth)

    for weight perturbation, with K = M Neff. Node perturbation has M T elements, and unreachable
    error Eopt is noise for it:

        D' = a D + u**2 (sigma**2 Neff / (8 T**2) C + k Eopt)         a = 1 - 2 u + u**2 (k + 2)
        k  = M Neff (1 + (fourth - 3) / (M T))

    Hybrid perturbation has the trace ``sum_kt psi_ik x_k(t) x_j(t) = T alpha**2 psi_ij``, as the
    inputs are orthogonal, and 0 of silent ones: it is weight perturbation of active inputs only,
    of a rate T alpha**2 as high.
    Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023), for Gaussian perturbations.
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
    def weights(self) -> int:
        """Weights that matter, M Neff."""
        return self.outputs * self.dimension

    @property
    def eta(self) -> float:
        """The learning rate of fastest convergence."""
        return 1 / ((self.weights + 2) * self.strength)

    def sigma(self, rule: str, effective: float) -> float:
        """Return the perturbation whose effect on the outputs is `effective`."""
        weights = math.sqrt(self.strength * self.dimension)
        return effective / weights if rule == "weight_perturbation" else effective

    def _spread(self, rule: str, moments: Moments) -> float:
        """Return what u**2 is multiplied by in the decay."""
        if rule == "weight_perturbation":
            return self.weights - 1 + moments.fourth
        return self.weights * (1 + (moments.fourth - 3) / (self.outputs * self.ticks)) + 2

    def decay(
        self, eta: float, rule: str = "weight_perturbation", moments: Moments = GAUSSIAN
    ) -> float:
        """Return the factor by which the excess error falls in a trial."""
        u = eta * self.strength
        return 1 - 2 * u + u * u * self._spread(rule, moments)

    def floor(
        self,
        rule: str,
        effective: float,
        moments: Moments = GAUSSIAN,
        eta: float | None = None,
    ) -> float:
        """Return the error that remains, by default at the rate :attr:`eta`."""
        eta = self.eta if eta is None else eta
        u, n, t = eta * self.strength, self.dimension, self.ticks
        if rule == "weight_perturbation":
            noise = effective**2 / (8 * n) * moments.cube(self.weights)
        else:
            noise = effective**2 * n / (8 * t * t) * moments.cube(self.outputs * t)
            noise += (self._spread(rule, moments) - 2) * self.unreachable
        return self.unreachable + u * u * noise / (1 - self.decay(eta, rule, moments))

    def floor_of_mean(self, effective: float, rate: float) -> float:
        """Return the error that remains for weight perturbation against a running mean.

        The mean holds the quadratic part of the error change, of which only the variance is left:
        instead of ``K (K + 2) (K + 4)`` it is ``<(|psi|**2 - K)**2 |psi|**2> = 2 K (K + 4)``.
        The mean itself is noise of ``b = rate / (2 - rate)`` of the variance of the error change,
        ``2 alpha**2 sigma**2 (D + alpha**2 sigma**2 K / 4)``, whatever the perturbation. At
        the fastest rate, of ``1/u = K (1 + b) + 2``:

            D = sigma_eff**2 / (8 Neff) u K (2 K (1 + b) + 8)

        That the mean lags behind a falling error costs nothing where the error does not fall.
        """
        b, k = rate / (2 - rate), self.weights
        u = 1 / (k * (1 + b) + 2)
        return self.unreachable + effective**2 / (8 * self.dimension) * u * k * (
            2 * k * (1 + b) + 8
        )


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
