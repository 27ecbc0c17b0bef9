"""Constants that twins are proved for, drawn as networks are: beside the corners of their cases.

The constants of a cell are those that it has in random networks, so they are whatever ``plan``
makes of all that it accepts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from goldenspike.golden import ranges
from goldenspike.golden.cell import Cell
from goldenspike.golden.plan import BITWISE
from goldenspike.sim.drawn import draw_network

WIDEST = 40
"""Bits of the widest intermediate: z3 takes minutes for products of more."""


def drawn_cells(
    seeds: Iterable[int], most: int, widest: int = WIDEST
) -> list[tuple[str, Cell, Any]]:
    """Return ``(where, cell, constants)`` of the cells of small random networks.

    Parameters
    ----------
    seeds
        Of the networks.
    most
        Constants of a cell, at most: the first ones.
    widest
        Bits that an intermediate of a cell may have.
    """
    found: dict[str, dict[Any, tuple[str, Cell, Any]]] = {}
    for seed in seeds:
        for where, cell, constants in draw_network(seed, "small").plan.cells:
            mine = found.setdefault(cell.name, {})
            if len(mine) == most or constants in mine or cell in BITWISE:
                continue
            if ranges.reach(cell, constants)[1] <= widest:
                mine[constants] = (f"seed {seed}: {where}", cell, constants)
    return [one for mine in found.values() for one in mine.values()]
