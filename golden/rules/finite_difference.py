"""Finite difference: perturb one weight at a time, and change it by what that did to the error.

    in a trial of its own  w + amplitude          w' = w + eta / amplitude * reward

The weights of a network take turns, each once in a period: the least power of two above their
number, so that in some trials there is none.
Source: Jabri and Flower, IEEE Transactions on Neural Networks 3:154 (1992).
"""

from __future__ import annotations

from dataclasses import dataclass

from goldenspike.golden.parameters import choice
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules.three_factor import PerturbationParams

PERTURBS = "weight"
TRACE = "none"


@dataclass(frozen=True, kw_only=True)
class Params(PerturbationParams):
    """Parameters of the finite difference: `sigma` is the amplitude, in weight units."""

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("Distribution of a difference", self.distribution, (Distribution.RADEMACHER,))

    @property
    def code(self) -> str:
        """How the variates of weights come about."""
        return "one_hot"
