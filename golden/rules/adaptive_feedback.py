"""Adaptive feedback: weights that feed errors back learn as the readout's do, which they become.

    factor_k = requantize(-eta * error_k)                   every tick and presynaptic neuron
    zbar_i' = requantize(decay * zbar_i + gain * z_i)       every tick and postsynaptic neuron
    w' = requantize(w + factor_k * zbar_i' - weight_decay * w)   every tick, or once a trial

For a projection from an error population, output minus target, to a population of learning
signals, whose `activity` z_i is the signal of the hidden neuron that it is for. With the readout's
decays and rate, both weights get the same changes, so their differences fade by `weight_decay`.
Source: Bellec et al., Nature Communications 11:3625 (2020), adaptive e-prop; Kolen and Pollack,
"Backpropagation without weight transport", ICNN 1994.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldenspike.golden.rules import descent, trace
from goldenspike.golden.rules.learning import UnmodulatedParams
from goldenspike.golden.rules.trace import TraceParams

if TYPE_CHECKING:
    from goldenspike.golden.fixed import Format
    from goldenspike.golden.rules.eligibility import Part

PERTURBS = "nothing"
TRACE = "every"


@dataclass(frozen=True, kw_only=True)
class Params(TraceParams, UnmodulatedParams):
    """Parameters of adaptive feedback: the presynaptic neurons are the modulator."""

    @property
    def skips(self) -> bool:
        """A row without an error changes nothing, if weights learn every tick and do not decay."""
        return self.learns == "tick" and not self.weight_decay

    def pre(self, signal: Format) -> Part:
        """Return the factor of a presynaptic neuron, which is an error."""
        return descent.erring(self, signal)

    def post(self, outputs: dict[str, Format]) -> Part:
        """Return the trace of a postsynaptic neuron, the eligibility of its synapses."""
        return self.filtered(trace.ACTIVE, outputs["activity"])

    def scale(self, values: dict[str, Format]) -> None:
        """The factor is that of a presynaptic neuron."""

    def synapse(self, values: dict[str, Format]) -> None:
        """A synapse has no trace."""

    def update(self, weight: Format, values: dict[str, Format]) -> Part:
        """Return the update of one weight."""
        return self.learned(weight, values)
