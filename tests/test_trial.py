"""Sessions: what they refuse, and that nothing but description, seed and input counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goldenspike.golden import randomness, trial
from goldenspike.golden.fixed import Format
from goldenspike.golden.network import Network, Projection
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.randomness import Stream
from goldenspike.golden.trial import Outcome, Session, Stimulus, in_parallel, initial_weights

COMPILED = ("spiking", "graded", "deep", "counted", "online")
NAMES = (*COMPILED, "hybrid", "coded", "twosided", "noisy", "conductances", "delayed")
SAMPLES = [0, 2, 1, 1, 0, 2, 0]
Stimulate = Callable[..., Stimulus]


@pytest.fixture(scope="session")
def plans(networks: dict[str, Network]) -> dict[str, Plan]:
    """Give the plans of the small networks."""
    return {name: plan(network) for name, network in networks.items()}


def raw_weights(session: Session) -> list[list]:
    """Return all raw weights."""
    return [session.arrays[f"{q.name}.w"].tolist() for q in session.plan.projections]


def same(one: Outcome, two: Outcome) -> bool:
    """Return whether two outcomes are equal."""
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "python") for name in NAMES), *((name, "compiled") for name in COMPILED)],
)
def test_trials_in_chunks_equal_one_call(
    name: str, kind: str, plans: dict[str, Plan], stimulate: Stimulate
) -> None:
    made, stimulus = plans[name], stimulate(plans[name], 1)
    whole, pieces = Session(made, 3, kind), Session(made, 3, kind)
    want = whole.learn(stimulus, SAMPLES, traced=True)
    parts = [
        pieces.learn(stimulus, SAMPLES[a:b], traced=True)
        for a, b in ((0, 1), (1, 1), (1, 4), (4, 7))
    ]
    for field in ("errors", "rewards", "digests"):
        joined = np.concatenate([getattr(part, field) for part in parts])
        assert np.array_equal(joined, getattr(want, field))
    assert raw_weights(whole) == raw_weights(pieces)
    assert whole.trial == pieces.trial == len(SAMPLES)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_session_goes_on_as_if_never_stopped(
    name: str, plans: dict[str, Plan], stimulate: Stimulate
) -> None:
    made, stimulus = plans[name], stimulate(plans[name], 2)
    session = Session(made, 4, "python")
    session.learn(stimulus, SAMPLES[:3])
    saved = session.save()
    kept = {key: np.copy(value) for key, value in saved.items()}
    first = session.learn(stimulus, SAMPLES[3:], traced=True)
    after = raw_weights(session)
    session.evaluate(stimulus, [1, 2])
    session.restore(saved)
    assert same(session.learn(stimulus, SAMPLES[3:], traced=True), first)
    assert raw_weights(session) == after
    fresh = Session(made, 4, "python")
    fresh.restore(saved)
    assert same(fresh.learn(stimulus, SAMPLES[3:], traced=True), first)
    assert all(np.array_equal(kept[key], saved[key]) for key in kept)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_make_the_difference(name: str, plans: dict[str, Plan], stimulate: Stimulate) -> None:
    made, stimulus = plans[name], stimulate(plans[name], 3)
    sessions = [Session(made, seed, "python") for seed in (5, 5, 6)]
    outcomes = [session.learn(stimulus, SAMPLES, traced=True) for session in sessions]
    assert same(outcomes[0], outcomes[1])
    assert raw_weights(sessions[0]) == raw_weights(sessions[1])
    assert not np.array_equal(outcomes[0].digests, outcomes[2].digests)
    assert raw_weights(sessions[0]) != raw_weights(sessions[2])


def test_a_copy_is_independent_and_may_have_another_seed(
    plans: dict[str, Plan], stimulate: Stimulate
) -> None:
    made, stimulus = plans["spiking"], stimulate(plans["spiking"], 4)
    session = Session(made, 7, "python")
    session.learn(stimulus, SAMPLES[:2])
    before = raw_weights(session)
    twin, other = session.copy(), session.copy(seed=8)
    assert (twin.seed, other.seed, twin.trial, other.trial) == (7, 8, 2, 2)
    different = other.learn(stimulus, SAMPLES, traced=True)
    first = twin.learn(stimulus, SAMPLES, traced=True)
    assert raw_weights(session) == before
    assert same(session.learn(stimulus, SAMPLES, traced=True), first)
    assert not np.array_equal(first.digests, different.digests)


@pytest.mark.parametrize("name", [*NAMES, "judged", "running"])
def test_an_evaluation_changes_nothing_and_does_not_perturb(
    name: str, plans: dict[str, Plan], stimulate: Stimulate
) -> None:
    made, stimulus = plans[name], stimulate(plans[name], 5)
    sessions = [Session(made, seed, "python") for seed in (1, 2)]
    for session in sessions:
        for q in made.projections:
            session.set_weights(q.name, initial_weights(made, q.name, 9))
    outcomes = [session.evaluate(stimulus, [0, 1, 2], record=True) for session in sessions]
    assert same(*outcomes)
    assert sessions[0].trial == 0
    assert raw_weights(sessions[0]) == raw_weights(Session(made, 9, "python"))
    assert same(sessions[0].evaluate(stimulus, [0, 1, 2], record=True), outcomes[0])
    for array in (a for key, a in sessions[0].arrays.items() if key.endswith((".e", ".mean"))):
        assert not array.any()


def test_the_order_of_evaluated_samples_does_not_count(
    plans: dict[str, Plan], stimulate: Stimulate
) -> None:
    made, stimulus = plans["deep"], stimulate(plans["deep"], 6, 5)
    session = Session(made, 1, "python")
    forward = session.evaluate(stimulus, range(5), record=True)
    order = [3, 0, 4, 2, 1]
    mixed = session.evaluate(stimulus, order, record=True)
    assert np.array_equal(mixed.signals, forward.signals[order])
    assert np.array_equal(mixed.errors, forward.errors[order])


def test_the_count_of_trials_wraps(plans: dict[str, Plan], stimulate: Stimulate) -> None:
    made, stimulus = plans["spiking"], stimulate(plans["spiking"], 7)
    fresh = Session(made, 1, "python")
    want = fresh.learn(stimulus, [0], traced=True)
    late = Session(made, 1, "python")
    late.trial = randomness.MASK
    weights = late.arrays["a_to_b.w"].copy()
    late.learn(stimulus, [1])
    assert late.trial == 0
    late.arrays["a_to_b.w"][...] = weights
    assert same(late.learn(stimulus, [0], traced=True), want)
    late.trial = randomness.MASK
    late.arrays["a_to_b.w"][...] = weights
    late.learn(stimulus, [1, 1])
    assert late.trial == 1


def test_tracing_and_recording_change_nothing(plans: dict[str, Plan], stimulate: Stimulate) -> None:
    made, stimulus = plans["spiking"], stimulate(plans["spiking"], 8)
    for kind in ("python", "compiled"):
        plain, watched = Session(made, 2, kind), Session(made, 2, kind)
        bare = plain.learn(stimulus, SAMPLES)
        full = watched.learn(stimulus, SAMPLES, traced=True, trace_rows=10_000, record=True)
        assert np.array_equal(bare.errors, full.errors)
        assert np.array_equal(bare.rewards, full.rewards)
        assert raw_weights(plain) == raw_weights(watched)
        assert [len(part) for part in (bare.signals, bare.digests, bare.trace)] == [0, 0, 0]
        assert full.signals.shape == (len(SAMPLES), made.ticks, 3)


def test_a_record_is_what_the_trace_says_of_the_last_pass(
    plans: dict[str, Plan], stimulate: Stimulate
) -> None:
    made, stimulus = plans["spiking"], stimulate(plans["spiking"], 9)
    outcome = Session(made, 2, "python").learn(
        stimulus, SAMPLES, traced=True, trace_rows=10_000, record=True
    )
    spike = made.variables["b.spike"].number
    found = np.zeros((len(SAMPLES) * made.digests, 3), np.int64)
    for moment, variable, index, value in outcome.trace:
        if variable == spike:
            found[moment, index] = value
    last_pass = found.reshape(len(SAMPLES), made.digests, 3)[:, made.ticks : -1]
    assert np.array_equal(outcome.signals, last_pass)
    assert outcome.signals.any()


def test_a_trace_may_end_early(plans: dict[str, Plan], stimulate: Stimulate) -> None:
    made, stimulus = plans["graded"], stimulate(plans["graded"], 9)
    full = Session(made, 2, "python").learn(stimulus, SAMPLES, traced=True, trace_rows=10_000)
    short = Session(made, 2, "python").learn(stimulus, SAMPLES, traced=True, trace_rows=25)
    assert np.array_equal(short.trace, full.trace[:25])
    assert np.array_equal(short.digests, full.digests)
    assert len(full.trace) < 10_000


def test_errors_from_outside_after_the_trial_or_before_it(
    plans: dict[str, Plan], stimulate: Stimulate
) -> None:
    made, stimulus = plans["judged"], stimulate(plans["judged"], 1)
    known, judged = Session(made, 1, "python"), Session(made, 1, "python")
    seen = []

    def judge(signals: np.ndarray) -> list[int]:
        seen.append(signals.tolist())
        return [int(np.sum(signals)) % 97 - 40]

    outcomes = [judged.learn_from(stimulus, sample, judge) for sample in SAMPLES]
    errors = [[int(outcome.errors[0, 0])] for outcome in outcomes]
    assert errors == [[int(np.sum(s)) % 97 - 40] for s in seen]
    want = known.learn(stimulus, SAMPLES, external=errors, record=True)
    assert [int(outcome.rewards[0]) for outcome in outcomes] == want.rewards.tolist()
    assert [passes[-1] for passes in seen] == want.signals.tolist()
    assert raw_weights(known) == raw_weights(judged)
    assert known.trial == judged.trial == len(SAMPLES)


def test_initial_weights_are_popcount_gaussians(plans: dict[str, Plan]) -> None:
    made = plans["spiking"]
    drawn = randomness.variates(3, Stream.INITIAL_WEIGHT, 0, 32, 15).reshape(5, 3)
    want = np.rint(drawn * 0.5 / np.sqrt(8) * 2**10)
    assert initial_weights(made, "a_to_b", 3).tolist() == want.tolist()
    assert Session(made, 3).arrays["a_to_b.w"].tolist() == want.tolist()
    assert Session(made, 3, "ideal").arrays["a_to_b.w"].tolist() == (want / 2**10).tolist()


def test_initial_weights_have_the_spread_that_is_asked(networks: dict[str, Network]) -> None:
    network = networks["spiking"]
    posts = (network.populations[0], replace(network.populations[1], size=2000))
    projection = Projection("a", "b", Format(True, 20, 16), initial=0.25)
    made = plan(replace(network, populations=posts, projections=(projection,), reward=None))
    weights = Session(made, 11).weights("a_to_b")
    # 10,000 weights: the standard error of a standard deviation is its 1/sqrt(2 n), 0.7 %.
    assert weights.std() == pytest.approx(0.25, rel=0.035)
    assert abs(weights.mean()) < 5 * 0.25 / 100


def test_weights_are_set_raw_and_read_real(plans: dict[str, Plan]) -> None:
    raw = np.arange(15).reshape(5, 3) * 100 - 700
    for kind in trial.ENGINES:
        session = Session(plans["spiking"], kind=kind)
        session.set_weights("a_to_b", raw)
        assert session.weights("a_to_b").tolist() == (raw / 2**10).tolist()
        session.weights("a_to_b")[0, 0] = 9.0
        assert session.weights("a_to_b")[0, 0] == -700 / 2**10


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("fxp-s8/0", np.int8),
        ("fxp-u8/0", np.int16),
        ("fxp-s9/0", np.int16),
        ("fxp-u15/0", np.int16),
        ("fxp-u16/0", np.int32),
        ("fxp-s33/0", np.int64),
        ("fxp-u62/0", np.int64),
    ],
)
def test_storage_holds_its_format(text: str, dtype: Any) -> None:
    fmt = Format.parse(text)
    assert trial.storage(fmt) is dtype
    assert np.iinfo(dtype).min <= fmt.low
    assert fmt.high <= np.iinfo(dtype).max


def test_sessions_in_parallel_keep_their_order(
    plans: dict[str, Plan], stimulate: Stimulate
) -> None:
    made, stimulus = plans["spiking"], stimulate(plans["spiking"], 1)
    sessions = [Session(made, seed) for seed in range(12)]
    alone = [Session(made, seed).learn(stimulus, SAMPLES, traced=True) for seed in range(12)]
    for threads in (1, 3):
        copies = [session.copy() for session in sessions]
        together = in_parallel(
            copies, lambda session: session.learn(stimulus, SAMPLES, traced=True), threads
        )
        assert all(same(a, b) for a, b in zip(together, alone, strict=True))
    with pytest.raises(ZeroDivisionError):
        in_parallel(sessions, lambda session: 1 // session.trial, 2)


@pytest.mark.parametrize("kind", ["fast", "Compiled", None])
def test_engines_that_are_not_are_refused(kind: Any, plans: dict[str, Plan]) -> None:
    message = f"Engine must be one of 'compiled', 'python', 'ideal', not {kind!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Session(plans["spiking"], 0, kind)


@pytest.mark.parametrize("seed", [-1, 1 << 32])
def test_seeds_that_are_none_are_refused(seed: Any, plans: dict[str, Plan]) -> None:
    message = f"Seed must be 0 to 4294967295, not {seed!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Session(plans["spiking"], seed)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.zeros((3, 5), int), "Weights of a_to_b must be of shape (5, 3), not (3, 5)"),
        (np.zeros(15, int), "Weights of a_to_b must be of shape (5, 3), not (15,)"),
        (np.full((5, 3), 8192), "Weights of a_to_b must fit fxp-s14/10, not 8192"),
        (np.full((5, 3), -8193), "Weights of a_to_b must fit fxp-s14/10, not -8193"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    raw: np.ndarray, message: str, plans: dict[str, Plan]
) -> None:
    session = Session(plans["spiking"], 1)
    before = raw_weights(session)
    with pytest.raises(ValueError, match=re.escape(message)):
        session.set_weights("a_to_b", raw)
    assert raw_weights(session) == before
    for end in (-8192, 8191):
        session.set_weights("a_to_b", np.full((5, 3), end))
        assert raw_weights(session) == [[[end] * 3] * 5]


INPUTS, TARGETS = np.zeros((4, 6, 5), int), np.zeros((4, 3), int)
BAD: list[tuple[Any, Any, Any, str]] = [
    (INPUTS[:, :5], TARGETS, [0], "Signals of a must be of shape (4, 6, 5), not (4, 5, 5)"),
    (INPUTS[:, :, 0], TARGETS, [0], "Signals of a must be of shape (4, 6, 5), not (4, 6)"),
    (INPUTS, TARGETS[:3], [0], "Signals of targets must be of shape (4, 3), not (3, 3)"),
    (INPUTS, TARGETS[:, :2], [0], "Signals of targets must be of shape (4, 3), not (4, 2)"),
    (INPUTS, INPUTS, [0], "Signals of targets must be of shape (4, 3), not (4, 6, 5)"),
    (INPUTS + 2, TARGETS, [0], "Signals of a must fit fxp-u1/0, not 2"),
    (INPUTS - 1, TARGETS, [0], "Signals of a must fit fxp-u1/0, not -1"),
    (INPUTS, TARGETS + 128, [0], "Signals of targets must fit fxp-s8/4, not 128"),
    (INPUTS, TARGETS - 129, [0], "Signals of targets must fit fxp-s8/4, not -129"),
    (INPUTS, TARGETS, [0, 4], "Samples must be 0 to 3, not 0..4"),
    (INPUTS, TARGETS, [-1, 2], "Samples must be 0 to 3, not -1..2"),
]


@pytest.mark.parametrize(("inputs", "targets", "samples", "message"), BAD)
@pytest.mark.parametrize("method", ["learn", "evaluate"])
def test_stimuli_that_do_not_fit_are_refused(
    inputs: Any, targets: Any, samples: Any, message: str, method: str, plans: dict[str, Plan]
) -> None:
    session = Session(plans["spiking"], 1, "python")
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(session, method)(Stimulus({"a": inputs}, targets), samples)
    assert session.trial == 0


def test_targets_of_every_tick_are_asked_for(plans: dict[str, Plan]) -> None:
    session = Session(plans["graded"], 1, "python")
    message = "Signals of targets must be of shape (4, 6, 3), not (4, 3)"
    with pytest.raises(ValueError, match=re.escape(message)):
        session.learn(Stimulus({"a": INPUTS}, TARGETS), [0])


@pytest.mark.parametrize("names", [["b"], ["a", "b"]])
def test_sources_must_be_those_of_the_network(names: list[str], plans: dict[str, Plan]) -> None:
    session = Session(plans["spiking"], 1, "python")
    with pytest.raises(ValueError, match=r"Sources of a stimulus must be one of .*'a'.*, not "):
        session.learn(Stimulus(dict.fromkeys(names, INPUTS), TARGETS), [0])


def test_no_trials_are_no_trouble(plans: dict[str, Plan], stimulate: Stimulate) -> None:
    made, stimulus = plans["spiking"], stimulate(plans["spiking"], 1)
    session = Session(made, 1, "python")
    before = raw_weights(session)
    outcome = session.learn(stimulus, [], traced=True)
    assert (outcome.errors.shape, outcome.digests.shape) == ((0, 2), (0, made.digests))
    assert raw_weights(session) == before
    assert session.trial == 0


@pytest.mark.parametrize("seed", [1.0, True, "1", None, np.bool_(1), np.float64(1)])
def test_seeds_that_are_no_integers_are_refused(seed: Any, plans: dict[str, Plan]) -> None:
    with pytest.raises(TypeError, match=re.escape(f"Seed must be an integer, not {seed!r}")):
        Session(plans["spiking"], seed)


def test_integers_of_any_kind_are_seeds_and_samples(
    plans: dict[str, Plan], stimulate: Callable[..., Stimulus]
) -> None:
    made = plans["spiking"]
    stimulus = stimulate(made, 1)
    found = []
    for seed, samples in (
        (3, [0, 2, 1]),
        (np.int64(3), np.array([0, 2, 1], np.uint8)),
        (np.uint16(3), np.array([0, 2, 1], object)),
        (np.array(3), (np.int8(0), 2, np.int64(1))),
    ):
        session = Session(made, seed)
        assert type(session.seed) is int
        found.append(session.learn(stimulus, samples, traced=True).digests.tolist())
        assert session.trial == 3
        assert type(session.copy(seed=np.int32(5)).seed) is int
    assert all(digests == found[0] for digests in found)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.array([True, False, True]), "Samples must be integers, not a mask: take np.flatnonzer"),
        ([True, False, True], "Samples must be integers, not a mask: take np.flatnonzero of it"),
        (np.array([0.0, 1.0]), "Samples must be integers, not float64"),
        (np.array([0, 0.5], object), "Item 1 of Samples must be an integer, not 0.5"),
        (["0"], "Samples must be integers, not <U1"),
    ],
)
def test_masks_and_fractions_are_no_sample_numbers(
    samples: Any, message: str, plans: dict[str, Plan], stimulate: Callable[..., Stimulus]
) -> None:
    made = plans["spiking"]
    session = Session(made, 3)
    for work in (session.learn, session.evaluate, session.perturb):
        with pytest.raises(TypeError, match=re.escape(message)):
            work(stimulate(made, 1), samples)
    with pytest.raises(ValueError, match=r"Samples must be of shape \(trials,\), not \(1, 1\)"):
        session.learn(stimulate(made, 1), [[0]])


@pytest.mark.parametrize("item", [0.5, np.float64(1.0), True, "1", None])
def test_objects_that_are_no_integers_are_no_inputs(
    item: Any, plans: dict[str, Plan], stimulate: Callable[..., Stimulus]
) -> None:
    made = plans["spiking"]
    session, good = Session(made, 3), stimulate(made, 1)
    inputs = good.inputs["a"].astype(object)
    session.learn(Stimulus({"a": inputs}, good.targets), [0])
    inputs[0, 0, 1] = item
    message = f"Item 1 of Signals of a must be an integer, not {item!r}"
    with pytest.raises(TypeError, match=re.escape(message)):
        session.learn(Stimulus({"a": inputs}, good.targets), [0])
    weights = session.arrays["a_to_b.w"].astype(object)
    weights[0, 0] = item
    with pytest.raises(TypeError, match="Item 0 of Weights of a_to_b must be an integer"):
        session.set_weights("a_to_b", weights)


def test_conditions_are_integers(
    plans: dict[str, Plan], stimulate: Callable[..., Stimulus]
) -> None:
    made = plans["noisy"]
    good = stimulate(made, 1)
    with pytest.raises(TypeError, match="Conditions must be integers, not float64"):
        Session(made, 3).learn(replace(good, conditions=np.array([0.5, 1.5, 2.0])), [0])
