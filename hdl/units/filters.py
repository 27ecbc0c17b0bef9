"""A projection's synapse model: steps every presynaptic neuron, and keeps what it delivers."""

from typing import Any

from amaranth.hdl import Elaboratable, Module, Mux, Signal
from amaranth.lib.data import StructLayout

from goldenspike.golden.fixed import BIT
from goldenspike.golden.plan import Plan, PlannedProjection
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import shape
from goldenspike.hdl.units.common import Tap, memory
from goldenspike.hdl.units.rows import WORD_BITS_LOG2, word_shape


class FilterUnit(Elaboratable):
    """Passes a tick's presynaptic signals through the synapse model, one neuron a cycle.

    Three stages: read, step, write. The twin's results are registered.

    Members
    -------
    start, busy
        In, Out: start of a phase; whether it is under way, from the next cycle on.
    fresh
        In: this is the first tick in which signals arrive; state is 0.
    address, enable, word
        Out, Out, In: reads the presynaptic signals; a word stands in the next cycle.
    read_address, read_enable, read_word
        In, In, Out: the delivered signals, for the rows.
    """

    def __init__(self, plan: Plan, projection: PlannedProjection) -> None:
        self.projection = projection
        name, size = projection.name, projection.pre.size
        self.start, self.busy = Signal(name=f"{name}_filter"), Signal(name=f"{name}_filtering")
        self.fresh = Signal(name=f"{name}_fresh")
        self.address, self.enable = Signal(16, name=f"{name}_raw_address"), Signal()
        self.word = Signal(word_shape(projection.pre.signal), name=f"{name}_raw_word")
        self.read_address, self.read_enable = Signal(range(size + 1)), Signal()
        self.read_word = Signal(shape(projection.signal), name=f"{name}_filtered")
        self.writing, self.index = Signal(), Signal(range(size))
        self.state = {
            field: Signal(shape(fmt), name=f"{name}_{field}")
            for field, fmt in projection.filter_state.items()
        }
        self.taps = [
            Tap(channel, plan.variables[f"{name}.{field}"], self.writing, self.index, value)
            for channel, (field, value) in enumerate(self.state.items())
        ]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        q = self.projection
        size = q.pre.size
        running, index = Signal(), Signal(range(size))
        with m.If(self.start):
            m.d.sync += [running.eq(1), index.eq(0)]
        with m.Elif(running):
            m.d.sync += index.eq(index + 1)
            with m.If(index == size - 1):
                m.d.sync += running.eq(0)
        spikes = q.pre.signal == BIT
        # Read.
        m.d.comb += [
            self.address.eq(index >> WORD_BITS_LOG2 if spikes else index),
            self.enable.eq(running),
        ]
        stepping, at = Signal(), Signal(range(size))
        m.d.sync += [stepping.eq(running), at.eq(index)]
        # Step.
        m.submodules.filter = one = twin(q.filter.STEP, q.filter_constants)
        layout = StructLayout({field: value.shape() for field, value in self.state.items()})
        state = memory(m, "state", layout, size)
        write, read = state.write_port(), state.read_port()
        m.d.comb += [
            read.addr.eq(index),
            one.signal.eq(self.word.bit_select(at[:WORD_BITS_LOG2], 1) if spikes else self.word),
            write.addr.eq(self.index),
            write.en.eq(self.writing),
        ]
        delivered = Signal.like(self.read_word)
        next_signal = one.signal_next
        m.d.sync += [self.writing.eq(stepping), self.index.eq(at), delivered.eq(next_signal)]
        for field, value in self.state.items():
            m.d.comb += [
                getattr(one, field).eq(Mux(self.fresh, 0, read.data[field])),
                write.data[field].eq(value),
            ]
            m.d.sync += value.eq(getattr(one, f"{field}_next"))
        # Write.
        buffer = memory(m, "delivered", self.read_word.shape(), size)
        write, read = buffer.write_port(), buffer.read_port()
        m.d.comb += [
            write.addr.eq(self.index),
            write.data.eq(delivered),
            write.en.eq(self.writing),
            read.addr.eq(self.read_address),
            read.en.eq(self.read_enable),
            self.read_word.eq(read.data),
            self.busy.eq(running | stepping | self.writing),
        ]
        return m
