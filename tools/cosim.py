"""``goldenspike cosim``: golden model and hardware learn the same trials in lockstep.

With ``--json`` it writes, of format ``goldenspike-cosim/1``::

    format, passed, versions
    experiment, seed, lanes, neurons, stalls, first (trial), trials (asked for)
    runs            a list, one for each simulator: simulator, trials, ticks, cycles and busy (those
                    of trials alone), words (read back and compared), digest (the sum of those of
                    all ticks, in hex), and problem and replay: null, or what differs first and the
                    command that shows it
    agree           whether the simulators' digests are the same
"""

from __future__ import annotations

import importlib.metadata
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenspike.golden.parameters import choice
from goldenspike.golden.start import check_bounds
from goldenspike.golden.trial import Session
from goldenspike.hdl import cycles
from goldenspike.hdl.core import check_lanes
from goldenspike.sim import lockstep, simulators
from goldenspike.sim.toolchain import SIMULATORS, Simulator
from goldenspike.tools import console, results
from goldenspike.tools.console import InputError, input_errors
from goldenspike.tools.job import Job, prepare, warn, warn_of_start
from goldenspike.tools.records import Check, Records
from goldenspike.tools.training import watched

TRIALS = 50
MARGIN = 8
"""A tick takes less than so many times the cycles that its synapses and neurons need at least."""
STEP = 4096
"""Trials that golden learns alone between two moves of the progress bar."""
PIECES = 8
"""Simulations that a run is cut into: how often its progress bar moves."""
LEAST, MOST = 10, 500
"""Trials of a simulation: each loads and reads back every weight, and has a time limit."""


@dataclass(frozen=True)
class Verdict:
    """What became of a run in one simulator.

    Parameters
    ----------
    reports
        One for each simulation.
    problem
        None, or what went wrong.
    first, count
        The trials of the simulation in which it did.
    """

    simulator: Simulator
    reports: tuple[lockstep.Report, ...]
    problem: str | None = None
    first: int = 0
    count: int = 0

    def total(self, name: str) -> int:
        """Return the sum of a count over all simulations."""
        return sum(getattr(report, name) for report in self.reports)

    @property
    def digest(self) -> int:
        """The digest of all ticks."""
        return self.total("digest") & 0xFFFFFFFF


def run(
    name: str,
    *,
    trials: int = TRIALS,
    lanes: int = 8,
    neurons: int = 1,
    simulator: str = "verilator",
    seed: int | None = None,
    weights: Path | None = None,
    waves: Path | None = None,
    stalls: bool = True,
    first: int = 0,
    records: Records | None = None,
) -> int:
    """Run lockstep, print what it saw; on a mismatch print the command that replays it.

    Parameters
    ----------
    simulator
        ``verilator``, ``icarus`` or ``both``.
    weights
        Start from these instead of the seed's initial weights.
    waves
        A ``.vcd`` file for the waveforms.
    first
        Golden learns that many trials before the lockstep starts.
    records
        Where it is written as well.
    """
    with input_errors("cosim"):
        check_lanes(lanes, neurons)
        choice("Simulator", simulator, (*SIMULATORS, "both"))
        if waves is not None and (waves.suffix != ".vcd" or simulator == "both"):
            asked = f"{str(waves)!r} on {simulator}"
            raise ValueError(f"Waves must be a .vcd file of one simulator, not {asked}")
    job = prepare(name, seed=seed)
    if waves is not None:
        results.writable(waves.parent)
    chosen: list[Simulator] = [one for one in SIMULATORS if simulator in (one, "both")]
    for one in chosen:
        simulators.version(one)
    start = begin(job, weights, first)
    watch = watched([start])
    verdicts = []
    for one in chosen:
        if one is not chosen[0]:
            start.watch = None  # It has been told of these trials.
        with console.waiting(f"{one} compiles the core (the first time takes a while)"):
            built = lockstep.prepare(
                *(job.plan, lanes, one),
                neurons=neurons,
                waves=waves is not None,
                kept=True,
                cycles=expected_cycles(job, trials, lanes, neurons) if one == "verilator" else 0,
                beside=lambda: job.session().learn(*job.task.trials(0, 1), traced=True),
            )
        with console.progress() as bars:
            bar = bars.add_task(f"lockstep on {one}", total=trials)
            verdicts.append(
                check(
                    job,
                    start.copy(),
                    trials,
                    built,
                    lanes=lanes,
                    simulator=one,
                    stalls=stalls,
                    waves=waves,
                    moved=lambda count, bars=bars, bar=bar: bars.advance(bar, count),
                )
            )
    warn([] if watch is None else watch.findings())
    report(verdicts, stalls)
    given = {"--seed": seed, "--weights": weights, "--lanes": lanes, "--neurons": neurons}
    runs = []
    for verdict in verdicts:
        again = None
        if verdict.problem is not None:
            again = replay(name, verdict, given, stalls)
            console.complain(f"{verdict.simulator}: {verdict.problem}")
            console.say(f"Replay: {again}")
        runs.append(as_data(verdict) | {"replay": again})
    agree = len({verdict.digest for verdict in verdicts}) == 1
    if not agree:
        console.complain("The simulators' digests differ")
    if records is not None:
        asked = {"lanes": lanes, "neurons": neurons, "stalls": stalls, "first": first}
        head = {"experiment": job.experiment.name, "seed": start.seed, **asked, "trials": trials}
        found = {"versions": versions(chosen), **head, "runs": runs, "agree": agree}
        records.write(found, checks(job.experiment.name, runs, agree=agree))
    return 0 if agree and all(verdict.problem is None for verdict in verdicts) else 1


def versions(chosen: Sequence[Simulator]) -> dict[str, str]:
    """Return the versions of what a run can depend on."""
    found = {one: simulators.version(one) for one in chosen}
    return {**results.versions(), "cocotb": importlib.metadata.version("cocotb"), **found}


def as_data(verdict: Verdict) -> dict[str, Any]:
    """Return what became of a run as JSON has it."""
    totals = {name: verdict.total(name) for name in ("trials", "ticks", "cycles", "busy", "words")}
    found = {"simulator": verdict.simulator, **totals, "digest": f"{verdict.digest:08x}"}
    return {**found, "problem": verdict.problem}


def checks(name: str, runs: Sequence[dict[str, Any]], *, agree: bool) -> list[Check]:
    """Return runs as JUnit has them."""
    found = []
    for run in runs:
        problem = f"{run['problem']}\nReplay: {run['replay']}" if run["problem"] else ""
        found.append(Check(name, f"lockstep on {run['simulator']}", problem=problem))
    if len(runs) > 1:
        problem = "" if agree else "The simulators' digests differ"
        found.append(Check(name, "simulators agree", problem=problem))
    return found


def begin(job: Job, weights: Path | None, first: int) -> Session:
    """Return a session that has learned its first trials."""
    if first < 0:
        raise InputError(f"Trial to start from must be 0 or more, not {first}")
    session = job.session()
    if weights is None:
        warn_of_start(session)
    else:
        written = results.read_weights(weights, job.plan)
        for q in job.plan.projections:
            if q.name in written:
                with input_errors(str(weights)):
                    session.set_weights(q.name, written[q.name])
                    check_bounds(q, written[q.name])
    with console.progress() as bars:
        bar = bars.add_task("golden learns alone", total=first, visible=first > 0)
        while session.trial < first:
            count = min(STEP, first - session.trial)
            session.learn(*job.task.trials(session.trial, count))
            bars.advance(bar, count)
    return session


def expected_cycles(job: Job, trials: int, lanes: int, neurons: int) -> int:
    """Return how many clock cycles trials take, by the model; 0 if they cannot be many.

    The model costs seconds, more the first time; it is not asked about runs that are short whatever
    it says.
    """
    plan = job.plan
    synapses = sum(q.pre.size * q.post.size for q in plan.projections)
    most = MARGIN * (synapses // lanes + sum(p.size for p in plan.populations) + MARGIN)
    if trials * plan.digests * most < lockstep.LONG:
        return 0
    shown = job.task.trials(0, 1)
    count = cycles.of_learning(job.session(), *shown, lanes=lanes, neurons=neurons)
    return trials * count.cycles


def check(
    job: Job,
    session: Session,
    trials: int,
    built: tuple[Any, simulators.Build],
    *,
    lanes: int,
    simulator: Simulator,
    stalls: bool,
    waves: Path | None = None,
    moved: Callable[[int], Any] = lambda _: None,
) -> Verdict:
    """Run lockstep in pieces until something differs."""
    step = trials if waves is not None else min(max(LEAST, -(-trials // PIECES)), MOST)
    reports: list[lockstep.Report] = []
    for done in range(0, trials, step):
        first, count = session.trial, min(step, trials - done)
        stimulus, samples = job.task.trials(first, count)
        try:
            seen = lockstep.lockstep(
                session,
                stimulus,
                samples,
                lanes=lanes,
                simulator=simulator,
                stalls=stalls,
                waves=waves,
                built=built,
            )
        except (lockstep.LockstepError, simulators.SimulationError) as error:
            return Verdict(simulator, tuple(reports), str(error), first, count)
        reports.append(seen)
        if seen.mismatch is not None:
            return Verdict(simulator, tuple(reports), str(seen.mismatch), first, count)
        moved(count)
    return Verdict(simulator, tuple(reports))


def replay(name: str, verdict: Verdict, given: dict[str, Any], stalls: bool) -> str:
    """Return the command that runs the simulation again in which something differed."""
    words = ["goldenspike", "cosim", name, "--simulator", verdict.simulator]
    words += ["--from-trial", str(verdict.first), "--trials", str(verdict.count)]
    for option, value in given.items():
        words += [] if value is None else [option, str(value)]
    return shlex.join(words if stalls else [*words, "--no-stalls"])


def report(verdicts: Sequence[Verdict], stalls: bool) -> None:
    """Print what the simulators saw."""
    streams = "stalled at random" if stalls else "never stalled"
    rows = []
    for verdict in verdicts:
        trials = max(verdict.total("trials"), 1)
        right = verdict.problem is None
        rows.append(
            [
                verdict.simulator,
                verdict.total("trials"),
                verdict.total("ticks"),
                verdict.total("cycles"),
                verdict.total("busy"),
                f"{verdict.total('busy') / trials:.0f}",
                f"{verdict.digest:08x}",
                f"equal ({verdict.total('words')} words)" if right else "",
                "nothing" if right else "",
            ]
        )
    heads = ("simulator", "trials ", "ticks ", "cycles ", "busy ", "a trial ", "digest")
    heads += ("weights", "differ")
    title = f"Lockstep, streams {streams}; cycles of all, and of the trials alone: the busy ones"
    console.show(title, heads, rows)
