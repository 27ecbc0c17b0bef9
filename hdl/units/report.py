"""Reports of a population: its signals that are not 0, one after the other."""

from typing import Any

from amaranth.hdl import Elaboratable, Module, Signal

from goldenspike.golden.planned import PlannedPopulation
from goldenspike.hdl.units.rows import Packing, RowSource


class ReportUnit(Elaboratable):
    """Reads the signals of a population and streams them.

    Parameters
    ----------
    population, packing
        What it is, and how its signals are packed.

    Members
    -------
    start, busy
        In, Out: start of a phase; whether it is under way, from the next cycle on.
    rows
        Their source.
    """

    def __init__(self, population: PlannedPopulation, packing: Packing) -> None:
        name = population.name
        self.start, self.busy = Signal(name=f"{name}_report"), Signal(name=f"{name}_reporting")
        self.rows = RowSource(packing)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.rows = self.rows
        m.d.comb += [self.rows.start.eq(self.start), self.busy.eq(~self.rows.done)]
        return m
