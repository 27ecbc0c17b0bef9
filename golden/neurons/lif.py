"""Leaky integrate-and-fire neuron.

    v' = requantize(decay * v + drive * current - threshold * spike)      reset "subtract"
    v' = requantize(decay * (spike ? reset_value : v) + drive * current)  reset "to_value"
    spike' = v' >= threshold                                              or > with compare ">"

`spike` is the neuron's own of the tick before. The sum is exact and rounded once.
Source: Bellec et al., Nature Communications 11:3625 (2020) with drive "1 - decay";
NEST's ``eprop_iaf``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Ports, align, cell, select
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, deterministic, requantize
from goldenspike.golden.parameters import Parameters, choice, positive, unit


class Constants(NamedTuple):
    membrane: Format
    current: Format
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
    """

    membrane: Format
    decay: float
    threshold: float
    drive: str = "one"
    reset: str = "subtract"
    reset_value: float = 0.0
    compare: str = ">="
    factor: Format = Format(False, 17, 16)
    rounding: Rounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def __post_init__(self) -> None:
        unit("Decay", self.decay)
        positive("Threshold", self.threshold)
        choice("Drive", self.drive, ("one", "complement"))
        choice("Reset", self.reset, ("subtract", "to_value"))
        choice("Compare", self.compare, (">=", ">"))
        deterministic("Rounding of a neuron", self.rounding)
        self.constants(BIT)

    def constants(self, current: Format) -> Constants:
        """Return the integers for currents of a format."""
        decay, decay_frac = self.factor.factor(self.decay, "Decay")
        one = self.drive == "one"
        drive, drive_frac = self.factor.factor(1.0 if one else 1.0 - self.decay, "Drive")
        frac = max(decay_frac + self.membrane.frac, drive_frac + current.frac)
        return Constants(
            membrane=self.membrane,
            current=current,
            frac=frac,
            leak_shift=frac - decay_frac - self.membrane.frac,
            drive_shift=frac - drive_frac - current.frac,
            reset_shift=frac - self.membrane.frac,
            decay=decay,
            drive=drive,
            threshold=self.membrane.constant(self.threshold, "Threshold"),
            reset_value=self.membrane.constant(self.reset_value, "Reset value"),
            to_value=self.reset == "to_value",
            inclusive=self.compare == ">=",
            rounding=int(self.rounding),
            overflow=int(self.overflow),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(
            decay=float(self.decay),
            drive=1.0 if self.drive == "one" else 1.0 - self.decay,
            threshold=float(self.threshold),
            reset_value=float(self.reset_value),
        )


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    spiked = s.spike == 1
    kept = select(spiked & c.to_value, c.reset_value, s.v)
    reset = select(spiked & (not c.to_value), c.threshold, 0)
    u = align(kept * c.decay, c.leak_shift) + align(x.current * c.drive, c.drive_shift)
    v = requantize(u - align(reset, c.reset_shift), c.frac, c.membrane, c.rounding, c.overflow, 0)
    spike = select((v > c.threshold) | ((v == c.threshold) & c.inclusive), 1, 0)
    return State(v, spike), Outputs(spike)


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(State(c.membrane, BIT), Inputs(c.current), Outputs(BIT))


STEP = Cell("neurons.lif.step", step, ports)
