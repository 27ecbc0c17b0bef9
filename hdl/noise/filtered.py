"""Filtered noise: hardware."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format
from goldenspike.golden.noise import filtered
from goldenspike.golden.randomness import Distribution
from goldenspike.hdl import pole
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.randomness import Variate


class Filtered(Twin):
    """Twin of :data:`goldenspike.golden.noise.filtered.STEP`."""

    cell = filtered.STEP

    @staticmethod
    def cases() -> Iterable[filtered.Constants]:
        f = Format.parse
        for distribution in Distribution:
            for decay, noise in product((0.0, 0.5, 0.9), ("fxp-s16/10", "fxp-s24/18")):
                yield filtered.Params(decay, f(noise)).constants(distribution)
            for corner in ("fxp-s1/0", "fxp-s2/1", "fxp-s8/-1", "fxp-s4/6"):
                yield filtered.Params(0.5, f(corner), f("fxp-u1/1")).constants(distribution)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        m.submodules.source = source = Variate(c.source)
        m.d.comb += source.word.eq(self.word)
        n = pole.filtered(m, c.pole, self.n, source.variate)
        m.d.comb += [self.n_next.eq(n), self.variate.eq(n), self.score.eq(n)]
        return m
