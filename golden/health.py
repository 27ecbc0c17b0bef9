"""Whether a network can learn: what its formats do to factors, weights and traces.

A :class:`Watch` looks on while a session learns its first trials. What it counts of rewards, and of
the factors of rules that perturb, is of every trial; factors of rules with traces, and the traces,
are those of the last tick of the last trial of each call of ``Session.learn``, which cost nothing
to read. Weights are compared with those at the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.rules import three_factor
from goldenspike.golden.start import Start, within

if TYPE_CHECKING:
    from goldenspike.golden.plan import Plan
    from goldenspike.golden.planned import PlannedPopulation, PlannedProjection
    from goldenspike.golden.trial import Outcome, Session, Stimulus

FIRST = 64
"""Trials that are looked at."""
CLIPPED = 0.01
"""Share of initial weights beyond their format from which on they are spoken of."""
LOST = 0.5
"""Share of initial weights that round to 0 from which on they are spoken of."""
DEAD = 0.95
"""The same of factors."""
SATURATED = 0.25
"""Share of factors, rewards and trace values at the ends of their format; the same."""


class Finding(NamedTuple):
    """What a format does to learning.

    Parameters
    ----------
    where
        The projection, or ``reward``.
    text
        A line that names the thing, its format, the share, and the format that would hold it.
    """

    where: str
    text: str


@dataclass
class Count:
    """Numbers that were to be stored: how many were not 0, became 0, or were at the ends.

    `largest` is the largest absolute value before it was stored, 0 if none is known.
    """

    format: Format
    seen: int = 0
    lost: int = 0
    clipped: int = 0
    largest: float = 0.0

    def add(self, raw: Any, real: Any, *, known: bool = False) -> None:
        """Count raw integers and the real numbers, not 0, that they were made of.

        With `known` these are from before they were stored: an end that is meant is no clipping.
        """
        raw, real = np.asarray(raw, np.int64), np.asarray(real, np.float64)
        there = real != 0
        self.seen += int(there.sum())
        self.lost += int(((raw == 0) & there).sum())
        ends = at_end(raw, self.format) & there
        if known:
            ends &= np.rint(np.ldexp(real, self.format.frac)) != raw
        self.clipped += int(ends.sum())
        self.largest = max(self.largest, float(np.abs(real).max(initial=0.0)))

    def problem(self, noun: str, when: str) -> str | None:
        """Return what is wrong with them, if something is."""
        if not self.seen:
            return None
        stored = f"{noun}, {self.format},"
        if self.lost >= DEAD * self.seen:
            wanted = showing(self.format, self.largest)
            return (
                f"{stored} {share(self.lost, self.seen)} of the time rounded to 0 {when}: the "
                f"largest was {self.largest:.3g}; take {wanted}"
            )
        if self.clipped >= SATURATED * self.seen:
            wanted = holding(self.format, self.largest)
            return (
                f"{stored} {share(self.clipped, self.seen)} of the time at the ends of its format "
                f"{when}: the largest was {self.largest:.3g}; take {wanted}"
            )
        return None


def share(part: int, size: int) -> str:
    """Return a share in per cent, rounded so that 0 and 100 are exact."""
    if part in (0, size):
        return f"{100 * part // max(size, 1)} %"
    return f"{min(max(100 * part / size, 0.1), 99.9):.3g} %"


def at_end(raw: Any, fmt: Format) -> Any:
    """Return which raw integers are the ends of their format; 0 is none."""
    return ((raw == fmt.high) | (raw == fmt.low)) & (raw != 0)


def holding(fmt: Format, largest: float) -> Format:
    """Return a format with the same last bit whose ends are beyond a number; one bit more if none.

    It gives last bits up where there are not enough.
    """
    raw = math.ceil(largest * 2.0**fmt.frac)
    if raw <= fmt.high:
        return within(fmt._replace(width=fmt.width + 1))
    return within(Format.holding(-raw if fmt.signed else 0, raw, fmt.frac))


def showing(fmt: Format, largest: float, bits: int = 6) -> Format:
    """Return a format with the same ends whose last bit is so many bits below a number."""
    if largest <= 0:
        return fmt
    more = max(0, bits - math.floor(math.log2(largest)) - fmt.frac)
    return within(fmt._replace(width=fmt.width + more, frac=fmt.frac + more))


def start_findings(plan: Plan, starts: dict[str, Start]) -> list[Finding]:
    """Return what formats and bounds do to the weights that a network starts with."""
    found = []
    for q in plan.projections:
        start = starts.get(q.name)
        if start is None or not start.size:
            continue
        weights = f"Initial weights of {q.name}, {q.weight},"
        wanted = start.holding(q.weight)
        ends = f"they are {start.low:.3g} to {start.high:.3g}"
        if start.clipped >= CLIPPED * start.size:
            clipped = f"{share(start.clipped, start.size)} are clipped to its ends"
            found.append(Finding(q.name, f"{weights} {clipped}: {ends}; take {wanted}"))
        elif start.lost >= LOST * start.size:
            lost = f"{share(start.lost, start.size)} round to 0"
            found.append(Finding(q.name, f"{weights} {lost}: {ends}; take {wanted}"))
        if start.bounded >= CLIPPED * start.size:
            bounded = f"{share(start.bounded, start.size)} are clipped to the bounds of its rule"
            found.append(Finding(q.name, f"{weights} {bounded}: {ends}"))
    return found


def trace_formats(plan: Plan) -> dict[str, tuple[str, Format]]:
    """Return projection and format of every trace and sum of a rule, by variable."""
    found = {}
    for q in plan.projections:
        kept: dict[str, Format] = {}
        if q.rule is not None:
            kept |= q.rule.state
            if q.rule.accumulate is not None:
                kept["sum"] = q.rule.accumulate.accumulator
        if q.learner is not None:
            kept |= q.learner.traces | q.learner.kept
            for name in ("pre", "post"):
                part = q.learner.parts.get(name)
                state = {} if part is None else part.state
                kept |= {f"{name}_{key}": fmt for key, fmt in state.items()}
            for name in q.learner.fixed:
                kept.pop(name, None)
        found |= {f"{q.name}.{key}": (q.name, fmt) for key, fmt in kept.items() if fmt.width > 2}
    return found


@dataclass
class Watch:
    """What is seen of a session's learning, from its next trial on.

    Parameters
    ----------
    session
        A session of fixed point.
    beside
        One of float64 that learns the same trials, if there is one: it tells how large numbers
        are that formats cut off.
    """

    session: Session
    beside: Session | None = None
    trials: int = 0
    rewards: Count | None = None
    factors: dict[str, Count] = field(default_factory=dict)
    traces: dict[str, Count] = field(default_factory=dict)
    before: dict[str, np.ndarray] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    real: dict[str, np.ndarray] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        plan = self.session.plan
        if plan.reward is not None:
            self.rewards = Count(plan.reward.reward)
        for q in self._learning():
            self.before[q.name] = self.session.arrays[f"{q.name}.w"].copy()
            if self.beside is not None:
                self.real[q.name] = self.beside.arrays[f"{q.name}.w"].copy()
            if q.rule is not None:
                self.factors[q.name] = Count(q.rule.factor.factor)
            elif q.learner is not None and q.learner.factor is not None:
                self.factors[q.name] = Count(q.learner.factor.outputs["factor"])
        for name, (_, fmt) in trace_formats(plan).items():
            self.traces[name] = Count(fmt)

    def _learning(self) -> list[PlannedProjection]:
        plan = self.session.plan
        return [*plan.plastic, *plan.learners]

    @property
    def enough(self) -> int:
        """How many trials are looked at: all weights have then been learned at least twice."""
        parts = (q.rule or q.learner for q in self._learning())
        intervals = [part.params.interval for part in parts if part is not None]
        return max(FIRST, *(2 * interval for interval in intervals)) if intervals else FIRST

    def look(
        self, session: Session, stimulus: Stimulus, samples: np.ndarray, outcome: Outcome
    ) -> None:
        """Count what trials gave that were just learned."""
        self.session = session  # A copy of the one that was watched may be what goes on.
        before, self.trials = self.trials, self.trials + len(samples)
        if before >= self.enough or not len(samples):
            return
        self._rewards(session, outcome)
        last = {p.name: stimulus.inputs[p.name][int(samples[-1]), -1] for p in session.plan.sources}
        for q in session.plan.learners:
            self._factor(session, q, last)
        for name, count in self.traces.items():
            raw = np.asarray(session.arrays[name], np.int64)
            count.add(raw, count.format.to_float(raw))
        self._weights(session)

    def _weights(self, session: Session) -> None:
        for name, before in self.before.items():
            if name not in self.moved and (session.arrays[f"{name}.w"] != before).any():
                self.moved.add(name)

    def _rewards(self, session: Session, outcome: Outcome) -> None:
        reward = session.plan.reward
        if reward is None or self.rewards is None:
            return
        raws = [int(raw) for raw in outcome.rewards[: self.enough]]
        if reward.sign is None:
            self.rewards.add(raws, reward.reward.to_float(raws))
        for q in session.plan.plastic:
            rule: Any = q.rule
            c, none = rule.factor, Nothing()
            made = [three_factor.scale(c, none, three_factor.FactorInputs(raw)) for raw in raws]
            factors = [outputs.factor for _, outputs in made]
            real = rule.rate * reward.reward.to_float(raws)
            self.factors[q.name].add(factors, real, known=True)

    def _factor(self, session: Session, q: PlannedProjection, last: dict[str, Any]) -> None:
        """Count the factors of a rule with traces, in the last tick."""
        learner: Any = q.learner
        if q.name not in self.factors:
            return
        part = learner.factor
        given = {}
        for name in part.inputs:
            one: PlannedPopulation | None = learner.modulators.get(name)
            if one is not None:
                raw = last[one.name] if one.name in last else session.signals(one.name)
                values = one.signal.to_float(np.asarray(raw, np.int64))
            else:
                made = session.scratch(f"{q.name}.of_{name}")
                values = learner.post.outputs[name].to_float(np.asarray(made, np.int64))
            given[name] = np.broadcast_to(values, q.post.size).tolist()
        kind = type(part.cell.ports(part.constants).inputs)
        real = [
            part.cell.step(part.ideal, Nothing(), kind(*row))[1].factor
            for row in zip(*given.values(), strict=True)
        ]
        self.factors[q.name].add(session.scratch(f"{q.name}.of_factor"), real, known=True)

    def findings(self) -> list[Finding]:
        """Return what is wrong and was not told before, for the trials that were seen so far."""
        seen = min(self.trials, self.enough)
        when = "in the first trial" if seen == 1 else f"in the first {seen} trials"
        found = []
        if self.rewards is not None:
            found.append(("reward", "reward", self.rewards.problem("Reward", when)))
        good = {q.name: q for q in self._learning()}
        for name, count in self.factors.items():
            text = count.problem(f"Factor of {name}", when)
            found.append((f"{name}.factor", name, text))
            if text:  # Which is why its weights stay as they are, if they do.
                del good[name]
        found += [(f"{name}.w", name, self._still(q)) for name, q in good.items()]
        formats = trace_formats(self.session.plan)
        for name, count in self.traces.items():
            if self.beside is not None and name in self.beside.arrays:
                real = np.abs(self.beside.arrays[name]).max(initial=0.0)
                count.largest = max(count.largest, float(real))
            text = count.problem(f"Trace {name}", f"at the end of trials {when}")
            found.append((name, formats[name][0], text))
        lines = [
            Finding(where, text) for key, where, text in found if text and key not in self.told
        ]
        self.told |= {key for key, _, text in found if text}
        return lines

    def _still(self, q: PlannedProjection) -> str | None:
        """Return that no weight of a projection has changed although it should have, if so."""
        factor = self.factors.get(q.name)
        self._weights(self.session)
        if q.name in self.moved or factor is None or factor.seen == factor.lost:
            return None
        part: Any = q.rule or q.learner
        still = f"Weights of {q.name}, {q.weight}, 100 % unchanged after {self.trials} trials"
        other = "" if part.params.rounding == Rounding.STOCHASTIC else ", or rounding 'stochastic'"
        if self.beside is not None:
            moved = np.abs(self.beside.arrays[f"{q.name}.w"] - self.real[q.name])
            change = float(moved.max(initial=0.0)) / self.trials
            still += f": float64's change by {change:.3g} a trial"
        else:
            largest = self.factors[q.name].largest
            change = 0.0 if q.rule is None else largest * bound(q.rule.eligibility)
            still += ", although factors are not 0"
        if 0 < change < q.weight.lsb:
            return f"{still}; take {showing(q.weight, change, 2)}{other}"
        return f"{still}; take more fraction bits{other}, or see whether its neurons are active"


def bound(fmt: Format) -> float:
    """Return the largest absolute value of a format."""
    return float(fmt.to_float(max(fmt.high, -fmt.low)))
