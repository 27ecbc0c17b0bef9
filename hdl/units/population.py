"""A population: accumulators, state and signals in memories, and the neuron's twin between them."""

from typing import Any

from amaranth.hdl import Array, Cat, Const, Elaboratable, Module, Mux, Signal, Value, signed
from amaranth.lib.data import StructLayout

from goldenspike.golden.fixed import BIT, RANDOM_BITS
from goldenspike.golden.plan import UNUSED, Plan, PlannedPopulation
from goldenspike.golden.randomness import Stream
from goldenspike.golden.rules import three_factor
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import output_ports, shape
from goldenspike.hdl.units.common import Region, Tap, memory
from goldenspike.hdl.units.registers import part_name, parts
from goldenspike.hdl.units.rows import WORD_BITS, WORD_BITS_LOG2, word_shape, words_of
from goldenspike.hdl.units.variates import FieldSource


class PopulationUnit(Elaboratable):
    """Sums the currents of a population and updates one neuron a cycle.

    Three things happen at different times, which the sequencer keeps apart: projections add
    `lanes` currents a cycle; `draw` fetches the variates of a tick, or its random word; `update`
    steps every neuron through four stages (read, drive, step, report).

    Parameters
    ----------
    plan, population
        What it is.
    lanes
        Currents a cycle, a power of two.

    Members
    -------
    add, receptor, group, addends
        In: adds the currents of neurons ``group * lanes`` and on to a receptor, in this cycle.
    add_output, output_addends
        In: the same for what perturbed weights deliver, where a rule traces it.
    draw, update, busy
        In, In, Out: start of a phase; whether one is under way, from the next cycle on.
    perturbing, negative, first, tick
        In: whether variates count, and negated; whether this is a pass's first tick, whose state
        is 0; which tick it is.
    score_group, scores
        In, Out: scores of neurons ``group * lanes`` and on, in the next cycle.
    read_address, read_delay, read_enable, read_word
        The signals of an update, so many ticks ago, for projections.
    stepped, reported, outputs
        Out: ``(valid, index)`` a cycle before a signal is reported; ``(valid, index, signal)``;
        the other outputs that rules take, by field.
    signal_address, signals_read, signal_words
        Out, Out, In: reads the signals that the cell takes neuron by neuron, by field; words
        stand in the next cycle. The address is that of a neuron.
    active
        In: whether this tick is in the window, for populations that have one.
    region
        The state, for the host to read, if it is hosted.
    """

    def __init__(self, plan: Plan, population: PlannedPopulation, lanes: int) -> None:
        self.population, self.lanes = population, lanes
        name, size = population.name, population.size
        self.groups = -(-size // lanes)
        kinds = [shape(fmt) for fmt in population.currents.values()] or [shape(BIT)]
        widest = max(kinds, key=lambda kind: kind.width)
        self.add = Signal(name=f"{name}_add")
        self.receptor = Signal(range(max(len(population.receptors), 1)), name=f"{name}_receptor")
        self.group = Signal(range(self.groups), name=f"{name}_group")
        self.addends = [
            Signal(signed(widest.width + 1), name=f"{name}_addend_{k}") for k in range(lanes)
        ]
        self.add_output = Signal(name=f"{name}_add_output")
        self.output_addends: list[Signal] = []
        self.draw, self.update = Signal(name=f"{name}_draw"), Signal(name=f"{name}_update")
        self.busy = Signal(name=f"{name}_busy")
        self.perturbing = Signal(name=f"{name}_perturbing")
        self.negative = Signal(name=f"{name}_negative")
        self.first, self.tick = Signal(name=f"{name}_first"), Signal(16, name=f"{name}_tick")
        self.words = words_of(size, population.signal)
        self.word_bits = (self.words - 1).bit_length()
        self.depth_bits = population.depth.bit_length() - 1
        self.read_address = Signal(range(self.words + 1), name=f"{name}_read_address")
        self.read_delay = Signal(8, name=f"{name}_read_delay")
        self.read_enable = Signal(name=f"{name}_read_enable")
        self.read_word = Signal(word_shape(population.signal), name=f"{name}_read_word")
        self.stepped = Signal(name=f"{name}_stepped"), Signal(range(size))
        self.reported = (
            Signal(name=f"{name}_reported"),
            Signal(range(size)),
            Signal(shape(population.signal)),
        )
        perturbation = population.perturbation
        self.score_group = Signal(range(self.groups), name=f"{name}_score_group")
        self.scores: list[Signal] = []
        if population.score is not None:
            self.scores = [
                Signal(shape(population.score), name=f"{name}_score_{k}") for k in range(lanes)
            ]
        state = {field: Signal(shape(fmt)) for field, fmt in population.state.items()}
        self.next_state = state
        self.taps = [
            Tap(channel, plan.variables[f"{name}.{field}"], *self.stepped, value)
            for channel, (field, value) in enumerate(state.items())
        ]
        self.channels = len(self.taps)
        self.outputs = {
            field: Signal(shape(population.outputs[field]), name=f"{name}_{field}")
            for field in plan.taken(population)
        }
        self.signal_address = Signal(16, name=f"{name}_signal_address")
        self.signal_words = {
            field: Signal(word_shape(other.signal), name=f"{name}_{field}_word")
            for field, other in population.signals.items()
        }
        self.signals_read = Signal(name=f"{name}_signals_read")
        self.active = Signal(name=f"{name}_active")
        self.region: Region | None = None
        self.source = None
        if population.output is not None:
            output = shape(population.output)
            self.output_addends = [Signal(output, name=f"{name}_output_{k}") for k in range(lanes)]
        if population.draws:
            self.source = FieldSource(RANDOM_BITS, 1, Stream.DRAW + population.number)
        if perturbation is not None:
            noise: Any = perturbation.noise
            self.source = FieldSource(noise.bits, lanes, perturbation.stream)
            self.draws = [_Draw(self, lane, plan) for lane in range(lanes)]

    def channel(self) -> int:
        """Return a channel that nothing else writes to while the population is updated."""
        self.channels += 1
        return self.channels - 1

    def host(self) -> list[Region]:
        """Let the host read the state, if there is one, between trials; return the region."""
        names = [
            part_name(field, low)
            for field, value in self.next_state.items()
            for low in range(0, len(value), 32)
        ]
        if not names:
            return []
        words, row = self.population.size * len(names), len(names)
        name = f"{self.population.name}_state"
        self.region = Region(name, words, row=row, names=names, loadable=False)
        return [self.region]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        p, lanes = self.population, self.lanes
        index, running = Signal(range(p.size)), Signal()
        lane_bits = lanes.bit_length() - 1
        with m.If(self.update):
            m.d.sync += [index.eq(0), running.eq(1)]
        with m.Elif(running):
            m.d.sync += index.eq(index + 1)
            with m.If(index == p.size - 1):
                m.d.sync += running.eq(0)
        # Read: the address stands, the words of memories in the next cycle.
        driving, driven_index = Signal(), Signal(range(p.size))
        m.d.sync += [driving.eq(running), driven_index.eq(index)]
        group = index >> lane_bits
        m.submodules.neuron = neuron = twin(p.module.STEP, p.constants)
        if p.draws:
            variate, drawing = 0, self._draws(m, neuron)
        else:
            variate, drawing = self._variates(m, running, group, driven_index)
        # Drive: the perturbed current.
        stepping, step_index = self.stepped
        m.d.sync += [stepping.eq(driving), step_index.eq(driven_index)]
        for number, (receptor, fmt) in enumerate(p.currents.items()):
            if fmt == UNUSED:
                continue
            adds = self.add & (self.receptor == number)
            bank = _Bank(self, receptor, shape(fmt), adds, self.addends)
            current = bank.build(m, running, group, driving, driven_index)
            driven = Signal(getattr(neuron, receptor).shape(), name=f"driven_{receptor}")
            if number == 0 and p.perturbation is not None:
                m.submodules.perturb = perturb = twin(
                    three_factor.PERTURB, p.perturbation.constants
                )
                m.d.comb += [perturb.value.eq(current), perturb.variate.eq(variate)]
                m.d.sync += driven.eq(perturb.perturbed)
            else:
                m.d.sync += driven.eq(current)
            m.d.comb += getattr(neuron, receptor).eq(driven)
        m.d.comb += [self.signal_address.eq(index), self.signals_read.eq(running)]
        for field, other in p.signals.items():
            word = self.signal_words[field]
            if other.signal == BIT:
                word = word.bit_select(driven_index[:WORD_BITS_LOG2] if other.size > 1 else 0, 1)
            taken = Signal(shape(other.signal), name=f"taken_{field}")
            m.d.sync += taken.eq(word)
            m.d.comb += getattr(neuron, field).eq(taken)
        if p.window is not None:
            m.d.comb += neuron.active.eq(self.active)
        if p.output is not None:
            bank = _Bank(self, "output", shape(p.output), self.add_output, self.output_addends)
            output = bank.build(m, running, group, driving, driven_index)
            self._output_scores(m, output, driving, driven_index)
        # Step: the state of two cycles ago meets the current; the next state goes back.
        if self.next_state:
            self._state(m, neuron, index)
        # Report: the signal, to the projections' buffer and to the objective.
        reported, report_index, signal = self.reported
        m.d.sync += [
            reported.eq(stepping),
            report_index.eq(step_index),
            signal.eq(output_ports(neuron)["signal"]),
        ]
        m.d.sync += [one.eq(output_ports(neuron)[f]) for f, one in self.outputs.items()]
        writing = self._signals(m)
        m.d.comb += self.busy.eq(running | driving | stepping | reported | writing | drawing)
        return m

    def _draws(self, m: Module, neuron: Any) -> Signal:
        """Add the random word of a tick, which the neuron gets; return whether it is drawn."""
        source: Any = self.source
        drawing, word = Signal(), Signal(RANDOM_BITS)
        m.d.comb += [
            source.flush.eq(self.draw),
            source.request.eq(drawing),
            source.high.eq(self.tick << 16),
            neuron.word.eq(word),
        ]
        with m.If(self.draw):
            m.d.sync += drawing.eq(1)
        with m.Elif(source.hit):
            m.d.sync += [drawing.eq(0), word.eq(source.fields)]
        return drawing

    def _variates(self, m: Module, running: Signal, group: Any, index: Signal) -> tuple[Any, Any]:
        """Add the variates of a tick; return that of neuron `index`, and whether they are drawn."""
        source = self.source
        if source is None:
            return 0, 0
        perturbation: Any = self.population.perturbation
        lane_bits = self.lanes.bit_length() - 1
        drawing, place = Signal(), Signal(range(self.groups))
        drawn = drawing & source.hit
        m.d.comb += [
            source.flush.eq(self.draw),
            source.request.eq(drawing),
            source.index.eq(place << lane_bits),
            source.high.eq(self.tick << 16),
        ]
        with m.If(self.draw):
            m.d.sync += [drawing.eq(1), place.eq(0)]
        with m.Elif(drawn):
            m.d.sync += place.eq(place + 1)
            with m.If(place == self.groups - 1):
                m.d.sync += drawing.eq(0)
        asked = Mux(running, group, self.score_group)
        variates = [draw.build(m, drawn, place, asked) for draw in self.draws]
        one = Array(variates)[index[:lane_bits]] if lane_bits else variates[0]
        signed_one = Mux(self.negative, -one, one)
        # A negated variate fits: plans with a negative run have symmetric ones only.
        rest = perturbation.noise.rest
        return Mux(self.perturbing, signed_one, rest), drawing

    def _output_scores(self, m: Module, output: Any, driving: Signal, index: Signal) -> None:
        """Keep the outputs of the last update, by lane, as scores."""
        lane_bits = self.lanes.bit_length() - 1
        for lane, score in enumerate(self.scores):
            bank = memory(m, f"scores_{lane}", score.shape(), self.groups)
            write, read = bank.write_port(), bank.read_port()
            mine = index[:lane_bits] == lane if lane_bits else 1
            m.d.comb += [
                write.addr.eq(index >> lane_bits),
                write.data.eq(output),
                write.en.eq(driving & mine),
                read.addr.eq(self.score_group),
                score.eq(read.data),
            ]

    def _state(self, m: Module, neuron: Any, index: Signal) -> None:
        """Add the state: read for `index`, there two stages later, when it goes back."""
        layout = StructLayout({field: value.shape() for field, value in self.next_state.items()})
        store = memory(m, "state", layout, self.population.size)
        write, read = store.write_port(), store.read_port()
        valid, at = self.stepped
        before = Signal(layout)
        m.d.sync += before.eq(read.data)
        m.d.comb += [read.addr.eq(index), write.addr.eq(at), write.en.eq(valid)]
        if self.region is not None:
            self._hosted(m, self.region, read)
        for field, value in self.next_state.items():
            m.d.comb += [
                getattr(neuron, field).eq(Mux(self.first, 0, before[field])),
                value.eq(getattr(neuron, f"{field}_next")),
                write.data[field].eq(value),
            ]

    def _hosted(self, m: Module, region: Region, read: Any) -> None:
        """Let the host read the memory of the state, which is at rest."""
        place, part = Signal(range(self.population.size + 1)), Signal(range(region.row))
        asked = Signal()
        m.d.sync += asked.eq(region.read)
        with m.If(region.begin):
            at, at_part = region.place()
            m.d.sync += [place.eq(at), part.eq(at_part)]
        with m.Elif(region.read):
            end = part == region.row - 1
            m.d.sync += [part.eq(Mux(end, 0, part + 1)), place.eq(place + end)]
            m.d.comb += read.addr.eq(place)
        asked_part = Signal.like(part)
        m.d.sync += asked_part.eq(part)
        words = [word for field in read.data.shape().members for word in parts(read.data[field])]
        with m.If(asked):
            m.d.sync += region.value.eq(Array(words)[asked_part])

    def _signals(self, m: Module) -> Value:
        """Add the buffer of reported signals; return whether a write is still to come."""
        spikes = self.population.signal == BIT
        valid, at, signal = self.reported
        depth = self.words if self.depth_bits == 0 else self.population.depth << self.word_bits
        store = memory(m, "signals", self.read_word.shape(), depth)
        write, read = store.write_port(), store.read_port()
        slot = (self.tick - self.read_delay)[: self.depth_bits]
        m.d.comb += [
            read.addr.eq(Cat(self.read_address[: self.word_bits], slot)),
            read.en.eq(self.read_enable),
            self.read_word.eq(read.data),
        ]
        now = self.tick[: self.depth_bits]
        if not spikes:
            place = Cat(at[: self.word_bits], now)
            m.d.comb += [write.addr.eq(place), write.data.eq(signal), write.en.eq(valid)]
            return Const(0)
        collected = Signal(WORD_BITS)
        place = at[:WORD_BITS_LOG2]
        grown = Mux(place == 0, 0, collected) | (signal << place)
        writing, word_at = Signal(), Signal(self.word_bits)
        m.d.sync += [
            writing.eq(valid & ((place == WORD_BITS - 1) | (at == self.population.size - 1))),
            word_at.eq(at >> WORD_BITS_LOG2),
        ]
        with m.If(valid):
            m.d.sync += collected.eq(grown)
        m.d.comb += [
            write.addr.eq(Cat(word_at, now)),
            write.data.eq(collected),
            write.en.eq(writing),
        ]
        return writing


class _Bank:
    """The exact sums of a receptor, in a memory a lane, each cleared when it is taken."""

    def __init__(
        self, unit: PopulationUnit, name: str, kind: Any, add: Any, addends: list[Signal]
    ) -> None:
        self.unit, self.name, self.kind, self.add, self.addends = unit, name, kind, add, addends

    def build(self, m: Module, running: Signal, group: Any, driving: Signal, index: Signal) -> Any:
        """Add the memories; return the sum of neuron `index`, which is cleared."""
        unit, lanes = self.unit, self.unit.lanes
        lane_bits = lanes.bit_length() - 1
        adding, add_group = Signal(), Signal(range(unit.groups))
        m.d.sync += [adding.eq(self.add), add_group.eq(unit.group)]
        sums = []
        for lane in range(lanes):
            bank = memory(m, f"{self.name}_{lane}", self.kind, unit.groups)
            write = bank.write_port()
            read = bank.read_port(transparent_for=(write,))
            addend = Signal(self.kind)
            # The addends of several receptors share their wires; each fits its own sum.
            m.d.sync += addend.eq(self.addends[lane])
            cleared = driving & (index[:lane_bits] == lane if lane_bits else 1)
            m.d.comb += [
                read.addr.eq(Mux(running, group, unit.group)),
                write.addr.eq(Mux(adding, add_group, index >> lane_bits)),
                write.data.eq(Mux(adding, read.data + addend, 0)),
                write.en.eq(adding | cleared),
            ]
            sums.append(read.data)
        return Array(sums)[index[:lane_bits]] if lane_bits else sums[0]


class _Draw:
    """One lane of the noise: its twin, and memories of variates, scores and state."""

    def __init__(self, unit: PopulationUnit, lane: int, plan: Plan) -> None:
        self.unit, self.lane = unit, lane
        p = unit.population
        perturbation: Any = p.perturbation
        self.noise = perturbation.noise
        self.drawn, self.index = Signal(), Signal(16)
        self.state = {field: Signal(shape(fmt)) for field, fmt in self.noise.state.items()}
        for k, (field, value) in enumerate(self.state.items()):
            variable = plan.variables[f"{p.name}.noise_{field}"]
            unit.taps.append(Tap(lane + k * unit.lanes, variable, self.drawn, self.index, value))

    def build(self, m: Module, drawn: Any, place: Signal, asked: Any) -> Any:
        """Add the twin; return the variate of a group, a cycle after it was `asked` for."""
        unit, lane, noise = self.unit, self.lane, self.noise
        source: Any = unit.source
        one = twin(noise.cell, noise.constants)
        m.submodules[f"noise_{lane}"] = one
        lane_bits = unit.lanes.bit_length() - 1
        m.d.comb += [
            one.word.eq(source.fields.word_select(lane, source.bits)),
            self.index.eq((place << lane_bits) + lane),
            self.drawn.eq(drawn & (self.index < unit.population.size)),
        ]
        if self.state:
            layout = StructLayout({field: value.shape() for field, value in self.state.items()})
            store = memory(m, f"noise_state_{lane}", layout, unit.groups)
            write, read = store.write_port(), store.read_port()
            m.d.comb += [
                read.addr.eq(place + drawn),  # There when its turn comes: blocks take longer.
                write.addr.eq(place),
                write.en.eq(drawn),
            ]
            for field, value in self.state.items():
                m.d.comb += [
                    getattr(one, field).eq(Mux(unit.first, 0, read.data[field])),
                    value.eq(getattr(one, f"{field}_next")),
                    write.data[field].eq(value),
                ]
        kept = (
            {"variate": one.variate}
            if noise.white
            else {"variate": one.variate, "score": one.score}
        )
        found = {}
        for name, value in kept.items():
            bank = memory(m, f"{name}s_{lane}", value.shape(), unit.groups)
            write, read = bank.write_port(), bank.read_port()
            m.d.comb += [
                write.addr.eq(place),
                write.data.eq(value),
                write.en.eq(drawn),
                read.addr.eq(asked),
            ]
            found[name] = read.data
        m.d.comb += unit.scores[lane].eq(found.get("score", found["variate"]))
        return found["variate"]
