"""What a network starts with and is shown: random numbers, half of them corners of their formats.

The bugs are in the corners: a missing saturation shows a hundred times sooner than with uniform
numbers.
"""

from __future__ import annotations

import numpy as np

from goldenspike.golden.fixed import Format
from goldenspike.golden.planned import PlannedProjection
from goldenspike.golden.trial import Session, Stimulus

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
