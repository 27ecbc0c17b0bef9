"""The lines to a core's regions, and who has them."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.units.common import Unit


class RegionPort(wiring.Signature):
    """Lines to the regions, as who uses them sees them.

    `request` stands from when they are wanted until they are no more; while `granted`, the others
    are those of a :class:`~goldenspike.hdl.units.common.Region`, and `region` says which one.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "request": Out(1),
                "granted": In(1),
                "region": Out(8),
                "at": Out(32),
                "begin": Out(1),
                "load": Out(1),
                "read": Out(1),
                "data": Out(32),
                "value": In(32),
            }
        )


class Arbiter(Unit):
    """Grants the lines to one user after the other, to the first of those that ask.

    Who has them keeps them until its `request` ends. Nobody starves: each user's requests end, and
    come only so fast as its bus brings words.

    Parameters
    ----------
    users
        How many.

    Members
    -------
    user_0, ... : In(RegionPort())
        The users.
    port : Out(RegionPort())
        The lines, without a grant.
    """

    def __init__(self, users: int) -> None:
        self.users = users
        ports = {f"user_{k}": In(RegionPort()) for k in range(users)}
        super().__init__({**ports, "port": Out(RegionPort())})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        users = [getattr(self, f"user_{k}") for k in range(self.users)]
        taken, owner = Signal(), Signal(range(max(self.users, 2)))
        with m.If(~taken):
            for k, user in reversed(list(enumerate(users))):
                with m.If(user.request):
                    m.d.sync += [taken.eq(1), owner.eq(k)]
        with m.Switch(owner):
            for k, user in enumerate(users):
                with m.Case(k):
                    with m.If(taken):
                        m.d.sync += taken.eq(user.request)
                        m.d.comb += [
                            user.granted.eq(1),
                            self.port.begin.eq(user.begin),
                            self.port.load.eq(user.load),
                            self.port.read.eq(user.read),
                        ]
                    m.d.comb += [
                        self.port.request.eq(user.request),
                        self.port.region.eq(user.region),
                        self.port.at.eq(user.at),
                        self.port.data.eq(user.data),
                    ]
        m.d.comb += [user.value.eq(self.port.value) for user in users]
        return m
