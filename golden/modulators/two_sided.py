"""Reward against a run of the same inputs with the perturbation negated.

    reward = requantize((reference - error) / 2)

The first run, with ``-psi``, gives the reference, the second, with ``+psi``, the error. What is
even in the perturbation cancels.
Source: Cauwenberghs, "A fast stochastic error-descent algorithm", NIPS 5 (1993); Spall, IEEE
Transactions on Automatic Control 37 (1992), whose SPSA it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters

PAIRED = True
REFERENCE = -1
"""Sign of the perturbation in the first run, whose error is the reference."""


@dataclass(frozen=True)
class Params(Parameters):
    """The two-sided baseline has no parameters."""

    def constants(self, error: Format, reward: Format) -> Constants:
        """Return the constants between the formats of error and reward."""
        return Constants(error, reward, HALF.constant(0.5, "Half"), HALF.frac + error.frac)

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place."""
        return constants._replace(half=0.5)


HALF = Format(False, 1, 1)


class Constants(NamedTuple):
    error: Format
    reward: Format
    half: Any
    frac: int


class Inputs(NamedTuple):
    error: Any
    reference: Any


class Outputs(NamedTuple):
    reward: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Make the reward of a trial."""
    difference = (x.reference - x.error) * c.half
    return s, Outputs(
        requantize(difference, c.frac, c.reward, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    )


STEP = Cell(
    "modulators.two_sided.step",
    step,
    lambda c: Ports(Nothing(), Inputs(c.error, c.error), Outputs(c.reward)),
)
