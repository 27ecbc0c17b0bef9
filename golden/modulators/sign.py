"""One-bit reward: only whether a trial was better or worse than expected.

    reward' = one * sign(reward)

A reward of 0 stays 0.
Source: Fiete, Fee, Seung, J Neurophysiol 98:2038 (2007), whose reward is one bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.fixed import Format


class Constants(NamedTuple):
    reward: Format
    one: Any


class Inputs(NamedTuple):
    reward: Any


class Outputs(NamedTuple):
    reward: Any


def constants(reward: Format) -> Constants:
    """Return the constants for rewards of a format, which must hold 1."""
    return Constants(reward, reward.constant(1.0, "Reward of 1"))


def ideal(constants: Constants) -> Constants:
    """Return the real number in the integer's place."""
    return constants._replace(one=1.0)


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Reduce the reward of a trial to its sign."""
    return s, Outputs(select(x.reward > 0, c.one, select(x.reward < 0, -c.one, 0)))


STEP = Cell(
    "modulators.sign.step",
    step,
    lambda c: Ports(Nothing(), Inputs(c.reward), Outputs(c.reward)),
)
