"""A projection: synapse words in banks, `lanes` a cycle through the twins of synapse and rule."""

from typing import Any

from amaranth.hdl import Array, Cat, Elaboratable, Module, Mux, Signal
from amaranth.lib.data import StructLayout

from goldenspike.golden.fixed import RANDOM_BITS
from goldenspike.golden.plan import Plan, PlannedProjection
from goldenspike.golden.randomness import Stream
from goldenspike.hdl.cell import shape
from goldenspike.hdl.units.common import Region, Tap, later, memory, times
from goldenspike.hdl.units.filters import FilterUnit
from goldenspike.hdl.units.learner import LearnUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.rows import Packing, RowSource
from goldenspike.hdl.units.variates import FieldSource
from goldenspike.hdl.units.visit import Visit


class SynapseUnit(Elaboratable):
    """Visits rows of synapses: to deliver, to trace eligibilities, to learn.

    A visit takes three stages: read a word of each lane's bank; pass it through the twins; write
    it back and hand the currents to the population. Rules that trace and learn in one visit take
    a stage for each. One word a cycle, learning included; only random fields that are not there
    yet hold it up.

    Parameters
    ----------
    plan, projection
        What it is.
    post
        The unit of the postsynaptic population.
    lanes
        Synapses a cycle, a power of two.
    neurons
        Presynaptic and postsynaptic neurons a cycle, where the rule has parts of theirs.
    packings
        How populations' signals are packed, by name.
    before
        The unit of the presynaptic population, if it is one.
    joins
        Whether its rule with traces delivers the weights that it has just learned.

    Members
    -------
    clear, clearing
        In, Out: start of a phase that clears the marks of active inputs, None if there are none;
        whether it is under way, from the next cycle on.
    deliver, trace, learn, busy
        In, In, In, Out: start of a phase; whether one is under way, from the next cycle on. A
        delivery visits the rows that are not silent, so does tracing what was delivered; learning
        visits all rows. Rules that learn during a trial trace all rows, and learn them if
        `learning_now`.
    perturbing, negative, tracing
        In: whether perturbations count, and negated; whether eligibilities are traced.
    fresh
        In: this is the first tick in which signals arrive; eligibilities of the trial are 0.
    learning_now, due
        In: whether tracing learns too; whether sums over trials are learned.
    factor
        In: the factor, for learning.
    flush, high, slot
        In: new random fields begin; what is or-ed into their indices; the slot of the codes.
    adding, add_group, outputs
        Out: the addends of the visits go to the population in this cycle; so do the outputs.
    score_group
        Out: the scores of the population that are needed in the next cycle.
    active
        Out: it may hand something to the population.
    rows, reader
        The row source of the delivered signals, and what reads them.
    visiting
        Out: a word of every lane is read, in this cycle.
    guest_reading, guest_address, guest_words
        In, In, Out: reads all fields of all lanes, for the learner or a mirror of the projection.
    latency
        Cycles from a word's read to its write.
    """

    DELIVERY_LATENCY = 2
    """Cycles from a word's read to its addends."""

    def __init__(
        self,
        plan: Plan,
        projection: PlannedProjection,
        post: PopulationUnit,
        lanes: int,
        neurons: int,
        packings: dict[str, Packing],
        before: PopulationUnit | None = None,
        *,
        joins: bool = False,
    ) -> None:
        self.projection, self.post, self.lanes = projection, post, lanes
        name = projection.name
        self.groups = -(-projection.post.size // lanes)
        self.deliver, self.learn = Signal(name=f"{name}_deliver"), Signal(name=f"{name}_learn")
        self.trace, self.tracing = Signal(name=f"{name}_trace"), Signal(name=f"{name}_tracing")
        self.busy, self.perturbing = Signal(name=f"{name}_busy"), Signal(name=f"{name}_perturbing")
        self.negative, self.fresh = Signal(name=f"{name}_negative"), Signal(name=f"{name}_fresh")
        self.learning_now, self.due = Signal(name=f"{name}_now"), Signal(name=f"{name}_due")
        self.filter = None
        self.delivered = packings[projection.pre.name]
        if projection.filter is not None:
            cell, constants = projection.filter.STEP, projection.filter_constants
            self.filter = FilterUnit(plan, f"{name}.", self.delivered, cell, constants, neurons)
            self.delivered = self.filter.packing
        self.rule = rule = projection.rule
        self.rows = RowSource(self.delivered, every=projection.traces("tick"))
        self.active = Signal(name=f"{name}_active")
        self.reader: Any = self.rows if self.filter is None else self.filter
        self.online = rule is not None and rule.kind == "tick"
        self.keeps_traces = projection.traces("delivery", "output", "tick")
        self.latency = 3 if self.online else 2
        self.fields: list[FieldSource] = []
        self.weight_fields = self.rounding_fields = None
        layout = {"w": shape(projection.weight)}
        if rule is not None:
            self.factor = Signal(shape(rule.factor.factor), name=f"{name}_factor")
            layout |= {field: shape(fmt) for field, fmt in rule.state.items()}
            perturbation, stride = projection.weight_perturbation, rule.perturbation.stride
            if perturbation is not None and perturbation.code is None:
                bits = int(perturbation.distribution)
                self.weight_fields = FieldSource(bits, lanes, perturbation.stream, stride=stride)
                self.fields.append(self.weight_fields)
            if rule.words:
                stream = Stream.ROUNDING + projection.number
                self.rounding_fields = FieldSource(RANDOM_BITS, lanes, stream, stride=stride)
                self.fields.append(self.rounding_fields)
        self.learner = None
        if projection.learner is not None:
            given = self.delivered
            self.learner = LearnUnit(
                plan,
                projection,
                post,
                lanes,
                neurons,
                given,
                packings,
                before if self.filter is None else None,
                joins=joins,
            )
            self.fields += self.learner.fields
            layout |= {f: shape(fmt) for f, fmt in projection.learner.traces.items()}
            if joins:
                self.reader = self.learner.reader(self.rows)
        words = projection.pre.size * projection.post.size
        self.layouts = {"w": StructLayout(layout)}
        if projection.learner is not None:
            self.layouts |= {
                field: StructLayout({field: shape(fmt)})
                for field, fmt in projection.learner.kept.items()
            }
        if rule is not None and rule.accumulate is not None:
            # The host loads a field at a time, so sums have memories of their own.
            self.layouts["sum"] = StructLayout({"sum": shape(rule.accumulate.accumulator)})
        row = projection.post.size
        self.regions = {f: Region(f"{name}_{f}", words, row=row) for f in self.layouts}
        self.flush, self.high = Signal(name=f"{name}_flush"), Signal(32, name=f"{name}_high")
        self.slot = Signal(32, name=f"{name}_slot")
        self.adding, self.outputs = Signal(name=f"{name}_adding"), Signal(name=f"{name}_outputs")
        self.add_group = Signal(range(self.groups), name=f"{name}_add_group")
        self.score_group = Signal(range(self.groups), name=f"{name}_score_group")
        self.visiting = Signal(name=f"{name}_visiting")
        self.guest_reading = Signal(name=f"{name}_guest_reading")
        self.guest_address = Signal(range(projection.pre.size * self.groups))
        fields = [(f, kind) for each in self.layouts.values() for f, kind in each.members.items()]
        self.guest_words = [{f: Signal(kind) for f, kind in fields} for _ in range(lanes)]
        self.taps: list[Tap] = []
        if self.filter is not None:
            self.taps += self.filter.taps
        if self.learner is not None:
            self.taps += self.learner.taps
        self.clear: Any = None
        self.clearing = Signal(name=f"{name}_clearing")
        self.marking = Signal(name=f"{name}_marking")
        if rule is not None and rule.kind == "active":
            self.clear = Signal(name=f"{name}_clear")
            row = self.rows.o.payload.row
            variable, phases = plan.variables[f"{name}.active"], (self.deliver.name,)
            self.taps.append(Tap(phases, 0, variable, self.marking, row, self.marking))
        self.visits = [Visit(self, lane, plan) for lane in range(lanes)]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        q, lanes, groups, rows, rule = (
            self.projection,
            self.lanes,
            self.groups,
            self.rows,
            self.rule,
        )
        lane_bits = lanes.bit_length() - 1
        m.submodules.rows = rows
        if self.filter is not None:
            m.submodules.filter = self.filter
            m.d.comb += [
                self.filter.fresh.eq(self.fresh),
                self.filter.read_address.eq(rows.address),
                self.filter.read_enable.eq(rows.enable),
                rows.word.eq(self.filter.read_word),
            ]
            if self.learner is not None:
                pre = self.learner.pre
                m.d.comb += pre.word.eq(self.filter.read_word)
                with m.If(pre.enable):
                    m.d.comb += [
                        self.filter.read_address.eq(pre.address),
                        self.filter.read_enable.eq(pre.enable),
                    ]
        if self.learner is not None:
            m.submodules.learner = self.learner
        online = self.online
        m.d.comb += [
            rows.start.eq(self.deliver | self.trace),
            self.active.eq(self.deliver | self.trace | self.busy),
        ]
        # Read: a row, group by group; the fields it needs must be there.
        delivering, retracing, learning = Signal(), Signal(), Signal()
        held, row, signal = Signal(), Signal(range(q.pre.size)), Signal(shape(q.signal))
        group = Signal(range(groups))
        base = Signal(range(q.pre.size * groups))
        column_index = Signal(32)  # Of the row's first synapse, among all that have a code.
        last = group == groups - 1
        hit = Signal()
        go = held & hit
        m.d.comb += [hit.eq(1), self.visiting.eq(go)]
        own = [
            source for source in (self.weight_fields, self.rounding_fields) if source is not None
        ]
        for source in own:
            with m.If(source.request & ~source.hit):
                m.d.comb += hit.eq(0)
        with m.If(go):
            m.d.sync += group.eq(Mux(last, 0, group + 1))
        streaming = delivering | retracing
        taken = rows.o.valid & rows.o.ready
        m.d.comb += [
            rows.o.ready.eq(streaming & (~held | (go & last))),
            *([rows.all.eq(retracing)] if rows.every else []),
            self.marking.eq(taken & delivering & self.tracing),
        ]
        code = None if q.weight_perturbation is None else q.weight_perturbation.code
        for start, phase in ((self.deliver, delivering), (self.trace, retracing)):
            with m.If(start):
                m.d.sync += [phase.eq(1), group.eq(0)]
        with m.If(self.learn):
            m.d.sync += [learning.eq(1), held.eq(1), row.eq(0), base.eq(0), group.eq(0)]
            if code is not None:
                m.d.sync += column_index.eq(code.first)
        with m.If(learning & go & last):
            m.d.sync += [row.eq(row + 1), base.eq(base + groups)]
            if code is not None:
                m.d.sync += column_index.eq(column_index + q.post.size)
            with m.If(row == q.pre.size - 1):
                m.d.sync += [learning.eq(0), held.eq(0)]
        with m.If(streaming):
            with m.If(taken):
                m.d.sync += [
                    held.eq(1),
                    row.eq(rows.o.payload.row),
                    signal.eq(rows.o.payload.signal),
                    base.eq(times(rows.o.payload.row, groups)),
                ]
                if code is not None:
                    index = times(rows.o.payload.row, q.post.size) + code.first
                    m.d.sync += column_index.eq(index)
            with m.Elif(go & last):
                m.d.sync += held.eq(0)
            with m.If(rows.done & ~held & ~self.deliver & ~self.trace):
                m.d.sync += [delivering.eq(0), retracing.eq(0)]
        updating = learning | (retracing & self.learning_now if online else 0)
        stride = 0 if rule is None else rule.perturbation.stride.bit_length() - 1
        for source in own:
            if source is self.rounding_fields:
                m.d.comb += source.high.eq(self.high)
                used = updating
            else:
                used = learning | (delivering & self.perturbing)
            m.d.comb += [
                source.flush.eq(self.flush),
                source.request.eq(held & used),
                source.index.eq((row << stride) + (group << lane_bits)),
            ]
        # Compute: the words stand; what goes with them is one cycle old.
        stage = _Stage(m, signal)
        at, at_row, at_group = Signal.like(base), Signal.like(row), Signal.like(group)
        m.d.sync += [
            stage.valid.eq(go),
            stage.delivers.eq(delivering),
            stage.learns.eq(learning),
            stage.updates.eq(updating),
            stage.signal.eq(signal),
            stage.index.eq(column_index + (group << lane_bits)),
            at.eq(base + group),
            at_row.eq(row),
            at_group.eq(group),
        ]
        if self.keeps_traces:
            visited = delivering if q.traces("delivery") else retracing
            m.d.sync += stage.traces.eq(self.tracing & visited)
        if rule is not None and rule.kind == "active":
            self._active(m, row, learning & go & last, stage)
        # Write back, and hand over.
        added, learned, traced = Signal(), Signal(), Signal()
        back, back_row, back_group = Signal.like(base), Signal.like(row), Signal.like(group)
        m.d.sync += [
            added.eq(stage.valid & stage.delivers),
            learned.eq(stage.valid & stage.updates),
            back.eq(at),
            back_row.eq(at_row),
            back_group.eq(at_group),
        ]
        if self.keeps_traces:
            m.d.sync += traced.eq(stage.valid & stage.traces)
        m.d.comb += [
            self.score_group.eq(group),
            self.adding.eq(added),
            self.outputs.eq(added & self.tracing),
            self.add_group.eq(back_group),
        ]
        working = go | stage.valid
        if online:
            stage.updates_later = later(m, stage.updates, "updates_later")
            working = working | learned | traced
            learned, traced = later(m, learned, "learned"), later(m, traced, "traced")
            back, back_row = later(m, back, "back"), later(m, back_row, "back_row")
            back_group = later(m, back_group, "back_group")
        m.d.comb += self.busy.eq(streaming | learning | later(m, working, "working"))
        if self.learner is not None and self.learner.joins:
            one = self.learner
            m.d.comb += [
                rows.word.eq(self.reader.word),
                self.active.eq(self.deliver | self.busy | one.busy),
                self.adding.eq(added | later(m, one.handing, "handed")),
            ]
            with m.If(one.handing):
                m.d.sync += back_group.eq(one.handed_group)
            delivered = Signal.like(signal, name="delivered_signal")
            m.d.comb += delivered.eq(Mux(one.handing, one.handed_signal, stage.signal))
            stage.signal = delivered
        place, host_lane, asked, asked_lane = self._host(m)
        reading = Cat(region.read for region in self.regions.values()).any()
        reads: dict[str, list] = {field: [] for field in self.regions}
        for visit in self.visits:
            column = Signal(16, name=f"column_{visit.lane}")
            inside = column < q.post.size
            m.d.comb += [
                column.eq((back_group << lane_bits) + visit.lane),
                visit.learned.eq(learned & inside),
                visit.index.eq(Cat(column, back_row)),
            ]
            written: Any = visit.learned
            if self.keeps_traces:
                m.d.comb += visit.traced.eq(traced & inside)
                written |= visit.traced
            before = {}
            for field, layout in self.layouts.items():
                region = self.regions[field]
                name = "synapses" if field == "w" else f"{field}s"
                bank = memory(m, f"{name}_{visit.lane}", layout, q.pre.size * groups)
                write, read = bank.write_port(), bank.read_port()
                visited = Mux(self.guest_reading, self.guest_address, base + group)
                m.d.comb += [
                    read.addr.eq(Mux(reading, place, visited)),
                    write.addr.eq(back),
                    write.en.eq(written if field == "w" else visit.learned),
                ]
                for part, _ in layout:
                    before[part] = read.data[part]
                    m.d.comb += self.guest_words[visit.lane][part].eq(read.data[part])
                    if part in visit.next:
                        m.d.comb += write.data[part].eq(visit.next[part])
                if self.learner is not None:
                    self._learned(m, visit.lane, layout, write)
                reads[field].append(read.data[field])
                with m.If(region.load):
                    m.d.comb += [
                        write.addr.eq(place),
                        write.en.eq(host_lane == visit.lane),
                        write.data.eq(0),
                        write.data[field].eq(region.data),
                    ]
            if self.learner is not None and self.learner.joins:
                before = self._joined(self.learner, visit.lane, before)
            visit.build(m, before, stage)
        if self.learner is not None:
            for mine, given in zip(self.learner.words, self.guest_words, strict=True):
                m.d.comb += [mine[field].eq(given[field]) for field in mine]
        for field, region in self.regions.items():
            with m.If(asked):
                m.d.sync += region.value.eq(Array(reads[field])[asked_lane])
        return m

    def _joined(self, one: LearnUnit, lane: int, before: dict[str, Any]) -> Any:
        """Return the fields that a lane delivers: as read, or the weight that is being written."""
        learned = Mux(one.writing[lane], one.next[lane]["w"], 0)
        return {**before, "w": Mux(one.handing, learned, before["w"])}

    def _learned(self, m: Module, lane: int, layout: StructLayout, write: Any) -> None:
        """Let the learner write the fields of a bank that change."""
        one: Any = self.learner
        for part, _ in layout:
            if part in one.next[lane]:
                m.d.comb += [
                    write.addr.eq(one.write_address),
                    write.en.eq(one.writing[lane]),
                    write.data[part].eq(one.next[lane][part]),
                ]

    def _active(self, m: Module, row: Signal, done: Any, stage: Any) -> None:
        """Add the marks of rows whose input was active; learning a row clears its mark."""
        size = self.projection.pre.size
        place = Signal(range(size), name="place")
        with m.If(self.clear):
            m.d.sync += self.clearing.eq(1)
        with m.If(self.clearing):
            last = place == size - 1
            m.d.sync += [place.eq(Mux(last, 0, place + 1)), self.clearing.eq(~last)]
        store = memory(m, "active", 1, size)
        write, read = store.write_port(), store.read_port()
        m.d.comb += [
            read.addr.eq(row),
            stage.active.eq(read.data),
            write.addr.eq(
                Mux(self.clearing, place, Mux(self.marking, self.rows.o.payload.row, row))
            ),
            write.data.eq(self.marking),
            write.en.eq(self.marking | done | self.clearing),
        ]

    def _host(self, m: Module) -> tuple[Signal, Signal, Signal, Signal]:
        """Add the counters of the host's accesses: post by post, row by row."""
        lanes = self.lanes
        begin, load, read = (
            Cat(getattr(region, what) for region in self.regions.values()).any()
            for what in ("begin", "load", "read")
        )
        place = Signal(range(self.projection.pre.size * self.groups))
        column, lane = Signal(range(self.projection.post.size)), Signal(range(max(lanes, 2)))
        asked, asked_lane = Signal(), Signal.like(lane)
        m.d.sync += [asked.eq(read), asked_lane.eq(lane)]
        with m.If(begin):
            # The regions of a projection begin at the same place.
            at_row, at = self.regions["w"].place()
            group = at >> (lanes.bit_length() - 1)
            m.d.sync += [
                place.eq(times(at_row, self.groups) + group),
                column.eq(at),
                lane.eq(at & (lanes - 1)),
            ]
        with m.Elif(load | read):
            end = column == self.projection.post.size - 1
            m.d.sync += [
                column.eq(Mux(end, 0, column + 1)),
                lane.eq(Mux(end | (lane == lanes - 1), 0, lane + 1)),
                place.eq(place + (end | (lane == lanes - 1))),
            ]
        return place, lane, asked, asked_lane


class _Stage:
    """What goes with a word that stands at the twins."""

    def __init__(self, m: Module, signal: Signal) -> None:
        self.valid, self.delivers, self.traces = Signal(), Signal(), Signal()
        self.learns, self.updates, self.active = Signal(), Signal(), Signal()
        self.updates_later = self.updates
        self.signal, self.index = Signal.like(signal), Signal(32)
