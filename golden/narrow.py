"""The same cells in 32 bits: what a compiled loop runs where it is known that nothing overflows.

Numba gives every sum and product of integers 64 bits, of which vector units do half as many at a
time, and some operations not at all. :func:`narrowed` reads a module of cells once more and cuts
every intermediate result to 32 bits: the arithmetic is the one source, and as
:func:`fits` has shown that all of it fits, the bits are the same.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

import numpy as np

from goldenspike.golden import ranges
from goldenspike.golden.cell import Cell

NARROW_BITS = 32
CUT = "_cut"
"""What results go through: numpy's conversion to 32 bits."""
PACKAGE = "goldenspike.golden"
VALUES = ("select", "clamp", "align", "wrap", "lookup", "requantize", "limit", "round_shift")
"""Functions of cells that return one number."""


@functools.cache
def fits(cell: Cell, constants: Any) -> bool:
    """Return whether all numbers of a cell fit 32 bits: ports, operands and intermediates."""
    ports = cell.ports(constants)
    widest = max((fmt.width + (not fmt.signed) for _, _, fmt in ports.named()), default=0)
    return max(widest, ranges.reach(cell, constants, operands=True)[1]) <= NARROW_BITS


def _marked(node: ast.FunctionDef) -> bool:
    """Return whether a function is a cell's, or holds what Numba compiles in place of one."""
    names = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(isinstance(name, ast.Name) and name.id in ("cell", "overload") for name in names)


class _Cut(ast.NodeTransformer):
    """Puts every arithmetic result of cells through the cut."""

    def __init__(self) -> None:
        self.inside = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        before, self.inside = self.inside, self.inside or _marked(node)
        decorators, node.decorator_list = node.decorator_list, []
        self.generic_visit(node)
        node.decorator_list = decorators
        self.inside = before
        return node

    def _cut(self, node: Any) -> Any:
        self.generic_visit(node)
        if not self.inside:
            return node
        return ast.Call(ast.Name(CUT, ast.Load()), [node], [])

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        return self._cut(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return self.generic_visit(node)
        return self._cut(node)

    def visit_Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id in VALUES:
            return self._cut(node)
        return self.generic_visit(node)


def _has_cells(module: object) -> bool:
    """Return whether something is a module that has functions to narrow."""
    if not isinstance(module, ModuleType) or not module.__name__.startswith(PACKAGE):
        return False
    source = inspect.getsource(module)
    return "\n@cell\n" in source or "\n@overload(" in source


def _overloaded(tree: ast.Module) -> set[str]:
    """Return the names of the functions in whose place Numba compiles another one."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    calls = [d for node in functions for d in node.decorator_list if isinstance(d, ast.Call)]
    named = [d for d in calls if isinstance(d.func, ast.Name) and d.func.id == "overload"]
    return {d.args[0].id for d in named if isinstance(d.args[0], ast.Name)}


@functools.cache
def narrowed(name: str) -> ModuleType:
    """Return the copy of a module of cells, by its name, that calculates in 32 bits.

    It has all that the module has, but functions of cells are made anew, from the module's source,
    and are those of narrowed modules where they come from others.
    """
    original = importlib.import_module(name)
    tree = ast.parse(inspect.getsource(original))
    module = ModuleType(f"{name}_narrow")
    sys.modules[module.__name__] = module  # Where what Numba has cached looks for its functions.
    space: dict[str, Any] = module.__dict__
    space |= {key: value for key, value in vars(original).items() if not key.startswith("__")}
    for key, value in list(space.items()):
        home = getattr(value, "__module__", None)
        if _has_cells(value):
            space[key] = narrowed(value.__name__)
        elif inspect.isfunction(value) and home != name and _has_cells(sys.modules.get(str(home))):
            space[key] = getattr(narrowed(str(home)), value.__name__)
    overloaded = _overloaded(tree)
    tree.body = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and (_marked(node) or node.name in overloaded)
    ]
    space[CUT] = np.int32
    made = ast.fix_missing_locations(_Cut().visit(tree))
    exec(compile(made, f"<{name}, 32 bits>", "exec"), space)
    return module
