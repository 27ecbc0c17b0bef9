"""Weight updates with a decay, a limit, momentum or a pull: hardware."""

from collections.abc import Iterable
from itertools import chain, islice, product
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.rules import learning
from goldenspike.golden.rules.learning import LearningParams
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, limit, low_bits, multiply, named, requantize, rounds_up
from goldenspike.hdl.pole import filtered

f = Format.parse
FORMATS = (
    *("fxp-s8/6 fxp-s16/14 fxp-s18/20 fxp-u12/8", "fxp-s16/14 fxp-s24/22 fxp-s18/20 fxp-s16/10"),
    *("fxp-s1/0 fxp-s1/0 fxp-s2/1 fxp-u1/0", "fxp-u4/4 fxp-s4/2 fxp-s3/1 fxp-s2/0"),
    *("fxp-s2/3 fxp-u3/-1 fxp-s4/-2 fxp-s1/0", "fxp-u8/4 fxp-s6/6 fxp-u4/2 fxp-u3/3"),
    "fxp-s8/5 fxp-s12/20 fxp-s8/16 fxp-u6/5",
)
"""Of weight, sum, factor and eligibility. With the last ones a change is far below an LSB."""
HALF = f("fxp-u2/1")
FADING = {"weight_decay": 0.0005, "limit": "one_lsb"}


def learn(m: Module, c: learning.LearnConstants, w: Value, step: Value, word: Value) -> Signal:
    """Return the weight after an update by a step."""
    fading = align(multiply(w, c.decay), c.decay_shift)
    change = named(m, align(step, c.step_shift) - fading, "change")
    if c.limited and c.weight_shift and change.shape().signed:
        return limited(m, c, w, change, word)
    if c.limited:
        change = named(m, Mux(change > c.lsb, c.lsb, Mux(change < -c.lsb, -c.lsb, change)), "step")
    total = named(m, align(w, c.weight_shift) + change, "learned")
    return requantize(m, total, c.frac, c.weight, c.rounding, c.overflow, word)


def limited(m: Module, c: learning.LearnConstants, w: Value, change: Signal, word: Value) -> Signal:
    """Return the weight after a signed change of one LSB at most: it goes by -1, 0 or 1.

    Whether there is more to limit, and whether the rest is rounded up, is told at the same time,
    and one short adder follows: the path through an update ends here.
    """
    whole, rest = change.shift_right(c.weight_shift), low_bits(change, c.weight_shift)
    beyond = named(m, (whole != 0) & (whole != -1), "beyond")
    whole = named(m, Mux(change[-1], Const(-1, signed(2)), Mux(beyond, 1, 0)), "whole")
    before = named(m, w + whole, "before")
    up = rounds_up(m, rest, c.rounding, word, before[0], before < 0)
    moved = named(m, w + named(m, whole + (up & ~beyond), "move"), "moved")
    return limit(m, moved, c.weight, c.overflow)


def grow(m: Module, c: learning.SumConstants, before: Value, change: Value, name: str) -> Signal:
    """Return a sum after one more change."""
    total = named(m, align(before, c.sum_shift) + align(change, c.change_shift), name)
    return requantize(m, total, c.frac, c.sum, Rounding.HALF_EVEN, Overflow.SATURATE, 0)


def kinds(every: int) -> Iterable[tuple[dict[str, Any], Format, Format, Format, Format]]:
    """Return what an update is told, and the formats of weight, sum, factor and eligibility."""
    options = (
        {"limit": "one_lsb"},
        {"weight_decay": 0.01},
        {"weight_decay": 0.5, "learning_factor": HALF, "limit": "one_lsb"},
    )
    some = islice(product(FORMATS, Rounding, Overflow, options), 0, None, every)
    tiny = product((FORMATS[-1],), (Rounding.STOCHASTIC,), Overflow, (*options, FADING))
    for formats, rounding, overflow, more in chain(some, tiny):
        weight, total, factor, eligibility = map(f, formats.split())
        given = {"rounding": rounding, "overflow": overflow, **more}
        yield given, weight, total, factor, eligibility


def told(accumulator: Format | None, factor: Format, **more: Any) -> LearningParams:
    """Return what a rule is told."""
    return LearningParams(
        eta=0.5,
        factor=factor,
        modulator="any",
        learns="tick" if accumulator is None else "trial",
        accumulator=accumulator,
        **more,
    )


class LearningUpdate(Twin):
    """Twin of :data:`goldenspike.golden.rules.learning.UPDATE`."""

    cell = learning.UPDATE
    CUTTABLE = True

    @staticmethod
    def cases() -> Iterable[learning.UpdateConstants]:
        for more, weight, _, factor, eligibility in kinds(7):
            values = {"factor": factor, "eligibility": eligibility}
            yield told(None, factor, **more).learned(weight, values).constants

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        step = self.across(m, multiply(self.factor, self.eligibility), "step_of_tick")
        w, word = self.across(m, self.w, "w_across"), self.across(m, self.word, "word_across")
        m.d.comb += self.w_next.eq(learn(m, self.constants.learn, w, step, word))
        return m


class LearningAccumulate(Twin):
    """Twin of :data:`goldenspike.golden.rules.learning.ACCUMULATE`."""

    cell = learning.ACCUMULATE

    @staticmethod
    def cases() -> Iterable[learning.AccumulateConstants]:
        for more, weight, total, factor, eligibility in kinds(7):
            values = {"factor": factor, "eligibility": eligibility}
            yield told(total, factor, **more).learned(weight, values).constants

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        grown = grow(m, c.sum, self.sum, multiply(self.factor, self.eligibility), "grown")
        w = learn(m, c.learn, self.w, grown, self.word)
        m.d.comb += [
            self.w_next.eq(Mux(self.due, w, self.w)),
            self.sum_next.eq(Mux(self.due, 0, grown)),
        ]
        return m


class Gather(Twin):
    """Twin of :data:`goldenspike.golden.rules.learning.MOMENTUM`."""

    cell = learning.MOMENTUM

    @staticmethod
    def cases() -> Iterable[learning.MomentumConstants]:
        for more, weight, total, factor, eligibility in kinds(11):
            values = {"factor": factor, "eligibility": eligibility}
            share = 0.5 if "learning_factor" in more else 0.9
            params = told(total, factor, momentum=share, **more)
            yield params.learned(weight, values).constants
        weight, total, factor, eligibility = map(f, FORMATS[1].split())
        values = {"factor": factor, "eligibility": eligibility}
        yield told(total, factor, momentum=0.5).learned(weight, values).constants

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        grown = grow(m, c.sum, self.sum, multiply(self.factor, self.eligibility), "grown")
        moved = filtered(m, c.pole, self.velocity, grown)
        w = learn(m, c.learn, self.w, moved, self.word)
        m.d.comb += [
            self.w_next.eq(Mux(self.due, w, self.w)),
            self.sum_next.eq(Mux(self.due, 0, grown)),
            self.velocity_next.eq(Mux(self.due, moved, self.velocity)),
        ]
        return m


class Regulate(Twin):
    """Twin of :data:`goldenspike.golden.rules.learning.PULL`."""

    cell = learning.PULL

    @staticmethod
    def cases() -> Iterable[learning.PullConstants]:
        for pulls in (("fxp-s16/12", "fxp-s12/16", "fxp-u20/10"), ("fxp-s2/1", BIT, "fxp-s3/-1")):
            e, pull, total = (f(str(text)) for text in pulls)
            for more, weight, sums, factor, eligibility in kinds(13):
                values = {"factor": factor, "eligibility": eligibility, "e": e, "pull": pull}
                yield told(sums, factor, **more).pulled(weight, values, total).constants
            weight, sums, factor, eligibility = map(f, FORMATS[0].split())
            values = {"factor": factor, "eligibility": eligibility, "e": e, "pull": pull}
            yield told(sums, factor).pulled(weight, values, total).constants

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        grown = grow(m, c.sum, self.sum, multiply(self.factor, self.eligibility), "grown")
        total = grow(m, c.total, self.total, self.e, "total_grown")
        pulled = align(multiply(self.pull, total), c.pull_shift)
        step = named(m, align(grown, c.sum_shift) + pulled, "step_of_trial")
        w = learn(m, c.learn, self.w, step, self.word)
        m.d.comb += [
            self.w_next.eq(Mux(self.due, w, self.w)),
            self.sum_next.eq(Mux(self.due, 0, grown)),
            self.total_next.eq(Mux(self.due, 0, total)),
        ]
        return m
