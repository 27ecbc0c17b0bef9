"""Verilator and Icarus behind two functions: :func:`build` makes a simulation, :func:`run` runs it.

A build is kept in the cache under the hash of all that it is made of, so a design is compiled once
per machine whichever process asks first. What all of Verilator's builds share (its runtime and
cocotb's main program) is compiled once too, see :mod:`goldenspike.sim.objcache`.

Clocks belong in HDL, by a wrapper that is the top (Verilator is given ``--timing``): Python then
wakes when something happens and not twice a cycle.

cocotb's runner takes its settings from the environment of its process and answers with the exit
of that process. It therefore runs in a child, in a process group of its own that ends with it.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from goldenspike.golden.cache import cache_root, replacing

Simulator = Literal["verilator", "icarus"]
Source = tuple[str, str] | Path

SIMULATORS: tuple[Simulator, ...] = ("verilator", "icarus")
OLDEST_VERILATOR = (5, 36)
TIMESCALE = ("1ns", "1ps")

# Amaranth's Verilog is full of what Verilator's lint objects to (widths, unused wires, case items).
VERILATOR_FLAGS = ("--timing", "-CFLAGS", "-std=c++20", "-Wno-lint")
# -O1 runs as fast as -O2 (within 10 %) and compiles a big core in 4/5 of the time. The wheel's
# configuration lacks the -include that its own makefile needs for large designs.
MAKE_VARIABLES = ("OPT_FAST=-O1", "OPT_GLOBAL=-O2", "CFG_CXXFLAGS_PCH_I=-include")
# Of the caller's environment, these would change what cocotb's runner does.
FOREIGN = ("GUI", "MAKEFLAGS", "PYTEST_CURRENT_TEST", "SIM_CMD_PREFIX", "SIM_CMD_SUFFIX", "WAVES")

CHILD = """
import json, sys
from cocotb_tools.runner import get_runner
simulator, step, arguments = json.loads(sys.argv[1])
getattr(get_runner(simulator), step)(**arguments)
"""
EXCHANGE = "goldenspike"  # the plusarg that tells a bench where its parameters are


class MissingToolError(RuntimeError):
    """A program that must be installed is not; the text says which and from where."""


class SimulationError(RuntimeError):
    """A build or a simulation failed; the text is the bench's own message or the end of the log."""


@dataclass(frozen=True)
class Build:
    """A finished build in the cache.

    Parameters
    ----------
    simulator, top, waves
        As given to :func:`build`.
    folder
        Where it is kept.
    seconds
        What it cost to make; 0 if it was found in the cache.
    """

    simulator: Simulator
    top: str
    waves: bool
    folder: Path
    seconds: float = field(default=0.0, compare=False)


def version(simulator: Simulator) -> str:
    """Return the version of an installed simulator, as in ``"11.0"``.

    Raises
    ------
    MissingToolError
        If the simulator, or something that it needs, is not installed or too old.
    """
    if simulator == "verilator":
        return _verilator()[1]
    if simulator != "icarus":
        raise ValueError(f"Simulator must be one of {', '.join(SIMULATORS)}, not {simulator!r}")
    for program in ("iverilog", "vvp"):
        _require(program, "Icarus", "Debian's package iverilog")
    found = re.search(r"version (\S+)", _first_line("iverilog", "-V"))
    return found[1] if found else "unknown"


def build(
    sources: Iterable[Source],
    top: str,
    simulator: Simulator,
    *,
    include: Iterable[Source] = (),
    defines: Mapping[str, str | int] | None = None,
    visible: Iterable[str] = (),
    waves: bool = False,
    timeout_s: float = 900.0,
    cache: Path | None = None,
) -> Build:
    """Compile Verilog for a simulator, or find it compiled in the cache.

    Parameters
    ----------
    sources
        File names (ending in ``.v`` or ``.sv``) with their text, or files.
    top
        Name of the top module.
    simulator
        ``"verilator"`` or ``"icarus"``.
    include
        Files that the sources include by name.
    defines
        Macros.
    visible
        Modules besides `top` whose signals the bench reads or writes; ``"*"`` for all. What the
        bench cannot see Verilator may optimise: a large core runs twice as fast. Icarus shows all.
    waves
        Whether the build can record waveforms, which makes it slower.
    timeout_s
        Time limit in seconds, not counting the wait for another process that builds the same.
    cache
        Folder of the cache; by default ``sim`` in :func:`goldenspike.golden.cache.cache_root`.

    Raises
    ------
    MissingToolError
        If the simulator is not installed.
    SimulationError
        With the end of the compiler's log.
    """
    version(simulator)
    cache = (cache or cache_root() / "sim").resolve()
    texts = {f"source/{name}": text for name, text in _texts(sources).items()}
    compiled = list(texts)
    texts |= {f"include/{name}": text for name, text in _texts(include).items()}
    arguments: dict[str, Any] = {
        "hdl_toplevel": top,
        "defines": dict(defines or {}),
        "timescale": TIMESCALE,
        "waves": waves,
    }
    if simulator == "verilator":
        arguments["build_args"] = list(VERILATOR_FLAGS)
        if "*" not in (modules := [top, *visible]):
            arguments["build_args"].append("--no-public-flat-rw")  # the runner asks for it
            shown = [f'public_flat_rw -module "{module}" -var "*"\n' for module in modules]
            texts["source/visible.vlt"] = "".join(["`verilator_config\n", *shown])
            compiled.append("source/visible.vlt")
    identity = [simulator, _identity(simulator), texts, arguments]
    key = _hash(identity)
    kept = Build(simulator, top, waves, cache / "builds" / key)
    if kept.folder.exists():
        return kept
    partial = cache / "partial" / key
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.folder.exists():
            return kept
        for left_by_a_killed_process in partial.parent.glob(f"{key}-*"):
            shutil.rmtree(left_by_a_killed_process)
        folder = Path(tempfile.mkdtemp(dir=partial.parent, prefix=f"{key}-"))
        try:
            start = time.monotonic()
            _compile(simulator, folder, texts, compiled, arguments, timeout_s, cache)
            kept.folder.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(kept.folder)  # a build that is there is complete
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return Build(simulator, top, waves, kept.folder, time.monotonic() - start)


def run(
    build: Build,
    module: str,
    *,
    testcase: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    plusargs: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    seed: int = 0,
    timeout_s: float = 300.0,
    waves: Path | None = None,
    work_dir: Path | None = None,
) -> dict[str, Any]:
    """Run a bench, a Python module with cocotb tests, on a build.

    Parameters
    ----------
    build
        From :func:`build`.
    module
        Name of the bench, as it would be imported here.
    testcase
        Name of the one test to run; by default all.
    parameters
        What :func:`parameters` returns in the bench: anything that JSON can hold.
    plusargs, env
        Further arguments (with their ``+``) and environment variables of the simulation.
    seed
        Of cocotb and of Python's ``random`` in the bench.
    timeout_s
        Time limit in seconds, after which the simulation is killed.
    waves
        File ending in ``.vcd`` that gets the waveforms, also if the bench fails; the build must
        have been made for it.
    work_dir
        Folder in which a new one is made for the files of this run, and kept. By default it is in
        the cache, and removed unless the run fails.

    Returns
    -------
    dict
        What the bench gave to :func:`report`.

    Raises
    ------
    SimulationError
        With the message of the failed assertion.
    """
    if waves is not None and not build.waves:
        raise ValueError("Build must be made with waves=True to record waveforms")
    if waves is not None and waves.suffix != ".vcd":
        raise ValueError(f"Waves must be a file ending in .vcd, not {str(waves)!r}")
    parent = work_dir or cache_root() / "sim" / "runs"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{module.rpartition('.')[2]}-")).resolve()
    (folder / PARAMETERS).write_text(json.dumps(dict(parameters or {})))
    arguments: dict[str, Any] = {
        "test_module": module,
        "test_filter": rf"(^|\.){re.escape(testcase)}$" if testcase else None,
        "hdl_toplevel": build.top,
        "hdl_toplevel_lang": "verilog",
        "build_dir": str(build.folder / "object"),
        "test_dir": str(folder),
        "results_xml": str(folder / RESULTS),
        "seed": seed,
        "waves": waves is not None,
        "plusargs": [*plusargs, f"+{EXCHANGE}={folder}"],
    }
    variables = _environment() | dict(env or {})
    if waves is not None:
        waves.parent.mkdir(parents=True, exist_ok=True)
        arguments["test_args"] = ["--trace-file", str(waves.resolve())]
        if build.simulator == "icarus":
            arguments["test_args"] = []
            arguments["plusargs"].append(f"+dumpfile_path={waves.resolve()}")
            variables["SIM_CMD_SUFFIX"] = "-vcd"  # the runner's own -fst stands before it
    status = _execute([build.simulator, "test", arguments], folder, variables, timeout_s)
    problem = _problem(folder, status)
    if problem:
        place = f"(log: {folder / LOG})"
        raise SimulationError(f"{module} under {build.simulator} {problem} {place}")
    reported = folder / REPORT
    report = json.loads(reported.read_text()) if reported.exists() else {}
    if work_dir is None:
        shutil.rmtree(folder)
    return report


def parameters() -> dict[str, Any]:
    """Return, in a bench, what its caller gave to :func:`run` as parameters."""
    return json.loads((_exchange() / PARAMETERS).read_text())


def report(values: Mapping[str, Any]) -> None:
    """Add, in a bench, to what :func:`run` returns: anything that JSON can hold."""
    path = _exchange() / REPORT
    earlier = json.loads(path.read_text()) if path.exists() else {}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(earlier | dict(values)))


def _exchange() -> Path:
    import cocotb

    return Path(str(cocotb.plusargs[EXCHANGE]))


def _problem(folder: Path, status: int | None) -> str:
    """Return what went wrong in a run, as the end of a sentence; nothing if all is well."""
    if status is None:
        return "must end in time, but did not and was killed"
    try:
        cases = list(ElementTree.parse(folder / RESULTS).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return f"ended without a result:\n{_tail(folder)}\n"
    failures = [
        f"{case.get('name')}: {fault.get('type', fault.tag)}: {fault.get('message', '')}"
        for case in cases
        for fault in (*case.iter("failure"), *case.iter("error"))
    ]
    if failures:
        return "failed in " + "\n".join(failures)
    if not cases:
        return "must have the test asked for, but has not"
    if status:
        return f"passed, but the simulation ended with status {status}:\n{_tail(folder)}\n"
    return ""


def _compile(
    simulator: Simulator,
    folder: Path,
    texts: Mapping[str, str],
    arguments: Mapping[str, Any],
    timeout_s: float,
    objects: Path,
) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    variables = _environment()
    if simulator == "verilator":
        root = _verilator()[0]
        programs = [root / "bin", Path(sys.executable).parent, variables["PATH"]]
        launcher = [sys.executable, "-I", "-S", Path(__file__).with_name("objcache.py"), objects]
        make = [*MAKE_VARIABLES, f"PYTHON3={Path(sys.executable).name}"]
        variables["VERILATOR_ROOT"] = str(root)
        variables["PATH"] = os.pathsep.join(map(str, programs))
        variables["MAKEFLAGS"] = " ".join(["", "--", *make])
        variables["OBJCACHE"] = shlex.join(map(str, launcher))
    made = folder / "object"
    files = {
        "sources": [str(folder / name) for name in texts if name.startswith("source/")],
        "includes": [str(folder / "include")],
        "build_dir": str(made),
    }
    status = _execute([simulator, "build", {**arguments, **files}], folder, variables, timeout_s)
    top = arguments["hdl_toplevel"]
    if status is None:
        raise SimulationError(f"Build of {top} for {simulator} must end within {timeout_s:g} s")
    if status:
        raise SimulationError(f"Build of {top} for {simulator} failed:\n{_tail(folder)}")
    for path in made.iterdir():
        if path.name not in (top, "sim.vvp"):
            path.unlink()


def _execute(
    job: Sequence[Any], folder: Path, variables: Mapping[str, str], timeout_s: float
) -> int | None:
    """Run a step of cocotb's runner in a child; return its status, or None if it took too long."""
    with (folder / LOG).open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, json.dumps(job)],
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
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _environment() -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    variables["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    return variables


def _tail(folder: Path, lines: int = 30) -> str:
    text = (folder / LOG).read_text(errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def _texts(sources: Iterable[Source]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for source in sources:
        name, text = (source.name, source.read_text()) if isinstance(source, Path) else source
        if name in texts or name != Path(name).name:
            raise ValueError(f"Name of a source must be plain and used once, not {name!r}")
        texts[name] = text
    return texts


def _verilator() -> tuple[Path, str]:
    """Return folder and version of Python's package, whatever ``verilator`` is on PATH."""
    try:
        found = importlib.metadata.distribution("verilator")
    except importlib.metadata.PackageNotFoundError:
        raise MissingToolError(_missing("Verilator", "Verilator", "the Python package verilator"))
    if tuple(map(int, found.version.split(".")[:2])) < OLDEST_VERILATOR:
        oldest = ".".join(map(str, OLDEST_VERILATOR))
        raise MissingToolError(f"Verilator must be {oldest} or newer, not {found.version}")
    for program, package in (("c++", "g++"), ("make", "make"), ("perl", "perl")):
        _require(program, "Verilator", f"Debian's package {package}")
    return Path(str(found.locate_file("verilator"))), found.version


def _require(program: str, name: str, package: str) -> None:
    if shutil.which(program) is None:
        raise MissingToolError(
            f"{program} must be installed to simulate with {name}: install {package}"
        )


def _identity(simulator: Simulator) -> list[str]:
    """Return what makes a build differ besides its sources and arguments."""
    found = [version(simulator), importlib.metadata.version("cocotb"), sys.prefix]
    return found if simulator == "icarus" else [*found, _first_line("c++", "--version")]


@functools.cache
def _first_line(program: str, flag: str) -> str:
    text = subprocess.run([program, flag], capture_output=True, text=True, check=True).stdout
    return text.partition("\n")[0]


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:20]
