"""Random networks in lockstep; together they have nearly all that there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goldenspike.sim import coverage, fuzz
from goldenspike.sim.cases import random_case
from goldenspike.sim.drawn import SIZES

QUICK: tuple[int, ...] = (
    6,
    19,
    22,
    27,
    36,
    37,
    47,
    53,
    71,
    75,
    118,
    124,
    137,
    153,
    155,
    162,
    185,
    198,
    207,
    228,
    258,
    269,
    282,
    315,
    328,
    343,
    345,
    369,
    388,
    389,
    424,
    431,
    441,
    451,
    467,
    476,
    485,
    507,
    512,
    516,
    522,
    528,
    529,
    542,
    549,
    559,
    597,
)
"""Seeds of every run of the tests, which cover more than 80 % of all bins: see below."""
MORE: tuple[int, ...] = ()
"""Seeds of the long run, which with those cover all."""
SHARE = 0.8


def covered(seeds: tuple[int, ...]) -> set[coverage.Bin]:
    return set().union(*(coverage.of_case(random_case(seed)) for seed in seeds))


def test_every_run_covers_most_of_what_there_is() -> None:
    found = covered(QUICK)
    assert len(found) >= SHARE * len(coverage.bins())
    for kind in {one[0] for one in coverage.bins()}:
        mine = {one for one in coverage.bins() if one[0] == kind}
        assert len(found & mine) >= 0.7 * len(mine), kind


@pytest.mark.long
def test_the_long_run_covers_all_that_there_is() -> None:
    left = coverage.bins() - covered((*QUICK, *MORE))
    assert sorted(map(coverage.title, left)) == []


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
