"""A checked network with its integers: what the engine and the hardware are both made from.

:func:`plan` works out every format and constant, orders the tick, numbers the variables, and
checks that no sum and no intermediate can overflow.
"""

from __future__ import annotations

from typing import Any

from goldenspike.golden import catalog, ranges
from goldenspike.golden.cell import Cell, Nothing
from goldenspike.golden.fixed import BIT, WIDEST, Format
from goldenspike.golden.network import Network, Population, Projection, Source
from goldenspike.golden.parameters import choice
from goldenspike.golden.planned import (
    MOST_VARIABLES,
    PASSES,
    UPDATE,
    Perturbation,
    Plan,
    PlannedPopulation,
    PlannedProjection,
    PlannedReward,
    PlannedRule,
    Variable,
)
from goldenspike.golden.randomness import (
    ROUNDS,
    SCHEDULE,
    START,
    VARIATE,
    Stream,
    VariateConstants,
)
from goldenspike.golden.rules import node_perturbation, three_factor
from goldenspike.golden.synapses import delta

__all__ = ["PASSES", "UPDATE", "Plan", "Variable", "plan"]


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
    prompt = [q for q in network.projections if not q.delay]
    left = {p.name: p for p in network.populations}
    ordered: list[Population] = []
    while left:
        ready = [name for name in left if not any(q.post == name and q.pre in left for q in prompt)]
        if not ready:
            raise ValueError(
                f"Projections of delay 0 must form no cycle, not one among {', '.join(left)}"
            )
        ordered.append(left.pop(ready[0]))
    return ordered


def _perturbation(params: Any, value: Format, stream: int, size: int, what: str) -> Perturbation:
    wide = Format(True, WIDEST, value.frac)  # It is added exactly: only its last bit must agree.
    amplitude = wide.constant(params.amplitude, f"Amplitude of {what}")
    if amplitude == 0:
        raise ValueError(f"Amplitude of {what} must be above 0 in {value}, not {amplitude}")
    constants = three_factor.PerturbConstants(value, params.distribution.variate, amplitude)
    stride = 1 << (size - 1).bit_length()
    return Perturbation(params.distribution, stream, constants, params.amplitude, stride)


def _delivered(q: Projection, network: Network, number: int, signal: Format, size: int) -> Any:
    """Return the synapse's constants and the perturbation of its weights, if any."""
    perturbation = None
    weight = q.weight
    if q.rule is not None and catalog.RULES[_rule_name(q)].PERTURBS == "weight":
        stream = Stream.WEIGHT_PERTURBATION + number
        perturbation = _perturbation(q.rule, weight, stream, size, f"weights of {q.name}")
        weight = three_factor.perturbed_format(perturbation.constants)
    return delta.Constants(weight, signal), perturbation


def _rule_name(q: Projection) -> str:
    return next(n for n, module in catalog.RULES.items() if module.Params is type(q.rule))


def _current(post: Population, incoming: list[tuple[Projection, Format, int]]) -> Format:
    """Return the format of the exact sum of a population's currents."""
    frac = max(fmt.frac for _, fmt, _ in incoming)
    low = sum((fmt.low * size) << (frac - fmt.frac) for _, fmt, size in incoming)
    high = sum((fmt.high * size) << (frac - fmt.frac) for _, fmt, size in incoming)
    current = Format.holding(min(low, 0), high, frac)
    if current.width > WIDEST:
        raise ValueError(
            f"Accumulator of {post.name} must fit {WIDEST} bits, not {current.width}: "
            f"narrow the weights or signals of {', '.join(q.name for q, _, _ in incoming)}"
        )
    return current


def _neuron_perturbation(
    post: Population, rules: list[Projection], current: Format, number: int
) -> Perturbation | None:
    """Return the perturbation of a population's currents, the same for all its rules."""
    if not rules:
        return None
    settings = {(q.rule.sigma, q.rule.distribution) for q in rules}
    if len(settings) > 1:
        raise ValueError(
            f"Node perturbations of {post.name} must agree in sigma and distribution, "
            f"not {', '.join(f'{q.name}: {q.rule.sigma!r}' for q in rules)}"
        )
    stream = Stream.NEURON_PERTURBATION + number
    return _perturbation(rules[0].rule, current, stream, post.size, f"currents of {post.name}")


def _rule(q: Projection, signal: Format, ticks: int, reward: Any, perturbation: Any) -> PlannedRule:
    module = catalog.RULES[_rule_name(q)]
    step = None
    eligibility = perturbation.distribution.variate
    if module is node_perturbation:
        step = node_perturbation.constants(q.rule, signal, ticks)
        eligibility = step.eligibility
    variance = perturbation.distribution.variance
    quantized = float(perturbation.constants.value.to_float(perturbation.constants.amplitude))
    per_reward = q.rule.eta * reward.scale / variance
    factor = three_factor.factor_constants(per_reward / quantized, reward.reward, q.rule.factor)
    update = three_factor.update_constants(
        q.weight, q.rule.factor, eligibility, q.rule.rounding, q.rule.overflow
    )
    rate = per_reward / perturbation.amplitude
    return PlannedRule(q.rule, module, eligibility, step, factor, update, perturbation, rate)


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
    baseline: Any = next(m for m in catalog.BASELINES.values() if m.Params is type(given.baseline))
    return PlannedReward(
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
    )


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
    for q in projections:
        add(f"{q.name}.w", q.weight, q.pre.size, q.post.size)
        if q.rule is not None:
            if q.rule.step is not None:
                add(f"{q.name}.e", q.rule.eligibility, q.pre.size, q.post.size)
            add(f"{q.name}.factor", q.rule.factor.factor)
    if reward is not None:
        for field, fmt in reward.counts.items():
            add(f"reward.{field}", fmt, reward.readout.size)
        add("reward.error", reward.error)
        add("reward.reward", reward.reward)
        for field, fmt in reward.baseline_state.items():
            add(f"reward.{field}", fmt)
    return found


def _cells(
    neurons: list[PlannedPopulation],
    projections: list[PlannedProjection],
    reward: PlannedReward | None,
) -> list[tuple[str, Cell, Any]]:
    cells: list[tuple[str, Cell, Any]] = []
    distributions = set()
    for p in neurons:
        cells.append((p.name, p.module.STEP, p.constants))
        if p.perturbation is not None:
            cells.append((p.name, three_factor.PERTURB, p.perturbation.constants))
            distributions.add(p.perturbation.distribution)
    for q in projections:
        cells.append((q.name, delta.STEP, q.synapse))
        if q.weight_perturbation is not None:
            cells.append((q.name, three_factor.PERTURB, q.weight_perturbation.constants))
            distributions.add(q.weight_perturbation.distribution)
        if q.rule is not None:
            if q.rule.step is not None:
                cells.append((q.name, q.rule.module.STEP, q.rule.step))
            cells.append((q.name, three_factor.SCALE, q.rule.factor))
            cells.append((q.name, three_factor.UPDATE, q.rule.update))
    if reward is not None:
        if reward.objective is not None:
            cells.append(("reward", reward.objective.STEP, reward.constants))
        cells.append(("reward", reward.baseline.STEP, reward.baseline_constants))
    cells.extend(("randomness", VARIATE, VariateConstants(int(d))) for d in sorted(distributions))
    if distributions:
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
    given = {p.name: p for p in order}
    signals: dict[str, Format] = {}
    for p in order:
        signals[p.name] = p.model.signal if isinstance(p.model, Source) else _signal(p.model)
    delivered = {
        q.name: _delivered(q, network, number, signals[q.pre], given[q.post].size)
        for number, q in enumerate(network.projections)
    }
    populations: dict[str, PlannedPopulation] = {}
    for number, p in enumerate(order):
        incoming = [
            (q, delta.current_format(delivered[q.name][0]), given[q.pre].size)
            for q in network.projections
            if q.post == p.name
        ]
        if isinstance(p.model, Source):
            if incoming:
                raise ValueError(
                    f"Source {p.name} must have no projection to it, not {len(incoming)}"
                )
            populations[p.name] = PlannedPopulation(
                number, p.name, p.size, p.model, None, None, p.model.signal, BIT, None
            )
            continue
        if not incoming:
            raise ValueError(f"Population {p.name} must have a projection to it, not none")
        current = _current(p, incoming)
        rules = [
            q
            for q, _, _ in incoming
            if q.rule is not None and catalog.RULES[_rule_name(q)].PERTURBS == "neuron"
        ]
        perturbation = _neuron_perturbation(p, rules, current, number)
        driven = (
            current
            if perturbation is None
            else three_factor.perturbed_format(perturbation.constants)
        )
        module = _neuron_module(p.model)
        constants = p.model.constants(driven)
        populations[p.name] = PlannedPopulation(
            number,
            p.name,
            p.size,
            p.model,
            module,
            constants,
            signals[p.name],
            current,
            perturbation,
        )
    reward = _reward(network, populations)
    projections: list[PlannedProjection] = []
    for number, q in enumerate(network.projections):
        post = populations[q.post]
        synapse, weights = delivered[q.name]
        rule = None
        if q.rule is not None:
            if reward is None:
                raise ValueError(f"Rule of {q.name} must have a reward, which is missing")
            perturbation = weights if weights is not None else post.perturbation
            rule = _rule(q, signals[q.pre], network.ticks, reward, perturbation)
        shift = post.current.frac - delta.current_format(synapse).frac
        projections.append(
            PlannedProjection(
                number,
                q.name,
                populations[q.pre],
                post,
                q.weight,
                q.delay,
                q.initial,
                synapse,
                shift,
                rule,
            )
        )
    if reward is not None and not any(q.rule for q in projections):
        raise ValueError("Reward must have a rule to serve, not none")
    neurons = [p for p in populations.values() if p.module is not None]
    cells = _cells(neurons, projections, reward)
    spare = [
        (f"{where}: {cell.name}", ranges.check(cell, constants, where))
        for where, cell, constants in cells
        if cell not in (SCHEDULE, START, ROUNDS, VARIATE)  # Proved, and beyond what intervals see.
    ]
    return Plan(
        network.ticks,
        tuple(populations.values()),
        tuple(projections),
        reward,
        _variables(neurons, projections, reward),
        tuple(cells),
        tuple(spare),
    )


def _neuron_module(model: Any) -> Any:
    return next(m for m in catalog.NEURONS.values() if m.Params is type(model))


def _signal(model: Any) -> Format:
    """Return the format of a neuron model's signal, which its currents do not change."""
    module = _neuron_module(model)
    return module.STEP.ports(model.constants(BIT)).outputs.signal
