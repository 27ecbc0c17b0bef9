"""AXI4-Lite, as in Arm's IHI 0022: registers and memories behind five channels.

amaranth-soc has a register bus too, but its name on PyPI is but reserved, and that bus cannot
refuse an access; AXI's answer to an illegal address is SLVERR.
"""

from enum import IntEnum
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.units.common import Unit

BYTES = 4
"""Of a word."""


class Response(IntEnum):
    """What `bresp` and `rresp` say."""

    OKAY = 0
    SLVERR = 2


class AxiLite(wiring.Signature):
    """The channels of AXI4-Lite, 32 bits wide, as the manager sees them.

    Parameters
    ----------
    address_bits
        Of an address of bytes.
    """

    def __init__(self, address_bits: int) -> None:
        self.address_bits = address_bits
        super().__init__(
            {
                "awaddr": Out(address_bits),
                "awprot": Out(3),
                "awvalid": Out(1),
                "awready": In(1),
                "wdata": Out(8 * BYTES),
                "wstrb": Out(BYTES),
                "wvalid": Out(1),
                "wready": In(1),
                "bresp": In(2),
                "bvalid": In(1),
                "bready": Out(1),
                "araddr": Out(address_bits),
                "arprot": Out(3),
                "arvalid": Out(1),
                "arready": In(1),
                "rdata": In(8 * BYTES),
                "rresp": In(2),
                "rvalid": In(1),
                "rready": Out(1),
            }
        )


class AxiLiteTarget(Unit):
    """Makes accesses, one at a time, of what the channels carry.

    A write is taken when its address and its data both are there; when a read waits as well, reads
    and writes take turns. All outputs come from registers, as AXI demands. `request` stands until
    the cycle of `done`, in which `error` and `answer` are taken. The lowest two address bits and
    `awprot`, `arprot` do not count.

    Parameters
    ----------
    address_bits
        Of an address of bytes.

    Members
    -------
    axi : In(AxiLite(address_bits))
        The bus.
    request, write, place, data, strobes : Out
        An access: whether it writes, the word's place, the word, and which of its bytes count.
    done, error, answer : In
        Its end, whether it is refused, and the word that was read.
    """

    def __init__(self, address_bits: int) -> None:
        super().__init__(
            {
                "axi": In(AxiLite(address_bits)),
                "request": Out(1),
                "write": Out(1),
                "place": Out(address_bits - 2),
                "data": Out(8 * BYTES),
                "strobes": Out(BYTES),
                "done": In(1),
                "error": In(1),
                "answer": In(8 * BYTES),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        axi = self.axi
        answer, response = Signal(8 * BYTES), Signal(Response)
        m.d.comb += [axi.rdata.eq(answer), axi.rresp.eq(response), axi.bresp.eq(response)]
        with m.FSM(name="axi_lite"):
            with m.State("IDLE"):
                # `write` still says what came last.
                with m.If(axi.awvalid & axi.wvalid & ~(axi.arvalid & self.write)):
                    m.next = "WRITE"
                with m.Elif(axi.arvalid):
                    m.next = "READ"
            with m.State("WRITE"):
                m.d.comb += [axi.awready.eq(1), axi.wready.eq(1)]
                m.d.sync += [
                    self.write.eq(1),
                    self.place.eq(axi.awaddr[2:]),
                    self.data.eq(axi.wdata),
                    self.strobes.eq(axi.wstrb),
                ]
                m.next = "ACCESS"
            with m.State("READ"):
                m.d.comb += axi.arready.eq(1)
                m.d.sync += [self.write.eq(0), self.place.eq(axi.araddr[2:])]
                m.next = "ACCESS"
            with m.State("ACCESS"):
                m.d.comb += self.request.eq(1)
                with m.If(self.done):
                    refused = self.error
                    m.d.sync += [answer.eq(self.answer), response.eq(Response.OKAY)]
                    with m.If(refused):
                        m.d.sync += [answer.eq(0), response.eq(Response.SLVERR)]
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [axi.bvalid.eq(self.write), axi.rvalid.eq(~self.write)]
                with m.If((axi.bvalid & axi.bready) | (axi.rvalid & axi.rready)):
                    m.next = "IDLE"
        return m
