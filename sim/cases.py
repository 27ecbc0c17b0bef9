"""Random cases for lockstep: whole networks, weights and stimuli as a function of a seed.

Half of all numbers are drawn from the corners of their range, where the bugs are: a missing
saturation shows a hundred times sooner than with uniform numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.modulators import two_sided
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import conductance_lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.planned import PlannedProjection
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim.drawn import Drawn
from goldenspike.sim.drawn_rewards import rewarded_network
from goldenspike.sim.drawn_traces import traced_network

COVERING = (
    *(13, 60, 75, 79, 95, 353, 420, 501, 550, 907, 955, 1010, 1081, 1450, 1465, 2090, 2120, 2140),
    *(2220, 2262, 2330, 2425),
)
"""Seeds whose cases have every part, and reach every end, each several times."""


@dataclass(frozen=True)
class Case:
    """A network and what it is shown.

    Parameters
    ----------
    external
        Errors of the passes if the objective is external, else None.
    """

    seed: int
    network: Network
    plan: Plan
    session: Session
    stimulus: Stimulus
    samples: np.ndarray
    external: np.ndarray | None


def draw(random: np.random.Generator, fmt: Format, *shape: int) -> np.ndarray:
    """Return raw numbers of a format: half from its corners, the others of every magnitude."""
    uniform = random.integers(fmt.low, fmt.high, shape, endpoint=True)
    uniform >>= random.integers(0, fmt.width, shape)
    corners = [fmt.low, min(fmt.low + 1, fmt.high), 0, min(1, fmt.high), fmt.high - 1, fmt.high]
    corners.append(-1 if fmt.signed else 0)
    return np.where(random.random(shape) < 0.5, uniform, random.choice(corners, shape))


def random_network(seed: int) -> Network:
    """Return a network of one or two sources and one to three layers that learns.

    Layers follow each other; some also get a source's signals, or a later layer's of ticks before.
    """
    d = Drawn(seed)
    online = d.one(True, False, False, False)
    baseline = d.baseline(online=online)
    steady = isinstance(baseline, two_sided.Params)
    formats = (BIT, BIT, Format(True, 5, 2), Format(False, 4, 1))
    sources = [
        Population(f"source_{k}", d.one(1, 3, 31, 33, 65), Source(d.one(*formats)))
        for k in range(d.between(1, 2))
    ]
    layers = [
        Population(f"layer_{k}", d.one(1, 2, 5, 9, 34), d.neurons()) for k in range(d.between(1, 3))
    ]
    readout = d.one(*layers)
    projections = []
    before = sources
    for layer in layers:
        manner = d.manner(online=online, steady=steady)
        pairs = [(pre, d.one(0, 0, 0, 1, 2, 5)) for pre in before]
        if d.one(True, False):
            pairs.append((d.one(*layers[layers.index(layer) :]), d.one(1, 1, 2, 3, 4)))
        if before is not sources and d.one(True, False, False):
            pairs.append((d.one(*sources), d.one(0, 1, 3)))
        for k, (pre, delay) in enumerate(pairs):
            weight = d.weight()
            projections.append(
                Projection(
                    pre.name,
                    layer.name,
                    weight,
                    delay,
                    receptor=_receptor(d, layer, first=k == 0),
                    synapse=d.synapse(_signal(pre)),
                    rule=d.rule(weight, manner, fixed=layer is not readout),
                )
            )
        before = [layer]
    populations = tuple(d.shuffled([*sources, *layers]))
    period = d.between(1, 3) if online else 0
    ticks = period * d.between(1, 3) if online else d.between(1, 7)
    reward = _reward(d, readout.name, baseline, period)
    return Network(ticks, populations, tuple(d.shuffled(projections)), reward)


def _signal(population: Population) -> Format:
    """Return the format of a population's signal."""
    model: Any = population.model
    if isinstance(model, Source):
        return model.signal
    return model.output if hasattr(model, "output") else BIT


def _receptor(d: Drawn, layer: Population, *, first: bool) -> str | None:
    """Return where a projection arrives; the first one where neurons are perturbed."""
    if first or not isinstance(layer.model, conductance_lif.Params):
        return None
    return d.one(None, "excitatory", "inhibitory", "inhibitory")


def _reward(d: Drawn, readout: str, baseline: Any, period: int) -> Reward:
    """Return a reward, with time bins if they have a period."""
    objectives = ("squared_error", "count_error", "external")
    objective = "squared_error" if period else d.one(*objectives)
    return Reward(
        readout,
        objective,
        baseline,
        Format(True, d.between(8, 24), d.between(0, 6)),
        Format(d.one(True, False), d.between(8, 40), 4)
        if objective == "external"
        else Format(True, d.between(4, 10), d.between(0, 4)),
        sign=d.one(True, False, False),
        period=period,
        delay=d.one(0, 0, 1, 2) if period else 0,
    )


def random_case(seed: int, trials: int = 3) -> Case:
    """Return a random network with random weights and stimuli, in a session of Python integers.

    Parameters
    ----------
    seed
        All that the case is a function of.
    trials
        Learning trials.
    """
    return _case(seed, random_network(seed), trials)


def traced_case(seed: int, trials: int = 3) -> Case:
    """Return a case as :func:`random_case` does, of a network whose rules trace eligibilities.

    One in three has an actor and a critic as well.
    """
    return _case(seed, traced_network(seed) if seed % 3 else rewarded_network(seed), trials)


def _case(seed: int, network: Network, trials: int) -> Case:
    planned = plan(network)
    random = np.random.default_rng((seed, 1))
    session = Session(planned, int(random.integers(1 << 32)), "python")
    session.trial = int(random.choice([0, 1, 1000, (1 << 32) - 2]))
    for q in planned.projections:
        if q.mirror is None:
            _synapses(session, q, random)
    reward = planned.reward
    size = 2
    inputs = {p.name: draw(random, p.signal, size, planned.ticks, p.size) for p in planned.sources}
    if reward is None:
        samples = random.integers(0, size, trials)
        return Case(seed, network, planned, session, Stimulus(inputs), samples, None)
    for field, fmt in reward.baseline_state.items():
        session.arrays[f"reward.{field}"][...] = draw(random, fmt, reward.baselines)
    ticks = (planned.ticks,) if reward.targets_every_tick else ()
    targets = draw(random, reward.target, size, *ticks, reward.readout.size)
    external = None
    if reward.objective is None:
        external = draw(random, reward.error, trials, planned.passes)
    samples = random.integers(0, size, trials)
    conditions = random.integers(0, reward.baselines // reward.bins, size)
    stimulus = Stimulus(inputs, targets, conditions)
    return Case(seed, network, planned, session, stimulus, samples, external)


def _synapses(session: Session, q: PlannedProjection, random: np.random.Generator) -> None:
    """Fill a projection's synapses with all that they keep from trial to trial."""
    shape = q.pre.size, q.post.size
    # Of all formats within that of the weights: others' neurons would hardly leave their ends.
    span = q.weight._replace(width=int(random.integers(2, q.weight.width, endpoint=True)))
    weights = draw(random, span, *shape)
    bounded = q.learner is not None and "bound" in q.learner.fixed
    if bounded:  # Which are those of weights of 0 and above.
        weights = np.minimum(np.abs(weights), q.weight.high)
    if not q.description.self_connections:
        np.fill_diagonal(weights, 0)
    session.set_weights(q.name, weights)
    if q.learner is None:
        if f"{q.name}.sum" in session.arrays:
            fmt = session.plan.variables[f"{q.name}.sum"].format
            session.arrays[f"{q.name}.sum"][...] = draw(random, fmt, *shape)
        return
    session.set_fixed(q)
    for field, fmt in q.learner.kept.items():
        if field != "bound":
            session.arrays[f"{q.name}.{field}"][...] = draw(random, fmt, *shape)
