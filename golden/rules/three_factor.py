"""What the rules share: a perturbation, the factor of a trial and the weight update.

    perturbed = value + amplitude * variate
    factor    = requantize(rate * reward)                   once a trial and projection
    w'        = requantize(w + factor * eligibility)        once a trial and synapse

or, with an interval of several trials,

    sum' = requantize(sum + factor * eligibility)           once a trial and synapse
    w'   = requantize(w + sum'),  sum' = 0                  when it is due

`rate` is ``eta * scale / (amplitude * variance)``: a perturbation ``psi = amplitude * variate``
of variance ``sigma**2 = amplitude**2 * variance`` makes ``eta * reward * psi / sigma**2`` the
product of `rate`, `reward` and `variate`. Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell, select
from goldenspike.golden.domains import Positive, Whole
from goldenspike.golden.fixed import (
    BIT,
    FARTHEST,
    RANDOM,
    Format,
    Overflow,
    Rounding,
    requantize,
)
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.randomness import Distribution

RATE_BITS = 16
"""Significant bits of a rate; its exponent is free."""


@dataclass(frozen=True, kw_only=True)
class ScaleParams(Parameters):
    """What every rule is told that multiplies a factor and an eligibility.

    Parameters
    ----------
    eta
        Learning rate, above 0.
    factor
        Format of the product of rate and reward, in weight units per unit of eligibility.
    interval
        Trials between two updates of the weights, a power of two. The changes of the trials
        between are summed in `accumulator`.
    accumulator
        Format of that sum, in weight units; needed for an interval above 1.
    """

    eta: Positive
    factor: Format
    interval: Annotated[int, Whole(1, 1 << 16, power=True)] = 1
    accumulator: Format | None = None


@dataclass(frozen=True, kw_only=True)
class UpdateParams(Parameters):
    """What every rule is told about its update of the weights.

    Parameters
    ----------
    rounding, overflow
        How the weight update is rounded and limited.
    """

    rounding: Rounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE


@dataclass(frozen=True, kw_only=True)
class RuleParams(UpdateParams, ScaleParams):
    """What every rule is told that has a third factor."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.accumulator is not None) != self.summed:
            needed = "given" if self.summed else "left out"
            raise ValueError(f"Accumulator must be {needed} for {self.learning}")

    @property
    def summed(self) -> bool:
        """Whether changes are summed before weights learn them."""
        return self.interval > 1

    @property
    def learning(self) -> str:
        """When weights learn, in words."""
        return f"an interval of {self.interval}"


@dataclass(frozen=True, kw_only=True)
class PerturbationParams(RuleParams):
    """What every rule that perturbs by a variate is told.

    Parameters
    ----------
    sigma
        Standard deviation of the perturbation, above 0, in units of what is perturbed.
    distribution
        ``rademacher`` or ``gaussian``.
    """

    sigma: Positive
    distribution: Distribution = Distribution.RADEMACHER

    @property
    def variance(self) -> float:
        """The variance of a variate."""
        return self.distribution.variance

    @property
    def amplitude(self) -> float:
        """The real factor of a variate."""
        return self.sigma / math.sqrt(self.variance)

    def rate(self, amplitude: float) -> float:
        """Return what reward times eligibility is multiplied by."""
        return self.eta / (amplitude * self.variance)

    @property
    def code(self) -> str:
        """How the variates of weights come about: ``random``, ``one_hot`` or ``walsh``."""
        return "random"


@dataclass(frozen=True, kw_only=True)
class SummedParams(RuleParams):
    """What every rule is told whose eligibility is a sum over the trial.

    Parameters
    ----------
    eligibility
        Format of the eligibility, in score times signal; by default the one that is exact for
        the trial's ticks.
    """

    eligibility: Format | None = None


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
    """Add a perturbation, exactly: the variate has 0 or more fraction bits."""
    return s, PerturbOutputs(align(x.value, c.variate.frac) + c.amplitude * x.variate)


def perturbed_format(c: PerturbConstants) -> Format:
    """Return the format of a perturbed value."""
    ends = [c.amplitude * c.variate.low, c.amplitude * c.variate.high]
    low, high = (end << c.variate.frac for end in (c.value.low, c.value.high))
    return Format.holding(low + min(ends), high + max(ends), c.value.frac + c.variate.frac)


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


def factor_constants(
    rate: float, reward: Format, factor: Format, bits: int = RATE_BITS
) -> FactorConstants:
    """Return the integers for a real rate, kept to `bits` significant bits.

    Raises
    ------
    ValueError
        If the rate is beyond what any format can have as a factor.
    """
    least = 2.0**-FARTHEST
    if not least <= rate <= 1 / least:
        raise ValueError(
            f"Rate, of eta and what scales it, must be {least:.3g} to {1 / least:.3g}, not {rate!r}"
        )
    fmt = Format(False, bits, bits - 1 - math.floor(math.log2(rate)))
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


class AccumulateConstants(NamedTuple):
    weight: Format
    accumulator: Format
    factor: Format
    eligibility: Format
    frac: int
    accumulator_shift: int
    product_shift: int
    sum_frac: int
    weight_shift: int
    sum_shift: int
    rounding: int
    overflow: int


class AccumulateState(NamedTuple):
    w: Any
    sum: Any


class AccumulateInputs(NamedTuple):
    factor: Any
    eligibility: Any
    due: Any
    word: Any


def accumulate_constants(
    weight: Format,
    accumulator: Format,
    factor: Format,
    eligibility: Format,
    rounding: int,
    overflow: int,
) -> AccumulateConstants:
    """Return the constants of an update that sums the changes of several trials."""
    product = factor.frac + eligibility.frac
    frac, sum_frac = max(product, accumulator.frac), max(weight.frac, accumulator.frac)
    return AccumulateConstants(
        weight,
        accumulator,
        factor,
        eligibility,
        frac,
        frac - accumulator.frac,
        frac - product,
        sum_frac,
        sum_frac - weight.frac,
        sum_frac - accumulator.frac,
        int(rounding),
        int(overflow),
    )


@cell
def accumulate(c: Any, s: Any, x: Any) -> Any:
    """Sum one weight's changes; learn them when it is due."""
    change = align(x.factor * x.eligibility, c.product_shift)
    grown = requantize(
        align(s.sum, c.accumulator_shift) + change,
        c.frac,
        c.accumulator,
        Rounding.HALF_EVEN,
        Overflow.SATURATE,
        0,
    )
    total = align(s.w, c.weight_shift) + align(grown, c.sum_shift)
    learned = requantize(total, c.sum_frac, c.weight, c.rounding, c.overflow, x.word)
    due = x.due == 1
    return AccumulateState(select(due, learned, s.w), select(due, 0, grown)), Nothing()


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
ACCUMULATE = Cell(
    "rules.three_factor.accumulate",
    accumulate,
    lambda c: Ports(
        AccumulateState(c.weight, c.accumulator),
        AccumulateInputs(c.factor, c.eligibility, BIT, RANDOM),
        Nothing(),
    ),
)
