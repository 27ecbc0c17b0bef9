"""Error of a softmax: hardware, with a division of one subtraction a bit in one clock.

A reciprocal by table would need a shifter, a table, a multiplier and a shifter in a row, which is
no shorter at the 8 to 16 bits of an error, and would not be exact.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Value

from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow, Rounding
from goldenspike.golden.modulators import softmax_error
from goldenspike.hdl.cell import Twin, output_ports
from goldenspike.hdl.fixed import align, low_bits, named, requantize


def positive(m: Module, x: Value, bits: int, shift: int, name: str) -> Value:
    """Return a number or, if it is negative, 0, in the bits that it then has."""
    return named(m, align(low_bits(Mux(x < 0, 0, x), bits), shift), name)


def divide(m: Module, c: softmax_error.Constants, signal: Value, total: Value) -> Value:
    """Return a share of ``c.bits`` fraction bits, and one for whether there is a rest."""
    part = positive(m, signal, c.signal_bits, c.signal_shift, "part")
    whole = positive(m, total, c.total_bits, c.total_shift, "whole")
    rest, q = low_bits(part, c.width), []
    for k in range(c.bits):
        twice = named(m, align(rest, 1), f"twice_{k}")
        fits = named(m, twice >= whole, f"fits_{k}")
        q.append(fits)
        # What is left is less than `whole`, or else not used.
        rest = named(m, low_bits(twice - Mux(fits, whole, 0), c.width), f"rest_{k}")
    share = Cat(rest.any(), *reversed(q))
    one = Mux(part >= whole, 2 << c.bits, share)
    return named(m, Mux(whole.any(), one, 0), "share")


class SoftmaxError(Twin):
    """Twin of :data:`goldenspike.golden.modulators.softmax_error.STEP`."""

    cell = softmax_error.STEP

    @staticmethod
    def cases() -> Iterable[softmax_error.Constants]:
        f = Format.parse
        for number, (output, signal, total, target) in enumerate(
            (
                ("fxp-s12/10", "fxp-u11/10", "fxp-u14/10", "fxp-u1/0"),
                ("fxp-s9/8", "fxp-u9/8", "fxp-s13/8", "fxp-u5/4"),
                ("fxp-s1/0", "fxp-s1/0", "fxp-s1/0", "fxp-s1/0"),
                ("fxp-u4/-1", "fxp-s6/2", "fxp-u7/4", "fxp-s10/8"),
                ("fxp-s8/6", "fxp-u8/4", "fxp-u4/-2", "fxp-s2/1"),
                ("fxp-s18/16", "fxp-u13/12", "fxp-s20/12", "fxp-u1/0"),
                ("fxp-s14/12", "fxp-u16/15", "fxp-u20/15", "fxp-s12/10"),
            )
        ):
            usual = softmax_error.Params(f(output), "a", "b", "c")
            ways = [(Rounding.HALF_EVEN, Overflow.SATURATE), (Rounding.FLOOR, Overflow.WRAP)]
            for rounding, overflow in ways if number else product(DETERMINISTIC, Overflow):
                params = replace(usual, rounding=rounding, overflow=overflow)
                yield params.constants(f(signal), f(total), f(target))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        share = divide(m, c, self.signal, self.total)
        difference = named(m, share - align(self.target, c.target_shift), "difference")
        e = requantize(m, difference, c.bits + 1, c.output, c.rounding, c.overflow, 0)
        m.d.comb += output_ports(self)["signal"].eq(Mux(self.active, e, 0))
        return m
