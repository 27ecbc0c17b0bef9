"""The model of cycles: what it goes by, and that it counts what a simulator counts.

The random networks of the lockstep tests are compared there, as they run in a simulator anyway.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import UnusedElaboratable

from goldenspike.golden import activity
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import plan
from goldenspike.golden.rules import weight_perturbation
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import cycles
from goldenspike.hdl.core import LANES, Core
from goldenspike.hdl.cycle_streams import Blocks, Client, Draw, Reading, Visit, follow, visited
from goldenspike.hdl.units.early import joined
from goldenspike.hdl.units.filters import FilterUnit
from goldenspike.hdl.units.judge import Judge
from goldenspike.hdl.units.mirror import MirrorUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.synapses import SynapseUnit
from goldenspike.hdl.units.variates import BlockSource, FieldSource
from goldenspike.sim import lockstep
from goldenspike.sim.cases import Case, rewarded_case, traced_case
from goldenspike.tools import cycles as command
from goldenspike.tools.cli import main
from goldenspike.tools.job import prepare

F = Format.parse
RANDOM, TRACED = (13, 420, 907, 2262, 2425), (1, 7, 37, 47)
"""Seeds whose networks have every phase, with and without random fields."""
CORES = [
    ("rewarded", 79, 1, 1),
    ("rewarded", 79, 8, 4),
    ("rewarded", 2220, 4, 2),
    ("traced", 58, 2, 2),
]
EXPERIMENTS = (
    "werfel_node",
    *(pytest.param(name, marks=pytest.mark.long) for name in ("xor_multiplexed", "linear_weight")),
)
LATENCIES = {
    (FilterUnit, "LATENCY"),
    (Judge, "LATENCY"),
    (MirrorUnit, "GATHERING"),
    (MirrorUnit, "LATENCY"),
    (PopulationUnit, "LATENCY"),
    (SynapseUnit, "DELIVERY_LATENCY"),
}
NAMES = ("rewarded", "traced")


def case_of(kind: str, seed: int) -> Case:
    return {"rewarded": rewarded_case, "traced": traced_case}[kind](seed)


def count_of(case: Case, lanes: int, neurons: int) -> int:
    shown: dict[str, Any] = {"external": case.external, "lanes": lanes, "neurons": neurons}
    return cycles.of_learning(case.session.copy(), case.stimulus, case.samples, **shown).cycles


def simulated(case: Case, lanes: int, neurons: int) -> int:
    report = lockstep.lockstep(
        *(case.session.copy(), case.stimulus, case.samples),
        lanes=lanes,
        neurons=neurons,
        simulator="icarus",
        external=case.external,
    )
    assert report.mismatch is None
    return report.busy


# Activity


@pytest.mark.parametrize("seed", TRACED)
def test_activity_is_that_of_what_golden_writes(seed: int) -> None:
    """States and factors are in the trace; what rules make of inputs, their cells make again."""
    case = traced_case(seed)
    plan = case.plan
    outcome = case.session.copy().learn(
        case.stimulus, case.samples, traced=True, trace_rows=1 << 18, record=True, watched=True
    )
    found = activity.groups(plan, outcome.activity[:, -1])
    assert {name: bits.shape[-1] for name, bits in found.items()} == activity.sizes(plan)
    moment, number, index, value = outcome.trace.T
    trial, tick = np.divmod(moment, plan.digests)
    tick -= (plan.passes - 1) * plan.ticks

    def written(*names: str) -> np.ndarray:
        bits = np.zeros((len(case.samples), plan.ticks, plan.variables[names[0]].shape[0]), bool)
        for name in names:
            mine = (number == plan.variables[name].number) & (tick >= 0) & (value != 0)
            mine &= tick < plan.ticks
            bits[trial[mine], tick[mine], index[mine]] = True
        return bits

    for p in plan.sources:
        shown = case.stimulus.inputs[p.name][case.samples]
        assert np.array_equal(found[f"{p.name}.signal"], shown != 0)
    assert plan.readout is not None
    assert np.array_equal(found[f"{plan.readout.name}.signal"], outcome.signals != 0)
    for p in plan.neurons:
        if p.state:
            given = written(*(f"{p.name}.{field}" for field in p.state))
            assert np.array_equal(found[f"{p.name}.state"], given)
    for q in plan.learners:
        learner: Any = q.learner
        if learner.factor is not None:
            assert np.array_equal(found[f"{q.name}.factor"], written(f"{q.name}.factor"))
        if q.pre.module is None and q.filter is None:
            shown = case.stimulus.inputs[q.pre.name][case.samples]
            assert np.array_equal(found[f"{q.name}.pre"], stepped(learner.pre, shown, q.delay))


def stepped(part: Any, signals: np.ndarray, delay: int) -> np.ndarray:
    """Return where a part gives anything but 0, ``(trials, ticks, neurons)``."""
    bits = np.zeros(signals.shape, bool)
    state_of, inputs_of = (
        type(getattr(part.cell.ports(part.constants), group)) for group in ("state", "inputs")
    )
    for k, neuron in np.ndindex(signals.shape[0], signals.shape[2]):
        state: Any = Nothing() if state_of is Nothing else state_of(*[0] * len(part.state))
        for tick in range(delay, signals.shape[1]):
            given = inputs_of(int(signals[k, tick - delay, neuron]))
            state, outputs = part.cell.step(part.constants, state, given)
            bits[k, tick, neuron] = any(outputs)
    return bits


@pytest.mark.parametrize(
    ("kind", "seed"), [("rewarded", 13), pytest.param("traced", 10, marks=pytest.mark.long)]
)
def test_engines_record_the_same_and_watching_changes_nothing(kind: str, seed: int) -> None:
    case = case_of(kind, seed)
    alone = case.session.copy()
    plain = alone.learn(case.stimulus, case.samples, external=case.external)
    assert plain.activity.shape[-1] == 0
    compiled = Session(case.plan, case.session.seed)
    compiled.restore(case.session.save())
    seen = [
        session.learn(case.stimulus, case.samples, external=case.external, watched=True)
        for session in (case.session, compiled)
    ]
    assert seen[0].activity.any()
    assert np.array_equal(seen[0].activity, seen[1].activity)
    for name, array in alone.arrays.items():
        assert np.array_equal(case.session.arrays[name], array)


# Streams


def followed(stream: Any, blocks: Blocks) -> int:
    """Return when a stream is over that starts in cycle 0."""
    for now in range(1, 10_000):
        stream.cycle()
        blocks.cycle(now)
        over = stream.settle(now)
        if over is not None:
            return over
    raise AssertionError("Stream must end, but does not")


def test_visits_take_what_they_take_cycle_by_cycle() -> None:
    random = np.random.default_rng(5)
    for _ in range(300):
        counts = (random.integers(0, 5, random.integers(1, 8)) * random.integers(0, 2)).tolist()
        groups, latency = int(random.integers(1, 6)), int(random.integers(2, 4))
        words = [list(range(rows)) for rows in counts]
        over = followed(Visit(words, groups, latency, []), Blocks(None, []))
        assert visited(counts, groups, latency) == over


@pytest.fixture
def threefry() -> Iterator[Callable[..., tuple[Blocks, Client]]]:
    """Give ``threefry(lanes, pipelined, ahead)``: the blocks, and a client of them."""

    def make(lanes: int, *, pipelined: bool, ahead: bool = False) -> tuple[Blocks, Client]:
        client = Client(FieldSource(32, lanes, 1, ahead=ahead))
        return Blocks(BlockSource(1, pipelined=pipelined), [client]), client

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedElaboratable)
        yield make
        gc.collect()


@pytest.mark.parametrize(("pipelined", "each"), [(False, 11), (True, 15)])
def test_a_draw_waits_for_its_blocks(threefry: Any, pipelined: bool, each: int) -> None:
    """Begun in the second cycle, a block comes in the tenth or fourteenth."""
    blocks, client = threefry(2, pipelined=pipelined)
    assert followed(Draw(client, 3, 2), blocks) == 3 * each + 1


def test_what_comes_ahead_is_not_waited_for(threefry: Any) -> None:
    """Rows of more groups than a block takes cycles: only the first row waits."""
    spans = {}
    for ahead in (False, True):
        blocks, client = threefry(1, pipelined=True, ahead=ahead)
        rows = Visit([[0, 2, 4, 6]], 16, 2, [Reading(client, 0, 0)])
        spans[ahead] = followed(rows, blocks)
    # A row has sixteen visits; its block is asked for when it is offered, or else when it is held.
    assert spans == {True: 15 + 4 * 16 + 3, False: 2 + 4 * (14 + 16) + 3}


def test_streams_that_share_a_threefry_are_followed_as_cycle_by_cycle(threefry: Any) -> None:
    """What is skipped, as nothing moves, is but what would be waited for."""
    random = np.random.default_rng(6)
    for _ in range(30):
        begins = {name: int(n) for name, n in zip("abc", random.integers(0, 40, 3), strict=True)}
        groups, sizes = random.integers(1, 12, 3), random.integers(1, 40, 3)
        found = []
        for plain in (True, False):
            blocks, first = threefry(8, pipelined=bool(sizes[0] & 1))
            second, third = (threefry(1, pipelined=False, ahead=k > 0)[1] for k in range(2))
            blocks.clients = [first, second, third]
            rows = [[list(range(k, n, 5)) for k in range(5)] for n in sizes]
            waiting = {
                "a": Draw(first, int(groups[0]), 8),
                "b": Visit(rows[1], int(groups[1]), 2, [Reading(second, 0, 0)]),
                "c": Visit(rows[2], int(groups[2]), 3, [Reading(third, 0, 0)]),
            }
            overs: dict[str, int] = {}
            now = 1
            while waiting:
                if plain:
                    active = [name for name in waiting if begins[name] < now]
                    for name in active:
                        waiting[name].cycle()
                    blocks.cycle(now)
                    ends = {name: waiting[name].settle(now) for name in active}
                    overs |= {name: over for name, over in ends.items() if over is not None}
                    waiting = {name: one for name, one in waiting.items() if name not in overs}
                    now += 1
                else:
                    now = follow(blocks, waiting, begins, overs, now)
            found.append(overs)
        assert found[0] == found[1]


# Counts


@pytest.mark.parametrize(("kind", "seed", "lanes", "neurons"), CORES)
def test_counts_are_the_simulators(kind: str, seed: int, lanes: int, neurons: int) -> None:
    case = case_of(kind, seed)
    assert count_of(case, lanes, neurons) == simulated(case, lanes, neurons)


@pytest.mark.parametrize("power_up", [None, 5])
def test_how_long_a_trial_takes_is_no_matter_of_memories_before_a_reset(
    power_up: int | None,
) -> None:
    """An idle population is updated once after a reset, whatever its memories held before."""
    rule = weight_perturbation.Params(eta=0.5, sigma=0.5, factor=F("fxp-s10/4"))
    network = Network(
        2,
        (
            Population("spikes", 2, Source()),
            Population("hidden", 30, lif.Params(F("fxp-s8/3"), 0.5, 1.0)),
            Population("out", 1, leaky_readout.Params(F("fxp-s8/3"))),
        ),
        (
            Projection("spikes", "hidden", F("fxp-s6/3")),
            Projection("spikes", "out", F("fxp-s6/3"), rule=rule),
        ),
        Reward("out", "squared_error", running_mean.Params(), F("fxp-s12/2"), F("fxp-s6/2")),
    )
    silent = {"spikes": np.zeros((1, 2, 2), np.int64)}
    shown = Stimulus(silent, np.zeros((1, 2, 1), np.int64)), [0, 0]
    session = Session(plan(network), 1, "python")
    count = cycles.of_learning(session.copy(), *shown, lanes=2)
    built = lockstep.prepare(session.plan, 2, "icarus", power_up=power_up)
    report = lockstep.lockstep(session, *shown, lanes=2, simulator="icarus", built=built)
    assert report.mismatch is None
    assert report.busy == count.cycles


def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let cores deliver after they have learned, as if no projection did both in one visit."""
    monkeypatch.setattr("goldenspike.hdl.core.joined", lambda plan: set())


@pytest.mark.parametrize("seed", [7, 58])
def test_what_is_learned_and_delivered_in_one_visit_is_all_there_is(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = traced_case(seed)
    shown: dict[str, Any] = {"external": case.external, "lanes": 2}
    assert joined(case.session.plan)
    one = cycles.of_learning(case.session.copy(), case.stimulus, case.samples, **shown)
    apart(monkeypatch)
    two = cycles.of_learning(case.session.copy(), case.stimulus, case.samples, **shown)
    assert (one.operations, one.candidates) == (two.operations, two.candidates)
    assert simulated(case, 2, 1) == two.cycles


def test_where_much_is_delivered_one_visit_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    job = prepare("rflo_periodic")
    counts = []
    for _ in range(2):
        session = Session(job.plan, 1)
        counts.append(cycles.of_learning(session, *job.task.trials(0, 1), lanes=8, neurons=8))
        apart(monkeypatch)
    assert counts[0].cycles < 0.75 * counts[1].cycles


@pytest.mark.long
@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("seed", range(40_000, 40_040))
def test_many_counts_are_the_simulators(kind: str, seed: int) -> None:
    case = case_of(kind, seed)
    lanes = LANES[seed % len(LANES)]
    neurons = min(lanes, LANES[seed // len(LANES) % len(LANES)])
    assert count_of(case, lanes, neurons) == simulated(case, lanes, neurons)


Watched = tuple[Any, np.ndarray, tuple[int, ...]]


@pytest.fixture(scope="module")
def watched() -> list[tuple[Watched, int]]:
    """Give plans, the activity of trials, the flags of their runs, and the cycles."""
    found = []
    for kind, seed in [("rewarded", n) for n in RANDOM] + [("traced", n) for n in TRACED]:
        case = case_of(kind, seed)
        seen = case.session.learn(
            case.stimulus, case.samples, external=case.external, watched=True
        ).activity
        one = case.plan, seen, (3,) if case.external is None else (1, 2)
        found.append((one, modelled(one)))
    return found


def modelled(one: Watched) -> int:
    planned, seen, flags = one
    return cycles.model(planned, 2, 2).trials(seen, flags).cycles


@pytest.mark.parametrize(("unit", "name"), sorted(LATENCIES, key=str))
def test_every_latency_counts(
    unit: Any, name: str, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is a cycle off is seen, in some of the networks that equal the simulator's."""
    monkeypatch.setattr(unit, name, getattr(unit, name) + 1)
    assert any(modelled(one) != before for one, before in watched)


@pytest.mark.parametrize("what", ["visits", "learning", "blocks", "digest"])
def test_every_latency_of_a_core_counts(
    what: str, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of those that are not the same in every core."""

    def made(*given: Any) -> Core:
        core = Core(*given)
        units = {
            "visits": list(core.synapses.values()),
            "learning": [unit.learner for unit in core.synapses.values()],
            "blocks": [core.blocks],
            "digest": [core.sequencer],
        }
        for one in units[what]:
            if one is not None:
                one.latency += 1
        return core

    monkeypatch.setattr(cycles, "Core", made)
    assert any(modelled(one) != before for one, before in watched)


def test_a_core_with_a_bus_is_not_counted() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedElaboratable)
        core = Core(traced_case(7).plan, 2, bus=True)
        with pytest.raises(ValueError, match=r"^Core must have no bus"):
            cycles.Model(core)
        del core
        gc.collect()


def test_trials_go_on_where_they_stopped() -> None:
    """What rests at the end of a trial does at the start of the next one."""
    case = traced_case(7)
    seen = case.session.copy().learn(case.stimulus, case.samples, watched=True).activity
    one, other = (cycles.model(case.plan, 2, 2) for _ in range(2))
    parts = [other.trials(seen[k : k + 1]) for k in range(len(seen))]
    whole = one.trials(seen)
    assert whole.cycles == sum(part.cycles for part in parts)
    assert whole.phases.total() == whole.cycles
    assert whole.trials == len(seen)
    assert [len(ticks) for ticks in whole.ticks] == [case.plan.ticks] * len(seen)


# The command


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_take_what_the_simulator_counts(name: str) -> None:
    job = prepare(name)
    stimulus, samples = job.task.trials(0, 2)
    count = cycles.of_learning(job.session(), stimulus, samples, lanes=2)
    report = lockstep.lockstep(job.session(), stimulus, samples, lanes=2, simulator="icarus")
    assert count.cycles == report.busy


def test_the_command_prints_where_cycles_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cycles", "werfel_node", "--lanes", "4", "--mhz", "100", "--trials", "3"]) == 0
    printed = capsys.readouterr().out
    assert "werfel_node, 4 lanes, 1 neurons: 3 trials" in printed
    assert "trials a second at 100 MHz" in printed
    assert "sequencer" in printed


@pytest.mark.parametrize("off", [0, 1])
def test_a_check_tells_of_other_cycles(
    off: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = prepare("werfel_node")
    counted = cycles.of_learning(job.session(), *job.task.trials(0, 2)).cycles
    seen = lockstep.Report("verilator", 8, 2, 1, 1, 1, 1, None, counted + off)
    monkeypatch.setattr(lockstep, "lockstep", lambda *_, **__: seen)
    monkeypatch.setattr(command.simulators, "version", lambda _: "5")
    assert main(["cycles", "werfel_node", "--check"]) == off
    printed = capsys.readouterr()
    assert f"The model counts {counted} cycles, verilator {counted + off}." in printed.out
    assert (f"must be the simulator's {counted + off}" in printed.err) == bool(off)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["werfel_nodes"], "werfel_node"),
        (["werfel_node", "--lanes", "3"], "Lanes must be one of 1, 2, 4, 8, 16, 32, not 3"),
        (["werfel_node", "--lanes", "2", "--neurons", "4"], "Neurons of 2 lanes must be"),
        (["werfel_node", "--mhz", "0"], "Clock must be above 0 MHz, not 0"),
        (["werfel_node", "--mhz", "inf"], "Clock must be above 0 MHz, not inf"),
        (
            ["werfel_node", "--trials", "0"],
            "'--trials': Input should be greater than or equal to 1",
        ),
    ],
)
def test_bad_input_is_named(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cycles", *options]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
