"""Choice by a softmax: in a tick that decides, one neuron spikes, drawn by the shares of a total.

    u  = word / 2**16                                   every tick, the same for all neurons
    a' = open and cumulative - signal <= u * total < cumulative

With `cumulative` the sum of the signals up to the neuron's own, and `total` that of all, exactly
one neuron spikes where the total is above 0, each with a probability of ``signal / total`` to
within 2**-16; there is no quotient, as both sides are multiplied by the total. The word is random,
that of seed, stream, trial and tick, and of nothing else: a trial that is run again chooses again
what it chose. Policy minus choice is a ``softmax_error`` with the choice as its target. Behind
populations `policy` and `go`, whose spike decides; formats of sums must hold them::

    [[network.population]]
    name = "exponentials"
    size = 2
    model = "exponential_unit"
    output = "fxp-u11/10"
    signal = "policy"
    shift = 4.0

    [[network.population]]
    name = "sums"                       # running sums; total: as in softmax_error
    size = 2
    model = "leaky_readout"
    output = "fxp-u12/10"

    [[network.projection]]
    pre = "exponentials"
    post = "sums"
    weight = "fxp-u1/0"
    mean = 1.0
    pattern = "upper"

    [[network.population]]
    name = "action"
    size = 2
    model = "softmax_choice"
    signal = "exponentials"
    cumulative = "sums"
    total = "total"
    open = "go"

Source: Devroye, Non-Uniform Random Variate Generation (1986), section III.2, on inversion; Bellec
et al., Nature Communications 11:3625 (2020), on actions drawn by a softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell, select
from goldenspike.golden.domains import Other
from goldenspike.golden.fixed import BIT, RANDOM, RANDOM_BITS, Format
from goldenspike.golden.parameters import Parameters

RECEPTORS = ()
"""Nothing is added to it."""
SIGNALS = ("signal", "cumulative", "total", "open")
"""Fields of the inputs that are other populations' signals."""
DRAWS = True
"""It is told a random word."""


class Constants(NamedTuple):
    signal: Format
    cumulative: Format
    total: Format
    signal_shift: int
    cumulative_shift: int
    drawn_shift: int
    unit: Any


class Inputs(NamedTuple):
    signal: Any
    cumulative: Any
    total: Any
    open: Any
    word: Any


class Outputs(NamedTuple):
    signal: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population that chooses.

    Parameters
    ----------
    signal
        Population of what is shared out, such as exponentials: of as many neurons.
    cumulative, total
        Populations of its running sums and of its sum: of as many neurons, and of one.
    open
        Population of spikes that decide: of one neuron.
    """

    signal: Other
    cumulative: Other
    total: Other
    open: Other

    def constants(
        self, signal: Format, cumulative: Format, total: Format, opening: Format
    ) -> Constants:
        """Return the integers for signals and sums of their formats, and spikes."""
        if opening != BIT:
            raise ValueError(f"Signals of {self.open} must be spikes to decide, not {opening}")
        for name, fmt in (
            (self.signal, signal),
            (self.cumulative, cumulative),
            (self.total, total),
        ):
            if fmt.signed:
                raise ValueError(f"Signals of {name} must be unsigned to be shared out, not {fmt}")
        drawn = total.frac + RANDOM_BITS
        frac = max(signal.frac, cumulative.frac, drawn)
        shifts = frac - signal.frac, frac - cumulative.frac, frac - drawn
        return Constants(signal, cumulative, total, *shifts, 1)

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: words are fractions of their range."""
        return constants._replace(unit=2.0**-RANDOM_BITS)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One neuron, one tick."""
    place = align(x.word * c.unit * x.total, c.drawn_shift)
    end = align(x.cumulative, c.cumulative_shift)
    begin = end - align(x.signal, c.signal_shift)
    return s, Outputs(select((x.open == 1) & (begin <= place) & (place < end), 1, 0))


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    inputs = Inputs(c.signal, c.cumulative, c.total, BIT, RANDOM)
    return Ports(Nothing(), inputs, Outputs(BIT))


STEP = Cell("modulators.softmax_choice.step", step, ports)
