"""Weight updates within bounds that are narrower than the weights' format.

    w' = clip(requantize(w + factor * eligibility), low, high)       every tick and synapse

or, with changes that are summed over a trial,

    sum' = requantize(sum + factor * eligibility)           every tick and synapse
    w'   = clip(requantize(w + sum'), low, high),  sum' = 0           when it is due

A weight that is outside the bounds is brought within them by its first update.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, clamp
from goldenspike.golden.domains import Between
from goldenspike.golden.fixed import BIT, RANDOM, Format
from goldenspike.golden.rules import three_factor
from goldenspike.golden.rules.three_factor import (
    AccumulateInputs,
    AccumulateState,
    UpdateInputs,
    UpdateParams,
    UpdateState,
)


@dataclass(frozen=True, kw_only=True)
class BoundedParams(UpdateParams):
    """What rules are told whose weights may have bounds.

    Parameters
    ----------
    low, high
        The least and the greatest weight; by default the ends of the weights' format.
    """

    low: Annotated[float | None, Between()] = None
    high: Annotated[float | None, Between()] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"Low must be below high, {self.high!r}, not {self.low!r}")

    @property
    def bounded(self) -> bool:
        """Whether there are bounds."""
        return self.low is not None or self.high is not None

    def bounds(self, weight: Format) -> tuple[int, int]:
        """Return the raw integers of the bounds."""
        low = weight.low if self.low is None else weight.constant(self.low, "Low")
        return low, weight.high if self.high is None else weight.constant(self.high, "High")

    @property
    def ideal_bounds(self) -> tuple[float, float]:
        """The real numbers of the bounds."""
        low = -math.inf if self.low is None else float(self.low)
        return low, math.inf if self.high is None else float(self.high)


class Constants(NamedTuple):
    update: Any
    low: Any
    high: Any


@cell
def update(c: Any, s: Any, x: Any) -> Any:
    """Learn one weight."""
    after, none = three_factor.update(c.update, s, x)
    return UpdateState(clamp(after.w, c.low, c.high)), none


@cell
def accumulate(c: Any, s: Any, x: Any) -> Any:
    """Sum one weight's changes; learn them when it is due."""
    after, none = three_factor.accumulate(c.update, s, x)
    return AccumulateState(clamp(after.w, c.low, c.high), after.sum), none


def update_ports(c: Constants) -> Ports:
    """Return the formats of the ports of one update."""
    u = c.update
    return Ports(UpdateState(u.weight), UpdateInputs(u.factor, u.eligibility, RANDOM), Nothing())


def accumulate_ports(c: Constants) -> Ports:
    """Return the formats of the ports of an update that sums."""
    u = c.update
    state = AccumulateState(u.weight, u.accumulator)
    return Ports(state, AccumulateInputs(u.factor, u.eligibility, BIT, RANDOM), Nothing())


UPDATE = Cell("rules.bounded.update", update, update_ports)
ACCUMULATE = Cell("rules.bounded.accumulate", accumulate, accumulate_ports)
