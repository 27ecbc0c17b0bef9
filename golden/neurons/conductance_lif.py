"""Leaky integrate-and-fire neuron with conductances, by forward Euler.

    v' = requantize(v - leak v - g_E (v - V_E) - g_I (v - V_I))
    spike = v' >= threshold;  v' = reset where it spikes, in the same tick

All potentials are relative to `rest`, so that v starts as 0. The conductances of a tick, times
its duration, are rounded to `conductance` first and never negative; the sum is exact.
Source: Fiete, Seung, Physical Review Letters 97:048104 (2006), without synapses.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Ports, align, cell, select
from goldenspike.golden.domains import Between, Formats, NeuronRounding, spoken
from goldenspike.golden.fixed import (
    BIT,
    Format,
    Overflow,
    Rounding,
    requantize,
)
from goldenspike.golden.parameters import Parameters

SILENT = Format(False, 1, 62)
"""Of the conductance where there are no synapses: 0 in any format."""
POTENTIALS = ("excitatory_reversal", "inhibitory_reversal", "threshold", "reset")
Potential = Annotated[float, Between()]


class Constants(NamedTuple):
    membrane: Format
    conductance: Format
    excitatory: Format
    inhibitory: Format
    frac: int
    keep_shift: int
    conductance_shift: int
    keep: Any
    excitatory_reversal: Any
    inhibitory_reversal: Any
    threshold: Any
    reset: Any
    rounding: int
    overflow: int


class State(NamedTuple):
    v: Any


class Inputs(NamedTuple):
    excitatory: Any
    inhibitory: Any


RECEPTORS = ("excitatory", "inhibitory")
"""Fields of the inputs that synapses add to."""


class Outputs(NamedTuple):
    signal: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population of LIF neurons with conductances.

    Parameters
    ----------
    membrane
        Format of the membrane potential less `rest`.
    leak
        Leak conductance times the duration of a tick, over the capacitance: 0 to
        below 1.
    rest
        Potential of the leak, and at the start of a trial.
    excitatory_reversal, inhibitory_reversal
        Potentials that the conductances pull to; less `rest`, in `membrane`.
    threshold
        Potential at which the neuron spikes; less `rest`, in `membrane`.
    reset
        Potential after a spike, below `threshold`; less `rest`, in `membrane`.
    conductance
        Format of a tick's conductance, in the unit of `leak`; unsigned.
    factor
        Format of `leak`.
    rounding, overflow
        How the potential is rounded and limited.
    """

    membrane: Format
    leak: pole.Fading
    rest: Potential
    excitatory_reversal: Potential
    inhibitory_reversal: Potential
    threshold: Potential
    reset: Potential
    conductance: Annotated[Format, Formats(signed=False)] = Format(False, 16, 16)
    factor: Format = Format(False, 17, 16)
    rounding: NeuronRounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def __post_init__(self) -> None:
        super().__post_init__()
        c = self.constants(SILENT, SILENT)
        if c.reset >= c.threshold:
            raise ValueError(f"Reset must be below the threshold, not {self.reset!r}")

    def constants(self, excitatory: Format, inhibitory: Format) -> Constants:
        """Return the integers for conductances of two formats.

        Raises
        ------
        ValueError
            If a constant is not representable, or the Euler step would not be stable: the potential
            keeps the share ``1 - leak - g_E - g_I`` of itself, which must be above 0.
        """
        leak, leak_frac = self.factor.factor(self.leak, "Leak")
        raw = {
            name: self.membrane.constant(real, f"{spoken(name)} less rest")
            for name, real in self._relative().items()
        }
        lsb = Fraction(2) ** -self.conductance.frac
        largest = [lsb * admit(f.high, f, self.conductance) for f in (excitatory, inhibitory)]
        total = Fraction(leak, 1 << leak_frac) + sum(largest)
        if total >= 1:
            raise ValueError(
                f"Sum of leak and largest conductances must be below 1, not {float(total)!r}: "
                f"narrow the conductance, {self.conductance}, or what it is the sum of"
            )
        frac = self.membrane.frac + max(leak_frac, self.conductance.frac)
        return Constants(
            membrane=self.membrane,
            conductance=self.conductance,
            excitatory=excitatory,
            inhibitory=inhibitory,
            frac=frac,
            keep_shift=frac - leak_frac - self.membrane.frac,
            conductance_shift=frac - self.conductance.frac - self.membrane.frac,
            keep=(1 << leak_frac) - leak,
            **raw,
            rounding=int(self.rounding),
            overflow=int(self.overflow),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(keep=1.0 - self.leak, **self._relative())

    def _relative(self) -> dict[str, float]:
        return {name: float(getattr(self, name) - self.rest) for name in POTENTIALS}


@cell
def admit(x: Any, current: Any, conductance: Any) -> Any:
    """Return a sum of weights as a conductance."""
    return requantize(x, current.frac, conductance, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    excitatory = admit(x.excitatory, c.excitatory, c.conductance)
    inhibitory = admit(x.inhibitory, c.inhibitory, c.conductance)
    flow = excitatory * (s.v - c.excitatory_reversal) + inhibitory * (s.v - c.inhibitory_reversal)
    total = align(s.v * c.keep, c.keep_shift) - align(flow, c.conductance_shift)
    v = requantize(total, c.frac, c.membrane, c.rounding, c.overflow, 0)
    spikes = v >= c.threshold
    return State(select(spikes, c.reset, v)), Outputs(select(spikes, 1, 0))


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(State(c.membrane), Inputs(c.excitatory, c.inhibitory), Outputs(BIT))


STEP = Cell("neurons.conductance_lif.step", step, ports)
