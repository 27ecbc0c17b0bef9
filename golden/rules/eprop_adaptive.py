"""E-prop for LIF neurons whose threshold adapts: what a spike did to it lasts as long.

    zbar_j' = requantize(decay * zbar_j + gain * z_j)       every tick and presynaptic neuron
    factor_i = requantize(-eta * L_i)                       every tick and postsynaptic neuron
    e = psi_i * (zbar_j' - beta * eps)                      every tick and synapse
    eps' = rho * eps + e = psi_i * zbar_j' + (rho - psi_i * beta) * eps
    ebar' = k * ebar + (1 - k) * e                          or e itself, without a filter
    w' = requantize(w + factor_i * ebar')                   every tick, or summed over the trial

e is made of eps before its update. How each is rounded is said in
:mod:`goldenspike.golden.rules.local_gradient`. All else is as in ``eprop``; with beta 0, so is e.
Source: Bellec et al., Nature Communications 11:3625 (2020), equations 24 and 25; NEST's
``eprop_iaf_adapt`` goes in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from goldenspike.golden import pole
from goldenspike.golden.domains import Between, Formats
from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import eprop, local_gradient
from goldenspike.golden.rules.eligibility import Part

PERTURBS = "nothing"
TRACE = "every"


@dataclass(frozen=True, kw_only=True)
class Params(eprop.Params):
    """Parameters of e-prop for adaptive LIF: `eligibility` is needed, filtered or not.

    Parameters
    ----------
    rho
        Factor per tick that the postsynaptic neurons' adaptation keeps, 0 to below 1.
    beta
        What that adaptation raises the threshold by, 0 or more.
    adaptation
        Format of eps and of what it leaves of a trace, signed; the paper's tasks need 9 bits
        before the point.
    rho_factor, beta_factor
        Formats of `rho` and `beta`.
    """

    rho: Annotated[float, pole.fading("rho_factor")]
    beta: Annotated[float, Between(0, held="beta_factor")]
    adaptation: Annotated[Format, Formats(signed=True)]
    rho_factor: Format = Format(False, 17, 16)
    beta_factor: Format = Format(False, 18, 16)

    @property
    def local(self) -> bool:
        """Synapses make eligibilities of their own."""
        return True

    @property
    def kind(self) -> str:
        """What is said of eligibilities, in words."""
        return "neurons whose threshold adapts"

    def adapting(self) -> local_gradient.Adaptation:
        """Return what is said of the threshold's adaptation."""
        given = self.rho, self.beta, self.adaptation, self.rho_factor, self.beta_factor
        return local_gradient.Adaptation(*given)

    def synapse(self, values: dict[str, Format]) -> Part:
        """Return the eligibility of a synapse."""
        assert self.eligibility is not None
        return local_gradient.gradient(
            *(values["trace"], values["psi"], self.eligibility),
            self.filter_decay,
            self.filter_factor,
            self.adapting(),
        )
