"""Schedules: each phase begins as soon as what it needs is over, so that phases overlap."""

from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import Any, NamedTuple

from amaranth.hdl import Module, Mux, Signal, Value

from goldenspike.hdl.units.common import balanced


class Phase(NamedTuple):
    """Something that a unit does from a start to an end.

    Parameters
    ----------
    start, busy
        The unit's lines: it starts in the cycle of `start`, and is at it from the next cycle on
        while `busy`.
    condition
        Whether it takes place; counts when all that it needs is over.
    after
        Names of phases that must be over; those that a schedule lacks are.
    uses
        What only one phase may use at a time; the users take turns in the order of the schedule.
    late
        Whether a register lies before `start`, which then comes a cycle later. What is decided in
        a cycle, phase after phase of those passed over, is a long path that should end there.
    """

    start: Signal
    busy: Any
    condition: Any = 1
    after: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    late: bool = False

    @property
    def name(self) -> str:
        """The name of the phase, which is that of its start."""
        return self.start.name


class Schedule:
    """Phases in an order in which they could take place one after the other.

    Parameters
    ----------
    phases
        In that order.

    Attributes
    ----------
    needs
        By phase, those that it waits for: no more than are needed to say so.
    before
        By phase, all those that are over when it begins.
    """

    def __init__(self, phases: Iterable[Phase]) -> None:
        self.phases = list(phases)
        self.needs: dict[str, list[str]] = {}
        self.before: dict[str, set[str]] = {}
        users: dict[str, str] = {}
        for phase in self.phases:
            wanted = [name for name in phase.after if name in self.before]
            for what in dict.fromkeys(phase.uses):  # Some use a thing twice, for the same word.
                if what in users:
                    wanted.append(users[what])
                users[what] = phase.name
            earlier = set().union(*(self.before[name] for name in wanted))
            self.needs[phase.name] = [n for n in dict.fromkeys(wanted) if n not in earlier]
            self.before[phase.name] = earlier | set(wanted)

    def apart(self, a: str, b: str) -> bool:
        """Return whether two phases of it are never under way at once."""
        return a in self.before[b] or b in self.before[a]

    def build(
        self, m: Module, name: str, running: Value, hold: Any = 0
    ) -> tuple[Value, dict[str, Signal]]:
        """Add what starts the phases while `running`, but none in a cycle of `hold`.

        Returns whether all are over, in this cycle; and, until then, which have begun. `running`
        must fall in the cycle after the end, for one at least.
        """
        overs: dict[str, Value] = {}
        begins: dict[str, Signal] = {}
        registers, held = [], Mux(hold, 1, 0)
        for phase in self.phases:
            begun = Signal(name=f"{name}_{phase.name}_begun")
            ended = Signal(name=f"{name}_{phase.name}_ended")
            over = Signal(name=f"{name}_{phase.name}_over")
            ready = reduce(and_, (overs[need] for need in self.needs[phase.name]), running)
            wanted = Mux(phase.condition, 1, 0)
            waiting = ready & ~begun & ~ended
            start = waiting & wanted & ~held
            busy = phase.busy
            with m.If(start):
                m.d.sync += begun.eq(1)
            if phase.late:
                pending = Signal(name=f"{name}_{phase.name}_pending")
                m.d.sync += pending.eq(start | (pending & held))
                busy, start = busy | pending, pending & ~held
            m.d.comb += over.eq(ended | Mux(begun, ~busy, ready & ~wanted))
            with m.If(start):
                m.d.comb += phase.start.eq(1)
            with m.If(over):
                m.d.sync += ended.eq(1)
            registers += [begun, ended]
            overs[phase.name], begins[phase.name] = over, begun
        done = Signal(name=f"{name}_done")
        m.d.comb += done.eq(balanced(and_, [running, *overs.values()]))
        with m.If(~running):
            m.d.sync += [register.eq(0) for register in registers]
        return done, begins
