"""Random cases for lockstep: whole networks, weights and stimuli as a function of a seed.

Half of all numbers are drawn from the corners of their range, where the bugs are: a missing
saturation shows a hundred times sooner than with uniform numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
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

COVERING = (2, 3, 47, 161, 212, 274, 355, 383, 388, 412, 426, 484, 505, 563, 571, 596)
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

    def shuffled(self, things: list[Any]) -> list[Any]:
        """Return things in a random order."""
        return [things[k] for k in self.random.permutation(len(things))]

    def weight(self) -> Format:
        """Return a format of weights."""
        return Format(self.one(True, True, True, False), self.between(4, 12), self.between(2, 5))

    def rule(self, weight: Format, kinds: Sequence[str | None]) -> Any:
        """Return a learning rule of one of some kinds."""
        kind = self.one(*kinds)
        if kind is None:
            return None
        distribution = self.one(*Distribution)
        amplitudes = (1, 2, weight.high // 2, weight.high) if kind == "weight" else (1, 4, 16)
        frac = weight.frac if kind == "weight" else 2  # of the coarsest weights, so of all currents
        shared: dict[str, Any] = {
            "eta": 2.0 ** self.between(-10, 4),
            "distribution": distribution,
            "sigma": self.one(*amplitudes) * 2.0**-frac * distribution.variance**0.5,
            "factor": Format(True, self.between(6, 20), self.between(2, 14)),
            "rounding": self.one(*Rounding),
            "overflow": self.one(*Overflow),
        }
        if kind == "weight":
            return weight_perturbation.Params(**shared)
        trace = self.one(None, Format(True, 4, 0), Format(True, 9, 2))
        return node_perturbation.Params(eligibility=trace, **shared)

    def neurons(self) -> Any:
        """Return a neuron model's parameters."""
        decay = self.one(0.0, 0.5, 0.9, 1.0)
        shared: dict[str, Any] = {
            "decay": decay,
            "drive": self.one("one", "complement") if decay < 1 else "one",  # of 0 nothing learns
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
    """Return a network of one or two sources and one to three layers that learns.

    Layers follow each other; some also get a source's signals, or a later layer's of a tick before.
    """
    d = _Drawn(seed)
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
        pairs = [(pre, d.one(0, 0, 1)) for pre in before]
        if d.one(True, False):
            pairs.append((d.one(*layers[layers.index(layer) :]), 1))
        if before is not sources and d.one(True, False, False):
            pairs.append((d.one(*sources), d.one(0, 1)))
        for pre, delay in pairs:
            weight = d.weight()
            kinds = ("weight", "node") if layer is readout else ("weight", "node", None)
            rule = d.rule(weight, kinds)
            projections.append(Projection(pre.name, layer.name, weight, delay, rule=rule))
        before = [layer]
    # Node perturbations of a population must agree in sigma and distribution.
    agreed: dict[str, Any] = {}
    for k, q in enumerate(projections):
        if isinstance(q.rule, node_perturbation.Params):
            shared = agreed.setdefault(q.post, q.rule)
            rule = replace(q.rule, sigma=shared.sigma, distribution=shared.distribution)
            projections[k] = replace(q, rule=rule)
    objective = d.one("squared_error", "count_error", "external")
    reward = Reward(
        readout.name,
        objective,
        d.one(paired.Params(), running_mean.Params(d.one(0.125, 0.5))),
        Format(True, d.between(8, 24), d.between(0, 6)),
        Format(d.one(True, False), d.between(8, 40), 4)
        if objective == "external"
        else Format(True, d.between(4, 10), d.between(0, 4)),
    )
    populations = tuple(d.shuffled([*sources, *layers]))
    return Network(d.between(1, 5), populations, tuple(d.shuffled(projections)), reward)


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
        # Of all formats within that of the weights: others' neurons would hardly leave their ends.
        span = q.weight._replace(width=int(random.integers(2, q.weight.width, endpoint=True)))
        session.set_weights(q.name, draw(random, span, q.pre.size, q.post.size))
    reward: Any = planned.reward
    for field, fmt in reward.baseline_state.items():
        session.arrays[f"reward.{field}"][...] = draw(random, fmt, 1)
    ticks = (planned.ticks,) if reward.targets_every_tick else ()
    inputs = {p.name: draw(random, p.signal, 2, planned.ticks, p.size) for p in planned.sources}
    targets = draw(random, reward.target, 2, *ticks, reward.readout.size)
    external = None
    if reward.objective is None:
        external = draw(random, reward.error, trials, planned.passes)
    samples = random.integers(0, 2, trials)
    return Case(seed, network, planned, session, Stimulus(inputs, targets), samples, external)
