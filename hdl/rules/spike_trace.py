"""Spike traces: hardware."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from amaranth.hdl import Module, Mux, Value

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.rules import spike_trace
from goldenspike.golden.rules.spike_trace import Constants
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import limit, multiply, named, requantize

FORMATS = ("fxp-u16/12", "fxp-u1/0", "fxp-s2/0", "fxp-u8/0", "fxp-s18/14", "fxp-u24/20")


def cases() -> Iterable[Constants]:
    """Return constants of traces."""
    formats = [Format.parse(text) for text in FORMATS]
    for trace, coincident in product(formats, (False, True)):
        for decay in (0.0, 0.5, 0.9, 0.951229):
            yield spike_trace.constants(decay, trace, coincident)
    yield spike_trace.constants(0.5, formats[0], True, Format.parse("fxp-u1/1"))
    yield spike_trace.constants(0.999, formats[-1], True, Format.parse("fxp-u20/20"))


def traced(m: Module, c: Constants, trace: Value, spike: Value) -> tuple[Value, Value]:
    """Return what is left of a trace, and its next value."""
    rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
    left = named(m, multiply(trace, c.decay), "left")
    faded = requantize(m, left, c.frac, c.trace, rounding, overflow, 0)
    return faded, limit(m, faded + Mux(spike, c.one, 0), c.trace, overflow)


class PreTrace(Twin):
    """Twin of :data:`goldenspike.golden.rules.spike_trace.PRE`."""

    cell = spike_trace.PRE
    cases = staticmethod(cases)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        faded, grown = traced(m, self.constants, self.trace, self.signal)
        m.d.comb += [
            self.trace_next.eq(grown),
            self.pre_spike.eq(self.signal),
            self.pre_trace.eq(grown if self.constants.coincident else faded),
        ]
        return m


class PostTrace(Twin):
    """Twin of :data:`goldenspike.golden.rules.spike_trace.POST`."""

    cell = spike_trace.POST
    cases = staticmethod(cases)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        faded, grown = traced(m, self.constants, self.trace, self.signal)
        m.d.comb += [
            self.trace_next.eq(grown),
            self.post_spike.eq(self.signal),
            self.post_trace.eq(grown if self.constants.coincident else faded),
        ]
        return m
