"""Squared error of spike counts, taken in the last tick of a trial.

    count' = limit(count + signal)
    error' = limit(error + (last ? (count' - target)**2 : 0))

The target is a number of spikes and may have a fraction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Ports, align, cell, select
from goldenspike.golden.fixed import BIT, Format, Overflow, requantize

TARGETS_EVERY_TICK = False


class Constants(NamedTuple):
    signal: Format
    target: Format
    error: Format
    count: Format
    signal_shift: int
    target_shift: int


class State(NamedTuple):
    count: Any


class Inputs(NamedTuple):
    signal: Any
    target: Any
    error: Any
    last: Any


class Outputs(NamedTuple):
    error: Any


def constants(signal: Format, target: Format, ticks: int, size: int) -> Constants:
    """Return the constants whose formats hold every count and error of a trial."""
    count = Format.holding(ticks * signal.low, ticks * signal.high, signal.frac)
    frac = max(signal.frac, target.frac)
    shifts = frac - signal.frac, frac - target.frac
    most = max(
        (count.high << shifts[0]) - (target.low << shifts[1]),
        (target.high << shifts[1]) - (count.low << shifts[0]),
    )
    error = Format.holding(0, size * most**2, 2 * frac)
    return Constants(signal, target, error, count, *shifts)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Count one neuron's signal; in the last tick add its error."""
    count = requantize(s.count + x.signal, c.count.frac, c.count, 0, Overflow.SATURATE, 0)
    d = align(count, c.signal_shift) - align(x.target, c.target_shift)
    total = x.error + select(x.last == 1, d * d, 0)
    error = requantize(total, c.error.frac, c.error, 0, Overflow.SATURATE, 0)
    return State(count), Outputs(error)


STEP = Cell(
    "modulators.count_error.step",
    step,
    lambda c: Ports(State(c.count), Inputs(c.signal, c.target, c.error, BIT), Outputs(c.error)),
)
