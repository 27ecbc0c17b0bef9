"""What the rules share: a perturbation, the factor of a trial and the weight update.

    perturbed = value + amplitude * variate
    factor    = requantize(rate * reward)                   once a trial and projection
    w'        = requantize(w + factor * eligibility)        once a trial and synapse

`rate` is ``eta * scale / (amplitude * variance)``: a perturbation ``psi = amplitude * variate``
of variance ``sigma**2 = amplitude**2 * variance`` makes ``eta * reward * psi / sigma**2`` the
product of `rate`, `reward` and `variate`. Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell
from goldenspike.golden.fixed import RANDOM, Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters, positive
from goldenspike.golden.randomness import Distribution

RATE_BITS = 16
"""Significant bits of a rate; its exponent is free."""


@dataclass(frozen=True)
class PerturbationParams(Parameters):
    """What every rule that perturbs is told.

    Parameters
    ----------
    eta
        Learning rate, above 0.
    sigma
        Standard deviation of the perturbation, above 0, in units of what is perturbed.
    factor
        Format of the product of rate and reward, in weight units per variate.
    distribution
        ``rademacher`` or ``gaussian``.
    rounding, overflow
        How the weight update is rounded and limited.
    """

    eta: float
    sigma: float
    factor: Format
    distribution: Distribution = Distribution.RADEMACHER
    rounding: Rounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def __post_init__(self) -> None:
        positive("Eta", self.eta)
        positive("Sigma", self.sigma)

    @property
    def amplitude(self) -> float:
        """The real factor of a variate."""
        return self.sigma / math.sqrt(self.distribution.variance)


class PerturbConstants(NamedTuple):
    value: Format
    variate: Format
    amplitude: Any


class PerturbInputs(NamedTuple):
    value: Any
    variate: Any


class PerturbOutputs(NamedTuple):
    perturbed: Any


@cell
def perturb(c: Any, s: Any, x: Any) -> Any:
    """Add a perturbation, exactly."""
    return s, PerturbOutputs(x.value + c.amplitude * x.variate)


def perturbed_format(c: PerturbConstants) -> Format:
    """Return the format of a perturbed value."""
    ends = [c.amplitude * c.variate.low, c.amplitude * c.variate.high]
    return Format.holding(c.value.low + min(ends), c.value.high + max(ends), c.value.frac)


class FactorConstants(NamedTuple):
    rate_format: Format
    reward: Format
    factor: Format
    rate: Any
    frac: int


class FactorInputs(NamedTuple):
    reward: Any


class FactorOutputs(NamedTuple):
    factor: Any


def factor_constants(rate: float, reward: Format, factor: Format) -> FactorConstants:
    """Return the integers for a real rate, kept to RATE_BITS significant bits."""
    fmt = Format(False, RATE_BITS, RATE_BITS - 1 - math.floor(math.log2(rate)))
    raw = fmt.nearest(rate)
    return FactorConstants(fmt, reward, factor, raw, fmt.frac + reward.frac)


@cell
def scale(c: Any, s: Any, x: Any) -> Any:
    """Make the factor of a trial."""
    product = c.rate * x.reward
    return s, FactorOutputs(
        requantize(product, c.frac, c.factor, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    )


class UpdateConstants(NamedTuple):
    weight: Format
    factor: Format
    eligibility: Format
    frac: int
    weight_shift: int
    product_shift: int
    rounding: int
    overflow: int


class UpdateState(NamedTuple):
    w: Any


class UpdateInputs(NamedTuple):
    factor: Any
    eligibility: Any
    word: Any


def update_constants(
    weight: Format, factor: Format, eligibility: Format, rounding: int, overflow: int
) -> UpdateConstants:
    """Return the constants of an update between formats."""
    product = factor.frac + eligibility.frac
    frac = max(product, weight.frac)
    return UpdateConstants(
        weight,
        factor,
        eligibility,
        frac,
        frac - weight.frac,
        frac - product,
        int(rounding),
        int(overflow),
    )


@cell
def update(c: Any, s: Any, x: Any) -> Any:
    """Learn one weight."""
    change = align(x.factor * x.eligibility, c.product_shift)
    total = align(s.w, c.weight_shift) + change
    w = requantize(total, c.frac, c.weight, c.rounding, c.overflow, x.word)
    return UpdateState(w), Nothing()


PERTURB = Cell(
    "rules.three_factor.perturb",
    perturb,
    lambda c: Ports(
        Nothing(), PerturbInputs(c.value, c.variate), PerturbOutputs(perturbed_format(c))
    ),
)
SCALE = Cell(
    "rules.three_factor.scale",
    scale,
    lambda c: Ports(Nothing(), FactorInputs(c.reward), FactorOutputs(c.factor)),
)
UPDATE = Cell(
    "rules.three_factor.update",
    update,
    lambda c: Ports(
        UpdateState(c.weight), UpdateInputs(c.factor, c.eligibility, RANDOM), Nothing()
    ),
)
