"""E-prop with rewards: credits, actor and critic, whole networks that decide, and the hardware."""

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

from goldenspike.golden import narrow, trial
from goldenspike.golden.fixed import BIT, Format, Rounding
from goldenspike.golden.modulators import (
    exponential_unit,
    gate,
    softmax_choice,
    softmax_error,
    td_error,
)
from goldenspike.golden.network import (
    Network,
    Population,
    Projection,
    Source,
    read_network,
    write_network,
)
from goldenspike.golden.neurons import adaptive_lif, leaky_readout, lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.golden.rules import actor_critic, delta_rule, eprop_reward, local_gradient
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl.cell import output_ports
from goldenspike.hdl.core import LANES
from goldenspike.hdl.modulators.softmax_choice import SoftmaxChoice
from goldenspike.hdl.rules.credit import TraceCredit
from goldenspike.sim.lockstep import lockstep

f = Format.parse
TICKS, HIDDEN = 16, 6
W = f("fxp-s12/9")
LIF = lif.Params(f("fxp-s12/6"), 0.9, 1.0)
CREDIT: dict[str, Any] = {
    "modulator": "delta",
    "eta": 0.5,
    "factor": f("fxp-s14/10"),
    "credit": f("fxp-s16/10"),
    "discount": 0.9,
    "trace": f("fxp-u10/7"),
    "trace_decay": 0.8,
}
HIDDEN_RULE = eprop_reward.Params(
    learning_signal="teacher",
    eligibility=f("fxp-s14/10"),
    filter_decay=0.8,
    psi=f("fxp-u8/7"),
    height=0.9,
    width=1.0,
    **CREDIT,
)
ACTOR = actor_critic.Params(learning_signal="surprise", **CREDIT)
CRITIC = actor_critic.Params(learning_signal="one", **CREDIT)


def network(
    hidden: Any = HIDDEN_RULE, actor: Any = ACTOR, critic: Any = CRITIC, **more: Any
) -> Network:
    """Return a network that decides: hidden neurons, a policy, a value and what teaches them."""
    neuron = more.pop("neuron", LIF)
    readout = leaky_readout.Params(f("fxp-s14/9"), 0.8)
    total = leaky_readout.Params(f("fxp-u12/9"))
    populations = (
        Population("inputs", 5, Source()),
        Population("go", 1, Source()),
        Population("alive", 1, Source()),
        Population("one", 1, Source(f("fxp-s4/2"))),
        Population("reward", 1, Source(f("fxp-s6/4"))),
        Population("hidden", HIDDEN, neuron),
        Population("policy", 2, readout),
        Population("value", 1, readout),
        Population("exponentials", 2, exponential_unit.Params(f("fxp-u10/9"), "policy", 1.0)),
        Population("sums", 2, total),
        Population("total", 1, total),
        Population("action", 2, softmax_choice.Params("exponentials", "sums", "total", "go")),
        Population(
            "errors",
            2,
            softmax_error.Params(f("fxp-s12/10"), "exponentials", "total", "action"),
        ),
        Population("surprise", 2, gate.Params("errors", "go")),
        Population("critic", 1, gate.Params("value", "alive")),
        Population("delta", 1, td_error.Params(f("fxp-s14/9"), "critic", "reward", 0.9)),
        Population("teacher", HIDDEN, leaky_readout.Params(f("fxp-s14/9"))),
    )
    one = f("fxp-u1/0")
    projections = (
        Projection("inputs", "hidden", W, initial=0.6, rule=hidden),
        Projection("hidden", "hidden", W, 1, initial=0.25, rule=hidden, self_connections=False),
        Projection("hidden", "policy", W, initial=0.25, rule=actor),
        Projection("hidden", "value", W, initial=0.25, rule=critic),
        Projection("exponentials", "sums", one, mean=1.0, pattern="upper"),
        Projection("exponentials", "total", one, mean=1.0),
        Projection("surprise", "teacher", W, mirror="hidden_to_policy"),
        Projection("one", "teacher", W, mirror="hidden_to_value"),
    )
    given = Network(TICKS, populations, projections, readout="action")
    return replace(given, **more)


ADAPTING = replace(HIDDEN_RULE, rho=0.9, beta=0.5, adaptation=f("fxp-s16/10"))
ADAPTIVE = adaptive_lif.Params(
    f("fxp-s12/6"), decay=0.9, threshold=1.0, rho=0.9, beta=0.5, adaptation=f("fxp-u10/6")
)
EIGHTH = f("fxp-u4/3")
EIGHTHS = st.integers(0, 7).map(lambda k: k / 8)
FORMATS = st.builds(Format, st.booleans(), st.integers(1, 5), st.integers(-2, 4))
SIGNED = st.builds(Format, st.just(True), st.integers(1, 5), st.integers(-2, 4))
SAMPLES = (0, 1, 2, 3, 1)


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


def stimulate(planned: Plan, seed: int = 1) -> Stimulus:
    """Return random inputs and rewards of trials that end, in which something is decided."""
    random = np.random.default_rng(seed)
    inputs = {
        p.name: random.integers(
            p.signal.low, p.signal.high, (4, planned.ticks, p.size), endpoint=True
        )
        for p in planned.sources
    }
    inputs["alive"][:] = 1
    inputs["alive"][:, -1] = 0
    inputs["one"][:] = -4
    return Stimulus(inputs)


def learned(session: Session, stimulus: Stimulus, samples: Any = SAMPLES) -> dict[str, Any]:
    session.learn(stimulus, list(samples))
    return {q.name: session.arrays[f"{q.name}.w"] for q in session.plan.learners}


def rules(session: Session) -> dict[str, np.ndarray]:
    """Return copies of the weights that rules learn."""
    return {q.name: session.arrays[f"{q.name}.w"].copy() for q in session.plan.learners}


@settings(max_examples=60)
@given(
    formats=st.tuples(FORMATS, FORMATS, FORMATS, SIGNED, FORMATS, SIGNED),
    k=EIGHTHS,
    discount=EIGHTHS,
    adapts=st.booleans(),
    bare=st.booleans(),
)
def test_credits_are_their_equation(
    agree: Callable[..., None],
    store: Callable[..., int],
    formats: tuple[Format, ...],
    k: float,
    discount: float,
    adapts: bool,
    bare: bool,
) -> None:
    trace, psi, kept, eps, teaching, g = formats
    about = local_gradient.Adaptation(0.5, 0.75, eps, EIGHTH, f("fxp-u4/2"))
    inner = local_gradient.gradient(trace, psi, kept, k, EIGHTH, about if adapts else None)
    given = replace(ACTOR, credit=g, discount=discount, discount_factor=EIGHTH)
    values = {"trace": trace, "psi": psi, "teaching": teaching}
    part = given.credited(None if bare else inner, values)

    def equation(**x: int) -> dict[str, int]:
        if bare:
            after, eligibility = {}, value(x["trace"], trace)
        else:
            state = {name: x[name] for name in inner.state}
            kind = type(inner.cell.ports(inner.constants).state)
            taken = local_gradient.Inputs(x["trace"], x["psi"])
            s, o = inner.cell.step(inner.constants, kind(**state), taken)
            after = {**(s._asdict() if state else {}), "e": o.e}
            eligibility = value(o.eligibility, kept)
        total = Fraction(discount) * value(x["g"], g)
        total += value(x["teaching"], teaching) * eligibility
        return {**after, "g": store(total, g), "eligibility": x["g"]}

    agree(part.cell, part.constants, equation)


@given(signals=st.tuples(FORMATS, FORMATS, FORMATS))
def test_what_teaches_passes_and_the_error_is_turned(
    agree: Callable[..., None], store: Callable[..., int], signals: tuple[Format, ...]
) -> None:
    delta, teaching, factor = signals
    part = ACTOR.taught(0.5, {"modulator": delta, "learning_signal": teaching}, factor)

    def equation(modulator: int, **x: int) -> dict[str, int]:
        made = store(-value(modulator, delta) / 2, factor)
        return {"factor": made, "teaching": x["learning_signal"]}

    agree(part.cell, part.constants, equation)


@settings(max_examples=60)
@given(
    formats=st.tuples(
        *[st.builds(Format, st.just(False), st.integers(1, 5), st.integers(-2, 4))] * 3
    )
)
def test_choices_are_their_equation(
    agree: Callable[..., None], formats: tuple[Format, Format, Format]
) -> None:
    signal, cumulative, total = formats
    c = softmax_choice.Params("a", "b", "c", "d").constants(*formats, BIT)

    def equation(word: int, **x: int) -> dict[str, int]:
        place = Fraction(word, 1 << 16) * value(x["total"], total)
        end = value(x["cumulative"], cumulative)
        mine = end - value(x["signal"], signal) <= place < end
        return {"signal": int(mine and x["open"] == 1)}

    agree(softmax_choice.STEP, c, equation)


@given(fmt=FORMATS)
def test_gates_are_their_equation(agree: Callable[..., None], fmt: Format) -> None:
    c = gate.Params("a", "b").constants(fmt, BIT)

    def equation(signal: int, **x: int) -> dict[str, int]:
        return {"signal": signal if x["open"] else 0}

    agree(gate.STEP, c, equation)


def test_one_neuron_acts_when_it_is_decided_and_as_often_as_its_share() -> None:
    readout = leaky_readout.Params(f("fxp-s12/8"))
    sums = leaky_readout.Params(f("fxp-u14/12"))
    populations = (
        Population("given", 1, Source()),
        Population("policy", 3, readout),
        Population("exponentials", 3, exponential_unit.Params(f("fxp-u13/12"), "policy", 1.0)),
        Population("sums", 3, sums),
        Population("total", 1, sums),
        Population("action", 3, softmax_choice.Params("exponentials", "sums", "total", "given")),
    )
    one = f("fxp-u1/0")
    projections = (
        Projection("given", "policy", f("fxp-s12/8")),
        Projection("exponentials", "sums", one, mean=1.0, pattern="upper"),
        Projection("exponentials", "total", one, mean=1.0),
    )
    session = Session(plan(Network(64, populations, projections, readout="action")), 5, "python")
    logits = np.array([0.0, 1.0, -1.0])
    session.set_weights("given_to_policy", np.array([[0, 256, -256]]))
    given = np.ones((2, 64, 1), np.int64)
    given[1, ::2] = 0
    outcome = session.evaluate(Stimulus({"given": given}), [0] * 64 + [1], record=True)
    actions = outcome.signals.astype(np.int64)
    assert (actions.sum(axis=2) == given[[0] * 64 + [1], :, 0]).all()
    count = 64 * 64
    share = np.exp(logits) / np.exp(logits).sum()
    # The counts of a binomial distribution, within five standard deviations.
    error = actions[:64].sum((0, 1)) / count - share
    assert (np.abs(error) < 5 * np.sqrt(share * (1 - share) / count)).all()
    again = session.evaluate(Stimulus({"given": given}), [0] * 64, record=True)
    assert np.array_equal(again.signals, outcome.signals[:64])
    other = session.copy(seed=6).evaluate(Stimulus({"given": given}), [0] * 64, record=True)
    assert not np.array_equal(other.signals, outcome.signals[:64])


def filtered(x: np.ndarray, decay: float, gain: float = 1.0) -> np.ndarray:
    """Return ``sum over t' <= t of decay**(t - t') gain x[t']``, along the first axis."""
    t = np.arange(len(x))
    kernel = np.where(t[:, None] >= t, decay ** np.maximum(t[:, None] - t, 0.0), 0.0)
    return gain * np.tensordot(kernel, x, 1)


def papers(
    session: Session, w: dict[str, np.ndarray], inputs: dict[str, np.ndarray], count: int
) -> dict[str, np.ndarray]:
    """Return a trial's changes of weights by the paper's equations, in plain numpy.

    ``dW = -eta sum_t delta[t] F_gamma(L ebar)[t]`` with ``delta[t] = r[t] + gamma V[t+1] - V[t]``,
    of all ticks but the last, whose next value is not known; r[t] is what follows tick t.
    """
    ticks, number = (
        session.plan.ticks,
        next(p.number for p in session.plan.populations if p.name == "action"),
    )
    v, z = np.zeros(HIDDEN), np.zeros(HIDDEN)
    y, values = np.zeros(2), np.zeros(ticks)
    value_now = 0.0
    spikes, before, psi = (np.zeros((ticks, HIDDEN)) for _ in range(3))
    errors = np.zeros((ticks, 2))
    for t in range(ticks):
        before[t] = z
        v = 0.9 * v + inputs["inputs"][t] @ w["inputs_to_hidden"] + z @ w["hidden_to_hidden"] - z
        spikes[t] = z = (v >= 1.0).astype(float)
        psi[t] = 0.9 * np.maximum(0, 1 - np.abs(v - 1.0))
        y = 0.8 * y + z @ w["hidden_to_policy"]
        value_now = 0.8 * value_now + float(z @ w["hidden_to_value"][:, 0])
        values[t] = value_now * inputs["alive"][t, 0]
        if inputs["go"][t, 0]:
            e = np.minimum(np.exp(y - 1.0), 1.0)
            uniform = (
                words(session.seed, Stream.DRAW + number, count, t << 16, 1)[0] & 0xFFFF
            ) / 65536
            action = int(np.searchsorted(np.cumsum(e), uniform * e.sum(), side="right"))
            errors[t] = e / e.sum() - np.eye(2)[action]
    one = inputs["one"]
    teacher = errors @ w["hidden_to_policy"].T + one @ w["hidden_to_value"].T
    rewards = inputs["reward"][1:, 0]
    delta = rewards + 0.9 * values[1:] - values[:-1]

    def change(credited: np.ndarray) -> np.ndarray:
        return -HIDDEN_RULE.eta * np.tensordot(delta, filtered(credited, 0.9)[:-1], 1)

    found = {}
    for name, x in (("inputs_to_hidden", inputs["inputs"]), ("hidden_to_hidden", before)):
        e = psi[:, None, :] * filtered(x, 0.8)[:, :, None]
        found[name] = change(teacher[:, None, :] * filtered(e, 0.8, 1 - 0.8))
    zbar = filtered(spikes, 0.8)[:, :, None]
    found["hidden_to_policy"] = change(zbar * errors[:, None, :])
    found["hidden_to_value"] = change(zbar * one[:, None, :])
    np.fill_diagonal(found["hidden_to_hidden"], 0)
    return found


def test_the_ideal_is_the_papers() -> None:
    """Weights after three trials that are summed first, as the paper's equations sum them."""
    summed: dict[str, Any] = {"learns": "trial", "accumulator": f("fxp-s24/18"), "eta": 1 / 64}
    parts = [replace(rule, **summed) for rule in (HIDDEN_RULE, ACTOR, CRITIC)]
    planned = plan(network(*parts))
    stimulus = stimulate(planned)
    session = Session(planned, 3, "ideal")
    w = {q.name: session.weights(q.name) for q in planned.learners}
    start = {name: weights.copy() for name, weights in w.items()}
    assert HIDDEN_RULE.eta != 1 / 64
    for k, sample in enumerate((0, 1, 2)):
        inputs = {
            p.name: p.signal.to_float(stimulus.inputs[p.name][sample]) for p in planned.sources
        }
        changes = papers(session, w, inputs, k)
        for name, moved in changes.items():
            w[name] = w[name] + moved / HIDDEN_RULE.eta / 64
    session.learn(stimulus, [0, 1, 2])
    for name, weights in w.items():
        assert np.abs(weights - start[name]).max() > 1e-3
        assert np.allclose(session.weights(name), weights, rtol=0, atol=1e-12), name


@pytest.mark.parametrize("rule", [HIDDEN_RULE, replace(HIDDEN_RULE, filter_decay=0.0)])
@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.STOCHASTIC])
def test_compiled_is_python(rule: Any, rounding: Rounding) -> None:
    parts = [replace(one, rounding=rounding) for one in (rule, ACTOR, CRITIC)]
    planned = plan(network(*parts))
    stimulus = stimulate(planned)
    one, other = (learned(Session(planned, 3, kind), stimulus) for kind in ("python", "compiled"))
    for name, weights in one.items():
        assert np.array_equal(weights, other[name])


def test_without_an_error_of_prediction_weights_stay() -> None:
    session = Session(plan(network()), 3, "python")
    session.set_weights("hidden_to_value", np.zeros((HIDDEN, 1), np.int64))
    stimulus = stimulate(session.plan)
    stimulus.inputs["reward"][:] = 0
    before = rules(session)
    session.learn(stimulus, [0, 1])
    for name, weights in before.items():
        assert np.array_equal(weights, session.arrays[f"{name}.w"])
    assert session.arrays["inputs_to_hidden.g"].any()
    assert session.arrays["hidden_to_policy.g"].any()


def test_without_a_learning_signal_there_is_no_credit() -> None:
    session = Session(plan(network()), 3, "python")
    stimulus = stimulate(session.plan)
    stimulus.inputs["one"][:] = 0
    stimulus.inputs["go"][:] = 0
    before = rules(session)
    session.learn(stimulus, [0, 1])
    for name, weights in before.items():
        assert np.array_equal(weights, session.arrays[f"{name}.w"])
        assert not session.arrays[f"{name}.g"].any()
    assert session.arrays["delta.before"].any() or stimulus.inputs["reward"].any()


def test_an_error_meets_the_credit_of_the_tick_before() -> None:
    """A reward after one tick with a credit: the change is factor times that credit."""
    session = Session(plan(network(None, None, CRITIC)), 3, "python")
    for q in session.plan.projections:
        if q.name in ("inputs_to_hidden", "hidden_to_hidden", "hidden_to_value"):
            fill = 512 if q.name == "inputs_to_hidden" else 0
            session.set_weights(q.name, np.full((q.pre.size, q.post.size), fill))
    stimulus = stimulate(session.plan)
    for name, ticks in (("inputs", 3), ("reward", 4)):
        stimulus.inputs[name][:] = 0
        stimulus.inputs[name][:, ticks] = 1 if name == "inputs" else 16
    rows = session.learn(stimulus, [0], trace_rows=1 << 16, traced=True).trace

    def seen(name: str, tick: int) -> np.ndarray:
        number = session.plan.variables[f"hidden_to_value.{name}"].number
        return rows[(rows[:, 0] == tick) & (rows[:, 1] == number)][:, 3]

    assert next(t for t in range(TICKS) if seen("g", t).any()) == 3
    assert not seen("w", 3).any()
    change = Fraction(int(seen("factor", 4)[0])) / 1024 * Fraction(int(seen("g", 3)[0])) / 1024
    assert seen("w", 4)[0] == round(change * 512) > 0


def test_permuted_neurons_learn_permuted_weights() -> None:
    planned = plan(network())
    order = np.array([3, 0, 5, 1, 2, 4])
    one, other = Session(planned, 1, "python"), Session(planned, 1, "python")
    start = {name: w.astype(np.int64) for name, w in rules(one).items()}
    other.set_weights("inputs_to_hidden", start["inputs_to_hidden"][:, order])
    other.set_weights("hidden_to_hidden", start["hidden_to_hidden"][np.ix_(order, order)])
    other.set_weights("hidden_to_policy", start["hidden_to_policy"][order])
    other.set_weights("hidden_to_value", start["hidden_to_value"][order])
    stimulus = stimulate(planned)
    after, permuted = learned(one, stimulus), learned(other, stimulus)
    assert np.array_equal(after["inputs_to_hidden"][:, order], permuted["inputs_to_hidden"])
    assert np.array_equal(after["hidden_to_policy"][order], permuted["hidden_to_policy"])
    assert np.array_equal(after["hidden_to_value"][order], permuted["hidden_to_value"])


def test_trials_may_be_cut_anywhere() -> None:
    planned = plan(network())
    stimulus = stimulate(planned)
    whole = learned(Session(planned, 1, "python"), stimulus)
    cut = Session(planned, 1, "python")
    cut.learn(stimulus, list(SAMPLES[:2]))
    parts = learned(cut.copy(), stimulus, SAMPLES[2:])
    for name, weights in whole.items():
        assert np.array_equal(weights, parts[name])


def test_cells_that_fit_calculate_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole trial, where all formats are short enough; that they are the same is seen, too."""
    short = {"credit": f("fxp-s12/6"), "trace": f("fxp-u6/4"), "discount_factor": f("fxp-u9/8")}
    parts = [replace(rule, **short) for rule in (HIDDEN_RULE, ACTOR, CRITIC)]
    planned = plan(network(*parts))
    named = {cell.name: (cell, c) for _, cell, c in planned.cells}
    for name in ("rules.credit.trace", "rules.credit.teach", "modulators.gate.step"):
        assert narrow.fits(*named[name]), name
    monkeypatch.setattr(trial, "SPECIALISED_ONLINE", 0)  # Such loops only are made narrow.
    stimulus = stimulate(planned)
    one, other = (learned(Session(planned, 3, kind), stimulus) for kind in ("python", "compiled"))
    for name, weights in one.items():
        assert np.array_equal(weights, other[name])


def test_networks_are_read_as_they_are_written() -> None:
    for one in (network(), network(ADAPTING, neuron=ADAPTIVE)):
        assert read_network(write_network(one)) == one


BAD = [
    (
        network(replace(HIDDEN_RULE, learning_signal="teachers")),
        "Learning signal of inputs_to_hidden must be one of",
    ),
    (
        network(replace(HIDDEN_RULE, learning_signal="surprise")),
        "Learning signal of inputs_to_hidden must be of 1 or 6 neurons, not surprise of 2",
    ),
    (
        network(actor=replace(ACTOR, modulator="inputs")),
        "Modulator of hidden_to_policy must be of 1 or 2 neurons, not inputs of 5",
    ),
    (
        network(actor=replace(HIDDEN_RULE, learning_signal="surprise")),
        "Rule of hidden_to_policy must learn for neurons that give 'excess', not leaky_readout",
    ),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_what_does_not_fit_is_named(given: Network, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(given)


@pytest.mark.parametrize(
    ("rule", "more", "message"),
    [
        (ACTOR, {"discount": 1.0}, "Discount must be 0 to below 1, not 1.0"),
        (ACTOR, {"credit": f("fxp-u8/4")}, "Credit must be signed, not fxp-u8/4"),
        (HIDDEN_RULE, {"eligibility": None}, "Eligibility must be given for e-prop with rewards"),
        (
            HIDDEN_RULE,
            {"rho": 0.9},
            "Adaptation must have all of rho, beta, adaptation, not no beta",
        ),
        (ADAPTING, {"rho": 1.0}, "Rho must be 0 to below 1, not 1.0"),
    ],
)
def test_the_rules_say_what_they_must_be_told(
    rule: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(rule, **more)


def test_gates_and_choices_say_what_they_must_be_told() -> None:
    wide, narrow_one = f("fxp-s4/2"), f("fxp-u4/2")
    with pytest.raises(ValueError, match="Signals of b must be spikes to open a gate, not fxp-s4"):
        gate.Params("a", "b").constants(wide, wide)
    choice = softmax_choice.Params("a", "b", "c", "d")
    with pytest.raises(ValueError, match="Signals of d must be spikes to decide, not fxp-u4/2"):
        choice.constants(narrow_one, narrow_one, narrow_one, narrow_one)
    with pytest.raises(ValueError, match="Signals of b must be unsigned to be shared out, not fxp"):
        choice.constants(narrow_one, wide, narrow_one, BIT)


def test_a_pattern_is_one_of_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="Pattern of a_to_b must be one of 'full', 'blocks', 'u"):
        Projection("a", "b", W, pattern="upward")


HARDWARE = [
    (network(), "icarus", 1),
    (network(ADAPTING, neuron=ADAPTIVE), "icarus", 4),
    pytest.param(network(), "verilator", 8, marks=pytest.mark.long),
]


@pytest.mark.parametrize(("given", "simulator", "lanes"), HARDWARE)
def test_the_core_is_the_model(given: Network, simulator: Any, lanes: int) -> None:
    assert lanes in LANES
    planned = plan(given)
    session = Session(planned, 3, "python")
    report = lockstep(
        session, stimulate(planned), np.array([0, 1, 2]), lanes=lanes, simulator=simulator
    )
    assert report.mismatch is None
    assert report.ticks == 3 * TICKS


@pytest.mark.parametrize("size", [1, 3])
def test_a_modulator_may_be_the_presynaptic_population(size: int) -> None:
    """Its signal of now, beside that of a tick ago which its synapses deliver."""
    shared = {name: CREDIT[name] for name in ("eta", "factor", "trace", "trace_decay")}
    readout = leaky_readout.Params(f("fxp-s8/4"), 0.5)
    populations = (
        Population("source", 2, Source(f("fxp-s6/3"))),
        Population("own", size, readout),
        Population("post", 3, readout),
    )
    rule = delta_rule.Params(modulator="own", **shared)
    projections = (
        Projection("source", "own", f("fxp-s8/4"), initial=1.0),
        Projection("own", "post", f("fxp-s8/4"), 1, initial=1.0, rule=rule),
    )
    planned = plan(Network(6, populations, projections))
    inputs = np.random.default_rng(1).integers(-32, 32, (2, 6, 2))
    session = Session(planned, 1, "python")
    report = lockstep(session, Stimulus({"source": inputs}), np.array([0, 1]), lanes=2)
    assert report.mismatch is None
    assert rules(session)["own_to_post"].any()


class CreditOfNow(TraceCredit):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.right = one = TraceCredit(self.constants)
        m.d.comb += [
            *(getattr(one, name).eq(getattr(self, name)) for name in ("g", "trace", "teaching")),
            *(self.g_next.eq(one.g_next), self.eligibility.eq(one.g_next)),
        ]
        return m


class AlwaysOpen(SoftmaxChoice):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.right = one = SoftmaxChoice(self.constants)
        names = ("signal", "cumulative", "total", "word")
        m.d.comb += [getattr(one, name).eq(getattr(self, name)) for name in names]
        m.d.comb += [one.open.eq(1), output_ports(self)["signal"].eq(output_ports(one)["signal"])]
        return m


@pytest.mark.parametrize("kind", [CreditOfNow, AlwaysOpen])
def test_wrong_twins_are_found_out(refute: Callable[..., None], kind: Any) -> None:
    refute(kind, next(iter(kind.cases())))
