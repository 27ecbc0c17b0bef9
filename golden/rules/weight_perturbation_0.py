"""Weight perturbation of active inputs only.

    eligibility = active ? variate : 0

An input is active if it had a signal other than 0 in the trial. Weights whose input was silent
cannot have mattered; weight perturbation without this would diffuse them.
Source: WP0 of Zuge, Klos, Memmesheimer, PRX 13:021006 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.rules.three_factor import PerturbationParams

PERTURBS = "weight"
TRACE = "active"


@dataclass(frozen=True, kw_only=True)
class Params(PerturbationParams):
    """Parameters of weight perturbation of active inputs: `sigma` is in weight units."""


class Constants(NamedTuple):
    variate: Format


class Inputs(NamedTuple):
    variate: Any
    active: Any


class Outputs(NamedTuple):
    eligibility: Any


@cell
def step(c: Any, s: Any, x: Any) -> Any:
    """Make the eligibility of one synapse and trial."""
    return s, Outputs(select(x.active == 1, x.variate, 0))


STEP = Cell(
    "rules.weight_perturbation_0.step",
    step,
    lambda c: Ports(Nothing(), Inputs(c.variate, BIT), Outputs(c.variate)),
)
