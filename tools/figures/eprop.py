"""E-prop: NEST's losses of pattern generation, beside NEST itself if it is installed.

The losses of five iterations, with 30 fraction bits, are those that NEST's test
``test_eprop_regression`` holds its e-prop to. With 16 fraction bits spikes soon differ, as the
network is chaotic, so what counts is the loss after 400 updates. Sums over a trial, which live in
no weight and no membrane, have more bits.
Source: Bellec et al., Nature Communications 11:3625 (2020); NEST.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from goldenspike.golden.trial import Session, in_parallel
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools import peers
from goldenspike.tools.measuring import THREADS, Figure, Run

NEST_LOSSES = (
    101.964356999041,
    103.466731126205,
    103.340607074771,
    103.680244037686,
    104.412775748752,
)
SOURCE, NEST = "NEST test_eprop_regression", "NEST, run beside"
TOLERANCE = 1e-7
UPDATES, LATE = 400, 25.0
OWN = "own bound"
ALIGNED = 0.3
LOCKSTEP: dict[Simulator, int] = {"verilator": 2}
"""A trial takes millions of cycles, which is hours in Icarus."""


def losses(run: Run, name: str, count: int) -> dict[str, tuple[np.ndarray, float]]:
    """Return the losses of the first trials of an experiment, and seconds, by engine."""
    job = run.job(name, seed=1)
    stimulus, samples = job.task.trials(0, count)
    sessions = [job.session(kind=kind) for kind in ("compiled", "ideal")]

    def work(session: Session) -> tuple[np.ndarray, float]:
        session.copy().learn(stimulus, samples[:1])
        begin = time.thread_time()
        outcome = session.learn(stimulus, samples, record=True)
        return job.task.losses(outcome, samples), time.thread_time() - begin

    found = in_parallel(sessions, work, THREADS)
    return {session.kind: one for session, one in zip(sessions, found, strict=True)}


def figures(run: Run) -> Iterator[Figure]:
    """Yield the figures of pattern generation."""
    found = losses(run, "pattern_generation_30", len(NEST_LOSSES))
    deviations = {kind: relative(one) for kind, (one, _) in found.items()}
    yield Figure(
        "e-prop",
        "largest deviation of five losses, relative, 30 bits",
        SOURCE,
        (0.0, TOLERANCE),
        deviations["compiled"],
        deviations["ideal"],
    )
    nest = peers.nest_losses()
    if nest is not None:
        beside = float(np.max(np.abs(found["compiled"][0] / np.array(nest.losses) - 1)))
        yield Figure(
            "e-prop",
            f"the same against NEST {nest.version} as it runs here",
            NEST,
            (0.0, TOLERANCE),
            beside,
        )
        yield Figure(
            "e-prop",
            f"seconds of five iterations (NEST: {nest.seconds:.2f})",
            NEST,
            (0.0, math.inf),
            found["compiled"][1],
            found["ideal"][1],
        )
    for k, expected in enumerate(NEST_LOSSES):
        yield Figure(
            "e-prop",
            f"loss of iteration {k + 1}, 30 bits",
            SOURCE,
            (expected * (1 - TOLERANCE), expected * (1 + TOLERANCE)),
            float(found["compiled"][0][k]),
            float(found["ideal"][0][k]),
            expected,
        )
    late = losses(run, "pattern_generation", UPDATES + 1)
    yield Figure(
        "e-prop",
        f"loss after {UPDATES} updates, 16 bits",
        "own float code: 22.5",
        (0.0, LATE),
        float(late["compiled"][0][-1]),
        float(late["ideal"][0][-1]),
        lockstep=run.lockstep(run.job("pattern_generation", seed=1), LOCKSTEP),
    )
    yield from adaptive(run)


def adaptive(run: Run) -> Iterator[Figure]:
    """Yield the figures of adaptive neurons whose feedback learns."""
    job = run.job("pattern_generation_adaptive", seed=1)
    stimulus, samples = job.task.trials(0, UPDATES + 1)
    sessions = [job.session(kind=kind) for kind in ("compiled", "ideal")]

    def work(session: Session) -> tuple[float, float]:
        outcome = session.learn(stimulus, samples, record=True)
        feedback = session.weights("errors_to_teacher").ravel()
        readout = session.weights("hidden_to_readout").ravel()
        cosine = feedback @ readout / np.linalg.norm(feedback) / np.linalg.norm(readout)
        return float(job.task.losses(outcome, samples)[-1]), float(cosine)

    fixed, real = in_parallel(sessions, work, THREADS)
    yield Figure(
        "e-prop, adaptive LIF",
        f"loss after {UPDATES} updates",
        OWN,
        (0.0, LATE),
        fixed[0],
        real[0],
        lockstep=run.lockstep(job, LOCKSTEP),
    )
    yield Figure(
        "adaptive feedback",
        "cosine of feedback and readout weights, 0 by chance",
        OWN,
        (ALIGNED, 1.0),
        fixed[1],
        real[1],
    )


def relative(found: np.ndarray) -> float:
    """Return the largest relative deviation from NEST's losses."""
    return float(np.max(np.abs(found / np.array(NEST_LOSSES) - 1)))
