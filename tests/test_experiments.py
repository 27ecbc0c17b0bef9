"""Experiments: what is shipped can be run, TOML goes both ways, and mistakes get one clear line."""

from __future__ import annotations

import contextlib
import copy
import tomllib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tomli_w

from goldenspike.tools import experiment as experiments
from goldenspike.tools.console import InputError
from goldenspike.tools.experiment import parse, read_experiment, shipped, write_experiment
from goldenspike.tools.job import prepare
from goldenspike.tools.training import headline

NAMES = sorted(shipped())


@pytest.mark.parametrize("name", NAMES)
def test_shipped_experiments_learn(name):
    job = prepare(name)
    session = job.session()
    learning = job.plan.plastic + job.plan.learners
    before = {q.name: session.weights(q.name) for q in learning}
    reward = job.plan.reward
    kinds = 1 if reward is None else reward.baselines // reward.bins  # Each has its mean anew.
    trials = max(3, 4 * kinds, *((q.rule or q.learner).params.interval for q in learning))
    session.learn(*job.task.trials(0, trials))
    assert session.trial == trials
    assert all((session.weights(name) != weights).any() for name, weights in before.items())


@pytest.mark.parametrize("name", NAMES)
def test_shipped_experiments_survive_writing_and_reading(name):
    experiment = read_experiment(name)
    assert parse(write_experiment(experiment), name) == experiment


@pytest.mark.parametrize("name", ["linear_node", "werfel_weight"])
def test_metric_is_one_that_the_task_measures(name):
    job = prepare(name)
    figures = job.task.measure(job.session())
    assert headline(job, figures) == job.experiment.metric


def test_trials_do_not_depend_on_how_they_are_cut():
    task = prepare("digits").task
    whole, samples = task.trials(0, 5)
    parts = [task.trials(first, count) for first, count in ((0, 2), (2, 3))]
    shown = [stimulus.inputs["pixels"][place] for stimulus, place in parts]
    assert (np.concatenate(shown) == whole.inputs["pixels"][samples]).all()
    targets = [stimulus.targets[place] for stimulus, place in parts]
    assert (np.concatenate(targets) == whole.targets[samples]).all()


def test_every_module_of_tasks_is_a_task():
    for name in experiments.task_names():
        module = experiments.task_module(name)
        assert {"Params", "Task"} <= set(vars(module))


# What is changed in digits.toml, and words of the one line that tells of it.
MISTAKES = {
    "unknown task": (("task", "model"), "digts", ["Model of task", "'digts'", "mean 'digits'"]),
    "unknown neuron": (("network", "population", 1, "model"), "lfi", ["'classes'", "mean 'lif'"]),
    "unknown rule": (
        ("network", "projection", 0, "rule", "model"),
        "node_pertubation",
        ["rule of projection pixels_to_classes", "mean 'node_perturbation'"],
    ),
    "unknown baseline": (("network", "reward", "baseline", "model"), "pair", ["mean 'paired'"]),
    "constant too large": (
        ("network", "population", 1, "threshold"),
        50.0,
        ["'classes'", "Threshold must be representable in fxp-s16/10", "50.0", "nearest 31.99"],
    ),
    "constant too fine": (
        ("network", "population", 1, "threshold"),
        1e-4,
        ["Threshold must be representable in fxp-s16/10", "nearest 0.0"],
    ),
    "overflow": (
        ("network", "projection", 0, "weight"),
        "fxp-s60/14",
        ["Accumulator of classes must fit 62 bits, not 66", "pixels_to_classes"],
    ),
    "format misspelt": (
        ("network", "projection", 0, "weight"),
        "s16/14",
        ["Format must be spelt like 'fxp-s16/12', not 's16/14'"],
    ),
    "seed": (("seed",), -1, ["Seed must be 0 to 4294967295, not -1"]),
    "trials": (("trials",), 0.5, ["Trials must be an integer, not 0.5"]),
    "metric": (("metric",), 3, ["Metric must be a name, not 3"]),
    "wrong kind": (
        ("network", "projection", 0, "rule", "eta"),
        "fast",
        ["eta of rule of projection pixels_to_classes must be of type float, not 'fast'"],
    ),
    "other readout": (("network", "reward", "readout"), "clases", ["mean 'classes'"]),
    "other shape": (("network", "population", 0, "size"), 65, ["one source of 64 spikes"]),
    "external": (("network", "reward", "objective"), "external", ["that a task can set"]),
}

# A key that is misspelt, what it becomes, and its place.
MISSPELT = {
    ("trials",): ("trails", "experiment"),
    ("task", "repeats"): ("repeat", "task digits"),
    ("network", "ticks"): ("tick", "network"),
    ("network", "population", 1, "membrane"): ("membran", "population 'classes'"),
    ("network", "projection", 0, "weight"): ("weigth", "projection"),
    ("network", "projection", 0, "rule", "sigma"): ("sigm", "rule of projection"),
    ("network", "reward", "scale"): ("scal", "reward"),
}


def digits() -> dict[str, Any]:
    return tomllib.loads(shipped()["digits"].read_text())


def table_of(data: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        data = data[key]
    return data


def refusal(data: dict[str, Any], folder: Any) -> str:
    """Return the line that tells of a mistake."""
    path = folder / "mine.toml"
    path.write_text(tomli_w.dumps(data))
    with pytest.raises(InputError) as caught:
        prepare(str(path))
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_get_one_clear_line(mistake, tmp_path):
    path, value, words = MISTAKES[mistake]
    data = digits()
    table_of(data, path)[path[-1]] = value
    text = refusal(data, tmp_path)
    for word in words:
        assert word in text


@pytest.mark.parametrize("path", MISSPELT, ids=str)
def test_misspelt_keys_name_the_nearest_right_one(path, tmp_path):
    misspelt, place = MISSPELT[path]
    data = digits()
    table = table_of(data, path)
    table[misspelt] = table.pop(path[-1])
    text = refusal(data, tmp_path)
    assert f"Key of {place}" in text
    assert f"not {misspelt!r} (did you mean {path[-1]!r}?)" in text


@pytest.mark.parametrize(
    "path", [p for p in MISSPELT if p[-1] not in ("repeats", "scale")], ids=str
)
def test_missing_keys_are_named(path, tmp_path):
    data = digits()
    table_of(data, path).pop(path[-1])
    assert f"must have the key {path[-1]!r}, which is missing" in refusal(data, tmp_path)


def test_broken_toml_names_line_and_column(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("seed = 1\ntrials == 2\n")
    with pytest.raises(InputError, match=r"mine\.toml: .*line 2, column 9"):
        prepare(str(path))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"mine\.toml: File must be UTF-8 text"):
        prepare(str(path))


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places of all tables, lists and values."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


@pytest.mark.parametrize("value", ["x", -1, 0, 2**70, True, [], {}, [1], "fxp-s62/0"], ids=repr)
def test_no_wrong_value_anywhere_is_more_than_an_input_error(value, tmp_path):
    path = tmp_path / "mine.toml"
    data = tomllib.loads(shipped()["werfel_node"].read_text())
    refused = 0
    for place in places(data):
        changed = copy.deepcopy(data)
        table_of(changed, place)[place[-1]] = value
        path.write_text(tomli_w.dumps(changed))
        with contextlib.suppress(InputError):
            prepare(str(path))
            continue
        refused += 1
    assert refused > len(list(places(data))) / 2
