"""What rules with eligibility traces share: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.rules import eligibility, three_factor
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.rules.three_factor import Scale


class Modulate(Twin):
    """Twin of :data:`goldenspike.golden.rules.eligibility.MODULATE`."""

    cell = eligibility.MODULATE

    @staticmethod
    def cases() -> Iterable[three_factor.FactorConstants]:
        f = Format.parse
        for rate in (1e-4, 0.5, 0.3, 20.0):
            for modulator, factor in (
                *((f("fxp-s16/12"), f("fxp-s18/20")), (BIT, f("fxp-s18/16"))),
                *((f("fxp-s1/0"), f("fxp-s1/0")), (f("fxp-s9/-2"), f("fxp-s4/6"))),
            ):
                yield three_factor.factor_constants(rate, modulator, factor)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.scale = scale = Scale(self.constants)
        m.d.comb += [scale.reward.eq(self.modulator), self.factor.eq(scale.factor)]
        return m
