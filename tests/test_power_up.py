"""A core is right after a reset and a reload, whatever its memories held and whenever it came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
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
        ("noisy", 8, 8),
        ("hybrid", 2, 1),
        ("delayed", 4, 2),
        ("traced 353", 8, 4),  # Lanes of a mirror that have no neuron.
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
