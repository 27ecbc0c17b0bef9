"""Node perturbation: hardware."""

from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Overflow, Rounding
from goldenspike.golden.rules import node_perturbation
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class Eligibility(Twin):
    """Twin of :data:`goldenspike.golden.rules.node_perturbation.STEP`."""

    cell = node_perturbation.STEP

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        frac = max(c.eligibility.frac, c.signal.frac)
        change = align(multiply(self.variate, self.signal), frac - c.signal.frac)
        total = named(m, align(self.e, frac - c.eligibility.frac) + change, "total")
        e = requantize(m, total, frac, c.eligibility, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
        m.d.comb += self.e_next.eq(e)
        return m
