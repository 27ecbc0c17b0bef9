"""What adaptive neurons share: hardware."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product

from amaranth.hdl import Module, Mux, Value

from goldenspike.golden.fixed import DETERMINISTIC, Format, Overflow
from goldenspike.golden.neurons.adaptation import AdaptiveParams, Constants
from goldenspike.hdl.fixed import align, multiply, named, requantize


def adapt(m: Module, c: Constants, b: Value, spiked: Value) -> Value:
    """Return the next adaptation."""
    jump = align(Mux(spiked, c.jump, 0), c.jump_shift)
    total = named(m, align(multiply(b, c.rho), c.rho_shift) + jump, "adaptation_total")
    return requantize(m, total, c.adaptation_frac, c.adaptation, c.rounding, c.overflow, 0)


def adapted(m: Module, c: Constants, b: Value) -> Value:
    """Return the threshold of an adaptation, of the excess' fraction bits."""
    risen = align(multiply(b, c.beta), c.beta_shift)
    return named(m, risen + align(c.threshold, c.threshold_shift), "adapted")


def adaptive_cases(kind: type[AdaptiveParams]) -> Iterable[Constants]:
    """Return constants of a model: realistic ones and corners."""
    f = Format.parse
    usual = kind(f("fxp-s16/10"), 0.9, 1.0, 0.99, 0.174, f("fxp-u16/9"))
    current = f("fxp-s22/14")
    yield usual.constants(current)
    small = replace(usual, membrane=f("fxp-s12/8"), adaptation=f("fxp-u10/5"))
    for rounding, overflow, refractory in product(DETERMINISTIC, Overflow, (0, 2)):
        params = replace(small, rounding=rounding, overflow=overflow, refractory=refractory)
        yield params.constants(f("fxp-s14/10"))
    for decay, rho, beta in product((0.0, 0.5, 1.0), (0.0, 0.9, 1.0), (0.0, 1.0, 1.84)):
        yield replace(usual, decay=decay, rho=rho, beta=beta).constants(current)
    yield replace(usual, refractory=1).constants(current)
    yield replace(usual, refractory=65534).constants(current)
    bit, sign, half = f("fxp-u1/0"), f("fxp-s1/0"), f("fxp-u2/1")
    yield kind(f("fxp-s2/0"), 1.0, 1.0, 1.0, 1.0, bit, bit, factor=bit).constants(bit)
    yield kind(bit, 0.0, 1.0, 0.0, 1.0, bit, bit, 1, bit).constants(sign)
    yield kind(f("fxp-u4/2"), 0.5, 1.0, 0.5, 0.5, f("fxp-u3/-1"), half, 3, half).constants(
        f("fxp-s3/-1")
    )
    yield kind(f("fxp-s8/12"), 0.75, 0.01, 0.75, 2.0, f("fxp-u6/8")).constants(f("fxp-s30/20"))
    yield kind(f("fxp-s8/-2"), 0.75, 8.0, 0.5, 3.0, f("fxp-u8/1")).constants(f("fxp-u9/3"))
    fine = kind(f("fxp-s24/18"), 0.95, 1.0, 0.995, 0.0174, f("fxp-u20/12"), f("fxp-u20/20"))
    yield fine.constants(f("fxp-s30/20"))
