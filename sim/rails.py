"""The two rails at once: golden runs while a simulator starts, and files pass between them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from goldenspike.golden.cache import replacing
from goldenspike.sim import simulators

BENCH = "goldenspike.sim.benches.lockstep_bench"


class Given(Protocol):
    """What golden gives a simulation.

    Attributes
    ----------
    words
        Those for the core; :data:`goldenspike.hdl.bench.RESET` marks a reset.
    digests
        Of every tick and update.
    answers
        How many words the core answers.
    """

    @property
    def words(self) -> list[int]: ...

    @property
    def digests(self) -> list[int]: ...

    @property
    def answers(self) -> int: ...


T = TypeVar("T", bound=Given)


@dataclass(frozen=True)
class Rails:
    """The golden model beside a simulation, which runs in a process of its own.

    Parameters
    ----------
    build
        The simulation.
    folder
        Where the two leave files for one another.
    limit
        Cycles after which a silent core is taken to hang.
    stalls, timeout_s, waves
        As of :func:`goldenspike.sim.lockstep.lockstep`.
    """

    build: simulators.Build
    folder: Path
    limit: int
    stalls: bool
    timeout_s: float
    waves: Path | None = None

    def both(self, golden: Callable[[], T], *plusargs: str) -> tuple[T, dict[str, Any]]:
        """Run golden while the simulator starts; return what golden made and what the bench saw."""

        def work() -> T:
            counts = None
            try:
                given = golden()
                hexadecimal = "".join(f"{word:08x}\n" for word in given.words)
                (self.folder / "stimulus").write_text(hexadecimal)
                hexadecimal = "".join(f"{digest:08x}\n" for digest in given.digests)
                (self.folder / "digests").write_text(hexadecimal)
                counts = {"expected": given.answers, "count": len(given.digests)}
            finally:  # The bench waits for it, whatever happens.
                with replacing(self.folder / "ready") as temporary:
                    temporary.write_text(json.dumps(counts))
            return given

        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(work)
            try:
                seen = self._simulate(*plusargs)
            finally:
                given = beside.result()
        return given, seen

    def trace(self, moment: int) -> np.ndarray:
        """Run the simulation again; return the writes of a tick as rows of three integers."""
        self._simulate(f"+moment={moment}", f"+trace={self.folder / 'trace'}")
        lines = (self.folder / "trace").read_text().split()
        return np.array(lines, np.int64).reshape(-1, 3)

    def answers(self) -> list[int]:
        """Return the words that the core answered."""
        return [int(word, 16) for word in (self.folder / "answers").read_text().split()]

    def _simulate(self, *more: str) -> dict[str, Any]:
        names = ("stimulus", "answers", "digests")
        files = [f"+{name}={self.folder / name}" for name in names]
        return simulators.run(
            self.build,
            BENCH,
            parameters={"ready": str(self.folder / "ready"), "limit": self.limit},
            plusargs=[*files, *([] if self.stalls else ["+unstalled"]), *more],
            timeout_s=self.timeout_s,
            waves=self.waves,
        )
