"""What is claimed of the units that visit synapses."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal

from goldenspike.golden.plan import Plan
from goldenspike.sim.claims.units import UnitBench


class Synapses(UnitBench):
    """A projection visits every synapse that it must exactly once a pass, and no word in flight.

    Whatever its presynaptic signals and random fields, for every synapse, in any order of phases.

    Parameters
    ----------
    plan, name
        A projection of a network.
    """

    def __init__(self, plan: Plan, name: str) -> None:
        super().__init__(plan)
        self.unit = self.synapses[name]

    def build(self, m: Module) -> None:
        unit, lanes, rule = self.unit, self.lanes, self.unit.rule
        q = unit.projection
        rows, columns = q.pre.size, q.post.size
        kind = "none" if rule is None else rule.kind
        lines = {"deliver": unit.deliver}
        if kind in ("output", "tick"):
            lines["trace"] = unit.trace
        if kind not in ("none", "tick") or (rule is not None and kind == "none"):
            lines["learn"] = unit.learn
        phases = self.phases(unit.busy, **lines)
        start = Cat(one.start for one in phases.values()).any()
        over = Cat(one.over for one in phases.values()).any()
        inside = {name: phases[name].inside if name in phases else 0 for name in KINDS}
        # What a pass is like stands from its start on.
        kept: dict[str, Signal] = {}
        for mode in MODES:
            one, kept[mode] = self.anything(f"any_{mode}"), Signal(name=f"kept_{mode}")
            with m.If(~unit.busy):
                m.d.sync += kept[mode].eq(one)
            m.d.comb += getattr(unit, mode).eq(Mux(unit.busy, kept[mode], one))
        if unit.filter is None:
            store = self.signals(unit.delivered, unit.reader, "signals")
        else:
            store = self.opened(unit.filter).submodules.delivered
        inner = self.opened(unit)
        m.submodules.unit = unit
        self.surroundings(unit)
        # A watched synapse.
        row, column = self.something("row", range(rows)), self.something("column", range(columns))
        place, lane = Signal(16), Signal(8)
        m.d.comb += [place.eq(row * unit.groups + column // lanes), lane.eq(column % lanes)]
        banks = self.banks(inner, unit)
        at, reading = Signal(16), Signal()
        m.d.comb += [at.eq(banks["w"][0].read_ports[0].addr), reading.eq(unit.visiting)]
        reads = self.counted("reads", start, reading & (at == place))
        heard = ~self.silent(unit.delivered, store, row)
        every = inside["learn"] | (inside["trace"] if kind == "tick" else 0)
        expected = every | heard
        self.claim("read_once", ~over | (reads == expected))
        learned, traced = inside["learn"], 0
        if kind == "tick":
            learned = inside["trace"] & kept["learning_now"]
        if kind in ("delivery", "output", "tick"):
            traced = inside["deliver" if kind == "delivery" else "trace"] & kept["tracing"]
        writes: Any = 0
        for field, each in banks.items():
            writes = self.writes(f"{field}_writes", each, start, place, lane)
            due = learned | (traced if field == "w" else 0)
            self.claim(f"{field}_written_once", ~over | (writes == (expected & due)))
        self.not_in_flight(banks, reading, at, 3 if kind == "tick" else 2)
        # Currents: one of every row that is heard, to every group of neurons.
        adding, group = Signal(), Signal(8)
        m.d.comb += [adding.eq(unit.adding), group.eq(unit.add_group)]
        adds = self.counted("adds", start, adding & (group == column // lanes), rows)
        sounding = [~self.silent(unit.delivered, store, k) for k in range(rows)]
        total = Mux(inside["deliver"], reduce(add, sounding), 0)
        self.claim("added_once_a_row", ~over | (adds == total))
        self.claim("nothing_while_idle", unit.busy | ~(adding | reading))
        limit = unit.delivered.words + rows * (unit.groups + 1) + 6
        held = Cat(one.request & ~one.hit for one in unit.fields).any()
        self.ends(start, ~unit.busy, held, limit)
        self.reach(over & (reads == 1) & ((writes == 1) if lines.keys() != {"deliver"} else 1))


KINDS = ("deliver", "trace", "learn")
MODES = ("perturbing", "negative", "tracing", "fresh", "learning_now", "due")


class Learner(UnitBench):
    """A rule with traces steps every neuron, and visits every synapse that it must, once.

    No word is read that is in flight, by the rule or by the projection's delivery, which may take
    place while factors are made. What makes the factors and what learns do not overlap.

    Parameters
    ----------
    plan, name
        A projection of a network, not filtered.
    """

    def __init__(self, plan: Plan, name: str) -> None:
        super().__init__(plan)
        self.unit = self.synapses[name]

    def build(self, m: Module) -> None:
        unit, lanes = self.unit, self.lanes
        q, learner = unit.projection, unit.learner
        assert learner is not None
        rows, columns, pre = q.pre.size, q.post.size, learner.pre
        deliver = self.phases(unit.busy, deliver=unit.deliver)["deliver"]
        learn = self.phases(learner.busy, learn=learner.learn)["learn"]
        learning = learn.start | learner.busy
        self.suppose(~(learning & (deliver.start | unit.busy)))
        self.signals(unit.delivered, unit.reader, "signals")
        buffer = self.opened(pre).submodules.delivered
        parts = self.opened(learner)
        inner = self.opened(unit)
        m.submodules.unit = unit
        self.surroundings(unit)
        m.d.comb += learner.enabled.eq(self.anything("enabled"))
        for field, word in learner.modulator_words.items():
            m.d.comb += word.eq(self.anything(f"{field}_word", len(word)))
        with m.If(learner.reading):
            m.d.comb += [unit.guest_reading.eq(1), unit.guest_address.eq(learner.address)]
        # The presynaptic neurons, as they are read or reported.
        row, column = self.something("row", range(rows)), self.something("column", range(columns))
        if pre.follows is None:
            self.signals(pre.given, pre, "given")
            prepare = self.phases(pre.busy, prepare=pre.start)["prepare"]
            self.suppose(~(learning & (prepare.start | pre.busy)))
            stepped = self.writes("stepped", [buffer], prepare.start, row >> pre.steps.bits, 0)
            self.claim("stepped_once", ~prepare.over | (stepped == 1))
            self.ends(prepare.start, ~pre.busy, 0, pre.steps.count + 2, "prepare_ends")
        else:
            valid, step = pre.follows.reported
            self.suppose(~(learning & (valid | pre.busy)) & (step < pre.steps.count))
        # The factors.
        if learner.factors is not None:
            make = self.phases(learner.making, factors=learner.factors)["factors"]
            self.suppose(~(learning & (make.start | learner.making)))
            factors = [parts.submodules[f"factors_{k}"] for k in range(lanes)]
            made = self.writes("made", factors, make.start, column // lanes, column % lanes)
            self.claim("factor_made_once", ~make.over | (made == 1))
            self.ends(
                make.start,
                ~learner.making,
                0,
                learner.steps.count + learner.factor_latency,
                "factors_end",
            )
        if learner.draw is not None:
            draw = self.phases(learner.drawing, draw=learner.draw)["draw"]
            self.suppose(~(learning & (draw.start | learner.drawing)))
            words = [parts.submodules[f"column_{k}"] for k in range(lanes)]
            drawn = self.writes("drawn", words, draw.start, column // lanes, column % lanes)
            self.claim("word_drawn_once", ~draw.over | (drawn == 1))
        # The visit of a watched synapse.
        place, lane, at = Signal(16), Signal(8), Signal(16)
        visiting, delivering = Signal(), Signal()
        banks = self.banks(inner, unit)
        m.d.comb += [
            *(place.eq(row * unit.groups + column // lanes), lane.eq(column % lanes)),
            *(visiting.eq(learner.visiting), delivering.eq(unit.visiting)),
            at.eq(banks["w"][0].read_ports[0].addr),
        ]
        reads = self.counted("reads", learn.start, visiting & (at == place))
        expected = ~self.silent(pre.packing, buffer, row) if learner.learner.skips else 1
        self.claim("read_once", ~learn.over | (reads == expected))
        for field, each in banks.items():
            writes = self.writes(f"{field}_writes", each, learn.start, place, lane)
            changes = any(part in learner.next[0] for part, _ in unit.layouts[field])
            due = (expected & 1) if changes else 0
            self.claim(f"{field}_written_once", ~learn.over | (writes == due))
        writing = Array(learner.writing)[lane]
        self.claim("written_while_learning", ~writing | learner.busy)
        stages = learner.latency
        self.not_in_flight(banks, visiting | delivering, at, stages)
        self.claim("one_reader", ~(visiting & delivering))
        held = Cat(one.request & ~one.hit for one in unit.fields).any()
        limit = unit.delivered.words + rows * (unit.groups + 1) + unit.groups + 8
        self.ends(learn.start, ~learner.busy, held, limit)
        self.reach(learn.over & (reads == 1))
