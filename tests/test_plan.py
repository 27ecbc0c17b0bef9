"""A plan's integers, its order of the tick, and the networks that it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import ranges
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.modulators import paired, running_mean, two_sided
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import conductance_lif, leaky_readout, lif
from goldenspike.golden.noise import filtered, sparse
from goldenspike.golden.plan import UNUSED, plan
from goldenspike.golden.randomness import Distribution, Stream
from goldenspike.golden.rules import (
    conductance_perturbation,
    finite_difference,
    hybrid_perturbation,
    multiplexed_perturbation,
    node_perturbation,
    online_conductance_perturbation,
    weight_perturbation,
)
from goldenspike.golden.synapses import dynamic, exponential

F = Format.parse
LIF = lif.Params(F("fxp-s16/10"), 0.9, 1.0)
NP = node_perturbation.Params(eta=0.1, sigma=0.125, factor=F("fxp-s18/20"))
WP = weight_perturbation.Params(eta=0.1, sigma=0.125, factor=F("fxp-s18/20"))
HP = hybrid_perturbation.Params(eta=0.1, sigma=0.125, factor=F("fxp-s18/20"))
W = F("fxp-s16/12")
REWARD = Reward("b", "count_error", paired.Params(), F("fxp-s20/8"), F("fxp-u8/3"))


def simple(rule: Any = NP, **changes: Any) -> Network:
    """Return a network of two populations, with changes."""
    network = Network(
        5,
        (Population("a", 4, Source()), Population("b", 3, LIF)),
        (Projection("a", "b", W, rule=rule),),
        REWARD,
    )
    return replace(network, **changes)


def silent(*projections: Projection, names: str = "abc", ticks: int = 5) -> Network:
    """Return a network without a reward: "a" is a source, the others are neurons."""
    populations = [Population(names[0], 4, Source())]
    populations += [Population(name, 3, LIF) for name in names[1:]]
    return Network(ticks, tuple(populations), projections)


ORDERS = st.integers(2, 6).flatmap(
    lambda n: st.tuples(
        st.permutations(range(n)),
        st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=12),
        st.sets(st.tuples(st.integers(1, n - 1), st.integers(1, n - 1)), max_size=4),
    )
)


@given(ORDERS)
def test_projections_without_delay_go_forward(drawn: Any) -> None:
    given_order, edges, late = drawn
    prompt = {(a, b) for a, b in edges if a < b} | {(0, k) for k in range(1, len(given_order))}
    projections = [Projection(f"p{a}", f"p{b}", W) for a, b in sorted(prompt)]
    projections += [Projection(f"p{a}", f"p{b}", W, 1) for a, b in sorted(late - prompt)]
    populations = tuple(Population(f"p{k}", 2, LIF if k else Source()) for k in given_order)
    made = plan(Network(3, populations, tuple(projections)))
    place = {p.name: p.number for p in made.populations}
    assert [p.number for p in made.populations] == list(range(len(given_order)))
    assert sorted(place) == sorted(p.name for p in populations)
    for q in made.projections:
        assert q.delay or place[q.pre.name] < place[q.post.name]
    assert [q.name for q in made.projections] == [q.name for q in projections]
    assert [q.number for q in made.projections] == list(range(len(projections)))
    delivered = [q for p in made.neurons for q in made.prompt(p)] + list(made.late)
    assert sorted(q.name for q in delivered) == sorted(q.name for q in projections)
    assert all(q.post is p for p in made.neurons for q in made.prompt(p))
    both = [*made.sources, *made.neurons]
    assert sorted(p.number for p in both) == [p.number for p in made.populations]


def test_populations_that_may_keep_their_order_do() -> None:
    projections = [Projection("a", name, W) for name in "dbc"]
    made = plan(silent(*projections, names="adbc"))
    assert [p.name for p in made.populations] == list("adbc")


def test_a_cycle_with_a_delay_is_none() -> None:
    made = plan(
        silent(Projection("a", "b", W), Projection("b", "c", W), Projection("c", "b", W, 1))
    )
    assert [q.name for q in made.late] == ["c_to_b"]


SIGNALS = st.builds(Format, st.booleans(), st.integers(1, 6), st.integers(-2, 4))


@settings(max_examples=60)
@given(SIGNALS, SIGNALS, SIGNALS, SIGNALS, st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_accumulators_hold_the_worst_sum(
    signal: Format, second: Format, weight: Format, other: Format, sizes: tuple[int, int]
) -> None:
    network = Network(
        2,
        (
            Population("a", sizes[0], Source(signal)),
            Population("c", sizes[1], Source(second)),
            Population("b", 2, LIF),
        ),
        (Projection("a", "b", weight), Projection("c", "b", other, 1)),
    )
    made = plan(network)
    post = made.neurons[0]
    low, high = Fraction(0), Fraction(0)
    for size, (w, x) in zip(sizes, ((weight, signal), (other, second)), strict=True):
        lsb = Fraction(2) ** -(w.frac + x.frac)
        ends = [p * q * lsb for p, q in product((w.low, w.high), (x.low, x.high))]
        low, high = low + size * min(ends), high + size * max(ends)
    frac = max(weight.frac + signal.frac, other.frac + second.frac)
    want = Format.holding(
        int(min(low, 0) * Fraction(2) ** frac), int(high * Fraction(2) ** frac), frac
    )
    assert post.current.low <= want.low
    assert want.high <= post.current.high
    # Products are given whole formats before they are summed: -1..2 becomes -4..3.
    assert post.current.width <= want.width + 2
    assert (post.current.frac, post.current.signed) == (want.frac, want.signed)
    assert [q.shift for q in made.projections] == [
        frac - weight.frac - signal.frac,
        frac - other.frac - second.frac,
    ]


def test_variables_are_numbered_from_one(networks: dict[str, Network]) -> None:
    for network in networks.values():
        made = plan(network)
        variables = list(made.variables.values())
        assert [v.number for v in variables] == list(range(1, len(variables) + 1))
        assert list(made.variables) == [v.name for v in variables]


def test_the_variables_of_a_learning_network() -> None:
    variables = {v.name: (str(v.format), v.shape) for v in plan(simple()).variables.values()}
    assert variables == {
        "b.v": ("fxp-s16/10", (3,)),
        "b.spike": ("fxp-u1/0", (3,)),
        "a_to_b.w": ("fxp-s16/12", (4, 3)),
        "a_to_b.e": ("fxp-s4/0", (4, 3)),  # five ticks of a variate's format, -2 to 1
        "a_to_b.factor": ("fxp-s18/20", ()),
        "reward.count": ("fxp-u3/0", (3,)),
        "reward.error": ("fxp-u18/6", ()),  # three times 31.875**2
        "reward.reward": ("fxp-s20/8", ()),
    }


def test_packed_indices_are_unpacked() -> None:
    variables = plan(simple()).variables
    assert variables["a_to_b.w"].index((2 << 16) | 1) == (2, 1)
    assert variables["a_to_b.w"].index((65534 << 16) | 65534) == (65534, 65534)
    assert variables["b.v"].index(2) == (2,)
    assert variables["reward.error"].index(0) == ()


@pytest.mark.parametrize("objective", ["count_error", "squared_error"])
def test_the_error_holds_the_worst_trial(objective: str) -> None:
    signal, target = F("fxp-s5/3"), F("fxp-u4/2")
    readout = leaky_readout.Params(signal, 0.5)
    made = plan(
        simple(
            populations=(Population("a", 4, Source()), Population("b", 3, readout)),
            reward=replace(REWARD, objective=objective, target=target),
        )
    )
    reward: Any = made.reward
    ends = [f.low * Fraction(2) ** -f.frac for f in (signal, target)]
    tops = [f.high * Fraction(2) ** -f.frac for f in (signal, target)]
    ticks = made.ticks if objective == "count_error" else 1
    worst = max(tops[1] - ticks * ends[0], ticks * tops[0] - ends[1]) ** 2 * 3
    worst *= made.ticks if objective == "squared_error" else 1
    want = Format.holding(0, int(worst * 2**6), 6)
    # A count is given a whole format first: at most twice as wide, its square four times.
    assert want.width <= reward.error.width <= want.width + 2 * (objective == "count_error")
    assert (reward.error.signed, reward.error.frac) == (False, 6)
    assert reward.targets_every_tick is (objective == "squared_error")


def test_an_external_error_has_the_format_of_the_target() -> None:
    reward = replace(REWARD, objective="external", target=F("fxp-s12/3"))
    made: Any = plan(simple(reward=reward)).reward
    assert (made.error, made.objective, made.counts) == (F("fxp-s12/3"), None, {})
    assert made.targets_every_tick is False


@pytest.mark.parametrize(("baseline", "passes"), [(paired.Params(), 2), (running_mean.Params(), 1)])
def test_passes_and_digests(baseline: Any, passes: int) -> None:
    made = plan(simple(reward=replace(REWARD, baseline=baseline)))
    assert (made.passes, made.digests) == (passes, 5 * passes + 1)
    unrewarded = plan(silent(Projection("a", "b", W), names="ab"))
    assert (unrewarded.passes, unrewarded.digests, unrewarded.reward) == (1, 5, None)


def test_every_use_of_randomness_has_its_own_stream(networks: dict[str, Network]) -> None:
    made = plan(networks["deep"])
    neurons = [p.perturbation.stream for p in made.neurons if p.perturbation]
    weights = [q.weight_perturbation.stream for q in made.plastic if q.weight_perturbation]
    assert neurons == [Stream.NEURON_PERTURBATION + 2]
    assert weights == [Stream.WEIGHT_PERTURBATION + k for k in (1, 3, 4)]
    for perturbation in [q.rule.perturbation for q in made.plastic if q.rule]:
        assert perturbation.per_block == 64 // int(perturbation.distribution)


@given(st.integers(1, 65535))
def test_a_row_of_variates_never_straddles_a_power_of_two(size: int) -> None:
    posts = (Population("a", 1, Source()), Population("b", size, LIF))
    made = plan(simple(WP, populations=posts))
    stride = made.plastic[0].rule.perturbation.stride
    assert size <= stride < 2 * size
    assert stride & (stride - 1) == 0


@given(
    eta=st.floats(1e-6, 1e3),
    scale=st.floats(1e-3, 1e3),
    raw=st.integers(1, 4000),
    kind=st.sampled_from(["neuron", "weight"]),
    distribution=st.sampled_from(Distribution),
)
def test_rates_are_what_the_equations_say(
    eta: float, scale: float, raw: int, kind: str, distribution: Distribution
) -> None:
    sigma = raw * 2.0**-12 * math.sqrt(distribution.variance)
    rule = replace(NP if kind == "neuron" else WP, eta=eta, sigma=sigma, distribution=distribution)
    # A factor of one bit that is worth much: the check of the arithmetic never interferes.
    rule = replace(rule, factor=F("fxp-s16/8"))
    made = plan(simple(rule, reward=replace(REWARD, scale=scale)))
    planned: Any = made.plastic[0].rule
    assert planned.perturbation.constants.amplitude == raw
    # dW = eta * scale * reward * psi / sigma**2 with psi = amplitude * variate
    want = eta * scale * (raw * 2.0**-12) / sigma**2
    assert planned.rate == pytest.approx(want, rel=1e-12)
    rate = planned.factor.rate * 2.0**-planned.factor.rate_format.frac
    # RATE_BITS significant bits: half of the last one is 2**-16 of a number between 1 and 2.
    assert rate == pytest.approx(want, rel=2.0**-16)
    assert 2**15 <= planned.factor.rate < 2**16


def test_a_rounded_amplitude_is_made_up_for_in_the_rate() -> None:
    sigma = 0.1  # 409.6 of 4096
    planned: Any = plan(simple(replace(WP, sigma=sigma))).plastic[0].rule
    rate = planned.factor.rate * 2.0**-planned.factor.rate_format.frac
    assert planned.perturbation.constants.amplitude == 410
    assert rate * 410 / 4096 == pytest.approx(WP.eta, rel=2.0**-16)


def test_eligibilities_are_exact_unless_given() -> None:
    source = Source(F("fxp-s8/6"))
    populations = (Population("a", 4, source), Population("b", 3, LIF))
    gaussian = replace(NP, distribution=Distribution.GAUSSIAN)
    made: Any = plan(simple(gaussian, populations=populations)).plastic[0].rule
    assert made.eligibility == Format.holding(-5 * 16 * 128, 5 * 16 * 128, 6)
    asked: Any = plan(simple(replace(NP, eligibility=F("fxp-s9/3")))).plastic[0].rule
    assert asked.eligibility == F("fxp-s9/3")
    weights: Any = plan(simple(WP)).plastic[0].rule
    assert (weights.eligibility, weights.trace) == (F("fxp-s2/0"), None)


@pytest.mark.parametrize("signal", ["fxp-u1/0", "fxp-s8/6", "fxp-u5/-2"])
@pytest.mark.parametrize("distribution", Distribution)
@pytest.mark.parametrize("ticks", [1, 2, 16, 17, 128])
def test_eligibilities_hold_the_worst_trial(
    signal: str, distribution: Distribution, ticks: int
) -> None:
    fmt = F(signal)
    populations = (Population("a", 4, Source(fmt)), Population("b", 3, LIF))
    rule = replace(NP, distribution=distribution)
    made: Any = plan(simple(rule, populations=populations, ticks=ticks)).plastic[0].rule
    most = ticks * (1 if distribution is Distribution.RADEMACHER else 16) * max(fmt.high, -fmt.low)
    assert made.eligibility.low <= -most
    assert most <= made.eligibility.high
    assert made.eligibility.frac == fmt.frac
    # Variates are given whole formats: twice as wide as they are.
    assert made.eligibility.width <= Format.holding(-most, most, fmt.frac).width + 1


def test_everything_that_computes_is_listed_with_its_headroom(
    networks: dict[str, Network],
) -> None:
    for network in networks.values():
        made = plan(network)
        checked = [entry for entry in made.cells if entry[0] != "randomness"]
        assert [name for name, _ in made.spare] == [f"{w}: {c.name}" for w, c, _ in checked]
        for (where, cell, constants), (_, bits) in zip(checked, made.spare, strict=True):
            assert bits == ranges.check(cell, constants, where) >= 0
    names = [cell.name for _, cell, _ in plan(networks["deep"]).cells]
    assert names.count("neurons.lif.step") == 2
    assert names.count("synapses.delta.step") == 5
    assert names.count("rules.three_factor.perturb") == 4
    assert names.count("rules.node_perturbation.step") == 2
    assert names.count("randomness.variate") == 2


B = Population("b", 3, LIF)
BINS = replace(REWARD, objective="squared_error", baseline=running_mean.Params(), period=5)
TIRING = dynamic.Params(0.5, 0.5, 0.5)
LASTING = filtered.Params(0.5, F("fxp-s8/4"))
EMPIRIC: dict[str, Any] = {
    "eta": 0.1,
    "weight": 0.125,
    "probability": 0.25,
    "decay": 0.5,
    "trace": F("fxp-u8/6"),
    "factor": F("fxp-s18/20"),
}
ONLINE = online_conductance_perturbation.Params(
    eligibility=F("fxp-s12/6"), eligibility_decay=0.5, **EMPIRIC
)
CONDUCTANCE = conductance_lif.Params(
    F("fxp-s12/8"), 0.125, 0.0, 4.0, -1.0, 1.0, 0.0, conductance=F("fxp-u8/10")
)


def conducting(*changed: Any) -> Network:
    """Return a network of one projection to conductance neurons, and perhaps another reward."""
    projection, *reward = changed
    populations = (Population("a", 4, Source()), Population("b", 3, CONDUCTANCE))
    return Network(5, populations, (projection,), reward[0] if reward else REWARD)


WIDE = F("fxp-s40/20")
OVERFLOWING = Network(
    5,
    (Population("a", 65535, Source(F("fxp-s30/0"))), B),
    (Projection("a", "b", F("fxp-s30/0")),),
)
BAD: list[tuple[Callable[[], Network], str]] = [
    (
        lambda: simple(populations=(Population("a", 4, Source()), B, B)),
        "Name of a population must be unique, not 'b' twice",
    ),
    (
        lambda: simple(projections=(Projection("a", "b", W), Projection("a", "b", WIDE))),
        "Projection must be unique for its pair, not 'a_to_b' twice",
    ),
    (
        lambda: silent(Projection("a", "bb", W), names="ab"),
        "Post of a_to_bb must be one of 'a', 'b', not 'bb' (did you mean 'b'?)",
    ),
    (
        lambda: silent(Projection("x", "b", W), names="ab"),
        "Pre of x_to_b must be one of 'a', 'b', not 'x'",
    ),
    (
        lambda: silent(Projection("a", "b", W), Projection("b", "c", W), Projection("c", "b", W)),
        "Projections of delay 0 must form no cycle, not one among b, c",
    ),
    (
        lambda: silent(Projection("a", "b", W), Projection("b", "b", W), names="ab"),
        "Projections of delay 0 must form no cycle, not one among b",
    ),
    (
        lambda: silent(Projection("a", "b", W), Projection("b", "a", W, 1), names="ab"),
        "Source a must have no projection to it, not 1",
    ),
    (
        lambda: silent(Projection("a", "b", W)),
        "Population c must have a projection to it, not none",
    ),
    (lambda: simple(reward=None), "Rule of a_to_b must have a reward, which is missing"),
    (lambda: simple(rule=None), "Reward must have a rule to serve, not none"),
    (
        lambda: simple(reward=replace(REWARD, readout="c")),
        "Readout of reward must be one of 'b', not 'c'",
    ),
    (
        lambda: simple(reward=replace(REWARD, readout="a")),
        "Readout of reward must be one of 'b', not 'a'",
    ),
    (
        lambda: simple(
            projections=(
                Projection("a", "b", W, rule=NP),
                Projection("b", "b", W, 1, rule=replace(NP, sigma=0.25)),
            )
        ),
        (
            "Node perturbations of b must agree in size, distribution and noise, "
            "not those of a_to_b and b_to_b"
        ),
    ),
    (
        lambda: simple(replace(WP, sigma=0.00001)),
        (
            "Amplitude of weights of a_to_b must be representable in fxp-s62/12, not 1e-05 "
            "(nearest 0.0)"
        ),
    ),
    (
        lambda: OVERFLOWING,
        "Accumulator of b must fit 62 bits, not 76: narrow the weights or signals of a_to_b",
    ),
    (
        lambda: simple(projections=(Projection("a", "b", F("fxp-s50/10")),), reward=None),
        "Arithmetic of b (neurons.lif.step) must fit 63 bits, not 69: narrow its formats",
    ),
    (
        lambda: simple(replace(NP, factor=F("fxp-s60/20"))),
        (
            "Arithmetic of a_to_b (rules.three_factor.update) must fit 63 bits, not 64: narrow its "
            "formats"
        ),
    ),
    (
        lambda: simple(reward=replace(REWARD, target=F("fxp-u30/10"))),
        "Error of count_error must fit 56 bits, not 62: narrow the signal of b or the target",
    ),
    (
        lambda: simple(reward=replace(REWARD, objective="external", target=F("fxp-s57/0"))),
        "Error of external must fit 56 bits, not 57: narrow the signal of b or the target",
    ),
    (
        lambda: simple(
            projections=(Projection("a", "b", W, rule=NP), Projection("b", "b", W, 1, rule=HP))
        ),
        (
            "Rules of projections to b must trace either its noise or its output, not a_to_b the "
            "one and b_to_b the other"
        ),
    ),
    (
        lambda: simple(projections=(Projection("a", "b", W, receptor="inhibitory"),), reward=None),
        "Receptor of a_to_b must be one of None, 'current', not 'inhibitory'",
    ),
    (
        lambda: conducting(Projection("a", "b", W, receptor="inhibitory", rule=NP)),
        "Receptor excitatory of b must have a projection to perturb it",
    ),
    (
        lambda: simple(
            projections=(Projection("a", "b", W, synapse=TIRING),),
            populations=(Population("a", 4, Source(F("fxp-u2/0"))), B),
            reward=None,
        ),
        "Signal of a dynamic synapse must be fxp-u1/0, not fxp-u2/0",
    ),
    (
        lambda: simple(reward=replace(BINS, period=2)),
        "Period must divide the 5 ticks, not 2",
    ),
    (
        lambda: simple(reward=replace(BINS, objective="count_error")),
        "Objective of a reward with a period must judge every tick, not count_error",
    ),
    (
        lambda: simple(reward=replace(BINS, objective="external")),
        "Objective of a reward with a period must judge every tick, not external",
    ),
    (
        lambda: simple(reward=replace(BINS, baseline=two_sided.Params())),
        "Baseline of a reward with a period must need one run, not two_sided",
    ),
    (
        lambda: simple(reward=BINS),
        "Period of the reward must be 0 for the rule of a_to_b",
    ),
    (
        lambda: conducting(Projection("a", "b", W, rule=ONLINE)),
        "Period of the reward must be above 0 for the rule of a_to_b",
    ),
    (
        lambda: conducting(
            Projection("a", "b", W, rule=replace(ONLINE, interval=2, accumulator=W)), BINS
        ),
        "Interval of a_to_b must be 1 as it learns during trials",
    ),
    (
        lambda: simple(
            replace(NP, noise=LASTING), reward=replace(REWARD, baseline=two_sided.Params())
        ),
        "Noise of b must be white or sparse for a two-sided run",
    ),
    (
        lambda: simple(replace(NP, noise=replace(LASTING, noise=F("fxp-s8/-1")))),
        "Noise must have 0 or more fraction bits, not fxp-s8/-1",
    ),
    (
        lambda: simple(reward=replace(REWARD, reward=F("fxp-s8/7"), sign=True)),
        "Reward of 1 must be representable in fxp-s8/7, not 1.0 (nearest 0.9921875)",
    ),
    (
        lambda: conducting(
            Projection("a", "b", W, rule=ONLINE),
            replace(BINS, period=1, baseline=running_mean.Params(0.5, 65535)),
        ),
        "Baselines must be at most 65536, not 327675",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_networks_that_cannot_be_are_refused(make: Callable[[], Network], message: str) -> None:
    network = make()
    with pytest.raises(ValueError, match="must") as caught:
        plan(network)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (NP, {"distribution": Distribution.GAUSSIAN}),
        (NP, {"noise": sparse.Params(1.0)}),
        (HP, {"distribution": Distribution.GAUSSIAN}),
        (HP, {"sigma": 0.25}),
    ],
)
def test_perturbations_of_a_population_must_agree(rule: Any, changes: dict[str, Any]) -> None:
    other = replace(rule, **changes)
    projections = (Projection("a", "b", W, rule=rule), Projection("b", "b", W, 1, rule=other))
    with pytest.raises(ValueError, match="of b must agree in size, distribution and noise, not"):
        plan(simple(projections=projections))


@pytest.mark.parametrize("wrap", [LIF, leaky_readout.Params(F("fxp-s12/8"), 0.5)])
def test_everything_may_wrap(wrap: Any) -> None:
    neuron = replace(wrap, overflow=1)
    populations = (Population("a", 4, Source()), Population("b", 3, neuron))
    for rule in (NP, WP):
        made = plan(simple(replace(rule, overflow=1), populations=populations))
        assert made.neurons[0].constants.overflow == made.plastic[0].rule.update.overflow == 1


def test_a_spike_is_one_bit(networks: dict[str, Network]) -> None:
    made = plan(networks["spiking"])
    assert made.neurons[0].signal == BIT
    assert made.neurons[0].state == {"v": F("fxp-s14/10"), "spike": BIT}
    assert made.sources[0].state == {}


def test_every_receptor_has_its_own_sum() -> None:
    network = conducting(Projection("a", "b", F("fxp-u4/3")))
    exciting = replace(
        *network.projections, synapse=exponential.Params(0.5, F("fxp-u3/1")), receptor="excitatory"
    )
    post: Any = plan(replace(network, projections=(exciting,), reward=None)).neurons[0]
    # A receptor without synapses gets nothing, and the other four products of 15/8 and 7/2.
    assert post.currents == {"excitatory": F("fxp-u9/4"), "inhibitory": UNUSED}
    back = Projection("b", "b", F("fxp-u4/6"), 1, receptor="inhibitory")
    post = plan(replace(network, projections=(exciting, back), reward=None)).neurons[0]
    assert post.currents == {"excitatory": F("fxp-u9/4"), "inhibitory": F("fxp-u6/6")}
    assert post.current == post.currents["excitatory"]


@pytest.mark.parametrize(("delay", "depth"), [(0, 1), (1, 2), (2, 4), (3, 4), (4, 8), (255, 256)])
def test_signals_are_kept_for_the_longest_delay(delay: int, depth: int) -> None:
    short = Projection("b", "c", W)
    made = plan(silent(Projection("a", "b", W, 255), short, Projection("b", "b", W, delay or 1)))
    assert made.neurons[0].depth == max(depth, 2)
    chain = silent(Projection("a", "b", W), replace(short, delay=delay))
    assert plan(chain).neurons[0].depth == depth


def test_codes_are_numbered_through_the_network(networks: dict[str, Network]) -> None:
    made = plan(networks["coded"])
    found = [q.weight_perturbation.code for q in made.projections]
    # 4 * 5, 5 * 3 and 4 * 3 weights after index 0, whose sequence is constant: 48 of 64.
    assert [(code.first, code.constants.bits) for code in found if code] == [
        (1, 6),
        (21, 6),
        (36, 6),
    ]
    assert [code.cell.name for code in found if code] == [
        *("rules.codes.walsh", "rules.codes.one_hot", "rules.codes.one_hot")
    ]


def test_random_codes_need_no_number() -> None:
    random = multiplexed_perturbation.Params(
        eta=0.1, sigma=0.125, factor=F("fxp-s18/20"), codes="random"
    )
    made: Any = plan(simple(random)).plastic[0]
    assert made.weight_perturbation.code is None
    assert made.weight_perturbation.stream == Stream.WEIGHT_PERTURBATION
    single = finite_difference.Params(eta=0.1, sigma=0.125, factor=F("fxp-s18/20"))
    coded: Any = plan(simple(single)).plastic[0]
    assert (coded.weight_perturbation.code.first, coded.rule.trace) == (1, None)


def test_the_variables_of_filters_noises_and_sums(networks: dict[str, Network]) -> None:
    noisy, coded, online = (plan(networks[name]).variables for name in ("noisy", "coded", "online"))
    for name, text, shape in (
        ("a_to_h.u", "fxp-u10/10", (4,)),
        ("a_to_h.d", "fxp-u10/10", (4,)),
        ("h_to_b.s", "fxp-u8/5", (5,)),
        ("b.noise_n", "fxp-s14/8", (3,)),
        ("a_to_b.active", "fxp-u1/0", (4,)),
        ("h_to_b.e", "fxp-s16/6", (5, 3)),
    ):
        assert (str(noisy[name].format), noisy[name].shape) == (text, shape)
    assert "h.noise_n" not in noisy
    assert noisy["reward.mean"].shape == (3,)
    assert (str(coded["h_to_b.sum"].format), coded["h_to_b.sum"].shape) == ("fxp-s20/16", (5, 3))
    assert "a_to_b.sum" not in coded
    assert (str(online["h.noise_x"].format), online["h.noise_x"].shape) == ("fxp-u10/7", (5,))
    assert online["reward.primed"].shape == (8,)  # two conditions, four time bins
    late = [name for name in plan(networks["delayed"]).variables if name.startswith("a_to_h.e")]
    assert late == [f"a_to_h.e{k}" for k in range(1, 7)]


def test_learning_during_trials_needs_no_update_after_them(networks: dict[str, Network]) -> None:
    made: Any = plan(networks["online"])
    assert (made.online, made.passes, made.digests) == (True, 1, 8)
    assert (made.reward.bins, made.reward.baselines) == (4, 8)
    other: Any = plan(networks["conductances"])
    assert (other.online, other.passes, other.digests) == (False, 1, 9)
    assert plan(networks["twosided"]).passes == 2


def test_hybrid_scores_are_the_sums_of_what_perturbations_deliver() -> None:
    source = Source(F("fxp-s4/2"))
    populations = (Population("a", 4, source), Population("b", 3, LIF))
    post, rule = plan(simple(HP, populations=populations)).neurons[0], HP
    # Four products of a sign, whose format is -2 to 1, and -8 to 7.
    assert (post.output, post.score) == (Format.holding(-4 * 14, 4 * 16, 2), post.output)
    made: Any = plan(simple(rule, populations=populations)).plastic[0].rule
    assert made.kind == "output"
    score: Any = post.output
    most = 5 * max(-score.low, score.high) * 8
    assert made.eligibility == Format.holding(-most, most, 4)


def test_empiric_synapses_rest_at_their_mean() -> None:
    rule = conductance_perturbation.Params(**EMPIRIC)
    made: Any = plan(conducting(Projection("a", "b", W, rule=rule))).neurons[0].perturbation
    assert (made.noise.rest, made.noise.variate) == (32, F("fxp-u8/6"))  # 0.25 / (1 - 0.5)
    assert (made.noise.score.low, made.noise.score.high) == (-256, 255)
    assert plan(conducting(Projection("a", "b", W, rule=rule))).plastic[0].rule.rate == rule.eta
