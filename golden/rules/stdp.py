"""Pair STDP: weights learn from the times between two spikes.

    x_j' = a x_j + s_j,  x_i' = a x_i + s_i                 presynaptic and postsynaptic traces
    w' = clip(requantize(w + A+ x_j s_i - A- x_i s_j), low, high)         every tick and synapse

A postsynaptic spike D ticks after a presynaptic one adds ``A+ a**D``, and one D ticks before takes
``A- a**D`` away, for every pair of spikes. Spikes of the same tick are a pair of D = 0 in both
terms, or none (`coincident`).
Source: Morrison, Diesmann, Gerstner, Biological Cybernetics 98:459 (2008); Song, Miller, Abbott,
Nature Neuroscience 3:919 (2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell, clamp, select
from goldenspike.golden.domains import Between
from goldenspike.golden.fixed import BIT, RANDOM, Format, requantize
from goldenspike.golden.rules import spike_trace
from goldenspike.golden.rules.bounded import BoundedParams
from goldenspike.golden.rules.eligibility import Part, TickParams
from goldenspike.golden.rules.three_factor import UpdateParams

PERTURBS = "nothing"
TRACE = "every"


@dataclass(frozen=True, kw_only=True)
class PairParams(UpdateParams):
    """What rules are told that learn from pairs of spikes.

    Parameters
    ----------
    trace
        Format of the traces; a spike adds 1.
    pre_decay, post_decay
        Factors per tick that the traces keep, 0 to below 1.
    amplitude
        Format of `plus` and `minus`.
    plus, minus
        A+ and A-, in units of what is learned: what a pair of spikes adds or takes away.
    trace_factor
        Format of the decays.
    coincident
        Whether spikes of the same tick are a pair, of both kinds.
    """

    trace: Format
    pre_decay: Annotated[float, pole.fading("trace_factor")]
    post_decay: Annotated[float, pole.fading("trace_factor")]
    amplitude: Format
    plus: Annotated[float, Between(kept="amplitude")]
    minus: Annotated[float, Between(kept="amplitude")]
    trace_factor: Format = pole.FACTOR
    coincident: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.trace.constant(1.0, "Trace of a spike")

    def amplitudes(self) -> tuple[int, int]:
        """Return the raw integers of A+ and A-."""
        plus = self.amplitude.constant(self.plus, "Plus")
        return plus, self.amplitude.constant(self.minus, "Minus")

    def _traced(self, cell: Cell, decay: float, signal: Format) -> Part:
        spike_trace.check_spikes(signal)
        c = spike_trace.constants(decay, self.trace, self.coincident, self.trace_factor)
        return Part(cell, c, c.ideal(decay))

    def pre(self, signal: Format) -> Part:
        """Return the trace of a presynaptic neuron."""
        return self._traced(spike_trace.PRE, self.pre_decay, signal)

    def post(self, outputs: dict[str, Format]) -> Part:
        """Return the trace of a postsynaptic neuron."""
        return self._traced(spike_trace.POST, self.post_decay, outputs["signal"])


@dataclass(frozen=True, kw_only=True)
class Params(PairParams, BoundedParams, TickParams):
    """Parameters of pair STDP: A+ and A- are in weight units."""

    @property
    def skips(self) -> bool:
        """A row without a spike and a trace changes nothing."""
        return True

    def scale(self, values: dict[str, Format]) -> None:
        """There is no third factor."""

    def synapse(self, values: dict[str, Format]) -> None:
        """A synapse has no trace."""

    def update(self, weight: Format, values: dict[str, Format]) -> Part:
        """Return the update of one weight."""
        c = constants(weight, self)
        low, high = self.ideal_bounds
        real = c._replace(plus=float(self.plus), minus=float(self.minus), low=low, high=high)
        return Part(UPDATE, c, real)


class Constants(NamedTuple):
    weight: Format
    trace: Format
    frac: int
    weight_shift: int
    change_shift: int
    plus: Any
    minus: Any
    low: Any
    high: Any
    rounding: int
    overflow: int


class State(NamedTuple):
    w: Any


class Inputs(NamedTuple):
    pre_spike: Any
    pre_trace: Any
    post_spike: Any
    post_trace: Any
    word: Any


def constants(weight: Format, params: Params) -> Constants:
    """Return the integers for weights of a format."""
    change = params.amplitude.frac + params.trace.frac
    frac = max(weight.frac, change)
    return Constants(
        weight,
        params.trace,
        frac,
        frac - weight.frac,
        frac - change,
        *params.amplitudes(),
        *params.bounds(weight),
        int(params.rounding),
        int(params.overflow),
    )


@cell
def paired(x: Any, plus: Any, minus: Any) -> Any:
    """Return what the spikes of a tick change, exactly."""
    up = select(x.post_spike == 1, x.pre_trace, 0)
    down = select(x.pre_spike == 1, x.post_trace, 0)
    return up * plus - down * minus


@cell
def update(c: Any, s: Any, x: Any) -> Any:
    """Learn one weight."""
    change = align(paired(x, c.plus, c.minus), c.change_shift)
    total = align(s.w, c.weight_shift) + change
    w = requantize(total, c.frac, c.weight, c.rounding, c.overflow, x.word)
    return State(clamp(w, c.low, c.high)), Nothing()


UPDATE = Cell(
    "rules.stdp.update",
    update,
    lambda c: Ports(State(c.weight), Inputs(BIT, c.trace, BIT, c.trace, RANDOM), Nothing()),
)
