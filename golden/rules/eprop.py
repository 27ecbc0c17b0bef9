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
Pseudo-derivatives and pull: :mod:`goldenspike.golden.rules.surrogate`.
Source: Bellec et al., Nature Communications 11:3625 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from goldenspike.golden import pole
from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import descent, local_gradient, trace
from goldenspike.golden.rules.learning import LearningParams
from goldenspike.golden.rules.surrogate import SurrogateParams
from goldenspike.golden.rules.trace import TraceParams

if TYPE_CHECKING:
    from goldenspike.golden.rules.eligibility import Part

PERTURBS = "nothing"
TRACE = "every"


@dataclass(frozen=True, kw_only=True)
class Params(TraceParams, SurrogateParams, LearningParams):
    """Parameters of e-prop.

    Parameters
    ----------
    filter_decay
        Factor per tick k of the readout that the error comes from, 0 to below 1; with 0,
        eligibilities are not filtered.
    filter_factor
        Format of k and 1 - k.
    eligibility
        Format of e and ebar, signed; needed for a filter or a `total`, which is only for a rule
        that learns after every trial.
    """

    filter_decay: Annotated[float, pole.fading("filter_factor")] = 0.0
    filter_factor: Format = pole.FACTOR
    eligibility: Format | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.eligibility is not None) != self.local:
            needed = "given" if self.local else "left out"
            raise ValueError(f"Eligibility must be {needed} for {self.kind}")
        if self.total is not None and self.learns == "tick":
            raise ValueError(
                f"Total must be left out for a rule that learns every tick, not {self.total}"
            )
        if self.total is not None and self.interval > 1:
            raise ValueError(f"Interval must be 1 for a rule with a total, not {self.interval}")
        if self.total is not None and self.momentum:
            raise ValueError(f"Momentum must be 0 for a rule with a total, not {self.momentum!r}")

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
        """Return the pseudo-derivative of a postsynaptic neuron, and its pull to a rate."""
        return self.surrogate_part(outputs, self.eta)

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
