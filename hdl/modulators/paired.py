"""Reward against an unperturbed run: hardware."""

from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Overflow, Rounding
from goldenspike.golden.modulators import paired
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import named, requantize


class Paired(Twin):
    """Twin of :data:`goldenspike.golden.modulators.paired.STEP`."""

    cell = paired.STEP

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        difference = named(m, self.reference - self.error, "difference")
        reward = requantize(
            m, difference, c.error.frac, c.reward, Rounding.HALF_EVEN, Overflow.SATURATE, 0
        )
        m.d.comb += self.reward.eq(reward)
        return m
