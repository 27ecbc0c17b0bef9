"""Rules with eligibility traces in whole networks: plans, engines, what is skipped, hardware."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goldenspike.golden import narrow, ranges
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import RANDOM_BITS, Format, Rounding
from goldenspike.golden.modulators import error
from goldenspike.golden.network import (
    Network,
    Population,
    Projection,
    Source,
    read_network,
    write_network,
)
from goldenspike.golden.neurons import leaky_readout, lif, rate
from goldenspike.golden.plan import plan
from goldenspike.golden.randomness import MIX, MixInputs, Stream, words
from goldenspike.golden.rules import delta_rule, eprop, neuromodulated_stdp, stdp, three_factor
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl.core import LANES
from goldenspike.sim.cases import traced_case

f = Format.parse
FEW = LANES[:4]
"""Icarus takes a minute to read what more lanes need."""
LIF = lif.Params(f("fxp-s12/6"), 0.9, 1.0)
READOUT = leaky_readout.Params(f("fxp-s12/6"), 0.9)
SHARED: dict[str, Any] = {"eta": 0.5, "factor": f("fxp-s14/10")}
TRACE: dict[str, Any] = {"trace": f("fxp-u10/7"), "trace_decay": 0.9}
EPROP = eprop.Params(
    psi=f("fxp-u8/7"), height=0.9, width=1.0, modulator="teacher", **SHARED, **TRACE
)
DELTA = delta_rule.Params(modulator="errors", **SHARED, **TRACE)
PAIR: dict[str, Any] = {
    "trace": f("fxp-u8/6"),
    "pre_decay": 0.9,
    "post_decay": 0.8,
    "amplitude": f("fxp-u8/8"),
    "plus": 0.25,
    "minus": 0.375,
}
STDP = stdp.Params(**PAIR)
MODULATED = neuromodulated_stdp.Params(
    eligibility=f("fxp-s16/10"), eligibility_decay=0.9, modulator="reward", **SHARED, **PAIR
)
W = f("fxp-s10/7")
ERRORS = error.Params(f("fxp-s10/6"), "readout", "targets")
TICKS = 12
EVERY_RUN = tuple(range(4))
"""Seeds of random networks of every run of the tests."""


def network(
    rule: Any = EPROP, recurrent: Any = EPROP, out: Any = DELTA, errors: Any = ERRORS, **more: Any
) -> Network:
    """Return a network that learns on line: inputs, hidden neurons, a readout and its errors."""
    given: dict[str, Any] = {
        "ticks": TICKS,
        "populations": (
            Population("inputs", 5, Source()),
            Population("targets", 2, Source(f("fxp-s8/6"))),
            Population("reward", 1, Source(f("fxp-s8/6"))),
            Population("hidden", 6, LIF),
            Population("readout", 2, READOUT),
            Population("errors", 2, errors),
            Population("teacher", 6, leaky_readout.Params(f("fxp-s12/8"))),
        ),
        "projections": (
            Projection("inputs", "hidden", W, initial=0.5, rule=rule),
            Projection("hidden", "hidden", W, 1, initial=0.25, rule=recurrent),
            Projection("hidden", "readout", W, initial=0.25, rule=out),
            Projection("errors", "teacher", W, mirror="hidden_to_readout"),
        ),
        "readout": "readout",
    }
    return Network(**{**given, **more})


def stimulate(planned: Any, samples: int = 2, seed: int = 1) -> Stimulus:
    random = np.random.default_rng(seed)
    inputs = {
        p.name: random.integers(
            p.signal.low, p.signal.high, (samples, planned.ticks, p.size), endpoint=True
        )
        for p in planned.sources
    }
    return Stimulus(inputs)


def learned(session: Session, stimulus: Stimulus, samples: Any = (0, 1, 0)) -> dict[str, Any]:
    session.learn(stimulus, list(samples))
    return {q.name: session.arrays[f"{q.name}.w"] for q in session.plan.learners}


def changed(given: Network, old: str, **values: Any) -> Network:
    """Return a network with a projection that has other values."""
    return replace(
        given,
        projections=tuple(replace(q, **values) if q.name == old else q for q in given.projections),
    )


BAD = [
    (network(replace(EPROP, modulator="teachers")), "Modulator of inputs_to_hidden must be one of"),
    (
        network(replace(EPROP, modulator="errors")),
        "Modulator of inputs_to_hidden must be of 1 or 6 neurons, not errors of 2",
    ),
    (
        network(out=replace(EPROP, modulator="errors")),
        "Rule of hidden_to_readout must learn for neurons that give 'excess', not leaky_readout",
    ),
    (
        changed(network(), "hidden_to_hidden", delay=12),
        "Delay of hidden_to_hidden must be below the 12 ticks, not 12",
    ),
    (
        network(errors=replace(ERRORS, window=13)),
        "Window of errors must be 0 to 12, not 13",
    ),
    (
        network(errors=replace(ERRORS, signal="readouts")),
        "Signal of errors must be one of",
    ),
    (
        network(errors=replace(ERRORS, target="inputs")),
        "Target of errors must be of 1 or 2 neurons, not inputs of 5",
    ),
    (
        network(errors=replace(ERRORS, target="readout")),
        "Signals of errors must be of different populations, not 'readout'",
    ),
    (
        network(errors=replace(ERRORS, target="errors")),
        "Projections of delay 0 must form no cycle",
    ),
    (
        changed(network(), "errors_to_teacher", mirror="hidden_to_readouts"),
        "Mirror of errors_to_teacher must be one of",
    ),
    (
        changed(network(), "errors_to_teacher", mirror="inputs_to_hidden"),
        "Mirror of errors_to_teacher must be of 6 x 2 synapses, not 5 x 6",
    ),
    (
        changed(network(), "errors_to_teacher", weight=f("fxp-s9/7")),
        "Weight of errors_to_teacher must be fxp-s10/7 as mirrored, not fxp-s9/7",
    ),
    (
        changed(network(), "errors_to_teacher", initial=0.5),
        "Projection errors_to_teacher must have no weights of its own, as it mirrors",
    ),
    (network(readout="inputs"), "Readout must be one of"),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=[message for _, message in BAD])
def test_what_does_not_fit_is_named(given: Network, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")):
        plan(given)


def test_self_connections_are_those_of_a_recurrent_projection() -> None:
    with pytest.raises(ValueError, match="Self connections of a_to_b must be left out"):
        Projection("a", "b", W, self_connections=False)
    with pytest.raises(TypeError, match="Self connections of a_to_a must be true or false, not 1"):
        Projection("a", "a", W, 1, self_connections=1)


def test_a_network_is_read_as_it_is_written() -> None:
    given = changed(network(), "hidden_to_hidden", self_connections=False)
    assert read_network(write_network(given)) == given


def test_there_is_no_synapse_from_a_neuron_to_itself() -> None:
    planned = plan(changed(network(), "hidden_to_hidden", self_connections=False))
    session = Session(planned, 1, "python")
    before = session.arrays["hidden_to_hidden.w"].copy()
    weights = learned(session, stimulate(planned))["hidden_to_hidden"]
    assert (np.diagonal(weights) == 0).all()
    assert (weights != before).any()
    with pytest.raises(ValueError, match="Weights of hidden_to_hidden from a neuron to itself"):
        session.set_weights("hidden_to_hidden", np.ones((6, 6), np.int64))


@pytest.mark.parametrize("seed", EVERY_RUN)
def test_compiled_equals_python(seed: int) -> None:
    """In 32 bits where they are enough, and in 64 elsewhere."""
    case = traced_case(seed)
    other = Session(case.plan, case.session.seed)
    other.restore(case.session.save())
    outcomes = [
        one.learn(case.stimulus, case.samples, traced=True) for one in (case.session, other)
    ]
    assert np.array_equal(outcomes[0].digests, outcomes[1].digests)


def test_cells_are_narrow_where_that_is_enough() -> None:
    planned = plan(network())
    q = planned.learners[0]
    assert q.learner is not None
    part = q.learner.update
    assert narrow.fits(part.cell, part.constants)
    wide = plan(network(replace(EPROP, factor=f("fxp-s30/26"), trace=f("fxp-u20/17"))))
    q = wide.learners[0]
    assert q.learner is not None
    assert not narrow.fits(q.learner.update.cell, q.learner.update.constants)


def test_narrow_cells_are_the_same_arithmetic() -> None:
    """A product of two numbers of 17 bits does not fit: the copy must cut it, as it cuts all."""
    module = narrow.narrowed("goldenspike.golden.rules.three_factor")
    constants = module.FactorConstants(f("fxp-u17/0"), f("fxp-s18/0"), f("fxp-s20/0"), 1 << 16, 0)
    assert module.scale(constants, None, module.FactorInputs(3))[1].factor == 3 << 16
    with pytest.raises(OverflowError, match="out of bounds for int32"):
        module.scale(constants, None, module.FactorInputs(1 << 16))


@pytest.mark.parametrize("rule", [EPROP, replace(EPROP, rounding=Rounding.STOCHASTIC), STDP])
def test_what_is_skipped_would_have_changed_nothing(
    rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(network(rule, errors=replace(ERRORS, window=5)))
    stimulus = stimulate(planned)
    stimulus.inputs["inputs"][:, ::2] = 0
    skipping = learned(Session(planned, 1, "python"), stimulus)
    monkeypatch.setattr(type(rule), "skips", False)
    dense = learned(Session(planned, 1, "python"), stimulus)
    for name, weights in skipping.items():
        assert np.array_equal(weights, dense[name])


@pytest.mark.parametrize("seed", range(30))
def test_random_networks_learn_as_if_nothing_were_skipped(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = traced_case(seed)
    dense = case.session.copy()
    case.session.learn(case.stimulus, case.samples)
    for q in case.plan.learners:
        assert q.learner is not None
        monkeypatch.setattr(type(q.learner.params), "skips", False)
    dense.learn(case.stimulus, case.samples)
    for name, array in case.session.arrays.items():
        assert np.array_equal(array, dense.arrays[name]), name


def test_what_rests_is_what_stays_at_zero() -> None:
    planned = plan(network())
    rest = {p.name: p.rests for p in planned.neurons}
    # Errors read signals, so they are not asked.
    assert rest == {"hidden": True, "readout": True, "errors": False, "teacher": True}
    assert all(q.learner is not None and q.learner.rests for q in planned.learners)
    (pair, *_) = plan(network(STDP)).learners
    assert pair.learner is not None
    assert not pair.learner.rests


def test_what_gives_something_for_nothing_does_not_rest() -> None:
    current = f("fxp-s16/10")
    for function, rests in (("tanh", True), ("sigmoid", False)):
        constants = rate.Params(f("fxp-s12/10"), function, 10.0).constants(current)
        assert ranges.rests(rate.STEP, constants, ("h", "current"), ("h", "signal")) == rests
    scale = three_factor.factor_constants(0.5, f("fxp-s8/6"), f("fxp-s14/10"))
    assert ranges.rests(three_factor.SCALE, scale, ("reward",), ("factor",))
    assert not ranges.rests(three_factor.SCALE, scale, (), ("factor",))


def test_skipping_is_seen_in_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(network())
    stimulus = stimulate(planned)
    stimulus.inputs["inputs"][...] = 0
    rows = Session(planned, 1, "python").learn(stimulus, [0], trace_rows=1 << 16, traced=True).trace
    number = planned.variables["inputs_to_hidden.w"].number
    assert not (rows[:, 1] == number).any()
    monkeypatch.setattr(eprop.Params, "skips", False)
    rows = Session(planned, 1, "python").learn(stimulus, [0], trace_rows=1 << 16, traced=True).trace
    assert (rows[:, 1] == number).sum() == TICKS * 5 * 6


def test_evaluation_learns_nothing() -> None:
    session = Session(plan(network(MODULATED)), 1, "python")
    before = session.save()
    stimulus = stimulate(session.plan)
    outcome = session.evaluate(stimulus, [0, 1], record=True)
    assert outcome.signals.shape == (2, TICKS, 2)
    assert outcome.signals.any()
    after = session.save()
    for name in before:
        if name.endswith(".w") or name == "trial":
            assert np.array_equal(before[name], after[name])


def test_without_a_third_factor_nothing_is_learned() -> None:
    session = Session(plan(network(MODULATED, MODULATED, None)), 1, "python")
    stimulus = stimulate(session.plan)
    stimulus.inputs["reward"][...] = 0
    before = session.arrays["inputs_to_hidden.w"].copy()
    session.learn(stimulus, [0, 1])
    assert np.array_equal(before, session.arrays["inputs_to_hidden.w"])
    assert session.arrays["inputs_to_hidden.e"].any()


def test_errors_are_those_of_the_window() -> None:
    planned = plan(network(errors=replace(ERRORS, window=3)))
    session = Session(planned, 1, "python")
    rows = session.learn(stimulate(planned), [0], trace_rows=1 << 16, traced=True).trace
    number = planned.variables["hidden_to_readout.factor"].number
    factors = [rows[(rows[:, 1] == number) & (rows[:, 0] == t)][:, 3] for t in range(TICKS)]
    assert not any(factor.any() for factor in factors[:-3])
    assert all(factor.any() for factor in factors[-3:])


def test_feedback_is_the_transposed_readout() -> None:
    """The mirror against a projection of its own that is given the same weights each trial."""
    own = changed(network(out=None), "errors_to_teacher", mirror=None)
    sessions = [Session(plan(one), 1, "python") for one in (network(out=None), own)]
    weights = sessions[0].arrays["hidden_to_readout.w"]
    sessions[1].set_weights("errors_to_teacher", weights.T.astype(np.int64))
    stimulus = stimulate(sessions[0].plan)
    one, other = (learned(session, stimulus) for session in sessions)
    assert np.array_equal(one["inputs_to_hidden"], other["inputs_to_hidden"])


def test_weights_of_a_mirror_are_those_of_the_other() -> None:
    session = Session(plan(network()), 1, "python")
    mirrored = session.weights("errors_to_teacher")
    assert np.array_equal(mirrored, session.weights("hidden_to_readout").T)
    message = "Weights of errors_to_teacher must be left to hidden_to_readout, which it mirrors"
    with pytest.raises(ValueError, match=message):
        session.set_weights("errors_to_teacher", np.zeros((2, 6), np.int64))


def test_permuted_neurons_learn_permuted_weights() -> None:
    """Nothing depends on a neuron's place but random words."""
    planned = plan(network())
    stimulus = stimulate(planned)
    order = np.array([3, 0, 5, 1, 2, 4])
    one, other = Session(planned, 1, "python"), Session(planned, 1, "python")
    start = {q.name: one.arrays[f"{q.name}.w"].astype(np.int64) for q in planned.learners}
    other.set_weights("inputs_to_hidden", start["inputs_to_hidden"][:, order])
    other.set_weights("hidden_to_hidden", start["hidden_to_hidden"][np.ix_(order, order)])
    other.set_weights("hidden_to_readout", start["hidden_to_readout"][order])
    after, permuted = learned(one, stimulus), learned(other, stimulus)
    assert np.array_equal(after["inputs_to_hidden"][:, order], permuted["inputs_to_hidden"])
    assert np.array_equal(after["hidden_to_readout"][order], permuted["hidden_to_readout"])


@pytest.mark.parametrize("rounding", Rounding)
def test_trials_may_be_cut_anywhere(rounding: Rounding) -> None:
    rule = replace(
        EPROP, learns="trial", interval=2, accumulator=f("fxp-s16/12"), rounding=rounding
    )
    planned = plan(network(rule))
    stimulus = stimulate(planned)
    whole = learned(Session(planned, 1, "python"), stimulus, [0, 1, 1, 0, 1])
    cut = Session(planned, 1, "python")
    cut.learn(stimulus, [0])
    cut = cut.copy()
    parts = learned(cut, stimulus, [1, 1, 0, 1])
    for name, weights in whole.items():
        assert np.array_equal(weights, parts[name])


def test_weights_of_a_trial_stand_still_until_its_end() -> None:
    rule = replace(EPROP, learns="trial", accumulator=f("fxp-s16/12"))
    planned = plan(network(rule, rule, replace(DELTA, learns="trial", accumulator=W)))
    session, stimulus = Session(planned, 1, "python"), stimulate(planned)
    rows = session.learn(stimulus, [0], trace_rows=1 << 16, traced=True)
    number = planned.variables["inputs_to_hidden.w"].number
    writes = rows.trace[rows.trace[:, 1] == number]
    values = {t: writes[writes[:, 0] == t][:, 3] for t in range(TICKS)}
    assert all(np.array_equal(values[0], values[t]) for t in range(TICKS - 1))
    assert not np.array_equal(values[0], values[TICKS - 1])


def test_rounding_words_are_uniform_and_pairwise_independent() -> None:
    """Those of synapses that share a row, a column or neither, in 4096 draws."""
    rows, columns = (
        (words(1, stream, 0, 0, 8192) & 0xFFFF).reshape(-1, 2)
        for stream in (Stream.ROUNDING_ROW, Stream.ROUNDING_COLUMN)
    )

    def mixed(j: int, i: int) -> np.ndarray:
        inputs = [
            MixInputs(*map(int, pair)) for pair in zip(rows[:, j], columns[:, i], strict=True)
        ]
        given = [MIX.step(Nothing(), Nothing(), x)[1].word for x in inputs]
        return np.array(given) / (1 << RANDOM_BITS)

    found = [mixed(0, 0), mixed(0, 1), mixed(1, 1)]
    for one in found:
        assert abs(one.mean() - 0.5) < 5 / (12 * len(one)) ** 0.5
    for one, other in itertools.combinations(found, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / len(one) ** 0.5


def test_rates_learn_by_rflo_only() -> None:
    populations = list(network().populations)
    populations[3] = Population("hidden", 6, rate.Params(f("fxp-s8/7")))
    given = network(populations=tuple(populations))
    with pytest.raises(ValueError, match="must learn for neurons that give 'excess', not rate"):
        plan(given)
