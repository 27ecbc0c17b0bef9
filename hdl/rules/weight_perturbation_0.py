"""Weight perturbation of active inputs only: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Format
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import weight_perturbation_0
from goldenspike.hdl.cell import Twin


class ActiveOnly(Twin):
    """Twin of :data:`goldenspike.golden.rules.weight_perturbation_0.STEP`."""

    cell = weight_perturbation_0.STEP

    @staticmethod
    def cases() -> Iterable[weight_perturbation_0.Constants]:
        for fmt in (*(kind.variate for kind in Distribution), Format(False, 1, 0)):
            yield weight_perturbation_0.Constants(fmt)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.eligibility.eq(Mux(self.active, self.variate, 0))
        return m
