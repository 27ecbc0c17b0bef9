"""Eligibilities of synapses: hardware."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from amaranth.hdl import Module, Signal, Value

from goldenspike.golden import pole
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.rules import local_gradient
from goldenspike.golden.rules.local_gradient import Adaptation
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize
from goldenspike.hdl.pole import filtered

f = Format.parse
FORMATS = (
    *(("fxp-u16/12", "fxp-u8/8", "fxp-s16/12"), ("fxp-u12/10", "fxp-u6/4", "fxp-s16/16")),
    *(("fxp-u1/0", "fxp-u1/0", "fxp-s1/0"), ("fxp-s4/2", "fxp-s3/3", "fxp-u4/-1")),
    *(("fxp-s2/1", "fxp-u2/-2", "fxp-s6/8"), ("fxp-s16/14", "fxp-u9/8", "fxp-s20/16")),
)
"""Of the trace, psi and the eligibility."""
DECAYS = (0.0, 0.5, 0.9672, 0.95)


def triples() -> Iterable[tuple[Format, Format, Format]]:
    """Return formats of the trace, psi and the eligibility."""
    return [(f(trace), f(psi), f(eligibility)) for trace, psi, eligibility in FORMATS]


def adaptations() -> Iterable[Adaptation]:
    """Return what is said of neurons whose threshold adapts."""
    beta = f("fxp-u18/16")
    for rho, size, eps in (
        *((0.9995, 0.0174, "fxp-s22/12"), (0.75, 1.8, "fxp-s12/8"), (0.5, 1.0, "fxp-s1/0")),
        *((0.0, 0.25, "fxp-s4/6"), (0.5, 0.0, "fxp-s6/-2"), (0.97, 3.0, "fxp-s16/10")),
    ):
        yield Adaptation(rho, size, f(eps), pole.FACTOR, beta)


def instant(m: Module, c: local_gradient.InstantConstants, trace: Value, psi: Value) -> Signal:
    """Return e, of a trace or what an adaptation leaves of it."""
    exact = named(m, multiply(psi, trace), "exact")
    return requantize(m, exact, c.frac, c.eligibility, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


def adapted(
    m: Module, c: local_gradient.AdaptedConstants, eps: Value, trace: Value, psi: Value
) -> tuple[Value, Signal]:
    """Return the next eps, and e."""
    fading = align(multiply(eps, c.beta), c.beta_shift)
    total = named(m, align(trace, c.trace_shift) - fading, "total")
    rounding, overflow = Rounding.HALF_EVEN, Overflow.SATURATE
    reach = requantize(m, total, c.reach_frac, c.adaptation.y, rounding, overflow, 0)
    e = instant(m, c.instant, reach, psi)
    return filtered(m, c.adaptation, eps, e, "adaptation"), e


class InstantGradient(Twin):
    """Twin of :data:`goldenspike.golden.rules.local_gradient.INSTANT`."""

    cell = local_gradient.INSTANT

    @staticmethod
    def cases() -> Iterable[local_gradient.InstantConstants]:
        yield from (local_gradient.instant_constants(*formats) for formats in triples())
        yield local_gradient.instant_constants(f("fxp-u32/30"), f("fxp-u24/20"), f("fxp-s36/30"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        e = instant(m, self.constants, self.trace, self.psi)
        m.d.comb += [self.eligibility.eq(e), self.e.eq(e)]
        return m


class FilteredGradient(Twin):
    """Twin of :data:`goldenspike.golden.rules.local_gradient.FILTERED`."""

    cell = local_gradient.FILTERED

    @staticmethod
    def cases() -> Iterable[local_gradient.FilteredConstants]:
        fine = f("fxp-u32/30"), f("fxp-u24/20"), f("fxp-s36/30")
        for decay, formats in product(DECAYS, (*triples(), fine)):
            yield local_gradient.FilteredConstants(
                local_gradient.instant_constants(*formats),
                local_gradient.filter_constants(decay, formats[2], pole.FACTOR),
            )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        e = instant(m, c.instant, self.trace, self.psi)
        ebar = filtered(m, c.pole, self.ebar, e)
        m.d.comb += [self.ebar_next.eq(ebar), self.eligibility.eq(ebar), self.e.eq(e)]
        return m


class AdaptedGradient(Twin):
    """Twin of :data:`goldenspike.golden.rules.local_gradient.ADAPTED`."""

    cell = local_gradient.ADAPTED

    @staticmethod
    def cases() -> Iterable[local_gradient.AdaptedConstants]:
        for adaptation, formats in product(adaptations(), triples()):
            yield local_gradient.adapted_constants(adaptation, *formats)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        eps, e = adapted(m, self.constants, self.eps, self.trace, self.psi)
        m.d.comb += [self.eps_next.eq(eps), self.eligibility.eq(e), self.e.eq(e)]
        return m


class AdaptedFilteredGradient(Twin):
    """Twin of :data:`goldenspike.golden.rules.local_gradient.ADAPTED_FILTERED`."""

    cell = local_gradient.ADAPTED_FILTERED

    @staticmethod
    def cases() -> Iterable[local_gradient.AdaptedFilteredConstants]:
        for k, (adaptation, formats) in enumerate(product(adaptations(), triples())):
            yield local_gradient.AdaptedFilteredConstants(
                local_gradient.adapted_constants(adaptation, *formats),
                local_gradient.filter_constants(DECAYS[k % 4], formats[2], pole.FACTOR),
            )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        eps, e = adapted(m, c.adapted, self.eps, self.trace, self.psi)
        ebar = filtered(m, c.pole, self.ebar, e)
        m.d.comb += [
            *(self.eps_next.eq(eps), self.ebar_next.eq(ebar)),
            *(self.eligibility.eq(ebar), self.e.eq(e)),
        ]
        return m
