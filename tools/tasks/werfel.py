"""Werfel's perceptron: a linear readout learns a linear teacher from fresh Gaussian inputs.

Every trial shows another input of one tick, ``x ~ N(0, 1)``, with the target ``y = sum W* x`` of a
teacher with Gaussian weights of variance 1. The error is ``1/2 |y - target|**2``.
Source: Werfel, Xie, Seung, Neural Computation 17:2699 (2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.parameters import Parameters, positive
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.tools.moments import GAUSSIAN, Moments

LIMIT = 3.9
"""Inputs beyond are cut off, one in ten thousand: the source's format ends at 4."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    teacher
        Standard deviation of the teacher's weights, above 0.
    judged
        Fresh inputs over which the error is measured.
    """

    teacher: float = 1.0
    judged: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("Teacher", self.teacher)
        positive("Judged", self.judged)


@dataclass(frozen=True)
class Theory:
    """The closed forms for M outputs and N inputs.

    Those of the source are for Gaussian perturbations; of others the fourth and sixth moments
    count too. With C the mean of ``|xi|**6``, of M elements, the error D is for node perturbation

        D' = D (1 - 2 eta + eta**2 (N + 2) (M - 1 + fourth)) + eta**2 sigma**2 / 8 N C

    For weight perturbation ``(M N - 1 + fourth)`` is in the place of ``(M - 1 + fourth)``, and
    in that of ``N C`` the mean of ``|psi x|**4 |psi|**2``. With the rows y_i = psi_i x and
    p_i = psi_i psi_i it is the sum of ``<y_i**2 y_j**2 p_k>``, first over the perturbation,

        M <y**4 p> + M (M-1) (<y**4> <p> + 2 <y**2 p> <y**2>) + M (M-1) (M-2) <y**2>**2 <p>

    then over Gaussian inputs, of ``<|x|**4> = N (N + 2)`` and ``<sum x_j**4> = 3 N``.
    """

    outputs: int
    inputs: int

    def trials(self, rule: str) -> int:
        """Return K: at the best rate the error falls by a factor 1 - 1/K a trial."""
        m, n = self.outputs, self.inputs
        return (n + 2) * ((m * n + 2) if rule == "weight_perturbation" else (m + 2))

    def eta(self, rule: str) -> float:
        """Return the best learning rate for Gaussian perturbations."""
        return 1 / self.trials(rule)

    def rate(self, rule: str, moments: Moments = GAUSSIAN) -> float:
        """Return the share of the excess error that a trial removes at the rate :meth:`eta`."""
        eta, m, n = self.eta(rule), self.outputs, self.inputs
        size = m * n if rule == "weight_perturbation" else m
        return 2 * eta - eta**2 * (n + 2) * (size - 1 + moments.fourth)

    def floor(self, rule: str, sigma: float, moments: Moments = GAUSSIAN) -> float:
        """Return the error that remains for perturbations of `sigma` at the rate :meth:`eta`."""
        if rule == "weight_perturbation":
            noise = self._rows(moments)
        else:
            noise = self.inputs * moments.cube(self.outputs)
        return self.eta(rule) ** 2 * sigma**2 / 8 * noise / self.rate(rule, moments)

    def _rows(self, moments: Moments) -> float:
        """Return the mean of ``|psi x|**4 |psi|**2`` for psi of variance 1."""
        m, n, fourth = self.outputs, self.inputs, moments.fourth
        square, quartic = n * (n + 2), 3 * n
        y4 = 3 * square + (fourth - 3) * quartic
        y4p = quartic * (moments.sixth + (n - 1) * fourth)
        y4p += 3 * (square - quartic) * (2 * fourth + n - 2)
        y2p_y2 = square * (n - 1 + fourth)
        return m * (y4p + (m - 1) * (n * y4 + 2 * y2p_y2 + (m - 2) * n * square))


def _normal(seed: int, counter: int, first: int, count: int) -> np.ndarray:
    """Return standard normal numbers of a stream, by Box and Muller's transform."""
    pairs = words(seed, Stream.TASK, counter, first, 2 * count).reshape(count, 2)
    u = (pairs + 0.5) / 2.0**32
    return np.sqrt(-2 * np.log(u[:, 0])) * np.cos(2 * np.pi * u[:, 1])


class Task:
    """The perceptron for one network: one graded source, one graded readout, one tick."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        reward = plan.reward
        fits = len(plan.sources) == 1 and plan.ticks == 1
        if reward is None or not reward.targets_every_tick or not fits:
            raise ValueError("Network of werfel must have one source and a trial of one tick")
        self.plan, self.params, self.seed = plan, params, seed
        self.source, self.target = plan.sources[0], reward.target
        self.theory = Theory(reward.readout.size, self.source.size)
        shape = (self.source.size, reward.readout.size)
        self.teacher = params.teacher * _normal(seed, 1, 0, shape[0] * shape[1]).reshape(shape)

    def _present(self, counter: int, first: int, count: int) -> Stimulus:
        size = self.source.size
        x = _normal(self.seed, counter, first * size, count * size).reshape(count, size)
        x = x.clip(-LIMIT, LIMIT)
        inputs = self.source.signal.nearest(x)[:, None, :]
        targets = self.target.nearest(x @ self.teacher)[:, None, :]
        return Stimulus({self.source.name: inputs}, targets)

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the stimulus of learning trials ``first`` and on, and the sample of each."""
        return self._present(2, first, count), np.arange(count)

    def error(self, errors: Any) -> Any:
        """Return real errors ``1/2 |y - target|**2`` from raw ones of fixed point."""
        reward: Any = self.plan.reward
        return reward.error.to_float(errors) / 2

    def measure(self, session: Session) -> dict[str, float]:
        """Return the mean error over fresh inputs."""
        judged = self._present(3, 0, self.params.judged)
        errors = session.evaluate(judged, np.arange(self.params.judged)).errors[:, 0]
        real = errors / 2 if session.kind == "ideal" else self.error(errors)
        return {"error": float(real.mean())}
