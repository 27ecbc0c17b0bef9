"""The digest: what the standard library computes, in whatever order."""

from __future__ import annotations

import random
import struct
import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from goldenspike.golden.digest import BYTES, CONSTANT, column, crc, note, of_write

WORD = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 2**31, 2**32 - 1])
VALUE = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, -1, -(2**63), 2**63 - 1])
WRITES = st.lists(st.tuples(WORD, WORD, VALUE), max_size=12)


def standard(variable: int, index: int, value: int) -> int:
    """Return the CRC-32 of a write's message."""
    return zlib.crc32(struct.pack("<IIq", variable, index, value))


def of_one(variable: int, index: int, value: int) -> int:
    """Return the digest of one write."""
    return (standard(variable, index, value) + value) % 2**32


def digest(writes: list[tuple[int, int, int]], rows: int = 0) -> tuple[int, np.ndarray]:
    """Return the digest of writes, and a trace of them with room for `rows`."""
    total, trace = 0, np.zeros((rows + 1, 4), np.int64)
    for place, write in enumerate(writes):
        total = note(total, trace, place * 10, *write)
    return int(total), trace


@given(WORD, WORD, VALUE)
def test_a_write_is_its_crc(variable: int, index: int, value: int) -> None:
    want = standard(variable, index, value)
    assert crc(variable, index, value) == want
    assert of_write(variable, index, value) == of_one(variable, index, value)


@given(WORD, WORD, VALUE)
def test_a_crc_is_one_exclusive_or_of_columns(variable: int, index: int, value: int) -> None:
    message = int.from_bytes(struct.pack("<IIq", variable, index, value), "little")
    total = CONSTANT
    for bit in range(8 * BYTES):
        if message >> bit & 1:
            total ^= column(bit)
    assert total == standard(variable, index, value)


@given(WRITES, st.randoms(use_true_random=False))
def test_a_digest_is_a_sum_in_any_order(
    writes: list[tuple[int, int, int]], rng: random.Random
) -> None:
    want = sum(of_one(*w) for w in writes) % 2**32
    assert digest(writes)[0] == want
    shuffled = writes.copy()
    rng.shuffle(shuffled)
    assert digest(shuffled)[0] == want


@given(WRITES, st.integers(0, 15))
def test_a_trace_keeps_the_first_writes_and_the_digest_all(
    writes: list[tuple[int, int, int]], rows: int
) -> None:
    total, trace = digest(writes, rows)
    kept = min(rows, len(writes))
    assert total == digest(writes)[0]
    assert trace[0].tolist() == [kept, 0, 0, 0]
    assert trace[1 : kept + 1].tolist() == [[k * 10, *w] for k, w in enumerate(writes[:kept])]
    assert not trace[kept + 1 :].any()


def test_one_bit_anywhere_changes_the_digest() -> None:
    base = standard(3, 5, 7)
    columns = [column(bit) for bit in range(8 * BYTES)]
    assert all(columns)
    assert len(set(columns)) == len(columns)
    for bit in range(64):
        flipped = 7 ^ (1 << bit)
        assert crc(3, 5, flipped - (flipped >> 63 << 64)) == base ^ columns[64 + bit]


@given(WORD, st.integers(1, 6), st.integers(-(2**20), 2**20), st.integers(-(2**20), 2**20))
def test_a_fault_that_all_neurons_share_changes_the_digest(
    variable: int, bits: int, value: int, other: int
) -> None:
    """The sum of the CRC-32 of their writes often stays."""
    writes = [[(variable, index, v) for index in range(1 << bits)] for v in (value, other)]
    assert (digest(writes[0])[0] == digest(writes[1])[0]) == (value == other)
