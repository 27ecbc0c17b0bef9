"""Pseudo-derivatives and the pull to a rate: hardware."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Module, Mux, Value

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.rules import psi
from goldenspike.golden.rules.surrogate import SurrogateParams
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import limit, multiply, named, requantize
from goldenspike.hdl.table import interpolate

F = Format.parse
ETA = 0.01
STEPS: dict[str, Any] = {"surrogate": "steps", "boundaries": (0.25, 0.75, 1.5)}


def nearest(m: Module, c: Any, excess: Value, fmt: Format) -> Value:
    """Return how far a neuron is from its threshold, in a format."""
    size = named(m, Mux(excess < 0, -excess, excess), "size")
    return requantize(m, size, c.excess.frac, fmt, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


def stored(m: Module, c: Any, y: Any, frac: int, blocked: Value) -> Value:
    """Return psi of what it is not rounded."""
    rounded = requantize(m, y, frac, c.psi, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    return Mux(blocked, 0, rounded)


def linear_psi(m: Module, c: psi.LinearConstants, twin: Twin) -> Value:
    """Return psi, piecewise linear."""
    size = nearest(m, c, twin.excess, c.argument)
    above = named(m, c.height - multiply(size, c.slope), "above")
    return stored(m, c, named(m, Mux(above < 0, 0, above), "y"), c.frac, twin.blocked)


def table_psi(m: Module, c: psi.TableConstants, twin: Twin) -> Value:
    """Return psi by table."""
    y = interpolate(m, c.table, nearest(m, c, twin.excess, c.table.argument))
    return stored(m, c, y, c.table.frac, twin.blocked)


def stepped_psi(m: Module, c: psi.StepConstants, twin: Twin) -> Value:
    """Return psi by steps."""
    size = named(m, Mux(twin.excess < 0, -twin.excess, twin.excess), "size")
    y: Any = 0
    for end, value in zip(c.ends, c.values, strict=True):
        y = Mux(size < end, value, y)
    return Mux(twin.blocked, 0, y)


def pull(m: Module, c: psi.PullConstants, twin: Twin) -> None:
    """Drive a twin's `spikes_next` and `pull`."""
    spikes = limit(m, twin.spikes + twin.signal, c.spikes, Overflow.SATURATE)
    total = named(m, c.offset - multiply(spikes, c.rate), "total")
    pulled = requantize(m, total, c.frac, c.pull, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    m.d.comb += [twin.spikes_next.eq(spikes), twin.pull.eq(pulled)]


def parts(**given: Any) -> Iterable[Any]:
    """Return constants of one surrogate, of usual formats and of corners."""
    for psi_format, excess, height, width in (
        *(("fxp-s9/8", "fxp-s17/10", 0.5, 1.0), ("fxp-s3/1", "fxp-s2/0", 0.5, 1.0)),
        *(("fxp-s6/5", "fxp-s12/12", 0.9, 0.6), ("fxp-s9/-1", "fxp-s5/-2", 50.0, 0.01)),
        *(("fxp-s10/4", "fxp-s26/20", 17.0, 0.03), ("fxp-s10/8", "fxp-u8/3", 0.3, 4.0)),
    ):
        one = SurrogateParams(psi=F(psi_format), height=height, width=width, **given)
        yield one.surrogate_part({"excess": F(excess), "blocked": F(excess)}, ETA).constants


class Linear(Twin):
    """Twin of :data:`goldenspike.golden.rules.psi.LINEAR`."""

    cell = psi.LINEAR

    @staticmethod
    def cases() -> Iterable[psi.LinearConstants]:
        yield from parts()
        for psi_format, excess, height, width in (
            *(("fxp-u8/8", "fxp-s17/10", 0.3, 1.1), ("fxp-u1/0", "fxp-s1/0", 0.6, 0.55)),
            *(("fxp-u12/8", "fxp-s18/12", 10.0, 0.033), ("fxp-u32/28", "fxp-s34/30", 10.0, 0.03)),
            *(("fxp-u12/12", "fxp-s40/32", 0.2, 1.7), ("fxp-s18/16", "fxp-u12/-2", 0.015, 22.0)),
        ):
            one = SurrogateParams(psi=F(psi_format), height=height, width=width)
            yield one.surrogate_part({"excess": F(excess), "blocked": F(excess)}, ETA).constants

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.psi.eq(linear_psi(m, self.constants, self))
        return m


class Tabled(Twin):
    """Twin of :data:`goldenspike.golden.rules.psi.TABLE`."""

    cell = psi.TABLE

    @staticmethod
    def cases() -> Iterable[psi.TableConstants]:
        for kind in ("exponential", "fast_sigmoid", "multi_gaussian"):
            yield from parts(surrogate=kind)
        for kind, width in (("exponential", 0.2), ("fast_sigmoid", 0.5), ("arctan", 0.3)):
            one = SurrogateParams(psi=F("fxp-u8/8"), height=0.3, width=width, surrogate=kind)
            outputs = {"excess": F("fxp-s20/14"), "blocked": F("fxp-u1/0")}
            yield one.surrogate_part(outputs, ETA).constants

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.psi.eq(table_psi(m, self.constants, self))
        return m


class Stepped(Twin):
    """Twin of :data:`goldenspike.golden.rules.psi.STEPPED`."""

    cell = psi.STEPPED

    @staticmethod
    def cases() -> Iterable[psi.StepConstants]:
        return parts(levels=(0.75, -0.5, 0.125), **STEPS)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.psi.eq(stepped_psi(m, self.constants, self))
        return m


class Pulled(Twin):
    """What twins with a pull share; each has a pseudo-derivative of its own."""

    @staticmethod
    def pulls(**given: Any) -> Iterable[psi.BothConstants]:
        """Return constants with pulls of several formats, of one surrogate."""
        for fmt, psi_format, regularization, target, ticks in (
            ("fxp-s16/20", "fxp-s9/8", 300.0, 0.01, 1000),
            ("fxp-s24/44", "fxp-s9/8", 3e-3, 0.3, 65535),
            ("fxp-s1/0", "fxp-s3/1", 100.0, 0.0, 1),
            ("fxp-u8/4", "fxp-s6/3", 400.0, 1.0, 7),
            ("fxp-s8/-2", "fxp-s6/3", 1e5, 0.7, 20),
        ):
            one = SurrogateParams(
                psi=F(psi_format),
                height=0.6,
                width=1.0,
                total=F(fmt),
                pull=F(fmt),
                regularization=regularization,
                target_rate=target,
                trial_ticks=ticks,
                **given,
            )
            outputs = {name: F("fxp-s17/10") for name in ("excess", "blocked", "signal")}
            yield one.surrogate_part(outputs, ETA).constants


class LinearPull(Pulled):
    """Twin of :data:`goldenspike.golden.rules.psi.LINEAR_PULL`."""

    cell = psi.LINEAR_PULL

    @staticmethod
    def cases() -> Iterable[psi.BothConstants]:
        return Pulled.pulls()

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.psi.eq(linear_psi(m, self.constants.surrogate, self))
        pull(m, self.constants.pull, self)
        return m


class TabledPull(Pulled):
    """Twin of :data:`goldenspike.golden.rules.psi.TABLE_PULL`."""

    cell = psi.TABLE_PULL

    @staticmethod
    def cases() -> Iterable[psi.BothConstants]:
        return Pulled.pulls(surrogate="multi_gaussian")

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.psi.eq(table_psi(m, self.constants.surrogate, self))
        pull(m, self.constants.pull, self)
        return m


class SteppedPull(Pulled):
    """Twin of :data:`goldenspike.golden.rules.psi.STEPPED_PULL`."""

    cell = psi.STEPPED_PULL

    @staticmethod
    def cases() -> Iterable[psi.BothConstants]:
        return Pulled.pulls(levels=(1.0, 0.5, 0.25), **STEPS)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.psi.eq(stepped_psi(m, self.constants.surrogate, self))
        pull(m, self.constants.pull, self)
        return m
