"""What a network starts with and is shown: random numbers, half of them corners of their formats.

The bugs are in the corners: a missing saturation shows a hundred times sooner than with uniform
numbers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.plan import Plan
from goldenspike.golden.planned import PlannedProjection
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import host

SAMPLES = 2
"""Samples of a stimulus."""
SILENT = (0.0, 0.0, 0.5, 0.9, 0.99)
"""Shares of a source's signals that are made 0: each sample draws one."""
FIRST = 3
"""How many of these the first sample draws from: none that leaves it silent."""


def draw(random: np.random.Generator, fmt: Format, *shape: int) -> np.ndarray:
    """Return raw numbers of a format: half from its corners, the others of every magnitude."""
    uniform = random.integers(fmt.low, fmt.high, shape, endpoint=True)
    uniform >>= random.integers(0, fmt.width, shape)
    corners = [fmt.low, min(fmt.low + 1, fmt.high), 0, min(1, fmt.high), fmt.high - 1, fmt.high]
    corners.append(-1 if fmt.signed else 0)
    return np.where(random.random(shape) < 0.5, uniform, random.choice(corners, shape))


def fill(session: Session, random: np.random.Generator) -> None:
    """Fill all that synapses keep from trial to trial, their weights among it."""
    for q in session.plan.projections:
        if q.mirror is None:
            _synapses(session, q, random)


def stimulate(session: Session, random: np.random.Generator) -> Stimulus:
    """Return what trials present, and fill what a reward's baseline knows already."""
    planned, inputs = session.plan, {}
    for p in planned.sources:
        signals = draw(random, p.signal, SAMPLES, planned.ticks, p.size)
        shares = np.take(SILENT, random.integers([FIRST, *[len(SILENT)] * (SAMPLES - 1)]))
        signals[random.random(signals.shape) < shares[:, None, None]] = 0
        if not signals.any():
            signals[0, 0] = p.signal.high
        inputs[p.name] = signals
    reward = planned.reward
    if reward is None:
        return Stimulus(inputs)
    for field, fmt in reward.baseline_state.items():
        session.arrays[f"reward.{field}"][...] = draw(random, fmt, reward.baselines)
    ticks = (planned.ticks,) if reward.targets_every_tick else ()
    targets = draw(random, reward.target, SAMPLES, *ticks, reward.readout.size)
    conditions = random.integers(0, reward.baselines // reward.bins, SAMPLES)
    return Stimulus(inputs, targets, conditions)


def start(
    plan: Plan, random: np.random.Generator, kind: str = "python"
) -> tuple[Session, Stimulus]:
    """Return a session with random seed, trial, weights and states, and a random stimulus.

    `kind` is the session's engine.
    """
    session = Session(plan, int(random.integers(1 << 32)), kind)
    session.trial = int(random.choice([0, 1, 1000, (1 << 32) - 2, int(random.integers(1 << 32))]))
    fill(session, random)
    return session, stimulate(session, random)


def steady(session: Session, stimulus: Stimulus, random: np.random.Generator) -> Stimulus:
    """Let weights, inputs and targets be at one end each: sums then reach theirs.

    Returns the stimulus in the place of the one given.
    """
    for q in session.plan.projections:
        if q.mirror is None and (q.learner is None or "bound" not in q.learner.fixed):
            weights = np.full(
                (q.pre.size, q.post.size), random.choice([q.weight.low, q.weight.high])
            )
            if not q.description.self_connections:
                np.fill_diagonal(weights, 0)
            session.set_weights(q.name, weights)

    def ends(values: np.ndarray, low: int, high: int) -> np.ndarray:
        """Return an array with one end in each sample."""
        chosen = random.choice([low, high], len(values))
        return values * 0 + chosen.reshape(-1, *[1] * (values.ndim - 1))

    planned = session.plan
    sources = {p.name: p.signal for p in planned.sources}
    inputs = {
        name: ends(values, sources[name].low or sources[name].high, sources[name].high)
        for name, values in stimulus.inputs.items()
    }
    targets = stimulus.targets
    if planned.reward is not None:
        targets = ends(targets, planned.reward.target.low, planned.reward.target.high)
    return replace(stimulus, inputs=inputs, targets=targets)


def any_words(plan: Plan, seed: int) -> dict[str, list[int]]:
    """Return random words for every region that a host may load, by region.

    Each word is one that the region can hold. Words of spikes have ones beyond the last neuron,
    too.
    """
    random = np.random.default_rng((seed, 6))
    session, stimulus = start(plan, random)
    words = host.weight_words(session) | host.sample_words(plan, stimulus, 0)
    for p in plan.sources:
        if p.signal == BIT:
            name = f"{p.name}_inputs"
            words[name] = random.integers(0, 1 << 32, len(words[name])).tolist()
    condition = reward = 0
    if plan.reward is not None:
        condition = int(random.integers(plan.reward.baselines // plan.reward.bins))
        reward = int(draw(random, plan.reward.reward, 1)[0])
        words["errors"] = host.error_words(plan, draw(random, plan.reward.error, 2).tolist())
    return words | host.register_words(session, condition, reward)


def _synapses(session: Session, q: PlannedProjection, random: np.random.Generator) -> None:
    """Fill a projection's synapses with all that they keep from trial to trial."""
    shape = q.pre.size, q.post.size
    # Weights of many magnitudes: with large ones, neurons hardly leave the ends of their format.
    least = min(2, q.weight.width)
    span = q.weight._replace(width=int(random.integers(least, q.weight.width, endpoint=True)))
    weights = draw(random, span, *shape)
    bounded = q.learner is not None and "bound" in q.learner.fixed
    if bounded:  # Which are those of weights of 0 and above.
        weights = np.minimum(np.abs(weights), q.weight.high)
    if not q.description.self_connections:
        np.fill_diagonal(weights, 0)
    session.set_weights(q.name, weights)
    if q.learner is None:
        if f"{q.name}.sum" in session.arrays:
            fmt = session.plan.variables[f"{q.name}.sum"].format
            session.arrays[f"{q.name}.sum"][...] = draw(random, fmt, *shape)
        return
    session.set_fixed(q)
    for field, fmt in q.learner.kept.items():
        if field != "bound":
            session.arrays[f"{q.name}.{field}"][...] = draw(random, fmt, *shape)
