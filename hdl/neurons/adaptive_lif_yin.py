"""Adaptive leaky integrate-and-fire neuron, as Yin's trained networks have it: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.neurons import adaptive_lif_yin
from goldenspike.golden.neurons.adaptation import Constants
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, named
from goldenspike.hdl.neurons.adaptation import adapt, adapted, adaptive_cases
from goldenspike.hdl.neurons.spiking import fire, has_spiked, integrate


class AdaptiveLIFYin(Twin):
    """Twin of :data:`goldenspike.golden.neurons.adaptive_lif_yin.STEP`."""

    cell = adaptive_lif_yin.STEP

    @staticmethod
    def cases() -> Iterable[Constants]:
        yield from adaptive_cases(adaptive_lif_yin.Params)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        spiked = has_spiked(c, self.spike)
        b = adapt(m, c, self.b, spiked)
        A = adapted(m, c, b)
        v = integrate(m, c, self.v, self.current, Mux(spiked, A, 0))
        excess = named(m, align(v, c.threshold_shift) - A, "above")
        m.d.comb += [self.v_next.eq(v), self.b_next.eq(b)]
        m.d.comb += self.excess.eq(excess)
        fire(m, self, excess > 0)
        return m
