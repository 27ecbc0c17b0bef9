"""Networks at the edges of what is accepted: signals of one bit, a population used twice."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.network import Network, read_network
from goldenspike.golden.plan import plan
from goldenspike.golden.rules import eprop_reward
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim.lockstep import lockstep
from goldenspike.sim.stimuli import draw

REWARDED = Path(__file__).resolve().parents[1] / "tools" / "mutants" / "rewarded.toml"
RULE = {
    "model": "delta_rule",
    "modulator": "e",
    "eta": 0.25,
    "factor": "fxp-s8/6",
    "trace": "fxp-u6/4",
    "trace_decay": 0.5,
}


def compare(network: Network, lanes: int, neurons: int) -> None:
    """Run three trials on both rails: all digests and weights are equal."""
    planned = plan(network)
    random = np.random.default_rng(0)
    inputs = {p.name: draw(random, p.signal, 2, planned.ticks, p.size) for p in planned.sources}
    session = Session(planned, 1, "python")
    shown: dict[str, Any] = {"lanes": lanes, "neurons": neurons, "simulator": "icarus"}
    assert lockstep(session, Stimulus(inputs), [0, 1, 0], **shown).mismatch is None


@pytest.mark.parametrize(("trace", "neurons"), [("fxp-u1/0", 4), ("fxp-u1/1", 1), ("fxp-s1/0", 2)])
def test_filtered_signals_of_one_bit(trace: str, neurons: int) -> None:
    filtered = {"model": "exponential", "decay": 0.5, "trace": trace}
    network = {
        "ticks": 6,
        "population": [
            {"name": "a", "size": 5, "model": "source"},
            {"name": "e", "size": 1, "model": "source", "signal": "fxp-s8/4"},
            {
                "name": "y",
                "size": 3,
                "model": "leaky_readout",
                "output": "fxp-s12/6",
                "decay": 0.5,
            },
        ],
        "projection": [
            {
                "pre": "a",
                "post": "y",
                "weight": "fxp-s8/5",
                "initial": 0.5,
                "synapse": filtered,
                "rule": RULE,
            }
        ],
    }
    compare(read_network(network), 4, neurons)


@pytest.mark.parametrize("learns", ["tick", "trial"])
def test_silent_neurons_teach_rflo_nothing(learns: str) -> None:
    """All rows of spikes are visited, and a silent one is told from a spike."""
    rule: dict[str, Any] = {
        "model": "rflo",
        "modulator": "e",
        "eta": 0.5,
        "factor": "fxp-s12/8",
        "psi": "fxp-u8/7",
        "tau": 2.0,
        "eligibility": "fxp-s12/8",
        "learns": learns,
    }
    rule |= {"accumulator": "fxp-s20/14"} if learns == "trial" else {}
    network = {
        "ticks": 6,
        "population": [
            {"name": "a", "size": 5, "model": "source"},
            {"name": "e", "size": 1, "model": "source", "signal": "fxp-s8/4"},
            {"name": "y", "size": 3, "model": "rate", "output": "fxp-s8/7", "tau": 2.0},
        ],
        "projection": [
            {"pre": "a", "post": "y", "weight": "fxp-s16/12", "initial": 0.5, "rule": rule}
        ],
    }
    compare(read_network(network), 2, 1)


def test_one_population_is_a_modulator_twice() -> None:
    """Its signals are read once a step, for both."""

    def twice(rule: Any) -> Any:
        if not isinstance(rule, eprop_reward.Params):
            return rule
        return replace(rule, learning_signal=rule.modulator)

    network = read_network(tomllib.loads(REWARDED.read_text(encoding="utf-8"))["network"])
    changed = [replace(q, rule=twice(q.rule)) for q in network.projections]
    assert changed != list(network.projections)
    compare(replace(network, projections=tuple(changed)), 4, 4)
