"""Rate unit: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Module, Mux, Value

from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow, Rounding
from goldenspike.golden.neurons import rate
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, named, requantize
from goldenspike.hdl.table import interpolate


def phi(m: Module, c: rate.Constants, u: Value) -> Value:
    """Return phi of a current, of ``c.table.frac`` fraction bits."""
    size = named(m, Mux(u < 0, -u, u), "size")
    argument = c.table.argument
    x = requantize(m, size, c.current.frac, argument, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    y = interpolate(m, c.table, x)
    return named(m, Mux(u < 0, -y, y) + align(c.half, c.half_shift), "of_current")


class Rate(Twin):
    """Twin of :data:`goldenspike.golden.neurons.rate.STEP`."""

    cell = rate.STEP

    @staticmethod
    def cases() -> Iterable[rate.Constants]:
        f = Format.parse
        usual = rate.Params(f("fxp-s12/10"), tau=10.0)
        current = f("fxp-s22/14")
        for rounding, overflow in product(DETERMINISTIC, Overflow):
            yield replace(usual, rounding=rounding, overflow=overflow).constants(current)
        for function, tau in product(("tanh", "sigmoid"), (1.0, 4.0, 1.5)):
            yield replace(usual, function=function, tau=tau).constants(current)
        for fmt in ("fxp-u10/8", "fxp-u8/8", "fxp-u1/0"):
            unsigned = replace(usual, output=f(fmt), function="sigmoid")
            yield unsigned.constants(f("fxp-u9/3"))
            yield unsigned.constants(f("fxp-s1/0"))
        yield rate.Params(f("fxp-s2/0"), factor=f("fxp-u1/0")).constants(f("fxp-u1/0"))
        yield rate.Params(f("fxp-s16/14"), tau=20.0).constants(f("fxp-s30/20"))
        yield rate.Params(f("fxp-u15/15"), "sigmoid", 20.0).constants(f("fxp-s40/28"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        before = align(self.h, c.state_shift)
        y = phi(m, c, self.current)
        change = named(m, y - before, "change")
        # Of the cell's own shape, where `multiply` may shift: so it is proved without multiplying.
        total = named(m, align(before, c.rate_shift) + change * c.rate, "total")
        h = requantize(m, total, c.frac, c.output, c.rounding, c.overflow, 0)
        m.d.comb += self.h_next.eq(h)
        m.d.comb += self.signal.eq(h)
        # The declared format holds every value, which may be narrower than its shape.
        m.d.comb += self.phi.eq(y)
        return m
