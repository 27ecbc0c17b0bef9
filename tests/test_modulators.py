"""Populations of errors: their equations on fractions, the ideal, the softmax, what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numba
import numpy as np
import pytest
from amaranth.hdl import Module

from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import error, exponential_unit, softmax_error, td_error
from goldenspike.hdl.modulators.error import Error
from goldenspike.hdl.modulators.exponential_unit import ExponentialUnit
from goldenspike.hdl.modulators.softmax_error import SoftmaxError
from goldenspike.hdl.modulators.td_error import TDError

F = Format.parse
SOFT = softmax_error.Params(F("fxp-s12/10"), "e", "sum", "target")
TD = td_error.Params(F("fxp-s16/10"), "critic", "reward", 0.99)
UNIT = exponential_unit.Params(F("fxp-u11/10"), "readout", 4.0)
ERROR = error.Params(F("fxp-s16/10"), "readout", "target")


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


@pytest.mark.parametrize("number", range(len(list(Error.cases()))))
def test_errors_are_their_equation(number: int, agree: Any, store: Any) -> None:
    c = list(Error.cases())[number]
    slope = Fraction(c.slope, 256 if c.slope > 1 or c.bounded and c.slope != 1 else 1)

    def equation(signal: int, target: int, active: int) -> dict[str, int]:
        y = value(signal, c.signal)
        if c.bounded:
            y = max(Fraction(0), min(Fraction(1), slope * y + Fraction(1, 2)))
        e = store(y - value(target, c.target), c.output, c.rounding, c.overflow)
        return {"signal": e if active else 0}

    agree(error.STEP, c, equation)


@pytest.mark.parametrize("number", range(len(list(TDError.cases()))))
def test_td_errors_are_their_equation(number: int, agree: Any, store: Any) -> None:
    c = list(TDError.cases())[number]
    gamma = Fraction(c.gamma, 1 << (16 if c.gamma > 1 else 0))

    def equation(before: int, value_: int, reward: int) -> dict[str, int]:
        v = [value(raw, c.value) for raw in (before, value_)]
        delta = value(reward, c.reward) + gamma * v[1] - v[0]
        return {"before": value_, "signal": store(delta, c.output, c.rounding, c.overflow)}

    agree(td_error.STEP, c, lambda before, reward, **x: equation(before, x["value"], reward))


@pytest.mark.parametrize("number", range(len(list(SoftmaxError.cases()))))
def test_errors_of_a_softmax_are_their_equation(number: int, agree: Any, store: Any) -> None:
    c = list(SoftmaxError.cases())[number]

    def equation(signal: int, total: int, target: int, active: int) -> dict[str, int]:
        part, whole = max(value(signal, c.signal), 0), max(value(total, c.total), 0)
        p = min(Fraction(1), Fraction(part) / whole) if whole else Fraction(0)
        e = store(p - value(target, c.target), c.output, c.rounding, c.overflow)
        return {"signal": e if active else 0}

    agree(softmax_error.STEP, c, equation)


@pytest.mark.parametrize("rounding", ["HALF_EVEN", "HALF_UP", "FLOOR", "TOWARD_ZERO"])
def test_every_quotient_is_rounded_as_the_real_one(rounding: str, store: Any) -> None:
    mode = Rounding[rounding]
    params = replace(SOFT, output=F("fxp-s6/4"), rounding=mode)
    c = params.constants(F("fxp-u6/3"), F("fxp-u6/5"), F("fxp-u1/0"))
    for signal in range(64):
        for total in range(64):
            p = min(Fraction(1), Fraction(4 * signal, total)) if total else Fraction(0)
            got = softmax_error.step(c, Nothing(), softmax_error.Inputs(signal, total, 1, 1))[1]
            assert got.signal == store(p - 1, c.output, mode)


def test_an_exponential_is_within_an_lsb() -> None:
    for c in ExponentialUnit.cases():
        shift = c.shift * c.signal.lsb
        step = max((c.signal.high - c.signal.low) // 4000, 1)
        for raw in range(c.signal.low, c.signal.high + 1, step):
            exact = min(1.0, math.exp(min(raw * c.signal.lsb - shift, 0))) * 2**c.output.frac
            got = exponential_unit.step(c, Nothing(), exponential_unit.Inputs(raw))[1].signal
            assert abs(got - exact) <= 1.0


def test_exponentials_compiled_equal_python_ones(draw_raw: Any) -> None:
    step = numba.njit(exponential_unit.step)
    for c in ExponentialUnit.cases():
        for raw in draw_raw(np.random.default_rng(1), c.signal, (50,)).tolist():
            given = c, Nothing(), exponential_unit.Inputs(raw)
            assert step(*given) == exponential_unit.step(*given)


def test_a_softmax_is_numpys_within_what_is_declared() -> None:
    signal, total = F("fxp-s16/10"), F("fxp-u14/10")
    unit = UNIT.constants(signal)
    soft = SOFT.constants(UNIT.output, total, F("fxp-u1/0"))
    rng = np.random.default_rng(2)
    for _ in range(300):
        y = rng.integers(-2048, 4096, 5)
        e = [
            exponential_unit.step(unit, Nothing(), exponential_unit.Inputs(int(v)))[1].signal
            for v in y
        ]
        exact = np.exp(y / 1024) / np.exp(y / 1024).sum()
        target = int(rng.integers(5))
        for k in range(5):
            x = softmax_error.Inputs(e[k], sum(e), int(k == target), 1)
            got = softmax_error.step(soft, Nothing(), x)[1].signal / 1024
            # Each e is off by an LSB at most, so their sum by five, and p by half an LSB more.
            bound = (1 + 5 * exact[k]) / sum(e) + 0.5 / 1024
            assert abs(got - (exact[k] - (k == target))) <= bound


@pytest.mark.parametrize("compile_", [lambda step: step, numba.njit])
def test_on_floats_they_round_nothing(compile_: Any) -> None:
    fmt, third = F("fxp-s6/2"), 1.0 / 3.0
    step = compile_(error.step)
    for function, want in (("identity", third - 0.7), ("hard_sigmoid", third / 5 + 0.5 - 0.7)):
        p = replace(ERROR, function=function, slope=0.2)
        c = p.ideal(p.constants(fmt, fmt))
        assert step(c, Nothing(), error.Inputs(third, 0.7, 1))[1].signal == pytest.approx(want)
        assert step(c, Nothing(), error.Inputs(third, 0.7, 0))[1].signal == 0
    c = TD.ideal(TD.constants(fmt, fmt))
    after, outputs = compile_(td_error.step)(c, td_error.State(0.3), td_error.Inputs(third, 1.1))
    assert (after.before, outputs.signal) == (third, pytest.approx(1.1 + 0.99 * third - 0.3))
    c = UNIT.ideal(UNIT.constants(fmt))
    step = compile_(exponential_unit.step)
    for y, want in ((third, math.exp(third - 4)), (4.0, 1.0), (9.0, 1.0)):
        got = step(c, Nothing(), exponential_unit.Inputs(y))[1].signal
        assert got == pytest.approx(want)
    c = SOFT.ideal(SOFT.constants(fmt, fmt, fmt))
    step = compile_(softmax_error.step)
    for e, total, p in ((0.2, 0.6, third), (0.2, 0.0, 0.0), (0.7, 0.6, 1.0), (-1.0, 2.0, 0.0)):
        x = softmax_error.Inputs(e, total, 0.25, 1)
        assert step(c, Nothing(), x)[1].signal == pytest.approx(p - 0.25)
        assert step(c, Nothing(), x._replace(active=0))[1].signal == 0


BAD: list[tuple[Any, dict[str, Any], str]] = [
    (ERROR, {"function": "x"}, "Function must be one of 'identity', 'hard_sigmoid', not 'x'"),
    (ERROR, {"slope": 0.0}, "Slope must be above 0, not 0.0"),
    (
        ERROR,
        {"slope": 4.0},
        "Slope must be representable in fxp-u9/8, not 4.0 (nearest 1.99609375)",
    ),
    (TD, {"gamma": 1.5}, "Gamma must be 0 to 1, not 1.5"),
    (
        TD,
        {"gamma": 1e-6},
        "Gamma must be representable in fxp-u17/16, not 1e-06 (nearest 0.0)",
    ),
    (UNIT, {"shift": math.inf}, "Shift must be finite, not inf"),
    (UNIT, {"output": F("fxp-u14/13")}, "Output must have 0 to 12 fraction bits, not fxp-u14/13"),
    (UNIT, {"output": F("fxp-s8/8")}, "Output must be a format that holds 1, not fxp-s8/8"),
    *(
        (
            params,
            {"rounding": Rounding.STOCHASTIC},
            "Rounding of an error must be one of 'floor', 'half_up', 'half_even', 'toward_zero', "
            "not 'stochastic'",
        )
        for params in (ERROR, TD, SOFT)
    ),
]


@pytest.mark.parametrize(("params", "change", "message"), BAD)
def test_wrong_parameters_are_refused(params: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        replace(params, **change)
    assert str(caught.value) == message


class NoRest(SoftmaxError):
    """Forgets that there is a rest: a tie that is none."""

    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(bits=self.constants.bits - 1, target_shift=10)
        return super().elaborate(platform)


class Undiscounted(TDError):
    """Counts the next value in full."""

    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(gamma=1 << 16)
        return super().elaborate(platform)


class AlwaysActive(Error):
    """Knows no window."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        with m.If(~self.active & (self.target == 5)):
            m.d.comb += self.signal_next.eq(1)
        return m


class Shifted(ExponentialUnit):
    """Shifts by one LSB more."""

    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(shift=self.constants.shift + 1)
        return super().elaborate(platform)


@pytest.mark.parametrize("kind", [NoRest, Undiscounted, AlwaysActive, Shifted])
def test_a_wrong_twin_gets_a_counterexample(kind: Any, refute: Any) -> None:
    refute(kind, next(iter(kind.cases())))
