"""Online conductance perturbation: an eligibility that fades, for rewards at any time.

    e' = requantize(decay * e + score * signal)         every tick

The score is what the postsynaptic neuron's perturbation is above its mean, the signal the
presynaptic trace.
Source: Fiete, Fee, Seung, J Neurophysiol 98:2038 (2007); Fiete and Seung, PRL 97:048104 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.fixed import Format
from goldenspike.golden.rules.conductance_perturbation import EmpiricParams

PERTURBS = "neuron"
TRACE = "tick"


@dataclass(frozen=True, kw_only=True)
class Params(EmpiricParams):
    """Parameters of online conductance perturbation.

    Parameters
    ----------
    eligibility
        Format of the eligibility, in score times signal.
    eligibility_decay
        Factor per tick that the eligibility keeps, 0 to below 1.
    eligibility_factor
        Format of that factor.
    """

    eligibility: Format
    eligibility_decay: Annotated[float, pole.fading("eligibility_factor")]
    eligibility_factor: Format = pole.FACTOR

    def ideal(self, constants: Any) -> Any:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants.ideal(self.eligibility_decay)


class Constants(NamedTuple):
    score: Format
    signal: Format
    pole: pole.Constants

    @property
    def eligibility(self) -> Format:
        """The format of the eligibility."""
        return self.pole.y

    def ideal(self, decay: float) -> Constants:
        """Return the real numbers in the integers' place."""
        return self._replace(pole=self.pole.ideal(decay))


class State(NamedTuple):
    e: Any


class Inputs(NamedTuple):
    score: Any
    signal: Any


def constants(
    decay: float, eligibility: Format, score: Format, signal: Format, factor: Format = pole.FACTOR
) -> Constants:
    """Return the integers for a decay of 0 to 1, held in the format `factor`."""
    return Constants(score, signal, pole.constants(decay, eligibility, score.times(signal), factor))


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One synapse, one tick."""
    after, none = pole.step(c.pole, pole.State(s.e), pole.Inputs(x.score * x.signal))
    return State(after.y), none


STEP = Cell(
    "rules.online_conductance_perturbation.step",
    step,
    lambda c: Ports(State(c.pole.y), Inputs(c.score, c.signal), Nothing()),
)
