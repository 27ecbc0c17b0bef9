"""Prove the twins of a small network, or run it in lockstep, and print what fails as JSON.

A script, run by ``test_faults.py`` on a copy of ``hdl`` in which a fault is planted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import goldenspike.hdl
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import node_perturbation, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim import lockstep
from goldenspike.sim.proof import prove_all

F = Format.parse
FACTOR = F("fxp-s12/6")
LANES = 2
"""Two groups of hidden neurons; one of outputs, which is added to in consecutive cycles."""
GAUSSIAN: Any = {"distribution": Distribution.GAUSSIAN, "sigma": 0.5 * 8**0.5, "factor": FACTOR}


def network(kind: str) -> Network:
    """Return a network of all units: ``paired`` counts spikes, ``running`` has graded outputs."""
    out: Any = lif.Params(F("fxp-s8/3"), 0.9, 1.0, compare=">")
    reward = Reward("out", "count_error", paired.Params(), F("fxp-s9/2"), F("fxp-u4/2"))
    if kind == "running":
        out = leaky_readout.Params(F("fxp-s8/3"), 0.5)
        mean = running_mean.Params(0.25)
        reward = Reward("out", "squared_error", mean, F("fxp-s12/2"), F("fxp-s6/2"))
    short = node_perturbation.Params(0.0625, eligibility=F("fxp-s4/0"), **GAUSSIAN)
    stochastic = weight_perturbation.Params(0.0625, 0.5, FACTOR, rounding=Rounding.STOCHASTIC)
    exact = node_perturbation.Params(0.0625, **GAUSSIAN)
    graded = weight_perturbation.Params(0.0625, **GAUSSIAN)
    return Network(
        3,
        (
            Population("spikes", 33, Source()),
            Population("levels", 2, Source(F("fxp-s5/2"))),
            Population("hidden", 3, lif.Params(F("fxp-s9/3"), 0.5, 1.0)),
            Population("out", 2, out),
        ),
        (
            Projection("spikes", "hidden", F("fxp-s6/3"), rule=short),
            Projection("hidden", "hidden", F("fxp-s6/3"), delay=1, rule=stochastic),
            Projection("hidden", "out", F("fxp-s8/4"), rule=exact),
            Projection("levels", "out", F("fxp-s8/4"), delay=1, rule=graded),
        ),
        reward,
    )


def start(kind: str) -> tuple[Session, Stimulus]:
    """Return a session, some of whose weights are at their ends, and a stimulus of two samples."""
    session = Session(plan(network(kind)), 20, "python")
    session.trial = 7
    random = np.random.default_rng(17)  # makes rewards of both signs
    for q in session.plan.projections:
        ends = [q.weight.low, q.weight.low + 1, -1, 0, 1, q.weight.high - 1, q.weight.high]
        weights = random.integers(-9, 9, (q.pre.size, q.post.size))
        weights = np.where(random.random(weights.shape) < 0.2, random.choice(ends), weights)
        if q.name == "spikes_to_hidden":
            weights[:, 0] = q.weight.low  # takes the accumulator's last bit when all spike
        session.set_weights(q.name, weights)
    spikes = random.integers(0, 2, (2, 3, 33))
    spikes[0, 0] = 1
    levels = random.choice([-16, -15, -3, -1, 1, 2, 15], (2, 3, 2))
    reward: Any = session.plan.reward
    ticks = (3,) if reward.targets_every_tick else ()
    targets = random.integers(reward.target.low, reward.target.high, (2, *ticks, 2))
    return session, Stimulus({"spikes": spikes, "levels": levels}, targets)


def failures(how: str, kind: str) -> list[str]:
    """Return what fails: cells and where they are, or the first write that differs."""
    session, stimulus = start(kind)
    if how == "proof":
        cells = dict.fromkeys(session.plan.cells)
        return [f"{p.where}: {p.cell.name}" for p in prove_all(cells) if not p.proved]
    lockstep.SLOWEST = 50_000
    report = lockstep.lockstep(session, stimulus, [0, 1], lanes=LANES, simulator="icarus")
    return [str(report.mismatch)] if report.mismatch else []


if __name__ == "__main__":
    copy, *asked = sys.argv[1:]
    assert [Path(place) for place in goldenspike.hdl.__path__] == [Path(copy)]
    print(json.dumps(failures(*asked)))
