"""Squared error of every tick, summed over a trial.

    error' = limit(error + (signal - target)**2)

Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023), but for the factor 1/(2T), which is
the reward's `scale`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Ports, align, cell
from goldenspike.golden.fixed import BIT, Format, Overflow, requantize

TARGETS_EVERY_TICK = True


class Constants(NamedTuple):
    signal: Format
    target: Format
    error: Format
    signal_shift: int
    target_shift: int


class State(NamedTuple):
    pass


class Inputs(NamedTuple):
    signal: Any
    target: Any
    error: Any
    last: Any


class Outputs(NamedTuple):
    error: Any


def constants(signal: Format, target: Format, ticks: int, size: int) -> Constants:
    """Return the constants whose error format holds `ticks` times `size` of the largest errors."""
    frac = max(signal.frac, target.frac)
    shifts = frac - signal.frac, frac - target.frac
    most = max(
        (signal.high << shifts[0]) - (target.low << shifts[1]),
        (target.high << shifts[1]) - (signal.low << shifts[0]),
    )
    return Constants(signal, target, Format.holding(0, ticks * size * most**2, 2 * frac), *shifts)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Add the error of one neuron and tick."""
    d = align(x.signal, c.signal_shift) - align(x.target, c.target_shift)
    error = requantize(x.error + d * d, c.error.frac, c.error, 0, Overflow.SATURATE, 0)
    return s, Outputs(error)


STEP = Cell(
    "modulators.squared_error.step",
    step,
    lambda c: Ports(State(), Inputs(c.signal, c.target, c.error, BIT), Outputs(c.error)),
)
