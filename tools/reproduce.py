"""``goldenspike reproduce``: figures of papers and theory beside float64, fixed point and RTL."""

from __future__ import annotations

import datetime as dt
import importlib
import itertools
import math
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from goldenspike.golden import catalog
from goldenspike.golden.parameters import choice
from goldenspike.sim import simulators
from goldenspike.tools import console, results
from goldenspike.tools import figures as package
from goldenspike.tools.console import input_errors
from goldenspike.tools.measuring import TRIALS, Figure, Run

DOCUMENT = Path("docs/reproduce.md")
HEADS = ("rule", "quantity", "expected", "source", "float64", "fixed point", "RTL", "")
INTRODUCTION = (
    "What papers and theory say, and what was measured: in float64, in fixed point, and by the "
    "hardware. Fixed point is judged: it must lie in the range behind the expected value. The "
    "hardware learns the first trials of the same experiment in lockstep, and its bits must be "
    "those of fixed point: every digest and, after the trials, every weight."
)
Measured = list[tuple[str, Figure]]
"""Figures with the names of their families."""


def families() -> dict[str, ModuleType]:
    """Return the modules of all families of figures, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}


def run(
    names: Sequence[str],
    *,
    everything: bool = False,
    listed: bool = False,
    hardware: bool = True,
    out: Path | None = None,
) -> int:
    """Measure families of figures and print them; return 1 if one is not as it must be.

    Parameters
    ----------
    everything
        All families; the table is written to `out`.
    listed
        Only list the families, as without names.
    out
        File of the Markdown table; by default ``docs/reproduce.md`` with `everything`, else none.
    """
    known = families()
    with input_errors("reproduce"):
        for name in names:
            choice("Family of figures", name, known)
    if listed or not (names or everything):
        rows = [(name, catalog.summary(module)) for name, module in known.items()]
        console.show("Families of figures", ("name", "what it measures"), rows)
        return 0
    chosen = list(known) if everything else list(dict.fromkeys(names))
    versions = results.versions()
    if hardware:
        versions |= {one: simulators.version(one) for one in TRIALS}
    path = out or (DOCUMENT if everything else None)
    if path is not None:
        results.writable(path.parent)
    measured: Measured = []
    for name in chosen:
        found = measure(name, known[name], hardware)
        show(f"{name}: {catalog.summary(known[name])}", found)
        measured += [(name, figure) for figure in found]
    if path is not None:
        words = ["--all"] if everything else chosen
        command = " ".join(["goldenspike reproduce", *words, *([] if hardware else ["--no-rtl"])])
        results.write_text(path, markdown(measured, command, versions))
        console.say(f"In {path}: the table")
    bad = [(name, figure) for name, figure in measured if not figure.good]
    for name, figure in bad:
        for fault in faults(figure):
            console.complain(f"{name}: {figure.rule}: {figure.quantity}: {fault}")
    console.say(f"{len(measured) - len(bad)} of {len(measured)} as they must be")
    return 1 if bad else 0


def measure(name: str, family: ModuleType, hardware: bool) -> list[Figure]:
    """Return a family's figures, with a bar while they are measured."""
    with console.progress() as bars:
        whole = bars.add_task(f"{name}: figures", total=None)
        found = []
        for figure in family.figures(Run(hardware, bars)):
            found.append(figure)
            bars.advance(whole)
        bars.remove_task(whole)
    return found


def show(title: str, found: Iterable[Figure]) -> None:
    """Print a table of figures, those of a rule below its name."""
    heads = [head + " " * (head in ("float64", "fixed point")) for head in HEADS[1:]]
    rows = []
    for rule, group in itertools.groupby(found, lambda figure: figure.rule):
        rows.append([rule] + [""] * (len(heads) - 1))
        rows += [["  " + quantity, *rest] for _, quantity, *rest in map(cells, group)]
    console.show(title, heads, rows)


def number(value: float | None) -> str:
    """Return a value in four digits, or a dash for none."""
    return "-" if value is None else f"{value:.4g}"


def between(band: tuple[float, float]) -> str:
    """Return a band in words."""
    low, high = band
    if low == high:
        return f"exactly {number(low)}"
    if math.isinf(high):
        return f"at least {number(low)}"
    return f"at most {number(high)}" if math.isinf(low) else f"{number(low)} to {number(high)}"


def expected(figure: Figure) -> str:
    """Return what a figure must be, and how nearly."""
    if figure.expected is None or figure.band == (figure.expected, figure.expected):
        return between(figure.band)
    below, above = (abs(end - figure.expected) for end in figure.band)
    if figure.expected and math.isclose(below, above):
        return f"{number(figure.expected)} \u00b1 {100 * above / abs(figure.expected):.3g} %"
    return f"{number(figure.expected)} ({between(figure.band)})"


def cells(figure: Figure) -> list[str]:
    """Return what a row of a table says of a figure; how its hardware failed is told elsewhere."""
    return [
        figure.rule,
        figure.quantity,
        expected(figure),
        figure.source,
        number(figure.ideal),
        number(figure.fixed),
        hardware_cell(figure),
        "good" if figure.good else "BAD",
    ]


def hardware_cell(figure: Figure) -> str:
    """Return in how many trials, whole ones, the hardware was equal to fixed point."""
    if not figure.lockstep:
        return "not run"
    differing = [one.simulator for one in figure.lockstep if one.problem is not None]
    if differing:
        return f"differs ({', '.join(differing)})"
    counts = [f"{one.simulator} {one.total('trials')}" for one in figure.lockstep]
    return f"= fixed, trials: {', '.join(counts)}"


def faults(figure: Figure) -> list[str]:
    """Return what is not as it must be."""
    found = []
    if not figure.in_band:
        found.append(f"must be {between(figure.band)}, not {number(figure.fixed)}")
    for verdict in figure.lockstep:
        if verdict.problem is not None:
            trials = f"trials {verdict.first} to {verdict.first + verdict.count - 1}"
            found.append(f"{verdict.simulator}, {trials}: {verdict.problem}")
    return found


def markdown(measured: Measured, command: str, versions: Mapping[str, str]) -> str:
    """Return the page with the table, the command that made it and what it was made with."""
    today = dt.datetime.now(dt.UTC).date()
    made = ", ".join(f"{name} {version}" for name, version in versions.items())
    heads = ["family", *HEADS[:-1], "verdict"]
    rows = [[name, *cells(figure)] for name, figure in measured]
    table = [heads, ["---"] * len(heads), *rows]
    escaped = ([cell.replace("|", r"\|") for cell in row] for row in table)
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    made_by = f"Made by `{command}` on {today} with {made}."
    return "\n".join(["# Reproduced figures", "", INTRODUCTION, "", made_by, "", *lines, ""])
