"""Empiric synapse: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format
from goldenspike.golden.noise import empiric
from goldenspike.golden.randomness import Distribution
from goldenspike.hdl import pole
from goldenspike.hdl.cell import Twin


class Empiric(Twin):
    """Twin of :data:`goldenspike.golden.noise.empiric.STEP`."""

    cell = empiric.STEP

    @staticmethod
    def cases() -> Iterable[empiric.Constants]:
        f = Format.parse
        for probability, decay, trace in (
            *((0.04, 0.905, "fxp-u16/12"), (0.5, 0.5, "fxp-u8/4"), (0.25, 0.95, "fxp-u24/20")),
            *((0.01, 0.99, "fxp-u18/14"), (0.5, 0.0, "fxp-u2/1"), (0.5, 0.0, "fxp-u1/1")),
            *((0.5, 0.5, "fxp-u1/0"), (0.96875, 0.75, "fxp-u8/3"), (2.0**-32, 0.5, "fxp-u40/38")),
            *((0.5, 0.75, "fxp-u4/-1"), (1.0 - 2.0**-32, 0.5, "fxp-u9/0")),
        ):
            params = empiric.Params(probability, decay, f(trace))
            yield params.constants(Distribution.RADEMACHER)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        spike = self.word < c.threshold
        x = pole.filtered(m, c.pole, self.x, spike)
        m.d.comb += [self.x_next.eq(x), self.variate.eq(x)]
        # The declared format holds every difference, which may be narrower than its shape.
        m.d.comb += self.score.eq(x - c.mean)
        return m
