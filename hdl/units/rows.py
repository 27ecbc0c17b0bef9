"""Rows to visit: the indices and signals of a population's neurons that are not silent."""

from typing import Any, NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
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
    """Return how many words of the host a population's signals of a tick take."""
    return Packing(size, signal).words


class Packing(NamedTuple):
    """How a population's signals of a tick are packed in words: the lowest neuron lowest.

    Spikes are 32 a word, others `each`, a power of two; the last word may have some left over.
    """

    size: int
    signal: Format
    each: int = 1

    @property
    def bits(self) -> int:
        """The binary logarithm of how many signals a word has."""
        return WORD_BITS_LOG2 if self.signal == BIT else self.each.bit_length() - 1

    @property
    def words(self) -> int:
        """Words of a tick."""
        return -(-self.size >> self.bits)

    @property
    def shape(self) -> Any:
        """The shape of a word: that of a signal, if it holds one."""
        return unsigned(self.signal.width << self.bits) if self.bits else shape(self.signal)

    def address(self, index: Any) -> Any:
        """Return which word has the signal of neuron `index`."""
        return index >> self.bits if self.size > 1 else 0

    def elements(self, word: Value, index: Any, count: int = 1) -> list[Value]:
        """Return the signals of neuron `index`, a multiple of `count`, and the next ones."""
        if not self.bits:
            return [word] * count if self.size == 1 else [word]
        width = self.signal.width
        if self.size == 1:
            parts = [word[:width]] * count
        else:
            first = Value.cast(index)[count.bit_length() - 1 : self.bits]
            several = word.word_select(first, width * count)
            parts = [several[k * width : (k + 1) * width] for k in range(count)]
        return [part.as_signed() if self.signal.signed else part for part in parts]


def row_layout(signal: Format) -> StructLayout:
    """Return a row's layout: its index and its signal."""
    return StructLayout({"row": 16, "signal": shape(signal)})


class RowSource(Unit):
    """Reads a tick's signals and streams the rows that are not 0, in ascending order.

    With `all`, those that are 0 come too. `start` begins; `address` is relative to the tick's
    first word; `done` stands when the last row has been taken, until after the next start. Rows
    come one a cycle; a word of none costs one.

    Parameters
    ----------
    packing
        Of the signals.
    """

    def __init__(self, packing: Packing) -> None:
        self.packing, self.words = packing, packing.words
        super().__init__(
            {
                "start": In(1),
                "all": In(1),
                "done": Out(1),
                "address": Out(range(self.words + 1)),
                "enable": Out(1),
                "word": In(packing.shape),
                "o": Out(stream.Signature(row_layout(packing.signal))),
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
        if self.packing.bits:
            self._packed(m, place, arrived, taken)
        else:
            m.d.comb += [
                self.o.valid.eq(arrived & (self.all | (self.word != 0))),
                self.o.payload.row.eq(place - 1),
                self.o.payload.signal.eq(self.word),
                taken.eq(arrived & (~self.o.valid | self.o.ready)),
            ]
        return m

    def _packed(self, m: Module, place: Signal, arrived: Signal, taken: Signal) -> None:
        """Send the signals of a word that are not 0, or all, the lowest first."""
        packing = self.packing
        each, width = 1 << packing.bits, packing.signal.width
        sent = Signal(each)  # Those of this word that went already.
        left, wanted = Signal(each), Signal(each)
        lowest = Signal(range(each))
        there = Signal(each, init=(1 << each) - 1)  # Those of the word that are neurons.
        with m.If(place == self.words):
            m.d.comb += there.eq((1 << ((packing.size - 1) % each + 1)) - 1)
        active = Cat(self.word.word_select(k, width).any() for k in range(each))
        m.d.comb += [wanted.eq(Mux(self.all, there, active & there)), left.eq(wanted & ~sent)]
        for k in reversed(range(each)):
            with m.If(left[k]):
                m.d.comb += lowest.eq(k)
        after = Signal(each)
        m.d.comb += after.eq(left & (left - 1))
        sending = Signal()
        m.d.comb += [
            self.o.valid.eq(arrived & left.any()),
            self.o.payload.row.eq(Cat(lowest, (place - 1)[: 16 - packing.bits])),
            self.o.payload.signal.eq(self.word.word_select(lowest, width)),
            sending.eq(self.o.valid & self.o.ready),
            taken.eq(arrived & (~left.any() | (sending & ~after.any()))),
        ]
        with m.If(taken):
            m.d.sync += sent.eq(0)
        with m.Elif(sending):
            m.d.sync += sent.eq(~after)
