"""Leaky integrate-and-fire neuron: hardware."""

from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.neurons import lif
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class LIF(Twin):
    """Twin of :data:`goldenspike.golden.neurons.lif.STEP`."""

    cell = lif.STEP

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        kept = Mux(self.spike, c.reset_value, self.v) if c.to_value else self.v
        u = align(multiply(kept, c.decay), c.leak_shift)
        u = named(m, u + align(multiply(self.current, c.drive), c.drive_shift), "u")
        if not c.to_value:
            reset = Mux(self.spike, c.threshold, 0)
            u = named(m, u - align(reset, c.reset_shift), "u_reset")
        v = requantize(m, u, c.frac, c.membrane, c.rounding, c.overflow, 0)
        m.d.comb += self.v_next.eq(v)
        m.d.comb += self.spike_next.eq(v >= c.threshold if c.inclusive else v > c.threshold)
        m.d.comb += self.signal.eq(self.spike_next)
        return m
