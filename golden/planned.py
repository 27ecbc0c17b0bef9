"""What a plan consists of: populations, projections and reward with their integers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from goldenspike.golden import ranges
from goldenspike.golden.cell import Cell
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import sign
from goldenspike.golden.network import LIMIT
from goldenspike.golden.randomness import BLOCK_BITS, VARIATE, Distribution, VariateConstants
from goldenspike.golden.rules import codes, three_factor
from goldenspike.golden.rules.eligibility import Part
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
class Code:
    """The code of a projection's weights.

    Synapse ``(pre, post)`` has index ``first + pre * n + post`` for ``n`` postsynaptic neurons;
    the slot is the trial's number modulo the period.
    """

    cell: Cell
    constants: codes.Constants
    first: int


@dataclass(frozen=True)
class Noise:
    """What makes the variates and scores of neurons from random words.

    `params` is None for white noise, whose cell has no state and makes variates only. `rest` is
    the raw variate of a run that is not perturbed.
    """

    params: Any
    cell: Cell
    constants: Any
    bits: int
    variate: Format
    score: Format
    largest: int
    rest: int

    @property
    def white(self) -> bool:
        """Whether score and variate are one, and nothing is kept from tick to tick."""
        return self.params is None

    @property
    def state(self) -> dict[str, Format]:
        """The formats of the noise's state, by field."""
        return getattr(self.cell.ports(self.constants).state, "_asdict", dict)()


def white(distribution: Distribution) -> Noise:
    """Return the noise that is a variate of a distribution every tick."""
    constants, variate = VariateConstants(int(distribution)), distribution.variate
    bits, largest = int(distribution), distribution.largest
    return Noise(None, VARIATE, constants, bits, variate, variate, largest, 0)


@dataclass(frozen=True)
class Perturbation:
    """A perturbation of neurons or weights: its variates, their place in the stream, its size.

    `stride` is the distance of one row's variates from the next one's (weights only): the next
    power of two, so that the variates of a word of synapses never straddle two blocks. `code` is
    that of weights, or None where they are random; `noise` is what neurons' variates come from.
    """

    distribution: Distribution
    stream: int
    constants: three_factor.PerturbConstants
    amplitude: float
    stride: int
    code: Code | None = None
    noise: Noise | None = None

    @property
    def per_block(self) -> int:
        """Variates of one block."""
        return BLOCK_BITS // int(self.distribution)


@dataclass(frozen=True)
class PlannedPopulation:
    """A population with its integers; `module` and `constants` are None for a source.

    `currents` are the exact sums of its receptors, `driven` what its cell gets of each; the first
    receptor is the one that a perturbation is added to. `output` is the format of the sum of what
    perturbed weights deliver, where a rule traces it. `depth` is how many ticks its signals are
    kept for, a power of two. `signals` are the populations whose signals its cell takes neuron by
    neuron, by field; `window` is None, or the last ticks in which it is active, 0 for all.
    """

    number: int
    name: str
    size: int
    params: Any
    module: Any
    constants: Any
    signal: Format
    currents: dict[str, Format]
    perturbation: Perturbation | None
    output: Format | None = None
    depth: int = 1
    signals: dict[str, PlannedPopulation] = field(default_factory=dict)
    window: int | None = None

    @property
    def outputs(self) -> dict[str, Format]:
        """The formats of all that the neuron gives, by field; the first is its signal."""
        return self.module.STEP.ports(self.constants).outputs._asdict()

    @property
    def draws(self) -> bool:
        """Whether its cell is told a random word, which is another one in every tick."""
        return getattr(self.module, "DRAWS", False)

    @property
    def state(self) -> dict[str, Format]:
        """The formats of the neuron's state, by field."""
        if self.module is None:
            return {}
        return getattr(self.module.STEP.ports(self.constants).state, "_asdict", dict)()

    @property
    def rests(self) -> bool:
        """Whether its neurons stay at 0, silent, as long as they are and nothing arrives."""
        if self.module is None or self.draws or self.signals or self.perturbation is not None:
            return False
        cell = self.module.STEP
        ports = cell.ports(self.constants).named()
        silent = [name for group, name, _ in ports if group != "outputs"]
        return ranges.rests(cell, self.constants, silent, [*self.state, "signal"])

    @property
    def receptors(self) -> tuple[str, ...]:
        """The neuron's receptors, the perturbed one first."""
        return self.module.RECEPTORS

    @property
    def current(self) -> Format:
        """The format of the exact sum of the first receptor."""
        return next(iter(self.currents.values()))

    @property
    def score(self) -> Format | None:
        """The format of what rules correlate with the inputs of its neurons."""
        if self.perturbation is not None and self.perturbation.noise is not None:
            return self.perturbation.noise.score
        return self.output


@dataclass(frozen=True)
class PlannedRule:
    """A learning rule with its integers.

    `trace` is the cell of the eligibility, or None where it is the regenerated variate itself;
    `perturbation` is that of the weights, or of the neurons behind. `accumulate` takes the place
    of `update` where weights are not updated in every trial.
    """

    params: Any
    module: Any
    eligibility: Format
    trace: Cell | None
    constants: Any
    factor: three_factor.FactorConstants
    update: three_factor.UpdateConstants
    accumulate: three_factor.AccumulateConstants | None
    perturbation: Perturbation
    rate: float

    @property
    def kind(self) -> str:
        """When eligibilities are traced: see :data:`TRACES`."""
        return self.module.TRACE

    @property
    def state(self) -> dict[str, Format]:
        """The formats of an eligibility's state, by field: the last one is what learns."""
        if self.trace is None:
            return {}
        return getattr(self.trace.ports(self.constants).state, "_asdict", dict)()

    @property
    def words(self) -> bool:
        """Whether weights are rounded by random words."""
        return self.params.rounding == Rounding.STOCHASTIC


@dataclass(frozen=True)
class Learner:
    """A rule with eligibility traces: its parts, wired by the names of their fields.

    `modulators` are the populations that give third factors, by the rule's name for them; `fixed`
    are the fields of a synapse's state that never change.
    """

    params: Any
    module: Any
    modulators: dict[str, PlannedPopulation]
    pre: Part
    post: Part | None
    factor: Part | None
    synapse: Part | None
    update: Part
    fixed: tuple[str, ...]

    @property
    def parts(self) -> dict[str, Part]:
        """The parts that there are, by name."""
        every = ("pre", "post", "factor", "synapse", "update")
        return {name: part for name in every if (part := getattr(self, name)) is not None}

    @property
    def traces(self) -> dict[str, Format]:
        """The formats of a synapse's traces, which are 0 at a trial's start, by field."""
        state = {} if self.synapse is None else self.synapse.state
        return {name: fmt for name, fmt in state.items() if name not in self.fixed}

    @property
    def kept(self) -> dict[str, Format]:
        """The formats of what else a synapse keeps from trial to trial, by field."""
        both = {**({} if self.synapse is None else self.synapse.state), **self.update.state}
        return {name: fmt for name, fmt in both.items() if name not in ("w", *self.traces)}

    @property
    def words(self) -> bool:
        """Whether weights are rounded by random words."""
        return self.params.rounding == Rounding.STOCHASTIC

    @property
    def skips(self) -> bool:
        """Whether rows without traces, and ticks without factors, are passed over."""
        return self.params.skips

    @property
    def rests(self) -> bool:
        """Whether nothing is learned, and no factor is but 0, in ticks without third factors."""
        part = self.factor
        if part is None or not self.skips:
            return False
        return ranges.rests(part.cell, part.constants, self.modulators, part.outputs)

    @property
    def interval(self) -> int:
        """Trials between two updates."""
        return self.params.interval


TRACES = {
    "none": "the regenerated variate is the eligibility",
    "active": "it is, where the input was active in the perturbed run",
    "delivery": "traced while the presynaptic signal is delivered",
    "output": "traced for the delivered signals when the neurons have been updated",
    "tick": "traced for all synapses after every tick, and learned in the last one of a time bin",
    "every": "made by parts and learned in every tick, or summed until the end of a trial",
}
"""What a rule's ``TRACE`` may be."""


@dataclass(frozen=True)
class PlannedProjection:
    """A projection with its integers; `shift` aligns its currents with the accumulator's.

    `filter` is the module of a synapse model, or None; what it makes of the presynaptic signal
    is what is delivered.
    """

    number: int
    name: str
    pre: PlannedPopulation
    post: PlannedPopulation
    receptor: str
    weight: Format
    delay: int
    description: Any
    filter: Any
    filter_constants: Any
    synapse: delta.Constants
    shift: int
    output_shift: int
    rule: PlannedRule | None
    learner: Learner | None = None
    mirror: str | None = None

    @property
    def signal(self) -> Format:
        """The format of the signal that is delivered."""
        return self.synapse.signal

    @property
    def filter_state(self) -> dict[str, Format]:
        """The formats of the filter's state, by field."""
        if self.filter is None:
            return {}
        return self.filter.STEP.ports(self.filter_constants).state._asdict()

    @property
    def weight_perturbation(self) -> Perturbation | None:
        """The perturbation of the weights, if they are what is perturbed."""
        rule = self.rule
        return None if rule is None or rule.module.PERTURBS != "weight" else rule.perturbation

    def traces(self, *kinds: str) -> bool:
        """Whether its rule traces eligibilities in one of some manners."""
        return self.rule is not None and self.rule.kind in kinds


@dataclass(frozen=True)
class PlannedReward:
    """The reward with its integers; `objective` is None where the error comes from outside."""

    ticks: int
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
    sign: sign.Constants | None
    period: int
    delay: int

    @property
    def paired(self) -> bool:
        """Whether a learning trial has a run to compare with first."""
        return self.baseline.PAIRED

    @property
    def signs(self) -> tuple[int, ...]:
        """The sign of the perturbation in each run of a learning trial."""
        return (self.baseline.REFERENCE, 1) if self.paired else (1,)

    @property
    def bins(self) -> int:
        """Time bins of a trial, of which each has its baseline."""
        return self.ticks // self.period if self.period else 1

    @property
    def baselines(self) -> int:
        """Baselines that are kept: one for each condition and time bin."""
        return self.bins * getattr(self.baseline_params, "conditions", 1)

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
        Projections with a delay, delivered before anything is updated, and without, delivered
        just before their postsynaptic population is updated.
    variables
        By name.
    cells
        ``(where, cell, constants)`` of everything that computes.
    spare
        ``(where, bits)``: how far each of them stays below the kernel's 63 bits.
    readout
        The population whose signals are recorded.
    """

    ticks: int
    populations: tuple[PlannedPopulation, ...]
    projections: tuple[PlannedProjection, ...]
    reward: PlannedReward | None
    variables: dict[str, Variable]
    cells: tuple[tuple[str, Cell, Any], ...]
    spare: tuple[tuple[str, int], ...]
    readout: PlannedPopulation | None = None

    @property
    def late(self) -> tuple[PlannedProjection, ...]:
        """Projections with a delay."""
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
    def learns(self) -> bool:
        """Whether it has a rule to learn by, so that there are learning trials."""
        return any(q.description.rule is not None for q in self.projections)

    def check_learns(self) -> None:
        """Raise ValueError if it has no rule to learn by."""
        if not self.learns:
            raise ValueError("Network must have a rule to learn by, not none")

    @property
    def plastic(self) -> tuple[PlannedProjection, ...]:
        """The projections that learn."""
        return tuple(q for q in self.projections if q.rule is not None)

    @property
    def learners(self) -> tuple[PlannedProjection, ...]:
        """The projections whose rules trace eligibilities part by part."""
        return tuple(q for q in self.projections if q.learner is not None)

    def taken(self, population: PlannedPopulation) -> tuple[str, ...]:
        """Return the outputs of a population, besides its signal, that rules take."""
        wanted = {
            name
            for q in self.learners
            if q.post is population and q.learner is not None and q.learner.post is not None
            for name in q.learner.post.inputs
        }
        return tuple(name for name in population.outputs if name in wanted and name != "signal")

    @property
    def online(self) -> bool:
        """Whether weights are learned during a trial."""
        return self.reward is not None and self.reward.period > 0

    @property
    def episodic(self) -> bool:
        """Whether weights are learned after a trial, from its reward."""
        return self.reward is not None and not self.online

    @property
    def passes(self) -> int:
        """Runs of the ticks in a learning trial: 2 with a paired baseline, else 1."""
        return len(self.reward.signs) if self.reward is not None else 1

    @property
    def digests(self) -> int:
        """Digests of a learning trial: one a tick of every pass, one for an update at its end."""
        return self.passes * self.ticks + self.episodic
