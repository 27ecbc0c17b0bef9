"""Address events to outside: the signals of neurons, and the ends of ticks with their digests."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.bus.axi_stream import EVENT, AxiStream
from goldenspike.hdl.bus.register_map import TICKS_BIT
from goldenspike.hdl.units.common import Unit

DEPTH, MARGIN = 32, 4
"""Entries of the queue; those that are left for ends of ticks, and what is on its way."""


class EventsOut(Unit):
    """Queues the signals that are not 0, of the populations that are reported.

    An event is accepted when there is room, and the core is held until there is, so that nothing is
    ever dropped. An end of a tick follows its events, its `value` is the digest; `tlast` marks the
    ends of a pass and of an update. Without ends of ticks there are no packets.

    Members
    -------
    axi : Out(AxiStream(64))
        The stream.
    events : In(32)
        What is reported, as the register REPORT has it.
    reported, accepted, population, index, signal : In, Out, In, In, In
        A neuron's signal, which stands until it is accepted.
    tick, last, update, digest : In
        A tick or an update ends, in this cycle; whether it is a pass's last tick.
    hold : Out(1)
        There is no room.
    sent : Out(1)
        A neuron's event is queued, in this cycle.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "axi": Out(AxiStream(EVENT.size)),
                "events": In(32),
                "reported": In(1),
                "accepted": Out(1),
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
        queue: Any = SyncFIFOBuffered(width=EVENT.size + 1, depth=DEPTH)
        m.submodules.queue = queue
        event = Signal(EVENT)
        ends = self.tick & self.events[TICKS_BIT]
        m.d.comb += [
            self.hold.eq(queue.level > DEPTH - MARGIN),
            self.accepted.eq(~self.hold & ~ends),
            self.sent.eq(self.reported & self.accepted),
            event.neuron.eq(Mux(ends, 0, self.index)),
            event.population.eq(Mux(ends, 0, self.population)),
            event.value.eq(Mux(ends, self.digest, self.signal)),
            event.end.eq(ends),
            event.update.eq(ends & self.update),
            queue.w_en.eq(self.sent | ends),
            queue.w_data.eq(Cat(event, ends & (self.last | self.update))),
            Cat(axi.tdata, axi.tlast).eq(queue.r_data),
            axi.tvalid.eq(queue.r_rdy),
            queue.r_en.eq(axi.tready),
        ]
        return m
