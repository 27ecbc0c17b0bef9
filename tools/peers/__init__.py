"""Other simulators beside goldenspike: where they are found, and what they are asked.

A peer lives in an environment of its own below :data:`FOLDER`, which ``make peers`` makes, and is
asked by a script of this package that runs there: it imports nothing of goldenspike and ends by
printing one line of JSON. A peer that is not installed is left out.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from goldenspike.sim.simulators import SimulationError
from goldenspike.tools import console

FOLDER = Path(".peers")
"""The environments, ``FOLDER / name``, below the folder that a command is given in."""
MISSING = "not installed (make peers)"
HEADS = ("peer", "learns by", "a synapse and tick ")
"""Of the columns of :func:`speed_rows`."""
LIMIT_S, INSTALL_LIMIT_S = 300.0, 1200.0
LAVA = ("Lava", "R-STDP in fixed point", "not installed (lava-nc needs Python 3.10)")
"""No environment can be made for it, so nothing asks it."""


class PeerError(SimulationError):
    """A peer failed, or was too slow, or its answer cannot be read; one line says which and why."""


@dataclass(frozen=True)
class Peer:
    """Another simulator.

    Parameters
    ----------
    title
        Its name.
    packages
        What pip installs into its environment.
    script
        File of this package that asks it.
    learns
        The rule whose speed is measured.
    """

    title: str
    packages: tuple[str, ...]
    script: str
    learns: str


PEERS = {
    "nest": Peer("NEST", ("nest-simulator==3.10.0",), "nest_eprop.py", "e-prop"),
    # Brian2 2.9 takes a method of arrays that numpy 2.4 has no more.
    "brian2": Peer(
        "Brian2", ("brian2==2.9.0", "numpy==2.3.5"), "brian2_stdp.py", "three-factor STDP"
    ),
}


class Losses(NamedTuple):
    """The losses of a peer's first iterations, what they took of one core, and its version."""

    losses: tuple[float, ...]
    seconds: float
    version: str


class Speed(NamedTuple):
    """Nanoseconds per synapse and tick of one core, at a rate in spikes a second."""

    ns: float
    rate: float
    version: str


def python(name: str) -> Path | None:
    """Return the interpreter of a peer's environment; None if it is not installed."""
    found = (FOLDER / name / "bin" / "python").absolute()
    return found if found.exists() else None


def ask(name: str, question: str, limit_s: float = LIMIT_S) -> dict[str, Any] | None:
    """Return what a peer's script answers; None if the peer is not installed.

    Parameters
    ----------
    question
        The argument of the script.
    limit_s
        Time limit in seconds, after which it is stopped with all that it started.

    Raises
    ------
    PeerError
        If it fails, is stopped, or does not end with a line of JSON.
    """
    interpreter, peer = python(name), PEERS[name]
    if interpreter is None:
        return None
    command = [interpreter, Path(__file__).with_name(peer.script), question]
    status, said, wrong = execute(command, limit_s)
    if status is None:
        raise PeerError(f"{peer.title} must answer within {limit_s:g} s, and did not")
    if status:
        raise PeerError(f"{peer.title} failed: {last_line(wrong) or f'status {status}'}")
    try:
        answer = json.loads(last_line(said))
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise PeerError(f"{peer.title} must answer with a line of JSON, not {last_line(said)!r}")
    return answer


def execute(command: Sequence[Any], limit_s: float) -> tuple[int | None, str, str]:
    """Return status, stdout and stderr of a program; the status is None if it was stopped.

    Its folder, and the one for what it leaves behind, are temporary.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "stdout"), Path(folder, "stderr")
        ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        variables = {name: value for name, value in os.environ.items() if name not in ours}
        with out.open("wb") as said, err.open("wb") as wrong:
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=variables | {"TMPDIR": folder, "OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=wrong,
                start_new_session=True,
            )
            try:
                status = child.wait(limit_s)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
        return status, out.read_text(errors="replace"), err.read_text(errors="replace")


def last_line(text: str) -> str:
    """Return the last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def numbers(name: str, values: Any, count: int) -> tuple[float, ...]:
    """Return finite numbers that a peer answered with."""
    good = isinstance(values, list) and len(values) == count
    if not good or not all(isinstance(x, (int, float)) and math.isfinite(x) for x in values):
        raise PeerError(f"{PEERS[name].title} must answer with {count} numbers, not {values!r}")
    return tuple(map(float, values))


def nest_losses(limit_s: float = LIMIT_S) -> Losses | None:
    """Return the losses of NEST's `test_eprop_regression`; None if NEST is not installed.

    Raises
    ------
    PeerError
        If NEST fails or is stopped.
    """
    answer = ask("nest", "losses", limit_s)
    if answer is None:
        return None
    losses = numbers("nest", answer.get("losses"), 5)
    (seconds,) = numbers("nest", [answer.get("seconds")], 1)
    return Losses(losses, seconds, str(answer.get("version")))


def speed(name: str, limit_s: float = LIMIT_S) -> Speed | None:
    """Return the speed of a peer's learning; None if it is not installed.

    Raises
    ------
    PeerError
        If it fails or is stopped.
    """
    answer = ask(name, "speed", limit_s)
    if answer is None:
        return None
    ns, rate = numbers(name, [answer.get("ns"), answer.get("rate")], 2)
    return Speed(ns, rate, str(answer.get("version")))


def speed_rows(limit_s: float = LIMIT_S) -> list[tuple[str, str, str]]:
    """Return rows of a table of the peers' speeds; what a peer failed by goes to stderr."""
    rows = []
    for name, peer in PEERS.items():
        title, learns, measured = peer.title, peer.learns, MISSING
        try:
            found = speed(name, limit_s)
        except PeerError as error:
            console.complain(error)
            measured = "failed"
        else:
            if found is not None:
                title = f"{title} {found.version}"
                learns = f"{learns}, {found.rate:.0f} spikes/s"
                measured = f"{found.ns:.2f} ns"
        rows.append((title, learns, measured))
    return [*rows, LAVA]


def install() -> int:
    """Make the peers' environments; return 1 if one could not be made, which a line tells."""
    status = 0
    for name, peer in PEERS.items():
        console.say(f"goldenspike: pip installs {' '.join(peer.packages)} into {FOLDER / name}")
        problem = make(FOLDER / name, peer.packages)
        if problem is not None:
            console.complain(f"{peer.title} could not be installed: {problem}")
            status = 1
    return status


def make(folder: Path, packages: Sequence[str]) -> str | None:
    """Make an environment with some packages, or return why not; a new one is then removed."""
    target = folder.absolute()
    pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", *packages]
    steps = [[target / "bin" / "python", *pip]]
    there = good = (target / "bin" / "python").exists()
    if not there:
        steps.insert(0, [sys.executable, "-m", "venv", "--clear", target])
    try:
        for step in steps:
            status, said, wrong = execute(step, INSTALL_LIMIT_S)
            if status is None:
                return f"it took longer than {INSTALL_LIMIT_S:g} s"
            if status:
                return last_line(wrong) or last_line(said) or f"status {status}"
        good = True
    finally:
        if not good:
            shutil.rmtree(target, ignore_errors=True)
    return None
