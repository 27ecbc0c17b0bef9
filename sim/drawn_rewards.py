"""Random actors and critics, which random networks with eligibility traces get besides.

The last hidden layer feeds a policy and a value; actions are drawn, and an error of prediction
teaches both readouts and, by a layer of spiking neurons of their own, e-prop with rewards.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import (
    exponential_unit,
    gate,
    softmax_choice,
    softmax_error,
    td_error,
)
from goldenspike.golden.network import Network, Population, Projection, Source
from goldenspike.golden.neurons import adaptive_lif, leaky_readout
from goldenspike.golden.rules import actor_critic, eprop_reward
from goldenspike.sim.drawn_traces import DrawnTraces, traced_network

GRADED = Format(True, 5, 2)


def _credit(d: DrawnTraces, signal: str) -> dict[str, Any]:
    """Return what rules with credits are told."""
    return {
        **d.shared("surprise"),
        **d.learning(),
        **d.trace(),
        "learning_signal": signal,
        "credit": Format(True, d.between(4, 14), d.between(1, 6)),
        "discount": d.one(0.0, 0.5, 0.875),
    }


def _hidden(d: DrawnTraces, model: Any, ticks: int) -> eprop_reward.Params:
    """Return e-prop with rewards for a neuron model."""
    given = {
        **_credit(d, d.one("advice", "advice", "one")),
        **d.surrogate(),
        "eligibility": Format(True, d.between(4, 12), d.between(1, 6)),
        "filter_decay": d.one(0.0, 0.5, 0.875),
    }
    if given.get("learns") == "trial" and d.one(True, False):
        given |= d.regularized(ticks) | {"interval": 1, "momentum": 0.0}
    if isinstance(model, adaptive_lif.Params):
        given |= {"rho": model.rho, "beta": model.beta}
        given["adaptation"] = Format(True, d.between(5, 12), d.between(1, 5))
    return eprop_reward.Params(**given)


def rewarded_network(seed: int) -> Network:
    """Return a network whose rules trace eligibilities, with an actor and a critic besides."""
    network, d = traced_network(seed), DrawnTraces(seed)
    model, actions, hidden = d.spiking(), d.one(1, 2, 5), d.one(1, 3, 9)
    readout = leaky_readout.Params(Format(True, 9, 4), d.one(0.5, 0.9))
    fmt = Format(False, d.between(2, 7), d.between(1, 5))
    part = Format(False, 5, 4)
    mirrored = d.one(True, False)
    total = leaky_readout.Params(fmt)
    populations = (
        Population("go", 1, Source()),
        Population("one", 1, Source(GRADED)),
        Population("crowd", hidden, model),
        Population("policy", actions, readout),
        Population("value", 1, readout),
        Population("exponentials", actions, exponential_unit.Params(part, "policy", 1.0)),
        Population("sums", actions, total),
        Population("total", 1, total),
        Population("action", actions, softmax_choice.Params("exponentials", "sums", "total", "go")),
        Population(
            "regrets",
            actions,
            softmax_error.Params(Format(True, 7, 5), "exponentials", "total", "action"),
        ),
        Population("regret", actions, gate.Params("regrets", "go")),
        Population("critic", 1, gate.Params("value", "go")),
        Population(
            "surprise",
            1,
            td_error.Params(
                Format(True, d.between(5, 10), d.between(1, 4)), "critic", "reward", 0.5
            ),
        ),
        Population("advice", hidden, leaky_readout.Params(Format(True, 8, d.between(1, 4)))),
    )
    weights, one = [d.weight() for _ in range(5)], Format(False, 2, 0)
    actor = actor_critic.Params(**_credit(d, d.one("regret", "regret", "one")))
    critic = actor_critic.Params(**_credit(d, "one"))
    projections = (
        Projection(
            "spikes", "crowd", weights[0], d.one(0, 1), rule=_hidden(d, model, network.ticks)
        ),
        Projection("crowd", "crowd", weights[1], 1, rule=_hidden(d, model, network.ticks)),
        Projection("crowd", "policy", weights[2], rule=actor),
        Projection("crowd", "value", weights[3], rule=critic),
        Projection("exponentials", "sums", one, mean=1.0, pattern="upper"),
        Projection("exponentials", "total", one, mean=1.0),
        Projection("one", "advice", weights[4]),
        Projection(
            "regret",
            "advice",
            weights[2] if mirrored else weights[4],
            mirror="crowd_to_policy" if mirrored else None,
        ),
    )
    return replace(
        network,
        populations=tuple(d.shuffled([*network.populations, *populations])),
        projections=tuple(d.shuffled([*network.projections, *projections])),
    )
