"""Eligibilities of synapses: how far a weight has moved its neuron's spikes or rate.

    e = requantize(psi_i * zbar_j)                              every tick and synapse
    ebar' = requantize(k * ebar + (1 - k) * e)                  filtered as the readout does, or
    p' = requantize((1 - 1/tau) * p + 1/tau * e)                as a rate unit itself: k = 1 - 1/tau

or, for neurons whose threshold adapts, with the adaptation's own eligibility eps,

    reach = requantize(zbar_j - beta * eps)                     in the format of eps
    e = requantize(psi_i * reach)
    eps' = requantize(rho * eps + e)

which is ``eps' = psi zbar + (rho - psi beta) eps``: e is made of eps before its update. Both kinds
of e are rounded to the eligibility's format, which moves ebar by (1 - k) / 2 of an LSB. What
synapses give is the eligibility that learns, ebar' or e, and e.

Sources: Bellec et al., Nature Communications 11:3625 (2020), equations 22 to 25 and 28; Murray,
eLife 8:e43299 (2019).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.rules.eligibility import Part


class InstantConstants(NamedTuple):
    trace: Format
    psi: Format
    eligibility: Format
    frac: int


class FilteredConstants(NamedTuple):
    instant: InstantConstants
    pole: pole.Constants


class AdaptedConstants(NamedTuple):
    trace: Format
    psi: Format
    reach_frac: int
    trace_shift: int
    beta_shift: int
    beta: Any
    instant: InstantConstants
    adaptation: pole.Constants


class AdaptedFilteredConstants(NamedTuple):
    adapted: AdaptedConstants
    pole: pole.Constants


class FilteredState(NamedTuple):
    ebar: Any


class AdaptedState(NamedTuple):
    eps: Any


class AdaptedFilteredState(NamedTuple):
    eps: Any
    ebar: Any


class Inputs(NamedTuple):
    trace: Any
    psi: Any


class Outputs(NamedTuple):
    eligibility: Any
    e: Any


def instant_constants(trace: Format, psi: Format, eligibility: Format) -> InstantConstants:
    """Return the constants of a product."""
    return InstantConstants(trace, psi, eligibility, trace.frac + psi.frac)


def filter_constants(decay: float, eligibility: Format, factor: Format) -> pole.Constants:
    """Return the integers of the filter of products."""
    return pole.constants(decay, eligibility, eligibility, factor, 1.0 - decay)


class Adaptation(NamedTuple):
    """Of neurons whose threshold adapts.

    Parameters
    ----------
    rho
        Factor per tick that the adaptation keeps.
    beta
        What the adaptation raises the threshold by.
    trace
        Format of eps.
    rho_factor, beta_factor
        Formats of `rho` and `beta`.
    """

    rho: float
    beta: float
    trace: Format
    rho_factor: Format
    beta_factor: Format


def adapted_constants(
    a: Adaptation, trace: Format, psi: Format, eligibility: Format
) -> AdaptedConstants:
    """Return the integers of the eligibility of a neuron whose threshold adapts."""
    beta, beta_frac = a.beta_factor.factor(a.beta, "Beta")
    product = beta_frac + a.trace.frac
    frac = max(trace.frac, product)
    return AdaptedConstants(
        trace,
        psi,
        frac,
        frac - trace.frac,
        frac - product,
        beta,
        instant_constants(a.trace, psi, eligibility),
        pole.constants(a.rho, a.trace, eligibility, a.rho_factor),
    )


def gradient(
    trace: Format,
    psi: Format,
    eligibility: Format,
    decay: float,
    factor: Format,
    adaptation: Adaptation | None = None,
) -> Part:
    """Return the eligibility of a synapse, filtered if `decay` is above 0."""
    kept = filter_constants(decay, eligibility, factor)
    real = kept.ideal(decay, 1.0 - decay)
    if adaptation is None:
        c: Any = instant_constants(trace, psi, eligibility)
        if not decay:
            return Part(INSTANT, c, c)
        return Part(FILTERED, FilteredConstants(c, kept), FilteredConstants(c, real))
    c = adapted_constants(adaptation, trace, psi, eligibility)
    ideal = c._replace(beta=float(adaptation.beta), adaptation=c.adaptation.ideal(adaptation.rho))
    if not decay:
        return Part(ADAPTED, c, ideal)
    both = AdaptedFilteredConstants(c, kept)
    return Part(ADAPTED_FILTERED, both, AdaptedFilteredConstants(ideal, real))


@cell
def product(c: Any, trace: Any, psi: Any) -> Any:
    """Return e, of a trace or what an adaptation leaves of it."""
    return requantize(psi * trace, c.frac, c.eligibility, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


@cell
def filtered(c: Any, ebar: Any, e: Any) -> Any:
    """Return the next eligibility, filtered."""
    after, _ = pole.step(c, pole.State(ebar), pole.Inputs(e))
    return after.y


@cell
def reached(c: Any, eps: Any, trace: Any) -> Any:
    """Return what an adaptation leaves of a trace."""
    total = align(trace, c.trace_shift) - align(eps * c.beta, c.beta_shift)
    eps_format = c.adaptation.y
    return requantize(total, c.reach_frac, eps_format, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


@cell
def instant(c: Any, s: Any, x: Any) -> Any:
    """One synapse, one tick."""
    e = product(c, x.trace, x.psi)
    return s, Outputs(e, e)


@cell
def follow(c: Any, s: Any, x: Any) -> Any:
    """One synapse, one tick, filtered."""
    e = product(c.instant, x.trace, x.psi)
    ebar = filtered(c.pole, s.ebar, e)
    return FilteredState(ebar), Outputs(ebar, e)


@cell
def adapted(c: Any, s: Any, x: Any) -> Any:
    """One synapse of a neuron whose threshold adapts, one tick."""
    e = product(c.instant, reached(c, s.eps, x.trace), x.psi)
    return AdaptedState(filtered(c.adaptation, s.eps, e)), Outputs(e, e)


@cell
def adapted_follow(c: Any, s: Any, x: Any) -> Any:
    """One synapse of a neuron whose threshold adapts, one tick, filtered."""
    after, o = adapted(c.adapted, AdaptedState(s.eps), x)
    ebar = filtered(c.pole, s.ebar, o.e)
    return AdaptedFilteredState(after.eps, ebar), Outputs(ebar, o.e)


def instant_ports(c: InstantConstants) -> Ports:
    """Return the formats of the ports of a product."""
    return Ports(Nothing(), Inputs(c.trace, c.psi), Outputs(c.eligibility, c.eligibility))


def follow_ports(c: FilteredConstants) -> Ports:
    """Return the formats of the ports of a filtered product."""
    e = c.pole.y
    return Ports(FilteredState(e), Inputs(c.instant.trace, c.instant.psi), Outputs(e, e))


def adapted_ports(c: AdaptedConstants) -> Ports:
    """Return the formats of the ports of an eligibility with adaptation."""
    e = c.instant.eligibility
    return Ports(AdaptedState(c.adaptation.y), Inputs(c.trace, c.psi), Outputs(e, e))


def adapted_follow_ports(c: AdaptedFilteredConstants) -> Ports:
    """Return the formats of the ports of a filtered eligibility with adaptation."""
    a, e = c.adapted, c.pole.y
    return Ports(AdaptedFilteredState(a.adaptation.y, e), Inputs(a.trace, a.psi), Outputs(e, e))


INSTANT = Cell("rules.local_gradient.instant", instant, instant_ports)
FILTERED = Cell("rules.local_gradient.follow", follow, follow_ports)
ADAPTED = Cell("rules.local_gradient.adapted", adapted, adapted_ports)
ADAPTED_FILTERED = Cell("rules.local_gradient.adapted_follow", adapted_follow, adapted_follow_ports)
