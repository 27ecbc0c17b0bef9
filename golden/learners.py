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


MODULATORS = ("modulator",)
"""Parameters of rules that name populations which are third factors, unless they have others."""


def _modulators(
    d: Delivery, post: PlannedPopulation, populations: dict[str, PlannedPopulation]
) -> dict[str, PlannedPopulation]:
    """Return the populations that give a rule's third factors, by the rule's name for them."""
    params, name = d.description.rule, d.description.name
    found = {}
    for field in getattr(d.rule, "MODULATORS", MODULATORS):
        given = getattr(params, field, None)
        if given is None:
            continue
        noun = f"{field.capitalize().replace('_', ' ')} of {name}"
        choice(noun, given, populations)
        found[field] = one = populations[given]
        if one.size not in (1, post.size):
            raise ValueError(
                f"{noun} must be of 1 or {post.size} neurons, not {one.name} of {one.size}"
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
    modulators = _modulators(d, post, populations)
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
    known = {**values, **{field: one.signal for field, one in modulators.items()}}
    parts["factor"] = params.scale(known)
    known = _wired(parts["factor"], f"Factor of {q.name}", known)
    known = {name: fmt for name, fmt in known.items() if name not in modulators}
    parts["synapse"] = params.synapse(known)
    known |= _wired(parts["synapse"], f"Synapse of {q.name}", known)
    parts["update"] = params.update(d.weight, known)
    _wired(parts["update"], f"Update of {q.name}", {**known, "due": BIT, "word": RANDOM})
    fixed = tuple(
        name
        for name in getattr(module, "FIXED", ())
        if any(name in part.state for part in parts.values() if part is not None)
    )
    parts_given: Any = parts
    return Learner(params, module, modulators, fixed=fixed, **parts_given)
