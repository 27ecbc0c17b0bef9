"""Schedules: phases wait for what they need, take turns, and for nothing else."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

import pytest
from amaranth.hdl import Const, Elaboratable, Module, Signal
from amaranth.sim import Simulator

from goldenspike.golden.fixed import Format
from goldenspike.golden.planned import Variable
from goldenspike.hdl.digest import channels
from goldenspike.hdl.units.common import Tap
from goldenspike.hdl.units.schedule import Phase, Schedule

PERIOD = 1e-6


def phase(name: str, *after: str, uses: tuple[str, ...] = (), condition: Any = 1) -> Phase:
    """Return a phase with lines of its own."""
    return Phase(Signal(name=name), Signal(name=f"{name}_busy"), condition, after, uses)


class Timers(Elaboratable):
    """A schedule whose phases take so many cycles each, and when they began and were over."""

    def __init__(self, phases: list[Phase], cycles: list[int]) -> None:
        self.schedule, self.cycles = Schedule(phases), cycles
        self.running, self.hold, self.done = Signal(), Signal(), Signal()

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        done, _ = self.schedule.build(m, "timed", self.running, self.hold)
        m.d.comb += self.done.eq(done)
        for one, cycles in zip(self.schedule.phases, self.cycles, strict=True):
            left = Signal(range(cycles + 1))
            m.d.comb += one.busy.eq(left != 0)
            with m.If(one.start):
                m.d.sync += left.eq(cycles)
            with m.Elif(left != 0):
                m.d.sync += left.eq(left - 1)
        return m


def play(timers: Timers, held: set[int] = frozenset()) -> tuple[dict[str, int], int]:
    """Run a schedule once; return in which cycle each phase began, and which was the last."""
    began: dict[str, int] = {}
    ends: list[int] = []

    async def watch(ctx: Any) -> None:
        for cycle in range(400):
            ctx.set(timers.running, not ends)
            ctx.set(timers.hold, cycle in held)
            for one in timers.schedule.phases:
                if ctx.get(one.start):
                    assert one.name not in began
                    began[one.name] = cycle
            if ctx.get(timers.done):
                ends.append(cycle)
            await ctx.tick()
        assert len(ends) == 1

    simulator = Simulator(timers)
    simulator.add_clock(PERIOD)
    simulator.add_testbench(watch)
    simulator.run()
    return began, ends[0]


def drawn(seed: int) -> tuple[list[Phase], list[int], list[bool]]:
    """Return phases that need earlier ones and share things, how long they take, and whether."""
    draw = random.Random(seed)
    phases: list[Phase] = []
    takes = [draw.random() < 0.8 for _ in range(12)]
    for k, taken in enumerate(takes):
        after = tuple(p.name for p in phases if draw.random() < 0.15)
        uses = tuple(what for what in "abcd" if draw.random() < 0.25)
        one = phase(f"phase_{k}", *after, uses=uses, condition=Const(taken))
        phases.append(one._replace(late=draw.random() < 0.4))
    return phases, [draw.randrange(1, 9) for _ in takes], takes


@pytest.mark.parametrize("seed", range(12))
def test_a_phase_begins_in_the_very_cycle_in_which_it_can(seed: int) -> None:
    phases, cycles, takes = drawn(seed)
    draw = random.Random(seed)
    held = {cycle for cycle in range(400) if draw.random() < 0.3} if seed % 2 else set()
    began, last = play(Timers(phases, cycles), held)
    over: dict[str, int] = {}
    users: dict[str, str] = {}
    for one, length, taken in zip(phases, cycles, takes, strict=True):
        needed = [*one.after, *(users[what] for what in one.uses if what in users)]
        users |= dict.fromkeys(one.uses, one.name)
        begin = max((over[name] for name in needed), default=0)
        while taken and begin in held:
            begin += 1
        begin += taken and one.late
        while taken and begin in held:
            begin += 1
        assert began.get(one.name) == (begin if taken else None)
        over[one.name] = begin + length + 1 if taken else begin
    assert last == max(over.values())


def test_only_needs_that_say_something_are_kept() -> None:
    made = Schedule([phase("a"), phase("b", "a"), phase("c", "a", "b", "nowhere")])
    assert made.needs == {"a": [], "b": ["a"], "c": ["b"]}
    assert made.before["c"] == {"a", "b"}


def test_users_take_turns() -> None:
    made = Schedule([phase("a", uses=("x",)), phase("b"), phase("c", uses=("x",))])
    assert made.needs["c"] == ["a"]
    assert made.apart("a", "c")
    assert not made.apart("a", "b")
    assert not made.apart("b", "b")


def test_what_may_happen_at_once_has_channels_of_its_own() -> None:
    made = Schedule([phase("a"), phase("b"), phase("c", "a"), phase("d", "a", "b", "c")])
    variable = Variable(1, "v", Format(False, 4, 0), (2,))
    given = [("a", 2), ("b", 1), ("c", 3), ("d", 1)]
    taps = [
        Tap((name,), k, variable, Signal(), Signal(4), Signal(4))
        for name, count in given
        for k in range(count)
    ]
    found = {name: set() for name, _ in given}
    for channel in channels(taps, made.apart):
        for tap in channel.taps:
            found[tap.phases[0]].add(id(channel))
    assert {name: len(of) for name, of in found.items()} == dict(given)
    for (a, mine), (b, others) in combinations(found.items(), 2):
        assert made.apart(a, b) or not mine & others
    assert len(set().union(*found.values())) == 4
