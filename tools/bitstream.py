"""``goldenspike bitstream``: an experiment's core on a board."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenspike.hdl import host
from goldenspike.hdl.boards import board
from goldenspike.hdl.boards.clock import Clock, is_ecp5
from goldenspike.hdl.boards.uart import divisor
from goldenspike.hdl.core import check_lanes
from goldenspike.sim.simulators import MissingToolError, SimulationError
from goldenspike.tools import console, fpga, results
from goldenspike.tools.console import input_errors
from goldenspike.tools.job import prepare
from goldenspike.tools.link import BAUD

NAME = "top"
LIMIT_S = 7200.0
ECP5_TOOLS = ("yosys", "nextpnr-ecp5", "ecppack")
ICE40_TOOLS = ("yosys", "nextpnr-ice40", "icepack")
LOG = "log.txt"


@dataclass(frozen=True)
class Built:
    """What the tools made.

    Parameters
    ----------
    file
        The bitstream.
    used
        By kind of cell: how many, of how many.
    clocks
        By clock: what it reaches and what it must, in MHz.
    seconds
        What it took.
    """

    file: Path
    used: dict[str, tuple[int, int]]
    clocks: dict[str, tuple[float, float]]
    seconds: float

    @property
    def late(self) -> list[str]:
        """The clocks that are not fast enough."""
        return [name for name, (found, wanted) in self.clocks.items() if found < wanted]


def run(
    name: str,
    *,
    board_name: str,
    lanes: int = 8,
    neurons: int = 1,
    frequency: float | None = None,
    baud: int = BAUD,
    digest: bool = True,
    out: Path | None = None,
) -> int:
    """Make the bitstream, print what it takes and how fast it is; status 1 if that is too slow.

    Parameters
    ----------
    frequency
        Of the core's clock in MHz; by default that of the board.
    out
        Folder of the results; by default ``build/NAME/BOARD``.
    """
    with input_errors("bitstream"):
        check_lanes(lanes, neurons)
        platform = find(board_name)
    job = prepare(name)
    folder = out or Path("build") / job.experiment.name / board_name
    with results.owned(folder):
        tools = programs(platform)
    with input_errors("bitstream"):
        clock = Clock(platform, frequency)
        cycles = divisor(clock.hz, baud)
    top = board.BoardTop(platform, job.plan, lanes, clock, cycles, neurons=neurons, digest=digest)
    with (
        results.owned(folder),
        console.waiting(f"Yosys and nextpnr make the bitstream for {board_name} (minutes)"),
    ):
        built = make(platform, top, folder, tools)
    mhz = clock.hz / 1e6
    facts = {
        "experiment": job.experiment.name,
        "board": board_name,
        "lanes": lanes,
        "neurons": neurons,
        "frequency_mhz": mhz,
        "baud": baud,
        "digest": digest,
        "identification": f"{host.identification(job.plan):08x}",
        "used": {kind: list(pair) for kind, pair in built.used.items()},
        "clocks_mhz": {clock: list(pair) for clock, pair in built.clocks.items()},
    }
    results.write_json(folder / "bitstream.json", facts)
    rows = [(k, n, of, f"{100 * n / of:.0f} %") for k, (n, of) in built.used.items()]
    title = f"{job.experiment.name} on {board_name}, {lanes} lanes"
    console.show(title, ("cell", "used ", "of ", "share "), rows)
    clocks = [(c, f"{found:.2f}", f"{need:.2f}") for c, (found, need) in built.clocks.items()]
    console.show("Clocks in MHz", ("clock", "reaches ", "needs "), clocks)
    if built.late:
        built.file.unlink()  # What may not work is not left lying about.
        reached = min(built.clocks[clock][0] for clock in built.late)
        console.complain(
            f"Timing must be met at {mhz:g} MHz, but the core on {board_name} reaches "
            f"{reached:.2f} MHz: take a lower --frequency or other --lanes"
        )
        return 1
    console.say(f"Written: {built.file} in {built.seconds:.0f} s, for {baud} baud")
    return 0


def find(name: str) -> Any:
    """Return a board's platform, or raise MissingToolError if there are no boards at all."""
    if importlib.util.find_spec("amaranth_boards") is None:
        raise MissingToolError(f"amaranth-boards must be installed to know boards: {fpga.EXTRA}")
    return board.platform(name)


def programs(platform: Any) -> dict[str, str]:
    """Return the tools that a board needs, as Amaranth is told: by environment variable.

    Those on PATH are taken, or else those of the Python packages.

    Raises
    ------
    MissingToolError
        If there is one of neither.
    """
    wanted = ECP5_TOOLS if is_ecp5(platform) else ICE40_TOOLS  # Boards name programmers too.
    return {tool.upper().replace("-", "_"): fpga.program(tool) for tool in wanted}


def make(platform: Any, top: board.BoardTop, folder: Path, tools: dict[str, str]) -> Built:
    """Run the tools.

    Raises
    ------
    SimulationError
        With the tool's own line, if one fails: a core that does not fit, for example.
    InputError
        If the folder has files that no bitstream left there.
    """
    begin = time.monotonic()
    results.clear(folder, f"build_{NAME}.sh")
    variables = {**os.environ, **tools}
    place = platform.prepare(top, NAME, **board.options(platform)).extract(str(folder))
    with (folder / LOG).open("w", encoding="utf-8") as log:
        try:
            status = subprocess.run(
                ["sh", f"build_{NAME}.sh"],
                cwd=place,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=LIMIT_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise SimulationError(f"Bitstream must be made in {LIMIT_S:g} s") from None
    if status:
        raise SimulationError(f"Bitstream must be made, but {fpga.problem(folder / LOG)}")
    placed = fpga.reported(folder / f"{NAME}.report")
    suffix = "bit" if is_ecp5(platform) else "bin"
    return Built(folder / f"{NAME}.{suffix}", placed.used, placed.clocks, time.monotonic() - begin)
