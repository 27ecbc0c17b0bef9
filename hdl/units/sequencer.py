"""The sequencer: a tick's phases one after the other, a trial's ticks, passes and update."""

from contextlib import nullcontext
from typing import Any

from amaranth.hdl import Const, Elaboratable, Module, Mux, Signal

from goldenspike.golden.plan import UPDATE, Plan
from goldenspike.golden.planned import PlannedProjection
from goldenspike.hdl.cell import shape
from goldenspike.hdl.digest import LATENCY
from goldenspike.hdl.units.common import HostedMemory, Tap, times
from goldenspike.hdl.units.judge import Judge
from goldenspike.hdl.units.objective import ObjectiveUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.registers import Registers
from goldenspike.hdl.units.rows import words_of
from goldenspike.hdl.units.synapses import SynapseUnit

Phase = tuple[Signal, Any, Signal]
"""The start of a phase, when it takes place, and whether it is under way."""


class Watch:
    """What a bus sees of a sequencer, and how it holds it.

    Members
    -------
    hold
        In: no phase starts.
    now, again, last, update
        Out: which tick it is; whether a run's first pass is over; while `tick` is set: whether it
        is a pass's last, and whether it is none but an update.
    """

    def __init__(self, ticks: int) -> None:
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

    Members
    -------
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
    watch
        For a bus, if there is one.
    """

    def __init__(
        self,
        plan: Plan,
        populations: dict[str, PopulationUnit],
        synapses: dict[str, Any],
        sources: dict[str, HostedMemory],
    ) -> None:
        self.plan, self.populations, self.synapses = plan, populations, synapses
        self.own: dict[str, SynapseUnit] = {
            name: unit for name, unit in synapses.items() if isinstance(unit, SynapseUnit)
        }
        self.run, self.flags, self.done = Signal(), Signal(2), Signal()
        self.tick = Signal()
        self.bases = {
            name: Signal(range(max(source.depth, 2)), name=f"{name}_base")
            for name, source in sources.items()
        }
        self.seed, self.trial = Signal(32, name="seed"), Signal(32, name="trial")
        self.condition = Signal(16, name="condition")
        self.tick_end = Signal()
        self.watch: Watch | None = None
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
                self.taps.append(Tap(0, variable, self.tick_end, Const(0), error))
            self.registers.append(Registers("errors", [self.reference, self.perturbed]))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for registers in self.registers:
            registers.build(m)
        plan, flags, bases = self.plan, self.flags, self.bases
        reward: Any = plan.reward
        tick, second, begun = Signal(range(max(plan.ticks, 2))), Signal(), Signal(init=1)
        first, last = Signal(), Signal()
        settled = Signal(range(LATENCY + 1))
        m.d.comb += [first.eq(tick == 0), last.eq(tick == plan.ticks - 1)]
        perturbing, negative, tracing = self._runs(m, second)
        objective = self.objective
        for unit in self.populations.values():
            m.d.comb += [
                unit.perturbing.eq(perturbing),
                unit.negative.eq(negative),
                unit.first.eq(first),
                unit.tick.eq(tick),
            ]
            window = unit.population.window
            if window is not None:
                m.d.comb += unit.active.eq(tick >= plan.ticks - window if window else 1)
        clear, advance, ended = Signal(), Signal(), Signal()
        renewed = plan.online or bool(plan.learners)
        for unit in self.own.values():
            delay = unit.projection.delay
            m.d.comb += [
                unit.perturbing.eq(perturbing),
                unit.negative.eq(negative),
                unit.tracing.eq(tracing),
                unit.fresh.eq(tick == delay),
                unit.slot.eq(self.trial),
                unit.flush.eq(clear | (advance if renewed else 0)),
                unit.high.eq(tick << 16 if renewed else 0),
            ]
            if unit.learner is not None:
                learner: Any = unit.learner
                interval = learner.learner.interval
                due = self.trial[: interval.bit_length() - 1].all() if interval > 1 else 1
                m.d.comb += [
                    learner.enabled.eq(flags[1]),
                    learner.first.eq(first),
                    learner.fresh.eq(unit.fresh),
                    learner.due.eq(last & due),
                    learner.flush.eq(unit.flush),
                    learner.high.eq(unit.high),
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
        steps = self._steps(perturbing, tracing, tick)
        watch = self.watch
        if watch is not None:
            m.d.comb += [watch.now.eq(tick), watch.again.eq(second)]

        def settle(after: str) -> None:
            """Wait for the digest and send it."""
            m.d.sync += settled.eq(settled + 1)
            with m.If(settled == LATENCY):
                m.d.sync += settled.eq(0)
                m.d.comb += self.tick.eq(1)
                m.next = after

        def phases(prefix: str, listed: list, after: str) -> None:
            """Add a state a phase, one after the other."""
            names = [f"{prefix}{k}" for k in range(len(listed))] + [after]
            for k, (start, condition, busy) in enumerate(listed):
                with m.State(names[k]):
                    with m.If(begun):
                        with nullcontext() if watch is None else m.If(~watch.hold):
                            m.d.comb += start.eq(condition)
                            m.d.sync += begun.eq(~Mux(condition, 1, 0))
                            with m.If(~Mux(condition, 1, 0)):
                                m.next = names[k + 1]
                    with m.Elif(~busy):
                        m.d.sync += begun.eq(1)
                        m.next = names[k + 1]

        if self.judge is not None:
            self._judge(m, clear, advance, ended)
        with m.FSM(name="trial"):
            with m.State("IDLE"):
                with m.If(self.run):
                    m.d.comb += clear.eq(1)
                    m.d.sync += [tick.eq(0), second.eq(0)]
                    m.d.sync += [base.eq(0) for base in bases.values()]
                    m.next = "TICK0"
                    if plan.learners:
                        with m.If(flags == UPDATE):  # There is nothing but what a run learns.
                            m.next = "DONE"
                    if plan.reward is not None:
                        with m.If(flags == UPDATE):
                            m.next = "DONE" if plan.online else "REWARD0"
            phases("TICK", steps, "BIN" if plan.online else "SETTLE")
            if plan.online:
                with m.State("BIN"):
                    m.next = "LEARN0"
                    with m.If(flags[1] & ended):
                        m.next = "REWARD0"
            with m.State("SETTLE"):
                m.d.comb += self.tick_end.eq(settled == 0)
                if watch is not None:
                    m.d.comb += watch.last.eq(last)
                settle("ADVANCE")
            with m.State("ADVANCE"):
                m.d.comb += advance.eq(1)
                m.d.sync += tick.eq(tick + 1)
                for name, base in bases.items():
                    p = next(p for p in plan.sources if p.name == name)
                    m.d.sync += base.eq(base + words_of(p.size, p.signal))
                if objective is not None:
                    m.d.sync += objective.base.eq(objective.base + reward.readout.size)
                m.next = "TICK0"
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
                    m.next = "TICK0"
                with m.Elif(flags[1] & (plan.reward is not None or renewed)):
                    m.next = "COUNTED" if renewed else "REWARD0"
                with m.Else():
                    m.next = "DONE"
            if self.judge is not None:
                phases("REWARD", [(self.judge.start, 1, self.judge.busy)], "LEARN0")
                phases("LEARN", self._learning(tick), "SETTLE" if plan.online else "LEARNED")
                if not plan.online:
                    with m.State("LEARNED"):
                        if watch is not None:
                            m.d.comb += watch.update.eq(1)
                        settle("COUNTED")
            if self.judge is not None or renewed:
                with m.State("COUNTED"):
                    m.d.sync += self.trial.eq(self.trial + 1)
                    m.next = "DONE"
            with m.State("DONE"):
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

    def _steps(self, perturbing: Signal, tracing: Signal, tick: Signal) -> list[Phase]:
        """List the phases of a tick."""
        plan = self.plan
        steps: list[Phase] = []

        def deliver(q: PlannedProjection) -> None:
            unit = self.synapses[q.name]
            arrived = _arrived(q, tick)
            if getattr(unit, "filter", None) is not None:
                steps.append((unit.filter.start, arrived, unit.filter.busy))
            steps.append((unit.deliver, arrived, unit.busy))

        drawing = [unit for unit in self.populations.values() if unit.source is not None]
        steps += [
            (unit.draw, 1 if unit.population.draws else perturbing, unit.busy) for unit in drawing
        ]
        for q in plan.late:
            deliver(q)
        for p in plan.neurons:
            for q in plan.prompt(p):
                deliver(q)
            unit = self.populations[p.name]
            steps.append((unit.update, 1, unit.busy))
        for q in plan.projections:
            if q.traces("output"):
                unit = self.synapses[q.name]
                steps.append((unit.trace, tracing & _arrived(q, tick), unit.busy))
        for q in plan.learners:
            unit: Any = self.synapses[q.name].learner
            now = self.flags[1] & _arrived(q, tick)
            steps.append((unit.prepare, now, unit.preparing))
            steps.append((unit.learn, now & unit.needed, unit.busy))
        return steps

    def _learning(self, tick: Signal) -> list[Phase]:
        """List the phases of an update."""
        units = [self.synapses[q.name] for q in self.plan.plastic]
        if not self.plan.online:
            return [(unit.learn, 1, unit.busy) for unit in units]
        flag = self.flags[0]
        return [(u.trace, flag & _arrived(u.projection, tick), u.busy) for u in units]

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
