"""Reward against an unperturbed run of the same inputs.

    reward = requantize(reference - error)

The error is subtracted at its full width and narrowed once.
Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters

PAIRED = True
REFERENCE = 0
"""Sign of the perturbation in the first run, whose error is the reference."""


@dataclass(frozen=True)
class Params(Parameters):
    """The paired baseline has no parameters."""

    def constants(self, error: Format, reward: Format) -> Constants:
        """Return the constants between the formats of error and reward."""
        return Constants(error, reward)

    def ideal(self, constants: Constants) -> Constants:
        """Return the constants as they are: none is a real number."""
        return constants


class Constants(NamedTuple):
    error: Format
    reward: Format


class Inputs(NamedTuple):
    error: Any
    reference: Any


class Outputs(NamedTuple):
    reward: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Make the reward of a trial."""
    difference = x.reference - x.error
    return s, Outputs(
        requantize(difference, c.error.frac, c.reward, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    )


STEP = Cell(
    "modulators.paired.step",
    step,
    lambda c: Ports(Nothing(), Inputs(c.error, c.error), Outputs(c.reward)),
)
