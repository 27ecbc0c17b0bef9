"""What the rules share: hardware."""

from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Overflow, Rounding
from goldenspike.golden.rules import three_factor
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class Perturb(Twin):
    """Twin of :data:`goldenspike.golden.rules.three_factor.PERTURB`."""

    cell = three_factor.PERTURB

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        change = multiply(self.variate, self.constants.amplitude)
        # The declared format holds every sum, which may be narrower than its shape.
        m.d.comb += self.perturbed.eq(self.value + change)
        return m


class Scale(Twin):
    """Twin of :data:`goldenspike.golden.rules.three_factor.SCALE`."""

    cell = three_factor.SCALE

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

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        change = align(multiply(self.factor, self.eligibility), c.product_shift)
        total = named(m, align(self.w, c.weight_shift) + change, "total")
        w = requantize(m, total, c.frac, c.weight, c.rounding, c.overflow, self.word)
        m.d.comb += self.w_next.eq(w)
        return m
