"""The programs behind :mod:`goldenspike.sim.simulators`: what is installed, and a way to run it.

cocotb's runner takes its settings from the environment of its process and answers with the exit
of that process. It therefore runs in a child, in a process group of its own that ends with it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from goldenspike.sim import spaceless

Simulator = Literal["verilator", "icarus"]

SIMULATORS: tuple[Simulator, ...] = ("verilator", "icarus")
OLDEST_VERILATOR = (5, 36)  # for cocotb 2.1
LOG = "log.txt"

# Amaranth's Verilog is full of what Verilator's lint objects to. Other warnings remain errors.
# Verilator makes `valid ? sum : 0` to `sum & -valid`, and so computes each sum in each cycle. Left
# as it is, the compiler makes a branch: a large core, whose digest sums few of its channels in a
# cycle, takes 0.87 of the time.
VERILATOR_OPTIONS = (
    "--timing",
    "-CFLAGS",
    "-std=c++20",
    "-Wno-lint",
    "-fno-dfg-peephole-replace-cond-with-else-branch-zero",
    "-fno-dfg-peephole-replace-cond-with-then-branch-zero",
)
# Mutants make loops of logic that a core does not have. With Verilator's DFG, a core with 86
# mutants, none of them chosen, gave wrong digests; without it, or at -O0, right ones.
LOOPS_OPTIONS = ("-fno-dfg",)
# The core of cue_accumulation at 16 lanes and neurons (4.3 MB of Verilog): at -O1 it compiles in 36
# s and takes 5.4 us a cycle, at -O3 in 65 s and 4.8 us. The shared runtime at -O2, not -Os, makes a
# small core 1.4 times faster. GCC needs -include for a large core; the Python package was
# configured without it.
QUICK, OPTIMISED = "OPT_FAST=-O1", "OPT_FAST=-O3"
MAKE_VARIABLES = ("OPT_GLOBAL=-O2", "CFG_CXXFLAGS_PCH_I=-include")
ICARUS_DUMP = "module dump; initial $dumpvars(0, {}); endmodule\n"
WAVES_SWITCH = {"verilator": "--trace", "icarus": "-vcd"}  # of a run; the last one counts
# Of the caller's environment, these would change what the runner or make does.
FOREIGN = re.compile(
    "COCOTB_|GPI_|PYGPI_|SIM_CMD_|(GUI|MAKEFLAGS|PYTEST_CURRENT_TEST|RANDOM_SEED|WAVES)$"
)

# The child's group ends with whoever started it, however that ended: the other end of the pipe
# whose number it is told is then closed.
CHILD = """
import json, os, signal, subprocess, sys, threading
def end():
    os.read(int(sys.argv[2]), 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)
threading.Thread(target=end, daemon=True).start()
simulator, step, arguments = json.loads(sys.argv[1])
if step == "command":
    sys.exit(subprocess.call(arguments))
from cocotb_tools.runner import get_runner
getattr(get_runner(simulator), step)(**arguments)
"""


class MissingToolError(RuntimeError):
    """A program that must be installed is not; the text says which, and where to get it."""


def version(simulator: Simulator) -> str:
    """Return the version of an installed simulator, as in ``"11.0"``.

    Raises
    ------
    MissingToolError
        If the simulator, or a program that it needs, is not installed or too old.
    """
    if simulator == "verilator":
        return _verilator()[1]
    if simulator != "icarus":
        raise ValueError(f"Simulator must be one of {', '.join(SIMULATORS)}, not {simulator!r}")
    if shutil.which("iverilog") is None or shutil.which("vvp") is None:
        raise MissingToolError(
            "Icarus must be installed to simulate with it: install Debian's package iverilog"
        )
    found = re.search(r"version (\S+)", _first_line("iverilog", "-V"))
    return found[1] if found else "unknown"


def identity(simulator: Simulator) -> list[str]:
    """Return what makes a build differ besides its sources and options."""
    found = [version(simulator), importlib.metadata.version("cocotb"), sys.prefix]
    return [*found, _first_line("c++", "--version")] if simulator == "verilator" else found


def prepare(
    simulator: Simulator, texts: Mapping[str, str], visible: Sequence[str], waves: bool
) -> tuple[dict[str, str], list[str]]:
    """Return what a simulator is told when it builds.

    Parameters
    ----------
    simulator
        Which simulator.
    texts
        Sources by name.
    visible
        Modules whose signals a bench uses, the top first; ``"*"`` for all.
    waves
        Whether waveforms can be recorded.

    Returns
    -------
    dict, list of str
        Sources by name, those given as they are and what this simulator needs besides, and command
        line options.
    """
    if simulator == "icarus":
        if not waves:
            return dict(texts), []
        return {**texts, "dump.v": ICARUS_DUMP.format(visible[0])}, ["-s", "dump"]
    if "*" in visible:
        return dict(texts), list(VERILATOR_OPTIONS)
    lines = [f'public_flat_rw -module "{module}" -var "*"' for module in visible]
    control = "\n".join(["`verilator_config", *lines, ""])
    return {**texts, "visible.vlt": control}, [*VERILATOR_OPTIONS, "--no-public-flat-rw"]


def make_variables(optimised: bool) -> list[str]:
    """Return what Verilator's makefile is told."""
    return [OPTIMISED if optimised else QUICK, *MAKE_VARIABLES]


def environment(objects: Path | None = None, *, optimised: bool = False) -> dict[str, str]:
    """Return the environment variables of a child.

    Parameters
    ----------
    objects
        If the child builds with Verilator, the folder for the objects that all builds share.
    optimised
        Whether the compiler optimises a design as well as it can, or is quick.
    """
    variables = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    entries = [Path(entry).absolute() for entry in sys.path]
    variables["PYTHONPATH"] = os.pathsep.join(map(str, [*_cocotb(), *entries]))
    if objects is not None:
        python = Path(sys.executable)
        root = _verilator()[0]
        path = [root / "bin", python.parent, variables["PATH"]]
        launcher = [python, "-I", "-S", Path(__file__).with_name("objcache.py"), objects]
        variables["PATH"] = os.pathsep.join(map(str, path))
        variables["VERILATOR_ROOT"] = str(root)
        variables["MAKEFLAGS"] = " ".join(
            ["", "--", *make_variables(optimised), f"PYTHON3={python.name}"]
        )
        variables["OBJCACHE"] = shlex.join(map(str, launcher)).replace("$", "$$")
    return variables


def execute(
    job: Sequence[Any], folder: Path, variables: Mapping[str, str], timeout_s: float
) -> int | None:
    """Run one step of cocotb's runner, or a command, in a child.

    Parameters
    ----------
    job
        Simulator, name of the runner's method, and its arguments; or simulator, ``"command"`` and
        the command's words.
    folder
        Where it runs, and leaves what it prints in :data:`LOG`.
    variables
        Its whole environment.
    timeout_s
        Time limit in seconds.

    Returns
    -------
    int or None
        Its exit status; None if it ran into the limit and was killed.
    """
    alive, kept = os.pipe()
    with (folder / LOG).open("wb") as log, os.fdopen(alive), os.fdopen(kept, "wb"):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, json.dumps(job), str(alive)],
            pass_fds=[alive],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # What it has left behind, too.
            child.wait()


def lint(files: Sequence[Path], top: str) -> str:
    """Return what ``verilator --lint-only -Wall`` says of files: nothing if all is well.

    Raises
    ------
    MissingToolError
        If Verilator is not installed.
    """
    root, _ = _verilator()
    done = subprocess.run(
        [str(root / "bin" / "verilator"), "--lint-only", "-Wall", "--top-module", top]
        + [str(path) for path in files],
        env=os.environ | {"VERILATOR_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr or (f"status {done.returncode}" if done.returncode else "")


def log_tail(folder: Path, lines: int = 30) -> str:
    """Return the end of what a child printed."""
    return "\n".join((folder / LOG).read_text(errors="replace").splitlines()[-lines:])


def _verilator() -> tuple[Path, str]:
    """Return folder and version of the Python package, whatever Verilator is on PATH.

    The folder is one that make can name.
    """
    try:
        found = importlib.metadata.distribution("verilator")
    except importlib.metadata.PackageNotFoundError:
        raise MissingToolError(
            "Verilator must be installed to simulate with it: install the Python package verilator"
        ) from None
    if tuple(map(int, found.version.split(".")[:2])) < OLDEST_VERILATOR:
        oldest = "{}.{}".format(*OLDEST_VERILATOR)
        raise MissingToolError(
            f"Verilator must be {oldest} or newer, not {found.version}: "
            "update the Python package verilator"
        )
    for program, package in (("c++", "g++"), ("make", "make"), ("perl", "perl")):
        if shutil.which(program) is None:
            raise MissingToolError(
                f"The program {program} must be installed to simulate with Verilator: "
                f"install Debian's package {package}"
            )
    root = Path(str(found.locate_file("verilator")))
    return spaceless.copied(root.parent, [root.name]) / root.name, found.version


def _cocotb() -> list[Path]:
    """Return where children find cocotb first: nowhere else, but if make cannot name its place."""
    parent = Path(str(importlib.metadata.distribution("cocotb").locate_file("")))
    found = spaceless.copied(parent, ["cocotb", "cocotb_tools"])
    return [] if found == parent else [found]


@functools.cache
def _first_line(program: str, flag: str) -> str:
    text = subprocess.run([program, flag], capture_output=True, text=True, check=True).stdout
    return text.partition("\n")[0]
