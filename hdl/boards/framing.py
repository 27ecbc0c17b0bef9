"""Frames on a serial line, in hardware: bytes to words and words to bytes.

What a frame is stands in :mod:`goldenspike.hdl.boards.frame`.
"""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.boards.frame import ESCAPE, FLAG, TURN
from goldenspike.hdl.units.common import Unit

BYTES = 4
"""Of a word."""


class FrameReceiver(Unit):
    """Makes words of bytes, and tells at a frame's end whether they are to be believed.

    Members
    -------
    i : In(stream.Signature(8, always_ready=True))
        Bytes.
    error : In(1)
        A byte was lost.
    word, valid : Out(32), Out(1)
        A word of the frame, its CRC the last one, in the one cycle in which `valid` is set.
    end, good : Out(1)
        A frame ends in this cycle, after all its words; whether it is whole words and its CRC.
        An empty frame does not end: flags may follow one another.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "error": In(1),
                "word": Out(32),
                "valid": Out(1),
                "end": Out(1),
                "good": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        crc: Any = CRC32_ISO_HDLC(8).create()
        m.submodules.crc = crc
        begun, spoiled, escaped = Signal(), Signal(), Signal()
        place = Signal(range(BYTES))
        byte = Signal(8)
        m.d.comb += [byte.eq(self.i.payload ^ Mux(escaped, TURN, 0)), crc.data.eq(byte)]
        m.d.sync += [self.valid.eq(0), self.end.eq(0)]
        with m.If(self.error):
            m.d.sync += [begun.eq(1), spoiled.eq(1)]
        with m.If(self.i.valid):
            with m.If(self.i.payload == FLAG):
                whole = ~spoiled & ~escaped & (place == 0)
                m.d.sync += [self.end.eq(begun), self.good.eq(whole & crc.match_detected)]
                m.d.sync += [begun.eq(0), spoiled.eq(0), escaped.eq(0), place.eq(0)]
                m.d.comb += crc.start.eq(1)
            with m.Else():
                m.d.sync += begun.eq(1)
                with m.If(~escaped & (self.i.payload == ESCAPE)):
                    m.d.sync += escaped.eq(1)
                with m.Else():
                    m.d.comb += crc.valid.eq(1)
                    m.d.sync += [escaped.eq(0), place.eq(place + 1)]
                    m.d.sync += self.word.eq(Cat(self.word[8:], byte))
                    m.d.sync += self.valid.eq(place == BYTES - 1)
        return m


class FrameSender(Unit):
    """Makes bytes of words.

    Members
    -------
    i : In(stream.Signature(StructLayout({"word": 32, "last": 1})))
        The words of a frame, the last one marked.
    o : Out(stream.Signature(8))
        The frame.
    """

    def __init__(self) -> None:
        words = stream.Signature(StructLayout({"word": 32, "last": 1}))
        super().__init__({"i": In(words), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        crc: Any = CRC32_ISO_HDLC(8).create()
        m.submodules.crc = crc
        word, place = Signal(32), Signal(range(BYTES))
        last, checking, escaping = Signal(), Signal(), Signal()
        byte = word[:8]
        special = ((byte == FLAG) | (byte == ESCAPE)) & ~escaping
        m.d.comb += crc.data.eq(byte)
        with m.FSM(name="frame_sender"):
            with m.State("IDLE"):
                m.d.comb += [self.o.valid.eq(self.i.valid), self.o.payload.eq(FLAG)]
                m.d.comb += crc.start.eq(1)
                m.d.sync += checking.eq(0)
                with m.If(self.i.valid & self.o.ready):
                    m.next = "WORD"
            with m.State("WORD"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [word.eq(self.i.payload.word), last.eq(self.i.payload.last)]
                with m.If(self.i.valid):
                    m.next = "BYTES"
            with m.State("BYTES"):
                m.d.comb += self.o.valid.eq(1)
                m.d.comb += self.o.payload.eq(Mux(special, ESCAPE, byte ^ Mux(escaping, TURN, 0)))
                with m.If(self.o.ready):
                    m.d.sync += escaping.eq(special)
                    with m.If(~special):
                        m.d.comb += crc.valid.eq(~checking)
                        m.d.sync += [word.eq(word >> 8), place.eq(place + 1)]
                        with m.If(place == BYTES - 1):
                            m.next = "WORD"
                            with m.If(checking):
                                m.next = "END"
                            with m.Elif(last):
                                m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += [word.eq(crc.crc), checking.eq(1)]
                m.next = "BYTES"
            with m.State("END"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(FLAG)]
                with m.If(self.o.ready):
                    m.next = "IDLE"
        return m
