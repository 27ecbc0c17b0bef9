"""What every ``Params`` shares: plain data in and out, errors that name the nearest right word."""

from __future__ import annotations

import difflib
import enum
import functools
import math
import operator
from dataclasses import MISSING, dataclass, fields
from types import UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints

import numpy as np

from goldenspike.golden.fixed import Format


def nearest_word(word: str, words: Any) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest of `words`, or nothing if none is close."""
    close = difflib.get_close_matches(str(word), [str(w) for w in words], n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def choice(noun: str, value: Any, allowed: Any) -> None:
    """Raise ValueError unless `value` is one of `allowed`."""
    allowed = tuple(allowed)  # Of a dict or a set, `in` would ask for the hash of any value.
    if value not in allowed:
        listed = ", ".join(repr(a) for a in allowed)
        hint = nearest_word(value, allowed)
        raise ValueError(f"{noun} must be one of {listed}, not {value!r}{hint}")


def unit(noun: str, value: float) -> None:
    """Raise ValueError unless ``0 <= value <= 1``."""
    number(noun, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{noun} must be 0 to 1, not {value!r}")


def positive(noun: str, value: float) -> None:
    """Raise ValueError unless ``value > 0`` and finite."""
    number(noun, value)
    if not 0 < value < float("inf"):
        raise ValueError(f"{noun} must be above 0, not {value!r}")
    real(noun, value)


def check_keys(where: str, data: Any, allowed: Any, required: Any = ()) -> None:
    """Raise ValueError for an unknown or a missing key, naming the nearest right one."""
    if not isinstance(data, dict):
        raise TypeError(f"{where} must be a table, not {data!r}")
    for key in data:
        if key not in allowed:
            if not allowed:
                raise ValueError(f"Keys of {where} must be none, not {key!r}")
            known = ", ".join(allowed)
            hint = nearest_word(key, allowed)
            raise ValueError(f"Key of {where} must be one of {known}, not {key!r}{hint}")
    for key in required:
        if key not in data:
            others = [other for other in data if other not in required] if allowed is data else []
            close = difflib.get_close_matches(key, others, n=1, cutoff=0.5)
            hint = f" (is it {close[0]!r}?)" if close else ""
            raise ValueError(f"{where} must have the key {key!r}, which is missing{hint}")


def read_format(noun: str, value: Any) -> Format:
    """Return the format that a table's value spells.

    Raises
    ------
    ValueError, TypeError
        Naming what it is the format of.
    """
    if not isinstance(value, str):
        raise TypeError(f"{noun} must be a format such as 'fxp-s16/12', not {value!r}")
    try:
        return Format.parse(value)
    except ValueError as error:
        raise ValueError(f"{noun}: {error}") from None


def number(noun: str, value: Any) -> None:
    """Raise TypeError unless `value` is an integer or a float, numpy's among them."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{noun} must be a number, not {value!r}")


def real(noun: str, value: Any) -> float:
    """Return a finite number as a float.

    Raises
    ------
    TypeError
        If it is no integer and no float, numpy's among them.
    ValueError
        If it is not finite, or too large for a float.
    """
    number(noun, value)
    try:
        found = float(value)
    except OverflowError:
        raise ValueError(f"{noun} must be below 1.8e308, not {brief(value)}") from None
    if not math.isfinite(found):
        raise ValueError(f"{noun} must be finite, not {found!r}")
    return found


def integer(noun: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """Return an integer of any kind, numpy's too, as a Python integer.

    Raises
    ------
    TypeError
        If it is none: booleans and floats are not.
    ValueError
        If it is not ``low..high``.
    """
    try:
        found = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        found = None
    if found is None:
        raise TypeError(f"{noun} must be an integer, not {value!r}")
    if (low is not None and found < low) or (high is not None and found > high):
        raise ValueError(f"{noun} must be {low} to {high}, not {brief(found)}")
    return found


def text(noun: str, value: Any) -> str:
    """Return `value`; raise TypeError unless it is a string."""
    if not isinstance(value, str):
        raise TypeError(f"{noun} must be a name, not {value!r}")
    return value


def flag(noun: str, value: Any) -> bool:
    """Return a boolean, or numpy's, as a Python boolean.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{noun} must be true or false, not {value!r}")
    return bool(value)


def brief(value: Any) -> str:
    """Return an integer's digits, or how many there are if they would fill lines."""
    bits = int(value).bit_length()
    return f"{value}" if bits < 128 else f"an integer of {bits} bits"


def _convert(kind: Any, value: Any, noun: str) -> Any:
    if isinstance(kind, UnionType):
        kind = get_args(kind)[0]
    if kind is Any:  # Params of a model, read already.
        return value
    if kind is Format:
        return read_format(noun, value)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        names = [member.name.lower() for member in kind]
        choice(noun, value, names)
        return kind[value.upper()]
    if get_origin(kind) is tuple:
        of = get_args(kind)[0]
        if type(value) not in (list, tuple):
            raise TypeError(f"{noun} must be a list of {of.__name__}, not {value!r}")
        return tuple(_convert(of, item, f"Item of {noun}") for item in value)
    if kind is float and type(value) in (int, float):
        return value if type(value) is float else real(noun, value)  # NaN is for Params to name.
    if kind in (int, str, bool) and type(value) is kind:
        return value
    raise TypeError(f"{noun} must be of type {getattr(kind, '__name__', kind)}, not {value!r}")


@functools.cache
def _kinds(cls: Any) -> dict[str, Any]:
    """Return the kind of every field of a description."""
    return get_type_hints(cls)


PLAIN: dict[Any, Any] = {int: integer, float: real, bool: flag, str: text}
"""What makes plain values of what Python code gives, by kind."""


def _plain(kind: Any, value: Any, noun: str) -> Any:
    """Return a field's value as it is kept: plain numbers; raise TypeError for another kind."""
    if isinstance(kind, UnionType):
        if value is None:
            return None
        kind = get_args(kind)[0]
    if kind in PLAIN:
        return PLAIN[kind](noun, value)
    if get_origin(kind) is tuple and isinstance(value, (list, tuple)):
        return tuple(_plain(get_args(kind)[0], item, f"Item of {noun}") for item in value)
    if isinstance(kind, enum.EnumMeta) and value in list(kind):
        return kind(value)
    if kind is not Any and isinstance(kind, type) and not isinstance(value, kind):
        raise TypeError(f"{noun} must be of type {kind.__name__}, not {value!r}")
    return value


@dataclass(frozen=True)
class Parameters:
    """Base of frozen dataclasses that can be read from and written to TOML tables."""

    def __post_init__(self) -> None:
        """Make plain values of what is given, and check that each is in its field's domain.

        What values must be beside each other, models check after that.

        Raises
        ------
        TypeError
            If a value is of another kind than its field.
        ValueError
            If a number is not finite, or a value is not in its domain.
        """
        from goldenspike.golden.domains import check  # which imports this file

        for f in fields(self):
            noun = f.name.replace("_", " ").capitalize()
            value = _plain(_kinds(type(self))[f.name], getattr(self, f.name), noun)
            object.__setattr__(self, f.name, value)
        check(self)

    @classmethod
    def read(cls, data: dict[str, Any], where: str) -> Self:
        """Build from plain data, as TOML gives it.

        Raises
        ------
        ValueError, TypeError
            In one line that names the place, the key, the value and the nearest right one.
        """
        known = [f.name for f in fields(cls)]
        required = [
            f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
        ]
        check_keys(where, data, known, required)
        hints = _kinds(cls)
        values = {
            key: _convert(hints[key], value, f"{key} of {where}") for key, value in data.items()
        }
        try:
            return cls(**values)
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{where}: {error}") from None

    def write(self) -> dict[str, Any]:
        """Return plain data that :meth:`read` reads; defaults are left out."""
        data = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.default is not MISSING and value == f.default:
                continue
            if isinstance(value, enum.Enum):
                value = value.name.lower()
            elif type(value) is tuple:
                value = list(value)
            data[f.name] = str(value) if isinstance(value, Format) else value
        return data
