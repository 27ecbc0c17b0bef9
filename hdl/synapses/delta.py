"""Delta synapse: hardware. A spike's product is an AND."""

from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.synapses import delta
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import multiply


class Delta(Twin):
    """Twin of :data:`goldenspike.golden.synapses.delta.STEP`."""

    cell = delta.STEP

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # The declared format holds every product, which may be narrower than its shape.
        m.d.comb += self.current.eq(multiply(self.weight, self.signal))
        return m
