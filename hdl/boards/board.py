"""Boards: those of amaranth-boards that have a serial line and an FPGA with open tools."""

import importlib
import inspect
import pkgutil
from typing import Any

from amaranth.build.res import ResourceError
from amaranth.hdl import Elaboratable, Module
from amaranth.lib.io import Buffer, Direction

from goldenspike.golden.parameters import choice
from goldenspike.golden.plan import Plan
from goldenspike.hdl.boards.clock import Clock, is_ecp5
from goldenspike.hdl.boards.top import Top

DEPTHS = {"LFE5": 4096, "iCE40": 256}
"""Digests that are kept at most, by the beginning of the device's name."""
UNSUITED = ("supercon19badge",)
"""Boards that tell nextpnr things of their own, where we would tell ours."""
DSP = ("iCE40UP",)
"""iCE40s with multipliers, which Yosys uses only if it is told to."""


def boards() -> dict[str, Any]:
    """Return the platforms of all boards that will do, by name.

    A board is called as its module, or where that has several, as its class.

    Raises
    ------
    ModuleNotFoundError
        If amaranth-boards is not installed.
    """
    package = importlib.import_module("amaranth_boards")
    found: dict[str, Any] = {}
    for entry in pkgutil.iter_modules(package.__path__):
        if entry.name in UNSUITED:
            continue
        module = importlib.import_module(f"{package.__name__}.{entry.name}")
        kinds = [
            kind
            for name, kind in vars(module).items()
            if inspect.isclass(kind) and kind.__module__ == module.__name__ and _will_do(kind)
        ]
        for kind in kinds:
            own = kind.__name__.removesuffix("Platform").strip("_").lower()
            found[entry.name if len(kinds) == 1 else own] = kind
    return found


def _will_do(kind: Any) -> bool:
    """Return whether a class is a board with a serial line and an iCE40 or ECP5."""
    device = getattr(kind, "device", None)
    return (
        isinstance(device, str)
        and device.startswith(tuple(DEPTHS))
        and not kind.__name__.startswith("_")
        and isinstance(kind.default_clk, str)
        and any(resource.name == kind.default_clk for resource in kind.resources)
        and any(resource.name == "uart" for resource in kind.resources)
    )


def platform(name: str) -> Any:
    """Return a board's platform.

    Raises
    ------
    ValueError
        Naming the boards, and the nearest one.
    """
    known = boards()
    choice("Board", name, tuple(known))
    return known[name]()


class BoardTop(Elaboratable):
    """A network's core on a board: its clock, its serial line, its lights.

    Parameters
    ----------
    platform
        The board.
    plan, lanes, neurons
        Of the core.
    clock
        Its clock.
    cycles
        Clock cycles of a bit on the line: see :func:`~goldenspike.hdl.boards.uart.divisor`.
    digest
        Whether the core makes digests.
    """

    def __init__(
        self,
        platform: Any,
        plan: Plan,
        lanes: int,
        clock: Clock,
        cycles: int,
        *,
        neurons: int = 1,
        digest: bool = True,
    ) -> None:
        self.clock = clock
        most = next(n for start, n in DEPTHS.items() if platform.device.startswith(start))
        self.top = Top(plan, lanes, cycles, neurons=neurons, digest=digest, most=most)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self.clock.build(m)
        m.submodules.top = top = self.top
        line = platform.request("uart", 0, dir="-")
        m.submodules.rx = rx = Buffer(Direction.Input, line.rx)
        m.submodules.tx = tx = Buffer(Direction.Output, line.tx)
        m.d.comb += [top.rx.eq(rx.i), tx.o.eq(top.tx)]
        for number, light in enumerate((top.running, top.fault)):
            try:
                pin = platform.request("led", number, dir="-")
            except ResourceError:
                continue
            m.submodules[f"led_{number}"] = buffer = Buffer(Direction.Output, pin)
            m.d.comb += buffer.o.eq(light)
        return m


def options(platform: Any) -> dict[str, Any]:
    """Return what the tools are told for a board, besides what amaranth tells them."""
    given: dict[str, Any] = {
        "nextpnr_opts": "--timing-allow-fail --report top.report",
        "debug_verilog": False,
    }
    if not is_ecp5(platform) and platform.device.startswith(DSP):
        given["synth_opts"] = "-dsp"
    return given
