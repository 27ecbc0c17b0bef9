"""Temporal-difference error: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow, Rounding
from goldenspike.golden.modulators import td_error
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class TDError(Twin):
    """Twin of :data:`goldenspike.golden.modulators.td_error.STEP`."""

    cell = td_error.STEP

    @staticmethod
    def cases() -> Iterable[td_error.Constants]:
        f = Format.parse
        for number, (output, value, reward) in enumerate(
            (
                ("fxp-s16/10", "fxp-s18/12", "fxp-s8/4"),
                ("fxp-s12/6", "fxp-u1/0", "fxp-u1/0"),
                ("fxp-s1/0", "fxp-s1/0", "fxp-s1/0"),
                ("fxp-u4/-1", "fxp-s6/2", "fxp-s30/28"),
                ("fxp-s8/6", "fxp-s8/-2", "fxp-s2/1"),
                ("fxp-s34/30", "fxp-s34/30", "fxp-s32/30"),
            )
        ):
            usual = td_error.Params(f(output), "a", "b", 0.99)
            ways = [(Rounding.HALF_EVEN, Overflow.SATURATE)]
            for rounding, overflow in ways if number else product(DETERMINISTIC, Overflow):
                params = replace(usual, rounding=rounding, overflow=overflow)
                yield params.constants(f(value), f(reward))
            params = replace(usual, rounding=Rounding.FLOOR, overflow=Overflow.WRAP)
            for gamma in (0.0, 1.0):
                yield replace(params, gamma=gamma).constants(f(value), f(reward))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        value = align(multiply(self.value, c.gamma), c.value_shift)
        ahead = named(m, align(self.reward, c.reward_shift) + value, "ahead")
        delta = named(m, ahead - align(self.before, c.before_shift), "delta")
        m.d.comb += self.before_next.eq(self.value)
        m.d.comb += self.signal.eq(
            requantize(m, delta, c.frac, c.output, c.rounding, c.overflow, 0)
        )
        return m
