"""What commands leave behind. Every file is written under another name first, then renamed."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import io
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from goldenspike.golden.cache import replacing
from goldenspike.golden.parameters import choice
from goldenspike.golden.plan import Plan
from goldenspike.golden.planned import PlannedProjection
from goldenspike.golden.trial import Session
from goldenspike.tools.console import InputError, input_errors
from goldenspike.tools.job import Job
from goldenspike.tools.training import History, headline

NAMES = {"compiled": "fixed point", "python": "fixed point", "ideal": "float64"}
"""What an engine's results are called."""


BROKEN = (
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
)
"""What numpy raises for a file that is none of its own, besides what archives do."""


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Keep a folder of results for this process, made if needed, until the block ends.

    That it can be written is tried first. The system lets go of it when the process ends, however
    it does. A folder that was made and has nothing in it goes again.

    Raises
    ------
    InputError
        If another process has it, which is named.
    OSError
        If it cannot be made or written.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        writable(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise InputError(
                f"Folder of results must be this run's alone, not {str(folder)!r}, to which "
                f"{owner(folder)} writes"
            ) from None
        try:
            yield
        finally:
            os.close(handle)
    finally:
        with contextlib.suppress(OSError):
            for place in made:
                place.rmdir()


def owner(folder: Path) -> str:
    """Return which process has a folder."""
    inode = str(folder.stat().st_ino)
    with contextlib.suppress(OSError, IndexError):
        for line in Path("/proc/locks").read_text(encoding="utf-8").splitlines():
            _, kind, _, _, process, file, *_ = line.split()
            if kind == "FLOCK" and file.rpartition(":")[2] == inode:
                return f"process {process}"
    return "another process"


def writable(folder: Path) -> None:
    """Make a folder and try to write to it; raise OSError that names it if that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def clear(folder: Path, mark: str) -> None:
    """Empty a folder that an earlier run left, which a file of its own marks.

    Raises
    ------
    InputError
        If there are files in it, and not that one: they may be the user's.
    """
    found = list(folder.iterdir()) if folder.exists() else []
    if found and folder / mark not in found:
        raise InputError(
            f"Folder of results must be empty, or of an earlier run, not {str(folder)!r}, "
            f"which has {found[0].name!r} in it"
        )
    for place in found:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON file."""
    write_text(path, json.dumps(data, indent=2) + "\n")


def versions() -> dict[str, str]:
    """Return the versions of what results can depend on."""
    return {name: importlib.metadata.version(name) for name in ("goldenspike", "numpy", "numba")}


def _own(plan: Plan) -> list[PlannedProjection]:
    """Return the projections that have weights of their own."""
    return [q for q in plan.projections if q.mirror is None]


def write_weights(path: Path, session: Session) -> None:
    """Write the weights of all projections: ``NAME.w``, raw integers, and ``NAME.format``.

    Those of the ideal engine are real numbers, and their format is ``float64``. A projection that
    mirrors another has none of its own.
    """
    arrays: dict[str, Any] = {}
    for q in _own(session.plan):
        raw = session.arrays[f"{q.name}.w"]
        arrays[f"{q.name}.w"] = raw.astype(np.int64) if raw.dtype == object else raw
        arrays[f"{q.name}.format"] = "float64" if session.kind == "ideal" else str(q.weight)
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)


def read_weights(path: Path, plan: Plan) -> dict[str, np.ndarray]:
    """Return the raw weights by projection, as :func:`write_weights` wrote them.

    Raises
    ------
    InputError
        If the file is none of its own, or of another network.
    """
    with input_errors(str(path)):
        data = path.read_bytes()
        try:
            file = np.load(io.BytesIO(data))
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError
            with file:
                arrays = dict(file.items())
        except (*BROKEN, zipfile.BadZipFile, zlib.error):
            raise ValueError("Weights must be a file that `learn` wrote") from None
        found = {}
        for q in _own(plan):
            choice(f"Weights of {q.name}", f"{q.name}.w", tuple(arrays))
            written = str(arrays.get(f"{q.name}.format"))
            if written != str(q.weight):
                raise ValueError(f"Weights of {q.name} must be of {q.weight}, not {written}")
            found[q.name] = arrays[f"{q.name}.w"]
        return found


def write_curve(path: Path, job: Job, histories: Sequence[History]) -> None:
    """Draw the learning curve: the error of the trials, and the figure that counts."""
    from matplotlib.figure import Figure

    metric = headline(job, histories[0].last)
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for history, style in zip(histories, ("-", "--"), strict=False):
        name = NAMES[history.kind]
        trials, means = history.curve()
        if (means > 0).any():
            above.set_yscale("log")
        above.plot(trials, means, style, label=name)
        below.plot(
            [trial for trial, _ in history.measured],
            [figures[metric] for _, figures in history.measured],
            "o" + style,
            markersize=3,
            label=name,
        )
    above.set_title(f"{job.experiment.name}, seed {job.experiment.seed}")
    above.set_ylabel("error of a trial")
    below.set_ylabel(metric)
    below.set_xlabel("trials")
    for axes in (above, below):
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
