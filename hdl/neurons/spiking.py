"""What spiking neurons share: hardware."""

from typing import Any

from amaranth.hdl import Module, Mux, Value

from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize


def has_spiked(c: Any, spike: Value) -> Value:
    """Return whether the neuron spiked in the tick before."""
    return spike == c.refractory + 1


def integrate(m: Module, c: Any, v: Any, current: Value, reset: Any = None) -> Value:
    """Return the next potential; without a reset, nothing is subtracted."""
    leak = align(multiply(v, c.decay), c.leak_shift)
    driven = align(multiply(current, c.drive), c.drive_shift)
    if reset is not None:
        driven = named(m, driven - align(reset, c.reset_shift), "driven")  # While it leaks.
    u = named(m, leak + driven, "u")
    return requantize(m, u, c.frac, c.membrane, c.rounding, c.overflow, 0)


def fire(m: Module, twin: Twin, reached: Value) -> None:
    """Drive a twin's `spike_next`, `signal` and `blocked`."""
    refractory, spike = twin.constants.refractory, twin.spike
    fires, left = reached, 0
    if refractory:
        fires = named(m, reached & (spike <= 1), "fires")
        left = Mux(spike == 0, 0, spike - 1)
        m.d.comb += twin.blocked.eq(spike > 1)
    m.d.comb += twin.spike_next.eq(Mux(fires, refractory + 1, left))
    m.d.comb += twin.signal.eq(fires)
