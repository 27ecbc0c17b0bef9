"""E-prop: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.rules import eprop
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import multiply, named, requantize


class Psi(Twin):
    """Twin of :data:`goldenspike.golden.rules.eprop.PSI`."""

    cell = eprop.PSI

    @staticmethod
    def cases() -> Iterable[eprop.PsiConstants]:
        f = Format.parse
        yield eprop.PsiConstants(f("fxp-s17/10"), f("fxp-u8/8"), 26, 16, 3 << 20, 19661)
        yield eprop.PsiConstants(f("fxp-s2/0"), f("fxp-u1/0"), 16, 16, 1 << 16, 1 << 15)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        size = named(m, Mux(self.excess < 0, -self.excess, self.excess), "size")
        above = named(m, c.height - multiply(size, c.slope), "above")
        y = named(m, Mux((above > 0) & ~self.blocked, above, 0), "y")
        rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
        m.d.comb += self.psi.eq(requantize(m, y, c.frac, c.psi, rounding, overflow, 0))
        return m
