"""Learning signal: what errors, fed back, tell a hidden neuron; one for each of them.

    signal'   = requantize(current)
    activity' = activity

The current is a sum over the feedback's weights. `activity` is the hidden neuron's own signal,
handed on for feedback weights that learn from it, as those of :mod:`goldenspike.golden.rules.
adaptive_feedback` do. Source: Bellec et al., Nature Communications 11:3625 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.domains import Other, sure
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters

RECEPTORS = ("current",)
"""Fields of the inputs that synapses add to."""
SIGNALS = ("activity",)
"""Fields of the inputs that are other populations' signals."""


class Constants(NamedTuple):
    output: Format
    current: Format
    activity: Format
    rounding: int
    overflow: int


class Inputs(NamedTuple):
    current: Any
    activity: Any


class Outputs(NamedTuple):
    signal: Any
    activity: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population of learning signals.

    Parameters
    ----------
    output
        Format of the signal.
    activity
        Population of the hidden neurons.
    rounding, overflow
        How the signal is rounded and limited.
    """

    output: Format
    activity: Other
    rounding: Annotated[Rounding, sure("a learning signal")] = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def constants(self, current: Format, activity: Format) -> Constants:
        """Return the integers for currents and signals of the hidden neurons of their formats."""
        return Constants(self.output, current, activity, int(self.rounding), int(self.overflow))

    def ideal(self, constants: Constants) -> Constants:
        """Return the constants of the float64 model: there is no real number among them."""
        return constants


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    signal = requantize(x.current, c.current.frac, c.output, c.rounding, c.overflow, 0)
    return s, Outputs(signal, x.activity)


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(Nothing(), Inputs(c.current, c.activity), Outputs(c.output, c.activity))


STEP = Cell("modulators.learning_signal.step", step, ports)
