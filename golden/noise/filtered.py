"""Filtered noise: variates through a one-pole filter, so that a perturbation lasts.

    n' = requantize(decay * n + variate(word))
    variate = score = n'

An autoregressive process of first order: of mean 0 and variance ``variance / (1 - decay**2)``,
whose ticks k apart correlate by ``decay**k``. It starts at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.domains import Formats
from goldenspike.golden.fixed import Format
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.randomness import Distribution, VariateConstants, VariateInputs, variate


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of filtered noise.

    Parameters
    ----------
    decay
        Factor per tick that the noise keeps, 0 to below 1.
    noise
        Format of the noise n, in variates; signed.
    factor
        Format of `decay`.
    """

    decay: pole.Fading
    noise: Annotated[Format, Formats(signed=True)]
    factor: Format = pole.FACTOR

    def bits(self, distribution: Distribution) -> int:
        """Return how many random bits a neuron takes each tick."""
        return int(distribution)

    def variance(self, distribution: Distribution) -> float:
        """Return the variance that the noise tends to."""
        return distribution.variance / (1.0 - self.decay**2)

    def constants(self, distribution: Distribution) -> Constants:
        """Return the integers for variates of a distribution."""
        return Constants(
            VariateConstants(int(distribution)),
            pole.constants(self.decay, self.noise, distribution.variate, self.factor),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(pole=constants.pole.ideal(self.decay))

    @property
    def rest(self) -> float:
        """What the variate is when nothing is perturbed."""
        return 0.0


class Constants(NamedTuple):
    source: VariateConstants
    pole: pole.Constants


class State(NamedTuple):
    n: Any


class Inputs(NamedTuple):
    word: Any


class Outputs(NamedTuple):
    variate: Any
    score: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One neuron, one tick."""
    _, drawn = variate(c.source, Nothing(), VariateInputs(x.word))
    after, _ = pole.step(c.pole, pole.State(s.n), pole.Inputs(drawn.variate))
    return State(after.y), Outputs(after.y, after.y)


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    n = c.pole.y
    return Ports(State(n), Inputs(Format(False, c.source.bits, 0)), Outputs(n, n))


STEP = Cell("noise.filtered.step", step, ports)
