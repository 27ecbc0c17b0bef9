"""Random cases for lockstep: whole networks, weights and stimuli as a function of a seed.

Half of all numbers are drawn from the corners of their range, where the bugs are: a missing
saturation shows a hundred times sooner than with uniform numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.modulators import paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import node_perturbation, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus


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
    """Return raw numbers of a format, half of them from its corners."""
    uniform = random.integers(fmt.low, fmt.high, shape, endpoint=True)
    corners = [fmt.low, min(fmt.low + 1, fmt.high), 0, min(1, fmt.high), fmt.high - 1, fmt.high]
    corners.append(-1 if fmt.signed else 0)
    return np.where(random.random(shape) < 0.5, uniform, random.choice(corners, shape))


class _Drawn:
    """Choices of one case."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def one(self, *options: Any) -> Any:
        """Return one of some options."""
        return options[self.random.integers(len(options))]

    def between(self, low: int, high: int) -> int:
        """Return an integer of a range, its ends included."""
        return int(self.random.integers(low, high, endpoint=True))

    def rule(self) -> Any:
        """Return a learning rule, or None."""
        distribution = self.one(*Distribution)
        shared: dict[str, Any] = {
            "eta": self.one(0.01, 0.5, 8.0),
            "distribution": distribution,
            "sigma": 0.25 * distribution.variance**0.5,  # an amplitude that all formats have
            "factor": Format(True, self.between(6, 20), self.between(2, 14)),
            "rounding": self.one(*Rounding),
            "overflow": self.one(*Overflow),
        }
        kind = self.one("weight", "node", None)
        if kind == "weight":
            return weight_perturbation.Params(**shared)
        if kind == "node":
            trace = self.one(None, Format(True, 4, 0), Format(True, 9, 2))
            return node_perturbation.Params(eligibility=trace, **shared)
        return None

    def neurons(self) -> Any:
        """Return a neuron model's parameters."""
        shared: dict[str, Any] = {
            "decay": self.one(0.0, 0.5, 0.9, 1.0),
            "drive": self.one("one", "complement"),
            "rounding": self.one(Rounding.FLOOR, Rounding.HALF_EVEN, Rounding.TOWARD_ZERO),
            "overflow": self.one(*Overflow),
        }
        fmt = Format(True, self.between(6, 16), self.between(1, 4))
        if self.one(True, True, False):
            return lif.Params(
                fmt,
                threshold=self.one(1.0, 1.5),
                reset=self.one("subtract", "to_value"),
                reset_value=self.one(0.0, -1.0),
                compare=self.one(">=", ">"),
                **shared,
            )
        return leaky_readout.Params(fmt, bias=self.one(0.0, 0.5), **shared)


def random_network(seed: int) -> Network:
    """Return a network of one or two sources and one to three layers that learns."""
    d = _Drawn(seed)
    sources = [
        Population(f"source_{k}", d.one(1, 3, 31, 33), Source(d.one(BIT, Format(True, 5, 2))))
        for k in range(d.between(1, 2))
    ]
    layers = [
        Population(f"layer_{k}", d.one(1, 2, 5, 9, 34), d.neurons()) for k in range(d.between(1, 3))
    ]
    projections = []
    before = sources
    for layer in layers:
        pairs = [(pre, d.one(0, 0, 1)) for pre in before]
        if d.one(True, False):
            pairs.append((layer, 1))
        for pre, delay in pairs:
            weight = Format(True, d.between(4, 12), d.between(2, 5))
            projections.append(Projection(pre.name, layer.name, weight, delay, rule=d.rule()))
        before = [layer]
    if all(q.rule is None for q in projections):
        rule = weight_perturbation.Params(0.5, 0.25, Format(True, 12, 6))
        last = projections[-1]
        projections[-1] = Projection(last.pre, last.post, last.weight, last.delay, rule=rule)
    # Node perturbations of a population have one sigma, but must agree in their distribution too.
    agreed: dict[str, Any] = {}
    for k, q in enumerate(projections):
        if isinstance(q.rule, node_perturbation.Params):
            distribution = agreed.setdefault(q.post, q.rule.distribution)
            sigma = 0.25 * distribution.variance**0.5
            rule = replace(q.rule, distribution=distribution, sigma=sigma)
            projections[k] = Projection(q.pre, q.post, q.weight, q.delay, rule=rule)
    objective = d.one("squared_error", "count_error", "external")
    reward = Reward(
        d.one(*layers).name,
        objective,
        d.one(paired.Params(), running_mean.Params(d.one(0.125, 0.5))),
        Format(True, d.between(8, 24), d.between(0, 6)),
        Format(False, d.between(8, 40), 4)
        if objective == "external"
        else Format(True, d.between(4, 10), d.between(0, 4)),
    )
    return Network(d.between(1, 4), (*sources, *layers), tuple(projections), reward)


def random_case(seed: int, trials: int = 3) -> Case:
    """Return a random network with random weights and stimuli, in a session of Python integers.

    Parameters
    ----------
    seed
        All that the case is a function of.
    trials
        Learning trials.
    """
    network = random_network(seed)
    planned = plan(network)
    random = np.random.default_rng((seed, 1))
    session = Session(planned, int(random.integers(1 << 32)), "python")
    session.trial = int(random.choice([0, 1, 1000, (1 << 32) - 2]))
    for q in planned.projections:
        session.set_weights(q.name, draw(random, q.weight, q.pre.size, q.post.size))
    reward: Any = planned.reward
    ticks = (planned.ticks,) if reward.targets_every_tick else ()
    inputs = {p.name: draw(random, p.signal, 2, planned.ticks, p.size) for p in planned.sources}
    targets = draw(random, reward.target, 2, *ticks, reward.readout.size)
    external = None
    if reward.objective is None:
        external = draw(random, reward.error, trials, planned.passes)
    samples = random.integers(0, 2, trials)
    return Case(seed, network, planned, session, Stimulus(inputs, targets), samples, external)
