"""Populations that are third factors: errors, shares, matches, and networks that learn by them."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from fractions import Fraction
from itertools import product
from textwrap import dedent
from typing import Any

import numba
import numpy as np
import pytest
from amaranth.hdl import Module, Mux
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import ranges
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow, Rounding
from goldenspike.golden.modulators import (
    error,
    exponential_unit,
    learning_signal,
    match,
    softmax_error,
    td_error,
)
from goldenspike.golden.network import Network, Population, Projection, Source, read_network
from goldenspike.golden.neurons import leaky_readout
from goldenspike.golden.plan import plan
from goldenspike.golden.rules import delta_rule
from goldenspike.golden.trial import Session, Stimulus, with_arrays
from goldenspike.hdl.modulators.error import Error
from goldenspike.hdl.modulators.exponential_unit import ExponentialUnit
from goldenspike.hdl.modulators.learning_signal import LearningSignal
from goldenspike.hdl.modulators.match import Match
from goldenspike.hdl.modulators.softmax_error import SoftmaxError
from goldenspike.hdl.modulators.td_error import TDError
from goldenspike.sim.lockstep import lockstep

F = Format.parse
FORMATS = st.builds(Format, st.booleans(), st.integers(1, 5), st.integers(-2, 4))
ROUNDINGS, OVERFLOWS = st.sampled_from(DETERMINISTIC), st.sampled_from(Overflow)
BITS = Format(False, 4, 3)
NONE = Nothing()
EXPONENTIAL = exponential_unit.Params(F("fxp-u9/8"), "readout", 2.0)
SHARE = softmax_error.Params(F("fxp-s12/10"), "a", "b", "c")
TD = td_error.Params(F("fxp-s12/8"), "critic", "reward", 0.9)
MATCH = match.Params("choice", "goal")
PLAIN = error.Params(F("fxp-s12/8"), "readout", "target")
HARD = replace(PLAIN, function="hard_sigmoid")


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


def sign(number: Any) -> int:
    return int(number > 0) - int(number < 0)


@settings(max_examples=60)
@given(
    output=FORMATS,
    signal=FORMATS,
    target=FORMATS,
    function=st.sampled_from(["identity", "hard_sigmoid"]),
    slope=st.integers(1, 15).map(lambda k: k / 8),
    rounding=ROUNDINGS,
    overflow=OVERFLOWS,
)
def test_errors_are_their_equation(
    agree: Any,
    store: Any,
    output: Format,
    signal: Format,
    target: Format,
    function: str,
    slope: float,
    rounding: Rounding,
    overflow: Overflow,
) -> None:
    how: dict[str, Any] = {"rounding": rounding, "overflow": overflow}
    params = error.Params(output, "y", "goal", function, slope, factor=BITS, **how)

    def equation(active: int, **x: int) -> dict[str, int]:
        y = value(x["signal"], signal)
        if function == "hard_sigmoid":
            y = max(Fraction(0), min(Fraction(1), Fraction(slope) * y + Fraction(1, 2)))
        e = store(y - value(x["target"], target), output, rounding, overflow)
        return {"signal": e if active else 0}

    agree(error.STEP, params.constants(signal, target), equation)


@settings(max_examples=60)
@given(
    output=FORMATS,
    critic=FORMATS,
    reward=FORMATS,
    gamma=st.integers(0, 8).map(lambda k: k / 8),
    rounding=ROUNDINGS,
    overflow=OVERFLOWS,
)
def test_temporal_differences_are_their_equation(
    agree: Any,
    store: Any,
    output: Format,
    critic: Format,
    reward: Format,
    gamma: float,
    rounding: Rounding,
    overflow: Overflow,
) -> None:
    params = td_error.Params(output, "critic", "reward", gamma, BITS, rounding, overflow)

    def equation(before: int, **x: int) -> dict[str, int]:
        ahead = value(x["reward"], reward) + Fraction(gamma) * value(x["value"], critic)
        delta = store(ahead - value(before, critic), output, rounding, overflow)
        return {"before": x["value"], "signal": delta}

    agree(td_error.STEP, params.constants(critic, reward), equation)


@settings(max_examples=60)
@given(output=FORMATS, choice=FORMATS, target=FORMATS, data=st.data())
def test_matches_are_their_equation(
    agree: Any, output: Format, choice: Format, target: Format, data: Any
) -> None:
    hit, miss = (data.draw(st.integers(output.low, output.high)) for _ in range(2))
    told = (float(output.to_float(raw)) for raw in (hit, miss))

    def equation(active: int, **x: int) -> dict[str, int]:
        if not active or not x["target"]:
            return {"signal": 0}
        return {"signal": hit if sign(x["choice"]) == sign(x["target"]) else miss}

    params = match.Params("choice", "goal", output, *told)
    agree(match.STEP, params.constants(choice, target), equation)


def test_a_match_is_one_or_minus_one() -> None:
    c = MATCH.constants(F("fxp-s3/1"), F("fxp-s2/0"))
    found = [
        [
            match.STEP.step(c, NONE, match.Inputs(choice, target, 1))[1].signal
            for target in (-2, 0, 1)
        ]
        for choice in (-4, 0, 3)
    ]
    assert found == [[1, 0, -1], [-1, 0, -1], [-1, 0, 1]]


def probability(signal: Fraction, total: Fraction) -> Fraction:
    """Return the share that the docstring of softmax_error says."""
    positive = [max(x, Fraction(0)) for x in (signal, total)]
    return min(Fraction(1), positive[0] / positive[1]) if positive[1] else Fraction(0)


@settings(max_examples=60)
@given(
    output=FORMATS,
    signal=FORMATS,
    total=FORMATS,
    target=FORMATS,
    rounding=ROUNDINGS,
    overflow=OVERFLOWS,
)
def test_errors_of_a_softmax_are_their_equation(
    agree: Any,
    store: Any,
    output: Format,
    signal: Format,
    total: Format,
    target: Format,
    rounding: Rounding,
    overflow: Overflow,
) -> None:
    params = replace(SHARE, output=output, rounding=rounding, overflow=overflow)

    def equation(active: int, **x: int) -> dict[str, int]:
        p = probability(value(x["signal"], signal), value(x["total"], total))
        e = store(p - value(x["target"], target), output, rounding, overflow)
        return {"signal": e if active else 0}

    agree(softmax_error.STEP, params.constants(signal, total, target), equation)


@pytest.mark.parametrize("rounding", DETERMINISTIC)
def test_every_quotient_is_rounded_as_the_real_number(store: Any, rounding: Rounding) -> None:
    formats = F("fxp-u5/3"), F("fxp-u6/3"), F("fxp-u1/0")
    c = replace(SHARE, output=F("fxp-s5/3"), rounding=rounding).constants(*formats)
    for signal, total, target in product(range(32), range(64), range(2)):
        p = probability(Fraction(signal), Fraction(total))
        found = softmax_error.STEP.step(c, NONE, softmax_error.Inputs(signal, total, target, 1))
        assert found[1].signal == store(p - target, c.output, rounding)


def test_quotients_of_wide_numbers_are_exact(store: Any, draw_raw: Any) -> None:
    formats = F("fxp-u16/15"), F("fxp-u20/15"), F("fxp-u1/0")
    c = replace(SHARE, output=F("fxp-s14/12")).constants(*formats)
    step, rng = numba.njit(softmax_error.STEP.step), np.random.default_rng(1)
    for signal, total, target in np.transpose(
        [draw_raw(rng, f, (2000,)) for f in formats]
    ).tolist():
        p = probability(Fraction(signal), Fraction(total))
        given_ = softmax_error.Inputs(signal, total, target, 1)
        assert step(c, NONE, given_)[1].signal == store(p - target, c.output)


@numba.njit
def all_exponentials(c: Any, low: int, high: int) -> np.ndarray:
    found = np.zeros(high - low + 1, np.int64)
    for k in range(low, high + 1):
        found[k - low] = exponential_unit.step(c, NONE, exponential_unit.Inputs(k))[1].signal
    return found


def exponentials(c: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return all signals of a format and what a unit makes of them, as real numbers."""
    low, high = c.signal.low, c.signal.high
    raw = all_exponentials(with_arrays(c), low, high)
    return c.signal.to_float(np.arange(low, high + 1)), c.output.to_float(raw)


@pytest.mark.parametrize(
    ("output", "shift", "signal"),
    [
        *(("fxp-u9/8", 2.0, "fxp-s14/9"), ("fxp-u13/12", 8.0, "fxp-s16/11")),
        *(("fxp-u8/8", 0.0, "fxp-s12/8"), ("fxp-u1/0", -1.0, "fxp-s10/6")),
        *(("fxp-s12/4", 3.0, "fxp-u10/6"), ("fxp-u13/12", 500.0, "fxp-s14/0")),
        *(("fxp-u5/4", 4.0, "fxp-s4/-2"), ("fxp-u11/10", 1e-3, "fxp-s12/18")),
    ],
)
def test_exponentials_are_within_an_lsb(output: str, shift: float, signal: str) -> None:
    params = replace(EXPONENTIAL, output=F(output), shift=shift)
    c = params.constants(F(signal))
    y, e = exponentials(c)
    nearest = c.shift * c.signal.lsb
    assert abs(nearest - shift) <= c.signal.lsb / 2
    exact = np.exp(np.minimum(y - nearest, 0.0))
    assert abs(e - exact).max() <= c.output.lsb  # half of it the table's, half of it rounding's
    assert (np.diff(e) >= -c.output.lsb).all()
    assert ranges.check(exponential_unit.STEP, c, "here") > 8


@settings(max_examples=40)
@given(signal=FORMATS, frac=st.integers(0, 5), more=st.integers(0, 2), shift=st.integers(-8, 8))
def test_exponentials_are_the_same_on_every_side(
    agree: Any, store: Any, signal: Format, frac: int, more: int, shift: int
) -> None:
    output = Format(False, max(frac, 1) + more, frac)
    c = replace(EXPONENTIAL, output=output, shift=shift / 2).constants(signal)
    table = c.table

    def equation(**x: int) -> dict[str, int]:
        below = value(c.shift, signal) - value(x["signal"], signal)
        at = store(max(below, Fraction(0)), table.argument)
        i, rest = divmod(at, 1 << table.bits)
        line = table.base[i] + Fraction(table.rise[i] * rest, 1 << table.bits)
        return {"signal": store(line * Fraction(2) ** -(table.frac - table.bits), output)}

    agree(exponential_unit.STEP, c, equation)


def of_floats(module: Any, params: Any, count: int, state: Any, *x: float) -> list[Any]:
    """Return what a model's cell makes of real numbers, by Python and compiled."""
    c = params.ideal(params.constants(*[F("fxp-s16/8")] * count))
    cell = module.STEP
    one, other = (step(c, state, module.Inputs(*x)) for step in (cell.step, numba.njit(cell.step)))
    assert [*one[0], *one[1]] == pytest.approx([*other[0], *other[1]], rel=1e-15, abs=0)  # of exp
    return list(one)


@pytest.mark.parametrize(
    ("module", "params", "count", "x", "want"),
    [
        (error, PLAIN, 2, (0.3, 1.0, 1), 0.3 - 1.0),
        (error, HARD, 2, (0.3, 1.0, 1), 0.25 * 0.3 + 0.5 - 1.0),
        (error, HARD, 2, (7.0, 0.1, 1), 1.0 - 0.1),
        (error, HARD, 2, (-7.0, 0.1, 1), -0.1),
        (error, PLAIN, 2, (0.3, 1.0, 0), 0.0),
        (softmax_error, SHARE, 3, (1.0, 3.0, 0.1, 1), 1.0 / 3.0 - 0.1),
        (softmax_error, SHARE, 3, (3.0, 1.0, 0.1, 1), 1.0 - 0.1),
        (softmax_error, SHARE, 3, (-1.0, 3.0, 0.1, 1), -0.1),
        (softmax_error, SHARE, 3, (1.0, 0.0, 0.1, 1), -0.1),
        (softmax_error, SHARE, 3, (1.0, -2.0, 0.1, 1), -0.1),
        (softmax_error, SHARE, 3, (1.0, 3.0, 0.1, 0), 0.0),
        (exponential_unit, EXPONENTIAL, 1, (0.7,), math.exp(0.7 - 2.0)),
        (exponential_unit, EXPONENTIAL, 1, (2.1,), 1.0),
        (exponential_unit, EXPONENTIAL, 1, (-700.0,), math.exp(-702.0)),
        (match, MATCH, 2, (1e-9, 0.3, 1), 1.0),
        (match, MATCH, 2, (-1e-9, 0.3, 1), -1.0),
        (match, MATCH, 2, (0.0, 0.3, 1), -1.0),
        (match, MATCH, 2, (0.4, 0.0, 1), 0.0),
        (match, replace(MATCH, output=F("fxp-s12/9"), hit=0.3), 2, (-2.0, -0.5, 1), 0.3),
        (match, MATCH, 2, (0.4, 0.3, 0), 0.0),
    ],
)
def test_on_floats_they_are_their_equation(
    module: Any, params: Any, count: int, x: tuple[float, ...], want: float
) -> None:
    assert of_floats(module, params, count, NONE, *x)[1].signal == pytest.approx(want, rel=1e-15)


def test_on_floats_a_temporal_difference_and_a_learning_signal_are_their_equations() -> None:
    state, outputs = of_floats(td_error, TD, 2, td_error.State(0.7), 0.3, 0.11)
    assert (state.before, outputs.signal) == (0.3, pytest.approx(0.11 + 0.9 * 0.3 - 0.7))
    told = learning_signal.Params(F("fxp-s12/8"), "hidden")
    assert of_floats(learning_signal, told, 2, NONE, 0.3, 1.0)[1] == (0.3, 1.0)


STOCHASTIC = "must be one of 'floor', 'half_up', 'half_even', 'toward_zero', not 'stochastic'"


@pytest.mark.parametrize(
    ("params", "change", "message"),
    [
        (PLAIN, {"function": "sigmoid"}, "Function must be one of 'identity', 'hard_sigmoid', not"),
        (PLAIN, {"slope": 0.0}, "Slope must be above 0, not 0.0"),
        (PLAIN, {"slope": 1e-4}, "Slope must be representable in fxp-u9/8, not 0.0001"),
        (PLAIN, {"rounding": Rounding.STOCHASTIC}, f"Rounding of an error {STOCHASTIC}"),
        (SHARE, {"rounding": Rounding.STOCHASTIC}, f"Rounding of an error {STOCHASTIC}"),
        (TD, {"rounding": Rounding.STOCHASTIC}, f"Rounding of an error {STOCHASTIC}"),
        (TD, {"gamma": 1.5}, "Gamma must be 0 to 1, not 1.5"),
        (TD, {"gamma": 1e-9}, "Gamma must be representable in fxp-u17/16, not 1e-09"),
        (MATCH, {"hit": 2.0}, "Hit must be representable in fxp-s2/0, not 2.0 (nearest 1.0)"),
        (MATCH, {"miss": -0.25}, "Miss must be representable in fxp-s2/0, not -0.25"),
        (MATCH, {"output": F("fxp-u1/0")}, "Miss must be representable in fxp-u1/0, not -1.0"),
        (EXPONENTIAL, {"shift": math.inf}, "Shift must be finite, not inf"),
        (EXPONENTIAL, {"output": F("fxp-u13/13")}, "Output must have 0 to 12 fraction bits, not"),
        (EXPONENTIAL, {"output": F("fxp-u4/-1")}, "Output must have 0 to 12 fraction bits, not"),
        (EXPONENTIAL, {"output": F("fxp-u7/8")}, "Output must be a format that holds 1, not"),
    ],
)
def test_wrong_parameters_are_refused(params: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        replace(params, **change)
    assert str(caught.value).startswith(message)


class BluntError(SoftmaxError):
    """Divides by a total of one more bit."""

    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(total_shift=self.constants.total_shift + 1)
        return super().elaborate(platform)


class CertainError(SoftmaxError):
    """Takes the share of nothing for all."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        with m.If((self.total == 0) & self.active):
            m.d.comb += self.signal_next.eq((1 << self.constants.output.frac) - self.target)
        return m


class ForgetfulError(TDError):
    """Keeps a value only if it is not the least."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.before_next.eq(
            Mux(self.value == self.constants.value.low, self.before, self.value)
        )
        return m


class Lenient(Match):
    """Takes no choice for a positive one."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        with m.If((self.choice == 0) & (self.target > 0) & self.active):
            m.d.comb += self.signal.eq(self.constants.hit)
        return m


class Unshifted(ExponentialUnit):
    """Is one LSB off in its shift."""

    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(shift=self.constants.shift + 1)
        return super().elaborate(platform)


class AlwaysError(Error):
    """Does not look at the window."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        with m.If(~self.active & (self.signal == self.constants.signal.low)):
            m.d.comb += self.signal_next.eq(1)
        return m


class Turned(LearningSignal):
    """Loses the activity's last bit."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.activity_next.eq(0)
        return m


@pytest.mark.parametrize(
    "kind", [BluntError, CertainError, ForgetfulError, Lenient, Unshifted, AlwaysError, Turned]
)
def test_a_wrong_twin_is_refuted(refute: Any, kind: Any) -> None:
    refute(kind, next(iter(kind.cases())))


def fragment() -> dict[str, Any]:
    """Return the tables of the docstring of softmax_error."""
    _, _, rest = str(softmax_error.__doc__).partition("::\n")
    lines = [line for line in rest.splitlines() if not line or line.startswith("    ")]
    return tomllib.loads(dedent("\n".join(lines)))["network"]


TICKS, OUTPUTS = 6, 3
W = F("fxp-s14/10")
READOUT = leaky_readout.Params(F("fxp-s14/9"), 0.5)
DELTA = delta_rule.Params(
    modulator="errors", eta=0.125, factor=F("fxp-s16/14"), trace=F("fxp-u10/7"), trace_decay=0.5
)


def classifier(window: int = 0, readout: str = "errors") -> Network:
    """Return an output of softmax, and a critic whose third factor is made of matched choices."""
    tables = fragment()
    tables["population"][2]["window"] = window
    tables |= {"ticks": TICKS}
    tables["population"] += [
        {"name": "readout", "size": OUTPUTS, "model": "source"},
        {"name": "targets", "size": OUTPUTS, "model": "source"},
    ]
    made = read_network(tables)
    reward = match.Params("decision", "answer", F("fxp-s6/4"), 1.0, -0.25, window)
    return Network(
        TICKS,
        (
            *made.populations[:3],
            Population("targets", OUTPUTS, Source()),
            Population("answer", 1, Source(F("fxp-s2/0"))),
            Population("inputs", 5, Source()),
            Population("readout", OUTPUTS, READOUT),
            Population("critic", 1, READOUT),
            Population("decision", 1, leaky_readout.Params(F("fxp-s12/6"), 1.0)),
            Population("reward", 1, reward),
            Population("dopamine", 1, td_error.Params(F("fxp-s10/6"), "critic", "reward", 0.9)),
        ),
        (
            *made.projections,
            Projection("inputs", "readout", W, initial=1.0, rule=DELTA),
            Projection(
                "inputs", "critic", W, initial=0.5, rule=replace(DELTA, modulator="dopamine")
            ),
            Projection("readout", "decision", F("fxp-s4/2"), initial=0.5),
        ),
        readout=readout,
    )


def shown(made: Any, seed: int = 1, samples: int = 4) -> Stimulus:
    """Return spikes, one right class of each sample, and answers of either sign."""
    rng = np.random.default_rng(seed)
    inputs = {p.name: rng.integers(0, 2, (samples, TICKS, p.size)) for p in made.sources}
    classes = rng.integers(0, OUTPUTS, (samples, 1))
    inputs["targets"] = np.broadcast_to(
        np.eye(OUTPUTS, dtype=int)[classes], inputs["targets"].shape
    )
    inputs["targets"] = inputs["targets"].copy()
    inputs["answer"] = rng.integers(-1, 2, (samples, TICKS, 1))
    return Stimulus(inputs)


def seen(name: str, window: int = 0) -> tuple[np.ndarray, Stimulus, Any]:
    """Return the signals of a population in trials that learn nothing, and their stimulus."""
    made = plan(classifier(window, name))
    stimulus = shown(made)
    signals = Session(made, 3, "python").evaluate(stimulus, range(4), record=True).signals
    found = next(p for p in made.populations if p.name == name)
    return found.signal.to_float(signals.astype(np.int64)), stimulus, found


@pytest.mark.parametrize("window", [0, 1, 4])
def test_the_output_is_a_softmax_in_its_window(window: int) -> None:
    y, stimulus, _ = seen("readout", window)
    e, _, planned = seen("errors", window)
    exact = np.exp(np.minimum(y - 4.0, 0.0))
    total = exact.sum(axis=2, keepdims=True)
    off = 2.0**-12  # Each exponential is off by that at most: so is the share, by
    bound = off * (1 + OUTPUTS) / (total - OUTPUTS * off) + planned.signal.lsb / 2
    want = exact / total - stimulus.inputs["targets"]
    judged = slice(TICKS - window if window else 0, TICKS)
    assert (abs(e - want) <= bound)[:, judged].all()
    assert e[:, judged].any(axis=2).all()
    assert not e[:, : judged.start].any()


@pytest.mark.parametrize("window", [0, 2])
def test_rewards_and_their_surprises_come_about_in_the_trial(window: int) -> None:
    choice, stimulus, _ = seen("decision", window)
    reward, _, _ = seen("reward", window)
    answer = stimulus.inputs["answer"]
    want = np.where(answer == 0, 0.0, np.where(np.sign(choice) == answer, 1.0, -0.25))
    want[:, : TICKS - window if window else 0] = 0.0
    assert (reward == want).all()
    assert {*np.unique(reward)} == {-0.25, 0.0, 1.0}
    critic, _, _ = seen("critic", window)
    delta, _, planned = seen("dopamine", window)
    before = np.concatenate([np.zeros((4, 1, 1)), critic[:, :-1]], axis=1)
    off = planned.signal.lsb / 2 + 2.0**-17 * abs(critic)  # of the error, and of gamma
    assert (abs(delta - (reward + 0.9 * critic - before)) <= off).all()


def test_the_ideal_descends_the_cross_entropy_and_the_surprise() -> None:
    made = plan(classifier())
    stimulus, session = shown(made), Session(made, 3, "ideal")
    names = "inputs_to_readout.w", "inputs_to_critic.w", "readout_to_decision.w"
    w, critic, to_choice = (session.arrays[name].copy() for name in names)
    for sample in (2, 0):
        y, zbar, choice, v = np.zeros(OUTPUTS), np.zeros(5), 0.0, 0.0
        for t in range(TICKS):
            spikes, targets, answer = (
                stimulus.inputs[name][sample, t] for name in ("inputs", "targets", "answer")
            )
            y = 0.5 * y + spikes @ w
            zbar = 0.5 * zbar + spikes
            choice += (y @ to_choice)[0]
            before, v = v, 0.5 * v + (spikes @ critic)[0]
            right = 1.0 if sign(choice) == answer[0] else -0.25
            delta = (right if answer[0] else 0.0) + 0.9 * v - before
            e = np.exp(np.minimum(y - 4.0, 0.0))
            w -= 0.125 * np.outer(zbar, e / e.sum() - targets)
            critic -= 0.125 * delta * zbar[:, None]
    session.learn(stimulus, [2, 0])
    for name, want in zip(names, (w, critic, to_choice), strict=True):
        assert session.arrays[name] == pytest.approx(want, rel=1e-12, abs=1e-12)


def test_it_learns_the_classes() -> None:
    made = plan(classifier())
    stimulus, samples = shown(made), range(OUTPUTS)
    patterns = np.array([[1, 1, 0, 0, 1], [0, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]])
    stimulus.inputs["inputs"][...] = patterns[:, None]
    stimulus.inputs["targets"][:OUTPUTS] = np.eye(OUTPUTS, dtype=int)[:, None]
    session = Session(made, 1, "python")

    def wrong() -> float:
        """Return the mean probability of classes other than the right one."""
        signals = session.evaluate(stimulus, samples, record=True).signals.astype(np.int64)
        return -float(made.readout.signal.to_float(signals)[samples, -1, samples].mean())

    before = wrong()
    for _ in range(30):
        session.learn(stimulus, samples)
    assert wrong() < 0.1 < 0.4 < before


def test_python_compiled_and_hardware_learn_the_same() -> None:
    made = plan(classifier(window=4))
    stimulus, samples = shown(made), [0, 1, 2, 3, 1]
    sessions = [Session(made, 7, kind) for kind in ("python", "compiled")]
    one, other = (s.learn(stimulus, samples, traced=True) for s in sessions)
    assert np.array_equal(one.digests, other.digests)
    for name, array in sessions[0].arrays.items():
        assert np.array_equal(array.astype(np.int64), sessions[1].arrays[name])
    session = Session(made, 7)
    before = session.arrays["inputs_to_readout.w"].copy()
    report = lockstep(session, stimulus, samples, lanes=4, simulator="icarus")
    assert report.mismatch is None, str(report.mismatch)
    assert (session.arrays["inputs_to_readout.w"] != before).any()
    assert np.array_equal(
        session.arrays["inputs_to_critic.w"], sessions[1].arrays["inputs_to_critic.w"]
    )
