"""Conductance perturbation: a synapse of random spikes jiggles each neuron's conductance.

    conductance  g_i = sum_j W_ij s_j + w0 x_i      x_i: an empiric synapse, see noise.empiric
    e' = requantize(e + (x_i - mean) * s_j)          through the trial, without decay
    dW = eta * reward * e

`s` is the presynaptic signal as the projection's synapse delivers it. The trace is that of node
perturbation; only the noise and the neuron are others. This is the episodic rule.
Source: Fiete and Seung, PRL 97:048104 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from goldenspike.golden.domains import Between, Formats, Positive
from goldenspike.golden.fixed import Format
from goldenspike.golden.noise import empiric
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules.three_factor import RuleParams, SummedParams

PERTURBS = "neuron"
TRACE = "delivery"


@dataclass(frozen=True, kw_only=True)
class EmpiricParams(RuleParams):
    """What the rules are told that perturb by an empiric synapse.

    Parameters
    ----------
    weight
        Weight of the empiric synapse, above 0, in conductance units.
    probability
        Of a spike of the empiric synapse in a tick, above 0, to 1.
    decay
        Factor per tick that the empiric synapse keeps.
    trace
        Format of the empiric synapse.
    """

    weight: Positive
    probability: Annotated[float, Between(0, 1, above=True, below=True)]
    decay: Annotated[float, Between(0, 1, below=True)]
    trace: Annotated[Format, Formats(signed=False)]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.noise.constants(self.distribution)

    @property
    def noise(self) -> empiric.Params:
        """The empiric synapse."""
        return empiric.Params(self.probability, self.decay, self.trace)

    @property
    def distribution(self) -> Distribution:
        """The noise makes its own of random bits."""
        return Distribution.GAUSSIAN

    @property
    def amplitude(self) -> float:
        """The real factor of a variate."""
        return self.weight

    def rate(self, amplitude: float) -> float:
        """Return what reward times eligibility is multiplied by."""
        return self.eta


@dataclass(frozen=True, kw_only=True)
class Params(EmpiricParams, SummedParams):
    """Parameters of episodic conductance perturbation."""
