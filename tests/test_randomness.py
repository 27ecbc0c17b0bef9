"""Threefry against its published vectors and another library; what is made of its words."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from randomgen import ThreeFry

from goldenspike.golden.cell import Nothing
from goldenspike.golden.engine import fill_fields, fill_variates
from goldenspike.golden.randomness import (
    MASK,
    Distribution,
    Stream,
    VariateConstants,
    VariateInputs,
    bernoulli,
    block,
    field,
    popcount,
    variate,
    variates,
    words,
)

WORDS = st.integers(0, MASK) | st.sampled_from([0, 1, MASK - 1, MASK, 1 << 31])
# threefry2x32 20 of Random123's tests/kat_vectors: counter, key, result.
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((MASK, MASK), (MASK, MASK), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers_of_random123(
    counter: Any, key: Any, result: Any, threefry: Callable[..., Any]
) -> None:
    assert block(*key, *counter) == result
    assert threefry(key, counter) == result
    compiled = words(*key, counter[0], counter[1], 2)
    assert tuple(compiled.tolist()) == result


@given(key0=WORDS, key1=WORDS, counter=WORDS, index=WORDS)
def test_the_naive_cipher_agrees(
    threefry: Callable[..., Any], key0: int, key1: int, counter: int, index: int
) -> None:
    assert block(key0, key1, counter, index) == threefry((key0, key1), (counter, index))


@given(key0=WORDS, key1=WORDS, counter=WORDS, index=WORDS)
def test_randomgen_agrees(key0: int, key1: int, counter: int, index: int) -> None:
    # randomgen's words are low first, and it counts before it draws.
    before = ((index << 32 | counter) - 1) % (1 << 64)
    theirs = ThreeFry(key=key1 << 32 | key0, counter=before, number=2, width=32).random_raw(2)
    assert block(key0, key1, counter, index) == tuple(int(x) for x in theirs)


def test_randomgen_agrees_over_a_long_run() -> None:
    seed, stream, count = 0xDEADBEEF, 0x0307, 4000
    theirs = ThreeFry(key=stream << 32 | seed, counter=2**64 - 1, number=2, width=32)
    ours = [x for counter in range(count) for x in block(seed, stream, counter, 0)]
    assert ours == theirs.random_raw(2 * count).tolist()


@given(seed=WORDS, counter=WORDS, first=WORDS, pieces=st.lists(st.integers(0, 9), max_size=5))
def test_words_in_pieces_equal_the_whole(
    seed: int, counter: int, first: int, pieces: list[int]
) -> None:
    whole = words(seed, Stream.TASK, counter, first, 2 * sum(pieces))
    start, found = 0, []
    for piece in pieces:
        found += words(seed, Stream.TASK, counter, (first + start) & MASK, 2 * piece).tolist()
        start += piece
    assert found == whole.tolist()
    assert words(seed, Stream.TASK, counter, first, 2 * sum(pieces) + 1)[:-1].tolist() == found
    one_by_one = [block(seed, Stream.TASK, counter, (first + k) & MASK) for k in range(start)]
    assert found == [x for pair in one_by_one for x in pair]


@pytest.mark.parametrize("distribution", Distribution)
@given(
    seed=WORDS,
    counter=WORDS,
    stride=st.integers(0, 8),
    row=st.integers(0, 40),
    size=st.integers(1, 150),
)
def test_rows_of_variates_are_pieces_of_one_stream(
    distribution: Distribution, seed: int, counter: int, stride: int, row: int, size: int
) -> None:
    bits, offset = int(distribution), row << stride
    out = np.zeros(size, np.int64)
    fill_variates(out, seed, 0x207, counter, 0, offset, bits)
    whole = variates(seed, 0x207, counter, bits, offset + size)
    assert out.tolist() == whole[offset:].tolist()


def test_the_high_half_of_the_index_is_the_tick() -> None:
    out = np.zeros(70, np.int64)
    fill_variates(out, 5, 0x100, 9, 3 << 16, 0, 1)
    bits = [b for k in range(2) for x in block(5, 0x100, 9, 3 << 16 | k) for b in bits_of(x, 1)]
    assert out.tolist() == [2 * b - 1 for b in bits[:70]]


def bits_of(word: int, width: int) -> list[int]:
    """Return the fields of a 32-bit word, the low one first."""
    return [word >> place & (1 << width) - 1 for place in range(0, 32, width)]


@given(x0=WORDS, x1=WORDS)
def test_fields_are_cut_from_the_low_end(x0: int, x1: int) -> None:
    for width in (1, 2, 4, 8, 16, 32):
        found = [field(x0, x1, width, place) for place in range(64 // width)]
        assert found == bits_of(x0, width) + bits_of(x1, width)
        assert sum(f << (width * k) for k, f in enumerate(found)) == x1 << 32 | x0


@given(offset=st.integers(0, 500), size=st.integers(1, 20))
def test_rounding_words_are_quarters_of_blocks(offset: int, size: int) -> None:
    out = np.zeros(size, np.int64)
    fill_fields(out, 1, Stream.ROUNDING, 2, 0, offset, 16)
    blocks = [block(1, Stream.ROUNDING, 2, k) for k in range((offset + size + 3) // 4)]
    stream = [q for pair in blocks for x in pair for q in bits_of(x, 16)]
    assert out.tolist() == stream[offset : offset + size]


def test_popcounts_of_every_half_word() -> None:
    halves = np.arange(1 << 16)
    want = np.array([int(h).bit_count() for h in halves])
    assert (popcount(halves) == want).all()
    assert (popcount(halves << 16) == want).all()
    assert (popcount(halves << 16 | 0xFFFF) == want + 16).all()


@given(WORDS)
def test_variates_of_a_word(word: int) -> None:
    def draw(bits: int, x: int) -> int:
        return variate(VariateConstants(bits), Nothing(), VariateInputs(x))[1].variate

    assert draw(32, word) == word.bit_count() - 16
    assert [draw(1, b) for b in (0, 1)] == [-1, 1]
    for distribution, x in product(Distribution, (0, 1, MASK)):
        fmt = distribution.variate
        assert fmt.low <= draw(int(distribution), x & ((1 << distribution) - 1)) <= fmt.high


@given(WORDS, st.integers(0, 1 << 32))
def test_bernoulli_is_a_comparison(word: int, threshold: int) -> None:
    assert bernoulli(word, threshold) == int(word < threshold)
    assert bernoulli(word, 0) == 0
    assert bernoulli(word, 1 << 32) == 1


COUNT = 200_000
SIGMAS = 5.0
"""A mean beyond five standard errors has a chance of 6e-7; seeds are fixed, so it never flips."""


def near(sample: np.ndarray, mean: float, variance: float) -> bool:
    """Return whether a sample's mean is within SIGMAS standard errors of `mean`."""
    return abs(sample.mean() - mean) < SIGMAS * math.sqrt(variance / sample.size)


def test_rademacher_moments() -> None:
    x = variates(1, Stream.NEURON_PERTURBATION, 2, 1, COUNT)
    assert set(x.tolist()) == {-1, 1}
    assert Distribution.RADEMACHER.variance == 1
    assert near(x, 0.0, 1.0)
    for lag in (1, 2, 31, 32, 63, 64):
        assert near(x[lag:] * x[:-lag], 0.0, 1.0)


def test_gaussian_moments() -> None:
    x = variates(3, Stream.WEIGHT_PERTURBATION, 4, 32, COUNT).astype(float)
    variance = Distribution.GAUSSIAN.variance
    # Central moments of binomial(32, 1/2): 8, kurtosis 3 - 2/32, from sums of 32 signs of 1/2.
    weights = np.array([math.comb(32, k) for k in range(33)]) / 2**32
    moments = [float(weights @ (np.arange(33) - 16.0) ** p) for p in (2, 4, 8)]
    assert moments[0] == variance == 8
    assert moments[1] == (3 - 1 / 16) * variance**2
    assert near(x, 0.0, variance)
    assert near(x**2, variance, moments[1] - variance**2)
    assert near(x**4, moments[1], moments[2] - moments[1] ** 2)
    assert near(x[1:] * x[:-1], 0.0, variance**2)


def test_the_gaussian_is_binomial() -> None:
    x = variates(5, Stream.INITIAL_WEIGHT, 0, 32, COUNT) + 16
    expected = np.array([math.comb(32, k) for k in range(33)]) / 2**32 * COUNT
    observed = np.bincount(x, minlength=33).astype(float)
    # Both tails into one bin each, so that every bin expects at least 100.
    inner = np.flatnonzero(expected >= 100)
    low, high = inner[0], inner[-1]

    def pooled(counts: np.ndarray) -> np.ndarray:
        return np.array([counts[:low].sum(), *counts[low : high + 1], counts[high + 1 :].sum()])

    e, o = pooled(expected), pooled(observed)
    statistic = float(((o - e) ** 2 / e).sum())
    # Wilson-Hilferty: (chi2/k)**(1/3) is normal, mean 1 - 2/(9k), variance 2/(9k), k = bins - 1.
    k = e.size - 1
    normal = ((statistic / k) ** (1 / 3) - (1 - 2 / (9 * k))) / math.sqrt(2 / (9 * k))
    assert abs(normal) < 4.0


@pytest.mark.parametrize("probability", [0.001, 0.25, 0.5, 0.9])
def test_bernoulli_frequencies(probability: float) -> None:
    threshold = round(probability * 2**32)
    drawn = (words(6, Stream.TASK, 0, 0, COUNT) < threshold).astype(float)
    assert near(drawn, probability, probability * (1 - probability))


def test_streams_seeds_and_trials_are_unrelated() -> None:
    size = COUNT // 10
    base = variates(1, 0x100, 1, 1, size)
    others = [(2, 0x100, 1), (1, 0x101, 1), (1, 0x200, 1), (1, 0x100, 2), (1, 0x100, 1 << 31)]
    for seed, stream, counter in others:
        assert near(base * variates(seed, stream, counter, 1, size), 0.0, 1.0)


def test_the_kinds_of_streams_are_apart() -> None:
    kinds = sorted(Stream)
    assert all(b - a >= 0x100 for a, b in pairwise(kinds))
