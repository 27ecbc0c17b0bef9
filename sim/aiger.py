"""AIGER files: what Yosys writes and ABC reads, and what a counterexample does to them.

The binary format of AIGER 1.9, as its report describes it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Gate(NamedTuple):
    """An and-gate: its literal is the conjunction of two others."""

    literal: int
    left: int
    right: int


@dataclass(frozen=True)
class Circuit:
    """A circuit of and-gates and registers.

    Literal ``2 * v`` is variable `v`, ``2 * v + 1`` its negation; 0 is false.

    Parameters
    ----------
    inputs, latches, outputs, bad, constraints
        Number of inputs; ``(next, initial)`` of registers; literals of outputs, of what must never
        be 1, and of what always is.
    gates
        Each after what it is made of.
    """

    inputs: int
    latches: list[tuple[int, int]]
    outputs: list[int]
    bad: list[int]
    constraints: list[int]
    gates: list[Gate]

    def run(self, steps: Iterable[str]) -> list[list[int]]:
        """Return the values of all literals after each step of inputs, one character a bit."""
        values = [0, 1] * (1 + self.inputs + len(self.latches) + len(self.gates))
        state = [initial for _, initial in self.latches]
        found = []
        for step in steps:
            for k, bit in enumerate([*map(int, step), *state], 1):
                values[2 * k], values[2 * k + 1] = bit, 1 - bit
            for literal, left, right in self.gates:
                value = values[left] & values[right]
                values[literal], values[literal + 1] = value, 1 - value
            found.append(list(values))
            state = [values[literal] for literal, _ in self.latches]
        return found


def _header(data: bytes) -> tuple[list[int], int]:
    """Return the counts of a file, M I L O A B C, and where its first line ends."""
    end = data.index(b"\n")
    word, *counts = data[:end].decode().split()
    if word != "aig":
        raise ValueError(f"File must be binary AIGER, not of kind {word!r}")
    return [*map(int, counts), 0, 0][:7], end + 1


def read(data: bytes) -> Circuit:
    """Return the circuit of a file."""
    (_, inputs, latches, outputs, gates, bad, constraints), place = _header(data)

    def lines(count: int) -> list[list[int]]:
        nonlocal place
        found = []
        for _ in range(count):
            end = data.index(b"\n", place)
            found.append([int(word) for word in data[place:end].split()])
            place = end + 1
        return found

    registers = [(line[0], line[1] if len(line) > 1 else 0) for line in lines(latches)]
    said, never, always = (
        [line[0] for line in lines(count)] for count in (outputs, bad, constraints)
    )

    def delta() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    found = []
    for k in range(gates):
        literal = 2 * (1 + inputs + latches + k)
        left = literal - delta()
        found.append(Gate(literal, left, left - delta()))
    return Circuit(inputs, registers, said, never, always, found)


def without_outputs(data: bytes) -> bytes:
    """Return a file without its outputs, which ABC would take for what must never be 1."""
    (maximum, inputs, latches, outputs, gates, bad, constraints), place = _header(data)
    lines = data[place:].split(b"\n", latches + outputs)
    head = f"aig {maximum} {inputs} {latches} 0 {gates} {bad} {constraints}".encode()
    return b"\n".join([head, *lines[:latches], lines[-1]])


def traces(circuit: Circuit, names: str, values: Sequence[Sequence[int]]) -> dict[str, list[int]]:
    """Return the values of named outputs, step by step, as unsigned integers.

    Parameters
    ----------
    circuit
        Whose outputs they are.
    names
        What Yosys wrote about them: its map file.
    values
        From :meth:`Circuit.run`.
    """
    bits: dict[str, dict[int, int]] = defaultdict(dict)
    for number, bit, name in re.findall(r"^output (\d+) (\d+) (.+)$", names, re.MULTILINE):
        bits[name][int(bit)] = circuit.outputs[int(number)]
    return {
        name: [sum(step[literal] << bit for bit, literal in each.items()) for step in values]
        for name, each in bits.items()
    }
