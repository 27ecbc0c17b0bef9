"""The host's commands: loading, reading and running, word by word."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.units.common import Region, Unit

LOAD, READ, RUN = 1, 2, 3


class Commands(Unit):
    """Takes commands from a stream and moves words between streams and regions.

    `run` is set for one cycle with its `flags`, which stand until the next command; the next
    command is taken after `done`. While `hold` is set, none is taken, and the core is busy. The
    commands are those of :mod:`goldenspike.hdl.core`.

    Parameters
    ----------
    regions
        In the order of their numbers.
    """

    def __init__(self, regions: list[Region]) -> None:
        self.regions = regions
        words = stream.Signature(32)
        inputs = {"i": In(words), "done": In(1), "hold": In(1)}
        outputs = {"run": Out(1), "flags": Out(2), "busy": Out(1), "fault": Out(1)}
        super().__init__({**inputs, "o": Out(words), **outputs})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        chosen = Signal(8)
        words = Signal(32)
        left = Signal(32)
        loading = Signal()
        begin, load, read = Signal(), Signal(), Signal()
        with m.Switch(chosen):
            for number, region in enumerate(self.regions):
                with m.Case(number):
                    m.d.comb += [
                        words.eq(region.words),
                        region.begin.eq(begin),
                        region.load.eq(load),
                        region.read.eq(read),
                        self.o.payload.eq(region.value),
                    ]
        m.d.comb += [region.data.eq(self.i.payload) for region in self.regions]
        code = self.i.payload[28:]
        with m.FSM(name="host"):
            with m.State("IDLE"):
                m.d.comb += [self.i.ready.eq(~self.hold), self.busy.eq(self.hold)]
                m.d.sync += [chosen.eq(self.i.payload[:8]), loading.eq(code == LOAD)]
                known = self.i.payload[:8] < len(self.regions)
                with m.If(self.i.valid & ~self.hold):
                    with m.If(code == RUN):
                        m.d.sync += self.flags.eq(self.i.payload[:2])
                        m.next = "RUN"
                    with m.Elif(known & ((code == LOAD) | (code == READ))):
                        m.next = "BEGIN"
                    with m.Else():
                        m.d.sync += self.fault.eq(1)
            with m.State("BEGIN"):
                m.d.comb += begin.eq(1)
                m.d.sync += left.eq(words)
                m.next = "NEXT"
            with m.State("NEXT"):
                with m.If(left == 0):
                    m.next = "IDLE"
                with m.Elif(loading):
                    m.d.comb += [self.i.ready.eq(1), load.eq(self.i.valid)]
                    m.d.sync += left.eq(left - load)
                with m.Else():
                    m.d.comb += read.eq(1)
                    m.d.sync += left.eq(left - 1)
                    m.next = "ASKED"
            with m.State("ASKED"):
                m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "NEXT"
            with m.State("RUN"):
                m.d.comb += self.run.eq(1)
                m.next = "RUNNING"
            with m.State("RUNNING"):
                m.d.comb += self.busy.eq(1)
                with m.If(self.done):
                    m.next = "IDLE"
        return m
