"""Leaky integrate-and-fire neuron: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow
from goldenspike.golden.neurons import lif
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.neurons.spiking import fire, has_spiked, integrate


class LIF(Twin):
    """Twin of :data:`goldenspike.golden.neurons.lif.STEP`."""

    cell = lif.STEP

    @staticmethod
    def cases() -> Iterable[lif.Constants]:
        f = Format.parse
        usual = lif.Params(f("fxp-s16/10"), 0.9, 1.0, reset_value=-0.25)
        current = f("fxp-s22/14")
        drives, resets = ("one", "complement"), ("subtract", "to_value")
        for drive, reset, compare in product(drives, resets, (">=", ">")):
            params = replace(usual, drive=drive, reset=reset, compare=compare)
            yield params.constants(current)
        for rounding, overflow in product(DETERMINISTIC, Overflow):
            yield replace(usual, rounding=rounding, overflow=overflow).constants(current)
        for decay, drive, reset in product((0.0, 0.5, 1.0), drives, resets):
            yield replace(usual, decay=decay, drive=drive, reset=reset).constants(current)
        for refractory, reset in product((1, 2, 5, 65534), resets):
            yield replace(usual, reset=reset, refractory=refractory).constants(current)
        bit, sign = f("fxp-u1/0"), f("fxp-s1/0")
        yield lif.Params(f("fxp-s2/0"), 1.0, 1.0, factor=bit).constants(bit)
        yield lif.Params(f("fxp-s2/0"), 1.0, 1.0, factor=bit, refractory=1).constants(bit)
        yield lif.Params(bit, 0.0, 1.0, compare=">", factor=bit).constants(sign)
        yield lif.Params(f("fxp-u4/2"), 0.5, 1.0, factor=f("fxp-u2/1")).constants(f("fxp-s3/-1"))
        yield lif.Params(f("fxp-s8/12"), 0.75, 0.01).constants(f("fxp-s30/20"))
        yield lif.Params(f("fxp-s8/-2"), 0.75, 8.0, reset="to_value").constants(f("fxp-u9/3"))
        yield lif.Params(f("fxp-s24/18"), 0.95, 1.0, drive="complement").constants(f("fxp-s30/20"))
        yield lif.Params(f("fxp-s24/10"), 0.95, 1.0).constants(f("fxp-s40/28"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        spiked = has_spiked(c, self.spike)
        kept = Mux(spiked, c.reset_value, self.v) if c.to_value else self.v
        reset = None if c.to_value else Mux(spiked, c.threshold, 0)
        v = integrate(m, c, kept, self.current, reset)
        m.d.comb += self.v_next.eq(v)
        m.d.comb += self.excess.eq(v - c.threshold)
        fire(m, self, v >= c.threshold if c.inclusive else v > c.threshold)
        return m
