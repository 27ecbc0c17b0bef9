"""Match of a choice with a target, neuron by neuron, in the ticks that are judged.

    r = active ? (sign(choice) == sign(target) ? hit : miss) : 0, and 0 where the target is 0

A choice of 0 is none, and misses. So a reward can come about on the chip, in the same trial: of
spikes counted by a leaky readout of decay 1, say, whose sum over two weights of 1 and -1 is above 0
if the first of two neurons has spiked more. Judged are the last `window` ticks of a trial, or all.
Source: Izhikevich, Cerebral Cortex 17:2443 (2007); Bellec et al., Nature Communications 11:3625
(2020), on rewards for choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.domains import Between, Other, Window
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.parameters import Parameters

RECEPTORS = ()
"""Nothing is added to it."""
SIGNALS = ("choice", "target")
"""Fields of the inputs that are other populations' signals."""
WINDOWED = True
"""It is told whether a tick is in the window."""


class Constants(NamedTuple):
    choice: Format
    target: Format
    output: Format
    hit: Any
    miss: Any


class Inputs(NamedTuple):
    choice: Any
    target: Any
    active: Any


class Outputs(NamedTuple):
    signal: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population that compares choices with targets.

    Parameters
    ----------
    choice, target
        Populations whose signs are compared: of as many neurons, or of one.
    output
        Format of the reward.
    hit, miss
        Reward of the right choice, and of the wrong one or none; in `output`.
    window
        The last ticks of a trial in which there are rewards; 0 for all.
    """

    choice: Other
    target: Other
    output: Format = Format(True, 2, 0)
    hit: Annotated[float, Between(kept="output")] = 1.0
    miss: Annotated[float, Between(kept="output")] = -1.0
    window: Window = 0

    def constants(self, choice: Format, target: Format) -> Constants:
        """Return the integers for choices and targets of their formats."""
        hit = self.output.constant(self.hit, "Hit")
        return Constants(choice, target, self.output, hit, self.output.constant(self.miss, "Miss"))

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(hit=float(self.hit), miss=float(self.miss))


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One neuron, one tick."""
    up, down = x.target > 0, x.target < 0
    right = (up & (x.choice > 0)) | (down & (x.choice < 0))
    judged = (up | down) & (x.active == 1)
    return s, Outputs(select(judged, select(right, c.hit, c.miss), 0))


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(Nothing(), Inputs(c.choice, c.target, BIT), Outputs(c.output))


STEP = Cell("modulators.match.step", step, ports)
