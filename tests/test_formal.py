"""What is claimed of the hardware holds; and every claim has been seen to fail.

A fault is one edit of a copy of ``hdl``, as in ``test_faults.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from amaranth.hdl import Module, Signal

from goldenspike.sim import aiger, claims, formal

CHECKER = Path(__file__).with_name("check_claims.py")
Planted = Callable[[str, str, str], Path]
QUICK = ("rows: packed signals", "population: two a cycle", "core: none", "returns: none")


class Fault(NamedTuple):
    """An edit of a file of ``hdl``, the property that fails, and claims that are broken.

    Without claims, that the bench does not reach what it must.
    """

    file: str
    old: str
    new: str
    name: str
    broken: tuple[str, ...]


ARRIVES = ("spikes_to_out_arrives", "out_to_out_arrives")
FAULTS = {
    "a signal of a word is sent again": Fault(
        *("units/rows.py", "left.eq(left & (left - 1))", "left.eq(left)"),
        *("rows: packed signals", ("rows_ascend", "row_comes_once", "it_ends")),
    ),
    "last row is not learned": Fault(
        *("units/synapses.py", "with m.If(row == q.pre.size - 1):"),
        *("with m.If(row == q.pre.size - 2):", "synapses: node", ("read_once", "w_written_once")),
    ),
    "currents of two projections are added at once": Fault(
        *("units/sequencer.py", ', f"sums of {q.post.name}")\n        return Phase(unit.deliver'),
        *(")\n        return Phase(unit.deliver", "core: delays"),
        ("out_added_to_by_one", "out_not_added_to_while_updated", *ARRIVES),
    ),
    "accumulator forgets what is written in the same cycle": Fault(
        *("units/population.py", "read_port(transparent_for=(write,))", "read_port()"),
        *("sums: graded", ("current_is_the_sum", "sum_is_read", "sum_is_kept")),
    ),
}
MORE = {
    "a stalled row is passed over": Fault(
        *("units/rows.py", "sending = self.o.valid & self.o.ready"),
        *("sending = self.o.valid", "rows: signals", ("valid_stays", "payload_stays")),
    ),
    "a silent row is sent": Fault(
        *("units/rows.py", "Mux(self.all, there, active)"),
        *("there", "rows: signals", ("row_comes_once", "all_rows_come")),
    ),
    "rows of a last word that are no neurons": Fault(
        *("units/rows.py", "with m.If(last):", "with m.If(last & 0):"),
        *("rows: spikes of two words", ("row_exists",)),
    ),
    "a synapse is written that is not there": Fault(
        *("units/synapses.py", "visit.learned.eq(learned & inside)"),
        *("visit.learned.eq(learned & inside & (visit.index != 0x00010002))",),
        *("synapses: weight", ("w_written_once",)),
    ),
    "a projection is at rest too early": Fault(
        *(
            "units/synapses.py",
            'streaming | learning | later(m, working, "working")',
            "streaming | learning",
        ),
        *("synapses: none", ("nothing_while_idle", "added_once_a_row")),
    ),
    "a projection that learns in ticks is at rest too early": Fault(
        *(
            "units/synapses.py",
            'streaming | learning | later(m, working, "working")',
            "streaming | learning",
        ),
        *("synapses: online", ("added_once_a_row", "nothing_while_idle")),
    ),
    "marks never end a visit": Fault(
        *("units/synapses.py", "with m.Elif(go & last):", "with m.Elif(go & last & 0):"),
        *("synapses: active", ("it_ends", "read_once", "added_once_a_row")),
    ),
    "eligibilities are traced in a delivery too": Fault(
        *("units/synapses.py", '(delivering & q.traces("delivery"))', "delivering"),
        *("synapses: hybrid", ("w_written_once",)),
    ),
    "a rule is at rest too early": Fault(
        *("units/learner.py", 'self.busy.eq(streaming | later(m, Cat(working).any(), "working"))'),
        *("self.busy.eq(streaming)", "learner: e-prop", ("written_while_learning",)),
    ),
    "one factor is not made": Fault(
        *("units/learner.py", "write.en.eq(valid & steps.mine(factored, lane))"),
        *("write.en.eq(valid & steps.mine(factored, lane) & (factored != 1))",),
        *("learner: delta rule", ("factor_made_once",)),
    ),
    "last word of columns is not drawn": Fault(
        *("units/learner.py", "with m.If(place == self.groups - 1):"),
        *("with m.If(place == 0):", "learner: e-prop, one stage less", ("word_drawn_once",)),
    ),
    "a filter is at rest too early": Fault(
        *("units/filters.py", "working = running | stepping"),
        *("working = running", "filter", ("nothing_while_idle", "kept_once")),
    ),
    "a mirror leaves out the last neuron": Fault(
        *("units/mirror.py", "with m.If(last & (row == q.post.size - 1)):"),
        *("with m.If(last & (row == q.post.size - 2)):",),
        *("mirror", ("read_once", "added_once")),
    ),
    "the last step is left out": Fault(
        *("units/common.py", "last = step == self.count - 1", "last = step == self.count - 2"),
        *("population: graded", ("stepped_once", "reported_once", "state_written_once")),
    ),
    "the last step of two neurons is left out": Fault(
        *("units/common.py", "last = step == self.count - 1", "last = step == 0"),
        *("population: two a cycle", ("stepped_once", "reported_once", "state_written_once")),
    ),
    "first variates are drawn alone": Fault(
        *("units/population.py", "with m.If(place == self.groups - 1):", "with m.If(place == 0):"),
        *("population: variates", ("drawn_once",)),
    ),
    "sums are not cleared": Fault(
        *("units/population.py", "Mux(adding, read.data + addend, 0)"),
        *("read.data + Mux(adding, addend, 0)", "sums: two a cycle"),
        ("current_is_the_sum", "sum_is_kept"),
    ),
    "the last spike is not collected": Fault(
        *("units/population.py", "write.data.eq(grown)", "write.data.eq(collected)"),
        *("signals: spikes", ("signal_is_kept",)),
    ),
    "silence is not told": Fault(
        *("units/population.py", "m.d.sync += self.sounded.bit_select(now, 1).eq(1)"),
        *("m.d.sync += self.sounded.bit_select(now, 1).eq(0)", "signals: graded", ("sounded",)),
    ),
    "signals are kept in the place of the tick before": Fault(
        *("units/population.py", "now, steps = self.tick[: self.depth_bits], self.steps"),
        *("now, steps = (self.tick - 1)[: self.depth_bits], self.steps",),
        *("signals: of ticks before", ("signal_is_kept", "sounded")),
    ),
    "fields outlive a flush": Fault(
        *("units/variates.py", "m.d.sync += valid.eq(0)", "m.d.sync += valid.eq(valid)"),
        *("random fields", ("fields_are_those_asked_for",)),
    ),
    "what is fetched ahead is taken for what is needed": Fault(
        *("units/variates.py", "Array(tags)[place].eq(target)"),
        *("Array(tags)[place].eq(wanted)", "random fields: ahead"),
        ("fields_are_those_asked_for",),
    ),
    "a word is visited again and again": Fault(
        *("units/synapses.py", "m.d.sync += group.eq(Mux(last, 0, group + 1))"),
        *("m.d.sync += group.eq(0)", "synapses: node"),
        ("w_not_read_in_flight",),
    ),
    "signals are read while they are made": Fault(
        *("units/sequencer.py", "after = self._updated(q.pre) if q.delay == ticks else ()"),
        *("after = ()", "core: traces", ("hidden_signals_not_read_while_made",)),
    ),
    "a phase is over when it begins": Fault(
        *("units/schedule.py", "Mux(begun, ~busy, ready & ~wanted)"),
        *("Mux(begun, 1, ready & ~wanted)", "core: none", ("spikes_to_out_starts_when_idle",)),
    ),
    "a run never ends": Fault(
        *("units/sequencer.py", "with m.If(~settling.any()):", "with m.If(0):"),
        *("returns: none", ("it_returns",)),
    ),
    "an answer does not wait": Fault(
        *("units/commands.py", 'with m.If(self.o.ready):\n                    m.next = "NEXT"'),
        *('with m.If(1):\n                    m.next = "NEXT"', "core: answers", ("answer_stays",)),
    ),
    "an unknown event is not counted": Fault(
        *("bus/events_in.py", "self.refused.eq(unknown)", "self.refused.eq(0)"),
        *("axi: frames of events", ("at_once",)),
    ),
    "an event of a frame is lost": Fault(
        *(
            "bus/events_in.py",
            "grown = read.data | (1 << at_bit)",
            "grown = read.data & 0 | (1 << at_bit)",
        ),
        *("axi: frames of events", ("frame_has_the_events",)),
    ),
    "an event to outside does not wait": Fault(
        *("bus/events_out.py", "queue.r_en.eq(axi.tready)", "queue.r_en.eq(1)"),
        *("axi: events to outside", ("event_stays",)),
    ),
    "a full queue is not told": Fault(
        *("bus/events_out.py", "queue.level > DEPTH - MARGIN", "queue.level > DEPTH"),
        *("axi: core, none", ("no_event_is_dropped",)),
    ),
}


def check(fault: Fault, planted: Planted) -> None:
    """Plant a fault and assert that the property says so."""
    hardware = planted(fault.file, fault.old, fault.new)
    done = subprocess.run(
        [sys.executable, str(CHECKER), str(hardware), fault.name],
        env=os.environ | {"PYTHONPATH": str(hardware.parents[1]), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ((status, *broken),) = json.loads(done.stdout)
    assert status == "failed"
    assert broken
    assert set(broken) <= set(fault.broken)


class Counter(formal.Bench):
    """A counter of a few bits that is claimed to stay below a number."""

    def __init__(self, below: int, goal: int = 3) -> None:
        super().__init__()
        self.below, self.goal = below, goal

    def build(self, m: Module) -> None:
        count = Signal(4)
        more = self.anything("more")
        m.d.sync += count.eq((count + more) % 6)
        self.claim("below", count < self.below)
        self.reach(count == self.goal)


def outcome(bench: Any, depth: int | None = None) -> formal.Outcome:
    return formal.check(formal.Property("counter", lambda: bench, depth))


def test_a_claim_that_always_holds_is_proved() -> None:
    found = outcome(Counter(6))
    assert (found.status, found.result, found.shown) == ("proved", "proved", True)


def test_a_claim_is_checked_for_so_many_cycles() -> None:
    found = outcome(Counter(5), 5)
    assert (found.status, found.depth, found.result) == ("bounded", 5, "5 cycles")
    assert outcome(Counter(5), 6).status == "failed"


def test_a_counterexample_is_the_shortest_and_says_what_is_broken() -> None:
    found = outcome(Counter(5))
    assert (found.status, found.depth, found.broken) == ("failed", 6, ("below",))
    assert found.trace is not None
    assert found.trace["count"] == [0, 1, 2, 3, 4, 5]
    assert str(found).splitlines() == [
        "counter: below is false in cycle 5",
        "  cycle 0 1 2 3 4 5",
        "  below 1 1 1 1 1 0",
        "  count 0 1 2 3 4 5",
        "  goal  0 0 0 1 0 0",
        "  more  1 1 1 1 1 0",
    ]


def test_a_goal_must_be_reached() -> None:
    found = outcome(Counter(6, goal=7))
    assert (found.status, found.shown) == ("unreached", False)
    assert "unreached" in str(found)


def test_a_bench_must_claim_something() -> None:
    class Nothing(formal.Bench):
        def build(self, m: Module) -> None:
            m.d.sync += Signal(name="idle").eq(1)

    with pytest.raises(ValueError, match="Bench must claim something"):
        outcome(Nothing())


def test_a_file_must_be_binary_aiger() -> None:
    with pytest.raises(ValueError, match="File must be binary AIGER, not of kind 'aag'"):
        aiger.read(b"aag 0 0 0 0 0\n")


def test_a_circuit_runs() -> None:
    # A register that toggles while its input is 1; the output is its next value.
    #   v1 input, v2 latch, v3 = v1 & v2, v4 = ~v1 & ~v2, v5 = ~v3 & ~v4
    data = b"aig 5 1 1 1 3\n10\n10\n" + bytes([2, 2, 3, 2, 1, 2])
    circuit = aiger.read(data)
    found = aiger.traces(circuit, "output 0 0 toggles\n", circuit.run("1101"))
    assert found == {"toggles": [1, 0, 0, 1]}


@pytest.mark.parametrize("name", QUICK)
def test_what_is_claimed_holds(name: str) -> None:
    assert formal.check(claims.PROPERTIES[name]).shown


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in claims.PROPERTIES if name not in QUICK])
def test_all_that_is_claimed_holds(name: str) -> None:
    assert formal.check(claims.PROPERTIES[name]).shown


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_breaks_a_claim(planted: Planted, name: str) -> None:
    check(FAULTS[name], planted)


@pytest.mark.long
@pytest.mark.parametrize("name", MORE)
def test_more_faults_break_claims(planted: Planted, name: str) -> None:
    check(MORE[name], planted)
