"""Address events from outside: they become the signals of sources, tick by tick."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from goldenspike.golden.fixed import BIT
from goldenspike.golden.planned import PlannedPopulation
from goldenspike.hdl.bus.axi_stream import EVENT, AxiStream
from goldenspike.hdl.bus.ports import RegionPort
from goldenspike.hdl.units.common import Unit, memory
from goldenspike.hdl.units.rows import WORD_BITS_LOG2, words_of


class _Source(NamedTuple):
    """A source's place in the frame, and the region that the frame goes to."""

    size: int
    spikes: bool
    first: int
    words: int
    region: int


class EventsIn(Unit):
    """Collects the events of a tick in a frame, and stores the frame in the inputs of its tick.

    A packet is a trial. `end` ends a tick, `tlast` the packet: ticks that it has not reached are
    silent. Events of a tick come in any order, of spikes and of values; a value that does not come
    is 0. An event every other cycle is taken, and a frame is a word a cycle. Nothing is dropped:
    `tready` waits until the trial that a packet is for is over. What cannot be stored is counted:
    events of a neuron or source that there is not, and what comes after the last tick.

    Parameters
    ----------
    sources
        By number in the events.
    regions
        The numbers of the regions of their inputs.
    ticks
        Of a trial.

    Members
    -------
    axi : In(AxiStream(64))
        The stream.
    port : Out(RegionPort())
        To the regions.
    open : In(1)
        Events may be stored.
    used : In(1)
        The trial of the packet is over, in this cycle.
    arrived : Out(range(ticks + 1))
        Ticks of the packet that are stored.
    stored, refused : Out(1)
        An event was stored; one was not.
    """

    def __init__(
        self, sources: Sequence[PlannedPopulation], regions: Sequence[int], ticks: int
    ) -> None:
        self.ticks, first = ticks, 0
        self.sources: list[_Source] = []
        for p, region in zip(sources, regions, strict=True):
            words = words_of(p.size, p.signal)
            self.sources.append(_Source(p.size, p.signal == BIT, first, words, region))
            first += words
        self.depth = first
        super().__init__(
            {
                "axi": In(AxiStream(EVENT.size)),
                "port": Out(RegionPort()),
                "open": In(1),
                "used": In(1),
                "arrived": Out(range(ticks + 1)),
                "stored": Out(1),
                "refused": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        axi, port = self.axi, self.port
        event = EVENT(axi.tdata)
        frame = memory(m, "frame", 32, self.depth)
        write, read = frame.write_port(), frame.read_port()
        place = Signal(range(self.depth + 1))
        asked, bit, known, spike = self._asked(m, event)
        taken = Signal()
        m.d.comb += taken.eq(axi.tvalid & axi.tready)
        # The event that was taken a cycle ago.
        at, at_bit, at_spike, value = (
            Signal.like(place),
            Signal(WORD_BITS_LOG2),
            Signal(),
            Signal(32),
        )
        storable, unknown, to_end, to_last = Signal(), Signal(), Signal(), Signal()
        with m.If(taken):
            m.d.sync += [
                at.eq(asked),
                at_bit.eq(bit),
                at_spike.eq(spike),
                value.eq(event.value),
                storable.eq(known & ~event.end),
                unknown.eq(~known & ~event.end),
                to_end.eq(event.end | axi.tlast),
                to_last.eq(axi.tlast),
            ]
        which = Signal(range(max(len(self.sources), 2)))
        bases = [
            Signal(range(max(source.words * self.ticks, 2)), name=f"base_{k}")
            for k, source in enumerate(self.sources)
        ]
        base, ends, region = Signal(32), Signal.like(place), Signal(8)
        final = which == len(self.sources) - 1
        with m.Switch(which):
            for k, source in enumerate(self.sources):
                with m.Case(k):
                    m.d.comb += [
                        base.eq(bases[k]),
                        ends.eq(source.first + source.words - 1),
                        region.eq(source.region),
                    ]
        full = self.arrived == self.ticks - 1
        used = Signal()
        with m.If(self.used):
            m.d.sync += used.eq(1)
        m.d.comb += [port.region.eq(region), port.at.eq(base), port.data.eq(read.data)]
        with m.FSM(name="events"):
            with m.State("CLEAR"):  # A reset may have left events of half a tick.
                m.d.comb += [write.en.eq(1), write.addr.eq(place)]
                m.d.sync += place.eq(place + 1)
                with m.If(place == self.depth - 1):
                    m.d.sync += place.eq(0)
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += [axi.tready.eq(self.open), read.addr.eq(asked)]
                with m.If(taken & ~event.update):
                    m.next = "STORE"
            with m.State("STORE"):
                grown = read.data | (1 << at_bit)
                m.d.comb += [
                    write.addr.eq(at),
                    write.data.eq(Mux(at_spike, grown, value)),
                    write.en.eq(storable),
                    self.stored.eq(storable),
                    self.refused.eq(unknown),
                ]
                m.next = "TAKE"
                with m.If(to_end):
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += [
                    port.request.eq(1),
                    port.begin.eq(port.granted),
                    read.addr.eq(place),
                ]
                with m.If(port.granted):
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += [
                    port.request.eq(1),
                    port.load.eq(1),
                    read.addr.eq(place + 1),
                    write.addr.eq(place),
                    write.en.eq(1),
                ]
                m.d.sync += place.eq(place + 1)
                with m.If(place == ends):
                    m.d.sync += which.eq(which + 1)
                    m.next = "BEGIN"
                    with m.If(final):
                        m.d.sync += [which.eq(0), place.eq(0)]
                        m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += self.arrived.eq(self.arrived + 1)
                m.d.sync += [
                    one.eq(one + source.words)
                    for one, source in zip(bases, self.sources, strict=True)
                ]
                with m.If(~full):
                    m.next = "TAKE"
                    with m.If(to_last):
                        m.next = "BEGIN"
                with m.Else():
                    m.next = "REST"
                    with m.If(to_last):
                        m.next = "WAIT"
            with m.State("REST"):
                m.d.comb += [
                    axi.tready.eq(1),
                    self.refused.eq(axi.tvalid & ~event.update),
                ]
                with m.If(axi.tvalid & axi.tlast & ~event.update):
                    m.next = "WAIT"
            with m.State("WAIT"):
                with m.If(used):
                    m.d.sync += [used.eq(0), self.arrived.eq(0)]
                    m.d.sync += [one.eq(0) for one in bases]
                    m.next = "TAKE"
        return m

    def _asked(self, m: Module, event: Any) -> tuple[Signal, Any, Signal, Signal]:
        """Return where an event goes: word, bit, whether there is such, whether it is a spike."""
        asked, known, spike = Signal(range(self.depth + 1)), Signal(), Signal()
        with m.Switch(event.population):
            for k, source in enumerate(self.sources):
                with m.Case(k):
                    word = event.neuron >> WORD_BITS_LOG2 if source.spikes else event.neuron
                    m.d.comb += [
                        asked.eq(word + source.first),
                        known.eq(event.neuron < source.size),
                        spike.eq(source.spikes),
                    ]
        return asked, event.neuron[:WORD_BITS_LOG2], known, spike
