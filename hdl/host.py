"""The host's side of a core's streams: commands and data as 32-bit words.

See :mod:`goldenspike.hdl.core` for the commands, and :class:`~goldenspike.hdl.core.Core` for the
regions. Signals of a source are given tick by tick; spikes are packed, 32 a word, the lowest
neuron in the lowest bit, each tick starting a new word.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from goldenspike.golden.fixed import BIT, Format
from goldenspike.hdl.core import Core
from goldenspike.hdl.units.commands import LOAD, READ, RUN
from goldenspike.hdl.units.rows import WORD_BITS, words_of

MASK = 0xFFFFFFFF


def run(flags: int) -> list[int]:
    """Return the command that runs a trial."""
    return [RUN << 28 | flags]


def read(core: Core, region: str) -> list[int]:
    """Return the command that reads a region."""
    return [READ << 28 | core.region(region)]


def load(core: Core, region: str, words: Any) -> list[int]:
    """Return the command that loads a region, and its words.

    Raises
    ------
    ValueError
        If the region takes another number of words.
    """
    number = core.region(region)
    wanted = core.regions[number].words
    if len(words) != wanted:
        raise ValueError(f"Words of region {region} must be {wanted}, not {len(words)}")
    return [LOAD << 28 | number, *(int(word) & MASK for word in words)]


def signal_words(raw: np.ndarray, signal: Format) -> list[int]:
    """Return the words of a source's signals, ``(ticks, neurons)``."""
    if signal != BIT:
        return [int(value) & MASK for value in raw.reshape(-1)]
    ticks, size = raw.shape
    padded = np.zeros((ticks, words_of(size, signal) * WORD_BITS), np.uint8)
    padded[:, :size] = raw
    return np.packbits(padded, axis=1, bitorder="little").view("<u4").reshape(-1).tolist()


def wide_words(value: int, width: int) -> list[int]:
    """Return the words of a register of `width` bits, the low one first."""
    return [value >> low & MASK for low in range(0, width, 32)]
