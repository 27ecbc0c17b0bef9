"""Reward against a running mean: hardware."""

from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Overflow, Rounding
from goldenspike.golden.modulators import running_mean
from goldenspike.golden.modulators.running_mean import EXTRA, RATE
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class RunningMean(Twin):
    """Twin of :data:`goldenspike.golden.modulators.running_mean.STEP`."""

    cell = running_mean.STEP

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        error = align(self.error, EXTRA)
        mean = named(m, Mux(self.primed, self.mean, error), "mean_before")
        difference = named(m, mean - error, "difference")
        reward = requantize(
            m, difference, c.mean.frac, c.reward, Rounding.HALF_EVEN, Overflow.SATURATE, 0
        )
        moved = named(m, align(mean, RATE.frac) - multiply(difference, c.rate), "moved")
        frac = c.mean.frac + RATE.frac
        after = requantize(m, moved, frac, c.mean, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
        m.d.comb += self.mean_next.eq(after)
        m.d.comb += self.primed_next.eq(1)
        m.d.comb += self.reward.eq(reward)
        return m
