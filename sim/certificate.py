"""What a certificate is made of: runs of the very Verilog that users get, and claims at its shape.

Runs are of every kind that a core knows: learning trials, plain runs, and resets amid a trial,
after which all is loaded again. What they present comes from a task, or, as every network can have
it, from :func:`cornered`: half of the numbers are corners of their formats. All is a function of
the seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import bench
from goldenspike.hdl.core import Core
from goldenspike.hdl.units.rows import Packing
from goldenspike.sim import formal, lockstep, simulators, spread
from goldenspike.sim.claims.cores import Answers, Cores, Returns
from goldenspike.sim.claims.rows import Rows
from goldenspike.sim.formal import Outcome, Property
from goldenspike.sim.lockstep import Kind, LockstepError, Run
from goldenspike.sim.power_up import scramble
from goldenspike.sim.simulators import SimulationError
from goldenspike.sim.stimuli import SAMPLES, draw, fill, stimulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from goldenspike.golden.network import Network
    from goldenspike.golden.plan import Plan
    from goldenspike.sim.toolchain import Simulator

LATEST = 12
"""A reset comes up to ``2**LATEST`` cycles after the start of a trial."""


@dataclass(frozen=True)
class Shown:
    """What a core is shown.

    Parameters
    ----------
    what
        ``"corners"`` or ``"task"``.
    session
        Has learned nothing yet.
    stimulus, samples
        What the learning trials present.
    external
        Errors of the passes if the objective is external, else None.
    """

    what: str
    session: Session
    stimulus: Stimulus
    samples: list[int]
    external: np.ndarray | None = None


def cornered(planned: Plan, seed: int, trials: int) -> Shown:
    """Return a session and a stimulus whose numbers are corners of their formats, half of them.

    Parameters
    ----------
    planned
        The network.
    seed
        All that they are a function of.
    trials
        Learning trials.
    """
    random = np.random.default_rng((seed, 1))
    session = Session(planned, seed)
    fill(session, random)
    stimulus, external = stimulate(session, random), None
    samples = random.integers(0, SAMPLES, trials).tolist()
    if planned.reward is not None and planned.reward.objective is None:
        # One more than there are trials: one before a reset.
        external = draw(random, planned.reward.error, trials + 1, planned.passes)
    return Shown("corners", session, stimulus, samples, external)


def runs(planned: Plan, samples: list[int], seed: int) -> list[Run]:
    """Return a run of every kind: a plain one after the first trial, a reset amid the second.

    The reset begins all anew, so it is followed by all learning trials, a plain run among them. The
    first of these trials is split, if the network learns after its trials. All trials are plain
    runs if the network does not learn.
    """
    trial: Kind = "learn" if planned.learns else "plain"
    again: Kind = "split" if planned.episodic else trial
    random = np.random.default_rng((seed, 2))
    cycles = int(random.integers(0, 1 << int(random.integers(1, LATEST, endpoint=True))))
    first, *others = samples
    before = [Run(trial, first), Run("plain", first), Run("reset", samples[-1], cycles)]
    after = [Run(again, first), Run("plain", samples[-1]), *(Run(trial, s) for s in others)]
    return [*before, *after]


@dataclass(frozen=True)
class Tried:
    """What became of a lockstep run.

    Parameters
    ----------
    what
        What was shown.
    simulator, stalls, power_up
        What it ran in; whether streams stalled; the seed of what memories began with, or None.
    kinds
        The kinds of its runs, in their order.
    report
        What was seen; None if the core hung or refused a command.
    problem
        What differs first, or what else went wrong; empty if nothing.
    """

    what: str
    simulator: Simulator
    stalls: bool
    power_up: int | None
    kinds: tuple[str, ...]
    report: lockstep.Report | None
    problem: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        streams = "stalled" if self.stalls else "not stalled"
        began = "" if self.power_up is None else ", memories begin with anything"
        return f"{self.what}, {self.simulator}, {streams}{began}"


class Bench:
    """Lockstep with a given text of a core.

    Parameters
    ----------
    text, top
        The Verilog, which is simulated as it is, and the name of its module.
    core
        What it was made of.
    """

    def __init__(self, text: str, top: str, core: Core) -> None:
        self.text, self.top, self.core = text, top, core
        self.built: dict[tuple[Simulator, int | None], simulators.Build] = {}
        self.showing: dict[Simulator, tuple[Core, simulators.Build]] = {}

    def build(self, simulator: Simulator, power_up: int | None = None) -> simulators.Build:
        """Return the simulation of the text; `power_up` is the seed of what memories begin with."""
        key = simulator, power_up
        if key not in self.built:
            text = self.text if power_up is None else scramble(self.text, power_up)
            sources = [("core.v", text), ("clocked.v", bench.bench(self.core, self.top))]
            self.built[key] = simulators.build(sources, bench.TOP, simulator)
        return self.built[key]

    def traced(self, simulator: Simulator) -> tuple[Core, simulators.Build]:
        """Return a core like this one that shows what it writes, and its simulation."""
        if simulator not in self.showing:
            plan, lanes, neurons = self.core.plan, self.core.lanes, self.core.neurons
            built = lockstep.prepare(plan, lanes, simulator, neurons=neurons)
            self.showing[simulator] = built
        return self.showing[simulator]

    def run(
        self,
        shown: Shown,
        simulator: Simulator,
        seed: int,
        *,
        stalls: bool,
        power_up: int | None = None,
    ) -> Tried:
        """Run golden and the text in lockstep, and name what differs first."""
        asked = runs(shown.session.plan, shown.samples, seed)
        tried = Tried(
            *(shown.what, simulator, stalls, power_up),
            kinds=tuple(run.kind for run in asked),
            report=None,
        )

        def together(built: tuple[Core, simulators.Build]) -> lockstep.Report:
            return lockstep.lockstep(
                shown.session.copy(),
                shown.stimulus,
                shown.samples,
                lanes=self.core.lanes,
                neurons=self.core.neurons,
                simulator=simulator,
                stalls=stalls,
                external=shown.external,
                runs=asked,
                overwritten=seed,
                built=built,
            )

        try:
            report = together((self.core, self.build(simulator, power_up)))
            if report.mismatch is None:
                return replace(tried, report=report)
            # The text shows no writes: a core that does tells which one differs first.
            named = together(self.traced(simulator)).mismatch
        except (LockstepError, SimulationError) as error:
            return replace(tried, problem=str(error))
        if named is None:
            at = f"trial {report.mismatch.trial}, {report.mismatch.step}"
            named = f"{at}: this text differs, and a core that is made now does not"
        return replace(tried, report=report, problem=str(named))


def properties(planned: Plan, lanes: int, neurons: int) -> list[Property]:
    """Return what is claimed of a network's own core: first what is quick.

    Units stay apart, the sequencer returns to rest, answers stay until they are taken; and every
    row of every source's signals comes once.
    """
    shapes = {Packing.of(p.size, p.signal): p.name for p in planned.sources}
    found = [
        Property(f"rows of {name}", lambda packing=packing: Rows(packing))
        for packing, name in shapes.items()
    ]
    return [
        *found,
        Property("the sequencer returns to rest", lambda: Returns(planned, lanes, neurons)),
        Property("answers stay until they are taken", lambda: Answers(planned, lanes, neurons)),
        Property("units stay apart", lambda: Cores(planned, lanes, neurons)),
    ]


def check_property(network: Network, lanes: int, neurons: int, number: int, limit: int) -> Outcome:
    """Check one of :func:`properties`, in another process."""
    return formal.check(properties(plan(network), lanes, neurons)[number], timeout_s=limit)


def claims(
    network: Network,
    lanes: int,
    neurons: int,
    time_s: float,
    clock: Callable[[], float],
) -> Iterator[tuple[str, Outcome | str]]:
    """Check what is claimed of a network's own core, as far as the time allows.

    Parameters
    ----------
    network, lanes, neurons
        What the core is made of.
    time_s
        Time limit in seconds for all claims: each gets the same share of what is left.
    clock
        Tells the time in seconds.

    Yields
    ------
    str, Outcome or str
        The name of a claim and what became of it; or why it was left out.
    """
    listed = properties(plan(network), lanes, neurons)
    end = clock() + time_s
    for number, one in enumerate(listed):
        share = (end - clock()) / (len(listed) - number)
        if share < 1:
            yield one.name, f"no time was left of {time_s:g} s"
            continue
        given = (network, lanes, neurons, number, max(int(share), 1))
        try:
            ((_, outcome),) = spread.spread(check_property, [given], 1, share)
        except TimeoutError:
            yield one.name, f"it did not fit {share:.0f} s"
        except (RuntimeError, ValueError, AssertionError, LookupError) as error:
            yield (
                one.name,
                f"it could not be asked: {(str(error).splitlines() or [repr(error)])[-1]}",
            )
        else:
            yield one.name, _judged(outcome)


def _judged(outcome: Outcome) -> Outcome | str:
    """Return an outcome that says something, or why it says nothing."""
    if outcome.status == "unknown":
        return f"it did not fit {outcome.seconds:.0f} s: right for {outcome.depth} cycles at least"
    if outcome.status == "unreached":
        return f"nothing that it claims happens within {formal.REACH} cycles"
    return outcome
