"""Reward against a running mean of the error over trials.

    reward = requantize(mean - error)            0 in the first trial
    mean'  = requantize(mean + rate * (error - mean)),  error in the first trial

There is a mean for every condition that the host tells apart and every time bin of a trial.
Source: Fiete and Seung, PRL 97:048104 (2006); Miconi, eLife 6:e20899 (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Ports, align, cell, select
from goldenspike.golden.domains import Between, Whole
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters

PAIRED = False
EXTRA = 4
"""Fraction bits that the mean has beyond the error's."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the running mean.

    Parameters
    ----------
    rate
        Share of the newest error in the mean, above 0, to 1.
    conditions
        Kinds of trials that have a mean of their own, 1 to 65535.
    """

    rate: Annotated[float, Between(0, 1, above=True)] = 0.125
    conditions: Annotated[int, Whole(1, (1 << 16) - 1)] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        RATE.constant(self.rate, "Rate")

    def constants(self, error: Format, reward: Format) -> Constants:
        """Return the constants between the formats of error and reward."""
        mean = Format(error.signed, error.width + EXTRA, error.frac + EXTRA)
        return Constants(error, reward, mean, RATE.constant(self.rate, "Rate"))

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place."""
        return constants._replace(rate=float(self.rate))


RATE = Format(False, 9, 8)


class Constants(NamedTuple):
    error: Format
    reward: Format
    mean: Format
    rate: Any


class State(NamedTuple):
    mean: Any
    primed: Any


class Inputs(NamedTuple):
    error: Any


class Outputs(NamedTuple):
    reward: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Make the reward of a trial and move the mean."""
    error = align(x.error, EXTRA)
    mean = select(s.primed == 1, s.mean, error)
    difference = mean - error
    reward = requantize(difference, c.mean.frac, c.reward, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    moved = align(mean, RATE.frac) - difference * c.rate
    after = requantize(
        moved, c.mean.frac + RATE.frac, c.mean, Rounding.HALF_EVEN, Overflow.SATURATE, 0
    )
    return State(after, 1), Outputs(reward)


STEP = Cell(
    "modulators.running_mean.step",
    step,
    lambda c: Ports(State(c.mean, BIT), Inputs(c.error), Outputs(c.reward)),
)
