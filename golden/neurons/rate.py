"""Rate unit: a low-passed, saturating function of its current.

    h' = requantize(h + (phi(u) - h) / tau),  phi(u) = tanh(u) or 1 / (1 + exp(-u))

phi is a table within one LSB of `output`, whatever u, which is first rounded and limited to the
table's arguments; phi(-u) is exactly -phi(u), or 1 - phi(u). The sum is exact, and rounded once.
Source: Murray, eLife 8:e43299 (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Ports, align, cell, select
from goldenspike.golden.domains import Between, Formats, NeuronRounding, OneOf
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.table import MOST_FRAC, Table, build, evaluate


class Constants(NamedTuple):
    output: Format
    current: Format
    phi: Format
    table: Table
    frac: int
    half_shift: int
    state_shift: int
    rate_shift: int
    half: Any
    rate: Any
    rounding: int
    overflow: int


class State(NamedTuple):
    h: Any


class Inputs(NamedTuple):
    current: Any


RECEPTORS = ("current",)
"""Fields of the inputs that synapses add to."""


class Outputs(NamedTuple):
    signal: Any
    phi: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population of rate units.

    Parameters
    ----------
    output
        Format of the rate h; of at most 16 fraction bits with tanh, 17 with sigmoid.
    function
        ``"tanh"`` or ``"sigmoid"``.
    tau
        Time constant in ticks, 1 or more; with 1, h is phi(u).
    factor
        Format of 1/tau.
    rounding, overflow
        How h is rounded and limited.
    """

    output: Annotated[Format, Formats(fracs=(0, MOST_FRAC))]
    function: Annotated[str, OneOf(("tanh", "sigmoid"))] = "tanh"
    tau: Annotated[float, Between(1, held="factor", inverse=True)] = 1.0
    factor: Format = Format(False, 17, 16)
    rounding: NeuronRounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def __post_init__(self) -> None:
        super().__post_init__()
        self.constants(self.output)

    def constants(self, current: Format) -> Constants:
        """Return the integers for currents of a format."""
        half = int(self.function == "sigmoid")
        table, _ = build(self.output.frac, half)
        rate, rate_frac = self.factor.factor(1.0 / self.tau, "1/tau")
        return Constants(
            output=self.output,
            current=current,
            phi=_phi_format(table, half),
            table=table,
            frac=table.frac + rate_frac,
            half_shift=table.frac - 1,
            state_shift=table.frac - self.output.frac,
            rate_shift=rate_frac,
            half=half,
            rate=rate,
            rounding=int(self.rounding),
            overflow=int(self.overflow),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(half=0.5 * constants.half, rate=1.0 / self.tau)


def _phi_format(table: Table, half: int) -> Format:
    """Return a format for all that a table's greatest line and the half could give."""
    most = (max(table.base) << table.bits) + max(table.rise) * ((1 << table.bits) - 1)
    middle = half << table.frac - 1
    return Format.holding(middle - most, middle + most, table.frac)


@cell
def phi(c: Any, u: Any) -> Any:
    """Return phi of a current, of ``c.table.frac`` fraction bits."""
    size = select(u < 0, -u, u)
    argument = c.table.argument
    x = requantize(size, c.current.frac, argument, Rounding.HALF_EVEN, Overflow.SATURATE, 0)
    y = evaluate(c.table, x)
    return select(u < 0, -y, y) + align(c.half, c.half_shift)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    before = align(s.h, c.state_shift)
    y = phi(c, x.current)
    total = align(before, c.rate_shift) + (y - before) * c.rate
    h = requantize(total, c.frac, c.output, c.rounding, c.overflow, 0)
    return State(h), Outputs(h, y)


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(State(c.output), Inputs(c.current), Outputs(c.output, c.phi))


STEP = Cell("neurons.rate.step", step, ports)
