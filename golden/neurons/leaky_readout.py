"""Leaky readout: integrates its current and never spikes.

    y' = requantize(decay * y + drive * current + bias)

With decay 0 it is the linear readout of the perturbation theory.
Source: Bellec et al., Nature Communications 11:3625 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Ports, align, cell
from goldenspike.golden.domains import Between, Drive, Factor, NeuronRounding
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters


class Constants(NamedTuple):
    output: Format
    current: Format
    frac: int
    leak_shift: int
    drive_shift: int
    bias_shift: int
    decay: Any
    drive: Any
    bias: Any
    rounding: int
    overflow: int


class State(NamedTuple):
    y: Any


class Inputs(NamedTuple):
    current: Any


RECEPTORS = ("current",)
"""Fields of the inputs that synapses add to."""


class Outputs(NamedTuple):
    signal: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population of leaky readouts.

    Parameters
    ----------
    output
        Format of the output y.
    decay
        Factor per tick that y keeps, 0 to 1.
    drive
        What the current is multiplied by: ``"one"`` or ``"complement"`` (1 - decay).
    bias
        Added every tick; in `output`.
    factor
        Format of `decay` and of the drive factor.
    rounding, overflow
        How y is rounded and limited.
    """

    output: Format
    decay: Factor = 0.0
    drive: Drive = "one"
    bias: Annotated[float, Between(kept="output")] = 0.0
    factor: Format = Format(False, 17, 16)
    rounding: NeuronRounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def __post_init__(self) -> None:
        super().__post_init__()
        self.constants(BIT)

    def constants(self, current: Format) -> Constants:
        """Return the integers for currents of a format."""
        decay, decay_frac = self.factor.factor(self.decay, "Decay")
        one = self.drive == "one"
        drive, drive_frac = self.factor.factor(1.0 if one else 1.0 - self.decay, "Drive")
        frac = max(decay_frac + self.output.frac, drive_frac + current.frac)
        return Constants(
            output=self.output,
            current=current,
            frac=frac,
            leak_shift=frac - decay_frac - self.output.frac,
            drive_shift=frac - drive_frac - current.frac,
            bias_shift=frac - self.output.frac,
            decay=decay,
            drive=drive,
            bias=self.output.constant(self.bias, "Bias"),
            rounding=int(self.rounding),
            overflow=int(self.overflow),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(
            decay=float(self.decay),
            drive=1.0 if self.drive == "one" else 1.0 - self.decay,
            bias=float(self.bias),
        )


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    u = align(s.y * c.decay, c.leak_shift) + align(x.current * c.drive, c.drive_shift)
    y = requantize(u + align(c.bias, c.bias_shift), c.frac, c.output, c.rounding, c.overflow, 0)
    return State(y), Outputs(y)


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(State(c.output), Inputs(c.current), Outputs(c.output))


STEP = Cell("neurons.leaky_readout.step", step, ports)
