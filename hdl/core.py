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

After a reset the core clears what was half summed, whatever its memories held: it is `busy`, and
takes no command until then (a cycle a neuron, or a step of neurons, and for marks of active inputs
a cycle a row). All else that a trial depends on is what the host loads: registers, weights and the
sums kept with them (loading weights clears eligibilities), inputs and targets.
"""

from typing import Any, Self

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from goldenspike.golden.parameters import choice
from goldenspike.golden.plan import Plan
from goldenspike.golden.planned import PlannedPopulation
from goldenspike.hdl.digest import VARIABLE_BITS, Digest, channels
from goldenspike.hdl.units.commands import Commands
from goldenspike.hdl.units.common import HostedMemory, Steps, Tap, Unit, later
from goldenspike.hdl.units.early import joined
from goldenspike.hdl.units.mirror import MirrorUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.report import ReportUnit
from goldenspike.hdl.units.rows import Packing, Reader, claimed
from goldenspike.hdl.units.sequencer import Sequencer, Watch
from goldenspike.hdl.units.synapses import SynapseUnit
from goldenspike.hdl.units.variates import BlockSource, share

LANES = (1, 2, 4, 8, 16, 32)
PIPELINED_LANES = 8
"""From so many lanes on, weights rounded at random in every tick want a block every few cycles."""
ALL = 0xFFFFFFFF
"""The index of a trace that stands for all of a variable."""


def check_lanes(lanes: int, neurons: int = 1) -> None:
    """Raise ValueError unless there are cores of so many synapses and neurons a cycle."""
    choice("Lanes", lanes, LANES)
    choice(f"Neurons of {lanes} lanes", neurons, [n for n in LANES if n <= lanes])


def check(plan: Plan, lanes: int, neurons: int = 1) -> None:
    """Raise ValueError unless there is a core of so many lanes, whose data fit its streams."""
    check_lanes(lanes, neurons)
    words = {f"Signal of {p.name}": p.signal for p in plan.sources}
    for q in plan.projections:
        words[f"Weight of {q.name}"] = q.weight
        if q.rule is not None and q.rule.accumulate is not None:
            words[f"Accumulator of {q.name}"] = q.rule.accumulate.accumulator
        if q.learner is not None:
            words |= {f"{f.capitalize()} of {q.name}": fmt for f, fmt in q.learner.kept.items()}
    if plan.reward is not None and plan.reward.objective is not None:
        words["Target of reward"] = plan.reward.target
    for noun, fmt in words.items():
        if fmt.width > 32:
            raise ValueError(f"{noun} must fit a stream word of 32 bits, not {fmt}")


class Inside(wiring.Signature):
    """What a core made with ``bus=True`` has in place of its streams.

    Members
    -------
    region, at, begin, load, read, data, value
        The lines of a :class:`~goldenspike.hdl.units.common.Region`, and which one it is.
    run, flags, done
        In, In, Out: starts a trial; its flags stand until it is done.
    clearing
        Out: a reset was just before, and memories are cleared; no trial can be started.
    hold
        In: no phase of a tick starts.
    now, again
        Out: the tick under way; whether the first pass is over.
    last, update
        Out: in the cycle of `tick`: whether it is a pass's last; whether it is but an update.
    reports
        In: which populations report their signals, by number.
    reported, accepted, population, index, signal
        Out, In, Out: a neuron of a population has a signal, which stands until it is accepted.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "region": In(8),
                "at": In(32),
                "begin": In(1),
                "load": In(1),
                "read": In(1),
                "data": In(32),
                "value": Out(32),
                "run": In(1),
                "flags": In(2),
                "done": Out(1),
                "clearing": Out(1),
                "hold": In(1),
                "now": Out(16),
                "again": Out(1),
                "last": Out(1),
                "update": Out(1),
                "reports": In(32),
                "reported": Out(1),
                "accepted": In(1),
                "population": Out(8),
                "index": Out(16),
                "signal": Out(32),
            }
        )


class Core(Unit):
    """A network's core.

    Parameters
    ----------
    plan
        The network.
    lanes
        Synapses a cycle: 1, 2, 4, 8, 16 or 32.
    neurons
        Neurons a cycle, a power of two, `lanes` at most; fewer where a population reads signals
        that come one at a time, and one where it is judged.
    digest
        Whether digests are made; without, `digest` is 0 and the core is smaller.
    trace
        Whether the architectural writes are brought out, by channel: ``trace_0_valid``,
        ``trace_0_variable``, ``trace_0_index``, ``trace_0_value`` and so on. The index
        :data:`ALL` says that all of a variable are 0, which is passed over.
    bus
        Whether a bus takes the place of the two streams: see :class:`Inside`.

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

    Attributes
    ----------
    drawing
        What draws from the one Threefry, by name, the first in line first.
    blocks
        The Threefry, or None.
    made_of
        All that its Verilog depends on, besides the sources.

    Raises
    ------
    ValueError
        If a weight, input or target is wider than a stream word.
    """

    def __new__(cls, plan: Plan, lanes: int = 8, neurons: int = 1, **options: bool) -> Self:
        """Check the arguments: what raises later leaves hardware that complains of being unused."""
        check(plan, lanes, neurons)
        return super().__new__(cls)

    def __init__(
        self,
        plan: Plan,
        lanes: int = 8,
        neurons: int = 1,
        *,
        digest: bool = True,
        trace: bool = False,
        bus: bool = False,
    ) -> None:
        self.plan, self.lanes, self.neurons = plan, lanes, neurons
        self.made_of = (plan, lanes, neurons, digest, trace, bus)
        reward = plan.reward
        self.conditional = reward is not None and reward.baselines > reward.bins
        self.packings = {p.name: Packing.of(p.size, p.signal) for p in plan.sources}
        self.populations = {p.name: self._population(p) for p in plan.neurons}
        joining = set() if bus else joined(plan)
        self.synapses = {
            q.name: SynapseUnit(
                plan,
                q,
                self.populations[q.post.name],
                lanes,
                neurons,
                self.packings,
                self.populations.get(q.pre.name),
                joins=q.name in joining,
            )
            for q in plan.projections
            if q.mirror is None
        }
        self.mirrors = {
            q.name: MirrorUnit(
                q,
                self.synapses[q.mirror],
                self.packings[q.pre.name],
                self.populations[q.post.name],
                lanes,
            )
            for q in plan.projections
            if q.mirror is not None
        }
        self.readers: dict[str, list[tuple[Any, int]]] = {p.name: [] for p in plan.populations}
        self.sources = {}
        for p in plan.sources:
            packing = self.packings[p.name]
            depth = packing.words * plan.ticks
            self.sources[p.name] = HostedMemory(f"{p.name}_inputs", packing.shape, depth)
        delivering = {**self.synapses, **self.mirrors}
        watch = None
        if bus:
            units = self.populations.values()
            watch = Watch(plan.ticks, [ReportUnit(u.population, u.packing) for u in units])
        self.sequencer = Sequencer(plan, self.populations, delivering, self.sources, watch)
        self.drawing = {
            f"variates_{name}": unit.source
            for name, unit in self.populations.items()
            if unit.source is not None
        }
        for name, unit in self.synapses.items():
            self.drawing |= {f"fields_{name}_{k}": each for k, each in enumerate(unit.fields)}
        self.blocks = None
        if self.drawing:
            rounded = any(q.learner is not None and q.learner.words for q in plan.learners)
            many = rounded and lanes >= PIPELINED_LANES
            self.blocks = BlockSource(len(self.drawing), pipelined=many)
        self.objective = self.sequencer.objective
        self.taps: list[Tap] = list(self.sequencer.taps)
        for unit in (*self.populations.values(), *self.synapses.values()):
            self.taps += unit.taps
        self.regions = [r.region for r in self.sequencer.registers]
        if self.sequencer.judge is not None:
            self.regions += [r.region for r in self.sequencer.judge.registers]
        for unit in self.synapses.values():
            self.regions += unit.regions.values()
        self.regions += [s.region for s in self.sources.values()]
        if self.objective is not None:
            self.taps += self.objective.taps
            self.regions.append(self.objective.targets.region)
            if self.objective.region is not None:
                self.regions.append(self.objective.region)
        words = stream.Signature(32)
        members: dict[str, Any] = {"i": In(words), "o": Out(words)}
        members |= {"tick": Out(1), "digest": Out(32), "busy": Out(1), "fault": Out(1)}
        self.bus = bus
        if bus:
            members = {"inside": Out(Inside()), "tick": Out(1), "digest": Out(32)}
            for population in self.populations.values():
                self.regions += population.host()
            at = Signal(32, name="at")
            for region in self.regions:
                region.at = at
        self.channels = channels(self.taps, self.sequencer.apart)
        self.summed = Digest(self.channels, self.sequencer.rests) if digest else None
        self.trace = trace
        if self.summed is not None:
            self.sequencer.latency = self.summed.latency
        self.traces = len(self.channels) + len(self.sequencer.rests) if trace else 0
        for k in range(self.traces):
            members |= {
                f"trace_{k}_valid": Out(1),
                f"trace_{k}_variable": Out(VARIABLE_BITS),
                f"trace_{k}_index": Out(32),
                f"trace_{k}_value": Out(64),
            }
        super().__init__(members)

    def _population(self, p: PlannedPopulation) -> PopulationUnit:
        """Return the unit of a population, which updates as many neurons a cycle as it can."""
        reward = self.plan.reward
        width = min(self.neurons, Steps.fitting(p.size))
        if reward is not None and reward.objective is not None and reward.readout.name == p.name:
            width = 1
        for other in p.signals.values():
            if other.size > 1:
                width = min(width, 1 << self.packings[other.name].bits)
        unit = PopulationUnit(self.plan, p, self.lanes, width, self.packings)
        self.packings[p.name] = unit.packing
        return unit

    def region(self, name: str) -> int:
        """Return the number of a region, by name."""
        names = [region.name for region in self.regions]
        choice("Region", name, names)
        return names.index(name)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for kind, units in (
            ("population", self.populations),
            ("projection", self.synapses),
            ("projection", self.mirrors),
        ):
            for name, unit in units.items():
                m.submodules[f"{kind}_{name}"] = unit
        if self.objective is not None:
            m.submodules.objective = self.objective
        for source in self.sources.values():
            source.build(m)
        for channel in self.channels:
            channel.join(m)
        digest = self.summed
        if digest is not None:
            m.submodules.digest = digest
            m.d.comb += [
                self.digest.eq(digest.digest),
                digest.clear.eq(self.tick | self.sequencer.clearing),
            ]
        shown = [(c.valid, c.variable, c.index, c.value) for c in self.channels]
        shown += [(r.valid, r.variable.number, ALL, 0) for r in self.sequencer.rests]
        for k in range(self.traces):
            for field, value in zip(("valid", "variable", "index", "value"), shown[k], strict=True):
                member = getattr(self, f"trace_{k}_{field}")
                # Just before the end of the tick is seen: its first cycle writes nothing.
                for stage in range(self.sequencer.latency - 1):
                    value = later(m, Value.cast(value), f"trace_{k}_{field}_{stage}")
                m.d.comb += member.eq(value)
        self._randomness(m)
        self._connect(m)
        m.submodules.sequencer = sequencer = self.sequencer
        if self.bus:
            self._watched(m)
            return m
        m.submodules.commands = commands = Commands(self.regions)
        wiring.connect(m, wiring.flipped(self.i), commands.i)
        wiring.connect(m, wiring.flipped(self.o), commands.o)
        m.d.comb += [
            sequencer.run.eq(commands.run),
            sequencer.flags.eq(commands.flags),
            commands.done.eq(sequencer.done),
            commands.hold.eq(sequencer.clearing),
            self.tick.eq(sequencer.tick),
            self.busy.eq(commands.busy),
            self.fault.eq(commands.fault),
        ]
        return m

    def _watched(self, m: Module) -> None:
        """Join regions, sequencer and signals to the bus."""
        inside, sequencer = self.inside, self.sequencer
        watch: Any = sequencer.watch
        with m.Switch(inside.region):
            for number, region in enumerate(self.regions):
                with m.Case(number):
                    m.d.comb += [
                        region.begin.eq(inside.begin),
                        region.load.eq(inside.load),
                        region.read.eq(inside.read),
                        inside.value.eq(region.value),
                    ]
        m.d.comb += [region.data.eq(inside.data) for region in self.regions]
        m.d.comb += [
            self.regions[0].at.eq(inside.at),
            sequencer.run.eq(inside.run),
            sequencer.flags.eq(inside.flags),
            inside.done.eq(sequencer.done),
            inside.clearing.eq(sequencer.clearing),
            watch.hold.eq(inside.hold),
            inside.now.eq(watch.now),
            inside.again.eq(watch.again),
            inside.last.eq(watch.last),
            inside.update.eq(watch.update),
            self.tick.eq(sequencer.tick),
        ]
        m.d.comb += watch.reports.eq(inside.reports)
        for number, one in enumerate(watch.reporters):
            m.submodules[f"report_{number}"] = one
            self._read(m, self.plan.neurons[number], 0, one.rows)
            row = one.rows.o
            m.d.comb += row.ready.eq(inside.accepted)
            with m.If(row.valid):
                m.d.comb += [
                    inside.reported.eq(1),
                    inside.population.eq(number),
                    inside.index.eq(row.payload.row),
                    inside.signal.eq(row.payload.signal),
                ]

    def _randomness(self, m: Module) -> None:
        """Add the one Threefry, if anything is random."""
        for name, fields in self.drawing.items():
            m.submodules[name] = fields
        if self.blocks is not None:
            m.submodules.randomness = self.blocks
            clients = list(self.drawing.values())
            share(m, self.blocks, clients, self.sequencer.seed, self.sequencer.trial)

    def _connect(self, m: Module) -> None:
        """Join projections to their populations and to the inputs."""
        for source in self.sources.values():
            m.d.comb += source.enable.eq(0)
        for unit in self.synapses.values():
            q, post = unit.projection, unit.post
            early = int(q.name in self.sequencer.early)
            self._read(m, q.pre, q.delay, unit.reader, early)
            if unit.learner is not None:
                self._connect_learner(m, unit)
            with m.If(unit.active):
                m.d.comb += [
                    post.add.eq(unit.adding),
                    post.add_output.eq(unit.outputs if q.traces("output") else 0),
                    post.receptor.eq(post.population.receptors.index(q.receptor)),
                    post.group.eq(unit.add_group),
                    post.score_group.eq(unit.score_group),
                ]
                for addend, visit in zip(post.addends, unit.visits, strict=True):
                    m.d.comb += addend.eq(visit.addend)
                for output, visit in zip(post.output_addends, unit.visits, strict=False):
                    if visit.output is not None:
                        m.d.comb += output.eq(visit.output)
        for unit in self.mirrors.values():
            q, post = unit.projection, unit.post
            self._read(m, q.pre, q.delay, unit)
            with m.If(unit.reading):
                m.d.comb += [
                    unit.other.guest_reading.eq(1),
                    unit.other.guest_address.eq(unit.read_address),
                ]
            with m.If(unit.deliver | unit.busy):
                m.d.comb += [
                    post.add.eq(unit.adding),
                    post.receptor.eq(post.population.receptors.index(q.receptor)),
                    post.group.eq(unit.add_group),
                ]
                m.d.comb += [a.eq(b) for a, b in zip(post.addends, unit.addends, strict=True)]
        for unit in self.populations.values():
            for field, other in unit.population.signals.items():
                address = self.packings[other.name].address(unit.signal_address)
                reader = Reader(address, unit.signals_read, unit.signal_words[field])
                self._read(m, other, 0, reader)

    def _connect_learner(self, m: Module, unit: SynapseUnit) -> None:
        """Let the parts of a rule read signals and synapses."""
        learner: Any = unit.learner
        q = unit.projection
        if unit.filter is None and learner.pre.follows is None:
            self._read(m, q.pre, q.delay, learner.pre)
        for field, modulator in learner.learner.modulators.items():
            address, word = learner.modulator_addresses[field], learner.modulator_words[field]
            self._read(m, modulator, 0, Reader(address, learner.modulator_enable, word))
        with m.If(learner.reading):
            m.d.comb += [
                unit.guest_reading.eq(1),
                unit.guest_address.eq(learner.address),
            ]

    def _read(
        self, m: Module, population: PlannedPopulation, delay: int, reader: Any, early: int = 0
    ) -> None:
        """Let something read a population's signals, by its address, enable and word.

        What reads early does so for the next tick, or for a pass's first one before it begins.
        """
        self.readers[population.name].append((reader, delay - early))
        unit = self.populations.get(population.name)
        if unit is None:
            source = self.sources[population.name]
            words = self.packings[population.name].words
            base = self.sequencer.bases[population.name] - words * delay
            if early:
                base = base + Mux(self.sequencer.ahead, words, 0)
            m.d.comb += reader.word.eq(source.word)
            with m.If(claimed(reader)):
                m.d.comb += [
                    source.address.eq(base + reader.address),
                    source.enable.eq(reader.enable),
                ]
            return
        m.d.comb += reader.word.eq(unit.read_word)
        with m.If(claimed(reader)):
            m.d.comb += [
                unit.read_address.eq(reader.address),
                unit.read_delay.eq(delay - early),
                unit.read_enable.eq(reader.enable),
            ]
