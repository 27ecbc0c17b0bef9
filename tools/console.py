"""What the commands say and how: tables on stdout; progress, warnings and errors on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 100
"""Columns of what goes to a file or a pipe."""


class InputError(Exception):
    """What was asked cannot be done; one line says why. The command ends with status 2."""


@contextlib.contextmanager
def input_errors(where: str) -> Iterator[None]:
    """Turn the errors of checking input into an :class:`InputError` that names `where`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{where}: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {error}") from error


def _stdout() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def say(text: object = "") -> None:
    """Print a line of results."""
    _stdout().print(Text(str(text)), soft_wrap=True)


def complain(text: object) -> None:
    """Print one line on stderr."""
    line = " ".join(str(text).split())
    print(f"goldenspike: {line}", file=sys.stderr)


def show(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table; columns whose head ends in a space are aligned right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="")
    for head in heads:
        table.add_column(head.strip(), justify="right" if head.endswith(" ") else "left")
    for row in rows:
        table.add_row(*(Text(str(item)) for item in row))
    _stdout().print(table)


def progress() -> Progress:
    """Return a progress display, on stderr."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextlib.contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show that something without a known length is being done."""
    with Console(stderr=True).status(text):
        yield
