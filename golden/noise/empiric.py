"""Empiric synapse: a random spike train of the neuron's own, through a synaptic trace.

    spike = word < threshold
    x' = requantize(decay * x + spike)
    variate = x',  score = x' - mean,  mean = probability / (1 - decay)

The threshold is the probability times ``2**32``. The mean is a constant, known beforehand, of the
decay that its format holds; the variance tends to ``p (1 - p) / (1 - decay**2)``. The trace starts
at 0, below its mean.
Source: Fiete and Seung, PRL 97:048104 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Ports, cell
from goldenspike.golden.domains import Between, Formats
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.randomness import WORD, Distribution, bernoulli

CHANCE = Format(False, 32, 32)


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of empiric synapses.

    Parameters
    ----------
    probability
        Of a spike in a tick, above 0 and below 1.
    decay
        Factor per tick that the trace keeps, 0 to below 1.
    trace
        Format of the trace x: unsigned, with room for far more than the mean, which it must hold.
    factor
        Format of `decay`.
    """

    probability: Annotated[float, Between(0, 1, above=True, below=True)]
    decay: pole.Fading
    trace: Annotated[Format, Formats(signed=False)]
    factor: Format = pole.FACTOR

    def __post_init__(self) -> None:
        super().__post_init__()
        self.constants(Distribution.RADEMACHER)

    def bits(self, distribution: Distribution) -> int:
        """Return how many random bits a neuron takes each tick, whatever the distribution."""
        return WORD.width

    def variance(self, distribution: Distribution) -> float:
        """Return the variance that the trace tends to, whatever the distribution."""
        return self.probability * (1.0 - self.probability) / (1.0 - self.decay**2)

    def constants(self, distribution: Distribution) -> Constants:
        """Return the integers."""
        mean = self.probability / (1.0 - pole.held_decay(self.decay, self.factor))
        return Constants(
            CHANCE.constant(self.probability, "Probability"),
            self.trace.constant(mean, "Mean of a trace"),
            pole.constants(self.decay, self.trace, BIT, self.factor),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(mean=self.rest, pole=constants.pole.ideal(self.decay))

    @property
    def rest(self) -> float:
        """What the variate is when nothing is perturbed: its mean."""
        return self.probability / (1.0 - self.decay)


class Constants(NamedTuple):
    threshold: int
    mean: Any
    pole: pole.Constants


class State(NamedTuple):
    x: Any


class Inputs(NamedTuple):
    word: Any


class Outputs(NamedTuple):
    variate: Any
    score: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One neuron, one tick."""
    spike = bernoulli(x.word, c.threshold)
    after, _ = pole.step(c.pole, pole.State(s.x), pole.Inputs(spike))
    return State(after.y), Outputs(after.y, after.y - c.mean)


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    trace = c.pole.y
    score = Format.holding(-c.mean, trace.high - c.mean, trace.frac)
    return Ports(State(trace), Inputs(WORD), Outputs(trace, score))


STEP = Cell("noise.empiric.step", step, ports)
