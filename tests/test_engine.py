"""One program, executed by Numba, by Python and in parallel: the same bits, and each write once."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import engine
from goldenspike.golden.cache import cache_root, replacing
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.network import Network
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.program import program
from goldenspike.golden.trial import Outcome, Session, Stimulus, in_parallel

NAMES = (
    *("spiking", "graded", "deep", "judged", "counted", "running", "hybrid", "coded"),
    *("twosided", "noisy", "conductances", "online", "delayed"),
)
SAMPLES = (0, 2, 1, 2)
ROWS = 20_000

Stimulate = Callable[..., Stimulus]


def errors_outside(made: Plan, seed: int) -> np.ndarray | None:
    """Return external errors of the trials, if the network wants them."""
    if made.reward is None or made.reward.objective is not None:
        return None
    fmt = made.reward.error
    rng = np.random.default_rng(seed)
    return rng.integers(fmt.low, fmt.high, (len(SAMPLES), made.passes), endpoint=True)


def learned(session: Session, stimulus: Stimulus, seed: int = 0) -> Outcome:
    """Return what some traced learning trials give, or plain runs of a network that has no rule."""
    run = session.learn if session.plan.learns else session.evaluate
    return run(
        stimulus,
        SAMPLES,
        traced=True,
        trace_rows=ROWS,
        record=True,
        external=errors_outside(session.plan, seed),
    )


def assert_equal(one: tuple[Session, Outcome], two: tuple[Session, Outcome]) -> None:
    """Compare all that two sessions gave and hold."""
    for field in Outcome._fields:
        a, b = getattr(one[1], field), getattr(two[1], field)
        assert np.array_equal(a, b), field
    assert one[0].arrays.keys() == two[0].arrays.keys()
    for name, array in one[0].arrays.items():
        assert np.array_equal(array, two[0].arrays[name]), name
    assert one[0].trial == two[0].trial


@pytest.mark.parametrize(
    "name",
    [*NAMES[:5], *(pytest.param(name, marks=pytest.mark.long) for name in NAMES[5:])],
)
def test_numba_python_and_threads_give_the_same_bits(
    name: str, networks: dict[str, Network], stimulate: Stimulate
) -> None:
    made = plan(networks[name])
    stimulus = stimulate(made, 11)
    seeds = (1, 2, 0xFFFFFFFF)
    plain = [Session(made, seed, "python") for seed in seeds]
    outcomes = [learned(session, stimulus) for session in plain]
    compiled = [Session(made, seed) for seed in seeds]
    for session, other, outcome in zip(compiled, plain, outcomes, strict=True):
        assert_equal((session, learned(session, stimulus)), (other, outcome))
    threaded = [Session(made, seed) for seed in seeds]
    given_ = in_parallel(threaded, lambda session: learned(session, stimulus), 2)
    for session, got, other, outcome in zip(threaded, given_, plain, outcomes, strict=True):
        assert_equal((session, got), (other, outcome))
    if made.plastic:
        assert any(outcome.rewards.any() for outcome in outcomes)
        assert not np.array_equal(outcomes[0].digests, outcomes[1].digests)


@pytest.fixture(scope="session")
def spiking_compiled(networks: dict[str, Network], stimulate: Stimulate) -> Network:
    """Give the network whose traced program has been compiled, so that no example has to."""
    network = networks["spiking"]
    made = plan(network)
    learned(Session(made), stimulate(made, 0))
    return network


WIDTHS = st.integers(9, 15)
NEURON = st.fixed_dictionaries(
    {
        "membrane": st.builds(Format, st.just(value=True), WIDTHS, st.integers(5, 7)),
        "decay": st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]),
        "threshold": st.sampled_from([0.25, 0.5, 1.0]),
        "drive": st.sampled_from(["one", "complement"]),
        "reset": st.sampled_from(["subtract", "to_value"]),
        "reset_value": st.sampled_from([0.0, -0.5, 0.125]),
        "compare": st.sampled_from([">=", ">"]),
        "rounding": st.sampled_from([r for r in Rounding if r is not Rounding.STOCHASTIC]),
        "overflow": st.sampled_from(Overflow),
    }
)
LEARNING = st.fixed_dictionaries(
    {
        "eta": st.sampled_from([0.001, 0.1, 3.0, 500.0]),
        "sigma": st.sampled_from([0.0625, 0.5]),
        "factor": st.sampled_from([Format(True, 18, 16), Format(True, 10, 4)]),
        "rounding": st.sampled_from([r for r in Rounding if r is not Rounding.STOCHASTIC]),
        "overflow": st.sampled_from(Overflow),
    }
)


@settings(max_examples=25)
@given(
    neuron=NEURON,
    rule=LEARNING,
    width=WIDTHS,
    frac=st.integers(6, 12),
    sizes=st.tuples(st.integers(1, 5), st.sampled_from([1, 2, 7, 63, 64, 65, 70])),
    ticks=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_numba_and_python_agree_whatever_the_numbers(
    spiking_compiled: Network,
    stimulate: Stimulate,
    neuron: dict[str, Any],
    rule: dict[str, Any],
    width: int,
    frac: int,
    sizes: tuple[int, int],
    ticks: int,
    seed: int,
) -> None:
    network = spiking_compiled
    source, post = network.populations
    projection = network.projections[0]
    network = replace(
        network,
        ticks=ticks,
        populations=(
            replace(source, size=sizes[0]),
            replace(post, size=sizes[1], model=replace(post.model, **neuron)),
        ),
        projections=(
            replace(
                projection,
                weight=Format(True, width, frac),
                rule=replace(projection.rule, **rule),
            ),
        ),
    )
    made = plan(network)
    stimulus = stimulate(made, seed)
    one, two = Session(made, seed), Session(made, seed, "python")
    assert_equal((one, learned(one, stimulus)), (two, learned(two, stimulus)))


def expected_writes(made: Plan, stimulus: Stimulus) -> Counter:
    """Return how often each ``(moment, variable, index)`` must be written, from the description.

    Every state variable of every neuron and filter once a tick, every eligibility whose input is
    active in the perturbed pass, and at the end of the trial, or time bin, the reward and every
    weight. Where a rule sums, its sums are written with the weights.
    """
    writes: Counter = Counter()
    reward: Any = made.reward

    def add(moment: int, name: str, *shape: int) -> None:
        for index in product(*map(range, shape)) if shape else [(0,)]:
            packed = index[0] << 16 | index[1] if len(index) == 2 else index[0]
            writes[moment, made.variables[name].number, packed] += 1

    def judge(moment: int, sample: int, bin_: int) -> None:
        add(moment, "reward.reward")
        place = stimulus.condition(sample) * reward.bins + bin_
        for field in reward.baseline_state:
            writes[moment, made.variables[f"reward.{field}"].number, place] += 1
        for q in made.plastic:
            add(moment, f"{q.name}.factor")

    def learn(moment: int, q: Any) -> None:
        add(moment, f"{q.name}.w", q.pre.size, q.post.size)
        if q.rule.accumulate is not None:
            add(moment, f"{q.name}.sum", q.pre.size, q.post.size)

    def trace(moment: int, q: Any, t: int, sample: int) -> None:
        if q.rule.kind == "tick":
            for field in q.rule.state:
                add(moment, f"{q.name}.{field}", q.pre.size, q.post.size)
        elif q.rule.kind == "delivery":
            number = made.variables[f"{q.name}.e"].number
            for j in np.flatnonzero(stimulus.inputs[q.pre.name][sample, t - q.delay]):
                writes.update((moment, number, int(j) << 16 | i) for i in range(q.post.size))

    for (trial, sample), step in product(enumerate(SAMPLES), range(made.passes)):
        for t in range(made.ticks):
            moment = trial * made.digests + step * made.ticks + t
            perturbed = step == made.passes - 1
            for p in made.neurons:
                fields = list(p.state)
                if perturbed and p.perturbation is not None and p.perturbation.noise is not None:
                    fields += [f"noise_{field}" for field in p.perturbation.noise.state]
                for field in fields:
                    add(moment, f"{p.name}.{field}", p.size)
            arriving = [q for q in made.projections if t >= q.delay]
            for q in arriving:
                for field in q.filter_state:
                    add(moment, f"{q.name}.{field}", q.pre.size)
                if perturbed and q.rule is not None:
                    trace(moment, q, t, sample)
            for field in reward.counts:
                add(moment, f"reward.{field}", reward.readout.size)
            add(moment, "reward.error")
            if made.online and t % reward.period == reward.period - 1:
                judge(moment, sample, t // reward.period)
                for q in arriving:
                    if q.rule is not None:
                        learn(moment, q)
        if not made.online and step == made.passes - 1:
            moment = (trial + 1) * made.digests - 1
            judge(moment, sample, 0)
            for q in made.plastic:
                learn(moment, q)
    return writes


@pytest.mark.parametrize("name", ["spiking", "graded", "coded", "twosided", "online", "delayed"])
def test_a_trace_has_every_write_exactly_once(
    name: str, networks: dict[str, Network], stimulate: Stimulate
) -> None:
    made = plan(networks[name])
    stimulus = stimulate(made, 3)
    session = Session(made, 9, "python")
    outcome = learned(session, stimulus)
    assert len(outcome.trace) < ROWS
    found = Counter((int(m), int(v), int(i)) for m, v, i, _ in outcome.trace)
    assert found == expected_writes(made, stimulus)
    assert set(found.values()) == {1}
    assert (np.diff(outcome.trace[:, 0]) >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_digests_are_those_of_the_trace(
    name: str, networks: dict[str, Network], stimulate: Stimulate
) -> None:
    made = plan(networks[name])
    outcome = learned(Session(made, 5, "python"), stimulate(made, 4))
    digests = np.zeros(len(SAMPLES) * made.digests, np.int64)
    for moment, variable, index, value in outcome.trace.tolist():
        digests[moment] += zlib.crc32(pack("<IIq", variable, index, value)) + value
    assert (outcome.digests.reshape(-1) == digests % 2**32).all()
    assert len(np.unique(outcome.trace[:, :3], axis=0)) == len(outcome.trace)


@pytest.mark.parametrize("name", NAMES)
def test_the_last_writes_are_what_the_arrays_hold(
    name: str, networks: dict[str, Network], stimulate: Stimulate
) -> None:
    made = plan(networks[name])
    session = Session(made, 5, "python")
    outcome = learned(session, stimulate(made, 4))
    last = {(v, i): x for _, v, i, x in outcome.trace.tolist()}
    for variable in made.variables.values():
        if variable.name.endswith((".factor", ".e", ".active", ".reward", ".error")):
            continue  # not kept, or cleared when it has been used
        array = session.arrays[variable.name]
        if not any(v == variable.number for v, _ in last):
            assert variable.name.endswith(".w")  # weights that do not learn
            continue
        for index in np.ndindex(*variable.shape):
            packed = index[0] << 16 | index[1] if len(index) == 2 else sum(index)
            value = array[index] if variable.shape else array[0]
            unseen = 0 if variable.name.startswith("reward.") else None  # of other conditions
            assert last.get((variable.number, packed), unseen) == value
    for name_, array in session.arrays.items():
        fmt = made.variables[name_].format
        assert all(fmt.low <= x <= fmt.high for x in array.reshape(-1))
        if name_.endswith((".e", ".active")) and not made.online:
            assert not array.any()


def program_of(network: Network, traced: bool = False) -> str:
    """Return a network's program."""
    return program(plan(network), ["count"], traced)


def test_networks_of_one_structure_share_a_program(networks: dict[str, Network]) -> None:
    network = networks["spiking"]
    post = network.populations[1]
    other = replace(post, size=40, model=replace(post.model, reset="to_value", decay=0.25))
    changed = replace(
        network,
        ticks=9,
        populations=(network.populations[0], other),
        projections=(replace(network.projections[0], weight=Format(True, 9, 4)),),
    )
    assert program_of(changed) == program_of(network)
    assert len({program_of(n, t) for n in networks.values() for t in (False, True)}) == 26


def test_an_untraced_program_computes_no_digest(networks: dict[str, Network]) -> None:
    for network in networks.values():
        body = program_of(network).partition("def run")[2]
        assert "note(" not in body
        assert "note(" in program_of(network, traced=True).partition("def run")[2]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty project."""
    (tmp_path / "pyproject.toml").write_text('name = "goldenspike"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    return tmp_path


def test_programs_are_kept_in_the_checkout(elsewhere: Path) -> None:
    assert cache_root() == elsewhere / "build"
    source = f"def run(count):\n    return count + 1  # {elsewhere.name}\n"
    module = engine.load(source)
    kept = list((elsewhere / "build" / "engine").iterdir())
    assert [path.read_text() for path in kept if path.is_file()] == [source]
    assert module.run(4) == 5
    assert engine.load(source) is module
    assert engine.compiled(source)(4) == 5


def test_outside_a_checkout_programs_are_kept_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('name = "another"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_root() == Path.home() / ".cache" / "goldenspike"
    monkeypatch.setenv("XDG_CACHE_HOME", "elsewhere")  # By the standard only absolute ones count.
    assert cache_root() == Path.home() / ".cache" / "goldenspike"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache_root() == tmp_path / "elsewhere" / "goldenspike"


def test_the_place_of_the_cache_can_be_named(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENSPIKE_CACHE", "kept")
    assert cache_root() == Path.cwd() / "kept"
    engine.load("def run():\n    return 7\n")
    assert any((Path.cwd() / "kept" / "engine").iterdir())
    assert not (elsewhere / "build").exists()
    monkeypatch.setenv("GOLDENSPIKE_CACHE", "")
    assert cache_root() == elsewhere / "build"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "result.txt"
    with replacing(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"

    def interrupted() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "one"
    assert [p.name for p in path.parent.iterdir()] == ["result.txt"]
