"""Golden and core compute the same bits, and where they do not, the place is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldenspike.golden import fixed
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.modulators import paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import node_perturbation, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import host
from goldenspike.hdl.core import LANES
from goldenspike.sim import lockstep as checked
from goldenspike.sim import simulators
from goldenspike.sim.cases import random_case
from goldenspike.sim.lockstep import LockstepError, Mismatch, lockstep
from goldenspike.tools import job

F = Format.parse
SEEDS = (3, 10, 16, 42, 43, 47, 58, 61, 87, 108, 112, 132, 155, 228, 243, 388)
"""Random cases that have every part and reach every end, each several times."""
BOTH = (155, 388)
"""Those that Verilator runs too."""
TRIALS = 500
FALL = {"werfel_node": 500, "werfel_weight": 4}
"""By what factor the error falls in so many trials; models.md expects e**(500/60), e**(500/340)."""


def wide(kind: str) -> Network:
    """Return a projection to 18 neurons, which no number of lanes above 2 divides."""
    factor = F("fxp-s14/10")
    if kind == "node":
        rule: Any = node_perturbation.Params(0.25, 0.25, factor)
        source, model = Source(), lif.Params(F("fxp-s12/6"), 0.9, 1.0)
        reward = Reward("b", "count_error", paired.Params(), F("fxp-s14/4"), F("fxp-u4/2"))
    else:
        distribution, rounding = Distribution.GAUSSIAN, Rounding.STOCHASTIC
        rule = weight_perturbation.Params(0.25, 0.25 * 8**0.5, factor, distribution, rounding)
        source, model = Source(F("fxp-s6/3")), leaky_readout.Params(F("fxp-s12/4"), 0.5)
        mean = running_mean.Params(0.25)
        reward = Reward("b", "squared_error", mean, F("fxp-s20/4"), F("fxp-s8/2"))
    projection = Projection("a", "b", F("fxp-s10/6"), initial=0.5, rule=rule)
    return Network(
        3, (Population("a", 5, source), Population("b", 18, model)), (projection,), reward
    )


@pytest.fixture
def start(stimulate: Callable[..., Stimulus]) -> Callable[[str], tuple[Session, Stimulus]]:
    """Give ``start(kind)``: a session of a network of one projection, and a stimulus."""

    def make(kind: str) -> tuple[Session, Stimulus]:
        planned = plan(wide(kind))
        session = Session(planned, 3, "python")
        session.trial = 40
        return session, stimulate(planned, 1)

    return make


SAMPLES = [0, 1, 1, 2]
Start = Callable[[str], tuple[Session, Stimulus]]


@pytest.mark.parametrize("kind", ["node", "weight"])
@pytest.mark.parametrize("lanes", LANES)
def test_lanes_do_not_change_a_bit(start: Start, kind: str, lanes: int) -> None:
    session, stimulus = start(kind)
    alone = session.copy()
    report = lockstep(session, stimulus, SAMPLES, lanes=lanes, simulator="icarus")
    before = alone.copy()
    digests = alone.learn(stimulus, SAMPLES, traced=True).digests
    assert report.mismatch is None
    assert (report.trials, report.lanes, report.ticks) == (4, lanes, digests.size)
    assert report.digest == int(digests.sum()) & 0xFFFFFFFF
    assert session.trial == alone.trial == 44
    for name, array in alone.arrays.items():
        assert np.array_equal(session.arrays[name], array)
    assert not np.array_equal(session.arrays["a_to_b.w"], before.arrays["a_to_b.w"])


@pytest.mark.parametrize("kind", ["node", "weight"])
def test_stalls_change_the_cycles_and_nothing_else(start: Start, kind: str) -> None:
    session, stimulus = start(kind)
    built = checked.prepare(session.plan, 4, "icarus")
    reports = {}
    for stalls in (False, True):
        reports[stalls] = lockstep(
            session.copy(),
            stimulus,
            SAMPLES,
            lanes=4,
            simulator="icarus",
            stalls=stalls,
            built=built,
        )
    assert reports[True].mismatch is None
    assert reports[True].cycles > reports[False].cycles
    assert dataclasses.replace(reports[True], cycles=0) == dataclasses.replace(
        reports[False], cycles=0
    )


def test_lockstep_goes_on_where_it_stopped(start: Start) -> None:
    """A core takes over all that trials depend on: weights, counter and the running mean."""
    session, stimulus = start("weight")
    built = checked.prepare(session.plan, 16, "icarus")
    for samples in ([0, 1], [], [2, 0]):
        before = session.trial
        report = lockstep(session, stimulus, samples, lanes=16, simulator="icarus", built=built)
        assert report.mismatch is None
        assert report.trials == session.trial - before == len(samples)
    assert session.arrays["reward.primed"] == [1]


def run_case(seed: int, simulator: str, lanes: int) -> checked.Report:
    """Return the report of a random case, which must have no mismatch."""
    case = random_case(seed)
    report = lockstep(
        *(case.session, case.stimulus, case.samples),
        lanes=lanes,
        simulator=simulator,
        external=case.external,
    )
    assert report.mismatch is None, f"seed {seed}, {lanes} lanes, {simulator}: {report.mismatch}"
    return report


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks(seed: int) -> None:
    run_case(seed, "icarus", LANES[seed % len(LANES)])


@pytest.mark.parametrize("seed", BOTH)
def test_verilator_and_icarus_see_the_same(seed: int) -> None:
    one, other = (run_case(seed, simulator, 2) for simulator in ("verilator", "icarus"))
    assert dataclasses.replace(one, simulator="icarus") == other


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10_000, 10_150))
def test_many_random_networks(seed: int) -> None:
    run_case(seed, "icarus", LANES[seed % len(LANES)])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20_000, 20_010))
def test_many_random_networks_on_verilator(seed: int) -> None:
    run_case(seed, "verilator", LANES[seed % len(LANES)])


def name(module: Any) -> str:
    """Return the last part of a module's name."""
    return module.__name__.rpartition(".")[2]


def parts(planned: Plan) -> set[Any]:
    """Return what a network has."""
    reward: Any = planned.reward
    place = {p.name: k for k, p in enumerate(planned.neurons)}
    found: set[Any] = {
        "paired" if reward.paired else "running mean",
        name(reward.objective) if reward.objective else "external",
    }
    if reward.objective is None:
        found |= {("error", reward.error.signed), ("two words", reward.error.width > 32)}
    for p in planned.sources:
        found.add("spikes" if p.signal == BIT else ("levels", p.signal.signed))
    for p in planned.neurons:
        model = name(p.module)
        found |= {
            (model, Rounding(p.constants.rounding)),
            (model, Overflow(p.constants.overflow)),
            p.params.drive,
        }
        if model == "lif":
            found |= {p.params.reset, p.params.compare}
    for q in planned.projections:
        far = place.get(q.pre.name, -1) - place[q.post.name]
        way = "back" if far > 0 else "own" if far == 0 else "forward"
        found |= {
            "input" if q.pre.module is None else (way, q.delay),
            ("delay", q.delay),
            ("graded", q.pre.signal != BIT),
            ("words", q.pre.signal == BIT and q.pre.size > 32),
            ("weight", q.weight.signed),
        }
        if q.rule is not None:
            rule = name(q.rule.module)
            found |= {
                (rule, q.rule.params.distribution),
                (rule, q.rule.params.rounding),
                (rule, q.rule.params.overflow),
            }
            if q.rule.step is not None:
                found.add("exact" if q.rule.params.eligibility is None else "short")
        else:
            found.add("fixed")
    return found


def test_the_random_networks_have_every_part() -> None:
    found = [parts(random_case(seed).plan) for seed in SEEDS]
    rules = ("node_perturbation", "weight_perturbation")
    wanted = {
        *("paired", "running mean", "squared_error", "count_error", "external"),
        *("spikes", "one", "complement", "subtract", "to_value", ">=", ">", "input"),
        *("exact", "short", "fixed", ("back", 1), ("own", 1), ("forward", 0), ("forward", 1)),
        *((word, flag) for word in ("error", "two words", "levels") for flag in (False, True)),
        *((word, flag) for word in ("graded", "words", "weight") for flag in (False, True)),
        *(("delay", delay) for delay in (0, 1)),
        *((rule, kind) for rule in rules for kind in (*Distribution, *Rounding, *Overflow)),
        *(
            (model, how)
            for model in ("lif", "leaky_readout")
            for how in (*Overflow, Rounding.FLOOR, Rounding.HALF_EVEN, Rounding.TOWARD_ZERO)
        ),
    }
    assert wanted - set().union(*found) == set()
    assert {part for part in wanted if sum(part in one for one in found) < 2} == set()


def test_the_random_networks_reach_every_end(monkeypatch: pytest.MonkeyPatch) -> None:
    beyond: set[tuple[Any, ...]] = set()
    limit = fixed.limit

    def watched(x: Any, fmt: Any, overflow: int) -> Any:
        if type(x) in (int, np.int64) and not fmt.low <= x <= fmt.high:
            beyond.add((fmt, Overflow(overflow), x > fmt.high))
        return limit(x, fmt, overflow)

    cases = [random_case(seed) for seed in SEEDS]
    monkeypatch.setattr(fixed, "limit", watched)
    ends, learnt, wraps = set(), 0, 0
    for case in cases:
        beyond.clear()
        first = {q.name: case.session.arrays[f"{q.name}.w"].copy() for q in case.plan.plastic}
        trial = case.session.trial
        case.session.learn(case.stimulus, case.samples, external=case.external)
        wraps += case.session.trial < trial
        learnt += any((w != case.session.arrays[f"{q}.w"]).any() for q, w in first.items())
        formats: dict[str, list[Format]] = {
            "weight": [q.weight for q in case.plan.plastic],
            "eligibility": [q.rule.eligibility for q in case.plan.plastic if q.rule.step],
            "factor": [q.rule.factor.factor for q in case.plan.plastic],
            "reward": [case.plan.reward.reward],
            "neuron": [fmt for p in case.plan.neurons for fmt in p.state.values()],
        }
        for word, listed in formats.items():
            ends |= {(word, overflow, high) for fmt, overflow, high in beyond if fmt in listed}
    saturated = {(word, Overflow.SATURATE, high) for word in formats for high in (False, True)}
    wrapped = {(w, Overflow.WRAP, high) for w in ("weight", "neuron") for high in (False, True)}
    assert (saturated | wrapped) - ends == set()
    assert learnt >= len(SEEDS) - 2
    assert wraps > 0


@pytest.mark.parametrize("experiment", FALL)
def test_werfels_perceptron_learns_in_hardware(experiment: str) -> None:
    made = job.prepare(experiment)
    session = Session(made.plan, made.experiment.seed, "python")
    first = session.weights("inputs_to_outputs")
    error = made.task.measure(session)["error"]
    stimulus, samples = made.task.trials(0, TRIALS)
    report = lockstep(session, stimulus, samples, lanes=2, simulator="verilator")
    # The weights of the core were read back and compared with the session's, which moved on.
    assert (report.mismatch, report.trials, session.trial) == (None, TRIALS, TRIALS)
    assert report.words > session.arrays["inputs_to_outputs.w"].size == 32
    assert (session.weights("inputs_to_outputs") != first).all()
    assert made.task.measure(session)["error"] < error / FALL[experiment]


def test_errors_from_outside_are_those_of_learn_from(
    networks: dict[str, Network], stimulate: Callable[..., Stimulus]
) -> None:
    planned = plan(networks["judged"])
    session, stimulus = Session(planned, 5, "python"), stimulate(planned, 2)
    alone = session.copy()
    known: list[list[int]] = []

    def judge(signals: np.ndarray) -> list[int]:
        known.append([int(abs(signals).sum()) - 300 * (len(known) % 2)])
        return known[-1]

    samples = [0, 1, 2, 0]
    for sample in samples:
        alone.learn_from(stimulus, sample, judge)
    report = lockstep(
        session, stimulus, samples, lanes=4, simulator="icarus", external=np.array(known, object)
    )
    assert report.mismatch is None
    assert len({*map(tuple, known)}) > 2
    for array, other in zip(session.arrays.values(), alone.arrays.values(), strict=True):
        assert np.array_equal(array, other)
    assert session.trial == alone.trial == 4


# ----------------------------------------------------------------------------- what goes wrong


@pytest.fixture
def small() -> tuple[Session, Stimulus]:
    """Return a session of two spiking inputs and two neurons, whose sums are known by heart."""
    rule = node_perturbation.Params(0.25, 1.0, F("fxp-s12/8"))
    planned = plan(
        Network(
            2,
            (
                Population("a", 2, Source()),
                Population("b", 2, lif.Params(F("fxp-s10/4"), 1.0, 8.0)),
            ),
            (Projection("a", "b", F("fxp-s8/4"), rule=rule),),
            Reward("b", "count_error", paired.Params(), F("fxp-s12/4"), F("fxp-u4/2")),
        )
    )
    session = Session(planned, 1, "python")
    session.trial = 5
    session.set_weights("a_to_b", np.array([[16, 32], [48, 64]]))
    inputs = np.array([[[1, 0], [1, 0]], [[0, 0], [0, 1]]])
    return session, Stimulus({"a": inputs}, np.array([[1, 2], [3, 4]]))


@pytest.fixture
def tamper(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give ``tamper(change)``: hardware runs on copies of session and stimulus that it changes."""

    def plant(change: Callable[[Session, Stimulus], None]) -> None:
        script = checked.script

        def tampered(core: Any, session: Session, stimulus: Stimulus, *rest: Any) -> list[int]:
            other = session.copy()
            shown = Stimulus(
                {k: v.copy() for k, v in stimulus.inputs.items()}, stimulus.targets.copy()
            )
            change(other, shown)
            return script(core, other, shown, *rest)

        monkeypatch.setattr(checked, "script", tampered)

    return plant


def run_small(small: tuple[Session, Stimulus], **more: Any) -> Mismatch | None:
    """Return the mismatch of two trials."""
    return lockstep(*small, [0, 1], lanes=2, simulator="icarus", **more).mismatch


def test_without_tampering_nothing_differs(small: tuple[Session, Stimulus]) -> None:
    assert run_small(small) is None


def test_a_weight_shows_where_it_is_used_first(
    small: tuple[Session, Stimulus], tamper: Callable[..., None]
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        session.arrays["a_to_b.w"][1, 0] += 3

    tamper(change)
    mismatch = run_small(small)
    # Row 1 is delivered in no tick of trial 5, but is learned: 48 and 51 without eligibility.
    assert mismatch == Mismatch(5, "update", "a_to_b.w", (1, 0), 48, 51)
    assert str(mismatch) == "trial 5, update: a_to_b.w[1, 0]: golden 48, hardware 51"


def test_an_input_shows_in_its_tick(
    small: tuple[Session, Stimulus], tamper: Callable[..., None]
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        stimulus.inputs["a"][1, 0, 1] = 1

    session, stimulus = small
    alone = session.copy()
    alone.learn(stimulus, [0])
    tamper(change)
    mismatch = run_small(small)
    # Trial 6 begins without a spike; the hardware is shown one of input 1.
    seen = int(alone.arrays["a_to_b.w"][1, 0])
    assert mismatch == Mismatch(6, "pass 0, tick 0", "b.v", (0,), 0, seen)


def test_a_write_of_one_side_only(
    small: tuple[Session, Stimulus], tamper: Callable[..., None]
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        stimulus.inputs["a"][1, 0, 0] = 1
        session.arrays["a_to_b.w"][0] = 0  # so that nothing else tells them apart

    session, stimulus = small
    session.set_weights("a_to_b", np.zeros((2, 2), int))
    stimulus.targets[...] = 0  # all errors are 0: nothing is learned in trial 5
    tamper(change)
    mismatch = run_small(small)
    assert mismatch is not None
    place = (mismatch.trial, mismatch.step, mismatch.variable, mismatch.golden)
    assert place == (6, "pass 1, tick 0", "a_to_b.e", None)
    assert mismatch.hardware in (-1, 1)
    assert "golden not written, hardware " in str(mismatch)


def test_a_write_that_the_hardware_lacks(
    small: tuple[Session, Stimulus], tamper: Callable[..., None]
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        stimulus.inputs["a"][1, 1, 1] = 0

    session, stimulus = small
    session.set_weights("a_to_b", np.zeros((2, 2), int))
    stimulus.targets[...] = 0
    tamper(change)
    mismatch = run_small(small)
    assert mismatch is not None
    place = (mismatch.trial, mismatch.step, mismatch.variable, mismatch.index)
    assert place == (6, "pass 1, tick 1", "a_to_b.e", (1, 0))
    assert (mismatch.golden in (-1, 1), mismatch.hardware) == (True, None)
    assert str(mismatch).endswith("hardware not written")


def test_a_target_shows_in_the_error(
    small: tuple[Session, Stimulus], tamper: Callable[..., None]
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        stimulus.targets[0, 1] += 1

    tamper(change)
    # No neuron spikes twice: counts of 0 against targets of 1/4 and 2/4, or 3/4, in sixteenths.
    assert run_small(small) == Mismatch(5, "pass 0, tick 1", "reward.error", (), 5, 10)


def test_the_seed_shows_in_the_perturbation(
    small: tuple[Session, Stimulus], tamper: Callable[..., None]
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        session.seed += 1

    tamper(change)
    mismatch = run_small(small)
    assert mismatch is not None
    assert (mismatch.trial, mismatch.step[:6], mismatch.variable) == (5, "pass 1", "a_to_b.e")


def test_external_errors_differ(
    networks: dict[str, Network],
    stimulate: Callable[..., Stimulus],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planned = plan(networks["judged"])
    session, stimulus = Session(planned, 5, "python"), stimulate(planned, 2)
    session.arrays["reward.primed"][0] = 1
    external = np.array([[100], [-200], [300]])
    script = checked.script

    def tampered(core: Any, session: Session, stimulus: Any, samples: Any, known: Any) -> list[int]:
        return script(core, session, stimulus, samples, known + np.array([[0], [16], [0]]))

    monkeypatch.setattr(checked, "script", tampered)
    mismatch = lockstep(
        session, stimulus, [0, 1, 2], lanes=1, simulator="icarus", external=external
    ).mismatch
    assert mismatch is not None
    assert (mismatch.trial, mismatch.step, mismatch.variable) == (1, "update", "reward.reward")
    assert mismatch.golden is not None
    assert mismatch.hardware == mismatch.golden - (16 << 2)  # of 4 fraction bits, in 6


def test_a_digest_that_differs_alone(
    small: tuple[Session, Stimulus], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = simulators.run
    expected = []

    def wrong(build: Any, module: str, *, parameters: dict[str, Any], **more: Any) -> Any:
        digests = list(parameters["digests"])
        expected.append(digests[6])
        digests[6] ^= 1 << 31
        return run(build, module, parameters=parameters | {"digests": digests}, **more)

    monkeypatch.setattr(simulators, "run", wrong)
    mismatch = run_small(small)
    assert mismatch == Mismatch(6, "pass 0, tick 1", "digest", (), expected[0], None)


@pytest.mark.parametrize(
    ("region", "word", "value"), [("registers", 1, 7), ("counts", 1, 1), ("a_inputs", 0, 0)]
)
def test_a_word_read_back_differs(
    small: tuple[Session, Stimulus],
    monkeypatch: pytest.MonkeyPatch,
    region: str,
    word: int,
    value: int,
) -> None:
    compare = checked._readback

    def wrong(session: Session, compared: dict[str, list[int]], answers: list[int]) -> Any:
        assert compared[region][word] == value
        compared[region][word] = value + 2
        return compare(session, compared, answers)

    monkeypatch.setattr(checked, "_readback", wrong)
    assert run_small(small) == Mismatch(6, "read back", region, (word,), value + 2, value)


def test_a_word_of_a_command_too_many(
    small: tuple[Session, Stimulus], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = checked.script
    monkeypatch.setattr(checked, "script", lambda *given: [0xF0000000, *script(*given)])
    with pytest.raises(LockstepError, match="Core must understand every command, but set fault"):
        run_small(small)


@pytest.mark.parametrize(("kept", "tick"), [(0, 5), (1, 10)])
def test_a_core_that_hangs(
    small: tuple[Session, Stimulus], monkeypatch: pytest.MonkeyPatch, kept: int, tick: int
) -> None:
    script, read = checked.script, host.read
    if kept:
        regions = iter(range(2))
        monkeypatch.setattr(host, "read", lambda *given: read(*given) * (next(regions, 1) < 1))
    else:
        monkeypatch.setattr(checked, "script", lambda *given: script(*given)[:-1])
    monkeypatch.setattr(checked, "SLOWEST", 3000)
    with pytest.raises(LockstepError, match=f"Core must end tick {tick}, but hangs"):
        run_small(small)


def test_a_network_must_learn(small: tuple[Session, Stimulus]) -> None:
    session, stimulus = small
    neurons = Population("b", 2, lif.Params(F("fxp-s10/4"), 1.0, 1.0))
    given = (Population("a", 2, Source()), neurons), (Projection("a", "b", F("fxp-s8/4")),)
    with pytest.raises(ValueError, match="Network must have a reward to learn from, not none"):
        lockstep(Session(plan(Network(2, *given)), 1, "python"), stimulus, [0])


@pytest.mark.parametrize("weight", [0, 1])
def test_waves_are_recorded(
    small: tuple[Session, Stimulus], tamper: Callable[..., None], tmp_path: Path, weight: int
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        session.arrays["a_to_b.w"][0, 0] += weight

    tamper(change)
    waves = tmp_path / "run.vcd"
    mismatch = run_small(small, waves=waves)
    assert (mismatch is not None) == bool(weight)
    text = waves.read_text()
    assert all(f" {signal} " in text for signal in ("clk", "tick", "digest"))
    assert text.count("\n#") > 100
