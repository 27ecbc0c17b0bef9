"""Credits: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Value

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.rules import credit, local_gradient
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import multiply, named
from goldenspike.hdl.pole import filtered
from goldenspike.hdl.rules import descent
from goldenspike.hdl.rules.local_gradient import (
    AdaptedFilteredGradient,
    AdaptedGradient,
    FilteredGradient,
    InstantGradient,
)

f = Format.parse
DISCOUNTS = (0.96875, 0.0, 0.5)
CREDITS = (
    *(("fxp-s16/12", "fxp-s20/12"), ("fxp-s6/2", "fxp-s8/8"), ("fxp-s1/0", "fxp-s1/0")),
    *(("fxp-s4/-1", "fxp-s4/-2"), ("fxp-u3/1", "fxp-s10/6")),
)
"""Of what teaches and of the credit."""


def grown(m: Module, c: Any, g: Value, teaching: Value, x: Value) -> Value:
    """Return the next credit."""
    taught = named(m, multiply(teaching, x), "taught")
    return filtered(m, c.pole, g, taught, "credit")


def constants(x: Format, number: int) -> tuple[Format, pole.Constants]:
    """Return a format of what teaches, and constants of the credit of an `x`."""
    teaching, g = map(f, CREDITS[number % len(CREDITS)])
    discount = DISCOUNTS[number // len(CREDITS) % len(DISCOUNTS)]
    return teaching, pole.constants(discount, g, teaching.times(x))


def cases(cell: Cell, gradients: Iterable[Any]) -> Iterable[credit.Constants]:
    """Return constants of the credits of some eligibilities made by a cell."""
    for number, gradient in enumerate(gradients):
        outputs: Any = cell.ports(gradient).outputs
        yield credit.Constants(gradient, *constants(outputs.eligibility, number))


class Teach(Twin):
    """Twin of :data:`goldenspike.golden.rules.credit.TEACH`."""

    cell = credit.TEACH

    @staticmethod
    def cases() -> Iterable[credit.TeachConstants]:
        for k, c in enumerate(descent.cases()):
            yield credit.TeachConstants(c, BIT if k % 3 else f("fxp-s16/12"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += [
            self.factor.eq(descent.scaled(m, self.constants.factor, self.modulator)),
            self.teaching.eq(self.learning_signal),
        ]
        return m


class TraceCredit(Twin):
    """Twin of :data:`goldenspike.golden.rules.credit.TRACE`."""

    cell = credit.TRACE

    @staticmethod
    def cases() -> Iterable[credit.TraceConstants]:
        traces = ("fxp-u16/12", "fxp-s8/4", "fxp-u1/0", "fxp-s1/0", "fxp-u6/8")
        for number, trace in enumerate(map(f, 3 * traces)):
            yield credit.TraceConstants(trace, *constants(trace, number))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        g = grown(m, self.constants, self.g, self.teaching, self.trace)
        m.d.comb += [self.g_next.eq(g), self.eligibility.eq(self.g)]
        return m


class GradientCredit(Twin):
    """What the twins of credits of eligibilities share: the one of the eligibility within."""

    within: type[Twin]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.gradient = one = self.within(self.constants.gradient)
        ports = one.cell.ports(self.constants.gradient)
        m.d.comb += [one.trace.eq(self.trace), one.psi.eq(self.psi), self.e.eq(one.e)]
        for field in getattr(ports.state, "_fields", ()):
            m.d.comb += [
                getattr(one, field).eq(getattr(self, field)),
                getattr(self, f"{field}_next").eq(getattr(one, f"{field}_next")),
            ]
        g = grown(m, self.constants, self.g, self.teaching, one.eligibility)
        m.d.comb += [self.g_next.eq(g), self.eligibility.eq(self.g)]
        return m


class InstantCredit(GradientCredit):
    """Twin of :data:`goldenspike.golden.rules.credit.INSTANT`."""

    cell, within = credit.INSTANT, InstantGradient

    @staticmethod
    def cases() -> Iterable[credit.Constants]:
        return cases(local_gradient.INSTANT, InstantGradient.cases())


class FilteredCredit(GradientCredit):
    """Twin of :data:`goldenspike.golden.rules.credit.FILTERED`."""

    cell, within = credit.FILTERED, FilteredGradient

    @staticmethod
    def cases() -> Iterable[credit.Constants]:
        return cases(local_gradient.FILTERED, FilteredGradient.cases())


class AdaptedCredit(GradientCredit):
    """Twin of :data:`goldenspike.golden.rules.credit.ADAPTED`."""

    cell, within = credit.ADAPTED, AdaptedGradient

    @staticmethod
    def cases() -> Iterable[credit.Constants]:
        return cases(local_gradient.ADAPTED, AdaptedGradient.cases())


class AdaptedFilteredCredit(GradientCredit):
    """Twin of :data:`goldenspike.golden.rules.credit.ADAPTED_FILTERED`."""

    cell, within = credit.ADAPTED_FILTERED, AdaptedFilteredGradient

    @staticmethod
    def cases() -> Iterable[credit.Constants]:
        return cases(local_gradient.ADAPTED_FILTERED, AdaptedFilteredGradient.cases())
