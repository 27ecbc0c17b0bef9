"""One-bit reward: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import sign
from goldenspike.hdl.cell import Twin


class Sign(Twin):
    """Twin of :data:`goldenspike.golden.modulators.sign.STEP`."""

    cell = sign.STEP

    @staticmethod
    def cases() -> Iterable[sign.Constants]:
        for text in (
            *("fxp-s20/12", "fxp-s24/12", "fxp-s2/0", "fxp-s3/1", "fxp-u1/0", "fxp-u8/7"),
            *("fxp-s62/30", "fxp-s62/60", "fxp-u62/61"),
        ):
            yield sign.constants(Format.parse(text))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        one = self.constants.one
        m.d.comb += self.reward_next.eq(Mux(self.reward > 0, one, Mux(self.reward < 0, -one, 0)))
        return m
