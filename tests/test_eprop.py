"""E-prop: eligibilities of synapses, filtered or not, with adaptation or not, and their rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import ranges
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.rules import (
    descent,
    eprop,
    eprop_adaptive,
    learning,
    local_gradient,
    psi,
    three_factor,
    trace,
)
from goldenspike.golden.rules.eligibility import Part
from goldenspike.golden.rules.surrogate import KINDS
from goldenspike.hdl.rules.local_gradient import AdaptedGradient, FilteredGradient

F = Format.parse
FORMATS = st.builds(Format, st.booleans(), st.integers(1, 5), st.integers(-2, 4))
SIGNED = st.builds(Format, st.just(value=True), st.integers(2, 6), st.integers(-2, 4))
EIGHTHS = st.integers(0, 7).map(lambda k: k / 8)
EIGHTH = Format(False, 3, 3)
RULE = eprop.Params(
    eta=0.01,
    factor=F("fxp-s18/24"),
    modulator="learning_signal",
    trace=F("fxp-u20/16"),
    trace_decay=0.95,
    gain="complement",
    psi=F("fxp-u12/12"),
    height=0.3,
    width=1.0,
)
FILTERED = replace(RULE, filter_decay=0.9, eligibility=F("fxp-s20/18"))
RATES: dict[str, Any] = {
    "total": F("fxp-s24/14"),
    "pull": F("fxp-s16/20"),
    "regularization": 300.0,
    "target_rate": 0.01,
    "trial_ticks": 200,
}
REGULATED: Any = replace(
    RULE,
    learns="trial",
    accumulator=F("fxp-s24/22"),
    eligibility=F("fxp-s20/18"),
    **RATES,
)
ADAPTIVE = eprop_adaptive.Params(
    **{name: getattr(FILTERED, name) for name in FILTERED.__dataclass_fields__},
    rho=0.995,
    beta=0.174,
    adaptation=F("fxp-s26/16"),
)
L = F("fxp-s16/12")


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


@settings(max_examples=60)
@given(
    formats=st.tuples(FORMATS, FORMATS, FORMATS, SIGNED),
    k=EIGHTHS,
    rho=EIGHTHS,
    beta=st.integers(0, 12).map(lambda n: n / 4),
    adapts=st.booleans(),
)
def test_eligibilities_are_their_equations(
    agree: Callable[..., None],
    store: Callable[..., int],
    formats: tuple[Format, ...],
    k: float,
    rho: float,
    beta: float,
    adapts: bool,
) -> None:
    trace_format, psi_format, kept, eps_format = formats
    about = local_gradient.Adaptation(rho, beta, eps_format, EIGHTH, F("fxp-u4/2"))
    part = local_gradient.gradient(
        trace_format, psi_format, kept, k, EIGHTH, about if adapts else None
    )

    def equation(psi: int, **x: int) -> dict[str, int]:
        reach = value(x["trace"], trace_format)
        after = {}
        if adapts:
            reach -= Fraction(beta) * value(x["eps"], eps_format)
            reach = value(store(reach, eps_format), eps_format)
        e = store(value(psi, psi_format) * reach, kept)
        if adapts:
            eps = Fraction(rho) * value(x["eps"], eps_format) + value(e, kept)
            after["eps"] = store(eps, eps_format)
        if not k:
            return {**after, "eligibility": e, "e": e}
        real = Fraction(k) * value(x["ebar"], kept) + (1 - Fraction(k)) * value(e, kept)
        ebar = store(real, kept)
        return {**after, "ebar": ebar, "eligibility": ebar, "e": e}

    agree(part.cell, part.constants, equation)


def parts(params: Any, excess: Format = F("fxp-s17/10")) -> dict[str, Any]:
    """Return the parts of a rule, wired as the plan wires them."""
    found: dict[str, Any] = {"pre": params.pre(BIT)}
    found["post"] = params.post({"signal": BIT, "excess": excess, "blocked": BIT})
    known: dict[str, Format] = {}
    for part in found.values():
        known |= part.outputs
    found["factor"] = params.scale({**known, "modulator": L})
    found["synapse"] = params.synapse(known)
    known |= found["factor"].outputs
    if found["synapse"] is not None:
        known |= found["synapse"].outputs
    found["update"] = params.update(F("fxp-s16/14"), known)
    return found


def test_without_a_filter_a_synapse_keeps_only_its_weight() -> None:
    found = parts(RULE)
    assert found["synapse"] is None
    assert found["pre"].cell is trace.ELIGIBLE
    assert found["factor"].cell is descent.DESCEND_SLOPE
    assert found["update"].cell is three_factor.UPDATE
    assert list(found["update"].state) == ["w"]


def test_with_a_filter_it_keeps_an_eligibility() -> None:
    found = parts(FILTERED)
    assert found["pre"].cell is trace.TRACED
    assert found["factor"].cell is descent.DESCEND
    assert found["synapse"].cell is local_gradient.FILTERED
    assert found["update"].cell is three_factor.UPDATE


def test_with_a_total_it_keeps_sums() -> None:
    found = parts(REGULATED)
    assert found["post"].cell is psi.LINEAR_PULL
    assert (found["synapse"].cell, found["synapse"].state) == (local_gradient.INSTANT, {})
    assert found["factor"].cell is descent.DESCEND
    assert found["update"].cell is learning.PULL
    assert found["update"].constants.e == REGULATED.eligibility
    assert parts(replace(REGULATED, filter_decay=0.9))["synapse"].cell is local_gradient.FILTERED


def test_neurons_with_adaptation_are_pulled_too() -> None:
    pulled = replace(ADAPTIVE, learns="trial", accumulator=F("fxp-s24/22"), **RATES)
    assert parts(pulled)["update"].cell is learning.PULL
    assert parts(pulled)["synapse"].cell is local_gradient.ADAPTED_FILTERED


def test_a_pull_is_nests_regularisation() -> None:
    """G += c_reg * (spikes / T - f_target) / T * S, w -= eta * G, at a trial's end."""
    found = parts(REGULATED)
    post, update = found["post"], found["update"]
    state, spikes = psi.PullState(0.0), (0.0, 1.0, 1.0, 0.0, 1.0)
    for z in spikes:
        state, outputs = post.cell.step(post.ideal, state, psi.PullInputs(-0.1, 0.0, z))
    before = learning.PullState(0.5, 0.0, 3.0)
    given_ = learning.PullInputs(0.0, 0.0, 0.25, outputs.pull, 1, 0)
    after, _ = update.cell.step(update.ideal, before, given_)
    g = 300.0 * (3 / 200 - 0.01) / 200 * 3.25
    assert after == (pytest.approx(0.5 - 0.01 * g, rel=1e-15), 0.0, 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_surrogate_is_wired(kind: str) -> None:
    steps = {"boundaries": (0.5, 1.0), "levels": (1.0, 0.5)} if kind == "steps" else {}
    params = replace(RULE, psi=F("fxp-s8/7"), surrogate=kind, **steps)
    assert parts(params)["factor"].constants.psi == params.psi


@pytest.mark.parametrize("factor", ["fxp-s8/8", "fxp-s20/24", "fxp-s30/36"])
def test_rates_are_as_fine_as_factors(factor: str) -> None:
    c = descent.rate_constants(0.01, L, F(factor))
    bits = {"fxp-s8/8": 16, "fxp-s20/24": 20, "fxp-s30/36": 24}[factor]
    assert c.rate * c.rate_format.lsb == pytest.approx(0.01, rel=2.0**-bits)
    assert c.rate.bit_length() == bits


def test_with_adaptation_it_keeps_two() -> None:
    assert list(parts(ADAPTIVE)["synapse"].state) == ["eps", "ebar"]
    assert list(parts(replace(ADAPTIVE, filter_decay=0.0))["synapse"].state) == ["eps"]


def test_rows_are_skipped_only_where_traces_are_the_neurons() -> None:
    assert RULE.skips
    for params in (FILTERED, REGULATED, ADAPTIVE, replace(RULE, weight_decay=0.5)):
        assert not params.skips
    assert not replace(RULE, learns="trial", accumulator=L).skips


def run(part: Part, ideal: bool, rows: np.ndarray) -> np.ndarray:
    """Return the eligibilities of a synapse for rows of trace and psi, as real numbers."""
    ports: Any = part.cell.ports(part.constants)
    state: Any = ports.state._make([0.0 if ideal else 0] * len(ports.state))
    found = []
    for row in rows.tolist():
        formats = ports.inputs
        raw = [v if ideal else f.nearest(v) for v, f in zip(row, formats, strict=True)]
        constants = part.ideal if ideal else part.constants
        state, o = part.cell.step(constants, state, local_gradient.Inputs(*raw))
        found.append(o.eligibility if ideal else o.eligibility * ports.outputs.eligibility.lsb)
    return np.array(found)


def papers(rows: np.ndarray, k: float, rho: float, beta: float) -> np.ndarray:
    """Return ebar as the paper has it: its equations 24, 25 and the filter."""
    eps = ebar = 0.0
    found = []
    for zbar, slope in rows.tolist():
        e = slope * (zbar - beta * eps)
        eps = slope * zbar + (rho - slope * beta) * eps
        ebar = k * ebar + (1 - k) * e
        found.append(ebar)
    return np.array(found)


@pytest.mark.parametrize("k", [0.0, 0.9])
@pytest.mark.parametrize("beta", [0.0, 0.174])
def test_the_ideal_is_the_paper_and_fixed_point_is_near_it(k: float, beta: float) -> None:
    rng = np.random.default_rng(5)
    formats = F("fxp-u20/16"), F("fxp-u12/12"), F("fxp-s24/18")
    rows = np.stack([rng.random(300), 0.3 * rng.random(300)], axis=1)
    about = local_gradient.Adaptation(
        0.995, beta, F("fxp-s26/18"), F("fxp-u17/16"), F("fxp-u18/16")
    )
    part = local_gradient.gradient(*formats, k, F("fxp-u17/16"), about)
    want = papers(rows, k, 0.995, beta)
    np.testing.assert_allclose(run(part, True, rows), want, rtol=1e-12, atol=1e-15)
    # e is off by delta, for half an LSB of each: psi's times 1, zbar's times 0.3, its own. eps
    # gathers that over some 1 / (1 - rho + beta * 0.15) = 32 ticks, and times psi beta, 0.05, e has
    # twice that again; rho's rounding, 2**-17 of an eps of 5, adds half of that.
    delta = 2.0**-13 + 0.3 * 2.0**-17 + 2.0**-19
    assert np.abs(run(part, False, rows) - want).max() < (4 if beta else 1) * delta
    if not beta:
        plain = local_gradient.gradient(*formats, k, F("fxp-u17/16"))
        np.testing.assert_array_equal(run(plain, True, rows), run(part, True, rows))


def test_without_a_filter_both_ways_learn_alike() -> None:
    """Psi in the factor, or in the eligibility: the gradient is the same."""
    own, local = parts(RULE), parts(replace(ADAPTIVE, beta=0.0, filter_decay=0.0))
    error, slope, zbar = 0.25, 0.125, 0.5
    sums = []
    for found in (own, local):
        known = {"modulator": error, "psi": slope, "trace": zbar, "eligibility": zbar, "eps": 0.0}
        for name in ("factor", "synapse"):
            part = found[name]
            if part is not None:
                ports = part.cell.ports(part.constants)
                state = ports.state._make([0.0] * len(ports.state)) if part.state else Nothing()
                given_ = type(ports.inputs)(*(known[field] for field in part.inputs))
                known |= part.cell.step(part.ideal, state, given_)[1]._asdict()
        sums.append(known["factor"] * known["eligibility"])
    assert sums[0] == sums[1] == -0.01 * error * slope * zbar


def test_formats_of_thirty_fraction_bits_fit_the_kernel() -> None:
    fine = F("fxp-u32/30"), F("fxp-u24/20"), F("fxp-s32/28")
    part = local_gradient.gradient(*fine, 0.9672, F("fxp-u24/24"))
    assert ranges.check(part.cell, part.constants, "here") >= 0


@pytest.mark.parametrize(
    ("params", "more", "message"),
    [
        (RULE, {"filter_decay": 0.5}, "Eligibility must be given for e-prop with a filter and wit"),
        (
            RULE,
            {"eligibility": L},
            "Eligibility must be left out for e-prop without a filter and w",
        ),
        (RULE, {"filter_decay": 1.0}, "Filter decay must be 0 to below 1, not 1.0"),
        (RULE, {"filter_decay": 1 - 2**-30}, "Filter decay must be below 1 in fxp-u17/16, not 0.9"),
        (
            FILTERED,
            RATES,
            "Total must be left out for a rule that learns every tick, not fxp",
        ),
        (REGULATED, {"interval": 2}, "Interval must be 1 for a rule with a total, not 2"),
        (REGULATED, {"momentum": 0.5}, "Momentum must be 0 for a rule with a total, not 0.5"),
        (ADAPTIVE, {"eligibility": None}, "Eligibility must be given for neurons whose threshold"),
        (ADAPTIVE, {"rho": 1.0}, "Rho must be 0 to below 1, not 1.0"),
        (ADAPTIVE, {"beta": -1.0}, "Beta must be 0 or more, not -1.0"),
        (ADAPTIVE, {"beta": 1e9}, "Beta must be representable in fxp-u18/16, not 1000000000.0"),
        (ADAPTIVE, {"adaptation": BIT}, "Adaptation must be signed, not fxp-u1/0"),
    ],
)
def test_rules_say_what_they_must_be_told(params: Any, more: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(params, **more)


class LateEps(AdaptedGradient):
    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.eps_next.eq(self.eps)
        return m


class Unfiltered(FilteredGradient):
    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.eligibility.eq(self.e)
        return m


@pytest.mark.parametrize("kind", [LateEps, Unfiltered])
def test_wrong_twins_are_found_out(refute: Callable[..., None], kind: Any) -> None:
    refute(kind, list(kind.cases())[-1])
