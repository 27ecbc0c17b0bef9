"""Every model there is, by the name that experiments call it."""

from __future__ import annotations

from goldenspike.golden.modulators import count_error, paired, running_mean, squared_error
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.parameters import choice
from goldenspike.golden.rules import node_perturbation, weight_perturbation

NEURONS = {"lif": lif, "leaky_readout": leaky_readout}
RULES = {"weight_perturbation": weight_perturbation, "node_perturbation": node_perturbation}
OBJECTIVES = {"squared_error": squared_error, "count_error": count_error}
BASELINES = {"paired": paired, "running_mean": running_mean}


def find(kind: str, registry: dict, name: object) -> object:
    """Return the module of a model.

    Raises
    ------
    ValueError
        Naming what there is, and the nearest name.
    """
    choice(kind, name, tuple(registry))
    return registry[name]


def summary(module: object) -> str:
    """Return a model's first line."""
    return (module.__doc__ or "").splitlines()[0]
