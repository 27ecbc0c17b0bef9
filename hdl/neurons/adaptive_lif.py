"""Adaptive leaky integrate-and-fire neuron, as e-prop has it: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Format
from goldenspike.golden.neurons import adaptive_lif
from goldenspike.golden.neurons.adaptation import Constants
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, named
from goldenspike.hdl.neurons.adaptation import adapt, adapted, adaptive_cases
from goldenspike.hdl.neurons.spiking import fire, has_spiked, integrate


class AdaptiveLIF(Twin):
    """Twin of :data:`goldenspike.golden.neurons.adaptive_lif.STEP`."""

    cell = adaptive_lif.STEP

    @staticmethod
    def cases() -> Iterable[Constants]:
        yield from adaptive_cases(adaptive_lif.Params)
        f = Format.parse
        params = adaptive_lif.Params(
            f("fxp-s16/10"), 0.9, 1.0, 0.99, 0.174, f("fxp-u16/9"), drive="complement"
        )
        yield params.constants(f("fxp-s22/14"))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        spiked = has_spiked(c, self.spike)
        b = adapt(m, c, self.b, spiked)
        v = integrate(m, c, self.v, self.current, Mux(spiked, c.threshold, 0))
        excess = named(m, align(v, c.threshold_shift) - adapted(m, c, b), "above")
        m.d.comb += [self.v_next.eq(v), self.b_next.eq(b)]
        m.d.comb += self.excess.eq(excess)
        fire(m, self, excess >= 0)
        return m
