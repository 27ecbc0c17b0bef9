"""Formats, rounding and limiting: the numeric contract.

A stored quantity is an integer `raw` of a declared :class:`Format`; its value is
``raw * 2**-frac``. Inside a cell arithmetic is exact; bits are lost in :func:`requantize` and
nowhere else::

    q  = floor(x / 2**shift),  rest = x mod 2**shift,  shift = frac - fmt.frac
    y  = limit(q + up(rest, q))
"""

from __future__ import annotations

import math
import re
from enum import IntEnum
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from fxpmath.objects import Fxp
from numba import types
from numba.extending import overload

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, clamp, select, wrap

WIDEST = 62
"""Bits of the widest stored quantity: with it, sums and comparisons still fit an int64."""
FARTHEST = 255
"""Fraction bits of a format, at most, either way: scales of several formats multiply, and all of
their products are numbers that a float can hold."""
SPELLING = re.compile(r"fxp-[su]\d{1,9}/-?\d{1,9}", re.ASCII)
RANDOM_BITS = 16
"""Bits of the random word that stochastic rounding takes."""


class Rounding(IntEnum):
    """How the bits below the last one are dropped."""

    FLOOR = 0
    HALF_UP = 1
    HALF_EVEN = 2
    TOWARD_ZERO = 3
    STOCHASTIC = 4


DETERMINISTIC = tuple(r for r in Rounding if r != Rounding.STOCHASTIC)
"""The roundings that take no random word."""


def deterministic(noun: str, rounding: Rounding) -> None:
    """Raise ValueError for stochastic rounding, where there is no random word."""
    if rounding not in DETERMINISTIC:
        others = ", ".join(repr(r.name.lower()) for r in DETERMINISTIC)
        raise ValueError(f"{noun} must be one of {others}, not 'stochastic'")


class Overflow(IntEnum):
    """What becomes of a value beyond the format's ends."""

    SATURATE = 0
    WRAP = 1


class Format(NamedTuple):
    """A fixed-point format.

    Parameters
    ----------
    signed
        Two's complement, or unsigned.
    width
        All bits, the sign included: 1 to 62.
    frac
        Fraction bits: the value of the last bit is ``2**-frac``. May exceed `width` or be negative:
        -255 to 255.
    """

    signed: bool
    width: int
    frac: int

    @classmethod
    def parse(cls, text: str) -> Format:
        """Read fxpmath's spelling, such as ``fxp-s16/12``.

        Raises
        ------
        ValueError
            If the spelling is another one, the width is not 1 to 62, or the fraction bits are not
            -255 to 255.
        """
        fmt = None
        if isinstance(text, str) and SPELLING.fullmatch(text):
            signed, (width, frac) = text[4] == "s", map(int, text[5:].split("/"))
            cls(signed, width, frac).checked()  # fxpmath would make a table of 2**width entries.
            parsed: Any = Fxp(None, dtype=text)
            fmt = cls(bool(parsed.signed), int(parsed.n_word), int(parsed.n_frac))
        if fmt is None or str(fmt) != text:
            raise ValueError(f"Format must be spelt like 'fxp-s16/12', not {text!r}")
        return fmt

    def checked(self) -> Format:
        """Return this format, if it is one that can be stored.

        Raises
        ------
        ValueError
            If its width is not 1 to 62, or its fraction bits are not -255 to 255.
        """
        if not 1 <= self.width <= WIDEST:
            raise ValueError(f"Width of a format must be 1 to {WIDEST} bits, not {self.width}")
        if not -FARTHEST <= self.frac <= FARTHEST:
            raise ValueError(
                f"Fraction bits of a format must be -{FARTHEST} to {FARTHEST}, not {self.frac}"
            )
        return self

    @classmethod
    def holding(cls, low: int, high: int, frac: int) -> Format:
        """Return the narrowest format of `frac` fraction bits for raw values ``low..high``."""
        signed = low < 0
        most = int(max(high, ~low if signed else 1))
        return cls(signed, most.bit_length() + signed, frac)

    def __str__(self) -> str:
        return f"fxp-{'s' if self.signed else 'u'}{self.width}/{self.frac}"

    @property
    def low(self) -> int:
        """The least raw value."""
        return lowest(self)

    @property
    def high(self) -> int:
        """The greatest raw value."""
        return highest(self)

    @property
    def lsb(self) -> float:
        """The value of the last bit."""
        return 2.0**-self.frac

    def times(self, other: Format) -> Format:
        """Return the format of exact products with numbers of another format."""
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Format.holding(min(ends), max(ends), self.frac + other.frac)

    def nearest(self, value: Any) -> Any:
        """Return the raw integers nearest to real numbers, ties to even, ends saturated.

        Raises
        ------
        TypeError
            If they are no numbers.
        ValueError
            If one of them is not finite.
        """
        with np.errstate(over="ignore"):  # What is beyond all floats is beyond the ends, too.
            numbers = np.ldexp(_real(value), self.frac)
        edge = 2.0**self.width
        raw: Any = Fxp(
            np.clip(numbers, -edge, edge),
            signed=self.signed,
            n_word=self.width,
            n_frac=0,
            rounding="around",
            overflow="saturate",
        ).raw()
        return int(raw) if numbers.ndim == 0 else np.asarray(raw).astype(np.int64)

    def to_float(self, raw: Any) -> Any:
        """Return the real values of raw integers."""
        return np.ldexp(np.asarray(raw, dtype=np.float64), -self.frac)

    def factor(self, value: float, name: str) -> tuple[int, int]:
        """Return the raw integer and the fraction bits of a constant factor: 0 and 1 need none."""
        return (int(value), 0) if value in (0, 1) else (self.constant(value, name), self.frac)

    def constant(self, value: float, name: str) -> int:
        """Return the raw integer of a constant that must be representable.

        Representable means within the ends, and changed by rounding by 1 % at most.

        Raises
        ------
        ValueError
            Naming the constant, the value asked and the nearest one that can be had.
        """
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, not {value!r}")
        raw = self.nearest(value)
        exact = Fraction(value) * Fraction(2) ** self.frac
        inside = self.low <= round(exact) <= self.high
        if not inside or abs(raw - exact) > abs(exact) / 100:
            near = float(self.to_float(raw))
            raise ValueError(
                f"{name} must be representable in {self}, not {value!r} (nearest {near!r})"
            )
        return raw


def _real(value: Any) -> np.ndarray:
    """Return finite real numbers as an array of float64; refuse others, naming the first."""
    given = np.asarray(value)
    try:
        if given.dtype.kind not in "biufO":
            raise TypeError
        numbers = given.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        raise TypeError(f"Value must be a real number or an array, not {value!r:.60}") from None
    if not np.isfinite(numbers).all():
        bad = float(numbers[~np.isfinite(numbers)].flat[0])
        count = numbers.size - int(np.isfinite(numbers).sum())
        share = "" if numbers.ndim == 0 else f" ({count} of {numbers.size} are not finite)"
        raise ValueError(f"Value must be finite, not {bad!r}{share}")
    return numbers


BIT = Format(False, 1, 0)
RANDOM = Format(False, RANDOM_BITS, 0)


@cell
def lowest(fmt: Any) -> Any:
    """Return the least raw value of a format."""
    return -(1 << (fmt.width - 1)) if fmt.signed else 0


@cell
def highest(fmt: Any) -> Any:
    """Return the greatest raw value of a format."""
    return (1 << (fmt.width - 1)) - 1 if fmt.signed else (1 << fmt.width) - 1


@cell
def round_shift(x: Any, shift: int, rounding: int, word: Any) -> Any:
    """Return ``x / 2**shift`` rounded to an integer; exact where `shift` is not positive.

    `word` is the random word of stochastic rounding (RANDOM_BITS bits, otherwise ignored): it
    rounds up with probability ``rest / 2**shift``, taken to the resolution of the word.
    """
    if shift <= 0:
        return x << -shift
    quotient = x >> shift
    if rounding == Rounding.FLOOR:
        return quotient
    rest = x & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    if rounding == Rounding.HALF_UP:
        return quotient + select(rest >= half, 1, 0)
    if rounding == Rounding.HALF_EVEN:
        return (x + (half - 1) + (quotient & 1)) >> shift  # A tie goes up from odd quotients only.
    if rounding == Rounding.TOWARD_ZERO:
        return quotient + select((x < 0) & (rest > 0), 1, 0)
    if shift <= RANDOM_BITS:
        return quotient + select(rest > (word >> (RANDOM_BITS - shift)), 1, 0)
    return quotient + select((rest >> (shift - RANDOM_BITS)) > word, 1, 0)


@cell
def limit(x: Any, fmt: Any, overflow: int) -> Any:
    """Return `x` brought into the format's range."""
    if overflow == Overflow.SATURATE:
        return clamp(x, lowest(fmt), highest(fmt))
    return wrap(x, fmt.width, fmt.signed)


@cell
def requantize_integer(x: Any, frac: int, fmt: Any, rounding: int, overflow: int, word: Any) -> Any:
    """Round `x` of `frac` fraction bits to `fmt` and limit it."""
    return limit(round_shift(x, frac - fmt.frac, rounding, word), fmt, overflow)


def requantize(x: Any, frac: int, fmt: Any, rounding: int, overflow: int, word: Any) -> Any:
    """As :func:`requantize_integer`; a float is a real number already and stays what it is."""
    return x if isinstance(x, float) else requantize_integer(x, frac, fmt, rounding, overflow, word)


@overload(requantize)
def _requantize(x, frac, fmt, rounding, overflow, word):
    if isinstance(x, types.Float):
        return lambda x, frac, fmt, rounding, overflow, word: x

    def integer(x, frac, fmt, rounding, overflow, word):
        return requantize_integer(x, frac, fmt, rounding, overflow, word)

    return integer


class Constants(NamedTuple):
    """What a requantization on its own is made of: the cell that proves this file's arithmetic."""

    source: Format
    target: Format
    rounding: int
    overflow: int


class Inputs(NamedTuple):
    x: Any
    word: Any


class Outputs(NamedTuple):
    y: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Requantize one value."""
    return s, Outputs(requantize(x.x, c.source.frac, c.target, c.rounding, c.overflow, x.word))


REQUANTIZE = Cell(
    "fixed.requantize",
    step,
    lambda c: Ports(Nothing(), Inputs(c.source, RANDOM), Outputs(c.target)),
)
