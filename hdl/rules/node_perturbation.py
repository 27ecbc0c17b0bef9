"""Node perturbation: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.rules import node_perturbation
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class Eligibility(Twin):
    """Twin of :data:`goldenspike.golden.rules.node_perturbation.STEP`."""

    cell = node_perturbation.STEP

    @staticmethod
    def cases() -> Iterable[node_perturbation.Constants]:
        for formats in (
            *("fxp-s7/0 fxp-s2/0 fxp-u1/0", "fxp-s7/0 fxp-s6/0 fxp-u1/0"),
            *("fxp-s16/8 fxp-s6/0 fxp-s16/10", "fxp-s24/16 fxp-s6/0 fxp-s16/10"),
            *("fxp-s16/8 fxp-s2/0 fxp-u8/4", "fxp-s16/0 fxp-s2/0 fxp-s16/10"),
            *("fxp-s1/0 fxp-s2/0 fxp-u1/0", "fxp-s2/1 fxp-s6/0 fxp-s1/0"),
            *("fxp-u4/0 fxp-s2/0 fxp-s2/1", "fxp-s30/10 fxp-s6/0 fxp-u16/10"),
            *("fxp-s24/14 fxp-s17/12 fxp-u12/8", "fxp-s12/20 fxp-s8/6 fxp-s8/4"),
        ):
            for overflow in Overflow:
                e, score, signal = map(Format.parse, formats.split())
                yield node_perturbation.Constants(e, score, signal, int(overflow))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        product = c.score.frac + c.signal.frac
        frac = max(c.eligibility.frac, product)
        change = align(multiply(self.score, self.signal), frac - product)
        total = named(m, align(self.e, frac - c.eligibility.frac) + change, "total")
        e = requantize(m, total, frac, c.eligibility, Rounding.HALF_EVEN, c.overflow, 0)
        m.d.comb += self.e_next.eq(e)
        return m
