"""Delayed conductance perturbation: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import delayed_conductance_perturbation as rule
from goldenspike.hdl import pole
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import multiply


class DelayedEligibility(Twin):
    """Twin of :data:`goldenspike.golden.rules.delayed_conductance_perturbation.STEP`."""

    cell = rule.STEP

    @staticmethod
    def cases() -> Iterable[rule.Constants]:
        f = Format.parse
        for decay in (0.0, 0.9, 0.98, 1.0):
            for formats in ("fxp-s24/16 fxp-s17/12 fxp-u16/12", "fxp-s18/12 fxp-s16/10 fxp-u1/0"):
                yield rule.constants(decay, *map(f, formats.split()))
        yield rule.constants(0.9, f("fxp-s16/8"), f("fxp-s2/0"), f("fxp-u8/6"))
        for formats in (
            *("fxp-s10/6 fxp-s6/4 fxp-u4/4", "fxp-s1/0 fxp-s1/0 fxp-s1/0"),
            *("fxp-s4/2 fxp-s6/0 fxp-u1/0", "fxp-u1/0 fxp-s2/0 fxp-u1/0"),
            *("fxp-s2/3 fxp-s3/1 fxp-u2/-1", "fxp-s8/-2 fxp-s4/2 fxp-s4/4"),
        ):
            yield rule.constants(0.5, *map(f, formats.split()), factor=f("fxp-u1/1"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        e = pole.filtered(m, c.first, self.e1, multiply(self.score, self.signal), "pole1")
        m.d.comb += self.e1_next.eq(e)
        for k in range(2, 7):
            e = pole.filtered(m, c.later, getattr(self, f"e{k}"), e, f"pole{k}")
            m.d.comb += getattr(self, f"e{k}_next").eq(e)
        return m
