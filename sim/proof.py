"""Proofs that a twin equals its cell, for all inputs.

The twin goes through RTLIL and Yosys to SMT-LIB; the cell runs on symbols; a solver looks for
inputs for which any output or any field of the next state differs. A counterexample is run through
both sides, on integers and in Amaranth's simulator, before it is believed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from amaranth.lib.wiring import In, Out

from goldenspike.hdl import yosys
from goldenspike.hdl.catalog import TWINS
from goldenspike.hdl.cell import Port, list_ports, shape
from goldenspike.sim import kept
from goldenspike.sim.query import free, read_terms, search
from goldenspike.sim.sides import cell_results, twin_results
from goldenspike.sim.spread import spread
from goldenspike.sim.symbolic import Symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from amaranth.lib.wiring import Component

    from goldenspike.golden.cell import Cell
    from goldenspike.sim.solvers import Answer, Solver

Status = Literal["proved", "counterexample", "unknown"]
TIMEOUT_S = 60.0
BATCH = 64
"""Cases that one run of Yosys reads."""


class Counterexample(NamedTuple):
    """Inputs and state by port, and what both sides make of them, each by port."""

    inputs: dict[str, int]
    golden: dict[str, int]
    twin: dict[str, int]

    @property
    def differs(self) -> bool:
        """Whether the two sides, run on these inputs, give different integers."""
        return self.golden != self.twin


@dataclass(frozen=True)
class Proof:
    """What became of one proof.

    Parameters
    ----------
    where, cell, constants
        What was proved.
    status
        ``"unknown"`` means that the solver ran out of time; it is a failure as well.
    seconds
        Time that the solver took.
    reason
        The solver's own word: unsat, sat, or why it is unknown; or that the proof was kept.
    widest
        Bits of the widest symbol of the cell.
    counterexample
        What tells them apart, if anything.
    kept
        Whether the very same was proved before.
    """

    where: str
    cell: Cell
    constants: Any
    status: Status
    seconds: float
    reason: str
    widest: int
    counterexample: Counterexample | None = None
    kept: bool = False

    @property
    def proved(self) -> bool:
        """Whether the twin equals its cell for all inputs."""
        return self.status == "proved"

    def __str__(self) -> str:
        head = f"{self.where}: {self.cell.name} {self.status}"
        found = self.counterexample
        if self.kept:
            return f"{head} before"
        if self.proved:
            return f"{head} in {self.seconds:.2f} s"
        if found is None:
            return f"{head} after {self.seconds:.1f} s ({self.reason}), with {self.constants}"
        lines = [f"{head}, with {self.constants}"]
        lines += [f"  {name} = {value}" for name, value in found.inputs.items()]
        for name, value in found.golden.items():
            other = found.twin[name]
            lines.append(f"  {name}: golden {value}, twin {other}{' <--' * (value != other)}")
        if not found.differs:
            lines.append("  Both sides agree on it when run: the proof itself is wrong")
        return "\n".join(lines)


def check_ports(cell: Cell, constants: Any, twin: Component) -> list[Port]:
    """Return the ports of a cell, having compared them with those of its twin.

    Raises
    ------
    ValueError
        If a port is missing, is one too many, or has another shape or direction.
    """
    ports = list_ports(cell.ports(constants))
    declared = {p.name: (Out if p.output else In)(shape(p.format)) for p in ports}
    built = dict(twin.signature.members.items())
    for name in {**declared, **built}:
        want, have = declared.get(name), built.get(name)
        if want != have:
            raise ValueError(f"Port {name!r} of the twin of {cell.name} must be {want}, not {have}")
    return ports


class _Question(NamedTuple):
    """Whether a twin equals its cell: what is known of it before Yosys has read the twin.

    `golden` is what the cell gives at each output, extended to the width of the comparison.
    """

    cell: Cell
    constants: Any
    twin: Component
    ports: list[Port]
    golden: dict[str, Any]
    widest: int
    rtlil: str
    key: str

    @property
    def cut(self) -> bool:
        """Whether registers lie across the twin."""
        return getattr(self.twin, "cut", False)


def golden_terms(cell: Cell, constants: Any, ports: list[Port]) -> tuple[dict[str, Any], int]:
    """Run a cell on symbols.

    Returns
    -------
    dict, int
        What it gives at each output of its twin, by port, extended to the width of the comparison;
        and the bits of its widest symbol.
    """
    meter = [0]
    symbols = {p.name: Symbol(free(p), p.format.signed, meter) for p in ports if not p.output}
    results = cell_results(cell, constants, symbols)
    found = {}
    for port in ports:
        if port.output:
            result = Symbol.of(results[port.name], meter)
            width, _ = result.common(Symbol(free(port), port.format.signed, [0]))
            found[port.name] = result.extended(width)
    return found, meter[0]


def differ(
    golden: dict[str, Any],
    terms: dict[str, Any],
    ports: list[Port],
    timeout_s: float,
    solver: Solver = "z3",
) -> Answer:
    """Look for inputs for which what a cell gives and what its twin carries differ."""
    built = [
        Symbol(terms[p.name], p.format.signed, [0]).extended(golden[p.name].size())
        for p in ports
        if p.output
    ]
    return search(list(golden.values()), built, timeout_s, solver)


def _question(cell: Cell, constants: Any, twin: Component, solver: Solver) -> _Question:
    """Run a cell on symbols and a twin through Amaranth."""
    rtlil = yosys.netlist(twin, cell.name)
    ports = check_ports(cell, constants, twin)
    golden, widest = golden_terms(cell, constants, ports)
    cut = getattr(twin, "cut", False)
    key = kept.key(golden.items(), rtlil, ports, cut=cut, solver=solver)
    return _Question(cell, constants, twin, ports, golden, widest, rtlil, key)


def _decide(asked: _Question, text: str, timeout_s: float, solver: Solver) -> dict[str, Any]:
    """Return status, reason and counterexample of a proof, given the twin as SMT-LIB."""
    ports = asked.ports
    terms = read_terms(text, asked.cell.name, ports, cut=asked.cut)
    answer = differ(asked.golden, terms, ports, timeout_s, solver)
    if answer.result == "unsat":
        return {"status": "proved", "reason": answer.reason}
    if answer.result == "unknown":
        return {"status": "unknown", "reason": answer.reason}
    inputs = {}
    for port in ports:
        if not port.output:
            raw = answer.values.get(str(free(port)), 0)
            negative = port.format.signed and raw >> (port.format.width - 1)
            inputs[port.name] = raw - (1 << port.format.width) if negative else raw
    golden = cell_results(asked.cell, asked.constants, inputs)
    both = Counterexample(inputs, golden, twin_results(asked.twin, [inputs])[0])
    return {"status": "counterexample", "reason": answer.reason, "counterexample": both}


def _prove_batch(
    cases: list[tuple[Cell, Any]],
    twins: Mapping[str, type[Component]],
    timeout_s: float,
    solver: Solver,
    folders: tuple[Path | None, Path | None],
) -> list[dict[str, Any]]:
    """Prove some cases, after one run of Yosys for those that no proof is kept of.

    `folders` are those of the proofs that may be taken, and where new ones are kept.

    Returns
    -------
    list of dict
        For each case the fields of its :class:`Proof` that are not known before.
    """
    taken, kept_in = folders
    questions: list[list[_Question]] = []
    wanted: dict[str, tuple[str, str]] = {}
    for cell, constants in cases:
        kind: Any = twins[cell.name]
        questions.append([_question(cell, constants, kind(constants), solver)])
        if getattr(kind, "CUTTABLE", False):
            cut = kind(constants, cut=True)
            questions[-1].append(_question(cell, constants, cut, solver))
        for asked in questions[-1]:
            if taken is None or not kept.find(taken, asked.key):
                wanted[asked.key] = cell.name, asked.rtlil
    texts = yosys.smt2(wanted) if wanted else {}
    found = []
    for both in questions:
        begin = time.perf_counter()
        one: dict[str, Any] = {"status": "proved", "reason": "kept", "kept": True}
        for asked in both:
            if asked.key in texts:
                one = _decide(asked, texts[asked.key], timeout_s, solver)
                if one["status"] != "proved":
                    break
                if kept_in is not None:
                    about = {"cell": asked.cell.name, "constants": str(asked.constants)}
                    kept.keep(kept_in, asked.key, {**about, "solver": solver})
        widest = max(asked.widest for asked in both)
        found.append({**one, "widest": widest, "seconds": time.perf_counter() - begin})
    return found


def _prove_by_name(cases: list[tuple[str, Any]], *rest: Any) -> list[dict[str, Any]]:
    """Prove some cases of the catalog, in another process: a cell goes there by its name."""
    return _prove_batch([(TWINS[name].cell, constants) for name, constants in cases], TWINS, *rest)


def prove_all(
    cases: Iterable[tuple[str, Cell, Any]],
    twins: Mapping[str, type[Component]] = TWINS,
    timeout_s: float = TIMEOUT_S,
    *,
    solver: Solver = "z3",
    jobs: int = 1,
    folder: Path | None = None,
    fresh: bool = False,
    moved: Callable[[int], Any] = lambda count: None,
) -> Iterator[Proof]:
    """Prove many twins; those that can be cut, both ways.

    Parameters
    ----------
    cases
        ``(where, cell, constants)``; equal ones are proved once.
    twins
        The twins' classes by the names of their cells.
    timeout_s
        Time limit of one query to the solver; what exceeds it is ``"unknown"``.
    solver
        Who answers.
    jobs
        Processes that prove beside each other, if all is of the catalog; or 1.
    folder
        Where proofs are kept, see :mod:`goldenspike.sim.kept`; None for nowhere.
    fresh
        Prove all again, and keep that.
    moved
        Is told how many of the cases were just decided.

    Yields
    ------
    Proof
        One for each case, in their order.
    """
    cases = list(cases)
    numbers: dict[tuple[str, Any], int] = {}
    unique: list[tuple[Cell, Any]] = []
    often: list[int] = []
    for _, cell, constants in cases:
        if numbers.setdefault((cell.name, constants), len(numbers)) == len(unique):
            unique.append((cell, constants))
            often.append(0)
        often[numbers[cell.name, constants]] += 1
    # Cases of one cell take the same time, so they are dealt out to different batches.
    count = -(-len(unique) // BATCH)
    batches = [range(k, len(unique), count) for k in range(count)]
    rest = (timeout_s, solver, (None if fresh else folder, folder))
    known = twins is TWINS and all(TWINS[cell.name].cell is cell for cell, _ in unique)
    if known and min(jobs, count) > 1:
        named = [[(unique[n][0].name, unique[n][1]) for n in batch] for batch in batches]
        results = spread(_prove_by_name, [(batch, *rest) for batch in named], min(jobs, count))
    else:
        whole = ([unique[n] for n in batch] for batch in batches)
        results = ((k, _prove_batch(batch, twins, *rest)) for k, batch in enumerate(whole))
    found: dict[int, dict[str, Any]] = {}
    for k, outcomes in results:
        found.update(zip(batches[k], outcomes, strict=True))
        moved(sum(often[n] for n in batches[k]))
    for where, cell, constants in cases:
        yield Proof(where, cell, constants, **found[numbers[cell.name, constants]])


def prove(
    cell: Cell,
    constants: Any,
    twin: type[Component] | None = None,
    timeout_s: float = TIMEOUT_S,
    solver: Solver = "z3",
) -> Proof:
    """Prove one twin: that of the catalog, or of another class given."""
    twins = TWINS if twin is None else {cell.name: twin}
    return next(prove_all([(cell.name, cell, constants)], twins, timeout_s, solver=solver))


def catalog_cases() -> list[tuple[str, Cell, Any]]:
    """Return ``(where, cell, constants)`` of all cases of all twins in the catalog."""
    return [
        (f"{name} #{k}", kind.cell, constants)
        for name, kind in TWINS.items()
        for k, constants in enumerate(kind.cases())
    ]
