"""Choice by a softmax: hardware, with one multiplier in place of a division."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.modulators import softmax_choice
from goldenspike.hdl.cell import Twin, output_ports
from goldenspike.hdl.fixed import align, multiply, named


class SoftmaxChoice(Twin):
    """Twin of :data:`goldenspike.golden.modulators.softmax_choice.STEP`."""

    cell = softmax_choice.STEP

    @staticmethod
    def cases() -> Iterable[softmax_choice.Constants]:
        params = softmax_choice.Params("a", "b", "c", "d")
        for formats in (
            *(
                ("fxp-u11/10", "fxp-u12/10", "fxp-u12/10"),
                ("fxp-u13/12", "fxp-u16/12", "fxp-u15/10"),
            ),
            *(("fxp-u1/0", "fxp-u1/0", "fxp-u1/0"), ("fxp-u4/-1", "fxp-u7/4", "fxp-u6/-2")),
            *(("fxp-u9/20", "fxp-u3/1", "fxp-u5/1"), ("fxp-u9/8", "fxp-u12/30", "fxp-u9/8")),
        ):
            signal, cumulative, total = map(Format.parse, formats)
            yield params.constants(signal, cumulative, total, BIT)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        drawn = multiply(multiply(self.word, c.unit), self.total)
        place = named(m, align(drawn, c.drawn_shift), "place")
        end = named(m, align(self.cumulative, c.cumulative_shift), "end")
        begin = named(m, end - align(self.signal, c.signal_shift), "begin")
        mine = (begin <= place) & (place < end)
        m.d.comb += output_ports(self)["signal"].eq(self.open & mine)
        return m
