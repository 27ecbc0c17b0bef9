"""Node perturbation: jiggle the currents every tick, credit the inputs that were active.

    perturbed current  I + xi          xi_i(t) = amplitude * variate_i(t)
    e' = requantize(e + score_i(t) * x_j(t))
    dW = eta * reward * amplitude * e / sigma**2

The score is the variate: white by default, or of one of the noises of the catalog.

Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023); Fiete and Seung, PRL 97:048104 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.rules.three_factor import PerturbationParams, SummedParams

PERTURBS = "neuron"
TRACE = "delivery"


@dataclass(frozen=True, kw_only=True)
class Params(PerturbationParams, SummedParams):
    """Parameters of node perturbation: `sigma` is in current units.

    Parameters
    ----------
    noise
        ``Params`` of the noise, or None: white.
    """

    noise: Any = None

    @property
    def variance(self) -> float:
        """The variance of the noise, in variates."""
        distribution = self.distribution
        return distribution.variance if self.noise is None else self.noise.variance(distribution)


class Constants(NamedTuple):
    eligibility: Format
    score: Format
    signal: Format
    overflow: int


class State(NamedTuple):
    e: Any


class Inputs(NamedTuple):
    score: Any
    signal: Any


def constants(
    given: Format | None, score: Format, largest: int, signal: Format, ticks: int
) -> Constants:
    """Return the constants of an eligibility that is summed over a trial.

    Parameters
    ----------
    given
        Format of the eligibility, which saturates. The default one, for None, holds every sum of
        `ticks` products, so that it may wrap, which costs nothing.
    score, largest
        Format of the score, and its largest absolute raw value.
    signal
        Format of the presynaptic signal.
    """
    if given is not None:
        return Constants(given, score, signal, int(Overflow.SATURATE))
    most = ticks * largest * max(-signal.low, signal.high)
    exact = Format.holding(-most, most, score.frac + signal.frac)
    return Constants(exact, score, signal, int(Overflow.WRAP))


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Accumulate the eligibility of one synapse, in a tick in which its signal is not 0."""
    product = c.score.frac + c.signal.frac
    frac = max(c.eligibility.frac, product)
    change = align(x.score * x.signal, frac - product)
    total = align(s.e, frac - c.eligibility.frac) + change
    return State(
        requantize(total, frac, c.eligibility, Rounding.HALF_EVEN, c.overflow, 0)
    ), Nothing()


STEP = Cell(
    "rules.node_perturbation.step",
    step,
    lambda c: Ports(State(c.eligibility), Inputs(c.score, c.signal), Nothing()),
)
