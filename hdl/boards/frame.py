"""Frames on a serial line, in software: what the host sends and what it understands.

A frame is 32-bit words, the lowest byte first, and their CRC-32 (ISO-HDLC, zlib's), between two
flags. It is stuffed as in HDLC (RFC 1662, section 4): ``7E`` and ``7D`` inside become ``7D`` and
the byte with bit 5 turned. So a flag is a frame's end wherever it comes: after any garbage, lost
byte or truncated frame the receiver is in step again with the next flag, without a time-out, and
as every frame begins with one, no later than at the next frame's start. COBS would do too, but the
sender must know a block before it sends it; stuffing goes byte by byte, in either direction.

The first word is the header: see :class:`Header`. The host asks, the board answers every frame
that reaches it with exactly one:

- A damaged frame is answered `DAMAGED` and changes nothing: the host repeats.
- A request has the number of the one before and one more, and is decided once. Another one with
  the same number is the same request: it is answered again, from what is kept for that, and
  nothing is done twice.
- A request of any other number is `REFUSED`; only :attr:`Kind.HELLO` may have any, and begins.
- The words of :attr:`Kind.SEND` are taken whole or not: without room the answer is `BUSY`, and the
  host asks again, under the next number, when it has taken answers.
- A frame that ends while an answer is on its way is passed over. The host, which waits for its
  answer or for a time-out before it asks, then repeats.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from enum import IntEnum, IntFlag
from typing import NamedTuple

FLAG, ESCAPE, TURN = 0x7E, 0x7D, 0x20
VERSION = 0x47530001
"""The first word of a status: "GS", and the number of this protocol."""


class Kind(IntEnum):
    """What a request asks for.

    Attributes
    ----------
    HELLO
        Begin counting requests here; answered as `STATUS`.
    STATUS
        The words of :class:`Status`.
    SEND
        Let the core have the words that follow.
    ANSWERS, DIGESTS
        As many of the core's words, or digests of ticks, as are there, `count` at most.
    CLEAR
        Forget digests, their sum and count, and that some were lost.
    RESET
        Clear, and reset the core; words on their way to it and from it are forgotten.
    """

    HELLO = 0
    STATUS = 1
    SEND = 2
    ANSWERS = 3
    DIGESTS = 4
    CLEAR = 5
    RESET = 6


class Verdict(IntEnum):
    """What became of a request: the lowest two of an answer's flags."""

    DONE = 0
    BUSY = 1
    DAMAGED = 2
    REFUSED = 3


class State(IntFlag):
    """The other flags of an answer.

    Attributes
    ----------
    RUNNING
        Words for the core are left, or a trial runs.
    FAULT
        The core did not understand a command.
    LOST
        Digests came that there was no room for: from the first one on none is kept, and they are
        counted, until the host clears them.
    """

    RUNNING = 4
    FAULT = 8
    LOST = 16


class Header(NamedTuple):
    """The first word: byte by byte `number` of the request, `kind` or flags, `count` (16 bits).

    `count` is that of the words that follow, or that are asked for.
    """

    number: int
    kind: int
    count: int

    def word(self) -> int:
        """Return it as a word."""
        return self.number | self.kind << 8 | self.count << 16

    @staticmethod
    def of(word: int) -> Header:
        """Return the header that a word is."""
        return Header(word & 0xFF, word >> 8 & 0xFF, word >> 16)


class Status(NamedTuple):
    """The words that answer `HELLO` and `STATUS`.

    Parameters
    ----------
    version
        Always :data:`VERSION`.
    identification
        The network's, as :func:`goldenspike.hdl.host.identification` makes it.
    room, depth
        16 bits each: words that the board takes at once; digests that it keeps, 0 for none.
    total
        All digests since the last `CLEAR`, chained as :func:`chain` does.
    ticks
        How many.
    lost, damaged
        16 bits each, which stay at their ends: digests not kept; frames not understood.
    """

    version: int
    identification: int
    room: int
    depth: int
    total: int
    ticks: int
    lost: int
    damaged: int

    @staticmethod
    def of(words: list[int]) -> Status:
        """Return the status that six words are."""
        version, identification, sizes, total, ticks, counts = words
        low = 0xFFFF
        return Status(
            *(version, identification, sizes & low, sizes >> 16),
            *(total, ticks, counts & low, counts >> 16),
        )


STATUS_WORDS = 6


def chain(total: int, digest: int) -> int:
    """Return the sum of all digests after one more; turned, so that their order counts."""
    return ((total << 1 | total >> 31) + digest) & 0xFFFFFFFF


def encode(words: Iterable[int]) -> bytes:
    """Return a frame of words."""
    body = b"".join(word.to_bytes(4, "little") for word in words)
    body += zlib.crc32(body).to_bytes(4, "little")
    for byte in (ESCAPE, FLAG):  # In this order: an escape escapes nothing twice.
        body = body.replace(bytes([byte]), bytes([ESCAPE, byte ^ TURN]))
    return bytes([FLAG]) + body + bytes([FLAG])


class Decoder:
    """Finds frames in bytes.

    Attributes
    ----------
    damaged
        How many frames were not understood.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[list[int]]:
        """Return the words of the frames that end in some more bytes."""
        found = []
        for byte in data:
            if byte != FLAG:
                self._bytes.append(byte)
                continue
            body, self._bytes = self._bytes, bytearray()
            if body:
                words = decode(bytes(body))
                self.damaged += words is None
                found += [] if words is None else [words]
        return found


def decode(stuffed: bytes) -> list[int] | None:
    """Return the words between two flags; None if they are damaged."""
    first, *parts = stuffed.split(bytes([ESCAPE]))
    if any(not part for part in parts):
        return None
    body = first + b"".join(bytes([part[0] ^ TURN]) + part[1:] for part in parts)
    if len(body) < 8 or len(body) % 4:
        return None
    words = [int.from_bytes(body[k : k + 4], "little") for k in range(0, len(body), 4)]
    return words[:-1] if zlib.crc32(body[:-4]) == words[-1] else None
