"""Random networks in lockstep; together they hit most bins of the functional coverage."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from goldenspike.sim import coverage, fuzz
from goldenspike.sim.cases import Case, random_case
from goldenspike.sim.drawn_graph import SIZES


def seeds(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


QUICK = seeds("""
    5 12 16 18 22 27 31 37 38 47 52 65 75 80 95 99 135 137 155 161 164 173 177 191 194 215 226
    235 282 317 322 331 333 343 396 397 398 407 418 423 431 439 456 485 503 505 519 529 531 532
    545 547 548 569 588 599 607 622 628 633 635 641 651 659 665 687 727 731
""")
"""Seeds of every run of the tests, which cover more than 80 % of all bins: see below."""
MORE = seeds("""
    14 15 21 26 39 42 43 44 46 51 59 66 67 70 81 84 86 92 104 105 107 116 117 127 131 133 134
    139 146 148 150 153 178 180 201 204 218 227 234 260 262 270 289 292 315 319 321 330 332 337
    342 349 354 408 414 422 434 449 453 467 470 497 499 512 525 527 538 540 544 552 564 567 568
    572 581 593 627 634 637 658 675 682 684 700 701 703 710 722 735 743 770 782
""")
"""More seeds of the long run, which aims at the bins that all these leave open."""
SHARE = 0.8
"""Share of all bins that every run of the tests covers."""
PARTS = 8
"""How many tests share the bins that are aimed at."""
AIMING = range(1, 20)
"""Seeds of cases that aim at a bin, of which the first one that reaches it counts."""


def covered(chosen: tuple[int, ...]) -> set[coverage.Bin]:
    return set().union(*(coverage.of_case(random_case(seed)) for seed in chosen))


def test_every_run_covers_most_of_what_there_is() -> None:
    found = covered(QUICK)
    assert len(found) >= SHARE * len(coverage.bins())
    for kind in {one[0] for one in coverage.bins()}:
        mine = {one for one in coverage.bins() if one[0] == kind}
        assert len(found & mine) >= 0.6 * len(mine), kind


@pytest.fixture(scope="session", name="opened")
def give_opened() -> list[coverage.Bin]:
    """Return the bins that only cases reach that aim at them."""
    return sorted(coverage.bins() - covered((*QUICK, *MORE)), key=coverage.title)


def reached(aim: coverage.Bin) -> Case:
    """Return the first case that reaches a bin."""
    for seed in AIMING:
        with contextlib.suppress(RuntimeError):
            return coverage.aimed_case(seed, aim)
    raise AssertionError(f"No seed of {AIMING} reaches {coverage.title(aim)}")


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_the_long_run_covers_all_that_there_is(part: int, opened: list[coverage.Bin]) -> None:
    """A bin that no seed reaches fails, and so does a case that is not equal on both rails."""
    for aim in opened[part::PARTS]:
        case = reached(aim)
        found = fuzz.check(case, fuzz.simulator_of(case))
        replay = f"goldenspike fuzz --seeds {case.seed}:{case.seed + 1}"
        assert found.mismatch is None, f"{replay} --aim '{coverage.title(aim)}': {found.mismatch}"


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
