"""Adaptive leaky integrate-and-fire neuron, as e-prop has it.

    b' = requantize(rho * b + z)
    v' = requantize(decay * v + drive * current - threshold * z)
    A' = threshold + beta * b'
    z' = v' >= A'                       0 in the `refractory` ticks after a spike

z is the neuron's own of the tick before; the state keeps it as a countdown, see
:mod:`goldenspike.golden.neurons.spiking`. Reset subtracts the threshold, not A. Each sum is exact
and rounded once. With beta 0 it is ``lif``.
Source: Bellec et al., Nature Communications 11:3625 (2020); NEST's ``eprop_iaf_adapt``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from goldenspike.golden.cell import Cell, align, cell, select
from goldenspike.golden.domains import Drive
from goldenspike.golden.fixed import Format
from goldenspike.golden.neurons import adaptation
from goldenspike.golden.neurons.adaptation import (
    AdaptiveParams,
    Constants,
    Inputs,
    Outputs,
    State,
    adapt,
    adapted,
    ports,
)
from goldenspike.golden.neurons.spiking import drive_factor, fire, has_spiked, integrate

__all__ = ["RECEPTORS", "STEP", "Constants", "Inputs", "Outputs", "Params", "State"]

RECEPTORS = ("current",)
"""Fields of the inputs that synapses add to."""
JUMP = 1.0
"""What a spike adds to the adaptation."""


@dataclass(frozen=True)
class Params(AdaptiveParams):
    """Parameters of a population of e-prop's adaptive LIF neurons.

    Parameters
    ----------
    drive
        What the current is multiplied by: ``"one"`` or ``"complement"`` (1 - decay).
    """

    drive: Drive = "one"

    def constants(self, current: Format) -> Constants:
        """Return the integers for currents of a format."""
        drive = drive_factor(self.drive, self.decay)
        return adaptation.constants(self, current, drive, JUMP, whole=False)

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return adaptation.ideal(self, constants, drive_factor(self.drive, self.decay), JUMP)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    spiked = has_spiked(c, s.spike)
    b = adapt(c, s.b, spiked)
    v = integrate(c, s.v, x.current, select(spiked, c.threshold, 0))
    excess = align(v, c.threshold_shift) - adapted(c, b)
    spike, signal, blocked = fire(c, s.spike, excess >= 0)
    return State(v, b, spike), Outputs(signal, excess, blocked)


STEP = Cell("neurons.adaptive_lif.step", step, ports)
