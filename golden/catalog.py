"""Every model there is, by the name that experiments call it."""

from __future__ import annotations

from goldenspike.golden.modulators import (
    count_error,
    error,
    exponential_unit,
    gate,
    learning_signal,
    match,
    paired,
    running_mean,
    softmax_choice,
    softmax_error,
    squared_error,
    td_error,
    two_sided,
)
from goldenspike.golden.neurons import (
    adaptive_lif,
    adaptive_lif_yin,
    conductance_lif,
    leaky_readout,
    lif,
    rate,
)
from goldenspike.golden.noise import empiric, filtered, sparse
from goldenspike.golden.parameters import choice
from goldenspike.golden.rules import (
    actor_critic,
    adaptive_feedback,
    conductance_perturbation,
    delayed_conductance_perturbation,
    delta_rule,
    eprop,
    eprop_adaptive,
    eprop_reward,
    finite_difference,
    hybrid_perturbation,
    multiplexed_perturbation,
    neuromodulated_stdp,
    node_perturbation,
    online_conductance_perturbation,
    rflo,
    stdp,
    triplet_stdp,
    weight_perturbation,
    weight_perturbation_0,
)
from goldenspike.golden.synapses import dynamic, exponential

NEURONS = {
    "lif": lif,
    "adaptive_lif": adaptive_lif,
    "adaptive_lif_yin": adaptive_lif_yin,
    "leaky_readout": leaky_readout,
    "conductance_lif": conductance_lif,
    "rate": rate,
    "error": error,
    "td_error": td_error,
    "exponential_unit": exponential_unit,
    "softmax_error": softmax_error,
    "softmax_choice": softmax_choice,
    "gate": gate,
    "match": match,
    "learning_signal": learning_signal,
}
RULES = {
    "weight_perturbation": weight_perturbation,
    "weight_perturbation_0": weight_perturbation_0,
    "node_perturbation": node_perturbation,
    "hybrid_perturbation": hybrid_perturbation,
    "finite_difference": finite_difference,
    "multiplexed_perturbation": multiplexed_perturbation,
    "conductance_perturbation": conductance_perturbation,
    "online_conductance_perturbation": online_conductance_perturbation,
    "delayed_conductance_perturbation": delayed_conductance_perturbation,
    "stdp": stdp,
    "neuromodulated_stdp": neuromodulated_stdp,
    "triplet_stdp": triplet_stdp,
    "delta_rule": delta_rule,
    "eprop": eprop,
    "eprop_adaptive": eprop_adaptive,
    "eprop_reward": eprop_reward,
    "actor_critic": actor_critic,
    "rflo": rflo,
    "adaptive_feedback": adaptive_feedback,
}
PERTURBING = {name: module for name, module in RULES.items() if module.TRACE != "every"}
"""Rules that learn from a reward what perturbations do."""
TRACING = {name: module for name, module in RULES.items() if module.TRACE == "every"}
"""Rules with eligibility traces, whose third factor is a population."""
OBJECTIVES = {"squared_error": squared_error, "count_error": count_error}
BASELINES = {"paired": paired, "two_sided": two_sided, "running_mean": running_mean}
NOISES = {"sparse": sparse, "filtered": filtered, "empiric": empiric}
SYNAPSES = {"exponential": exponential, "dynamic": dynamic}


def find(kind: str, registry: dict, name: object) -> object:
    """Return the module of a model.

    Raises
    ------
    ValueError
        Naming what there is, and the nearest name.
    """
    choice(kind, name, tuple(registry))
    return registry[name]


def name_of(registry: dict, params: object) -> str:
    """Return the name of the model that some ``Params`` are of."""
    return next(name for name, module in registry.items() if module.Params is type(params))


def summary(module: object) -> str:
    """Return a model's first line."""
    return (module.__doc__ or "").splitlines()[0]
