"""Match of a choice with a target: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import match
from goldenspike.hdl.cell import Twin, output_ports


class Match(Twin):
    """Twin of :data:`goldenspike.golden.modulators.match.STEP`."""

    cell = match.STEP

    @staticmethod
    def cases() -> Iterable[match.Constants]:
        f = Format.parse
        for output, hit, miss, choice, target in (
            *(("fxp-s2/0", 1.0, -1.0, "fxp-s16/8", "fxp-s2/0"),),
            *(("fxp-s2/0", 1.0, -1.0, "fxp-s16/8", "fxp-s16/12"),),
            *(("fxp-s1/0", 0.0, -1.0, "fxp-s1/0", "fxp-s1/0"),),
            *(("fxp-u1/0", 1.0, 0.0, "fxp-u1/0", "fxp-u1/0"),),
            *(("fxp-u4/-1", 30.0, 2.0, "fxp-s2/8", "fxp-u6/-2"),),
            *(("fxp-s32/24", -128.0, 0.75, "fxp-u1/0", "fxp-s32/24"),),
        ):
            params = match.Params("a", "b", f(output), hit, miss)
            yield params.constants(f(choice), f(target))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        up, down = self.target > 0, self.target < 0
        right = (up & (self.choice > 0)) | (down & (self.choice < 0))
        judged = (up | down) & self.active
        m.d.comb += output_ports(self)["signal"].eq(Mux(judged, Mux(right, c.hit, c.miss), 0))
        return m
