"""Delta synapse: hardware. A spike's product is an AND."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format
from goldenspike.golden.synapses import delta
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import multiply


class Delta(Twin):
    """Twin of :data:`goldenspike.golden.synapses.delta.STEP`."""

    cell = delta.STEP

    @staticmethod
    def cases() -> Iterable[delta.Constants]:
        for pair in (
            *("fxp-s16/14 fxp-u1/0", "fxp-s16/14 fxp-s16/10", "fxp-s24/20 fxp-u24/16"),
            *("fxp-s1/0 fxp-u1/0", "fxp-s1/0 fxp-s1/0", "fxp-u1/0 fxp-u1/0", "fxp-u1/1 fxp-s1/0"),
            *("fxp-s2/0 fxp-s2/0", "fxp-u2/0 fxp-s2/0", "fxp-u4/4 fxp-s4/0", "fxp-s8/10 fxp-u3/1"),
            *("fxp-s3/0 fxp-u2/-1", "fxp-u16/8 fxp-s16/8", "fxp-u16/8 fxp-u16/8"),
        ):
            yield delta.Constants(*map(Format.parse, pair.split()))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # The declared format holds every product, which may be narrower than its shape.
        m.d.comb += self.current.eq(multiply(self.weight, self.signal))
        return m
