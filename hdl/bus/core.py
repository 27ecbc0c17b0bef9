"""A core on AXI: registers and memories by AXI4-Lite, events, targets and errors by AXI4-Stream.

One trial after the other, from a processor: write weights and inputs to their windows, write
CONTROL, wait for STATUS or `irq`, read. Or let packets bring what a trial needs, and start it
with STREAM: it begins when its targets are there, and every tick when its events are.

==================  ===============================================================================
port                what it carries
==================  ===============================================================================
``s_axi_*``         AXI4-Lite, 32 bits: :mod:`goldenspike.hdl.bus.register_map`
``s_axis_events``   address events of sources: :class:`goldenspike.hdl.bus.events_in.EventsIn`
``s_axis_targets``  targets, if the core has an objective; a packet is a trial's
``s_axis_errors``   errors, if they come from outside; a packet is the window ``errors``
``m_axis_events``   address events of neurons: :class:`goldenspike.hdl.bus.events_out.EventsOut`
==================  ===============================================================================

Names and clock are as tools expect that infer buses from names: ``aclk``, and ``aresetn``, which is
synchronous and active low. No input reaches an output but through a register.
"""

from typing import Any, Self

from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from goldenspike.golden.plan import UPDATE, Plan
from goldenspike.hdl.bus.axi_lite import AxiLite, AxiLiteTarget
from goldenspike.hdl.bus.axi_stream import EVENT, AxiStream
from goldenspike.hdl.bus.control import Control
from goldenspike.hdl.bus.events_in import EventsIn
from goldenspike.hdl.bus.events_out import EventsOut
from goldenspike.hdl.bus.ports import Arbiter
from goldenspike.hdl.bus.register_map import TICKS_BIT, register_map
from goldenspike.hdl.bus.words_in import WordsIn
from goldenspike.hdl.core import Core, check
from goldenspike.hdl.units.common import Unit


class AxiCore(Unit):
    """A network's core on AXI.

    Parameters
    ----------
    plan
        The network.
    lanes
        Synapses a cycle: 1, 2, 4, 8, 16 or 32.
    neurons
        Neurons a cycle, a power of two, `lanes` at most.
    digest
        Whether digests are made.

    Members
    -------
    aclk, aresetn : In(1)
        Clock, and synchronous reset, active low.
    s_axi_..., s_axis_..., m_axis_...
        The buses, in the names of AXI.
    irq : Out(1)
        A flag of STATUS stands that INTERRUPTS lets pass.

    Raises
    ------
    ValueError
        If there is no such core, or it has more populations than ``REPORT`` has bits.
    """

    def __new__(cls, plan: Plan, lanes: int = 8, neurons: int = 1, **options: bool) -> Self:
        """Check the arguments: what raises later leaves hardware that complains of being unused."""
        check(plan, lanes, neurons)
        if len(plan.neurons) > TICKS_BIT:
            raise ValueError(
                f"Populations of a core on AXI must be {TICKS_BIT} at most, not {len(plan.neurons)}"
            )
        return super().__new__(cls)

    def __init__(
        self, plan: Plan, lanes: int = 8, neurons: int = 1, *, digest: bool = True
    ) -> None:
        self.core = core = Core(plan, lanes, neurons, digest=digest, bus=True)
        self.map = register_map(core)
        self.made_of = core.made_of
        self.plan, self.lanes, self.channels = plan, lanes, core.channels
        self.target = AxiLiteTarget(self.map.address_bits)
        self.control = Control(self.map)
        self.users: dict[str, Any] = {"control": self.control}
        self.streams: dict[str, tuple[Any, Any]] = {}

        def incoming(name: str, unit: Any, bits: int) -> None:
            self.users[name] = unit
            self.streams[f"s_axis_{name}"] = (In(AxiStream(bits)), unit.axi)

        self.events_in = self.targets = self.errors = None
        if plan.sources:
            regions = [core.region(f"{p.name}_inputs") for p in plan.sources]
            self.events_in = EventsIn(plan.sources, regions, plan.ticks)
            incoming("events", self.events_in, EVENT.size)
        words = {region.name: region.words for region in core.regions}
        if "targets" in words:
            self.targets = WordsIn(core.region("targets"), words["targets"])
            incoming("targets", self.targets, 32)
        elif "errors" in words:
            self.errors = WordsIn(core.region("errors"), words["errors"])
            incoming("errors", self.errors, 32)
        self.events_out = EventsOut()
        self.streams["m_axis_events"] = (Out(AxiStream(EVENT.size)), self.events_out.axi)
        members: dict[str, Any] = {"aclk": In(1), "aresetn": In(1)}
        bus = In(AxiLite(self.map.address_bits))
        self.buses = {"s_axi": (bus, self.target.axi), **self.streams}
        for prefix, (member, _) in self.buses.items():
            for name, one in member.signature.members.items():
                members[f"{prefix}_{name}"] = one
        super().__init__({**members, "irq": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        domain: Any = ClockDomain("sync")
        m.domains.sync = domain
        m.d.comb += [domain.clk.eq(self.aclk), domain.rst.eq(~self.aresetn)]
        for prefix, (member, inner) in self.buses.items():
            for name, one in member.signature.members.items():
                outer, own = getattr(self, f"{prefix}_{name}"), getattr(inner, name)
                m.d.comb += outer.eq(own) if one.flow is Out else own.eq(outer)
        m.submodules.core = core = self.core
        m.submodules.target = target = self.target
        m.submodules.control = control = self.control
        m.submodules.arbiter = arbiter = Arbiter(len(self.users))
        m.submodules.events_out = out = self.events_out
        for k, (name, user) in enumerate(self.users.items()):
            if user is not control:
                m.submodules[f"{name}_in"] = user
            wiring.connect(m, user.port, getattr(arbiter, f"user_{k}"))
        inside: Any = core.inside
        port: Any = arbiter.port
        m.d.comb += [
            inside.region.eq(port.region),
            inside.at.eq(port.at),
            inside.begin.eq(port.begin),
            inside.load.eq(port.load),
            inside.read.eq(port.read),
            inside.data.eq(port.data),
            port.value.eq(inside.value),
        ]
        m.d.comb += [
            getattr(control, name).eq(getattr(target, name))
            for name in ("request", "write", "place", "data", "strobes")
        ]
        m.d.comb += [
            getattr(target, name).eq(getattr(control, name)) for name in ("done", "error", "answer")
        ]
        m.d.comb += [
            getattr(out, name).eq(getattr(inside, name))
            for name in ("reported", "population", "index", "signal", "last", "update")
        ]
        m.d.comb += [
            out.events.eq(control.events),
            inside.reports.eq(control.events),
            inside.accepted.eq(out.accepted),
            out.tick.eq(core.tick),
            out.digest.eq(core.digest),
            control.tick.eq(core.tick),
            control.digest.eq(core.digest),
            self.irq.eq(control.interrupt),
        ]
        self._runs(m)
        return m

    def _runs(self, m: Module) -> None:
        """Start runs when all is there that they wait for; hold them; count."""
        control, events, out = self.control, self.events_in, self.events_out
        inside: Any = self.core.inside
        flags, streaming, running = Signal(2), Signal(), Signal()
        m.d.comb += inside.flags.eq(flags)
        passes = flags != UPDATE
        there = Signal(init=1)
        m.d.comb += there.eq(1)
        if self.targets is not None:
            m.d.comb += there.eq(~streaming | ~passes | self.targets.arrived)
        if self.errors is not None:
            m.d.comb += there.eq(~streaming | passes | self.errors.arrived)
        with m.FSM(name="runs"):
            with m.State("IDLE"):
                m.d.comb += control.idle.eq(1)
                with m.If(control.started & control.run):
                    m.d.sync += [
                        flags.eq(control.passes | control.update << 1),
                        streaming.eq(control.stream),
                    ]
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += control.waiting.eq(~there)
                with m.If(control.started & ~control.run):
                    m.next = "IDLE"
                with m.Elif(there & ~inside.clearing):
                    m.d.comb += inside.run.eq(1)
                    m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += [running.eq(1), control.counts_cycles.eq(1)]
                with m.If(inside.done):
                    m.next = "IDLE"
        ended = Signal()
        m.d.comb += ended.eq(running & inside.done)
        late = Signal()
        idle = control.idle
        if events is not None:
            m.d.comb += [
                late.eq(running & streaming & passes & ~inside.again),
                events.open.eq(idle | streaming),
                events.used.eq(ended & streaming & passes),
                control.counts_events_in.eq(events.stored),
                control.counts_events_refused.eq(events.refused),
            ]
        for unit, mine in ((self.targets, passes), (self.errors, ~passes)):
            if unit is not None:
                m.d.comb += [
                    unit.open.eq(~running),
                    unit.used.eq(ended & streaming & mine),
                    control.counts_packets_refused.eq(unit.refused),
                ]
        waits = late & (inside.now >= events.arrived) if events is not None else 0
        m.d.comb += [
            inside.hold.eq(out.hold | waits),
            control.counts_stalls.eq(running & (inside.hold | (inside.reported & ~out.accepted))),
            control.clearing.eq(inside.clearing),
            control.counts_runs.eq(ended),
            control.counts_events_out.eq(out.sent),
            control.counts_ticks.eq(self.core.tick),
            control.counts_accesses_refused.eq(self.target.done & self.target.error),
        ]
