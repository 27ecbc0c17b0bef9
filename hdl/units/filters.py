"""Filters of presynaptic signals: one cell steps every neuron, and keeps what it gives."""

from typing import Any

from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal
from amaranth.lib.data import ArrayLayout, StructLayout

from goldenspike.golden.cell import Cell
from goldenspike.golden.fixed import Format
from goldenspike.golden.plan import Plan
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import output_ports, shape
from goldenspike.hdl.units.common import Steps, Tap, later, memory
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.rows import Packing


class FilterUnit(Elaboratable):
    """Passes a tick's presynaptic signals through a cell, `neurons` a cycle.

    Three stages: read, step, write. The twins' results are registered. Signals that it follows it
    does not read, but takes as they are reported.

    Parameters
    ----------
    plan
        The network.
    name
        Of the variables of the state, up to their fields.
    given
        How the presynaptic signals are packed.
    cell, constants
        What steps them.
    neurons
        At most so many a cycle, a power of two; fewer if a word has fewer signals.
    follows
        The unit of the presynaptic population, if its signals arrive as they are reported.

    Members
    -------
    start, busy
        In, Out: start of a phase; whether it is under way, from the next cycle on. One that
        follows starts with the update, and is at it for a cycle more.
    enabled
        In: whether signals are followed.
    fresh
        In: this is the first tick in which signals arrive; state is 0.
    address, enable, word
        Out, Out, In: reads the presynaptic signals; a word stands in the next cycle.
    read_address, read_enable, read_word, packing
        In, In, Out: the outputs, the first one lowest, for the rows; how they are packed.
    """

    LATENCY, FOLLOWING = 2, 1
    """Cycles from a step's read, and from a report that is followed, to the write."""

    def __init__(
        self,
        plan: Plan,
        name: str,
        given: Packing,
        cell: Cell,
        constants: Any,
        neurons: int,
        follows: PopulationUnit | None = None,
    ) -> None:
        self.given, self.cell, self.constants, self.follows = given, cell, constants, follows
        tag = name.replace(".", "_")
        ports: Any = cell.ports(constants)
        made = Format(False, sum(fmt.width for fmt in ports.outputs), 0)
        if len(ports.outputs) == 1:
            (made,) = ports.outputs
        most = min(neurons, 1 << given.bits, Steps.fitting(given.size))
        self.steps = Steps(given.size, most, most) if follows is None else follows.steps
        self.packing = Packing(given.size, made, self.steps.width)
        self.start, self.busy = Signal(name=f"{tag}start"), Signal(name=f"{tag}busy")
        self.fresh, self.enabled = Signal(name=f"{tag}fresh"), Signal(name=f"{tag}enabled")
        self.address, self.enable = Signal(16, name=f"{tag}raw_address"), Signal()
        self.word = Signal(given.shape, name=f"{tag}raw_word")
        self.read_address = Signal(range(self.packing.words + 1))
        self.read_enable = Signal()
        self.read_word = Signal(self.packing.shape, name=f"{tag}outputs")
        self.writing, self.step = Signal(), self.steps.counter()
        state: dict[str, Format] = getattr(ports.state, "_asdict", dict)()
        self.state = [
            {field: Signal(shape(fmt), name=f"{tag}{field}_{k}") for field, fmt in state.items()}
            for k in range(self.steps.width)
        ]
        self.taps: list[Tap] = []
        phases = (self.start.name,) if follows is None else (follows.update.name, self.start.name)
        for field in state:
            variable, values = plan.variables[f"{name}{field}"], [one[field] for one in self.state]
            when = self.writing, self.step
            self.taps += self.steps.taps(phases, len(self.taps), variable, when, values)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        steps, given, follows = self.steps, self.given, self.follows
        # Read.
        if follows is None:
            running, step = steps.run(m, self.start)
            m.d.comb += [
                self.address.eq(given.address(steps.index(step))),
                self.enable.eq(running),
            ]
            stepping, at = Signal(), steps.counter("stepping_step")
            m.d.sync += [stepping.eq(running), at.eq(step)]
            signals = given.elements(self.word, steps.index(at), steps.width)
            working = running | stepping
        else:
            _, step = follows.stepped
            reported, at = follows.reported
            stepping, signals = reported & self.enabled, follows.signals
            working = stepping
        # Step.
        twins = [twin(self.cell, self.constants) for _ in range(steps.width)]
        kept = [Signal(self.packing.signal.width, name=f"kept_{k}") for k in range(steps.width)]
        for k, (one, signal) in enumerate(zip(twins, signals, strict=True)):
            m.submodules[f"filter_{k}"] = one
            m.d.comb += one.signal.eq(signal)
            m.d.sync += kept[k].eq(Cat(*output_ports(one).values()))
        m.d.sync += [self.writing.eq(stepping), self.step.eq(at)]
        if self.state[0]:
            kinds = {field: value.shape() for field, value in self.state[0].items()}
            state = memory(m, "state", ArrayLayout(StructLayout(kinds), steps.width), steps.count)
            write, read = state.write_port(), state.read_port()
            m.d.comb += [
                read.addr.eq(step),
                write.addr.eq(self.step),
                write.en.eq(self.writing),
            ]
            for k, (one, values) in enumerate(zip(twins, self.state, strict=True)):
                for field, value in values.items():
                    m.d.comb += [
                        getattr(one, field).eq(Mux(self.fresh, 0, read.data[k][field])),
                        write.data[k][field].eq(value),
                    ]
                    m.d.sync += value.eq(getattr(one, f"{field}_next"))
        # Write.
        buffer = memory(m, "delivered", len(self.read_word), steps.count)
        write, read = buffer.write_port(), buffer.read_port()
        m.d.comb += [
            write.addr.eq(self.step),
            write.data.eq(Cat(kept)),
            write.en.eq(self.writing),
            read.addr.eq(self.read_address),
            read.en.eq(self.read_enable),
            self.read_word.eq(read.data),
            self.busy.eq(later(m, working, "working")),
        ]
        return m
