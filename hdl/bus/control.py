"""Control registers and windows: what an access on the bus does."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.bus.ports import RegionPort
from goldenspike.hdl.bus.register_map import (
    ALL,
    BYTES,
    COUNTERS,
    FIRST_FLAG,
    FLAGS,
    RegisterMap,
)
from goldenspike.hdl.units.common import Unit

WRAPPING = ("TICKS", "DIGESTS", "CYCLES", "STALLS", "EVENTS_IN", "EVENTS_OUT")


class Control(Unit):
    """Answers accesses: control registers at once, words of windows by way of the regions.

    A write of some of a word's bytes to a window reads the word first.

    Parameters
    ----------
    given
        The register map.

    Members
    -------
    request, write, place, data, strobes, done, error, answer
        The accesses, as :class:`~goldenspike.hdl.bus.axi_lite.AxiLiteTarget` makes them.
    port : Out(RegionPort())
        To the regions.
    started, run, passes, update, stream
        Out: a run is asked for in this cycle, or else called off; what CONTROL holds.
    clearing
        In: the core clears its memories after a reset; a run that is asked for begins after that.
    idle, waiting
        In: no run is under way, and none waits; one waits.
    counts_... : In(1)
        Counts in this cycle, one for each counter but DIGESTS.
    tick, digest : In
        A tick ends with its digest.
    events : Out(32)
        What the register REPORT holds.
    interrupt : Out(1)
        A flag stands that may interrupt.
    """

    def __init__(self, given: RegisterMap) -> None:
        self.given = given
        members: dict[str, Any] = {
            "request": In(1),
            "write": In(1),
            "place": In(given.address_bits - 2),
            "data": In(32),
            "strobes": In(BYTES),
            "done": Out(1),
            "error": Out(1),
            "answer": Out(32),
            "port": Out(RegionPort()),
            "started": Out(1),
            "run": Out(1),
            "passes": Out(1),
            "update": Out(1),
            "stream": Out(1),
            "idle": In(1),
            "clearing": In(1),
            "waiting": In(1),
            "tick": In(1),
            "digest": In(32),
            "events": Out(32),
            "interrupt": Out(1),
        }
        members |= {f"counts_{name.lower()}": In(1) for name in COUNTERS if name != "DIGESTS"}
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        registers = self.given.registers
        held = {
            r.name: Signal(32, name=f"{r.name.lower()}_register", init=r.reset) for r in registers
        }
        mask = Cat(strobe.replicate(8) for strobe in self.strobes)
        storing = Signal(len(registers))
        self._counters(m, held)
        for register, stores in zip(registers, storing, strict=True):
            value = held[register.name]
            if register.writable:
                with m.If(stores):
                    m.d.sync += value.eq((value & ~mask) | (self.data & mask & register.mask))
        control, flags = held["CONTROL"], Cat(held[name].any() for name in FLAGS)
        m.d.comb += [
            held["STATUS"].eq(Cat(~self.idle | self.clearing, self.waiting, flags)),
            held["IDENTITY"].eq(self.given.identity),
            Cat(self.run, self.passes, self.update, self.stream).eq(control),
            self.events.eq(held["REPORT"]),
            self.interrupt.eq((held["INTERRUPTS"] >> FIRST_FLAG) & flags != 0),
        ]
        with m.If(self.tick):
            m.d.sync += held["DIGEST"].eq(self.digest)
        # Which of them, if any; and whether the access is allowed.
        number, word = Signal(range(len(registers) + 1)), Signal(32)
        m.d.comb += number.eq(len(registers))
        writable, starts = Signal(), Signal()
        for place, register in enumerate(registers):
            with m.If(self.place == place):
                m.d.comb += [
                    number.eq(place),
                    word.eq(held[register.name]),
                    writable.eq(register.writable),
                    starts.eq(register.name == "CONTROL"),
                ]
        calls_off = self.waiting & ~self.data[0] & self.strobes[0]
        refused = self.write & (~writable | (starts & ~self.idle & ~calls_off))
        inside = self._windows(m)
        read, port = Signal(32), self.port
        m.d.comb += port.data.eq((read & ~mask) | (self.data & mask))
        whole = self.strobes.all()
        started = Signal()
        m.d.sync += self.started.eq(started)
        with m.FSM(name="access"):
            with m.State("IDLE"):
                with m.If(self.request):
                    with m.If(number != len(registers)):
                        m.d.comb += [
                            self.done.eq(1),
                            self.error.eq(refused),
                            self.answer.eq(word),
                        ]
                        with m.If(self.write & ~refused):
                            m.d.comb += [
                                storing.bit_select(number, 1).eq(1),
                                started.eq(starts & self.strobes[0]),
                            ]
                    with m.Elif(inside & self.idle):
                        m.next = "ASK"
                    with m.Else():
                        m.d.comb += [self.done.eq(1), self.error.eq(1)]
            with m.State("ASK"):
                m.d.comb += [port.request.eq(1), port.begin.eq(port.granted)]
                with m.If(port.granted):
                    m.next = "READ"
                    with m.If(self.write & whole):
                        m.next = "LOAD"
            with m.State("READ"):
                m.d.comb += [port.request.eq(1), port.read.eq(1)]
                m.next = "ASKED"
            with m.State("ASKED"):
                m.d.comb += port.request.eq(1)
                m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += port.request.eq(1)
                m.d.sync += read.eq(port.value)
                m.next = "AGAIN"
                with m.If(~self.write):
                    m.d.comb += [self.done.eq(1), self.answer.eq(port.value)]
                    m.next = "IDLE"
            with m.State("AGAIN"):
                m.d.comb += [port.request.eq(1), port.begin.eq(1)]
                m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += [port.request.eq(1), port.load.eq(1), self.done.eq(1)]
                m.next = "IDLE"
        return m

    def _counters(self, m: Module, held: dict[str, Signal]) -> None:
        """Let the counters count."""
        for name in COUNTERS:
            counter = held[name]
            if name == "DIGESTS":
                with m.If(self.tick):
                    m.d.sync += counter.eq(counter + self.digest)
                continue
            counts = getattr(self, f"counts_{name.lower()}")
            if name not in WRAPPING:
                counts = counts & (counter != ALL)
            with m.If(counts):
                m.d.sync += counter.eq(counter + 1)

    def _windows(self, m: Module) -> Signal:
        """Find the window and the word of an access; return whether there is one."""
        inside = Signal()
        for window in self.given.windows:
            bits = (window.span // BYTES - 1).bit_length()
            place = self.place[:bits]
            row_bits = (window.stride // BYTES - 1).bit_length()
            row, word = place >> row_bits, place & (window.stride // BYTES - 1)
            with m.If(self.place >> bits == window.base // window.span):
                m.d.comb += [
                    inside.eq(
                        (row < window.rows)
                        & (word < window.row)
                        & Mux(self.write, window.writable, 1)
                    ),
                    self.port.region.eq(window.number),
                    self.port.at.eq(place),
                ]
        return inside
