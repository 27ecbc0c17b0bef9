"""What is claimed of row sources."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.memory import Memory

from goldenspike.hdl.units.rows import Packing, RowSource
from goldenspike.sim.formal import Bench


class Rows(Bench):
    """A row source streams the rows of a memory, each once, in ascending order.

    Whatever the memory has, whenever it is started, and however the stream is stalled.
    """

    def __init__(self, packing: Packing) -> None:
        super().__init__()
        self.packing = packing

    def build(self, m: Module) -> None:
        packing, size = self.packing, self.packing.size
        m.submodules.rows = rows = RowSource(packing, every=True)
        m.submodules.memory = store = Memory(shape=packing.shape, depth=packing.words, init=[])
        store.write_port()
        read = store.read_port()
        start, ready = self.anything("start"), self.anything("ready")
        everything = self.something("all")
        running = Signal()
        self.suppose(~start | rows.done)
        m.d.comb += [
            *(read.addr.eq(rows.address), read.en.eq(rows.enable), rows.word.eq(read.data)),
            *(rows.start.eq(start), rows.all.eq(everything), rows.o.ready.eq(ready)),
        ]
        row, signal = Signal(16), Signal.like(rows.o.payload.signal)
        valid, done, taken = Signal(), Signal(), Signal()
        m.d.comb += [
            *(valid.eq(rows.o.valid), done.eq(rows.done), taken.eq(valid & ready)),
            *(row.eq(rows.o.payload.row), signal.eq(rows.o.payload.signal)),
        ]
        stalled = self.before(valid & ~ready, "stalled")
        self.claim("valid_stays", ~stalled | valid)
        same = (row == self.before(row, "row_before")) & (
            signal == self.before(signal, "signal_before")
        )
        self.claim("payload_stays", ~stalled | same)
        self.claim("row_exists", ~valid | (row < size))
        # A watched row, and what the memory has of it.
        watched, count = self.something("watched", range(size)), Signal(2)
        look = store.read_port(domain="comb")
        content = Signal.like(signal)
        m.d.comb += [
            look.addr.eq(watched >> packing.bits),
            content.eq(packing.elements(look.data, watched)[0]),
        ]
        last, any_taken = Signal(16), Signal()
        wanted = everything | (content != 0)
        limit = packing.words + size
        busy_cycles = Signal(range(limit + 2))
        with m.If(start):
            m.d.sync += [running.eq(1), count.eq(0), any_taken.eq(0), busy_cycles.eq(0)]
        with m.Else():
            with m.If(taken):
                m.d.sync += [last.eq(row), any_taken.eq(1)]
                with m.If(row == watched):
                    m.d.sync += count.eq(count + (count != 3))
            with m.If(~done & (ready | ~valid) & (busy_cycles <= limit)):
                m.d.sync += busy_cycles.eq(busy_cycles + 1)
        self.claim("rows_ascend", ~taken | ~any_taken | (row > last))
        self.claim("signal_is_the_memory's", ~valid | (row != watched) | (signal == content))
        self.claim("row_comes_once", count <= 1)
        self.claim("all_rows_come", ~(running & done) | (count == Mux(wanted, 1, 0)))
        self.claim("none_without_start", running | ~valid)
        self.claim("it_ends", busy_cycles <= limit)
        self.reach(running & done & (count == 1) & (last == size - 1))
