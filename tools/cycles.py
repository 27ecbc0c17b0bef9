"""``goldenspike cycles``: how many clock cycles an experiment's trials take, and where they go."""

from __future__ import annotations

from collections import Counter

from goldenspike.golden.trial import Session
from goldenspike.hdl import cycles
from goldenspike.hdl.core import check_lanes
from goldenspike.sim import lockstep, simulators
from goldenspike.tools import console
from goldenspike.tools.console import input_errors
from goldenspike.tools.job import Job, prepare, warn_of_start

SHOWN = 0.001
"""Share of the cycles from which on a phase has a line of its own."""
SIMULATOR = "verilator"


def run(
    name: str,
    *,
    trials: int = 2,
    lanes: int = 8,
    neurons: int = 1,
    mhz: float = 50.0,
    seed: int | None = None,
    check: bool = False,
) -> int:
    """Print the cycles of an experiment's first trials.

    Parameters
    ----------
    mhz
        The clock, in MHz.
    check
        Whether a simulator counts them too; the status is 1 if it counts others.
    """
    with input_errors("cycles"):
        check_lanes(lanes, neurons)
        if not 0 < mhz < float("inf"):
            raise ValueError(f"Clock must be above 0 MHz, not {mhz:g}")
    job = prepare(name, seed=seed)
    with input_errors(name):
        model = cycles.model(job.plan, lanes, neurons)
    if check:
        simulators.version(SIMULATOR)
    session = job.session()
    warn_of_start(session)
    found = []
    with console.progress() as bars:
        for trial in bars.track(range(trials), description="golden learns, its cycles are counted"):
            stimulus, samples = job.task.trials(trial, 1)
            found.append(model.trials(session.learn(stimulus, samples, watched=True).activity))
    show(job, found, f"{name}, {lanes} lanes, {neurons} neurons", mhz)
    return (
        compare(job, sum(count.cycles for count in found), trials, lanes, neurons) if check else 0
    )


def spread(values: list[int]) -> list[str]:
    """Return the mean, the least and the most of some numbers."""
    return [f"{sum(values) / len(values):.1f}", str(min(values)), str(max(values))]


def show(job: Job, found: list[cycles.Count], title: str, mhz: float) -> None:
    """Print what was counted, and where it went."""
    total = sum(count.cycles for count in found)
    rows = [["cycles of a trial", *spread([count.cycles for count in found])]]
    passes = job.plan.passes
    for number in range(passes):
        ticks = [count.ticks[number] for count in found]
        which = f" of pass {number + 1}" if passes > 1 else ""
        rows += [
            [f"cycles of the ticks{which}", *spread([sum(one) for one in ticks])],
            [f"cycles of a tick{which}", *spread([n for one in ticks for n in one])],
        ]
    for what, name in (
        ("synaptic operations a cycle", "operations"),
        ("learning candidates a cycle", "candidates"),
    ):
        rates = [getattr(count, name) / count.cycles for count in found]
        mean = sum(getattr(count, name) for count in found) / total
        rows.append([what, f"{mean:.3f}", f"{min(rates):.3f}", f"{max(rates):.3f}"])
    rows.append(
        [f"trials a second at {mhz:g} MHz", f"{mhz * 1e6 * len(found) / total:.1f}", "", ""]
    )
    plural = "s" if len(found) > 1 else ""
    console.show(f"{title}: {len(found)} trial{plural}", ("", "mean ", "least ", "most "), rows)
    phases: Counter[str] = Counter()
    for count in found:
        phases.update(count.phases)
    lines = [(name, n) for name, n in phases.most_common() if n >= SHOWN * total]
    rest = total - sum(n for _, n in lines)
    lines += [("others", rest)] if rest else []
    rows = [[name, f"{n / len(found):.1f}", f"{n / total:.1%}"] for name, n in lines]
    console.show("Where they go: what all else waits for", ("phase", "a trial ", "share "), rows)


def compare(job: Job, counted: int, trials: int, lanes: int, neurons: int) -> int:
    """Let a simulator count the same trials; print both, and return 1 if they differ."""
    session: Session = job.session()
    stimulus, samples = job.task.trials(0, trials)
    with console.waiting(f"{SIMULATOR} runs the core (the first time it is compiled)"):
        report = lockstep.lockstep(
            *(session, stimulus, samples), lanes=lanes, neurons=neurons, simulator=SIMULATOR
        )
    if report.mismatch is not None:
        console.complain(f"{SIMULATOR}: {report.mismatch}")
        return 1
    console.say(f"The model counts {counted} cycles, {SIMULATOR} {report.busy}.")
    if counted != report.busy:
        console.complain(f"Cycles must be the simulator's {report.busy}, not {counted}")
        return 1
    return 0
