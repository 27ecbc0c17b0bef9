"""Writing Python source: lines in nested blocks, and a plan's names and constants in it."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from goldenspike.golden.cell import Nothing
from goldenspike.golden.narrow import fits

if TYPE_CHECKING:
    from goldenspike.golden.cell import Cell
    from goldenspike.golden.plan import Plan


class Lines:
    """Lines of a program, indented by nested blocks."""

    def __init__(self, traced: bool) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.traced = traced

    def __call__(self, *lines: str) -> None:
        self.lines.extend("    " * self.depth + line for line in lines)

    def note(self, variable: int, index: str, value: str) -> None:
        """Write the line that digests a write, if this program digests."""
        if self.traced:
            moment = "k * digests.shape[1] + step"
            self(f"digest = note(digest, trace, {moment}, {variable}, {index}, {value})")

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


class PlanWriter:
    """What every part of a plan's program is written with."""

    def __init__(
        self, plan: Plan, traced: bool, narrow: bool = False, watched: bool = False
    ) -> None:
        self.plan, self.narrow, self.watched = plan, narrow, watched
        self.write = Lines(traced)
        self.imports: set[str] = set()
        self.narrowed: dict[str, str] = {}

    def number(self, name: str) -> int:
        """Return a variable's number."""
        return self.plan.variables[name].number

    def model(self, module: Any) -> str:
        """Import a model's module; return the name it goes by, which no population can have."""
        package, _, name = module.__name__.rpartition(".")
        self.imports.add(f"from {package} import {name} as _{name}")
        return f"_{name}"

    def call(
        self, cell: Cell, constants: tuple[str, Any], state: list[str], inputs: list[str]
    ) -> None:
        """Write the call of a cell: ``s, o = step(constants, state, inputs)``.

        Parameters
        ----------
        constants
            Their name in the program, and themselves.
        state, inputs
            The sources of their fields, in order.
        """
        module = self.model(sys.modules[cell.step.__module__])
        ports = cell.ports(constants[1])
        called = module
        if self.narrow and fits(cell, constants[1]):
            called = f"{module}_narrow"
            self.narrowed[called] = cell.step.__module__

        def group(formats: Any, fields: list[str]) -> str:
            if not fields and isinstance(formats, Nothing):
                return "Nothing()"
            return f"{module}.{type(formats).__name__}({', '.join(fields)})"

        given = f"{group(ports.state, state)}, {group(ports.inputs, inputs)}"
        self.write(f"s, o = {called}.{cell.step.__name__}({constants[0]}, {given})")

    def literal(self, value: Any) -> str:
        """Return the source of a constant: a number, a table, or named tuples of such."""
        if isinstance(value, np.ndarray):
            return f"np.array({value.tolist()}, np.{value.dtype})"
        if isinstance(value, float) and not math.isfinite(value):
            return f"float({str(value)!r})"
        if not isinstance(value, tuple):
            return repr(value if isinstance(value, (bool, float)) else int(value))
        kind = f"{self.model(sys.modules[type(value).__module__])}.{type(value).__name__}"
        return f"{kind}({', '.join(map(self.literal, value))})"

    def fields(self, array: str, stream: str, high: str, offset: str, bits: int) -> None:
        """Write the call that fills an array with random fields."""
        self.write(f"fill_fields({array}, seed, {stream}, trial, {high}, {offset}, {bits})")

    @property
    def signs(self) -> tuple[int, ...]:
        """The signs of the perturbation in the runs of a learning trial."""
        return self.plan.reward.signs if self.plan.reward is not None else (1,)
