"""The digest in hardware: an exclusive-or network a channel, and a pipelined sum."""

from collections.abc import Callable
from functools import reduce
from operator import add, or_, xor
from typing import Any

from amaranth.hdl import Cat, Const, Elaboratable, Module, Mux, Signal, Value, signed

from goldenspike.golden.digest import CONSTANT, MASK, column, of_write
from goldenspike.hdl.fixed import low_bits
from goldenspike.hdl.units.common import Rest, Tap, balanced, later

TERMS = 4
"""Numbers that are summed in a cycle, and then such sums."""
VARIABLE_BITS = 8
INDEX_BIT, VALUE_BIT, VALUE_BITS = 32, 64, 64


class Channel:
    """Writes of which at most one happens in a cycle.

    Members
    -------
    valid, variable, index, value
        Out: the write; `value` is signed.
    """

    def __init__(self, number: int, taps: list[Tap]) -> None:
        self.taps = taps
        name = f"channel_{number}"
        width = max(len(tap.value) + (not tap.value.shape().signed) for tap in taps)
        self.valid = Signal(name=f"{name}_valid")
        self.variable = Signal(VARIABLE_BITS, name=f"{name}_variable")
        self.index = Signal(max(len(tap.index) for tap in taps), name=f"{name}_index")
        self.value = Signal(signed(width), name=f"{name}_value")

    def join(self, m: Module) -> None:
        """Add the selection of the tap that writes."""

        def selected(values: list[Value]) -> Value:
            pairs = zip(self.taps, values, strict=True)
            return balanced(or_, (Mux(tap.valid, value, 0) for tap, value in pairs))

        m.d.comb += [
            self.valid.eq(balanced(or_, (tap.valid for tap in self.taps))),
            self.variable.eq(selected([Const(tap.variable.number) for tap in self.taps])),
            self.index.eq(selected([tap.index for tap in self.taps])),
            self.value.eq(selected([tap.value for tap in self.taps])),
        ]


def channels(taps: list[Tap], apart: Callable[[str, str], bool]) -> list[Channel]:
    """Share channels out among taps: those of phases that may overlap never get the same.

    Parameters
    ----------
    taps
        With the phases in which they are valid.
    apart
        Whether two phases are never under way at once.
    """
    groups: dict[tuple[str, ...], list[Tap]] = {}
    for tap in taps:
        groups.setdefault(tap.phases, []).append(tap)
    sizes = {phases: 1 + max(tap.channel for tap in group) for phases, group in groups.items()}
    firsts: dict[tuple[str, ...], int] = {}
    for phases in sorted(groups, key=lambda phases: -sizes[phases]):
        taken = {
            firsts[others] + k
            for others in firsts
            if not all(apart(a, b) for a in phases for b in others)
            for k in range(sizes[others])
        }
        first = 0
        while any(first + k in taken for k in range(sizes[phases])):
            first += 1
        firsts[phases] = first
    found: dict[int, list[Tap]] = {}
    for phases, group in groups.items():
        for tap in group:
            found.setdefault(firsts[phases] + tap.channel, []).append(tap)
    return [Channel(number, found[number]) for number in sorted(found)]


def crc(variable: Value, index: Value, value: Value) -> Value:
    """Return the CRC-32 of a write: the exclusive or of what each of its bits adds."""
    columns = [column(bit) for bit in range(len(variable))]
    columns += [column(INDEX_BIT + bit) for bit in range(len(index))]
    columns += [column(VALUE_BIT + bit) for bit in range(len(value))]
    # The bits above a signed value are all copies of its sign.
    extension = (column(VALUE_BIT + bit) for bit in range(len(value), VALUE_BITS))
    columns[-1] = reduce(xor, extension, columns[-1])
    message = Cat(variable, index, value)
    added = (Mux(bit, Const(of_bit, 32), 0) for bit, of_bit in zip(message, columns, strict=True))
    return balanced(xor, [*added, Const(CONSTANT, 32)])


def of_rest(rest: Rest) -> int:
    """Return the digest of what is left out."""
    number, (size,) = rest.variable.number, rest.variable.shape
    return sum(of_write(number, index, 0) for index in range(size)) & MASK


class Digest(Elaboratable):
    """Sums the CRC-32 and the values of the writes on all channels.

    Parameters
    ----------
    channels
        The writes.
    rests
        Those left out.

    Members
    -------
    clear
        In: the sum starts again, with what arrives in this cycle.
    digest
        Out: the sum, `latency` cycles after the last write.
    latency
        Cycles from a write to its place in the sum.
    """

    def __init__(self, channels: list[Channel], rests: list[Rest]) -> None:
        self.channels, self.rests = channels, rests
        terms, levels = len(channels) + bool(rests), 1
        while terms > TERMS**levels:
            levels += 1
        self.latency, self.levels = levels + 3, levels
        self.clear = Signal(name="digest_clear")
        self.digest = Signal(32, name="digest")

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        terms, values = [], []
        for channel in self.channels:
            valid, hashed = Signal(), Signal(32)
            variable, index = Signal.like(channel.variable), Signal.like(channel.index)
            value = Signal.like(channel.value)
            m.d.sync += valid.eq(channel.valid)
            with m.If(channel.valid):  # Nothing toggles where nothing is written.
                m.d.sync += [
                    variable.eq(channel.variable),
                    index.eq(channel.index),
                    value.eq(channel.value),
                ]
            m.d.sync += hashed.eq(Mux(valid, crc(variable, index, value), 0))
            terms.append(hashed)
            values.append(later(m, Mux(valid, value, 0), "given"))
        if self.rests:
            left = (Mux(rest.valid, Const(of_rest(rest), 32), 0) for rest in self.rests)
            left_out = low_bits(balanced(add, left), 32)
            terms.append(later(m, later(m, left_out, "left_out"), "left_out_later"))
        hashes, given = self._total(m, terms, "hashes"), self._total(m, values, "values")
        m.d.sync += self.digest.eq(Mux(self.clear, 0, self.digest) + (hashes + given))
        return m

    def _total(self, m: Module, terms: list[Any], name: str) -> Value:
        """Add the sum of numbers, modulo 2**32: `levels` cycles, however few they are."""
        for level in range(self.levels):
            groups = [terms[k : k + TERMS] for k in range(0, len(terms), TERMS)]
            terms = [
                later(m, low_bits(balanced(add, group), 32), f"{name}_{level}_{k}")
                for k, group in enumerate(groups)
            ]
        return terms[0]
