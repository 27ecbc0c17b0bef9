"""Leaky integrate-and-fire neuron.

    v' = requantize(decay * v + drive * current - threshold * spike)      reset "subtract"
    v' = requantize(decay * (spike ? reset_value : v) + drive * current)  reset "to_value"
    spike' = v' >= threshold                                              or > with compare ">"

`spike` is the neuron's own of the tick before; with a refractory period it is a countdown, see
:mod:`goldenspike.golden.neurons.spiking`. The sum is exact and rounded once.
Source: Bellec et al., Nature Communications 11:3625 (2020) with drive "1 - decay";
NEST's ``eprop_iaf``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Ports, cell, select
from goldenspike.golden.domains import Between, Drive, Factor, NeuronRounding, OneOf
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.neurons.spiking import (
    Refractory,
    countdown,
    drive_factor,
    fire,
    has_spiked,
    integrate,
    leak,
)
from goldenspike.golden.parameters import Parameters


class Constants(NamedTuple):
    membrane: Format
    current: Format
    excess: Format
    frac: int
    leak_shift: int
    drive_shift: int
    reset_shift: int
    decay: Any
    drive: Any
    threshold: Any
    reset_value: Any
    to_value: bool
    inclusive: bool
    refractory: int
    rounding: int
    overflow: int


class State(NamedTuple):
    v: Any
    spike: Any


class Inputs(NamedTuple):
    current: Any


RECEPTORS = ("current",)
"""Fields of the inputs that synapses add to."""


class Outputs(NamedTuple):
    signal: Any
    excess: Any
    blocked: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a LIF population.

    Parameters
    ----------
    membrane
        Format of the membrane potential.
    decay
        Factor per tick that the potential keeps, 0 to 1.
    threshold
        Potential at which the neuron spikes, above 0; in `membrane`.
    drive
        What the current is multiplied by: ``"one"`` or ``"complement"`` (1 - decay).
    reset
        ``"subtract"`` the threshold in the tick after a spike, or start it ``"to_value"``.
    reset_value
        Potential after a spike with reset ``"to_value"``; in `membrane`.
    compare
        ``">="`` or ``">"``: integers do hit equality.
    factor
        Format of `decay` and of the drive factor.
    rounding, overflow
        How the potential is rounded and limited.
    refractory
        Ticks after a spike in which the neuron cannot spike; its potential goes on as always.
    """

    membrane: Format
    decay: Factor
    threshold: Annotated[float, Between(0, above=True, kept="membrane")]
    drive: Drive = "one"
    reset: Annotated[str, OneOf(("subtract", "to_value"))] = "subtract"
    reset_value: Annotated[float, Between(kept="membrane")] = 0.0
    compare: Annotated[str, OneOf((">=", ">"))] = ">="
    factor: Format = Format(False, 17, 16)
    rounding: NeuronRounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE
    refractory: Refractory = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.constants(BIT)

    def constants(self, current: Format) -> Constants:
        """Return the integers for currents of a format."""
        m = self.membrane
        threshold = m.constant(self.threshold, "Threshold")
        drive = drive_factor(self.drive, self.decay)
        return Constants(
            membrane=m,
            current=current,
            excess=Format.holding(m.low - threshold, m.high - threshold, m.frac),
            **leak(self.decay, drive, self.factor, m, current, m.frac)._asdict(),
            threshold=threshold,
            reset_value=m.constant(self.reset_value, "Reset value"),
            to_value=self.reset == "to_value",
            inclusive=self.compare == ">=",
            refractory=self.refractory,
            rounding=int(self.rounding),
            overflow=int(self.overflow),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(
            decay=float(self.decay),
            drive=drive_factor(self.drive, self.decay),
            threshold=float(self.threshold),
            reset_value=float(self.reset_value),
        )


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    spiked = has_spiked(c, s.spike)
    kept = select(spiked & c.to_value, c.reset_value, s.v)
    reset = select(spiked & (not c.to_value), c.threshold, 0)
    v = integrate(c, kept, x.current, reset)
    reached = (v > c.threshold) | ((v == c.threshold) & c.inclusive)
    spike, signal, blocked = fire(c, s.spike, reached)
    return State(v, spike), Outputs(signal, v - c.threshold, blocked)


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    outputs = Outputs(BIT, c.excess, BIT)
    return Ports(State(c.membrane, countdown(c.refractory)), Inputs(c.current), outputs)


STEP = Cell("neurons.lif.step", step, ports)
