"""Gate: a signal while another population spikes, and 0 while it does not.

    y' = open ? signal : 0                              every tick and neuron

So an error counts in the ticks in which something is decided, and a value while a trial goes on: at
its end there is nothing more to expect.
Source: Sutton, Barto, Reinforcement Learning (2nd ed. 2018), section 3.4, on episodes that end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.domains import Other
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.parameters import Parameters

RECEPTORS = ()
"""Nothing is added to it."""
SIGNALS = ("signal", "open")
"""Fields of the inputs that are other populations' signals."""


class Constants(NamedTuple):
    signal: Format


class Inputs(NamedTuple):
    signal: Any
    open: Any


class Outputs(NamedTuple):
    signal: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population of gates.

    Parameters
    ----------
    signal
        Population whose signals pass: of as many neurons, or of one.
    open
        Population of spikes that let them pass: of as many neurons, or of one.
    """

    signal: Other
    open: Other

    def constants(self, signal: Format, opening: Format) -> Constants:
        """Return the integers for signals of a format, and spikes."""
        if opening != BIT:
            raise ValueError(f"Signals of {self.open} must be spikes to open a gate, not {opening}")
        return Constants(signal)

    def ideal(self, constants: Constants) -> Constants:
        """Return the constants of the float64 model: there is no real number among them."""
        return constants


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One neuron, one tick."""
    return s, Outputs(select(x.open == 1, x.signal, 0))


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(Nothing(), Inputs(c.signal, BIT), Outputs(c.signal))


STEP = Cell("modulators.gate.step", step, ports)
