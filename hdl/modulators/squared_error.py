"""Squared error of every tick: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format, Overflow
from goldenspike.golden.modulators import squared_error
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, limit, multiply, named


class SquaredError(Twin):
    """Twin of :data:`goldenspike.golden.modulators.squared_error.STEP`."""

    cell = squared_error.STEP

    @staticmethod
    def cases() -> Iterable[squared_error.Constants]:
        for signal, target, ticks, size in (
            *(("fxp-u1/0", "fxp-u12/8", 16, 10), ("fxp-s16/10", "fxp-s20/12", 200, 10)),
            *(("fxp-s16/10", "fxp-s16/10", 1, 1), ("fxp-s16/12", "fxp-u8/4", 100, 10)),
            *(("fxp-u1/0", "fxp-u1/0", 1, 1), ("fxp-s1/0", "fxp-s1/0", 3, 1)),
            *(("fxp-s2/1", "fxp-u1/-1", 1, 1), ("fxp-u16/16", "fxp-s12/-2", 7, 3)),
        ):
            yield squared_error.constants(Format.parse(signal), Format.parse(target), ticks, size)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        d = named(m, align(self.signal, c.signal_shift) - align(self.target, c.target_shift), "d")
        total = named(m, self.error + multiply(d, d), "total")
        m.d.comb += self.error_next.eq(limit(m, total, c.error, Overflow.SATURATE))
        return m
