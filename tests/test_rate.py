"""The rate unit and its table: the equation on fractions, the declared error, the proofs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numba
import numpy as np
import pytest
import z3
from amaranth.hdl import Module

from goldenspike.golden import ranges
from goldenspike.golden.cell import lookup
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.neurons import rate
from goldenspike.golden.neurons.rate import STEP, Inputs, Outputs, Params, State
from goldenspike.golden.ranges import Interval
from goldenspike.golden.table import GUARD_BITS, MOST_SEGMENTS, Table, build, evaluate
from goldenspike.hdl.neurons.rate import Rate
from goldenspike.sim.proof import prove
from goldenspike.sim.symbolic import Symbol

F = Format.parse
TANH = Params(F("fxp-s12/10"), tau=10.0)
CURRENT = F("fxp-s22/14")
CASES = list(Rate.cases())
FUNCTIONS = {0: math.tanh, 1: lambda x: 1.0 / (1.0 + math.exp(-x)) - 0.5}
SIZES = {8: (16, 16), 10: (32, 32), 12: (128, 128), 16: (512, 512)}
Store = Callable[..., int]


def line(table: Table, x: int) -> Fraction:
    """Return a table's value as its docstring says it."""
    i, rest = divmod(x, 1 << table.bits)
    y = table.base[i] + Fraction(table.rise[i] * rest, 1 << table.bits)
    return y * Fraction(2) ** -(table.frac - table.bits)


def equation(c: Any, store: Store, h: int, u: int) -> tuple[int, Fraction]:
    """Return the next h and phi by the docstring's equation, on fractions."""
    x = store(abs(u) * Fraction(2) ** -c.current.frac, c.table.argument)
    phi = line(c.table, x) * (-1 if u < 0 else 1) + Fraction(c.half, 2)
    real = h * Fraction(2) ** -c.output.frac
    share = c.rate * Fraction(2) ** -c.rate_shift
    return store((1 - share) * real + share * phi, c.output, c.rounding, c.overflow), phi


@pytest.mark.parametrize("halved", [0, 1])
@pytest.mark.parametrize("frac", [0, 1, 2, 3, 5, 8, 10, 11])
def test_a_table_is_within_an_lsb_of_its_function_everywhere(frac: int, halved: int) -> None:
    table, error = build(frac, halved)
    function, argument = FUNCTIONS[halved], table.argument
    worst = 0.0
    for x in range(argument.high + 1):
        y = float(line(table, x))
        assert evaluate(table, x) == y * 2**table.frac
        near = [max(x - 0.5, 0.0), x + 0.5] if x < argument.high else [x - 0.5, math.inf]
        for real in (x, *near):  # monotonic in between, as is what it is compared with
            exact = function(real * argument.lsb) if real < math.inf else (0.5 if halved else 1.0)
            worst = max(worst, abs(y - exact))
    assert error / 2 < worst <= error <= 2.0**-frac


def test_tables_are_the_smallest() -> None:
    for frac, sizes in SIZES.items():
        found = [build(frac + halved, halved)[0] for halved in (0, 1)]
        assert tuple(len(table.base) for table in found) == sizes
        # tanh(x / 2) / 2 with one bit more has the integers of tanh(x).
        assert found[0].base == found[1].base
        assert found[0].rise == found[1].rise
    with pytest.raises(ValueError, match="Error") as caught:
        Params(F("fxp-s19/17"))
    assert str(caught.value).startswith(
        f"Error of a table of {MOST_SEGMENTS} segments must be at most {2.0**-17!r}, not 1."
    )
    assert str(caught.value).endswith("e-05: ask for less than 17 fraction bits")


@pytest.fixture(scope="module")
def compiled() -> Any:
    return numba.njit(STEP.step)


@pytest.mark.parametrize("number", [2, 5, 7, 8, 10, 11, 13, 14, 17, 18, 20])
def test_cases_are_their_equations_on_every_side(
    number: int, store: Store, draw_raw: Callable[..., np.ndarray], compiled: Any
) -> None:
    c = CASES[number]
    rng = np.random.default_rng(number)
    given = [draw_raw(rng, f, (300,)) for f in (c.output, c.current)]
    for h, u in np.transpose(given).tolist():
        want, y = equation(c, store, h, u)
        both = State(want), Outputs(want, y * 2**c.phi.frac)
        assert STEP.step(c, State(h), Inputs(u)) == both
        assert STEP.step(c, State(np.int64(h)), Inputs(np.int64(u))) == both
        assert compiled(c, State(h), Inputs(u)) == both
    assert ranges.check(STEP, c, "here") >= 0


def test_the_largest_tables_are_their_equations(
    store: Store, draw_raw: Callable[..., np.ndarray]
) -> None:
    tanh = Params(F("fxp-s18/16"), tau=20.0).constants(F("fxp-s30/20"))
    sigmoid = Params(F("fxp-u18/17"), "sigmoid", 20.0).constants(F("fxp-s40/28"))
    for c in (tanh, sigmoid):
        assert len(c.table.base) == MOST_SEGMENTS
        rng = np.random.default_rng(1)
        given = [draw_raw(rng, f, (300,)) for f in (c.output, c.current)]
        for h, u in np.transpose(given).tolist():
            want, y = equation(c, store, h, u)
            both = State(want), Outputs(want, y * 2**c.phi.frac)
            assert STEP.step(c, State(h), Inputs(u)) == both
        assert ranges.check(STEP, c, "here") > 8


@pytest.mark.parametrize("function", ["tanh", "sigmoid"])
def test_a_fast_unit_is_its_function_within_an_lsb_and_a_half(function: str) -> None:
    params = Params(F("fxp-s12/10"), function)
    c = params.constants(F("fxp-s18/13"))
    for u in range(c.current.low, c.current.high + 1, 37):
        x = u * c.current.lsb
        exact = math.tanh(x) if function == "tanh" else 1.0 / (1.0 + math.exp(-x))
        after, _ = STEP.step(c, State(777), Inputs(u))
        assert abs(after.h - exact * 2**10) <= 1.5  # of the table, and of the rounding of h
        mirrored, _ = STEP.step(c, State(-777), Inputs(-u))
        assert after.h + mirrored.h == (0 if function == "tanh" else 1 << 10)


def test_a_unit_settles_where_its_function_is() -> None:
    c = TANH.constants(CURRENT)
    state = State(-2048)
    for _ in range(200):
        state, _ = STEP.step(c, state, Inputs(1 << 14))
    # Where h stands still, a tenth of the difference is half an LSB at most.
    assert abs(state.h - math.tanh(1.0) * 2**10) <= 6


@pytest.mark.parametrize("function", ["tanh", "sigmoid"])
@pytest.mark.parametrize("u", [-30.0, -0.3, 0.0, 1.0 / 3.0, 12.5])
def test_on_floats_it_is_the_function_itself(function: str, u: float, compiled: Any) -> None:
    params = Params(F("fxp-s12/10"), function, 3.0)
    c = params.ideal(params.constants(CURRENT))
    exact = math.tanh(u) if function == "tanh" else 1.0 / (1.0 + math.exp(-u))
    want = 0.7 + (exact - 0.7) / 3.0
    for step in (STEP.step, compiled):
        (h,), (signal, y) = step(c, State(0.7), Inputs(u))
        assert h == signal == pytest.approx(want, rel=4e-16, abs=2e-16)  # doubles' last bits
        assert y == pytest.approx(exact, rel=4e-16, abs=2e-16)


ENTRIES = (3, -7, 0, 12, 5, 5, -1, 2)


def test_lookup_is_the_entry_on_every_side() -> None:
    index = Symbol(z3.BitVec("i", 3), False, [0])
    symbol = lookup(ENTRIES, index)
    assert (symbol.width, symbol.signed) == (5, True)

    @numba.njit
    def compiled(table: Any, i: int) -> int:
        return lookup(table, i)

    for i, entry in enumerate(ENTRIES):
        given = (index.bits, z3.BitVecVal(i, 3))
        found: Any = z3.simplify(z3.substitute(symbol.bits, given))
        assert found.as_signed_long() == lookup(ENTRIES, i) == compiled(ENTRIES, i) == entry
    wide = Symbol(z3.ZeroExt(4, z3.BitVec("i", 3)), False, [0])
    narrow = Symbol(z3.BitVec("j", 1), False, [0])
    solver = z3.Solver()
    solver.add(lookup(ENTRIES, wide).bits != symbol.bits)
    assert solver.check() == z3.unsat
    given = (narrow.bits, z3.BitVecVal(1, 1))
    found = z3.simplify(z3.substitute(lookup(ENTRIES, narrow).bits, given))
    assert found.as_signed_long() == ENTRIES[1]


def test_lookup_of_an_interval_is_what_it_reaches() -> None:
    widest: list[int] = [1]
    found = lookup(ENTRIES, Interval(2, 5, widest))
    assert (found.low, found.high, found.widest) == (0, 12, widest)
    with pytest.raises(IndexError, match=r"Index must be within a table of 8, not 5..8"):
        lookup(ENTRIES, Interval(5, 8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau": 0.5}, "Tau must be 1 or more, not 0.5"),
        ({"tau": math.inf}, "Tau must be finite, not inf"),
        ({"tau": 1e6}, "1/tau must be representable in fxp-u17/16, not 1e-06 (nearest 0.0)"),
        (
            {"function": "logistic"},
            "Function must be one of 'tanh', 'sigmoid', not 'logistic'",
        ),
        ({"output": F("fxp-s8/-1")}, "Output must have 0 to 17 fraction bits, not fxp-s8/-1"),
        ({"output": F("fxp-s42/40")}, "Output must have 0 to 17 fraction bits, not fxp-s42/40"),
        (
            {"rounding": Rounding.STOCHASTIC},
            (
                "Rounding of a neuron must be one of 'floor', 'half_up', 'half_even', "
                "'toward_zero', not 'stochastic'"
            ),
        ),
    ],
)
def test_wrong_parameters_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"must") as caught:
        replace(TANH, **change)
    assert str(caught.value) == message


class OneWrongEntry(Rate):
    """Is wrong by one LSB in one segment."""

    def elaborate(self, platform: Any) -> Module:
        table = self.constants.table
        wrong = (*table.base[:5], table.base[5] + (1 << GUARD_BITS), *table.base[6:])
        self.constants = self.constants._replace(table=table._replace(base=wrong))
        return super().elaborate(platform)


class WrongCorner(Rate):
    """Takes the least current for a positive one."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        with m.If(self.current == self.constants.current.low):
            m.d.comb += self.h_next.eq(self.h)
        return m


@pytest.mark.parametrize("kind", [OneWrongEntry, WrongCorner])
def test_a_wrong_twin_gets_a_counterexample(kind: type[Rate]) -> None:
    proof = prove(rate.STEP, CASES[8], kind)
    assert proof.counterexample is not None
    assert proof.counterexample.differs
