"""Parity of 3 bits: the share of seeds solved by node and weight perturbation.

3-6-1 sigmoid units with biases, a pattern drawn anew every trial, signs as perturbations. Solved is
what it is for XOR.
Source: McCaughan et al., "Multiplexed gradient descent", APL Machine Learning 1:026118 (2023), for
parity as the task; the settings are our own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.figures.xor import share
from goldenspike.tools.measuring import Figure, Run

EXPERIMENTS = {"node_perturbation": "parity_node", "weight_perturbation": "parity_weight"}
TRIALS, SEEDS = 100_000, range(40)
EXPECTED = {"node_perturbation": 1.0, "weight_perturbation": 0.95}
"""In another code in floating point, of 20 other seeds: 20 and 19."""
LEAST = 0.9
LOCKSTEP: dict[Simulator, int] = {"verilator": 200, "icarus": 20}


def figures(run: Run) -> Iterator[Figure]:
    """Yield the share that is solved, by rule."""
    for rule, name in EXPERIMENTS.items():
        job = run.job(name)
        yield Figure(
            rule.replace("_", " "),
            "share solved",
            "own float code",
            (LEAST, math.inf),
            share(job, SEEDS, TRIALS, "compiled", run),
            share(job, SEEDS, TRIALS, "ideal", run),
            EXPECTED[rule],
            run.lockstep(job, LOCKSTEP),
        )
