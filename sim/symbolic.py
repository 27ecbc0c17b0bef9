"""Symbolic integers: what a cell computes, as z3 bit-vectors that grow exactly as Amaranth's do.

A sum takes one bit more, a product the sum of the widths, and an unsigned operand that meets a
signed one a sign bit: so nothing wraps, and the terms of a cell come out alike those of its twin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import z3

if TYPE_CHECKING:
    from collections.abc import Callable


class Condition:
    """A condition on symbols, which :func:`goldenspike.golden.cell.select` chooses with."""

    def __init__(self, formula: Any, meter: list[int]) -> None:
        self.formula, self.meter = formula, meter

    @staticmethod
    def _formula(condition: Any) -> Any:
        return condition.formula if isinstance(condition, Condition) else z3.BoolVal(condition)

    def __and__(self, other: Any) -> Condition:
        return Condition(z3.And(self.formula, self._formula(other)), self.meter)

    def __or__(self, other: Any) -> Condition:
        return Condition(z3.Or(self.formula, self._formula(other)), self.meter)

    __rand__, __ror__ = __and__, __or__

    def __bool__(self) -> bool:
        raise TypeError("Cells must choose with select, not with if")

    def choose(self, a: Any, b: Any) -> Symbol:
        """Return a symbol that is `a` where the condition holds, else `b`."""
        a, b = Symbol.of(a, self.meter), Symbol.of(b, self.meter)
        width, signed = a.common(b)
        chosen = z3.If(self.formula, a.extended(width), b.extended(width))
        return Symbol(chosen, signed, self.meter)


class Symbol:
    """An integer of a known shape.

    Parameters
    ----------
    bits
        The z3 bit-vector.
    signed
        Whether its upper bit is a sign.
    meter
        Its only element is kept at the width of the widest symbol made from this one.
    """

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, bits: Any, signed: bool, meter: list[int]) -> None:
        self.bits, self.signed, self.meter = bits, signed, meter
        meter[0] = max(meter[0], self.width)

    @property
    def width(self) -> int:
        """Number of bits."""
        return self.bits.size()

    @classmethod
    def of(cls, value: Any, meter: list[int]) -> Symbol:
        """Return a symbol as it is, an integer as the constant of the narrowest shape."""
        if isinstance(value, cls):
            return value
        value = int(value)
        signed = value < 0
        width = max((~value if signed else value).bit_length() + signed, 1)
        return cls(z3.BitVecVal(value, width), signed, meter)

    def extended(self, width: int) -> Any:
        """Return the bits at a width that is not less."""
        more = width - self.width
        if more == 0:
            return self.bits
        return z3.SignExt(more, self.bits) if self.signed else z3.ZeroExt(more, self.bits)

    def common(self, other: Symbol) -> tuple[int, bool]:
        """Return the width and signedness of the narrowest shape that holds both."""
        signed = self.signed or other.signed
        widths = [symbol.width + (signed and not symbol.signed) for symbol in (self, other)]
        return max(widths), signed

    def _make(self, bits: Any, signed: bool) -> Symbol:
        return Symbol(bits, signed, self.meter)

    def _sum(self, other: Any, operation: Callable[[Any, Any], Any], signed: bool) -> Symbol:
        other = Symbol.of(other, self.meter)
        width, either = self.common(other)
        bits = operation(self.extended(width + 1), other.extended(width + 1))
        return self._make(bits, either or signed)

    def __add__(self, other: Any) -> Symbol:
        return self._sum(other, lambda a, b: a + b, signed=False)

    def __sub__(self, other: Any) -> Symbol:
        return self._sum(other, lambda a, b: a - b, signed=True)

    def __rsub__(self, other: Any) -> Symbol:
        return Symbol.of(other, self.meter) - self

    def __neg__(self) -> Symbol:
        return self._make(-self.extended(self.width + 1), signed=True)

    def __mul__(self, other: Any) -> Symbol:
        other = Symbol.of(other, self.meter)
        width = self.width + other.width
        bits = self.extended(width) * other.extended(width)
        return self._make(bits, self.signed or other.signed)

    __radd__, __rmul__ = __add__, __mul__

    def __lshift__(self, count: int) -> Symbol:
        if count == 0:
            return self
        return self._make(z3.Concat(self.bits, z3.BitVecVal(0, count)), self.signed)

    def __rshift__(self, count: int) -> Symbol:
        if count >= self.width and not self.signed:
            return Symbol.of(0, self.meter)
        count = min(count, self.width - 1)
        return self._make(z3.Extract(self.width - 1, count, self.bits), self.signed)

    def low(self, count: int) -> Symbol:
        """Return the value modulo ``2**count``."""
        bits = self.extended(max(self.width, count))
        return self._make(z3.Extract(count - 1, 0, bits), signed=False)

    def _bitwise(self, other: Any, operation: Callable[[Any, Any], Any]) -> Symbol:
        other = Symbol.of(other, self.meter)
        width, signed = self.common(other)
        return self._make(operation(self.extended(width), other.extended(width)), signed)

    def __and__(self, other: Any) -> Symbol:
        if isinstance(other, int) and other > 0:
            kept = self.low(other.bit_length())
            return kept if other & (other + 1) == 0 else self._make(kept.bits & other, signed=False)
        return self._bitwise(other, lambda a, b: a & b)

    def __or__(self, other: Any) -> Symbol:
        return self._bitwise(other, lambda a, b: a | b)

    def __xor__(self, other: Any) -> Symbol:
        return self._bitwise(other, lambda a, b: a ^ b)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def _compare(self, other: Any, signed: Callable, unsigned: Callable) -> Condition:
        other = Symbol.of(other, self.meter)
        width, either = self.common(other)
        compare = signed if either else unsigned
        return Condition(compare(self.extended(width), other.extended(width)), self.meter)

    def __lt__(self, other: Any) -> Condition:
        return self._compare(other, lambda a, b: a < b, z3.ULT)

    def __le__(self, other: Any) -> Condition:
        return self._compare(other, lambda a, b: a <= b, z3.ULE)

    def __gt__(self, other: Any) -> Condition:
        return self._compare(other, lambda a, b: a > b, z3.UGT)

    def __ge__(self, other: Any) -> Condition:
        return self._compare(other, lambda a, b: a >= b, z3.UGE)

    def __eq__(self, other: object) -> Any:
        return self._compare(other, lambda a, b: a == b, lambda a, b: a == b)

    def __ne__(self, other: object) -> Any:
        return self._compare(other, lambda a, b: a != b, lambda a, b: a != b)

    def __bool__(self) -> bool:
        raise TypeError("Cells must choose with select, not with if")

    def clamp(self, low: int, high: int) -> Symbol:
        """Return the value limited to ``low..high``, in the narrowest shape that holds them."""
        limited = (self > high).choose(high, (self < low).choose(low, self))
        ends = Symbol.of(low, self.meter).common(Symbol.of(high, self.meter))
        kept = limited.extended(max(ends[0], limited.width))
        return self._make(z3.Extract(ends[0] - 1, 0, kept), ends[1])

    def lookup(self, table: tuple[int, ...]) -> Symbol:
        """Return the entry at this index, in the narrowest shape that holds all of them."""
        ends = Symbol.of(min(table), self.meter), Symbol.of(max(table), self.meter)
        width, signed = ends[0].common(ends[1])
        entries = [z3.BitVecVal(entry, width) for entry in table]
        for bit in range(self.width):
            if len(entries) > 1:
                chosen = z3.Extract(bit, bit, self.bits) == 1
                pairs = zip(entries[::2], entries[1::2], strict=True)
                entries = [z3.If(chosen, odd, even) for even, odd in pairs]
        return self._make(entries[0], signed)
