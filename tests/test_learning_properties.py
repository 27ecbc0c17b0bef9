"""What must hold of every learning rule of the catalog, whatever the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import catalog, engine
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.modulators import paired, running_mean, two_sided
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.noise import empiric, filtered, sparse
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.synapses import exponential
from goldenspike.golden.trial import Session, Stimulus

F = Format.parse
SEEDS = st.integers(0, 2**32 - 1)
FIXED_ROUNDINGS = [r for r in Rounding if r is not Rounding.STOCHASTIC]
Stimulate = Callable[..., Stimulus]
every_rule = pytest.mark.parametrize("name", catalog.PERTURBING)

VALUES = {
    "eta": 0.125,
    "sigma": 0.25,
    "factor": F("fxp-s26/16"),
    "weight": 0.25,
    "probability": 0.25,
    "decay": 0.5,
    "trace": F("fxp-u8/5"),
    "eligibility": F("fxp-s16/8"),
    "eligibility_decay": 0.25,
}
"""What rules cannot do without; a rule that asks for something else needs a line here."""
OPTIONS: dict[str, st.SearchStrategy] = {
    "rounding": st.sampled_from(Rounding),
    "overflow": st.sampled_from(Overflow),
    "distribution": st.sampled_from(Distribution),
    "eligibility": st.builds(Format, st.just(value=True), st.integers(2, 16), st.integers(-2, 8)),
    "noise": st.sampled_from(
        [
            None,
            sparse.Params(0.25),
            filtered.Params(0.75, F("fxp-s8/3")),
            empiric.Params(0.25, 0.5, F("fxp-u6/4")),
        ]
    ),
    "codes": st.sampled_from(["random", "walsh", "one_hot"]),
    "interval": st.sampled_from([1, 2, 4]),
}
"""What may be drawn of a rule that has it."""
SLOW = running_mean.Params(2.0**-8)
"""A baseline that hardly moves."""


def online(name: str) -> bool:
    """Return whether a rule learns during trials."""
    return catalog.PERTURBING[name].TRACE == "tick"


def rule_of(name: str, **changes: Any) -> Any:
    """Return the parameters of a rule, with an accumulator if it needs one."""
    kind = catalog.PERTURBING[name].Params
    needed = [f.name for f in fields(kind) if f.default is MISSING]
    if changes.get("interval", 1) > 1:
        changes.setdefault("accumulator", F("fxp-s24/16"))
    return kind(**{field: VALUES[field] for field in needed} | changes)


@st.composite
def rules(draw: Any, name: str, **given: Any) -> Any:
    """Draw the parameters of a rule but those that are given."""
    known = {f.name for f in fields(catalog.PERTURBING[name].Params)}
    drawn = {field: draw(s) for field, s in OPTIONS.items() if field in known - given.keys()}
    if online(name):
        drawn["interval"] = 1
    try:
        rule = rule_of(name, **drawn | given)
    except ValueError:  # codes have no distribution to choose
        rule = rule_of(name, **drawn | given | {"distribution": Distribution.RADEMACHER})
    # The amplitude is then one that every format has.
    return replace(rule, sigma=0.25 * rule.variance**0.5) if "sigma" in known else rule


def network(
    name: str,
    rule: Any,
    judged: str = "h",
    signal: str = "fxp-u1/0",
    weight: str = "fxp-s14/10",
    sizes: tuple[int, int] = (4, 3),
    baseline: Any = None,
    **more: Any,
) -> Network:
    """Return a network whose projection from "a" to "h" learns, with "r" that is only driven.

    With `judged` "r", what is learned has no effect on the error.
    """
    return Network(
        4,
        (
            Population("a", sizes[0], Source(F(signal))),
            Population("h", sizes[1], lif.Params(F("fxp-s14/10"), 0.875, 0.5)),
            Population("r", 2, leaky_readout.Params(F("fxp-s14/9"), 0.5)),
        ),
        (
            Projection("a", "h", F(weight), initial=0.5, mean=0.5, rule=rule, **more),
            Projection("a", "r", F("fxp-s14/10"), initial=1.0),
        ),
        Reward(
            judged,
            "squared_error",
            running_mean.Params(0.25) if baseline is None else baseline,
            F("fxp-s24/12"),
            F("fxp-s8/4"),
            scale=0.25,
            period=2 if online(name) else 0,
        ),
    )


def integers(session: Session, name: str = "a_to_h.w") -> np.ndarray:
    """Return a copy of an array."""
    return session.arrays[name].astype(np.int64)


def expect(session: Session, more: int) -> None:
    """Set the running means, once they are known, to what the error will be, and `more`."""
    session.arrays["reward.mean"][:] = integers(session, "reward.mean") + more


def primed(made: Plan, stimulus: Stimulus, seed: int, samples: Any = (0,)) -> Session:
    """Return a session whose means are those of the first trials' errors."""
    session = Session(made, seed, "python")
    before = integers(session)
    session.learn(stimulus, list(samples))
    if made.reward is not None and made.reward.readout.name == "r":
        assert (integers(session) == before).all()
    return session


@every_rule
def test_every_rule_of_the_catalog_can_be_made(name: str) -> None:
    made = plan(network(name, rule_of(name)))
    assert made.online == online(name)
    assert [q.name for q in made.plastic] == ["a_to_h"]


# Ranges


@every_rule
@settings(max_examples=10)
@given(data=st.data())
def test_nothing_leaves_its_format(name: str, stimulate: Stimulate, data: Any) -> None:
    eta = data.draw(st.sampled_from([1e-3, 1.0, 1e3, 1e6]))
    rule = data.draw(
        rules(name, eta=eta, factor=data.draw(st.sampled_from([F("fxp-s18/16"), F("fxp-s9/2")])))
    )
    if rule.interval > 1:
        rule = replace(rule, accumulator=F("fxp-s9/8"))
    spikes = data.draw(st.booleans())
    made = plan(
        network(
            name,
            rule,
            signal="fxp-u1/0" if spikes else data.draw(st.sampled_from(["fxp-s7/5", "fxp-u5/2"])),
            weight=data.draw(st.sampled_from(["fxp-s9/7", "fxp-s10/6", "fxp-u9/6", "fxp-s13/10"])),
            synapse=data.draw(st.sampled_from([None, exponential.Params(0.75, F("fxp-u6/3"))])),
        )
    )
    formats = {v.number: v.format for v in made.variables.values()}
    session = Session(made, data.draw(SEEDS), "python")
    stimulus = stimulate(made, session.seed)
    trace = session.learn(stimulus, [0, 1, 2, 0], traced=True, trace_rows=4000).trace
    assert 0 < len(trace) < 4000
    for _, number, _, value in trace.tolist():
        assert formats[number].low <= value <= formats[number].high
    for key, array in session.arrays.items():
        fmt = made.variables[key].format
        assert fmt.low <= array.min() <= array.max() <= fmt.high


@every_rule
def test_a_hot_rule_does_reach_the_ends(name: str, stimulate: Stimulate) -> None:
    made = plan(network(name, rule_of(name, eta=1e6, factor=F("fxp-s18/2"))))
    session = Session(made, 1, "python")
    fmt, reached = made.projections[0].weight, set()
    for k in range(32):
        session.learn(stimulate(made, 1), [k % 3])
        reached |= set(session.arrays["a_to_h.w"].ravel().tolist())
    assert reached >= {fmt.low, fmt.high}


@every_rule
def test_eligibilities_reach_the_ends_of_a_narrow_format(name: str, stimulate: Stimulate) -> None:
    if "eligibility" not in {f.name for f in fields(catalog.PERTURBING[name].Params)}:
        assert catalog.PERTURBING[name].TRACE in ("none", "active")
        return
    fmt = F("fxp-s3/2")
    made = plan(network(name, rule_of(name, eligibility=fmt), signal="fxp-u3/0"))
    rule: Any = made.plastic[0].rule
    number = made.variables[f"a_to_h.{next(iter(rule.state))}"].number
    session, stimulus = Session(made, 1, "python"), stimulate(made, 1)
    trace = session.learn(stimulus, [0, 1, 2] * 2, traced=True, trace_rows=4000).trace
    found = trace[trace[:, 1] == number, 3]
    assert found.min() == fmt.low
    assert found.max() == fmt.high


# Rewards


@every_rule
@settings(max_examples=10)
@given(data=st.data())
def test_no_reward_changes_nothing(name: str, stimulate: Stimulate, data: Any) -> None:
    rule = data.draw(rules(name))
    kinds: list[Any] = [running_mean.Params(0.25, 2)]
    if not online(name):
        kinds.append(paired.Params())
        if not getattr(made_noise(name, rule), "state", ()):
            kinds.append(two_sided.Params())
    baseline = data.draw(st.sampled_from(kinds))
    made = plan(network(name, rule, judged="r", baseline=baseline))
    session = Session(made, data.draw(SEEDS), "python")
    before = session.save()
    outcome = session.learn(stimulate(made, session.seed), [0] * 6)
    assert not outcome.rewards.any()
    assert outcome.errors.any()
    for key in ("a_to_h.w", "a_to_h.sum"):
        assert key not in before or (session.arrays[key] == before[key]).all()


def made_noise(name: str, rule: Any) -> Any:
    """Return the noise that a rule's network gets, or None."""
    perturbation = plan(network(name, rule)).populations[1].perturbation
    return None if perturbation is None else perturbation.noise


@every_rule
@pytest.mark.parametrize("rounding", FIXED_ROUNDINGS)
def test_any_reward_changes_something(name: str, rounding: Rounding, stimulate: Stimulate) -> None:
    made = plan(network(name, rule_of(name, rounding=rounding), judged="r", baseline=SLOW))
    stimulus = stimulate(made, 1)
    session = primed(made, stimulus, 1)
    before = integers(session)
    expect(session, 1 << 22)
    session.learn(stimulus, [0] * 16)  # a finite difference perturbs one weight or none in each
    assert (integers(session) != before).any()


@every_rule
@settings(max_examples=10)
@given(data=st.data())
def test_the_opposite_reward_gives_the_opposite_change(
    name: str, stimulate: Stimulate, data: Any
) -> None:
    rounding = data.draw(st.sampled_from([Rounding.HALF_EVEN, Rounding.TOWARD_ZERO]))
    rule = data.draw(rules(name, rounding=rounding, eta=2.0**-6))
    # Rounding toward zero is odd in all that is rounded, half to even in the change as well.
    mirrored = rounding is Rounding.TOWARD_ZERO or data.draw(st.booleans())
    made = plan(network(name, rule, judged="r", weight="fxp-s22/12"))
    stimulus = stimulate(made, data.draw(SEEDS))
    one = primed(made, stimulus, data.draw(SEEDS))
    two = one.copy()
    start = integers(one)
    if mirrored:
        two.set_weights("a_to_h", -start)
    errors = integers(one, "reward.mean")
    size = made.reward.baselines
    shares = st.lists(st.integers(-(2**20), 2**20), min_size=size, max_size=size)
    for share in data.draw(st.lists(shares, min_size=1, max_size=4)):
        more = errors * np.array(share) >> 20
        for session, sign in ((one, 1), (two, -1)):
            session.arrays["reward.mean"][:] = errors + sign * more
        rewards = [session.learn(stimulus, [0]).rewards[0] for session in (one, two)]
        assert rewards[0] == -rewards[1]
    up, down = integers(one), integers(two)
    fmt = made.projections[0].weight
    for weights in (up, down):
        assert fmt.low < weights.min() <= weights.max() < fmt.high
    assert (up - start == start * (-1 if mirrored else 1) - down).all()


# Neurons


@every_rule
@settings(max_examples=6)
@given(data=st.data())
def test_weights_of_silent_inputs(name: str, stimulate: Stimulate, data: Any) -> None:
    rows = sorted(data.draw(st.sets(st.integers(0, 3), min_size=1, max_size=3)))
    made = plan(network(name, data.draw(rules(name)), judged="r", baseline=SLOW))
    stimulus = stimulate(made, data.draw(SEEDS))
    stimulus.inputs["a"][:, :, rows] = 0
    session = primed(made, stimulus, data.draw(SEEDS))
    before = integers(session)
    expect(session, 1 << 22)
    session.learn(stimulus, [0] * 16)
    diffused = (integers(session) != before).any(axis=1)[rows]
    # Rules that have nothing but the variate cannot tell them from the others.
    assert diffused.any() == (catalog.PERTURBING[name].TRACE == "none")


@every_rule
@settings(max_examples=10)
@given(data=st.data())
def test_exchanged_inputs_learn_exchanged_weights(
    name: str, stimulate: Stimulate, data: Any
) -> None:
    # Noise of neurons does not notice. Variates of weights belong to synapses: inputs are
    # exchanged that have the same ones in this trial, of which there always are.
    rounding = data.draw(st.sampled_from(FIXED_ROUNDINGS))
    rule = (
        data.draw(rules(name, rounding=rounding, distribution=Distribution.RADEMACHER))
        if has(name, "distribution")
        else data.draw(rules(name, rounding=rounding))
    )
    made = plan(network(name, rule, sizes=(6, 2)))
    stimulus = stimulate(made, data.draw(SEEDS))
    one = primed(made, stimulus, data.draw(SEEDS))
    one.trial = data.draw(st.integers(0, 2**20))
    expect(one, 1 << 20)
    two = one.copy()
    first = one.learn(stimulus, [1], record=True)
    order = np.arange(6)
    if made.projections[0].weight_perturbation is None:
        order = np.array(data.draw(st.permutations(range(6))))
    else:
        variates = one._scratch["a_to_h.psi"].tolist()
        groups = [
            [j for j in range(6) if variates[j] == row]
            for row in ([1, 1], [1, -1], [-1, 1], [-1, -1], [0, 0])
        ]
        assert max(map(len, groups)) > 1
        for group in groups:
            order[group] = data.draw(st.permutations(group)) if group else []
    two.set_weights("a_to_h", integers(two)[order])
    two.set_weights("a_to_r", integers(two, "a_to_r.w")[order])
    for key in ("a_to_h.sum", "a_to_h.active"):
        if key in two.arrays:
            two.arrays[key][...] = two.arrays[key][order]
    exchanged = Stimulus({"a": stimulus.inputs["a"][:, :, order]}, stimulus.targets)
    second = two.learn(exchanged, [1], record=True)
    assert first.signals.tolist() == second.signals.tolist()
    assert first.errors.tolist() == second.errors.tolist()
    assert integers(one)[order].tolist() == integers(two).tolist()


def has(name: str, field: str) -> bool:
    """Return whether a rule has a parameter."""
    return field in {f.name for f in fields(catalog.PERTURBING[name].Params)}


@every_rule
@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1)])
def test_exchanged_outputs_with_their_noise_learn_exchanged_weights(
    name: str, order: tuple[int, ...], stimulate: Stimulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"codes": "random"} if has(name, "codes") else {}
    rule = rule_of(name, **changes)
    if getattr(rule, "code", "random") != "random":
        return  # codes are no noise: what they are follows from where a synapse is
    made = plan(network(name, rule))
    stimulus = stimulate(made, 7)
    columns = list(order)
    one = primed(made, stimulus, 3)
    expect(one, 1 << 20)
    two = one.copy()
    two.set_weights("a_to_h", integers(one)[:, columns])
    first = one.learn(stimulus, [0, 1, 2], record=True)

    load = engine.load

    def exchanging(fill: Callable[..., None]) -> Callable[..., None]:
        def exchanged(out: np.ndarray, *where: int) -> None:
            noise = np.zeros_like(out)
            fill(noise, *where)
            out[:] = noise[columns]

        return exchanged

    def loaded(source: str) -> Any:
        module = load(source)
        for fill in (engine.fill_variates, engine.fill_fields):
            monkeypatch.setattr(module, fill.__name__, exchanging(fill))
        return module

    monkeypatch.setattr(engine, "load", loaded)
    targets = Stimulus(stimulus.inputs, stimulus.targets[..., columns])
    second = two.learn(targets, [0, 1, 2], record=True)
    assert first.errors.tolist() == second.errors.tolist()
    assert first.signals[:, :, columns].tolist() == second.signals.tolist()
    assert integers(one)[:, columns].tolist() == integers(two).tolist()
    assert (integers(one)[:, columns] != integers(one)).any()


# Stochastic rounding


@every_rule
def test_stochastic_rounding_is_right_on_average(name: str, stimulate: Stimulate) -> None:
    # One update, of weights of 10 fraction bits and of as many as the product has. What is
    # learned has no effect on anything else, so the second is the first one's exact update.
    coarse, exact = "fxp-s16/10", "fxp-s40/34"
    made = {}
    for key, weight in (("floor", coarse), ("stochastic", coarse), ("half_even", exact)):
        rule = rule_of(name, rounding=Rounding[key.upper()], eta=0.0123)
        one = network(name, rule, judged="r", weight=weight)
        reward = replace(one.reward, period=4 if online(name) else 0)
        made[key] = plan(replace(one, reward=reward))
        update = made[key].plastic[0].rule.update
    assert made["half_even"].plastic[0].weight.frac >= update.frac - update.weight_shift
    stimulus = stimulate(made["floor"], 1)
    stimulus.inputs["a"][:] = 1
    rests, ups, pairs, spread = [], [], 0.0, 0.0
    for seed in range(40):
        after = {}
        for key, one in made.items():
            session = Session(one, seed, "python")
            for q in one.projections:
                raw = np.zeros((q.pre.size, q.post.size), int)
                session.set_weights(q.name, raw if q.name == "a_to_h" else raw + 512)
            session.learn(stimulus, [0])
            expect(session, (12345678 + 99991 * seed) * (1 if seed % 2 else -1))
            session.trial = seed + 1
            session.learn(stimulus, [0])
            after[key] = integers(session)
        moved = after["half_even"] != 0
        rests.append((after["half_even"] * 2.0**-24 - after["floor"])[moved])
        ups.append((after["stochastic"] - after["floor"])[moved])
        assert (after["stochastic"] == after["floor"])[~moved].all()
        off, variance = ups[-1] - rests[-1], rests[-1] * (1 - rests[-1])
        pairs += off.sum() ** 2 - (off**2).sum()
        spread += 2 * (variance.sum() ** 2 - (variance**2).sum())
    rest, up = np.concatenate(rests), np.concatenate(ups)
    assert len(rest) >= 30
    assert ((rest >= 0) & (rest < 1)).all()
    assert ((up == 0) | (up == 1)).all()
    # Ups are of probability `rest` (its last bits are beyond the random word's), variance
    # rest (1 - rest), and independent: sums are off by six standard deviations once in 10**9.
    variance, ulps = rest * (1 - rest), 2.0**-16 * len(rest)
    assert variance.sum() > 2
    assert abs((up - rest).sum()) <= 6 * np.sqrt(variance.sum()) + ulps
    weight = rest - 0.5
    assert abs((weight * (up - rest)).sum()) <= 6 * np.sqrt((variance * weight**2).sum()) + ulps
    assert abs(pairs) <= 6 * np.sqrt(spread) + ulps
