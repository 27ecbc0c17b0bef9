"""The checks can fail: faults planted in the hardware are caught, and their place is named.

Each fault is one edit of a copy of ``hdl``; golden and sim are the repository's own. This file,
run as a script on the copy, proves the twins of a small network and runs it in lockstep.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goldenspike.hdl
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import node_perturbation, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim.lockstep import lockstep
from goldenspike.sim.proof import prove_all

REPOSITORY = Path(__file__).resolve().parents[1]
F = Format.parse
LANES = 4  # two groups of hidden neurons; one of outputs, whose sums follow each other at once
FIRST = 7  # trial


def network(kind: str) -> Network:
    """Return a network of all units: ``paired`` counts spikes, ``running`` has graded outputs."""
    ticks, factor = 3, F("fxp-s12/6")
    gaussian = {"distribution": Distribution.GAUSSIAN, "sigma": 0.5 * 8**0.5}
    out: Any = lif.Params(F("fxp-s8/3"), 0.9, 1.0, compare=">")
    reward = Reward("out", "count_error", paired.Params(), F("fxp-s9/2"), F("fxp-u4/2"))
    if kind == "running":
        out = leaky_readout.Params(F("fxp-s8/3"), 0.5)
        mean = running_mean.Params(0.25)
        reward = Reward("out", "squared_error", mean, F("fxp-s12/2"), F("fxp-s6/2"))
    return Network(
        ticks,
        (
            Population("spikes", 33, Source()),
            Population("levels", 3, Source(F("fxp-s5/2"))),
            Population("hidden", 5, lif.Params(F("fxp-s9/3"), 0.5, 1.0)),
            Population("out", 3, out),
        ),
        (
            Projection(
                *("spikes", "hidden", F("fxp-s6/3")),
                rule=node_perturbation.Params(
                    0.0625, factor=factor, eligibility=F("fxp-s4/0"), **gaussian
                ),
            ),
            Projection(
                *("hidden", "hidden", F("fxp-s6/3"), 1),
                rule=weight_perturbation.Params(0.0625, 0.5, factor, rounding=Rounding.STOCHASTIC),
            ),
            Projection(
                *("hidden", "out", F("fxp-s8/4")),
                rule=node_perturbation.Params(0.0625, factor=factor, **gaussian),
            ),
            Projection(
                *("levels", "out", F("fxp-s8/4"), 1),
                rule=weight_perturbation.Params(0.0625, factor=factor, **gaussian),
            ),
        ),
        reward,
    )


def start(kind: str) -> tuple[Session, Stimulus]:
    """Return a session with weights at and near their ends, and a stimulus of two samples."""
    session = Session(plan(network(kind)), 20, "python")
    session.trial = FIRST
    random = np.random.default_rng(1)
    for q in session.plan.projections:
        ends = [q.weight.low, q.weight.low + 1, -1, 0, 1, q.weight.high - 1, q.weight.high]
        weights = random.integers(-9, 9, (q.pre.size, q.post.size))
        weights = np.where(random.random(weights.shape) < 0.2, random.choice(ends), weights)
        if q.name == "spikes_to_hidden":
            weights[:, 0] = q.weight.low  # needs the accumulator's last bit when all spike
        session.set_weights(q.name, weights)
    spikes = random.integers(0, 2, (2, 3, 33))
    spikes[0, 0] = 1
    levels = random.choice([-16, -15, -3, -1, 1, 2, 15], (2, 3, 3))
    reward: Any = session.plan.reward
    ticks = (3,) if reward.targets_every_tick else ()
    targets = random.integers(reward.target.low, reward.target.high, (2, *ticks, 3))
    return session, Stimulus({"spikes": spikes, "levels": levels}, targets)


def check(how: str, kind: str) -> list[str]:
    """Return what fails: cells and where they are, or the first write that differs."""
    session, stimulus = start(kind)
    if how == "proof":
        cells = dict.fromkeys(session.plan.cells)
        return [f"{p.where}: {p.cell.name}" for p in prove_all(cells) if not p.proved]
    seen = lockstep(session, stimulus, [0, 1, 0], lanes=LANES, simulator="icarus").mismatch
    if seen is None:
        return []
    assert seen.golden != seen.hardware
    return [str(seen).partition(": golden ")[0]]


if __name__ == "__main__":
    assert Path(goldenspike.hdl.__path__[0]).parts[-3:-1] != REPOSITORY.parts[-2:]
    print(json.dumps(check(*sys.argv[1:])))
