"""What is claimed of the units that step neurons, and of a mirror, which has both kinds."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value

from goldenspike.golden.plan import Plan
from goldenspike.hdl.cell import shape
from goldenspike.sim.claims.synapses import Synapses
from goldenspike.sim.claims.units import Units
from goldenspike.sim.formal import Bench


class Filters(Synapses):
    """A filter steps every presynaptic neuron once, and keeps what its cell gives."""

    def build(self, m: Module) -> None:
        unit: Any = self.unit.filter
        inner = self.opened(unit)
        m.submodules.projection = self.unit
        self.surroundings(self.unit)
        start = self.anything("start")
        idle = Signal()
        m.d.comb += [idle.eq(~unit.busy), unit.start.eq(start)]
        self.suppose(~start | idle)
        self.signals(m, unit.given, unit, "given")
        began, over = Signal(), Signal()
        with m.If(start):
            m.d.sync += began.eq(1)
        m.d.comb += over.eq(began & idle & ~self.before(idle, "idle_before", initially=1))
        size = unit.given.size
        neuron = self.something("neuron", range(size))
        step = neuron >> unit.steps.bits
        kept = self.memory_writes(m, "kept", [inner.submodules.delivered], start, step, 0)
        self.claim("kept_once", ~over | (kept == 1))
        if unit.state[0]:
            stepped = self.memory_writes(m, "stepped", [inner.submodules.state], start, step, 0)
            self.claim("stepped_once", ~over | (stepped == 1))
        writing, at = Signal(), Signal(16)
        m.d.comb += [writing.eq(unit.writing), at.eq(unit.step)]
        self.claim("nothing_while_idle", ~idle | ~writing)
        self.claim("step_exists", ~writing | (at < unit.steps.count))
        self.ends(m, start, idle, Const(0), unit.steps.count + 3)
        self.reach(over & (neuron == size - 1))


class Mirror(Synapses):
    """A mirror reads every word of the weights once, and gives every neuron its sum once.

    Unless all presynaptic signals are 0.
    """

    def __init__(self, plan: Plan, name: str, lanes: int = 2) -> None:
        super().__init__(plan, plan.projections[0].name, lanes)
        self.mirror = self.units.mirrors.pop(name)

    def build(self, m: Module) -> None:
        unit, lanes = self.mirror, self.lanes
        q, other = unit.projection, unit.other
        inner = self.opened(unit)
        m.submodules.unit = unit
        self.surroundings(None)
        start, idle = self.anything("start"), Signal()
        m.d.comb += [idle.eq(~unit.busy), unit.deliver.eq(start)]
        self.suppose(~start | idle)
        store = self.signals(m, unit.packing, unit, "given")
        began, over = Signal(), Signal()
        with m.If(start):
            m.d.sync += began.eq(1)
        m.d.comb += over.eq(began & idle & ~self.before(idle, "idle_before", initially=1))
        silences = [self.silent(m, unit.packing, store, k) for k in range(q.pre.size)]
        sounding = ~Cat(silences).all()
        words = q.post.size * other.groups
        place = self.something("place", range(words))
        reading, at = Signal(), Signal(16)
        m.d.comb += [reading.eq(unit.reading), at.eq(unit.read_address)]
        reads = self.counted(m, "reads", start, reading & (at == place))
        self.claim("read_once", ~over | (reads == sounding))
        source = self.something("source", range(q.pre.size))
        banks = [inner.submodules[f"signals_{k}"] for k in range(lanes)]
        gathered = self.memory_writes(
            m, "gathered", banks, start, source // lanes, source % lanes
        )
        self.claim("gathered_once", ~over | (gathered == 1))
        neuron = self.something("neuron", range(q.post.size))
        adding, group = Signal(), Signal(16)
        m.d.comb += [adding.eq(unit.adding), group.eq(unit.add_group)]
        mine = adding & (group == neuron // lanes)
        adds = self.counted(m, "adds", start, mine, lanes)
        there = [(neuron // lanes) * lanes + k < q.post.size for k in range(lanes)]
        self.claim("added_once", ~over | (adds == Mux(sounding, reduce(add, there), 0)))
        given = Array(one != 0 for one in unit.addends)[neuron % lanes]
        sums = self.counted(m, "sums", start, mine & given)
        self.claim("one_sum", sums <= 1)
        self.claim("nothing_while_idle", ~idle | ~(adding | reading))
        self.ends(m, start, idle, Const(0), unit.steps.count + words + 8)
        self.reach(over & (reads == 1) & (sums == 1))


class Population(Synapses):
    """A population steps every neuron once an update, and draws every variate once.

    Currents are added in any cycle in which it is not updated.
    """

    def __init__(self, plan: Plan, name: str, lanes: int = 2, neurons: int = 1) -> None:
        Bench.__init__(self)
        self.units, self.lanes = Units(plan, lanes, neurons), lanes
        self.population = self.units.populations.pop(name)
        size = self.population.population.size
        self.neuron = self.something("neuron", range(size))

    def build(self, m: Module) -> None:
        unit, lanes, neuron = self.population, self.lanes, self.neuron
        p, steps = unit.population, unit.steps
        self.surroundings(None)
        if unit.source is not None:
            self.released("variates", unit.source)
        inner = self.opened(unit)
        m.submodules.unit = unit
        update = self.anything("update")
        draw = self.anything("draw") if unit.source is not None else Signal()
        idle, updating = Signal(), Signal()
        m.d.comb += [idle.eq(~unit.busy), unit.update.eq(update), unit.draw.eq(draw)]
        start = update | draw
        self.suppose(update + draw <= idle)
        ended = idle & ~self.before(idle, "idle_before", initially=1)
        in_update, in_draw = Signal(), Signal()
        with m.If(start):
            m.d.sync += [in_update.eq(update), in_draw.eq(draw)]
        m.d.comb += updating.eq(update | (in_update & ~idle))
        over = Signal()
        m.d.comb += over.eq(in_update & ended)
        # Each neuron is stepped and reported once.
        place = neuron >> steps.bits
        for name, (valid, step) in (("stepped", unit.stepped), ("reported", unit.reported)):
            now, at = Signal(name=f"{name}_now"), Signal(16, name=f"{name}_at")
            m.d.comb += [now.eq(valid), at.eq(step)]
            count = self.counted(m, name, start, now & (at == place))
            self.claim(f"{name}_once", ~over | (count == 1))
            self.claim(f"{name}_there", ~now | (at < steps.count))
        if p.state:
            states = [inner.submodules.state]
            written = self.memory_writes(m, "written", states, start, place, 0)
            self.claim("state_written_once", ~over | (written == 1))
        if unit.source is not None and not p.draws:
            banks = [inner.submodules[f"variates_{k}"] for k in range(lanes)]
            group, lane = neuron // lanes, neuron % lanes
            drawn = self.memory_writes(m, "drawn", banks, start, group, lane)
            self.claim("drawn_once", ~(in_draw & ended) | (drawn == 1))
        held: Any = 0 if unit.source is None else unit.source.request & ~unit.source.hit
        self.ends(m, start, idle, Value.cast(held), max(steps.count + 5, unit.groups + 1))
        self.watch(m, inner, updating, over)

    def watch(self, m: Module, inner: Module, updating: Any, over: Any) -> None:
        """Add currents of any kind, and what must be reached."""
        self.add(m, updating)
        self.reach(over)

    def add(self, m: Module, updating: Any) -> tuple[Any, Any]:
        """Add any currents; return whether one is the watched neuron's, and it."""
        unit, lanes, neuron = self.population, self.lanes, self.neuron
        adding = self.anything("add")
        group = self.anything("group", range(unit.groups))
        addends = [self.anything(f"addend_{k}", one.shape()) for k, one in enumerate(unit.addends)]
        self.suppose((~adding | ~updating) & (group < unit.groups))
        m.d.comb += [unit.add.eq(adding), unit.group.eq(group)]
        m.d.comb += [a.eq(b) for a, b in zip(unit.addends, addends, strict=True)]
        return adding & (group == neuron // lanes), Array(addends)[neuron % lanes]

    def of_step(self, values: list[Any]) -> Any:
        """Return the watched neuron's value among those of a step."""
        bits = self.population.steps.bits
        return Array(values)[self.neuron[:bits]] if bits else values[0]


class Sums(Population):
    """A neuron gets the sum of what was added to it since its last update, nothing else.

    Even if currents come one after the other for the same group.
    """

    def watch(self, m: Module, inner: Module, updating: Any, over: Any) -> None:
        unit, lanes, neuron = self.population, self.lanes, self.neuron
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
    """The signal that a neuron has reported is what the projections read."""

    def watch(self, m: Module, inner: Module, updating: Any, over: Any) -> None:
        unit, neuron = self.population, self.neuron
        self.add(m, updating)
        tick, kept_tick = self.anything("any_tick", 2), Signal(2)
        with m.If(~updating):
            m.d.sync += kept_tick.eq(tick)
        now = Mux(updating & ~unit.update, kept_tick, tick)
        m.d.comb += unit.tick.eq(now)
        valid, step = unit.reported
        said = Signal(shape(unit.population.signal))
        with m.If(valid & (step == neuron >> unit.steps.bits)):
            m.d.sync += said.eq(self.of_step(unit.signals))
        look = inner.submodules.signals.read_port(domain="comb")
        word = Value.cast(unit.packing.address(neuron))[: unit.word_bits]
        m.d.comb += look.addr.eq(Cat(word, kept_tick[: unit.depth_bits]))
        kept = unit.packing.elements(look.data, neuron)[0]
        self.claim("signal_is_kept", ~over | (kept == said))
        self.reach(over & (said != 0))
