"""Exponential synapse: hardware."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format
from goldenspike.golden.synapses import exponential
from goldenspike.hdl import pole
from goldenspike.hdl.cell import Twin


class Exponential(Twin):
    """Twin of :data:`goldenspike.golden.synapses.exponential.STEP`."""

    cell = exponential.STEP

    @staticmethod
    def cases() -> Iterable[exponential.Constants]:
        f = Format.parse
        for decay, trace in product((0.0, 0.5, 0.9, 1.0), ("fxp-u16/12", "fxp-s18/12")):
            for signal in ("fxp-u1/0", "fxp-s16/10", "fxp-u16/16"):
                yield exponential.Params(decay, f(trace)).constants(f(signal))
        for trace, signal in (
            *(("fxp-u1/0", "fxp-u1/0"), ("fxp-s1/0", "fxp-s1/0"), ("fxp-u1/1", "fxp-u1/0")),
            *(("fxp-s2/3", "fxp-u2/-1"), ("fxp-s8/-2", "fxp-s8/2")),
        ):
            yield exponential.Params(0.5, f(trace), f("fxp-u1/1")).constants(f(signal))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        s = pole.filtered(m, self.constants.pole, self.s, self.signal)
        m.d.comb += [self.s_next.eq(s), self.signal_next.eq(s)]
        return m
