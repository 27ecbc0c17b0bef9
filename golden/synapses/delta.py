"""Delta synapse: a presynaptic signal gives a current in its own tick only.

    current = weight * signal

The signal is a spike (0 or 1) or a graded fixed-point value. The product is exact; its sum over
synapses, exact too, is the neuron's current.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.fixed import Format


class Constants(NamedTuple):
    weight: Format
    signal: Format


class Inputs(NamedTuple):
    weight: Any
    signal: Any


class Outputs(NamedTuple):
    current: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One synapse, one tick."""
    return s, Outputs(x.weight * x.signal)


def current_format(c: Constants) -> Format:
    """Return the format of one synapse's current."""
    return c.weight.times(c.signal)


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(Nothing(), Inputs(c.weight, c.signal), Outputs(current_format(c)))


STEP = Cell("synapses.delta.step", step, ports)
