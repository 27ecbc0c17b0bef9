"""A population: accumulators, state and signals in memories, and the neuron's twin between them."""

from typing import Any

from amaranth.hdl import Array, Cat, Elaboratable, Module, Mux, Signal, Value, signed
from amaranth.lib.data import ArrayLayout, StructLayout

from goldenspike.golden.fixed import BIT, RANDOM_BITS
from goldenspike.golden.plan import UNUSED, Plan, PlannedPopulation
from goldenspike.golden.randomness import Stream
from goldenspike.golden.rules import three_factor
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import output_ports, shape
from goldenspike.hdl.units.common import Region, Steps, Tap, later, memory
from goldenspike.hdl.units.registers import part_name, parts
from goldenspike.hdl.units.rows import WORD_BITS, WORD_BITS_LOG2, Packing
from goldenspike.hdl.units.variates import FieldSource


class PopulationUnit(Elaboratable):
    """Sums the currents of a population and updates `neurons` of them a cycle.

    Three things happen at different times, which the sequencer keeps apart: projections add
    `lanes` currents a cycle; `draw` fetches the variates of a tick, or its random word; `update`
    passes all neurons through four stages (read, drive, step, report).

    Parameters
    ----------
    plan, population
        What it is.
    lanes
        Currents a cycle, a power of two.
    neurons
        Updated a cycle, a power of two, `lanes` at most.
    packings
        How other populations' signals are packed, by name.

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
    added, rested
        Out: currents were added since the last update; after that, all was 0.
    clearing
        In: what memories held before a reset does not count, whatever an update makes of it: how
        long a trial takes is no matter of what that was.
    steps, stepped
        How its neurons are visited; Out: ``(valid, step)`` a cycle before signals are reported.
    reported, signals, outputs
        Out: ``(valid, step)``; the signals of the step's neurons; their other outputs that rules
        take, by field.
    packing
        Of its signals.
    signal_address, signals_read, signal_words
        Out, Out, In: reads the signals that the cell takes neuron by neuron, by field; words
        stand in the next cycle. The address is that of a neuron.
    active
        In: whether this tick is in the window, for populations that have one.
    region
        The state, for the host to read, if it is hosted.
    """

    LATENCY = 3
    """Cycles from a step's read to its report."""

    def __init__(
        self,
        plan: Plan,
        population: PlannedPopulation,
        lanes: int,
        neurons: int,
        packings: dict[str, Packing],
    ) -> None:
        self.population, self.lanes, self.neurons = population, lanes, neurons
        name, size = population.name, population.size
        self.steps = steps = Steps(size, neurons, lanes)
        self.packing = packing = Packing.of(size, population.signal, neurons)
        self.packings = packings
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
        self.word_bits = (packing.words - 1).bit_length()
        self.depth_bits = population.depth.bit_length() - 1
        self.read_address = Signal(range(packing.words + 1), name=f"{name}_read_address")
        self.read_delay = Signal(8, name=f"{name}_read_delay")
        self.read_enable = Signal(name=f"{name}_read_enable")
        self.read_word = Signal(packing.shape, name=f"{name}_read_word")
        self.stepped = Signal(name=f"{name}_stepped"), steps.counter(f"{name}_stepped_step")
        self.reported = Signal(name=f"{name}_reported"), steps.counter(f"{name}_reported_step")
        self.signals = [
            Signal(shape(population.signal), name=f"{name}_signal_{k}") for k in range(neurons)
        ]
        perturbation = population.perturbation
        self.score_group = Signal(range(self.groups), name=f"{name}_score_group")
        self.scores: list[Signal] = []
        if population.score is not None:
            self.scores = [
                Signal(shape(population.score), name=f"{name}_score_{k}") for k in range(lanes)
            ]
        self.next_state = [
            {f: Signal(shape(fmt), name=f"{f}_{k}") for f, fmt in population.state.items()}
            for k in range(neurons)
        ]
        self.taps: list[Tap] = []
        self.channels = 0
        self.sounded = Signal(population.depth, name=f"{name}_sounded")
        self.added, self.rested = Signal(name=f"{name}_added"), Signal(name=f"{name}_rested")
        self.clearing = Signal(name=f"{name}_clearing")
        for field in population.state:
            self.tap(plan.variables[f"{name}.{field}"], self.stepped, self.next_state, field)
        self.outputs = [
            {
                field: Signal(shape(population.outputs[field]), name=f"{name}_{field}_{k}")
                for field in plan.taken(population)
            }
            for k in range(neurons)
        ]
        self.signal_address = Signal(16, name=f"{name}_signal_address")
        self.signal_words = {
            field: Signal(packings[other.name].shape, name=f"{name}_{field}_word")
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

    def tap(self, variable: Any, when: tuple[Any, Value], values: list[Any], field: str) -> None:
        """Add taps of the neurons of a step, on channels that nothing else writes to meanwhile."""
        phases, signals = (self.update.name,), [each[field] for each in values]
        self.taps += self.steps.taps(phases, self.channels, variable, when, signals)
        self.channels += len(values)

    def sounding(self, delay: int) -> Value:
        """Return whether signals of an update so many ticks ago are not all 0."""
        slot = (self.tick - delay)[: self.depth_bits]
        return self.sounded.bit_select(slot, 1)

    def host(self) -> list[Region]:
        """Let the host read the state, if there is one, between trials; return the region."""
        names = [
            part_name(field, low)
            for field, fmt in self.population.state.items()
            for low in range(0, fmt.width, 32)
        ]
        if not names:
            return []
        words, row = self.population.size * len(names), len(names)
        name = f"{self.population.name}_state"
        self.region = Region(name, words, row=row, names=names, loadable=False)
        return [self.region]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        p, steps = self.population, self.steps
        running, step = steps.run(m, self.update)
        # Read: the address stands, the words of memories in the next cycle.
        driving, driven_step = Signal(), steps.counter("driven_step")
        m.d.sync += [driving.eq(running), driven_step.eq(step)]
        group = steps.group(step)
        neurons = [twin(p.module.STEP, p.constants) for _ in range(self.neurons)]
        for k, neuron in enumerate(neurons):
            m.submodules[f"neuron_{k}"] = neuron
        if p.draws:
            variates, drawing = [], self._draws(m, neurons)
        else:
            variates, drawing = self._variates(m, running, group, driven_step)
        # Drive: the perturbed current.
        stepping, stepped = self.stepped
        m.d.sync += [stepping.eq(driving), stepped.eq(driven_step)]
        for number, (receptor, fmt) in enumerate(p.currents.items()):
            if fmt == UNUSED:
                continue
            adds = self.add & (self.receptor == number)
            bank = _Bank(self, receptor, shape(fmt), adds, self.addends)
            currents = bank.build(m, running, group, driving, driven_step)
            for k, (neuron, current) in enumerate(zip(neurons, currents, strict=True)):
                driven = Signal(getattr(neuron, receptor).shape(), name=f"driven_{receptor}_{k}")
                if number == 0 and p.perturbation is not None:
                    m.submodules[f"perturb_{k}"] = perturb = twin(
                        three_factor.PERTURB, p.perturbation.constants
                    )
                    m.d.comb += [perturb.value.eq(current), perturb.variate.eq(variates[k])]
                    m.d.sync += driven.eq(perturb.perturbed)
                else:
                    m.d.sync += driven.eq(current)
                m.d.comb += getattr(neuron, receptor).eq(driven)
        m.d.comb += [self.signal_address.eq(steps.index(step)), self.signals_read.eq(running)]
        for field, other in p.signals.items():
            packing, word = self.packings[other.name], self.signal_words[field]
            elements = packing.elements(word, steps.index(driven_step), self.neurons)
            for k, (neuron, element) in enumerate(zip(neurons, elements, strict=True)):
                taken = Signal(shape(other.signal), name=f"taken_{field}_{k}")
                m.d.sync += taken.eq(element)
                m.d.comb += getattr(neuron, field).eq(taken)
        if p.window is not None:
            m.d.comb += [neuron.active.eq(self.active) for neuron in neurons]
        if p.output is not None:
            bank = _Bank(self, "output", shape(p.output), self.add_output, self.output_addends)
            outputs = bank.build(m, running, group, driving, driven_step)
            self._output_scores(m, outputs, driving, driven_step)
        # Step: the state of two cycles ago meets the current; the next state goes back.
        if p.state:
            self._state(m, neurons, step)
        # Report: the signals, to the projections' buffer and to the objective.
        reported, report_step = self.reported
        m.d.sync += [reported.eq(stepping), report_step.eq(stepped)]
        for neuron, signal, outputs in zip(neurons, self.signals, self.outputs, strict=True):
            m.d.sync += signal.eq(output_ports(neuron)["signal"])
            m.d.sync += [one.eq(output_ports(neuron)[f]) for f, one in outputs.items()]
        sounding = self._signals(m)
        moving = Cat(
            steps.there(stepped, k) & Cat(one.values()).any()
            for k, one in enumerate(self.next_state)
        ).any()
        with m.If(self.update):
            m.d.sync += [self.added.eq(0), self.rested.eq(~self.clearing)]
        with m.Else():
            with m.If(self.add):
                m.d.sync += self.added.eq(1)
            with m.If((stepping & moving) | sounding):
                m.d.sync += self.rested.eq(0)
        m.d.comb += self.busy.eq(later(m, running | driving | stepping, "working") | drawing)
        return m

    def _draws(self, m: Module, neurons: list[Any]) -> Signal:
        """Add the random word of a tick, which all neurons get; return whether it is drawn."""
        source: Any = self.source
        drawing, word = Signal(), Signal(RANDOM_BITS)
        m.d.comb += [
            source.flush.eq(self.draw),
            source.request.eq(drawing),
            source.high.eq(self.tick << 16),
        ]
        m.d.comb += [neuron.word.eq(word) for neuron in neurons]
        with m.If(self.draw):
            m.d.sync += drawing.eq(1)
        with m.Elif(source.hit):
            m.d.sync += [drawing.eq(0), word.eq(source.fields)]
        return drawing

    def _variates(
        self, m: Module, running: Signal, group: Any, step: Signal
    ) -> tuple[list[Any], Any]:
        """Add the variates of a tick; return those of a step, and whether they are drawn."""
        source = self.source
        if source is None:
            return [], 0
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
        rest = perturbation.noise.rest
        # A negated variate fits: plans with a negative run have symmetric ones only.
        found = [
            Mux(self.perturbing, Mux(self.negative, -one, one), rest)
            for one in self.steps.of_step(variates, step)
        ]
        return found, drawing

    def _output_scores(self, m: Module, outputs: list[Any], driving: Signal, step: Signal) -> None:
        """Keep the outputs of the last update, by lane, as scores."""
        for lane, score in enumerate(self.scores):
            bank = memory(m, f"scores_{lane}", score.shape(), self.groups)
            write, read = bank.write_port(), bank.read_port()
            m.d.comb += [
                write.addr.eq(self.steps.group(step)),
                write.data.eq(outputs[lane % self.neurons]),
                write.en.eq(driving & self.steps.mine(step, lane)),
                read.addr.eq(self.score_group),
                score.eq(read.data),
            ]

    def _state(self, m: Module, neurons: list[Any], step: Signal) -> None:
        """Add the state: read for `step`, there two stages later, when it goes back."""
        kinds = {field: shape(fmt) for field, fmt in self.population.state.items()}
        layout = ArrayLayout(StructLayout(kinds), self.neurons)
        store = memory(m, "state", layout, self.steps.count)
        write, read = store.write_port(), store.read_port()
        valid, at = self.stepped
        before = Signal(layout)
        m.d.sync += before.eq(Mux(self.first, 0, read.data.as_value()))
        m.d.comb += [read.addr.eq(step), write.addr.eq(at), write.en.eq(valid)]
        if self.region is not None:
            self._hosted(m, self.region, read)
        for k, (neuron, state) in enumerate(zip(neurons, self.next_state, strict=True)):
            for field, value in state.items():
                m.d.comb += [
                    getattr(neuron, field).eq(before[k][field]),
                    value.eq(getattr(neuron, f"{field}_next")),
                    write.data[k][field].eq(value),
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
            m.d.comb += read.addr.eq(place >> self.steps.bits)
        asked_part, asked_one = Signal.like(part), Signal(range(self.neurons))
        m.d.sync += [asked_part.eq(part), asked_one.eq(place)]
        neuron = read.data[asked_one]
        words = [word for field in self.population.state for word in parts(neuron[field])]
        with m.If(asked):
            m.d.sync += region.value.eq(Array(words)[asked_part])

    def _signals(self, m: Module) -> Signal:
        """Add the buffer of reported signals, and by tick whether there are any.

        Returns whether one that is not 0 is reported, in this cycle.
        """
        packing = self.packing
        valid, at = self.reported
        depth = packing.words if self.depth_bits == 0 else self.population.depth << self.word_bits
        store = memory(m, "signals", self.read_word.shape(), depth)
        write, read = store.write_port(), store.read_port()
        slot = (self.tick - self.read_delay)[: self.depth_bits]
        m.d.comb += [
            read.addr.eq(Cat(self.read_address[: self.word_bits], slot)),
            read.en.eq(self.read_enable),
            self.read_word.eq(read.data),
        ]
        now, steps = self.tick[: self.depth_bits], self.steps
        there = [steps.there(at, k) & (signal != 0) for k, signal in enumerate(self.signals)]
        with m.If(self.update):
            m.d.sync += self.sounded.bit_select(now, 1).eq(0)
        sounding = Signal(name="sounding")
        m.d.comb += sounding.eq(valid & Cat(there).any())
        with m.If(sounding):
            m.d.sync += self.sounded.bit_select(now, 1).eq(1)
        signals = Cat(self.signals)
        if packing.signal != BIT:
            place = Cat(at[: self.word_bits], now)
            m.d.comb += [write.addr.eq(place), write.data.eq(signals), write.en.eq(valid)]
            return sounding
        collected = Signal(WORD_BITS)
        place = steps.index(at)[:WORD_BITS_LOG2]
        grown = Mux(place == 0, 0, collected) | (signals << place)
        full = place == WORD_BITS - self.neurons
        with m.If(valid):
            m.d.sync += collected.eq(grown)
        m.d.comb += [
            write.addr.eq(Cat((steps.index(at) >> WORD_BITS_LOG2)[: self.word_bits], now)),
            write.data.eq(grown),
            write.en.eq(valid & (full | (at == steps.count - 1))),
        ]
        return sounding


class _Bank:
    """The exact sums of a receptor, in a memory a lane, each cleared when it is taken."""

    def __init__(
        self, unit: PopulationUnit, name: str, kind: Any, add: Any, addends: list[Signal]
    ) -> None:
        self.unit, self.name, self.kind, self.add, self.addends = unit, name, kind, add, addends

    def build(
        self, m: Module, running: Signal, group: Any, driving: Signal, step: Signal
    ) -> list[Any]:
        """Add the memories; return the sums of a step's neurons, which are cleared."""
        unit, steps = self.unit, self.unit.steps
        adding, add_group = Signal(), Signal(range(unit.groups))
        m.d.sync += [adding.eq(self.add), add_group.eq(unit.group)]
        sums = []
        for lane in range(unit.lanes):
            bank = memory(m, f"{self.name}_{lane}", self.kind, unit.groups)
            write = bank.write_port()
            read = bank.read_port(transparent_for=(write,))
            addend = Signal(self.kind)
            # The addends of several receptors share their wires; each fits its own sum.
            m.d.sync += addend.eq(self.addends[lane])
            cleared = driving & steps.mine(step, lane)
            m.d.comb += [
                read.addr.eq(Mux(running, group, unit.group)),
                write.addr.eq(Mux(adding, add_group, steps.group(step))),
                write.data.eq(Mux(adding, read.data + addend, 0)),
                write.en.eq(adding | cleared),
            ]
            sums.append(read.data)
        return steps.of_step(sums, step)


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
            place, phases = lane + k * unit.lanes, (unit.draw.name,)
            unit.taps.append(Tap(phases, place, variable, self.drawn, self.index, value))

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
                read.addr.eq(asked if name == "variate" else unit.score_group),
            ]
            found[name] = read.data
        m.d.comb += unit.scores[lane].eq(found.get("score", found["variate"]))
        return found["variate"]
