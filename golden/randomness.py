"""Randomness as a pure function: Threefry-2x32, 20 rounds, and what is made of its words.

``block(seed, stream, counter, index)`` is the Threefry-2x32-20 block cipher with key
``(seed, stream)`` and plaintext ``(counter, index)``: 64 bits, two 32-bit words, the first one low.
Nothing has a hidden state or a draw order. (Salmon, Moraes, Dror, Shaw, "Parallel random
numbers: as easy as 1, 2, 3", SC 2011.)

A vector of variates takes `BITS` bits each, packed into consecutive blocks: variate ``i`` is
``field(block(..., i // per_block), i % per_block)``.

=============  ====  ===========================================================================
distribution   bits  variate
=============  ====  ===========================================================================
rademacher        1  ``2 b - 1``: -1 or 1, variance 1
gaussian         32  ``popcount(word) - 16``: binomial(32, 1/2) - 16, variance 8, kurtosis 3 - 1/16
=============  ====  ===========================================================================
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numba
import numpy as np

from goldenspike.golden.cell import Cell, Nothing, Ports, cell, select
from goldenspike.golden.fixed import BIT, RANDOM, RANDOM_BITS, Format

MASK = 0xFFFFFFFF
BLOCK_BITS = 64
PARITY = 0x1BD11BDA
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
GROUPS = 5
"""Groups of four rounds, each followed by a key injection: 20 rounds."""
WORD = Format(False, 32, 0)
NUMBER = Format(False, 3, 0)


class Stream(IntEnum):
    """The second key word is ``kind + id``: every use of randomness has its own stream."""

    NEURON_PERTURBATION = 0x0100
    WEIGHT_PERTURBATION = 0x0200
    INITIAL_WEIGHT = 0x0300
    ROUNDING = 0x0400
    ROUNDING_ROW = 0x0500
    ROUNDING_COLUMN = 0x0600
    DRAW = 0x0700
    TASK = 0x1000


class Distribution(IntEnum):
    """The distributions of a perturbation; the value is how many random bits a variate takes."""

    RADEMACHER = 1
    GAUSSIAN = 32

    @property
    def variate(self) -> Format:
        """The format of a variate."""
        return Format(True, 2, 0) if self is Distribution.RADEMACHER else Format(True, 6, 0)

    @property
    def largest(self) -> int:
        """The largest absolute value of a variate."""
        return 1 if self is Distribution.RADEMACHER else 16

    @property
    def variance(self) -> int:
        """The variance of a variate, in its own units squared."""
        return 1 if self is Distribution.RADEMACHER else 8


class ScheduleInputs(NamedTuple):
    """A key and the number of an injection, 0 to 5: the one before the first round is 0."""

    key0: Any
    key1: Any
    number: Any


class State(NamedTuple):
    x0: Any
    x1: Any


class Inputs(NamedTuple):
    """The words of an injection, and which rotations the four rounds before it take."""

    first: Any
    second: Any
    odd: Any


@cell
def rotate(x: Any, count: int) -> Any:
    """Rotate 32 bits to the left."""
    return ((x << count) & MASK) | (x >> (32 - count))


@cell
def mix(s: Any, odd: Any, place: int) -> Any:
    """One round; its rotation is the one at `place` of the even or the odd four."""
    x0 = (s.x0 + s.x1) & MASK
    even, other = rotate(s.x1, ROTATIONS[0][place]), rotate(s.x1, ROTATIONS[1][place])
    return State(x0, select(odd == 1, other, even) ^ x0)


@cell
def schedule(c: Any, s: Any, x: Any) -> Any:
    """Give injection `number` its words: three words in turn, ``key0, key1, parity``."""
    parity = x.key0 ^ x.key1 ^ PARITY
    turn0 = (x.number == 0) | (x.number == 3)
    turn1 = (x.number == 1) | (x.number == 4)
    first = select(turn0, x.key0, select(turn1, x.key1, parity))
    second = select(turn0, x.key1, select(turn1, parity, x.key0))
    even = (x.number == 0) | (x.number == 2) | (x.number == 4)
    return s, Inputs(first, (second + x.number) & MASK, select(even, 1, 0))


@cell
def start(c: Any, s: Any, x: Any) -> Any:
    """Inject: before the first round, when the state is the plaintext, and after every group."""
    return State((s.x0 + x.first) & MASK, (s.x1 + x.second) & MASK), Nothing()


@cell
def rounds(c: Any, s: Any, x: Any) -> Any:
    """A group, four rounds and their injection: what the hardware does in one clock."""
    return start(c, mix(mix(mix(mix(s, x.odd, 0), x.odd, 1), x.odd, 2), x.odd, 3), x)


@cell
def block(seed: Any, stream: Any, counter: Any, index: Any) -> Any:
    """Return the two 32-bit words of Threefry-2x32-20."""
    none = Nothing()
    s, _ = start(
        none, State(counter, index), schedule(none, none, ScheduleInputs(seed, stream, 0))[1]
    )
    for number in range(1, GROUPS + 1):
        s, _ = rounds(none, s, schedule(none, none, ScheduleInputs(seed, stream, number))[1])
    return s.x0, s.x1


@cell
def field(x0: Any, x1: Any, bits: int, position: Any) -> Any:
    """Return `bits` bits (a power of two up to 32) of a block, at a multiple of `bits`."""
    offset = position * bits
    word = x0 if offset < 32 else x1
    return (word >> (offset & 31)) & ((1 << bits) - 1)


class VariateConstants(NamedTuple):
    bits: int


class VariateInputs(NamedTuple):
    word: Any


class VariateOutputs(NamedTuple):
    variate: Any


@cell
def popcount(word: Any) -> Any:
    """Return how many of 32 bits are one, summed as a tree."""
    x = (word & 0x55555555) + ((word >> 1) & 0x55555555)
    x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
    x = (x & 0x0F0F0F0F) + ((x >> 4) & 0x0F0F0F0F)
    x = (x & 0x00FF00FF) + ((x >> 8) & 0x00FF00FF)
    return (x & 0x0000FFFF) + (x >> 16)


@cell
def variate(c: Any, s: Any, x: Any) -> Any:
    """Make a variate of a field of random bits: a sign, or a centred popcount."""
    if c.bits == 1:
        return s, VariateOutputs(select(x.word == 1, 1, -1))
    return s, VariateOutputs(popcount(x.word) - 16)


@cell
def bernoulli(word: Any, threshold: Any) -> Any:
    """Return 1 with probability ``threshold / 2**n`` for a uniform word of n bits."""
    return select(word < threshold, 1, 0)


class MixInputs(NamedTuple):
    """Two independent random words, of a row and a column."""

    row: Any
    column: Any


class MixOutputs(NamedTuple):
    word: Any


@cell
def add_words(c: Any, s: Any, x: Any) -> Any:
    """Give a synapse its random word: uniform, and independent for every two synapses.

    Two words of a row differ as those of their columns do, which are independent. A word for each
    row and column instead of each synapse is what lets rounding keep up with the lanes.
    """
    return s, MixOutputs((x.row + x.column) & ((1 << RANDOM_BITS) - 1))


SCHEDULE = Cell(
    "randomness.schedule",
    schedule,
    lambda c: Ports(Nothing(), ScheduleInputs(WORD, WORD, NUMBER), Inputs(WORD, WORD, BIT)),
)
START = Cell(
    "randomness.start",
    start,
    lambda c: Ports(State(WORD, WORD), Inputs(WORD, WORD, BIT), Nothing()),
)
ROUNDS = Cell(
    "randomness.rounds",
    rounds,
    lambda c: Ports(State(WORD, WORD), Inputs(WORD, WORD, BIT), Nothing()),
)
VARIATE = Cell(
    "randomness.variate",
    variate,
    lambda c: Ports(
        Nothing(),
        VariateInputs(Format(False, c.bits, 0)),
        VariateOutputs(Distribution(c.bits).variate),
    ),
)

MIX = Cell(
    "randomness.add_words",
    add_words,
    lambda c: Ports(Nothing(), MixInputs(RANDOM, RANDOM), MixOutputs(RANDOM)),
)


@numba.njit(cache=True)
def words(seed: int, stream: int, counter: int, first: int, count: int) -> Any:
    """Return `count` uniform 32-bit words of consecutive blocks, from block `first` on."""
    out = np.empty(count, np.int64)
    for k in range((count + 1) // 2):
        x0, x1 = block(seed, stream, counter, (first + k) & MASK)
        out[2 * k] = x0
        if 2 * k + 1 < count:
            out[2 * k + 1] = x1
    return out


@numba.njit(cache=True)
def variates(seed: int, stream: int, counter: int, bits: int, count: int) -> Any:
    """Return `count` variates of `bits` bits each, from block 0 on."""
    out = np.empty(count, np.int64)
    per_block = BLOCK_BITS // bits
    for k in range(count):
        x0, x1 = block(seed, stream, counter, k // per_block)
        _, o = variate(
            VariateConstants(bits), Nothing(), VariateInputs(field(x0, x1, bits, k % per_block))
        )
        out[k] = o.variate
    return out
