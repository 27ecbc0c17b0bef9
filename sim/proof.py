"""Proofs that a twin equals its cell, for all inputs.

The twin goes through RTLIL and Yosys to SMT-LIB; the cell runs on symbols; z3 looks for inputs
for which any output or any field of the next state differs. A counterexample is run through both
sides, on integers and in Amaranth's simulator, before it is believed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import z3
from amaranth.hdl import Shape
from amaranth.lib.wiring import Component, Flow
from amaranth.sim import Simulator

from goldenspike.hdl.catalog import TWINS
from goldenspike.hdl.cell import Port, list_ports, shape
from goldenspike.sim import yosys
from goldenspike.sim.symbolic import Symbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from goldenspike.golden.cell import Cell
    from goldenspike.golden.fixed import Format

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


def cell_results(cell: Cell, constants: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Run a cell on the values of its ports, by port; they may be integers or symbols."""
    ports = cell.ports(constants)
    state = type(ports.state)(*(values[field] for field in getattr(ports.state, "_fields", ())))
    inputs = type(ports.inputs)(*(values[field] for field in getattr(ports.inputs, "_fields", ())))
    parts = dict(zip(("next", "outputs"), cell.step(constants, state, inputs), strict=True))
    return {
        port.name: getattr(parts[port.group], port.field)
        for port in list_ports(ports)
        if port.output
    }


def twin_results(twin: Component, stimuli: Sequence[dict[str, int]]) -> list[dict[str, int]]:
    """Run a twin in Amaranth's simulator on the values of its ports, by port."""
    outputs = [name for name, member in twin.signature.members.items() if member.flow is Flow.Out]
    results = []

    async def bench(ctx: Any) -> None:
        for values in stimuli:
            for name, value in values.items():
                ctx.set(getattr(twin, name), value)
            results.append({name: int(ctx.get(getattr(twin, name))) for name in outputs})

    simulator = Simulator(twin)
    simulator.add_testbench(bench)
    simulator.run()
    return results


def check_ports(cell: Cell, constants: Any, twin: Component) -> list[Port]:
    """Return the ports of a cell, having compared them with those of its twin.

    Raises
    ------
    ValueError
        If a port is missing, is one too many, or has another shape or direction.
    """
    ports = list_ports(cell.ports(constants))
    declared = {p.name: (Flow.Out if p.output else Flow.In, shape(p.format)) for p in ports}
    built = {
        name: (member.flow, Shape.cast(member.shape)) for name, member in twin.signature.members.items()
    }
    for name in {**declared, **built}:
        want, have = declared.get(name), built.get(name)
        if want != have:
            raise ValueError(f"Port {name!r} of the twin of {cell.name} must be {want}, not {have}")
    return ports


def _as_bits(term: Any) -> Any:
    """Return a term as bits: ports of one bit are Bool in Yosys' description."""
    return z3.If(term, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)) if z3.is_bool(term) else term


def _is_free(bit: Any) -> bool:
    """Return whether a simplified bit is one bit of an uninterpreted constant."""
    while bit.decl().kind() in (z3.Z3_OP_EXTRACT, z3.Z3_OP_ITE, z3.Z3_OP_EQ):
        bit = bit.arg(0)
    return bit.decl().kind() == z3.Z3_OP_UNINTERPRETED


def _terms(text: str, module: str, ports: list[Port]) -> dict[str, Any]:
    """Return what the twin's ports carry, as terms of the same free bits.

    Raises
    ------
    RuntimeError
        If those of the inputs could not take every value, each on its own.
    """
    queries = []
    for k, port in enumerate(ports):
        sort = "Bool" if port.format.width == 1 else f"(_ BitVec {port.format.width})"
        queries.append(f"(declare-const p{k} {sort})(assert (= p{k} (|{module}_n {port.name}| s)))")
    queries.append(f"(declare-const s |{module}_s|)")
    formulas = z3.parse_smt2_string("\n".join((text, *reversed(queries))))
    terms = {
        port.name: _as_bits(formula.arg(1))
        for port, formula in zip(reversed(ports), formulas, strict=True)
    }
    bits = [
        z3.simplify(z3.Extract(k, k, terms[port.name]))
        for port in ports
        if not port.output
        for k in range(port.format.width)
    ]
    if not all(map(_is_free, bits)) or len({bit.get_id() for bit in bits}) < len(bits):
        raise RuntimeError(f"Inputs of {module} must be free in its SMT-LIB description")
    return terms
