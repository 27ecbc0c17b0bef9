"""A core on AXI: cocotbext-axi's managers see the golden model's bits, and every refusal."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from goldenspike.golden.network import Network, Population
from goldenspike.golden.neurons import lif
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl.bus import core as bus_core
from goldenspike.sim import axi, simulators
from goldenspike.sim.axi_plays import LIVE, described, packets
from goldenspike.sim.cases import random_case, rewarded_case, traced_case
from goldenspike.sim.drawn import FIXED
from goldenspike.sim.simulators import SimulationError, Simulator

ALL = 0xFFFFFFFF


def play(built: Any, made: axi.Trials, testcase: str, seed: int = 0, **more: Any) -> dict[str, Any]:
    """Run a bench; everything that comes of the trials must be the golden model's."""
    found = simulators.run(
        built, axi.BENCH, testcase=testcase, seed=seed, parameters={**made.parameters, **more}
    )
    for name, (seen, right) in made.compared(found).items():
        assert seen == right, name
    return found


def long(*given: Any) -> Any:
    """Return the parameters of a test that is not part of ``make test``."""
    return pytest.param(*given, marks=pytest.mark.long)


def _refractory(population: Population) -> Population:
    """Return a population whose neurons are blocked for two ticks after a spike, if they can be."""
    if not isinstance(population.model, lif.Params):
        return population
    return replace(population, model=replace(population.model, refractory=2))


def case(name: str, networks: dict[str, Network], stimulate: Callable[..., Stimulus]) -> Any:
    """Return session, stimulus, samples and errors of a network, by name or the seed of a case."""
    kind, _, seed = name.partition(" ")
    if seed:
        made = {"rewarded": rewarded_case, "traced": traced_case}[kind](int(seed))
        return made.session, made.stimulus, made.samples, made.external
    network = networks["deep" if name == "refractory" else name]
    if name == "refractory":
        network = replace(network, populations=tuple(map(_refractory, network.populations)))
    planned = plan(network)
    session = Session(planned, 5, "python")
    session.trial = 0xFFFFFFFE
    external = None
    if name == "judged":
        external = np.random.default_rng(1).integers(-300, 300, (3, planned.passes)).astype(object)
    return session, stimulate(planned, 2), [2, 0, 1], external


@pytest.mark.parametrize("streamed", [False, True], ids=["windows", "streams"])
@pytest.mark.parametrize(
    ("name", "lanes", "neurons", "simulator"),
    [
        ("spiking", 4, 2, "icarus"),
        long("spiking", 4, 1, "verilator"),
        ("refractory", 2, 1, "icarus"),
        ("traced 5", 2, 2, "icarus"),
        long("deep", 2, 1, "icarus"),
        long("graded", 8, 4, "icarus"),
        long("judged", 1, 1, "icarus"),
        long("noisy", 8, 8, "icarus"),
        long("delayed", 2, 2, "icarus"),
    ],
)
def test_trials_by_the_buses_alone(
    networks: dict[str, Network],
    stimulate: Callable[..., Stimulus],
    name: str,
    lanes: int,
    neurons: int,
    simulator: Simulator,
    streamed: bool,
) -> None:
    session, stimulus, samples, external = case(name, networks, stimulate)
    core, built = axi.prepare(session.plan, lanes, simulator, neurons=neurons)
    more = {"streamed": streamed, "external": external}
    more["split"] = session.plan.episodic and streamed
    made = axi.trials(core, session, stimulus, samples, **more)
    counted = play(built, made, "trials")["counted"]
    assert counted["EVENTS_OUT"] > 0 or name not in ("deep", "refractory", "graded")
    assert bool(counted["EVENTS_IN"]) == streamed


@pytest.mark.parametrize("seed", [1, FIXED[0], *map(long, range(2, 60))])
def test_random_networks_by_the_buses_alone(seed: int) -> None:
    made = random_case(seed, "small")
    session, external = made.session.copy(), made.external
    samples = [0, 1, 0] if external is None else [0, 1, 0][: len(external)]
    core, built = axi.prepare(session.plan, made.lanes, "icarus", neurons=made.neurons)
    if external is not None:
        external = external[: len(samples)]
    streamed = bool(seed % 2 == 0)
    split = any(run.kind == "split" for run in made.runs)
    more = {"streamed": streamed, "external": external, "split": split}
    play(built, axi.trials(core, session, made.stimulus, samples, **more), "trials")


@pytest.mark.parametrize("streamed", [False, True], ids=["windows", "streams"])
@pytest.mark.parametrize("simulator", ["verilator", long("icarus")])
def test_resets_at_random_cycles_leave_trials_as_they_are(
    networks: dict[str, Network],
    stimulate: Callable[..., Stimulus],
    simulator: Simulator,
    streamed: bool,
) -> None:
    session, stimulus, samples, _ = case("spiking", networks, stimulate)
    core, built = axi.prepare(session.plan, 4, simulator, power_up=1)
    made = axi.trials(core, session, stimulus, samples, streamed=streamed)
    found = play(built, made, "resets", resets=12, within=4000, run=350)
    assert 2 <= found["midst"] < 12


@pytest.mark.parametrize(
    ("name", "simulator"),
    [
        ("spiking", "verilator"),
        long("noisy", "icarus"),
        long("coded", "icarus"),
        long("judged", "verilator"),
    ],
)
def test_what_is_written_is_read_and_the_rest_is_refused(
    networks: dict[str, Network], name: str, simulator: Simulator
) -> None:
    core, built = axi.prepare(plan(networks[name]), 4, simulator)
    given = described(core)
    found = simulators.run(built, axi.BENCH, testcase="windows", parameters=given, seed=3)
    words = sum(window.rows * window.row for window in core.map.windows)
    assert found["places"] == words + len(core.map.registers) - len(LIVE)
    found = simulators.run(built, axi.BENCH, testcase="illegal", parameters=given, seed=3)
    assert found["refused"] > 200


def test_no_event_is_dropped_and_what_cannot_be_stored_is_counted(
    networks: dict[str, Network],
) -> None:
    core, built = axi.prepare(plan(networks["deep"]), 2, "icarus")
    given = packets(core)
    found = simulators.run(built, axi.BENCH, testcase="packets", parameters=given, seed=1)
    assert found["stalls"] > 0
    assert found["events"] > given["ticks"] * given["passes"]


class Fault(NamedTuple):
    """An edit of a file of ``hdl/bus``, the bench that must fail, and what it must say."""

    file: str
    unit: str
    old: str
    new: str
    testcase: str
    caught: str


FAULTS = {
    "an event is dropped when there is no room": Fault(
        *("events_out", "EventsOut"),
        "self.hold.eq(queue.level > DEPTH - MARGIN)",
        "self.hold.eq(0)",
        *("packets", "the core must wait for room"),
    ),
    "an event changes before it is taken": Fault(
        *("events_out", "EventsOut", "queue.r_en.eq(axi.tready)", "queue.r_en.eq(1)"),
        *("trials", "m_axis_events_t changed before it was taken"),
    ),
    "what is illegal is answered with OKAY": Fault(
        *("axi_lite", "AxiLiteTarget", "response.eq(Response.SLVERR)", "response.eq(0)"),
        *("illegal", "SLVERR"),
    ),
    "what can only be read is written": Fault(
        *("control", "Control", "& Mux(self.write, window.writable, 1)", ""),
        *("windows", "SLVERR"),
    ),
    "strobes do not count": Fault(
        *(
            "control",
            "Control",
            "for strobe in self.strobes)",
            "for strobe in ~(self.strobes & 0))",
        ),
        *("windows", "AssertionError: \\('0x"),
    ),
    "an event of nobody is not counted": Fault(
        *("events_in", "EventsIn", "self.refused.eq(unknown)", "self.refused.eq(0)"),
        *("packets", "EVENTS_REFUSED"),
    ),
    "a packet that is too short counts": Fault(
        *("words_in", "WordsIn", "with m.If(ended & last):", "with m.If(last):"),
        *("packets", "PACKETS_REFUSED"),
    ),
    "a reset leaves events of half a tick": Fault(
        *("events_in", "EventsIn"),
        "[write.en.eq(1), write.addr.eq(place)]",
        "[write.en.eq(0), write.addr.eq(place)]",
        *("resets", "^assert|^words"),
    ),
    "a write that is refused is kept": Fault(
        *("control", "Control", "with m.If(self.write & ~refused):", "with m.If(self.write):"),
        *("packets", "assert 3 == "),
    ),
    "a flag sees five bits": Fault(
        *("control", "Control", "held[name].any() for", "held[name][:5].any() for"),
        *("windows", "AssertionError: \\('RUNS', 32\\)"),
    ),
    "an end of nobody is refused": Fault(
        *("events_in", "EventsIn", "unknown.eq(~known & ~event.end)", "unknown.eq(~known)"),
        *("packets", "EVENTS_REFUSED"),
    ),
    "cycles are not counted": Fault(
        *("core", "AxiCore", "control.counts_cycles.eq(1)", "control.counts_cycles.eq(0)"),
        *("trials", "CYCLES"),
    ),
    "a counter stops at its highest": Fault(
        *("control", "Control", "if name not in WRAPPING:", "if True:"),
        *("trials", "TICKS"),
    ),
    "a counter of refusals wraps": Fault(
        *("control", "Control", "counts = counts & (counter != ALL)", "counts = counts | 0"),
        *("packets", "AssertionError: EVENTS_REFUSED"),
    ),
    "bytes that are not written get in": Fault(
        *(
            "control",
            "Control",
            "(read & ~mask) | (self.data & mask)",
            "(read & ~mask) | self.data",
        ),
        *("windows", "AssertionError: \\('0x"),
    ),
    "targets are stored amid a run": Fault(
        *("core", "AxiCore", "unit.open.eq(~running)", "unit.open.eq(1)"),
        *("packets", "assert \\d+ == \\d+"),
    ),
    "sources from 128 on are taken for others": Fault(
        *("events_in", "EventsIn"),
        "with m.Switch(event.population):",
        "with m.Switch(event.population[:7]):",
        *("packets", "EVENTS_REFUSED"),
    ),
    "the core waits while there is room": Fault(
        *("events_out", "EventsOut"),
        "queue.level > DEPTH - MARGIN)",
        "queue.level > DEPTH - MARGIN - 2)",
        *("packets", "the core waits too early"),
    ),
    "ends of ticks are lost": Fault(
        *("core", "AxiCore", "inside.hold.eq(out.hold | waits)", "inside.hold.eq(waits)"),
        *("packets", "the core must wait for room"),
    ),
    "a tick does not wait for its events": Fault(
        *("core", "AxiCore", "late & (inside.now >= events.arrived)", "0"),
        *("trials", "^assert|^words"),
    ),
}
FIRST = next(iter(FAULTS))


@pytest.mark.parametrize("fault", [FIRST, *map(long, [name for name in FAULTS if name != FIRST])])
def test_a_planted_fault_is_caught(
    networks: dict[str, Network],
    stimulate: Callable[..., Stimulus],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    planted = FAULTS[fault]
    module = importlib.import_module(f"goldenspike.hdl.bus.{planted.file}")
    path = Path(str(module.__file__))
    text = path.read_text()
    assert text.count(planted.old) == 1
    namespace = {"__name__": module.__name__}
    exec(compile(text.replace(planted.old, planted.new), path, "exec"), namespace)
    where = axi if planted.unit == "AxiCore" else bus_core
    monkeypatch.setattr(where, planted.unit, namespace[planted.unit])
    session, stimulus, samples, _ = case("deep", networks, stimulate)
    core, built = axi.prepare(session.plan, 2, "icarus")
    if planted.testcase in ("trials", "resets"):
        made = axi.trials(core, session, stimulus, samples, streamed=True)
        with pytest.raises((AssertionError, SimulationError), match=planted.caught):
            play(built, made, planted.testcase, resets=8, within=3000, run=350)
        return
    given = described(core) if planted.testcase != "packets" else packets(core)
    with pytest.raises(SimulationError, match=planted.caught):
        simulators.run(built, axi.BENCH, testcase=planted.testcase, parameters=given, seed=1)
