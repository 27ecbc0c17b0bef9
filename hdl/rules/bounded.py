"""Weight updates within bounds: hardware."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from amaranth.hdl import Module, Mux, Value

from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import bounded
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.rules.three_factor import Accumulate, Update


def clipped(w: Value, fmt: Format, low: int, high: int) -> Value:
    """Return a weight of a format limited to ``low..high``; its own ends cost nothing."""
    if high < fmt.high:
        w = Mux(w > high, high, w)
    return Mux(w < low, low, w) if low > fmt.low else w


def bounds(fmt: Format) -> Iterable[tuple[int, int]]:
    """Return ends of a format, and bounds within."""
    low, high = fmt.low, fmt.high
    third = (high - low) // 3
    yield low, high
    yield low + third, high
    yield from ((low, high - third), (low + third, high - third), (high, high), (low, low))


class BoundedUpdate(Twin):
    """Twin of :data:`goldenspike.golden.rules.bounded.UPDATE`."""

    cell = bounded.UPDATE
    CUTTABLE = True

    @staticmethod
    def cases() -> Iterable[bounded.Constants]:
        for update in islice(Update.cases(), 0, None, 9):
            for low, high in bounds(update.weight):
                yield bounded.Constants(update, low, high)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        m.submodules.update = update = Update(c.update, cut=self.cut)
        m.d.comb += [
            update.w.eq(self.w),
            update.factor.eq(self.factor),
            update.eligibility.eq(self.eligibility),
            update.word.eq(self.word),
            self.w_next.eq(clipped(update.w_next, c.update.weight, c.low, c.high)),
        ]
        return m


class BoundedAccumulate(Twin):
    """Twin of :data:`goldenspike.golden.rules.bounded.ACCUMULATE`."""

    cell = bounded.ACCUMULATE

    @staticmethod
    def cases() -> Iterable[bounded.Constants]:
        for update in islice(Accumulate.cases(), 0, None, 7):
            for low, high in bounds(update.weight):
                yield bounded.Constants(update, low, high)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        m.submodules.update = update = Accumulate(c.update)
        m.d.comb += [
            update.w.eq(self.w),
            update.sum.eq(self.sum),
            update.factor.eq(self.factor),
            update.eligibility.eq(self.eligibility),
            update.due.eq(self.due),
            update.word.eq(self.word),
            self.w_next.eq(clipped(update.w_next, c.update.weight, c.low, c.high)),
            self.sum_next.eq(update.sum_next),
        ]
        return m
