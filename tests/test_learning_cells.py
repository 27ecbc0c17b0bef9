"""Weight updates with options, factors that descend, traces, and rules made only of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from amaranth.hdl import Module
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import ranges
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import BIT, RANDOM_BITS, Format, Overflow, Rounding
from goldenspike.golden.modulators import learning_signal
from goldenspike.golden.rules import (
    adaptive_feedback,
    delta_rule,
    descent,
    learning,
    three_factor,
    trace,
)
from goldenspike.golden.rules.eligibility import ModulateInputs
from goldenspike.hdl.rules.descent import DescendSlope
from goldenspike.hdl.rules.learning import Gather, LearningUpdate, Regulate

F = Format.parse
FORMATS = st.builds(Format, st.booleans(), st.integers(1, 5), st.integers(-2, 4))
ROUNDINGS, OVERFLOWS = st.sampled_from(Rounding), st.sampled_from(Overflow)
EIGHTHS = st.integers(0, 7).map(lambda k: k / 8)
EIGHTH = Format(False, 3, 3)
LIMITS = st.sampled_from(["none", "one_lsb"])
WEIGHT, FACTOR = F("fxp-s16/14"), F("fxp-s18/20")
TOLD: dict[str, Any] = {"eta": 0.5, "factor": FACTOR, "modulator": "error"}
DELTA = delta_rule.Params(**TOLD, trace=F("fxp-u16/12"), trace_decay=0.875)
LEARNING = learning.LearningParams(**TOLD)
TRIAL = learning.LearningParams(**TOLD, learns="trial", accumulator=F("fxp-s24/20"))


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


def stored(store: Callable[..., int], real: Fraction, fmt: Format, word: int, how: Any) -> int:
    """Return what a real number is stored as; stochastic: up below the 16-bit fraction."""
    rounding = how.rounding
    if rounding == Rounding.STOCHASTIC:
        raw = real * Fraction(2) ** fmt.frac
        below = raw.numerator // raw.denominator
        up = word < int((raw - below) * 2**RANDOM_BITS)
        real, rounding = (below + up) * Fraction(2) ** -fmt.frac, Rounding.HALF_EVEN
    return store(real, fmt, rounding, how.overflow)


def changed(params: Any, w: Fraction, step: Fraction, weight: Format) -> Fraction:
    """Return a weight after a step, before it is rounded."""
    change = step - Fraction(params.weight_decay) * w
    lsb = Fraction(2) ** -weight.frac
    return w + (max(-lsb, min(change, lsb)) if params.limit == "one_lsb" else change)


@st.composite
def updates(draw: Any, trial: bool) -> tuple[Any, Format, dict[str, Format]]:
    """Draw what a rule is told, the format of weights, and those of what they learn from."""
    params = replace(
        LEARNING,
        factor=draw(FORMATS),
        rounding=draw(ROUNDINGS),
        overflow=draw(OVERFLOWS),
        weight_decay=draw(EIGHTHS),
        learning_factor=EIGHTH,
        limit=draw(LIMITS),
    )
    if trial:
        params = replace(params, learns="trial", accumulator=draw(FORMATS))
    values = {name: draw(FORMATS) for name in ("eligibility", "e", "pull")}
    return params, draw(FORMATS), {**values, "factor": params.factor}


def grown(store: Any, values: Any, params: Any, **x: int) -> int:
    """Return the sum of changes after one more."""
    change = value(x["factor"], values["factor"]) * value(x["eligibility"], values["eligibility"])
    return store(value(x["sum"], params.accumulator) + change, params.accumulator)


@settings(max_examples=40)
@given(told=updates(trial=False))
def test_updates_are_their_equation(agree: Any, store: Any, told: Any) -> None:
    params, weight, values = told

    def equation(w: int, factor: int, eligibility: int, word: int) -> dict[str, int]:
        step = value(factor, values["factor"]) * value(eligibility, values["eligibility"])
        real = changed(params, value(w, weight), step, weight)
        return {"w": stored(store, real, weight, word, params)}

    part = params.learned(weight, values)
    assert part.cell is (three_factor.UPDATE if params.plain else learning.UPDATE)
    agree(part.cell, part.constants, equation)


@settings(max_examples=40)
@given(told=updates(trial=True))
def test_updates_of_a_trial_are_their_equation(agree: Any, store: Any, told: Any) -> None:
    params, weight, values = told

    def equation(w: int, due: int, word: int, **x: int) -> dict[str, int]:
        total = grown(store, values, params, **x)
        if not due:
            return {"w": w, "sum": total}
        real = changed(params, value(w, weight), value(total, params.accumulator), weight)
        return {"w": stored(store, real, weight, word, params), "sum": 0}

    part = params.learned(weight, values)
    assert part.cell is (three_factor.ACCUMULATE if params.plain else learning.ACCUMULATE)
    agree(part.cell, part.constants, equation)


@settings(max_examples=40)
@given(told=updates(trial=True), momentum=st.integers(1, 7).map(lambda k: k / 8))
def test_updates_with_momentum_are_their_equation(
    agree: Any, store: Any, told: Any, momentum: float
) -> None:
    params, weight, values = told
    params = replace(params, momentum=momentum)
    fmt = params.accumulator

    def equation(w: int, velocity: int, due: int, word: int, **x: int) -> dict[str, int]:
        total = grown(store, values, params, **x)
        if not due:
            return {"w": w, "sum": total, "velocity": velocity}
        moved = store(Fraction(momentum) * value(velocity, fmt) + value(total, fmt), fmt)
        real = changed(params, value(w, weight), value(moved, fmt), weight)
        return {"w": stored(store, real, weight, word, params), "sum": 0, "velocity": moved}

    part = params.learned(weight, values)
    assert part.cell is learning.MOMENTUM
    agree(part.cell, part.constants, equation)


@settings(max_examples=40)
@given(told=updates(trial=True), sums=FORMATS)
def test_updates_with_a_pull_are_their_equation(
    agree: Any, store: Any, told: Any, sums: Format
) -> None:
    params, weight, values = told

    def equation(
        w: int, total: int, e: int, pull: int, due: int, word: int, **x: int
    ) -> dict[str, int]:
        change = grown(store, values, params, **x)
        after = store(value(total, sums) + value(e, values["e"]), sums)
        if not due:
            return {"w": w, "sum": change, "total": after}
        step = value(change, params.accumulator) + value(pull, values["pull"]) * value(after, sums)
        real = changed(params, value(w, weight), step, weight)
        return {"w": stored(store, real, weight, word, params), "sum": 0, "total": 0}

    part = params.pulled(weight, values, sums)
    assert part.cell is learning.PULL
    agree(part.cell, part.constants, equation)


@settings(max_examples=60)
@given(
    error=FORMATS,
    psi=FORMATS,
    factor=FORMATS,
    rate=st.integers(1, (1 << 16) - 1),
    scale=st.integers(-22, 3),
)
def test_factors_descend(
    agree: Any, store: Any, error: Format, psi: Format, factor: Format, rate: int, scale: int
) -> None:
    eta = rate * Fraction(2) ** scale
    params = replace(LEARNING, eta=float(eta), factor=factor)

    def plain(**x: int) -> dict[str, int]:
        return {"factor": store(-eta * value(next(iter(x.values())), error), factor)}

    for part in (descent.descent(params, error), descent.erring(params, error)):
        agree(part.cell, part.constants, plain)
        assert part.ideal.rate == float(eta)
    part = descent.sloped(params, error, psi)
    c = part.constants

    def sloped(modulator: int, **x: int) -> dict[str, int]:
        exact = value(modulator, error) * value(x["psi"], psi)
        kept = value(store(exact, c.product), c.product)
        shown = Fraction(2) ** -factor.frac / 16
        assert abs(eta * (kept - exact)) <= shown
        return {"factor": store(-eta * kept, factor)}

    agree(part.cell, c, sloped)


@settings(max_examples=40)
@given(share=EIGHTHS, gain=st.sampled_from(["one", "complement"]), kept=FORMATS, signal=FORMATS)
def test_traces_are_their_equation(
    agree: Any, store: Any, share: float, gain: str, kept: Format, signal: Format
) -> None:
    decay, factor = Fraction(share), 1 if gain == "one" else 1 - Fraction(share)
    params = replace(
        DELTA, trace=kept, trace_decay=share, gain=gain, trace_factor=Format(False, 4, 3)
    )
    for cell, output in (
        *((trace.ELIGIBLE, "eligibility"), (trace.TRACED, "trace"), (trace.ACTIVE, "eligibility")),
    ):

        def equation(zbar: int, output: str = output, **x: int) -> dict[str, int]:
            (given_,) = x.values()
            after = store(decay * value(zbar, kept) + factor * value(given_, signal), kept)
            return {"zbar": after, output: after}

        agree(cell, params.filtered(cell, signal).constants, equation)


@settings(max_examples=40)
@given(
    output=FORMATS,
    current=FORMATS,
    activity=FORMATS,
    rounding=ROUNDINGS.filter(lambda r: r != Rounding.STOCHASTIC),
    overflow=OVERFLOWS,
)
def test_learning_signals_are_their_equation(
    agree: Any,
    store: Any,
    output: Format,
    current: Format,
    activity: Format,
    rounding: Rounding,
    overflow: Overflow,
) -> None:
    params = learning_signal.Params(output, "hidden", rounding, overflow)
    c = params.constants(current, activity)

    def equation(**x: int) -> dict[str, int]:
        signal = store(value(x["current"], current), output, rounding, overflow)
        return {"signal": signal, "activity": x["activity"]}

    agree(learning_signal.STEP, c, equation)
    assert params.ideal(c) == c


def test_a_learning_signal_rounds_without_a_word() -> None:
    with pytest.raises(ValueError, match="Rounding of a learning signal must be one of"):
        learning_signal.Params(WEIGHT, "hidden", Rounding.STOCHASTIC)


def test_one_lsb_updates_go_by_one_with_the_probability_of_the_change() -> None:
    weight = F("fxp-s8/6")
    params = replace(LEARNING, limit="one_lsb", rounding=Rounding.STOCHASTIC, factor=F("fxp-s8/8"))
    part = params.learned(weight, {"factor": params.factor, "eligibility": F("fxp-u4/2")})
    for factor, eligibility in ((1, 1), (3, 5), (-7, 3), (127, 15), (-128, 15), (0, 9)):
        share = min(abs(factor * eligibility) / 2 ** (8 + 2 - 6), 1.0)
        moves = []
        for word in range(0, 1 << RANDOM_BITS, 64):
            x = three_factor.UpdateInputs(factor, eligibility, word)
            s, _ = part.cell.step(part.constants, three_factor.UpdateState(10), x)
            moves.append(s.w - 10)
        sign = (factor > 0) - (factor < 0)
        assert set(moves) <= {0, sign}
        assert abs(sum(moves)) == round(share * len(moves))


def test_the_ideal_rounds_nothing() -> None:
    values = {"factor": FACTOR, "eligibility": BIT, "e": BIT, "pull": FACTOR}
    third = 1.0 / 3.0
    params = replace(LEARNING, weight_decay=0.1)
    part = params.learned(WEIGHT, values)
    s, _ = part.cell.step(
        part.ideal, three_factor.UpdateState(third), three_factor.UpdateInputs(third, third, 0)
    )
    assert s.w == third + (third * third - third * 0.1)
    x = three_factor.AccumulateInputs(third, third, 1, 0)
    part = replace(TRIAL, momentum=0.9).learned(WEIGHT, values)
    s, _ = part.cell.step(part.ideal, learning.MomentumState(third, third, third), x)
    moved = third * 0.9 + (third + third * third)
    assert s == (third + moved, 0, moved)
    part = replace(TRIAL, weight_decay=0.1).learned(WEIGHT, values)
    s, _ = part.cell.step(part.ideal, three_factor.AccumulateState(third, third), x)
    assert s == (third + ((third + third * third) - third * 0.1), 0)
    part = TRIAL.pulled(WEIGHT, values, FACTOR)
    x = learning.PullInputs(third, third, third, third, 1, 0)
    s, _ = part.cell.step(part.ideal, learning.PullState(third, third, third), x)
    assert s.w == third + ((third + third * third) + third * (third + third))
    part = replace(LEARNING, limit="one_lsb").learned(WEIGHT, values)
    s, _ = part.cell.step(
        part.ideal, three_factor.UpdateState(third), three_factor.UpdateInputs(-9.0, third, 0)
    )
    assert s.w == third - WEIGHT.lsb


def test_what_is_not_asked_for_takes_the_plain_cells() -> None:
    values = {"factor": FACTOR, "eligibility": F("fxp-u16/12")}
    c = three_factor.update_constants(WEIGHT, FACTOR, values["eligibility"], 2, 0)
    assert LEARNING.learned(WEIGHT, values) == (three_factor.UPDATE, c, c)
    part = TRIAL.learned(WEIGHT, values)
    assert (part.cell, part.constants) == (three_factor.ACCUMULATE, part.ideal)


def test_formats_of_thirty_fraction_bits_fit_the_kernel() -> None:
    fine = replace(TRIAL, factor=F("fxp-s24/32"), accumulator=F("fxp-s36/34"), eta=1e-4)
    weight, values = F("fxp-s33/30"), {"factor": fine.factor, "eligibility": F("fxp-s32/28")}
    values |= {"e": F("fxp-s32/28"), "pull": F("fxp-s20/34")}
    for part in (
        *(fine.learned(weight, values), fine.pulled(weight, values, F("fxp-s40/24"))),
        replace(fine, weight_decay=0.01).learned(weight, values),
        descent.sloped(fine, F("fxp-s34/30"), F("fxp-u24/20")),
        descent.descent(fine, F("fxp-s34/30")),
        replace(DELTA, trace=F("fxp-u32/30")).pre(BIT),
    ):
        assert ranges.check(part.cell, part.constants, "here") >= 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"weight_decay": 1.0}, r"Weight decay must be 0 to below 1, not 1.0"),
        ({"weight_decay": -0.1}, r"Weight decay must be 0 to below 1, not -0.1"),
        ({"weight_decay": 0.999999}, r"Weight decay must be below 1 in fxp-u17/16, not 0.999999"),
        ({"weight_decay": 1e-7}, r"Weight decay must be representable in fxp-u17/16, not 1e-07"),
        ({"limit": "one"}, r"Limit must be one of 'none', 'one_lsb', not 'one'"),
        ({"momentum": 0.5}, r"Momentum must be 0 for a rule that learns every tick, not 0.5"),
        ({"trace_decay": 1.0}, r"Trace decay must be 0 to below 1, not 1.0"),
        ({"gain": "two"}, r"Gain must be one of 'one', 'complement', not 'two'"),
        ({"eta": 0.0}, r"Eta must be above 0, not 0.0"),
    ],
)
def test_rules_say_what_they_must_be_told(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(DELTA, **more)


def test_a_pull_needs_a_trial_and_no_momentum() -> None:
    values = {"factor": FACTOR, "eligibility": BIT, "e": BIT, "pull": FACTOR}
    with pytest.raises(ValueError, match=r"Learns must be 'trial' for a rule with a pull"):
        LEARNING.pulled(WEIGHT, values, FACTOR)
    with pytest.raises(ValueError, match=r"Momentum must be 0 for a rule with a pull, not 0.5"):
        replace(TRIAL, momentum=0.5).pulled(WEIGHT, values, FACTOR)


def test_rows_are_skipped_where_nothing_can_change() -> None:
    feedback = adaptive_feedback.Params(
        eta=0.5, factor=FACTOR, trace=F("fxp-u16/12"), trace_decay=0.875
    )
    for params in (DELTA, feedback):
        assert params.skips
        assert replace(params, limit="one_lsb").skips
        assert not replace(params, weight_decay=0.5).skips
        assert not replace(params, learns="trial", accumulator=FACTOR).skips


def test_the_delta_rule_descends() -> None:
    pre = DELTA.pre(BIT)
    scale = DELTA.scale({"modulator": F("fxp-s16/12"), **pre.outputs})
    update = DELTA.update(WEIGHT, {**pre.outputs, **scale.outputs})
    assert DELTA.post({}) is None
    assert DELTA.synapse({}) is None
    _, trace_of = pre.cell.step(pre.constants, trace.State(0), trace.Inputs(1))
    assert trace_of.eligibility == 1 << 12
    for error in (4096, -4096):
        x = ModulateInputs(error)
        _, o = scale.cell.step(scale.constants, Nothing(), x)
        given_ = three_factor.UpdateInputs(o.factor, trace_of.eligibility, 0)
        s, _ = update.cell.step(update.constants, three_factor.UpdateState(0), given_)
        assert (s.w < 0) == (error > 0)


def test_feedback_learns_as_the_readout_does() -> None:
    """The same changes for the same error and activity: w[i, k] and its mirror stay alike."""
    error, weight = F("fxp-s16/12"), F("fxp-s16/14")
    feedback = adaptive_feedback.Params(
        eta=0.5, factor=FACTOR, trace=F("fxp-u16/12"), trace_decay=0.875
    )
    pre, post = feedback.pre(error), feedback.post({"activity": BIT, "signal": error})
    assert feedback.scale({}) is None
    assert feedback.synapse({}) is None
    values = {**pre.outputs, **post.outputs}
    ours = feedback.update(weight, values)
    scale, own = DELTA.scale({"modulator": error}), DELTA.pre(BIT)
    theirs = DELTA.update(weight, {**scale.outputs, **own.outputs})
    assert ours == theirs
    assert (post.constants, post.ideal) == (own.constants, own.ideal)
    assert (pre.constants, pre.ideal) == (scale.constants, scale.ideal)


class AboveOnly(LearningUpdate):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(learn=self.constants.learn._replace(limited=False))
        return super().elaborate(platform)


class Standing(Gather):
    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.velocity_next.eq(self.velocity)
        return m


class Unpulled(Regulate):
    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.total_next.eq(self.total)
        return m


class Ascending(DescendSlope):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(rate=-abs(self.constants.rate))
        return super().elaborate(platform)


@pytest.mark.parametrize("kind", [AboveOnly, Standing, Unpulled, Ascending])
def test_wrong_twins_are_found_out(refute: Callable[..., None], kind: Any) -> None:
    refute(kind, next(iter(kind.cases())))
