"""Circuits of and-gates that are made here, and written for ABC in the format of AIGER."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Graph:
    """And-gates, each pair of inputs once.

    Literals are as in AIGER. `sources` are the variables that are no gates, in order.
    """

    gates: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    known: dict[tuple[int, int], int] = field(default_factory=dict)

    def new(self) -> int:
        """Return the literal of a new input or register."""
        self.gates.append((-1, -1))
        return 2 * len(self.gates) - 2

    def both(self, a: int, b: int) -> int:
        """Return the literal of a conjunction."""
        if a > b:
            a, b = b, a
        if a == 0 or a ^ b == 1:
            return 0
        if a == 1 or a == b:
            return b
        found = self.known.get((a, b))
        if found is None:
            self.gates.append((a, b))
            found = self.known[a, b] = 2 * len(self.gates) - 2
        return found

    def differ(self, a: int, b: int) -> int:
        """Return the literal of an exclusive or."""
        return self.both(self.both(a, b) ^ 1, self.both(a ^ 1, b ^ 1) ^ 1)

    def choose(self, which: int, a: int, b: int) -> int:
        """Return the literal of `a` where a literal is 1, or else of `b`."""
        return self.both(self.both(which, a) ^ 1, self.both(which ^ 1, b) ^ 1) ^ 1

    def some(self, literals: Iterable[int]) -> int:
        """Return the literal of a disjunction."""
        found = 1
        for literal in literals:
            found = self.both(found, literal ^ 1)
        return found ^ 1


def written(graph: Graph, registers: dict[int, int], bad: int) -> bytes:
    """Return the AIGER file of what a literal depends on.

    Parameters
    ----------
    graph
        The gates.
    registers
        Next values of those literals that are registers, 0 at first; other sources are inputs.
    bad
        The one output.
    """
    needed: set[int] = set()
    left = [bad >> 1]
    while left:
        variable = left.pop()
        if variable == 0 or variable in needed:
            continue
        needed.add(variable)
        a, b = graph.gates[variable]
        if a >= 0:
            left += [a >> 1, b >> 1]
        elif 2 * variable in registers:
            left.append(registers[2 * variable] >> 1)
    order = sorted(needed)
    inputs = [v for v in order if graph.gates[v][0] < 0 and 2 * v not in registers]
    latches = [v for v in order if 2 * v in registers]
    gates = [v for v in order if graph.gates[v][0] >= 0]
    number = {v: k for k, v in enumerate([0, *inputs, *latches, *gates])}

    def literal(old: int) -> int:
        return 2 * number[old >> 1] + (old & 1)

    data = bytearray()
    counts = len(number) - 1, len(inputs), len(latches), 1, len(gates)
    data += ("aig " + " ".join(map(str, counts)) + "\n").encode()
    for v in latches:
        data += f"{literal(registers[2 * v])}\n".encode()
    data += f"{literal(bad)}\n".encode()
    for v in gates:
        low, high = sorted(map(literal, graph.gates[v]))
        for delta in (2 * number[v] - high, high - low):
            while delta > 127:
                data.append(delta & 127 | 128)
                delta >>= 7
            data.append(delta)
    return bytes(data)
