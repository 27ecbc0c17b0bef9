"""Address events to outside: the signals of neurons, and the ends of ticks with their digests."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.bus.axi_stream import EVENT, AxiStream
from goldenspike.hdl.bus.register_map import TICKS_BIT
from goldenspike.hdl.units.common import Unit

MARGIN = 4
"""Entries beyond a population's neurons: an end of a tick, and what is on its way."""


class EventsOut(Unit):
    """Queues the signals that are not 0, of the populations that are reported.

    The core is held before a phase unless all that a phase can bring has room, so that nothing is
    ever dropped. An end of a tick follows its events, its `value` is the digest; `tlast` marks the
    ends of a pass and of an update. Without ends of ticks there are no packets.

    Parameters
    ----------
    neurons
        Of the largest population.

    Members
    -------
    axi : Out(AxiStream(64))
        The stream.
    events : In(32)
        What is reported, as the register REPORT has it.
    reported, population, index, signal : In
        A neuron's signal, in this cycle.
    tick, last, update, digest : In
        A tick or an update ends, in this cycle; whether it is a pass's last tick.
    hold : Out(1)
        There is no room for a phase.
    sent : Out(1)
        A neuron's event is queued, in this cycle.
    """

    def __init__(self, neurons: int) -> None:
        self.neurons = neurons
        self.depth = 1 << (neurons + MARGIN - 1).bit_length()
        super().__init__(
            {
                "axi": Out(AxiStream(EVENT.size)),
                "events": In(32),
                "reported": In(1),
                "population": In(8),
                "index": In(16),
                "signal": In(32),
                "tick": In(1),
                "last": In(1),
                "update": In(1),
                "digest": In(32),
                "hold": Out(1),
                "sent": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        axi = self.axi
        queue: Any = SyncFIFOBuffered(width=EVENT.size + 1, depth=self.depth)
        m.submodules.queue = queue
        event = Signal(EVENT)
        ends = self.tick & self.events[TICKS_BIT]
        chosen = self.events.bit_select(self.population[:5], 1)
        m.d.comb += [
            self.sent.eq(self.reported & chosen & (self.signal != 0)),
            event.neuron.eq(Mux(ends, 0, self.index)),
            event.population.eq(Mux(ends, 0, self.population)),
            event.value.eq(Mux(ends, self.digest, self.signal)),
            event.end.eq(ends),
            event.update.eq(ends & self.update),
            queue.w_en.eq(self.sent | ends),
            queue.w_data.eq(Cat(event, ends & (self.last | self.update))),
            self.hold.eq(queue.level > self.depth - (self.neurons + MARGIN)),
            Cat(axi.tdata, axi.tlast).eq(queue.r_data),
            axi.tvalid.eq(queue.r_rdy),
            queue.r_en.eq(axi.tready),
        ]
        return m
