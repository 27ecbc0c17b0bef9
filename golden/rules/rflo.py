"""RFLO: random feedback local online learning of recurrent rate units.

    psi_i = phi'(u_i) = 1 - phi(u_i)**2, or phi(u_i) * (1 - phi(u_i))       every tick and neuron
    factor_i = requantize(-eta * L_i)                                       every tick and neuron
    p_ij' = requantize((1 - 1/tau) * p_ij + 1/tau * psi_i * h_j)            every tick and synapse
    w' = requantize(w + factor_i * p_ij')                   every tick, or summed over the trial

phi(u_i) is what the rate unit gives beside its signal, tanh or the logistic function of its
current, h_j the signal that arrives, which for recurrent weights is that of the tick before, and
the modulator L_i the sum of the errors, output minus target, times the feedback weights. phi is
rounded to :data:`GUARD` bits below those of psi first, if it has more.
Source: Murray, eLife 8:e43299 (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.domains import Between, OneOf
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.rules import descent, local_gradient
from goldenspike.golden.rules.eligibility import Part
from goldenspike.golden.rules.learning import LearningParams

PERTURBS = "nothing"
TRACE = "every"
GUARD = 3
"""Bits that phi keeps below those of its derivative."""


@dataclass(frozen=True, kw_only=True)
class Params(LearningParams):
    """Parameters of RFLO.

    Parameters
    ----------
    eligibility
        Format of the eligibility p.
    tau
        Time constant of the postsynaptic neurons in ticks, 1 or more.
    psi
        Format of the derivative of phi.
    function
        What the postsynaptic neurons' phi is: ``"tanh"`` or ``"sigmoid"``.
    tau_factor
        Format of 1/tau and of what is 1 less that.
    """

    eligibility: Format
    tau: Annotated[float, Between(1, held="tau_factor", inverse=True)]
    psi: Format
    function: Annotated[str, OneOf(("tanh", "sigmoid"))] = "tanh"
    tau_factor: Format = pole.FACTOR

    @property
    def skips(self) -> bool:
        """Eligibilities fade in every tick."""
        return False

    def pre(self, signal: Format) -> Part:
        """Return the trace of a presynaptic neuron, which is its signal."""
        c = SignalConstants(signal)
        return Part(PASS, c, c)

    def post(self, outputs: dict[str, Format]) -> Part:
        """Return the derivative of a postsynaptic neuron's phi."""
        c = slope_constants(outputs["phi"], self.psi, sigmoid=self.function == "sigmoid")
        return Part(SLOPE, c, c._replace(one=1.0))

    def scale(self, values: dict[str, Format]) -> Part:
        """Return the factor of a postsynaptic neuron."""
        return descent.descent(self, values["modulator"])

    def synapse(self, values: dict[str, Format]) -> Part:
        """Return the eligibility of a synapse."""
        formats = values["trace"], values["psi"], self.eligibility
        rate = 1.0 / self.tau
        return local_gradient.gradient(*formats, 1.0 - rate, self.tau_factor)

    def update(self, weight: Format, values: dict[str, Format]) -> Part:
        """Return the update of one weight."""
        return self.learned(weight, values)


class SignalConstants(NamedTuple):
    signal: Format


class SignalInputs(NamedTuple):
    signal: Any


class SignalOutputs(NamedTuple):
    trace: Any


class SlopeConstants(NamedTuple):
    phi: Format
    narrow: Format
    psi: Format
    frac: int
    one: Any
    sigmoid: bool


class SlopeInputs(NamedTuple):
    phi: Any


class SlopeOutputs(NamedTuple):
    psi: Any


def slope_constants(phi: Format, psi: Format, *, sigmoid: bool) -> SlopeConstants:
    """Return the integers of the derivative of phi."""
    lost = max(phi.frac - max(psi.frac + GUARD, 0), 0)
    narrow = Format.holding(phi.low >> lost, (phi.high >> lost) + 1, phi.frac - lost)
    narrow = narrow if lost else phi
    one = 1 << (narrow.frac if sigmoid else 2 * narrow.frac)
    return SlopeConstants(phi, narrow, psi, 2 * narrow.frac, one, sigmoid)


@cell
def forward(c: Any, s: Any, x: Any) -> Any:
    """One presynaptic neuron, one tick."""
    return s, SignalOutputs(x.signal)


@cell
def slope(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick."""
    rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
    y = requantize(x.phi, c.phi.frac, c.narrow, rounding, overflow, 0)
    exact = y * (c.one - y) if c.sigmoid else c.one - y * y
    return s, SlopeOutputs(requantize(exact, c.frac, c.psi, rounding, overflow, 0))


PASS = Cell(
    "rules.rflo.forward",
    forward,
    lambda c: Ports(Nothing(), SignalInputs(c.signal), SignalOutputs(c.signal)),
)
SLOPE = Cell(
    "rules.rflo.slope",
    slope,
    lambda c: Ports(Nothing(), SlopeInputs(c.phi), SlopeOutputs(c.psi)),
)
