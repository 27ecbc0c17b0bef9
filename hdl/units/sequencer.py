"""The sequencer: the phases of a tick, a trial's ticks, passes and update."""

from typing import Any

from amaranth.hdl import Cat, Const, Elaboratable, Module, Mux, Signal, Value

from goldenspike.golden.plan import UPDATE, Plan
from goldenspike.golden.planned import PlannedPopulation, PlannedProjection
from goldenspike.hdl.cell import shape
from goldenspike.hdl.units.common import HostedMemory, Rest, Tap, times
from goldenspike.hdl.units.early import delivers_early
from goldenspike.hdl.units.judge import Judge
from goldenspike.hdl.units.objective import ObjectiveUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.registers import Registers
from goldenspike.hdl.units.report import ReportUnit
from goldenspike.hdl.units.rows import words_of
from goldenspike.hdl.units.schedule import Phase, Schedule
from goldenspike.hdl.units.synapses import SynapseUnit


class Watch:
    """What a bus sees of a sequencer, and how it holds it.

    Members
    -------
    hold
        In: no phase starts.
    reporters, reports
        What reports the signals of populations; In: which ones do.
    now, again, last, update
        Out: which tick it is; whether a run's first pass is over; while `tick` is set: whether it
        is a pass's last, and whether it is none but an update.
    """

    def __init__(self, ticks: int, reporters: list[ReportUnit]) -> None:
        self.reporters, self.reports = reporters, Signal(len(reporters), name="reports")
        self.hold, self.again = Signal(name="hold"), Signal(name="again")
        self.now = Signal(range(max(ticks, 2)), name="now")
        self.last, self.update = Signal(name="last"), Signal(name="update")


class Sequencer(Elaboratable):
    """Starts the phases of trials and keeps a trial's registers.

    Parameters
    ----------
    plan
        The network.
    populations, synapses, sources
        Its units, by name.
    watch
        For a bus, if there is one. Then populations report their signals, one at a time, and
        nothing is delivered before the tick that it is for, as its inputs may still be to come.

    Members
    -------
    clearing
        Out: a reset was just before, and memories are cleared; no trial can be started.
    run, flags, done
        In, In, Out: start and end of a trial, and what it is.
    tick
        Out: a tick ends, or an update; its digest stands.
    bases
        Out: by source, the place of the tick's first word of inputs.
    objective
        The unit of the objective, or None.
    seed, trial
        Out: registers.
    registers
        The host's accesses to all registers.
    now, last
        Out: which tick it is, and whether it is a pass's last.
    ahead
        Out: what is delivered early is for the next tick, not for a pass's first.
    early
        Names of the projections that deliver early.
    latency
        Cycles from a write to its place in the digest.
    rests
        Out: what is left out of a tick, as it would be of zeros.
    schedules
        By the state in which they run.
    """

    def __init__(
        self,
        plan: Plan,
        populations: dict[str, PopulationUnit],
        synapses: dict[str, Any],
        sources: dict[str, HostedMemory],
        watch: Watch | None = None,
    ) -> None:
        self.plan, self.populations, self.synapses = plan, populations, synapses
        self.own: dict[str, SynapseUnit] = {
            name: unit for name, unit in synapses.items() if isinstance(unit, SynapseUnit)
        }
        self.run, self.flags, self.done = Signal(), Signal(2), Signal()
        self.clearing = Signal(name="clearing")
        self.tick = Signal()
        self.bases = {
            name: Signal(range(max(source.depth, 2)), name=f"{name}_base")
            for name, source in sources.items()
        }
        self.seed, self.trial = Signal(32, name="seed"), Signal(32, name="trial")
        self.condition = Signal(16, name="condition")
        self.now, self.last = Signal(range(max(plan.ticks, 2)), name="now"), Signal(name="last")
        self.perturbed_run, self.traced_run = Signal(), Signal()
        self.ahead = Signal(name="ahead")
        self.tick_end = Signal(name="tick_end")
        self.watch, self.latency = watch, 1
        self.objective = self.judge = None
        self.taps: list[Tap] = []
        known = [self.seed, self.trial]
        reward = plan.reward
        if reward is not None and reward.baselines > reward.bins:
            known.append(self.condition)
        self.registers = [Registers("registers", known)]
        if reward is not None:
            self.reference = Signal(shape(reward.error), name="error_reference")
            self.perturbed = Signal(shape(reward.error), name="error_perturbed")
            self.judge = Judge(plan, {q.name: synapses[q.name].factor for q in plan.plastic})
            self.taps += self.judge.taps
            if reward.objective is not None:
                self.objective = ObjectiveUnit(plan, populations[reward.readout.name])
                variable, error = plan.variables["reward.error"], self.objective.error
                tap = Tap((self.tick_end.name,), 0, variable, self.tick_end, Const(0), error)
                self.taps.append(tap)
            self.registers.append(Registers("errors", [self.reference, self.perturbed]))
        self.rests: list[Rest] = []
        self.resting: list[tuple[str, Value, Signal]] = []
        self.schedules = self._schedules(early=watch is None)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for registers in self.registers:
            registers.build(m)
        plan, flags, bases = self.plan, self.flags, self.bases
        reward: Any = plan.reward
        tick, second = self.now, Signal()
        first, last = Signal(), self.last
        m.d.comb += last.eq(tick == plan.ticks - 1)
        # What units are told of a tick is a cycle late: they need it when they have read.
        m.d.sync += first.eq(tick == 0)
        perturbing, negative, tracing = self._runs(m, second)
        objective = self.objective
        for unit in self.populations.values():
            m.d.comb += [
                unit.perturbing.eq(perturbing),
                unit.negative.eq(negative),
                unit.first.eq(first),
                unit.tick.eq(tick),
                unit.clearing.eq(self.clearing),
            ]
            window = unit.population.window
            if window is not None:
                m.d.sync += unit.active.eq(tick >= plan.ticks - window if window else 1)
        clear, advance, ended = Signal(), Signal(), Signal()
        renewed = plan.online or bool(plan.learners)
        for unit in self.own.values():
            m.d.sync += unit.fresh.eq(tick == unit.projection.delay)
            m.d.comb += [
                unit.perturbing.eq(perturbing),
                unit.negative.eq(negative),
                unit.tracing.eq(tracing),
                unit.slot.eq(self.trial),
                unit.flush.eq(clear | (advance if renewed else 0)),
                unit.high.eq(tick << 16 if renewed else 0),
            ]
            if unit.learner is not None:
                learner: Any = unit.learner
                interval = learner.learner.interval
                due = self.trial[: interval.bit_length() - 1].all() if interval > 1 else 1
                m.d.sync += learner.due.eq(last & due)
                m.d.comb += [
                    learner.enabled.eq(flags[1]),
                    learner.first.eq(first),
                    learner.fresh.eq(unit.fresh),
                    learner.flush.eq(unit.flush),
                    learner.high.eq(unit.high),
                    learner.joining.eq(~last if learner.joins else 0),
                ]
            if unit.rule is not None:
                interval = unit.rule.params.interval
                due = self.trial[: interval.bit_length() - 1].all() if interval > 1 else 1
                m.d.comb += [unit.learning_now.eq(flags[1] & ended), unit.due.eq(due)]
        if objective is not None:
            m.d.comb += [
                objective.first.eq(first),
                objective.last.eq(last),
                objective.clear.eq(clear | (advance & ended if plan.online else 0)),
            ]
        m.d.comb += [self.perturbed_run.eq(perturbing), self.traced_run.eq(tracing)]
        # Digests come when they have settled; the next tick has begun by then.
        over, updated = Signal(), Signal()
        settling = Signal(self.latency)
        m.d.sync += settling.eq(Cat(over, settling[:-1]))
        m.d.comb += self.tick.eq(settling[-1] & ~self.clearing)
        watch, hold = self.watch, Const(0)
        if watch is not None:
            hold = watch.hold | settling.any()  # Signals come after the end of the tick before.
            m.d.comb += [watch.now.eq(tick), watch.again.eq(second)]
            with m.If(over):
                m.d.sync += [watch.last.eq(last), watch.update.eq(updated)]
        if self.judge is not None:
            self._judge(m, clear, advance, ended)
        names = ("CLEAR", "FIRST", "TICK", "REWARD", "LEARN")
        running = {name: Signal(name=f"running_{name.lower()}") for name in names}
        done = {}
        for name, schedule in self.schedules.items():
            done[name], begun = schedule.build(m, name.lower(), running[name], hold)
            for phase, due, left_out in self.resting if name == "TICK" else ():
                m.d.comb += left_out.eq(done[name] & due & ~begun[phase])
        m.d.comb += self.ahead.eq(~running["FIRST"])
        begin = "FIRST" if "FIRST" in done else "TICK"

        def phases(name: str, after: str) -> None:
            """Add the state in which a schedule runs."""
            with m.State(name):
                m.d.comb += running[name].eq(1)
                with m.If(done[name]):
                    m.next = after

        with m.FSM(name="trial"):
            with m.State("CLEAR"):
                m.d.comb += [self.clearing.eq(1), running["CLEAR"].eq(1)]
                with m.If(done["CLEAR"]):
                    m.d.comb += over.eq(1)
                    m.next = "CLEARED"
            with m.State("CLEARED"):  # The digest has seen writes that are of no trial.
                m.d.comb += self.clearing.eq(1)
                with m.If(settling[-1]):
                    m.next = "IDLE"
            with m.State("IDLE"):
                with m.If(self.run):
                    m.d.comb += clear.eq(1)
                    m.d.sync += [tick.eq(0), second.eq(0)]
                    m.d.sync += [base.eq(0) for base in bases.values()]
                    m.next = begin
                    if plan.learners:
                        with m.If(flags == UPDATE):  # There is nothing but what a run learns.
                            m.next = "DONE"
                    if plan.reward is not None:
                        with m.If(flags == UPDATE):
                            m.next = "DONE" if plan.online else "REWARD"
            if "FIRST" in done:
                phases("FIRST", "TICK")
            phases("TICK", "BIN" if plan.online else "ADVANCE")
            if plan.online:
                with m.State("BIN"):
                    m.next = "LEARN"
                    with m.If(flags[1] & ended):
                        m.next = "REWARD"
            with m.State("ADVANCE"):
                m.d.comb += [over.eq(1), self.tick_end.eq(1), advance.eq(1)]
                m.d.sync += tick.eq(tick + 1)
                for name, base in bases.items():
                    p = next(p for p in plan.sources if p.name == name)
                    m.d.sync += base.eq(base + words_of(p.size, p.signal))
                if objective is not None:
                    m.d.sync += objective.base.eq(objective.base + reward.readout.size)
                m.next = "TICK"
                with m.If(last):
                    m.d.sync += tick.eq(0)
                    m.d.sync += [base.eq(0) for base in bases.values()]
                    m.next = "PASSED"
            with m.State("PASSED"):
                m.d.comb += clear.eq(1)
                if objective is not None:
                    m.d.sync += objective.base.eq(0)
                    if not plan.online:
                        with m.If(tracing):
                            m.d.sync += self.perturbed.eq(objective.error)
                        with m.Else():
                            m.d.sync += self.reference.eq(objective.error)
                m.d.sync += second.eq(1)
                with m.If(flags[0] & ~tracing):
                    m.next = begin
                with m.Else():
                    m.next = "DONE"
                    if plan.reward is not None or renewed:
                        with m.If(flags[1]):
                            m.next = "COUNTED" if renewed else "REWARD"
            if self.judge is not None:
                phases("REWARD", "LEARN")
                phases("LEARN", "ADVANCE" if plan.online else "LEARNED")
                if not plan.online:
                    with m.State("LEARNED"):
                        m.d.comb += [over.eq(1), updated.eq(1)]
                        m.next = "COUNTED"
            if self.judge is not None or renewed:
                with m.State("COUNTED"):
                    m.d.sync += self.trial.eq(self.trial + 1)
                    m.next = "DONE"
            with m.State("DONE"):
                with m.If(~settling.any()):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
        return m

    def _runs(self, m: Module, second: Signal) -> tuple[Signal, Signal, Signal]:
        """Return whether a run is perturbed, negatively, and whether it is the one traced."""
        reward = self.plan.reward
        signs = (1,) if reward is None else reward.signs
        perturbing, negative, tracing = Signal(), Signal(), Signal()
        traced = self.flags[0] & (second | (len(signs) == 1))
        m.d.comb += [
            tracing.eq(traced),
            negative.eq(self.flags[0] & ~traced & (signs[0] < 0)),
            perturbing.eq(tracing | negative),
        ]
        return perturbing, negative, tracing

    def _schedules(self, early: bool) -> dict[str, Schedule]:
        """Return the schedules, by the state in which they run.

        What is delivered early, for the next tick, is so when this one needs the synapses and the
        sums no more; a pass begins with it.
        """
        plan = self.plan
        ahead = [q for q in plan.projections if early and delivers_early(q)]
        self.early = {q.name for q in ahead}
        firsts = [self._delivery(q, 1) for q in ahead if not q.delay]
        found = {"CLEAR": Schedule(self._clearing())}
        if firsts:
            found["FIRST"] = Schedule(firsts)
        body = [self._delivery(q, self._ahead(q), 1) for q in ahead]
        found["TICK"] = Schedule([*self._tick(ahead), *body])
        if self.judge is not None:
            found["REWARD"] = Schedule([Phase(self.judge.start, self.judge.busy)])
            found["LEARN"] = Schedule(self._learning())
        return found

    def _clearing(self) -> list[Phase]:
        """List the phases after a reset: what memories held must not count.

        An update takes the sums of its neurons and leaves 0. States begin anew with each pass.
        """
        # Late: one update after the other in one cycle would be a path through all populations.
        phases = [
            Phase(unit.update, unit.busy, uses=("sums",), late=number > 0)
            for number, unit in enumerate(self.populations.values())
        ]
        marked = [unit for unit in self.own.values() if unit.clear is not None]
        return phases + [Phase(unit.clear, unit.clearing) for unit in marked]

    def _ahead(self, q: PlannedProjection) -> Any:
        """Return whether a projection delivers for the next tick when it does not learn."""
        due = ~self.last & (self.now + 1 >= q.delay)
        return due & ~self._learns(q) if self._joins(q) else due

    def _learns(self, q: PlannedProjection) -> Any:
        """Return whether a rule with traces is at work in this tick."""
        return self.flags[1] & _arrived(q, self.now)

    def _joins(self, q: PlannedProjection) -> bool:
        """Return whether a projection delivers as it learns."""
        unit = self.own.get(q.name)
        return unit is not None and unit.learner is not None and unit.learner.joins

    def _delivery(self, q: PlannedProjection, condition: Any, ticks: int = 0) -> Phase:
        """Return the delivery of a projection, so many ticks early."""
        unit, pre = self.synapses[q.name], self.populations.get(q.pre.name)
        after = self._updated(q.pre) if q.delay == ticks else ()
        source = f"signals of {q.pre.name}"
        if isinstance(unit, SynapseUnit) and unit.filter is not None:
            after, source = (unit.filter.start.name,), f"filtered {q.name}"
        elif pre is not None:
            condition = condition & pre.sounding(q.delay - ticks)
        if q.traces("delivery") and self.populations[q.post.name].source is not None:
            after += (self.populations[q.post.name].draw.name,)
        uses = (source, f"synapses of {q.mirror or q.name}", f"sums of {q.post.name}")
        return Phase(unit.deliver, unit.busy, condition, after, uses, late=True)

    def _tick(self, ahead: list[PlannedProjection]) -> list[Phase]:
        """List the phases of a tick but for what is delivered early."""
        plan, tick = self.plan, self.now
        perturbing, tracing = self.perturbed_run, self.traced_run
        phases: list[Phase] = []

        def prepare(q: PlannedProjection) -> None:
            if q.learner is None:
                return
            unit: Any = self.own[q.name]
            pre = unit.learner.pre
            after = () if q.delay else self._updated(q.pre)
            uses = (f"signals of {q.pre.name}",)
            if unit.filter is not None:
                after, uses = (unit.filter.start.name,), (f"filtered {q.name}",)
            elif pre.follows:
                uses = ()
            condition = self._learns(q)
            phases.append(Phase(pre.start, pre.busy, condition, after, uses))

        def deliver(q: PlannedProjection) -> None:
            unit = self.synapses[q.name]
            if isinstance(unit, SynapseUnit) and unit.filter is not None:
                after = () if q.delay else self._updated(q.pre)
                uses = (f"signals of {q.pre.name}",)
                arrived = _arrived(q, tick)
                phases.append(Phase(unit.filter.start, unit.filter.busy, arrived, after, uses))
            if q not in ahead:
                phases.append(self._delivery(q, _arrived(q, tick)))
                prepare(q)

        for q in ahead:
            prepare(q)
        for unit in self.populations.values():
            if unit.source is not None:
                always = unit.population.draws
                uses = (f"variates of {unit.population.name}",)
                phases.append(Phase(unit.draw, unit.busy, 1 if always else perturbing, (), uses))
        for q in plan.late:
            deliver(q)
        for p in plan.neurons:
            for q in plan.prompt(p):
                deliver(q)
            unit = self.populations[p.name]
            after = tuple(n for other in p.signals.values() for n in self._updated(other))
            uses = (f"sums of {p.name}", f"variates of {p.name}")
            uses += tuple(f"signals of {other.name}" for other in p.signals.values())
            moves: Any = 1
            if self._may_rest(p):
                moves = ~unit.rested | unit.added
                self._rest(unit.update.name, Const(1), [f"{p.name}.{f}" for f in p.state])
            phases.append(Phase(unit.update, unit.busy, moves, after, uses))
        traced = [q for q in plan.projections if q.traces("output")]
        phases += [self._trace(q, tracing & _arrived(q, tick)) for q in traced]
        for q in sorted(plan.learners, key=lambda q: -q.pre.size * q.post.size):
            learner: Any = self.own[q.name].learner
            now = self._learns(q)
            modulators = learner.learner.modulators.values()
            before = tuple(n for p in (q.post, *modulators) for n in self._updated(p))
            after = before
            if learner.factors is not None:
                uses = tuple(f"signals of {other.name}" for other in modulators)
                given = [self.populations.get(other.name) for other in modulators]
                wanted = now
                if q.learner is not None and q.learner.rests and None not in given:
                    sounding = Cat(unit.sounding(0) for unit in given if unit is not None)
                    wanted = now & sounding.any()
                    names = [f"{q.name}.{f}" for f in learner.learner.factor.outputs]
                    self._rest(learner.factors.name, now, names)
                making = Phase(learner.factors, learner.making, wanted, after, uses, late=True)
                phases.append(making)
                now, after = wanted, (*after, learner.factors.name)
            if learner.draw is not None:
                phases.append(Phase(learner.draw, learner.drawing, now, before))
                after += (learner.draw.name,)
            after += (learner.pre.start.name,)
            uses = (f"synapses of {q.name}",)
            if learner.joins:
                after += self._updated(q.pre) if q.delay == 1 else ()
                uses += (f"signals of {q.pre.name}", f"sums of {q.post.name}")
            now = now & learner.needed
            phases.append(Phase(learner.learn, learner.busy, now, after, uses, late=True))
        if self.watch is not None:
            phases += map(self._report, plan.neurons, self.watch.reporters, self.watch.reports)
        return phases

    def _report(self, p: PlannedPopulation, unit: ReportUnit, wanted: Any) -> Phase:
        """Return the phase in which a population reports its signals to a bus."""
        uses = ("reports", f"signals of {p.name}")
        return Phase(unit.start, unit.busy, wanted, self._updated(p), uses)

    def _may_rest(self, p: PlannedPopulation) -> bool:
        """Return whether a population may be passed over where it would stay as it is.

        Not if anything follows its reports, or reads signals of other ticks.
        """
        reward = self.plan.reward
        followed = [q.pre for q in self.plan.learners if not q.delay]
        followed += [q.post for q in self.plan.learners]
        if reward is not None:
            followed.append(reward.readout)
        return p not in followed and p.depth == 1 and p.rests

    def _rest(self, phase: str, due: Any, names: list[str]) -> None:
        """Note what is left out where a phase is that would be `due`."""
        left_out = Signal(name=f"{phase}_left_out")
        self.resting.append((phase, due, left_out))
        self.rests += [Rest(left_out, self.plan.variables[name]) for name in names]

    def _updated(self, p: PlannedPopulation) -> tuple[str, ...]:
        """Return the phase in which the signals of a population come, if it computes."""
        unit = self.populations.get(p.name)
        return () if unit is None else (unit.update.name,)

    def _trace(self, q: PlannedProjection, condition: Any) -> Phase:
        """Return the phase in which the eligibilities of a projection are traced."""
        unit = self.own[q.name]
        source = f"signals of {q.pre.name}" if unit.filter is None else f"filtered {q.name}"
        uses = (source, f"synapses of {q.name}", f"sums of {q.post.name}")
        return Phase(unit.trace, unit.busy, condition, self._updated(q.post), uses, late=True)

    def _learning(self) -> list[Phase]:
        """List the phases of an update."""
        if self.plan.online:
            flag, tick = self.flags[0], self.now
            return [self._trace(q, flag & _arrived(q, tick)) for q in self.plan.plastic]
        units = [self.own[q.name] for q in self.plan.plastic]
        return [Phase(unit.learn, unit.busy) for unit in units]

    def apart(self, a: str, b: str) -> bool:
        """Return whether two phases are never under way at once."""
        together = [s for s in self.schedules.values() if a in s.before and b in s.before]
        return all(schedule.apart(a, b) for schedule in together)

    def _judge(self, m: Module, clear: Signal, advance: Signal, ended: Signal) -> None:
        """Give the judge its errors and baseline; follow the time bins."""
        judge, objective, reward = self.judge, self.objective, self.plan.reward
        if judge is None or reward is None:
            return
        m.submodules.judge = judge
        m.d.comb += judge.error.eq(self.perturbed)
        if reward.paired:
            m.d.comb += judge.reference.eq(self.reference)
        place = Signal(range(reward.baselines))
        m.d.comb += [judge.place.eq(place), judge.clear.eq(clear)]
        with m.If(self.run):
            m.d.sync += place.eq(times(self.condition, reward.bins))
        if objective is None or not reward.period:
            return
        within = Signal(range(reward.period))
        m.d.comb += [judge.error.eq(objective.error), ended.eq(within == reward.period - 1)]
        with m.If(self.run):
            m.d.sync += [within.eq(0), self.perturbed.eq(0)]
        with m.If(advance):
            m.d.sync += within.eq(Mux(ended, 0, within + 1))
            with m.If(ended):
                m.d.sync += [
                    place.eq(place + 1),
                    self.perturbed.eq(self.perturbed + objective.error),
                ]


def _arrived(q: PlannedProjection, tick: Signal) -> Any:
    """Return whether a tick is one in which a projection's signals arrive."""
    return tick >= q.delay if q.delay else 1
