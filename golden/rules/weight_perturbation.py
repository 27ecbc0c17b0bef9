"""Weight perturbation: jiggle every weight for a trial, keep what was rewarded.

    delivered weight  w + psi          psi = amplitude * variate, fixed through the trial
    dW = eta * reward * psi / sigma**2

The perturbation is regenerated from (seed, projection, trial, synapse) wherever it is needed and
never stored, so the eligibility of the update is the variate itself.
Source: Zuge, Klos, Memmesheimer, PRX 13:021006 (2023); Werfel, Xie, Seung, Neural
Computation 17:2699 (2005).
"""

from __future__ import annotations

from dataclasses import dataclass

from goldenspike.golden.rules.three_factor import PerturbationParams

PERTURBS = "weight"
TRACE = "none"


@dataclass(frozen=True, kw_only=True)
class Params(PerturbationParams):
    """Parameters of weight perturbation: `sigma` is in weight units."""
