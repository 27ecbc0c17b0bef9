"""Squared error of every tick: hardware."""

from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Overflow
from goldenspike.golden.modulators import squared_error
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, limit, multiply, named


class SquaredError(Twin):
    """Twin of :data:`goldenspike.golden.modulators.squared_error.STEP`."""

    cell = squared_error.STEP

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        d = named(m, align(self.signal, c.signal_shift) - align(self.target, c.target_shift), "d")
        total = named(m, self.error + multiply(d, d), "total")
        m.d.comb += self.error_next.eq(limit(m, total, c.error, Overflow.SATURATE))
        return m
