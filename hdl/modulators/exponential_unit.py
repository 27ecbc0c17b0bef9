"""Exponential unit: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.modulators import exponential_unit
from goldenspike.hdl.cell import Twin, output_ports
from goldenspike.hdl.fixed import named, requantize
from goldenspike.hdl.table import interpolate


class ExponentialUnit(Twin):
    """Twin of :data:`goldenspike.golden.modulators.exponential_unit.STEP`."""

    cell = exponential_unit.STEP

    @staticmethod
    def cases() -> Iterable[exponential_unit.Constants]:
        f = Format.parse
        for output, shift, signal in (
            *(("fxp-u11/10", 4.0, "fxp-s18/12"), ("fxp-u10/10", -0.3, "fxp-s16/10")),
            *(("fxp-u1/0", 0.0, "fxp-s1/0"), ("fxp-u1/1", 0.0, "fxp-u1/0")),
            *(("fxp-s6/4", 1.5, "fxp-u8/4"), ("fxp-u12/8", 100.0, "fxp-s8/-2")),
            *(("fxp-u13/12", 8.0, "fxp-s34/30"), ("fxp-s2/1", 1e-3, "fxp-s6/20")),
        ):
            yield exponential_unit.Params(f(output), "readout", shift).constants(f(signal))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
        below = named(m, c.shift - self.signal, "below")
        size = named(m, Mux(below < 0, 0, below), "size")
        x = requantize(m, size, c.signal.frac, c.table.argument, rounding, overflow, 0)
        y = interpolate(m, c.table, x)
        e = requantize(m, y, c.table.frac, c.output, rounding, overflow, 0)
        m.d.comb += output_ports(self)["signal"].eq(e)
        return m
