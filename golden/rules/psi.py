"""What a postsynaptic neuron's pseudo-derivative and its pull to a rate are made of.

    size = requantize(|excess|)                         to the bits that count, but for steps
    psi  = blocked ? 0 : requantize(max(0, height - slope * size))          linear
    psi  = blocked ? 0 : requantize(table(size))                            by table
    psi  = blocked ? 0 : the value of the innermost step that size is within, else 0

    spikes' = requantize(spikes + signal)
    pull    = requantize(offset - rate * spikes')

They are told apart in :mod:`goldenspike.golden.rules.surrogate`, with their sources.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, clamp, select
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, requantize
from goldenspike.golden.table import Table, evaluate

GUARD_BITS = 2
"""Bits below the LSB that whatever is rounded before psi, or before the pull, leaves right."""


class LinearConstants(NamedTuple):
    excess: Format
    psi: Format
    argument: Format
    frac: int
    height: Any
    slope: Any


class TableConstants(NamedTuple):
    excess: Format
    psi: Format
    table: Table


class StepConstants(NamedTuple):
    """Steps from the outermost to the innermost."""

    excess: Format
    psi: Format
    ends: tuple[Any, ...]
    values: tuple[Any, ...]


class PullConstants(NamedTuple):
    spikes: Format
    pull: Format
    frac: int
    rate: Any
    offset: Any

    def ideal(self, rate: float, offset: float) -> PullConstants:
        """Return the real numbers in the integers' place."""
        return self._replace(rate=float(rate), offset=float(offset))


class BothConstants(NamedTuple):
    surrogate: Any
    pull: PullConstants


class PullState(NamedTuple):
    spikes: Any


class Inputs(NamedTuple):
    excess: Any
    blocked: Any


class PullInputs(NamedTuple):
    excess: Any
    blocked: Any
    signal: Any


class Outputs(NamedTuple):
    psi: Any


class PullOutputs(NamedTuple):
    psi: Any
    pull: Any


def pull_constants(rate: float, offset: float, ticks: int, pull: Format) -> PullConstants:
    """Return the integers of a pull that each spike of a trial of `ticks` changes by `rate`.

    Raises
    ------
    ValueError
        If the format does not show what as many spikes as there can be change.
    """
    spikes = Format.holding(0, ticks, 0)
    frac = pull.frac + spikes.width + GUARD_BITS
    raws = [round(Fraction(real) * Fraction(2) ** frac) for real in (rate, offset)]
    if not raws[0]:
        raise ValueError(f"Pull must be a format that shows {rate!r} a spike, not {pull}")
    return PullConstants(spikes, pull, frac, *raws)


@cell
def distance(excess: Any) -> Any:
    """Return how far a neuron is from its threshold."""
    return select(excess < 0, -excess, excess)


@cell
def stored(c: Any, y: Any, frac: int, blocked: Any) -> Any:
    """Return psi of what it is not rounded."""
    psi = requantize(y, frac, c.psi, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    return select(blocked == 1, 0, psi)


@cell
def linear_psi(c: Any, excess: Any, blocked: Any) -> Any:
    """Return psi, piecewise linear."""
    rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
    size = requantize(distance(excess), c.excess.frac, c.argument, rounding, overflow, 0)
    return stored(c, clamp(c.height - size * c.slope, 0, c.height), c.frac, blocked)


@cell
def table_psi(c: Any, excess: Any, blocked: Any) -> Any:
    """Return psi by table."""
    rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
    size = requantize(distance(excess), c.excess.frac, c.table.argument, rounding, overflow, 0)
    return stored(c, evaluate(c.table, size), c.table.frac, blocked)


@cell
def stepped_psi(c: Any, excess: Any, blocked: Any) -> Any:
    """Return psi by steps."""
    size, psi = distance(excess), 0 * c.values[0]
    for k in range(len(c.ends)):
        psi = select(size < c.ends[k], c.values[k], psi)
    return select(blocked == 1, 0, psi)


@cell
def counted(c: Any, spikes: Any, signal: Any) -> Any:
    """Return the spikes of a trial up to this tick."""
    return requantize(spikes + signal, 0, c.spikes, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


@cell
def pulled(c: Any, spikes: Any) -> Any:
    """Return the pull to a rate."""
    total = c.offset - spikes * c.rate
    return requantize(total, c.frac, c.pull, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


@cell
def linear(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick."""
    return s, Outputs(linear_psi(c, x.excess, x.blocked))


@cell
def table(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick."""
    return s, Outputs(table_psi(c, x.excess, x.blocked))


@cell
def stepped(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick."""
    return s, Outputs(stepped_psi(c, x.excess, x.blocked))


@cell
def linear_pull(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron that pulls, one tick."""
    spikes = counted(c.pull, s.spikes, x.signal)
    psi = linear_psi(c.surrogate, x.excess, x.blocked)
    return PullState(spikes), PullOutputs(psi, pulled(c.pull, spikes))


@cell
def table_pull(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron that pulls, one tick."""
    spikes = counted(c.pull, s.spikes, x.signal)
    psi = table_psi(c.surrogate, x.excess, x.blocked)
    return PullState(spikes), PullOutputs(psi, pulled(c.pull, spikes))


@cell
def stepped_pull(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron that pulls, one tick."""
    spikes = counted(c.pull, s.spikes, x.signal)
    psi = stepped_psi(c.surrogate, x.excess, x.blocked)
    return PullState(spikes), PullOutputs(psi, pulled(c.pull, spikes))


def ports(c: Any) -> Ports:
    """Return the formats of the ports of a pseudo-derivative."""
    return Ports(Nothing(), Inputs(c.excess, BIT), Outputs(c.psi))


def pull_ports(c: BothConstants) -> Ports:
    """Return the formats of the ports of a pseudo-derivative with a pull."""
    inputs = PullInputs(c.surrogate.excess, BIT, BIT)
    return Ports(PullState(c.pull.spikes), inputs, PullOutputs(c.surrogate.psi, c.pull.pull))


LINEAR = Cell("rules.psi.linear", linear, ports)
TABLE = Cell("rules.psi.table", table, ports)
STEPPED = Cell("rules.psi.stepped", stepped, ports)
LINEAR_PULL = Cell("rules.psi.linear_pull", linear_pull, pull_ports)
TABLE_PULL = Cell("rules.psi.table_pull", table_pull, pull_ports)
STEPPED_PULL = Cell("rules.psi.stepped_pull", stepped_pull, pull_ports)
