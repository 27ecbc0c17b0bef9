"""Random values of domains: corners first.

What may be drawn is what validation accepts, :mod:`goldenspike.golden.domains`. Of whatever is
drawn, half comes from the corners of its domain: the lowest and the highest, 0, one off each,
powers of two and one off these. The other half is what networks are made of that do something:
numbers of every magnitude, formats whose ends are reached.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np

from goldenspike.golden.domains import Between, Formats, Name, OneOf, Whole, domains
from goldenspike.golden.fixed import WIDEST, Format
from goldenspike.sim.corners import WIDTHS, Bin, of_value, owner

THEMES = ("wide", "narrow", "whole", "coarse", "ends")
"""What the cases of odd seeds have much of: formats of more than 32 bits, of one bit, without
fraction bits, of less than none; and the ends of ranges of integers.
"""
UNITLESS = ("trace", "eligibility", "psi", "noise", "credit", "adaptation", "total")
"""Formats of numbers about 1, whatever the unit of weights."""
THEMATIC = 0.12
"""The usual share of formats that are of a case's theme."""
FAVOURED = 0.7
"""How often a model that the case aims at is drawn where it can be."""
HOSTS = {
    "bounded": ("stdp", "neuromodulated_stdp"),
    "credit": ("eprop_reward", "lif", "adaptive_lif"),
    "local_gradient": ("eprop_adaptive", "lif", "adaptive_lif"),
    "psi": ("eprop", "lif", "adaptive_lif"),
}
"""Models that have the cells of a module."""
MANY = 300
"""How many values are drawn, at most, until one is at a corner."""
FACTORS = ("factor", "gain")
"""What names of formats end with that are held by factors of 0 to 1, or a little more."""


def corners(low: int, high: int) -> list[int]:
    """Return the corners of a range of integers, in order."""
    powers = [1 << k for k in range(max(abs(low), abs(high)).bit_length())]
    found = {low, low + 1, high - 1, high, 0, *powers, *(-p for p in powers)}
    found |= {near for p in tuple(found) for near in (p - 1, p + 1)}
    return sorted(k for k in found if low <= k <= high)


class Drawing:
    """Choices of one case.

    Parameters
    ----------
    key
        What they are a function of.
    wild
        Share of formats that are any format there is. The others are narrow, and near each other.
    aim
        A bin of the functional coverage. Models that it names are drawn more often; if it is the
        corner of a field, that field is put there. No format is wild, and there is no theme, but
        narrow formats for the ends of a state.
    """

    def __init__(self, *key: int, wild: float = 0.1, aim: Bin | None = None) -> None:
        self.random = np.random.default_rng(key)
        self.wild = wild
        self.aim = aim
        of_field = aim if aim is not None and aim[0] == "field" else None
        self.field, self.corner = (None, "") if of_field is None else (of_field[1:3], of_field[3])
        self.theme = self.one(*THEMES) if key[0] % 2 else None
        """What there is much of; the other formats are narrow then."""
        self.thematic = THEMATIC
        """Share of formats that are of the theme."""
        if aim is not None:
            self.wild, self.theme = 0.0, None
        if aim is not None and aim[0] == "end":
            self.theme, self.thematic = self.one(None, "narrow"), 0.4
        self.frac = self.one(0, 2, 3, 4, 5, 8, 12, -2) if self.chance(0.5) else 3
        """Fraction bits that those of weights are near, and of all that is of their unit."""
        self.fine = self.between(0, 5)
        """The same of numbers without a unit."""

    def one(self, *options: Any) -> Any:
        """Return one of some options; mostly a model that the case aims at, if there is one."""
        if self.aim is not None:
            favoured = [one for one in options if isinstance(one, ModuleType) and self._has(one)]
            if favoured and self.random.random() < FAVOURED:
                options = tuple(favoured)
        return options[self.random.integers(len(options))]

    def _has(self, module: ModuleType) -> bool:
        """Return whether the case aims at something of a model."""
        assert self.aim is not None
        mine = {module.__name__.rpartition(".")[2]}
        mine |= {base.__name__ for base in getattr(module, "Params", object).__mro__}
        words = {word for words in self.aim for word in str(words).split(".")}
        return not mine.isdisjoint(words.union(*(HOSTS.get(word, ()) for word in words)))

    def between(self, low: int, high: int) -> int:
        """Return an integer of a range, its ends included."""
        return int(self.random.integers(low, high, endpoint=True))

    def chance(self, share: float) -> bool:
        """Return whether something of a probability happens."""
        return bool(self.random.random() < share)

    def shuffled(self, things: list[Any]) -> list[Any]:
        """Return things in a random order."""
        return [things[k] for k in self.random.permutation(len(things))]

    def whole(self, low: int, high: int) -> int:
        """Return an integer of a range: a corner, or one of every magnitude."""
        if self.theme == "ends" and self.chance(0.3):
            return self.one(low, high)
        if self.chance(0.5):
            return self.one(*corners(low, high))
        return low + (self.between(0, high - low) >> self.between(0, (high - low).bit_length()))

    def format(self, domain: Formats, about: int) -> Format:
        """Return a format of a domain.

        Parameters
        ----------
        about
            Fraction bits of the formats that it belongs with.
        """
        signed = self.chance(0.7) if domain.signed is None else domain.signed
        if self.theme is not None and self.chance(self.thematic):
            return self._thematic(domain, signed, about)
        if self.chance(self.wild):
            width = self.whole(1, WIDEST)
            places = (-8, -1, 0, 1, width - 1, width, width + 1, width + 8, about)
            frac = self.one(*places)
        else:
            width = self.between(3, 12) if self.chance(0.8) else self.between(1, 32)
            frac = about + self.between(-2, 2)
        return self._fitted(domain, signed, width, frac)

    def _thematic(self, domain: Formats, signed: bool, about: int) -> Format:
        """Return a format of the case's theme."""
        width, frac = self.between(2, 12), about + self.between(-2, 2)
        if self.theme == "wide":
            width = self.between(33, 44)
        elif self.theme == "narrow":
            width = 1
        elif self.theme == "whole":
            frac = 0
        elif self.theme == "coarse":
            frac = -self.between(1, 6)
        return self._fitted(domain, signed, width, frac)

    def _fitted(self, domain: Formats, signed: bool, width: int, frac: int) -> Format:
        """Return a format with what a domain asks for besides."""
        if domain.fracs is not None:
            least, most = domain.fracs
            frac = min(max(frac, least), most)
        if domain.behind:
            return Format(False, width, width)
        if domain.one:
            width = max(width, max(frac, 1) + signed)
        return Format(signed, width, frac)

    def holder(self) -> Format:
        """Return a format of factors: the usual one, or another that holds some of 0 to 1."""
        if self.theme is not None and self.chance(2 * self.thematic):
            return self._thematic(Formats(), False, self.between(0, 20))
        if self.chance(self.wild):
            return self.format(Formats(), self.between(0, 20))
        if self.chance(0.3):
            return Format(False, 17, 16)
        frac = self.whole(1, 20)
        signed = self.chance(0.3)
        return Format(signed, frac + signed + self.one(0, 1, 1, 2), frac)

    def raw(self, low: int, high: int) -> int:
        """Return an integer of a range, 0 in its middle: a corner, or one of every magnitude."""
        if self.chance(0.5):
            near = [k for k in (low, low + 1, -2, -1, 0, 1, 2, high - 1, high) if low <= k <= high]
            return self.one(*near)
        return self.between(low, high) >> self.between(0, max(high - low, 1).bit_length() - 1)

    def real(self, domain: Between, known: dict[str, Any]) -> float:
        """Return a number of a domain, where the formats are known that it is held in."""
        holder: Format | None = known.get(domain.held or domain.kept)
        if holder is None:
            near = 2.0 ** self.between(-5, 5) * self.one(
                1.0, 1.0, float(self.random.random()) + 0.5
            )
            options = [near, *([-near, 0.0] if domain.low < 0 else [])]
            ends = [domain.low, domain.high, (domain.low + domain.high) / 2]
            options = ends if domain.high < math.inf else options
            return self.one(*[value for value in options if value in domain] or [near])
        if holder.frac < 0 and domain.high < math.inf:
            return self.one(*[end for end in (0.0, 1.0) if end in domain])
        if domain.inverse and (holder.frac < 1 or holder.high < 1):
            return 1.0
        one = Fraction(2) ** holder.frac
        if domain.inverse:
            return float(one / self.between(1, min(int(one), holder.high)))
        low, high = holder.low, holder.high
        if domain.low > -math.inf:
            low = max(low, math.ceil(domain.low * one))
            low += domain.above and low == domain.low * one
        if domain.high < math.inf:
            high = min(high, math.floor(domain.high * one))
            high -= domain.below and high == domain.high * one
        if high < low:
            return self.one(0.0, 1.0)
        if domain.high == math.inf:
            return float(holder.to_float(min(max(self.raw(low, high), low), high)))
        half = (low + high) // 2
        near = [low, low + 1, half - 1, half, half + 1, high - 1, high]
        raw = self.one(*[k for k in near if low <= k <= high])
        return float(holder.to_float(raw if self.chance(0.5) else self.between(low, high)))

    def word(self, domain: Any, known: dict[str, Any], about: int) -> Any:
        """Return a value of any domain."""
        if isinstance(domain, Formats):
            return self.format(domain, about)
        if isinstance(domain, OneOf):
            return self.one(*domain.options)
        if isinstance(domain, Between):
            return self.real(domain, known)
        if isinstance(domain, Whole) and domain.power:
            return 1 << self.whole(0, domain.high.bit_length() - 1)
        if isinstance(domain, Whole):
            return self.whole(domain.low, domain.high)
        raise TypeError(f"Domain must be one that values can be drawn of, not {domain!r}")

    def params(self, described: Any, /, **given: Any) -> Any:
        """Return a description, what is not given drawn from its fields' domains.

        Raises
        ------
        ValueError
            If the values do not go together.
        """
        known = domains(described)
        values = dict(given)
        left = [f for f in fields(described) if f.name not in given and f.name in known]
        # Formats come first: numbers are drawn in them.
        for f in sorted(left, key=lambda f: not isinstance(known[f.name], Formats)):
            optional = f.default is not MISSING
            if isinstance(known[f.name], Name) or (optional and f.default is None):
                continue
            if optional and self.chance(0.3):
                values[f.name] = f.default
            elif isinstance(known[f.name], Formats) and optional and f.name.endswith(FACTORS):
                values[f.name] = self.holder()
            else:
                about = self.fine if f.name.endswith(UNITLESS) else self.frac
                values[f.name] = self.word(known[f.name], values, about)
        self._steer(described, values)
        return described(**values)

    def given(self, described: Any, name: str, drawn: Any, **known: Any) -> Any:
        """Return what was drawn for a field, or a value where the case aims, if at that field."""
        if not self.aims_at(described, name):
            return drawn
        return self.aimed(domains(described)[name], known)

    def aims_at(self, described: Any, name: str) -> bool:
        """Return whether the case aims at a corner of a field."""
        return (owner(described, name), name) == self.field

    def _steer(self, described: Any, values: dict[str, Any]) -> None:
        """Put the field that the case aims at where it aims, and the numbers it holds."""
        known = domains(described)
        for name in [name for name in known if self.aims_at(described, name)]:
            left_out = values.get(name) is None  # It is optional, or goes with others.
            if left_out or self.corner in of_value(known[name], values[name]):
                continue
            values[name] = self.aimed(known[name], values)
            for other, domain in known.items():
                if isinstance(domain, Between) and name in (domain.held, domain.kept):
                    values[other] = self.real(domain, values)

    def aimed(self, domain: Any, known: dict[str, Any]) -> Any:
        """Return a value of a domain, at the corner that the case aims at.

        Raises
        ------
        ValueError
            If none is found.
        """
        for _ in range(MANY):
            if isinstance(domain, Formats):
                value = self._cornered(domain, self.corner)
            elif isinstance(domain, Between) and not (domain.held or domain.kept):
                value = self._inside(domain)
            else:
                value = self.word(domain, known, self.frac)
            if self.corner in of_value(domain, value):
                return value
        raise ValueError(f"Value must be found for {self.corner} of {domain}, but none is")

    def _inside(self, domain: Between) -> float:
        """Return a number of a domain, often near an end."""
        if domain.high == math.inf:
            return self.real(domain, {})
        part = 2.0 ** -self.between(1, 8)
        return domain.low + (domain.high - domain.low) * self.one(0, part, 0.5, 1 - part, 1)

    def _cornered(self, domain: Formats, corner: str) -> Format:
        """Return a format of a class of widths or of fraction bits, if the domain has any."""
        fmt = self.format(domain, self.one(self.fine, self.frac))
        width, frac = fmt.width, fmt.frac
        if corner in WIDTHS:
            least, most = WIDTHS[corner]
            width = self.between(least, min(most, least + 7))
            frac = self.one(frac, frac + width - fmt.width)
        elif corner == "fraction below 0":
            frac = -self.between(1, 6)
        elif corner == "no fraction":
            frac = 0
        elif corner == "fraction all, or beyond":
            frac = width + self.one(0, 0, 1, 3)
        return self._fitted(domain, fmt.signed, width, frac)
