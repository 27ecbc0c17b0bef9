"""One-pole filter: what traces, coloured noise and delayed eligibilities are made of.

    y' = requantize(decay * y + gain * x)

The sum is exact and rounded once, half to even; the ends saturate.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell
from goldenspike.golden.domains import Between
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize

FACTOR = Format(False, 17, 16)
"""The usual format of factors of 0 to 1."""
Fading = Annotated[float, Between(0, 1, below=True, held="factor")]
"""A decay that lets go of the past, in the format of the field ``factor``."""


def fading(factor: str) -> Between:
    """Return the domain of decays that let go of the past, in the format of a field."""
    return Between(0, 1, below=True, held=factor)


class Constants(NamedTuple):
    y: Format
    x: Format
    frac: int
    leak_shift: int
    drive_shift: int
    decay: Any
    gain: Any

    def ideal(self, decay: float, gain: float = 1.0) -> Constants:
        """Return the real numbers in the integers' place."""
        return self._replace(decay=float(decay), gain=float(gain))


class State(NamedTuple):
    y: Any


class Inputs(NamedTuple):
    x: Any


def constants(
    decay: float, y: Format, x: Format, factor: Format = FACTOR, gain: float = 1.0
) -> Constants:
    """Return the integers of a filter of `x`, its factors of 0 to 1 in the format `factor`."""
    raw_decay, decay_frac = factor.factor(decay, "Decay")
    raw_gain, gain_frac = factor.factor(gain, "Gain")
    frac = max(decay_frac + y.frac, gain_frac + x.frac)
    shifts = frac - decay_frac - y.frac, frac - gain_frac - x.frac
    return Constants(y, x, frac, *shifts, raw_decay, raw_gain)


def held_decay(decay: float, factor: Format) -> float:
    """Return what a format makes of a decay."""
    raw, frac = factor.factor(decay, "Decay")
    return raw * 2.0**-frac


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    total = align(s.y * c.decay, c.leak_shift) + align(x.x * c.gain, c.drive_shift)
    y = requantize(total, c.frac, c.y, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    return State(y), Nothing()


STEP = Cell("pole.step", step, lambda c: Ports(State(c.y), Inputs(c.x), Nothing()))
