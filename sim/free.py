"""A core that runs free under plain Verilator: without Python, golden model or comparison.

It is the peer of lockstep in speed: built with the same options, and given the same words.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from goldenspike.golden.cache import cache_root
from goldenspike.golden.plan import Plan
from goldenspike.hdl import bench, verilog
from goldenspike.hdl.core import Core
from goldenspike.sim import spaceless, toolchain
from goldenspike.sim.simulators import TIMESCALE, SimulationError

OBJECT = "object"


def build(
    plan: Plan, lanes: int, *, neurons: int = 1, optimised: bool = False, timeout_s: float = 900.0
) -> Path:
    """Return a program that runs a core, which is compiled or found in the cache.

    Parameters
    ----------
    plan, lanes, neurons
        Of the core, which has digests and no traces.
    optimised, timeout_s
        As of :func:`goldenspike.sim.simulators.build`.

    Raises
    ------
    SimulationError
        With the end of the compiler's log.
    """
    core = Core(plan, lanes, neurons)
    files = {"core.v": verilog.convert(core, "core", kept=True), "clocked.v": bench.free()}
    make = toolchain.make_variables(optimised)
    said = [*toolchain.identity("verilator"), *toolchain.VERILATOR_OPTIONS, *make, files]
    key = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:20]
    cache = (cache_root() / "sim").resolve()
    kept = cache / "free" / key
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            place = kept.parent if spaceless.safe(kept.parent) else spaceless.place()
            with tempfile.TemporaryDirectory(dir=place) as name:
                folder = Path(name)
                for file, text in files.items():
                    (folder / file).write_text(text)
                command = ["verilator", "--cc", "--exe", "--main", "--build", "-j", "2"]
                command += ["--timescale", "/".join(TIMESCALE), "--top-module", bench.TOP]
                command += ["--prefix", "Vtop", "-Mdir", OBJECT]
                command += ["-o", bench.TOP, *toolchain.VERILATOR_OPTIONS, *files]
                variables = toolchain.environment(folder / "objects", optimised=optimised)
                status = toolchain.execute(
                    ["verilator", "command", command], folder, variables, timeout_s
                )
                if status != 0:
                    log = toolchain.log_tail(folder)
                    raise SimulationError(f"Build of a free core failed:\n{log}")
                shutil.move(folder / OBJECT / bench.TOP, kept)
    return kept


def run(program: Path, words: Sequence[int], answers: int, *, timeout_s: float = 900.0) -> int:
    """Run a core on the words of a host; return its clock cycles.

    Parameters
    ----------
    program
        From :func:`build`.
    words
        What the core is sent.
    answers
        How many words it answers.

    Raises
    ------
    SimulationError
        If it does not come to its end.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stimulus = folder / "stimulus"
        stimulus.write_text("".join(f"{word:08x}\n" for word in words))
        command = [str(program), f"+stimulus={stimulus}", f"+expected={answers}"]
        variables = toolchain.environment()
        status = toolchain.execute(["verilator", "command", command], folder, variables, timeout_s)
        log = toolchain.log_tail(folder)
        found = re.search(r"cycles (\d+), seen [0-9a-f]+, fault 0", log)
        if status != 0 or found is None:
            raise SimulationError(f"A free core must come to its end, but did not:\n{log}")
        return int(found[1])
