"""The cycles of a trial, exactly, from what is not 0 in it: no simulator runs.

A trial's count is that of the cycles after the one in which the sequencer is told to run, up to the
one in which it is done, which is that of the cycles in which the core is `busy`. The phases are
those of the core's own :class:`~goldenspike.hdl.units.schedule.Schedule` s.
"""

import gc
import warnings
from typing import Any

import numpy as np
from amaranth.hdl import UnusedElaboratable

from goldenspike.golden import activity
from goldenspike.golden.plan import PASSES, UPDATE, Plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl.core import Core
from goldenspike.hdl.cycle_phases import Count, Phases
from goldenspike.hdl.cycle_streams import Blocks, Draw, Visit, follow
from goldenspike.hdl.host import LEARN, learning
from goldenspike.hdl.units.schedule import Schedule

SEQUENCER = "sequencer"
"""What cycles go to in which no phase is under way."""


class Model:
    """The time that a core takes: its sequencer, cycle by cycle where it must be.

    Parameters
    ----------
    core
        Of any lanes and neurons. Its units are not kept.

    Raises
    ------
    ValueError
        If it has a bus, which may hold it.
    """

    def __init__(self, core: Core) -> None:
        if core.bus:
            raise ValueError("Core must have no bus, for a bus may hold it")
        self.plan, self.latency = core.plan, core.sequencer.latency
        self.renewed = core.plan.online or bool(core.plan.learners)
        schedules = core.sequencer.schedules
        self.needs = {name: _needs(schedule) for name, schedule in schedules.items()}
        self.late = {
            name: {phase.name for phase in schedule.phases if phase.late}
            for name, schedule in schedules.items()
        }
        self.phases = Phases(core)
        self.blocks = Blocks(core.blocks, list(self.phases.clients.values()))

    def trials(self, watched: np.ndarray, flags: tuple[int, ...] = (LEARN,)) -> Count:
        """Return the cycles of trials, the next ones of this core.

        Parameters
        ----------
        watched
            ``(trials, passes, ticks, bits)``, the activity that golden recorded of them.
        flags
            Of the runs of each trial: of one, or of its passes and of its update.
        """
        self.phases.count = count = Count()
        for one in watched:
            seen = activity.groups(self.plan, one)
            for given in flags:
                self.phases.flags = given
                count.cycles += self._run(seen)
            count.trials += 1
        count.phases[SEQUENCER] = count.cycles - count.phases.total()
        return count

    def _run(self, seen: dict[str, np.ndarray]) -> int:
        """Return the cycles of a run, whose first is number 1."""
        plan, phases = self.plan, self.phases
        flags = phases.flags
        phases.flush()
        self.blocks.free = 0
        time, over = 1, -self.latency
        if flags == UPDATE and (plan.reward is None or plan.online):
            return time
        signs = (1,) if plan.reward is None else plan.reward.signs
        runs = () if flags == UPDATE else signs if flags & PASSES else (0,)
        for number, sign in enumerate(runs):
            phases.traced = bool(flags & PASSES) and number == len(signs) - 1
            phases.perturbed = phases.traced or sign < 0
            time = self._pass(time, {name: bits[number] for name, bits in seen.items()})
            over = time - 1
            time += 1  # PASSED.
            phases.flush()
        if flags & UPDATE and (plan.reward is not None or self.renewed):
            if flags == UPDATE or not self.renewed:
                over = self._schedule("LEARN", self._schedule("REWARD", time) + 1) + 1
                time = over + 1  # LEARNED.
            time += 1  # COUNTED.
        return max(time, over + self.latency + 1)  # When its last digest has settled.

    def _pass(self, time: int, seen: dict[str, np.ndarray]) -> int:
        """Return the cycle after the last one of a pass."""
        phases = self.phases
        phases.show(seen)
        phases.now, phases.ahead = 0, False
        if "FIRST" in self.needs:
            time = self._schedule("FIRST", time) + 1
        phases.ahead = True
        ticks = []
        for tick in range(self.plan.ticks):
            phases.now, begin = tick, time
            time = self._schedule("TICK", time) + 1
            if self.plan.online:
                time = self._bin(time + 1)  # After BIN.
            time += 1  # ADVANCE.
            if self.renewed:
                phases.flush()
            ticks.append(time - begin)
        phases.count.ticks.append(ticks)
        return time

    def _bin(self, time: int) -> int:
        """Return the cycle after what is learned at the end of a tick."""
        reward: Any = self.plan.reward
        phases = self.phases
        last = phases.now % reward.period == reward.period - 1
        phases.ended = last and bool(phases.flags & UPDATE)
        if phases.ended:
            time = self._schedule("REWARD", time) + 1
        return self._schedule("LEARN", time) + 1

    def _schedule(self, name: str, start: int) -> int:
        """Go through a schedule from cycle `start` on; return its last cycle."""
        needs = self.needs[name]
        overs: dict[str, int] = {}
        begins: dict[str, int] = {}
        starts: dict[str, int] = {}
        waiting: dict[str, Draw | Visit] = {}
        left = list(needs)
        now = start
        while left or waiting:
            later = []
            for phase in left:
                if not all(need in overs for need in needs[phase]):
                    later.append(phase)
                    continue
                begins[phase] = at = max((overs[need] for need in needs[phase]), default=start)
                work = self.phases.works[phase]
                if not work.wanted():
                    overs[phase] = at
                    continue
                starts[phase] = at + (phase in self.late[name])
                cycles = work.begin()
                if isinstance(cycles, int):
                    overs[phase] = starts[phase] + cycles
                else:
                    waiting[phase] = cycles
            left = later
            if waiting:
                now = follow(self.blocks, waiting, starts, overs, now)
        end = max(overs.values(), default=start)
        self._share(needs, begins, overs, end)
        return end

    def _share(
        self,
        needs: dict[str, list[str]],
        begins: dict[str, int],
        overs: dict[str, int],
        end: int,
    ) -> None:
        """Count the cycles of the phases that all else waited for."""
        phase = next((name for name, over in overs.items() if over == end), None)
        while phase is not None:
            self.phases.count.phases[phase] += overs[phase] - begins[phase]
            phase = next((n for n in needs[phase] if overs[n] == begins[phase]), None)


def _needs(schedule: Schedule) -> dict[str, list[str]]:
    """Return what each phase of a schedule waits for, in its order."""
    return {phase.name: schedule.needs[phase.name] for phase in schedule.phases}


def model(plan: Plan, lanes: int = 8, neurons: int = 1) -> Model:
    """Return the model of a network's core.

    Raises
    ------
    ValueError
        If there is no core of so many lanes and neurons.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedElaboratable)  # Nobody wants this core itself.
        core = Core(plan, lanes, neurons)
        found = Model(core)
        del core
        gc.collect()
    return found


def of_learning(
    session: Session,
    stimulus: Stimulus,
    samples: Any,
    *,
    lanes: int = 8,
    neurons: int = 1,
    external: np.ndarray | None = None,
    split: bool = False,
) -> Count:
    """Return the cycles of learning trials on a core that has run nothing yet.

    Parameters
    ----------
    session, stimulus, samples, external
        As :meth:`Session.learn` takes them; the session is moved on.
    lanes, neurons
        Of the core.
    split
        Whether passes and update are two commands, as they are with an external objective.
    """
    found = model(session.plan, lanes, neurons)
    outcome = session.learn(stimulus, samples, external=external, watched=True)
    # Errors that come from outside are there after the passes, in hardware.
    return found.trials(outcome.activity, learning(split=split or external is not None))
