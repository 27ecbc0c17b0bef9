"""Functions by table: a straight line in each of a power of two of equal segments.

    y = base[i] + rise[i] * rest / 2**bits,  i = floor(x / 2**bits),  rest = x mod 2**bits

for ``y = height * g(scale * x)``, ``x >= 0``, and g one of

    tanh(u)                                             exp(-u)
    1 / (1 + u)**2                                      1 / (1 + u**2)
    p(u) / p(0),  p(u) = 1.15 N(u; 0, 1/2) - 0.15 (N(u; 1/2, 3) + N(u; -1/2, 3))

N(u; mu, sigma) being the normal density. Each line lies midway between the least and the greatest
that its segment asks for, the last one's up to ``x`` infinite.

By ``1 / (1 + exp(-x)) = 1/2 + tanh(x / 2) / 2``, the logistic function is one of tanh.
Source: Muller, Elementary Functions (3rd ed. 2016), on methods by table; Yin, Corradi, Bohte,
Nature Machine Intelligence 3:905 (2021), for the last one.
"""

from __future__ import annotations

import functools
import math
from enum import IntEnum
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
MOST_BITS = 24
"""Bits of the longest argument."""
ARGUMENT_BITS = 2
"""Fraction bits of an argument below those that the slope asks for: an eighth of an LSB."""
GUARD_BITS = 3
"""Fraction bits of `base` and `rise` below those of the result."""
FAR = 2.0**12
"""How far beyond the last segment a function is looked at, in ends of that segment."""


class Function(IntEnum):
    """The function g of a table."""

    TANH = 0
    EXPONENTIAL = 1
    FAST_SIGMOID = 2
    ARCTAN = 3
    MULTI_GAUSSIAN = 4


STEEPEST = {
    Function.TANH: 1.0,
    Function.EXPONENTIAL: 1.0,
    Function.FAST_SIGMOID: 2.0,
    Function.ARCTAN: 0.65,
    Function.MULTI_GAUSSIAN: 1.27,
}
"""Bounds of the slopes of the functions g."""


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
    function, height, scale
        What it is a table of; floats are given to that instead.
    """

    argument: Format
    bits: int
    frac: int
    base: tuple[int, ...]
    rise: tuple[int, ...]
    function: int
    height: float
    scale: float


@cell
def density(u: Any, middle: float, deviation: float) -> Any:
    """Return the normal density."""
    return np.exp(-0.5 * ((u - middle) / deviation) ** 2) / (math.sqrt(2 * math.pi) * deviation)


@cell
def humped(u: Any) -> Any:
    """Return a hump with a trough on either side."""
    return 1.15 * density(u, 0.0, 0.5) - 0.15 * (density(u, 0.5, 3.0) + density(u, -0.5, 3.0))


@cell
def shape(function: int, u: Any) -> Any:
    """Return g of real numbers, one or many."""
    if function == Function.TANH:
        return np.tanh(u)
    if function == Function.EXPONENTIAL:
        return np.exp(-u)
    if function == Function.FAST_SIGMOID:
        return 1 / (1 + u) ** 2
    if function == Function.ARCTAN:
        return 1 / (1 + u**2)
    return humped(u) / humped(0.0)


@cell
def exact(table: Any, x: Any) -> Any:
    """Return what a table is of, for real numbers."""
    return table.height * shape(table.function, table.scale * x)


@cell
def interpolate(table: Any, x: Any) -> Any:
    """Return y, of ``table.frac`` fraction bits, for an integer of the format of arguments."""
    i = x >> table.bits
    rest = x & ((1 << table.bits) - 1)
    return align(lookup(table.base, i), table.bits) + lookup(table.rise, i) * rest


def evaluate(table: Any, x: Any) -> Any:
    """As :func:`interpolate`; of a float, which is a real number already, the function itself."""
    return exact(table, x) if isinstance(x, float) else interpolate(table, x)


@overload(evaluate)
def _evaluate(table, x):
    def real(table, x):
        return exact(table, x)

    def integer(table, x):
        return interpolate(table, x)

    return real if isinstance(x, types.Float) else integer


def _fit(y: np.ndarray, tail: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return base, rise and the greatest error of lines for rows of values and what comes then."""
    rest = np.arange(y.shape[1]) / y.shape[1]
    rise = np.rint((y[:, -1] - y[:, 0]) / rest[-1])
    start = y - rise[:, None] * rest
    low, high = start.min(axis=1), start.max(axis=1)
    then = tail - rise[-1] * rest[-1]
    low[-1], high[-1] = min(low[-1], then.min()), max(high[-1], then.max())
    base = np.rint((low + high) / 2)
    return base, rise, float(max((high - base).max(), (base - low).max()))


@functools.cache
def tabulate(function: Function, height: float, scale: float, frac: int) -> tuple[Table, float]:
    """Return the smallest table whose error is at most ``2**-frac``, and its error.

    The error is that for every real argument, whatever its size: the greatest at any argument that
    the table can be given, and what rounding to one of them adds.

    Parameters
    ----------
    function, height, scale
        What it is a table of; both numbers are above 0.
    frac
        Fraction bits of the error.

    Raises
    ------
    ValueError
        If 512 segments do not suffice, with the error that they leave, or arguments are too long.
    """

    def values(x: np.ndarray) -> np.ndarray:
        return height * shape(function, scale * x)

    def beyond(reach: int) -> np.ndarray:
        return values(2.0**reach * np.append(np.geomspace(1.0, FAR, 1000), math.inf))

    steepest = height * scale * STEEPEST[function]
    precise = frac + ARGUMENT_BITS + math.ceil(math.log2(steepest))
    reach = 2 - precise
    while np.ptp(tail := beyond(reach)) > 2.0**-frac:
        reach += 1
    argument = Format(False, reach + precise, precise)
    if argument.width > MOST_BITS:
        raise ValueError(
            f"Argument of a table must have {MOST_BITS} bits at most, not {argument.width}: "
            f"ask for less than {frac} fraction bits"
        )
    unit = 2.0 ** -(frac + GUARD_BITS)
    y = values(argument.to_float(np.arange(argument.high + 1))) / unit
    error = math.inf
    for segments in (1 << k for k in range(1, min(argument.width, MOST_SEGMENTS.bit_length()))):
        base, rise, worst = _fit(y.reshape(segments, -1), tail / unit)
        error = worst * unit + steepest * argument.lsb / 2
        if error <= 2.0**-frac:
            bits = argument.width - segments.bit_length() + 1
            entries = tuple(base.astype(int).tolist()), tuple(rise.astype(int).tolist())
            of = int(function), float(height), float(scale)
            return Table(argument, bits, frac + GUARD_BITS + bits, *entries, *of), error
    raise ValueError(
        f"Error of a table of {MOST_SEGMENTS} segments must be at most {2.0**-frac!r}, "
        f"not {error!r}: ask for less than {frac} fraction bits"
    )


def build(frac: int, halved: int) -> tuple[Table, float]:
    """Return the table of ``tanh(x)`` or, `halved`, ``tanh(x / 2) / 2``, and its error."""
    scale = 0.5**halved
    return tabulate(Function.TANH, scale, scale, frac)
