"""Assembly: neurons that are stimulated together grow together, and complete what is missing.

The neurons are in groups. A trial stimulates one group after `quiet` ticks and for `shown`: each of
its neurons has a source of spikes of its own, at a higher rate; all others go on at the rate of
the background. To measure, only the first part of a group is stimulated: in an assembly
the rest of it joins in, other groups do not. Completion is the rest's rate over the sum of it and
the other groups' rate, 1/2 by chance.
Source: Pokorny, Ison, Rao, Legenstein, Papadimitriou, Maass, Cerebral Cortex 30:952 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldenspike.golden.parameters import Parameters, unit
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.golden.trial import Outcome, Session, Stimulus
from goldenspike.tools.supervised import check_ticks, spikes

RECURRENT = "neurons_to_neurons"


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    groups
        How many there are, 2 or more.
    group
        Neurons of a group, 2 or more.
    quiet, shown, after
        Durations in ticks: before, of and after the stimulation.
    rate, background
        Probability of a stimulus's spike a tick: of the group that is stimulated, and else.
    cued
        Share of a group that is stimulated to measure, above 0 and below 1.
    train, held_out
        Samples to learn from and to measure with, of each group.
    """

    groups: int = 4
    group: int = 8
    quiet: int = 20
    shown: int = 100
    after: int = 80
    rate: float = 0.2
    background: float = 0.005
    cued: float = 0.5
    train: int = 16
    held_out: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (
            ("groups", 2),
            ("group", 2),
            ("quiet", 0),
            ("shown", 1),
            ("after", 0),
            ("train", 1),
            ("held_out", 1),
        ):
            if getattr(self, name) < least:
                noun = name.capitalize().replace("_", "-")
                raise ValueError(f"{noun} must be {least} or more, not {getattr(self, name)!r}")
        for name in ("rate", "background"):
            unit(name.capitalize(), getattr(self, name))
        if not 0 < self.first < self.group:
            raise ValueError(f"Cued must be some neurons of a group, not all, not {self.cued!r}")

    @property
    def first(self) -> int:
        """How many neurons of a group are stimulated to measure: the first ones."""
        return round(self.cued * self.group)

    @property
    def neurons(self) -> int:
        """All neurons."""
        return self.groups * self.group

    @property
    def ticks(self) -> int:
        """The length of a trial."""
        return self.quiet + self.shown + self.after


class Task:
    """Assemblies in one network: a source and a neuron each, recurrent weights that learn."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        self.params, self.plan, self.seed = params, plan, seed
        check_ticks("assembly", plan, params.ticks)
        sizes = [p.size for p in plan.sources]
        if sizes != [params.neurons] or plan.sources[0].signal.width != 1:
            raise ValueError(f"Network of assembly must have one source of {params.neurons} spikes")
        if plan.readout is None or (plan.readout.name, plan.readout.size) != (
            "neurons",
            params.neurons,
        ):
            raise ValueError(f"Readout of assembly must be {params.neurons} neurons")
        if RECURRENT not in [q.name for q in plan.projections]:
            raise ValueError(f"Network of assembly must have a projection {RECURRENT}")
        self.group_of = np.arange(params.neurons) // params.group
        self.shown = slice(params.quiet, params.quiet + params.shown)
        every = np.ones(params.neurons, bool)
        self.cued = np.arange(params.neurons) % params.group < params.first
        self.stimulus = self._stimulus(params.train, every, Stream.TASK)
        self.held_out = self._stimulus(params.held_out, self.cued, Stream.TASK + 1)

    def _stimulus(self, each: int, chosen: np.ndarray, stream: int) -> Stimulus:
        """Return samples of groups 0, 1 and so on, of which only chosen neurons are stimulated."""
        params = self.params
        group = np.arange(each * params.groups) % params.groups
        p = np.full((len(group), params.ticks, params.neurons), params.background)
        on = (group[:, None] == self.group_of) & chosen
        p[:, self.shown] += (params.rate - params.background) * on[:, None]
        return Stimulus({self.plan.sources[0].name: spikes(p, self.seed, stream)})

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the samples that are learned from, and which each trial from `first` on shows."""
        drawn = words(self.seed, Stream.TASK + 2, 0, first, 2 * count)[::2]
        return self.stimulus, (drawn * self.stimulus.size) >> 32

    def rates(self, outcome: Outcome) -> np.ndarray:
        """Return the rates of neurons while a group is shown, ``(trials, neurons)``."""
        return outcome.signals[:, self.shown].astype(np.float64).mean(axis=1)

    def losses(self, outcome: Outcome, samples: np.ndarray) -> np.ndarray:
        """Return the share of each trial's spikes that are of neurons of other groups."""
        rates = self.rates(outcome)
        others = (samples % self.params.groups)[:, None] != self.group_of
        total = rates.sum(axis=1)
        return np.where(others, rates, 0.0).sum(axis=1) / np.where(total > 0, total, 1.0)

    def measure(self, session: Session) -> dict[str, float]:
        """Return completion, and the mean weights within and between groups."""
        samples = np.arange(self.held_out.size)
        rates = self.rates(session.evaluate(self.held_out, samples, record=True))
        same = (samples % self.params.groups)[:, None] == self.group_of
        rest, others = rates[same & ~self.cued].mean(), rates[~same].mean()
        weights = session.weights(RECURRENT)
        within = self.group_of[:, None] == self.group_of
        between = weights[~within].mean()
        np.fill_diagonal(within, val=False)
        return {
            "completion": float(rest / (rest + others)) if rest + others else 0.5,
            "weight within": float(weights[within].mean()),
            "weight between": float(between),
        }
