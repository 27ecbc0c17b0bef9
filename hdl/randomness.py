"""Threefry in hardware: a group of four rounds and its injection are one clock, or two if cut.

One :class:`Rounds` serves all five groups: a sequencer counts `number` from 0 to 5, feeds it to one
:class:`Schedule`, whose words may be registered, and applies :class:`Start` for number 0 and
:class:`Rounds` for the others to the registered state.
"""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value

from goldenspike.golden import randomness
from goldenspike.golden.cell import Nothing
from goldenspike.golden.randomness import PARITY, ROTATIONS
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import low_bits, named


def rounded(m: Module, x0: Any, x1: Any, odd: Any, place: int) -> tuple[Value, Value]:
    """Return the state after one round, named after its place among four."""
    total = named(m, low_bits(x0 + x1, 32), f"x0_{place}")
    turned = Mux(odd, *(x1.rotate_left(rotations[place]) for rotations in reversed(ROTATIONS)))
    return total, named(m, turned ^ total, f"x1_{place}")


class Schedule(Twin):
    """Twin of :data:`goldenspike.golden.randomness.SCHEDULE`."""

    cell = randomness.SCHEDULE

    @staticmethod
    def cases() -> Iterable[Nothing]:
        return (Nothing(),)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        parity = named(m, self.key0 ^ self.key1 ^ PARITY, "parity")
        word = Signal(32)
        with m.Switch(self.number):
            with m.Case(0, 3):
                m.d.comb += [self.first.eq(self.key0), word.eq(self.key1)]
            with m.Case(1, 4):
                m.d.comb += [self.first.eq(self.key1), word.eq(parity)]
            with m.Default():
                m.d.comb += [self.first.eq(parity), word.eq(self.key0)]
        m.d.comb += self.second.eq(low_bits(word + self.number, 32))
        m.d.comb += self.odd.eq(self.number.matches(0, 2, 4))
        return m


class Start(Twin):
    """Twin of :data:`goldenspike.golden.randomness.START`."""

    cell = randomness.START

    @staticmethod
    def cases() -> Iterable[Nothing]:
        return (Nothing(),)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.x0_next.eq(low_bits(self.x0 + self.first, 32))
        m.d.comb += self.x1_next.eq(low_bits(self.x1 + self.second, 32))
        return m


class Rounds(Twin):
    """Twin of :data:`goldenspike.golden.randomness.ROUNDS`."""

    cell = randomness.ROUNDS
    CUTTABLE = True

    @staticmethod
    def cases() -> Iterable[Nothing]:
        return (Nothing(),)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        x0, x1 = self.x0, self.x1
        for place in (0, 1):
            x0, x1 = rounded(m, x0, x1, self.odd, place)
        x0, x1 = self.across(m, x0, "x0_across"), self.across(m, x1, "x1_across")
        odd, first = (
            self.across(m, self.odd, "odd_across"),
            self.across(m, self.first, "first_across"),
        )
        second = self.across(m, self.second, "second_across")
        for place in (2, 3):
            x0, x1 = rounded(m, x0, x1, odd, place)
        m.d.comb += self.x0_next.eq(low_bits(x0 + first, 32))
        m.d.comb += self.x1_next.eq(low_bits(x1 + second, 32))
        return m


class AddWords(Twin):
    """Twin of :data:`goldenspike.golden.randomness.MIX`."""

    cell = randomness.MIX

    @staticmethod
    def cases() -> Iterable[Nothing]:
        return (Nothing(),)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.word.eq(self.row + self.column)  # Modulo 2**16, as the cell is.
        return m


class Variate(Twin):
    """Twin of :data:`goldenspike.golden.randomness.VARIATE`."""

    cell = randomness.VARIATE

    @staticmethod
    def cases() -> Iterable[randomness.VariateConstants]:
        return [randomness.VariateConstants(int(kind)) for kind in randomness.Distribution]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if self.constants.bits == 1:
            m.d.comb += self.variate.eq(Mux(self.word, 1, -1))
            return m
        counts = list(self.word)
        while len(counts) > 1:
            counts = [a + b for a, b in zip(counts[::2], counts[1::2], strict=True)]
        m.d.comb += self.variate.eq(counts[0] - 16)
        return m
