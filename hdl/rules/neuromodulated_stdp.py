"""Neuromodulated STDP: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module

from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import neuromodulated_stdp as rule
from goldenspike.hdl import pole
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.rules.stdp import paired

FORMATS = (
    *(("fxp-u16/12", "fxp-u16/20", "fxp-s18/18"), ("fxp-u8/4", "fxp-s8/8", "fxp-s16/14")),
    *(("fxp-u1/0", "fxp-u1/0", "fxp-s1/0"), ("fxp-s2/0", "fxp-s2/0", "fxp-s2/3")),
    *(("fxp-u4/2", "fxp-s2/1", "fxp-u3/-1"), ("fxp-u12/10", "fxp-s12/10", "fxp-s26/20")),
)
"""Of the trace, the amplitudes and the eligibility."""


def cases() -> Iterable[rule.Constants]:
    """Return constants of eligibilities."""
    for formats in FORMATS:
        trace, amplitude, eligibility = map(Format.parse, formats)
        for decay in (0.0, 0.5, 0.99):
            for low in (False, True):
                params = rule.Params(
                    trace=trace,
                    pre_decay=0.5,
                    post_decay=0.5,
                    amplitude=amplitude,
                    plus=amplitude.low * amplitude.lsb if low else amplitude.high * amplitude.lsb,
                    minus=amplitude.high * amplitude.lsb,
                    eligibility=eligibility,
                    eligibility_decay=decay,
                    eta=1.0,
                    factor=Format.parse("fxp-s16/12"),
                    modulator="any",
                )
                yield rule.constants(params, *params.amplitudes())


class PairEligibility(Twin):
    """Twin of :data:`goldenspike.golden.rules.neuromodulated_stdp.STEP`."""

    cell = rule.STEP
    cases = staticmethod(cases)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        e = pole.filtered(m, c.pole, self.e, paired(m, self, c.plus, c.minus))
        m.d.comb += [self.e_next.eq(e), self.eligibility.eq(e)]
        return m


class OwnPairEligibility(Twin):
    """Twin of :data:`goldenspike.golden.rules.neuromodulated_stdp.STEP_OWN`."""

    cell = rule.STEP_OWN
    cases = staticmethod(cases)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        e = pole.filtered(m, c.pole, self.e, paired(m, self, self.plus, self.minus))
        m.d.comb += [self.e_next.eq(e), self.eligibility.eq(e)]
        m.d.comb += [self.plus_next.eq(self.plus), self.minus_next.eq(self.minus)]
        return m
