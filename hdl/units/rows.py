"""Rows to visit: the indices and signals of a population's neurons that are not silent."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from goldenspike.golden.fixed import BIT, Format
from goldenspike.hdl.cell import shape
from goldenspike.hdl.units.common import Unit

WORD_BITS_LOG2 = 5
WORD_BITS = 1 << WORD_BITS_LOG2
"""Spikes of a word."""


def words_of(size: int, signal: Format) -> int:
    """Return how many words a population's signals of a tick take."""
    return -(-size // WORD_BITS) if signal == BIT else size


def word_shape(signal: Format) -> Any:
    """Return the shape of such a word."""
    return WORD_BITS if signal == BIT else shape(signal)


def row_layout(signal: Format) -> StructLayout:
    """Return a row's layout: its index and its signal."""
    return StructLayout({"row": 16, "signal": shape(signal)})


class RowSource(Unit):
    """Reads a tick's signals and streams the rows that are not 0, in ascending order.

    With `all`, those that are 0 come too. `start` begins; `address` is relative to the tick's
    first word; `done` stands when the last row has been taken, until after the next start. Spikes
    come one a cycle; a word of none costs one.

    Parameters
    ----------
    size
        Neurons.
    signal
        Format of their signals.
    """

    def __init__(self, size: int, signal: Format) -> None:
        self.size, self.format = size, signal
        self.words = words_of(size, signal)
        super().__init__(
            {
                "start": In(1),
                "all": In(1),
                "done": Out(1),
                "address": Out(range(self.words + 1)),
                "enable": Out(1),
                "word": In(word_shape(signal)),
                "o": Out(stream.Signature(row_layout(signal))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        place = Signal(range(self.words + 1))  # Of the word that is read next.
        arrived = Signal()  # A word stands on `word`.
        taken = Signal()  # The word on `word` goes in this cycle.
        last = place == self.words
        fetch = self.start | (taken & ~last)
        m.d.comb += [
            self.address.eq(Mux(self.start, 0, place)),
            self.enable.eq(fetch),
            self.done.eq(~arrived),
        ]
        with m.If(fetch):
            m.d.sync += [place.eq(self.address + 1), arrived.eq(1)]
        with m.Elif(taken):
            m.d.sync += arrived.eq(0)
        if self.format == BIT:
            self._spikes(m, place, arrived, taken)
        else:
            m.d.comb += [
                self.o.valid.eq(arrived & (self.all | (self.word != 0))),
                self.o.payload.row.eq(place - 1),
                self.o.payload.signal.eq(self.word),
                taken.eq(arrived & (~self.o.valid | self.o.ready)),
            ]
        return m

    def _spikes(self, m: Module, place: Signal, arrived: Signal, taken: Signal) -> None:
        """Send the set bits of a word, or all, the lowest first."""
        sent = Signal(WORD_BITS)  # Those of this word that went already.
        left, wanted = Signal(WORD_BITS), Signal(WORD_BITS)
        lowest = Signal(range(WORD_BITS))
        there = Signal(WORD_BITS, init=(1 << WORD_BITS) - 1)  # Bits of the word that are neurons.
        with m.If(place == self.words):
            m.d.comb += there.eq((1 << ((self.size - 1) % WORD_BITS + 1)) - 1)
        m.d.comb += [wanted.eq(Mux(self.all, there, self.word)), left.eq(wanted & ~sent)]
        for k in reversed(range(WORD_BITS)):
            with m.If(left[k]):
                m.d.comb += lowest.eq(k)
        after = Signal(WORD_BITS)
        m.d.comb += after.eq(left & (left - 1))
        sending = Signal()
        m.d.comb += [
            self.o.valid.eq(arrived & left.any()),
            self.o.payload.row.eq(Cat(lowest, (place - 1)[: 16 - WORD_BITS_LOG2])),
            self.o.payload.signal.eq(self.word.bit_select(lowest, 1)),
            sending.eq(self.o.valid & self.o.ready),
            taken.eq(arrived & (~left.any() | (sending & ~after.any()))),
        ]
        with m.If(taken):
            m.d.sync += sent.eq(0)
        with m.Elif(sending):
            m.d.sync += sent.eq(~after)
