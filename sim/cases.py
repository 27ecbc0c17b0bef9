"""Random cases for lockstep: whole networks, weights, stimuli and runs as a function of a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.network import Network
from goldenspike.golden.plan import Plan
from goldenspike.golden.planned import PlannedProjection
from goldenspike.golden.randomness import MASK
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl.core import LANES
from goldenspike.sim.drawing import Drawing
from goldenspike.sim.drawn import draw_network, kind_of
from goldenspike.sim.lockstep import Kind, Run
from goldenspike.sim.stimuli import SAMPLES, draw, fill, stimulate

FEW = LANES[:4]
"""Lanes of most cases: more make the core of a small network large."""
TRIES, ENOUGH = 12, 0.5
"""How often a small network is drawn, at most, until such a share of its rules learns."""
SPLIT = 0.25
"""Share of the cases that learn after their trials in which passes and update are two commands."""
ANY = 8
"""One seed in so many takes its first network, whether it learns or not."""


@dataclass(frozen=True)
class Case:
    """A network and what it is shown.

    Parameters
    ----------
    size
        How large the network may be, by name.
    runs
        What the core does, one after the other.
    external
        Errors of the passes of learning trials if the objective is external, else None.
    lanes, neurons
        Synapses and neurons a cycle of the core.
    power_up
        Seed of what memories begin with; None for zeros.
    overwritten
        Seed of words that every region holds, and answers, before those of the session; or None.
    refused
        Networks that were drawn before, and refused.
    """

    seed: int
    size: str
    network: Network
    plan: Plan
    session: Session
    stimulus: Stimulus
    runs: tuple[Run, ...]
    external: np.ndarray | None
    lanes: int
    neurons: int
    power_up: int | None
    overwritten: int | None
    refused: int

    @property
    def samples(self) -> list[int]:
        """The samples that learning trials present."""
        return [run.sample for run in self.runs if run.learns]


def rewarded_case(seed: int) -> Case:
    """Return a small case of a network that learns from a reward."""
    return random_case(seed, "small", "rewarded")


def traced_case(seed: int) -> Case:
    """Return a small case of a network whose rules trace eligibilities."""
    return random_case(seed, "small", "traced")


def random_case(seed: int, size: str | None = None, kind: str | None = None) -> Case:
    """Return a random network with random weights, stimuli and runs.

    A small network is drawn up to :data:`TRIES` times, until enough of its rules learn.

    Parameters
    ----------
    seed
        All that the case is a function of, with size and kind.
    size, kind
        How large the network may be, and what it learns from, as
        :func:`goldenspike.sim.drawn.draw_network` has it.
    """
    case = single_case(seed, size, kind)
    if case.size != "small" or seed % ANY == 0:
        return case
    best, share = case, _learning(case)
    for turn in range(1, TRIES):
        if share >= ENOUGH:
            break
        other = single_case(seed, case.size, kind or kind_of(case.network), turn=(turn,))
        found = _learning(other)
        if found > share:
            best, share = other, found
    return best


def _learning(case: Case) -> float:
    """Return which share of the projections with rules learns something; 1 if none has one."""
    if not case.plan.learns:
        return 1.0
    session = case.session.copy()
    before = {name: array.copy() for name, array in session.arrays.items()}
    session.learn(case.stimulus, case.samples, external=case.external)
    rules = [q for q in case.plan.projections if q.description.rule is not None]
    return len(learned(case.plan, before, session.arrays)) / len(rules)


def learned(
    planned: Plan, before: dict[str, np.ndarray], after: dict[str, np.ndarray]
) -> list[PlannedProjection]:
    """Return the projections whose weights, or what is summed for them, are others than before."""
    names = ("w", "sum", "velocity")
    return [
        q
        for q in planned.projections
        if any(
            (before[key] != after[key]).any()
            for name in names
            if (key := f"{q.name}.{name}") in before
        )
    ]


def single_case(seed: int, *how: str | None, **more: Any) -> Case:
    """Return one network with random weights, stimuli and runs, whether it learns or not.

    Parameters
    ----------
    seed, how, more
        What :func:`goldenspike.sim.drawn.draw_network` is told.
    """
    drawn = draw_network(seed, *how, **more)
    planned, d = drawn.plan, Drawing(seed, 3, *more.get("turn", ()))
    session = Session(planned, d.one(0, MASK, d.between(0, MASK)), "python")
    session.trial = _first(d, planned)
    fill(session, d.random)
    lanes = d.one(*FEW * 6, *LANES)
    runs = _runs(d, "learn" if planned.learns else "plain")
    if planned.episodic and Drawing(seed, 7).chance(SPLIT):
        runs = tuple(run._replace(kind="split") if run.learns else run for run in runs)
    stimulus = stimulate(session, d.random)
    external = None
    if planned.reward is not None and planned.reward.objective is None:
        count = sum(run.learns for run in runs)
        external = draw(d.random, planned.reward.error, count, planned.passes)
    return Case(
        seed,
        drawn.size,
        drawn.network,
        planned,
        session,
        stimulus,
        runs,
        external,
        lanes,
        neurons=d.one(*(n for n in LANES if n <= lanes)),
        power_up=d.one(None, d.between(0, MASK)),
        overwritten=Drawing(seed, 9).one(None, seed),
        refused=len(drawn.refused),
    )


def _runs(d: Drawing, learn: Kind) -> tuple[Run, ...]:
    """Return learning trials, and often a plain run or a reset among them.

    All are plain runs and resets where `learn` is ``"plain"``.
    """
    kinds = d.one(
        ("learn",) * 3,
        ("learn",) * 3,
        ("learn", "plain", "learn"),
        ("plain", "learn", "learn"),
        ("learn", "reset", "learn", "learn"),
        ("reset", "learn", "plain", "learn"),
        ("learn", "learn", "plain"),
        ("learn", "learn", "reset"),
    )
    runs = []
    for kind in kinds:
        cycles = d.whole(0, 1 << d.between(1, 12)) if kind == "reset" else 0
        runs.append(Run(learn if kind == "learn" else kind, d.between(0, SAMPLES - 1), cycles))
    return tuple(runs)


def _first(d: Drawing, planned: Plan) -> int:
    """Return the number of the first trial: a corner, or one before weights are due."""
    rules = [q.rule or q.learner for q in planned.projections]
    intervals = {one.params.interval for one in rules if one is not None} - {1}
    due = [interval * d.between(1, MASK // interval) - d.between(1, 2) for interval in intervals]
    due += [number - interval // 2 for number, interval in zip(due, intervals, strict=True)]
    powers = [(1 << k) - d.between(1, 2) for k in (8, 16, 24, 31, 32)]
    return d.one(0, 1, d.between(0, MASK), *powers, *due * 4) & MASK
