"""What the commands say and how: tables on stdout; progress, warnings and errors on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any

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


class ReaderGoneError(Exception):
    """Whatever read our standard output has gone: there is no more to do, and nothing is wrong."""


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


@contextlib.contextmanager
def naming_stdout() -> Iterator[None]:
    """Name the standard output in the errors of writing to it, such as that its disk is full.

    Raises
    ------
    ReaderGoneError
        If nobody reads it any more.
    """
    try:
        yield
    except BrokenPipeError:
        raise ReaderGoneError from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


class _Stdout(Console):
    """Rich's console, but that a reader who goes away is for the command to deal with."""

    def on_broken_pipe(self) -> None:
        raise ReaderGoneError


def _print(thing: Any, **how: Any) -> None:
    console = _Stdout(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    with naming_stdout():
        console.print(thing, **how)


def say(text: object = "") -> None:
    """Print a line of results."""
    _print(Text(str(text)), soft_wrap=True)


def write(text: str) -> None:
    """Print a text as it is."""
    with naming_stdout():
        sys.stdout.write(text)
        sys.stdout.flush()


def complain(text: object) -> None:
    """Print one line on stderr."""
    line = " ".join(str(text).split())
    with contextlib.suppress(BrokenPipeError):  # Nobody listens to errors either.
        print(f"goldenspike: {line}", file=sys.stderr)


def show(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table; columns whose head ends in a space are aligned right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="")
    for head in heads:
        table.add_column(head.strip(), justify="right" if head.endswith(" ") else "left")
    for row in rows:
        table.add_row(*(Text(str(item)) for item in row))
    _print(table)


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
