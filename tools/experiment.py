"""Experiments: what to learn, with which network, from which seed; read from TOML.

    seed = 1
    trials = 160000
    metric = "held-out accuracy"     # optional: the task's figure that counts

    [task]
    model = "digits"                 # a module of goldenspike.tools.tasks
    repeats = 8                      # its Params

    [network]
    ticks = 16

    [[network.population]]
    ...

The network's tables are those of :func:`goldenspike.golden.network.read_network`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import tomli_w

from goldenspike.golden.network import Network, read_network, write_network
from goldenspike.golden.parameters import check_keys, choice, integer, nearest_word
from goldenspike.tools import experiments, tasks
from goldenspike.tools.console import InputError, input_errors

COUNTED = 1 << 32
KEYS = ("seed", "trials", "metric", "task", "network")


@dataclass(frozen=True)
class Experiment:
    """A network, a task and how long to learn.

    Parameters
    ----------
    name
        Names its results.
    seed
        Of all its randomness, 0 to 2**32 - 1.
    trials
        Learning trials, 1 to 2**32 - 1: after that perturbations would repeat.
    task
        Name of a module of :mod:`goldenspike.tools.tasks`.
    parameters
        The task's ``Params``.
    metric
        The figure of the task's ``measure`` that counts; None for its first.
    """

    name: str
    seed: int
    trials: int
    task: str
    parameters: Any
    network: Network
    metric: str | None = None

    def __post_init__(self) -> None:
        for name, low in (("seed", 0), ("trials", 1)):
            value = integer(name.capitalize(), getattr(self, name), low, COUNTED - 1)
            object.__setattr__(self, name, value)


def shipped() -> dict[str, Path]:
    """Return the files of the experiments that come with goldenspike, by name."""
    folders = [Path(folder) for folder in experiments.__path__]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def task_names() -> list[str]:
    """Return the names of all tasks."""
    return sorted(module.name for module in pkgutil.iter_modules(tasks.__path__))


def task_module(name: str) -> ModuleType:
    """Return the module of a task.

    Raises
    ------
    ValueError
        Naming what there is, and the nearest name.
    """
    choice("Model of task", name, task_names())
    return importlib.import_module(f"{tasks.__name__}.{name}")


def find(name: str) -> Path:
    """Return the file of a shipped experiment, or the file that `name` is.

    Raises
    ------
    InputError
        If there is neither.
    """
    known = shipped()
    if name in known:
        return known[name]
    path = Path(name)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if path.is_file():
            return path
        raise InputError(f"Experiment must be a file that exists, not {name!r}")
    listed = ", ".join(known)
    hint = nearest_word(name, known)
    raise InputError(f"Experiment must be a TOML file or one of {listed}, not {name!r}{hint}")


def read_experiment(name: str) -> Experiment:
    """Read an experiment from a TOML file, or a shipped one by its name.

    Raises
    ------
    InputError
        In one line that names the file, the place, the key, the value and the nearest right one.
    """
    path = find(name)
    with input_errors(name):
        return parse(read_text(path), path.stem)


def read_text(path: Path) -> str:
    """Return the text of a file; a byte-order mark, as some editors write it, is none of it.

    Raises
    ------
    ValueError
        If it is not UTF-8.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"File must be UTF-8 text, but has other bytes in line {line}") from None


def parse(text: str, name: str) -> Experiment:
    """Return the experiment of a TOML text.

    Raises
    ------
    ValueError, TypeError
        In one line that names the place, the key, the value and the nearest right one.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(f"Name must be of letters, digits and '_.-', not {name!r}")
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise ValueError("File must not nest lists and tables hundreds deep") from None
    check_keys("experiment", data, KEYS, ("seed", "trials", "task", "network"))
    task = data["task"]
    check_keys("task", task, task, ("model",))
    module = task_module(task["model"])
    rest = {key: value for key, value in task.items() if key != "model"}
    parameters = module.Params.read(rest, f"task {task['model']}")
    metric = data.get("metric")
    if metric is not None and type(metric) is not str:
        raise TypeError(f"Metric must be a name, not {metric!r}")
    network = read_network(data["network"])
    return Experiment(
        name, data["seed"], data["trials"], task["model"], parameters, network, metric
    )


def write_experiment(experiment: Experiment) -> str:
    """Return the TOML text that :func:`parse` reads."""
    data: dict[str, Any] = {"seed": experiment.seed, "trials": experiment.trials}
    if experiment.metric is not None:
        data["metric"] = experiment.metric
    data["task"] = {"model": experiment.task, **experiment.parameters.write()}
    data["network"] = write_network(experiment.network)
    return tomli_w.dumps(data)
