"""What must hold of every learning rule here, whatever the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from goldenspike.golden import engine
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.modulators import paired
from goldenspike.golden.network import Network
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import node_perturbation, three_factor, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus

F = Format.parse
SYMMETRIC = [Rounding.HALF_EVEN, Rounding.TOWARD_ZERO]
FORMATS = st.builds(Format, st.just(value=True), st.integers(2, 12), st.integers(-3, 14))
SEEDS = st.integers(0, 2**32 - 1)
RULES = ("weight_perturbation", "node_perturbation")
Stimulate = Callable[..., Stimulus]


def with_rule(network: Network, name: str, **changes: Any) -> Network:
    """Return a network of one plastic projection with another rule."""
    (q,) = network.projections
    module = {"weight_perturbation": weight_perturbation, "node_perturbation": node_perturbation}
    values = {"eta": 0.25, "sigma": 0.25, "factor": F("fxp-s18/16")} | changes
    return replace(network, projections=(replace(q, rule=module[name].Params(**values)),))


def external(network: Network) -> Network:
    """Return a network judged from outside, against an unperturbed run."""
    assert network.reward is not None
    reward = replace(
        network.reward, objective="external", baseline=paired.Params(), target=F("fxp-s12/4")
    )
    return replace(network, reward=reward)


def learned(made: Plan, stimulus: Stimulus, errors: Any, seed: int = 0) -> tuple[Any, Any]:
    """Return the weights before and after trials of given errors."""
    session = Session(made, seed, "python")
    before = session.arrays["a_to_b.w"].astype(np.int64)
    session.learn(stimulus, np.zeros(len(errors), int), external=errors)
    return before, session.arrays["a_to_b.w"].astype(np.int64)


@given(
    weight=FORMATS,
    factor=FORMATS,
    eligibility=FORMATS,
    rounding=st.sampled_from(SYMMETRIC),
    data=st.data(),
)
def test_an_update_is_odd_in_the_reward_where_rounding_is_symmetric(
    weight: Format, factor: Format, eligibility: Format, rounding: Rounding, data: Any
) -> None:
    c = three_factor.update_constants(weight, factor, eligibility, rounding, Overflow.SATURATE)
    w = data.draw(st.integers(weight.low + 1, weight.high))
    f = data.draw(st.integers(factor.low + 1, factor.high))
    e = data.draw(st.integers(eligibility.low, eligibility.high))

    def after(w: int, f: int) -> int:
        inputs = three_factor.UpdateInputs(f, e, 0)
        return three_factor.update(c, three_factor.UpdateState(w), inputs)[0].w

    mirrored, plain = after(-w, -f), after(w, f)
    assume(weight.low < plain < weight.high)  # the ends are not symmetric
    assert mirrored == -plain
    if rounding is Rounding.HALF_EVEN and weight.low < after(w, -f) < weight.high:
        assert after(w, -f) - w == -(plain - w)


def test_an_update_is_not_odd_where_rounding_is_not() -> None:
    fmt, unit = F("fxp-s8/0"), F("fxp-s8/0")
    for rounding in (Rounding.FLOOR, Rounding.HALF_UP):
        c = three_factor.update_constants(fmt, F("fxp-s8/1"), unit, rounding, Overflow.SATURATE)
        moved = [
            three_factor.update(c, three_factor.UpdateState(0), three_factor.UpdateInputs(f, 1, 0))[
                0
            ].w
            for f in (1, -1)
        ]
        assert moved[0] != -moved[1]


@given(
    rate=st.floats(1e-4, 1e4),
    reward=FORMATS,
    factor=FORMATS,
    data=st.data(),
)
def test_a_factor_is_odd_in_the_reward(
    rate: float, reward: Format, factor: Format, data: Any
) -> None:
    c = three_factor.factor_constants(rate, reward, factor)
    r = data.draw(st.integers(reward.low + 1, reward.high))

    def made(r: int) -> int:
        return three_factor.scale(c, Nothing(), three_factor.FactorInputs(r))[1].factor

    assert made(0) == 0
    assume(abs(made(r)) < factor.high)
    assert made(-r) == -made(r)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=20)
@given(errors=st.tuples(st.integers(-2048, 2047), st.integers(-2048, 2047)), seed=SEEDS)
def test_the_opposite_reward_gives_the_opposite_change(
    networks: dict[str, Network],
    stimulate: Stimulate,
    rule: str,
    errors: tuple[int, int],
    seed: int,
) -> None:
    network = external(with_rule(networks["graded"], rule, eta=2.0**-10))
    (q,) = network.projections
    made = plan(replace(network, projections=(replace(q, weight=F("fxp-s20/14")),)))
    stimulus = stimulate(made, seed)
    before, up = learned(made, stimulus, [errors], seed)
    again, down = learned(made, stimulus, [errors[::-1]], seed)
    assert (before == again).all()
    assert (up - before == -(down - before)).all()
    if abs(errors[0] - errors[1]) > 300:
        assert (up != before).any()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("distribution", Distribution)
def test_no_reward_changes_nothing(
    rule: str,
    rounding: Rounding,
    distribution: Distribution,
    networks: dict[str, Network],
    stimulate: Stimulate,
) -> None:
    for name in ("graded", "spiking"):
        network = with_rule(networks[name], rule, rounding=rounding, distribution=distribution)
        made = plan(external(network))
        before, after = learned(made, stimulate(made, 1), [[77, 77], [-2048, -2048], [0, 0]])
        assert (before == after).all()
        before, after = learned(made, stimulate(made, 1), [[500, 0]])
        assert (before != after).any()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["graded", "spiking"])
@settings(max_examples=12)
@given(
    eta=st.sampled_from([1e-3, 1.0, 1e3, 1e6]),
    overflow=st.sampled_from(Overflow),
    rounding=st.sampled_from(Rounding),
    weight=st.sampled_from([F("fxp-s9/7"), F("fxp-s10/6"), F("fxp-u9/6"), F("fxp-s13/10")]),
    seed=SEEDS,
)
def test_weights_never_leave_their_format(
    networks: dict[str, Network],
    stimulate: Stimulate,
    rule: str,
    name: str,
    eta: float,
    overflow: Overflow,
    rounding: Rounding,
    weight: Format,
    seed: int,
) -> None:
    network = with_rule(networks[name], rule, eta=eta, overflow=overflow, rounding=rounding)
    made = plan(
        replace(network, projections=(replace(network.projections[0], weight=weight, initial=1),))
    )
    session = Session(made, seed, "python")
    session.learn(stimulate(made, seed), [0, 1, 2, 0, 1])
    array = session.arrays["a_to_b.w"]
    assert weight.low <= array.min()
    assert array.max() <= weight.high


def test_a_hot_rule_does_reach_the_ends(networks: dict[str, Network], stimulate: Stimulate) -> None:
    for rule in RULES:
        made = plan(with_rule(networks["graded"], rule, eta=1e6, factor=F("fxp-s18/8")))
        session = Session(made, 1, "python")
        session.learn(stimulate(made, 1), [0, 1, 2] * 4)
        fmt = made.projections[0].weight
        assert {session.arrays["a_to_b.w"].min(), session.arrays["a_to_b.w"].max()} == {
            fmt.low,
            fmt.high,
        }


def eligibilities(made: Plan, stimulus: Stimulus, samples: list[int], seed: int) -> np.ndarray:
    """Return the eligibilities at the end of the ticks of one trial, ``(pre, post)``."""
    session = Session(made, seed, "python")
    trace = session.learn(stimulus, samples, traced=True, trace_rows=50_000).trace
    variable = made.variables["a_to_b.e"]
    found = np.zeros(variable.shape, np.int64)
    for _, number, index, value in trace.tolist():
        if number == variable.number:
            assert variable.format.low <= value <= variable.format.high
            found[variable.index(index)] = value
    return found


@pytest.mark.parametrize("distribution", Distribution)
@pytest.mark.parametrize("signal", ["fxp-u1/0", "fxp-s8/6", "fxp-u5/2"])
@settings(max_examples=10)
@given(seed=SEEDS)
def test_the_default_eligibility_is_exact(
    networks: dict[str, Network],
    stimulate: Stimulate,
    threefry: Callable[..., Any],
    distribution: Distribution,
    signal: str,
    seed: int,
) -> None:
    network = with_rule(networks["spiking"], "node_perturbation", distribution=distribution)
    source, post = network.populations
    pre = replace(source, model=replace(source.model, signal=F(signal)))
    made = plan(replace(network, populations=(pre, post)))
    stimulus = stimulate(made, seed)
    stimulus.inputs["a"][1] = F(signal).low or F(signal).high  # the worst there is
    for sample in (0, 1):
        got = eligibilities(made, stimulus, [sample], seed)
        want = np.zeros((5, 3), np.int64)
        for t in range(made.ticks):
            x0, x1 = threefry((seed, 0x101), (0, t << 16))
            y0, _ = threefry((seed, 0x101), (0, t << 16 | 1))
            words = [x0, x1, y0] if distribution is Distribution.GAUSSIAN else [x0]
            variates = [
                words[i].bit_count() - 16 if len(words) == 3 else 2 * (x0 >> i & 1) - 1
                for i in range(3)
            ]
            want += np.outer(stimulus.inputs["a"][sample, t], variates)
        assert (got == want).all()


@settings(max_examples=10)
@given(seed=SEEDS, width=st.integers(2, 6))
def test_a_narrow_eligibility_stays_in_its_format(
    networks: dict[str, Network], stimulate: Stimulate, seed: int, width: int
) -> None:
    fmt = Format(True, width, 0)
    network = with_rule(networks["spiking"], "node_perturbation", eligibility=fmt)
    made = plan(replace(network, ticks=40))
    stimulus = stimulate(made, seed)
    stimulus.inputs["a"][:] = 1
    found = eligibilities(made, stimulus, [0], seed)
    assert fmt.low <= found.min()
    assert found.max() <= fmt.high


@pytest.mark.parametrize("name", ["graded", "spiking"])
@settings(max_examples=10)
@given(silent=st.sets(st.integers(0, 4), min_size=1, max_size=4), seed=SEEDS)
def test_weights_of_silent_inputs(
    networks: dict[str, Network], stimulate: Stimulate, name: str, silent: set[int], seed: int
) -> None:
    rows = sorted(silent)
    for rule, rounding in product(RULES, (Rounding.HALF_EVEN, Rounding.STOCHASTIC)):
        made = plan(external(with_rule(networks[name], rule, rounding=rounding)))
        stimulus = stimulate(made, seed)
        stimulus.inputs["a"][:, :, rows] = 0
        before, after = learned(made, stimulus, [[2000, -100], [5, 700], [0, 1000]], seed)
        if rule == "node_perturbation":
            assert (before[rows] == after[rows]).all()
        else:  # weight perturbation cannot tell them from the others: they diffuse
            assert (before[rows] != after[rows]).all()


@pytest.mark.parametrize("name", ["graded", "spiking"])
@settings(max_examples=10)
@given(order=st.permutations(range(5)), seed=SEEDS)
def test_exchanged_inputs_learn_exchanged_weights(
    networks: dict[str, Network], stimulate: Stimulate, name: str, order: list[int], seed: int
) -> None:
    # Node perturbation's noise belongs to the outputs, so it does not notice.
    made = plan(with_rule(networks[name], "node_perturbation"))
    stimulus = stimulate(made, seed)
    exchanged = Stimulus({"a": stimulus.inputs["a"][:, :, order]}, stimulus.targets)
    one, two = Session(made, seed, "python"), Session(made, seed, "python")
    two.set_weights("a_to_b", one.arrays["a_to_b.w"][order])
    first = one.learn(stimulus, [0, 1, 2])
    second = two.learn(exchanged, [0, 1, 2])
    assert first.errors.tolist() == second.errors.tolist()
    assert one.arrays["a_to_b.w"][order].tolist() == two.arrays["a_to_b.w"].tolist()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["graded", "spiking"])
@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1)])
def test_exchanged_outputs_with_their_noise_learn_exchanged_weights(
    name: str,
    rule: str,
    order: tuple[int, ...],
    networks: dict[str, Network],
    stimulate: Stimulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = plan(with_rule(networks[name], rule))
    stimulus = stimulate(made, 7)
    columns = list(order)
    one, two = Session(made, 3, "python"), Session(made, 3, "python")
    two.set_weights("a_to_b", one.arrays["a_to_b.w"][:, columns])
    first = one.learn(stimulus, [0, 1, 2], record=True)

    def exchanged(out: np.ndarray, *where: int) -> None:
        noise = np.zeros_like(out)
        engine.fill_variates(noise, *where)
        out[:] = noise[columns]

    load = engine.load

    def loaded(source: str) -> Any:
        module = load(source)
        monkeypatch.setattr(module, "fill_variates", exchanged)
        return module

    monkeypatch.setattr(engine, "load", loaded)
    targets = Stimulus(stimulus.inputs, stimulus.targets[..., columns])
    second = two.learn(targets, [0, 1, 2], record=True)
    assert first.errors.tolist() == second.errors.tolist()
    assert first.signals[:, :, columns].tolist() == second.signals.tolist()
    assert one.arrays["a_to_b.w"][:, columns].tolist() == two.arrays["a_to_b.w"].tolist()


@pytest.mark.parametrize("rule", RULES)
def test_learning_reduces_the_error(
    rule: str, networks: dict[str, Network], stimulate: Stimulate
) -> None:
    network = with_rule(networks["graded"], rule, eta=0.002, sigma=0.0625, factor=F("fxp-s24/22"))
    reward = replace(networks["graded"].reward, baseline=paired.Params(), reward=F("fxp-s24/12"))
    made = plan(replace(network, reward=reward))
    stimulus = stimulate(made, 1, 1)
    stimulus.targets[:] = 8  # one half
    session = Session(made, 1, "python")
    first = int(session.evaluate(stimulus, [0]).errors[0, 0])
    session.learn(stimulus, [0] * 400)
    assert int(session.evaluate(stimulus, [0]).errors[0, 0]) < 0.5 * first
