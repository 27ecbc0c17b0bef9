"""One-pole filter: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Value

from goldenspike.golden import pole
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


class Pole(Twin):
    """Twin of :data:`goldenspike.golden.pole.STEP`."""

    cell = pole.STEP

    @staticmethod
    def cases() -> Iterable[pole.Constants]:
        f = Format.parse
        usual = f("fxp-s16/10"), f("fxp-s22/14")
        for decay in (0.0, 0.5, 0.9, 1.0):
            for gain in (0.0, 0.5, 1.0 - 0.9, 1.0):
                yield pole.constants(decay, *usual, gain=gain)
        for y, x in (
            *(("fxp-s1/0", "fxp-s1/0"), ("fxp-u1/0", "fxp-s1/0"), ("fxp-s2/1", "fxp-u1/0")),
            *(("fxp-u1/1", "fxp-u2/-1"), ("fxp-s8/12", "fxp-s30/20"), ("fxp-s8/-2", "fxp-u9/3")),
            *(("fxp-u16/12", "fxp-u1/0"), ("fxp-s24/20", "fxp-s18/12"), ("fxp-s32/24", "fxp-s6/0")),
        ):
            yield pole.constants(0.75, f(y), f(x), gain=0.25)
            yield pole.constants(0.95, f(y), f(x))
        yield pole.constants(1.0, f("fxp-s2/0"), f("fxp-u1/0"), f("fxp-u1/0"), 1.0)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        leak = align(multiply(self.y, c.decay), c.leak_shift)
        total = named(m, leak + align(multiply(self.x, c.gain), c.drive_shift), "total")
        y = requantize(m, total, c.frac, c.y, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
        m.d.comb += self.y_next.eq(y)
        return m


def filtered(m: Module, constants: pole.Constants, y: Any, x: Any, name: str = "pole") -> Value:
    """Return the next value of a filter of `x` whose value is `y`, in a submodule of that name."""
    m.submodules[name] = one = Pole(constants)
    m.d.comb += [one.y.eq(y), one.x.eq(x)]
    return one.y_next
