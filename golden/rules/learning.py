"""Weight updates with a decay, of one LSB at most, with momentum, or with a pull to a rate.

    change = factor * eligibility - decay * w                       learning every tick
    w' = requantize(w + limit(change))

    sum' = requantize(sum + factor * eligibility)                   learning every trial: each tick,
    change = sum' - decay * w                                       and when it is due
    change = velocity' - decay * w                                  with momentum, where
             velocity' = requantize(momentum * velocity + sum')
    change = sum' + pull * total' - decay * w                       with a pull, where
             total' = requantize(total + e)                         each tick
    w' = requantize(w + limit(change)),  sum' = total' = 0

``limit`` leaves a change as it is, or clamps it to one LSB of the weight, up or down: with
stochastic rounding the weight then goes by one LSB with a probability of the change's size, which
is how ReckOn learns weights of 8 bits. What is not asked for costs nothing: a rule without decay
and limit learns by the cells of :mod:`goldenspike.golden.rules.three_factor`.

A decay of less than half an LSB of the weight is lost in rounding to the nearest: that needs
stochastic rounding.

Source: Frenkel and Indiveri, "ReckOn", ISSCC 2022, on changes of one LSB; Bellec et al., Nature
Communications 11:3625 (2020), on the decay, and on the pull, which is their firing-rate
regularisation; Polyak, USSR Comput Math Math Phys 4:1 (1964), on momentum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden import pole
from goldenspike.golden.cell import Cell, Nothing, Ports, align, cell, clamp, select
from goldenspike.golden.domains import OneOf
from goldenspike.golden.fixed import BIT, RANDOM, Format, Overflow, Rounding, requantize
from goldenspike.golden.rules import three_factor
from goldenspike.golden.rules.eligibility import EligibilityParams, Part, TracedParams
from goldenspike.golden.rules.three_factor import (
    AccumulateInputs,
    AccumulateState,
    UpdateInputs,
    UpdateState,
)


@dataclass(frozen=True, kw_only=True)
class UnmodulatedParams(TracedParams):
    """What rules are told about how weights learn from factor times eligibility.

    Parameters
    ----------
    weight_decay
        Share of a weight that is taken away in every update, 0 to below 1.
    momentum
        Share of the last trial's velocity that is kept, 0 to below 1; above 0 only for a rule that
        learns every trial. The velocity has the format of `accumulator`.
    learning_factor
        Format of `weight_decay` and `momentum`.
    limit
        ``"none"``, or ``"one_lsb"``: an update changes a weight by its last bit at most.
    """

    weight_decay: Annotated[float, pole.fading("learning_factor")] = 0.0
    momentum: Annotated[float, pole.fading("learning_factor")] = 0.0
    learning_factor: Format = pole.FACTOR
    limit: Annotated[str, OneOf(("none", "one_lsb"))] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum and self.learns == "tick":
            raise ValueError(
                f"Momentum must be 0 for a rule that learns every tick, not {self.momentum!r}"
            )

    @property
    def plain(self) -> bool:
        """Whether a change is just added to the weight."""
        return not (self.weight_decay or self.momentum or self.limit != "none")

    def learned(self, weight: Format, values: dict[str, Format]) -> Part:
        """Return the update of one weight, by the least cell that does what is asked for."""
        return _part(self, weight, values["factor"], values["eligibility"])

    def pulled(self, weight: Format, values: dict[str, Format], total: Format) -> Part:
        """Return the update of one weight that is pulled, too, by a sum of the format `total`.

        Raises
        ------
        ValueError
            If the rule learns every tick, or has momentum.
        """
        return _pulled(self, weight, values, total)


@dataclass(frozen=True, kw_only=True)
class LearningParams(UnmodulatedParams, EligibilityParams):
    """What rules with a modulator are told about how weights learn."""


class LearnConstants(NamedTuple):
    """How a weight learns a change of `step` fraction bits."""

    weight: Format
    frac: int
    weight_shift: int
    step_shift: int
    decay_shift: int
    decay: Any
    limited: bool
    lsb: Any
    rounding: int
    overflow: int

    def ideal(self, decay: float) -> LearnConstants:
        """Return the real numbers in the integers' place."""
        return self._replace(decay=float(decay), lsb=self.weight.lsb)


def learn_constants(params: UnmodulatedParams, weight: Format, step_frac: int) -> LearnConstants:
    """Return the integers for changes of `step_frac` fraction bits."""
    decay, decay_frac = params.learning_factor.factor(params.weight_decay, "Weight decay")
    frac = max(weight.frac + decay_frac, step_frac)
    return LearnConstants(
        weight,
        frac,
        frac - weight.frac,
        frac - step_frac,
        frac - weight.frac - decay_frac,
        decay,
        params.limit == "one_lsb",
        1 << (frac - weight.frac),
        int(params.rounding),
        int(params.overflow),
    )


@cell
def learn(c: Any, w: Any, step: Any, word: Any) -> Any:
    """Return the weight after an update by a step."""
    change = align(step, c.step_shift) - align(w * c.decay, c.decay_shift)
    limited = clamp(change, -c.lsb, c.lsb) if c.limited else change
    total = align(w, c.weight_shift) + limited
    return requantize(total, c.frac, c.weight, c.rounding, c.overflow, word)


class SumConstants(NamedTuple):
    """How changes are summed."""

    sum: Format
    frac: int
    sum_shift: int
    change_shift: int


def sum_constants(fmt: Format, change_frac: int) -> SumConstants:
    """Return the constants of a sum of a format over changes of `change_frac` fraction bits."""
    frac = max(fmt.frac, change_frac)
    return SumConstants(fmt, frac, frac - fmt.frac, frac - change_frac)


@cell
def grow(c: Any, before: Any, change: Any) -> Any:
    """Return a sum after one more change."""
    total = align(before, c.sum_shift) + align(change, c.change_shift)
    return requantize(total, c.frac, c.sum, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


class UpdateConstants(NamedTuple):
    factor: Format
    eligibility: Format
    learn: LearnConstants


class AccumulateConstants(NamedTuple):
    factor: Format
    eligibility: Format
    sum: SumConstants
    learn: LearnConstants


class MomentumConstants(NamedTuple):
    factor: Format
    eligibility: Format
    sum: SumConstants
    pole: pole.Constants
    learn: LearnConstants


class PullConstants(NamedTuple):
    factor: Format
    eligibility: Format
    e: Format
    pull: Format
    sum: SumConstants
    total: SumConstants
    step_frac: int
    sum_shift: int
    pull_shift: int
    learn: LearnConstants


class MomentumState(NamedTuple):
    w: Any
    sum: Any
    velocity: Any


class PullState(NamedTuple):
    w: Any
    sum: Any
    total: Any


class PullInputs(NamedTuple):
    factor: Any
    eligibility: Any
    e: Any
    pull: Any
    due: Any
    word: Any


def _part(params: UnmodulatedParams, weight: Format, factor: Format, eligibility: Format) -> Part:
    """Return the update of one weight by factor times eligibility."""
    how = int(params.rounding), int(params.overflow)
    total, product = params.accumulator, factor.frac + eligibility.frac
    if params.plain and total is None:
        c: Any = three_factor.update_constants(weight, factor, eligibility, *how)
        return Part(three_factor.UPDATE, c, c)
    if params.plain and total is not None:
        c = three_factor.accumulate_constants(weight, total, factor, eligibility, *how)
        return Part(three_factor.ACCUMULATE, c, c)
    if total is None:
        c = UpdateConstants(factor, eligibility, learn_constants(params, weight, product))
        return Part(UPDATE, c, c._replace(learn=c.learn.ideal(params.weight_decay)))
    sums = sum_constants(total, product)
    learns = learn_constants(params, weight, total.frac)
    real = learns.ideal(params.weight_decay)
    if not params.momentum:
        c = AccumulateConstants(factor, eligibility, sums, learns)
        return Part(ACCUMULATE, c, c._replace(learn=real))
    velocity = pole.constants(params.momentum, total, total, params.learning_factor)
    c = MomentumConstants(factor, eligibility, sums, velocity, learns)
    moved = velocity.ideal(params.momentum)
    return Part(MOMENTUM, c, c._replace(learn=real, pole=moved))


def _pulled(
    params: UnmodulatedParams, weight: Format, values: dict[str, Format], total: Format
) -> Part:
    if params.accumulator is None:
        raise ValueError("Learns must be 'trial' for a rule with a pull, not 'tick'")
    if params.momentum:
        raise ValueError(f"Momentum must be 0 for a rule with a pull, not {params.momentum!r}")
    factor, eligibility = values["factor"], values["eligibility"]
    e, pull = values["e"], values["pull"]
    pulled = pull.frac + total.frac
    step_frac = max(params.accumulator.frac, pulled)
    learns = learn_constants(params, weight, step_frac)
    c = PullConstants(
        factor,
        eligibility,
        e,
        pull,
        sum_constants(params.accumulator, factor.frac + eligibility.frac),
        sum_constants(total, e.frac),
        step_frac,
        step_frac - params.accumulator.frac,
        step_frac - pulled,
        learns,
    )
    return Part(PULL, c, c._replace(learn=learns.ideal(params.weight_decay)))


@cell
def update(c: Any, s: Any, x: Any) -> Any:
    """Learn one weight."""
    return UpdateState(learn(c.learn, s.w, x.factor * x.eligibility, x.word)), Nothing()


@cell
def accumulate(c: Any, s: Any, x: Any) -> Any:
    """Sum one weight's changes; learn them when it is due."""
    grown = grow(c.sum, s.sum, x.factor * x.eligibility)
    w = learn(c.learn, s.w, grown, x.word)
    due = x.due == 1
    return AccumulateState(select(due, w, s.w), select(due, 0, grown)), Nothing()


@cell
def gather(c: Any, s: Any, x: Any) -> Any:
    """Sum one weight's changes; learn them by a velocity when it is due."""
    grown = grow(c.sum, s.sum, x.factor * x.eligibility)
    moved, _ = pole.step(c.pole, pole.State(s.velocity), pole.Inputs(grown))
    w = learn(c.learn, s.w, moved.y, x.word)
    due = x.due == 1
    after = MomentumState(
        select(due, w, s.w), select(due, 0, grown), select(due, moved.y, s.velocity)
    )
    return after, Nothing()


@cell
def regulate(c: Any, s: Any, x: Any) -> Any:
    """Sum one weight's changes and eligibilities; learn both when it is due."""
    grown = grow(c.sum, s.sum, x.factor * x.eligibility)
    total = grow(c.total, s.total, x.e)
    step = align(grown, c.sum_shift) + align(x.pull * total, c.pull_shift)
    w = learn(c.learn, s.w, step, x.word)
    due = x.due == 1
    return PullState(select(due, w, s.w), select(due, 0, grown), select(due, 0, total)), Nothing()


def update_ports(c: UpdateConstants) -> Ports:
    """Return the formats of the ports of one update."""
    inputs = UpdateInputs(c.factor, c.eligibility, RANDOM)
    return Ports(UpdateState(c.learn.weight), inputs, Nothing())


def accumulate_ports(c: AccumulateConstants) -> Ports:
    """Return the formats of the ports of an update that sums."""
    inputs = AccumulateInputs(c.factor, c.eligibility, BIT, RANDOM)
    return Ports(AccumulateState(c.learn.weight, c.sum.sum), inputs, Nothing())


def gather_ports(c: MomentumConstants) -> Ports:
    """Return the formats of the ports of an update with momentum."""
    inputs = AccumulateInputs(c.factor, c.eligibility, BIT, RANDOM)
    return Ports(MomentumState(c.learn.weight, c.sum.sum, c.pole.y), inputs, Nothing())


def regulate_ports(c: PullConstants) -> Ports:
    """Return the formats of the ports of an update with a pull."""
    inputs = PullInputs(c.factor, c.eligibility, c.e, c.pull, BIT, RANDOM)
    return Ports(PullState(c.learn.weight, c.sum.sum, c.total.sum), inputs, Nothing())


UPDATE = Cell("rules.learning.update", update, update_ports)
ACCUMULATE = Cell("rules.learning.accumulate", accumulate, accumulate_ports)
MOMENTUM = Cell("rules.learning.gather", gather, gather_ports)
PULL = Cell("rules.learning.regulate", regulate, regulate_ports)
