"""Verilator and Icarus behind two functions: :func:`build` makes a simulation, :func:`run` runs it.

A build is kept in the cache under the hash of all that it is made of, so a design is compiled once
per machine whichever process asks first. What all of Verilator's builds share (its runtime and
cocotb's main program) is compiled once too, see :mod:`goldenspike.sim.objcache`.

Clocks belong in HDL, in a wrapper that is the top (Verilator is given ``--timing``): Python then
wakes when something happens and not twice a cycle.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from goldenspike.golden.cache import cache_root
from goldenspike.sim import spaceless
from goldenspike.sim.exchange import PARAMETERS, PLUSARG, REPORT
from goldenspike.sim.toolchain import (
    LOG,
    LOOPS_OPTIONS,
    SIMULATORS,
    WAVES_SWITCH,
    MissingToolError,
    Simulator,
    environment,
    execute,
    identity,
    log_tail,
    make_variables,
    prepare,
    version,
)

__all__ = ["SIMULATORS", "Build", "MissingToolError", "SimulationError", "build", "run", "version"]

Source = tuple[str, str] | Path

RESULTS = "results.xml"
OBJECT = "object"  # the folder of a build that the simulator fills
TIMESCALE = ("1ns", "1ps")
WAVES_FILE = "dump.vcd"  # the default of both simulators


class SimulationError(RuntimeError):
    """A build or a run failed; the text is the bench's own message, or the end of the log."""


@dataclass(frozen=True)
class Build:
    """A finished build in the cache.

    Parameters
    ----------
    simulator, top, waves
        As given to :func:`build`.
    folder
        Where it is.
    seconds
        What it cost to make; 0 if it was found in the cache.
    """

    simulator: Simulator
    top: str
    waves: bool
    folder: Path
    seconds: float = field(default=0.0, compare=False)


def build(
    sources: Iterable[Source],
    top: str,
    simulator: Simulator,
    *,
    include: Iterable[Source] = (),
    defines: Mapping[str, str | int] | None = None,
    visible: Iterable[str] = (),
    waves: bool = False,
    optimised: bool = False,
    loops: bool = False,
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
        Modules besides `top` whose signals the bench uses; ``"*"`` for all. Verilator optimises
        what the bench cannot see: a large core runs twice as fast. Icarus shows everything.
    waves
        Whether the build can record waveforms, which makes it slower.
    optimised
        Whether the compiler takes its time to make a fast simulation: for long runs. Icarus does
        not care.
    loops
        Whether there may be loops of logic, as mutants make them.
    timeout_s
        Time limit in seconds, not counting the wait for a process that builds the same.
    cache
        Folder of the cache; by default ``sim`` in :func:`goldenspike.golden.cache.cache_root`.

    Raises
    ------
    MissingToolError
        If the simulator is not installed.
    SimulationError
        With the end of the compiler's log.
    """
    tools = identity(simulator)
    cache = (cache or cache_root() / "sim").resolve()
    texts, options = prepare(simulator, _texts(sources), [top, *visible], waves)
    if loops and simulator == "verilator":
        options += LOOPS_OPTIONS
    files = {f"source/{name}": text for name, text in texts.items()}
    arguments = {
        "sources": list(files),
        "includes": ["include"],
        "defines": dict(defines or {}),
        "hdl_toplevel": top,
        "build_args": options,
        "build_dir": OBJECT,
        "timescale": TIMESCALE,
        "waves": waves and simulator == "verilator",
    }
    files |= {f"include/{name}": text for name, text in _texts(include).items()}
    chosen = make_variables(optimised) if simulator == "verilator" else []
    key = _hash([simulator, tools, files, arguments, chosen])
    kept = Build(simulator, top, waves, cache / "builds" / key)
    partial = cache / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    with (partial / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.folder.exists():
            return kept
        start = time.monotonic()
        for left_by_a_killed_process in partial.glob(f"{key}-*"):
            shutil.rmtree(left_by_a_killed_process, ignore_errors=True)
        place = partial if spaceless.safe(partial) else spaceless.place()
        folder = Path(tempfile.mkdtemp(dir=place, prefix=f"{key}-"))
        try:
            for name, text in files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text)
            shared = cache if spaceless.safe(cache) else spaceless.place()
            objects = shared / "objects" / _hash(tools)
            compiled = objects if simulator == "verilator" else None
            variables = environment(compiled, optimised=optimised)
            _compile(simulator, folder, arguments, variables, timeout_s)
            kept.folder.parent.mkdir(exist_ok=True)
            if place != partial:
                folder = Path(shutil.move(folder, partial / folder.name))
            folder.rename(kept.folder)  # the last step: a build that is there is complete
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return replace(kept, seconds=time.monotonic() - start)


def run(
    build: Build,
    module: str,
    *,
    testcase: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    plusargs: Iterable[str] = (),
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
        Name by which the bench can be imported.
    testcase
        Name of the one test to run; by default all are.
    parameters
        What :func:`goldenspike.sim.exchange.parameters` returns in the bench.
    plusargs, env
        Further arguments (with their ``+``) and environment variables of the simulation.
    seed
        Of Python's ``random`` in the bench.
    timeout_s
        Time limit in seconds, after which the simulation is killed.
    waves
        File ending in ``.vcd`` for the waveforms, also those of a failure; the build must have
        been made for it.
    work_dir
        Folder in which a new one is made for the files of this run, and kept. By default it is in
        the cache, and removed unless the run fails.

    Returns
    -------
    dict
        What the bench gave to :func:`goldenspike.sim.exchange.report`.

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
        "build_dir": str(build.folder / OBJECT),
        "test_dir": str(folder),
        "results_xml": str(folder / RESULTS),
        "seed": seed,
        "plusargs": [*plusargs, f"+{PLUSARG}={folder}"],
    }
    variables = environment() | dict(env or {})
    if waves is not None:
        variables["SIM_CMD_SUFFIX"] = WAVES_SWITCH[build.simulator]
    status = execute([build.simulator, "test", arguments], folder, variables, timeout_s)
    if waves is not None and (folder / WAVES_FILE).exists():
        waves.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / WAVES_FILE, waves)
    if status is None:
        problem = f"must end in {timeout_s:g} s, but did not and was killed"
    else:
        problem = _problem(folder, status)
    if problem:
        place = f"(log: {folder / LOG})"
        raise SimulationError(f"{module} on {build.simulator} {problem} {place}")
    reported = folder / REPORT
    report = json.loads(reported.read_text()) if reported.exists() else {}
    if work_dir is None:
        shutil.rmtree(folder)
    return report


def _compile(
    simulator: Simulator,
    folder: Path,
    arguments: Mapping[str, Any],
    variables: Mapping[str, str],
    timeout_s: float,
) -> None:
    status = execute([simulator, "build", arguments], folder, variables, timeout_s)
    top = arguments["hdl_toplevel"]
    if status is None:
        raise SimulationError(f"Build of {top} for {simulator} must end in {timeout_s:g} s")
    if status:
        raise SimulationError(f"Build of {top} for {simulator} failed:\n{log_tail(folder)}")
    for path in (folder / OBJECT).iterdir():
        if path.name not in (top, "sim.vvp"):  # all that a run needs
            path.unlink()


def _problem(folder: Path, status: int) -> str:
    """Return what went wrong in a run, as the end of a sentence; nothing if all is well."""
    try:
        cases = list(ET.parse(folder / RESULTS).getroot().iter("testcase"))
    except (OSError, ET.ParseError):
        return f"ended without a result:\n{log_tail(folder)}\n"
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
        return f"passed, but the simulation ended with status {status}:\n{log_tail(folder)}\n"
    return ""


def _texts(sources: Iterable[Source]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for source in sources:
        name, text = (source.name, source.read_text()) if isinstance(source, Path) else source
        if name in texts or name != Path(name).name:
            raise ValueError(f"Name of a source must be plain and used once, not {name!r}")
        texts[name] = text
    return texts


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:20]
