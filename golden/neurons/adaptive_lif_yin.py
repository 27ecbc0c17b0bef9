"""Adaptive leaky integrate-and-fire neuron, as Yin's trained networks have it.

    b' = requantize(rho * b + (1 - rho) * z)
    A' = threshold + beta * b'
    v' = requantize(decay * v + (1 - decay) * current - A' * z)
    z' = v' > A'                        0 in the `refractory` ticks after a spike

z is the neuron's own of the tick before; the state keeps it as a countdown, see
:mod:`goldenspike.golden.neurons.spiking`. Reset subtracts the adapted threshold, and reaching it
is not enough for a spike. Each sum is exact and rounded once.
Source: Yin, Corradi, Bohte, Nature Machine Intelligence 3:905 (2021), whose B and b0 are A and
`threshold` here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from goldenspike.golden.cell import Cell, align, cell, select
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
from goldenspike.golden.neurons.spiking import fire, has_spiked, integrate

__all__ = ["RECEPTORS", "STEP", "Constants", "Inputs", "Outputs", "Params", "State"]

RECEPTORS = ("current",)
"""Fields of the inputs that synapses add to."""


@dataclass(frozen=True)
class Params(AdaptiveParams):
    """Parameters of a population of Yin's adaptive LIF neurons."""

    def constants(self, current: Format) -> Constants:
        """Return the integers for currents of a format."""
        return adaptation.constants(self, current, *self._complements, whole=True)

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return adaptation.ideal(self, constants, *self._complements)

    @property
    def _complements(self) -> tuple[float, float]:
        return 1.0 - self.decay, 1.0 - self.rho


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    spiked = has_spiked(c, s.spike)
    b = adapt(c, s.b, spiked)
    A = adapted(c, b)
    v = integrate(c, s.v, x.current, select(spiked, A, 0))
    excess = align(v, c.threshold_shift) - A
    spike, signal, blocked = fire(c, s.spike, excess > 0)
    return State(v, b, spike), Outputs(signal, excess, blocked)


STEP = Cell("neurons.adaptive_lif_yin.step", step, ports)
