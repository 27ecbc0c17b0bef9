"""Neuromodulated STDP (R-STDP): pairs of spikes make synapses eligible, a modulator teaches them.

    x_j' = a x_j + s_j,  x_i' = a x_i + s_i                 presynaptic and postsynaptic traces
    E' = requantize(a_E E + A+ x_j s_i - A- x_i s_j)        every tick and synapse
    factor_i = requantize(eta M_i)                          every tick and postsynaptic neuron
    w' = clip(requantize(w + factor_i E'), low, high)       or summed over the trial, then learned

M is the signal of a population, of one neuron (dopamine) or of one for each postsynaptic neuron.
A+ and A- are shared, or numbers of each synapse, found offline and loaded.

With ``a_E = 0`` and a constant factor this is pair STDP bit for bit, of A+ and A- times that
factor, if the format of E holds every change of a tick exactly. With ``M = 0`` weights are left as
they are, while eligibilities move.
Source: Schmidgall and Hays, "Meta-SpikePropamine", Frontiers in Neuroscience 17:1183321 (2023);
Izhikevich, Cerebral Cortex 17:2443 (2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Ports, cell
from goldenspike.golden.domains import OneOf
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.rules import bounded, stdp, three_factor
from goldenspike.golden.rules.eligibility import EligibilityParams, Part

PERTURBS = "nothing"
TRACE = "every"
FIXED = ("plus", "minus")
"""State that never changes, where `coefficients` are those of each synapse."""


@dataclass(frozen=True, kw_only=True)
class Params(stdp.PairParams, bounded.BoundedParams, EligibilityParams):
    """Parameters of neuromodulated STDP: A+ and A- are in units of the eligibility.

    Parameters
    ----------
    eligibility
        Format of the eligibility.
    eligibility_decay
        Factor per tick that the eligibility keeps, 0 to below 1.
    eligibility_factor
        Format of that factor.
    coefficients
        ``"shared"``: A+ and A- are constants; ``"synapse"``: every synapse keeps its own in the
        format `amplitude`, which start as `plus` and `minus`.
    """

    eligibility: Format
    eligibility_decay: Annotated[float, pole.fading("eligibility_factor")]
    eligibility_factor: Format = pole.FACTOR
    coefficients: Annotated[str, OneOf(("shared", "synapse"))] = "shared"

    @property
    def skips(self) -> bool:
        """Eligibilities fade in every tick."""
        return False

    def scale(self, values: dict[str, Format]) -> Part:
        """Return the factor of a postsynaptic neuron."""
        return self.modulated(values["modulator"])

    def synapse(self, values: dict[str, Format]) -> Part:
        """Return the eligibility of a synapse."""
        plus, minus = self.amplitudes()
        c = constants(self, plus, minus)
        real = c._replace(
            pole=c.pole.ideal(self.eligibility_decay),
            plus=float(self.plus),
            minus=float(self.minus),
        )
        return Part(STEP if self.coefficients == "shared" else STEP_OWN, c, real)

    def update(self, weight: Format, values: dict[str, Format]) -> Part:
        """Return the update of one weight."""
        formats = values["factor"], values["eligibility"]
        how = int(self.rounding), int(self.overflow)
        if self.accumulator is None:
            plain, limited = three_factor.UPDATE, bounded.UPDATE
            c: Any = three_factor.update_constants(weight, *formats, *how)
        else:
            plain, limited = three_factor.ACCUMULATE, bounded.ACCUMULATE
            c = three_factor.accumulate_constants(weight, self.accumulator, *formats, *how)
        if not self.bounded:
            return Part(plain, c, c)
        kept = bounded.Constants(c, *self.bounds(weight))
        return Part(limited, kept, bounded.Constants(c, *self.ideal_bounds))

    def fixed(self, w: np.ndarray) -> dict[str, np.ndarray]:
        """Return the raw coefficients of every synapse that synapses start with."""
        return {
            field: np.full(w.shape, raw, np.int64)
            for field, raw in zip(FIXED, self.amplitudes(), strict=True)
        }

    def fixed_ideal(self, w: np.ndarray) -> dict[str, np.ndarray]:
        """Return the same as real numbers."""
        return {"plus": np.full(w.shape, self.plus), "minus": np.full(w.shape, self.minus)}


class Constants(NamedTuple):
    trace: Format
    amplitude: Format
    pole: pole.Constants
    plus: Any
    minus: Any


class State(NamedTuple):
    e: Any


class OwnState(NamedTuple):
    e: Any
    plus: Any
    minus: Any


class Inputs(NamedTuple):
    pre_spike: Any
    pre_trace: Any
    post_spike: Any
    post_trace: Any


class Outputs(NamedTuple):
    eligibility: Any


def constants(params: Params, plus: int, minus: int) -> Constants:
    """Return the integers for A+ and A- of these raw integers."""
    product = params.amplitude.times(params.trace)
    most = max(-product.low, product.high)
    change = Format.holding(-2 * most, 2 * most, product.frac)
    filtered = pole.constants(
        params.eligibility_decay, params.eligibility, change, params.eligibility_factor
    )
    return Constants(params.trace, params.amplitude, filtered, plus, minus)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One synapse, one tick."""
    change = stdp.paired(x, c.plus, c.minus)
    after, _ = pole.step(c.pole, pole.State(s.e), pole.Inputs(change))
    return State(after.y), Outputs(after.y)


@cell
def step_own(c: Any, s: Any, x: Any) -> Any:
    """One synapse of its own A+ and A-, one tick."""
    change = stdp.paired(x, s.plus, s.minus)
    after, _ = pole.step(c.pole, pole.State(s.e), pole.Inputs(change))
    return OwnState(after.y, s.plus, s.minus), Outputs(after.y)


def ports(c: Constants, state: Any) -> Ports:
    """Return the formats of the ports of a cell with this state."""
    return Ports(state, Inputs(BIT, c.trace, BIT, c.trace), Outputs(c.pole.y))


STEP = Cell("rules.neuromodulated_stdp.step", step, lambda c: ports(c, State(c.pole.y)))
STEP_OWN = Cell(
    "rules.neuromodulated_stdp.step_own",
    step_own,
    lambda c: ports(c, OwnState(c.pole.y, c.amplitude, c.amplitude)),
)
