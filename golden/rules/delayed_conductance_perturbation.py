"""Delayed conductance perturbation: an eligibility that comes late, as the reward does.

    e1' = requantize(decay * e1 + score * signal)       every tick
    ek' = requantize(decay * ek + (1 - decay) * e(k-1)')          k = 2 to 6

The last one, e6, is what learns. Six equal one-pole filters, the delay kernel
``binomial(n + 5, 5) * (1 - decay)**5 * decay**n`` of n ticks, whose mean is
``6 * decay / (1 - decay)`` ticks.
Source: Fiete, Fee, Seung, J Neurophysiol 98:2038 (2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import online_conductance_perturbation

PERTURBS = "neuron"
TRACE = "tick"


@dataclass(frozen=True, kw_only=True)
class Params(online_conductance_perturbation.Params):
    """Parameters of delayed conductance perturbation: the decay is that of each filter."""


class Constants(NamedTuple):
    score: Format
    signal: Format
    first: pole.Constants
    later: pole.Constants

    @property
    def eligibility(self) -> Format:
        """The format of the eligibilities."""
        return self.first.y

    def ideal(self, decay: float) -> Constants:
        """Return the real numbers in the integers' place."""
        later = self.later.ideal(decay, 1.0 - decay)
        return self._replace(first=self.first.ideal(decay), later=later)


class State(NamedTuple):
    e1: Any
    e2: Any
    e3: Any
    e4: Any
    e5: Any
    e6: Any


class Inputs(NamedTuple):
    score: Any
    signal: Any


def constants(
    decay: float, eligibility: Format, score: Format, signal: Format, factor: Format = pole.FACTOR
) -> Constants:
    """Return the integers for a decay of 0 to 1, held in the format `factor`."""
    return Constants(
        score,
        signal,
        pole.constants(decay, eligibility, score.times(signal), factor),
        pole.constants(decay, eligibility, eligibility, factor, 1.0 - decay),
    )


@cell
def follow(c: Any, e: Any, before: Any) -> Any:
    """Return the next value of an eligibility that follows the one before it."""
    after, _ = pole.step(c.later, pole.State(e), pole.Inputs(before))
    return after.y


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One synapse, one tick."""
    first, none = pole.step(c.first, pole.State(s.e1), pole.Inputs(x.score * x.signal))
    e2 = follow(c, s.e2, first.y)
    e3 = follow(c, s.e3, e2)
    e4 = follow(c, s.e4, e3)
    e5 = follow(c, s.e5, e4)
    return State(first.y, e2, e3, e4, e5, follow(c, s.e6, e5)), none


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    e = c.eligibility
    return Ports(State(e, e, e, e, e, e), Inputs(c.score, c.signal), Nothing())


STEP = Cell("rules.delayed_conductance_perturbation.step", step, ports)
