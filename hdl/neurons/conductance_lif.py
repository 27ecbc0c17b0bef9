"""Leaky integrate-and-fire neuron with conductances: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Module, Mux, Value

from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow, Rounding
from goldenspike.golden.neurons import conductance_lif
from goldenspike.golden.neurons.conductance_lif import SILENT
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


def admit(m: Module, x: Value, current: Format, conductance: Format) -> Value:
    """Return a sum of weights as a conductance."""
    return requantize(m, x, current.frac, conductance, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


class ConductanceLIF(Twin):
    """Twin of :data:`goldenspike.golden.neurons.conductance_lif.STEP`."""

    cell = conductance_lif.STEP

    @staticmethod
    def cases() -> Iterable[conductance_lif.Constants]:
        f = Format.parse
        millivolts = conductance_lif.Params(
            f("fxp-s16/8"), 0.025, -60.0, 0.0, -70.0, -50.0, -55.0, f("fxp-u14/16")
        )
        currents = f("fxp-s22/18"), f("fxp-u18/14")
        for rounding, overflow in product(DETERMINISTIC, Overflow):
            yield replace(millivolts, rounding=rounding, overflow=overflow).constants(*currents)
        yield replace(millivolts, leak=0.0).constants(*currents)
        yield replace(millivolts, leak=0.5).constants(*reversed(currents))
        yield millivolts.constants(currents[0], SILENT)
        yield millivolts.constants(SILENT, currents[1])
        yield millivolts.constants(SILENT, SILENT)
        yield replace(millivolts, conductance=f("fxp-u5/7")).constants(f("fxp-s8/3"), f("fxp-u9/9"))
        small = conductance_lif.Params(f("fxp-s4/1"), 0.25, 0, 2, -2, 1, 0, f("fxp-u1/2"))
        yield small.constants(f("fxp-u1/1"), f("fxp-s1/-1"))
        wide = replace(millivolts, membrane=f("fxp-s24/16"), conductance=f("fxp-u16/18"))
        yield wide.constants(f("fxp-s30/24"), f("fxp-s30/24"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        excitatory = admit(m, self.excitatory, c.excitatory, c.conductance)
        inhibitory = admit(m, self.inhibitory, c.inhibitory, c.conductance)
        flow = multiply(excitatory, named(m, self.v - c.excitatory_reversal, "above_excitatory"))
        flow += multiply(inhibitory, named(m, self.v - c.inhibitory_reversal, "above_inhibitory"))
        total = align(multiply(self.v, c.keep), c.keep_shift) - align(flow, c.conductance_shift)
        v = requantize(m, total, c.frac, c.membrane, c.rounding, c.overflow, 0)
        m.d.comb += self.signal.eq(v >= c.threshold)
        m.d.comb += self.v_next.eq(Mux(self.signal, c.reset, v))
        return m
