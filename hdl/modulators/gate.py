"""Gate: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.modulators import gate
from goldenspike.hdl.cell import Twin, output_ports


class Gate(Twin):
    """Twin of :data:`goldenspike.golden.modulators.gate.STEP`."""

    cell = gate.STEP

    @staticmethod
    def cases() -> Iterable[gate.Constants]:
        params = gate.Params("a", "b")
        for signal in ("fxp-s16/10", "fxp-u1/0", "fxp-s1/0", "fxp-u6/-2", "fxp-s48/40"):
            yield params.constants(Format.parse(signal), BIT)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += output_ports(self)["signal"].eq(Mux(self.open, self.signal, 0))
        return m
