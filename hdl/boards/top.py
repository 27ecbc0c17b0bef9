"""The top of a board: a core behind a bridge behind a UART."""

from typing import Any

from amaranth.hdl import Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from goldenspike.golden.plan import Plan
from goldenspike.hdl.boards.bridge import Bridge
from goldenspike.hdl.boards.uart import REST, UartReceiver, UartTransmitter
from goldenspike.hdl.core import Core
from goldenspike.hdl.host import identification
from goldenspike.hdl.units.common import Unit

ROOM = 256
"""Words to the core, and from it, that are kept."""
LEAST_DEPTH, MOST_DEPTH = 256, 16384
"""Digests that are kept."""


def digest_depth(plan: Plan, most: int = MOST_DEPTH) -> int:
    """Return how many digests to keep: those of two trials if `most` allows it."""
    wanted = 1 << (2 * plan.digests - 1).bit_length()
    return min(max(wanted, LEAST_DEPTH), most)


class Top(Unit):
    """A core on a serial line.

    Parameters
    ----------
    plan, lanes, neurons
        Of the core.
    divisor
        Clock cycles of a bit on the line.
    digest
        Whether digests are made and kept.
    most
        Digests that there is room for.

    Members
    -------
    rx, tx : In(1), Out(1)
        The line, at rest 1.
    running, fault : Out(1)
        What can be seen: a trial runs; the core did not understand a command.
    """

    def __init__(
        self,
        plan: Plan,
        lanes: int,
        divisor: int,
        *,
        neurons: int = 1,
        digest: bool = True,
        most: int = MOST_DEPTH,
    ) -> None:
        self.plan, self.divisor = plan, divisor
        self.core = Core(plan, lanes, neurons, digest=digest)
        depth = digest_depth(plan, most) if digest else 0
        self.bridge = Bridge(identification(plan), ROOM, depth)
        super().__init__(
            {"rx": In(1, **REST), "tx": Out(1, **REST), "running": Out(1), "fault": Out(1)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self.divisor)
        m.submodules.bridge = bridge = self.bridge
        core = self.core
        m.submodules.core = ResetInserter(bridge.restart)(core)
        wiring.connect(m, receiver.o, bridge.i)
        wiring.connect(m, bridge.o, transmitter.i)
        wiring.connect(m, bridge.words, core.i)
        wiring.connect(m, core.o, bridge.answers)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            bridge.error.eq(receiver.error),
            bridge.tick.eq(core.tick),
            bridge.digest.eq(core.digest),
            bridge.busy.eq(core.busy),
            bridge.fault.eq(core.fault),
            self.running.eq(bridge.running),
            self.fault.eq(core.fault),
        ]
        return m
