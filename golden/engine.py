"""The engine: a network's program, compiled.

The program of :mod:`goldenspike.golden.program` runs as it is on Python integers, and is compiled
by Numba for integers, and for float64 (the ideal). Constants are arguments, so networks of one
structure share one compilation, but large networks have one of their own, for their very
constants. Compilations are kept on disk.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numba

from goldenspike.golden.cache import cache_root, replacing
from goldenspike.golden.cell import Nothing, cell
from goldenspike.golden.randomness import (
    BLOCK_BITS,
    VariateConstants,
    VariateInputs,
    block,
    field,
    variate,
)


@cell
def fill_variates(
    out: Any, seed: int, stream: int, counter: int, high: int, offset: int, bits: int
) -> None:
    """Fill `out` with the variates `offset` and on of a stream; `high` is or-ed into the index."""
    per_block = BLOCK_BITS // bits
    x0, x1 = 0, 0
    for i in range(out.size):
        place = (offset + i) % per_block
        if i == 0 or place == 0:
            x0, x1 = block(seed, stream, counter, high | ((offset + i) // per_block))
        word = VariateInputs(field(x0, x1, bits, place))
        out[i] = variate(VariateConstants(bits), Nothing(), word)[1].variate


@cell
def fill_fields(
    out: Any, seed: int, stream: int, counter: int, high: int, offset: int, bits: int
) -> None:
    """Fill `out` with random fields, as they are; arguments as in :func:`fill_variates`."""
    per_block = BLOCK_BITS // bits
    for i in range(out.size):
        x0, x1 = block(seed, stream, counter, high | ((offset + i) // per_block))
        out[i] = field(x0, x1, bits, (offset + i) % per_block)


@functools.cache
def _sources_hash() -> str:
    """Return the hash of all golden sources: a cached compilation must not outlive them."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@functools.cache
def load(source: str) -> ModuleType:
    """Return the module of a program, kept as a file so that Numba can keep its compilation."""
    key = hashlib.sha256((_sources_hash() + source).encode()).hexdigest()[:24]
    path = cache_root() / "engine" / f"program_{key}.py"
    if not path.is_file():
        with replacing(path) as temporary:
            temporary.write_text(source)
    spec = importlib.util.spec_from_file_location(f"goldenspike_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Program must be importable, not {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Numba's cache finds the program by its name
    spec.loader.exec_module(module)
    return module


@functools.cache
def compiled(source: str) -> Any:
    """Return the compiled ``run`` of a program."""
    return numba.njit(cache=True, nogil=True)(load(source).run)
