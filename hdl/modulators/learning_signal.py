"""Learning signal: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow
from goldenspike.golden.modulators import learning_signal
from goldenspike.hdl.cell import Twin, output_ports
from goldenspike.hdl.fixed import requantize


class LearningSignal(Twin):
    """Twin of :data:`goldenspike.golden.modulators.learning_signal.STEP`."""

    cell = learning_signal.STEP

    @staticmethod
    def cases() -> Iterable[learning_signal.Constants]:
        f = Format.parse
        for output, current, activity in (
            *(("fxp-s16/10", "fxp-s30/20", "fxp-u1/0"), ("fxp-s34/30", "fxp-s44/30", "fxp-u1/0")),
            *(("fxp-s1/0", "fxp-s1/0", "fxp-s1/0"), ("fxp-u4/-1", "fxp-s6/2", "fxp-s10/8")),
            *(("fxp-s8/6", "fxp-u4/-2", "fxp-s2/1"), ("fxp-s2/8", "fxp-s6/1", "fxp-u3/2")),
        ):
            usual = learning_signal.Params(f(output), "hidden")
            for rounding, overflow in product(DETERMINISTIC, Overflow):
                params = replace(usual, rounding=rounding, overflow=overflow)
                yield params.constants(f(current), f(activity))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        out = output_ports(self)
        signal = requantize(m, self.current, c.current.frac, c.output, c.rounding, c.overflow, 0)
        m.d.comb += [out["signal"].eq(signal), out["activity"].eq(self.activity)]
        return m
