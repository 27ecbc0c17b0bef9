"""Error of a readout: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow
from goldenspike.golden.modulators import error
from goldenspike.hdl.cell import Twin, output_ports
from goldenspike.hdl.fixed import align, multiply, named, requantize


class Error(Twin):
    """Twin of :data:`goldenspike.golden.modulators.error.STEP`."""

    cell = error.STEP

    @staticmethod
    def cases() -> Iterable[error.Constants]:
        f = Format.parse
        for output, signal, target in (
            *(("fxp-s16/10", "fxp-s18/12", "fxp-s16/10"), ("fxp-s12/6", "fxp-u1/0", "fxp-u1/0")),
            *(("fxp-s1/0", "fxp-s1/0", "fxp-s1/0"), ("fxp-u4/-1", "fxp-s6/2", "fxp-s10/8")),
            *(("fxp-s8/6", "fxp-s8/-2", "fxp-s2/1"), ("fxp-s34/30", "fxp-s34/30", "fxp-s32/30")),
        ):
            usual = error.Params(f(output), "a", "b")
            for rounding, overflow in product(DETERMINISTIC, Overflow):
                params = replace(usual, rounding=rounding, overflow=overflow)
                yield params.constants(f(signal), f(target))
            for slope in (0.25, 0.5, 1.0, 0.2):
                params = replace(usual, function="hard_sigmoid", slope=slope)
                yield params.constants(f(signal), f(target))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        y = align(multiply(self.signal, c.slope), c.signal_shift)
        if c.bounded:
            y = named(m, y + align(c.half, c.half_shift), "raised")
            y = named(m, Mux(y < 0, 0, Mux(y > c.one, c.one, y)), "bounded")
        difference = named(m, y - align(self.target, c.target_shift), "difference")
        e = requantize(m, difference, c.frac, c.output, c.rounding, c.overflow, 0)
        m.d.comb += output_ports(self)["signal"].eq(Mux(self.active, e, 0))
        return m
