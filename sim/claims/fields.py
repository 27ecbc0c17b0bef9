"""What is claimed of the sources of random fields: what they give is what they were asked for."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value

from goldenspike.hdl.units.variates import FieldSource
from goldenspike.sim.formal import Bench

NEAR, FAR, QUEUE = 4, 2, 4
"""Bits of a block's number that vary, below and from bit 16 on; blocks on their way at most."""


def words(block: Any) -> tuple[Value, Value]:
    """Return the two words that stand for those of a block: they tell its number."""
    number = Cat(Value.cast(block)[:NEAR], Value.cast(block)[16 : 16 + FAR])
    return number, (~number)[: NEAR + FAR]


class Fields(Bench):
    """A field source gives the fields of the index asked for, and of no time before the last flush.

    However late blocks are taken and come, whenever it is flushed, and whatever is fetched ahead.

    Parameters
    ----------
    lanes
        Fields at a time, of 32 bits.
    ahead
        Whether it fetches ahead.
    """

    def __init__(self, lanes: int, *, ahead: bool) -> None:
        super().__init__()
        self.lanes, self.unit = lanes, FieldSource(32, lanes, 0, ahead=ahead)

    def build(self, m: Module) -> None:
        unit, lanes = self.unit, self.lanes
        m.submodules.unit = unit
        shift = lanes.bit_length() - 1
        flush, request = self.anything("flush"), self.anything("request")
        place, soon = self.anything("place", 2), self.anything("soon")
        later = self.anything("later_place", 2)
        high = Signal(FAR)
        m.d.comb += [
            *(unit.flush.eq(flush), unit.request.eq(request), unit.index.eq(place << shift)),
            *(unit.soon.eq(soon), unit.next_index.eq(later << shift), unit.high.eq(high << 16)),
        ]
        count = Signal(range(QUEUE + 1))  # Blocks on their way.
        # What is asked for stands until it is there; nothing is on its way when a time ends.
        waited = self.before(request & ~unit.hit & ~flush, "waited")
        self.suppose(~waited | (request & (place == self.before(place, "place_before"))))
        missing = request & ~unit.hit
        self.suppose(~(flush & (missing | unit.want | (count != 0))))
        with m.If(flush):
            m.d.sync += high.eq(self.anything("next_high", FAR))
        # Blocks are taken, and come in the order in which they were.
        blocks = [Signal(32, name=f"block_{k}") for k in range(QUEUE)]
        takes, comes = self.anything("takes"), self.anything("comes")
        taken, granted = Signal(), Signal()
        m.d.comb += [
            taken.eq(unit.want & takes & (count != QUEUE)),
            granted.eq(comes & (count != 0)),
            *(unit.taken.eq(taken), unit.granted.eq(granted)),
        ]
        first, second = words(blocks[0])
        m.d.comb += [unit.x0.eq(first), unit.x1.eq(second)]
        after = count - granted
        with m.If(granted):
            m.d.sync += [one.eq(other) for one, other in pairwise(blocks)]
        with m.If(taken):
            m.d.sync += Array(blocks)[after[:2]].eq(unit.block)
        m.d.sync += count.eq(after + taken)
        right: Any = 1
        for k in range(lanes):
            index = unit.index + k
            both = words((high << 16) | (index >> 1))
            right = right & (unit.fields.word_select(k, 32) == Mux(index[0], both[1], both[0]))
        hit = Signal()
        m.d.comb += hit.eq(request & unit.hit)
        self.claim("fields_are_those_asked_for", ~hit | right)
        limit = 3 * lanes + 6
        cycles = Signal(range(limit + 2))
        stalled = (unit.want & ~taken) | ((count != 0) & ~granted)
        with m.If(~request | unit.hit):
            m.d.sync += cycles.eq(0)
        with m.Elif(~stalled & (cycles <= limit)):
            m.d.sync += cycles.eq(cycles + 1)
        self.claim("they_come", cycles <= limit)
        self.reach(hit & (high != 0) & (place == 3))
