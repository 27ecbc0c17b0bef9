"""Credits: eligibilities that wait for an error of prediction, which comes when it comes.

    factor_i   = requantize(-eta * modulator_i)             every tick and postsynaptic neuron
    teaching_i = learning_signal_i
    g'         = requantize(discount * g + teaching_i * x)  every tick and synapse, x below

What learns is factor times g, that of the tick before: an error of prediction that is known in a
tick, ``reward + gamma V - before``, is that of the tick before, see
:mod:`goldenspike.golden.modulators.td_error`, and what it teaches are the credits of that tick. x
is the presynaptic trace zbar, or the eligibility ebar' or e of
:mod:`goldenspike.golden.rules.local_gradient`, of a neuron whose threshold adapts or not. The
product is exact before the sum is rounded.

Source: Bellec et al., Nature Communications 11:3625 (2020), equation 5 and its methods on
reward-based e-prop, ``F_gamma(L ebar)``; Sutton, Barto, Reinforcement Learning (2nd ed. 2018),
section 13.6, on eligibility traces of actor and critic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.domains import Formats, Other
from goldenspike.golden.fixed import Format
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.rules import descent, local_gradient, three_factor
from goldenspike.golden.rules.eligibility import Part

MODULATORS = ("modulator", "learning_signal")
"""The third factors of rules with credits."""


@dataclass(frozen=True, kw_only=True)
class CreditParams(Parameters):
    """What rules with credits are told.

    Parameters
    ----------
    learning_signal
        Population whose signal makes eligibilities credits: of one neuron, or of one for each
        postsynaptic neuron. The modulator is the error of prediction, positive where more came
        than was expected.
    credit
        Format of the credit g, signed.
    discount
        Factor per tick that g keeps, 0 to below 1: the gamma of the error of prediction, or, for
        the lambda of TD(lambda), gamma times lambda.
    discount_factor
        Format of `discount`.
    """

    learning_signal: Other
    credit: Annotated[Format, Formats(signed=True)]
    discount: Annotated[float, pole.fading("discount_factor")]
    discount_factor: Format = pole.FACTOR

    def taught(self, eta: float, values: dict[str, Format], factor: Format) -> Part:
        """Return what a postsynaptic neuron makes of its third factors."""
        c = descent.rate_constants(eta, values["modulator"], factor)
        both = TeachConstants(c, values["learning_signal"])
        return Part(TEACH, both, both._replace(factor=c._replace(rate=float(eta))))

    def credited(self, eligibility: Part | None, values: dict[str, Format]) -> Part:
        """Return the credit of a synapse with such an eligibility, or of a trace alone."""
        taught = values["teaching"]
        x = values["trace"] if eligibility is None else eligibility.outputs["eligibility"]
        kept = pole.constants(self.discount, self.credit, taught.times(x), self.discount_factor)
        real = kept.ideal(self.discount)
        if eligibility is None:
            return Part(TRACE, TraceConstants(x, taught, kept), TraceConstants(x, taught, real))
        return Part(
            OF_GRADIENTS[eligibility.cell.name],
            Constants(eligibility.constants, taught, kept),
            Constants(eligibility.ideal, taught, real),
        )


class TeachConstants(NamedTuple):
    factor: three_factor.FactorConstants
    learning_signal: Format


class TeachInputs(NamedTuple):
    modulator: Any
    learning_signal: Any


class TeachOutputs(NamedTuple):
    factor: Any
    teaching: Any


class TraceConstants(NamedTuple):
    trace: Format
    teaching: Format
    pole: pole.Constants


class Constants(NamedTuple):
    """Of an eligibility with these constants."""

    gradient: Any
    teaching: Format
    pole: pole.Constants


class State(NamedTuple):
    g: Any


class FilteredState(NamedTuple):
    ebar: Any
    g: Any


class AdaptedState(NamedTuple):
    eps: Any
    g: Any


class AdaptedFilteredState(NamedTuple):
    eps: Any
    ebar: Any
    g: Any


class TraceInputs(NamedTuple):
    trace: Any
    teaching: Any


class Inputs(NamedTuple):
    trace: Any
    psi: Any
    teaching: Any


class TraceOutputs(NamedTuple):
    eligibility: Any


@cell
def teach(c: Any, s: Any, x: Any) -> Any:
    """One postsynaptic neuron, one tick."""
    return s, TeachOutputs(descent.scaled(c.factor, x.modulator), x.learning_signal)


@cell
def grown(c: Any, g: Any, teaching: Any, x: Any) -> Any:
    """Return the next credit."""
    after, _ = pole.step(c.pole, pole.State(g), pole.Inputs(teaching * x))
    return after.y


@cell
def trace(c: Any, s: Any, x: Any) -> Any:
    """One synapse of a readout, one tick."""
    return State(grown(c, s.g, x.teaching, x.trace)), TraceOutputs(s.g)


@cell
def instant(c: Any, s: Any, x: Any) -> Any:
    """One synapse, one tick."""
    inputs = local_gradient.Inputs(x.trace, x.psi)
    _, o = local_gradient.instant(c.gradient, Nothing(), inputs)
    return State(grown(c, s.g, x.teaching, o.eligibility)), local_gradient.Outputs(s.g, o.e)


@cell
def follow(c: Any, s: Any, x: Any) -> Any:
    """One synapse of a filtered eligibility, one tick."""
    before = local_gradient.FilteredState(s.ebar)
    after, o = local_gradient.follow(c.gradient, before, local_gradient.Inputs(x.trace, x.psi))
    g = grown(c, s.g, x.teaching, o.eligibility)
    return FilteredState(after.ebar, g), local_gradient.Outputs(s.g, o.e)


@cell
def adapted(c: Any, s: Any, x: Any) -> Any:
    """One synapse of a neuron whose threshold adapts, one tick."""
    before = local_gradient.AdaptedState(s.eps)
    after, o = local_gradient.adapted(c.gradient, before, local_gradient.Inputs(x.trace, x.psi))
    g = grown(c, s.g, x.teaching, o.eligibility)
    return AdaptedState(after.eps, g), local_gradient.Outputs(s.g, o.e)


@cell
def adapted_follow(c: Any, s: Any, x: Any) -> Any:
    """One synapse of a neuron whose threshold adapts, of a filtered eligibility, one tick."""
    before = local_gradient.AdaptedFilteredState(s.eps, s.ebar)
    inputs = local_gradient.Inputs(x.trace, x.psi)
    after, o = local_gradient.adapted_follow(c.gradient, before, inputs)
    g = grown(c, s.g, x.teaching, o.eligibility)
    return AdaptedFilteredState(after.eps, after.ebar, g), local_gradient.Outputs(s.g, o.e)


def teach_ports(c: TeachConstants) -> Ports:
    """Return the formats of the ports of what teaches."""
    inputs = TeachInputs(c.factor.reward, c.learning_signal)
    return Ports(Nothing(), inputs, TeachOutputs(c.factor.factor, c.learning_signal))


def trace_ports(c: TraceConstants) -> Ports:
    """Return the formats of the ports of the credit of a trace."""
    g = c.pole.y
    return Ports(State(g), TraceInputs(c.trace, c.teaching), TraceOutputs(g))


def ports(c: Constants, inner: Cell, state: type) -> Ports:
    """Return the formats of the ports of the credit of an eligibility made by `inner`."""
    within, g = inner.ports(c.gradient), c.pole.y
    trace, psi = within.inputs
    e = within.outputs[1]
    inputs, outputs = Inputs(trace, psi, c.teaching), local_gradient.Outputs(g, e)
    return Ports(state(*within.state, g), inputs, outputs)


TEACH = Cell("rules.credit.teach", teach, teach_ports)
TRACE = Cell("rules.credit.trace", trace, trace_ports)
INSTANT = Cell("rules.credit.instant", instant, lambda c: ports(c, local_gradient.INSTANT, State))
FILTERED = Cell(
    "rules.credit.follow", follow, lambda c: ports(c, local_gradient.FILTERED, FilteredState)
)
ADAPTED = Cell(
    "rules.credit.adapted", adapted, lambda c: ports(c, local_gradient.ADAPTED, AdaptedState)
)
ADAPTED_FILTERED = Cell(
    "rules.credit.adapted_follow",
    adapted_follow,
    lambda c: ports(c, local_gradient.ADAPTED_FILTERED, AdaptedFilteredState),
)
OF_GRADIENTS = {
    local_gradient.INSTANT.name: INSTANT,
    local_gradient.FILTERED.name: FILTERED,
    local_gradient.ADAPTED.name: ADAPTED,
    local_gradient.ADAPTED_FILTERED.name: ADAPTED_FILTERED,
}
"""The credits of eligibilities, by the name of the cell that makes these."""
