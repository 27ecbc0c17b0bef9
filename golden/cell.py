"""Cells: pure, branch-free functions on integers, and the words they choose with.

A cell is ``step(constants, state, inputs) -> (state, outputs)``, all four named tuples. The same
source runs on Python integers, is compiled by Numba, runs on symbols for the proof and on
intervals for the range check, and, on floats, is the ideal that fixed point is compared with.
So a cell never says ``if`` about data: it says :func:`select`, :func:`clamp` and :func:`lookup`,
and joins conditions with ``&`` and ``|``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goldenspike.golden.fixed import Format

cell = register_jitable
"""Mark a function as (part of) a cell: plain Python that Numba may compile."""


def select(condition: Any, a: Any, b: Any) -> Any:
    """Return ``a`` where `condition` holds, else ``b``, as a multiplexer does."""
    if isinstance(condition, (bool, np.bool_)):  # numpy's has a `choose`, of another meaning
        return a if condition else b
    choose = getattr(condition, "choose", None)
    return (a if condition else b) if choose is None else choose(a, b)


@overload(select)
def _select(condition, a, b):
    return lambda condition, a, b: a if condition else b


def clamp(x: Any, low: Any, high: Any) -> Any:
    """Return `x` limited to ``low..high``, both constants."""
    method = getattr(x, "clamp", None)
    return max(low, min(x, high)) if method is None else method(low, high)


@overload(clamp)
def _clamp(x, low, high):
    return lambda x, low, high: max(low, min(x, high))


def lookup(table: tuple[int, ...], index: Any) -> Any:
    """Return the entry of a table of constants at `index`, which is within it."""
    method = getattr(index, "lookup", None)
    return table[index] if method is None else method(table)


@overload(lookup)
def _lookup(table, index):
    return lambda table, index: table[index]


def wrap(x: Any, width: int, signed: bool) -> Any:
    """Return the low `width` bits of `x`, as two's complement if signed.

    Written so that a compiler sees that no other bits count: vectors stay narrow.
    """
    method = getattr(x, "wrap", None)
    if method is not None:
        return method(width, signed)
    residue = x & ((1 << width) - 1)
    return residue - ((residue & (1 << (width - 1))) << 1) if signed else residue


@overload(wrap)
def _wrap(x, width, signed):
    def integer(x, width, signed):
        residue = x & ((1 << width) - 1)
        return residue - ((residue & (1 << (width - 1))) << 1) if signed else residue

    return integer


def align(x: Any, shift: int) -> Any:
    """Return ``x * 2**shift``: the same value with `shift` more fraction bits. Floats have none."""
    return x if isinstance(x, float) else x << shift


@overload(align)
def _align(x, shift):
    if isinstance(x, types.Float):
        return lambda x, shift: x
    return lambda x, shift: x << shift


class Ports(NamedTuple):
    """The formats of a cell's state, inputs and outputs: its named tuples filled with them."""

    state: tuple[Format, ...]
    inputs: tuple[Format, ...]
    outputs: tuple[Format, ...]

    def named(self) -> Iterator[tuple[str, str, Format]]:
        """Yield ``(group, field, format)`` of every port."""
        for group, formats in zip(self._fields, self, strict=True):
            for name, fmt in zip(getattr(formats, "_fields", ()), formats, strict=True):
                yield group, name, fmt


@dataclass(frozen=True)
class Cell:
    """A step function and what its ports look like for given constants.

    Parameters
    ----------
    name
        Where it is found, as ``module.function`` below ``goldenspike.golden``.
    step
        ``step(constants, state, inputs) -> (state, outputs)``.
    ports
        ``ports(constants) -> Ports``.
    """

    name: str
    step: Callable[..., tuple[Any, Any]]
    ports: Callable[[Any], Ports]


class Nothing(NamedTuple):
    """A cell without state, or without outputs other than its state, has this one."""
