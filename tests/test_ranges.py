"""Intervals contain all that they stand for, and the check refuses what does not fit."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenspike.golden import fixed, ranges
from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.neurons import lif
from goldenspike.golden.ranges import Interval, Maybe
from goldenspike.golden.rules import three_factor
from goldenspike.golden.synapses import delta

F = Format.parse
ENDS = st.tuples(st.integers(-40, 40), st.integers(0, 12)).map(lambda e: (e[0], e[0] + e[1]))
TWO = [operator.add, operator.sub, operator.mul]
ONE: dict[str, Callable[[Any], Any]] = {
    "negated": operator.neg,
    "from": lambda x: 5 - x,
    "and then": lambda x: 3 + x * 2 - 1,
    "scaled": lambda x: -3 * x,
    "left": lambda x: x << 3,
    "right": lambda x: x >> 2,
    "right away": lambda x: x >> 40,
    "masked": lambda x: x & 15,
    "masked wide": lambda x: x & 255,
    "masked sparsely": lambda x: x & 0x55,
    "clamped": lambda x: x.clamp(-3, 9) if isinstance(x, Interval) else max(-3, min(x, 9)),
}
COMPARE = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq]


def members(ends: tuple[int, int]) -> range:
    """Return all integers of an interval."""
    return range(ends[0], ends[1] + 1)


@pytest.mark.parametrize("operate", TWO)
@given(a=ENDS, b=ENDS)
def test_intervals_of_two_are_the_tightest(operate: Any, a: Any, b: Any) -> None:
    result = operate(Interval(*a), Interval(*b))
    found = [operate(x, y) for x, y in product(members(a), members(b))]
    assert (result.low, result.high) == (min(found), max(found))
    mixed = operate(a[0], Interval(*b))
    found = [operate(a[0], y) for y in members(b)]
    assert (mixed.low, mixed.high) == (min(found), max(found))


@pytest.mark.parametrize("name", ONE)
@given(a=ENDS)
def test_intervals_of_one_contain_every_result(name: str, a: Any) -> None:
    result = ONE[name](Interval(*a))
    found = [ONE[name](x) for x in members(a)]
    assert result.low <= min(found)
    assert max(found) <= result.high
    if "masked" not in name:
        assert (result.low, result.high) == (min(found), max(found))


@pytest.mark.parametrize("compare", COMPARE)
@given(a=ENDS, b=ENDS)
def test_comparisons_are_decided_only_where_all_agree(compare: Any, a: Any, b: Any) -> None:
    found = {compare(x, y) for x, y in product(members(a), members(b))}
    result = compare(Interval(*a), Interval(*b))
    if len(found) == 1:
        assert result is found.pop()
    else:
        assert isinstance(result, Maybe)


@given(a=ENDS, b=ENDS, limit=st.integers(-40, 52))
def test_select_on_an_undecided_condition_gives_both_sides(a: Any, b: Any, limit: int) -> None:
    result = Interval.of(select(Interval(*a) > limit, Interval(*a), Interval(*b)))
    found = [select(x > limit, x, y) for x, y in product(members(a), members(b))]
    assert result.low <= min(found)
    assert max(found) <= result.high


def test_conditions_join() -> None:
    maybe = Interval(0, 3) > 1
    assert (maybe & False) is (False & maybe) is False
    assert (maybe | True) is (True | maybe) is True
    for undecided in (maybe & True, True & maybe, maybe | False, maybe & maybe, maybe | maybe):
        assert isinstance(undecided, Maybe)


def test_a_cell_that_says_if_is_refused() -> None:
    with pytest.raises(TypeError, match="Cells must choose with select, not with if"):
        bool(Interval(0, 3) > 1)


def test_the_widest_intermediate_is_kept_though_the_result_is_narrow() -> None:
    widths: list[int] = [1]
    x = Interval(-8, 7, widths)
    assert widths[-1] == 4
    squared = x * x
    assert widths[-1] == 8  # 64 needs eight bits with a sign
    assert (squared & 1).widest is widths
    assert (1 + x).widest is widths
    assert select(x > 0, 1, x).widest is widths
    assert max(widths) == 8


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("source", ["fxp-s4/2", "fxp-u4/3", "fxp-s6/5"])
@pytest.mark.parametrize("target", ["fxp-s3/1", "fxp-u2/0", "fxp-s8/4"])
def test_requantization_reaches_its_bounds(
    source: str, target: str, rounding: Rounding, overflow: Overflow
) -> None:
    constants = fixed.Constants(F(source), F(target), int(rounding), int(overflow))
    bounds, width = ranges.reach(fixed.REQUANTIZE, constants)
    words = (0, 1, 2**15, 2**16 - 1) if rounding is Rounding.STOCHASTIC else (0,)
    found = {
        fixed.REQUANTIZE.step(constants, Nothing(), fixed.Inputs(x, word))[1].y
        for x in members((F(source).low, F(source).high))
        for word in words
    }
    assert F(target).low <= bounds["y"].low <= min(found)
    assert max(found) <= bounds["y"].high <= F(target).high
    if overflow is Overflow.SATURATE and rounding is not Rounding.TOWARD_ZERO:
        # The interval does not know that a rest of 0 comes with the last quotient: one more.
        assert bounds["y"].high - max(found) <= 1
        assert bounds["y"].low == min(found)
    assert width <= 20


class State(NamedTuple):
    v: Any


class Inputs(NamedTuple):
    x: Any


@cell
def accumulate(c: Any, s: Any, x: Any) -> Any:
    return State(s.v + x.x), Nothing()


@cell
def cube(c: Any, s: Any, x: Any) -> Any:
    return State(fixed.limit(x.x * x.x * x.x, c, Overflow.SATURATE)), Nothing()


def test_a_result_beyond_its_format_is_refused() -> None:
    wrong = Cell("test.accumulate", accumulate, lambda c: Ports(State(c), Inputs(c), Nothing()))
    with pytest.raises(ValueError, match="Output") as caught:
        ranges.check(wrong, F("fxp-s8/4"), "here")
    want = "Output 'v' of here (test.accumulate) must fit fxp-s8/4, not -256..254"
    assert str(caught.value) == want


def test_an_intermediate_beyond_the_kernel_is_refused() -> None:
    cubing = Cell("test.cube", cube, lambda c: Ports(State(c), Inputs(c), Nothing()))
    assert ranges.check(cubing, Format(True, 21, 0), "here") == 2  # from -2**60 on: 61 bits
    with pytest.raises(ValueError, match="Arithmetic") as caught:
        ranges.check(cubing, Format(True, 22, 0), "there")
    want = "Arithmetic of there (test.cube) must fit 63 bits, not 64: narrow its formats"
    assert str(caught.value) == want


def test_the_bits_of_real_cells_are_counted() -> None:
    product_ = delta.Constants(F("fxp-s16/14"), F("fxp-s16/10"))
    assert ranges.reach(delta.STEP, product_)[1] == 32  # -2**15 squared is 2**30
    update = three_factor.update_constants(F("fxp-s12/7"), F("fxp-s12/7"), F("fxp-s12/0"), 2, 0)
    assert ranges.reach(three_factor.UPDATE, update)[1] == 24  # 2**22, and a weight
    neuron = lif.Params(F("fxp-s40/20"), 0.9, 1.0).constants(F("fxp-s40/20"))
    # v and the current, at 40 bits, times 17 unsigned ones: 56 bits with a sign, and their sum.
    assert ranges.reach(lif.STEP, neuron)[1] == 57
