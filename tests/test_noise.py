"""Random processes: their equations on exact fractions, their moments, their hardware."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numba
import numpy as np
import pytest
from amaranth.hdl import Module
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import Format
from goldenspike.golden.noise import empiric, filtered, sparse
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.randomness import Distribution, Stream, block, words
from goldenspike.hdl.noise.empiric import Empiric
from goldenspike.hdl.noise.filtered import Filtered
from goldenspike.hdl.noise.sparse import Sparse

F = Format.parse
SIGN, GAUSSIAN = Distribution
CHANCES = st.integers(1, (1 << 31) - 1).map(lambda k: k / 2**31)
BITS = st.integers(0, 4)


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


@settings(max_examples=60)
@given(probability=CHANCES | st.just(1.0))
def test_sparse_noise_is_its_equation(agree: Callable[..., None], probability: float) -> None:
    def equation(word: int) -> dict[str, int]:
        happens = Fraction(word // 2, 2**31) < Fraction(probability)
        drawn = (2 * (word % 2) - 1) * happens
        return {"variate": drawn, "score": drawn}

    agree(sparse.STEP, sparse.Params(probability).constants(SIGN), equation)


@settings(max_examples=60)
@given(data=st.data(), distribution=st.sampled_from(Distribution), bits=BITS)
def test_filtered_noise_is_its_equation(
    agree: Callable[..., None],
    store: Callable[..., int],
    data: Any,
    distribution: Distribution,
    bits: int,
) -> None:
    decay = Fraction(data.draw(st.integers(0, max((1 << bits) - 1, 0))), 1 << bits)
    fmt = Format(True, data.draw(st.integers(1, 9)), data.draw(st.integers(-2, 8)))
    params = filtered.Params(float(decay), fmt, Format(False, bits + 1, bits))

    def equation(n: int, word: int) -> dict[str, int]:
        drawn = 2 * word - 1 if distribution is SIGN else word.bit_count() - 16
        after = store(decay * value(n, fmt) + drawn, fmt)
        return {"n": after, "variate": after, "score": after}

    agree(filtered.STEP, params.constants(distribution), equation)


@settings(max_examples=60)
@given(data=st.data(), bits=BITS)
def test_empiric_synapses_are_their_equation(
    agree: Callable[..., None], store: Callable[..., int], data: Any, bits: int
) -> None:
    decay = Fraction(data.draw(st.integers(0, (1 << bits) - 1)), 1 << bits)
    probability = data.draw(st.integers(1 << 10, (1 << 32) - 1)) / 2**32
    fmt = Format(False, 32, 28)  # The mean is at most 16; a chance of 2**-22 is held to 1 %.
    params = empiric.Params(probability, float(decay), fmt, Format(False, bits + 1, bits))
    constants = params.constants(SIGN)
    mean = store(Fraction(probability) / (1 - decay), fmt)
    assert constants.mean == mean
    assert math.isclose(params.rest, mean * fmt.lsb, rel_tol=0, abs_tol=fmt.lsb)

    def equation(x: int, word: int) -> dict[str, int]:
        spike = Fraction(word, 2**32) < Fraction(probability)
        after = store(decay * value(x, fmt) + spike, fmt)
        return {"x": after, "variate": after, "score": after - mean}

    agree(empiric.STEP, constants, equation)


def test_the_mean_is_that_of_the_decay_as_it_is_held() -> None:
    params = empiric.Params(0.25, 0.999, F("fxp-u24/14"), F("fxp-u11/10"))
    assert params.constants(SIGN).mean == 0.25 / (1 - 1023 / 1024) * 2**14
    assert params.rest == pytest.approx(250.0)
    assert params.ideal(params.constants(SIGN)).mean == params.rest


TICKS = 200_000
BURN_IN = 1000
"""Ticks after which a start at 0 is forgotten: ``0.9375**1000`` is 1e-28."""
SIGMAS = 5.0
"""A mean beyond five standard errors has a chance of 6e-7; seeds are fixed, so it never flips."""


def series(module: Any, constants: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return variates and scores of one neuron, after the burn-in, in last bits."""
    ports = module.STEP.ports(constants)
    bits = ports.inputs.word.width
    given_ = words(seed, Stream.NEURON_PERTURBATION, 0, 0, TICKS + BURN_IN) & ((1 << bits) - 1)
    step, Inputs = numba.njit(module.STEP.step), module.Inputs
    start = type(ports.state)(*(0 for _ in ports.state))

    @numba.njit
    def run(c: Any, s: Any, raw: Any) -> Any:
        out = np.empty((2, raw.size), np.int64)
        for k in range(raw.size):
            s, o = step(c, s, Inputs(raw[k]))
            out[0, k], out[1, k] = o.variate, o.score
        return out

    variates, scores = run(constants, start, given_)[:, BURN_IN:]
    return variates, scores


@pytest.mark.parametrize("probability", [0.003, 0.25, 1.0])
def test_sparse_noise_has_its_moments(probability: float) -> None:
    params = sparse.Params(probability)
    variates, scores = series(sparse, params.constants(SIGN), 3)
    assert (variates == scores).all()
    assert params.variance(SIGN) == params.variance(GAUSSIAN) == probability
    assert params.bits(SIGN) == params.bits(GAUSSIAN) == 32
    assert params.rest == 0
    # The mean of signs that happen with chance p; how many happen; neighbours' products.
    assert abs(variates.mean()) < SIGMAS * math.sqrt(probability / TICKS)
    spread = SIGMAS * math.sqrt(probability * (1 - probability) / TICKS)
    assert abs((variates**2).mean() - probability) <= spread
    assert abs((variates[1:] * variates[:-1]).mean()) < SIGMAS * probability / math.sqrt(TICKS - 1)


def check_autoregression(
    x: np.ndarray, decay: float, variance: float, kurtosis: float, lsb: float
) -> None:
    """Check the moments of x' = decay x + (independent, mean 0, of that variance and kurtosis)."""
    stationary = variance / (1 - decay**2)
    # Rounding adds at most half a bit a tick: so far may x be from its real number.
    rounding = lsb / 2 / (1 - decay)
    # The sum of x is that of the innovations times 1 / (1 - decay), but for its ends.
    error = math.sqrt(variance / TICKS) / (1 - decay)
    assert abs(x.mean()) < SIGMAS * error + rounding
    # Bartlett: var(mean of x**2) = ((kurtosis - 3) g0**2 + 2 * sum of g_k**2 over all k) / ticks,
    # with g_k = g0 * decay**|k|.
    squares = kurtosis - 3 + 2 * (1 + decay**2) / (1 - decay**2)
    error = stationary * math.sqrt(squares / TICKS)
    rounded = 2 * rounding * math.sqrt(stationary) + rounding**2
    assert abs((x**2).mean() - stationary) < SIGMAS * error + rounded
    # The innovations: x' - decay x is uncorrelated with x, to 1 / sqrt(ticks) of both deviations.
    correlation = ((x[1:] - decay * x[:-1]) * x[:-1]).mean()
    limit = SIGMAS * math.sqrt(variance * stationary / (TICKS - 1))
    assert abs(correlation) < limit + lsb / 2 * math.sqrt(stationary)


@pytest.mark.parametrize("distribution", Distribution)
@pytest.mark.parametrize("decay", [0.0, 0.75, 0.9375])
def test_filtered_noise_has_its_moments(distribution: Distribution, decay: float) -> None:
    fmt = F("fxp-s20/12")
    params = filtered.Params(decay, fmt)
    variates, scores = series(filtered, params.constants(distribution), 5)
    assert (variates == scores).all()
    assert params.bits(distribution) == int(distribution)
    assert params.rest == 0
    variance = distribution.variance
    assert params.variance(distribution) == variance / (1 - decay**2)
    kurtosis = {SIGN: 1.0, GAUSSIAN: 3 - 1 / 16}[distribution]
    check_autoregression(variates * fmt.lsb, decay, variance, kurtosis, fmt.lsb)


@pytest.mark.parametrize(("probability", "decay"), [(0.04, 0.9375), (0.5, 0.75), (0.01, 0.0)])
def test_empiric_synapses_have_their_moments(probability: float, decay: float) -> None:
    fmt = F("fxp-u24/16")
    params = empiric.Params(probability, decay, fmt)
    constants = params.constants(SIGN)
    variates, scores = series(empiric, constants, 7)
    assert (variates - scores == constants.mean).all()
    assert params.bits(SIGN) == params.bits(GAUSSIAN) == 32
    variance = probability * (1 - probability)
    assert params.variance(SIGN) == pytest.approx(variance / (1 - decay**2))
    kurtosis = (1 - 3 * variance) / variance
    # The mean is rounded too, by half a bit at most: twice the last bit of a tick covers both.
    check_autoregression(scores * fmt.lsb, decay, variance, kurtosis, 2 * fmt.lsb)


@pytest.mark.parametrize(
    ("module", "params"),
    [
        (filtered, filtered.Params(0.9, F("fxp-s30/22"))),
        (empiric, empiric.Params(0.04, 0.9, F("fxp-u30/24"))),
        (sparse, sparse.Params(0.25)),
    ],
)
def test_real_numbers_are_followed(module: Any, params: Any) -> None:
    constants = params.constants(SIGN)
    ports = module.STEP.ports(constants)
    ideal, compiled = params.ideal(constants), numba.njit(module.STEP.step)
    fixed = type(ports.state)(*(0 for _ in ports.state))
    real = type(ports.state)(*(0.0 for _ in ports.state))
    lsb = ports.outputs.variate.lsb
    for k in range(200):
        word = block(1, 2, 3, k)[0] & ports.inputs.word.high
        fixed, one = module.STEP.step(constants, fixed, module.Inputs(word))
        assert compiled(ideal, real, module.Inputs(word)) == module.STEP.step(
            ideal, real, module.Inputs(word)
        )
        real, two = module.STEP.step(ideal, real, module.Inputs(word))
        # Each tick rounds by half a bit and errs by 2**-17 in the decay, of a value below 10; ten
        # ticks of it are kept.
        bound = 10 * (lsb / 2 + 10 * 2.0**-17)
        assert abs(one.variate * lsb - two.variate) <= bound
        assert abs(one.score * lsb - two.score) <= 2 * bound


REFUSED = {
    "Probability must be above 0, to 1, not 0.0": lambda: sparse.Params(0.0),
    "Probability must be above 0, to 1, not 1.5": lambda: sparse.Params(1.5),
    "Probability must be representable in fxp-u32/31, not 1e-10 (nearest 0.0)": lambda: (
        sparse.Params(1e-10)
    ),
    "Decay must be 0 to below 1, not -0.5": lambda: filtered.Params(-0.5, F("fxp-s8/4")),
    "Decay must be 0 to below 1, not 1.0": lambda: filtered.Params(1.0, F("fxp-s8/4")),
    "Decay must be below 1 in fxp-u5/4, not 0.995": lambda: filtered.Params(
        0.995, F("fxp-s8/4"), F("fxp-u5/4")
    ),
    "Noise must be signed, not fxp-u8/4": lambda: filtered.Params(0.5, F("fxp-u8/4")),
    "Probability must be above 0, to below 1, not -1.0": lambda: empiric.Params(
        -1.0, 0.5, F("fxp-u8/4")
    ),
    "Probability must be above 0, to below 1, not 1.0": lambda: empiric.Params(
        1.0, 0.5, F("fxp-u8/4")
    ),
    "Trace must be unsigned, not fxp-s8/4": lambda: empiric.Params(0.5, 0.5, F("fxp-s8/4")),
    "Decay must be below 1 in fxp-u17/16, not 0.999999": lambda: empiric.Params(
        0.5, 0.999999, F("fxp-u8/4")
    ),
    "Mean of a trace must be representable in fxp-u8/6, not 8.0 (nearest 3.984375)": lambda: (
        empiric.Params(0.5, 0.9375, F("fxp-u8/6"))
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_wrong_parameters_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        REFUSED[text]()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (sparse.Params, {"probability": 0.25}),
        (filtered.Params, {"decay": 0.5, "noise": "fxp-s8/4"}),
        (empiric.Params, {"probability": 0.25, "decay": 0.5, "trace": "fxp-u8/7"}),
    ],
)
def test_parameters_are_read_and_written(kind: type[Parameters], table: dict[str, Any]) -> None:
    assert kind.read(table, "noise").write() == table


class OneMore(Sparse):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(threshold=self.constants.threshold + 1)
        return super().elaborate(platform)


class Faster(Filtered):
    def elaborate(self, platform: Any) -> Module:
        c = self.constants
        self.constants = c._replace(pole=c.pole._replace(decay=c.pole.decay - 1))
        return super().elaborate(platform)


class OffCentre(Empiric):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(mean=self.constants.mean + 1)
        return super().elaborate(platform)


@pytest.mark.parametrize("kind", [OneMore, Faster, OffCentre])
def test_wrong_twins_are_refuted(refute: Callable[..., None], kind: Any) -> None:
    wrong = {
        OneMore: sparse.Params(0.003).constants(SIGN),
        Faster: filtered.Params(0.9, F("fxp-s16/10")).constants(GAUSSIAN),
        OffCentre: empiric.Params(0.04, 0.905, F("fxp-u16/12")).constants(SIGN),
    }
    refute(kind, wrong[kind])


def test_what_has_no_state_keeps_none() -> None:
    assert sparse.STEP.ports(sparse.Params(0.5).constants(SIGN)).state == Nothing()
