"""A queue whose ends can be taken back: what is not confirmed is as if it had not been.

amaranth.lib.fifo has queues, but none that forgets a frame that turns out to be damaged, or gives
words again for an answer that was lost.
"""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.units.common import Unit, memory


class Ring(Unit):
    """A queue of 32-bit words in a memory.

    Parameters
    ----------
    depth
        Words, a power of two.

    Members
    -------
    put, put_data : In(1), In(32)
        Puts a word behind; it does not count before `commit`. Only while there is `room`.
    room : Out(range(depth + 1))
        Words that can be put, those that were taken and not released not among them.
    commit, rollback : In(1)
        What was put counts, with what is put in this cycle; or is forgotten.
    level : Out(range(depth + 1))
        Words that count and have not been taken.
    take, data : In(1), Out(32)
        The first of them, while there are any, and that it has been taken.
    release, rewind : In(1)
        What was taken is gone, with what is taken in this cycle; or comes again.
    clear : In(1)
        Empties it, whatever else is set.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        inputs = {"put_data": In(32)}
        for name in ("put", "commit", "rollback", "take", "release", "rewind", "clear"):
            inputs[name] = In(1)
        levels = range(depth + 1)
        outputs = {"room": Out(levels), "level": Out(levels), "data": Out(32)}
        super().__init__({**inputs, **outputs})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        store = memory(m, "words", 32, self.depth)
        write, read = store.write_port(), store.read_port()
        # Places have a bit more than addresses: it tells full from empty.
        put, counted, seen = (Signal(range(2 * self.depth)) for _ in range(3))
        taken, gone = Signal.like(put), Signal.like(put)
        put_next, taken_next = Signal.like(put), Signal.like(put)
        bits = len(put) - 1
        m.d.comb += [
            put_next.eq(put + self.put),
            taken_next.eq(taken + self.take),
            write.addr.eq(put[:bits]),
            write.data.eq(self.put_data),
            write.en.eq(self.put),
            read.addr.eq(taken_next[:bits]),
            self.data.eq(read.data),
            self.level.eq((seen - taken)[: len(put)]),
            self.room.eq(self.depth - (put - gone)[: len(put)]),
        ]
        # A word can be read from the second cycle after it was put.
        m.d.sync += [put.eq(put_next), taken.eq(taken_next), seen.eq(counted)]
        with m.If(self.commit):
            m.d.sync += counted.eq(put_next)
        with m.If(self.rollback):
            m.d.sync += put.eq(counted)
        with m.If(self.release):
            m.d.sync += gone.eq(taken_next)
        with m.If(self.rewind):
            m.d.comb += read.addr.eq(gone[:bits])
            m.d.sync += taken.eq(gone)
        with m.If(self.clear):
            m.d.sync += [place.eq(0) for place in (put, counted, seen, taken, gone)]
        return m
