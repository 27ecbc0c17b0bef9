"""What the rules share: hardware."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import three_factor
from goldenspike.golden.rules.three_factor import update_constants
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize

f = Format.parse
VARIATES = tuple(kind.variate for kind in Distribution)


class Perturb(Twin):
    """Twin of :data:`goldenspike.golden.rules.three_factor.PERTURB`."""

    cell = three_factor.PERTURB

    @staticmethod
    def cases() -> Iterable[three_factor.PerturbConstants]:
        for value, variate, amplitude in (
            *((f("fxp-s22/14"), v, a) for v, a in product(VARIATES, (1, 1024, 1638, 32767))),
            *((f("fxp-u16/8"), v, 200) for v in VARIATES),
            *((f("fxp-s1/0"), v, 1) for v in VARIATES),
            *((f("fxp-s40/30"), v, 123457) for v in VARIATES),
            *((f("fxp-u24/20"), f("fxp-u16/12"), a) for a in (1, 3932)),
            (f("fxp-s18/12"), f("fxp-s12/6"), 777),
        ):
            yield three_factor.PerturbConstants(value, variate, amplitude)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        change = multiply(self.variate, c.amplitude)
        # The declared format holds every sum, which may be narrower than its shape.
        m.d.comb += self.perturbed.eq(align(self.value, c.variate.frac) + change)
        return m


class Scale(Twin):
    """Twin of :data:`goldenspike.golden.rules.three_factor.SCALE`."""

    cell = three_factor.SCALE

    @staticmethod
    def cases() -> Iterable[three_factor.FactorConstants]:
        for rate in (1e-6, 0.5, 0.512, 3.7, 1000.0):
            for reward, factor in (
                *(("fxp-s20/12", "fxp-s18/20"), ("fxp-s24/12", "fxp-s24/10")),
                *(("fxp-s1/0", "fxp-s1/0"), ("fxp-s2/0", "fxp-s2/1"), ("fxp-u8/4", "fxp-s8/24")),
            ):
                yield three_factor.factor_constants(rate, f(reward), f(factor))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        product = named(m, multiply(self.reward, c.rate), "product")
        factor = requantize(m, product, c.frac, c.factor, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
        m.d.comb += self.factor.eq(factor)
        return m


class Update(Twin):
    """Twin of :data:`goldenspike.golden.rules.three_factor.UPDATE`."""

    cell = three_factor.UPDATE
    CUTTABLE = True

    @staticmethod
    def cases() -> Iterable[three_factor.UpdateConstants]:
        weight, factor = f("fxp-s16/14"), f("fxp-s18/20")
        for rounding, overflow in product(Rounding, Overflow):
            for eligibility in (*VARIATES, f("fxp-s7/0"), f("fxp-s16/10")):
                yield update_constants(weight, factor, eligibility, rounding, overflow)
            for corner in ("fxp-s1/0", "fxp-s2/1", "fxp-u4/4"):
                yield update_constants(f(corner), f("fxp-s3/1"), f("fxp-s1/0"), rounding, overflow)
                yield update_constants(f(corner), f("fxp-s2/4"), f("fxp-s3/0"), rounding, overflow)
            weight24 = f("fxp-s24/20"), f("fxp-s24/16"), f("fxp-s16/0")
            yield update_constants(*weight24, rounding, overflow)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        step = self.across(m, multiply(self.factor, self.eligibility), "step")
        before, word = self.across(m, self.w, "w_across"), self.across(m, self.word, "word_across")
        change = align(step, c.product_shift)
        total = named(m, align(before, c.weight_shift) + change, "total")
        w = requantize(m, total, c.frac, c.weight, c.rounding, c.overflow, word)
        m.d.comb += self.w_next.eq(w)
        return m


class Accumulate(Twin):
    """Twin of :data:`goldenspike.golden.rules.three_factor.ACCUMULATE`."""

    cell = three_factor.ACCUMULATE

    @staticmethod
    def cases() -> Iterable[three_factor.AccumulateConstants]:
        for rounding, overflow in product(Rounding, Overflow):
            for formats in (
                *(
                    "fxp-s16/14 fxp-s24/22 fxp-s18/20 fxp-s2/0",
                    "fxp-s12/8 fxp-s20/20 fxp-s16/8 fxp-s2/0",
                ),
                *("fxp-u8/4 fxp-s16/14 fxp-s18/20 fxp-s7/0", "fxp-s1/0 fxp-s1/0 fxp-s2/1 fxp-s2/0"),
                *(
                    "fxp-s2/1 fxp-s3/-1 fxp-s2/4 fxp-s3/1",
                    "fxp-s24/20 fxp-s28/24 fxp-s24/16 fxp-s16/0",
                ),
            ):
                weight, total, factor, eligibility = map(f, formats.split())
                yield three_factor.accumulate_constants(
                    weight, total, factor, eligibility, rounding, overflow
                )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        change = align(multiply(self.factor, self.eligibility), c.product_shift)
        total = named(m, align(self.sum, c.accumulator_shift) + change, "total")
        grown = requantize(
            m, total, c.frac, c.accumulator, Rounding.HALF_EVEN, Overflow.SATURATE, 0
        )
        learned = named(m, align(self.w, c.weight_shift) + align(grown, c.sum_shift), "learned")
        w = requantize(m, learned, c.sum_frac, c.weight, c.rounding, c.overflow, self.word)
        m.d.comb += [
            self.w_next.eq(Mux(self.due, w, self.w)),
            self.sum_next.eq(Mux(self.due, 0, grown)),
        ]
        return m
