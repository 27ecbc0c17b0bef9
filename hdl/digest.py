"""The digest in hardware: one exclusive-or network a tap, and a pipelined sum."""

from functools import reduce
from operator import add, xor
from typing import Any

from amaranth.hdl import Cat, Const, Elaboratable, Module, Mux, Signal, Value

from goldenspike.golden.digest import CONSTANT, column
from goldenspike.hdl.units.common import Tap

LATENCY = 4
"""Cycles from a tap to its place in the digest."""
INDEX_BIT, VALUE_BIT, VALUE_BITS = 32, 64, 64


def crc(variable: int, index: Value, value: Value) -> Value:
    """Return the CRC-32 of a write: each bit is the parity of some bits of index and value."""
    constant = reduce(xor, (column(bit) for bit in range(32) if variable >> bit & 1), CONSTANT)
    columns = [column(INDEX_BIT + bit) for bit in range(len(index))]
    columns += [column(VALUE_BIT + bit) for bit in range(len(value))]
    if value.shape().signed:
        # The bits above are all copies of the sign.
        extension = (column(VALUE_BIT + bit) for bit in range(len(value), VALUE_BITS))
        columns[-1] = reduce(xor, extension, columns[-1])
    message = Cat(index, value)
    bits = []
    for bit in range(32):
        mask = sum((of_bit >> bit & 1) << k for k, of_bit in enumerate(columns))
        bits.append((message & mask).xor() ^ (constant >> bit & 1))
    return Cat(*bits)


class Digest(Elaboratable):
    """Sums the CRC-32 of the writes on all taps.

    Parameters
    ----------
    taps
        The writes.

    Members
    -------
    clear
        In: the sum starts again, with what arrives in this cycle.
    digest
        Out: the sum, :data:`LATENCY` cycles after the last write.
    """

    def __init__(self, taps: list[Tap]) -> None:
        self.taps = taps
        self.clear = Signal(name="digest_clear")
        self.digest = Signal(32, name="digest")

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        terms = []
        for tap in self.taps:
            valid, hashed = Signal(), Signal(32)
            index = Signal(len(tap.index))
            value = Signal(tap.value.shape())
            m.d.sync += valid.eq(tap.valid)
            with m.If(tap.valid):  # Nothing toggles where nothing is written.
                m.d.sync += [index.eq(tap.index), value.eq(tap.value)]
            m.d.sync += hashed.eq(Mux(valid, crc(tap.variable.number, index, value), 0))
            terms.append(hashed)
        total = Signal(32)
        m.d.sync += total.eq(reduce(add, terms))  # Modulo 2**32, as the digest is.
        m.d.sync += self.digest.eq(Mux(self.clear, 0, self.digest) + total)
        return m
