"""Triplet STDP: pairs of spikes, and how often both neurons spiked before.

    r1' = a_r1 r1 + s_j,  r2' = a_r2 r2 + s_j               presynaptic traces
    o1' = a_o1 o1 + s_i,  o2' = a_o2 o2 + s_i               postsynaptic traces
    depress    = s_j requantize(A2- + A3- r2)                every tick and presynaptic neuron
    potentiate = s_i requantize(A2+ + A3+ o2)               every tick and postsynaptic neuron
    w' = clip(requantize(w + r1 potentiate - o1 depress), 0, bound)       every tick and synapse

The changes of a tick use what the traces of earlier spikes have faded to in it: its own spikes
are added after. Each synapse has its bound, a multiple of its initial weight.
Source: Pfister and Gerstner, J Neuroscience 26:9673 (2006), all-to-all; bounds as in Pokorny et
al., Cerebral Cortex 30:952 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell, select
from goldenspike.golden.domains import Between, Formats
from goldenspike.golden.fixed import BIT, RANDOM, Format, Overflow, Rounding, requantize
from goldenspike.golden.rules import spike_trace
from goldenspike.golden.rules.eligibility import Part, TickParams

PERTURBS = "nothing"
TRACE = "every"
FIXED = ("bound",)
"""State that never changes."""
TraceDecay = Annotated[float, pole.fading("trace_factor")]
Amplitude = Annotated[float, Between(kept="amplitude")]


@dataclass(frozen=True, kw_only=True)
class Params(TickParams):
    """Parameters of triplet STDP.

    Parameters
    ----------
    trace
        Format of the traces; a spike adds 1.
    r1_decay, r2_decay, o1_decay, o2_decay
        Factors per tick that the traces keep, 0 to below 1.
    amplitude
        Format of the four amplitudes.
    plus2, minus2
        A2+ and A2-, in weight units: what a pair of spikes adds or takes away.
    plus3, minus3
        A3+ and A3-: what a triplet adds or takes away.
    drive
        Format of potentiate and depress, in weight units per unit of trace.
    multiple
        Of its initial weight, 1 or more, that a weight may reach.
    bound
        Format of the bounds: that of the weights without their sign.
    trace_factor
        Format of the decays.
    """

    trace: Format
    r1_decay: TraceDecay
    r2_decay: TraceDecay
    o1_decay: TraceDecay
    o2_decay: TraceDecay
    amplitude: Format
    plus2: Amplitude
    minus2: Amplitude
    plus3: Amplitude
    minus3: Amplitude
    drive: Format
    multiple: Annotated[float, Between(1)]
    bound: Annotated[Format, Formats(signed=False)]
    trace_factor: Format = pole.FACTOR

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pre(BIT)
        self.post({"signal": BIT})

    @property
    def skips(self) -> bool:
        """A row without a trace and a spike changes nothing."""
        return True

    def _traced(
        self, cell: Cell, signal: Format, decays: tuple[float, float], amplitudes: dict[str, float]
    ) -> Part:
        spike_trace.check_spikes(signal)
        one, two = (
            spike_trace.constants(decay, self.trace, False, self.trace_factor) for decay in decays
        )
        pair, triplet = (self.amplitude.constant(a, name) for name, a in amplitudes.items())
        frac = self.amplitude.frac + self.trace.frac
        c = NeuronConstants(one, two, self.drive, frac, self.trace.frac, pair, triplet)
        real = c._replace(one=one.ideal(decays[0]), two=two.ideal(decays[1]))
        a2, a3 = amplitudes.values()
        return Part(cell, c, real._replace(pair=float(a2), triplet=float(a3)))

    def pre(self, signal: Format) -> Part:
        """Return the traces of a presynaptic neuron."""
        amplitudes = {"Minus2": self.minus2, "Minus3": self.minus3}
        return self._traced(PRE, signal, (self.r1_decay, self.r2_decay), amplitudes)

    def post(self, outputs: dict[str, Format]) -> Part:
        """Return the traces of a postsynaptic neuron."""
        amplitudes = {"Plus2": self.plus2, "Plus3": self.plus3}
        return self._traced(POST, outputs["signal"], (self.o1_decay, self.o2_decay), amplitudes)

    def scale(self, values: dict[str, Format]) -> None:
        """There is no third factor."""

    def synapse(self, values: dict[str, Format]) -> None:
        """A synapse has no trace."""

    def update(self, weight: Format, values: dict[str, Format]) -> Part:
        """Return the update of one weight."""
        want = Format(False, weight.width - weight.signed, weight.frac)
        if self.bound != want:
            raise ValueError(
                f"Bound of weights of {weight} must have the format {want}, not {self.bound}"
            )
        c = constants(weight, self.trace, self.drive, self.rounding, self.overflow)
        return Part(UPDATE, c, c)

    def fixed(self, w: np.ndarray) -> dict[str, np.ndarray]:
        """Return the raw bounds of synapses with these initial weights."""
        return {"bound": self.bound.nearest(self.fixed_ideal(w)["bound"])}

    def fixed_ideal(self, w: np.ndarray) -> dict[str, np.ndarray]:
        """Return the bounds of synapses with these initial weights."""
        if w.size and w.min() < 0:
            raise ValueError(f"Initial weights must be 0 or more, not {float(w.min())!r}")
        return {"bound": self.multiple * w}


class NeuronConstants(NamedTuple):
    one: spike_trace.Constants
    two: spike_trace.Constants
    drive: Format
    frac: int
    pair_shift: int
    pair: Any
    triplet: Any


class NeuronInputs(NamedTuple):
    signal: Any


class PreState(NamedTuple):
    r1: Any
    r2: Any


class PostState(NamedTuple):
    o1: Any
    o2: Any


class PreOutputs(NamedTuple):
    pre_trace: Any
    depress: Any


class PostOutputs(NamedTuple):
    post_trace: Any
    potentiate: Any


@cell
def drive(c: Any, faded: Any, spike: Any) -> Any:
    """Return what a spike changes a weight by, per trace of the other side; 0 without one."""
    total = align(c.pair, c.pair_shift) + faded * c.triplet
    made = requantize(total, c.frac, c.drive, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    return select(spike == 1, made, 0)


@cell
def pre(c: Any, s: Any, x: Any) -> Any:
    """One presynaptic neuron, one tick."""
    r1, r2 = spike_trace.fade(c.one, s.r1), spike_trace.fade(c.two, s.r2)
    after = PreState(spike_trace.grow(c.one, r1, x.signal), spike_trace.grow(c.two, r2, x.signal))
    return after, PreOutputs(r1, drive(c, r2, x.signal))


@cell
def post(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick."""
    o1, o2 = spike_trace.fade(c.one, s.o1), spike_trace.fade(c.two, s.o2)
    after = PostState(spike_trace.grow(c.one, o1, x.signal), spike_trace.grow(c.two, o2, x.signal))
    return after, PostOutputs(o1, drive(c, o2, x.signal))


class Constants(NamedTuple):
    weight: Format
    bound: Format
    trace: Format
    drive: Format
    frac: int
    weight_shift: int
    change_shift: int
    rounding: int
    overflow: int


class State(NamedTuple):
    w: Any
    bound: Any


class Inputs(NamedTuple):
    pre_trace: Any
    depress: Any
    post_trace: Any
    potentiate: Any
    word: Any


def constants(
    weight: Format, trace: Format, drive: Format, rounding: int, overflow: int
) -> Constants:
    """Return the integers of an update between formats."""
    bound = Format(False, weight.width - weight.signed, weight.frac)
    change = trace.frac + drive.frac
    frac = max(weight.frac, change)
    shifts = frac - weight.frac, frac - change
    return Constants(weight, bound, trace, drive, frac, *shifts, int(rounding), int(overflow))


@cell
def update(c: Any, s: Any, x: Any) -> Any:
    """Learn one weight."""
    change = x.pre_trace * x.potentiate - x.post_trace * x.depress
    total = align(s.w, c.weight_shift) + align(change, c.change_shift)
    w = requantize(total, c.frac, c.weight, c.rounding, c.overflow, x.word)
    return State(select(w > s.bound, s.bound, select(w < 0, 0, w)), s.bound), Nothing()


PRE = Cell(
    "rules.triplet_stdp.pre",
    pre,
    lambda c: Ports(
        PreState(c.one.trace, c.two.trace), NeuronInputs(BIT), PreOutputs(c.one.trace, c.drive)
    ),
)
POST = Cell(
    "rules.triplet_stdp.post",
    post,
    lambda c: Ports(
        PostState(c.one.trace, c.two.trace), NeuronInputs(BIT), PostOutputs(c.one.trace, c.drive)
    ),
)
UPDATE = Cell(
    "rules.triplet_stdp.update",
    update,
    lambda c: Ports(
        State(c.weight, c.bound), Inputs(c.trace, c.drive, c.trace, c.drive, RANDOM), Nothing()
    ),
)
