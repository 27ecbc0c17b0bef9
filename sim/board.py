"""A simulated board behind a pseudo-terminal: a host talks to it as to one that is plugged in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from goldenspike.golden.plan import Plan
from goldenspike.hdl import verilog
from goldenspike.hdl.boards import bench
from goldenspike.hdl.boards.top import Top
from goldenspike.sim import simulators
from goldenspike.sim.simulators import SimulationError
from goldenspike.sim.toolchain import Simulator

BENCH = "goldenspike.sim.benches.board_bench"
BEGIN_S, IDLE_S = 120.0, 300.0


def build(
    plan: Plan,
    lanes: int,
    simulator: Simulator = "verilator",
    *,
    neurons: int = 1,
    digest: bool = True,
    depth: int | None = None,
) -> simulators.Build:
    """Return the simulation of a network's top.

    Parameters
    ----------
    neurons
        Of the core.
    digest
        Whether it makes digests.
    depth
        Digests that it has room for at most; by default as many as a board.
    """
    most = {} if depth is None else {"most": depth}
    top = Top(plan, lanes, bench.DIVISOR, neurons=neurons, digest=digest, **most)
    sources = [("top.v", verilog.convert(top, "top")), ("wired.v", bench.bench())]
    return simulators.build(sources, bench.TOP, simulator)


@contextlib.contextmanager
def plugged_in(build: simulators.Build, *, limit_s: float = 3600.0) -> Iterator[str]:
    """Run a built top; yield the name of its port.

    Parameters
    ----------
    limit_s
        Time limit of the whole simulation in seconds.

    Raises
    ------
    SimulationError
        If it does not begin, or fails.
    """
    with TemporaryDirectory() as name, ThreadPoolExecutor(1) as pool:
        port, stop = Path(name, "port"), Path(name, "stop")
        given = {"port": str(port), "stop": str(stop), "idle_s": IDLE_S}
        running = pool.submit(simulators.run, build, BENCH, parameters=given, timeout_s=limit_s)
        try:
            until = time.monotonic() + BEGIN_S
            while not port.exists() and not running.done():
                if time.monotonic() > until:
                    raise SimulationError(f"Simulated board must begin in {BEGIN_S:g} s")
                time.sleep(0.02)
            if running.done():
                running.result()
                raise SimulationError("Simulated board must run, but has ended")
            yield port.read_text()
        finally:
            stop.touch()
        running.result()
