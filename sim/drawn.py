"""Random networks: whatever ``plan`` accepts, as a function of a seed.

A network is drawn as a graph: sources, neurons of any model, modulators that take others' signals,
projections of any delay between them, rules that suit their postsynaptic neurons, third factors
that are any population of a suitable size. What ``plan`` refuses, or what has no core, is drawn
anew, from the seed and the number of the attempt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from goldenspike.golden.delivery import neuron_module
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
from goldenspike.golden.rules.bounded import BoundedParams
from goldenspike.hdl import core
from goldenspike.sim import drawn_models as models
from goldenspike.sim.corners import Bin
from goldenspike.sim.drawing import Drawing
from goldenspike.sim.drawn_graph import SHARES, SIZES, Builder, Size, any_format

NEURONS = (lif, adaptive_lif, adaptive_lif_yin, leaky_readout, conductance_lif, rate)
TAKING = (error, td_error, exponential_unit, softmax_error, softmax_choice, gate, match)
"""Models that are told others' signals and have no synapses."""
LARGE = ("large", "255", str(LIMIT - 1))
"""Corners that only long trials reach."""
ATTEMPTS = 60
"""Attempts at a network: each is less wild than the one before."""


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


def _running(d: Drawing, size: Size) -> Builder:
    """Return what networks have that need no reward, before rules are drawn."""
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
    return b


def fixed(d: Drawing, size: Size) -> Network:
    """Return a network that does not learn."""
    b = _running(d, size)
    b.mirror()
    return b.shuffled()


def traced(d: Drawing, size: Size) -> Network:
    """Return a network whose rules trace eligibilities."""
    b = _running(d, size)
    by_name = {p.name: p for p in b.populations}
    for k, q in enumerate(b.projections):
        rule = (
            _traced_rule(b, by_name[q.post], q.weight, b.delivered(q)) if d.chance(0.75) else None
        )
        start: dict[str, Any] = {}
        if isinstance(rule, triplet_stdp.Params):
            start = {"mean": max(q.mean, 0.0), "initial": 0.0}
        elif isinstance(rule, BoundedParams):
            start = _within(rule, q)
        b.projections[k] = replace(q, rule=rule, **start)
    if not any(q.rule for q in b.projections):
        raise ValueError("Network must have a rule to learn by, not none")
    b.mirror()
    return b.shuffled()


def _within(rule: BoundedParams, q: Projection) -> dict[str, Any]:
    """Return how weights start within the bounds of a rule, if 0 is not within them."""
    low = -math.inf if rule.low is None else rule.low
    high = math.inf if rule.high is None else rule.high
    if low <= 0 <= high:
        return {}
    return {"mean": min(max(q.mean, low), high), "initial": 0.0, "pattern": "full"}


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
        found = b.fitting(post.size, any_format, set())
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


def online(d: Drawing, size: Size) -> Network:
    """Return a network that learns during trials, from rewards of time bins."""
    return rewarded(d, size, online=True)


def rewarded(d: Drawing, size: Size, *, online: bool | None = None) -> Network:
    """Return a network that learns from a reward what perturbations do."""
    b = Builder(d, size)
    online = d.chance(0.3) if online is None else online
    baseline = running_mean if online else d.one(paired, two_sided, running_mean)
    period = 0
    if online:
        # The first bin has no mean to be compared with, so a reward takes several bins.
        b.ticks = max(b.ticks, d.one(1, 6, 8, 12))
        period = d.whole(1, max(b.ticks // 4, 1)) if d.chance(0.8) else b.ticks
        b.ticks = period * max(b.ticks // period, 1)
    b.sources()
    layers = b.hidden(NEURONS, d.one(1, 1, 2, 3))
    if d.chance(0.3):
        b.taking(d.one(*TAKING), d.one(*b.sizes))
    b.connect(LONGEST if d.chance(0.1) else min(LONGEST, max(b.ticks - 1, 1)))
    readout = d.one(*layers)
    for post in b.populations:
        own = [k for k, q in enumerate(b.projections) if q.post == post.name]
        fracs = [
            b.projections[k].weight.frac + b.delivered(b.projections[k]).frac
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


def _least_sigma(d: Drawing, weights: list[Format], how: models.Manner) -> float:
    """Return a standard deviation that all of some weights can show."""
    frac = min((fmt.frac for fmt in weights), default=0)
    return d.one(1, 2, 5) * 2.0**-frac * how.given["distribution"].variance ** 0.5


def _reward(b: Builder, readout: Population, baseline: Any, period: int) -> Reward:
    """Return a reward, with time bins if they have a period."""
    d = b.d
    objective = d.one("squared_error", "squared_error", "count_error", *["external"] * 3)
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
        delay=_late(d, b.ticks // period) if period else 0,
    )


def _late(d: Drawing, bins: int) -> int:
    """Return how many time bins a reward is late: often so few that it arrives within a trial."""
    most = min(bins - 1, LONGEST)
    return d.one(0, 0, 0, min(1, most), d.between(0, most), d.whole(0, LONGEST))


def size_of(seed: int, aim: Bin | None = None, turn: tuple[int, ...] = ()) -> str:
    """Return how large the network of a seed may be, or of the turn of one that aims at a bin."""
    d = Drawing(seed, 0, 1, *turn)
    if aim is not None and aim[-1] in LARGE:
        return d.one("long", "giant")
    return str(d.random.choice(list(SHARES), p=list(SHARES.values())))


KINDS = {"traced": traced, "rewarded": rewarded, "online": online, "fixed": fixed}
"""What rules learn from: eligibility traces and third factors, or rewards of perturbations, those
of time bins among them or alone; ``"fixed"`` has no rules.
"""
FIXED = range(16, 1 << 32, 32)
"""Seeds of networks that do not learn."""


def kind_of(network: Network) -> str:
    """Return what the rules of a network learn from."""
    if network.reward is None:
        return "traced" if any(q.rule is not None for q in network.projections) else "fixed"
    return "online" if network.reward.period else "rewarded"


def draw_network(
    seed: int,
    size: str | None = None,
    kind: str | None = None,
    *,
    aim: Bin | None = None,
    turn: tuple[int, ...] = (),
) -> Drawn:
    """Return a network that ``plan`` accepts and that has a core.

    Parameters
    ----------
    seed
        All that it is a function of, with size and kind.
    size, kind
        Of :data:`SIZES` and :data:`KINDS`; by default those of the seed.
    aim
        A bin of the functional coverage, which becomes likely; see :class:`Drawing`.
    turn
        Makes another network of the same seed.

    Raises
    ------
    RuntimeError
        If too many attempts are refused.
    """
    chosen = size or size_of(seed, aim, turn)
    if kind is None and (seed in FIXED if aim is None else aim[-1] == "fixed"):
        kind = "fixed"
    refused: list[str] = []
    for attempt in range(ATTEMPTS):
        d = Drawing(seed, attempt, 2, *turn, wild=0.4 * 0.85**attempt, aim=aim)
        d.wild *= d.one(0.0, 0.3, 1.0) if d.theme is None else 0.0
        try:
            network = KINDS[kind or d.one("traced", "rewarded")](d, SIZES[chosen])
            planned = plan(network)
            core.check(planned, 1)
        except ValueError as error:
            refused.append(str(error))
            continue
        return Drawn(network, planned, chosen, refused)
    raise RuntimeError(f"Network of seed {seed} must be accepted, but {refused[-1]}")
