"""Mutants: which are drawn, who kills them, and that a bench that does not look kills none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from goldenspike.golden import catalog
from goldenspike.hdl import yosys
from goldenspike.hdl.units.common import Unit
from goldenspike.sim import (
    and_gates,
    apart,
    equivalence,
    mutation,
    mutation_score,
    mutation_scripts,
    mutation_twins,
)
from goldenspike.sim.claims.networks import perturbed
from goldenspike.sim.mutation import Mutant, Netlist
from goldenspike.sim.mutation_score import Record, Subject
from goldenspike.tools import mutation as command

REPOSITORY = Path(__file__).resolve().parents[1]
COUNT = 200
"""Mutants of the short run, which is part of every run of the tests."""
SUBJECT = Subject("small", perturbed("node"), 2, 1)


@pytest.fixture(scope="module", name="netlist")
def give_netlist() -> Netlist:
    return SUBJECT.draw(COUNT, 1)


@pytest.fixture(scope="module", name="killed")
def give_killed(netlist: Netlist) -> list[Record]:
    numbers = [mutant.number for mutant in netlist.mutants]
    return list(mutation_score.by_lockstep(SUBJECT, netlist, numbers))


def mutants_of(netlist: Netlist, numbers: Any) -> list[Mutant]:
    return [netlist.mutants[number - 1] for number in numbers]


def test_the_cores_together_have_every_model() -> None:
    """A rule or a neuron that is added needs a core here, or nobody knows whether tests see it."""
    subjects = [command.subject(name) for name in command.subjects()]
    assert len(subjects) >= 8
    assert any(one.bus for one in subjects)
    modules = set()
    for one in subjects:
        plan = one.plan
        described: list[Any] = [p.params for p in plan.populations]
        for q in plan.projections:
            rule = q.description.rule
            described += [rule, q.description.synapse, getattr(rule, "noise", None)]
        if plan.reward is not None:
            described.append(plan.reward.baseline_params)
        modules |= {type(each).__module__ for each in described if each is not None}
    kinds = (catalog.RULES, catalog.NEURONS, catalog.SYNAPSES, catalog.BASELINES)
    wanted = {module.__name__ for kind in kinds for module in kind.values()}
    assert wanted <= modules
    cells = {cell.name for one in subjects for _, cell, _ in one.plan.cells}
    for kind in (catalog.NOISES, catalog.OBJECTIVES):
        names = {module.__name__.removeprefix("goldenspike.golden.") for module in kind.values()}
        assert names <= {name.rpartition(".")[0] for name in cells}


def test_what_is_mutated_is_what_is_exported(netlist: Netlist) -> None:
    """But for the places in the source, Yosys is given the same text as for the Verilog."""
    text, twins = mutation.elaborated(SUBJECT.core())
    exported = yosys.rtlil.convert(SUBJECT.core(), name=mutation.TOP, emit_src=False)
    assert re.sub(r"\n *attribute \\src [^\n]*", "", text) == exported
    assert set(twins) == set(netlist.twins)


def test_mutants_are_drawn_by_seed_and_name_places_in_the_source(netlist: Netlist) -> None:
    assert len(netlist.mutants) == COUNT
    assert [mutant.number for mutant in netlist.mutants] == list(range(1, COUNT + 1))
    assert SUBJECT.draw(COUNT, 1).key == netlist.key
    assert SUBJECT.draw(COUNT, 2).key != netlist.key
    placed = [mutant.source for mutant in netlist.mutants if mutant.source]
    assert len(placed) > 0.9 * COUNT
    assert sum(place.startswith("hdl/") for place in placed) > 0.9 * len(placed)
    for place in placed:
        name, _, line = place.partition(":")
        assert not name.startswith("/")
        if name.startswith("hdl/"):
            assert int(line) <= len((REPOSITORY / name).read_text().splitlines())


def test_lockstep_kills_most(killed: list[Record]) -> None:
    assert len(killed) > 0.65 * COUNT
    assert {one.by for one in killed} <= {"lockstep", "cycles"}
    assert any(one.detail.startswith("digest") for one in killed)


def test_a_blind_bench_kills_none(netlist: Netlist) -> None:
    """The mutants run, and nothing is compared: all survive, and the score fails."""
    numbers = [mutant.number for mutant in netlist.mutants]
    assert list(mutation_score.by_lockstep(SUBJECT, netlist, numbers, blind=True)) == []
    left = list(mutation_score.survivors(SUBJECT, netlist, numbers))
    assert mutation_score.score(left)[1] == 0.0


@pytest.mark.long
def test_proofs_and_lockstep_never_contradict(netlist: Netlist, killed: list[Record]) -> None:
    """What lockstep tells from the core is proved equivalent by nothing; some of the rest is."""
    numbers = [one.number for one in killed]
    told = mutants_of(netlist, numbers)
    assert not any(equal for _, equal, _ in mutation_twins.decide(netlist, told))
    left = [mutant for mutant in netlist.mutants if mutant.number not in set(numbers)]
    # All that is known at a glance, and a few of those that engines are asked about.
    pairs = equivalence.Pairs(netlist, [m for m in told if m.port not in equivalence.CLOCKS])
    assert all(pairs.step(m.number) for m in told if m.port not in equivalence.CLOCKS)
    assert list(equivalence.prove(netlist, told[::30])) == []
    assert list(mutation_score.by_closer_proof(SUBJECT, netlist, numbers[::30])) == []
    rest = equivalence.Pairs(netlist, [m for m in left if m.port not in equivalence.CLOCKS])
    dead = sum(rest.step(m.number) == 0 for m in left if m.port not in equivalence.CLOCKS)
    assert dead > 10


class Store(Unit):
    """Keeps words of four bits, of which it shows three, in the cycle after it is asked."""

    def __init__(self) -> None:
        inputs = {"write": In(1), "data": In(4), "place": In(2), "ask": In(1)}
        super().__init__({**inputs, "answer": Out(3)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=4, depth=4, init=[])
        write, read, asked = memory.write_port(), memory.read_port(), Signal()
        m.d.sync += asked.eq(self.ask)
        m.d.comb += [
            *(write.en.eq(self.write), write.addr.eq(self.place), write.data.eq(self.data)),
            *(read.en.eq(self.ask), read.addr.eq(self.place)),
            self.answer.eq(Mux(asked, read.data[:3], 0)),
        ]
        return m


class Registers(Unit):
    """Three registers keep what it gets, of which it shows one; a fourth stays 0."""

    def __init__(self) -> None:
        super().__init__({"data": In(3), "answer": Out(3)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shown, first, second = (Signal(3, name=name) for name in ("shown", "first", "second"))
        m.d.sync += [shown.eq(self.data), first.eq(self.data), second.eq(first)]
        steady = Signal(3, name="steady")
        m.d.sync += steady.eq(steady & self.data)
        m.d.comb += self.answer.eq(shown ^ steady)
        return m


def test_registers_that_nobody_reads_or_that_never_change_may_have_any_clock() -> None:
    netlist = mutation.draw(Registers(), 400, 1)
    clocks = [m for m in netlist.mutants if m.port == "CLK"]
    cells = re.findall(r"cell \$dff (\S+)\n((?:    .*\n)+)", netlist.text)
    named = {
        cell
        for cell, lines in cells
        if re.search(r"Q \\(first|second|steady)$", lines, re.MULTILINE)
    }
    assert len(named) == 3
    free = {m.number for m in clocks if m.cell in named}
    assert {m.cell for m in clocks} > named
    assert dict(equivalence.prove(netlist, clocks)) == dict.fromkeys(free, "structure")


def test_memories_may_be_told_otherwise_where_nobody_sees_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their bit 3 is never shown; a word that is read in vain is not shown. All else is seen."""
    monkeypatch.setattr(equivalence, "REACHES", (2,))
    monkeypatch.setattr(equivalence, "DEPTHS", (2,))
    netlist = mutation.draw(Store(), 300, 1)
    of_memory = [m for m in netlist.mutants if m.cell == "memory" and "RST" not in m.port]
    unseen = {
        m.number
        for m in of_memory
        if (m.bit == 3 and m.port in ("RD_DATA", "WR_DATA", "WR_EN"))
        or (m.port == "RD_EN" and m.mode == "const1")
    }
    assert len(unseen) > 10
    assert len(of_memory) > 5 * len(unseen)
    assert {number for number, _ in equivalence.prove(netlist, of_memory)} == unseen

    def differ(pairs: equivalence.Pairs, numbers: list[int]) -> dict[int, list[int]]:
        own = [k for k in range(len(pairs.registers)) if pairs.words.get(k, 3) == 3]
        return dict.fromkeys(numbers, own)

    found = equivalence.prove_apart(netlist, of_memory, differ)
    assert {number for number, _ in found} == unseen


def test_registers_that_differ_in_a_run_are_told(netlist: Netlist, killed: list[Record]) -> None:
    """Which they do in nearly all mutants that lockstep tells from the core, and in few others."""
    told = [one.number for one in killed]
    pairs = equivalence.Pairs(netlist, netlist.mutants, mapped=True)
    numbers = [mutant.number for mutant in netlist.mutants]
    found = apart.registers(pairs, numbers, SUBJECT.scripts([0]))
    differ = {number for number, registers in found.items() if registers}
    assert len(differ & set(told)) > 0.9 * len(told)
    assert len(differ - set(told)) < 0.5 * (len(numbers) - len(told))


def test_a_problem_that_abc_fails_at_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are decided as before."""
    graph = and_gates.Graph()
    held, seen = graph.new(), graph.new()
    # A register that keeps its 0 is never 1.
    data = and_gates.written(graph, {held: held, seen: held}, seen)
    problems = dict.fromkeys(range(5), data)
    assert equivalence.never(problems, "pdr -T 3", tmp_path) == set(range(5))
    run = yosys.run

    def overflows(script: str, folder: Path, **more: Any) -> str:
        if "read_aiger 3.aig" in (folder / "engine.abc").read_text():
            raise RuntimeError("Yosys must succeed, not exit with 134")
        return run(script, folder, **more)

    monkeypatch.setattr(yosys, "run", overflows)
    assert equivalence.never(problems, "pdr -T 3", tmp_path) == {0, 1, 2, 4}


@pytest.mark.parametrize("name", command.subjects())
def test_every_core_is_alive(name: str) -> None:
    """What never changes in any case hides mutants: no check sees them."""
    planned = command.subject(name).plan
    seen: dict[str, set[int]] = {}
    for number in range(12):
        case = mutation_scripts.draw_case(planned, number)
        external = None if case.external is None else case.external[:4]
        found = case.session.copy().learn(
            case.stimulus, [0, 1, 0, 1], traced=True, trace_rows=1 << 20, external=external
        )
        for variable in planned.variables.values():
            values = found.trace[found.trace[:, 1] == variable.number][:, 3]
            seen.setdefault(variable.name, set()).update(values.tolist())
    flags = (".active", ".primed")  # Which are only ever set.
    assert [n for n, found in seen.items() if len(found) == 1 and not n.endswith(flags)] == []


def test_a_steady_case_brings_sums_to_their_ends() -> None:
    """Where errors of all ticks are of random signs and sizes, none adds up to half of the most."""
    planned = command.subject("deep").plan
    assert planned.reward is not None
    most = {}
    for kind, numbers in (("steady", range(3, 96, 4)), ("other", range(24))):
        errors = []
        for number in numbers:
            case = mutation_scripts.draw_case(planned, number)
            if (number % 4 == mutation_scripts.STEADY) == (kind == "steady"):
                outcome = case.session.learn(case.stimulus, [0, 1])
                errors += outcome.errors.ravel().tolist()
        most[kind] = max(errors) / planned.reward.error.high
    assert most["steady"] > 0.5 > most["other"], most


def test_a_run_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: list[Record]
) -> None:
    monkeypatch.setattr(mutation_score, "STAGES", (mutation_score.by_lockstep,))
    path = tmp_path / "results.jsonl"
    running = command.go_on(SUBJECT, path, count=COUNT, seed=1)
    first = [next(running) for _ in range(20)]
    running.close()
    with path.open("a") as file:
        file.write('{"subject": "sm')  # Killed while it wrote.
    again = list(command.go_on(SUBJECT, path, count=COUNT, seed=1))
    assert again[: len(first)] == first
    assert {one.number for one in again} == set(range(1, COUNT + 1))
    assert len(again) == COUNT
    assert {one.number for one in again if one.fate == "killed"} == {k.number for k in killed}
    whole = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert sorted(one["number"] for one in whole) == list(range(1, COUNT + 1))


def test_the_page_tells_the_score_and_every_survivor(
    netlist: Netlist, killed: list[Record]
) -> None:
    numbers = {mutant.number for mutant in netlist.mutants} - {one.number for one in killed}
    left = list(mutation_score.survivors(SUBJECT, netlist, sorted(numbers)))
    page = command.report([*killed, *left], "goldenspike mutate", 1)
    share = 100 * len(killed) / COUNT
    assert f"**{len(killed)} of {COUNT} mutants" in page
    assert f"{share:.2f} %" in page
    for one in left:
        assert one.place in page
        assert one.source in page
