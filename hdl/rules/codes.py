"""Perturbation codes: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux

from goldenspike.golden.rules import codes
from goldenspike.hdl.cell import Twin


class OneHot(Twin):
    """Twin of :data:`goldenspike.golden.rules.codes.ONE_HOT`."""

    cell = codes.ONE_HOT

    @staticmethod
    def cases() -> Iterable[codes.Constants]:
        return [codes.Constants(bits) for bits in (1, 2, 4, 9, 16, codes.MOST_BITS)]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.variate.eq(self.index == self.slot)
        return m


class Walsh(Twin):
    """Twin of :data:`goldenspike.golden.rules.codes.WALSH`."""

    cell = codes.WALSH
    cases = OneHot.cases

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.variate.eq(Mux((self.index & self.slot).xor(), -1, 1))
        return m
