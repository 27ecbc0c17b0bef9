"""Random graphs: populations of any model and projections between them, without rules."""

from __future__ import annotations

from typing import Any, NamedTuple

from goldenspike.golden import catalog
from goldenspike.golden.delivery import UNUSED, neuron_module
from goldenspike.golden.domains import Formats
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.modulators import (
    error,
    exponential_unit,
    gate,
    match,
    softmax_choice,
    softmax_error,
    td_error,
)
from goldenspike.golden.network import (
    LIMIT,
    LONGEST,
    Network,
    Population,
    Projection,
    Reward,
    Source,
)
from goldenspike.golden.neurons import (
    adaptive_lif,
    adaptive_lif_yin,
    conductance_lif,
    leaky_readout,
    lif,
    rate,
)
from goldenspike.golden.rules import triplet_stdp
from goldenspike.sim import drawn_models as models
from goldenspike.sim.drawing import Drawing

NEURONS = (lif, adaptive_lif, adaptive_lif_yin, leaky_readout, conductance_lif, rate)
TAKING = (error, td_error, exponential_unit, softmax_error, softmax_choice, gate, match)
"""Models that are told others' signals and have no synapses."""
ATTEMPTS = 60
"""Attempts at a network: each is less wild than the one before."""


class Size(NamedTuple):
    """How large a network may be.

    Parameters
    ----------
    neurons, ticks
        Of a population and of a trial, at most.
    work
        Synapses and neurons times ticks, at most.
    many, long
        Neurons of one population, and ticks, at least.
    """

    neurons: int
    ticks: int
    work: int
    many: int = 1
    long: int = 1


SIZES = {
    "small": Size(40, 12, 6_000),
    "long": Size(6, 300, 20_000, long=64),
    "wide": Size(600, 6, 20_000, many=128),
    "large": Size(600, 300, 60_000, many=64, long=32),
    "giant": Size(LIMIT - 1, LIMIT - 1, 140_000),
}
"""By name; that of a seed is a function of it."""
SHARES = {"small": 0.8, "long": 0.08, "wide": 0.08, "large": 0.03, "giant": 0.01}


def any_format(fmt: Format) -> bool:
    return True


def _spikes(fmt: Format) -> bool:
    return fmt == BIT


def _unsigned(fmt: Format) -> bool:
    return not fmt.signed


class Builder:
    """Draws one network."""

    def __init__(self, d: Drawing, size: Size) -> None:
        self.d, self.size = d, size
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.ticks = d.given(Network, "ticks", d.whole(size.long, size.ticks))
        self.sizes = [1, self._count(1), self._count(size.many)]

    def _count(self, least: int) -> int:
        return self.d.whole(
            least, max(min(self.size.neurons, self.size.work // self.ticks // 2), least)
        )

    def add(self, model: Any, size: int) -> Population:
        """Add a population."""
        one = Population(f"p{len(self.populations)}", size, model)
        self.populations.append(one)
        return one

    def signal(self, p: Population) -> Format:
        """Return the format of a population's signal."""
        if isinstance(p.model, Source):
            return p.model.signal
        return self.outputs(p)["signal"]

    def outputs(self, p: Population) -> dict[str, Format]:
        """Return the formats of a population's outputs; of its signal's, at least."""
        module = neuron_module(p.model)
        names = getattr(module, "SIGNALS", ())
        by_name = {other.name: other for other in self.populations}
        taken = [self.signal(by_name[getattr(p.model, name)]) for name in names]
        constants = p.model.constants(*[UNUSED] * len(module.RECEPTORS), *taken)
        return module.STEP.ports(constants).outputs._asdict()

    def sources(self, share: float = 0.6) -> None:
        """Add one to three sources, a share of them of spikes."""
        for _ in range(self.d.one(1, 2, 2, 3)):
            spikes = self.d.chance(share)
            self.add(models.source(self.d, spikes=spikes), self.d.one(*self.sizes, self._count(1)))

    def fitting(self, size: int, suits: Any, but: set[str]) -> Population | None:
        """Return a population of 1 or `size` neurons whose signals suit, or none."""
        found = [
            p
            for p in self.populations
            if p.size in (1, size) and p.name not in but and suits(self.signal(p))
        ]
        return self.d.one(*found) if found else None

    def taking(self, module: Any, size: int) -> Population:
        """Add a population that is told others' signals, and sources for them if there are none."""
        d, names = self.d, {}
        for name in module.SIGNALS:
            suits, made = any_format, models.source(d, spikes=False)
            if name == "open":
                suits, made = _spikes, Source()
            elif module is softmax_choice:
                suits = _unsigned
                made = Source(Format(False, d.between(1, 8), d.between(0, 8)))
            found = self.fitting(size, suits, set(names.values()))
            if found is None or d.chance(0.2):
                found = self.add(made, d.one(1, size))
            names[name] = found.name
        given: dict[str, Any] = dict(names)
        if hasattr(module, "WINDOWED"):
            given["window"] = d.whole(0, self.ticks)
        if module is exponential_unit:
            frac = d.between(0, 6)
            given["output"] = Format(d.chance(0.3), frac + 1 + d.between(0, 3), frac)
            given["output"] = Format(False, *given["output"][1:]) if frac == 0 else given["output"]
            given["shift"] = float(d.between(-8, 8))
        return self.add(d.params(module.Params, **given), size)

    def hidden(self, modules: tuple[Any, ...], count: int) -> list[Population]:
        """Add neurons of some models."""
        found = []
        for _ in range(count):
            size = self.d.one(*self.sizes)
            found.append(self.add(models.neuron(self.d, self.d.one(*modules)), size))
        return found

    def delay(self, least: int, most: int) -> int:
        """Return a delay: short, or a corner of all there are."""
        d = self.d
        if least >= most:
            return least
        if d.chance(0.5 if self.size.long > 1 else 0.75):
            return min(d.one(least, least, 1, 2), most)
        return max(least, d.whole(0, most))

    def pairs(self) -> list[tuple[Population, Population]]:
        """Return which populations project to which: all that have synapses are projected to."""
        d, found = self.d, []
        for k, post in enumerate(self.populations):
            if isinstance(post.model, Source) or not neuron_module(post.model).RECEPTORS:
                continue
            before = self.populations[: max(k, 1)]
            first = [p for p in before if self._work([*found, (p, post)]) <= self.size.work]
            if not first:
                raise ValueError(f"Projections to {post.name} must be smaller for this size")
            others = [d.one(*first)]
            others += [d.one(*self.populations) for _ in range(d.one(0, 0, 1, 1, 2))]
            for pre in others:
                if (pre, post) not in found and self._work([*found, (pre, post)]) <= self.size.work:
                    found.append((pre, post))
        return found

    def _work(self, pairs: list[tuple[Population, Population]]) -> int:
        return sum(pre.size * post.size for pre, post in pairs) * self.ticks

    def connect(self, most: int) -> None:
        """Add projections, without rules."""
        d = self.d
        place = {p.name: k for k, p in enumerate(self.populations)}
        into: set[str] = set()
        for pre, post in self.pairs():
            weight = d.format(Formats(), d.frac)
            if d.aims_at(triplet_stdp.Params, "bound"):  # Which is the format of its weights.
                weight = d.aimed(Formats(signed=False), {})
            receptors = neuron_module(post.model).RECEPTORS
            receptor = None if post.name not in into else d.one(None, *receptors)
            into.add(post.name)
            back = place[pre.name] >= place[post.name]
            self.projections.append(
                Projection(
                    pre.name,
                    post.name,
                    weight,
                    self.delay(int(back), most),
                    initial=d.one(0.0, 0.0, weight.lsb),
                    mean=d.one(0.0, 0.0, weight.lsb, -weight.lsb),
                    pattern=d.one("full", "full", "blocks", "upper"),
                    receptor=receptor,
                    synapse=models.synapse(d, self.signal(pre)),
                    self_connections=pre is not post or d.chance(0.7),
                )
            )

    def mirror(self) -> None:
        """Perhaps let a projection deliver another one's weights, transposed."""
        d = self.d
        by_name = {p.name: p for p in self.populations}
        place = {p.name: k for k, p in enumerate(self.populations)}
        used = {(q.pre, q.post) for q in self.projections}
        chosen = [
            (other, pre, post)
            for other in self.projections
            for pre in self.populations
            for post in self.populations
            if (pre.name, post.name) not in used
            and (pre.size, post.size) == (by_name[other.post].size, by_name[other.pre].size)
            and not isinstance(post.model, Source)
            and neuron_module(post.model).RECEPTORS
        ]
        if chosen and d.chance(0.4):
            other, pre, post = d.one(*chosen)
            back = place[pre.name] >= place[post.name]
            given = {"mirror": other.name}
            delay = self.delay(int(back), min(self.ticks, LONGEST))
            self.projections.append(Projection(pre.name, post.name, other.weight, delay, **given))

    def shuffled(self, reward: Reward | None = None) -> Network:
        """Return the network."""
        d = self.d
        projections = tuple(d.shuffled(self.projections))
        return Network(self.ticks, tuple(d.shuffled(self.populations)), projections, reward)

    def delivered(self, q: Projection) -> Format:
        """Return the format of what a projection delivers, filtered or not."""
        signal = self.signal(next(p for p in self.populations if p.name == q.pre))
        model: Any = q.synapse
        if model is None:
            return signal
        module: Any = catalog.SYNAPSES[catalog.name_of(catalog.SYNAPSES, model)]
        return module.STEP.ports(model.constants(signal)).outputs.signal
