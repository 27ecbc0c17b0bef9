"""Delta rule: weights descend a squared error along the lately active inputs.

    zbar_j' = requantize(decay * zbar_j + gain * z_j)       every tick and presynaptic neuron
    factor_i = requantize(-eta * (y_i - y*_i))              every tick and postsynaptic neuron
    w' = requantize(w + factor_i * zbar_j')                 every tick, or summed over the trial

The modulator is the error, output minus target, so learning descends it. With decay 0 and gain 1
this is Widrow and Hoff's rule; with the readout's decay it is how e-prop and RFLO learn their
output weights, and of an output of sigmoid or softmax it descends the cross-entropy.
Source: Widrow and Hoff, IRE WESCON Convention Record 4:96 (1960); Bellec et al., Nature
Communications 11:3625 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldenspike.golden.rules import descent, trace
from goldenspike.golden.rules.learning import LearningParams
from goldenspike.golden.rules.trace import TraceParams

if TYPE_CHECKING:
    from goldenspike.golden.fixed import Format
    from goldenspike.golden.rules.eligibility import Part

PERTURBS = "nothing"
TRACE = "every"


@dataclass(frozen=True, kw_only=True)
class Params(TraceParams, LearningParams):
    """Parameters of the delta rule."""

    @property
    def skips(self) -> bool:
        """A row without a trace changes nothing, if weights learn every tick and do not decay."""
        return self.learns == "tick" and not self.weight_decay

    def pre(self, signal: Format) -> Part:
        """Return the trace of a presynaptic neuron, the eligibility of its synapses."""
        return self.filtered(trace.ELIGIBLE, signal)

    def post(self, outputs: dict[str, Format]) -> None:
        """A postsynaptic neuron has no trace."""

    def scale(self, values: dict[str, Format]) -> Part:
        """Return the factor of a postsynaptic neuron."""
        return descent.descent(self, values["modulator"])

    def synapse(self, values: dict[str, Format]) -> None:
        """A synapse has no trace."""

    def update(self, weight: Format, values: dict[str, Format]) -> Part:
        """Return the update of one weight."""
        return self.learned(weight, values)
