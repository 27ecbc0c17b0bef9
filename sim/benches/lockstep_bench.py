"""cocotb bench: the core's digests against the golden model's, tick by tick."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import First, RisingEdge, Timer

from goldenspike.sim.exchange import parameters, report

CLOCK_NS = 10


@cocotb.test()
async def lockstep(dut: Any) -> None:
    """Compare one digest a tick; stop at the first that differs.

    Reports the cycles until each digest, and until all is done.
    """
    given = parameters()
    ticks = []
    limit = Timer(given["cycles"] * CLOCK_NS, unit="ns")
    await Timer(200, unit="ns")
    dut.go.value = 1
    for moment, expected in enumerate(given["digests"]):
        if await First(RisingEdge(dut.tick), limit) is limit:
            report({"hang": moment})
            return
        digest = int(dut.digest.value)
        if digest != expected:
            report({"moment": moment, "digest": digest})
            return
        ticks.append(int(dut.cycles.value))
    if int(dut.done.value) == 0 and await First(RisingEdge(dut.done), limit) is limit:
        report({"hang": len(given["digests"])})
        return
    counts = {"cycles": int(dut.cycles.value), "busy": int(dut.busies.value)}
    report(counts | {"ticks": ticks, "fault": int(dut.fault.value)})
