"""Dynamic synapse: hardware."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from amaranth.hdl import Module, Mux, Signal

from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.synapses import dynamic
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class Dynamic(Twin):
    """Twin of :data:`goldenspike.golden.synapses.dynamic.STEP`."""

    cell = dynamic.STEP

    @staticmethod
    def cases() -> Iterable[dynamic.Constants]:
        f = Format.parse
        for utilization, facilitation, depression in (
            *((0.5, 0.0, 0.99), (0.15, 0.98, 0.95), (0.05, 0.998, 0.9), (1.0, 0.0, 0.5)),
            *((1.0, 1.0, 1.0), (0.5, 0.5, 0.0), (0.75, 0.0, 0.0)),
        ):
            for trace in (f("fxp-u16/16"), f("fxp-u12/12")):
                params = dynamic.Params(utilization, facilitation, depression, trace)
                yield params.constants(BIT)
        for width, share in product((1, 2, 5), (0.5, 1.0)):
            params = dynamic.Params(share, 0.5, share, Format(False, width, width), f("fxp-u2/1"))
            yield params.constants(BIT)

    def stored(self, m: Module, x: Any, frac: int) -> Signal:
        """Return `x`, of `frac` fraction bits more than a trace, as a trace."""
        trace = self.constants.trace
        return requantize(m, x, trace.frac + frac, trace, Rounding.HALF_EVEN, Overflow.SATURATE, 0)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        u = self.stored(m, multiply(self.u, c.facilitation_decay), c.facilitation_frac)
        d = self.stored(m, multiply(self.d, c.depression_decay), c.depression_frac)
        rise = multiply(c.one - u, c.utilization)
        total = named(m, align(u, c.utilization_frac) + rise, "total")
        raised = self.stored(m, total, c.utilization_frac)
        release = self.stored(m, multiply(raised, c.one - d), c.trace.frac)
        m.d.comb += [
            self.u_next.eq(Mux(self.signal, raised, u)),
            self.d_next.eq(Mux(self.signal, self.stored(m, d + release, 0), d)),
            self.signal_next.eq(Mux(self.signal, release, 0)),
        ]
        return m
