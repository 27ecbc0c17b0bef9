"""The core: a network that learns, in hardware.

A core is made from a plan and a number of lanes. It has two streams of 32-bit words. The host
sends commands and reads answers; inputs, targets and errors come from outside, all else happens
on chip: perturbations, the passes of a trial, the reward and the update of every weight.

Commands: bits 31..28 say what, bits 7..0 which region or how.

====  =======  ==================================================================================
code  command  then
====  =======  ==================================================================================
1     load     the words of the region follow
2     read     the words of the region are sent
3     run      flags 1 (the passes of a learning trial) and 2 (its update); 0 is one plain pass
====  =======  ==================================================================================

While a trial runs, `tick` is set for one cycle a tick (and one for the update) with its digest on
`digest`. Commands of another code set `fault` until reset and are passed over.
"""

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from goldenspike.golden.parameters import choice
from goldenspike.golden.plan import Plan
from goldenspike.golden.rules import three_factor
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import shape
from goldenspike.hdl.digest import LATENCY, VARIABLE_BITS, Digest, channels
from goldenspike.hdl.units.common import HostedMemory, Region, Tap
from goldenspike.hdl.units.objective import ObjectiveUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.rows import word_shape, words_of
from goldenspike.hdl.units.synapses import SynapseUnit
from goldenspike.hdl.units.variates import BlockSource, FieldSource, share

LANES = (1, 2, 4, 8, 16)
LOAD, READ, RUN = 1, 2, 3
PASSES, UPDATE = 1, 2


def checked(noun: str, fmt: Any) -> None:
    """Raise ValueError unless a format fits a word of the streams."""
    if fmt.width > 32:
        raise ValueError(f"{noun} must fit a stream word of 32 bits, not {fmt}")


class Registers:
    """A region of registers that the core keeps: each takes one word, or two beyond 32 bits."""

    def __init__(self, name: str, signals: list[Signal]) -> None:
        self.parts = [
            (signal, place)
            for signal in signals
            for place in range(0, max(len(signal), 1), 32)
        ]
        self.region = Region(name, len(self.parts))

    def build(self, m: Module) -> None:
        """Add the host's accesses to the module that drives the registers."""
        region = self.region
        place = Signal(range(len(self.parts) + 1))
        with m.If(region.begin):
            m.d.sync += place.eq(0)
        with m.Elif(region.load | region.read):
            m.d.sync += place.eq(place + 1)
        with m.Switch(place):
            for k, (signal, low) in enumerate(self.parts):
                with m.Case(k):
                    with m.If(region.load):
                        m.d.sync += signal[low : low + 32].eq(region.data)
                    with m.If(region.read):
                        part = signal[low:] if signal.shape().signed else signal[low : low + 32]
                        wide = part.as_signed() if signal.shape().signed else part
                        m.d.sync += region.value.eq(wide)


class Core(wiring.Component):
    """A network's core.

    Parameters
    ----------
    plan
        The network.
    lanes
        Synapses a cycle: 1, 2, 4, 8 or 16.
    digest
        Whether digests are made; without, `digest` is 0 and the core is smaller.
    trace
        Whether the architectural writes are brought out, by channel: ``trace_0_valid``,
        ``trace_0_variable``, ``trace_0_index``, ``trace_0_value`` and so on.

    Members
    -------
    i : In(stream.Signature(32))
        Commands and the words that they load.
    o : Out(stream.Signature(32))
        The words that the host asked for.
    tick, digest : Out(1), Out(32)
        The digest of a tick, or of an update, in the one cycle in which `tick` is set.
    busy, fault : Out(1)
        A trial runs; a command was not understood.

    Raises
    ------
    ValueError
        If a weight, input or target is wider than a stream word.
    """

    def __init__(
        self, plan: Plan, lanes: int = 8, *, digest: bool = True, trace: bool = False
    ) -> None:
        choice("Lanes", lanes, LANES)
        for p in plan.sources:
            checked(f"Signal of {p.name}", p.signal)
        for q in plan.projections:
            checked(f"Weight of {q.name}", q.weight)
        if plan.reward is not None and plan.reward.objective is not None:
            checked("Target of reward", plan.reward.target)
        self.plan, self.lanes = plan, lanes
        self.populations = {p.name: PopulationUnit(plan, p, lanes) for p in plan.neurons}
        self.synapses = {
            q.name: SynapseUnit(plan, q, self.populations[q.post.name], lanes)
            for q in plan.projections
        }
        self.sources = {}
        for p in plan.sources:
            depth = words_of(p.size, p.signal) * plan.ticks
            self.sources[p.name] = HostedMemory(f"{p.name}_inputs", word_shape(p.signal), depth)
        self.objective = None
        self.seed, self.trial = Signal(32, name="seed"), Signal(32, name="trial")
        self.taps: list[Tap] = []
        registers = [Registers("registers", [self.seed, self.trial])]
        self.tick_end, self.judged, self.scaled = Signal(), Signal(), Signal()
        if plan.reward is not None:
            registers += self._reward_registers()
        self.registers = registers
        for unit in (*self.populations.values(), *self.synapses.values()):
            self.taps += unit.taps
        self.regions = [r.region for r in registers]
        self.regions += [s.region for s in self.synapses.values()]
        self.regions += [s.region for s in self.sources.values()]
        if self.objective is not None:
            self.taps += self.objective.taps
            self.regions.append(self.objective.targets.region)
            if self.objective.region is not None:
                self.regions.append(self.objective.region)
        members: dict[str, Any] = {
            "i": In(stream.Signature(32)),
            "o": Out(stream.Signature(32)),
            "tick": Out(1),
            "digest": Out(32),
            "busy": Out(1),
            "fault": Out(1),
        }
        self.with_digest, self.trace, self.channels = digest, trace, channels(self.taps)
        for k in range(len(self.channels) if trace else 0):
            members |= {
                f"trace_{k}_valid": Out(1),
                f"trace_{k}_variable": Out(VARIABLE_BITS),
                f"trace_{k}_index": Out(32),
                f"trace_{k}_value": Out(64),
            }
        super().__init__(members)

    def _reward_registers(self) -> list[Registers]:
        """Make the registers of a reward, and their taps; return the host's regions of them."""
        plan = self.plan
        reward: Any = plan.reward
        self.reference = Signal(shape(reward.error), name="error_reference")
        self.perturbed = Signal(shape(reward.error), name="error_perturbed")
        self.reward = Signal(shape(reward.reward), name="reward")
        self.baseline = {
            field: Signal(shape(fmt), name=field) for field, fmt in reward.baseline_state.items()
        }
        variables = plan.variables
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
        return [
            Registers("errors", [self.reference, self.perturbed]),
            Registers("reward", [self.reward, *self.baseline.values()]),
        ]

    def region(self, name: str) -> int:
        """Return the number of a region, by name."""
        names = [region.name for region in self.regions]
        choice("Region", name, names)
        return names.index(name)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for kind, units in (("population", self.populations), ("projection", self.synapses)):
            for name, unit in units.items():
                m.submodules[f"{kind}_{name}"] = unit
        if self.objective is not None:
            m.submodules.objective = self.objective
        for source in self.sources.values():
            source.build(m)
        for registers in self.registers:
            registers.build(m)
        for channel in self.channels:
            channel.join(m)
        if self.with_digest:
            m.submodules.digest = digest = Digest(self.channels)
            m.d.comb += [self.digest.eq(digest.digest), digest.clear.eq(self.tick)]
        if self.trace:
            for k, channel in enumerate(self.channels):
                for field in ("valid", "variable", "index", "value"):
                    m.d.comb += getattr(self, f"trace_{k}_{field}").eq(getattr(channel, field))
        self._randomness(m)
        bases = self._connect(m)
        run, flags, done = Signal(), Signal(2), Signal()
        self._host(m, run, flags, done)
        self._sequence(m, run, flags, done, bases)
        return m

    def _randomness(self, m: Module) -> None:
        """Add the one Threefry, if anything is random."""
        clients: list[FieldSource] = []
        for name, unit in self.populations.items():
            if unit.source is not None:
                m.submodules[f"variates_{name}"] = unit.source
                clients.append(unit.source)
        for name, unit in self.synapses.items():
            for k, fields in enumerate(unit.fields):
                m.submodules[f"fields_{name}_{k}"] = fields
                clients.append(fields)
        if clients:
            m.submodules.randomness = blocks = BlockSource()
            share(m, blocks, clients, self.seed, self.trial)

    def _connect(self, m: Module) -> dict[str, Signal]:
        """Join projections to their populations; return the places of this tick's inputs."""
        bases = {
            name: Signal(range(max(source.depth, 2)), name=f"{name}_base")
            for name, source in self.sources.items()
        }
        for unit in self.synapses.values():
            q, post, rows = unit.projection, unit.post, unit.rows
            pre = self.populations.get(q.pre.name)
            if pre is None:
                source = self.sources[q.pre.name]
                base = bases[q.pre.name] - (rows.words if q.delay else 0)
                m.d.comb += rows.word.eq(source.word)
                with m.If(unit.deliver | unit.busy):
                    m.d.comb += [
                        source.address.eq(base + rows.address),
                        source.enable.eq(rows.enable),
                    ]
            else:
                m.d.comb += rows.word.eq(pre.read_word)
                with m.If(unit.deliver | unit.busy):
                    m.d.comb += [
                        pre.read_address.eq(rows.address),
                        pre.read_enable.eq(rows.enable),
                    ]
            with m.If(unit.deliver | unit.busy):
                m.d.comb += [
                    post.add.eq(unit.adding),
                    post.group.eq(unit.add_group),
                    post.variate_group.eq(unit.variate_group),
                ]
                for addend, visit in zip(post.addends, unit.visits, strict=True):
                    m.d.comb += addend.eq(visit.addend)
        return bases

    def _host(self, m: Module, run: Signal, flags: Signal, done: Signal) -> None:
        """Add the host's commands."""
        chosen = Signal(8)
        words = Signal(32)
        left = Signal(32)
        loading = Signal()
        begin, load, read = Signal(), Signal(), Signal()
        with m.Switch(chosen):
            for number, region in enumerate(self.regions):
                with m.Case(number):
                    m.d.comb += [
                        words.eq(region.words),
                        region.begin.eq(begin),
                        region.load.eq(load),
                        region.read.eq(read),
                        self.o.payload.eq(region.value),
                    ]
        m.d.comb += [region.data.eq(self.i.payload) for region in self.regions]
        code = self.i.payload[28:]
        with m.FSM(name="host"):
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [chosen.eq(self.i.payload[:8]), loading.eq(code == LOAD)]
                known = self.i.payload[:8] < len(self.regions)
                with m.If(self.i.valid):
                    with m.If((code == RUN)):
                        m.d.sync += flags.eq(self.i.payload[:2])
                        m.next = "RUN"
                    with m.Elif(known & ((code == LOAD) | (code == READ))):
                        m.next = "BEGIN"
                    with m.Else():
                        m.d.sync += self.fault.eq(1)
            with m.State("BEGIN"):
                m.d.comb += begin.eq(1)
                m.d.sync += left.eq(words)
                m.next = "NEXT"
            with m.State("NEXT"):
                with m.If(left == 0):
                    m.next = "IDLE"
                with m.Elif(loading):
                    m.d.comb += [self.i.ready.eq(1), load.eq(self.i.valid)]
                    m.d.sync += left.eq(left - load)
                with m.Else():
                    m.d.comb += read.eq(1)
                    m.d.sync += left.eq(left - 1)
                    m.next = "ASKED"
            with m.State("ASKED"):
                m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "NEXT"
            with m.State("RUN"):
                m.d.comb += run.eq(1)
                m.next = "RUNNING"
            with m.State("RUNNING"):
                m.d.comb += self.busy.eq(1)
                with m.If(done):
                    m.next = "IDLE"

    def _steps(self, perturbing: Signal, first: Signal) -> list[tuple[Signal, Any, Signal]]:
        """List a tick: the start of a phase, when it takes place, and whether it is under way."""
        steps: list[tuple[Signal, Any, Signal]] = []
        for unit in self.populations.values():
            if unit.source is not None:
                steps.append((unit.draw, perturbing, unit.busy))
        for q in self.plan.late:
            unit = self.synapses[q.name]
            steps.append((unit.deliver, ~first, unit.busy))
        for p in self.plan.neurons:
            for q in self.plan.prompt(p):
                unit = self.synapses[q.name]
                steps.append((unit.deliver, 1, unit.busy))
            unit = self.populations[p.name]
            steps.append((unit.update, 1, unit.busy))
        return steps

    def _sequence(
        self, m: Module, run: Signal, flags: Signal, done: Signal, bases: dict[str, Signal]
    ) -> None:
        """Add the sequencers of trial and tick."""
        plan = self.plan
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
                with m.If(run):
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
                    m.d.sync += objective.base.eq(objective.base + plan.reward.readout.size)
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
                m.d.comb += done.eq(1)
                m.next = "IDLE"

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
                scale = twin(three_factor.SCALE, q.rule.factor)
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
