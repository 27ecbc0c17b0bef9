"""Proofs that a twin equals its cell, for all inputs.

The twin goes through RTLIL and Yosys to SMT-LIB; the cell runs on symbols; z3 looks for inputs
for which any output or any field of the next state differs. A counterexample is run through both
sides, on integers and in Amaranth's simulator, before it is believed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import z3
from amaranth.lib.wiring import In, Out

from goldenspike.hdl import yosys
from goldenspike.hdl.catalog import TWINS
from goldenspike.hdl.cell import Port, list_ports, shape
from goldenspike.sim.query import read_terms, search
from goldenspike.sim.sides import cell_results, twin_results
from goldenspike.sim.symbolic import Symbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amaranth.lib.wiring import Component

    from goldenspike.golden.cell import Cell

Status = Literal["proved", "counterexample", "unknown"]
TIMEOUT_S = 60.0


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
        ``"unknown"`` means that z3 ran out of time; it is a failure as well.
    seconds
        Time that z3 and the symbols took.
    reason
        z3's own word: unsat, sat, or why it is unknown.
    widest
        Bits of the widest symbol of the cell.
    counterexample
        What tells them apart, if anything.
    """

    where: str
    cell: Cell
    constants: Any
    status: Status
    seconds: float
    reason: str
    widest: int
    counterexample: Counterexample | None = None

    @property
    def proved(self) -> bool:
        """Whether the twin equals its cell for all inputs."""
        return self.status == "proved"

    def __str__(self) -> str:
        head = f"{self.where}: {self.cell.name} {self.status}"
        found = self.counterexample
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


def _decide(
    cell: Cell, constants: Any, twin: Component, text: str, module: str, timeout_s: float
) -> dict[str, Any]:
    """Return status, reason, widest and counterexample of a proof."""
    ports = check_ports(cell, constants, twin)
    terms = read_terms(text, module, ports, cut=getattr(twin, "cut", False))
    meter = [0]
    symbols = {p.name: Symbol(terms[p.name], p.format.signed, meter) for p in ports if not p.output}
    results = cell_results(cell, constants, symbols)
    golden, built = [], []
    for port in ports:
        if port.output:
            a = Symbol.of(results[port.name], meter)
            b = Symbol(terms[port.name], port.format.signed, [0])
            width, _ = a.common(b)
            golden.append(a.extended(width))
            built.append(b.extended(width))
    result, solver = search(golden, built, timeout_s)
    found = {"reason": str(result), "widest": meter[0]}
    if result == z3.unsat:
        return {"status": "proved", **found}
    if result == z3.unknown:
        return {"status": "unknown", **found, "reason": solver.reason_unknown()}
    model = solver.model()
    inputs = {}
    for name, symbol in symbols.items():
        bits: Any = model.eval(symbol.bits, model_completion=True)
        inputs[name] = bits.as_signed_long() if symbol.signed else bits.as_long()
    both = Counterexample(
        inputs, cell_results(cell, constants, inputs), twin_results(twin, [inputs])[0]
    )
    return {"status": "counterexample", **found, "counterexample": both}


def prove_all(
    cases: Iterable[tuple[str, Cell, Any]],
    twins: Mapping[str, type[Component]] = TWINS,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Proof]:
    """Prove many twins, after one run of Yosys for all of them; those that can be cut, both ways.

    Parameters
    ----------
    cases
        ``(where, cell, constants)``; equal ones are proved once.
    twins
        The twins' classes by the names of their cells.
    timeout_s
        Time limit of one query to z3; what exceeds it is ``"unknown"``.

    Yields
    ------
    Proof
        One for each case, in their order.
    """
    cases = list(cases)
    numbers: dict[tuple[str, Any], int] = {}
    for _, cell, constants in cases:
        numbers.setdefault((cell.name, constants), len(numbers))
    components: dict[str, Any] = {}
    for (name, constants), number in numbers.items():
        kind: Any = twins[name]
        components[f"twin{number}"] = kind(constants)
        if getattr(kind, "CUTTABLE", False):
            components[f"twin{number}_cut"] = kind(constants, cut=True)
    texts = yosys.smt2(components)
    proofs: dict[int, Proof] = {}
    for where, cell, constants in cases:
        number = numbers[cell.name, constants]
        if number not in proofs:
            begin = time.perf_counter()
            found: dict[str, Any] = {}
            for module in (f"twin{number}", f"twin{number}_cut"):
                if module in components:
                    one, text = components[module], texts[module]
                    found = _decide(cell, constants, one, text, module, timeout_s)
                    if found["status"] != "proved":
                        break
            seconds = time.perf_counter() - begin
            proofs[number] = Proof(where, cell, constants, seconds=seconds, **found)
        yield replace(proofs[number], where=where)


def prove(
    cell: Cell,
    constants: Any,
    twin: type[Component] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Proof:
    """Prove one twin: that of the catalog, or of another class given."""
    twins = TWINS if twin is None else {cell.name: twin}
    return next(prove_all([(cell.name, cell, constants)], twins, timeout_s))


def catalog_cases() -> list[tuple[str, Cell, Any]]:
    """Return ``(where, cell, constants)`` of all cases of all twins in the catalog."""
    return [
        (f"{name} #{k}", kind.cell, constants)
        for name, kind in TWINS.items()
        for k, constants in enumerate(kind.cases())
    ]
