"""The objective: judges the readout's signals against targets, one neuron a cycle."""

from typing import Any

from amaranth.hdl import Elaboratable, Module, Mux, Signal
from amaranth.lib.data import StructLayout

from goldenspike.golden.plan import Plan
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import shape
from goldenspike.hdl.units.common import HostedMemory, Region, Tap, memory
from goldenspike.hdl.units.population import PopulationUnit


class ObjectiveUnit(Elaboratable):
    """Follows the reports of a population and accumulates the error of a pass.

    Members
    -------
    clear
        In: a pass begins.
    first, last, base
        In: first tick, last tick of a pass; the tick's first target.
    error
        Out: the error so far.
    """

    def __init__(self, plan: Plan, readout: PopulationUnit) -> None:
        reward: Any = plan.reward
        self.reward, self.readout = reward, readout
        self.every_tick = reward.targets_every_tick
        depth = reward.readout.size * (plan.ticks if self.every_tick else 1)
        self.targets = HostedMemory("targets", shape(reward.target), depth)
        self.base = Signal(range(depth), name="targets_base")
        self.clear, self.first, self.last = Signal(), Signal(), Signal()
        self.error = Signal(shape(reward.error), name="error")
        self.counts = {field: Signal(shape(fmt)) for field, fmt in reward.counts.items()}
        self.region = Region("counts", reward.readout.size, loadable=False) if self.counts else None
        valid, index = readout.reported  # One neuron a cycle.
        phases = (readout.update.name,)
        self.taps = [
            Tap(phases, channel, plan.variables[f"reward.{field}"], valid, index, value)
            for channel, (field, value) in enumerate(self.counts.items(), readout.channels)
        ]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self.targets.build(m)
        objective = twin(self.reward.objective.STEP, self.reward.constants)
        m.submodules.objective = objective
        _, next_index = self.readout.stepped
        (valid, index), (signal,) = self.readout.reported, self.readout.signals
        m.d.comb += [
            self.targets.address.eq(next_index + (self.base if self.every_tick else 0)),
            objective.signal.eq(signal),
            objective.target.eq(self.targets.word),
            objective.error.eq(self.error),
            objective.last.eq(self.last),
        ]
        with m.If(self.clear):
            m.d.sync += self.error.eq(0)
        with m.Elif(valid):
            m.d.sync += self.error.eq(objective.error_next)
        if self.region is not None:
            self._counts(m, objective, next_index, valid, index)
        return m

    def _counts(self, m: Module, objective: Any, next_index: Any, valid: Any, index: Any) -> None:
        """Add the objective's state per neuron; the host may read it."""
        region: Any = self.region
        layout = StructLayout({field: value.shape() for field, value in self.counts.items()})
        store = memory(m, "counts", layout, self.reward.readout.size)
        write, read = store.write_port(), store.read_port()
        place = Signal(range(self.reward.readout.size + 1))
        asked = Signal()
        m.d.sync += asked.eq(region.read)
        with m.If(region.begin):
            m.d.sync += place.eq(region.at)
        with m.Elif(region.read):
            m.d.sync += place.eq(place + 1)
        (field,) = self.counts
        with m.If(asked):
            m.d.sync += region.value.eq(read.data[field])
        m.d.comb += [
            read.addr.eq(Mux(region.read, place, next_index)),
            write.addr.eq(index),
            write.en.eq(valid),
        ]
        for field, value in self.counts.items():
            m.d.comb += [
                getattr(objective, field).eq(Mux(self.first, 0, read.data[field])),
                value.eq(getattr(objective, f"{field}_next")),
                write.data[field].eq(value),
            ]
