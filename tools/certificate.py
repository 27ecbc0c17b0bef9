"""Certificates: the folder that ``goldenspike certify`` writes, and how it is read again.

    description.toml   the network that was certified, byte for byte as it was given
    core.v             its Verilog; its first lines bear the description's SHA-256
    certificate.json   what was checked, with what, and what was found
    junit.xml          the same for CI servers
    certificate.txt    the same for people

``certificate.json`` is of format ``goldenspike-certificate/1``::

    format, passed, date (UTC), versions (of all that had a part in it, by name)
    name            of the description
    top             module of the Verilog
    lanes, neurons, seed, trials, time (limit of the claims in seconds)
    description     file, sha256
    verilog         file, sha256, lines
    files           SHA-256 of the other files, by name
    counts          checks, passed, failed, left_out
    proofs          a list, as of ``goldenspike prove --json``: each part with its own constants
    export          same (whether the description gives the same Verilog again, byte for byte)
    readers         a list: reader, problem (null if it reads the Verilog, and complains of nothing)
    lockstep        a list: what ("corners" or "task"), simulator, stalls, power_up (seed of what
                    memories begin with, or null for zeros), kinds (of its runs, in their order:
                    "learn", "split", "plain", "reset"), trials, ticks, cycles, words (read back and
                    compared), digest (the sum of those of all ticks, in hex), problem (null, or
                    what differs first)
    claims          a list: name, result ("proved", "bounded", "failed" or "left out"), depth
                    (cycles), seconds, reason (why it was left out or failed, else null)

A certificate is not signed: who can write the folder can write another one. Its own SHA-256 is
printed when it is made: note that, and it can be recognised.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import secrets
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenspike.sim import simulators, solvers
from goldenspike.tools import fpga, results
from goldenspike.tools.console import InputError, input_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "goldenspike-certificate/1"
CERTIFICATE, DESCRIPTION, VERILOG = "certificate.json", "description.toml", "core.v"
JUNIT, PAGE = "junit.xml", "certificate.txt"
FILES = (CERTIFICATE, DESCRIPTION, VERILOG, JUNIT, PAGE)


def sha256(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def header(top: str, description: bytes, lanes: int, neurons: int) -> str:
    """Return the lines that a core's Verilog begins with."""
    version = importlib.metadata.version("goldenspike")
    return (
        f"// {top}: written by goldenspike {version}, with {lanes} lanes and {neurons} neurons.\n"
        f"// SHA-256 of its description: {sha256(description)}\n"
    )


def versions(solver: str) -> dict[str, str]:
    """Return the versions of all that has a part in a certificate."""
    found = {"python": platform.python_version(), **results.versions()}
    found |= {name: importlib.metadata.version(name) for name in ("amaranth", "cocotb")}
    found["yosys"] = fpga.yosys_version()
    found |= {name: simulators.version(name) for name in simulators.SIMULATORS}
    return found | {name: solvers.version(name) for name in dict.fromkeys(("z3", solver))}


class Folder:
    """Where a certificate is written: all of it at the end, or nothing.

    Parameters
    ----------
    path
        The folder; a certificate that is there is replaced.

    Raises
    ------
    InputError
        At once, if it could not be written in the end, or is a folder of anything else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with input_errors(str(path)):
            if path.exists() and not path.is_dir():
                raise ValueError("Folder must be new or a certificate's, not a file")
            if path.is_dir() and any(path.iterdir()) and not (path / CERTIFICATE).is_file():
                raise ValueError(f"Folder must be new or a certificate's: it has no {CERTIFICATE}")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._beside("try").mkdir()
            self._beside("try").rmdir()

    def _beside(self, what: str) -> Path:
        """Return a name that nobody else has, on the same file system."""
        if not hasattr(self, "token"):
            self.token = secrets.token_hex(8)
        return self.path.with_name(f".{self.path.name}.{self.token}.{what}")

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write all files, then give the folder its name."""
        new, old = self._beside("new"), self._beside("old")
        try:
            new.mkdir()
            for name, data in files.items():
                (new / name).write_bytes(data)
            if self.path.exists():
                self.path.rename(old)
            try:
                new.rename(self.path)
            except OSError:
                if old.exists():
                    old.rename(self.path)
                raise
        finally:
            for folder in (new, old):
                shutil.rmtree(folder, ignore_errors=True)


def read(path: Path) -> dict[str, Any]:
    """Return the certificate in a folder.

    Raises
    ------
    InputError
        In one line, if there is none.
    """
    file = path / CERTIFICATE
    with input_errors(str(file)):
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"Format of a certificate must be {FORMAT!r}")
    return found


def complaints(path: Path, given: dict[str, Any], verilog: Path) -> list[str]:
    """Return why a Verilog file is not one that a folder certifies: nothing if it is.

    Parameters
    ----------
    path, given
        The folder, and its certificate.
    verilog
        The file.
    """
    found = []
    try:
        asked = verilog.read_bytes()
    except OSError as error:
        raise InputError(f"{verilog}: {error.strerror}") from error
    try:
        wanted = {DESCRIPTION: given["description"]["sha256"], **given["files"]}
        certified, passed = given["verilog"]["sha256"], given["passed"] is True
    except (KeyError, TypeError):
        raise InputError(f"{path / CERTIFICATE}: Certificate must be whole: it is not") from None
    if sha256(asked) != certified:
        found.append(
            f"{verilog} is not the certified Verilog: its SHA-256 is {sha256(asked)}, not "
            f"{certified}"
        )
    for name, digest in wanted.items():
        file = path / Path(name).name
        if not file.is_file():
            found.append(f"{file} is missing")
        elif sha256(file.read_bytes()) != digest:
            found.append(f"{file} is not the file that was written with the certificate")
    if wanted[DESCRIPTION].encode() not in asked:
        found.append(f"{verilog} must bear the SHA-256 of the description, but does not")
    if not passed:
        found.append(f"{path} says that {given['counts']['failed']} of its checks failed")
    return found


def page(data: dict[str, Any]) -> str:
    """Return a certificate as a page of text."""
    verdict = "All checks passed." if data["passed"] else "CHECKS FAILED: see below."
    counts = data["counts"]
    proofs, claims = data["proofs"], data["claims"]
    proved = sum(one["status"] == "proved" for one in proofs)
    lines = [
        f"Certificate of {data['name']}, {data['date']}",
        verdict,
        f"{counts['passed']} passed, {counts['failed']} failed, {counts['left_out']} left out.",
        "",
        f"Description  {data['description']['sha256']}  {data['description']['file']}",
        f"Verilog      {data['verilog']['sha256']}  {data['verilog']['file']}",
        f"Module {data['top']}, {data['lanes']} lanes, {data['neurons']} neurons.",
        f"Seed {data['seed']}, {data['trials']} trials.",
        "",
        f"Cells: {proved} of {len(proofs)} twins equal their cells, for all inputs.",
        *(f"  {p['status']}: {p['where']}: {p['cell']}" for p in proofs if p["status"] != "proved"),
        "",
        f"Export: the same bytes again: {'yes' if data['export']['same'] else 'NO'}.",
        "Verilog:",
        *(f"  {_word(one['problem'])}: {one['reader']}" for one in data["readers"]),
        "",
        "Lockstep with the golden model (corners: half of all numbers are ends of their formats):",
        *(f"  {_word(one['problem'])}: {_tried(one)}" for one in data["lockstep"]),
        "",
        f"Claims of the sequencer at this shape, {data['time']:g} s at most:",
        *(f"  {one['result']}: {one['name']}{_why(one)}" for one in claims),
        "",
        "Versions: " + ", ".join(f"{name} {one}" for name, one in data["versions"].items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def _word(problem: str | None) -> str:
    """Return whether a check passed, and why not."""
    return "passed" if problem is None else f"FAILED ({' '.join(problem.split())})"


def _tried(one: dict[str, Any]) -> str:
    """Return a lockstep run in words."""
    streams = "streams stalled" if one["stalls"] else "streams not stalled"
    began = "" if one["power_up"] is None else ", memories that begin with anything"
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(one["kinds"]).items())
    seen = f"{one['ticks']} digests, {one['cycles']} cycles, {one['words']} words read back"
    return f"{one['what']} on {one['simulator']}, {streams}{began}: {kinds}; {seen}"


def _why(one: dict[str, Any]) -> str:
    """Return why a claim says nothing, or for how long it holds."""
    if one["result"] == "bounded":
        return f", for {one['depth']} cycles"
    return "" if one["reason"] is None else f" ({' '.join(one['reason'].split())})"
