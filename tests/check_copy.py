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
from goldenspike.golden.modulators import error, paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import conductance_lif, leaky_readout, lif
from goldenspike.golden.plan import plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import (
    conductance_perturbation,
    delta_rule,
    eprop,
    hybrid_perturbation,
    multiplexed_perturbation,
    node_perturbation,
    online_conductance_perturbation,
    weight_perturbation,
    weight_perturbation_0,
)
from goldenspike.golden.synapses import exponential
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim import lockstep
from goldenspike.sim.proof import prove_all

F = Format.parse
FACTOR = F("fxp-s12/6")
CORES = {"traced": (4, 2)}
"""Lanes and neurons a cycle, if not 2 and 1."""
"""Two groups of hidden neurons; one of outputs, which is added to in consecutive cycles."""
GAUSSIAN: Any = {"distribution": Distribution.GAUSSIAN, "sigma": 0.5 * 8**0.5, "factor": FACTOR}


HIDDEN = lif.Params(F("fxp-s9/3"), 0.5, 1.0)
OUT = leaky_readout.Params(F("fxp-s8/3"), 0.5)
CONDUCTANCES = conductance_lif.Params(
    *(F("fxp-s10/5"), 0.125, 0.0, 4.0, -1.0, 1.0, 0.0), conductance=F("fxp-u7/8")
)
FADING = exponential.Params(0.5, F("fxp-u5/2"))
JUDGED: Any = {"reward": F("fxp-s12/2"), "target": F("fxp-s6/2")}
EMPIRIC: Any = {
    "eta": 0.0625,
    "weight": 0.125,
    "probability": 0.25,
    "decay": 0.5,
    "trace": F("fxp-u7/4"),
    "factor": FACTOR,
}


def weights() -> Network:
    """Return rules that perturb weights, filtered and delayed signals, means by condition."""
    given: Any = {"eta": 0.0625, "sigma": 0.5, "factor": FACTOR}
    active = weight_perturbation_0.Params(**given)
    coded = multiplexed_perturbation.Params(**given, interval=2, accumulator=F("fxp-s10/6"))
    traced = hybrid_perturbation.Params(**given)
    mean = running_mean.Params(0.25, 2)
    return Network(
        4,
        (
            Population("spikes", 4, Source()),
            Population("hidden", 3, HIDDEN),
            Population("out", 2, OUT),
        ),
        (
            Projection("spikes", "hidden", F("fxp-s6/3"), rule=active, synapse=FADING),
            Projection("hidden", "hidden", F("fxp-s6/3"), delay=2, rule=coded),
            Projection("hidden", "out", F("fxp-s8/4"), rule=traced),
        ),
        Reward("out", "squared_error", mean, sign=True, **JUDGED),
    )


def conductances(kind: str) -> Network:
    """Return empiric synapses: ``online`` learns every other tick, ``resting`` after two runs."""
    episodic = conductance_perturbation.Params(**EMPIRIC)
    fading = online_conductance_perturbation.Params(
        eligibility=F("fxp-s10/4"), eligibility_decay=0.75, **EMPIRIC
    )
    rule, baseline, period = episodic, paired.Params(), 0
    if kind == "online":
        rule, baseline, period = fading, running_mean.Params(0.25, 2), 2
    return Network(
        4,
        (Population("spikes", 4, Source()), Population("out", 3, CONDUCTANCES)),
        (Projection("spikes", "out", F("fxp-u6/4"), rule=rule, synapse=FADING),),
        Reward("out", "squared_error", baseline, period=period, **JUDGED),
    )


def traced() -> Network:
    """Return rules with eligibility traces: e-prop, filtered and not, with symmetric feedback."""
    shared: Any = {"eta": 0.5, "factor": F("fxp-s10/6")}
    local: Any = {"psi": F("fxp-u6/5"), "height": 0.5, "width": 8.0, "modulator": "teacher"}
    trace: Any = {"trace": F("fxp-u7/4"), "trace_decay": 0.75}
    online = eprop.Params(**shared, **local, **trace, rounding=Rounding.STOCHASTIC)
    summed = eprop.Params(
        **shared,
        **local,
        **trace,
        filter_decay=0.5,
        eligibility=F("fxp-s10/5"),
        learns="trial",
        accumulator=F("fxp-s12/8"),
    )
    out = delta_rule.Params(**shared, **trace, modulator="errors")
    errors = error.Params(F("fxp-s8/3"), "out", "targets", window=4)
    return Network(
        6,
        (
            Population("spikes", 5, Source()),
            Population("targets", 3, Source(F("fxp-s6/2"))),
            Population("hidden", 3, HIDDEN),
            Population("out", 3, OUT),
            Population("errors", 3, errors),
            Population("teacher", 3, leaky_readout.Params(F("fxp-s10/4"))),
        ),
        (
            Projection("spikes", "hidden", F("fxp-s6/3"), rule=online),
            Projection("hidden", "hidden", F("fxp-s6/3"), delay=1, rule=summed),
            Projection("hidden", "out", F("fxp-s8/4"), rule=out),
            Projection("errors", "teacher", F("fxp-s8/4"), mirror="hidden_to_out"),
        ),
        readout="out",
    )


def network(kind: str) -> Network:
    """Return a network of all units: ``paired`` counts spikes, ``running`` has graded outputs."""
    if kind == "traced":
        return traced()
    if kind == "weights":
        return weights()
    if kind in ("online", "resting"):
        return conductances(kind)
    out: Any = lif.Params(F("fxp-s8/3"), 0.9, 1.0, compare=">")
    reward = Reward("out", "count_error", paired.Params(), F("fxp-s9/2"), F("fxp-u4/2"))
    if kind == "running":
        out = OUT
        mean = running_mean.Params(0.25)
        reward = Reward("out", "squared_error", mean, F("fxp-s12/2"), F("fxp-s6/2"))
    short = node_perturbation.Params(eta=0.0625, eligibility=F("fxp-s4/0"), **GAUSSIAN)
    stochastic = weight_perturbation.Params(
        eta=0.0625, sigma=0.5, factor=FACTOR, rounding=Rounding.STOCHASTIC
    )
    exact = node_perturbation.Params(eta=0.0625, **GAUSSIAN)
    graded = weight_perturbation.Params(eta=0.0625, **GAUSSIAN)
    return Network(
        3,
        (
            Population("spikes", 33, Source()),
            Population("levels", 2, Source(F("fxp-s5/2"))),
            Population("hidden", 3, HIDDEN),
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
        if q.mirror is not None:
            continue
        ends = [q.weight.low, q.weight.low + 1, -1, 0, 1, q.weight.high - 1, q.weight.high]
        common = (0, 16) if kind == "traced" else (-9, 9)
        weights = random.integers(*common, (q.pre.size, q.post.size))
        weights = np.where(random.random(weights.shape) < 0.2, random.choice(ends), weights)
        if q.name == "spikes_to_hidden":
            weights[:, 0] = q.weight.low  # takes the accumulator's last bit when all spike
        session.set_weights(q.name, np.clip(weights, q.weight.low, q.weight.high))
    ticks = session.plan.ticks
    inputs = {"spikes": random.integers(0, 2, (2, ticks, session.plan.sources[0].size))}
    inputs["spikes"][0, 0] = 1
    if kind in ("paired", "running"):
        inputs["levels"] = random.choice([-16, -15, -3, -1, 1, 2, 15], (2, ticks, 2))
    else:
        inputs["spikes"][1, :, 0] = 0  # An input that is active in the first trial only.
    if kind == "traced":
        inputs["targets"] = random.integers(-32, 31, (2, ticks, 3))
        return session, Stimulus(inputs)
    reward: Any = session.plan.reward
    shape = (ticks, reward.readout.size) if reward.targets_every_tick else (reward.readout.size,)
    targets = random.integers(reward.target.low, reward.target.high, (2, *shape))
    conditions = np.zeros(2, int)
    if reward.baseline_state:  # Means that are known already: rewards are not 0.
        session.arrays["reward.primed"][...] = 1
        session.arrays["reward.mean"][...] = 4000
    return session, Stimulus(inputs, targets, conditions)


def failures(how: str, kind: str) -> list[str]:
    """Return what fails: cells and where they are, or the first write that differs."""
    session, stimulus = start(kind)
    if how == "proof":
        cells = dict.fromkeys(session.plan.cells)
        return [f"{p.where}: {p.cell.name}" for p in prove_all(cells) if not p.proved]
    lockstep.SLOWEST = 50_000
    lanes, neurons = CORES.get(kind, (2, 1))
    report = lockstep.lockstep(
        session, stimulus, [0, 1], lanes=lanes, neurons=neurons, simulator="icarus"
    )
    return [str(report.mismatch)] if report.mismatch else []


if __name__ == "__main__":
    copy, *asked = sys.argv[1:]
    assert [Path(place) for place in goldenspike.hdl.__path__] == [Path(copy)]
    print(json.dumps(failures(*asked)))
