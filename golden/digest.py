"""The digest: a 32-bit, order-independent hash of all architectural writes of a tick.

    digest = sum of crc32(variable, index, value) + value over the writes, mod 2**32

The message is ``struct.pack("<IIq", variable, index, value)``; ``zlib.crc32`` computes the same.
CRC-32 is affine over GF(2), so hardware makes it as one exclusive or of columns; software takes
one table a byte.

The CRCs alone miss faults that many writes have in common. Let eight neurons with consecutive
indices hold one value, and let a fault flip one bit of it in all of them: for 32 of the 63 bits,
each bit of the CRC that changes rises in four writes and falls in four, and the sum stays. With
the values in the sum, it changes by eight times the flipped bit.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numba
import numpy as np

BYTES = 16
MASK = 0xFFFFFFFF
CONSTANT = zlib.crc32(bytes(BYTES))


def _table() -> Any:
    table = np.zeros((BYTES, 256), np.int64)
    for place in range(BYTES):
        for byte in range(256):
            message = bytes(place) + bytes([byte]) + bytes(BYTES - 1 - place)
            table[place, byte] = zlib.crc32(message) ^ CONSTANT
    return table


TABLE = _table()


def column(bit: int) -> int:
    """Return what bit `bit` of the 128-bit little-endian message adds to the CRC."""
    return int(TABLE[bit // 8, 1 << (bit % 8)])


def of_write(variable: int, index: int, value: int) -> int:
    """Return the digest of one write, by the standard library."""
    return (zlib.crc32(struct.pack("<IIq", variable, index, value)) + value) & MASK


@numba.njit(cache=True)
def crc(variable: int, index: int, value: int) -> int:
    """Return the CRC-32 of one write, by table."""
    total = CONSTANT
    for place in range(4):
        total ^= TABLE[place, (variable >> (8 * place)) & 255]
        total ^= TABLE[4 + place, (index >> (8 * place)) & 255]
    for place in range(8):
        total ^= TABLE[8 + place, (value >> (8 * place)) & 255]
    return total


@numba.njit(cache=True)
def note(digest: int, trace: Any, tick: int, variable: int, index: int, value: int) -> int:
    """Add a write to a digest, and to the trace while it has room.

    `trace` has rows ``(tick, variable, index, value)``; row 0, column 0 counts the rows used.
    """
    used = trace[0, 0]
    if used < trace.shape[0] - 1:
        used += 1
        trace[0, 0] = used
        trace[used, 0] = tick
        trace[used, 1] = variable
        trace[used, 2] = index
        trace[used, 3] = value
    return (digest + crc(variable, index, value) + value) & MASK
