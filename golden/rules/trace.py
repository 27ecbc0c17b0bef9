"""Filtered signals of neurons, zbar: how active a neuron was lately.

    zbar' = requantize(decay * zbar + gain * signal)            gain: 1, or 1 - decay

What synapses are told is zbar', which has this tick's signal in it. With decay 0 and gain 1 it is
the signal itself. Source: Bellec et al., Nature Communications 11:3625 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Ports, cell
from goldenspike.golden.domains import OneOf
from goldenspike.golden.fixed import Format
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.rules.eligibility import Part


@dataclass(frozen=True, kw_only=True)
class TraceParams(Parameters):
    """What rules are told that filter a neuron's signal.

    Parameters
    ----------
    trace
        Format of the filtered signal zbar.
    trace_decay
        Factor per tick that zbar keeps, 0 to below 1.
    gain
        What a signal is multiplied by: ``"one"`` or ``"complement"`` (1 - trace_decay).
    trace_factor
        Format of both factors.
    """

    trace: Format
    trace_decay: Annotated[float, pole.fading("trace_factor")]
    gain: Annotated[str, OneOf(("one", "complement"))] = "one"
    trace_factor: Format = pole.FACTOR

    def filtered(self, cell: Cell, signal: Format) -> Part:
        """Return the filter of a signal, by one of this module's cells."""
        decay, gain = self.trace_decay, 1.0 if self.gain == "one" else 1.0 - self.trace_decay
        c = pole.constants(decay, self.trace, signal, self.trace_factor, gain)
        return Part(cell, c, c.ideal(decay, gain))


class State(NamedTuple):
    zbar: Any


class Inputs(NamedTuple):
    signal: Any


class ActivityInputs(NamedTuple):
    activity: Any


class Outputs(NamedTuple):
    eligibility: Any


class TraceOutputs(NamedTuple):
    trace: Any


@cell
def follow(c: Any, zbar: Any, signal: Any) -> Any:
    """Return the next filtered signal."""
    after, _ = pole.step(c, pole.State(zbar), pole.Inputs(signal))
    return after.y


@cell
def eligible(c: Any, s: Any, x: Any) -> Any:
    """One presynaptic neuron, one tick: zbar' is the eligibility of all its synapses."""
    zbar = follow(c, s.zbar, x.signal)
    return State(zbar), Outputs(zbar)


@cell
def traced(c: Any, s: Any, x: Any) -> Any:
    """One presynaptic neuron, one tick: zbar' is what its synapses make eligibilities of."""
    zbar = follow(c, s.zbar, x.signal)
    return State(zbar), TraceOutputs(zbar)


@cell
def active(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick, of the activity of another that it stands for."""
    zbar = follow(c, s.zbar, x.activity)
    return State(zbar), Outputs(zbar)


ELIGIBLE = Cell(
    "rules.trace.eligible", eligible, lambda c: Ports(State(c.y), Inputs(c.x), Outputs(c.y))
)
TRACED = Cell(
    "rules.trace.traced", traced, lambda c: Ports(State(c.y), Inputs(c.x), TraceOutputs(c.y))
)
ACTIVE = Cell(
    "rules.trace.active", active, lambda c: Ports(State(c.y), ActivityInputs(c.x), Outputs(c.y))
)
