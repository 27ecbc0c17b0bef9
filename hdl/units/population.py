"""A population: accumulators, state and signals in memories, and the neuron's twin between them."""

from typing import Any

from amaranth.hdl import Array, Const, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib.data import StructLayout

from goldenspike.golden.fixed import BIT
from goldenspike.golden.plan import Plan, PlannedPopulation
from goldenspike.golden.randomness import VARIATE, VariateConstants
from goldenspike.golden.rules import three_factor
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import shape
from goldenspike.hdl.units.common import Tap, memory
from goldenspike.hdl.units.rows import WORD_BITS, WORD_BITS_LOG2, word_shape, words_of
from goldenspike.hdl.units.variates import FieldSource


class PopulationUnit(Elaboratable):
    """Sums the currents of a population and updates one neuron a cycle.

    Three things happen at different times, which the sequencer keeps apart: projections add
    `lanes` currents a cycle; `draw` fills the variates of a tick; `update` steps every neuron
    through four stages (read, drive, step, report).

    Parameters
    ----------
    plan, population
        What it is.
    lanes
        Currents a cycle, a power of two.

    Members
    -------
    add, group, addends
        In: adds the currents of neurons ``group * lanes`` and on, in this cycle.
    draw, update, busy
        In, In, Out: start of a phase; whether one is under way, from the next cycle on.
    perturbing, first, tick
        In: whether variates count; whether this is a pass's first tick, whose state is 0; which
        tick it is.
    variate_group, variates
        In, Out: variates of neurons ``group * lanes`` and on, in the next cycle.
    read_address, read_enable, read_word
        The signals of the last update, for projections.
    stepped, reported
        Out: ``(valid, index)`` a cycle before a signal is reported; ``(valid, index, signal)``.
    """

    def __init__(self, plan: Plan, population: PlannedPopulation, lanes: int) -> None:
        self.population, self.lanes = population, lanes
        name, size = population.name, population.size
        self.groups = -(-size // lanes)
        current = shape(population.current)
        self.add = Signal(name=f"{name}_add")
        self.group = Signal(range(self.groups), name=f"{name}_group")
        self.addends = [Signal(current, name=f"{name}_addend_{k}") for k in range(lanes)]
        self.draw, self.update = Signal(name=f"{name}_draw"), Signal(name=f"{name}_update")
        self.busy = Signal(name=f"{name}_busy")
        self.perturbing = Signal(name=f"{name}_perturbing")
        self.first, self.tick = Signal(name=f"{name}_first"), Signal(16, name=f"{name}_tick")
        self.words = words_of(size, population.signal)
        self.read_address = Signal(range(self.words), name=f"{name}_read_address")
        self.read_enable = Signal(name=f"{name}_read_enable")
        self.read_word = Signal(word_shape(population.signal), name=f"{name}_read_word")
        self.stepped = Signal(name=f"{name}_stepped"), Signal(range(size))
        self.reported = (
            Signal(name=f"{name}_reported"),
            Signal(range(size)),
            Signal(shape(population.signal)),
        )
        perturbation = population.perturbation
        self.source = None
        self.variate_group = Signal(range(self.groups), name=f"{name}_variate_group")
        self.variates: list[Signal] = []
        if perturbation is not None:
            variate = shape(perturbation.constants.variate)
            self.variates = [Signal(variate, name=f"{name}_variate_{k}") for k in range(lanes)]
            self.source = FieldSource(int(perturbation.distribution), lanes, perturbation.stream)
        state = {field: Signal(shape(fmt)) for field, fmt in population.state.items()}
        self.next_state = state
        self.taps = [
            Tap(channel, plan.variables[f"{name}.{field}"], *self.stepped, value)
            for channel, (field, value) in enumerate(state.items())
        ]

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
        current = self._accumulators(m, running, index >> lane_bits, driving, driven_index)
        variate, drawing = self._variates(m, running, index >> lane_bits, driven_index)
        # Drive: the perturbed current.
        stepping, step_index = self.stepped
        m.d.sync += [stepping.eq(driving), step_index.eq(driven_index)]
        m.submodules.neuron = neuron = twin(p.module.STEP, p.constants)
        driven = Signal(shape(p.constants.current))
        if p.perturbation is not None:
            m.submodules.perturb = perturb = twin(three_factor.PERTURB, p.perturbation.constants)
            m.d.comb += [
                perturb.value.eq(current),
                perturb.variate.eq(Mux(self.perturbing, variate, 0)),
            ]
            m.d.sync += driven.eq(perturb.perturbed)
        else:
            m.d.sync += driven.eq(current)
        # Step: the state of two cycles ago meets the current; the next state goes back.
        m.d.comb += neuron.current.eq(driven)
        self._state(m, neuron, index)
        # Report: the signal, to the projections' buffer and to the objective.
        reported, report_index, signal = self.reported
        m.d.sync += [
            reported.eq(stepping),
            report_index.eq(step_index),
            signal.eq(neuron.signal),
        ]
        writing = self._signals(m)
        m.d.comb += self.busy.eq(running | driving | stepping | reported | writing | drawing)
        return m

    def _accumulators(
        self, m: Module, running: Signal, group: Any, driving: Signal, index: Signal
    ) -> Any:
        """Add the banks of exact sums; return the current of neuron `index`, which is cleared."""
        lanes = self.lanes
        lane_bits = lanes.bit_length() - 1
        adding, add_group = Signal(), Signal(range(self.groups))
        m.d.sync += [adding.eq(self.add), add_group.eq(self.group)]
        currents = []
        for lane in range(lanes):
            bank = memory(m, f"current_{lane}", shape(self.population.current), self.groups)
            write = bank.write_port()
            read = bank.read_port(transparent_for=(write,))
            addend = Signal.like(self.addends[lane])
            m.d.sync += addend.eq(self.addends[lane])
            cleared = driving & (index[:lane_bits] == lane if lane_bits else 1)
            m.d.comb += [
                read.addr.eq(Mux(running, group, self.group)),
                write.addr.eq(Mux(adding, add_group, index >> lane_bits)),
                write.data.eq(Mux(adding, read.data + addend, 0)),
                write.en.eq(adding | cleared),
            ]
            currents.append(read.data)
        return Array(currents)[index[:lane_bits]] if lane_bits else currents[0]

    def _variates(self, m: Module, running: Signal, group: Any, index: Signal) -> tuple[Any, Any]:
        """Add the variates of a tick; return that of neuron `index`, and whether they are drawn."""
        source = self.source
        if source is None:
            return 0, 0
        lanes, bits = self.lanes, source.bits
        lane_bits = lanes.bit_length() - 1
        drawing, place = Signal(), Signal(range(self.groups))
        m.d.comb += [
            source.flush.eq(self.draw),
            source.request.eq(drawing),
            source.index.eq(place << lane_bits),
            source.high.eq(self.tick << 16),
        ]
        with m.If(self.draw):
            m.d.sync += [drawing.eq(1), place.eq(0)]
        with m.Elif(drawing & source.hit):
            m.d.sync += place.eq(place + 1)
            with m.If(place == self.groups - 1):
                m.d.sync += drawing.eq(0)
        for lane, out in enumerate(self.variates):
            variate = twin(VARIATE, VariateConstants(bits))
            m.submodules[f"variate_{lane}"] = variate
            bank = memory(m, f"variates_{lane}", out.shape(), self.groups)
            write, read = bank.write_port(), bank.read_port()
            m.d.comb += [
                variate.word.eq(source.fields.word_select(lane, bits)),
                write.addr.eq(place),
                write.data.eq(variate.variate),
                write.en.eq(drawing & source.hit),
                read.addr.eq(Mux(running, group, self.variate_group)),
                out.eq(read.data),
            ]
        one = Array(self.variates)[index[:lane_bits]] if lane_bits else self.variates[0]
        return one, drawing

    def _state(self, m: Module, neuron: Any, index: Signal) -> None:
        """Add the state: read for `index`, there two stages later, when it goes back."""
        layout = StructLayout({field: value.shape() for field, value in self.next_state.items()})
        store = memory(m, "state", layout, self.population.size)
        write, read = store.write_port(), store.read_port()
        valid, at = self.stepped
        before = Signal(layout)
        m.d.sync += before.eq(read.data)
        m.d.comb += [read.addr.eq(index), write.addr.eq(at), write.en.eq(valid)]
        for field, value in self.next_state.items():
            m.d.comb += [
                getattr(neuron, field).eq(Mux(self.first, 0, before[field])),
                value.eq(getattr(neuron, f"{field}_next")),
                write.data[field].eq(value),
            ]

    def _signals(self, m: Module) -> Value:
        """Add the buffer of reported signals; return whether a write is still to come."""
        spikes = self.population.signal == BIT
        valid, at, signal = self.reported
        store = memory(m, "signals", self.read_word.shape(), self.words)
        write, read = store.write_port(), store.read_port()
        m.d.comb += [
            read.addr.eq(self.read_address),
            read.en.eq(self.read_enable),
            self.read_word.eq(read.data),
        ]
        if not spikes:
            m.d.comb += [write.addr.eq(at), write.data.eq(signal), write.en.eq(valid)]
            return Const(0)
        collected = Signal(WORD_BITS)
        place = at[:WORD_BITS_LOG2]
        grown = Mux(place == 0, 0, collected) | (signal << place)
        writing, word_at = Signal(), Signal(range(self.words))
        m.d.sync += [
            writing.eq(valid & ((place == WORD_BITS - 1) | (at == self.population.size - 1))),
            word_at.eq(at >> WORD_BITS_LOG2),
        ]
        with m.If(valid):
            m.d.sync += collected.eq(grown)
        m.d.comb += [write.addr.eq(word_at), write.data.eq(collected), write.en.eq(writing)]
        return writing
