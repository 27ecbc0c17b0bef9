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

NAMES = ("spiking", "graded", "deep", "judged", "counted", "running")
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
    """Return what some traced learning trials give."""
    return session.learn(
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


@pytest.mark.parametrize("name", NAMES)
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


def expected_writes(made: Plan, stimulus: Stimulus, outcome: Outcome) -> Counter:
    """Return how often each ``(moment, variable, index)`` must be written, from the description.

    Every state variable of every neuron once a tick, every eligibility whose input is active in
    the perturbed pass, and at the end of the trial the reward and every weight.
    """
    writes: Counter = Counter()
    by_name = made.variables

    def add(moment: int, name: str, *indices: int) -> None:
        for index in indices:
            writes[moment, by_name[name].number, index] += 1

    source = made.sources[0]
    q: Any = made.plastic[0]
    rows, columns = range(q.pre.size), range(q.post.size)
    for trial, sample in enumerate(SAMPLES):
        base = trial * made.digests
        for step, t in product(range(made.passes), range(made.ticks)):
            moment = base + step * made.ticks + t
            for p in made.neurons:
                for field in p.state:
                    add(moment, f"{p.name}.{field}", *range(p.size))
            perturbed = step == made.passes - 1
            for j in rows if perturbed and q.rule.step is not None else ():
                if stimulus.inputs[source.name][sample, t, j] != 0:
                    add(moment, f"{q.name}.e", *(j << 16 | i for i in columns))
            for field in made.reward.counts if made.reward else ():
                add(moment, f"reward.{field}", *columns)
            add(moment, "reward.error", 0)
        moment = base + made.passes * made.ticks
        add(moment, "reward.reward", 0)
        for field in made.reward.baseline_state if made.reward else ():
            add(moment, f"reward.{field}", 0)
        add(moment, f"{q.name}.factor", 0)
        add(moment, f"{q.name}.w", *(j << 16 | i for j in rows for i in columns))
    assert len(outcome.trace) < ROWS
    return writes


@pytest.mark.parametrize("name", ["spiking", "graded"])
def test_a_trace_has_every_write_exactly_once(
    name: str, networks: dict[str, Network], stimulate: Stimulate
) -> None:
    made = plan(networks[name])
    stimulus = stimulate(made, 3)
    session = Session(made, 9, "python")
    outcome = learned(session, stimulus)
    found = Counter((int(m), int(v), int(i)) for m, v, i, _ in outcome.trace)
    assert found == expected_writes(made, stimulus, outcome)
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
        digests[moment] += zlib.crc32(pack("<IIq", variable, index, value))
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
        if variable.name.endswith((".factor", ".e", ".reward", ".error")):
            continue  # not kept, or cleared when it has been used
        array = session.arrays[variable.name]
        if not any(v == variable.number for v, _ in last):
            assert variable.name.endswith(".w")  # weights that do not learn
            continue
        for index in np.ndindex(*variable.shape):
            packed = index[0] << 16 | index[1] if len(index) == 2 else sum(index)
            value = array[index] if variable.shape else array[0]
            assert last[variable.number, packed] == value
    for name_, array in session.arrays.items():
        fmt = made.variables[name_].format
        assert all(fmt.low <= x <= fmt.high for x in array.reshape(-1))
        if name_.endswith(".e"):
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
    assert len({program_of(n, t) for n in networks.values() for t in (False, True)}) == 12


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
    assert cache_root() == Path.home() / ".cache" / "goldenspike"


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
