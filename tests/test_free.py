"""A core that runs free is the same core: as many cycles as in lockstep, for the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import host
from goldenspike.sim import free, lockstep, simulators
from goldenspike.tools import bench_lockstep

SAMPLES = [0, 1, 0]


def test_a_free_core_takes_the_cycles_of_lockstep(
    networks: dict[str, Network], stimulate: Callable[..., Stimulus]
) -> None:
    planned = plan(networks["spiking"])
    session, stimulus = Session(planned, 5, "python"), stimulate(planned, 2)
    runs = lockstep.trials(planned, SAMPLES)
    built = lockstep.prepare(planned, 2, "verilator")
    words = lockstep.script(built[0], session, stimulus, runs, None)
    own = session.copy()
    golden = lockstep.expect(own, stimulus, runs, None)
    kept = lockstep.left(own, stimulus, runs, golden)
    report = lockstep.lockstep(session, stimulus, SAMPLES, lanes=2, stalls=False, built=built)
    assert report.mismatch is None
    for region in kept:
        words += host.read(built[0], region)
    answers = sum(map(len, kept.values()))
    assert answers == report.words
    program = free.build(planned, 2)
    assert free.run(program, words, answers) == report.cycles
    with pytest.raises(simulators.SimulationError, match=r"^A free core must come to its end"):
        free.run(program, [0xF0000000, *words], answers)  # No command: sets fault.


def test_what_runs_begin_with_does_not_count() -> None:
    seen = []

    def work(trials: int) -> int:
        seen.append(trials)
        return 1000 + 7 * trials

    cycles, seconds = bench_lockstep.difference(work, 5)
    assert cycles == 7 * 10
    assert seconds < 10
    assert seen == [5, 15] * bench_lockstep.ROUNDS


@pytest.mark.parametrize(("trials", "long"), [(1, False), (1_000_000, True)])
def test_long_runs_are_told_by_the_model_of_cycles(
    trials: int, long: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from goldenspike.tools import cosim
    from goldenspike.tools.job import prepare

    asked: list[Any] = []
    real = cosim.cycles.of_learning

    def of_learning(*given: Any, **more: Any) -> Any:
        asked.append(given)
        return real(*given, **more)

    monkeypatch.setattr(cosim.cycles, "of_learning", of_learning)
    job = prepare("werfel_node")
    count = cosim.expected_cycles(job, trials, 2, 1)
    assert (count >= lockstep.LONG) == long
    assert len(asked) == long
