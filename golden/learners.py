"""Planning rules with eligibility traces: their parts, wired by the names of their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goldenspike.golden import catalog
from goldenspike.golden.fixed import BIT, RANDOM, Format
from goldenspike.golden.parameters import choice
from goldenspike.golden.planned import Learner, PlannedPopulation

if TYPE_CHECKING:
    from goldenspike.golden.delivery import Delivery
    from goldenspike.golden.network import Network
    from goldenspike.golden.rules.eligibility import Part


def _modulator(
    params: Any, name: str, post: PlannedPopulation, populations: dict[str, PlannedPopulation]
) -> PlannedPopulation | None:
    """Return the population that gives a rule's third factor, if it has one."""
    given = getattr(params, "modulator", None)
    if given is None:
        return None
    choice(f"Modulator of {name}", given, populations)
    found = populations[given]
    if found.size not in (1, post.size):
        raise ValueError(
            f"Modulator of {name} must be of 1 or {post.size} neurons, "
            f"not {found.name} of {found.size}"
        )
    return found


def _wired(part: Part | None, where: str, known: dict[str, Format]) -> dict[str, Format]:
    """Return the formats known with a part's outputs, after checking that it gets its inputs."""
    if part is None:
        return known
    for field in part.inputs:
        if field not in known:
            listed = ", ".join(known)
            raise ValueError(f"{where} must get {field!r}, but there is only {listed}")
    twice = [name for name in part.outputs if name in known]
    if twice:
        raise ValueError(f"{where} must give outputs of new names, not {twice[0]!r}")
    return known | part.outputs


def learner(
    d: Delivery, size: int, populations: dict[str, PlannedPopulation], network: Network
) -> Learner:
    """Return the rule of a projection with `size` presynaptic neurons.

    Raises
    ------
    ValueError
        If the postsynaptic neurons do not give what the rule needs, or there is a reward.
    """
    q, params, module = d.description, d.description.rule, d.rule
    post = populations[q.post]
    if network.reward is not None:
        raise ValueError(f"Network must have no reward, as the rule of {q.name} has a modulator")
    if q.delay >= network.ticks:
        raise ValueError(
            f"Delay of {q.name} must be below the {network.ticks} ticks, not {q.delay}"
        )
    if getattr(params, "trial_ticks", None) not in (None, network.ticks):
        raise ValueError(
            f"Trial ticks of {q.name} must be {network.ticks}, not {params.trial_ticks}"
        )
    modulator = _modulator(params, q.name, post, populations)
    outputs = post.outputs
    parts: dict[str, Part | None] = {"pre": params.pre(d.signal)}
    values = _wired(parts["pre"], f"Pre part of {q.name}", {"signal": d.signal})
    del values["signal"]
    try:
        parts["post"] = params.post(outputs)
    except KeyError as error:
        model = catalog.name_of(catalog.NEURONS, post.params)
        raise ValueError(
            f"Rule of {q.name} must learn for neurons that give {error}, not {model}"
        ) from None
    given = _wired(parts["post"], f"Post part of {q.name}", outputs)
    values |= {name: fmt for name, fmt in given.items() if name not in outputs}
    known = values if modulator is None else {**values, "modulator": modulator.signal}
    parts["factor"] = params.scale(known)
    known = _wired(parts["factor"], f"Factor of {q.name}", known)
    known.pop("modulator", None)
    parts["synapse"] = params.synapse(values)
    known |= _wired(parts["synapse"], f"Synapse of {q.name}", values)
    parts["update"] = params.update(d.weight, known)
    _wired(parts["update"], f"Update of {q.name}", {**known, "due": BIT, "word": RANDOM})
    fixed = tuple(
        name
        for name in getattr(module, "FIXED", ())
        if any(name in part.state for part in parts.values() if part is not None)
    )
    parts_given: Any = parts
    return Learner(params, module, modulator, fixed=fixed, **parts_given)
