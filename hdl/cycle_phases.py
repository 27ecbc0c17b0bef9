"""Cycles of a tick's phases: whether each takes place, and how long it is at it.

How long that is depends on the rows that are not silent, and on when random fields come.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from goldenspike.golden.plan import PASSES, UPDATE
from goldenspike.golden.planned import PlannedProjection
from goldenspike.hdl.core import Core
from goldenspike.hdl.cycle_streams import Client, Draw, Reading, Visit, visited
from goldenspike.hdl.units.rows import Packing
from goldenspike.hdl.units.synapses import SynapseUnit


class Work(NamedTuple):
    """What a phase does: whether it takes place, and for how many cycles, or by what stream."""

    wanted: Callable[[], bool]
    begin: Callable[[], int | Draw | Visit]


@dataclass
class Count:
    """The cycles of trials, and what was done in them.

    Parameters
    ----------
    trials
        How many.
    cycles
        All of them.
    ticks
        By pass, of every tick: what lies between its begin and the next one's.
    phases
        By phase, the cycles in which all else waited for it; the rest is the sequencer's.
    operations
        Synapses whose presynaptic signal, which was not 0, was delivered.
    candidates
        Synapses that a rule visited, to trace or to learn.
    """

    trials: int = 0
    cycles: int = 0
    ticks: list[list[int]] = field(default_factory=list)
    phases: Counter[str] = field(default_factory=Counter)
    operations: int = 0
    candidates: int = 0


class _Rows:
    """The rows of a group of activity, by tick and word of its packing."""

    def __init__(self, packing: Packing, *, every: bool = False) -> None:
        self.packing, self.every = packing, every
        self.counts: list[list[int]] = []
        self.marks = np.zeros((0, 0), bool)

    def show(self, marks: np.ndarray) -> None:
        """Take the marks of a pass, ``(ticks, neurons)``."""
        packing = self.packing
        self.marks = np.ones_like(marks) if self.every else marks
        padded = np.zeros((len(marks), packing.words << packing.bits), bool)
        padded[:, : packing.size] = self.marks
        by_word = padded.reshape(len(marks), packing.words, 1 << packing.bits)
        self.counts = by_word.sum(axis=2).tolist()

    def words(self, tick: int) -> list[list[int]]:
        """Return the rows of every word."""
        rows: list[list[int]] = [[] for _ in range(self.packing.words)]
        for row in np.flatnonzero(self.marks[tick]).tolist():
            rows[row >> self.packing.bits].append(row)
        return rows


class Phases:
    """The phases of a core, and what of its sequencer's state they depend on.

    Parameters
    ----------
    core
        Of any lanes and neurons. Its units are not kept.

    Attributes
    ----------
    works
        By the name of a phase.
    now, flags, ahead, perturbed, traced, ended
        As in the sequencer: the tick and the flags; whether what is delivered early is for the next
        tick; what kind of run it is; whether a time bin ends that is learned.
    seen
        By group of activity, whether anything is not 0, tick by tick.
    rested, added
        The populations of which all is 0, and those to which currents were added since.
    """

    def __init__(self, core: Core) -> None:
        self.plan, self.lanes = core.plan, core.lanes
        self.resting = {phase for phase, _, _ in core.sequencer.resting}
        self.early = set(core.sequencer.early)
        self.clients = {id(source): Client(source) for source in core.drawing.values()}
        self.kept = [self.clients[id(s)] for u in core.synapses.values() for s in u.fields]
        self.rows: list[tuple[str, _Rows]] = []
        self.works: dict[str, Work] = {}
        self.rested: set[str] = set()
        self.added: set[str] = set()
        self.now = self.flags = 0
        self.ahead = self.perturbed = self.traced = self.ended = False
        self.seen: dict[str, list[bool]] = {}
        self.count = Count()
        for unit in core.populations.values():
            self._population(unit)
        for unit in core.synapses.values():
            self._deliver(unit)
            self._rule(unit)
        for unit in core.mirrors.values():
            self._mirror(unit)
        for unit in core.synapses.values():
            if unit.learner is not None:
                self._learner(unit)
        judge = core.sequencer.judge
        if judge is not None:
            self._add(judge.start.name, lambda: True, _steps(1, judge.LATENCY))

    def show(self, seen: dict[str, np.ndarray]) -> None:
        """Begin a pass, with the activity of its ticks by group."""
        self.seen = {name: np.any(bits, axis=-1).tolist() for name, bits in seen.items()}
        for group, rows in self.rows:
            rows.show(seen[group] != 0)

    def flush(self) -> None:
        """Let the random fields of projections begin anew."""
        for client in self.kept:
            client.flush()

    def _add(
        self, name: str, wanted: Callable[[], bool], begin: Callable[[], int | Draw | Visit]
    ) -> None:
        self.works[name] = Work(wanted, begin)

    def _stream(self, group: str, packing: Packing, *, every: bool = False) -> _Rows:
        """Return the rows of a group, which each pass shows anew."""
        rows = _Rows(packing, every=every)
        self.rows.append((group, rows))
        return rows

    def _arrived(self, q: PlannedProjection) -> Callable[[], bool]:
        """Return what tells whether this tick is one in which signals arrive."""
        return lambda: self.now >= q.delay

    def _population(self, unit: Any) -> None:
        """Add the draw and the update of a population."""
        p, name, groups = unit.population, unit.population.name, unit.groups
        if unit.source is not None:
            client, always = self.clients[id(unit.source)], p.draws
            places, lanes = (1, 1) if always else (groups, self.lanes)

            def draw() -> Draw:
                client.flush()
                return Draw(client, places, lanes)

            self._add(unit.draw.name, lambda: always or self.perturbed, draw)
        rests = unit.update.name in self.resting
        cycles = unit.steps.count + unit.LATENCY

        def update() -> int:
            self.added.discard(name)
            moved = self.seen[f"{name}.signal"][self.now]
            moved = moved or self.seen.get(f"{name}.state", [False] * (self.now + 1))[self.now]
            (self.rested.discard if moved else self.rested.add)(name)
            return cycles

        self._add(
            unit.update.name,
            lambda: not rests or name not in self.rested or name in self.added,
            update,
        )

    def _sounding(self, q: PlannedProjection) -> Callable[[int], bool]:
        """Return what tells whether signals of a tick are delivered at all."""
        if q.filter is not None or q.pre.module is None:
            return lambda tick: True
        group = f"{q.pre.name}.signal"
        return lambda tick: self.seen[group][tick]

    def _deliver(self, unit: SynapseUnit) -> None:
        """Add what a projection delivers, and its filter."""
        q, groups, post = unit.projection, unit.groups, unit.post.population.name
        group, arrived, sounding = f"{q.pre.name}.signal", self._arrived(q), self._sounding(q)
        delay = q.delay
        if unit.filter is not None:
            delay = 0  # What is filtered is so in the tick in which it arrives.
            group, steps = f"{q.name}.filtered", unit.filter.steps.count
            self._add(unit.filter.start.name, arrived, _steps(steps, unit.filter.LATENCY))
        rows = self._stream(group, unit.delivered)
        readings = self._readings(unit, unit.weight_fields)
        early, joins = q.name in self.early, unit.learner is not None and unit.learner.joins

        def delivers() -> int:
            return self.now + (early and self.ahead)

        def wanted() -> bool:
            tick = delivers()
            if joins and self.ahead and self.flags & UPDATE and arrived():
                return False
            return q.delay <= tick < self.plan.ticks and sounding(tick - q.delay)

        def deliver() -> int | Visit:
            tick = delivers() - delay
            some = sum(rows.counts[tick])
            self.count.operations += some * q.post.size
            if some:
                self.added.add(post)
            if q.traces("delivery") and self.traced:
                self.count.candidates += some * q.post.size
            if readings and self.perturbed:
                return Visit(rows.words(tick), groups, unit_latency, readings)
            return visited(rows.counts[tick], groups, unit_latency)

        unit_latency = unit.DELIVERY_LATENCY
        self._add(unit.deliver.name, wanted, deliver)
        if q.traces("output"):
            latency = unit.latency

            def trace() -> int:
                counts = rows.counts[self.now - delay]
                self.count.candidates += sum(counts) * q.post.size
                return visited(counts, groups, latency)

            self._add(unit.trace.name, lambda: self.traced and arrived(), trace)

    def _readings(self, unit: SynapseUnit, *sources: Any) -> list[Reading]:
        """Return what a projection's visits read of its field sources."""
        rule = unit.rule
        stride = 0 if rule is None else rule.perturbation.stride.bit_length() - 1
        found = [source for source in sources if source is not None]
        return [Reading(self.clients[id(source)], stride, self.lanes) for source in found]

    def _rule(self, unit: SynapseUnit) -> None:
        """Add how a rule that perturbs learns."""
        q, groups, latency = unit.projection, unit.groups, unit.latency
        if unit.rule is None:
            return
        size = q.pre.size
        if unit.online:
            rows = self._stream(f"{q.pre.name}.signal", unit.delivered, every=True)
            fields = self._readings(unit, unit.rounding_fields)

            def trace() -> int | Visit:
                self.count.candidates += size * q.post.size
                if fields and self.ended:
                    return Visit(rows.words(0), groups, latency, fields)
                return visited(rows.counts[0], groups, latency)

            arrived = self._arrived(q)
            self._add(unit.trace.name, lambda: bool(self.flags & PASSES) and arrived(), trace)
            return
        readings = self._readings(unit, unit.weight_fields, unit.rounding_fields)

        def learn() -> int | Visit:
            self.count.candidates += size * q.post.size
            if readings:
                every = [list(range(size))]
                return Visit(every, groups, latency, readings, streaming=False)
            return size * groups + latency + 1

        self._add(unit.learn.name, lambda: True, learn)

    def _mirror(self, unit: Any) -> None:
        """Add what a projection delivers that mirrors another."""
        q, group = unit.projection, f"{unit.projection.pre.name}.signal"
        rows = self._stream(group, unit.packing)
        arrived, sounding = self._arrived(q), self._sounding(q)
        gathering = unit.steps.count + unit.GATHERING
        visiting = q.post.size * unit.other.groups + unit.LATENCY

        def deliver() -> int:
            some = sum(rows.counts[self.now - q.delay])
            if not some:
                return gathering
            self.count.operations += some * q.post.size
            self.added.add(q.post.name)
            return gathering + visiting

        self._add(unit.deliver.name, lambda: arrived() and sounding(self.now - q.delay), deliver)

    def _learner(self, unit: SynapseUnit) -> None:
        """Add the parts of a rule with eligibility traces."""
        one: Any = unit.learner
        q, groups, learner = unit.projection, unit.groups, one.learner
        arrived, factor = self._arrived(q), f"{q.name}.factor"
        silent = (
            None
            if one.factors is None or one.factors.name not in self.resting
            else [f"{other.name}.signal" for other in learner.modulators.values()]
        )
        skips, made = learner.skips, one.factors is not None
        size = q.post.size
        joined, visiting = one.joins, one.latency
        delivered = self._stream(f"{q.pre.name}.signal", unit.delivered)

        def now() -> bool:
            given = silent is None or any(self.seen[group][self.now] for group in silent)
            return bool(self.flags & UPDATE) and arrived() and given

        pre = one.pre
        cycles = pre.FOLLOWING if pre.follows is not None else pre.steps.count + pre.LATENCY
        self._add(pre.start.name, lambda: bool(self.flags & UPDATE) and arrived(), lambda: cycles)
        if one.factors is not None:
            self._add(one.factors.name, now, _steps(one.steps.count, one.factor_latency))
        readings = []
        if one.draw is not None:
            column = self.clients[id(one.column_words)]
            self._add(one.draw.name, now, lambda: Draw(column, groups, self.lanes))
            readings = [Reading(self.clients[id(one.row_words)], 0, 0)]
        rows = self._stream(f"{q.name}.pre", one.pre.packing, every=not skips)

        def learn() -> int | Visit:
            self.count.candidates += sum(rows.counts[self.now]) * size
            joins = joined and self.now + 1 < self.plan.ticks
            latency = visiting + joins
            if joins:
                self.count.operations += sum(delivered.counts[self.now + 1 - q.delay]) * size
            if readings:
                return Visit(rows.words(self.now), groups, latency, readings)
            return visited(rows.counts[self.now], groups, latency)

        self._add(
            one.learn.name,
            lambda: now() and (not skips or not made or self.seen[factor][self.now]),
            learn,
        )


def _steps(steps: int, latency: int) -> Callable[[], int]:
    """Return the cycles of a phase that goes through steps."""
    return lambda: steps + latency
