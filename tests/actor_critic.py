"""An actor and a critic of a few neurons, which tests of rules with rewards build on."""

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
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.rules import actor_critic, eprop_reward

f = Format.parse
TICKS, HIDDEN = 16, 6
W = f("fxp-s12/9")
LIF = lif.Params(f("fxp-s12/6"), 0.9, 1.0)
CREDIT: dict[str, Any] = {
    "modulator": "delta",
    "eta": 0.5,
    "factor": f("fxp-s14/10"),
    "credit": f("fxp-s16/10"),
    "discount": 0.9,
    "trace": f("fxp-u10/7"),
    "trace_decay": 0.8,
}
HIDDEN_RULE = eprop_reward.Params(
    learning_signal="teacher",
    eligibility=f("fxp-s14/10"),
    filter_decay=0.8,
    psi=f("fxp-u8/7"),
    height=0.9,
    width=1.0,
    **CREDIT,
)
ACTOR = actor_critic.Params(learning_signal="surprise", **CREDIT)
CRITIC = actor_critic.Params(learning_signal="one", **CREDIT)


def network(
    hidden: Any = HIDDEN_RULE, actor: Any = ACTOR, critic: Any = CRITIC, **more: Any
) -> Network:
    """Return a network that decides: hidden neurons, a policy, a value and what teaches them."""
    neuron = more.pop("neuron", LIF)
    readout = leaky_readout.Params(f("fxp-s14/9"), 0.8)
    total = leaky_readout.Params(f("fxp-u12/9"))
    populations = (
        Population("inputs", 5, Source()),
        Population("go", 1, Source()),
        Population("alive", 1, Source()),
        Population("one", 1, Source(f("fxp-s4/2"))),
        Population("reward", 1, Source(f("fxp-s6/4"))),
        Population("hidden", HIDDEN, neuron),
        Population("policy", 2, readout),
        Population("value", 1, readout),
        Population("exponentials", 2, exponential_unit.Params(f("fxp-u10/9"), "policy", 1.0)),
        Population("sums", 2, total),
        Population("total", 1, total),
        Population("action", 2, softmax_choice.Params("exponentials", "sums", "total", "go")),
        Population(
            "errors",
            2,
            softmax_error.Params(f("fxp-s12/10"), "exponentials", "total", "action"),
        ),
        Population("surprise", 2, gate.Params("errors", "go")),
        Population("critic", 1, gate.Params("value", "alive")),
        Population("delta", 1, td_error.Params(f("fxp-s14/9"), "critic", "reward", 0.9)),
        Population("teacher", HIDDEN, leaky_readout.Params(f("fxp-s14/9"))),
    )
    one = f("fxp-u1/0")
    projections = (
        Projection("inputs", "hidden", W, initial=0.6, rule=hidden),
        Projection("hidden", "hidden", W, 1, initial=0.25, rule=hidden, self_connections=False),
        Projection("hidden", "policy", W, initial=0.25, rule=actor),
        Projection("hidden", "value", W, initial=0.25, rule=critic),
        Projection("exponentials", "sums", one, mean=1.0, pattern="upper"),
        Projection("exponentials", "total", one, mean=1.0),
        Projection("surprise", "teacher", W, mirror="hidden_to_policy"),
        Projection("one", "teacher", W, mirror="hidden_to_value"),
    )
    given = Network(TICKS, populations, projections, readout="action")
    return replace(given, **more)
