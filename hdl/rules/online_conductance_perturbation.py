"""Online conductance perturbation: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import online_conductance_perturbation as rule
from goldenspike.hdl import pole
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import multiply


class OnlineEligibility(Twin):
    """Twin of :data:`goldenspike.golden.rules.online_conductance_perturbation.STEP`."""

    cell = rule.STEP

    @staticmethod
    def cases() -> Iterable[rule.Constants]:
        f = Format.parse
        for decay in (0.0, 0.5, 0.98, 1.0):
            for formats in (
                *("fxp-s24/16 fxp-s17/12 fxp-u16/12", "fxp-s18/12 fxp-s16/10 fxp-u1/0"),
                *("fxp-s16/8 fxp-s2/0 fxp-s16/10", "fxp-s24/12 fxp-s6/0 fxp-u16/16"),
            ):
                yield rule.constants(decay, *map(f, formats.split()))
        for formats in (
            *("fxp-s1/0 fxp-s1/0 fxp-s1/0", "fxp-u1/0 fxp-s2/0 fxp-u1/0"),
            *("fxp-s2/3 fxp-s3/1 fxp-u2/-1", "fxp-s8/-2 fxp-s4/2 fxp-s4/4"),
        ):
            yield rule.constants(0.5, *map(f, formats.split()), factor=f("fxp-u1/1"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        change = multiply(self.score, self.signal)
        m.d.comb += self.e_next.eq(pole.filtered(m, self.constants.pole, self.e, change))
        return m
