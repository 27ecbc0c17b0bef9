"""Dynamic synapse: facilitation of the release, depression by what was released.

    u' = requantize(facilitation_decay * u)                  in every tick
    d' = requantize(depression_decay * d)
    u' = requantize(u' + utilization * (1 - u'))             then, at a spike
    release = requantize(u' * (1 - d'))
    d' = limit(d' + release)
    delivered signal  release at a spike, else 0

d is the depletion ``1 - x`` of the resource x: all state starts as 0. Values are below 1, so that
1 becomes the format's greatest value. With facilitation decay 0, u is the utilization at each
spike and depression is alone.
Source: Tsodyks and Markram, PNAS 94 (1997); Tsodyks, Pawelzik, Markram, Neural Computation 10
(1998); in discrete time, u raised before the release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Ports, align, cell, select
from goldenspike.golden.domains import Between, Factor, Formats
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of dynamic synapses.

    Parameters
    ----------
    utilization
        What a spike adds to u, as a share of what is missing to 1: above 0, to 1.
    facilitation_decay, depression_decay
        Factors per tick that u and the depletion keep, 0 to 1.
    trace
        Format of u, of the depletion and of the release: unsigned, all bits behind the point.
    factor
        Format of the utilization and the decays.
    """

    utilization: Annotated[float, Between(0, 1, above=True, held="factor")]
    facilitation_decay: Factor
    depression_decay: Factor
    trace: Annotated[Format, Formats(behind=True)] = Format(False, 16, 16)
    factor: Format = pole.FACTOR

    def __post_init__(self) -> None:
        super().__post_init__()
        self.constants(BIT)

    def constants(self, signal: Format) -> Constants:
        """Return the integers for presynaptic spikes.

        Raises
        ------
        ValueError
            If the signal is another format.
        """
        if signal != BIT:
            raise ValueError(f"Signal of a dynamic synapse must be {BIT}, not {signal}")
        utilization, raised_frac = self.factor.factor(self.utilization, "Utilization")
        facilitation = self.factor.factor(self.facilitation_decay, "Facilitation decay")
        depression = self.factor.factor(self.depression_decay, "Depression decay")
        one = 1 << self.trace.frac
        return Constants(self.trace, one, utilization, raised_frac, *facilitation, *depression)

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(
            one=1.0,
            utilization=float(self.utilization),
            facilitation_decay=float(self.facilitation_decay),
            depression_decay=float(self.depression_decay),
        )


class Constants(NamedTuple):
    trace: Format
    one: Any
    utilization: Any
    utilization_frac: int
    facilitation_decay: Any
    facilitation_frac: int
    depression_decay: Any
    depression_frac: int


class State(NamedTuple):
    u: Any
    d: Any


class Inputs(NamedTuple):
    signal: Any


class Outputs(NamedTuple):
    signal: Any


@cell
def store(c: Any, x: Any, frac: int) -> Any:
    """Return `x`, of `frac` fraction bits more than a trace, as a trace."""
    return requantize(x, c.trace.frac + frac, c.trace, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One presynaptic neuron, one tick."""
    u = store(c, s.u * c.facilitation_decay, c.facilitation_frac)
    d = store(c, s.d * c.depression_decay, c.depression_frac)
    rise = (c.one - u) * c.utilization
    raised = store(c, align(u, c.utilization_frac) + rise, c.utilization_frac)
    release = store(c, raised * (c.one - d), c.trace.frac)
    spike = x.signal == 1
    after = State(select(spike, raised, u), select(spike, store(c, d + release, 0), d))
    return after, Outputs(select(spike, release, 0))


STEP = Cell(
    "synapses.dynamic.step",
    step,
    lambda c: Ports(State(c.trace, c.trace), Inputs(BIT), Outputs(c.trace)),
)
