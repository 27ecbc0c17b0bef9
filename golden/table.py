"""The hyperbolic tangent by table: a straight line in each of a power of two of equal segments.

    y = base[i] + rise[i] * rest / 2**bits,  i = floor(x / 2**bits),  rest = x mod 2**bits

for ``y = s tanh(s x)``, ``x >= 0``, with s = 1 or, `halved`, 1/2: the odd part of tanh and, by
``1 / (1 + exp(-x)) = 1/2 + tanh(x / 2) / 2``, of the logistic function. Each line lies midway
between the least and the greatest that its segment asks for, the last one's up to ``x`` infinite.
Source: Muller, Elementary Functions (3rd ed. 2016), on methods by table.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from goldenspike.golden.cell import align, cell, lookup
from goldenspike.golden.fixed import Format

MOST_SEGMENTS = 512
"""Segments of the largest table."""
MOST_FRAC = 17
"""Fraction bits of the finest result: more ask for more segments, whatever the function."""
ARGUMENT_BITS = 2
"""Fraction bits of an argument below those that the slope at 0 asks for: an eighth of an LSB."""
GUARD_BITS = 3
"""Fraction bits of `base` and `rise` below those of the result."""


class Table(NamedTuple):
    """A table of integers.

    Parameters
    ----------
    argument
        Format of x, unsigned; the last segment ends where it does.
    bits
        Bits of x within a segment.
    frac
        Fraction bits of y.
    base, rise
        Of each segment, with `bits` fraction bits less: y at its start, and by how much y grows.
    halved
        1 for ``tanh(x / 2) / 2``, 0 for ``tanh(x)``.
    """

    argument: Format
    bits: int
    frac: int
    base: tuple[int, ...]
    rise: tuple[int, ...]
    halved: int


@cell
def exact(x: Any, halved: int) -> Any:
    """Return ``s tanh(s x)`` of a real number."""
    scale = 0.5**halved
    return scale * math.tanh(scale * x)


@cell
def interpolate(table: Any, x: Any) -> Any:
    """Return y, of ``table.frac`` fraction bits, for an integer of the format of arguments."""
    i = x >> table.bits
    rest = x & ((1 << table.bits) - 1)
    return align(lookup(table.base, i), table.bits) + lookup(table.rise, i) * rest


def evaluate(table: Any, x: Any) -> Any:
    """As :func:`interpolate`; of a float, which is a real number already, the function itself."""
    return exact(x, table.halved) if isinstance(x, float) else interpolate(table, x)


@overload(evaluate)
def _evaluate(table, x):
    if isinstance(x, types.Float):
        return lambda table, x: exact(x, table.halved)

    def integer(table, x):
        return interpolate(table, x)

    return integer


def _fit(y: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return base, rise and the greatest error of lines for rows of values, then up to `end`."""
    rest = np.arange(y.shape[1]) / y.shape[1]
    rise = np.rint((y[:, -1] - y[:, 0]) / rest[-1])
    start = y - rise[:, None] * rest
    low, high = start.min(axis=1), start.max(axis=1)
    high[-1] = max(high[-1], end - rise[-1] * rest[-1])
    base = np.rint((low + high) / 2)
    return base, rise, float(max((high - base).max(), (base - low).max()))


@functools.cache
def build(frac: int, halved: int) -> tuple[Table, float]:
    """Return the smallest table whose error is at most ``2**-frac``, and its error.

    The error is that for every real argument, whatever its size: the greatest at any argument that
    the table can be given, and what rounding to one of them adds.

    Parameters
    ----------
    frac
        Fraction bits of the error, 0 to 17.
    halved
        Which function: see :class:`Table`.

    Raises
    ------
    ValueError
        If 512 segments do not suffice, with the error that they leave.
    """
    precise = frac + ARGUMENT_BITS - 2 * halved
    reach = 2 - precise
    while 0.5**halved - exact(2.0**reach, halved) > 2.0**-frac:
        reach += 1
    argument = Format(False, reach + precise, precise)
    unit = 2.0 ** -(frac + GUARD_BITS)
    scale = 0.5**halved
    x = argument.to_float(np.arange(argument.high + 1))
    y = scale * np.tanh(scale * x) / unit
    error = math.inf
    for segments in (1 << k for k in range(1, min(argument.width, MOST_SEGMENTS.bit_length()))):
        base, rise, worst = _fit(y.reshape(segments, -1), scale / unit)
        error = worst * unit + scale**2 * argument.lsb / 2
        if error <= 2.0**-frac:
            bits = argument.width - segments.bit_length() + 1
            entries = tuple(base.astype(int).tolist()), tuple(rise.astype(int).tolist())
            return Table(argument, bits, frac + GUARD_BITS + bits, *entries, halved), error
    raise ValueError(
        f"Error of a table of {MOST_SEGMENTS} segments must be at most {2.0**-frac!r}, "
        f"not {error!r}: ask for less than {frac} fraction bits"
    )
