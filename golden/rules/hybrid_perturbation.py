"""Hybrid perturbation: jiggle the weights, credit the inputs by what that did to the neurons.

    delivered weight  w + psi           psi = amplitude * variate, fixed through the trial
    score_i(t) = sum_k variate_ik * x_k(t)          over all perturbed synapses of the neuron
    e' = requantize(e + score_i(t) * x_j(t))
    dW = eta * reward * amplitude * e / sigma**2

The trace is that of node perturbation; only the noise comes from the weights.
Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass

from goldenspike.golden.rules.three_factor import PerturbationParams, SummedParams

PERTURBS = "weight"
TRACE = "output"


@dataclass(frozen=True, kw_only=True)
class Params(PerturbationParams, SummedParams):
    """Parameters of hybrid perturbation: `sigma` is in weight units."""
