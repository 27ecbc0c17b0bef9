"""Leaky readout: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow
from goldenspike.golden.neurons import leaky_readout
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class LeakyReadout(Twin):
    """Twin of :data:`goldenspike.golden.neurons.leaky_readout.STEP`."""

    cell = leaky_readout.STEP

    @staticmethod
    def cases() -> Iterable[leaky_readout.Constants]:
        f = Format.parse
        usual = leaky_readout.Params(f("fxp-s16/10"), 0.9, bias=-0.5)
        current = f("fxp-s22/14")
        for rounding, overflow in product(DETERMINISTIC, Overflow):
            yield replace(usual, rounding=rounding, overflow=overflow).constants(current)
        for decay, drive, bias in product((0.0, 0.9, 1.0), ("one", "complement"), (0.0, 1.5)):
            yield replace(usual, decay=decay, drive=drive, bias=bias).constants(current)
        coarse = Format(False, 1, 0)
        yield leaky_readout.Params(f("fxp-s1/0"), 1.0, bias=-1.0, factor=coarse).constants(coarse)
        yield leaky_readout.Params(f("fxp-u2/1"), factor=coarse).constants(f("fxp-s2/-1"))
        yield leaky_readout.Params(f("fxp-s24/18"), 0.95, bias=0.25).constants(f("fxp-s40/28"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        u = align(multiply(self.y, c.decay), c.leak_shift)
        u = named(m, u + align(multiply(self.current, c.drive), c.drive_shift), "u")
        u = u + align(c.bias, c.bias_shift) if c.bias else u
        y = requantize(m, u, c.frac, c.output, c.rounding, c.overflow, 0)
        m.d.comb += self.y_next.eq(y)
        m.d.comb += self.signal.eq(y)
        return m
