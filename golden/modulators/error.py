"""Error of a readout: output minus target, neuron by neuron, in the ticks that are judged.

    e' = active ? requantize(f(y) - target) : 0
    f(y) = y                                        function "identity": half a squared error
    f(y) = max(0, min(1, slope * y + 1/2))          function "hard_sigmoid"

The sum is exact and rounded once. A positive error is of an output that is too large: learning
goes against it. Judged are the last `window` ticks of a trial, or all.
Source: Bellec et al., Nature Communications 11:3625 (2020); the hard sigmoid is that of
Courbariaux, Bengio, David, NeurIPS 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell, clamp, select
from goldenspike.golden.domains import Between, ErrorRounding, OneOf, Other, Window
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters

RECEPTORS = ()
"""Nothing is added to it."""
SIGNALS = ("signal", "target")
"""Fields of the inputs that are other populations' signals."""
WINDOWED = True
"""It is told whether a tick is in the window."""


class Constants(NamedTuple):
    signal: Format
    target: Format
    output: Format
    frac: int
    signal_shift: int
    target_shift: int
    half_shift: int
    slope: Any
    half: Any
    one: Any
    bounded: bool
    rounding: int
    overflow: int


class Inputs(NamedTuple):
    signal: Any
    target: Any
    active: Any


class Outputs(NamedTuple):
    signal: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population of errors.

    Parameters
    ----------
    output
        Format of the error.
    signal, target
        Populations whose signals are compared: of as many neurons, or of one.
    function
        ``"identity"`` or ``"hard_sigmoid"``: what of the output is compared.
    slope
        Of the hard sigmoid at 0.
    window
        The last ticks of a trial in which there are errors; 0 for all.
    factor
        Format of `slope`.
    rounding, overflow
        How the error is rounded and limited.
    """

    output: Format
    signal: Other
    target: Other
    function: Annotated[str, OneOf(("identity", "hard_sigmoid"))] = "identity"
    slope: Annotated[float, Between(0, above=True, held="factor")] = 0.25
    window: Window = 0
    factor: Format = Format(False, 9, 8)
    rounding: ErrorRounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def constants(self, signal: Format, target: Format) -> Constants:
        """Return the integers for outputs and targets of their formats."""
        bounded = self.function == "hard_sigmoid"
        slope, slope_frac = self.factor.factor(self.slope if bounded else 1.0, "Slope")
        frac = max(signal.frac + slope_frac, target.frac, 1 if bounded else self.output.frac)
        return Constants(
            signal=signal,
            target=target,
            output=self.output,
            frac=frac,
            signal_shift=frac - signal.frac - slope_frac,
            target_shift=frac - target.frac,
            half_shift=frac - 1,
            slope=slope,
            half=1,
            one=1 << max(frac, 0),
            bounded=bounded,
            rounding=int(self.rounding),
            overflow=int(self.overflow),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        slope = float(self.slope) if constants.bounded else 1.0
        return constants._replace(slope=slope, half=0.5, one=1.0)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One readout, one tick."""
    y = align(x.signal * c.slope, c.signal_shift)
    if c.bounded:
        y = clamp(y + align(c.half, c.half_shift), 0, c.one)
    e = requantize(y - align(x.target, c.target_shift), c.frac, c.output, c.rounding, c.overflow, 0)
    return s, Outputs(select(x.active == 1, e, 0))


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(Nothing(), Inputs(c.signal, c.target, BIT), Outputs(c.output))


STEP = Cell("modulators.error.step", step, ports)
