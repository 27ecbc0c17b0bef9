"""Triplet STDP: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Module, Mux, Value

from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.rules import triplet_stdp
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize
from goldenspike.hdl.rules.spike_trace import traced

f = Format.parse
USUAL = triplet_stdp.Params(
    trace=f("fxp-u20/16"),
    r1_decay=0.9607894391523232,
    r2_decay=0.9607894391523232,
    o1_decay=0.999000499833375,
    o2_decay=0.9607894391523232,
    amplitude=f("fxp-u16/20"),
    plus2=0.01,
    minus2=0.002,
    plus3=0.02,
    minus3=0.001,
    drive=f("fxp-u16/18"),
    multiple=2.0,
    bound=f("fxp-u15/14"),
    trace_factor=f("fxp-u20/20"),
)
ONES: dict[str, Any] = {"plus2": 1.0, "minus2": 1.0, "plus3": 1.0, "minus3": 1.0}


def parameters() -> Iterable[triplet_stdp.Params]:
    """Return parameters of neurons."""
    decays: dict[str, Any] = {"r2_decay": 0.5, "o2_decay": 0.5, "trace_factor": f("fxp-u17/16")}
    decays |= {"r1_decay": 0.0, "o1_decay": 0.0}
    small = replace(USUAL, **ONES, **decays, trace=BIT, amplitude=BIT, drive=BIT)
    yield from (USUAL, replace(USUAL, drive=f("fxp-u8/10")), replace(USUAL, minus3=0.0, plus3=0.0))
    yield from (small, replace(small, trace=f("fxp-s4/2"), drive=f("fxp-s3/-1")))
    signed = {"plus2": -2.0, "plus3": -2.0, "minus2": -1.0, "minus3": -2.0}
    yield replace(
        small, **signed, amplitude=f("fxp-s2/0"), trace=f("fxp-u5/3"), drive=f("fxp-s1/0")
    )
    yield replace(USUAL, trace=f("fxp-s12/8"), drive=f("fxp-s24/24"))


def driven(m: Module, c: triplet_stdp.NeuronConstants, faded: Value, spike: Value) -> Value:
    """Return what a spike changes a weight by, per trace of the other side; 0 without one."""
    total = named(m, align(c.pair, c.pair_shift) + multiply(faded, c.triplet), "total")
    made = requantize(m, total, c.frac, c.drive, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    return Mux(spike, made, 0)


class TripletPre(Twin):
    """Twin of :data:`goldenspike.golden.rules.triplet_stdp.PRE`."""

    cell = triplet_stdp.PRE

    @staticmethod
    def cases() -> Iterable[triplet_stdp.NeuronConstants]:
        for params in parameters():
            yield params.pre(BIT).constants

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        r1, r1_next = traced(m, c.one, self.r1, self.signal)
        r2, r2_next = traced(m, c.two, self.r2, self.signal)
        m.d.comb += [self.r1_next.eq(r1_next), self.r2_next.eq(r2_next)]
        m.d.comb += [self.pre_trace.eq(r1), self.depress.eq(driven(m, c, r2, self.signal))]
        return m


class TripletPost(Twin):
    """Twin of :data:`goldenspike.golden.rules.triplet_stdp.POST`."""

    cell = triplet_stdp.POST

    @staticmethod
    def cases() -> Iterable[triplet_stdp.NeuronConstants]:
        for params in parameters():
            yield params.post({"signal": BIT}).constants

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        o1, o1_next = traced(m, c.one, self.o1, self.signal)
        o2, o2_next = traced(m, c.two, self.o2, self.signal)
        m.d.comb += [self.o1_next.eq(o1_next), self.o2_next.eq(o2_next)]
        m.d.comb += [self.post_trace.eq(o1), self.potentiate.eq(driven(m, c, o2, self.signal))]
        return m


class TripletUpdate(Twin):
    """Twin of :data:`goldenspike.golden.rules.triplet_stdp.UPDATE`."""

    cell = triplet_stdp.UPDATE

    @staticmethod
    def cases() -> Iterable[triplet_stdp.Constants]:
        for rounding, overflow in product(Rounding, Overflow):
            for formats in (
                *("fxp-s16/14 fxp-u20/16 fxp-u16/18", "fxp-u8/7 fxp-u12/8 fxp-s8/8"),
                *("fxp-u1/0 fxp-u1/0 fxp-u1/0", "fxp-s2/3 fxp-s2/0 fxp-s1/0"),
                *("fxp-u4/-1 fxp-u3/1 fxp-s3/4", "fxp-s2/0 fxp-u8/6 fxp-u6/6"),
            ):
                weight, trace, drive = map(f, formats.split())
                yield triplet_stdp.constants(weight, trace, drive, rounding, overflow)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        up = multiply(self.pre_trace, self.potentiate)
        change = named(m, up - multiply(self.post_trace, self.depress), "change")
        change = align(change, c.change_shift)
        total = named(m, align(self.w, c.weight_shift) + change, "total")
        w = requantize(m, total, c.frac, c.weight, c.rounding, c.overflow, self.word)
        limited = Mux(w > self.bound, self.bound, Mux(w < 0, 0, w))
        m.d.comb += [self.w_next.eq(limited), self.bound_next.eq(self.bound)]
        return m
