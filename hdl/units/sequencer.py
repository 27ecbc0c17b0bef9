"""The sequencer: a tick's phases one after the other, a trial's ticks, passes and update."""

from typing import Any

from amaranth.hdl import Const, Elaboratable, Module, Mux, Signal

from goldenspike.golden.plan import UPDATE, Plan
from goldenspike.golden.rules import three_factor
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import shape
from goldenspike.hdl.digest import LATENCY
from goldenspike.hdl.units.common import HostedMemory, Tap
from goldenspike.hdl.units.objective import ObjectiveUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.registers import Registers
from goldenspike.hdl.units.rows import words_of
from goldenspike.hdl.units.synapses import SynapseUnit

Phase = tuple[Signal, Any, Signal]
"""The start of a phase, when it takes place, and whether it is under way."""


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
    """

    def __init__(
        self,
        plan: Plan,
        populations: dict[str, PopulationUnit],
        synapses: dict[str, SynapseUnit],
        sources: dict[str, HostedMemory],
    ) -> None:
        self.plan, self.populations, self.synapses = plan, populations, synapses
        self.run, self.flags, self.done = Signal(), Signal(2), Signal()
        self.tick = Signal()
        self.bases = {
            name: Signal(range(max(source.depth, 2)), name=f"{name}_base")
            for name, source in sources.items()
        }
        self.seed, self.trial = Signal(32, name="seed"), Signal(32, name="trial")
        self.tick_end, self.judged, self.scaled = Signal(), Signal(), Signal()
        self.objective = None
        self.taps: list[Tap] = []
        self.registers = [Registers("registers", [self.seed, self.trial])]
        if plan.reward is not None:
            self._reward_registers(plan.reward)

    def _reward_registers(self, reward: Any) -> None:
        """Make the registers of a reward, their taps and the host's accesses."""
        plan, variables = self.plan, self.plan.variables
        self.reference = Signal(shape(reward.error), name="error_reference")
        self.perturbed = Signal(shape(reward.error), name="error_perturbed")
        self.reward = Signal(shape(reward.reward), name="reward")
        self.baseline = {
            field: Signal(shape(fmt), name=field) for field, fmt in reward.baseline_state.items()
        }
        judged = [("reward", self.reward), *self.baseline.items()]
        for channel, (field, signal) in enumerate(judged):
            variable = variables[f"reward.{field}"]
            self.taps.append(Tap(channel, variable, self.judged, Const(0), signal))
        for channel, q in enumerate(plan.plastic):
            variable, factor = variables[f"{q.name}.factor"], self.synapses[q.name].factor
            self.taps.append(Tap(channel, variable, self.scaled, Const(0), factor))
        if reward.objective is not None:
            self.objective = ObjectiveUnit(plan, self.populations[reward.readout.name])
            variable, error = variables["reward.error"], self.objective.error
            self.taps.append(Tap(0, variable, self.tick_end, Const(0), error))
        self.registers += [
            Registers("errors", [self.reference, self.perturbed]),
            Registers("reward", [self.reward, *self.baseline.values()]),
        ]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for registers in self.registers:
            registers.build(m)
        plan, flags, bases = self.plan, self.flags, self.bases
        reward: Any = plan.reward
        tick, perturbing, fresh = Signal(range(max(plan.ticks, 2))), Signal(), Signal(init=1)
        first, last = Signal(), Signal()
        settled = Signal(range(LATENCY + 1))
        m.d.comb += [first.eq(tick == 0), last.eq(tick == plan.ticks - 1)]
        objective = self.objective
        for unit in self.populations.values():
            m.d.comb += [
                unit.perturbing.eq(perturbing),
                unit.first.eq(first),
                unit.tick.eq(tick),
            ]
        clear = Signal()
        for unit in self.synapses.values():
            m.d.comb += [unit.perturbing.eq(perturbing), unit.flush.eq(clear)]
        if objective is not None:
            m.d.comb += [
                objective.first.eq(first),
                objective.last.eq(last),
                objective.clear.eq(clear),
            ]
        steps = self._steps(perturbing, first)
        learns = [(u.learn, 1, u.busy) for u in self.synapses.values() if u.rule is not None]

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
                    with m.If(fresh):
                        m.d.comb += start.eq(condition)
                        m.d.sync += fresh.eq(~Mux(condition, 1, 0))
                        with m.If(~Mux(condition, 1, 0)):
                            m.next = names[k + 1]
                    with m.Elif(~busy):
                        m.d.sync += fresh.eq(1)
                        m.next = names[k + 1]

        with m.FSM(name="trial"):
            with m.State("IDLE"):
                m.d.sync += perturbing.eq(flags[0] & (plan.passes == 1))
                with m.If(self.run):
                    m.d.comb += clear.eq(1)
                    m.d.sync += tick.eq(0)
                    m.d.sync += [base.eq(0) for base in bases.values()]
                    m.next = "TICK0"
                    if plan.reward is not None:
                        with m.If(flags == UPDATE):
                            m.next = "REWARD"
            phases("TICK", steps, "SETTLE")
            with m.State("SETTLE"):
                m.d.comb += self.tick_end.eq(settled == 0)
                settle("ADVANCE")
            with m.State("ADVANCE"):
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
                    with m.If(perturbing):
                        m.d.sync += self.perturbed.eq(objective.error)
                    with m.Else():
                        m.d.sync += self.reference.eq(objective.error)
                with m.If(flags[0] & ~perturbing):
                    m.d.sync += perturbing.eq(1)
                    m.next = "TICK0"
                with m.Elif(flags[1] & (plan.reward is not None)):
                    m.next = "REWARD" if plan.reward is not None else "DONE"
                with m.Else():
                    m.next = "DONE"
            if plan.reward is not None:
                self._learn(m, phases, learns, settle)
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
        return m

    def _steps(self, perturbing: Signal, first: Signal) -> list[Phase]:
        """List the phases of a tick."""
        drawing = [unit for unit in self.populations.values() if unit.source is not None]
        late = [self.synapses[q.name] for q in self.plan.late]
        steps: list[Phase] = [(unit.draw, perturbing, unit.busy) for unit in drawing]
        steps += [(unit.deliver, ~first, unit.busy) for unit in late]
        for p in self.plan.neurons:
            for q in self.plan.prompt(p):
                unit = self.synapses[q.name]
                steps.append((unit.deliver, 1, unit.busy))
            unit = self.populations[p.name]
            steps.append((unit.update, 1, unit.busy))
        return steps

    def _learn(self, m: Module, phases: Any, learns: list, settle: Any) -> None:
        """Add the states of a trial's update."""
        reward: Any = self.plan.reward
        baseline = twin(reward.baseline.STEP, reward.baseline_constants)
        m.submodules.baseline = baseline
        m.d.comb += baseline.error.eq(self.perturbed)
        if reward.paired:
            m.d.comb += baseline.reference.eq(self.reference)
        for field, signal in self.baseline.items():
            m.d.comb += getattr(baseline, field).eq(signal)
        m.d.sync += [self.judged.eq(0), self.scaled.eq(0)]
        with m.State("REWARD"):
            m.d.sync += [self.reward.eq(baseline.reward), self.judged.eq(1)]
            for field, signal in self.baseline.items():
                m.d.sync += signal.eq(getattr(baseline, f"{field}_next"))
            m.next = "FACTOR"
        with m.State("FACTOR"):
            for q in self.plan.plastic:
                rule: Any = q.rule
                scale = twin(three_factor.SCALE, rule.factor)
                m.submodules[f"scale_{q.name}"] = scale
                m.d.comb += scale.reward.eq(self.reward)
                m.d.sync += self.synapses[q.name].factor.eq(scale.factor)
            m.d.sync += self.scaled.eq(1)
            m.next = "LEARN0"
        phases("LEARN", learns, "LEARNED")
        with m.State("LEARNED"):
            settle("COUNTED")
        with m.State("COUNTED"):
            m.d.sync += self.trial.eq(self.trial + 1)
            m.next = "DONE"
