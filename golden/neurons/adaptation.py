"""What adaptive neurons share: a threshold that every spike raises.

    b' = requantize(rho * b + jump * z)        z = 1 in the tick after a spike
    A' = threshold + beta * b'                 exact

With `jump` 1 it is e-prop's neuron, with 1 - rho Yin's. An adaptation b fades by 1 - rho a tick,
so, rounded to nearest, it stays where it is below ``lsb / (2 (1 - rho))``.
Sources: Bellec et al., Nature Communications 11:3625 (2020); Yin, Corradi, Bohte, Nature Machine
Intelligence 3:905 (2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Ports, align, cell, select
from goldenspike.golden.domains import Between, Factor, Formats, NeuronRounding
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding, requantize
from goldenspike.golden.neurons.spiking import Refractory, countdown, leak
from goldenspike.golden.parameters import Parameters


class Constants(NamedTuple):
    membrane: Format
    adaptation: Format
    current: Format
    excess: Format
    frac: int
    leak_shift: int
    drive_shift: int
    reset_shift: int
    adaptation_frac: int
    rho_shift: int
    jump_shift: int
    threshold_shift: int
    beta_shift: int
    decay: Any
    drive: Any
    threshold: Any
    rho: Any
    jump: Any
    beta: Any
    refractory: int
    rounding: int
    overflow: int


class State(NamedTuple):
    v: Any
    b: Any
    spike: Any


class Inputs(NamedTuple):
    current: Any


class Outputs(NamedTuple):
    signal: Any
    excess: Any
    blocked: Any


@dataclass(frozen=True)
class AdaptiveParams(Parameters):
    """Parameters of adaptive neurons.

    Parameters
    ----------
    membrane
        Format of the membrane potential.
    decay
        Factor per tick that the potential keeps, 0 to 1.
    threshold
        Potential at which a neuron without adaptation spikes, above 0; in `membrane`.
    rho
        Factor per tick that the adaptation keeps, 0 to 1.
    beta
        What the adaptation raises the threshold by, 0 or more; in `gain`.
    adaptation
        Format of the adaptation b; unsigned.
    gain
        Format of `beta`.
    refractory
        Ticks after a spike in which the neuron cannot spike; its potential goes on as always.
    factor
        Format of `decay`, of `rho` and of what is 1 less one of them.
    rounding, overflow
        How the potential and the adaptation are rounded and limited.
    """

    membrane: Format
    decay: Factor
    threshold: Annotated[float, Between(0, above=True, kept="membrane")]
    rho: Factor
    beta: Annotated[float, Between(0, held="gain")]
    adaptation: Annotated[Format, Formats(signed=False)]
    gain: Format = Format(False, 18, 16)
    refractory: Refractory = 0
    factor: Format = Format(False, 17, 16)
    rounding: NeuronRounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def __post_init__(self) -> None:
        super().__post_init__()
        self.constants(BIT)

    def constants(self, current: Format) -> Constants:
        """Return the integers for currents of a format."""
        raise NotImplementedError


def constants(
    p: AdaptiveParams, current: Format, drive: float, jump: float, whole: bool
) -> Constants:
    """Return the integers of a model; `whole`: reset subtracts A, not the threshold only."""
    rho, rho_frac = p.factor.factor(p.rho, "Rho")
    raw_jump, jump_frac = p.factor.factor(jump, "1 - rho")
    fracs = rho_frac + p.adaptation.frac, jump_frac
    beta, beta_frac = p.gain.factor(p.beta, "Beta")
    threshold = p.membrane.constant(p.threshold, "Threshold")
    risen_frac = beta_frac + p.adaptation.frac
    frac = max(p.membrane.frac, risen_frac)
    up, risen_up = frac - p.membrane.frac, frac - risen_frac
    highest = (threshold << up) + (beta * p.adaptation.high << risen_up)
    ends = (p.membrane.low << up) - highest, (p.membrane.high - threshold) << up
    return Constants(
        membrane=p.membrane,
        adaptation=p.adaptation,
        current=current,
        excess=Format.holding(*ends, frac),
        **leak(
            p.decay, drive, p.factor, p.membrane, current, frac if whole else p.membrane.frac
        )._asdict(),
        adaptation_frac=max(fracs),
        rho_shift=max(fracs) - fracs[0],
        jump_shift=max(fracs) - fracs[1],
        threshold_shift=up,
        beta_shift=risen_up,
        threshold=threshold,
        rho=rho,
        jump=raw_jump,
        beta=beta,
        refractory=p.refractory,
        rounding=int(p.rounding),
        overflow=int(p.overflow),
    )


def ideal(p: AdaptiveParams, c: Constants, drive: float, jump: float) -> Constants:
    """Return the real numbers in the integers' place."""
    return c._replace(
        decay=float(p.decay),
        drive=float(drive),
        threshold=float(p.threshold),
        rho=float(p.rho),
        jump=float(jump),
        beta=float(p.beta),
    )


@cell
def adapt(c: Any, b: Any, spiked: Any) -> Any:
    """Return the next adaptation."""
    total = align(b * c.rho, c.rho_shift) + align(select(spiked, c.jump, 0), c.jump_shift)
    return requantize(total, c.adaptation_frac, c.adaptation, c.rounding, c.overflow, 0)


@cell
def adapted(c: Any, b: Any) -> Any:
    """Return the threshold of an adaptation, of the excess' fraction bits."""
    return align(c.threshold, c.threshold_shift) + align(b * c.beta, c.beta_shift)


def ports(c: Constants) -> Ports:
    """Return the formats of a model's ports."""
    return Ports(
        State(c.membrane, c.adaptation, countdown(c.refractory)),
        Inputs(c.current),
        Outputs(BIT, c.excess, BIT),
    )
