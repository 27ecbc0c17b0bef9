"""Rounding and limiting in hardware; bits are dropped here and nowhere else.

The functions are those of :mod:`goldenspike.golden.fixed`. They build named intermediate signals
of exact widths in the module they are given, and cost what the formats need: one incrementer to
round, two reductions and a multiplexer to limit, nothing where nothing can be lost.
"""

from collections.abc import Iterable
from itertools import product
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value

from goldenspike.golden import fixed
from goldenspike.golden.fixed import RANDOM_BITS, Format, Overflow, Rounding
from goldenspike.hdl.cell import Twin, shape

PAIRS = (
    *("fxp-s16/8 fxp-s8/4", "fxp-s16/8 fxp-u8/4", "fxp-u16/8 fxp-s8/4", "fxp-u16/8 fxp-u8/4"),
    *("fxp-s8/4 fxp-s12/4", "fxp-s8/4 fxp-u8/4", "fxp-u8/4 fxp-s8/4", "fxp-u8/4 fxp-u4/4"),
    *("fxp-s8/2 fxp-s8/5", "fxp-s8/2 fxp-u6/5", "fxp-u8/2 fxp-s9/5", "fxp-u8/2 fxp-u12/5"),
    *("fxp-s8/12 fxp-s8/0", "fxp-u8/12 fxp-u8/0", "fxp-s8/8 fxp-s4/0", "fxp-u8/8 fxp-s1/0"),
    *("fxp-s8/7 fxp-s1/0", "fxp-s8/1 fxp-s8/0", "fxp-s16/-3 fxp-s8/-5", "fxp-u8/30 fxp-u4/2"),
    *("fxp-s1/0 fxp-u1/0", "fxp-u1/0 fxp-s1/0", "fxp-s2/1 fxp-s2/0", "fxp-u1/1 fxp-u1/0"),
    *("fxp-s40/36 fxp-s16/14", "fxp-u40/36 fxp-u16/14", "fxp-s40/30 fxp-s16/14"),
    *("fxp-s62/40 fxp-s24/10", "fxp-s62/31 fxp-u62/30", "fxp-u62/62 fxp-u16/0"),
)
"""Source and target of the cases: every sign, and shifts to the left, of 0, and to beyond."""


def named(m: Module, value: Any, name: str) -> Signal:
    """Return a signal of a value's own shape, so that expressions do not copy it."""
    signal = Signal(Value.cast(value).shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal


def align(x: Any, shift: int) -> Value:
    """Return ``x * 2**shift``: the same value with `shift` more fraction bits, 0 or more.

    Raises
    ------
    ValueError
        If the shift is negative: bits would be lost.
    """
    if shift < 0:
        raise ValueError(f"Shift must be 0 or more, not {shift}")
    return Value.cast(x).shift_left(shift)


def low_bits(x: Any, count: int) -> Value:
    """Return ``x`` modulo ``2**count``: its lowest `count` bits, unsigned, however narrow it is.

    A slice ends where a value does, and so loses the sign of one that is narrower: twins take low
    bits here and nowhere else.
    """
    x = Value.cast(x)
    if len(x) >= count:
        return x[:count]
    sign = x[-1] if x.shape().signed else Const(0, 1)
    return Cat(x, sign.replicate(count - len(x)))


def signed_digits(number: int) -> list[tuple[int, int]]:
    """Return place and sign of the canonical signed digits of a number of 0 or more, lowest first.

    They are as few as can be, and no two are neighbours: 7 is 8 - 1.
    """
    found = []
    for place in range(number.bit_length() + 1):
        if number >> place & 1:
            sign = -1 if number >> place & 2 else 1
            number -= sign << place
            found.append((place, sign))
    return found


def multiply(a: Any, b: Any) -> Value:
    """Return the exact product; constants come last.

    A power of two is a shift, a constant of two signed digits (``1 - 2**-k`` is one) an adder, a
    factor of one bit an AND, one of two bits (a Rademacher variate) an adder. Only the rest is a
    multiplier.
    """
    a, b = Value.cast(a), Value.cast(b)
    if isinstance(b, Const) and b.value >= 0:
        digits = signed_digits(b.value)
        if len(digits) <= 1:
            return align(a, digits[0][0]) if digits else Const(0)
        if len(digits) == 2:
            (low, sign), (high, _) = digits
            terms = align(a, high), align(a, low)
            total = terms[0] + terms[1] if sign > 0 else terms[0] - terms[1]
            fitting = low_bits(total, len(a) + len(b))  # As many bits as a product has.
            return fitting.as_signed() if a.shape().signed else fitting
    if min(len(a), len(b)) > 2:
        return a * b
    if len(a) < len(b):
        a, b = b, a
    last = Mux(b[-1], align(a, len(b) - 1), 0)
    first = Mux(b[0], a, 0) if len(b) == 2 else Const(0)
    return first - last if b.shape().signed else last if len(b) == 1 else first + last


def rounds_up(
    m: Module, rest: Value, rounding: int, word: Any, odd: Value, negative: Value
) -> Signal:
    """Return whether a number is rounded up, from what is left of it: never if that is 0.

    Parameters
    ----------
    rest
        The bits that are dropped, one at least.
    word
        The random word, for stochastic rounding.
    odd, negative
        Whether the integer below the number is odd, and whether the number is negative.
    """
    up = Signal()
    shift = len(rest)
    if rounding == Rounding.HALF_UP:
        m.d.comb += up.eq(rest[-1])
    elif rounding == Rounding.HALF_EVEN:
        m.d.comb += up.eq(rest[-1] & (rest[:-1].any() | odd))
    elif rounding == Rounding.TOWARD_ZERO:
        m.d.comb += up.eq(negative & rest.any())
    elif rounding == Rounding.STOCHASTIC and shift <= RANDOM_BITS:
        m.d.comb += up.eq(rest > Value.cast(word)[RANDOM_BITS - shift :])
    elif rounding == Rounding.STOCHASTIC:
        m.d.comb += up.eq(rest[shift - RANDOM_BITS :] > word)
    return up


def round_shift(m: Module, x: Any, shift: int, rounding: int, word: Any) -> Value:
    """Return ``x / 2**shift`` rounded to an integer; exact where `shift` is not positive."""
    if shift <= 0:
        return align(x, -shift)
    x = Value.cast(x)
    unrounded = Signal(Shape(max(len(x), shift + 1), x.shape().signed))
    m.d.comb += unrounded.eq(x)
    quotient = unrounded.shift_right(shift)
    if rounding == Rounding.FLOOR:
        return quotient
    up = rounds_up(m, low_bits(unrounded, shift), rounding, word, quotient[0], x < 0)
    return named(m, quotient + up, "rounded")


def limit(m: Module, x: Any, fmt: Format, overflow: int) -> Signal:
    """Return `x` brought into the format's range."""
    x = named(m, x, "wide")
    negative = x.shape().signed
    upper = len(x) - negative
    limited = Signal(shape(fmt))
    if overflow == Overflow.WRAP:
        m.d.comb += limited.eq(x)  # Drops the upper bits: that is what wrapping is.
        return limited
    sign = x[-1] if negative else Const(0)
    beyond = x[min(fmt.width - fmt.signed, upper) : upper]
    above = ~sign & beyond.any()
    below = sign & ~beyond.all() if fmt.signed else sign
    m.d.comb += limited.eq(Mux(above, fmt.high, Mux(below, fmt.low, x)))
    return limited


def requantize(
    m: Module, x: Any, frac: int, fmt: Format, rounding: int, overflow: int, word: Any
) -> Signal:
    """Round `x` of `frac` fraction bits to `fmt` and limit it."""
    return limit(m, round_shift(m, x, frac - fmt.frac, rounding, word), fmt, overflow)


class Requantize(Twin):
    """Twin of :data:`goldenspike.golden.fixed.REQUANTIZE`."""

    cell = fixed.REQUANTIZE

    @staticmethod
    def cases() -> Iterable[fixed.Constants]:
        formats = [tuple(map(Format.parse, pair.split())) for pair in PAIRS]
        for (source, target), rounding, overflow in product(formats, Rounding, Overflow):
            yield fixed.Constants(source, target, int(rounding), int(overflow))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        frac = c.source.frac
        y = requantize(m, self.x, frac, c.target, c.rounding, c.overflow, self.word)
        m.d.comb += self.y.eq(y)
        return m
