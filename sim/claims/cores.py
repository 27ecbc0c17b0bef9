"""What is claimed of whole cores: what units take for granted when each is looked at alone."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from amaranth.hdl import Module, Signal, Value

from goldenspike.golden.plan import Plan
from goldenspike.hdl.core import Core
from goldenspike.hdl.units.rows import RowSource, claimed
from goldenspike.sim.claims.units import in_flight
from goldenspike.sim.formal import Bench


def either(values: Any) -> Value:
    """Return whether one of some values is 1."""
    return reduce(or_, values, Value.cast(0))


def several(values: Any) -> Value:
    """Return whether more than one of some values is 1."""
    return sum(values, start=Value.cast(0)) > 1


class Cores(Bench):
    """A core keeps its units apart: they may overlap, but never use one thing at a time.

    Whatever the host sends, whatever weights, states and inputs are, and whatever cells compute.

    Parameters
    ----------
    plan
        The network.
    lanes, neurons
        Of the core.
    """

    def __init__(self, plan: Plan, lanes: int = 2, neurons: int = 1, *, bus: bool = False) -> None:
        super().__init__()
        self.core = Core(plan, lanes, neurons, digest=False, bus=bus)

    def build(self, m: Module) -> None:
        core = self.core
        self.inner = {name: self.opened(unit) for name, unit in core.synapses.items()}
        self.opened(core)
        m.submodules.core = core
        self.host(m)
        self.shared: dict[str, list[Any]] = {}
        self.updating: dict[str, Signal] = {}
        self.busy: list[Any] = []
        for name, unit in core.populations.items():
            self.population(m, name, unit)
        for name, unit in core.synapses.items():
            self.projection(m, name, unit)
        for name, unit in core.mirrors.items():
            self.alone(name, [unit.deliver], unit.busy)
        judge = core.sequencer.judge
        if judge is not None:
            self.alone("judge", [judge.start], judge.busy)
        self.sums()
        self.synapses(m)
        self.signals()
        self.randomness()
        for k, channel in enumerate(core.channels):
            self.claim(f"one_write_on_channel_{k}", ~several(tap.valid for tap in channel.taps))
        self.end(m)

    def host(self, m: Module) -> None:
        """Add a host, which sends any words, by the rules of streams."""
        core = self.core
        valid, payload = self.anything("i_valid"), self.anything("i_payload", 32)
        ready = self.anything("o_ready")
        m.d.comb += [
            *(core.i.valid.eq(valid), core.i.payload.eq(payload), core.o.ready.eq(ready)),
        ]
        self.running = core.busy

    def end(self, m: Module) -> None:
        """Claim when units are busy, and say what must be reached."""
        running = Signal()
        m.d.comb += running.eq(self.running)
        self.claim("busy_in_runs_only", running | ~either(self.busy))
        self.reach(~running & self.before(running, "running_before"))

    def alone(self, name: str, starts: list[Any], busy: Any) -> None:
        """Claim that phases of a unit start one at a time, when it is not busy."""
        started = sum(starts, start=Value.cast(0))
        self.claim(f"{name}_starts_when_idle", started <= ~Value.cast(busy)[:1])
        self.busy += [busy, *starts]

    def population(self, m: Module, name: str, unit: Any) -> None:
        """Claim what a population takes for granted."""
        starts = [unit.update] if unit.source is None else [unit.update, unit.draw]
        self.alone(name, starts, unit.busy)
        inside, updating = Signal(name=f"{name}_inside"), Signal(name=f"{name}_updating")
        with m.If(either(starts)):
            m.d.sync += inside.eq(unit.update)
        m.d.comb += updating.eq(unit.update | (inside & unit.busy))
        self.updating[name] = updating
        self.claim(f"{name}_not_added_to_while_updated", ~(updating & unit.add))

    def projection(self, m: Module, name: str, unit: Any) -> None:
        """Claim what a projection takes for granted."""
        self.alone(name, [unit.deliver, unit.trace, unit.learn], unit.busy)
        q, post = unit.projection, unit.post
        learning = Signal(name=f"{name}_learning")
        with m.If(unit.deliver | unit.trace | unit.learn):
            m.d.sync += learning.eq(unit.learn)
        if q.traces("delivery", "output", "tick"):
            visiting = unit.visiting & ~learning
            there = (post.score_group == unit.score_group) & ~self.updating[q.post.name]
            self.claim(f"{name}_has_its_scores", ~visiting | there)
        readers: list[tuple[Any, int]] = [(unit.reader, 0)]
        if unit.filter is not None:
            self.alone(f"{name}_filter", [unit.filter.start], unit.filter.busy)
        if unit.learner is None:
            return
        learner, pre = unit.learner, unit.learner.pre
        self.alone(f"{name}_learner", [learner.learn], learner.busy)
        making: Any = pre.busy | unit.deliver | unit.busy
        if learner.factors is not None:
            self.alone(f"{name}_factors", [learner.factors], learner.making)
            making = making | learner.factors | learner.making
        if learner.draw is not None:
            self.alone(f"{name}_columns", [learner.draw], learner.drawing)
            making = making | learner.draw | learner.drawing
        if pre.follows is None:
            self.alone(f"{name}_pre", [pre.start], pre.busy)
            making = making | pre.start
        else:
            making = making | (pre.follows.reported[0] & pre.enabled)
        self.claim(f"{name}_learns_apart", ~((learner.learn | learner.busy) & making))
        if unit.filter is not None:
            self.readers_apart(f"{name}_filtered", [*readers, (pre, 0)])

    def sums(self) -> None:
        """Claim that currents arrive, of one projection at a time."""
        core = self.core
        units = [*core.synapses.values(), *core.mirrors.values()]
        for name, post in core.populations.items():
            mine = [unit for unit in units if unit.post is post]
            self.claim(f"{name}_added_to_by_one", ~several(unit.adding for unit in mine))
            for unit in mine:
                receptor = post.population.receptors.index(unit.projection.receptor)
                there = post.add & (post.group == unit.add_group) & (post.receptor == receptor)
                self.claim(f"{unit.projection.name}_arrives", ~unit.adding | there)

    def synapses(self, m: Module) -> None:
        """Claim that synapses are read by one unit at a time, and never in flight."""
        core = self.core
        for name, unit in core.synapses.items():
            learner: Any = unit.learner
            readers = [unit.visiting]
            readers += [] if learner is None else [learner.visiting]
            readers += [one.reading for one in core.mirrors.values() if one.other is unit]
            self.claim(f"{name}_read_by_one", ~several(readers))
            stages = 2
            if unit.rule is not None and unit.rule.kind == "tick":
                stages = 3
            if learner is not None:
                stages = learner.latency
            banks = [self.inner[name].submodules[f"synapses_{k}"] for k in range(core.lanes)]
            reading, at = Signal(name=f"{name}_reading"), Signal(16, name=f"{name}_at")
            m.d.comb += [reading.eq(either(readers)), at.eq(banks[0].read_ports[0].addr)]
            clear = in_flight(self, name, banks, reading, at, stages)
            self.claim(f"{name}_not_read_in_flight", clear | ~either(self.busy))

    def signals(self) -> None:
        """Claim that signals are read by one at a time, and not while they are made."""
        for name, readers in self.core.readers.items():
            self.readers_apart(f"{name}_signals", readers)
            if name in self.updating:
                now = [reader.enable for reader, delay in readers if delay == 0]
                apart = ~(self.updating[name] & either(now))
                self.claim(f"{name}_signals_not_read_while_made", apart)

    def readers_apart(self, name: str, readers: list[tuple[Any, int]]) -> None:
        """Claim that readers of a memory take turns; rows need their word until they are done."""
        claims = [claimed(reader) for reader, _ in readers]
        self.claim(f"{name}_read_by_one", ~several(claims))
        for k, (reader, _) in enumerate(readers):
            rows = reader if isinstance(reader, RowSource) else getattr(reader, "rows", None)
            if rows is not None:
                others = either(one for n, one in enumerate(claims) if n != k)
                self.claim(f"{name}_stand_for_{k}", rows.done | ~others)

    def randomness(self) -> None:
        """Claim that who asks for a random block asks for it until it is taken."""
        core = self.core
        clients = [u.source for u in core.populations.values() if u.source is not None]
        for unit in core.synapses.values():
            clients += unit.fields
        for k, client in enumerate(clients):
            waited = self.before(client.want & ~client.taken & ~client.flush, f"waited_{k}")
            coming = Signal(4, name=f"coming_{k}")
            self.m.d.sync += coming.eq(coming + client.taken - client.granted)
            waits = (client.request & ~client.hit) | client.want | (coming != 0)
            self.claim(f"block_{k}_is_not_on_its_way_when_flushed", ~(client.flush & waits))
            same = client.block == self.before(client.block, f"block_{k}")
            self.claim(f"block_{k}_is_wanted_until_it_is_taken", ~waited | (client.want & same))


class Returns(Cores):
    """The sequencer returns to rest, if its units do: it waits for nothing else for long.

    All that it starts is anything here: how long it takes, and what it finds. The cycles of a run
    in which nothing is under way are counted; there are not more than phases ask for.
    """

    def build(self, m: Module) -> None:
        core = self.core
        self.opened(core)
        m.submodules.core = core
        self.host(m)
        sequencer = core.sequencer
        parts = {
            **{f"population_{name}": unit for name, unit in core.populations.items()},
            **{f"projection_{name}": unit for name, unit in core.synapses.items()},
            **{f"projection_{name}": unit for name, unit in core.mirrors.items()},
        }
        self.free += [f"bench.core.{name}" for name in parts]
        phases = [phase for one in sequencer.schedules.values() for phase in one.phases]
        still, running = Signal(), Signal()
        m.d.comb += [
            still.eq(~either(Value.cast(phase.busy) for phase in phases)),
            running.eq(self.running),
        ]
        limit = self.limit()
        cycles = Signal(range(limit + 2))
        with m.If(~running):
            m.d.sync += cycles.eq(0)
        with m.Elif(still & (cycles <= limit)):
            m.d.sync += cycles.eq(cycles + 1)
        self.claim("it_returns", cycles <= limit)
        self.reach(~running & self.before(running, "running_before") & sequencer.flags.all())

    def limit(self) -> int:
        """Return the most cycles of a run in which nothing is under way."""
        plan = self.core.plan
        asked = {
            name: 2 * len(schedule.phases) + 1
            for name, schedule in self.core.sequencer.schedules.items()
        }
        first, update = asked.get("FIRST", 0), asked.get("REWARD", 0) + asked.get("LEARN", 0)
        return 2 * (first + plan.ticks * (asked["TICK"] + update + 2) + 1) + update + 8


class Answers(Cores):
    """An answer stays until it is taken, and none comes unasked."""

    def build(self, m: Module) -> None:
        core = self.core
        m.submodules.core = core
        self.host(m)
        valid, ready = core.o.valid, core.o.ready
        stalled = self.before(valid & ~ready, "o_stalled")
        same = core.o.payload == self.before(core.o.payload, "o_before")
        self.claim("answer_stays", ~stalled | (valid & same))
        self.claim("no_answer_in_a_run", ~(valid & core.busy))
        self.reach(stalled & (core.o.payload != 0))
