"""Filters of presynaptic signals: one cell steps every neuron, and keeps what it gives."""

from typing import Any

from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal
from amaranth.lib.data import StructLayout

from goldenspike.golden.cell import Cell
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.plan import Plan
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import output_ports, shape
from goldenspike.hdl.units.common import Tap, memory
from goldenspike.hdl.units.rows import WORD_BITS_LOG2, word_shape


class FilterUnit(Elaboratable):
    """Passes a tick's presynaptic signals through a cell, one neuron a cycle.

    Three stages: read, step, write. The twin's results are registered.

    Parameters
    ----------
    plan
        The network.
    name
        Of the variables of the state, up to their fields.
    size, signal
        How many neurons, and the format of their signals.
    cell, constants
        What steps them.

    Members
    -------
    start, busy
        In, Out: start of a phase; whether it is under way, from the next cycle on.
    fresh
        In: this is the first tick in which signals arrive; state is 0.
    address, enable, word
        Out, Out, In: reads the presynaptic signals; a word stands in the next cycle.
    read_address, read_enable, read_word
        In, In, Out: all outputs of a neuron, the first one lowest, for the rows.
    """

    def __init__(
        self, plan: Plan, name: str, size: int, signal: Format, cell: Cell, constants: Any
    ) -> None:
        self.size, self.signal, self.cell, self.constants = size, signal, cell, constants
        tag = name.replace(".", "_")
        ports: Any = cell.ports(constants)
        width = sum(fmt.width for fmt in ports.outputs)
        self.start, self.busy = Signal(name=f"{tag}start"), Signal(name=f"{tag}busy")
        self.fresh = Signal(name=f"{tag}fresh")
        self.address, self.enable = Signal(16, name=f"{tag}raw_address"), Signal()
        self.word = Signal(word_shape(signal), name=f"{tag}raw_word")
        self.read_address, self.read_enable = Signal(range(size + 1)), Signal()
        self.read_word = Signal(width, name=f"{tag}outputs")
        self.writing, self.index = Signal(), Signal(range(size))
        state: dict[str, Format] = getattr(ports.state, "_asdict", dict)()
        self.state = {
            field: Signal(shape(fmt), name=f"{tag}{field}") for field, fmt in state.items()
        }
        self.taps = [
            Tap(channel, plan.variables[f"{name}{field}"], self.writing, self.index, value)
            for channel, (field, value) in enumerate(self.state.items())
        ]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        size = self.size
        running, index = Signal(), Signal(range(size))
        with m.If(self.start):
            m.d.sync += [running.eq(1), index.eq(0)]
        with m.Elif(running):
            m.d.sync += index.eq(index + 1)
            with m.If(index == size - 1):
                m.d.sync += running.eq(0)
        spikes = self.signal == BIT
        # Read.
        m.d.comb += [
            self.address.eq(index >> WORD_BITS_LOG2 if spikes else index),
            self.enable.eq(running),
        ]
        stepping, at = Signal(), Signal(range(size))
        m.d.sync += [stepping.eq(running), at.eq(index)]
        # Step.
        m.submodules.filter = one = twin(self.cell, self.constants)
        m.d.comb += [
            one.signal.eq(self.word.bit_select(at[:WORD_BITS_LOG2], 1) if spikes else self.word)
        ]
        kept = Signal.like(self.read_word)
        m.d.sync += [
            self.writing.eq(stepping),
            self.index.eq(at),
            kept.eq(Cat(*output_ports(one).values())),
        ]
        if self.state:
            layout = StructLayout({field: value.shape() for field, value in self.state.items()})
            state = memory(m, "state", layout, size)
            write, read = state.write_port(), state.read_port()
            m.d.comb += [
                read.addr.eq(index),
                write.addr.eq(self.index),
                write.en.eq(self.writing),
            ]
            for field, value in self.state.items():
                m.d.comb += [
                    getattr(one, field).eq(Mux(self.fresh, 0, read.data[field])),
                    write.data[field].eq(value),
                ]
                m.d.sync += value.eq(getattr(one, f"{field}_next"))
        # Write.
        buffer = memory(m, "delivered", len(kept), size)
        write, read = buffer.write_port(), buffer.read_port()
        m.d.comb += [
            write.addr.eq(self.index),
            write.data.eq(kept),
            write.en.eq(self.writing),
            read.addr.eq(self.read_address),
            read.en.eq(self.read_enable),
            self.read_word.eq(read.data),
            self.busy.eq(running | stepping | self.writing),
        ]
        return m
