"""Reward against a run with the perturbation negated: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.modulators import two_sided
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import multiply, named, requantize


class TwoSided(Twin):
    """Twin of :data:`goldenspike.golden.modulators.two_sided.STEP`."""

    cell = two_sided.STEP

    @staticmethod
    def cases() -> Iterable[two_sided.Constants]:
        for pair in (
            *("fxp-u30/16 fxp-s20/12", "fxp-u56/20 fxp-s20/12", "fxp-s56/32 fxp-s24/12"),
            *("fxp-u1/0 fxp-s1/0", "fxp-u1/0 fxp-s2/1", "fxp-s1/0 fxp-s2/1", "fxp-s2/0 fxp-u1/-1"),
            *("fxp-u16/4 fxp-s30/12", "fxp-s30/16 fxp-s16/-8", "fxp-u8/4 fxp-s16/5"),
        ):
            yield two_sided.Params().constants(*map(Format.parse, pair.split()))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        difference = named(m, multiply(self.reference - self.error, c.half), "difference")
        reward = requantize(
            m, difference, c.frac, c.reward, Rounding.HALF_EVEN, Overflow.SATURATE, 0
        )
        m.d.comb += self.reward.eq(reward)
        return m
