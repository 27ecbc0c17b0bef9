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
    """A population steps every neuron once an update, with the sum of what was added to it.

    Currents are added in any cycle in which it is not updated, even one after the other to the same
    group; variates are drawn meanwhile.
    """

    def __init__(
        self, plan: Plan, name: str, lanes: int = 2, neurons: int = 1, *, data: bool = False
    ) -> None:
        self.data = data
        self.units = Units(plan, lanes, neurons)
        self.lanes = lanes
        super(Synapses, self).__init__()
        self.population = self.units.populations.pop(name)

    def build(self, m: Module) -> None:
        unit, lanes = self.population, self.lanes
        p, steps = unit.population, unit.steps
        self.surroundings(None)
        if unit.source is not None:
            self.released("variates", unit.source)
        inner = self.opened(unit)
        m.submodules.unit = unit
        update, adding = self.anything("update"), self.anything("add")
        draw = self.anything("draw") if unit.source is not None else Signal()
        idle, updating = Signal(), Signal()
        m.d.comb += [
            *(idle.eq(~unit.busy), unit.update.eq(update), unit.draw.eq(draw)),
            unit.add.eq(adding),
        ]
        start = update | draw
        self.suppose(update + draw <= idle)
        ended = idle & ~self.before(idle, "idle_before", initially=1)
        in_update, in_draw = Signal(), Signal()
        with m.If(start):
            m.d.sync += [in_update.eq(update), in_draw.eq(draw)]
        m.d.comb += updating.eq(update | (in_update & ~idle))
        self.suppose(~adding | ~updating)
        over = Signal()
        m.d.comb += over.eq(in_update & ended)
        group = self.anything("group", range(unit.groups))
        self.suppose(group < unit.groups)
        m.d.comb += unit.group.eq(group)
        addends = [self.anything(f"addend_{k}", one.shape()) for k, one in enumerate(unit.addends)]
        m.d.comb += [a.eq(b) for a, b in zip(unit.addends, addends, strict=True)]
        tick = self.anything("any_tick", 2)
        kept_tick = Signal(2)
        with m.If(~updating):
            m.d.sync += kept_tick.eq(tick)
        m.d.comb += unit.tick.eq(Mux(updating & ~update, kept_tick, tick))
        neuron = self.something("neuron", range(p.size))
        # Each neuron is stepped and reported once.
        for name, (valid, step) in (("stepped", unit.stepped), ("reported", unit.reported)):
            now, at = Signal(name=f"{name}_now"), Signal(16, name=f"{name}_at")
            m.d.comb += [now.eq(valid), at.eq(step)]
            count = self.counted(m, name, start, now & (at == neuron >> steps.bits))
            self.claim(f"{name}_once", ~over | (count == 1))
            self.claim(f"{name}_there", ~now | (at < steps.count))
        if p.state:
            written = self.memory_writes(
                m, "written", [inner.submodules.state], start, neuron >> steps.bits, 0
            )
            self.claim("state_written_once", ~over | (written == 1))
        # The watched neuron's sum, which is 0 at first, and what was added to it in this cycle.
        valid, step = unit.stepped
        ((receptor, fmt), *_) = p.currents.items()
        if self.data and p.perturbation is None:
            total = Signal(shape(fmt), name="total")
            taken = Signal()
            m.d.comb += taken.eq(valid & (step == neuron >> steps.bits))
            mine = adding & (group == neuron // lanes)
            addend = Array(addends)[neuron % lanes]
            with m.If(taken):
                m.d.sync += total.eq(0)
            with m.Elif(mine):
                m.d.sync += total.eq(total + addend)
            currents = [
                getattr(inner.submodules[f"neuron_{k}"], receptor) for k in range(steps.width)
            ]
            current = Signal(shape(fmt), name="current")
            m.d.comb += current.eq(Array(currents)[neuron[: steps.bits]] if steps.bits else currents[0])
            self.claim("current_is_the_sum", ~taken | (current == total))
            looks = [
                inner.submodules[f"{receptor}_{k}"].read_port(domain="comb") for k in range(lanes)
            ]
            m.d.comb += [look.addr.eq(neuron // lanes) for look in looks]
            kept = Signal(shape(fmt), name="kept")
            m.d.comb += kept.eq(Array(look.data for look in looks)[neuron % lanes])
            added = Signal(shape(fmt), name="added")
            m.d.sync += added.eq(Mux(mine, addend, 0))
            self.suppose(self.before(1, "begun") | (kept == 0))
            sum_kept = Signal(shape(fmt), name="sum_kept")
            m.d.comb += sum_kept.eq(kept + added)
            self.claim("sum_is_kept", taken | (sum_kept == total))
        # The signals that are kept are those that were reported.
        if self.data:
            valid, step = unit.reported
            said = Signal(shape(p.signal), name="said")
            signals = Array(unit.signals)
            with m.If(valid & (step == neuron >> steps.bits)):
                m.d.sync += said.eq(signals[neuron[: steps.bits]] if steps.bits else signals[0])
            look = inner.submodules.signals.read_port(domain="comb")
            word = unit.packing.address(neuron)
            slot = unit.tick[: unit.depth_bits]
            m.d.comb += look.addr.eq(Cat(Value.cast(word)[: unit.word_bits], slot))
            kept = unit.packing.elements(look.data, neuron)[0]
            same_tick = self.before(unit.tick[:2], "tick_before") == unit.tick[:2]
            self.claim("signal_kept", ~(over & same_tick) | (kept == said))
        if unit.source is not None and not p.draws:
            banks = [inner.submodules[f"variates_{k}"] for k in range(lanes)]
            drawn = self.memory_writes(
                m, "drawn", banks, start, neuron // lanes, neuron % lanes
            )
            self.claim("drawn_once", ~(in_draw & ended) | (drawn == 1))
        held: Any = Const(0) if unit.source is None else unit.source.request & ~unit.source.hit
        limit = max(steps.count + 5, unit.groups + 1)
        self.ends(m, start, idle, held, limit)
        self.reach(over)
