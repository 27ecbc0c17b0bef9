"""A UART: eight bits, no parity, one stop bit, as everywhere.

amaranth-stdio has one, but its name on PyPI is but reserved.
"""

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.units.common import Unit

FASTEST = 8
"""Clock cycles of a bit on a board, at least: with fewer, clocks could hardly differ."""

REST: dict[str, Any] = {"init": 1}
"""A line at rest."""


def divisor(frequency: float, baud: int) -> int:
    """Return the clock cycles of a bit.

    Parameters
    ----------
    frequency
        Of the clock, in Hz.
    baud
        Bits a second.

    Raises
    ------
    ValueError
        If a whole number of cycles, 8 or more, is not within 2 % of a bit.
    """
    cycles = max(round(frequency / baud), FASTEST) if baud > 0 else FASTEST
    if baud <= 0 or abs(frequency / cycles / baud - 1) > 0.02:
        nearest = frequency / cycles
        raise ValueError(
            f"Baud must be within 2 % of a clock of {frequency / 1e6:g} MHz divided by a whole "
            f"number of {FASTEST} or more, as {nearest:.0f} is, not {baud}"
        )
    return cycles


class UartReceiver(Unit):
    """Makes bytes of a line.

    A bit is the majority of three samples in its middle, so that a glitch of a cycle changes
    nothing; a start bit that is high in its middle is none.

    Parameters
    ----------
    divisor
        Clock cycles of a bit, 4 or more.

    Members
    -------
    rx : In(1), init 1
        The line.
    o : Out(stream.Signature(8, always_ready=True))
        Bytes.
    error : Out(1)
        A byte had no stop bit; set for a cycle. The next one begins when the line is high.
    """

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        bytes_out = stream.Signature(8, always_ready=True)
        super().__init__({"rx": In(1, **REST), "o": Out(bytes_out), "error": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        seen, bit = Signal(2, init=0b11), Signal()
        m.d.sync += seen.eq(Cat(line, seen[0]))
        m.d.comb += bit.eq((line & seen[0]) | (line & seen[1]) | (seen[0] & seen[1]))
        left = Signal(range(self.divisor))
        place = Signal(range(10))
        m.d.sync += self.o.valid.eq(0)
        m.d.sync += self.error.eq(0)
        with m.FSM(name="uart_receiver"):
            with m.State("HIGH"):
                with m.If(bit):
                    m.next = "IDLE"
            with m.State("IDLE"):
                m.d.sync += [left.eq((self.divisor - 1) // 2), place.eq(0)]
                with m.If(~bit):
                    m.next = "BITS"
            with m.State("BITS"):
                m.d.sync += left.eq(left - 1)
                with m.If(left == 0):
                    m.d.sync += [left.eq(self.divisor - 1), place.eq(place + 1)]
                    with m.If(place == 0):
                        with m.If(bit):
                            m.next = "IDLE"
                    with m.Elif(place == 9):
                        m.d.sync += [self.o.valid.eq(bit), self.error.eq(~bit)]
                        m.next = "HIGH"
                    with m.Else():
                        m.d.sync += self.o.payload.eq(Cat(self.o.payload[1:], bit))
        return m


class UartTransmitter(Unit):
    """Makes a line of bytes.

    Parameters
    ----------
    divisor
        Clock cycles of a bit.

    Members
    -------
    i : In(stream.Signature(8))
        Bytes.
    tx : Out(1), init 1
        The line.
    """

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, **REST)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bits = Signal(9)  # What is left of a byte, under its stop bit.
        left, place = Signal(range(self.divisor)), Signal(range(11))
        m.d.comb += self.i.ready.eq(place == 0)
        with m.If(place == 0):
            with m.If(self.i.valid):
                m.d.sync += [self.tx.eq(0), bits.eq(Cat(self.i.payload, 1))]
                m.d.sync += [left.eq(self.divisor - 1), place.eq(10)]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Else():
            m.d.sync += [left.eq(self.divisor - 1), place.eq(place - 1)]
            m.d.sync += [self.tx.eq(bits[0]), bits.eq(Cat(bits[1:], 1))]
        return m
