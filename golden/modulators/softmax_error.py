"""Error of a softmax: a share of a total minus a target, in the ticks that are judged.

    p  = min(1, signal / total), or 0 where total is 0          negative numbers being 0
    e' = active ? requantize(p - target) : 0                    every tick and neuron

which is the gradient of the cross entropy if signals are exponentials and total is their sum, see
:mod:`goldenspike.golden.modulators.exponential_unit`. The quotient is exact before it is rounded:
a bit for each fraction bit of the error or of the target, one more, and whether there is a rest,

    rest, q = signal, 0;  for each bit:  q = 2 q + (2 rest >= total),  rest = 2 rest mod total

so that no rounding can tell it from the real one. Judged are the last `window` ticks, or all.
A softmax output of three neurons behind the populations `readout` and `targets`; the format of
`total` must hold the sum::

    [[network.population]]
    name = "exponentials"
    size = 3
    model = "exponential_unit"
    output = "fxp-u13/12"
    signal = "readout"
    shift = 4.0

    [[network.population]]
    name = "total"
    size = 1
    model = "leaky_readout"
    output = "fxp-u15/12"

    [[network.population]]
    name = "errors"
    size = 3
    model = "softmax_error"
    output = "fxp-s12/10"
    signal = "exponentials"
    total = "total"
    target = "targets"

    [[network.projection]]
    pre = "exponentials"
    post = "total"
    weight = "fxp-u1/0"
    mean = 1.0

Source: Bellec et al., Nature Communications 11:3625 (2020); Ercegovac, Lang, Digital Arithmetic
(2004), on restoring division.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from numba import types
from numba.extending import overload

from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell, select, wrap
from goldenspike.golden.domains import ErrorRounding, Other, Window
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters

RECEPTORS = ()
"""Nothing is added to it."""
SIGNALS = ("signal", "total", "target")
"""Fields of the inputs that are other populations' signals."""
WINDOWED = True
"""It is told whether a tick is in the window."""


class Constants(NamedTuple):
    signal: Format
    total: Format
    target: Format
    output: Format
    bits: int
    signal_shift: int
    total_shift: int
    target_shift: int
    signal_bits: int
    total_bits: int
    width: int
    rounding: int
    overflow: int


class Inputs(NamedTuple):
    signal: Any
    total: Any
    target: Any
    active: Any


class Outputs(NamedTuple):
    signal: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population of errors of a softmax.

    Parameters
    ----------
    output
        Format of the error.
    signal, total, target
        Populations of exponentials, of their sum, and of targets: of as many neurons, or of one.
    window
        The last ticks of a trial in which there are errors; 0 for all.
    rounding, overflow
        How the error is rounded and limited.
    """

    output: Format
    signal: Other
    total: Other
    target: Other
    window: Window = 0
    rounding: ErrorRounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def constants(self, signal: Format, total: Format, target: Format) -> Constants:
        """Return the integers for exponentials, sums and targets of their formats."""
        bits = max(self.output.frac, target.frac, 0) + 1
        frac = max(signal.frac, total.frac)
        signal_bits, total_bits = (max(f.high.bit_length(), 1) for f in (signal, total))
        return Constants(
            signal=signal,
            total=total,
            target=target,
            output=self.output,
            bits=bits,
            signal_shift=frac - signal.frac,
            total_shift=frac - total.frac,
            target_shift=bits + 1 - target.frac,
            signal_bits=signal_bits,
            total_bits=total_bits,
            width=total_bits + frac - total.frac,
            rounding=int(self.rounding),
            overflow=int(self.overflow),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the constants of the float64 model: there is no real number among them."""
        return constants


@cell
def positive(x: Any, bits: int) -> Any:
    """Return a number or, if it is negative, 0, in the bits that it then has."""
    return wrap(select(x < 0, 0, x), bits, False)


@cell
def divide(c: Any, signal: Any, total: Any) -> Any:
    """Return a share of ``c.bits`` fraction bits, and one for whether there is a rest."""
    part = align(positive(signal, c.signal_bits), c.signal_shift)
    whole = align(positive(total, c.total_bits), c.total_shift)
    rest, q = wrap(part, c.width, False), 0 * part
    for _ in range(c.bits):
        twice = rest << 1
        q = (q << 1) + select(twice >= whole, 1, 0)
        rest = wrap(twice - select(twice >= whole, whole, 0), c.width, False)
    share = (q << 1) + select(rest > 0, 1, 0)
    return select(whole == 0, 0, select(part >= whole, 2 << c.bits, share))


@cell
def exact(signal: Any, total: Any) -> Any:
    """Return a share as a real number."""
    return min(max(signal, 0.0) / total, 1.0) if total > 0.0 else 0.0


def share(c: Any, signal: Any, total: Any) -> Any:
    """As :func:`divide`; of floats, which are real numbers already, the quotient itself."""
    return exact(signal, total) if isinstance(total, float) else divide(c, signal, total)


@overload(share)
def _share(c, signal, total):
    if isinstance(total, types.Float):
        return lambda c, signal, total: exact(signal, total)

    def integer(c, signal, total):
        return divide(c, signal, total)

    return integer


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One neuron, one tick."""
    e = share(c, x.signal, x.total) - align(x.target, c.target_shift)
    e = requantize(e, c.bits + 1, c.output, c.rounding, c.overflow, 0)
    return s, Outputs(select(x.active == 1, e, 0))


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(Nothing(), Inputs(c.signal, c.total, c.target, BIT), Outputs(c.output))


STEP = Cell("modulators.softmax_error.step", step, ports)
