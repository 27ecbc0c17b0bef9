"""Poles and what is made of them: traces, eligibilities; and synapses that change by themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numba
import numpy as np
import pytest
from amaranth.hdl import Module
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import pole
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.rules import (
    delayed_conductance_perturbation,
    online_conductance_perturbation,
)
from goldenspike.golden.synapses import dynamic, exponential
from goldenspike.hdl import pole as pole_twin
from goldenspike.hdl.fixed import multiply
from goldenspike.hdl.pole import Pole
from goldenspike.hdl.rules.delayed_conductance_perturbation import DelayedEligibility
from goldenspike.hdl.synapses.dynamic import Dynamic
from goldenspike.hdl.synapses.exponential import Exponential

F = Format.parse
WIDTHS, FRACS = st.integers(1, 5), st.integers(-2, 4)
FORMATS = st.builds(Format, st.booleans(), WIDTHS, FRACS)
Store = Callable[..., int]


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


@st.composite
def shares(draw: Any) -> tuple[Fraction, Format]:
    """Draw a factor of 0 to 1 and a format that holds it and its complement."""
    bits = draw(st.integers(0, 4))
    return Fraction(draw(st.integers(0, 1 << bits)), 1 << bits), Format(False, bits + 1, bits)


@settings(max_examples=60)
@given(share=shares(), whole=st.booleans(), y_format=FORMATS, x_format=FORMATS)
def test_poles_are_their_equation(
    agree: Callable[..., None],
    store: Store,
    share: Any,
    whole: bool,
    y_format: Format,
    x_format: Format,
) -> None:
    decay, factor = share
    gain = Fraction(1) if whole else 1 - decay

    def equation(y: int, x: int) -> dict[str, int]:
        real = decay * value(y, y_format) + gain * value(x, x_format)
        return {"y": store(real, y_format)}

    c = pole.constants(float(decay), y_format, x_format, factor, float(gain))
    agree(pole.STEP, c, equation)


@settings(max_examples=60)
@given(share=shares(), trace=FORMATS, signal=FORMATS)
def test_exponential_synapses_are_their_equation(
    agree: Callable[..., None], store: Store, share: Any, trace: Format, signal: Format
) -> None:
    decay, factor = share

    def equation(s: int, **x: int) -> dict[str, int]:
        after = store(decay * value(s, trace) + value(x["signal"], signal), trace)
        return {"s": after, "signal": after}

    agree(
        exponential.STEP,
        exponential.Params(float(decay), trace, factor).constants(signal),
        equation,
    )


@settings(max_examples=60)
@given(share=shares(), e_format=FORMATS, score=FORMATS, signal=FORMATS)
def test_online_eligibilities_are_their_equation(
    agree: Callable[..., None],
    store: Store,
    share: Any,
    e_format: Format,
    score: Format,
    signal: Format,
) -> None:
    decay, factor = share
    rule = online_conductance_perturbation

    def equation(e: int, **x: int) -> dict[str, int]:
        change = value(x["score"], score) * value(x["signal"], signal)
        return {"e": store(decay * value(e, e_format) + change, e_format)}

    c = rule.constants(float(decay), e_format, score, signal, factor)
    assert c.eligibility == e_format
    agree(rule.STEP, c, equation)


@settings(max_examples=60)
@given(share=shares(), fmt=FORMATS, score=FORMATS, signal=FORMATS)
def test_delayed_eligibilities_are_their_equation(
    agree: Callable[..., None], store: Store, share: Any, fmt: Format, score: Format, signal: Format
) -> None:
    decay, factor = share
    rule = delayed_conductance_perturbation

    def equation(**x: int) -> dict[str, int]:
        drive = value(x["score"], score) * value(x["signal"], signal)
        found = {}
        for k in range(1, 7):
            found[f"e{k}"] = store(decay * value(x[f"e{k}"], fmt) + drive, fmt)
            drive = (1 - decay) * value(found[f"e{k}"], fmt)
        return found

    c = rule.constants(float(decay), fmt, score, signal, factor)
    assert c.eligibility == fmt
    agree(rule.STEP, c, equation)


@settings(max_examples=60)
@given(
    width=st.integers(1, 5),
    bits=st.integers(0, 4),
    shares_=st.tuples(*(st.integers(0, 16) for _ in range(3))),
)
def test_dynamic_synapses_are_their_equation(
    agree: Callable[..., None], store: Store, width: int, bits: int, shares_: tuple[int, ...]
) -> None:
    fmt = Format(False, width, width)
    facilitation, depression, utilization = (Fraction(k % (2**bits + 1), 2**bits) for k in shares_)
    utilization = utilization or Fraction(1)
    params = dynamic.Params(
        *map(float, (utilization, facilitation, depression)), fmt, Format(False, bits + 1, bits)
    )

    def equation(u: int, d: int, signal: int) -> dict[str, int]:
        u = store(facilitation * value(u, fmt), fmt)
        d = store(depression * value(d, fmt), fmt)
        if not signal:
            return {"u": u, "d": d, "signal": 0}
        u = store(value(u, fmt) + utilization * (1 - value(u, fmt)), fmt)
        release = store(value(u, fmt) * (1 - value(d, fmt)), fmt)
        return {"u": u, "d": store(value(d, fmt) + value(release, fmt), fmt), "signal": release}

    agree(dynamic.STEP, params.constants(BIT), equation)


def run(step: Callable[..., Any], cell_module: Any, c: Any, s: Any, inputs: Any) -> list[Any]:
    """Return state and outputs of every tick."""
    found = []
    for given_ in inputs:
        s, o = step(c, s, cell_module.Inputs(*given_))
        found.append((s, o))
    return found


@pytest.fixture(scope="module")
def spikes() -> list[tuple[int]]:
    """Give 300 ticks of spikes of chance 0.2."""
    return [(int(b),) for b in np.random.default_rng(1).random(300) < 0.2]


def test_dynamic_synapses_release_as_the_model_does(spikes: list[tuple[int]]) -> None:
    # u and x of the papers, x starting at 1; the cell stores 1 - x.
    params = dynamic.Params(0.15, 0.98, 0.95)
    c = params.ideal(params.constants(BIT))
    real_spikes = [(float(b),) for (b,) in spikes]
    ideal = run(dynamic.STEP.step, dynamic, c, dynamic.State(0.0, 0.0), real_spikes)
    compiled = numba.njit(dynamic.STEP.step)
    assert run(compiled, dynamic, c, dynamic.State(0.0, 0.0), real_spikes) == ideal
    fixed = run(dynamic.STEP.step, dynamic, params.constants(BIT), dynamic.State(0, 0), spikes)
    u, x, worst, most = 0.0, 1.0, 0.0, 0.0
    for (spike,), (s, o), (_, raw) in zip(spikes, ideal, fixed, strict=True):
        u, x, release = 0.98 * u, 1 - 0.95 * (1 - x), 0.0
        if spike:
            u += 0.15 * (1 - u)
            release = u * x
            x *= 1 - u
        assert (s.u, 1 - s.d, o.signal) == pytest.approx((u, x, release), rel=1e-12, abs=1e-12)
        worst = max(worst, abs(raw.signal * 2.0**-16 - release))
        most = max(most, release)
    # A tick rounds u by two half bits and errs by 2**-17 in two factors: 2**-15 in sum, and what
    # is kept sums to at most 1 / (1 - 0.98) = 50 ticks of that. d is rounded twice and takes the
    # error of u in: 20 ticks of 2**-15 and of the former. A release differs by both.
    bound_u = 50 * 2.0**-15
    assert 0 < worst < bound_u + 20 * (2.0**-15 + bound_u)
    assert 0.3 < most < 1


def test_without_facilitation_depression_is_alone() -> None:
    params = dynamic.Params(0.5, 0.0, 0.75)
    c = params.constants(BIT)
    found = run(dynamic.STEP.step, dynamic, c, dynamic.State(0, 0), [(1,)] * 30)
    assert {s.u for s, _ in found} == {1 << 15}
    releases = [o.signal for _, o in found]
    assert releases[0] == 1 << 15
    assert releases == sorted(releases, reverse=True)
    # The fixed point of d' = 0.75 d + 0.5 (1 - 0.75 d) is 0.8: it releases half of 1 - 0.6.
    assert releases[-1] == pytest.approx(0.2 * 2**16, abs=2)


def test_ones_become_the_greatest_value() -> None:
    params = dynamic.Params(1.0, 0.5, 1.0, F("fxp-u8/8"))
    s, o = dynamic.STEP.step(params.constants(BIT), dynamic.State(0, 0), dynamic.Inputs(1))
    assert (s, o) == (dynamic.State(255, 255), dynamic.Outputs(255))


def test_traces_sum_to_the_exponential_current(spikes: list[tuple[int]]) -> None:
    # Decay 1/2 and 24 fraction bits: two neurons' traces are exact as long as they are, 24 ticks.
    params = exponential.Params(0.5, F("fxp-u30/24"))
    trains = [spikes[:20], spikes[20:40]]
    traces = [
        [o.signal for _, o in run(exponential.STEP.step, exponential, c, exponential.State(0), t)]
        for c, t in ((params.constants(BIT), train) for train in trains)
    ]
    weights, current = (3, -7), Fraction(0)
    for t in range(20):
        current = current / 2 + sum(
            w * train[t][0] for w, train in zip(weights, trains, strict=True)
        )
        delivered = sum(w * trace[t] for w, trace in zip(weights, traces, strict=True))
        assert delivered * Fraction(2) ** -24 == current


def test_traces_follow_real_numbers(spikes: list[tuple[int]]) -> None:
    params = exponential.Params(0.9, F("fxp-u24/18"))
    c = params.constants(BIT)
    fixed = run(exponential.STEP.step, exponential, c, exponential.State(0), spikes)
    ideal, real_spikes = params.ideal(c), [(float(b),) for (b,) in spikes]
    real = run(exponential.STEP.step, exponential, ideal, exponential.State(0.0), real_spikes)
    compiled = numba.njit(exponential.STEP.step)
    assert run(compiled, exponential, ideal, exponential.State(0.0), real_spikes) == real
    # Half a bit a tick, and 2**-17 of a trace below 10 by the decay; ten ticks of it are kept.
    bound = 10 * (2.0**-19 + 10 * 2.0**-17)
    assert (
        max(abs(a.s * 2.0**-18 - b.s) for (a, _), (b, _) in zip(fixed, real, strict=True)) < bound
    )


def test_the_delay_kernel_is_that_of_six_poles() -> None:
    rule, decay = delayed_conductance_perturbation, 0.75
    fmt = F("fxp-s40/32")
    c = rule.constants(decay, fmt, F("fxp-s2/0"), BIT)
    inputs = [(1, 1)] + [(1, 0)] * 99
    fixed = run(rule.STEP.step, rule, c, rule.State(0, 0, 0, 0, 0, 0), inputs)
    reals = [tuple(map(float, pair)) for pair in inputs]
    start = rule.State(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for step in (rule.STEP.step, numba.njit(rule.STEP.step)):
        ideal = [s.e6 for s, _ in run(step, rule, c.ideal(decay), start, reals)]
        want = [math.comb(n + 5, 5) * 0.25**5 * decay**n for n in range(100)]
        assert ideal == pytest.approx(want, rel=1e-12)
    # The mean delay; what is beyond tick 99 is less than 1e-4 of it.
    mean = sum(n * e for n, e in enumerate(ideal)) / sum(ideal)
    assert mean == pytest.approx(6 * decay / (1 - decay), rel=1e-3)
    # The factors are exact. Each pole keeps 4 half bits of its own, and the former pole's error.
    bound = 6 * 4 * fmt.lsb / 2
    assert max(abs(s.e6 * fmt.lsb - e) for (s, _), e in zip(fixed, ideal, strict=True)) <= bound


def test_an_eligibility_fades() -> None:
    rule = online_conductance_perturbation
    c = rule.constants(0.5, F("fxp-s16/8"), F("fxp-s6/0"), F("fxp-u8/4"))
    inputs = [(-3, 24), (0, 0), (5, 0), (2, 16)]
    found = run(rule.STEP.step, rule, c, rule.State(0), inputs)
    assert [s.e / 256 for s, _ in found] == [-4.5, -2.25, -1.125, 1.4375]
    ideal = run(rule.STEP.step, rule, c.ideal(0.5), rule.State(0.0), [(-3.0, 1.5), (2.0, 1.0)])
    assert [s.e for s, _ in ideal] == [-4.5, -0.25]


REFUSED = {
    "Decay must be 0 to 1, not 1.5": lambda: exponential.Params(1.5, F("fxp-u16/12")),
    "Decay must be representable in fxp-u17/16, not 1e-06 (nearest 0.0)": lambda: (
        exponential.Params(1e-6, F("fxp-u16/12"))
    ),
    "Utilization must be above 0, to 1, not 0.0": lambda: dynamic.Params(0.0, 0.5, 0.5),
    "Utilization must be above 0, to 1, not 2.0": lambda: dynamic.Params(2.0, 0.5, 0.5),
    "Facilitation decay must be 0 to 1, not -1.0": lambda: dynamic.Params(0.5, -1.0, 0.5),
    "Depression decay must be 0 to 1, not 1.5": lambda: dynamic.Params(0.5, 0.5, 1.5),
    "Trace must be unsigned, all bits behind the point, not fxp-u16/12": lambda: dynamic.Params(
        0.5, 0.5, 0.5, F("fxp-u16/12")
    ),
    "Trace must be unsigned, all bits behind the point, not fxp-s8/8": lambda: dynamic.Params(
        0.5, 0.5, 0.5, F("fxp-s8/8")
    ),
    "Signal of a dynamic synapse must be fxp-u1/0, not fxp-u8/4": lambda: dynamic.Params(
        0.5, 0.5, 0.5
    ).constants(F("fxp-u8/4")),
}


@pytest.mark.parametrize("text", REFUSED)
def test_wrong_parameters_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        REFUSED[text]()
    assert str(caught.value) == text


class Stuck(Pole):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(decay=1 << 16)
        return super().elaborate(platform)


class Undelivered(Exponential):
    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.signal_next.eq(self.s)
        return m


class AlmostOne(Dynamic):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(one=self.constants.one - 1)
        return super().elaborate(platform)


class LateChain(DelayedEligibility):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        e = pole_twin.filtered(m, c.first, self.e1, multiply(self.score, self.signal), "pole1")
        m.d.comb += self.e1_next.eq(e)
        for k in range(2, 7):
            before = getattr(self, f"e{k - 1}")
            e = pole_twin.filtered(m, c.later, getattr(self, f"e{k}"), before, f"pole{k}")
            m.d.comb += getattr(self, f"e{k}_next").eq(e)
        return m


ELIGIBILITY = F("fxp-s8/4"), F("fxp-s6/4"), BIT
WRONG = {
    Stuck: pole.constants(0.9, F("fxp-s16/10"), F("fxp-s22/14")),
    Undelivered: exponential.Params(0.9, F("fxp-u16/12")).constants(BIT),
    AlmostOne: dynamic.Params(0.15, 0.98, 0.95).constants(BIT),
    LateChain: delayed_conductance_perturbation.constants(0.9, *ELIGIBILITY),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_twins_are_refuted(refute: Callable[..., None], kind: Any) -> None:
    refute(kind, WRONG[kind])
