"""Exponential synapse: a presynaptic trace is delivered, in place of the signal.

    s' = requantize(decay * s + signal)
    delivered signal  s'

The trace is linear, so that weights times traces, summed, are the exponential current
``I' = decay * I + sum(w * signal)``, for weights that do not change within a trial: one state for
each presynaptic neuron serves all its synapses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Ports, cell
from goldenspike.golden.domains import Factor
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.parameters import Parameters


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of exponential synapses.

    Parameters
    ----------
    decay
        Factor per tick that the trace keeps, 0 to 1.
    trace
        Format of the trace s, which is what is delivered.
    factor
        Format of `decay`.
    """

    decay: Factor
    trace: Format
    factor: Format = pole.FACTOR

    def __post_init__(self) -> None:
        super().__post_init__()
        self.constants(BIT)

    def constants(self, signal: Format) -> Constants:
        """Return the integers for presynaptic signals of a format."""
        return Constants(pole.constants(self.decay, self.trace, signal, self.factor))

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(pole=constants.pole.ideal(self.decay))


class Constants(NamedTuple):
    pole: pole.Constants


class State(NamedTuple):
    s: Any


class Inputs(NamedTuple):
    signal: Any


class Outputs(NamedTuple):
    signal: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One presynaptic neuron, one tick."""
    after, _ = pole.step(c.pole, pole.State(s.s), pole.Inputs(x.signal))
    return State(after.y), Outputs(after.y)


STEP = Cell(
    "synapses.exponential.step",
    step,
    lambda c: Ports(State(c.pole.y), Inputs(c.pole.x), Outputs(c.pole.y)),
)
