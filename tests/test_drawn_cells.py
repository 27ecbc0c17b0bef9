"""Twins are proved for constants that networks are drawn with, beside their cases' corners."""

from __future__ import annotations

import pytest

from goldenspike.golden import ranges
from goldenspike.hdl.catalog import TWINS
from goldenspike.sim.drawn_cells import WIDEST, drawn_cells
from goldenspike.sim.proof import prove_all

NARROW = 26
"""Bits of intermediates in every run of the tests: z3 then takes a second at most."""
TIMEOUT_S = 600.0


def failures(*given: int) -> list[str]:
    seeds, most, widest = range(given[0], given[1]), given[2], given[3]
    cells = drawn_cells(seeds, most, widest)
    return [str(one) for one in prove_all(cells, timeout_s=TIMEOUT_S) if not one.proved]


def test_twins_are_proved_for_drawn_constants() -> None:
    assert failures(0, 40, 1, NARROW) == []


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_twins_are_proved_for_many_drawn_constants(first: int) -> None:
    assert failures(first, first + 100, 6, WIDEST) == []


def test_drawn_constants_are_those_of_networks() -> None:
    cells = drawn_cells(range(40), 2)
    names = [cell.name for _, cell, _ in cells]
    assert len(names) == len({(cell.name, constants) for _, cell, constants in cells})
    assert len(set(names)) > 40
    assert set(names) <= set(TWINS)
    assert max(names.count(name) for name in names) == 2
    assert all(ranges.reach(cell, constants)[1] <= WIDEST for _, cell, constants in cells)
    assert cells == drawn_cells(range(40), 2)
