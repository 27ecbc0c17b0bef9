"""Rows to visit: the indices and signals of a population's neurons that are not silent."""

from typing import Any, NamedTuple, Self

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from goldenspike.golden.fixed import BIT, Format
from goldenspike.hdl.cell import shape
from goldenspike.hdl.fixed import named
from goldenspike.hdl.units.common import Unit, balanced

WORD_BITS_LOG2 = 5
WORD_BITS = 1 << WORD_BITS_LOG2
"""Spikes of a word."""


def words_of(size: int, signal: Format) -> int:
    """Return how many words of the host a population's signals of a tick take."""
    return Packing.of(size, signal).words


class Packing(NamedTuple):
    """How signals of a tick are packed in words: the lowest neuron lowest.

    A word has `each` of them, a power of two; the last word may have some left over. No other place
    derives a layout: what writes signals and what reads them share one packing.
    """

    size: int
    signal: Format
    each: int = 1

    @classmethod
    def of(cls, size: int, signal: Format, neurons: int = 1) -> Self:
        """Return how a population packs its signals: 32 spikes a word, or values as they come.

        Parameters
        ----------
        size, signal
            Of the population.
        neurons
            How many values come at once, a power of two.
        """
        return cls(size, signal, WORD_BITS if signal == BIT else neurons)

    @property
    def bits(self) -> int:
        """The binary logarithm of how many signals a word has."""
        return self.each.bit_length() - 1

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

    With `all`, a port that `every` adds, those that are 0 come too. `start` begins; `address` is
    relative to the tick's first word, and stands, by `claim`, from the start until all words are
    read; `done` stands when the last row has been taken, until after the next start. Rows come one
    a cycle, the first one three cycles after the start; a word of none costs one.

    Parameters
    ----------
    packing
        Of the signals.
    every
        Adds `all`; a row's signal then tells a spike from silence.
    """

    def __init__(self, packing: Packing, *, every: bool = False) -> None:
        self.packing, self.words, self.every = packing, packing.words, every
        super().__init__(
            {
                "start": In(1),
                **({"all": In(1)} if every else {}),
                "done": Out(1),
                "address": Out(range(self.words + 1)),
                "claim": Out(1),
                "enable": Out(1),
                "word": In(packing.shape),
                "o": Out(stream.Signature(row_layout(packing.signal))),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        packing = self.packing
        each = 1 << packing.bits
        place = Signal(range(self.words + 1), init=self.words)  # Of the word that is read next.
        arrived = Signal()  # A word stands on `word`.
        taken = Signal()  # The word on `word` goes in this cycle.
        last = place == self.words
        fetch = self.start | (taken & ~last)
        m.d.comb += [
            self.address.eq(Mux(self.start, 0, place)),
            # Which address it is must not wait for whether it is read.
            self.claim.eq(self.start | ~last),
            self.enable.eq(fetch),
        ]
        with m.If(fetch):
            m.d.sync += [place.eq(self.address + 1), arrived.eq(1)]
        with m.Elif(taken):
            m.d.sync += arrived.eq(0)
        # The rows of the word that was taken, which are left to be sent: whether some are, and
        # whether several, in a tree that is no longer than it must be.
        left, number = Signal(each), Signal(range(max(self.words, 2)))
        some, several = Signal(), Signal()
        sending = self.o.valid & self.o.ready
        wanted = self._wanted(m, last)
        m.d.comb += [
            several.eq(balanced(_joined, [(bit, Const(0, 1)) for bit in left])[1]),
            taken.eq(arrived & (~some | (sending & ~several))),
            self.done.eq(~arrived & ~some),
            self.o.valid.eq(some),
        ]
        with m.If(taken):
            m.d.sync += [left.eq(wanted), some.eq(wanted.any()), number.eq(place - 1)]
        with m.Elif(sending):
            m.d.sync += [left.eq(left & (left - 1)), some.eq(several)]
        lowest = Signal(range(each))
        for k in reversed(range(each)):
            with m.If(left[k]):
                m.d.comb += lowest.eq(k)
        m.d.comb += self.o.payload.row.eq(Cat(lowest, number) if packing.bits else number)
        if packing.signal == BIT and not self.every:
            m.d.comb += self.o.payload.signal.eq(1)
            return m
        word = Signal(each * packing.signal.width)
        with m.If(taken):
            m.d.sync += word.eq(self.word)
        m.d.comb += self.o.payload.signal.eq(word.word_select(lowest, packing.signal.width))
        return m

    def _wanted(self, m: Module, last: Value) -> Value:
        """Return which rows of the word on `word` are to be sent."""
        packing = self.packing
        each, width = 1 << packing.bits, packing.signal.width
        # Those of the word that are neurons: the last word may have some left over.
        left = Const((1 << ((packing.size - 1) % each + 1)) - 1, each)
        there = left if self.words == 1 else Mux(last, left, Const((1 << each) - 1, each))
        word = Value.cast(self.word)
        active = Cat(word.word_select(k, width).any() for k in range(each))
        active &= there
        return named(m, Mux(self.all, there, active) if self.every else active, "wanted")


def _joined(a: tuple[Value, Value], b: tuple[Value, Value]) -> tuple[Value, Value]:
    """Return whether some of two sets of bits are 1, and whether several, from those of each."""
    return a[0] | b[0], a[1] | b[1] | (a[0] & b[0])


class Reader(NamedTuple):
    """What reads a population's signals: a word stands in the cycle after that of `enable`.

    Parameters
    ----------
    address, enable, word
        The lines.
    claim
        When the address counts, if that is known earlier than `enable`.
    rows
        The row source that reads, if one does.
    """

    address: Any
    enable: Any
    word: Any
    claim: Any = None
    rows: RowSource | None = None


def claimed(reader: Any) -> Any:
    """Return when a reader's address counts."""
    claim = getattr(reader, "claim", None)
    return reader.enable if claim is None else claim
