"""A network's units, each to be looked at alone."""

from __future__ import annotations

from goldenspike.golden.plan import Plan
from goldenspike.hdl.units.mirror import MirrorUnit
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.rows import Packing
from goldenspike.hdl.units.synapses import SynapseUnit


class Units:
    """The units of populations and projections, by name, as a core has them."""

    def __init__(self, plan: Plan, lanes: int, neurons: int = 1) -> None:
        packings = {p.name: Packing(p.size, p.signal) for p in plan.sources}
        self.populations: dict[str, PopulationUnit] = {}
        for p in plan.neurons:
            self.populations[p.name] = unit = PopulationUnit(plan, p, lanes, neurons, packings)
            packings[p.name] = unit.packing
        self.packings = packings
        self.synapses: dict[str, SynapseUnit] = {}
        self.mirrors: dict[str, MirrorUnit] = {}
        for q in plan.projections:
            post = self.populations[q.post.name]
            if q.mirror is None:
                self.synapses[q.name] = SynapseUnit(plan, q, post, lanes, neurons, packings)
        for q in plan.projections:
            post = self.populations[q.post.name]
            if q.mirror is not None:
                other, given = self.synapses[q.mirror], packings[q.pre.name]
                self.mirrors[q.name] = MirrorUnit(q, other, given, post, lanes)
