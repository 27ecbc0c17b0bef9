"""Factors of rules that descend an error: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Signal

from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.rules import descent, three_factor
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import multiply, named, requantize

RATES = (1e-6, 0.5, 0.512, 0.003, 20.0)


def scaled(m: Module, c: Any, error: Any) -> Signal:
    """Return the factor of an error or of its product with a slope."""
    product = named(m, -multiply(error, c.rate), "scaled")
    return requantize(m, product, c.frac, c.factor, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


def cases() -> Iterable[three_factor.FactorConstants]:
    """Return constants of factors without a slope."""
    f = Format.parse
    for rate in RATES:
        for error, factor in (
            *((f("fxp-s16/12"), f("fxp-s18/20")), (f("fxp-s34/30"), f("fxp-s30/36"))),
            *((f("fxp-s1/0"), f("fxp-s1/0")), (f("fxp-s9/-2"), f("fxp-s4/6"))),
            *((BIT, f("fxp-u4/2")), (f("fxp-u8/4"), f("fxp-s8/24"))),
        ):
            yield descent.rate_constants(rate, error, factor)


class Descend(Twin):
    """Twin of :data:`goldenspike.golden.rules.descent.DESCEND`."""

    cell = descent.DESCEND
    cases = staticmethod(cases)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.factor.eq(scaled(m, self.constants, self.modulator))
        return m


class DescendSlope(Twin):
    """Twin of :data:`goldenspike.golden.rules.descent.DESCEND_SLOPE`."""

    cell = descent.DESCEND_SLOPE
    CUTTABLE = True

    @staticmethod
    def cases() -> Iterable[descent.SlopedConstants]:
        f = Format.parse
        for rate in RATES:
            for modulator, psi, factor in (
                *(("fxp-s16/12", "fxp-u8/8", "fxp-s18/20"), ("fxp-s9/4", "fxp-u6/6", "fxp-s8/8")),
                *(("fxp-s1/0", "fxp-u1/0", "fxp-s1/0"), ("fxp-s9/-2", "fxp-u3/1", "fxp-s4/6")),
                ("fxp-u4/2", "fxp-s4/3", "fxp-u4/2"),
            ):
                yield descent.sloped_constants(rate, f(modulator), f(psi), f(factor))
        fine = f("fxp-s34/30"), f("fxp-u24/20"), f("fxp-s30/36")
        yield descent.sloped_constants(1e-4, *fine)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        exact = self.across(m, multiply(self.modulator, self.psi), "exact")
        rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
        product = requantize(m, exact, c.exact_frac, c.product, rounding, overflow, 0)
        m.d.comb += self.factor.eq(scaled(m, c, product))
        return m


class Err(Twin):
    """Twin of :data:`goldenspike.golden.rules.descent.ERR`."""

    cell = descent.ERR
    cases = staticmethod(cases)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.factor.eq(scaled(m, self.constants, self.signal))
        return m
