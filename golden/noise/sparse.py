"""Sparse noise: a sign in rare moments, nothing in all others.

    variate = score = (word >> 1) < threshold ? (word & 1 ? 1 : -1) : 0

The threshold is the probability times ``2**31``. Each tick draws anew, so the process is white.
Source: Miconi, eLife 6:e20899 (2017), who perturbs at random, rare moments; here by one amplitude
of either sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.domains import Between
from goldenspike.golden.fixed import Format
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.randomness import (
    WORD,
    Distribution,
    VariateConstants,
    VariateInputs,
    bernoulli,
    variate,
)

CHANCE = Format(False, 32, 31)
SIGN = Distribution.RADEMACHER
"""The distribution of a perturbation that happens."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of sparse noise.

    Parameters
    ----------
    probability
        That a neuron is perturbed in a tick: above 0, to 1.
    """

    probability: Annotated[float, Between(0, 1, above=True)]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.constants(SIGN)

    def bits(self, distribution: Distribution) -> int:
        """Return how many random bits a neuron takes each tick, whatever the distribution."""
        return WORD.width

    def variance(self, distribution: Distribution) -> float:
        """Return the variance of the variate, whatever the distribution."""
        return float(self.probability) * SIGN.variance

    def constants(self, distribution: Distribution) -> Constants:
        """Return the integers."""
        return Constants(CHANCE.constant(self.probability, "Probability"))

    def ideal(self, constants: Constants) -> Constants:
        """Return the constants as they are: what is random is the same in the float64 model."""
        return constants

    @property
    def rest(self) -> float:
        """What the variate is when nothing is perturbed."""
        return 0.0


class Constants(NamedTuple):
    threshold: int


class Inputs(NamedTuple):
    word: Any


class Outputs(NamedTuple):
    variate: Any
    score: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Perturb one neuron, or not."""
    _, sign = variate(VariateConstants(1), s, VariateInputs(x.word & 1))
    drawn = select(bernoulli(x.word >> 1, c.threshold) == 1, sign.variate, 0)
    return s, Outputs(drawn, drawn)


STEP = Cell(
    "noise.sparse.step",
    step,
    lambda c: Ports(Nothing(), Inputs(WORD), Outputs(SIGN.variate, SIGN.variate)),
)
