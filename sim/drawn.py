"""Random networks: whatever ``plan`` accepts, as a function of a seed.

A network is drawn as a graph: sources, neurons of any model, modulators that take others' signals,
projections of any delay between them, rules that suit their postsynaptic neurons, third factors
that are any population of a suitable size. What ``plan`` refuses, or what has no core, is drawn
anew, from the seed and the number of the attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from goldenspike.golden import catalog
from goldenspike.golden.delivery import UNUSED, neuron_module
from goldenspike.golden.domains import Formats
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.modulators import (
    error,
    exponential_unit,
    gate,
    learning_signal,
    match,
    paired,
    running_mean,
    softmax_choice,
    softmax_error,
    td_error,
    two_sided,
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
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.rules import (
    actor_critic,
    adaptive_feedback,
    delta_rule,
    eprop,
    eprop_adaptive,
    eprop_reward,
    neuromodulated_stdp,
    rflo,
    stdp,
    triplet_stdp,
)
from goldenspike.hdl import core
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


@dataclass
class Drawn:
    """A network that is accepted, and what it took to draw it.

    Parameters
    ----------
    refused
        What was said of the attempts before.
    """

    network: Network
    plan: Plan
    size: str
    refused: list[str]


def _any(fmt: Format) -> bool:
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
        self.ticks = d.whole(size.long, size.ticks)
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
            suits, made = _any, models.source(d, spikes=False)
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


def traced(d: Drawing, size: Size) -> Network:
    """Return a network whose rules trace eligibilities, or that only runs."""
    b = Builder(d, size)
    spiking = d.chance(0.3)
    b.sources(0.9 if spiking else 0.6)
    b.hidden((lif, adaptive_lif, adaptive_lif_yin) if spiking else NEURONS, d.one(1, 1, 2, 2, 3))
    for _ in range(d.one(0, 1, 1, 2)):
        b.taking(d.one(*TAKING), d.one(*b.sizes))
    if d.chance(0.4):
        activity = d.one(*b.populations)
        model = d.params(learning_signal.Params, activity=activity.name)
        b.add(model, activity.size if activity.size > 1 else d.one(*b.sizes))
    if d.chance(0.5):
        b.hidden((leaky_readout, *NEURONS), 1)
    b.connect(min(LONGEST, max(b.ticks - 1, 1)))
    by_name = {p.name: p for p in b.populations}
    for k, q in enumerate(b.projections):
        signal = b.signal(by_name[q.pre]) if q.synapse is None else _filtered(q, b, by_name)
        rule = _traced_rule(b, by_name[q.post], q.weight, signal) if d.chance(0.75) else None
        start = {"mean": q.mean, "initial": q.initial}
        if isinstance(rule, triplet_stdp.Params):
            start = {"mean": max(q.mean, 0.0), "initial": 0.0}
        b.projections[k] = replace(q, rule=rule, **start)
    if not any(q.rule for q in b.projections):
        raise ValueError("Network must have a rule to learn by, not none")
    b.mirror()
    return b.shuffled()


def _filtered(q: Projection, b: Builder, by_name: dict[str, Population]) -> Format:
    """Return the format of what a projection with a synapse model delivers."""
    model: Any = q.synapse
    module = catalog.SYNAPSES[catalog.name_of(catalog.SYNAPSES, model)]
    return module.STEP.ports(model.constants(b.signal(by_name[q.pre]))).outputs.signal


def _traced_rule(b: Builder, post: Population, weight: Format, signal: Format) -> Any:
    """Return a rule that a population can learn by."""
    d, outputs = b.d, b.outputs(post)
    kinds: list[Any] = [delta_rule, actor_critic]
    if "excess" in outputs:
        kinds += [eprop, eprop, eprop_adaptive, eprop_reward]
    if signal == BIT and outputs["signal"] == BIT:
        kinds += [stdp, triplet_stdp, *[neuromodulated_stdp] * 3] * 2
    if "phi" in outputs:
        kinds += [rflo, rflo, rflo]
    if "activity" in outputs:
        kinds += [adaptive_feedback, adaptive_feedback]
    module = d.one(*kinds)
    fields = getattr(module, "MODULATORS", ("modulator",))
    if module in (stdp, triplet_stdp, adaptive_feedback):
        fields = ()
    names = {}
    for field in fields:
        found = b.fitting(post.size, _any, set())
        if found is None or d.chance(0.1):
            found = b.add(models.source(d, spikes=d.chance(0.3)), d.one(1, post.size))
        names[field] = found.name
    third = signal
    if names:
        third = b.signal(next(p for p in b.populations if p.name == names["modulator"]))
    return models.tracing(
        d,
        module,
        weight=weight,
        model=post.model,
        excess=outputs.get("excess", BIT),
        third=third,
        names=names,
        ticks=b.ticks,
    )


def rewarded(d: Drawing, size: Size) -> Network:
    """Return a network that learns from a reward what perturbations do."""
    b = Builder(d, size)
    online = d.chance(0.3)
    baseline = running_mean if online else d.one(paired, two_sided, running_mean)
    period = 0
    if online:
        period = d.whole(1, max(b.ticks // 4, 1)) if d.chance(0.7) else b.ticks
        b.ticks = period * max(b.ticks // period, 1)
    b.sources()
    layers = b.hidden(NEURONS, d.one(1, 1, 2, 3))
    if d.chance(0.3):
        b.taking(d.one(*TAKING), d.one(*b.sizes))
    b.connect(LONGEST)
    by_name = {p.name: p for p in b.populations}
    readout = d.one(*layers)
    for post in b.populations:
        own = [k for k, q in enumerate(b.projections) if q.post == post.name]
        fracs = [
            b.projections[k].weight.frac + _filtered_or_not(b.projections[k], b, by_name).frac
            for k in own
            if b.projections[k].receptor in (None, neuron_module(post.model).RECEPTORS[0])
        ]
        how = models.manner(
            d, online=online, steady=baseline is two_sided, frac=max(fracs, default=0)
        )
        if how.kind == "hybrid":
            how.given["sigma"] = _least_sigma(d, [b.projections[k].weight for k in own], how)
        for k in own:
            q = b.projections[k]
            fixed = post is not readout or k != own[0]
            rule = models.perturbing(d, q.weight, how, fixed=fixed)
            b.projections[k] = replace(q, rule=rule, self_connections=True)
    b.mirror()
    return b.shuffled(_reward(b, readout, baseline, period))


def _filtered_or_not(q: Projection, b: Builder, by_name: dict[str, Population]) -> Format:
    return b.signal(by_name[q.pre]) if q.synapse is None else _filtered(q, b, by_name)


def _least_sigma(d: Drawing, weights: list[Format], how: models.Manner) -> float:
    """Return a standard deviation that all of some weights can show."""
    frac = min((fmt.frac for fmt in weights), default=0)
    return d.one(1, 2, 5) * 2.0**-frac * how.given["distribution"].variance ** 0.5


def _reward(b: Builder, readout: Population, baseline: Any, period: int) -> Reward:
    """Return a reward, with time bins if they have a period."""
    d = b.d
    objective = d.one("squared_error", "squared_error", "count_error", "external")
    objective = "squared_error" if period else objective
    target = d.format(Formats(), b.signal(readout).frac)
    if objective == "external":
        target = Format(d.chance(0.6), d.whole(1, 56), d.between(-2, 8))
    given: dict[str, Any] = {}
    if baseline is running_mean:
        given = {"rate": max(d.raw(1, 256), 1) / 256, "conditions": d.one(1, 1, 2, 3)}
        most = LIMIT - 1 if b.size.neurons > 500 else 600
        given |= {"conditions": d.whole(1, most)} if d.chance(0.15) else {}
    fmt = d.format(Formats(), d.between(-4, 6))
    return Reward(
        readout.name,
        objective,
        d.params(baseline.Params, **given),
        fmt,
        target,
        2.0 ** d.between(-4, 2),
        sign=d.chance(0.3) and 0 <= fmt.frac < fmt.width - 1,
        period=period,
        delay=d.one(0, d.whole(0, LONGEST), d.between(0, b.ticks // period)) if period else 0,
    )


def size_of(seed: int) -> str:
    """Return how large the network of a seed may be."""
    d = Drawing(seed, 0, 1)
    return str(d.random.choice(list(SHARES), p=list(SHARES.values())))


KINDS = {"traced": traced, "rewarded": rewarded}
"""What rules learn from: eligibility traces and third factors, or a reward of perturbations."""


def draw_network(seed: int, size: str | None = None, kind: str | None = None) -> Drawn:
    """Return a network that ``plan`` accepts and that has a core.

    Parameters
    ----------
    seed
        All that it is a function of, with size and kind.
    size, kind
        Of :data:`SIZES` and :data:`KINDS`; by default those of the seed.

    Raises
    ------
    RuntimeError
        If too many attempts are refused.
    """
    chosen = size or size_of(seed)
    refused: list[str] = []
    for attempt in range(ATTEMPTS):
        d = Drawing(seed, attempt, 2, wild=0.4 * 0.85**attempt)
        d.wild *= d.one(0.0, 0.3, 1.0) if d.theme is None else 0.0
        try:
            network = KINDS[kind or d.one(*KINDS)](d, SIZES[chosen])
            planned = plan(network)
            core.check(planned, 1)
        except ValueError as error:
            refused.append(str(error))
            continue
        return Drawn(network, planned, chosen, refused)
    raise RuntimeError(f"Network of seed {seed} must be accepted, but {refused[-1]}")
