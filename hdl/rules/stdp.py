"""Pair STDP: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from amaranth.hdl import Module, Mux, Value

from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.rules import stdp
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize
from goldenspike.hdl.rules.bounded import clipped

f = Format.parse
USUAL = stdp.Params(
    trace=f("fxp-u16/12"),
    pre_decay=0.95,
    post_decay=0.95,
    amplitude=f("fxp-u16/20"),
    plus=0.01,
    minus=0.012,
)
SMALL = replace(USUAL, trace=BIT, amplitude=BIT, pre_decay=0.5, plus=1.0, minus=1.0)
SIGNED = replace(SMALL, trace=f("fxp-s3/1"), amplitude=f("fxp-s2/0"), plus=-2.0, minus=1.0)


def paired(m: Module, twin: Any, plus: Any, minus: Any) -> Value:
    """Return what the spikes of a tick change, exactly."""
    up = named(m, Mux(twin.post_spike, twin.pre_trace, 0), "up")
    down = named(m, Mux(twin.pre_spike, twin.post_trace, 0), "down")
    return named(m, multiply(up, plus) - multiply(down, minus), "change")


class PairUpdate(Twin):
    """Twin of :data:`goldenspike.golden.rules.stdp.UPDATE`."""

    cell = stdp.UPDATE

    @staticmethod
    def cases() -> Iterable[stdp.Constants]:
        for rounding, overflow in product(Rounding, Overflow):
            usual, small, signed = (
                replace(one, rounding=rounding, overflow=overflow) for one in (USUAL, SMALL, SIGNED)
            )
            yield stdp.constants(f("fxp-s16/14"), usual)
            yield stdp.constants(f("fxp-u8/8"), replace(usual, low=0.25, high=0.75))
            yield stdp.constants(f("fxp-s24/20"), replace(usual, low=0.0))
            for corner in ("fxp-s1/0", "fxp-u1/0", "fxp-s2/3", "fxp-u4/-2"):
                yield stdp.constants(f(corner), small)
                yield stdp.constants(f(corner), signed)
        unlearned = replace(USUAL, plus=0.0, minus=0.0)
        yield stdp.constants(f("fxp-s16/14"), replace(unlearned, low=-1.0, high=1.0))
        yield stdp.constants(f("fxp-s30/28"), replace(USUAL, trace=f("fxp-u24/20")))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        change = align(paired(m, self, c.plus, c.minus), c.change_shift)
        total = named(m, align(self.w, c.weight_shift) + change, "total")
        w = requantize(m, total, c.frac, c.weight, c.rounding, c.overflow, self.word)
        m.d.comb += self.w_next.eq(clipped(w, c.weight, c.low, c.high))
        return m
