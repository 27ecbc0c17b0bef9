"""cocotb bench: a simulated board behind a pseudo-terminal.

The terminal's name is written to the file that the caller names; the bench ends when the file
that stands for that is there, or when nobody has said a thing for too long.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import time
import tty
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import Timer, ValueChange

from goldenspike.golden.cache import replacing
from goldenspike.hdl.boards.bench import CLOCK_NS, DIVISOR
from goldenspike.sim.exchange import parameters, report

PIECE = 4096
BYTE_NS = 10 * DIVISOR * CLOCK_NS
QUIET = 64
"""Bytes' times without a byte after which a board at rest stands still until one comes."""
NAP_S = 0.05


@cocotb.test()
async def board(dut: Any) -> None:
    """Carry bytes between the terminal and the board's pins."""
    given = parameters()
    master, slave = pty.openpty()
    tty.setraw(slave)  # Kept open, so that the board is there before and after its host.
    os.set_blocking(master, False)
    with replacing(Path(given["port"])) as temporary:
        temporary.write_text(os.ttyname(slave))
    heard = [0]

    async def listen() -> None:
        while True:
            await ValueChange(dut.taken)
            heard[0] += 1
            with contextlib.suppress(BlockingIOError):  # As of any line that nobody reads.
                os.write(master, bytes([int(dut.got.value)]))

    cocotb.start_soon(listen())
    await Timer(200, unit="ns")
    quiet, before, latest = 0, 0, time.monotonic()
    while not Path(given["stop"]).exists():
        if time.monotonic() - latest > given["idle_s"]:
            break
        sleepy = quiet > QUIET and not int(dut.running.value)
        readable, _, _ = select.select([master], [], [], NAP_S if sleepy else 0)
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(master, PIECE) if readable else b""
        for byte in data:
            dut.give.value = byte
            dut.go.value = not int(dut.go.value)
            await ValueChange(dut.given)
        if data or heard[0] != before:
            quiet, before, latest = 0, heard[0], time.monotonic()
        elif not sleepy:
            quiet += 1
            await Timer(BYTE_NS, unit="ns")
    os.close(master)
    os.close(slave)
    report({"heard": heard[0]})
