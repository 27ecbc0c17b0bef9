"""Random networks in lockstep; together they hit most bins of the functional coverage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goldenspike.sim import coverage, fuzz
from goldenspike.sim.cases import random_case
from goldenspike.sim.drawn_graph import SIZES


def seeds(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


QUICK = seeds("""
    6 19 22 27 36 37 47 53 71 75 118 124 137 153 155 162 185 198 207 228 258 269 282 315 328
    343 345 369 388 389 424 431 441 451 467 476 485 507 512 516 522 528 529 542 549 559 597
""")
"""Seeds of every run of the tests, which cover more than 80 % of all bins: see below."""
MORE = seeds("""
    2 3 7 12 21 26 35 46 48 67 79 83 86 99 113 114 116 139 142 158 166 174 175 192 194 201
    203 211 229 239 260 268 275 296 321 324 332 373 453 469 489 490 508 564 584 627 638 647
    655 658 731 738 739 781 789 796 805 807 818 853 861 875 908 911 933 938 990 999 1000
    1024 1070 1119 1120 1183 1201 1224 1290 1313 1323 1327 1361 1388 1416 1419 1451 1507
    1514 1539 1547 1565 1570 1625 1667 1737 1787 1805 1837 1867 1878 1914 1949 1959 1967
    1993
""")
"""Seeds of the long run, which with those cover all but what :data:`ALL` leaves."""
SHARE, ALL = 0.8, 0.96
"""Shares of all bins that every run of the tests covers, and the long run."""


def covered(chosen: tuple[int, ...]) -> set[coverage.Bin]:
    return set().union(*(coverage.of_case(random_case(seed)) for seed in chosen))


def test_every_run_covers_most_of_what_there_is() -> None:
    found = covered(QUICK)
    assert len(found) >= SHARE * len(coverage.bins())
    for kind in {one[0] for one in coverage.bins()}:
        mine = {one for one in coverage.bins() if one[0] == kind}
        assert len(found & mine) >= 0.6 * len(mine), kind


@pytest.mark.long
def test_the_long_run_covers_nearly_all_that_there_is() -> None:
    left = coverage.bins() - covered((*QUICK, *MORE))
    assert len(left) <= (1 - ALL) * len(coverage.bins()), sorted(map(coverage.title, left))


@pytest.mark.parametrize("seed", QUICK)
def test_random_networks(seed: int) -> None:
    found = fuzz.run(seed)
    assert found.status == "equal", f"goldenspike fuzz --seeds {seed}:{seed + 1}: {found.what}"


@pytest.mark.long
@pytest.mark.parametrize("seed", [*MORE, *range(10_000, 10_150)])
def test_many_random_networks(seed: int) -> None:
    found = fuzz.run(seed)
    assert found.status == "equal", f"goldenspike fuzz --seeds {seed}:{seed + 1}: {found.what}"


def test_verilator_and_icarus_see_the_same() -> None:
    case = random_case(15, "small")
    one, other = (fuzz.check(case, simulator) for simulator in ("verilator", "icarus"))
    assert replace(one, simulator="icarus") == other


@pytest.mark.parametrize("size", SIZES)
def test_networks_are_as_large_as_their_size_says(size: str) -> None:
    wanted = SIZES[size]
    for seed in range(5):
        plan = random_case(seed, size).plan
        assert max(p.size for p in plan.populations) <= wanted.neurons
        assert plan.ticks <= wanted.ticks
        synapses = sum(q.pre.size * q.post.size for q in plan.projections if q.mirror is None)
        assert synapses * plan.ticks <= wanted.work
