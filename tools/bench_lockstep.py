"""Speed of lockstep: the golden model beside a simulated core, and the same core running free."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from goldenspike.hdl import host
from goldenspike.hdl.core import LANES
from goldenspike.sim import free, lockstep
from goldenspike.tools import console
from goldenspike.tools.job import Job, prepare

TIMES_FREE = 1.3
"""What lockstep may cost: times the processor's time of the free core."""
ROUNDS = 3
HEADS = ("core", "simulator", "lockstep, cycles/s ", "should be ", "free, cycles/s ", "times free ")
TITLE = "Lockstep, golden included, and the same core running free; unstalled, optimised"


class Measured(NamedTuple):
    """A core whose lockstep is measured.

    Parameters
    ----------
    lanes, neurons
        Of the core.
    trials
        Of the short run; the long one has three times as many.
    should
        Cycles a second on Verilator that a machine should make.
    """

    lanes: int
    neurons: int
    trials: int
    should: int


CORES = {
    "digits": Measured(8, 1, 400, 1_000_000),
    "cue_accumulation": Measured(16, 16, 2, 140_000),
}
ICARUS_TRIALS = 5


def cpu_s() -> float:
    """Return the processor's seconds of this process and of its children: no other load counts."""
    return sum(os.times()[:4])


def difference(work: Callable[[int], int], trials: int) -> tuple[int, float]:
    """Return cycles and seconds by which a run is longer than one a third as long.

    What runs begin with, loading and starting, is in both. The seconds are the least of a few
    rounds.
    """
    short, long = [], []
    cycles = 0
    for _ in range(ROUNDS):
        counts = []
        for count, seconds in ((trials, short), (3 * trials, long)):
            begin = cpu_s()
            counts.append(work(count))
            seconds.append(cpu_s() - begin)
        cycles = counts[1] - counts[0]
    return cycles, min(long) - min(short)


def locked(job: Job, built: Any, lanes: int, simulator: Any) -> Callable[[int], int]:
    """Return a function that runs trials in lockstep and returns their cycles."""

    def work(trials: int) -> int:
        stimulus, samples = job.task.trials(0, trials)
        report = lockstep.lockstep(
            *(job.session(), stimulus, samples),
            lanes=lanes,
            simulator=simulator,
            stalls=False,
            built=built,
        )
        if report.mismatch is not None:
            raise lockstep.LockstepError(str(report.mismatch))
        return report.cycles

    return work


def freed(job: Job, core: Any, program: Any) -> Callable[[int], int]:
    """Return a function that runs trials on a free core and returns their cycles."""

    def work(trials: int) -> int:
        stimulus, samples = job.task.trials(0, trials)
        session = job.session()
        words = lockstep.script(core, session, stimulus, lockstep.trials(core.plan, samples), None)
        kept = host.weight_words(session)
        for region in kept:
            words += host.read(core, region)
        return free.run(program, words, sum(map(len, kept.values())))

    return work


def rows() -> list[tuple[str, ...]]:
    """Measure lockstep and free cores."""
    found = []
    for name, measured in CORES.items():
        lanes, neurons, trials, should = measured
        job = prepare(name)
        size = f"{name}, {lanes} lanes, {neurons} neurons"
        with console.waiting(f"{size}: built the first time, which takes minutes"):
            more: Any = {"neurons": neurons, "cycles": lockstep.LONG, "kept": True}
            built = lockstep.prepare(job.plan, lanes, "verilator", **more)
            program = free.build(job.plan, lanes, neurons=neurons, optimised=True)
            locked(job, built, lanes, "verilator")(1)  # Loads what is compiled.
        with console.waiting(f"{size} on Verilator"):
            cycles, seconds = difference(locked(job, built, lanes, "verilator"), trials)
            same, alone = difference(freed(job, built[0], program), trials)
        ratio = (seconds / cycles) / (alone / same)
        rates = f"{cycles / seconds:,.0f}", f">= {should:,}", f"{same / alone:,.0f}"
        found.append((size, "verilator", *rates, f"{ratio:.2f} (<= {TIMES_FREE:g})"))
    name, measured = next(iter(CORES.items()))
    job = prepare(name)
    with console.waiting("lockstep on Icarus"):
        built = lockstep.prepare(job.plan, measured.lanes, "icarus", kept=True)
        work = locked(job, built, measured.lanes, "icarus")
        cycles, seconds = difference(work, ICARUS_TRIALS)
    size = f"{name}, {measured.lanes} lanes, {measured.neurons} neurons"
    found.append((size, "icarus", f"{cycles / seconds:,.0f}", "", "", ""))
    return found


def lane_rows(job: Job) -> list[tuple[str, str, str]]:
    """Count cycles of a trial for every number of lanes."""
    trials = 10
    stimulus, samples = job.task.trials(trials, 2 * trials)  # those by which the runs differ
    post = job.plan.neurons[0].size
    spiking = sum(int(inputs[samples].sum()) for inputs in stimulus.inputs.values())
    synapses = sum(q.pre.size * q.post.size for q in job.plan.plastic)
    visits = job.plan.passes * spiking * post / len(samples) + synapses
    found = []
    for lanes in LANES:
        with console.waiting(f"a core of {lanes} lanes on Verilator (compiled the first time)"):
            built = lockstep.prepare(job.plan, lanes, "verilator", kept=True)
            work = locked(job, built, lanes, "verilator")
            cycles = (work(3 * trials) - work(trials)) / (2 * trials)
        found.append((str(lanes), f"{cycles:.0f}", f"{visits / cycles:.2f}"))
    return found
