"""Squared error of spike counts: hardware."""

from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Overflow
from goldenspike.golden.modulators import count_error
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, limit, multiply, named


class CountError(Twin):
    """Twin of :data:`goldenspike.golden.modulators.count_error.STEP`."""

    cell = count_error.STEP

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        count = limit(m, self.count + self.signal, c.count, Overflow.SATURATE)
        d = named(m, align(count, c.signal_shift) - align(self.target, c.target_shift), "d")
        total = named(m, self.error + Mux(self.last, multiply(d, d), 0), "total")
        m.d.comb += self.count_next.eq(count)
        m.d.comb += self.error_next.eq(limit(m, total, c.error, Overflow.SATURATE))
        return m
