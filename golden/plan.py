"""A checked network with its integers: what the engine and the hardware are both made from.

:func:`plan` works out every format and constant, orders the tick, numbers the variables, and
checks that no sum and no intermediate can overflow.
"""

from __future__ import annotations

import math
from typing import Any

from goldenspike.golden import catalog, ranges
from goldenspike.golden.cell import Cell, Nothing
from goldenspike.golden.delivery import (
    UNUSED,
    Delivery,
    code_indices,
    neuron_module,
    planned_population,
    signal_names,
)
from goldenspike.golden.fixed import BIT, WIDEST, Format, Rounding
from goldenspike.golden.learners import learner
from goldenspike.golden.modulators import sign
from goldenspike.golden.network import Network, Population, Projection, Source
from goldenspike.golden.parameters import choice
from goldenspike.golden.planned import (
    MOST_VARIABLES,
    PASSES,
    UPDATE,
    Plan,
    PlannedPopulation,
    PlannedProjection,
    PlannedReward,
    PlannedRule,
    Variable,
)
from goldenspike.golden.randomness import MIX, ROUNDS, SCHEDULE, START, VARIATE, VariateConstants
from goldenspike.golden.rules import (
    node_perturbation,
    three_factor,
)
from goldenspike.golden.start import check_start
from goldenspike.golden.synapses import delta

__all__ = ["PASSES", "UNUSED", "UPDATE", "Plan", "Variable", "plan"]


def _ordered(network: Network) -> list[Population]:
    """Order populations so that projections of delay 0 go forward; ties keep the given order."""
    names = [p.name for p in network.populations]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"Name of a population must be unique, not {name!r} twice")
    pairs = [(q.pre, q.post) for q in network.projections]
    for q in network.projections:
        choice(f"Pre of {q.name}", q.pre, names)
        choice(f"Post of {q.name}", q.post, names)
        if pairs.count((q.pre, q.post)) > 1:
            raise ValueError(f"Projection must be unique for its pair, not {q.name!r} twice")
        if [*names, *(other.name for other in network.projections)].count(q.name) > 1:
            raise ValueError(f"Name of a projection must be unique, not {q.name!r} twice")
    prompt = [(q.pre, q.post) for q in network.projections if not q.delay]
    for p in network.populations:
        for field, name in signal_names(p.model).items():
            choice(f"{field.capitalize()} of {p.name}", name, names)
            prompt.append((name, p.name))
    left = {p.name: p for p in network.populations}
    ordered: list[Population] = []
    while left:
        ready = [
            name for name in left if not any(post == name and pre in left for pre, post in prompt)
        ]
        if not ready:
            raise ValueError(
                f"Projections of delay 0 must form no cycle, not one among {', '.join(left)}"
            )
        ordered.append(left.pop(ready[0]))
    return ordered


def _trace(
    rule: Any, params: Any, post: PlannedPopulation, signal: Format, variate: Format, ticks: int
) -> tuple[Cell | None, Any, Format]:
    """Return the cell of a rule's eligibility, its constants, and the format of what learns."""
    if rule.TRACE == "none":
        return None, None, variate
    if rule.TRACE == "active":
        return rule.STEP, rule.Constants(variate), variate
    score: Any = post.score
    if rule.TRACE == "tick":
        pole = params.eligibility_decay, params.eligibility, score, signal
        constants = rule.constants(*pole, params.eligibility_factor)
        return rule.STEP, constants, params.eligibility
    found = post.perturbation
    largest = max(-score.low, score.high)
    if found is not None and found.noise is not None:
        largest = found.noise.largest
    constants = node_perturbation.constants(params.eligibility, score, largest, signal, ticks)
    return node_perturbation.STEP, constants, constants.eligibility


def _rule(
    d: Delivery, post: PlannedPopulation, size: int, ticks: int, reward: PlannedReward
) -> PlannedRule:
    """Return a projection's rule."""
    q, module, params = d.description, d.rule, d.description.rule
    if (module.TRACE == "tick") != (reward.period > 0):
        needed = "above 0" if module.TRACE == "tick" else "0"
        raise ValueError(f"Period of the reward must be {needed} for the rule of {q.name}")
    if module.TRACE == "tick" and params.interval > 1:
        raise ValueError(f"Interval of {q.name} must be 1 as it learns during trials")
    perturbation: Any = d.perturbation if d.perturbation is not None else post.perturbation
    blocks = size * (1 << (post.size - 1).bit_length()) // 4
    if module.TRACE == "tick" and params.rounding == Rounding.STOCHASTIC and blocks > 1 << 16:
        raise ValueError(f"Weights of {q.name} must be at most 2**18 to be rounded stochastically")
    trace, constants, eligibility = _trace(
        module, params, post, d.signal, perturbation.constants.variate, ticks
    )
    given = perturbation.constants
    quantized = math.ldexp(given.amplitude, -given.value.frac)
    factor = three_factor.factor_constants(
        params.rate(quantized) * reward.scale, reward.reward, params.factor
    )
    updated = params.factor, eligibility, params.rounding, params.overflow
    accumulate = None
    if params.interval > 1:
        accumulate = three_factor.accumulate_constants(q.weight, params.accumulator, *updated)
    return PlannedRule(
        params,
        module,
        eligibility,
        trace,
        constants,
        factor,
        three_factor.update_constants(q.weight, *updated),
        accumulate,
        perturbation,
        params.rate(perturbation.amplitude) * reward.scale,
    )


def _reward(network: Network, populations: dict[str, PlannedPopulation]) -> PlannedReward | None:
    given = network.reward
    if given is None:
        return None
    choice("Readout of reward", given.readout, [p.name for p in populations.values() if p.module])
    readout = populations[given.readout]
    objective: Any = catalog.OBJECTIVES.get(given.objective)
    constants = None
    error = given.target
    if objective is not None:
        constants = objective.constants(readout.signal, given.target, network.ticks, readout.size)
        error = constants.error
    if error.width > WIDEST - 6:
        raise ValueError(
            f"Error of {given.objective} must fit {WIDEST - 6} bits, not {error.width}: narrow the "
            f"signal of {readout.name} or the target"
        )
    baseline: Any = catalog.BASELINES[catalog.name_of(catalog.BASELINES, given.baseline)]
    if given.period:
        if network.ticks % given.period:
            raise ValueError(f"Period must divide the {network.ticks} ticks, not {given.period}")
        if objective is None or not objective.TARGETS_EVERY_TICK:
            raise ValueError(
                f"Objective of a reward with a period must judge every tick, not {given.objective}"
            )
        if baseline.PAIRED:
            name = catalog.name_of(catalog.BASELINES, given.baseline)
            raise ValueError(f"Baseline of a reward with a period must need one run, not {name}")
    planned = PlannedReward(
        network.ticks,
        readout,
        objective,
        constants,
        baseline,
        given.baseline,
        given.baseline.constants(error, given.reward),
        given.target,
        error,
        given.reward,
        given.scale,
        sign.constants(given.reward) if given.sign else None,
        given.period,
        given.delay,
    )
    if planned.baselines > 1 << 16:
        raise ValueError(f"Baselines must be at most {1 << 16}, not {planned.baselines}")
    if planned.signs[0] < 0:
        for p in populations.values():
            noise = None if p.perturbation is None else p.perturbation.noise
            if noise is not None and noise.state:
                raise ValueError(f"Noise of {p.name} must be white or sparse for a two-sided run")
    return planned


def _variables(
    neurons: list[PlannedPopulation],
    projections: list[PlannedProjection],
    reward: PlannedReward | None,
) -> dict[str, Variable]:
    found: dict[str, Variable] = {}

    def add(name: str, fmt: Format, *shape: int) -> None:
        if len(found) == MOST_VARIABLES:
            raise ValueError(
                f"Network must have at most {MOST_VARIABLES} variables: join some populations"
            )
        found[name] = Variable(len(found) + 1, name, fmt, shape)

    for p in neurons:
        for field, fmt in p.state.items():
            add(f"{p.name}.{field}", fmt, p.size)
        if p.perturbation is not None and p.perturbation.noise is not None:
            for field, fmt in p.perturbation.noise.state.items():
                add(f"{p.name}.noise_{field}", fmt, p.size)
    for q in projections:
        shape = q.pre.size, q.post.size
        for field, fmt in q.filter_state.items():
            add(f"{q.name}.{field}", fmt, q.pre.size)
        if q.mirror is None:
            add(f"{q.name}.w", q.weight, *shape)
        if q.learner is not None:
            for name, size in (("pre", q.pre.size), ("post", q.post.size)):
                part = q.learner.parts.get(name)
                for field, fmt in ({} if part is None else part.state).items():
                    add(f"{q.name}.{name}_{field}", fmt, size)
            if q.learner.factor is not None:
                for field, fmt in q.learner.factor.outputs.items():
                    add(f"{q.name}.{field}", fmt, q.post.size)
            for field, fmt in (q.learner.traces | q.learner.kept).items():
                if field not in q.learner.fixed:
                    add(f"{q.name}.{field}", fmt, *shape)
        if q.rule is not None:
            if q.rule.kind == "active":
                add(f"{q.name}.active", BIT, q.pre.size)
            for field, fmt in q.rule.state.items():
                add(f"{q.name}.{field}", fmt, *shape)
            if q.rule.accumulate is not None:
                add(f"{q.name}.sum", q.rule.accumulate.accumulator, *shape)
            add(f"{q.name}.factor", q.rule.factor.factor)
    if reward is not None:
        for field, fmt in reward.counts.items():
            add(f"reward.{field}", fmt, reward.readout.size)
        add("reward.error", reward.error)
        add("reward.reward", reward.reward)
        for field, fmt in reward.baseline_state.items():
            add(f"reward.{field}", fmt, reward.baselines)
    return found


def _cells(
    neurons: list[PlannedPopulation],
    projections: list[PlannedProjection],
    reward: PlannedReward | None,
) -> list[tuple[str, Cell, Any]]:
    cells: list[tuple[str, Cell, Any]] = []
    distributions = set()
    random = False
    for p in neurons:
        cells.append((p.name, p.module.STEP, p.constants))
        random = random or p.draws
        if p.perturbation is not None:
            noise: Any = p.perturbation.noise
            cells.append((p.name, three_factor.PERTURB, p.perturbation.constants))
            if noise.white:
                distributions.add(p.perturbation.distribution)
            else:
                cells.append((p.name, noise.cell, noise.constants))
            random = True
    for q in projections:
        if q.filter is not None:
            cells.append((q.name, q.filter.STEP, q.filter_constants))
        cells.append((q.name, delta.STEP, q.synapse))
        found = q.weight_perturbation
        if found is not None:
            cells.append((q.name, three_factor.PERTURB, found.constants))
            if found.code is None:
                distributions.add(found.distribution)
            else:
                cells.append((q.name, found.code.cell, found.code.constants))
        if q.rule is not None:
            if q.rule.kind == "output":
                variate: Any = found.constants.variate if found is not None else None
                cells.append((q.name, delta.STEP, delta.Constants(variate, q.signal)))
            if q.rule.trace is not None:
                cells.append((q.name, q.rule.trace, q.rule.constants))
            cells.append((q.name, three_factor.SCALE, q.rule.factor))
            if q.rule.accumulate is not None:
                cells.append((q.name, three_factor.ACCUMULATE, q.rule.accumulate))
            else:
                cells.append((q.name, three_factor.UPDATE, q.rule.update))
            random = random or q.rule.words
        if q.learner is not None:
            cells += [(q.name, part.cell, part.constants) for part in q.learner.parts.values()]
            if q.learner.words:
                cells.append((q.name, MIX, Nothing()))
                random = True
    if reward is not None:
        if reward.objective is not None:
            cells.append(("reward", reward.objective.STEP, reward.constants))
        cells.append(("reward", reward.baseline.STEP, reward.baseline_constants))
        if reward.sign is not None:
            cells.append(("reward", sign.STEP, reward.sign))
    cells.extend(("randomness", VARIATE, VariateConstants(int(d))) for d in sorted(distributions))
    if distributions or random:
        cells.extend(("randomness", cell, Nothing()) for cell in (SCHEDULE, START, ROUNDS))
    return cells


def plan(network: Network) -> Plan:
    """Check a network and work out its integers.

    Raises
    ------
    ValueError
        In one line that names what does not fit, and what would.
    """
    order = _ordered(network)
    sizes = {p.name: p.size for p in order}
    signals: dict[str, Format] = {}
    for p in order:
        signals[p.name] = _signal(p.model, signals)
    firsts, bits = code_indices(network)
    weights = {q.name: _mirrored(network, q, sizes).weight for q in network.projections}
    deliveries = [
        Delivery(
            q,
            number,
            signals[q.pre],
            sizes[q.post],
            (firsts.get(q.name, 0), bits),
            weights[q.name],
        )
        for number, q in enumerate(network.projections)
    ]
    populations: dict[str, PlannedPopulation] = {}
    for number, p in enumerate(order):
        into = [d for d in deliveries if d.description.post == p.name]
        longest = max((q.delay for q in network.projections if q.pre == p.name), default=0)
        depth = 1 << longest.bit_length()
        populations[p.name] = planned_population(
            p, number, into, sizes, depth, populations, network.ticks
        )
    reward = _reward(network, populations)
    projections: list[PlannedProjection] = []
    for d in deliveries:
        q, post = d.description, populations[d.description.post]
        rule = learned = None
        if d.rule is not None and d.rule.TRACE == "every":
            learned = learner(d, sizes[q.pre], populations, network)
        elif d.rule is not None:
            if not q.self_connections:
                raise ValueError(
                    f"Self connections of {q.name} must be left to a rule that perturbs"
                )
            if reward is None:
                raise ValueError(f"Rule of {q.name} must have a reward, which is missing")
            rule = _rule(d, post, sizes[q.pre], network.ticks, reward)
        receptor = q.receptor or post.receptors[0]
        projections.append(
            PlannedProjection(
                d.number,
                q.name,
                populations[q.pre],
                post,
                receptor,
                d.weight,
                q.delay,
                q,
                d.filter,
                d.filter_constants,
                d.constants,
                post.currents[receptor].frac - d.current.frac,
                0 if d.output is None or post.output is None else post.output.frac - d.output.frac,
                rule,
                learned,
                q.mirror,
            )
        )
    for q in projections:
        if q.mirror is None:
            check_start(q)
    if reward is not None and not any(q.rule for q in projections):
        raise ValueError("Reward must have a rule to serve, not none")
    neurons = [p for p in populations.values() if p.module is not None]
    if network.readout is not None:
        choice("Readout", network.readout, [p.name for p in neurons])
    readout = neurons[-1] if neurons else None
    if network.readout is not None:
        readout = populations[network.readout]
    elif reward is not None:
        readout = reward.readout
    cells = _cells(neurons, projections, reward)
    spare = [
        (f"{where}: {cell.name}", ranges.check(cell, constants, where))
        for where, cell, constants in cells
        if cell not in BITWISE
    ]
    return Plan(
        network.ticks,
        tuple(populations.values()),
        tuple(projections),
        reward,
        _variables(neurons, projections, reward),
        tuple(cells),
        tuple(spare),
        readout,
    )


BITWISE = (SCHEDULE, START, ROUNDS, VARIATE, MIX)
"""Cells that are proved, and whose bitwise arithmetic is beyond what intervals see."""


def _signal(model: Any, signals: dict[str, Format]) -> Format:
    """Return the format of a model's signal, which its currents do not change."""
    if isinstance(model, Source):
        return model.signal
    module = neuron_module(model)
    taken = [signals[name] for name in signal_names(model).values()]
    constants = model.constants(*[UNUSED] * len(module.RECEPTORS), *taken)
    return module.STEP.ports(constants).outputs.signal


def _mirrored(network: Network, q: Projection, sizes: dict[str, int]) -> Projection:
    """Return the projection whose weights one delivers: its own, or another one's, transposed."""
    if q.mirror is None:
        return q
    own = {other.name: other for other in network.projections if other.mirror is None}
    choice(f"Mirror of {q.name}", q.mirror, own)
    other = own[q.mirror]
    if (sizes[other.pre], sizes[other.post]) != (sizes[q.post], sizes[q.pre]):
        raise ValueError(
            f"Mirror of {q.name} must be of {sizes[q.post]} x {sizes[q.pre]} synapses, "
            f"not {sizes[other.pre]} x {sizes[other.post]}"
        )
    if q.weight != other.weight:
        raise ValueError(f"Weight of {q.name} must be {other.weight} as mirrored, not {q.weight}")
    if q.rule is not None or q.synapse is not None or q.initial or q.mean or q.pattern != "full":
        raise ValueError(f"Projection {q.name} must have no weights of its own, as it mirrors")
    return other
