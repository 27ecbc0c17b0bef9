"""Paths that make can have: Verilator's makefiles know no way to write a space.

What lies in a folder with a space in its path is copied to one without, once.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

UNSAFE = re.compile(r"[^\w./+@,=-]")
"""What a path in a makefile and in its shell commands must not have."""
FURTHER = ("/tmp", "/var/tmp")
"""Folders for temporary files, if the one that the system names will not do."""


def safe(path: Path) -> bool:
    """Return whether a path can stand in a makefile."""
    return UNSAFE.search(str(path)) is None


@functools.cache
def place() -> Path:
    """Return a folder of this user alone, whose path can stand in a makefile.

    Raises
    ------
    OSError
        If every folder for temporary files has a space in its path, or is not ours to use.
    """
    candidates = [Path(name).resolve() for name in (tempfile.gettempdir(), *FURTHER)]
    for parent in candidates:
        folder = parent / f"goldenspike-{os.getuid()}"
        if not safe(folder) or not parent.is_dir() or not os.access(parent, os.W_OK):
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        # Nobody else may put there what we compile and run.
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o77:
            return folder
    listed = ", ".join(map(str, dict.fromkeys(candidates)))
    raise OSError(
        f"Verilator needs a folder without spaces in its path, and none of {listed} will do: "
        "name one by the environment variable TMPDIR"
    )


def copied(parent: Path, names: Sequence[str]) -> Path:
    """Return a folder that make can name, and that has folders of the same names and content.

    It is `parent` itself if make can name it, else a copy, which is made again if one changed.
    """
    if safe(parent):
        return parent
    states = [(name, (parent / name).stat().st_mtime_ns) for name in names]
    key = hashlib.sha256(repr((str(parent), states)).encode()).hexdigest()[:20]
    kept = place() / key
    if not kept.exists():
        made = Path(tempfile.mkdtemp(dir=place()))
        try:
            for name in names:
                shutil.copytree(parent / name, made / name)
            made.rename(kept)
        except OSError:
            if not kept.exists():  # Another process was quicker.
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return kept
