"""Lockstep: golden model and core run the same trials, and one digest a tick is compared.

On a mismatch both run again with a trace of that tick, and the first write that differs is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np

from goldenspike.golden.plan import Plan, Variable
from goldenspike.golden.trial import Outcome, Session, Stimulus
from goldenspike.hdl import bench, host, verilog
from goldenspike.hdl.core import ALL, Core
from goldenspike.sim import simulators
from goldenspike.sim.power_up import scramble
from goldenspike.sim.rails import Rails
from goldenspike.sim.stimuli import any_words
from goldenspike.sim.toolchain import Simulator

TRACE_ROWS = 1 << 22
SLOWEST = 20_000_000
"""Cycles after which a silent core is taken to hang."""
LONG = 40_000_000
"""Cycles from which on an optimised simulation saves more than its compilation takes longer.

A core of 4.3 MB of Verilog: 29 s more, 0.6 us saved in a cycle; a smaller one, both in proportion.
"""

Kind = Literal["learn", "split", "plain", "reset"]
"""What a core does in a run: see :class:`Run`."""


class Run(NamedTuple):
    """One run of a core.

    Parameters
    ----------
    kind
        ``"learn"`` is a learning trial, ``"plain"`` a run without perturbation or learning.
        ``"split"`` is a learning trial whose passes are one command and whose update is another,
        of a network that learns after its trials.
        ``"reset"`` starts a trial, which learns if the network does, and resets the core; then the
        host loads again what it loaded first, and all begins anew.
    sample
        Which sample it presents.
    cycles
        Clock cycles from the start of the trial to the reset, 0 or more. If the trial is over by
        then, an idle core is reset.
    """

    kind: Kind
    sample: int
    cycles: int = 0

    @property
    def learns(self) -> bool:
        """Whether it is a learning trial."""
        return self.kind in ("learn", "split")


def trials(plan: Plan, samples: Any) -> list[Run]:
    """Return learning trials, one for each sample, or plain runs if a network does not learn."""
    return [Run("learn" if plan.learns else "plain", int(sample)) for sample in samples]


@dataclass(frozen=True)
class Mismatch:
    """The first write that differs.

    `golden` or `hardware` is None where that side did not write the element in that tick.
    """

    trial: int
    step: str
    variable: str
    index: tuple[int, ...]
    golden: int | None
    hardware: int | None

    def __str__(self) -> str:
        place = self.variable + (str(list(self.index)) if self.index else "")
        golden = "not written" if self.golden is None else self.golden
        hardware = "not written" if self.hardware is None else self.hardware
        return f"trial {self.trial}, {self.step}: {place}: golden {golden}, hardware {hardware}"


@dataclass(frozen=True)
class Report:
    """What a lockstep run saw.

    Parameters
    ----------
    trials, ticks
        How many were asked for; ticks include one for each update.
    cycles
        Clock cycles, stalls of the streams included.
    mismatch
        None, or what differs first.
    words
        Words of weights, inputs and registers that were read back and compared.
    busy
        Clock cycles of the trials alone, those after each start up to its end.
    """

    simulator: str
    lanes: int
    trials: int
    ticks: int
    cycles: int
    words: int
    digest: int
    mismatch: Mismatch | None
    busy: int = 0


class LockstepError(RuntimeError):
    """The core hung, or refused a command."""


def prepare(
    plan: Plan,
    lanes: int,
    simulator: Simulator,
    *,
    neurons: int = 1,
    waves: bool = False,
    power_up: int | None = None,
    kept: bool = False,
    cycles: int = 0,
    beside: Callable[[], object] | None = None,
) -> tuple[Core, simulators.Build]:
    """Return a core and the simulation built of it.

    Parameters
    ----------
    plan, lanes, neurons
        Of the core.
    simulator, waves
        As of :func:`goldenspike.sim.simulators.build`.
    power_up
        None if memories begin with zeros, or the seed of random contents.
    kept
        Whether the core's Verilog is taken from the cache: see :func:`verilog.convert`.
    cycles
        How many are to be simulated: many are worth a compiler that takes its time.
    beside
        What is done while the simulator's compiler runs, such as the golden model's own
        compilation.
    """
    core = Core(plan, lanes, neurons, trace=True)
    text = verilog.convert(core, "core", kept=kept)
    sources = [
        ("core.v", text if power_up is None else scramble(text, power_up)),
        ("clocked.v", bench.bench(core)),
    ]
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(beside or (lambda: None))
        built = simulators.build(
            sources, bench.TOP, simulator, waves=waves, optimised=cycles >= LONG
        )
        done.result()
    return core, built


def script(
    core: Core,
    session: Session,
    stimulus: Stimulus,
    runs: Sequence[Run],
    external: np.ndarray | None,
) -> list[int]:
    """Return the words that load a session into a core and make it do some runs.

    :data:`goldenspike.hdl.bench.RESET` marks a reset among them.
    """
    regions = host.register_words(session, 0) | host.weight_words(session)
    loads = [word for name, values in regions.items() for word in host.load(core, name, values)]
    words, at, learned = list(loads), session.copy(), 0
    for kind, group in groupby(runs, key=lambda run: run.kind):
        several = list(group)
        samples = [run.sample for run in several]
        if kind == "reset":
            at.trial = session.trial
            flags = host.LEARN if core.plan.learns else 0
            for run in several:
                (trial,) = host.trial_words(core, at, stimulus, [run.sample], flags=flags)
                words += [*trial, bench.RESET | run.cycles, *loads]
            continue
        known, learns = None, several[0].learns
        more = {"flags": host.LEARN if learns else 0, "split": kind == "split"}
        if learns:
            known = None if external is None else external[learned : learned + len(several)]
            learned += len(several)
        for trial in host.trial_words(core, at, stimulus, samples, known, **more):
            words += trial
        if learns:
            at.trial = (at.trial + len(several)) & host.MASK
    return words


@dataclass
class Expected:
    """What golden makes of some runs.

    Attributes
    ----------
    digests
        Of every tick and update, in their order; trials that a reset cuts have none.
    places
        By digest, the number of its run, and its place among those of the run.
    outcome
        Of the last learning trials since the last reset, or None.
    plain
        Error of the last plain run since the last reset, or 0.
    """

    digests: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    outcome: Outcome | None = None
    plain: int = 0


def expect(
    session: Session, stimulus: Stimulus, runs: Sequence[Run], external: np.ndarray | None
) -> Expected:
    """Let golden do some runs; return what a core must do. The session is moved on."""
    found, before = Expected(), session.save()
    done = learned = 0
    for kind, group in groupby(runs, key=lambda run: run.kind):
        several = list(group)
        samples = [run.sample for run in several]
        if kind == "reset":
            session.restore(before)
            found.outcome, found.plain = None, 0
        else:
            if several[0].learns:
                known = None if external is None else external[learned : learned + len(several)]
                learned += len(several)
                outcome = session.learn(stimulus, samples, traced=True, external=known)
                found.outcome, each = outcome, session.plan.digests
            else:
                outcome = session.evaluate(stimulus, samples, traced=True)
                each = session.plan.ticks
                found.plain = int(outcome.errors[-1][0])
            found.digests += outcome.digests[:, :each].reshape(-1).tolist()
            found.places += [
                (done + k, place) for k in range(len(several)) for place in range(each)
            ]
        done += len(several)
    return found


def left(
    session: Session, stimulus: Stimulus, runs: Sequence[Run], golden: Expected
) -> dict[str, list[int]]:
    """Return the words that a core must hold after some runs, by region."""
    kept, outcome, plan = host.weight_words(session), golden.outcome, session.plan
    condition = stimulus.condition(runs[-1].sample) if runs else 0
    if runs and runs[-1].learns and outcome is not None:
        kept |= host.result_words(session, outcome, condition)
        if plan.passes == 1 and plan.episodic:
            both = [golden.plain, int(outcome.errors[-1][0])]
            kept["errors"] = host.error_words(plan, both)
    else:  # Errors and counts are those of the last run, which golden keeps for learning trials.
        reward = 0 if outcome is None else int(outcome.rewards[-1])
        after_reset = not runs or runs[-1].kind == "reset"
        kept |= host.register_words(session, 0 if after_reset else condition, reward)
    if runs and runs[-1].kind != "reset":
        kept |= host.sample_words(plan, stimulus, runs[-1].sample)
    return kept


class Read(NamedTuple):
    """A region that the host reads.

    Parameters
    ----------
    trial, step
        When: see :class:`Mismatch`.
    region
        Its name.
    words
        What the core must answer.
    """

    trial: int
    step: str
    region: str
    words: list[int]


class Given(NamedTuple):
    """What golden gives a simulation: see :class:`goldenspike.sim.rails.Given`.

    Parameters
    ----------
    words
        Those for the core.
    golden
        What its digests must be.
    reads
        In their order.
    """

    words: list[int]
    golden: Expected
    reads: list[Read]

    @property
    def digests(self) -> list[int]:
        """Of every tick and update."""
        return self.golden.digests

    @property
    def answers(self) -> int:
        """How many words are answered."""
        return sum(len(one.words) for one in self.reads)


def lockstep(
    session: Session,
    stimulus: Stimulus,
    samples: Any,
    *,
    lanes: int = 8,
    neurons: int = 1,
    simulator: Simulator = "verilator",
    stalls: bool = True,
    external: np.ndarray | None = None,
    runs: Sequence[Run] | None = None,
    overwritten: int | None = None,
    waves: Path | None = None,
    built: tuple[Core, simulators.Build] | None = None,
    timeout_s: float = 900.0,
) -> Report:
    """Run trials, or runs of any kind, on both rails.

    Parameters
    ----------
    session
        Is moved on by the trials, as :meth:`Session.learn` does.
    stimulus, samples
        What the trials present.
    lanes, neurons, simulator
        Of the core and what it runs in.
    stalls
        Whether both streams stall at random.
    external
        ``(learning trials, passes)``, the errors of an external objective.
    runs
        What is run, in place of :func:`trials`.
    overwritten
        Seed of random words that are loaded into every region and read back, before the session's
        words are loaded over them; None for no such words.
    waves
        Where to record waveforms.
    built
        What :func:`prepare` returned for the session's plan.

    Raises
    ------
    LockstepError
        If the core hangs or refuses a command.
    ValueError
        If a trial is to learn, and the network has no rule. If a trial is to be split, and the
        network does not learn after its trials.
    """
    runs = trials(session.plan, samples) if runs is None else runs
    if any(run.kind == "split" for run in runs) and not session.plan.episodic:
        raise ValueError("Network must learn after its trials for passes and update to be split")
    if any(run.learns for run in runs):
        session.plan.check_learns()
    core, build = built or prepare(
        session.plan, lanes, simulator, neurons=neurons, waves=waves is not None
    )
    before = session.copy()

    def golden_rail() -> Given:
        words: list[int] = []
        reads: list[Read] = []

        def read(trial: int, step: str, regions: dict[str, list[int]]) -> None:
            for region, known in regions.items():
                words.extend(host.read(core, region))
                reads.append(Read(trial, step, region, known))

        if overwritten is not None:
            known = any_words(core.plan, overwritten)
            for region in known:
                words += host.load(core, region, known[region])
            read(before.trial, "read back before it", known)
            if "errors" in known:  # A session has no words for them: they are as after a reset.
                words += host.load(core, "errors", host.error_words(core.plan, []))
        words += script(core, before, stimulus, runs, external)
        golden = expect(session, stimulus, runs, external)
        last = (session.trial - 1) & host.MASK
        read(last, "read back", left(session, stimulus, runs, golden))
        return Given(words, golden, reads)

    with TemporaryDirectory() as name:
        rails = Rails(build, Path(name), SLOWEST, stalls, timeout_s, waves)
        given, seen = rails.both(golden_rail)
        golden = given.golden
        mismatch = None
        if "hang" in seen:
            raise LockstepError(f"Core must end tick {seen['hang']}, but hangs")
        if "moment" in seen:
            moment = seen["moment"]
            if moment == len(golden.digests):
                raise LockstepError(f"Core must make {moment} digests, but makes more")
            rows = rails.trace(moment)
            place = golden.places[moment]
            mismatch = explain(before, stimulus, runs, external, place, rows)
        elif seen["fault"]:
            raise LockstepError("Core must understand every command, but set fault")
        else:
            mismatch = _readback(given.reads, rails.answers())
    return Report(
        simulator,
        lanes,
        sum(run.kind != "reset" for run in runs),
        len(golden.digests),
        seen.get("cycles", 0),
        given.answers,
        sum(golden.digests) & host.MASK,
        mismatch,
        seen.get("busy", 0),
    )


def clocks(
    session: Session,
    stimulus: Stimulus,
    samples: Any,
    built: tuple[Core, simulators.Build],
    *,
    learning: bool = True,
    timeout_s: float = 900.0,
) -> list[int]:
    """Return the clock cycle in which each digest of some trials comes, nothing being stalled.

    Parameters
    ----------
    session, stimulus, samples, built
        As of :func:`lockstep`; the network need not learn.
    learning
        Whether trials learn, or are plain runs.

    Raises
    ------
    LockstepError
        If a digest is not the golden model's, or does not come.
    """
    core, build = built
    kind = "learn" if learning else "plain"
    runs = [Run(kind, int(sample)) for sample in samples]

    def golden_rail() -> Given:
        words = script(core, session.copy(), stimulus, runs, None)
        return Given(words, expect(session, stimulus, runs, None), [])

    with TemporaryDirectory() as name:
        rails = Rails(build, Path(name), SLOWEST, stalls=False, timeout_s=timeout_s)
        _, seen = rails.both(golden_rail, f"+ticks={rails.folder / 'ticks'}")
        if "cycles" not in seen:
            raise LockstepError(f"Core must do as the golden model does, but did not: {seen}")
        return [int(cycle) for cycle in (rails.folder / "ticks").read_text().split()]


def _readback(reads: list[Read], answers: list[int]) -> Mismatch | None:
    """Return the first word read back that differs."""
    place = 0
    for trial, step, region, words in reads:
        for k, value in enumerate(words):
            if answers[place + k] != value:
                return Mismatch(trial, step, region, (k,), value, answers[place + k])
        place += len(words)
    return None


def step_name(plan: Plan, place: int) -> str:
    """Return what a trial's digest at a place is of."""
    if place == plan.passes * plan.ticks:
        return "update"
    return f"pass {place // plan.ticks}, tick {place % plan.ticks}"


def _writes(variables: dict[int, Variable], rows: list[list[int]]) -> Iterator[tuple[int, ...]]:
    """Yield the writes of a core's trace, those passed over among them."""
    for number, index, value in rows:
        if index == ALL:
            yield from ((number, k, value) for k in range(variables[number].shape[0]))
        else:
            yield number, index, value


def explain(
    before: Session,
    stimulus: Stimulus,
    runs: Sequence[Run],
    external: np.ndarray | None,
    place: tuple[int, int],
    hardware: np.ndarray,
) -> Mismatch:
    """Name the first write of a tick that differs, in the order of the golden program.

    Parameters
    ----------
    before
        The session as it was before the first run; is moved on.
    runs, external
        As of :func:`lockstep`.
    place
        The number of the run, and of the tick in it.
    hardware
        Rows ``(variable, index, value)`` of the core's writes in that tick.
    """
    plan = before.plan
    number, tick = place
    expect(before, stimulus, runs[:number], external)
    first, run = before.trial, runs[number]
    learned = sum(earlier.learns for earlier in runs[:number])
    more: dict[str, Any] = {"traced": True, "trace_rows": TRACE_ROWS}
    if run.learns:
        one = None if external is None else external[learned : learned + 1]
        outcome = before.learn(stimulus, [run.sample], external=one, **more)
    else:
        outcome = before.evaluate(stimulus, [run.sample], **more)
    golden = outcome.trace[outcome.trace[:, 0] == tick][:, 1:]
    variables = {v.number: v for v in plan.variables.values()}
    seen = Counter(_writes(variables, hardware.tolist()))
    wanted = Counter(map(tuple, golden.tolist()))
    missing, extra = wanted - seen, seen - wanted
    step = step_name(plan, tick) if run.learns else f"plain run, tick {tick}"
    for number, index, value in golden.tolist():
        if (number, index, value) in missing:
            found = next((v for n, i, v in extra if (n, i) == (number, index)), None)
            variable = variables[number]
            return Mismatch(first, step, variable.name, variable.index(index), value, found)
    for number, index, value in extra:
        variable = variables[number]
        return Mismatch(first, step, variable.name, variable.index(index), None, value)
    return Mismatch(first, step, "digest", (), int(outcome.digests[0, tick]), None)
