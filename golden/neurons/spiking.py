"""What spiking neurons share: leak, drive and reset; the refractory period.

    v'     = requantize(decay * v + drive * current - reset)
    fires  = reached and spike <= 1
    spike' = 1 + refractory if fires, else max(spike - 1, 0)

`spike` counts down from a spike: it is ``1 + refractory`` in the tick after one, when the neuron
is reset, and above 1 in the `refractory` ticks in which the neuron is blocked: it cannot spike,
while its potential goes on as always. Without a refractory period it is the spike of the tick
before. The sum is exact and rounded once.
Source: Bellec et al., Nature Communications 11:3625 (2020).
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import align, cell, clamp, select
from goldenspike.golden.domains import Whole
from goldenspike.golden.fixed import Format, requantize

LONGEST = (1 << 16) - 2
"""Ticks of the longest refractory period: `spike` then fills 16 bits."""
Refractory = Annotated[int, Whole(0, LONGEST)]


class Leak(NamedTuple):
    """The part of a neuron's constants that its potential needs; shifts align the sum's terms."""

    frac: int
    leak_shift: int
    drive_shift: int
    reset_shift: int
    decay: int
    drive: int


def leak(
    decay: float, drive: float, factor: Format, membrane: Format, current: Format, reset_frac: int
) -> Leak:
    """Return the integers for two factors in a format, and a reset of some fraction bits."""
    raw_decay, decay_frac = factor.factor(decay, "Decay")
    raw_drive, drive_frac = factor.factor(drive, "Drive")
    leak_frac, current_frac = decay_frac + membrane.frac, drive_frac + current.frac
    frac = max(leak_frac, current_frac, reset_frac)
    shifts = frac - leak_frac, frac - current_frac, frac - reset_frac
    return Leak(frac, *shifts, raw_decay, raw_drive)


def drive_factor(drive: str, decay: float) -> float:
    """Return what the current is multiplied by: 1 or, with ``"complement"``, 1 - decay."""
    return 1.0 if drive == "one" else 1.0 - decay


def countdown(refractory: int) -> Format:
    """Return the format of `spike`."""
    return Format.holding(0, refractory + 1, 0)


@cell
def has_spiked(c: Any, spike: Any) -> Any:
    """Return whether the neuron spiked in the tick before."""
    return spike == c.refractory + 1


@cell
def integrate(c: Any, v: Any, current: Any, reset: Any) -> Any:
    """Return the next potential."""
    driven = align(current * c.drive, c.drive_shift) - align(reset, c.reset_shift)
    u = align(v * c.decay, c.leak_shift) + driven
    return requantize(u, c.frac, c.membrane, c.rounding, c.overflow, 0)


@cell
def fire(c: Any, spike: Any, reached: Any) -> Any:
    """Return the next `spike`; whether the neuron fires, and whether it is blocked, 0 or 1."""
    free = spike <= 1
    fires = reached & free
    left = clamp(spike - 1, 0, LONGEST)
    return select(fires, c.refractory + 1, left), select(fires, 1, 0), select(free, 0, 1)
