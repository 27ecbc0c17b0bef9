"""Leaky readout: hardware."""

from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.neurons import leaky_readout
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class LeakyReadout(Twin):
    """Twin of :data:`goldenspike.golden.neurons.leaky_readout.STEP`."""

    cell = leaky_readout.STEP

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        u = align(multiply(self.y, c.decay), c.leak_shift)
        u = named(m, u + align(multiply(self.current, c.drive), c.drive_shift), "u")
        u = u + align(c.bias, c.bias_shift) if c.bias else u
        y = requantize(m, u, c.frac, c.output, c.rounding, c.overflow, 0)
        m.d.comb += self.y_next.eq(y)
        m.d.comb += self.signal.eq(y)
        return m
