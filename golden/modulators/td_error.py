"""Temporal-difference error: how much better a tick was than the critic had thought.

    delta  = requantize(reward + gamma * V - before)            every tick and neuron
    before' = V

V is the critic's signal, `before` that of the tick before, 0 at the start of a trial. The sum is
exact and rounded once. A positive error is of a reward above what was expected: rules that descend
errors need it turned, by a critic and a reward that count costs.
Source: Sutton, Barto, Reinforcement Learning (2nd ed. 2018), section 6.1; Bellec et al., Nature
Communications 11:3625 (2020), reward-based e-prop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Ports, align, cell
from goldenspike.golden.domains import ErrorRounding, Factor, Other
from goldenspike.golden.fixed import Format, Overflow, Rounding, requantize
from goldenspike.golden.parameters import Parameters

RECEPTORS = ()
"""Nothing is added to it."""
SIGNALS = ("value", "reward")
"""Fields of the inputs that are other populations' signals."""


class Constants(NamedTuple):
    value: Format
    reward: Format
    output: Format
    frac: int
    value_shift: int
    before_shift: int
    reward_shift: int
    gamma: Any
    rounding: int
    overflow: int


class State(NamedTuple):
    before: Any


class Inputs(NamedTuple):
    value: Any
    reward: Any


class Outputs(NamedTuple):
    signal: Any


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of a population of temporal-difference errors.

    Parameters
    ----------
    output
        Format of the error.
    value, reward
        Populations of the critic and of the reward: of as many neurons, or of one.
    gamma
        What the value of the next tick counts, 0 to 1.
    factor
        Format of `gamma`.
    rounding, overflow
        How the error is rounded and limited.
    """

    output: Format
    value: Other
    reward: Other
    gamma: Factor
    factor: Format = Format(False, 17, 16)
    rounding: ErrorRounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE

    def constants(self, value: Format, reward: Format) -> Constants:
        """Return the integers for values and rewards of their formats."""
        gamma, gamma_frac = self.factor.factor(self.gamma, "Gamma")
        frac = max(value.frac + gamma_frac, reward.frac)
        return Constants(
            value=value,
            reward=reward,
            output=self.output,
            frac=frac,
            value_shift=frac - value.frac - gamma_frac,
            before_shift=frac - value.frac,
            reward_shift=frac - reward.frac,
            gamma=gamma,
            rounding=int(self.rounding),
            overflow=int(self.overflow),
        )

    def ideal(self, constants: Constants) -> Constants:
        """Return the real numbers in the integers' place: the float64 model."""
        return constants._replace(gamma=float(self.gamma))


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """One tick."""
    ahead = align(x.reward, c.reward_shift) + align(x.value * c.gamma, c.value_shift)
    delta = ahead - align(s.before, c.before_shift)
    return State(x.value), Outputs(requantize(delta, c.frac, c.output, c.rounding, c.overflow, 0))


def ports(c: Constants) -> Ports:
    """Return the formats of the cell's ports."""
    return Ports(State(c.value), Inputs(c.value, c.reward), Outputs(c.output))


STEP = Cell("modulators.td_error.step", step, ports)
