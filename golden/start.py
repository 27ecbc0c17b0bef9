"""How a network starts: its initial weights, and what their formats do to them.

    real    = mean + initial * popcount Gaussian            0 where the pattern has no weights
    rounded = real, rounded half to even to the weights' last bit
    raw     = rounded, limited to the format and to the bounds of its rule

Fixed point starts from `raw`, float64 from `rounded`: the two differ where a weight is clipped, and
nowhere else.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from goldenspike.golden import randomness
from goldenspike.golden.fixed import WIDEST, Format
from goldenspike.golden.randomness import Distribution, Stream

if TYPE_CHECKING:
    from goldenspike.golden.plan import Plan
    from goldenspike.golden.planned import PlannedProjection

PER_SYNAPSE = 24
"""Bytes that drawing a projection's weights takes for each beside the weights themselves."""
FINE = 8
"""LSB of a spread that a format should have: fewer than 5 % of its weights then round to 0."""


class Start(NamedTuple):
    """What became of the weights that a projection was to start with.

    Parameters
    ----------
    size
        How many there are, but those that the pattern keeps at 0.
    clipped
        How many were beyond the ends of the format.
    bounded
        How many were within them, but beyond the bounds of the rule.
    lost
        How many were not 0 and were rounded to 0.
    low, high
        The least and the greatest, before they were clipped.
    spread
        Their standard deviation before they were rounded, around 0.
    """

    size: int
    clipped: int
    bounded: int
    lost: int
    low: float
    high: float
    spread: float

    def holding(self, fmt: Format) -> Format:
        """Return the format near another one that holds the weights: their ends, and their spread.

        It is of the widest there are where none suffices.
        """
        frac = fmt.frac
        if self.lost and 0 < self.spread < FINE * fmt.lsb:
            frac = max(frac, math.ceil(math.log2(FINE / self.spread)))
        ends = [round(end * 2.0**frac) for end in (self.low, self.high)]
        kept = [fmt.low << (frac - fmt.frac), fmt.high << (frac - fmt.frac)]
        return within(Format.holding(min(*ends, *kept), max(*ends, *kept), frac))


def within(fmt: Format) -> Format:
    """Return a format as it is, or with as many of its last bits away as are too many."""
    excess = max(0, fmt.width - WIDEST)
    return fmt._replace(width=fmt.width - excess, frac=fmt.frac - excess)


def present(q: PlannedProjection) -> np.ndarray:
    """Return where a projection's initial weights need not be 0, ``(pre, post)``."""
    there = np.ones((q.pre.size, q.post.size), bool)
    if q.description.pattern == "blocks":
        blocks = np.arange(q.pre.size) * q.post.size // q.pre.size
        there = blocks[:, None] == np.arange(q.post.size)
    if q.description.pattern == "upper":
        there = np.triu(there)
    if not q.description.self_connections:
        np.fill_diagonal(there, val=False)
    return there


def real_weights(q: PlannedProjection, seed: int) -> np.ndarray:
    """Return the weights that a projection is to start with: popcount Gaussians, real numbers."""
    distribution = Distribution.GAUSSIAN
    size = q.pre.size * q.post.size
    drawn = randomness.variates(seed, Stream.INITIAL_WEIGHT + q.number, 0, int(distribution), size)
    real = q.description.mean + drawn * (q.description.initial / distribution.variance**0.5)
    return np.where(present(q), real.reshape(q.pre.size, q.post.size), 0.0)


def bounds(q: PlannedProjection) -> tuple[int, int]:
    """Return the least and the greatest raw weight that the rule lets a projection have."""
    params: Any = q.learner.params if q.learner is not None else None
    return params.bounds(q.weight) if hasattr(params, "bounds") else (q.weight.low, q.weight.high)


def started(q: PlannedProjection, real: np.ndarray) -> tuple[np.ndarray, np.ndarray, Start]:
    """Return weights that a projection is to start with as it can have them.

    Parameters
    ----------
    real
        ``(pre, post)``, finite.

    Returns
    -------
    raw, rounded
        Of fixed point, raw integers within the format and the rule's bounds; and of float64, real
        numbers that are rounded and not clipped.
    start
        What was lost.
    """
    fmt = q.weight
    whole = np.rint(np.ldexp(real, fmt.frac))
    raw = fmt.nearest(real)
    there = present(q) if q.description.pattern != "full" else np.ones(real.shape, bool)
    if q.pre is q.post and not q.description.self_connections:
        np.fill_diagonal(there, val=False)
    low, high = bounds(q)
    limited = np.where(there, np.clip(raw, low, high), raw)
    seen = real[there]
    start = Start(
        int(there.sum()),
        int((whole != raw).sum()),
        int((limited != raw).sum()),
        int(((raw == 0) & (real != 0)).sum()),
        float(seen.min(initial=0.0)),
        float(seen.max(initial=0.0)),
        float(np.sqrt(np.mean(seen**2))) if seen.size else 0.0,
    )
    return limited, np.ldexp(whole, -fmt.frac), start


def check_start(q: PlannedProjection) -> None:
    """Check that the mean of a projection's initial weights is one that they can have.

    Raises
    ------
    ValueError
        If it is beyond the ends of the format or the bounds of the rule; if it is not representable
        and all weights start from it; or if the pattern's zeros are beyond the bounds.
    """
    given, fmt = q.description, q.weight
    noun = f"Mean of {q.name}"
    if not given.initial and given.mean:
        fmt.constant(given.mean, noun)
    low, high = (float(end) for end in fmt.to_float(np.array(bounds(q))))
    if not low - fmt.lsb / 2 <= given.mean <= high + fmt.lsb / 2:
        rule = "" if bounds(q) == (fmt.low, fmt.high) else ", the bounds of its rule,"
        raise ValueError(f"{noun} must be {low!r} to {high!r}{rule} in {fmt}, not {given.mean!r}")
    if given.pattern != "full" and not low <= 0 <= high:
        raise ValueError(
            f"Pattern of {q.name} must be 'full' for weights of {low!r} to {high!r}, "
            f"not {given.pattern!r}"
        )


def check_bounds(q: PlannedProjection, raw: np.ndarray) -> None:
    """Raise ValueError if raw weights, ``(pre, post)``, are beyond the bounds of the rule."""
    low, high = bounds(q)
    given = raw[present(q)]
    beyond = int(((given < low) | (given > high)).sum())
    if beyond:
        ends = " to ".join(repr(float(end)) for end in q.weight.to_float(np.array([low, high])))
        raise ValueError(
            f"Weights of {q.name} must be {ends}, the bounds of its rule, "
            f"but {beyond} of {given.size} are beyond"
        )


def initial_weights(plan: Plan, projection: str, seed: int) -> np.ndarray:
    """Return a projection's initial weights, raw."""
    q = next(q for q in plan.projections if q.name == projection)
    return started(q, real_weights(q, seed))[0]


def memory(plan: Plan) -> dict[str, int]:
    """Return the bytes that a session of a network takes, about, by projection and ``neurons``."""
    found = {"neurons": 0}
    for p in plan.neurons:
        found["neurons"] += 8 * p.size * (len(p.state) + 2 * len(p.receptors) + 2 + p.depth)
    for q in plan.projections:
        arrays = 1 + len({} if q.rule is None else q.rule.state)
        arrays += 2 * (q.weight_perturbation is not None)
        if q.learner is not None:
            arrays += len(q.learner.traces) + len(q.learner.kept)
        found[q.name] = q.pre.size * q.post.size * (8 * arrays + PER_SYNAPSE)
    return found


def available() -> int:
    """Return the bytes of memory that this machine, or this container, has in all."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (Path("/sys/fs/cgroup") / name).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        found += [int(text)] if text.isdecimal() else []
    return min(found)


def check_memory(plan: Plan) -> None:
    """Raise ValueError unless this machine's memory has room for a session of a network."""
    needed, there = memory(plan), available()
    if sum(needed.values()) <= there:
        return
    name = max(needed, key=lambda name: needed[name])
    q = next((q for q in plan.projections if q.name == name), None)
    most = "its neurons" if q is None else f"the {q.pre.size} x {q.post.size} synapses of {name}"
    raise ValueError(
        f"Network must fit this machine's memory of {there} bytes, but needs about "
        f"{sum(needed.values())}, {needed[name]} of them for {most}"
    )
