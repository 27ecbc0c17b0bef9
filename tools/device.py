"""``goldenspike device``: a board learns beside the golden model, and their digests are compared.

:class:`Device` is the driver. It talks to a board that is plugged in as to one that is simulated.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from goldenspike.golden.parameters import choice
from goldenspike.golden.plan import Plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import host
from goldenspike.hdl.boards.frame import Kind, State, chain
from goldenspike.hdl.core import check_lanes
from goldenspike.sim import board, simulators
from goldenspike.sim.lockstep import step_name
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools import console
from goldenspike.tools.console import InputError, input_errors
from goldenspike.tools.cosim import begin
from goldenspike.tools.job import Job, prepare, warn
from goldenspike.tools.link import BAUD, MOST, Link, LinkError
from goldenspike.tools.training import watched

TRIALS = 50
BATCH = 16
"""Trials that the board is given at once."""
PATIENCE_S = 60.0
"""How long a core may calculate without a word or a digest before it is taken to hang."""
NAP_S = 0.001
POLLS = 16
"""How often a core at rest is asked for words that it owes before it is taken not to have them."""
TIMEOUT_S = 0.5
"""Time-out of a board: a USB adapter may take a tenth of it."""
SIMULATED_S = 30.0
"""Time-out of a simulated board: on a busy machine it is slow."""


class Trials(NamedTuple):
    """What trials on a board gave.

    Parameters
    ----------
    errors, rewards
        As in :class:`~goldenspike.golden.trial.Outcome`: ``(trials, passes)`` and ``(trials,)``,
        raw; empty without a reward.
    digests
        One after the other over all trials; fewer than there were if `lost`.
    lost
        How many there was no room for. Those before are all there.
    total, ticks
        The chained sum of all digests, lost ones too, and how many.
    """

    errors: np.ndarray
    rewards: np.ndarray
    digests: list[int]
    lost: int
    total: int
    ticks: int


@dataclass(frozen=True)
class Difference:
    """Where a board first differs from the golden model; `golden` and `board` are None if unknown.

    `step` is a tick or an update of the trial, or the word of a region that was read back after it.
    """

    trial: int
    step: str
    golden: int | None
    board: int | None

    def __str__(self) -> str:
        if self.golden is None or self.board is None:
            return f"trial {self.trial}, {self.step}: the digests differ"
        return f"trial {self.trial}, {self.step}: golden {self.golden:08x}, board {self.board:08x}"


@dataclass(frozen=True)
class Verification:
    """What :meth:`Device.verify` saw.

    Parameters
    ----------
    trials, digests, words
        How many trials were learned, digests compared, and words read back and compared.
    lost
        Digests that the board had no room for; they are compared by their sum.
    seconds
        What it took.
    difference
        None, or what differs first.
    """

    trials: int
    digests: int
    words: int
    lost: int
    seconds: float
    difference: Difference | None


class Device:
    """A board with a network's core.

    Spikes are not to be had from it: a core with streams keeps them to itself, and shows what it
    makes of them: errors, rewards, counts of the readout's spikes, weights, digests.

    Parameters
    ----------
    port
        Its serial port, such as ``/dev/ttyUSB0``.
    job
        The experiment whose bitstream it has.
    baud
        Bits a second, as the bitstream was made for.
    timeout_s
        How long an answer may take.
    serial, clock
        In the place of the port and of the time: see :class:`~goldenspike.tools.link.Link`.

    Attributes
    ----------
    session
        The session that was loaded last. :meth:`learn` moves but its trial on.

    Raises
    ------
    InputError
        If there is no such port, no board, or another network on it.
    """

    def __init__(
        self,
        port: str,
        job: Job,
        *,
        baud: int = BAUD,
        timeout_s: float = TIMEOUT_S,
        serial: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job, self.plan = job, job.plan
        self.regions = host.outline(job.plan)
        wanted = host.identification(job.plan)
        self.link = Link(port, baud, timeout_s=timeout_s, serial=serial, clock=clock)
        found = self.link.status.identification
        if found != wanted:
            self.link.close()
            raise InputError(
                f"Network of the board at {port} must be {job.experiment.name}'s, {wanted:08x}, "
                f"not {found:08x}: make its bitstream anew, or name the experiment that it has"
            )
        self.link.reset()
        self.session = job.session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the port."""
        self.link.close()

    @property
    def makes_digests(self) -> bool:
        """Whether the board makes digests."""
        return self.link.status.depth > 0

    def load(self, session: Session) -> None:
        """Load all that the following trials depend on: seed, trial, weights, baseline.

        Raises
        ------
        ValueError
            If the session is of another network.
        """
        if host.identification(session.plan) != self.link.status.identification:
            raise ValueError("Session must be of the board's network, not of another one")
        self.session = session.copy()
        words = []
        for region, loaded in self._state(session, 0).items():
            words += host.load(self.regions, region, loaded)
        self._exchange(words, 0)
        self.read("registers")  # It has all been taken.

    def set_weights(self, projection: str, raw: Any) -> None:
        """Load a projection's weights, raw, ``(pre, post)``; errors as of ``Session``."""
        self.session.set_weights(projection, raw)
        loaded = host.weight_words(self.session)[f"{projection}_w"]
        self._exchange(host.load(self.regions, f"{projection}_w", loaded), 0)

    def read(self, region: str) -> list[int]:
        """Return the words of a region."""
        count = self.regions.regions[self.regions.region(region)].words
        return self._exchange(host.read(self.regions, region), count)[0]

    def weights(self, projection: str) -> np.ndarray:
        """Return a projection's weights, raw, ``(pre, post)``, as they are on the board."""
        choice("Projection", projection, [q.name for q in self.plan.projections])
        q = next(q for q in self.plan.projections if q.name == projection)
        if q.mirror is not None:
            return self.weights(q.mirror).T
        words = self.read(f"{projection}_w")
        return host.narrow(words, q.weight).reshape(q.pre.size, q.post.size)

    def learn(
        self, stimulus: Stimulus, samples: Sequence[int], external: np.ndarray | None = None
    ) -> Trials:
        """Run learning trials on the board; parameters as of ``Session.learn``."""
        trials = self._run(stimulus, samples, host.LEARN, external)
        self.session.trial = (self.session.trial + len(samples)) & host.MASK
        return trials

    def evaluate(self, stimulus: Stimulus, samples: Sequence[int]) -> Trials:
        """Run trials without perturbation or learning on the board."""
        return self._run(stimulus, samples, 0, None)

    def verify(
        self, trials: int, moved: Callable[[int], Any] = lambda _: None, batch: int = BATCH
    ) -> Verification:
        """Learn on the board and in the golden model, from the loaded session on, and compare.

        Every digest is compared, and after the last trial all that the core keeps.

        Parameters
        ----------
        trials
            How many.
        moved
            Is told how many trials were compared.
        batch
            Trials that the board is given at once.
        """
        began = time.monotonic()
        golden = self.session.copy()
        digests, lost, difference, done, words = 0, 0, None, 0, 0
        compared: dict[str, list[int]] = {}
        while done < trials and difference is None:
            first, count = golden.trial, min(batch, trials - done)
            stimulus, samples = self.job.task.trials(first, count)
            outcome = golden.learn(stimulus, samples, traced=self.makes_digests)
            found = self.learn(stimulus, samples)
            if self.makes_digests:
                expected = outcome.digests.reshape(-1).tolist()
                difference = self._differing(first, expected, found)
                digests, lost = digests + len(found.digests), lost + found.lost
            condition = stimulus.condition(samples[-1])
            compared = host.weight_words(golden) | host.result_words(golden, outcome, condition)
            compared |= host.sample_words(self.plan, stimulus, samples[-1])
            done += count
            moved(count)
        for region, expected in compared.items():
            if difference is not None:
                break
            for place, (right, word) in enumerate(zip(expected, self.read(region), strict=True)):
                if right != word and difference is None:
                    last = (golden.trial - 1) & host.MASK
                    difference = Difference(last, f"read back, {region}[{place}]", right, word)
            words += len(expected)
        self.session = golden
        seconds = time.monotonic() - began
        return Verification(done, digests, words, lost, seconds, difference)

    def _differing(self, first: int, expected: list[int], found: Trials) -> Difference | None:
        """Return the first digest of a batch that differs, if one does."""
        for place, right in enumerate(expected):
            trial, tick = divmod(place, self.plan.digests)
            step, number = step_name(self.plan, tick), (first + trial) & host.MASK
            if place == len(found.digests):
                total = 0
                for digest in expected:
                    total = chain(total, digest)
                if (total, len(expected)) == (found.total, found.ticks):
                    return None
                return Difference(number, f"{step} or later", None, None)
            if found.digests[place] != right:
                return Difference(number, step, right, found.digests[place])
        return None

    def _state(self, session: Session, condition: int) -> dict[str, list[int]]:
        return host.register_words(session, condition) | host.weight_words(session)

    def _run(self, stimulus: Stimulus, samples: Sequence[int], flags: int, external: Any) -> Trials:
        """Run trials; collect what they give."""
        reward: Any = self.plan.reward
        told = ["errors", "reward"] if self.plan.reward else []
        sizes = [self.regions.regions[self.regions.region(name)].words for name in told]
        given = host.trial_words(
            self.regions, self.session, stimulus, samples, external, flags=flags
        )
        words = []
        for trial in given:
            words += trial
            for region in told:
                words += host.read(self.regions, region)
        words += host.read(self.regions, "registers")
        ends = self.regions.regions[self.regions.region("registers")].words
        self.link.clear()
        answers, digests = self._exchange(words, len(given) * sum(sizes) + ends)
        status = self.link.get_status()
        errors, rewards = [], []
        for k in range(len(given) if told else 0):
            start = k * sum(sizes)
            both = host.wide(answers[start : start + sizes[0]], reward.error)
            errors.append(both[-self.plan.passes :] if flags else both[:1])
            parts = -(-reward.reward.width // 32)
            start += sizes[0]
            rewards += host.wide(answers[start : start + parts], reward.reward)
        return Trials(
            *(np.array(errors, np.int64), np.array(rewards, np.int64), digests),
            *(status.lost, status.total, status.ticks),
        )

    def _exchange(self, words: list[int], count: int) -> tuple[list[int], list[int]]:
        """Send words; return as many of the core's as are due, and the digests that came."""
        answers: list[int] = []
        digests: list[int] = []
        link, sent, polls = self.link, 0, 0
        latest = time.monotonic()
        while sent < len(words) or len(answers) < count:
            before = sent, len(answers), len(digests)
            piece = words[sent : sent + link.room]
            if piece and link.send(piece):
                sent += len(piece)
            else:
                answers += link.take(Kind.ANSWERS, count - len(answers))
            if self.makes_digests:
                digests += link.take(Kind.DIGESTS, MOST)
            if State.FAULT in link.flags:
                raise LinkError("Core must understand every command, but set fault")
            if (sent, len(answers), len(digests)) != before:
                polls, latest = 0, time.monotonic()
                continue
            time.sleep(NAP_S)
            polls += 1
            resting = State.RUNNING not in link.flags and polls > POLLS
            if resting or time.monotonic() - latest > PATIENCE_S:
                raise LinkError(
                    f"Core must take {len(words)} words and answer {count}, "
                    f"but took {sent} and answered {len(answers)}"
                )
        more = self.makes_digests
        while more:
            more = link.take(Kind.DIGESTS, MOST)
            digests += more
        return answers, digests


def run(
    name: str,
    *,
    port: str | None = None,
    simulate: bool = False,
    trials: int = TRIALS,
    baud: int = BAUD,
    lanes: int = 8,
    neurons: int = 1,
    simulator: Simulator = "verilator",
    seed: int | None = None,
    weights: Path | None = None,
) -> int:
    """Let a board learn beside the golden model and print what was compared.

    Parameters
    ----------
    port, simulate
        The board's serial port; or to simulate one. One of them.
    lanes, neurons, simulator
        Of the simulated board.
    weights
        Start from these instead of the seed's initial weights.
    """
    with input_errors("device"):
        check_lanes(lanes, neurons)
        if (port is None) != simulate:
            asked = "both" if simulate else "neither"
            raise ValueError(f"Board must be named by --port or be --simulate, not {asked}")
    job = prepare(name, seed=seed)
    start = begin(job, weights, 0)
    watch = watched([start])
    with contextlib.ExitStack() as stack:
        timeout_s = TIMEOUT_S
        if port is None:
            port = stack.enter_context(simulated(job.plan, lanes, neurons, simulator))
            timeout_s = SIMULATED_S
        device = stack.enter_context(Device(port, job, baud=baud, timeout_s=timeout_s))
        device.load(start)
        with console.progress() as bars:
            bar = bars.add_task("board and golden learn", total=trials)
            found = device.verify(trials, lambda count: bars.advance(bar, count))
    warn([] if watch is None else watch.findings())
    report(job, device, found)
    return 0 if found.difference is None else 1


@contextlib.contextmanager
def simulated(plan: Plan, lanes: int, neurons: int, simulator: Simulator) -> Iterator[str]:
    """Simulate a board; yield its port."""
    simulators.version(simulator)
    with console.waiting(f"{simulator} compiles the board (the first time takes a while)"):
        built = board.build(plan, lanes, simulator, neurons=neurons)
    with board.plugged_in(built) as port:
        yield port


def report(job: Job, device: Device, found: Verification) -> None:
    """Print what was compared."""
    status = device.link.status
    right = found.difference is None
    digests = f"{found.digests}" if device.makes_digests else "none: the board makes none"
    rows = [
        ["trials learned", found.trials],
        ["digests compared", digests],
        ["digests lost, compared by their sum", found.lost],
        ["words read back and compared", found.words],
        ["requests repeated", device.link.repeated],
        ["frames that the board found damaged", status.damaged],
        ["seconds", f"{found.seconds:.1f}"],
        ["differ", "nothing" if right else str(found.difference)],
    ]
    console.show(f"{job.experiment.name} on the board at {device.link.port}", ("", "seen"), rows)
    if not right:
        console.complain(f"Board must learn as golden does, but differs: {found.difference}")
