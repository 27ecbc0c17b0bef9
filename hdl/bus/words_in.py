"""Words from outside: a packet of them fills a region."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.bus.axi_stream import AxiStream
from goldenspike.hdl.bus.ports import RegionPort
from goldenspike.hdl.units.common import Unit


class WordsIn(Unit):
    """Stores the words of a packet in a region, in its order.

    `tlast` ends a packet. One of another length than the region's is refused: it is read to its
    end and counted, and the next one starts again. `tready` waits until what a packet is for is
    over. A word every fourth cycle is taken.

    Parameters
    ----------
    region, words
        The region's number, and its length.

    Members
    -------
    axi : In(AxiStream(32))
        The stream.
    port : Out(RegionPort())
        To the regions.
    open : In(1)
        Words may be stored.
    used : In(1)
        What the packet was for is over, in this cycle.
    arrived : Out(1)
        A packet is stored.
    refused : Out(1)
        A packet of a wrong length ended.
    """

    def __init__(self, region: int, words: int) -> None:
        self.region, self.words = region, words
        super().__init__(
            {
                "axi": In(AxiStream(32)),
                "port": Out(RegionPort()),
                "open": In(1),
                "used": In(1),
                "arrived": Out(1),
                "refused": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        axi, port = self.axi, self.port
        place, last = Signal(range(self.words + 1)), Signal()
        m.d.comb += [port.region.eq(self.region), port.at.eq(place)]
        with m.FSM(name="words"):
            with m.State("TAKE"):
                m.d.comb += axi.tready.eq(self.open)
                m.d.sync += [port.data.eq(axi.tdata), last.eq(axi.tlast)]
                with m.If(axi.tvalid & axi.tready):
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += [port.request.eq(1), port.begin.eq(port.granted)]
                with m.If(port.granted):
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += [port.request.eq(1), port.load.eq(1)]
                m.d.sync += place.eq(place + 1)
                ended = place == self.words - 1
                m.next = "TAKE"
                with m.If(ended & last):
                    m.d.sync += self.arrived.eq(1)
                    m.next = "WAIT"
                with m.Elif(ended):
                    m.next = "REST"
                with m.Elif(last):
                    m.d.comb += self.refused.eq(1)
                    m.d.sync += place.eq(0)
            with m.State("REST"):
                m.d.comb += axi.tready.eq(1)
                with m.If(axi.tvalid & axi.tlast):
                    m.d.comb += self.refused.eq(1)
                    m.d.sync += place.eq(0)
                    m.next = "TAKE"
            with m.State("WAIT"):
                m.d.sync += place.eq(0)
                with m.If(self.used):
                    m.d.sync += self.arrived.eq(0)
                    m.next = "TAKE"
        return m
