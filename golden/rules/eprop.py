"""E-prop for LIF neurons: the gradient's part that a synapse knows, and a learning signal.

    zbar_j' = requantize(decay * zbar_j + gain * z_j)       every tick and presynaptic neuron
    factor_i = requantize(-eta * L_i * psi_i)               every tick and postsynaptic neuron
    w' = requantize(w + factor_i * zbar_j')                 every tick, or summed over the trial

psi_i is the pseudo-derivative of the neuron's spike, and the modulator L_i its learning signal, the
sum of the errors, output minus target, times the feedback weights: learning descends them. Traces
are those of neurons, so a synapse keeps nothing but its weight. With the filter of a leaky readout,
or with firing-rate regularisation, it is

    factor_i = requantize(-eta * L_i)                       every tick and postsynaptic neuron
    e = requantize(psi_i * zbar_j')                         every tick and synapse
    ebar' = requantize(k * ebar + (1 - k) * e)              or e itself, without a filter
    w' = requantize(w + factor_i * ebar')                   every tick, or summed over the trial

and regularisation adds ``pull_i * total`` at the end of a trial, total the sum of e over it.
Source: Bellec et al., Nature Communications 11:3625 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import positive
from goldenspike.golden.rules import descent, local_gradient, trace
from goldenspike.golden.rules.eligibility import Part
from goldenspike.golden.rules.learning import LearningParams
from goldenspike.golden.rules.trace import TraceParams

PERTURBS = "nothing"
TRACE = "every"


@dataclass(frozen=True, kw_only=True)
class Params(TraceParams, LearningParams):
    """Parameters of e-prop.

    Parameters
    ----------
    psi
        Format of the pseudo-derivative.
    height
        Of the pseudo-derivative at the threshold.
    width
        Distance from the threshold at which it is 0.
    filter_decay
        Factor per tick k of the readout that the error comes from, 0 to below 1; with 0,
        eligibilities are not filtered.
    filter_factor
        Format of k and 1 - k.
    eligibility
        Format of e and ebar, signed; needed for a filter or `total`.
    total
        Format of the sum of e over the trials between two updates: with it, firing rates are
        regularised. Only for a rule that learns every trial.
    """

    psi: Format
    height: float
    width: float
    filter_decay: float = 0.0
    filter_factor: Format = pole.FACTOR
    eligibility: Format | None = None
    total: Format | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("Height", self.height)
        positive("Width", self.width)
        pole.held_decay(self.filter_decay, self.filter_factor)
        if (self.eligibility is not None) != self.local:
            needed = "given" if self.local else "left out"
            raise ValueError(f"Eligibility must be {needed} for {self.kind}")
        if self.total is not None and self.learns == "tick":
            raise ValueError(
                f"Total must be left out for a rule that learns every tick, not {self.total}"
            )

    @property
    def local(self) -> bool:
        """Whether synapses make eligibilities of their own."""
        return self.filter_decay > 0 or self.total is not None

    @property
    def kind(self) -> str:
        """What is said of eligibilities, in words."""
        filtered = "with" if self.filter_decay > 0 else "without"
        total = "with" if self.total is not None else "without"
        return f"e-prop {filtered} a filter and {total} a total"

    @property
    def skips(self) -> bool:
        """A row without a trace changes nothing, if there is no other and weights do not decay."""
        return self.learns == "tick" and not self.weight_decay and not self.local

    def pre(self, signal: Format) -> Part:
        """Return the trace of a presynaptic neuron."""
        return self.filtered(trace.TRACED if self.local else trace.ELIGIBLE, signal)

    def post(self, outputs: dict[str, Format]) -> Part:
        """Return the pseudo-derivative of a postsynaptic neuron."""
        excess, _ = outputs["excess"], outputs["blocked"]
        c = PsiConstants(
            excess,
            self.psi,
            excess.frac + 16,
            16,
            round(self.height * 2.0 ** (excess.frac + 16)),
            round(self.height / self.width * 2**16),
        )
        real = c._replace(height=float(self.height), slope=self.height / self.width)
        return Part(PSI, c, real)

    def scale(self, values: dict[str, Format]) -> Part:
        """Return the factor of a postsynaptic neuron."""
        if self.local:
            return descent.descent(self, values["modulator"])
        return descent.sloped(self, values["modulator"], values["psi"])

    def synapse(self, values: dict[str, Format]) -> Part | None:
        """Return the eligibility of a synapse, if it has one of its own."""
        if self.eligibility is None:
            return None
        formats = values["trace"], values["psi"], self.eligibility
        return local_gradient.gradient(*formats, self.filter_decay, self.filter_factor)

    def update(self, weight: Format, values: dict[str, Format]) -> Part:
        """Return the update of one weight."""
        if self.total is not None:
            return self.pulled(weight, values, self.total)
        return self.learned(weight, values)


class PsiConstants(NamedTuple):
    excess: Format
    psi: Format
    frac: int
    slope_frac: int
    height: Any
    slope: Any


class PsiInputs(NamedTuple):
    excess: Any
    blocked: Any


class PsiOutputs(NamedTuple):
    psi: Any


@cell
def psi(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick."""
    size = select(x.excess < 0, -x.excess, x.excess)
    above = c.height - size * c.slope
    y = select((above > 0) & (x.blocked == 0), above, 0 * c.height)
    return s, PsiOutputs(requantize(y, c.frac, c.psi, Rounding.HALF_EVEN, Overflow.SATURATE, 0))


PSI = Cell(
    "rules.eprop.psi",
    psi,
    lambda c: Ports(Nothing(), PsiInputs(c.excess, BIT), PsiOutputs(c.psi)),
)
