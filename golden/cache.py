"""Where things that are made once are kept."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

PLACE = "GOLDENSPIKE_CACHE"
"""The environment variable that names the folder."""


def cache_root() -> Path:
    """Return the folder of what is made once and kept.

    The one that ``GOLDENSPIKE_CACHE`` names; else ``build`` of the checkout that the working
    directory is in; else ``goldenspike`` in ``XDG_CACHE_HOME``, which is ``~/.cache`` by default.
    """
    named = os.environ.get(PLACE)
    if named:
        return Path(named).absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        project = folder / "pyproject.toml"
        if project.is_file() and 'name = "goldenspike"' in project.read_text():
            return folder / "build"
    users = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The standard says to ignore a relative path.
    return (users if users.is_absolute() else Path.home() / ".cache") / "goldenspike"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` that takes its place if the block ends well.

    An interrupted or failing block leaves nothing behind and `path` as it was.

    Raises
    ------
    OSError
        That names `path`, if it cannot be written: when a disk is full, too.
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(8)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
