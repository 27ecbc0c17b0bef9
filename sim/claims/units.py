"""What benches of a network's units share: the units themselves, phases, and what they count."""

from __future__ import annotations

from typing import Any, NamedTuple

from amaranth.hdl import Array, Module, Signal, Value
from amaranth.lib.memory import Memory

from goldenspike.golden.plan import Plan
from goldenspike.hdl.units.early import joined
from goldenspike.hdl.units.mirror import MirrorUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.rows import Packing
from goldenspike.hdl.units.synapses import SynapseUnit
from goldenspike.sim.formal import Bench


def in_flight(
    bench: Bench, name: str, banks: list[Memory], reading: Any, at: Any, stages: int
) -> Any:
    """Return whether no word is written that was read since its visit, so many cycles ago, began.

    `reading` and `at` say what is read from all banks in a cycle.
    """
    clear: Any = 1
    for k in range(stages):
        for bank in banks:
            (write,) = bank.write_ports
            clear = clear & ~(write.en & reading & (write.addr == at))
        if k < stages - 1:
            reading = bench.before(reading, f"{name}_read_{k + 1}_ago")
            at = bench.before(at, f"{name}_place_{k + 1}_ago")
    return clear


class Pass(NamedTuple):
    """A phase of a unit, from its start to its end.

    `inside` is 1 from the cycle after the start until the next start of a phase of its line;
    `over` is 1 in the first cycle in which nothing is under way any more.
    """

    start: Signal
    inside: Signal
    over: Signal


class UnitBench(Bench):
    """A bench of one of a network's units; anything comes from the others."""

    def __init__(self, plan: Plan, lanes: int = 2, neurons: int = 1) -> None:
        super().__init__()
        self.lanes = lanes
        packings = {p.name: Packing.of(p.size, p.signal) for p in plan.sources}
        self.populations: dict[str, PopulationUnit] = {}
        for p in plan.neurons:
            unit = PopulationUnit(plan, p, lanes, neurons, packings)
            self.populations[p.name], packings[p.name] = unit, unit.packing
        self.synapses: dict[str, SynapseUnit] = {}
        for q in plan.projections:
            if q.mirror is None:
                post, before = self.populations[q.post.name], self.populations.get(q.pre.name)
                self.synapses[q.name] = SynapseUnit(
                    *(plan, q, post, lanes, neurons, packings, before),
                    joins=q.name in joined(plan),
                )
        self.mirrors = {
            q.name: MirrorUnit(
                *(q, self.synapses[q.mirror], packings[q.pre.name]),
                *(self.populations[q.post.name], lanes),
            )
            for q in plan.projections
            if q.mirror is not None
        }

    def surroundings(self, *but: Any) -> None:
        """Add the other units, whose outputs are anything, and the random fields of all."""
        named = {
            **{f"population_{name}": unit for name, unit in self.populations.items()},
            **{f"projection_{name}": unit for name, unit in self.synapses.items()},
            **{f"mirror_{name}": unit for name, unit in self.mirrors.items()},
        }
        for name, unit in named.items():
            if not any(unit is one for one in but):
                self.released(name, unit)
        for name, unit in self.populations.items():
            if unit.source is not None:
                self.released(f"variates_{name}", unit.source)
        for name, unit in self.synapses.items():
            for k, source in enumerate(unit.fields):
                self.released(f"fields_{name}_{k}", source)

    def phases(self, busy: Any, **lines: Signal) -> dict[str, Pass]:
        """Start phases of which one at a time is under way, while `busy` from the next cycle on."""
        m = self.m
        idle, begun = Signal(name=f"{'_'.join(lines)}_idle"), Signal()
        starts = {name: self.anything(f"start_{name}") for name in lines}
        m.d.comb += idle.eq(~busy)
        self.suppose(sum(starts.values(), start=Value.cast(0)) <= idle)
        start = Value.cast(0)
        for one in starts.values():
            start = start | one
        with m.If(start):
            m.d.sync += begun.eq(1)
        ended = begun & idle & ~self.before(idle, f"{'_'.join(lines)}_idle_before", initially=1)
        found = {}
        for name, line in lines.items():
            inside, over = Signal(name=f"in_{name}"), Signal(name=f"over_{name}")
            m.d.comb += [line.eq(starts[name]), over.eq(ended & inside)]
            with m.If(start):
                m.d.sync += inside.eq(starts[name])
            found[name] = Pass(starts[name], inside, over)
        return found

    def signals(self, packing: Packing, port: Any, name: str) -> Memory:
        """Add a memory of signals that a port reads."""
        m = self.m
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

    def silent(self, packing: Packing, store: Memory, row: Any) -> Any:
        """Return whether a row's signal is 0."""
        look = store.read_port(domain="comb")
        self.m.d.comb += look.addr.eq(packing.address(row))
        return packing.elements(look.data, Value.cast(row))[0] == 0

    def counted(self, name: str, start: Any, event: Any, most: int = 1) -> Signal:
        """Count events since a start, that cycle's too, up to one more than there may be."""
        m = self.m
        count = Signal(range(most + 2), name=name)
        with m.If(start):
            m.d.sync += count.eq(event)
        with m.Elif(event & (count <= most)):
            m.d.sync += count.eq(count + 1)
        return count

    def writes(self, name: str, banks: list[Memory], start: Any, place: Any, lane: Any) -> Signal:
        """Count the writes of a place in one of some memories since a start."""
        mine = Array(
            bank.write_ports[0].en.any() & (bank.write_ports[0].addr == place) for bank in banks
        )
        return self.counted(name, start, mine[lane])

    def ends(self, start: Any, idle: Any, held: Any, limit: int, name: str = "it_ends") -> None:
        """Claim that a phase ends within so many cycles in which nothing holds it up."""
        m = self.m
        cycles = Signal(range(limit + 2), name=f"{name}_cycles")
        with m.If(start):
            m.d.sync += cycles.eq(0)
        with m.Elif(~idle & ~Value.cast(held) & (cycles <= limit)):
            m.d.sync += cycles.eq(cycles + 1)
        self.claim(name, cycles <= limit)

    def not_in_flight(
        self, banks: dict[str, list[Memory]], reading: Any, at: Any, stages: int
    ) -> None:
        """Claim that no word is read between the read and the write of its visit."""
        for field, each in banks.items():
            clear = in_flight(self, field, each, reading, at, stages)
            self.claim(f"{field}_not_read_in_flight", clear)

    def banks(self, inner: Module, unit: SynapseUnit) -> dict[str, list[Memory]]:
        """Return the memories of a projection's fields, by lane."""
        return {
            field: [
                inner.submodules[f"{'synapses' if field == 'w' else f'{field}s'}_{k}"]
                for k in range(self.lanes)
            ]
            for field in unit.layouts
        }
