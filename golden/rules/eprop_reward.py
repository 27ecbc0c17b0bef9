"""E-prop with rewards: hidden neurons of an actor and a critic learn by a prediction error.

    zbar_j' = requantize(decay * zbar_j + gain * z_j)       every tick and presynaptic neuron
    factor_i = requantize(-eta * delta)                     every tick and postsynaptic neuron
    e = requantize(psi_i * zbar_j')                         every tick and synapse
    ebar' = requantize(k * ebar + (1 - k) * e)              or e itself, without a filter
    g' = requantize(discount * g + L_i * ebar')
    w' = requantize(w + factor_i * g)                       every tick, or summed over the trial

The modulator delta is the error of prediction, the same for all neurons, positive where more came
than was expected: ``reward + gamma V - before``. L_i is the signal of `learning_signal`,

    L_i = -c B_i + sum_k B_ik (pi_k - a_k)

B_i and B_ik being the feedback of the critic V and of the actor, whose policy is pi and whose
action a_k is 1 or 0, and c the weight of the critic's error: a constant source of -c and a
population of ``pi - a``, 0 when nothing is decided, project to it. So weights ascend the reward: an
action that came out better than expected gets likelier, and what was expected rises. delta is known
a tick late, so it meets the g of the tick before, see :mod:`goldenspike.golden.rules.credit`.

With `rho`, `beta` and `adaptation`, for neurons whose threshold adapts, e is that of
``eprop_adaptive``. All else is as in ``eprop``.
Source: Bellec et al., Nature Communications 11:3625 (2020), equation 5 and methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from goldenspike.golden import pole
from goldenspike.golden.domains import Between, Formats
from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import credit, eprop, local_gradient
from goldenspike.golden.rules.credit import CreditParams

if TYPE_CHECKING:
    from goldenspike.golden.rules.eligibility import Part

PERTURBS = "nothing"
TRACE = "every"
MODULATORS = credit.MODULATORS
ADAPTING = ("rho", "beta", "adaptation")
"""What is given all together or not at all."""


@dataclass(frozen=True, kw_only=True)
class Params(CreditParams, eprop.Params):
    """Parameters of e-prop with rewards: `eligibility` is needed, filtered or not.

    Parameters
    ----------
    rho
        Factor per tick that the postsynaptic neurons' adaptation keeps, 0 to below 1; left out,
        as the two that follow, for neurons whose threshold does not adapt.
    beta
        What that adaptation raises the threshold by, 0 or more.
    adaptation
        Format of eps and of what it leaves of a trace, signed.
    rho_factor, beta_factor
        Formats of `rho` and `beta`.
    """

    rho: Annotated[float | None, pole.fading("rho_factor")] = None
    beta: Annotated[float | None, Between(0, held="beta_factor")] = None
    adaptation: Annotated[Format | None, Formats(signed=True)] = None
    rho_factor: Format = Format(False, 17, 16)
    beta_factor: Format = Format(False, 18, 16)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ADAPTING if getattr(self, name) is not None]
        if given and len(given) < len(ADAPTING):
            missing = next(name for name in ADAPTING if name not in given)
            raise ValueError(f"Adaptation must have all of {', '.join(ADAPTING)}, not no {missing}")

    @property
    def local(self) -> bool:
        """Synapses make eligibilities of their own."""
        return True

    @property
    def kind(self) -> str:
        """What is said of eligibilities, in words."""
        return "e-prop with rewards"

    def adapting(self) -> local_gradient.Adaptation | None:
        """Return what is said of the threshold's adaptation, if it adapts."""
        if self.rho is None or self.beta is None or self.adaptation is None:
            return None
        given = self.rho, self.beta, self.adaptation, self.rho_factor, self.beta_factor
        return local_gradient.Adaptation(*given)

    def scale(self, values: dict[str, Format]) -> Part:
        """Return what a postsynaptic neuron makes of its third factors."""
        return self.taught(self.eta, values, self.factor)

    def synapse(self, values: dict[str, Format]) -> Part:
        """Return the credit of a synapse."""
        assert self.eligibility is not None
        formats = values["trace"], values["psi"], self.eligibility
        filtered = self.filter_decay, self.filter_factor
        return self.credited(local_gradient.gradient(*formats, *filtered, self.adapting()), values)
