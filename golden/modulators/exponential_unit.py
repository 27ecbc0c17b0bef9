"""Exponential unit: what a softmax is made of, neuron by neuron.

    e = requantize(min(1, exp(y - shift)))                      every tick

by table, within one LSB of `output`. The shift keeps signals below it apart: a softmax is the same
whatever it is, but signals above it are taken for it, and those far below have an e of 0. The e of
a population are summed by a leaky readout of decay 0, and shared out by
:mod:`goldenspike.golden.modulators.softmax_error`.
Source: Bridle, NIPS 1989, on the softmax; Muller, Elementary Functions (3rd ed. 2016), on tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.domains import Between, Formats, Other
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.table import Function, Table, evaluate, tabulate

RECEPTORS = ()
"""Nothing is added to it."""
SIGNALS = ("signal",)
"""Fields of the inputs that are other populations' signals."""
MOST_FRAC = 12
"""Fraction bits of the finest output: more ask for a larger table."""


class Constants(NamedTuple):
    signal: Format
    output: Format
    table: Table
    shift: Any


class Inputs(NamedTuple):
    signal: Any


class Outputs(NamedTuple):
    signal: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population of exponential units.

    Parameters
    ----------
    output
        Format of e, of 0 to 12 fraction bits; up to 1.
    signal
        Population whose signals y are, one neuron for each.
    shift
        Signal whose e is 1; rounded to the last bit of signals.
    """

    output: Annotated[Format, Formats(fracs=(0, MOST_FRAC), one=True)]
    signal: Other
    shift: Annotated[float, Between()] = 0.0

    def constants(self, signal: Format) -> Constants:
        """Return the integers for signals of a format."""
        table, _ = tabulate(Function.EXPONENTIAL, 1.0, 1.0, self.output.frac + 1)
        return Constants(signal, self.output, table, round(self.shift * 2.0**signal.frac))

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(shift=float(self.shift))


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
    below = c.shift - x.signal
    below = below - select(below < 0, below, 0)
    size = requantize(below, c.signal.frac, c.table.argument, rounding, overflow, 0)
    e = requantize(evaluate(c.table, size), c.table.frac, c.output, rounding, overflow, 0)
    return s, Outputs(e)


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(Nothing(), Inputs(c.signal), Outputs(c.output))


STEP = Cell("modulators.exponential_unit.step", step, ports)
