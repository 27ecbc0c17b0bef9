"""Pseudo-derivatives: formulas on every side, the declared error, the pull, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product
from statistics import NormalDist
from typing import Any

import numba
import numpy as np
import pytest
from amaranth.hdl import Module
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import ranges
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.rules import psi
from goldenspike.golden.rules.eligibility import Part
from goldenspike.golden.rules.surrogate import KINDS, SurrogateParams
from goldenspike.golden.table import MOST_SEGMENTS, STEEPEST, Function, shape, tabulate
from goldenspike.hdl.rules.psi import Linear, LinearPull, Stepped, Tabled

F = Format.parse
EXCESS = F("fxp-s14/9")
OUTPUTS = {"excess": EXCESS, "blocked": BIT, "signal": BIT}
USUAL = SurrogateParams(psi=F("fxp-s9/7"), height=0.8, width=1.5)
STEPS: dict[str, Any] = {"boundaries": (0.25, 0.75, 1.5), "levels": (1.0, -0.5, 0.25)}
PULL: dict[str, Any] = {
    "total": F("fxp-s9/4"),
    "pull": F("fxp-s12/14"),
    "regularization": 5000.0,
    "target_rate": 0.0225,
    "trial_ticks": 100,
}
ETA = 0.01
ALL = [replace(USUAL, surrogate=k, **(STEPS if k == "steps" else {})) for k in KINDS]
TWINS = (Linear, Tabled, Stepped)


PEAK = 1.15 * NormalDist(0, 0.5).pdf(0) - 0.3 * NormalDist(0.5, 3).pdf(0)


def formula(kind: str, u: float) -> float:
    """Return g(u), in words other than golden's."""
    if kind == "steps":
        inside = [k for k, end in enumerate(STEPS["boundaries"]) if u < end]
        return STEPS["levels"][inside[0]] if inside else 0.0
    if kind == "multi_gaussian":
        flank = NormalDist(0.5, 3).pdf(u) + NormalDist(-0.5, 3).pdf(u)
        return (1.15 * NormalDist(0, 0.5).pdf(u) - 0.15 * flank) / PEAK
    return {
        "piecewise_linear": max(0.0, 1 - u),
        "exponential": math.e**-u,
        "fast_sigmoid": (1 + u) ** -2.0,
        "arctan": (u * u + 1) ** -1.0,
    }[kind]


def real(p: SurrogateParams, excess: float) -> float:
    """Return psi as a real number."""
    return p.height * formula(p.surrogate, abs(excess) / p.width)


def part(p: SurrogateParams, excess: Format = EXCESS) -> Part:
    """Return the part of a neuron with an excess of a format."""
    return p.surrogate_part({**OUTPUTS, "excess": excess}, ETA)


def stored_psi(one: Part, excess: int, blocked: int = 0) -> int:
    """Return psi of a part without a pull."""
    return one.cell.step(one.constants, Nothing(), psi.Inputs(excess, blocked))[1].psi


@pytest.mark.parametrize("p", ALL, ids=KINDS)
@pytest.mark.parametrize("width", [2.1, 0.5])
def test_psi_is_its_formula_within_an_lsb_for_every_excess(
    p: SurrogateParams, width: float
) -> None:
    p = replace(p, width=width)
    one = part(p)
    for excess in range(EXCESS.low, EXCESS.high + 1):
        exact = real(p, excess * EXCESS.lsb) * 2**p.psi.frac
        assert abs(stored_psi(one, excess) - exact) <= 1.0
    assert stored_psi(one, 0, 1) == stored_psi(one, EXCESS.low, 1) == 0


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(
    frac=st.integers(1, 8),
    excess_frac=st.integers(-1, 20),
    width=st.floats(0.02, 20),
    height=st.floats(0.5, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_formats_and_numbers_are_free(
    kind: str,
    frac: int,
    excess_frac: int,
    width: float,
    height: float,
    seed: int,
) -> None:
    fine = frac if kind in ("piecewise_linear", "steps") else min(frac, 6)
    steps = STEPS if kind == "steps" else {}
    p = SurrogateParams(
        psi=Format(True, fine + 4, fine),
        height=height,
        width=width,
        surrogate=kind,
        **steps,
    )
    fmt = Format(True, max(excess_frac, 0) + 8, excess_frac)
    one = part(p, fmt)
    assert ranges.check(one.cell, one.constants, "here") >= 0
    rng = np.random.default_rng(seed)
    far = min(int(3 * width * 2.0**excess_frac) + 2, fmt.high)
    for raw in rng.integers(-far, far, 20, endpoint=True).tolist():
        exact = real(p, raw * fmt.lsb) * 2**fine
        assert abs(stored_psi(one, raw) - exact) <= 1.0


def test_psi_is_rounded_once_where_numbers_are_powers_of_two() -> None:
    p = SurrogateParams(psi=F("fxp-u7/7"), height=0.5, width=0.5)
    one = part(p, F("fxp-s11/9"))
    for excess in range(-1024, 1024):
        exact = Fraction(1, 2) * max(0, 1 - 2 * abs(Fraction(excess, 512)))
        assert stored_psi(one, excess) == round(exact * 128)


def test_steps_are_where_they_are_exactly() -> None:
    p = replace(USUAL, surrogate="steps", width=4.7, **STEPS)
    one, ideal = part(p), part(p).ideal
    ends = [Fraction(end) for end in reversed(ideal.ends)]
    for excess in range(EXCESS.low, EXCESS.high + 1):
        size = abs(Fraction(excess)) / 2**EXCESS.frac
        level = next((v for e, v in zip(ends, STEPS["levels"], strict=True) if size < e), 0.0)
        assert stored_psi(one, excess) == round(0.8 * level * 2**p.psi.frac)


@pytest.mark.parametrize("p", ALL, ids=KINDS)
def test_with_a_pull_psi_is_the_same_and_spikes_are_counted(
    p: SurrogateParams, draw_raw: Any
) -> None:
    plain, both = part(p), part(replace(p, **PULL))
    step = numba.njit(both.cell.step)
    assert (both.inputs, tuple(both.outputs)) == (("excess", "blocked", "signal"), ("psi", "pull"))
    rng = np.random.default_rng(3)
    state, count = psi.PullState(0), 0
    for excess in draw_raw(rng, EXCESS, (200,)).tolist():
        blocked, signal = rng.integers(0, 2, 2).tolist()
        given_ = both.constants, state, psi.PullInputs(excess, blocked, signal)
        state, outputs = both.cell.step(*given_)
        assert step(*given_) == (state, outputs)
        count = min(count + signal, 100)
        assert state.spikes == count
        assert outputs.psi == stored_psi(plain, excess, blocked)
        pull = -ETA * 5000 / 100 * (count / 100 - 0.0225) * 2**14
        assert abs(outputs.pull - max(pull, -2048)) <= 0.5 + 2**-psi.GUARD_BITS
    assert ranges.check(both.cell, both.constants, "here") >= 0


def test_a_count_of_spikes_ends_at_its_highest() -> None:
    both = part(replace(USUAL, **PULL))
    for before, after in ((0, 1), (126, 127), (127, 127)):
        state = psi.PullState(before)
        assert both.cell.step(both.constants, state, psi.PullInputs(0, 0, 1))[0].spikes == after


@pytest.mark.parametrize("p", ALL, ids=KINDS)
def test_on_floats_it_is_the_formula(p: SurrogateParams) -> None:
    one, both = part(p), part(replace(p, **PULL))
    points = (-2.3, -0.4, 0.0, 0.1, 1.0 / 3.0, 5.0)
    for step, excess in product((one.cell.step, numba.njit(one.cell.step)), points):
        want = pytest.approx(real(p, excess))
        assert step(one.ideal, Nothing(), psi.Inputs(excess, 0))[1].psi == want
        assert step(one.ideal, Nothing(), psi.Inputs(excess, 1))[1].psi == 0
    for step, excess in product((both.cell.step, numba.njit(both.cell.step)), points):
        given_ = psi.PullState(2.0), psi.PullInputs(excess, 0, 1.0)
        state, outputs = step(both.ideal, *given_)
        assert (state.spikes, outputs.psi) == (3.0, pytest.approx(real(p, excess)))
        assert outputs.pull == pytest.approx(-ETA * 5000 / 100 * (3 / 100 - 0.0225))


@pytest.mark.parametrize("kind", TWINS)
def test_compiled_cells_equal_python_ones(kind: Any, draw_raw: Any) -> None:
    step = numba.njit(kind.cell.step)
    for c in list(kind.cases())[:6]:
        rng = np.random.default_rng(5)
        for excess in draw_raw(rng, c.excess, (60,)).tolist():
            want = kind.cell.step(c, Nothing(), psi.Inputs(excess, 0))
            assert step(c, Nothing(), psi.Inputs(excess, 0)) == want
            assert kind.cell.step(c, Nothing(), psi.Inputs(np.int64(excess), 0)) == want


@pytest.mark.parametrize("kind", [*TWINS, LinearPull])
def test_every_case_fits_the_kernel(kind: Any) -> None:
    assert min(ranges.check(kind.cell, c, "here") for c in kind.cases()) >= 0


@pytest.mark.parametrize("function", list(Function)[1:])
@pytest.mark.parametrize(("height", "scale"), [(0.3, 1.0), (1.0, 0.4), (10.0, 33.3)])
def test_a_table_is_within_an_lsb_of_its_function_everywhere(
    function: Function, height: float, scale: float
) -> None:
    for frac in (0, 1, 3, 5):
        table, error = tabulate(function, height, scale, frac)
        lsb = table.argument.lsb
        x = np.arange(table.argument.high + 1)
        i, rest = x >> table.bits, x & ((1 << table.bits) - 1)
        y = (
            np.array(table.base)[i] * 2**table.bits + np.array(table.rise)[i] * rest
        ) * 2.0**-table.frac
        for real_x in (np.maximum(x - 0.5, 0) * lsb, x * lsb, (x + 0.5) * lsb):
            assert np.abs(y - height * shape(function, scale * real_x)).max() <= error <= 2.0**-frac
        far = x[-1] * lsb * np.geomspace(1, 1e6, 10001)
        assert np.abs(y[-1] - height * shape(function, scale * far)).max() <= error


@pytest.mark.parametrize("function", Function)
def test_no_slope_is_steeper_than_said(function: Function) -> None:
    u = np.linspace(0, 30, 300001)
    steepest = np.abs(np.diff(shape(function, u))).max() / u[1]
    assert 0.98 * STEEPEST[function] < steepest <= STEEPEST[function]


def test_a_table_has_an_end() -> None:
    with pytest.raises(ValueError, match=f"Error of a table of {MOST_SEGMENTS} segments must be"):
        tabulate(Function.FAST_SIGMOID, 1.0, 1.0, 10)
    with pytest.raises(ValueError, match="Argument of a table must have 24 bits at most, not 30: "):
        tabulate(Function.FAST_SIGMOID, 1.0, 1.0, 18)


TOGETHER = "Regularisation must have all of total, pull, regularization, target_rate, trial_ticks"
BAD = [
    (
        {"surrogate": "exponental"},
        (
            "Surrogate must be one of 'piecewise_linear', 'exponential', 'fast_sigmoid', 'arctan', "
            "'multi_gaussian', 'steps', not 'exponental' (did you mean 'exponential'?)"
        ),
    ),
    ({"width": 0.0}, "Width must be above 0, not 0.0"),
    ({"height": -1.0}, "Height must be above 0, not -1.0"),
    ({"levels": (1.0,)}, "Levels must be left out for piecewise_linear, not (1.0,)"),
    ({"boundaries": (1.0,)}, "Boundaries must be left out for piecewise_linear, not (1.0,)"),
    ({"surrogate": "steps"}, "Boundaries must ascend from above 0, not ()"),
    (
        {"surrogate": "steps", "boundaries": (2.0, 1.0)},
        "Boundaries must ascend from above 0, not (2.0, 1.0)",
    ),
    (
        {"surrogate": "steps", "boundaries": (1.0, 2.0), "levels": (1.0,)},
        "Levels must be 2, as boundaries are, not (1.0,)",
    ),
    (
        {"surrogate": "steps", "psi": F("fxp-u8/7"), **STEPS},
        "Psi must be a format that holds the height -0.4 to 0.8, not fxp-u8/7",
    ),
    ({"height": 20.0}, "Psi must be a format that holds the height 20.0, not fxp-s9/7"),
    ({"psi": F("fxp-u4/-1")}, "Psi must be a format that holds the height 0.8, not fxp-u4/-1"),
    (
        {"surrogate": "multi_gaussian", "psi": F("fxp-u8/7")},
        "Psi must be signed for multi_gaussian, not fxp-u8/7",
    ),
    (
        {"surrogate": "fast_sigmoid", "psi": F("fxp-u12/12")},
        "Psi must be a coarser format for fast_sigmoid, not fxp-u12/12: ",
    ),
    (PULL | {"regularization": 0.0}, "Regularization must be above 0, not 0.0"),
    (PULL | {"target_rate": math.nan}, "Target rate must be finite, not nan"),
    (PULL | {"trial_ticks": 0}, "Trial ticks must be 1 to 65535, not 0"),
    (PULL | {"total": None}, f"{TOGETHER}, not no total"),
    ({"pull": F("fxp-s8/4"), "total": F("fxp-s8/4")}, f"{TOGETHER}, not no regularization"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_wrong_parameters_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        replace(USUAL, **change)
    assert str(caught.value).startswith(message)
    assert str(caught.value) == message or message.endswith(": ")


def test_a_pull_shows_a_spike() -> None:
    small = replace(USUAL, **PULL | {"regularization": 1e-8})
    with pytest.raises(ValueError, match="Pull must be a format that shows 1e-14 a spike, not fxp"):
        part(small)


@pytest.mark.parametrize("missing", ["excess", "blocked", "signal"])
def test_neurons_must_give_what_is_needed(missing: str) -> None:
    outputs = {name: fmt for name, fmt in OUTPUTS.items() if name != missing}
    with pytest.raises(KeyError, match=missing):
        replace(USUAL, **PULL).surrogate_part(outputs, ETA)


def test_parameters_are_read_and_written() -> None:
    data = {
        "psi": "fxp-s9/7",
        "height": 0.8,
        "width": 1.5,
        "surrogate": "steps",
        "boundaries": [0.25, 0.75, 1.5],
        "levels": [1, -0.5, 0.25],
    }
    read = SurrogateParams.read(data, "here")
    assert read == replace(USUAL, surrogate="steps", **STEPS)
    assert read.write() == data
    with pytest.raises(TypeError) as caught:
        SurrogateParams.read(data | {"levels": 0.5}, "here")
    assert str(caught.value) == "levels of here must be a list of float, not 0.5"
    with pytest.raises(TypeError) as caught:
        SurrogateParams.read(data | {"levels": ["a"]}, "here")
    assert str(caught.value) == "Item of levels of here must be of type float, not 'a'"


class Unblocked(Linear):
    """Does not know of refractory periods."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        with m.If(self.blocked & (self.excess == 3)):
            m.d.comb += self.psi.eq(1)
        return m


class EarlyStep(Stepped):
    """Ends a step one LSB too early."""

    def elaborate(self, platform: Any) -> Module:
        c = self.constants
        self.constants = c._replace(ends=(c.ends[0], c.ends[1] - 1, *c.ends[2:]))
        return super().elaborate(platform)


class OneWrongRise(Tabled):
    """Is wrong by one in one segment's rise."""

    def elaborate(self, platform: Any) -> Module:
        table = self.constants.table
        rise = (*table.rise[:3], table.rise[3] + 8, *table.rise[4:])
        self.constants = self.constants._replace(table=table._replace(rise=rise))
        return super().elaborate(platform)


class LateCount(LinearPull):
    """Pulls by the spikes of the tick before."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.spikes_next.eq(self.spikes)
        return m


@pytest.mark.parametrize("kind", [Unblocked, EarlyStep, OneWrongRise, LateCount])
def test_a_wrong_twin_gets_a_counterexample(kind: Any, refute: Any) -> None:
    refute(kind, next(iter(kind.cases())))
