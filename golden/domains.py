"""What a parameter may be: said once, where its field is declared.

A field is annotated with its domain, as in ``decay: Annotated[float, Between(0, 1)]``. Validation
reads it (:func:`check`), and so does whoever draws descriptions at random (:func:`domains`): what
is accepted and what is drawn cannot drift apart.

A domain knows one value at a time. What a value must be beside others, such as an accumulator that
is needed for some intervals only, is said in ``__post_init__``.
"""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from goldenspike.golden.fixed import DETERMINISTIC, Format, Rounding
from goldenspike.golden.parameters import brief, choice, number


def spoken(name: str) -> str:
    """Return a field's name as an error begins with it."""
    return name.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Between:
    """Real numbers from `low` to `high`, finite ones.

    Parameters
    ----------
    low, high
        The ends, which belong to it.
    above, below
        Whether `low`, and `high`, do not belong to it.
    held
        Field with the format in which the number must be representable, but for 0 and 1, which need
        no bits. A number that must be below 1 is so in that format, too.
    kept
        Field with the format in which it must be representable, whatever it is.
    inverse
        Whether what is held is 1 by the number.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    held: str = ""
    kept: str = ""
    inverse: bool = False

    def __str__(self) -> str:
        if self.high == math.inf:
            if self.low == -math.inf:
                return "finite"
            return f"above {self.low}" if self.above else f"{self.low} or more"
        end = f"below {self.high}" if self.below else f"{self.high}"
        return f"above {self.low}, to {end}" if self.above else f"{self.low} to {end}"

    def __contains__(self, value: float) -> bool:
        after = self.low < value if self.above else self.low <= value
        before = value < self.high if self.below else value <= self.high
        return after and before and -math.inf < value < math.inf

    def check(self, noun: str, value: Any, described: Any = None) -> None:
        """Raise TypeError or ValueError unless `value` is one of them."""
        number(noun, value)
        if value not in self:
            raise ValueError(f"{noun} must be {self}, not {value!r}")
        if self.kept:
            getattr(described, self.kept).constant(value, noun)
        if self.held:
            self._check_held(noun, value, getattr(described, self.held))

    def _check_held(self, noun: str, value: float, fmt: Format) -> None:
        if self.inverse:
            fmt.factor(1.0 / value, f"1/{noun.lower()}")
            return
        raw, frac = fmt.factor(value, noun)
        if self.below and raw * 2.0**-frac >= self.high:
            raise ValueError(f"{noun} must be below {self.high} in {fmt}, not {value!r}")


@dataclass(frozen=True)
class Whole:
    """Integers from `low` to `high`, both included; powers of two if `power`."""

    low: int
    high: int
    power: bool = False

    def __str__(self) -> str:
        return f"a power of two to {self.high}" if self.power else f"{self.low} to {self.high}"

    def check(self, noun: str, value: Any, described: Any = None) -> None:
        """Raise TypeError or ValueError unless `value` is one of them."""
        if type(value) is not int:
            raise TypeError(f"{noun} must be an integer, not {value!r}")
        if not self.low <= value <= self.high or (self.power and value & (value - 1)):
            raise ValueError(f"{noun} must be {self}, not {brief(value)}")


@dataclass(frozen=True)
class OneOf:
    """One of some words, or of some members of an enumeration; `of` is what the error speaks of."""

    options: tuple[Any, ...]
    of: str = ""

    def check(self, noun: str, value: Any, described: Any = None) -> None:
        """Raise ValueError unless `value` is one of them."""
        if self.options[0] is False and type(value) is not bool:
            raise TypeError(f"{noun} must be true or false, not {value!r}")
        if not isinstance(value, enum.Enum):
            choice(noun, value, self.options)
        elif value not in self.options:
            listed = ", ".join(repr(option.name.lower()) for option in self.options)
            noun = f"{noun} of {self.of}" if self.of else noun
            raise ValueError(f"{noun} must be one of {listed}, not {value.name.lower()!r}")


@dataclass(frozen=True)
class Formats:
    """Formats, as :meth:`~goldenspike.golden.fixed.Format.checked` has them.

    Parameters
    ----------
    signed
        Whether they are signed; None for both.
    fracs
        Least and greatest number of fraction bits, or None: any.
    behind
        Whether all bits are behind the point.
    one
        Whether they hold 1, or all but their last bit of it.
    """

    signed: bool | None = None
    fracs: tuple[int, int] | None = None
    behind: bool = False
    one: bool = False

    def check(self, noun: str, value: Any, described: Any = None) -> None:
        """Raise TypeError or ValueError unless `value` is one of them."""
        if not isinstance(value, Format):
            raise TypeError(f"{noun} must be a format, not {value!r}")
        value.checked()
        if self.behind and (value.signed or value.width != value.frac):
            raise ValueError(f"{noun} must be unsigned, all bits behind the point, not {value}")
        if self.signed is not None and value.signed != self.signed:
            raise ValueError(f"{noun} must be {'' if self.signed else 'un'}signed, not {value}")
        if self.fracs is not None and not self.fracs[0] <= value.frac <= self.fracs[1]:
            least, most = self.fracs
            raise ValueError(f"{noun} must have {least} to {most} fraction bits, not {value}")
        if self.one and value.high + 1 < 1 << max(value.frac, 0):
            raise ValueError(f"{noun} must be a format that holds 1, not {value}")


@dataclass(frozen=True)
class Name:
    """The name of a population of the network, which only the whole network can check."""

    def check(self, noun: str, value: Any, described: Any = None) -> None:
        """Raise TypeError unless `value` is a name."""
        if not isinstance(value, str):
            raise TypeError(f"{noun} must be a name, not {value!r}")


LIMIT = 1 << 16
"""Neurons of a population and ticks of a trial stay below: indices are pairs of 16 bits."""
Domain = Between | Whole | OneOf | Formats | Name

Share = Annotated[float, Between(0, 1)]
Positive = Annotated[float, Between(0, above=True)]
Factor = Annotated[float, Between(0, 1, held="factor")]
"""A factor of 0 to 1 in the format of the field ``factor``."""
Other = Annotated[str, Name()]
Count = Annotated[int, Whole(1, LIMIT - 1)]
Window = Annotated[int, Whole(0, LIMIT - 1)]
"""The last ticks of a trial, or 0 for all."""
Drive = Annotated[str, OneOf(("one", "complement"))]


def sure(of: str) -> Any:
    """Return the domain of roundings that take no random word; `of` is what is rounded."""
    return OneOf(DETERMINISTIC, of)


NeuronRounding = Annotated[Rounding, sure("a neuron")]
ErrorRounding = Annotated[Rounding, sure("an error")]


def _domain(hint: Any) -> Any:
    """Return the domain that a hint has, or that its type is."""
    if get_origin(hint) is Annotated:
        return next((one for one in hint.__metadata__ if isinstance(one, Domain)), None)
    if isinstance(hint, UnionType) or get_origin(hint) is UnionType:
        hint = next(one for one in get_args(hint) if one is not type(None))
        return _domain(hint)
    if hint is Format:
        return Formats()
    if hint is bool:
        return OneOf((False, True))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return OneOf(tuple(hint))
    return None


@functools.cache
def domains(described: type) -> dict[str, Any]:
    """Return the domains of a description's fields, by name, as far as they have one.

    A format may be any, and so may a truth value or a member of an enumeration, if nothing else is
    said.
    """
    hints = get_type_hints(described, include_extras=True)
    found = {f.name: _domain(hints[f.name]) for f in fields(described)}
    return {name: domain for name, domain in found.items() if domain is not None}


def check(described: Any, of: str = "") -> None:
    """Raise TypeError or ValueError unless every field of a description is in its domain.

    Parameters
    ----------
    described
        A dataclass. A field that is None, and may be, is left out.
    of
        What the fields are said to be of.
    """
    for name, value in _given(described):
        noun = spoken(name) + (f" of {of}" if of else "")
        domains(type(described))[name].check(noun, value, described)


def _given(described: Any) -> Iterator[tuple[str, Any]]:
    for name, default in _defaults(type(described)).items():
        value = getattr(described, name)
        if value is not None or default is not None:
            yield name, value


@functools.cache
def _defaults(described: type) -> dict[str, Any]:
    """Return the defaults of the fields that have a domain, by name."""
    known = domains(described)
    return {f.name: f.default for f in fields(described) if f.name in known}
