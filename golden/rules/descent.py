"""Factors of rules that descend an error, whose sign is therefore minus.

    factor = requantize(-eta * modulator)               of the error of the postsynaptic neuron
    factor = requantize(-eta * modulator * psi)         and of its slope
    factor = requantize(-eta * signal)                  of the error that is the presynaptic signal

The modulator is an error, output minus target, or a sum of such errors: what grows with it makes
the error worse, so weights go the other way. The product of modulator and slope is rounded to
:data:`GUARD` bits below those that the factor can show, if it has more, so that it stays narrow:
it moves the factor by a sixteenth of an LSB before the factor itself is rounded. Rates keep as
many significant bits as the factor has, from 16 to :data:`MOST_RATE_BITS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.rules import three_factor
from goldenspike.golden.rules.eligibility import ModulateInputs, Part
from goldenspike.golden.rules.three_factor import FactorOutputs

if TYPE_CHECKING:
    from goldenspike.golden.rules.three_factor import RuleParams

MOST_RATE_BITS = 24
"""Significant bits of the finest rate."""
GUARD = 3
"""Bits that the product of modulator and slope keeps below those that the factor can show."""


def rate_constants(rate: float, error: Format, factor: Format) -> three_factor.FactorConstants:
    """Return the integers for a real rate."""
    bits = min(max(three_factor.RATE_BITS, factor.width), MOST_RATE_BITS)
    return three_factor.factor_constants(rate, error, factor, bits)


class SlopedConstants(NamedTuple):
    modulator: Format
    psi: Format
    product: Format
    factor: Format
    exact_frac: int
    frac: int
    rate: Any


class SlopedInputs(NamedTuple):
    modulator: Any
    psi: Any


class ErrorInputs(NamedTuple):
    signal: Any


def sloped_constants(
    rate: float, modulator: Format, psi: Format, factor: Format
) -> SlopedConstants:
    """Return the integers for a real rate."""
    scale = rate_constants(rate, modulator, factor)
    exact = modulator.times(psi)
    shown = factor.frac + scale.rate_format.width - scale.rate_format.frac + GUARD
    lost = max(exact.frac - shown, 0)
    product = Format.holding(
        exact.low >> lost, -(-exact.high >> lost) if lost else exact.high, exact.frac - lost
    )
    frac = scale.rate_format.frac + product.frac
    return SlopedConstants(modulator, psi, product, factor, exact.frac, frac, scale.rate)


def descent(params: RuleParams, modulator: Format) -> Part:
    """Return the factor of a postsynaptic neuron by its modulator."""
    c = rate_constants(params.eta, modulator, params.factor)
    return Part(DESCEND, c, c._replace(rate=float(params.eta)))


def sloped(params: RuleParams, modulator: Format, psi: Format) -> Part:
    """Return the factor of a postsynaptic neuron by its modulator and its slope."""
    c = sloped_constants(params.eta, modulator, psi, params.factor)
    return Part(DESCEND_SLOPE, c, c._replace(rate=float(params.eta)))


def erring(params: RuleParams, signal: Format) -> Part:
    """Return the factor of a presynaptic neuron whose signal is an error."""
    c = rate_constants(params.eta, signal, params.factor)
    return Part(ERR, c, c._replace(rate=float(params.eta)))


@cell
def scaled(c: Any, error: Any) -> Any:
    """Return the factor of an error or of its product with a slope."""
    product = -(error * c.rate)
    return requantize(product, c.frac, c.factor, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


@cell
def descend(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick."""
    return s, FactorOutputs(scaled(c, x.modulator))


@cell
def descend_slope(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron of a slope, one tick."""
    product = requantize(
        x.modulator * x.psi, c.exact_frac, c.product, Rounding.HALF_EVEN, Overflow.SATURATE, 0
    )
    return s, FactorOutputs(scaled(c, product))


@cell
def err(c: Any, s: Any, x: Any) -> Any:
    """One presynaptic neuron, one tick."""
    return s, FactorOutputs(scaled(c, x.signal))


DESCEND = Cell(
    "rules.descent.descend",
    descend,
    lambda c: Ports(Nothing(), ModulateInputs(c.reward), FactorOutputs(c.factor)),
)
DESCEND_SLOPE = Cell(
    "rules.descent.descend_slope",
    descend_slope,
    lambda c: Ports(Nothing(), SlopedInputs(c.modulator, c.psi), FactorOutputs(c.factor)),
)
ERR = Cell(
    "rules.descent.err",
    err,
    lambda c: Ports(Nothing(), ErrorInputs(c.reward), FactorOutputs(c.factor)),
)
