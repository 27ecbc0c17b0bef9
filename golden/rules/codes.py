"""Perturbation codes: which parameter is perturbed in which time slot, and with which sign.

    one_hot   variate = (index == slot) ? 1 : 0                    one parameter at a time
    walsh     variate = popcount(index & slot) even ? 1 : -1       all at a time, orthogonal

Over the ``2**bits`` slots, the products of two parameters' variates sum to 0. With code "walsh",
parameter 0 is never negative: its sum over the slots is not 0, all others' are.
Source: McCaughan et al., "Multiplexed gradient descent", APL Machine Learning 1 (2023); Walsh's
functions in Hadamard's order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.fixed import Format
from goldenspike.golden.randomness import popcount

MOST_BITS = 31
"""Bits that an index and a slot may have."""
VARIATE = Format(True, 2, 0)


class Constants(NamedTuple):
    bits: int


class Inputs(NamedTuple):
    index: Any
    slot: Any


class Outputs(NamedTuple):
    variate: Any


def constants(size: int) -> Constants:
    """Return the constants for `size` parameters, of which the indices and slots count.

    Raises
    ------
    ValueError
        If they are none, or more than MOST_BITS bits can tell apart.
    """
    if not 1 <= size <= 1 << MOST_BITS:
        raise ValueError(f"Size of a code must be 1 to 2**{MOST_BITS}, not {size!r}")
    return Constants(max((size - 1).bit_length(), 1))


@cell
def one_hot(c: Any, s: Any, x: Any) -> Any:
    """Perturb one parameter in one slot."""
    return s, Outputs(select(x.index == x.slot, 1, 0))


@cell
def walsh(c: Any, s: Any, x: Any) -> Any:
    """Perturb one parameter in one slot."""
    return s, Outputs(select((popcount(x.index & x.slot) & 1) == 1, -1, 1))


def ports(c: Constants) -> Ports:
    """Return the formats of the cells' ports."""
    number = Format(False, c.bits, 0)
    return Ports(Nothing(), Inputs(number, number), Outputs(VARIATE))


ONE_HOT = Cell("rules.codes.one_hot", one_hot, ports)
WALSH = Cell("rules.codes.walsh", walsh, ports)
