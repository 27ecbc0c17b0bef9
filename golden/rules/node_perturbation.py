"""Node perturbation: jiggle the currents every tick, credit the inputs that were active.

    perturbed current  I + xi          xi_i(t) = amplitude * variate_i(t), white
    e' = requantize(e + variate_i(t) * x_j(t))
    dW = eta * reward * amplitude * e / sigma**2

Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023); Fiete and Seung, PRL 97:048104 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.rules.three_factor import PerturbationParams

PERTURBS = "neuron"


@dataclass(frozen=True)
class Params(PerturbationParams):
    """Parameters of node perturbation: `sigma` is in current units.

    Parameters
    ----------
    eligibility
        Format of the eligibility, in variate times signal; by default the one that is exact for
        the trial's ticks.
    """

    eligibility: Format | None = None


class Constants(NamedTuple):
    eligibility: Format
    variate: Format
    signal: Format
    overflow: int


class State(NamedTuple):
    e: Any


class Inputs(NamedTuple):
    variate: Any
    signal: Any


def constants(params: Params, signal: Format, ticks: int) -> Constants:
    """Return the constants for a presynaptic signal and a trial's length.

    A format of its own saturates. The default one holds every sum of a trial, so that it may wrap,
    which costs nothing.
    """
    variate = params.distribution.variate
    if params.eligibility is not None:
        return Constants(params.eligibility, variate, signal, int(Overflow.SATURATE))
    most = ticks * params.distribution.largest * max(-signal.low, signal.high)
    exact = Format.holding(-most, most, signal.frac)
    return Constants(exact, variate, signal, int(Overflow.WRAP))


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Accumulate the eligibility of one synapse, in a tick in which its signal is not 0."""
    frac = max(c.eligibility.frac, c.signal.frac)
    change = align(x.variate * x.signal, frac - c.signal.frac)
    total = align(s.e, frac - c.eligibility.frac) + change
    return State(
        requantize(total, frac, c.eligibility, Rounding.HALF_EVEN, c.overflow, 0)
    ), Nothing()


STEP = Cell(
    "rules.node_perturbation.step",
    step,
    lambda c: Ports(State(c.eligibility), Inputs(c.variate, c.signal), Nothing()),
)
