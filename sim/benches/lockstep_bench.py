"""cocotb bench: starts the wrapper that compares a core with the golden model, and waits.

The wrapper compares in HDL, see :mod:`goldenspike.hdl.bench`: Python wakes now and then to see
whether it has come to its end.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import Timer

from goldenspike.sim.exchange import parameters, report

POLL_S = 0.005
CLOCK_NS = 10
LEAST, MOST, SHARE = 50, 20_000, 16
"""Cycles between two looks: a share of those that have been, within limits."""


@cocotb.test()
async def lockstep(dut: Any) -> None:
    """Wait for the golden model, which runs beside the simulator's start; then for the core.

    Reports the number of the digest that differs or does not come, or the cycles until all is done.
    """
    given = parameters()
    await Timer(1, unit="ns")
    ready = Path(given["ready"])
    while not ready.exists():
        time.sleep(POLL_S)  # No cycle is simulated meanwhile.
    counts = json.loads(ready.read_text())
    if counts is None:  # The golden model failed, and its caller tells.
        return
    for name, value in {**counts, "limit": given["limit"], "go": 1}.items():
        getattr(dut, name).value = value
    # An edge to wait for would be looked after at every step: a tenth of a small core's time.
    waited = 0
    while not dut.over.value:
        step = min(max(LEAST, waited // SHARE), MOST)
        await Timer(step * CLOCK_NS, unit="ns")
        waited += step
    moment = int(dut.moment.value)
    if dut.silent.value:
        report({"hang": moment})
    elif dut.differs.value:
        report({"moment": moment, "digest": str(dut.found.value)})
    else:
        counts = {"cycles": int(dut.cycles.value), "busy": int(dut.busies.value)}
        report(counts | {"fault": int(dut.fault.value)})
