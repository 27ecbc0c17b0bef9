"""``goldenspike models``: what networks and experiments are made of, from the docstrings."""

from __future__ import annotations

import enum
import inspect
import itertools
import re
from dataclasses import MISSING, fields
from types import ModuleType
from typing import Any, NamedTuple

from goldenspike.golden import catalog
from goldenspike.golden.network import Projection, Reward, Source
from goldenspike.golden.parameters import nearest_word
from goldenspike.golden.program import program as write_program
from goldenspike.golden.synapses import delta
from goldenspike.tools import console
from goldenspike.tools.console import InputError
from goldenspike.tools.experiment import read_text, shipped, task_module, task_names
from goldenspike.tools.job import prepare


class Parameter(NamedTuple):
    """A field of a ``Params``: its name, meaning, and default, if it need not be given."""

    name: str
    meaning: str
    default: str


def kinds() -> dict[str, dict[str, ModuleType]]:
    """Return the modules of all models, by kind and name."""
    return {
        "neuron": dict(catalog.NEURONS),
        "synapse": {"delta": delta, **catalog.SYNAPSES},
        "rule": dict(catalog.RULES),
        "noise": dict(catalog.NOISES),
        "objective": dict(catalog.OBJECTIVES),
        "baseline": dict(catalog.BASELINES),
        "task": {name: task_module(name) for name in task_names()},
    }


def run(name: str | None, program: str | None) -> int:
    """Print everything, one model, or the engine's program of an experiment."""
    if program is not None:
        console.write(source(program))
    elif name is None:
        everything()
    else:
        one(name)
    return 0


def everything() -> None:
    """Print a table of all models and their parameters, and the experiments."""
    for kind, modules in kinds().items():
        rows = []
        for name, module in modules.items():
            rows.append((name, catalog.summary(module), ""))
            rows += [(f"  {p.name}", f"  {p.meaning}", p.default) for p in parameters(module)]
        console.show(kind, ("model", "what it is", "default"), rows)
    tables = {"population of model source": Source, "projection": Projection, "reward": Reward}
    for title, cls in tables.items():
        console.show(title, ("key", "what it is", "default"), described(cls))
    rows = [(name, first_comment(read_text(path))) for name, path in shipped().items()]
    console.show("experiments", ("name", "what it is"), rows)
    console.say("'goldenspike models NAME' shows a model's equations.")


def one(name: str) -> None:
    """Print a model's docstring, ports and parameters.

    Raises
    ------
    InputError
        Naming what there is, and the nearest name.
    """
    known = {model: (kind, m) for kind, modules in kinds().items() for model, m in modules.items()}
    if name not in known:
        listed = ", ".join(known)
        raise InputError(f"Model must be one of {listed}, not {name!r}{nearest_word(name, known)}")
    kind, module = known[name]
    console.say(f"{name} ({kind})\n\n{(module.__doc__ or '').strip()}\n")
    if hasattr(module, "STEP"):
        for title in ("State", "Inputs", "Outputs"):
            ports = ", ".join(getattr(getattr(module, title, None), "_fields", ())) or "none"
            console.say(f"{title.lower()}: {ports}")
    found = parameters(module)
    if found:
        console.show("parameters", ("key", "what it is", "default"), found)


def parameters(module: ModuleType) -> list[Parameter]:
    """Return the parameters of a model, if it has any."""
    cls = getattr(module, "Params", None)
    return [] if cls is None else described(cls)


def described(cls: Any) -> list[Parameter]:
    """Return the fields of a dataclass with what its docstring, or a base's, says of them."""
    meanings: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        meanings |= meanings_of(inspect.cleandoc(base.__doc__ or ""))
    return [Parameter(f.name, meanings.get(f.name, ""), _default(f)) for f in fields(cls)]


def meanings_of(doc: str) -> dict[str, str]:
    """Return the texts of a numpydoc section of parameters, by name."""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", doc, re.MULTILINE | re.DOTALL
    )
    found = {}
    entry = re.compile(r"^(\S[^\n]*)\n((?:[ ]+[^\n]*\n?|\n)+)", re.MULTILINE)
    for names, text in entry.findall(section[1] if section else ""):
        for name in names.split(","):
            found[name.strip()] = " ".join(text.split()).replace("`", "")
    return found


def _default(f: Any) -> str:
    value = f.default
    if value is MISSING:
        return ""
    if isinstance(value, enum.Enum):
        return value.name.lower()
    return "none" if value is None else str(value)


def first_comment(text: str) -> str:
    """Return the comment that a TOML file begins with."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.lstrip("# ") for line in lines)


def source(name: str) -> str:
    """Return the program that the engine runs for an experiment; its arguments are left out."""
    return write_program(prepare(name).plan, ["*arguments"], traced=False)
