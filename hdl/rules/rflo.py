"""RFLO: hardware."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.rules import rflo
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import multiply, named, requantize


class PassSignal(Twin):
    """Twin of :data:`goldenspike.golden.rules.rflo.PASS`."""

    cell = rflo.PASS

    @staticmethod
    def cases() -> Iterable[rflo.SignalConstants]:
        return [rflo.SignalConstants(fmt) for fmt in (Format.parse("fxp-s16/12"), BIT)]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.trace.eq(self.signal)
        return m


class Slope(Twin):
    """Twin of :data:`goldenspike.golden.rules.rflo.SLOPE`."""

    cell = rflo.SLOPE

    @staticmethod
    def cases() -> Iterable[rflo.SlopeConstants]:
        f = Format.parse
        for sigmoid, (phi, psi) in product(
            (False, True),
            (
                *(
                    ("fxp-s28/25", "fxp-u13/12"),
                    ("fxp-s12/10", "fxp-u9/8"),
                    ("fxp-s1/0", "fxp-u1/0"),
                ),
                *(("fxp-u4/4", "fxp-s6/2"), ("fxp-s34/32", "fxp-u17/17"), ("fxp-u3/1", "fxp-s4/6")),
            ),
        ):
            yield rflo.slope_constants(f(phi), f(psi), sigmoid=sigmoid)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
        y = requantize(m, self.phi, c.phi.frac, c.narrow, rounding, overflow, 0)
        exact = multiply(y, named(m, c.one - y, "rest")) if c.sigmoid else c.one - multiply(y, y)
        slope = requantize(m, named(m, exact, "exact"), c.frac, c.psi, rounding, overflow, 0)
        m.d.comb += self.psi.eq(slope)
        return m
