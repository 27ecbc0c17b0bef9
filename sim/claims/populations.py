"""What is claimed of the units that step neurons, and of a mirror, which has both kinds."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value

from goldenspike.golden.plan import Plan
from goldenspike.hdl.cell import shape
from goldenspike.sim.claims.units import UnitBench


class Filters(UnitBench):
    """A filter steps every presynaptic neuron once, and keeps what its cell gives.

    Parameters
    ----------
    plan, name
        A projection of a network, filtered.
    """

    def __init__(self, plan: Plan, name: str) -> None:
        super().__init__(plan)
        self.projection = self.synapses[name]

    def build(self, m: Module) -> None:
        unit: Any = self.projection.filter
        inner = self.opened(unit)
        m.submodules.projection = self.projection
        self.surroundings(self.projection)
        step = self.phases(unit.busy, step=unit.start)["step"]
        self.signals(unit.given, unit, "given")
        size = unit.given.size
        neuron = self.something("neuron", range(size))
        place = neuron >> unit.steps.bits
        kept = self.writes("kept", [inner.submodules.delivered], step.start, place, 0)
        self.claim("kept_once", ~step.over | (kept == 1))
        stepped = self.writes("stepped", [inner.submodules.state], step.start, place, 0)
        self.claim("stepped_once", ~step.over | (stepped == 1))
        writing, at = Signal(), Signal(16)
        m.d.comb += [writing.eq(unit.writing), at.eq(unit.step)]
        self.claim("nothing_while_idle", unit.busy | ~writing)
        self.claim("step_exists", ~writing | (at < unit.steps.count))
        self.ends(step.start, ~unit.busy, 0, unit.steps.count + 2)
        self.reach(step.over & (neuron == size - 1))


class Mirror(UnitBench):
    """A mirror reads every word of the weights once, and gives every neuron its sum once.

    Unless all presynaptic signals are 0.

    Parameters
    ----------
    plan, name
        A projection of a network that mirrors another one.
    """

    def __init__(self, plan: Plan, name: str) -> None:
        super().__init__(plan)
        self.unit = self.mirrors[name]

    def build(self, m: Module) -> None:
        unit, lanes = self.unit, self.lanes
        q, other = unit.projection, unit.other
        inner = self.opened(unit)
        m.submodules.unit = unit
        self.surroundings(unit)
        deliver = self.phases(unit.busy, deliver=unit.deliver)["deliver"]
        start, over = deliver.start, deliver.over
        store = self.signals(unit.packing, unit, "given")
        sounding = ~Cat(self.silent(unit.packing, store, k) for k in range(q.pre.size)).all()
        words = q.post.size * other.groups
        place = self.something("place", range(words))
        reading, at = Signal(), Signal(16)
        m.d.comb += [reading.eq(unit.reading), at.eq(unit.read_address)]
        reads = self.counted("reads", start, reading & (at == place))
        self.claim("read_once", ~over | (reads == sounding))
        source = self.something("source", range(q.pre.size))
        banks = [inner.submodules[f"signals_{k}"] for k in range(lanes)]
        gathered = self.writes("gathered", banks, start, source // lanes, source % lanes)
        self.claim("gathered_once", ~over | (gathered == 1))
        neuron = self.something("neuron", range(q.post.size))
        adding, group = Signal(), Signal(16)
        m.d.comb += [adding.eq(unit.adding), group.eq(unit.add_group)]
        mine = adding & (group == neuron // lanes)
        adds = self.counted("adds", start, mine, lanes)
        there = [(neuron // lanes) * lanes + k < q.post.size for k in range(lanes)]
        self.claim("added_once", ~over | (adds == Mux(sounding, reduce(add, there), 0)))
        given = Array(one != 0 for one in unit.addends)[neuron % lanes]
        sums = self.counted("sums", start, mine & given)
        self.claim("one_sum", sums <= 1)
        self.claim("nothing_while_idle", unit.busy | ~(adding | reading))
        self.ends(start, ~unit.busy, 0, unit.steps.count + words + 8)
        self.reach(over & (reads == 1) & (sums == 1))


class Population(UnitBench):
    """A population steps every neuron once an update, and draws every variate once.

    Currents are added in any cycle in which it is not updated.

    Parameters
    ----------
    plan, name
        A population of a network.
    neurons
        That are updated in a cycle.
    """

    def __init__(self, plan: Plan, name: str, neurons: int = 1) -> None:
        super().__init__(plan, neurons=neurons)
        self.unit = self.populations[name]
        self.neuron = self.something("neuron", range(self.unit.population.size))

    def build(self, m: Module) -> None:
        unit, lanes, neuron = self.unit, self.lanes, self.neuron
        p, steps = unit.population, unit.steps
        inner = self.opened(unit)
        m.submodules.unit = unit
        self.surroundings(unit)
        lines = {"update": unit.update}
        if unit.source is not None:
            lines["draw"] = unit.draw
        phases = self.phases(unit.busy, **lines)
        start = Cat(one.start for one in phases.values()).any()
        update = phases["update"]
        # Each neuron is stepped and reported once.
        place = neuron >> steps.bits
        for name, (valid, step) in (("stepped", unit.stepped), ("reported", unit.reported)):
            now, at = Signal(name=f"{name}_now"), Signal(16, name=f"{name}_at")
            m.d.comb += [now.eq(valid), at.eq(step)]
            count = self.counted(name, update.start, now & (at == place))
            self.claim(f"{name}_once", ~update.over | (count == 1))
            self.claim(f"{name}_there", ~now | (at < steps.count))
        if p.state:
            states = [inner.submodules.state]
            written = self.writes("written", states, update.start, place, 0)
            self.claim("state_written_once", ~update.over | (written == 1))
        if "draw" in phases:
            banks = [inner.submodules[f"variates_{k}"] for k in range(lanes)]
            draw = phases["draw"]
            drawn = self.writes("drawn", banks, draw.start, neuron // lanes, neuron % lanes)
            self.claim("drawn_once", ~draw.over | (drawn == 1))
        held: Any = 0 if unit.source is None else unit.source.request & ~unit.source.hit
        self.ends(start, ~unit.busy, held, max(steps.count + 4, unit.groups + 1))
        updating = update.start | (update.inside & unit.busy)
        self.watch(m, inner, updating, update.over)

    def watch(self, m: Module, inner: Module, updating: Any, over: Any) -> None:
        """Add currents of any kind, and what must be reached."""
        self.add(m, updating)
        self.reach(over)

    def add(self, m: Module, updating: Any) -> tuple[Any, Any]:
        """Add any currents; return whether one is the watched neuron's, and it."""
        unit, lanes, neuron = self.unit, self.lanes, self.neuron
        adding = self.anything("add")
        group = self.anything("group", range(unit.groups))
        addends = [self.anything(f"addend_{k}", one.shape()) for k, one in enumerate(unit.addends)]
        self.suppose((~adding | ~updating) & (group < unit.groups))
        m.d.comb += [unit.add.eq(adding), unit.group.eq(group)]
        m.d.comb += [a.eq(b) for a, b in zip(unit.addends, addends, strict=True)]
        return adding & (group == neuron // lanes), Array(addends)[neuron % lanes]

    def of_step(self, values: list[Any]) -> Any:
        """Return the watched neuron's value among those of a step."""
        bits = self.unit.steps.bits
        return Array(values)[self.neuron[:bits]] if bits else values[0]


class Sums(Population):
    """A neuron gets the sum of what was added to it since its last update, nothing else.

    Even if currents come one after the other for the same group.
    """

    def watch(self, m: Module, inner: Module, updating: Any, over: Any) -> None:
        unit, lanes, neuron = self.unit, self.lanes, self.neuron
        mine, addend = self.add(m, updating)
        ((receptor, fmt), *_) = unit.population.currents.items()
        kind = shape(fmt)
        taken, pending, added = Signal(), Signal(), Signal(kind)
        total, current = Signal(kind), Signal(kind)
        valid, step = unit.stepped
        m.d.comb += taken.eq(valid & (step == neuron >> unit.steps.bits))
        m.d.sync += [pending.eq(mine), added.eq(Mux(mine, addend, 0))]
        m.d.sync += total.eq(Mux(taken, 0, total + added))
        neurons = [inner.submodules[f"neuron_{k}"] for k in range(unit.steps.width)]
        m.d.comb += current.eq(self.of_step([getattr(one, receptor) for one in neurons]))
        self.claim("current_is_the_sum", ~taken | (current == total))
        # What stands in the memory: without this the proof takes long.
        banks = [inner.submodules[f"{receptor}_{k}"] for k in range(lanes)]
        looks = [bank.read_port(domain="comb") for bank in banks]
        m.d.comb += [look.addr.eq(neuron // lanes) for look in looks]
        kept, read = Signal(kind), Signal(kind)
        m.d.comb += [
            kept.eq(Array(look.data for look in looks)[neuron % lanes]),
            read.eq(Array(bank.read_ports[0].data for bank in banks)[neuron % lanes]),
        ]
        self.suppose(self.before(1, "begun") | (kept == 0))
        self.claim("sum_is_kept", taken | (kept == total))
        self.claim("sum_is_read", ~pending | (read == total))
        self.reach(over & (current != 0))


class Signals(Population):
    """The signal that a neuron has reported is what the projections read; so is their silence."""

    def watch(self, m: Module, inner: Module, updating: Any, over: Any) -> None:
        unit, neuron = self.unit, self.neuron
        self.add(m, updating)
        tick, kept_tick = self.anything("any_tick", 2), Signal(2)
        with m.If(~unit.busy):
            m.d.sync += kept_tick.eq(tick)
        m.d.comb += unit.tick.eq(Mux(unit.busy, kept_tick, tick))
        valid, step = unit.reported
        said = Signal(shape(unit.population.signal))
        with m.If(valid & (step == neuron >> unit.steps.bits)):
            m.d.sync += said.eq(self.of_step(unit.signals))
        look = inner.submodules.signals.read_port(domain="comb")
        word = Value.cast(unit.packing.address(neuron))[: unit.word_bits]
        slot = kept_tick[: unit.depth_bits]
        m.d.comb += look.addr.eq(Cat(word, slot))
        kept = unit.packing.elements(look.data, neuron)[0]
        self.claim("signal_is_kept", ~over | (kept == said))
        self.claim("sounded", ~over | (said == 0) | unit.sounded.bit_select(slot, 1))
        self.reach(over & (said != 0))
