"""What is claimed of the buses: streams obey their rules, and no event is dropped."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import Out

from goldenspike.golden.plan import Plan
from goldenspike.hdl.bus.axi_stream import EVENT
from goldenspike.hdl.bus.core import AxiCore
from goldenspike.hdl.bus.events_in import EventsIn
from goldenspike.hdl.bus.events_out import EventsOut
from goldenspike.sim.formal import Bench


class Axi(Bench):
    """A core on AXI keeps what it offers until it is taken, and never drops an event.

    Whatever its managers do.

    Parameters
    ----------
    plan
        The network.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.core = AxiCore(plan, 2, digest=False)
        self.clock = self.core.aclk

    def build(self, m: Module) -> None:
        core = self.core
        queue = self.opened(core.events_out).submodules.queue
        m.submodules.core = core
        m.d.comb += core.aresetn.eq(1)
        for name, member in core.signature.members.items():
            if member.flow is not Out and name not in ("aclk", "aresetn"):
                m.d.comb += getattr(core, name).eq(self.anything(f"any_{name}", member.shape))
        self.stays("s_axi_rvalid", "s_axi_rready", "rdata", "rresp")
        self.stays("s_axi_bvalid", "s_axi_bready", "bresp")
        writing, room = Signal(), Signal()
        m.d.comb += [writing.eq(queue.w_en), room.eq(queue.w_rdy)]
        self.claim("no_event_is_dropped", ~writing | room)
        self.reach(writing & core.events_out.tick)

    def stays(self, valid: str, ready: str, *payload: str) -> None:
        """Claim that a channel keeps what it offers until it is taken."""
        core, prefix = self.core, "s_axi"
        values = [getattr(core, f"{prefix}_{name}") for name in payload]
        kept(self, valid, getattr(core, valid), getattr(core, ready), values)


def kept(bench: Bench, name: str, valid: Any, ready: Any, values: list[Any]) -> None:
    """Claim that a channel keeps what it offers until it is taken."""
    stalled = bench.before(valid & ~ready, f"{name}_stalled")
    same: Any = valid
    for k, value in enumerate(values):
        same = same & (value == bench.before(value, f"{name}_{k}_before"))
    bench.claim(f"{name}_stays", ~stalled | same)


class Events(Bench):
    """Events to outside stay until they are taken; a neuron's is sent when it is accepted."""

    def build(self, m: Module) -> None:
        m.submodules.unit = unit = EventsOut()
        for name, member in unit.signature.members.items():
            if member.is_port and member.flow is not Out:
                m.d.comb += getattr(unit, name).eq(self.anything(f"any_{name}", member.shape))
        axi = unit.axi
        m.d.comb += axi.tready.eq(self.anything("tready"))
        kept(self, "event", axi.tvalid, axi.tready, [axi.tdata, axi.tlast])
        self.claim("accepted_is_sent", unit.sent == (unit.reported & unit.accepted))
        self.reach(axi.tvalid & ~axi.tready & axi.tlast)


class Frames(Bench):
    """Events of a tick are stored in the word of its frame, all of them and no others.

    Whatever comes on the stream, and whenever the lines to the regions are granted.

    Parameters
    ----------
    plan
        A network whose one source has one word.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.unit = EventsIn(plan.sources, [0], plan.ticks)
        self.source = plan.sources[0]

    def build(self, m: Module) -> None:
        unit, size = self.unit, self.source.size
        m.submodules.unit = unit
        axi, port = unit.axi, unit.port
        for name, width in (("tdata", 64), ("tlast", 1), ("tvalid", 1)):
            m.d.comb += getattr(axi, name).eq(self.anything(f"any_{name}", width))
        allowed = self.anything("open")
        m.d.comb += [unit.open.eq(allowed), unit.used.eq(self.anything("used"))]
        granted = Signal()
        m.d.sync += granted.eq(port.request & (granted | self.anything("grants")))
        m.d.comb += port.granted.eq(granted)
        event = EVENT(axi.tdata)
        taken, first = Signal(), Signal()
        m.d.comb += taken.eq(axi.tvalid & axi.tready & ~event.update)
        given = taken & ~event.end
        storing = unit.arrived < unit.ticks
        # Each event is stored or refused, at once or a cycle later.
        left = Signal(2)
        counted = taken & (~event.end | ~storing)  # After the last tick all is refused.
        m.d.sync += left.eq(left + counted - unit.stored - unit.refused)
        self.claim("stored_or_refused", left + counted >= unit.stored + unit.refused)
        self.claim("at_once", left <= 1)
        # The watched neuron.
        neuron = self.something("neuron", range(size))
        sounded = Signal()
        mine = given & storing & (event.population == 0) & (event.neuron == neuron)
        with m.If(port.load):
            m.d.sync += sounded.eq(0)
        with m.Elif(mine):
            m.d.sync += sounded.eq(1)
        bit = port.data.bit_select(neuron, 1)
        self.claim("frame_has_the_events", ~port.load | (bit == sounded))
        self.claim("loads_while_granted", ~port.load | (granted & port.request))
        # A tick's word goes to the tick's place.
        at, loads = Signal(8), Signal(8)
        m.d.comb += at.eq(port.at)
        with m.If(port.begin & granted):
            m.d.sync += first.eq(1)
        with m.If(port.load):
            m.d.sync += [first.eq(0), loads.eq(Mux(loads == unit.ticks, 0, loads + 1))]
        self.claim("begins_before_it_loads", ~port.load | first)
        self.claim("place_is_the_tick's", ~port.begin | (at == unit.arrived))
        self.reach(port.load & sounded & (unit.arrived == unit.ticks - 1))
