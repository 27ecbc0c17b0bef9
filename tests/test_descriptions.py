"""Descriptions that are wrong in any way are planned, or refused in one line that names the key.

Shipped experiments are changed at random places. A failure prints the TOML that shows it.
"""

from __future__ import annotations

import copy
import datetime as dt
import random
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w

from goldenspike.golden.network import read_network, write_network
from goldenspike.golden.plan import plan
from goldenspike.tools.experiment import parse, read_text, shipped

SHORT, LONG = 400, 8000
DATA = {name: tomllib.loads(read_text(path)) for name, path in shipped().items()}
HUGE = 10**400

KINDS: dict[str, Any] = {
    "boolean": True,
    "integer": 7,
    "huge": HUGE,
    "float": 0.5,
    "nan": float("nan"),
    "infinity": float("inf"),
    "string": "zzz",
    "list": [1],
    "lists": [[]],
    "nothing": [],
    "table": {"a": 1},
    "tables": [{"a": 1}],
    "date": dt.date(2020, 1, 1),
    "time": dt.time(1, 2),
    "moment": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
}
"""A value of every type that TOML has."""
VALUES = [
    *KINDS.values(),
    *(0, 1, -1, 2, 255, 256, 65535, 65536, 2**31, 2**32, 2**63, 2**64, -HUGE),
    *(0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, 5e-324, 1e-9, 1 - 2**-17, 1 - 2**-53, float("-inf")),
    *("", "a" * 300, "two words", "gr\N{LATIN SMALL LETTER O WITH DIAERESIS}", "line\nline"),
    *("fxp-u1/0", "fxp-s1/0", "fxp-u62/62", "fxp-s62/0", "fxp-s12/-2000", "fxp-s12/2000"),
    *("fxp-s12/-20", "fxp-s0/0", "fxp-u99999999999/0", "fxp-u63/0", "fxp-s16/12-complex"),
    *("fxp-s12/255", "fxp-s12/-255", "fxp-s\N{ARABIC-INDIC DIGIT ONE}/0"),
    *({}, {"model": "paired"}, {"model": 1}, {"model": []}, [{}]),
]
WIDTHS = (0, 1, 2, 3, 8, 12, 16, 17, 24, 32, 40, 61, 62, 63, 10**12)
FRACTIONS = (-2000, -30, -3, -1, 0, 1, 4, 8, 12, 16, 30, 61, 62, 63, 100, 2000)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of everything in a table or list."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


def at(data: Any, path: tuple[Any, ...]) -> Any:
    """Return what is at a path."""
    for key in path:
        data = data[key]
    return data


def near(value: Any, rng: random.Random) -> Any:
    """Return a value like another one, which may well be accepted."""
    if type(value) is int:
        return rng.choice((value + 1, value - 1, -value, 2 * value, 1000 * value, float(value)))
    if type(value) is float:
        ends = (HUGE, 1e-300, 5e-324, 1e300)
        return rng.choice((2 * value, -value, 1e6 * value, 1e-6 * value, 1 - value, *ends))
    if isinstance(value, str) and value.startswith("fxp-"):
        return f"fxp-{rng.choice('su')}{rng.choice(WIDTHS)}/{rng.choice(FRACTIONS)}"
    if isinstance(value, str):
        return rng.choice((f"{value}x", value[1:], value.upper()))
    return not value if isinstance(value, bool) else copy.deepcopy(value)


def change(data: dict[str, Any], rng: random.Random) -> None:
    """Change one place of an experiment."""
    path = rng.choice(list(places(data)))
    parent, key = at(data, path[:-1]), path[-1]
    how = rng.random()
    if how < 0.45:
        parent[key] = near(parent[key], rng)
    elif how < 0.7:
        parent[key] = copy.deepcopy(rng.choice(VALUES))
    elif how < 0.85:
        parent[key] = copy.deepcopy(at(data, rng.choice(list(places(data)))))
    elif how < 0.95 or isinstance(parent, dict):
        del parent[key]
    else:
        parent.append(copy.deepcopy(parent[key]))


def changed(seed: int) -> tuple[str, str]:
    """Return the name of an experiment, and its TOML with one to three changes."""
    rng = random.Random(seed)
    name = sorted(DATA)[seed % len(DATA)]
    data = copy.deepcopy(DATA[name])
    for _ in range(rng.choice((1, 1, 2, 3))):
        change(data, rng)
    return name, tomli_w.dumps(data)


def answer(name: str, text: str) -> str:
    """Return why a description is refused, or nothing if it is planned; all else is a failure."""
    try:
        network = parse(text, name).network
        plan(network)
    except (ValueError, TypeError) as error:
        return str(error)
    assert read_network(write_network(network)) == network
    return ""


def check(seed: int) -> str:
    """Check the answer to one changed description, and return it."""
    name, text = changed(seed)
    try:
        said = answer(name, text)
    except BaseException as error:
        error.add_note(f"seed {seed}, an experiment like {name}:\n{text}")
        raise
    bad = re.search("unhashable|not supported between|object is not|unexpected|math domain", said)
    assert bad is None, f"{said}\nseed {seed}, an experiment like {name}:\n{text}"
    return said


def test_changed_descriptions_are_planned_or_refused() -> None:
    said = [check(seed) for seed in range(SHORT)]
    planned = said.count("")
    assert 0.1 * SHORT < planned < 0.9 * SHORT
    assert len(set(said)) > 0.4 * SHORT


@pytest.mark.long
def test_many_changed_descriptions_are_planned_or_refused() -> None:
    for seed in range(SHORT, LONG):
        check(seed)


def keys() -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Return every key of every kind of table in an experiment, with its path."""
    found = {}
    for name, data in DATA.items():
        for path in places(data):
            names = [key for key in path if isinstance(key, str)]
            parent = at(data, path[:-1])
            model = parent.get("model") if isinstance(parent, dict) else None
            label = names[-1]
            found.setdefault(
                f"{label} of {model}" if isinstance(model, str) else label, (name, path)
            )
    return found


KEYS = keys()


@pytest.mark.parametrize("key", KEYS)
def test_a_value_of_any_wrong_type_is_answered_by_the_name_of_its_key(key: str) -> None:
    name, path = KEYS[key]
    names = [part for part in path if isinstance(part, str)]
    for kind, value in KINDS.items():
        data = copy.deepcopy(DATA[name])
        at(data, path[:-1])[path[-1]] = copy.deepcopy(value)
        said = answer(name, tomli_w.dumps(data))
        if kind in ("integer", "float", "string") and said:
            continue  # The type may be right, and something else be wrong.
        words = {names[-1], names[-1].replace("_", " ")} | set(names[-2:] * (names[-1] == "model"))
        assert not said or any(word in said.lower() for word in words), (kind, said)
        assert "\n" not in said


FORMATS = {
    "fxp-s12/-2000": "Fraction bits of a format must be -255 to 255, not -2000",
    "fxp-s12/2000": "Fraction bits of a format must be -255 to 255, not 2000",
    "fxp-u99999999/0": "Width of a format must be 1 to 62 bits, not 99999999",
    "fxp-u999999999999/0": "Format must be spelt like 'fxp-s16/12', not 'fxp-u999999999999/0'",
}


@pytest.mark.parametrize("spelling", FORMATS)
def test_formats_of_any_size_are_refused_in_one_line(spelling: str) -> None:
    data = copy.deepcopy(DATA["digits"])
    data["network"]["projection"][0]["weight"] = spelling
    assert answer("digits", tomli_w.dumps(data)).endswith(FORMATS[spelling])


def test_a_mirror_that_is_a_table_is_named() -> None:
    data = copy.deepcopy(DATA["basic_motions"])
    mirrors = [q for q in data["network"]["projection"] if "mirror" in q]
    mirrors[0]["mirror"] = {"a": 1}
    said = answer("basic_motions", tomli_w.dumps(data))
    assert said.endswith("Mirror of errors_to_teacher must be a name, not {'a': 1}")


def test_an_integer_that_no_float_holds_is_named() -> None:
    data = copy.deepcopy(DATA["digits"])
    rule = data["network"]["projection"][0]["rule"]
    rule["eta"] = HUGE
    said = answer("digits", tomli_w.dumps(data))
    where = "eta of rule of projection pixels_to_classes"
    assert said == f"{where} must be below 1.8e308, not an integer of 1329 bits"


def test_text_that_is_no_toml_is_refused() -> None:
    with pytest.raises(ValueError, match="must not nest lists and tables hundreds deep"):
        parse(f"a = {'[' * 5000}{']' * 5000}", "deep")
