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
    37 43 59 65 67 84 95 129 150 177 235 241 270 282 342 434 467 476 503 530 544 545 564 607 679
    807 837 850 875 911 933 938 951 960 1024 1028 1093 1110 1124 1139 1224 1267 1375 1393
""")
"""Seeds of every run of the tests, which cover more than 80 % of all bins: see below."""
MORE = seeds("""
    21 22 28 36 38 47 48 55 63 66 81 89 99 108 114 116 124 133 139 178 194 201 204 218 225 230
    234 260 285 292 315 332 343 349 410 414 436 451 464 470 514 525 527 529 597 599 609 611 627
    633 658 733 735 770 773 780 781 782 805 846 878 882 904 908 913 937 974 982 998 1023 1047
    1062 1065 1066 1068 1070 1077 1097 1120 1140 1173 1176 1189 1202 1209 1215 1231 1283 1295
    1299 1302 1305 1321 1342 1362 1387 1388 1395
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
