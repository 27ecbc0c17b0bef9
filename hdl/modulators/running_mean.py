"""Reward against a running mean: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.modulators import running_mean
from goldenspike.golden.modulators.running_mean import EXTRA, RATE
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class RunningMean(Twin):
    """Twin of :data:`goldenspike.golden.modulators.running_mean.STEP`."""

    cell = running_mean.STEP

    @staticmethod
    def cases() -> Iterable[running_mean.Constants]:
        for rate in (1 / 256, 0.125, 77 / 256, 1.0):
            params = running_mean.Params(rate)
            for pair in (
                *("fxp-u30/16 fxp-s20/12", "fxp-u48/20 fxp-s20/12", "fxp-s48/32 fxp-s24/12"),
                *("fxp-u1/0 fxp-s1/0", "fxp-s1/0 fxp-s2/1", "fxp-s2/0 fxp-u1/-1"),
                *("fxp-u16/4 fxp-s30/12", "fxp-s30/16 fxp-s16/-8", "fxp-u8/4 fxp-s16/8"),
            ):
                yield params.constants(*map(Format.parse, pair.split()))

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
