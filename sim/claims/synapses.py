"""What is claimed of the units that visit synapses."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from goldenspike.golden.plan import Plan
from goldenspike.hdl.units.rows import Packing
from goldenspike.sim.claims.units import Units
from goldenspike.sim.formal import Bench


class Synapses(Bench):
    """A projection visits every synapse that it must exactly once a pass, and no word in flight.

    Whatever its presynaptic signals and random fields, for every synapse, in any order of phases.

    Parameters
    ----------
    plan, name
        A projection of a network.
    lanes
        Synapses a cycle.
    """

    def __init__(self, plan: Plan, name: str, lanes: int = 2) -> None:
        super().__init__()
        self.units = Units(plan, lanes)
        self.unit = self.units.synapses[name]
        self.lanes = lanes

    def surroundings(self, unit: Any) -> None:
        """Add the other units that there are: anything comes from there."""
        for other in self.units.populations.values():
            self.released(f"population_{other.population.name}", other)
            if other.source is not None:
                self.released(f"variates_{other.population.name}", other.source)
        for other in self.units.synapses.values():
            for k, source in enumerate(other.fields):
                self.released(f"fields_{other.projection.name}_{k}", source)
            if unit is None or other is not unit:
                self.released(f"projection_{other.projection.name}", other)
        for other in self.units.mirrors.values():
            self.released(f"projection_{other.projection.name}", other)

    def banks(self, inner: Module) -> dict[str, list[Memory]]:
        """Return the memories of the unit's fields, by lane."""
        return {
            field: [
                inner.submodules[f"{'synapses' if field == 'w' else f'{field}s'}_{k}"]
                for k in range(self.lanes)
            ]
            for field in self.unit.layouts
        }

    def signals(self, m: Module, packing: Packing, port: Any, name: str) -> Memory:
        """Add a memory of signals that a port reads."""
        store = Memory(shape=packing.shape, depth=packing.words, init=[])
        m.submodules[name] = store
        store.write_port()
        read = store.read_port()
        m.d.comb += [
            read.addr.eq(port.address),
            read.en.eq(port.enable),
            port.word.eq(read.data),
        ]
        return store

    def silent(self, m: Module, packing: Packing, store: Memory, row: Any) -> Any:
        """Return whether a row's signal is 0."""
        look = store.read_port(domain="comb")
        m.d.comb += look.addr.eq(packing.address(row))
        return packing.elements(look.data, Value.cast(row))[0] == 0

    def build(self, m: Module) -> None:
        unit, lanes = self.unit, self.lanes
        q, rule = unit.projection, unit.rule
        rows, columns = q.pre.size, q.post.size
        self.surroundings(unit)
        if unit.filter is None:
            store = self.signals(m, unit.delivered, unit.rows, "signals")
        else:
            store = self.opened(unit.filter).submodules.delivered
        inner = self.opened(unit)
        m.submodules.unit = unit
        kinds = ["deliver"]
        if rule is not None:
            online = rule.kind == "tick"
            kinds += ["trace"] if rule.kind in ("output", "tick") else []
            kinds += [] if online else ["learn"]
        starts = {kind: self.anything(f"start_{kind}") for kind in kinds}
        idle = Signal()
        m.d.comb += idle.eq(~unit.busy)
        self.suppose(reduce(add, starts.values()) <= idle)
        start = Cat(starts.values()).any()
        m.d.comb += [getattr(unit, kind).eq(one) for kind, one in starts.items()]
        # What a pass is like stands from its start on.
        modes = ("perturbing", "negative", "tracing", "fresh", "learning_now", "due")
        kept: dict[str, Signal] = {}
        for mode in modes:
            one, kept[mode] = self.anything(f"any_{mode}"), Signal(name=f"kept_{mode}")
            with m.If(idle):
                m.d.sync += kept[mode].eq(one)
            m.d.comb += getattr(unit, mode).eq(Mux(idle, one, kept[mode]))
        # The watched synapse.
        row = self.something("row", range(rows))
        column = self.something("column", range(columns))
        place, lane = Signal(16), Signal(8)
        m.d.comb += [place.eq(row * unit.groups + column // lanes), lane.eq(column % lanes)]
        phase = {kind: Signal(name=f"in_{kind}") for kind in kinds}
        for kind, one in phase.items():
            with m.If(start):
                m.d.sync += one.eq(starts[kind])
        banks = self.banks(inner)
        read_at, read_now = Signal(16), Signal()
        (read,) = banks["w"][0].read_ports
        m.d.comb += [read_at.eq(read.addr), read_now.eq(unit.visiting)]
        reads = self.counted(m, "reads", start, read_now & (read_at == place))
        heard = ~self.silent(m, unit.delivered, store, row)
        every = phase.get("learn", 0) | (phase["trace"] if rule and rule.kind == "tick" else 0)
        expected = every | heard
        began = Signal()
        with m.If(start):
            m.d.sync += began.eq(1)
        over = Signal()
        m.d.comb += over.eq(began & idle & ~self.before(idle, "idle_before", initially=1))
        self.claim("read_once", ~over | (reads == expected))
        learned = phase.get("learn", 0)
        if rule is not None and rule.kind == "tick":
            learned = phase["trace"] & kept["learning_now"]
        traced: Any = 0
        if rule is not None and rule.kind == "delivery":
            traced = phase["deliver"] & kept["tracing"]
        if rule is not None and rule.kind in ("output", "tick"):
            traced = phase["trace"] & kept["tracing"]
        for field, each in banks.items():
            writes = self.written(m, field, each, start, place, lane)
            due = learned | (traced if field == "w" else 0)
            self.claim(f"{field}_written_once", ~over | (writes == (expected & due)))
        self.in_flight(m, banks, read_now, read_at, 3 if rule and rule.kind == "tick" else 2)
        # Currents: one of every row that is heard, to every group of neurons.
        adding, group = Signal(), Signal(8)
        watched_group = column // lanes
        m.d.comb += [adding.eq(unit.adding), group.eq(unit.add_group)]
        adds = self.counted(m, "adds", start, adding & (group == watched_group), rows + 1)
        sounding = [~self.silent(m, unit.delivered, store, k) for k in range(rows)]
        total = Mux(phase["deliver"], reduce(add, sounding), 0)
        self.claim("added_once_a_row", ~over | (adds == total))
        self.claim("nothing_while_idle", ~idle | ~(adding | read_now))
        limit = unit.delivered.words + rows * (unit.groups + 1) + 6
        held = Cat(one.request & ~one.hit for one in unit.fields).any()
        self.ends(m, start, idle, held, limit)
        wanted = [over & (reads == 1), writes == 1 if rule else 1]
        self.reach(reduce(lambda a, b: a & b, wanted))

    def counted(self, m: Module, name: str, start: Any, event: Any, most: int = 2) -> Signal:
        """Count events since the start of a pass, up to one more than there may be."""
        count = Signal(range(most + 2), name=name)
        with m.If(start):
            m.d.sync += count.eq(0)
        with m.Elif(event & (count <= most)):
            m.d.sync += count.eq(count + 1)
        return count

    def memory_writes(
        self, m: Module, name: str, banks: list[Memory], start: Any, place: Any, lane: Any
    ) -> Signal:
        """Count the writes of a place in one of some memories since the start of a pass."""
        mine = Array(
            bank.write_ports[0].en.any() & (bank.write_ports[0].addr == place) for bank in banks
        )
        return self.counted(m, name, start, mine[lane])

    def written(
        self, m: Module, field: str, banks: list[Memory], start: Any, place: Any, lane: Any
    ) -> Signal:
        """Count the writes of the watched synapse's field."""
        return self.memory_writes(m, f"{field}_writes", banks, start, place, lane)

    def in_flight(
        self, m: Module, banks: dict[str, list[Memory]], reading: Any, at: Any, stages: int
    ) -> None:
        """Claim that no word is read between the read and the write of its visit."""
        for field, each in banks.items():
            clear: Any = 1
            was, was_at = reading, at
            for k in range(stages):
                for bank in each:
                    (write,) = bank.write_ports
                    clear = clear & ~(write.en & was & (write.addr == was_at))
                if k < stages - 1:
                    was = self.before(was, f"{field}_read_{k + 1}_ago")
                    was_at = self.before(was_at, f"{field}_place_{k + 1}_ago")
            self.claim(f"{field}_not_read_in_flight", clear)

    def ends(self, m: Module, start: Any, idle: Any, held: Any, limit: int) -> None:
        """Claim that a pass ends within so many cycles in which nothing holds it up."""
        cycles = Signal(range(limit + 2))
        with m.If(start):
            m.d.sync += cycles.eq(0)
        with m.Elif(~idle & ~held & (cycles <= limit)):
            m.d.sync += cycles.eq(cycles + 1)
        self.claim("it_ends", cycles <= limit)


class Learner(Synapses):
    """A rule with traces steps every neuron, and visits every synapse that it must, once.

    No word is read that is in flight, by the rule or by the projection's delivery.
    """

    def build(self, m: Module) -> None:
        unit, lanes = self.unit, self.lanes
        q, learner = unit.projection, unit.learner
        assert learner is not None
        rows, columns = q.pre.size, q.post.size
        self.surroundings(unit)
        buffer = self.opened(learner.pre).submodules.delivered
        parts = self.opened(learner)
        inner = self.opened(unit)
        m.submodules.unit = unit
        self.signals(m, unit.delivered, unit.rows, "signals")
        self.signals(m, learner.pre.given, learner.pre, "given")
        for field, word in learner.modulator_words.items():
            m.d.comb += word.eq(self.anything(f"{field}_word", len(word)))
        with m.If(learner.reading):
            m.d.comb += [unit.guest_reading.eq(1), unit.guest_address.eq(learner.address)]
        phases = {
            "deliver": (unit.deliver, unit.busy),
            "prepare": (learner.prepare, learner.preparing),
            "learn": (learner.learn, learner.busy),
        }
        starts = {name: self.anything(f"start_{name}") for name in phases}
        idle = Signal()
        m.d.comb += idle.eq(~Cat(busy for _, busy in phases.values()).any())
        self.suppose(reduce(add, starts.values()) <= idle)
        start = Cat(starts.values()).any()
        phase = {name: Signal(name=f"in_{name}") for name in phases}
        for name, (begin, _) in phases.items():
            m.d.comb += begin.eq(starts[name])
            with m.If(start):
                m.d.sync += phase[name].eq(starts[name])
        began, over = Signal(), Signal()
        with m.If(start):
            m.d.sync += began.eq(1)
        m.d.comb += over.eq(began & idle & ~self.before(idle, "idle_before", initially=1))
        row = self.something("row", range(rows))
        column = self.something("column", range(columns))
        place, lane = Signal(16), Signal(8)
        m.d.comb += [place.eq(row * unit.groups + column // lanes), lane.eq(column % lanes)]
        banks = self.banks(inner)
        (read,) = banks["w"][0].read_ports
        visiting, delivering, at = Signal(), Signal(), Signal(16)
        m.d.comb += [
            *(visiting.eq(learner.visiting), delivering.eq(unit.visiting), at.eq(read.addr)),
        ]
        reads = self.counted(m, "reads", start, visiting & (at == place))
        heard = ~self.silent(m, learner.pre.packing, buffer, row)
        expected = phase["learn"] & (heard if learner.learner.skips else 1)
        self.claim("read_once", ~over | (reads == expected))
        writes: Any = 0
        for field, each in banks.items():
            writes = self.written(m, field, each, start, place, lane)
            changes = any(part in learner.next[0] for part, _ in unit.layouts[field])
            self.claim(f"{field}_written_once", ~over | (writes == (expected if changes else 0)))
        stages = 3 if learner.learner.synapse is not None else 2
        self.in_flight(m, banks, visiting | delivering, at, stages)
        self.claim("one_reader", ~(visiting & delivering))
        # The preparation: every presynaptic neuron is stepped, every factor made.
        neurons = learner.pre.steps
        stepped = self.memory_writes(m, "stepped", [buffer], start, row >> neurons.bits, 0)
        self.claim("stepped_once", ~over | (stepped == phase["prepare"]))
        if learner.learner.factor is not None:
            factors = [parts.submodules[f"factors_{k}"] for k in range(lanes)]
            made = self.memory_writes(m, "made", factors, start, column // lanes, lane)
            self.claim("factor_made_once", ~over | (made == phase["prepare"]))
        held = Cat(one.request & ~one.hit for one in unit.fields).any()
        limit = unit.delivered.words + rows * (unit.groups + 1) + unit.groups + 8
        self.ends(m, start, idle, held, limit)
        self.reach(over & (reads == 1))
