"""What a plan consists of: populations, projections and reward with their integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from goldenspike.golden.cell import Cell
from goldenspike.golden.fixed import Format
from goldenspike.golden.network import LIMIT
from goldenspike.golden.randomness import BLOCK_BITS, Distribution
from goldenspike.golden.rules import node_perturbation, three_factor
from goldenspike.golden.synapses import delta

PASSES, UPDATE = 1, 2
"""Flags of a run: the passes of a learning trial, its update. 0 is one plain pass."""
MOST_VARIABLES = 255
"""The digest numbers variables with a byte."""


class Variable(NamedTuple):
    """An architectural variable: what digests and traces speak of.

    `number` is its place in the digest; `shape` is ``()``, ``(neurons,)`` or ``(pre, post)``.
    """

    number: int
    name: str
    format: Format
    shape: tuple[int, ...]

    def index(self, packed: int) -> tuple[int, ...]:
        """Return the index of an element from the digest's packed one (``pre << 16 | post``)."""
        return {0: (), 1: (packed,), 2: (packed >> 16, packed & (LIMIT - 1))}[len(self.shape)]


@dataclass(frozen=True)
class Perturbation:
    """A perturbation of neurons or weights: its variates, their place in the stream, its size.

    `stride` is the distance of one row's variates from the next one's (weights only): the next
    power of two, so that the variates of a word of synapses never straddle two blocks.
    """

    distribution: Distribution
    stream: int
    constants: three_factor.PerturbConstants
    amplitude: float
    stride: int

    @property
    def per_block(self) -> int:
        """Variates of one block."""
        return BLOCK_BITS // int(self.distribution)


@dataclass(frozen=True)
class PlannedPopulation:
    """A population with its integers; `module` and `constants` are None for a source."""

    number: int
    name: str
    size: int
    params: Any
    module: Any
    constants: Any
    signal: Format
    current: Format
    perturbation: Perturbation | None

    @property
    def state(self) -> dict[str, Format]:
        """The formats of the neuron's state, by field."""
        return {} if self.module is None else self.module.STEP.ports(self.constants).state._asdict()


@dataclass(frozen=True)
class PlannedRule:
    """A learning rule with its integers.

    `step` is None where the eligibility is the regenerated variate itself; `perturbation` is that
    of the weights, or of the neurons behind.
    """

    params: Any
    module: Any
    eligibility: Format
    step: node_perturbation.Constants | None
    factor: three_factor.FactorConstants
    update: three_factor.UpdateConstants
    perturbation: Perturbation
    rate: float


@dataclass(frozen=True)
class PlannedProjection:
    """A projection with its integers; `shift` aligns its currents with the accumulator's."""

    number: int
    name: str
    pre: PlannedPopulation
    post: PlannedPopulation
    weight: Format
    delay: int
    initial: float
    synapse: delta.Constants
    shift: int
    rule: PlannedRule | None

    @property
    def weight_perturbation(self) -> Perturbation | None:
        """The perturbation of the weights, if they are what is perturbed."""
        rule = self.rule
        return None if rule is None or rule.module.PERTURBS != "weight" else rule.perturbation


@dataclass(frozen=True)
class PlannedReward:
    """The reward with its integers; `objective` is None where the error comes from outside."""

    readout: PlannedPopulation
    objective: Any
    constants: Any
    baseline: Any
    baseline_params: Any
    baseline_constants: Any
    target: Format
    error: Format
    reward: Format
    scale: float

    @property
    def paired(self) -> bool:
        """Whether a learning trial has an unperturbed run first."""
        return self.baseline.PAIRED

    @property
    def targets_every_tick(self) -> bool:
        """Whether targets are given for every tick, or once for a trial."""
        return self.objective is not None and self.objective.TARGETS_EVERY_TICK

    @property
    def counts(self) -> dict[str, Format]:
        """The formats of the objective's state per neuron, by field."""
        if self.objective is None:
            return {}
        return self.objective.STEP.ports(self.constants).state._asdict()

    @property
    def baseline_state(self) -> dict[str, Format]:
        """The formats of the baseline's state, by field."""
        return getattr(self.baseline.STEP.ports(self.baseline_constants).state, "_asdict", dict)()


@dataclass(frozen=True)
class Plan:
    """A checked network.

    Parameters
    ----------
    populations
        In the order in which a tick updates them.
    late, prompt
        Projections of delay 1, delivered before anything is updated, and of delay 0, delivered
        just before their postsynaptic population is updated.
    variables
        By name.
    cells
        ``(where, cell, constants)`` of everything that computes.
    spare
        ``(where, bits)``: how far each of them stays below the kernel's 63 bits.
    """

    ticks: int
    populations: tuple[PlannedPopulation, ...]
    projections: tuple[PlannedProjection, ...]
    reward: PlannedReward | None
    variables: dict[str, Variable]
    cells: tuple[tuple[str, Cell, Any], ...]
    spare: tuple[tuple[str, int], ...]

    @property
    def late(self) -> tuple[PlannedProjection, ...]:
        """Projections of delay 1."""
        return tuple(q for q in self.projections if q.delay)

    def prompt(self, population: PlannedPopulation) -> tuple[PlannedProjection, ...]:
        """Return the projections of delay 0 into a population."""
        return tuple(q for q in self.projections if not q.delay and q.post is population)

    @property
    def neurons(self) -> tuple[PlannedPopulation, ...]:
        """The populations that compute, in the order of a tick."""
        return tuple(p for p in self.populations if p.module is not None)

    @property
    def sources(self) -> tuple[PlannedPopulation, ...]:
        """The populations whose signals come from outside."""
        return tuple(p for p in self.populations if p.module is None)

    @property
    def plastic(self) -> tuple[PlannedProjection, ...]:
        """The projections that learn."""
        return tuple(q for q in self.projections if q.rule is not None)

    @property
    def passes(self) -> int:
        """Runs of the ticks in a learning trial: 2 with the paired baseline, else 1."""
        return 2 if self.reward is not None and self.reward.paired else 1

    @property
    def digests(self) -> int:
        """Digests of a learning trial: one for every tick of every pass, and one for the update."""
        return self.passes * self.ticks + 1
