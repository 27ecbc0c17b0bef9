"""A core behind few pins: its streams are shifted in and out bit by bit."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.core import Core
from goldenspike.hdl.units.common import Unit


class Shell(Unit):
    """Lets a core be placed where its package has fewer pins than the core has ports.

    Nothing is timed here but the core: every port of it meets a register.

    Parameters
    ----------
    core
        A core with streams.

    Members
    -------
    shift, bit
        In: shifts a bit into the word that goes to the core.
    send, sent
        In, Out: offers the word; whether it was taken.
    take, out
        In, Out: lets a word of the core, or a tick's digest, come; its bits, shifted too.
    busy, fault
        Out: as the core's.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        inputs = dict.fromkeys(("shift", "bit", "send", "take"), In(1))
        super().__init__({**inputs, **dict.fromkeys(("sent", "out", "busy", "fault"), Out(1))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.core = core = self.core
        given, kept = Signal(32), Signal(32)
        offered, wanted = Signal(), Signal()
        m.d.comb += [
            core.i.payload.eq(given),
            core.i.valid.eq(offered),
            core.o.ready.eq(wanted),
            self.out.eq(kept[0]),
        ]
        m.d.sync += [
            wanted.eq(self.take),
            self.busy.eq(core.busy),
            self.fault.eq(core.fault),
            self.sent.eq(offered & core.i.ready),
        ]
        with m.If(self.send):
            m.d.sync += offered.eq(1)
        with m.Elif(core.i.ready):
            m.d.sync += offered.eq(0)
        with m.If(self.shift):
            m.d.sync += [given.eq(Cat(self.bit, given[:-1])), kept.eq(kept[1:])]
        with m.If(core.o.valid & wanted):
            m.d.sync += kept.eq(core.o.payload)
        with m.Elif(core.tick):
            m.d.sync += kept.eq(core.digest)
        return m
