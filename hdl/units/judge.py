"""The judge: makes rewards of errors, and factors of rewards."""

from typing import Any

from amaranth.hdl import Const, Elaboratable, Module, Signal

from goldenspike.golden.modulators import sign
from goldenspike.golden.plan import Plan
from goldenspike.golden.rules import three_factor
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import shape
from goldenspike.hdl.units.common import Tap
from goldenspike.hdl.units.registers import RegisterFile, Registers


class Judge(Elaboratable):
    """Turns an error into a reward, by its baseline, and the reward into every rule's factor.

    Four cycles: the baseline of `place` is read; the reward made; it may wait in a line; factors.

    Members
    -------
    start, busy
        In, Out: start of a judgement; whether it is under way, from the next cycle on.
    clear
        In: a run begins; no reward is on its way.
    error, reference, place
        In: the errors, and which baseline counts; they stand until the end.
    registers
        The host's accesses.
    """

    LATENCY = 4
    """Cycles from the start to the factors."""

    def __init__(self, plan: Plan, factors: dict[str, Signal]) -> None:
        self.plan, self.factors = plan, factors
        reward: Any = plan.reward
        self.planned = reward
        self.start, self.busy, self.clear = Signal(name="judge"), Signal(), Signal()
        self.error, self.reference = Signal(shape(reward.error)), Signal(shape(reward.error))
        self.place = Signal(range(reward.baselines))
        self.reward = Signal(shape(reward.reward), name="reward")
        shapes = {field: shape(fmt) for field, fmt in reward.baseline_state.items()}
        self.baseline = {field: Signal(kind, name=field) for field, kind in shapes.items()}
        self.judged, self.scaled = Signal(), Signal()
        self.file = None
        if reward.baselines > 1:
            self.file = RegisterFile("baselines", shapes, reward.baselines)
            self.registers = [Registers("reward", [self.reward]), self.file]
        else:
            self.registers = [Registers("reward", [self.reward, *self.baseline.values()])]
        phases, variable = (self.start.name,), plan.variables["reward.reward"]
        self.taps = [Tap(phases, 0, variable, self.judged, Const(0), self.reward)]
        for channel, (field, value) in enumerate(self.baseline.items(), 1):
            variable = plan.variables[f"reward.{field}"]
            self.taps.append(Tap(phases, channel, variable, self.judged, self.place, value))
        for channel, (name, factor) in enumerate(factors.items()):
            variable = plan.variables[f"{name}.factor"]
            self.taps.append(Tap(phases, channel, variable, self.scaled, Const(0), factor))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for registers in self.registers:
            registers.build(m)
        reward = self.planned
        reading, making, scaling = Signal(), Signal(), Signal()
        m.d.sync += [reading.eq(self.start), making.eq(reading), self.judged.eq(making)]
        m.d.sync += [scaling.eq(making), self.scaled.eq(scaling)]
        m.d.comb += self.busy.eq(reading | making | scaling | self.scaled)
        m.submodules.baseline = baseline = twin(reward.baseline.STEP, reward.baseline_constants)
        m.d.comb += baseline.error.eq(self.error)
        if reward.paired:
            m.d.comb += baseline.reference.eq(self.reference)
        before = self.baseline if self.file is None else self.file.values
        for field, value in before.items():
            m.d.comb += getattr(baseline, field).eq(value)
        made = baseline.reward
        if reward.sign is not None:
            m.submodules.sign = one = twin(sign.STEP, reward.sign)
            m.d.comb += one.reward.eq(made)
            made = one.reward_next
        arriving = made
        if reward.delay:
            late = [Signal(shape(reward.reward), name=f"late_{k}") for k in range(reward.delay)]
            with m.If(self.clear):
                m.d.sync += [one.eq(0) for one in late]
            with m.Elif(making):
                m.d.sync += [
                    one.eq(before) for one, before in zip(late, [made, *late[:-1]], strict=True)
                ]
            arriving = late[-1]
        arrived = Signal.like(self.reward)
        with m.If(making):
            m.d.sync += [self.reward.eq(made), arrived.eq(arriving)]
            for field, value in self.baseline.items():
                m.d.sync += value.eq(getattr(baseline, f"{field}_next"))
        if self.file is not None:
            m.d.comb += [self.file.address.eq(self.place), self.file.write.eq(scaling)]
            for field, value in self.baseline.items():
                m.d.comb += self.file.next_values[field].eq(value)
        for q in self.plan.plastic:
            rule: Any = q.rule
            m.submodules[f"scale_{q.name}"] = scale = twin(three_factor.SCALE, rule.factor)
            m.d.comb += scale.reward.eq(arrived)
            with m.If(scaling):
                m.d.sync += self.factors[q.name].eq(scale.factor)
        return m
