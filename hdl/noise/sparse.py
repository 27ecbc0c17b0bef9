"""Sparse noise: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.noise import sparse
from goldenspike.golden.noise.sparse import SIGN
from goldenspike.golden.randomness import VariateConstants
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.randomness import Variate


class Sparse(Twin):
    """Twin of :data:`goldenspike.golden.noise.sparse.STEP`."""

    cell = sparse.STEP

    @staticmethod
    def cases() -> Iterable[sparse.Constants]:
        for probability in (2.0**-31, 0.003, 0.5, 0.9, 1.0 - 2.0**-31, 1.0):
            yield sparse.Params(probability).constants(SIGN)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.sign = sign = Variate(VariateConstants(1))
        m.d.comb += sign.word.eq(self.word[0])
        m.d.comb += self.variate.eq(
            Mux(self.word.shift_right(1) < self.constants.threshold, sign.variate, 0)
        )
        m.d.comb += self.score.eq(self.variate)
        return m
