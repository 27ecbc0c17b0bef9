"""A projection: synapse words in banks, `lanes` a cycle through the twins of synapse and rule."""

from typing import Any

from amaranth.hdl import Array, Cat, Elaboratable, Module, Mux, Signal
from amaranth.lib.data import StructLayout
from amaranth.lib.memory import ReadPort, WritePort

from goldenspike.golden.fixed import RANDOM_BITS, Rounding
from goldenspike.golden.plan import Plan, PlannedProjection
from goldenspike.golden.randomness import VARIATE, Stream, VariateConstants
from goldenspike.golden.rules import three_factor
from goldenspike.golden.synapses import delta
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import shape
from goldenspike.hdl.fixed import align
from goldenspike.hdl.units.common import Region, Tap, memory, times
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.rows import RowSource
from goldenspike.hdl.units.variates import FieldSource


class SynapseUnit(Elaboratable):
    """Visits rows of synapses: to deliver (and trace eligibilities), or to learn.

    A visit takes three stages: read a word of each lane's bank; pass it through the twins; write
    it back and hand the currents to the population. One word a cycle, learning included; only
    random fields that are not there yet hold it up.

    Parameters
    ----------
    plan, projection
        What it is.
    post
        The unit of the postsynaptic population.
    lanes
        Synapses a cycle, a power of two.

    Members
    -------
    deliver, learn, busy
        In, In, Out: start of a phase; whether one is under way, from the next cycle on.
    perturbing
        In: whether perturbations count and eligibilities are traced.
    factor
        In: the factor of the trial, for `learn`.
    flush
        In: a new trial's random fields begin.
    adding, add_group
        Out: the addends of the visits go to the population in this cycle.
    variate_group
        Out: the variates of the population that are needed in the next cycle.
    rows
        The row source of the presynaptic population.
    """

    def __init__(
        self, plan: Plan, projection: PlannedProjection, post: PopulationUnit, lanes: int
    ) -> None:
        self.projection, self.post, self.lanes = projection, post, lanes
        name = projection.name
        self.groups = -(-projection.post.size // lanes)
        self.deliver, self.learn = Signal(name=f"{name}_deliver"), Signal(name=f"{name}_learn")
        self.busy, self.perturbing = Signal(name=f"{name}_busy"), Signal(name=f"{name}_perturbing")
        self.rows = RowSource(projection.pre.size, projection.pre.signal)
        self.region = Region(f"{name}_w", projection.pre.size * projection.post.size)
        self.rule = rule = projection.rule
        self.fields: list[FieldSource] = []
        self.weight_fields = self.rounding_fields = None
        layout = {"w": shape(projection.weight)}
        if rule is not None:
            self.factor = Signal(shape(rule.factor.factor), name=f"{name}_factor")
            if rule.step is not None:
                layout["e"] = shape(rule.eligibility)
            if projection.weight_perturbation is not None:
                bits = int(rule.perturbation.distribution)
                self.weight_fields = FieldSource(bits, lanes, rule.perturbation.stream)
                self.fields.append(self.weight_fields)
            if rule.params.rounding == Rounding.STOCHASTIC:
                stream = Stream.ROUNDING + projection.number
                self.rounding_fields = FieldSource(RANDOM_BITS, lanes, stream)
                self.fields.append(self.rounding_fields)
        self.flush = Signal(name=f"{name}_flush")
        self.adding = Signal(name=f"{name}_adding")
        self.add_group = Signal(range(self.groups), name=f"{name}_add_group")
        self.variate_group = Signal(range(self.groups), name=f"{name}_variate_group")
        self.layout = StructLayout(layout)
        self.taps: list[Tap] = []
        self.visits = [_Visit(self, lane, plan) for lane in range(lanes)]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        q, lanes, groups, rows = self.projection, self.lanes, self.groups, self.rows
        lane_bits = lanes.bit_length() - 1
        m.submodules.rows = rows
        m.d.comb += rows.start.eq(self.deliver)
        # Read: a row, group by group; the fields it needs must be there.
        delivering, learning = Signal(), Signal()
        held, row, signal = Signal(), Signal(range(q.pre.size)), Signal(shape(q.pre.signal))
        group = Signal(range(groups))
        base = Signal(range(q.pre.size * groups))
        last = group == groups - 1
        hit = Signal()
        go = held & hit
        m.d.comb += hit.eq(1)
        for source in self.fields:
            with m.If(source.request & ~source.hit):
                m.d.comb += hit.eq(0)
        with m.If(go):
            m.d.sync += group.eq(Mux(last, 0, group + 1))
        m.d.comb += rows.o.ready.eq(delivering & (~held | (go & last)))
        with m.If(self.deliver):
            m.d.sync += [delivering.eq(1), group.eq(0)]
        with m.If(self.learn):
            m.d.sync += [learning.eq(1), held.eq(1), row.eq(0), base.eq(0), group.eq(0)]
        with m.If(learning & go & last):
            m.d.sync += [row.eq(row + 1), base.eq(base + groups)]
            with m.If(row == q.pre.size - 1):
                m.d.sync += [learning.eq(0), held.eq(0)]
        with m.If(delivering):
            with m.If(rows.o.valid & rows.o.ready):
                m.d.sync += [
                    held.eq(1),
                    row.eq(rows.o.payload.row),
                    signal.eq(rows.o.payload.signal),
                    base.eq(times(rows.o.payload.row, groups)),
                ]
            with m.Elif(go & last):
                m.d.sync += held.eq(0)
            with m.If(rows.done & ~held & ~self.deliver):
                m.d.sync += delivering.eq(0)
        stride = 0 if self.rule is None else self.rule.perturbation.stride.bit_length() - 1
        for source in self.fields:
            used = learning if source is self.rounding_fields else (learning | self.perturbing)
            m.d.comb += [
                source.flush.eq(self.flush),
                source.request.eq(held & used),
                source.index.eq((row << stride) + (group << lane_bits)),
            ]
        # Compute: the words stand; what goes with them is one cycle old.
        valid, learns = Signal(), Signal()
        at, at_row, at_group = Signal.like(base), Signal.like(row), Signal.like(group)
        seen = Signal.like(signal)
        m.d.sync += [
            valid.eq(go),
            learns.eq(learning),
            at.eq(base + group),
            at_row.eq(row),
            at_group.eq(group),
            seen.eq(signal),
        ]
        # Write back, and hand over.
        writing, wrote_learned, traced = Signal(), Signal(), Signal()
        back, back_row, back_group = Signal.like(base), Signal.like(row), Signal.like(group)
        m.d.sync += [
            writing.eq(valid),
            wrote_learned.eq(learns),
            traced.eq(self.perturbing & ~learns),
            back.eq(at),
            back_row.eq(at_row),
            back_group.eq(at_group),
        ]
        m.d.comb += [
            self.variate_group.eq(group),
            self.adding.eq(writing & ~wrote_learned),
            self.add_group.eq(back_group),
            self.busy.eq(delivering | learning | valid | writing),
        ]
        place, host_lane, asked, asked_lane = self._host(m)
        reads = []
        for visit in self.visits:
            bank = memory(m, f"synapses_{visit.lane}", self.layout, q.pre.size * groups)
            read, write = bank.read_port(), bank.write_port()
            m.d.comb += read.addr.eq(Mux(self.region.read, place, base + group))
            column = Signal(16, name=f"column_{visit.lane}")
            inside = column < q.post.size
            index = Cat(column, back_row)
            m.d.comb += [
                column.eq((back_group << lane_bits) + visit.lane),
                visit.learned.eq(writing & wrote_learned & inside),
                visit.traced.eq(writing & traced & inside),
                visit.index.eq(index),
                write.addr.eq(back),
            ]
            visit.build(m, read, write, seen, learns)
            with m.If(self.region.load):
                m.d.comb += [
                    write.addr.eq(place),
                    write.en.eq(host_lane == visit.lane),
                    write.data.eq(0),
                    write.data["w"].eq(self.region.data),
                ]
            reads.append(read.data["w"])
        with m.If(asked):
            m.d.sync += self.region.value.eq(Array(reads)[asked_lane])
        return m

    def _host(self, m: Module) -> tuple[Signal, Signal, Signal, Signal]:
        """Add the counters of the host's accesses: post by post, row by row."""
        region, lanes = self.region, self.lanes
        place = Signal(range(self.projection.pre.size * self.groups))
        column, lane = Signal(range(self.projection.post.size)), Signal(range(max(lanes, 2)))
        asked, asked_lane = Signal(), Signal.like(lane)
        m.d.sync += [asked.eq(region.read), asked_lane.eq(lane)]
        with m.If(region.begin):
            m.d.sync += [place.eq(0), column.eq(0), lane.eq(0)]
        with m.Elif(region.load | region.read):
            end = column == self.projection.post.size - 1
            m.d.sync += [
                column.eq(Mux(end, 0, column + 1)),
                lane.eq(Mux(end | (lane == lanes - 1), 0, lane + 1)),
                place.eq(place + (end | (lane == lanes - 1))),
            ]
        return place, lane, asked, asked_lane


class _Visit:
    """One lane of a visit: the twins between a bank's read and write ports."""

    def __init__(self, unit: SynapseUnit, lane: int, plan: Plan) -> None:
        self.unit, self.lane = unit, lane
        name = unit.projection.name
        self.learned, self.traced = Signal(), Signal()
        self.addend = Signal(shape(unit.projection.post.current))
        self.index = Signal(32)
        self.w = Signal(unit.layout["w"].shape)
        w = plan.variables[f"{name}.w"]
        unit.taps.append(Tap(lane, w, self.learned, self.index, self.w))
        if "e" in dict(unit.layout):
            self.e = Signal(unit.layout["e"].shape)
            e = plan.variables[f"{name}.e"]
            unit.taps.append(Tap(lane, e, self.traced, self.index, self.e))

    def build(
        self, m: Module, read: ReadPort, write: WritePort, signal: Signal, learns: Signal
    ) -> None:
        """Add the twins; the results are registered and stand in the cycle of the write."""
        unit, lane = self.unit, self.lane
        q, rule = unit.projection, unit.rule
        weight = read.data["w"]
        perturbation = q.weight_perturbation
        eligibility: Any = 0
        if perturbation is not None:
            source: Any = unit.weight_fields
            variate = twin(VARIATE, VariateConstants(source.bits))
            m.submodules[f"variate_{lane}"] = variate
            word = Signal(source.bits)
            m.d.sync += word.eq(source.fields.word_select(lane, source.bits))
            m.submodules[f"perturb_{lane}"] = perturb = twin(
                three_factor.PERTURB, perturbation.constants
            )
            m.d.comb += [
                variate.word.eq(word),
                perturb.value.eq(weight),
                perturb.variate.eq(Mux(unit.perturbing, variate.variate, 0)),
            ]
            eligibility = variate.variate
            weight = perturb.perturbed
        m.submodules[f"synapse_{lane}"] = synapse = twin(delta.STEP, q.synapse)
        m.d.comb += [synapse.weight.eq(weight), synapse.signal.eq(signal)]
        addend = Signal.like(synapse.current)
        m.d.sync += addend.eq(synapse.current)
        m.d.comb += self.addend.eq(align(addend, q.shift))
        m.d.comb += [write.data["w"].eq(self.w), write.en.eq(self.learned)]
        if rule is None:
            return
        if rule.step is not None:
            m.submodules[f"trace_{lane}"] = trace = twin(rule.module.STEP, rule.step)
            m.d.comb += [
                trace.e.eq(read.data["e"]),
                trace.variate.eq(unit.post.variates[lane]),
                trace.signal.eq(signal),
                write.en.eq(self.learned | self.traced),
                write.data["e"].eq(self.e),
            ]
            m.d.sync += self.e.eq(Mux(learns, 0, trace.e_next))
            eligibility = read.data["e"]
        m.submodules[f"update_{lane}"] = update = twin(three_factor.UPDATE, rule.update)
        m.d.comb += [
            update.w.eq(read.data["w"]),
            update.factor.eq(unit.factor),
            update.eligibility.eq(eligibility),
        ]
        if unit.rounding_fields is not None:
            random = Signal(RANDOM_BITS, name=f"random_{lane}")
            fields = unit.rounding_fields.fields
            m.d.sync += random.eq(fields.word_select(lane, RANDOM_BITS))
            m.d.comb += update.word.eq(random)
        m.d.sync += self.w.eq(Mux(learns, update.w_next, read.data["w"]))
