"""Adaptive neurons and the refractory period: trajectories, limits, the float64 model, errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from types import ModuleType
from typing import Any

import numba
import numpy as np
import pytest
from amaranth.hdl import Module, Mux
from hypothesis import given
from hypothesis import strategies as st

from goldenspike.golden import ranges
from goldenspike.golden.fixed import BIT, Format, Rounding
from goldenspike.golden.modulators import paired
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import adaptive_lif, adaptive_lif_yin, lif
from goldenspike.golden.neurons.spiking import LONGEST
from goldenspike.golden.plan import plan
from goldenspike.golden.rules import node_perturbation
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl.fixed import align
from goldenspike.hdl.neurons.adaptation import adapt, adapted
from goldenspike.hdl.neurons.adaptive_lif import AdaptiveLIF
from goldenspike.hdl.neurons.adaptive_lif_yin import AdaptiveLIFYin
from goldenspike.hdl.neurons.lif import LIF
from goldenspike.hdl.neurons.spiking import fire, has_spiked, integrate
from goldenspike.sim.lockstep import lockstep
from goldenspike.sim.proof import prove

F = Format.parse
CURRENT = F("fxp-s18/12")
MODELS = {"adaptive_lif": adaptive_lif, "adaptive_lif_yin": adaptive_lif_yin}
USUAL: dict[str, Any] = {
    name: module.Params(F("fxp-s16/10"), 0.9, 1.0, 0.97, 0.5, F("fxp-u16/10"))
    for name, module in MODELS.items()
}
PLAIN = lif.Params(F("fxp-s16/10"), 0.9, 1.0)
TICKS = st.lists(st.floats(-0.5, 2.0), min_size=30, max_size=60)
FINE = F("fxp-s50/40")


def run(step: Callable[..., Any], module: ModuleType, c: Any, currents: Any) -> list[tuple]:
    """Return state and outputs of every tick, from rest."""
    zero = 0.0 if isinstance(c.decay, float) else 0
    state = module.State(*(zero for _ in module.State._fields))
    rows = []
    for current in currents:
        state, outputs = step(c, state, module.Inputs(current))
        rows.append((state, outputs))
    return rows


def naive(
    yin: bool, p: Any, factors: dict[str, Fraction], currents: list[Fraction], store: Any
) -> list[tuple[Fraction, Fraction, int]]:
    """Return v, b and z of every tick by the papers' equations, rounded where they are stored."""
    v = b = Fraction(0)
    z, last, rows = 0, None, []
    for t, current in enumerate(currents):
        decay, rho, threshold = factors["decay"], factors["rho"], factors["threshold"]
        b = rho * b + (factors["jump"] * z)
        b = store(b, p.adaptation) * Fraction(2) ** -p.adaptation.frac
        A = threshold + factors["beta"] * b
        v = decay * v + factors["drive"] * current - (A if yin else threshold) * z
        v = store(v, p.membrane) * Fraction(2) ** -p.membrane.frac
        z = int(v > A if yin else v >= A)
        if last is not None and t - last <= p.refractory:
            z = 0
        last = t if z else last
        rows.append((v, b, z))
    return rows


@pytest.mark.parametrize("name", MODELS)
@given(reals=TICKS, refractory=st.integers(0, 4), beta=st.sampled_from([0.0, 0.25, 0.5, 1.84]))
def test_trajectories_are_those_of_the_papers(
    name: str, reals: list[float], refractory: int, beta: float, store: Callable[..., int]
) -> None:
    module, p = MODELS[name], replace(USUAL[name], refractory=refractory, beta=beta)
    yin = module is adaptive_lif_yin
    currents = (2 * CURRENT.nearest(reals)).tolist()
    unit = Fraction(1, 1 << 16)
    factors = {
        "decay": round(0.9 * 65536) * unit,
        "drive": round((1.0 - 0.9) * 65536) * unit if yin else Fraction(1),
        "rho": round(0.97 * 65536) * unit,
        "jump": round((1.0 - 0.97) * 65536) * unit if yin else Fraction(1),
        "beta": round(beta * 65536) * unit,
        "threshold": Fraction(1),
    }
    want = naive(yin, p, factors, [Fraction(i, 1 << 12) for i in currents], store)
    got = run(module.STEP.step, module, p.constants(CURRENT), currents)
    assert [(s.v, s.b, o.signal) for s, o in got] == [(v * 2**10, b * 2**10, z) for v, b, z in want]


@given(reals=TICKS, refractory=st.integers(0, 4), drive=st.sampled_from(["one", "complement"]))
def test_without_beta_it_is_the_lif(reals: list[float], refractory: int, drive: str) -> None:
    currents = (4 * CURRENT.nearest(reals)).tolist()
    plain = replace(PLAIN, refractory=refractory, drive=drive).constants(CURRENT)
    p = replace(USUAL["adaptive_lif"], refractory=refractory, drive=drive, beta=0.0)
    want = run(lif.STEP.step, lif, plain, currents)
    for (s, o), (t, u) in zip(
        run(adaptive_lif.STEP.step, adaptive_lif, p.constants(CURRENT), currents), want, strict=True
    ):
        assert (s.v, s.spike) == t
        assert o == u


@pytest.mark.parametrize("module", [lif, *MODELS.values()])
@pytest.mark.parametrize("refractory", [0, 1, 3])
def test_a_strong_current_makes_a_spike_after_every_refractory_period(
    module: Any, refractory: int
) -> None:
    name = module.__name__.rpartition(".")[2]
    p = replace(USUAL.get(name, PLAIN), refractory=refractory)
    c = p.constants(CURRENT)
    rows = run(module.STEP.step, module, c, [CURRENT.high] * 20)
    period = refractory + 1
    first = next(t for t, (_, o) in enumerate(rows) if o.signal)
    for t, (s, o) in enumerate(rows):
        since = (t - first) % period
        assert o.signal == (t >= first and since == 0)
        assert o.blocked == (t > first and since > 0)
        assert s.spike == (period - since if t >= first else 0)
        assert o.excess > 0 or t < first  # the potential goes on while blocked
    free = run(module.STEP.step, module, replace(p, refractory=0).constants(CURRENT), [9] * 20)
    held = run(module.STEP.step, module, c, [9] * 20)
    assert [s.v for s, _ in free] == [s.v for s, _ in held]


@pytest.mark.parametrize("module", [lif, *MODELS.values()])
def test_the_countdown_fits_its_port(module: Any) -> None:
    p = USUAL.get(module.__name__.rpartition(".")[2], PLAIN)
    for refractory, width in ((0, 1), (1, 2), (2, 2), (3, 3), (LONGEST, 16)):
        c = replace(p, refractory=refractory).constants(CURRENT)
        assert module.STEP.ports(c).state.spike == Format(False, width, 0)
        assert ranges.check(module.STEP, c, "here") > 10
    assert module.STEP.ports(p.constants(CURRENT)).state.spike == BIT


def test_adaptation_rests_where_it_cannot_fade() -> None:
    c = USUAL["adaptive_lif"].constants(CURRENT)
    state = adaptive_lif.State(0, 1 << 15, 0)
    for _ in range(2000):
        state, _ = adaptive_lif.STEP.step(c, state, adaptive_lif.Inputs(0))
    assert state.b == int(1 / (2 * (1 - 0.97)))


@pytest.mark.parametrize("refractory", [0, 2])
@pytest.mark.parametrize("name", MODELS)
def test_fixed_point_follows_the_float64_model(name: str, refractory: int) -> None:
    module = MODELS[name]
    # Factors are exact in both: sixteenths. So are currents.
    p: Any = replace(
        USUAL[name],
        membrane=FINE,
        adaptation=F("fxp-u44/40"),
        decay=0.875,
        rho=0.9375,
        gain=F("fxp-u4/2"),
        factor=F("fxp-u5/4"),
        refractory=refractory,
    )
    c = p.constants(CURRENT)
    rng = np.random.default_rng(11)
    yin = module is adaptive_lif_yin
    currents = rng.integers(0, 1 << (14 if yin else 13), 400).tolist()
    fixed = run(module.STEP.step, module, c, currents)
    real = run(module.STEP.step, module, p.ideal(c), [i * CURRENT.lsb for i in currents])
    compiled = run(
        numba.njit(module.STEP.step), module, p.ideal(c), [i * 2.0**-12 for i in currents]
    )
    assert real == compiled
    # Each tick rounds b by half an LSB, which fades by rho: b is off by at most LSB/2 / (1 - rho).
    # While spikes are the same, v is off by what rounding, and for Yin the reset by A, add every
    # tick, over 1 - decay; and excess by that and beta times b's. Doubles add far less than an LSB.
    half = 2.0**-41
    off_b = half / (1 - 0.9375)
    off_v = (half + (0.5 * off_b if yin else 0.0)) / (1 - 0.875)
    off_excess = off_v + 0.5 * off_b
    for (s, o), (t, u) in zip(fixed, real, strict=True):
        assert (s.spike, o.signal, o.blocked) == (t.spike, u.signal, u.blocked)
        assert abs(s.v * 2.0**-40 - t.v) <= off_v + 2.0**-46
        assert abs(s.b * 2.0**-40 - t.b) <= off_b + 2.0**-46
        assert abs(o.excess * 2.0**-c.excess.frac - u.excess) <= off_excess + 2.0**-46
        assert abs(u.excess) > off_excess  # else spikes might have differed
    assert 20 < sum(o.signal for _, o in fixed) < 300


@pytest.mark.parametrize("module", [lif, *MODELS.values()])
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-1, ValueError, f"Refractory must be 0 to {LONGEST}, not -1"),
        (LONGEST + 1, ValueError, f"Refractory must be 0 to {LONGEST}, not {LONGEST + 1}"),
        (1.0, TypeError, "Refractory must be an integer, not 1.0"),
        (True, TypeError, "Refractory must be an integer, not True"),
    ],
)
def test_wrong_refractory_periods_are_refused(
    module: Any, value: Any, error: type[Exception], message: str
) -> None:
    p = USUAL.get(module.__name__.rpartition(".")[2], PLAIN)
    with pytest.raises(error) as caught:
        replace(p, refractory=value)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decay": 1.5}, "Decay must be 0 to 1, not 1.5"),
        ({"rho": -0.5}, "Rho must be 0 to 1, not -0.5"),
        ({"threshold": 0.0}, "Threshold must be above 0, not 0.0"),
        ({"beta": -1.0}, "Beta must be 0 or more, not -1.0"),
        ({"beta": float("inf")}, "Beta must be finite, not inf"),
        (
            {"beta": 5.0},
            "Beta must be representable in fxp-u18/16, not 5.0 (nearest 3.9999847412109375)",
        ),
        ({"adaptation": F("fxp-s16/9")}, "Adaptation must be unsigned, not fxp-s16/9"),
        (
            {"rounding": Rounding.STOCHASTIC},
            (
                "Rounding of a neuron must be one of 'floor', 'half_up', 'half_even', "
                "'toward_zero', not 'stochastic'"
            ),
        ),
    ],
)
def test_wrong_parameters_are_refused(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        replace(USUAL[name], **change)
    assert str(caught.value) == message


def test_wrong_drives_are_refused() -> None:
    with pytest.raises(ValueError, match="must") as caught:
        replace(USUAL["adaptive_lif"], drive="on")
    assert (
        str(caught.value)
        == "Drive must be one of 'one', 'complement', not 'on' (did you mean 'one'?)"
    )


@pytest.mark.parametrize("name", MODELS)
def test_models_are_read_and_written(name: str) -> None:
    p = replace(USUAL[name], refractory=5)
    assert MODELS[name].Params.read(p.write(), "here") == p
    with pytest.raises(TypeError, match=r"refractory of here must be of type int, not 0\.5"):
        MODELS[name].Params.read(p.write() | {"refractory": 0.5}, "here")


@pytest.mark.parametrize("module", [lif, *MODELS.values()])
def test_learning_networks_compute_the_same_in_python_compiled_and_in_hardware(
    module: Any, stimulate: Callable[..., Stimulus]
) -> None:
    p = USUAL.get(module.__name__.rpartition(".")[2], PLAIN)
    model = replace(p, refractory=2, decay=0.5, membrane=F("fxp-s12/6"))
    rule = node_perturbation.Params(eta=0.25, sigma=0.25, factor=F("fxp-s14/10"))
    network = Network(
        12,
        (Population("a", 5, Source()), Population("b", 7, model)),
        (Projection("a", "b", F("fxp-s10/6"), initial=3.0, rule=rule),),
        Reward("b", "count_error", paired.Params(), F("fxp-s14/4"), F("fxp-u4/2")),
    )
    planned = plan(network)
    stimulus = stimulate(planned, 1)
    sessions = {mode: Session(planned, 3, mode) for mode in ("python", "compiled")}
    report = lockstep(sessions["python"].copy(), stimulus, [0, 1, 2], lanes=2, simulator="icarus")
    assert report.mismatch is None
    digests = {
        mode: session.learn(stimulus, [0, 1, 2], traced=True).digests
        for mode, session in sessions.items()
    }
    assert np.array_equal(digests["python"], digests["compiled"])
    assert report.digest == int(digests["python"].sum()) & 0xFFFFFFFF
    signals = sessions["python"].learn(stimulus, [0], record=True).signals
    assert signals.any()


class BlockedTooLong(LIF):
    """Cannot spike in the tick after the refractory period either."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        with m.If(self.spike > 0):
            m.d.comb += self.signal.eq(0)
        return m


class ResetByAdapted(AdaptiveLIF):
    """Subtracts A where the threshold alone is to be subtracted."""

    def elaborate(self, platform: Any) -> Module:
        m, c = Module(), self.constants
        spiked = has_spiked(c, self.spike)
        b = adapt(m, c, self.b, spiked)
        A = adapted(m, c, b)
        v = integrate(m, c, self.v, self.current, Mux(spiked, A >> c.threshold_shift, 0))
        excess = align(v, c.threshold_shift) - A
        m.d.comb += [self.v_next.eq(v), self.b_next.eq(b), self.excess.eq(excess)]
        fire(m, self, excess >= 0)
        return m


class Inclusive(AdaptiveLIFYin):
    """Spikes where A is reached, not passed."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.signal.eq(self.excess >= 0)
        return m


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (BlockedTooLong, replace(PLAIN, refractory=2)),
        (ResetByAdapted, USUAL["adaptive_lif"]),
        (Inclusive, USUAL["adaptive_lif_yin"]),
    ],
)
def test_a_wrong_twin_gets_a_counterexample(kind: Any, params: Any) -> None:
    proof = prove(kind.cell, params.constants(CURRENT), kind)
    assert proof.counterexample is not None
    assert proof.counterexample.differs
