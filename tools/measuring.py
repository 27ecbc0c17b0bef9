"""Figures: what a paper or a theory says, beside what float64, fixed point and hardware give.

A family of figures is a module of :mod:`goldenspike.tools.figures`: a docstring, whose first line
is its summary, and ``figures(run)``, which yields a :class:`Figure` as soon as it is known. What it
needs of the world is in a :class:`Run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rich.progress import Progress

from goldenspike.golden.plan import Plan
from goldenspike.golden.trial import Session, in_parallel
from goldenspike.sim import lockstep
from goldenspike.sim.toolchain import SIMULATORS, Simulator
from goldenspike.tools import console, cosim, results
from goldenspike.tools.cosim import Verdict
from goldenspike.tools.job import Job, prepare

THREADS = 2
LANES = 8
TRIALS: dict[Simulator, int] = {"verilator": 50, "icarus": 5}
"""Learning trials of a lockstep, where a family does not say: Icarus is far slower."""


@dataclass(frozen=True)
class Figure:
    """One number, and what it must be.

    Parameters
    ----------
    rule
        What learns, as ``"node perturbation"``.
    quantity
        What is measured, as ``"floor, 16-bit weights"``.
    source
        Who says what it must be, as ``"theory: Werfel et al. 2005"``.
    band
        Lowest and highest value of fixed point; an end may be infinite.
    fixed
        The value in fixed point.
    ideal
        The value in float64; None if there is none.
    expected
        The value of the source; None if it says no more than the band does.
    lockstep
        What the hardware did in the experiment that was measured, by simulator.
    """

    rule: str
    quantity: str
    source: str
    band: tuple[float, float]
    fixed: float
    ideal: float | None = None
    expected: float | None = None
    lockstep: tuple[Verdict, ...] = ()

    @property
    def in_band(self) -> bool:
        """Whether fixed point is in the band; what is no number is not."""
        low, high = self.band
        return low <= self.fixed <= high

    @property
    def good(self) -> bool:
        """Whether fixed point is in the band, and the hardware equal wherever it ran."""
        return self.in_band and all(verdict.problem is None for verdict in self.lockstep)


def near(expected: float, share: float) -> tuple[float, float]:
    """Return the band of `expected` and a share of it to either side."""
    return (expected - share * abs(expected), expected + share * abs(expected))


def lockstep_trials(
    job: Job,
    trials: int,
    simulators: Sequence[Simulator] = SIMULATORS,
    moved: Callable[[int], Any] = lambda _: None,
) -> tuple[Verdict, ...]:
    """Learn an experiment's first trials on both rails; return what each simulator saw.

    Digests of every tick and, at the end, weights, inputs and registers are compared.

    Parameters
    ----------
    moved
        Is told how many trials were compared since it was last told.

    Raises
    ------
    MissingToolError
        If a simulator is not installed.
    """
    found = []
    for simulator in simulators:
        verdict = cosim.check(
            job,
            job.session(),
            trials,
            lockstep.prepare(job.plan, LANES, simulator),
            lanes=LANES,
            simulator=simulator,
            stalls=True,
            moved=moved,
        )
        seen = verdict.total("trials")
        if verdict.problem is None and seen != trials:
            verdict = replace(verdict, problem=f"Trials must be {trials}, not {seen}")
        found.append(verdict)
    return tuple(found)


@dataclass(frozen=True)
class Run:
    """How figures are measured: with or without hardware, and where progress is shown.

    Parameters
    ----------
    hardware
        Whether the hardware runs in lockstep.
    bars
        Shows progress; by default nothing does.
    """

    hardware: bool = False
    bars: Progress = field(default_factory=console.progress)

    def job(self, name: str, seed: int = 0, **parameters: Any) -> Job:
        """Return a shipped experiment, with other parameters of its task if given."""
        job = prepare(name, seed=seed)
        if not parameters:
            return job
        changed = replace(job.experiment.parameters, **parameters)
        task = type(job.task)(changed, job.plan, seed)
        return Job(replace(job.experiment, parameters=changed), job.plan, task)

    def sessions(
        self,
        plan: Plan,
        seeds: Sequence[int],
        kind: str,
        work: Callable[[Session], Any],
        what: str,
    ) -> list[Any]:
        """Return ``work(session)`` of a new session for every seed, in the order of the seeds.

        Parameters
        ----------
        kind
            The engine: ``compiled`` or ``ideal``.
        what
            Is shown while they run.
        """
        bar = self.bars.add_task(f"{what}, {results.NAMES[kind]}", total=len(seeds))

        def counted(session: Session) -> Any:
            found = work(session)
            self.bars.advance(bar)
            return found

        try:
            return in_parallel([Session(plan, seed, kind) for seed in seeds], counted, THREADS)
        finally:
            self.bars.remove_task(bar)

    def lockstep(self, job: Job, trials: dict[Simulator, int] | None = None) -> tuple[Verdict, ...]:
        """Return what the hardware did in a job's first trials; nothing if it shall not run."""
        return tuple(self._lockstep(job, trials or TRIALS)) if self.hardware else ()

    def _lockstep(self, job: Job, trials: dict[Simulator, int]) -> Iterator[Verdict]:
        for simulator, count in trials.items():
            what = f"{job.experiment.name} on {simulator}"
            bar = self.bars.add_task(f"{what} (the first time it is compiled)", total=count)
            try:
                yield from lockstep_trials(
                    job,
                    count,
                    (simulator,),
                    lambda n, b=bar, w=what: self.bars.update(b, description=w, advance=n),
                )
            finally:
                self.bars.remove_task(bar)
