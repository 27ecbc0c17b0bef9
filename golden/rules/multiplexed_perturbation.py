"""Multiplexed perturbation: every weight has a code, the reward is correlated with all of them.

    delivered weight  w + amplitude * code(weight, trial)
    sum' = sum + eta / amplitude * reward * code(weight, trial)
    w'   = w + sum',  sum' = 0                  every `interval` trials

A code of a projection's weight is a random sign, a Walsh sequence or a one among zeros; the
codes of all weights of a network differ and, but for the random ones, are orthogonal over a
period: the least power of two above their number. What is summed over trials with several inputs
is a gradient of their sum.
Source: McCaughan, Oripov, Ganesh, Nam, Dienstfrey, Buckley, "Multiplexed gradient descent: Fast
online training of modern datasets on hardware neural networks without backpropagation", APL
Machine Learning 1:026118 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from goldenspike.golden.domains import OneOf
from goldenspike.golden.parameters import choice
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules.three_factor import PerturbationParams

PERTURBS = "weight"
TRACE = "none"


@dataclass(frozen=True, kw_only=True)
class Params(PerturbationParams):
    """Parameters of multiplexed perturbation: `sigma` is the amplitude, in weight units.

    Parameters
    ----------
    codes
        ``random``, ``walsh`` or ``one_hot``.
    """

    codes: Annotated[str, OneOf(("random", "walsh", "one_hot"))] = "walsh"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.codes != "random":
            choice("Distribution of a code", self.distribution, (Distribution.RADEMACHER,))

    @property
    def code(self) -> str:
        """How the variates of weights come about."""
        return self.codes
