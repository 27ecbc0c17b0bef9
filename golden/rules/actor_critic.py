"""Actor and critic: the readouts of policy and value learn by an error of prediction.

    zbar_j' = requantize(decay * zbar_j + gain * z_j)       every tick and presynaptic neuron
    factor_k = requantize(-eta * delta)                     every tick and postsynaptic neuron
    g' = requantize(discount * g + L_k * zbar_j')           every tick and synapse
    w' = requantize(w + factor_k * g)                       every tick, or summed over the trial

The modulator delta is the error of prediction, ``reward + gamma V - before``, and L_k the signal of
`learning_signal`: of an actor, policy minus action, ``pi_k - a_k``, or 0 when nothing is decided;
of a critic, -1, or minus the weight of its error. So the critic learns by TD(lambda) of linear
values, and the actor ascends the reward. delta is known a tick late, so it meets the g of the tick
before, as is said in :mod:`goldenspike.golden.rules.credit`. With the readout's decay in the trace
this is what e-prop with rewards teaches its readouts.
Source: Bellec et al., Nature Communications 11:3625 (2020), methods; Sutton, Barto, Reinforcement
Learning (2nd ed. 2018), sections 12.2 and 13.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldenspike.golden.rules import credit, trace
from goldenspike.golden.rules.credit import CreditParams
from goldenspike.golden.rules.learning import LearningParams
from goldenspike.golden.rules.trace import TraceParams

if TYPE_CHECKING:
    from goldenspike.golden.fixed import Format
    from goldenspike.golden.rules.eligibility import Part

PERTURBS = "nothing"
TRACE = "every"
MODULATORS = credit.MODULATORS


@dataclass(frozen=True, kw_only=True)
class Params(CreditParams, TraceParams, LearningParams):
    """Parameters of actor and critic."""

    @property
    def skips(self) -> bool:
        """Credits fade in every tick."""
        return False

    def pre(self, signal: Format) -> Part:
        """Return the trace of a presynaptic neuron."""
        return self.filtered(trace.TRACED, signal)

    def post(self, outputs: dict[str, Format]) -> None:
        """A postsynaptic neuron has no trace."""

    def scale(self, values: dict[str, Format]) -> Part:
        """Return what a postsynaptic neuron makes of its third factors."""
        return self.taught(self.eta, values, self.factor)

    def synapse(self, values: dict[str, Format]) -> Part:
        """Return the credit of a synapse."""
        return self.credited(None, values)

    def update(self, weight: Format, values: dict[str, Format]) -> Part:
        """Return the update of one weight."""
        return self.learned(weight, values)
