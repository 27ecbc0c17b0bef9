"""Squared error of spike counts: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Format, Overflow
from goldenspike.golden.modulators import count_error
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, limit, multiply, named


class CountError(Twin):
    """Twin of :data:`goldenspike.golden.modulators.count_error.STEP`."""

    cell = count_error.STEP

    @staticmethod
    def cases() -> Iterable[count_error.Constants]:
        for signal, target, ticks, size in (
            *(("fxp-u1/0", "fxp-u12/8", 16, 10), ("fxp-s16/10", "fxp-s20/12", 200, 10)),
            *(("fxp-s16/10", "fxp-s16/10", 1, 1), ("fxp-s16/12", "fxp-u8/4", 100, 10)),
            *(("fxp-u1/0", "fxp-u1/0", 1, 1), ("fxp-s1/0", "fxp-s1/0", 3, 1)),
            *(("fxp-s2/1", "fxp-u1/-1", 1, 1), ("fxp-u16/16", "fxp-s12/-2", 7, 3)),
        ):
            yield count_error.constants(Format.parse(signal), Format.parse(target), ticks, size)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        count = limit(m, self.count + self.signal, c.count, Overflow.SATURATE)
        d = named(m, align(count, c.signal_shift) - align(self.target, c.target_shift), "d")
        total = named(m, self.error + Mux(self.last, multiply(d, d), 0), "total")
        m.d.comb += self.count_next.eq(count)
        m.d.comb += self.error_next.eq(limit(m, total, c.error, Overflow.SATURATE))
        return m
