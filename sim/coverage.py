"""Functional coverage: which bins random cases hit, and which stay open.

A bin is a tuple of words. :func:`bins` lists all there are: of every field of every description its
domain's corners, of every model what it meets, of every twin that a core has it and that its state
reaches its ends. :func:`of_case` says which of them a case has; it is a function of the case's
description and of what the golden model does with it, so no simulator is asked.

==============  ===================================================================================
``field``       a corner of a field's domain: where the field is declared, its name, the corner
``cell``        a twin is in the core
``end``         a field of a twin's state is written as its format's least or greatest number
``rule``        a rule that learns something in the run, and its rounding, overflow, filter, delay,
                lanes, or what gives its signal or its third factor
``neurons``     a neuron model, and how many of it a cycle, or what it is connected to
``size``        a size of something, by class; with the lanes where units of both meet
``run``         a kind of run, and how the network learns
==============  ===================================================================================
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

from goldenspike.golden import catalog
from goldenspike.golden.fixed import BIT, Overflow, Rounding
from goldenspike.golden.network import LONGEST
from goldenspike.golden.parameters import nearest_word
from goldenspike.golden.planned import Plan, PlannedPopulation, PlannedProjection
from goldenspike.hdl.catalog import TWINS
from goldenspike.hdl.core import LANES
from goldenspike.sim.cases import Case, learned, single_case
from goldenspike.sim.corners import Bin, classed, corners_of, descriptions, every_corner, word

TRACE_ROWS = 1 << 20
"""Writes of a case's golden run that are looked at."""
TURNS = 400
"""How many cases are drawn, at most, until one is in a bin."""
DELAYS = {"0": (0, 0), "1": (1, 1), "2 and more": (2, LONGEST)}
LONG_DELAYS = {"0": (0, 0), "1 to 127": (1, 127), "128 and more": (128, LONGEST)}
COUNTS = {
    "1": (1, 1),
    "2 to 31": (2, 31),
    "32 to 127": (32, 127),
    "128 to 511": (128, 511),
    "512 and more": (512, 1 << 16),
}
LONG = {"1": (1, 1), "2 to 63": (2, 63), "64 to 255": (64, 255), "256 and more": (256, 1 << 16)}
LATE = {"0": (0, 0), "1 to 3": (1, 3), "4 and more": (4, LONGEST)}
INTERVALS = {"1": (1, 1), "2 to 16": (2, 16), "17 and more": (17, 1 << 16)}
FEW = {"1": (1, 1), "2 to 4": (2, 4), "8 and more": (8, 32)}


def _module(params: Any) -> str:
    """Return the name of a model, or of what is none."""
    return sys.modules[type(params).__module__].__name__.rpartition(".")[2]


SOURCES = ("source of spikes", "source of numbers", "spiking", "graded", "modulator")


def _giver(p: PlannedPopulation) -> str:
    """Return what kind of population gives a signal."""
    if p.module is None:
        return SOURCES[0] if p.signal == BIT else SOURCES[1]
    if p.signals:
        return SOURCES[4]
    return SOURCES[2] if p.signal == BIT else SOURCES[3]


FILTERS = ("none", "exponential", "dynamic")
LEARNING = ("paired", "two_sided", "running_mean", "online", "traced", "fixed")
RUNS = ("learn", "split", "plain", "reset")
THIRD = tuple(
    name
    for name, m in catalog.TRACING.items()
    if name not in ("stdp", "triplet_stdp", "adaptive_feedback")
)
NEURONS = tuple(name for name, m in catalog.NEURONS.items() if m.RECEPTORS)


def _crosses() -> Iterator[Bin]:
    """Yield what models meet."""
    rules = (*catalog.RULES, "none")
    yield from (("rule", *one) for one in product(catalog.RULES, map(word, Rounding)))
    yield from (("rule", *one) for one in product(catalog.RULES, map(word, Overflow)))
    yield from (("rule", rule, "filter", kind) for rule, kind in product(rules, FILTERS))
    yield from (("rule", rule, "delay", word) for rule, word in product(rules, DELAYS))
    yield from (("rule", rule, "lanes", word) for rule, word in product(rules, FEW))
    yield from (("rule", rule, "pre", word) for rule, word in product(rules, SOURCES))
    for rule in THIRD:
        yield from (("rule", rule, "third", word) for word in (*SOURCES, "one", "many"))
    yield from (("neurons", name, "a cycle", word) for name, word in product(catalog.NEURONS, FEW))
    yield from (("neurons", name, "mirror") for name in NEURONS)
    yield from (("size", "lanes", *one) for one in product(LANES, LANES) if one[1] <= one[0])
    for what, classes in (("pre", COUNTS), ("post", COUNTS)):
        yield from (("size", what, *one) for one in product(classes, FEW))
    yield from (("size", "ticks", word) for word in LONG)
    yield from (("size", "delay", word) for word in LONG_DELAYS)
    yield from (("size", "late", word) for word in LATE)
    yield from (("size", "interval", word) for word in INTERVALS)
    yield from (("size", "trial", word) for word in ("2**8", "2**16", "2**32"))
    yield from (("size", *one) for one in SINGLE)
    runs = product(RUNS, LEARNING)
    absent = {("learn", "fixed"), *(("split", how) for how in ("online", "traced", "fixed"))}
    yield from (("run", *one) for one in runs if one not in absent)


SINGLE = (
    *(("arrives",), ("never arrives",), ("third factors are the same",)),
    *(("modulator is the neuron itself",), ("two into one",), ("due", False), ("due", True)),
    *(("blocks", "2**12 and more"), ("row", "2**9 and more"), ("conditions", "256 and more")),
    *(("learned",), ("spiked",), ("silent",)),
)


def _of_rule(case: Case, q: PlannedProjection) -> Iterator[Bin]:
    params = q.description.rule
    name = "none" if params is None else _module(params)
    if params is not None:
        yield "rule", name, word(params.rounding)
        yield "rule", name, word(params.overflow)
        yield "size", "interval", classed(INTERVALS, params.interval)
    yield "rule", name, "filter", "none" if q.filter is None else _module(q.description.synapse)
    yield "rule", name, "delay", classed(DELAYS, q.delay)
    yield "rule", name, "lanes", classed(FEW, case.lanes)
    yield "rule", name, "pre", _giver(q.pre)
    yield "size", "pre", classed(COUNTS, q.pre.size), classed(FEW, case.lanes)
    yield "size", "post", classed(COUNTS, q.post.size), classed(FEW, case.lanes)
    yield "size", "delay", classed(LONG_DELAYS, q.delay)
    yield "size", "arrives" if q.delay < case.plan.ticks else "never arrives"
    if q.pre.size > 1 << 9 and (q.rule or q.learner):
        yield "size", "row", "2**9 and more"
    if q.weight_perturbation is not None:
        stride = q.weight_perturbation.stride * q.pre.size // q.weight_perturbation.per_block
        if stride > 1 << 12:
            yield "size", "blocks", "2**12 and more"
    if q.mirror is not None:
        yield "neurons", _module(q.post.params), "mirror"
    if q.learner is None:
        return
    givers = list(q.learner.modulators.values())
    for p in givers:
        yield "rule", name, "third", _giver(p)
        yield "rule", name, "third", "one" if p.size == 1 else "many"
        if p is q.post:
            yield "size", "modulator is the neuron itself"
    if len({p.name for p in givers}) < len(givers):
        yield "size", "third factors are the same"


def of_network(case: Case) -> set[Bin]:
    """Return the bins that a case has by its description."""
    plan = case.plan
    found: set[Bin] = set()
    for described in descriptions(case.network):
        found |= set(corners_of(described))
    found |= {("cell", cell.name) for _, cell, _ in plan.cells}
    for p in plan.neurons:
        found.add(("neurons", _module(p.params), "a cycle", classed(FEW, case.neurons)))
    for q in plan.projections:
        # A rule is covered where it learns: see `of_run`.
        found |= {one for one in _of_rule(case, q) if one[0] != "rule" or one[1] == "none"}
        if sum(other.post is q.post for other in plan.projections) > 1:
            found.add(("size", "two into one"))
    found.add(("size", "lanes", case.lanes, case.neurons))
    found.add(("size", "ticks", classed(LONG, plan.ticks)))
    if plan.reward is not None:
        found.add(("size", "late", classed(LATE, plan.reward.delay)))
        if plan.reward.baselines > 255:
            found.add(("size", "conditions", "256 and more"))
    learning = _learning(plan)
    found |= {("run", kind, learning) for kind in {run.kind for run in case.runs}}
    return found


def _learning(plan: Plan) -> str:
    if plan.reward is None:
        return "traced" if plan.learns else "fixed"
    return "online" if plan.reward.period else _module(plan.reward.baseline_params)


def _states(plan: Plan) -> dict[str, tuple[str, str]]:
    """Return the cell and the field of its state that each variable is, by the variable's name."""
    found: dict[str, tuple[str, str]] = {}

    def add(prefix: str, cell: Any, constants: Any) -> None:
        for field in getattr(cell.ports(constants).state, "_fields", ()):
            found[f"{prefix}{field}"] = (cell.name, field)

    for p in plan.neurons:
        add(f"{p.name}.", p.module.STEP, p.constants)
        noise: Any = None if p.perturbation is None else p.perturbation.noise
        if noise is not None and not noise.white:
            add(f"{p.name}.noise_", noise.cell, noise.constants)
    for q in plan.projections:
        if q.filter is not None:
            add(f"{q.name}.", q.filter.STEP, q.filter_constants)
        for name, part in ({} if q.learner is None else q.learner.parts).items():
            add(
                f"{q.name}.{name}_" if name in ("pre", "post") else f"{q.name}.",
                part.cell,
                part.constants,
            )
        if q.rule is not None:
            from goldenspike.golden.rules import three_factor

            rule = q.rule
            if rule.trace is not None:
                add(f"{q.name}.", rule.trace, rule.constants)
            update = three_factor.UPDATE if rule.accumulate is None else three_factor.ACCUMULATE
            add(f"{q.name}.", update, rule.accumulate or rule.update)
    if plan.reward is not None:
        add("reward.", plan.reward.baseline.STEP, plan.reward.baseline_constants)
        if plan.reward.objective is not None:
            add("reward.", plan.reward.objective.STEP, plan.reward.constants)
    return found


def of_run(case: Case) -> set[Bin]:
    """Return the bins that a case has by what golden does in its learning trials."""
    if not case.plan.learns:
        return set()
    plan, session = case.plan, case.session.copy()
    before = {name: array.copy() for name, array in session.arrays.items()}
    first = session.trial
    outcome = session.learn(
        case.stimulus,
        case.samples,
        traced=True,
        trace_rows=TRACE_ROWS,
        external=case.external,
    )
    found: set[Bin] = set()
    states = _states(plan)
    for variable in plan.variables.values():
        values = outcome.trace[outcome.trace[:, 1] == variable.number][:, 3]
        fmt = variable.format
        if variable.name.endswith((".spike", ".signal")) and values.size:
            found.add(("size", "spiked" if values.any() else "silent"))
        where = states.get(variable.name)
        if where is None or not values.size:
            continue
        ends = {"low": fmt.low, "high": fmt.high}
        found |= {("end", *where, word) for word, end in ends.items() if (values == end).any()}
    for q in learned(plan, before, session.arrays):
        found |= {one for one in _of_rule(case, q) if one[0] == "rule"}
        found.add(("size", "learned"))
    crossed = first + len(case.samples)
    for bits in (8, 16, 32):
        if first < 1 << bits <= crossed:
            found.add(("size", "trial", f"2**{bits}"))
    intervals = {
        q.description.rule.interval for q in plan.projections if q.description.rule is not None
    } - {1}
    for interval in intervals:
        due = any((first + k + 1) % interval == 0 for k in range(len(case.samples)))
        found.add(("size", "due", due))
    return found


def _ends() -> Iterator[Bin]:
    for name, twin in TWINS.items():
        for constants in twin.cases():
            state = twin.cell.ports(constants).state
            for field, fmt in zip(getattr(state, "_fields", ()), state, strict=True):
                yield "end", name, field, "high"
                if fmt.signed:
                    yield "end", name, field, "low"


@functools.cache
def _every() -> frozenset[Bin]:
    """Return all bins, those that cannot be reached among them."""
    return frozenset((*every_corner(), *_crosses(), *_ends(), *(("cell", name) for name in TWINS)))


@functools.cache
def bins() -> frozenset[Bin]:
    """Return all bins, but for those that cannot be reached."""
    return frozenset(one for one in _every() if reason(one) is None)


def removed() -> frozenset[Bin]:
    """Return the bins that cannot be reached: :func:`reason` says why."""
    return _every() - bins()


def of_case(case: Case) -> set[Bin]:
    """Return the bins that a case has."""
    return (of_network(case) | of_run(case)) & bins()


def aimed_case(seed: int, aim: Bin, size: str | None = None) -> Case:
    """Return a random case that is in a bin.

    Raises
    ------
    RuntimeError
        If none of :data:`TURNS` is.
    """
    for turn in range(TURNS):
        with contextlib.suppress(RuntimeError):
            case = single_case(seed, size, aim=aim, turn=(turn,))
            found = of_network(case)
            if aim in found or (_shown(aim, found) and aim in of_run(case)):
                return case
    raise RuntimeError(f"Network of seed {seed} must be in {title(aim)!r}, but none of {TURNS} is")


def _shown(aim: Bin, found: set[Bin]) -> bool:
    """Return whether a run can show a bin, of a network that is in some."""
    return aim[0] in ("size", "rule") or (aim[0] == "end" and ("cell", aim[1]) in found)


def title(one: Bin) -> str:
    """Return a bin in words."""
    return ": ".join(map(str, one))


def named(text: str) -> Bin:
    """Return the bin of a title.

    Raises
    ------
    ValueError
        If there is none, or it cannot be reached.
    """
    known = {title(one): one for one in _every()}
    if text not in known:
        raise ValueError(
            f"Bin must be as coverage prints it, not {text!r}{nearest_word(text, known)}"
        )
    why = reason(known[text])
    if why is not None:
        raise ValueError(f"Bin must be within reach, not {text!r}: {why}")
    return known[text]


def choose(found: dict[int, set[Bin]], most: int | None = None) -> list[int]:
    """Return seeds that cover what all do, each the one that adds most; `most` of them at most."""
    left, chosen = set().union(*found.values()), []
    while left and (most is None or len(chosen) < most):
        best = max(found, key=lambda seed: len(found[seed] & left))
        chosen.append(best)
        left -= found[best]
    return chosen


SPIKES = ("stdp", "neuromodulated_stdp", "triplet_stdp")
IN_STREAM = {
    ("Projection", "weight"),
    ("Source", "signal"),
    ("triplet_stdp", "bound"),
    ("ScaleParams", "accumulator"),
    ("SurrogateParams", "total"),
}
HOLDING_ONE = {("PairParams", "trace"), ("triplet_stdp", "trace")}
NOISE = {("filtered", "noise"), ("empiric", "trace"), ("EmpiricParams", "trace")}
PARTS = ("fixed.requantize", "pole.step")
REASONS = {
    "part": "it is a part of other twins and is in no core alone",
    "bitwise": "it is no state that is written: randomness has none",
    "fixed": "it never changes, so it is never written",
    "spikes": "the rule takes spikes only",
    "stream": "a core refuses it by name: a word of a stream has 32 bits",
    "one": "the format must hold 1",
    "ticks": "it takes a trial of 65535 ticks, which single networks have, of no more than a rule",
    "noise": "a perturbation is refused by name unless its noise has 0 or more fraction bits",
    "reset": "a neuron that reaches the highest potential spikes and is reset",
    "unsigned": "weights of triplet STDP start at 0 or more and stay there",
}
"""Why bins are removed."""


def reason(one: Bin) -> str | None:
    """Return why a bin cannot be reached, or None if it can."""
    key = _removal(*one)
    return None if key is None else REASONS[key]


def _removal(kind: str, *words: Any) -> str | None:
    """Return the key of the reason why a bin is removed, or None."""
    first, *rest = words
    if kind in ("cell", "end") and first in PARTS:
        return "part"
    if kind == "end" and first.startswith("randomness."):
        return "bitwise"
    if kind == "end" and rest[0] in ("plus", "minus", "bound"):
        return "fixed"
    if kind == "end" and first == "rules.triplet_stdp.update" and rest[1] == "low":
        return "unsigned"
    if kind == "end" and first == "neurons.conductance_lif.step" and rest == ["v", "high"]:
        return "reset"
    if kind == "rule" and first in SPIKES:
        if rest in (["filter", "exponential"], ["filter", "dynamic"]):
            return "spikes"
        if rest in (["pre", "graded"], ["pre", "source of numbers"]):
            return "spikes"
    if kind == "field" and rest[-1] == "over 32 bits" and (first, rest[0]) in IN_STREAM:
        return "stream"
    beyond = rest[-1:] in (["fraction below 0"], ["fraction all, or beyond"])
    if kind == "field" and rest[-1] == "fraction below 0" and (first, rest[0]) in NOISE:
        return "noise"
    if kind == "field" and beyond and (first, rest[0]) in HOLDING_ONE:
        return "one"
    if kind == "field" and rest[-1] == "65535" and rest[0] in ("window", "period", "trial_ticks"):
        return "ticks"
    return None
