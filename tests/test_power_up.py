"""A core is right after a reset and a reload, whatever its memories held and whenever it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import Format
from goldenspike.golden.network import Network, read_network
from goldenspike.golden.plan import plan
from goldenspike.golden.rules import weight_perturbation_0
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import cycles, verilog
from goldenspike.hdl.core import Core
from goldenspike.sim import lockstep as checked
from goldenspike.sim.cases import random_case, traced_case
from goldenspike.sim.lockstep import Run, lockstep
from goldenspike.sim.power_up import scramble

SHOWN = [0, 1, 0]
Start = Callable[[str], tuple[Session, Stimulus, Any]]


@pytest.fixture
def start(networks: dict[str, Network], stimulate: Callable[..., Stimulus]) -> Start:
    """Give ``start(name)``: session, stimulus and errors of a network, or of a case by its seed."""

    def make(name: str) -> tuple[Session, Stimulus, Any]:
        kind, _, seed = name.partition(" ")
        if seed:
            case = {"random": random_case, "traced": traced_case}[kind](int(seed))
            return case.session, case.stimulus, case.external
        planned = plan(networks[name])
        session = Session(planned, 5, "python")
        external = None
        if planned.reward is not None and planned.reward.objective is None:
            external = np.full((len(SHOWN), planned.passes), 3, object)
        return session, stimulate(planned, 2), external

    return make


def runs_of(random: np.random.Generator, cycles_of_trial: int) -> list[Run]:
    """Return runs of all kinds, with resets in the midst of trials."""

    def reset() -> Run:
        return Run("reset", int(random.integers(2)), int(random.integers(cycles_of_trial)))

    learn = [Run("learn", sample) for sample in SHOWN]
    plain = Run("plain", 1)
    return [reset(), learn[0], plain, reset(), reset(), plain, learn[1], reset(), learn[2]]


@pytest.mark.parametrize(
    ("name", "lanes", "neurons"),
    [
        ("spiking", 2, 2),
        ("deep", 4, 1),
        pytest.param("noisy", 8, 8, marks=pytest.mark.long),
        ("hybrid", 2, 1),
        ("delayed", 4, 2),
        *(
            pytest.param(f"{kind} {seed}", 1 << seed % 6, 1 << seed % 3, marks=pytest.mark.long)
            for kind in ("random", "traced")
            for seed in range(30_000, 30_030)
        ),
    ],
)
def test_resets_and_contents_of_memories_change_nothing(
    start: Start, name: str, lanes: int, neurons: int
) -> None:
    session, stimulus, external = start(name)
    neurons = min(neurons, lanes)
    more: Any = {"lanes": lanes, "neurons": neurons, "external": external}
    count = cycles.of_learning(session.copy(), stimulus, SHOWN, **more)
    runs = runs_of(np.random.default_rng(len(name)), count.cycles // len(SHOWN))
    built = checked.prepare(session.plan, lanes, "icarus", neurons=neurons, power_up=3)
    report = lockstep(session, stimulus, SHOWN, runs=runs, simulator="icarus", built=built, **more)
    assert report.mismatch is None, runs


def mirrored() -> Session:
    """Return feedback by the transposed weights of a readout of 3 neurons."""
    rule = {
        "model": "delta_rule",
        "modulator": "e",
        "eta": 0.25,
        "factor": "fxp-s8/6",
        "trace": "fxp-u6/4",
        "trace_decay": 0.5,
    }
    readout = {"model": "leaky_readout", "output": "fxp-s16/6", "decay": 0.5}
    network = {
        "ticks": 4,
        "population": [
            {"name": "a", "size": 5, "model": "source"},
            {"name": "e", "size": 3, "model": "source", "signal": "fxp-s8/4"},
            {"name": "y", "size": 3, **readout},
            {"name": "t", "size": 5, **readout},
        ],
        "projection": [
            {"pre": "a", "post": "y", "weight": "fxp-s8/5", "initial": 1.0, "rule": rule},
            {"pre": "e", "post": "t", "weight": "fxp-s8/5", "mirror": "a_to_y"},
        ],
    }
    return Session(plan(read_network(network)), 1, "python")


@pytest.mark.parametrize("lanes", [2, 4])
def test_lanes_of_a_mirror_without_a_neuron_count_nothing(lanes: int) -> None:
    session = mirrored()
    random = np.random.default_rng(1)
    spikes, errors = random.integers(0, 2, (2, 4, 5)), random.integers(-128, 128, (2, 4, 3))
    built = checked.prepare(session.plan, lanes, "icarus", neurons=2, power_up=3)
    more: Any = {"lanes": lanes, "neurons": 2, "simulator": "icarus", "built": built}
    report = lockstep(session, Stimulus({"a": spikes, "e": errors}), SHOWN, **more)
    assert report.mismatch is None


def test_marks_of_active_inputs_end_with_a_reset(networks: dict[str, Network]) -> None:
    """An input that was active only in the trial that is cut learns nothing in the next one."""
    rule = weight_perturbation_0.Params(eta=0.25, sigma=0.25, factor=Format(True, 18, 12))
    given = networks["graded"]
    projection = replace(given.projections[0], rule=rule)
    planned = plan(replace(given, projections=(projection,)))
    levels = np.zeros((2, planned.ticks, 5), int)
    levels[0], levels[1, :, 2] = 30, 30
    stimulus = Stimulus({"a": levels}, np.full((2, planned.ticks, 3), 60))
    session = Session(planned, 1, "python")
    session.arrays["reward.primed"][...] = 1  # The first trial has a reward.
    more: Any = {"lanes": 2, "neurons": 1, "external": None}
    count = cycles.of_learning(session.copy(), stimulus, [0], **more)
    ends = range(count.cycles - 30, count.cycles, 6)  # What follows the last mark is an update.
    runs = [run for end in ends for run in (Run("reset", 0, end), Run("learn", 1))]
    before = session.arrays["a_to_b.w"].copy()
    report = lockstep(session, stimulus, [], runs=runs, lanes=2, simulator="icarus")
    assert report.mismatch is None
    changed = (session.arrays["a_to_b.w"] != before).any(axis=1)
    assert changed.tolist() == [False, False, True, False, False]


def test_a_trial_takes_as_long_whatever_memories_held(start: Start) -> None:
    session, stimulus, _ = start("deep")
    busy = set()
    for power_up in (None, 3):
        built = checked.prepare(session.plan, 4, "icarus", neurons=4, power_up=power_up)
        more: Any = {"lanes": 4, "neurons": 4, "simulator": "icarus", "built": built}
        busy.add(lockstep(session.copy(), stimulus, SHOWN, **more).busy)
    assert len(busy) == 1


@pytest.mark.parametrize("cycles_of_reset", [0, 1, 5, 100_000])
def test_a_reset_begins_anew(start: Start, cycles_of_reset: int) -> None:
    """What was learned before it is lost on both rails, a trial that was over by then too."""
    session, stimulus, _ = start("spiking")
    runs = [Run("learn", 0), Run("reset", 1, cycles_of_reset), Run("learn", 1)]
    alone = session.copy()
    alone.learn(stimulus, [1])
    report = lockstep(session, stimulus, [], runs=runs, lanes=2, simulator="icarus")
    assert (report.mismatch, report.trials, session.trial) == (None, 2, 1)
    for name, array in alone.arrays.items():
        assert np.array_equal(session.arrays[name], array), name


def test_memories_that_are_written_get_other_contents(start: Start) -> None:
    session, _, _ = start("deep")
    text = verilog.convert(Core(session.plan, 2), "core")
    one, other = scramble(text, 1), scramble(text, 2)
    assert one == scramble(text, 1)
    assert len({text, one, other}) == 3
    assert [len(line.split(" = ")) for line in one.splitlines()] == [
        len(line.split(" = ")) for line in text.splitlines()
    ]
