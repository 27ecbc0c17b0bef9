"""A rule with eligibility traces: what runs its parts, neuron by neuron and synapse by synapse."""

from typing import Any

from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib.data import ArrayLayout, StructLayout

from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import RANDOM_BITS, Format
from goldenspike.golden.plan import Plan
from goldenspike.golden.planned import PlannedProjection
from goldenspike.golden.randomness import MIX, Stream
from goldenspike.hdl.catalog import cuttable, twin
from goldenspike.hdl.cell import output_ports, shape
from goldenspike.hdl.units.common import Steps, Tap, later, memory, times
from goldenspike.hdl.units.filters import FilterUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.rows import Packing, Reader, RowSource
from goldenspike.hdl.units.variates import FieldSource


def unpacked(word: Value, formats: dict[str, Format]) -> dict[str, Value]:
    """Return the fields of a word, the first one lowest."""
    found, place = {}, 0
    for name, fmt in formats.items():
        part = word[place : place + fmt.width]
        found[name] = part.as_signed() if fmt.signed else part
        place += fmt.width
    return found


class LearnUnit(Elaboratable):
    """Runs the parts of a rule after the populations of a tick have been updated.

    The part of postsynaptic neurons follows their reports, and so does that of presynaptic ones
    whose signals arrive at once; others are read, `neurons` a cycle. Then `factors` makes the
    factors and what goes with them, a quarter of `neurons` a cycle, as multipliers are dear and
    synapses many, and `learn` visits the synapses, `lanes` a cycle: read, trace, update, write;
    without traces one stage less. Twins of factors and updates that can be cut are: products are
    long paths.

    Parameters
    ----------
    plan, projection
        What it is.
    post
        The unit of the postsynaptic population.
    lanes
        Synapses a cycle, a power of two.
    neurons
        At most so many a cycle; fewer where a word that is read has fewer signals.
    before
        The unit of the presynaptic population, if it is one and its signals arrive as they are.
    given, packings
        How the signals that arrive are packed, and those of populations, by name.
    joins
        Whether its visits deliver what they have learned, as the signals for the next tick say.

    Members
    -------
    pre
        What steps the presynaptic neurons.
    factors, making, draw, drawing, learn, busy
        In, Out, ...: start of a phase; whether it is under way, from the next cycle on. `factors`
        is None where there are none to make, and `draw` where no words of columns are drawn.
    needed
        Out, with the factors: whether a visit changes anything.
    enabled, first, fresh, due
        In: whether this trial learns; first tick of a trial; first tick in which signals arrive;
        whether what was summed is learned.
    flush, high
        In: new random fields begin; what is or-ed into their indices.
    modulator_enable, modulator_addresses, modulator_words
        Out, Out, In: reads the signals of the modulators, by the rule's name for them.
    reading, address, words, visiting
        Out, Out, In, Out: reads the synapses of all lanes; their fields stand in the next cycle;
        whether they are those of a visit.
    writing, write_address, next
        Out: writes the fields of the lanes' synapses.
    joining, delivered_word
        In, In: whether a visit delivers; the word of signals that the last row has.
    handing, handed_group, handed_signal
        Out: what is written is delivered too: to where, and the row's signal.
    latency, factor_latency
        Cycles from a word's read to its write, and from a step's read to that of its factors.
    """

    def __init__(
        self,
        plan: Plan,
        projection: PlannedProjection,
        post: PopulationUnit,
        lanes: int,
        neurons: int,
        given: Packing,
        packings: dict[str, Packing],
        before: PopulationUnit | None = None,
        *,
        joins: bool = False,
    ) -> None:
        self.given, self.joins = given, joins
        q, self.post, self.lanes = projection, post, lanes
        self.projection = q
        learner: Any = q.learner
        self.learner = learner
        name, size = q.name, q.post.size
        self.groups = -(-size // lanes)
        parts = learner.parts
        pre = parts["pre"]
        follows = None if q.delay else before
        self.pre = FilterUnit(
            plan, f"{name}.pre_", given, pre.cell, pre.constants, neurons, follows
        )
        self.rows = RowSource(self.pre.packing, every=not learner.skips)
        self.factors = None if learner.factor is None else Signal(name=f"{name}_factors")
        self.making = Signal(name=f"{name}_making")
        self.learn, self.busy = Signal(name=f"{name}_learn"), Signal(name=f"{name}_learning")
        self.needed = Signal(name=f"{name}_needed")
        self.enabled, self.first = Signal(name=f"{name}_enabled"), Signal(name=f"{name}_first")
        self.fresh, self.due = Signal(name=f"{name}_fresh"), Signal(name=f"{name}_due")
        self.flush, self.high = Signal(name=f"{name}_flush"), Signal(32, name=f"{name}_high")
        self.modulators = {f: packings[one.name] for f, one in learner.modulators.items()}
        self.modulator_enable = Signal()
        self.modulator_addresses = {
            field: Signal(16, name=f"{field}_address") for field in self.modulators
        }
        self.modulator_words = {
            field: Signal(packing.shape, name=f"{field}_word")
            for field, packing in self.modulators.items()
        }
        several = [1 << one.bits for one in self.modulators.values() if one.size > 1]
        width = min(max(neurons // 4, 1), Steps.fitting(size), *several)
        self.steps = Steps(size, width, lanes)
        self.reading, self.writing = Signal(), [Signal() for _ in range(lanes)]
        self.visiting = Signal(name=f"{name}_learner_visiting")
        self.address = Signal(range(q.pre.size * self.groups))
        self.write_address = Signal.like(self.address)
        state = {**learner.traces, **learner.kept, "w": q.weight}
        self.words = [
            {field: Signal(shape(fmt)) for field, fmt in state.items()} for _ in range(lanes)
        ]
        changing = [field for field in state if field not in learner.fixed]
        self.next = [
            {field: Signal(shape(state[field])) for field in changing} for _ in range(lanes)
        ]
        self.index = [Signal(32) for _ in range(lanes)]
        self.taps = list(self.pre.taps)
        for lane in range(lanes):
            for k, (field, value) in enumerate(self.next[lane].items()):
                variable, phases = plan.variables[f"{name}.{field}"], (self.learn.name,)
                channel, valid = lane + k * lanes, self.writing[lane]
                self.taps.append(Tap(phases, channel, variable, valid, self.index[lane], value))
        post_state = parts["post"].state if "post" in parts else {}
        self.traced = [
            {f: Signal(shape(fmt), name=f"post_{f}_{k}") for f, fmt in post_state.items()}
            for k in range(post.neurons)
        ]
        valid, step = post.reported
        for field in post_state:
            variable = plan.variables[f"{name}.post_{field}"]
            post.tap(variable, (valid & self.enabled, step), self.traced, field)
        self.factored = Signal(), self.steps.counter("factored_step")
        outputs = {} if learner.factor is None else learner.factor.outputs
        self.made = [
            {
                field: Signal(shape(fmt), name=f"{name}_{field}_{k}")
                for field, fmt in outputs.items()
            }
            for k in range(width)
        ]
        for k, field in enumerate(outputs):
            variable, values = plan.variables[f"{name}.{field}"], [one[field] for one in self.made]
            phases = (f"{name}_factors",)
            self.taps += self.steps.taps(phases, k * width, variable, self.factored, values)
        self.cut = cuttable(learner.update.cell)
        self.latency = 2 + (learner.synapse is not None) + self.cut
        self.factor_cut = learner.factor is not None and cuttable(learner.factor.cell)
        self.factor_latency = 3 + self.factor_cut
        self.joining, self.taken = Signal(name=f"{name}_joining"), Signal()
        self.streaming = Signal()
        self.delivered_word = Signal(given.shape, name=f"{name}_delivered_word")
        self.handing, self.handed_group = Signal(), Signal(range(self.groups))
        self.handed_signal = Signal(shape(given.signal))
        self.fields: list[FieldSource] = []
        self.draw = Signal(name=f"{name}_draw") if learner.words else None
        self.drawing = Signal(name=f"{name}_drawing")
        if learner.words:
            number = q.number
            self.row_words = FieldSource(RANDOM_BITS, 1, Stream.ROUNDING_ROW + number, ahead=True)
            self.column_words = FieldSource(RANDOM_BITS, lanes, Stream.ROUNDING_COLUMN + number)
            self.fields = [self.row_words, self.column_words]

    def reader(self, delivered: RowSource) -> Reader:
        """Return what reads the signals that are delivered, for visits and for deliveries."""
        here, row = self.streaming, self.rows.o.payload.row
        return Reader(
            Mux(here, self.given.address(row), delivered.address),
            self.taken | delivered.enable,
            self.delivered_word,
            here | delivered.claim,
            delivered,
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.pre = self.pre
        m.submodules.rows = self.rows
        m.d.comb += [
            self.pre.enabled.eq(self.enabled),
            self.pre.fresh.eq(self.fresh),
            self.pre.read_address.eq(self.rows.address),
            self.pre.read_enable.eq(self.rows.enable),
            self.rows.word.eq(self.pre.read_word),
            *([self.rows.all.eq(1)] if self.rows.every else []),
        ]
        group = Signal(range(self.groups))
        given = self._post(m, group)
        self._factors(m, group, given)
        self._visit(m, group, given)
        return m

    def _post(self, m: Module, group: Signal) -> list[dict[str, Value]]:
        """Add the part of postsynaptic neurons; return its outputs, by lane."""
        learner: Any = self.learner
        self.post_address = Signal(range(self.groups))
        m.d.comb += self.post_address.eq(group)
        if learner.post is None:
            return [{} for _ in range(self.lanes)]
        steps = self.post.steps
        twins = [twin(learner.post.cell, learner.post.constants) for _ in range(steps.width)]
        _, next_step = self.post.stepped
        valid, step = self.post.reported
        for k, one in enumerate(twins):
            m.submodules[f"post_{k}"] = one
            reported = {**self.post.outputs[k], "signal": self.post.signals[k]}
            m.d.comb += [getattr(one, name).eq(reported[name]) for name in learner.post.inputs]
        writing = valid & self.enabled
        if self.traced[0]:
            kinds = {field: value.shape() for field, value in self.traced[0].items()}
            layout = ArrayLayout(StructLayout(kinds), steps.width)
            store = memory(m, "post_state", layout, steps.count)
            write, read = store.write_port(), store.read_port()
            m.d.comb += [
                read.addr.eq(next_step),
                write.addr.eq(step),
                write.en.eq(writing),
            ]
            for k, (one, values) in enumerate(zip(twins, self.traced, strict=True)):
                for field, value in values.items():
                    m.d.comb += [
                        getattr(one, field).eq(Mux(self.first, 0, read.data[k][field])),
                        value.eq(getattr(one, f"{field}_next")),
                        write.data[k][field].eq(value),
                    ]
        outputs = [Cat(*output_ports(one).values()) for one in twins]
        found = []
        for lane in range(self.lanes):
            bank = memory(m, f"posts_{lane}", len(outputs[0]), self.groups)
            write, read = bank.write_port(), bank.read_port()
            m.d.comb += [
                write.addr.eq(steps.group(step)),
                write.data.eq(outputs[lane % steps.width]),
                write.en.eq(writing & steps.mine(step, lane)),
                read.addr.eq(self.post_address),
            ]
            found.append(unpacked(read.data, learner.post.outputs))
        return found

    def _factors(self, m: Module, group: Signal, given: list[dict[str, Value]]) -> None:
        """Add what makes the factors; put them among what is `given`."""
        learner: Any = self.learner
        if self.factors is None:
            m.d.comb += self.needed.eq(1)
            return
        steps = self.steps
        running, step = steps.run(m, self.factors)
        with m.If(running):
            m.d.comb += self.post_address.eq(steps.group(step))
        scaling, scaled = later(m, running, "scaling"), later(m, step, "scaled_step")
        known = {
            name: steps.of_step([one_lane[name] for one_lane in given], scaled) for name in given[0]
        }
        m.d.comb += self.modulator_enable.eq(running)
        for field, packing in self.modulators.items():
            m.d.comb += self.modulator_addresses[field].eq(packing.address(steps.index(step)))
            word, index = self.modulator_words[field], steps.index(scaled)
            known[field] = packing.elements(word, index, steps.width)
        # What is chosen meets the multipliers a cycle later.
        multiplying, multiplied = later(m, scaling, "multiplying"), later(m, scaled, "multiplied")
        making = running | scaling | multiplying
        if self.factor_cut:
            multiplying, multiplied = later(m, multiplying, "cut"), later(m, multiplied, "cut_step")
            making = making | multiplying
        valid, factored = self.factored
        m.d.sync += [valid.eq(multiplying), factored.eq(multiplied)]
        needed = Signal()
        for k, made in enumerate(self.made):
            part, cut = learner.factor, self.factor_cut
            m.submodules[f"factor_{k}"] = one = twin(part.cell, part.constants, cut=cut)
            for name in learner.factor.inputs:
                chosen = later(m, Value.cast(known[name][k]), f"chosen_{name}_{k}")
                m.d.comb += getattr(one, name).eq(chosen)
            m.d.sync += [made[field].eq(value) for field, value in output_ports(one).items()]
            with m.If(valid & steps.there(factored, k) & (made["factor"] != 0)):
                m.d.comb += needed.eq(1)
        if learner.skips:
            with m.If(self.factors | self.flush):
                m.d.sync += self.needed.eq(0)
            with m.Elif(needed):
                m.d.sync += self.needed.eq(1)
        else:
            m.d.comb += self.needed.eq(1)
        words = [Cat(*made.values()) for made in self.made]
        for lane in range(self.lanes):
            bank = memory(m, f"factors_{lane}", len(words[0]), self.groups)
            write, read = bank.write_port(), bank.read_port()
            m.d.comb += [
                write.addr.eq(steps.group(factored)),
                write.data.eq(words[lane % steps.width]),
                write.en.eq(valid & steps.mine(factored, lane)),
                read.addr.eq(group),
            ]
            given[lane] |= unpacked(read.data, learner.factor.outputs)
        m.d.comb += self.making.eq(later(m, making, "working"))

    def _columns(self, m: Module, group: Signal, draw: Signal) -> list[Value]:
        """Add what draws the words of columns; return those of a group."""
        drawing, place = self.drawing, Signal(range(self.groups))
        source = self.column_words
        with m.If(draw):
            m.d.sync += [drawing.eq(1), place.eq(0)]
        with m.Elif(drawing & source.hit):
            m.d.sync += place.eq(place + 1)
            with m.If(place == self.groups - 1):
                m.d.sync += drawing.eq(0)
        bits = self.lanes.bit_length() - 1
        m.d.comb += [
            source.flush.eq(self.flush),
            source.high.eq(self.high),
            source.request.eq(drawing),
            source.index.eq(place << bits),
        ]
        found = []
        for lane in range(self.lanes):
            bank = memory(m, f"column_{lane}", RANDOM_BITS, self.groups)
            write, read = bank.write_port(), bank.read_port()
            m.d.comb += [
                write.addr.eq(place),
                write.data.eq(source.fields.word_select(lane, RANDOM_BITS)),
                write.en.eq(drawing & source.hit),
                read.addr.eq(group),
            ]
            found.append(read.data)
        return found

    def _visit(self, m: Module, group: Signal, given: list[dict[str, Value]]) -> None:
        """Add the visit of the synapses, row by row, group by group."""
        learner: Any = self.learner
        rows, groups, size = self.rows, self.groups, self.projection.pre.size
        streaming, held, row = self.streaming, Signal(), Signal(range(size))
        base = Signal.like(self.address)
        values = Signal.like(rows.o.payload.signal)
        last = group == groups - 1
        go = held
        start = self.learn
        columns = []
        if self.draw is not None:
            columns = self._columns(m, group, self.draw)
            source = self.row_words
            m.d.comb += [
                source.flush.eq(self.flush),
                source.high.eq(self.high),
                source.request.eq(held),
                source.index.eq(row),
                source.soon.eq(streaming & rows.o.valid),
                source.next_index.eq(rows.o.payload.row),
            ]
            go = held & source.hit
        m.d.comb += rows.start.eq(start)
        taken = self.taken
        m.d.comb += [
            rows.o.ready.eq(streaming & (~held | (go & last))),
            taken.eq(rows.o.valid & rows.o.ready),
        ]
        with m.If(go):
            m.d.sync += group.eq(Mux(last, 0, group + 1))
        with m.If(start):
            m.d.sync += [streaming.eq(1), group.eq(0)]
        with m.Elif(streaming):
            with m.If(taken):
                m.d.sync += [
                    held.eq(1),
                    row.eq(rows.o.payload.row),
                    values.eq(rows.o.payload.signal),
                    base.eq(times(rows.o.payload.row, groups)),
                ]
            with m.Elif(go & last):
                m.d.sync += held.eq(0)
            with m.If(rows.done & ~held):
                m.d.sync += streaming.eq(0)
        m.d.comb += [
            self.reading.eq(streaming),
            self.address.eq(base + group),
            self.visiting.eq(go),
        ]
        # What goes with a word: one cycle old where it is traced, older where it is written.
        valid, at = go, self.address
        place = Cat(group, row)
        working = []
        for k in range(self.latency):
            working.append(valid)
            valid = later(m, valid, f"valid_{k}")
            at = later(m, at, f"at_{k}")
            place = later(m, place, f"place_{k}")
        if self.joins:
            signal = self.given.elements(self.delivered_word, row)[0]
            for k in range(self.latency):
                signal = later(m, signal, f"signal_{k}")
            m.d.comb += [
                self.handing.eq(valid & self.joining),
                self.handed_group.eq(place),
                self.handed_signal.eq(signal),
            ]
            working.append(self.handing)
        m.d.comb += [
            self.busy.eq(streaming | later(m, Cat(working).any(), "working")),
            self.write_address.eq(at),
        ]
        known = unpacked(later(m, values, "values"), learner.pre.outputs)
        word = later(m, self.row_words.fields, "row_word") if learner.words else None
        for lane in range(self.lanes):
            mine = {**known, **given[lane], "due": self.due, "word": 0}
            if learner.words:
                m.submodules[f"mix_{lane}"] = mix = twin(MIX, Nothing())
                m.d.comb += [mix.row.eq(word), mix.column.eq(columns[lane])]
                mine["word"] = mix.word
            self._lane(m, lane, mine)
            bits = self.lanes.bit_length() - 1
            column = Signal(16, name=f"column_{lane}")
            inside = column < self.projection.post.size
            if not self.projection.description.self_connections:
                inside = inside & (column != place[len(group) :])
            m.d.comb += [
                column.eq((place[: len(group)] << bits) + lane),
                self.index[lane].eq(Cat(column, place[len(group) :])),
                self.writing[lane].eq(valid & inside),
            ]

    def _lane(self, m: Module, lane: int, known: dict[str, Any]) -> None:
        """Add a lane's twins, of the synapse and of the update, and the registers between."""
        learner: Any = self.learner
        before, after = self.words[lane], self.next[lane]
        update = learner.update
        kept: dict[str, Any] = {field: before[field] for field in update.state}
        if learner.synapse is not None:
            part = learner.synapse
            m.submodules[f"synapse_{lane}"] = one = twin(part.cell, part.constants)
            for field in part.state:
                fixed = field in learner.fixed
                value = before[field] if fixed else Mux(self.fresh, 0, before[field])
                m.d.comb += getattr(one, field).eq(value)
                if not fixed:
                    traced = later(m, getattr(one, f"{field}_next"), f"{field}_traced_{lane}")
                    if self.cut:
                        traced = later(m, traced, f"{field}_cut_{lane}")
                    m.d.sync += after[field].eq(traced)
            m.d.comb += [getattr(one, name).eq(known[name]) for name in part.inputs]
            known = {**known, **output_ports(one)}
            known = {
                name: later(m, Value.cast(known[name]), f"{name}_later_{lane}")
                for name in update.inputs
            }
            kept = {field: later(m, v, f"{field}_later_{lane}") for field, v in kept.items()}
        m.submodules[f"update_{lane}"] = one = twin(update.cell, update.constants, cut=self.cut)
        m.d.comb += [getattr(one, name).eq(known[name]) for name in update.inputs]
        for field in update.state:
            m.d.comb += getattr(one, field).eq(kept[field])
            if field in after:
                m.d.sync += after[field].eq(getattr(one, f"{field}_next"))
