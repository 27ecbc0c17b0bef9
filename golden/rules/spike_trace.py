"""Spike traces: how long ago a neuron spiked, and how often.

    faded  = requantize(decay * trace)
    trace' = limit(faded + spike)

What the other side's spike meets, the outputs ``pre_trace`` and ``post_trace``, is trace' if
spikes of the same tick are `coincident`: they then pair at a distance of 0. Otherwise it is
faded, what earlier spikes have left in this tick. All spikes add up (all-to-all pairing).
Source: Morrison, Diesmann, Gerstner, Biological Cybernetics 98:459 (2008).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Ports, cell, select
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, requantize


class Constants(NamedTuple):
    trace: Format
    frac: int
    decay: Any
    one: Any
    coincident: bool

    def ideal(self, decay: float) -> Constants:
        """Return the real numbers in the integers' place."""
        return self._replace(decay=float(decay), one=1.0)


class State(NamedTuple):
    trace: Any


class Inputs(NamedTuple):
    signal: Any


class PreOutputs(NamedTuple):
    pre_spike: Any
    pre_trace: Any


class PostOutputs(NamedTuple):
    post_spike: Any
    post_trace: Any


def constants(
    decay: float, trace: Format, coincident: bool, factor: Format = pole.FACTOR
) -> Constants:
    """Return the integers of a trace, its decay of 0 to 1 in the format `factor`."""
    raw, frac = factor.factor(decay, "Decay")
    one = trace.constant(1.0, "Trace of a spike")
    return Constants(trace, frac + trace.frac, raw, one, coincident)


def check_spikes(signal: Format) -> None:
    """Raise ValueError unless signals are spikes."""
    if signal != BIT:
        raise ValueError(f"Signal that is traced must be spikes, {BIT}, not {signal}")


@cell
def fade(c: Any, trace: Any) -> Any:
    """Return what is left of a trace."""
    return requantize(trace * c.decay, c.frac, c.trace, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


@cell
def grow(c: Any, faded: Any, spike: Any) -> Any:
    """Return the next trace."""
    total = faded + select(spike == 1, c.one, 0)
    return requantize(total, c.trace.frac, c.trace, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


@cell
def pre(c: Any, s: Any, x: Any) -> Any:
    """One presynaptic neuron, one tick."""
    faded = fade(c, s.trace)
    trace = grow(c, faded, x.signal)
    return State(trace), PreOutputs(x.signal, select(c.coincident, trace, faded))


@cell
def post(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick."""
    faded = fade(c, s.trace)
    trace = grow(c, faded, x.signal)
    return State(trace), PostOutputs(x.signal, select(c.coincident, trace, faded))


PRE = Cell(
    "rules.spike_trace.pre",
    pre,
    lambda c: Ports(State(c.trace), Inputs(BIT), PreOutputs(BIT, c.trace)),
)
POST = Cell(
    "rules.spike_trace.post",
    post,
    lambda c: Ports(State(c.trace), Inputs(BIT), PostOutputs(BIT, c.trace)),
)
