"""Mutants inside twins, killed by proof: the twin with the fault does not equal its cell any more.

A twin stands alone here, for all inputs, as in :mod:`goldenspike.sim.proof`; the fault is at the
same cell of its netlist. If the twin equals its cell nevertheless, the mutant is equivalent.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from goldenspike.hdl import yosys
from goldenspike.sim.mutation import relative
from goldenspike.sim.proof import check_ports, differ, golden_terms
from goldenspike.sim.query import read_terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from goldenspike.hdl.cell import Twin
    from goldenspike.sim.mutation import Mutant, Netlist

TIMEOUT_S = 20.0
ALONE = """read_rtlil twins.il
proc
write_rtlil netlist.il
"""
FAULTY = """read_rtlil netlist.il
{mutants}
flatten
opt_clean
write_smt2 twins.smt2
"""
MODULE = re.compile(r"^module \\(\S+)\n(.*?)^end\n", re.DOTALL | re.MULTILINE)
CELL = re.compile(
    r"^((?:  attribute [^\n]*\n)*)  cell (\S+) (\S+)\n(.*?)^  end\n", re.DOTALL | re.MULTILINE
)


class Place(NamedTuple):
    """A cell by what it is: its kind, its attributes, its parameters and the names of its ports."""

    kind: str
    attributes: str
    parameters: tuple[str, ...]
    ports: tuple[str, ...]


def _cells(text: str) -> dict[str, dict[str, Place]]:
    """Return what the cells of modules are, by module and name."""
    found = {}
    for module, body in MODULE.findall(text):
        found[module] = cells = {}
        for attributes, kind, name, inside in CELL.findall(body):
            parameters = tuple(re.findall(r"^    parameter (.*)$", inside, re.MULTILINE))
            ports = tuple(re.findall(r"^    connect (\S+)", inside, re.MULTILINE))
            cells[name.removeprefix("\\")] = Place(kind, attributes, parameters, ports)
    return found


def _counterpart(name: str, there: dict[str, Place], here: dict[str, Place]) -> str | None:
    """Return the cell of one module that is a cell of another; None if that is not sure."""
    place = there[name]
    ours, theirs = ([n for n, p in each.items() if p == place] for each in (here, there))
    return ours[theirs.index(name)] if len(ours) == len(theirs) else None


def _inside(netlist: Netlist, mutant: Mutant) -> tuple[str, Twin] | None:
    """Return the twin that a mutant is in, and the name of its module."""
    parts = mutant.module.split(".")
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        if module in netlist.twins:
            return module, netlist.twins[module]
    return None


def _texts(netlist: Netlist, mutants: Sequence[Mutant]) -> dict[int, tuple[Twin, str]]:
    """Return twins with their faults, and their descriptions in SMT-LIB."""
    twins: dict[int, Twin] = {}
    text, commands = "", []
    for mutant in mutants:
        found = _inside(netlist, mutant)
        if found is not None:
            kind: Any = type(found[1])
            twins[mutant.number] = twin = kind(found[1].constants, cut=found[1].cut)
            one = yosys.rtlil.convert(twin, name=f"twin{mutant.number}", emit_src=True)
            text += relative(one).replace("attribute \\top 1\n", "")
    if not twins:
        return {}
    with TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        (folder / "twins.il").write_text(text, encoding="utf-8")
        yosys.run(ALONE, folder)
        here = _cells((folder / "netlist.il").read_text(encoding="utf-8"))
        there = _cells(netlist.text)
        for mutant in mutants:
            found = _inside(netlist, mutant)
            if found is None:
                continue
            module = f"twin{mutant.number}" + mutant.module.removeprefix(found[0])
            name = None
            if module in here:
                name = _counterpart(
                    mutant.cell.removeprefix("\\"), there[mutant.module], here[module]
                )
            if name is None:
                del twins[mutant.number]
            else:
                commands.append(mutant.at(module, name))
        yosys.run(FAULTY.format(mutants="\n".join(commands)), folder)
        smt2 = (folder / "twins.smt2").read_text(encoding="utf-8")
    texts = dict(part.split("\n", 1) for part in smt2.split("; yosys-smt2-module ")[1:])
    return {number: (twin, texts[f"twin{number}"]) for number, twin in twins.items()}


def _equal(twin: Twin, text: str, module: str, timeout_s: float) -> bool | None:
    """Return whether a twin equals its cell; None if time was not enough."""
    ports = check_ports(twin.cell, twin.constants, twin)
    terms = read_terms(text, module, ports, cut=twin.cut)
    golden, _ = golden_terms(twin.cell, twin.constants, ports)
    result = differ(golden, terms, ports, timeout_s).result
    return None if result == "unknown" else result == "unsat"


def decide(
    netlist: Netlist, mutants: Sequence[Mutant], timeout_s: float = TIMEOUT_S
) -> Iterator[tuple[int, bool, str]]:
    """Yield the numbers of mutants in twins, whether the twin still equals its cell, and which.

    Those of which neither is known are left out.
    """
    for number, (twin, text) in _texts(netlist, mutants).items():
        try:
            equal = _equal(twin, text, f"twin{number}", timeout_s)
        except RuntimeError:  # A fault across a cut that leaves what a proof takes for granted.
            equal = False
        if equal is not None:
            yield number, equal, twin.cell.name
