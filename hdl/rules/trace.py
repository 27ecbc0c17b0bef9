"""Filtered signals of neurons: hardware."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden import pole
from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import trace
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.pole import filtered


def cases() -> Iterable[pole.Constants]:
    """Return constants of filters."""
    f = Format.parse
    for decay, one in product((0.0, 0.5, 0.9672), (False, True)):
        gain = 1.0 if one else 1.0 - decay
        for y, x in (("fxp-u16/12", "fxp-u1/0"), ("fxp-s16/10", "fxp-s16/12")):
            yield pole.constants(decay, f(y), f(x), gain=gain)
    for y, x in (
        *(("fxp-s1/0", "fxp-s1/0"), ("fxp-u1/0", "fxp-s2/1"), ("fxp-s4/-2", "fxp-u3/1")),
        *(("fxp-u32/30", "fxp-u1/0"), ("fxp-s4/6", "fxp-s6/-1")),
    ):
        yield pole.constants(0.75, f(y), f(x), gain=0.25)


class EligibleTrace(Twin):
    """Twin of :data:`goldenspike.golden.rules.trace.ELIGIBLE`."""

    cell = trace.ELIGIBLE
    cases = staticmethod(cases)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        zbar = filtered(m, self.constants, self.zbar, self.signal)
        m.d.comb += [self.zbar_next.eq(zbar), self.eligibility.eq(zbar)]
        return m


class Traced(Twin):
    """Twin of :data:`goldenspike.golden.rules.trace.TRACED`."""

    cell = trace.TRACED
    cases = staticmethod(cases)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        zbar = filtered(m, self.constants, self.zbar, self.signal)
        m.d.comb += [self.zbar_next.eq(zbar), self.trace.eq(zbar)]
        return m


class ActiveTrace(Twin):
    """Twin of :data:`goldenspike.golden.rules.trace.ACTIVE`."""

    cell = trace.ACTIVE
    cases = staticmethod(cases)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        zbar = filtered(m, self.constants, self.zbar, self.activity)
        m.d.comb += [self.zbar_next.eq(zbar), self.eligibility.eq(zbar)]
        return m
