"""The host's end of a board's serial line: requests that are done once, whatever the line does.

See :mod:`goldenspike.hdl.boards.frame` for what is said.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from goldenspike.hdl.boards.frame import (
    VERSION,
    Decoder,
    Header,
    Kind,
    State,
    Status,
    Verdict,
    encode,
)
from goldenspike.tools.console import InputError

BAUD = 1_000_000
TRIES = 8
NOISE = 10
"""Time-outs after which a line that does not fall silent has not answered."""
MOST = 255
"""Words of a frame, at most: a frame that is damaged costs as many again."""


class LinkError(RuntimeError):
    """The board no longer answers, or lost count of the requests."""


class Link:
    """A board's serial line.

    Parameters
    ----------
    port
        Its name, such as ``/dev/ttyUSB0``.
    baud
        Bits a second, as the board was made for.
    timeout_s
        How long an answer may take in seconds, before the request is repeated.
    serial
        In the place of the port, anything with pyserial's ``write``, ``read``, ``in_waiting`` and
        ``close``.
    clock
        Gives the time in seconds.

    Attributes
    ----------
    flags
        Those of the last answer.
    tries
        How often a request is made before its answer is given up.
    repeated
        How many requests had to be.

    Raises
    ------
    InputError
        If there is no such port, or no board of ours answers.
    """

    def __init__(
        self,
        port: str,
        baud: int = BAUD,
        *,
        timeout_s: float = 0.5,
        serial: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.port, self.timeout_s, self.clock = port, timeout_s, clock
        self.serial: Any = open_port(port, baud) if serial is None else serial
        self.flags, self.repeated, self.tries = State(0), 0, TRIES
        self._number = random.randrange(256)
        self._decoder = Decoder()
        try:
            self.room = MOST
            self.status = self._hello()
            self.room = min(self.status.room, MOST)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the port."""
        self.serial.close()

    def _hello(self) -> Status:
        """Begin; raise InputError unless a board answers."""
        try:
            words = self.ask(Kind.HELLO)
        except LinkError:
            raise InputError(
                f"Port must have a goldenspike board at its baud rate, not {self.port!r}, "
                "where none answers"
            ) from None
        if len(words) != len(Status._fields) - 2 or words[0] != VERSION:
            raise InputError(
                f"Board at {self.port} must speak version {VERSION & 0xFFFF} of the protocol, "
                f"not what {words[:1]} stands for"
            )
        return Status.of(words)

    def get_status(self) -> Status:
        """Return the board's status."""
        self.status = Status.of(self.ask(Kind.STATUS))
        return self.status

    def reset(self) -> None:
        """Reset the core, which keeps its memories, and forget digests."""
        self.ask(Kind.RESET)

    def clear(self) -> None:
        """Forget digests, their sum and count, and that some were lost."""
        self.ask(Kind.CLEAR)

    def send(self, words: Sequence[int]) -> bool:
        """Send words to the core; return False if there was no room, and nothing was sent."""
        return self.ask(Kind.SEND, len(words), words, busy=True) is not None

    def take(self, kind: Kind, count: int) -> list[int]:
        """Return as many answers or digests as are there, `count` at most."""
        return self.ask(kind, min(count, MOST)) or []

    def ask(
        self, kind: Kind, count: int = 0, words: Sequence[int] = (), *, busy: bool = False
    ) -> Any:
        """Make a request, repeat it until it is answered, and return the words of the answer.

        Returns
        -------
        list of int or None
            None if `busy` is allowed and the board was.

        Raises
        ------
        LinkError
            If there is no answer after some tries, or the board refuses the request.
        """
        number = (self._number + 1) & 0xFF
        frame = encode([Header(number, kind, count).word(), *words])
        for trial in range(self.tries):
            self.repeated += trial > 0
            self._write(frame)
            answer = self._listen(number)
            if answer is None:
                continue
            header, found = answer
            verdict = Verdict(header.kind & 3)
            self.flags = State(header.kind & ~3)
            if verdict is Verdict.DONE or (busy and verdict is Verdict.BUSY):
                self._number = number
                return found if verdict is Verdict.DONE else None
            raise LinkError(
                f"Board at {self.port} must take request {kind.name} of {count} words, "
                f"but says {verdict.name}: was it reset, or is another program using it?"
            )
        raise LinkError(
            f"Board at {self.port} must answer within {self.timeout_s:g} s, "
            f"but did not in {self.tries} tries"
        )

    def _write(self, frame: bytes) -> None:
        try:
            self.serial.write(frame)
        except OSError as error:
            raise LinkError(f"Board at {self.port} must stay plugged in: {error}") from error

    def _listen(self, number: int) -> tuple[Header, list[int]] | None:
        """Return the answer to a request; None after a time-out, or if it came damaged."""
        begin = self.clock()
        until, latest = begin + self.timeout_s, begin + NOISE * self.timeout_s
        while self.clock() < min(until, latest):
            try:
                data = self.serial.read(max(1, self.serial.in_waiting))
            except OSError as error:
                raise LinkError(f"Board at {self.port} must stay plugged in: {error}") from error
            if data:
                until = self.clock() + self.timeout_s
            for words in self._decoder.feed(data):
                header = Header.of(words[0])
                if header.kind & 3 == Verdict.DAMAGED:
                    return None
                if header.count != len(words) - 1:
                    continue
                if header.number == number or header.kind & 3 == Verdict.REFUSED:
                    return header, words[1:]
        return None


def open_port(port: str, baud: int) -> Any:
    """Return an open port of pyserial.

    Raises
    ------
    InputError
        If there is none of that name, or it cannot be opened at that rate.
    """
    try:
        import serial
        from serial.tools import list_ports
    except ImportError:
        raise InputError(
            "Python package pyserial must be installed to talk to a board: "
            "install goldenspike[boards]"
        ) from None
    try:
        found = serial.Serial(port, baud, timeout=0.02, write_timeout=5.0, exclusive=True)
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(one.device for one in list_ports.comports())) or "none"
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"Port must be a serial port that can be opened at {baud} baud (there are: {known}), "
            f"not {port!r}: {reason}"
        ) from error
    found.reset_input_buffer()
    return found
