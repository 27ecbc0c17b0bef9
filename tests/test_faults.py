"""The checks can fail: faults planted in the hardware are caught, and their place is named.

A fault is one edit of a copy of ``hdl``; golden and sim are the repository's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CHECKER = Path(__file__).with_name("check_copy.py")
Planted = Callable[[str, str, str], Path]
KINDS = ("paired", "running", "weights", "online", "resting", "traced")
LEARN = (
    *("spikes_to_hidden: rules.three_factor.update", "hidden_to_hidden: rules.three_factor.update"),
    *("hidden_to_out: rules.three_factor.update", "levels_to_out: rules.three_factor.update"),
)


class Fault(NamedTuple):
    """An edit of a file of ``hdl``, and what must be said to fail.

    Parameters
    ----------
    caught
        For a proof, all cells that fail; for lockstep, the first write that differs.
    kind
        Of the network.
    """

    file: str
    old: str
    new: str
    caught: tuple[str, ...] | str
    kind: str = "paired"


ROUNDED = (
    *("hidden: neurons.lif.step", "out: neurons.lif.step"),
    *("spikes_to_hidden: rules.three_factor.scale", LEARN[0]),
    *("hidden_to_out: rules.three_factor.scale", LEARN[2]),
    *("levels_to_out: rules.three_factor.scale", LEARN[3]),
    "reward: modulators.paired.step",
)
FAULTS = {
    "rounds half down": Fault("fixed.py", "(rest[:-1].any() | odd)", "rest[:-1].any()", ROUNDED),
    "no upper end": Fault(
        *("fixed.py", "above = ~sign & beyond.any()", "above = Const(0)"),
        (
            *ROUNDED[:2],
            *("spikes_to_hidden: rules.node_perturbation.step", *LEARN),
            "reward: modulators.count_error.step",
        ),
    ),
    "threshold is not reached but passed": Fault(
        "neurons/lif.py", "v >= c.threshold", "v > c.threshold", ROUNDED[:1]
    ),
    "sum of an update is too narrow": Fault(
        "rules/three_factor.py",
        'align(before, c.weight_shift) + change, "total")',
        '(align(before, c.weight_shift) + change)[:-2].as_signed(), "total")',
        LEARN,
    ),
    "reward has the wrong sign": Fault(
        "modulators/paired.py",
        "self.reference - self.error",
        "self.error - self.reference",
        ROUNDED[-1:],
    ),
    "first spike of a word is that of the tick before": Fault(
        "units/population.py",
        "collected.eq(grown)",
        "collected.eq(Mux(place == 0, collected, grown))",
        "trial 8, pass 0, tick 2: out.v[0]",
    ),
    "lanes are swapped": Fault(
        "core.py",
        "zip(post.addends, unit.visits",
        "zip(post.addends, unit.visits[::-1]",
        "trial 7, pass 0, tick 0: hidden.v[0]",
    ),
    "one weight is not written": Fault(
        "units/synapses.py",
        "visit.learned.eq(learned & inside)",
        "visit.learned.eq(learned & inside & (visit.index != 0x00010002))",
        "trial 7, update: spikes_to_hidden.w[1, 2]",
    ),
    "one weight is shown but not kept": Fault(
        "units/synapses.py",
        "write.en.eq(visit.learned | (",
        "write.en.eq(visit.learned & (visit.index != 0x00020001) | (",
        "trial 8, pass 0, tick 0: out.v[1]",
    ),
    "a bit of the digest": Fault(
        "digest.py", "Const(CONSTANT, 32)", "Const(CONSTANT ^ 1 << 17, 32)", "tick 0: digest"
    ),
    "perturbation is that of the next row": Fault(
        "units/synapses.py",
        "(row << stride)",
        "((row + 1) << stride)",
        "trial 7, pass 1, tick 1: out.v[0]",
    ),
    "perturbation is that of the next tick": Fault(
        "units/population.py",
        "(place << lane_bits),\n            source.high.eq(self.tick << 16)",
        "(place << lane_bits),\n            source.high.eq((self.tick + 1) << 16)",
        "trial 7, pass 1, tick 0: spikes_to_hidden.e[0, 0]",
    ),
    "last row is not updated": Fault(
        "units/synapses.py",
        "with m.If(row == q.pre.size - 1):",
        "with m.If(row == q.pre.size - 2):",
        "trial 7, update: spikes_to_hidden.w[32, 0]",
    ),
    "eligibility is not cleared": Fault(
        "units/visit.py",
        "Mux(stage.learns, 0, after)",
        "Mux(stage.learns, before[field], after)",
        "trial 8, pass 1, tick 0: spikes_to_hidden.e[3, 0]",
    ),
    "traces of the trial before stay": Fault(
        "units/learner.py",
        "Mux(self.fresh, 0, before[field])",
        "before[field]",
        "trial 8, pass 0, tick 1: hidden_to_hidden.ebar[1, 1]",
        "traced",
    ),
    "one factor is not kept": Fault(
        "units/learner.py",
        "write.en.eq(valid & steps.mine(factored, lane))",
        "write.en.eq(valid & steps.mine(factored, lane) & (factored != 1))",
        "trial 7, pass 0, tick 2: spikes_to_hidden.w[0, 1]",
        "traced",
    ),
    "neurons of a step change places": Fault(
        "units/common.py",
        "values[k :: self.width]",
        "values[k ^ 1 :: self.width]",
        "trial 7, pass 0, tick 0: hidden.v[0]",
        "traced",
    ),
    "signals of a word change places": Fault(
        "units/rows.py",
        "for k in range(count)]",
        "for k in reversed(range(count))]",
        "trial 7, pass 0, tick 0: spikes_to_hidden.pre_zbar[4]",
        "traced",
    ),
    "neurons that are not there are written": Fault(
        "units/common.py",
        "step != self.count - 1 if beyond else 1",
        "1",
        "trial 7, pass 0, tick 0: hidden.v[3]",
        "traced",
    ),
    "a row's word is that of the next": Fault(
        "units/learner.py",
        "source.index.eq(row)",
        "source.index.eq(row + 1)",
        "trial 7, pass 0, tick 2: spikes_to_hidden.w[0, 1]",
        "traced",
    ),
    "sums are learned in every tick": Fault(
        "units/sequencer.py",
        "learner.due.eq(last & due)",
        "learner.due.eq(due)",
        "trial 7, pass 0, tick 2: hidden_to_hidden.w[1, 1]",
        "traced",
    ),
    "feedback has the row before in it": Fault(
        "units/mirror.py",
        "Mux(first, 0, total)",
        "total",
        "trial 7, pass 0, tick 2: teacher.y[1]",
        "traced",
    ),
    "errors are those of all ticks": Fault(
        "modulators/error.py",
        "Mux(self.active, e, 0)",
        "e",
        ("errors: modulators.error.step",),
        "traced",
    ),
    "state is not reset": Fault(
        "units/population.py",
        "Mux(self.first, 0, read.data.as_value())",
        "read.data.as_value()",
        "trial 7, pass 1, tick 0: hidden.v[1]",
    ),
    "accumulator is one bit too narrow": Fault(
        "units/population.py",
        "_Bank(self, receptor, shape(fmt),",
        "_Bank(self, receptor, signed(shape(fmt).width - 1),",
        "trial 7, pass 0, tick 0: hidden.v[0]",
    ),
    "accumulator forgets what is written in the same cycle": Fault(
        "units/population.py",
        "read_port(transparent_for=(write,))",
        "read_port()",
        "trial 7, pass 0, tick 1: out.v[0]",
    ),
    "loaded signals lose their sign": Fault(
        "units/common.py",
        "self.word.eq(read.data)",
        "self.word.eq(read.data.as_unsigned()[:-1])",
        "trial 7, pass 0, tick 0: hidden.v[1]",
    ),
    "registers are read without their sign": Fault(
        "units/registers.py",
        "wide = part.as_signed() if",
        "wide = part if",
        "trial 8, read back: reward[0]",
    ),
    "passes change places": Fault(
        "units/sequencer.py",
        "with m.If(tracing):",
        "with m.If(~tracing):",
        "trial 7, update: reward.reward",
    ),
}
LESS = {
    "filter is not reset": Fault(
        "units/filters.py",
        "Mux(self.fresh, 0, read.data[k][field])",
        "read.data[k][field]",
        "trial 8, pass 0, tick 0: spikes_to_hidden.s[1]",
        "weights",
    ),
    "delayed signal is of the tick before": Fault(
        "units/population.py",
        "slot = (self.tick - self.read_delay)",
        "slot = (self.tick - Mux(self.read_delay == 0, 0, self.read_delay + 1))",
        "trial 7, pass 0, tick 2: hidden.v[0]",
        "weights",
    ),
    "mark of an active input is not cleared": Fault(
        "units/synapses.py",
        "write.en.eq(self.marking | done | self.clearing)",
        "write.en.eq(self.marking | self.clearing)",
        "trial 8, update: spikes_to_hidden.w[0, 0]",
        "weights",
    ),
    "scores of lanes are swapped": Fault(
        "units/population.py",
        "write.en.eq(driving & self.steps.mine(step, lane))",
        "write.en.eq(driving & self.steps.mine(step, lane ^ 1))",
        "trial 7, pass 0, tick 0: hidden_to_out.e[1, 0]",
        "weights",
    ),
    "code is that of the next synapse": Fault(
        "units/visit.py",
        "code.index.eq(stage.index + lane)",
        "code.index.eq(stage.index + lane + 1)",
        "trial 7, pass 0, tick 2: hidden.v[0]",
        "weights",
    ),
    "sum is not cleared when it is learned": Fault(
        "rules/three_factor.py",
        "self.sum_next.eq(Mux(self.due, 0, grown))",
        "self.sum_next.eq(grown)",
        ("hidden_to_hidden: rules.three_factor.accumulate",),
        "weights",
    ),
    "reward of 0 has a sign": Fault(
        "modulators/sign.py",
        "Mux(self.reward > 0, one, Mux(self.reward < 0, -one, 0))",
        "Mux(self.reward >= 0, one, -one)",
        ("reward: modulators.sign.step",),
        "weights",
    ),
    "mean is that of the next condition": Fault(
        "units/sequencer.py",
        "place.eq(times(self.condition, reward.bins))",
        "place.eq(times(self.condition, reward.bins) + 1)",
        "trial 7, update: reward.mean[0]",
        "weights",
    ),
    "eligibility of the trial before fades on": Fault(
        "units/visit.py",
        "Mux(unit.fresh, 0, before[field]) if online",
        "before[field] if online",
        "trial 8, pass 0, tick 0: spikes_to_out.e[0, 0]",
        "online",
    ),
    "empiric synapse does not rest at its mean": Fault(
        "units/population.py",
        "rest = perturbation.noise.rest",
        "rest = 0",
        "trial 7, pass 0, tick 0: out.v[2]",
        "resting",
    ),
}
FAULTS |= {
    "nothing waits for its turn": Fault(
        "units/schedule.py",
        "wanted.append(users[what])",
        "pass",
        "trial 7, pass 0, tick 0: hidden.v[0]",
    ),
    "signals are read before they are there": Fault(
        "units/schedule.py",
        "[name for name in phase.after if name in self.before]",
        "[]",
        "trial 7, pass 0, tick 0: out.y[0]",
        "traced",
    ),
    "what rests is not digested": Fault(
        "units/sequencer.py",
        "left_out.eq(done[name] & due & ~begun[phase])",
        "left_out.eq(0)",
        "trial 7, pass 0, tick 0: spikes_to_hidden.factor[0]",
        "traced",
    ),
    "what stirs is taken to rest": Fault(
        "units/population.py",
        "m.d.sync += self.added.eq(1)",
        "m.d.sync += self.added.eq(0)",
        "trial 7, pass 0, tick 2: teacher.y[0]",
        "traced",
    ),
    "what is early is for the same tick": Fault(
        "core.py",
        "Mux(self.sequencer.ahead, words, 0)",
        "0",
        "trial 7, pass 0, tick 1: hidden.v[0]",
        "traced",
    ),
    "silence is that of the tick before": Fault(
        "units/population.py",
        "self.sounded.bit_select(now, 1).eq(1)",
        "self.sounded.bit_select(now + 1, 1).eq(1)",
        "trial 7, pass 0, tick 0: out.y[0]",
        "weights",
    ),
    "words fetched ahead are taken for those of now": Fault(
        "units/variates.py",
        "Mux(hits[1], buffers[1], buffers[0])",
        "Mux(hits[0], buffers[1], buffers[0])",
        "trial 7, pass 0, tick 2: spikes_to_hidden.w[1, 1]",
        "traced",
    ),
    "what is learned is delivered as the row before it sounds": Fault(
        "units/learner.py",
        "for k in range(self.latency):\n                signal",
        "for k in range(self.latency + 1):\n                signal",
        "trial 7, pass 0, tick 2: hidden.v[0]",
        "traced",
    ),
    "what is learned is delivered twice": Fault(
        "units/sequencer.py",
        "due & ~self._learns(q) if",
        "due if",
        "trial 7, pass 0, tick 2: hidden.v[0]",
        "traced",
    ),
}
MORE = LESS | {
    "rounds up too often at random": Fault(
        "fixed.py", "up.eq(rest > Value", "up.eq(rest >= Value", LEARN[1:2]
    ),
    "signal is the spike of the tick before": Fault(
        "neurons/spiking.py", "signal.eq(fires)", "signal.eq(twin.spike)", ROUNDED[:2]
    ),
    "rotations are in the wrong order": Fault(
        "randomness.py",
        "in reversed(ROTATIONS)",
        "in ROTATIONS",
        ("randomness: randomness.rounds",),
    ),
    "input is late by no tick": Fault(
        "core.py",
        "self.sequencer.bases[population.name] - words * delay",
        "self.sequencer.bases[population.name]",
        "trial 7, pass 0, tick 1: out.v[0]",
    ),
    "variates of lanes are swapped": Fault(
        "units/visit.py",
        "word = source.fields.word_select(lane, source.bits)",
        "word = source.fields.word_select(lane ^ 1, source.bits)",
        "trial 7, pass 1, tick 1: out.v[0]",
    ),
    "perturbation is that of the next neurons": Fault(
        "units/population.py",
        "source.index.eq(place << lane_bits)",
        "source.index.eq((place + 1) << lane_bits)",
        "trial 7, pass 1, tick 0: spikes_to_hidden.e[0, 0]",
    ),
    "perturbation is that of the first trial": Fault(
        "units/sequencer.py",
        "self.trial.eq(self.trial + 1)",
        "self.trial.eq(self.trial)",
        "trial 8, pass 1, tick 0: spikes_to_hidden.e[3, 0]",
    ),
    "unperturbed pass is perturbed": Fault(
        "units/population.py",
        "Mux(self.perturbing, Mux(self.negative, -one, one), rest)",
        "Mux(self.negative, -one, one)",
        "trial 8, pass 0, tick 0: hidden.v[1]",
    ),
    "words of a block change places": Fault(
        "units/variates.py",
        "Cat(self.x0, self.x1))",
        "Cat(self.x1, self.x0))",
        "trial 7, pass 1, tick 0: spikes_to_hidden.e[0, 0]",
    ),
    "accumulator is not cleared": Fault(
        "units/population.py",
        "Mux(adding, read.data + addend, 0)",
        "read.data + Mux(adding, addend, 0)",
        "trial 7, pass 0, tick 1: hidden.v[1]",
    ),
    "currents lose their sign": Fault(
        "units/visit.py",
        "align(addend, q.shift)",
        "align(addend.as_unsigned(), q.shift)",
        "trial 7, pass 0, tick 0: hidden.v[0]",
    ),
    "counts are not reset": Fault(
        "units/objective.py",
        "Mux(self.first, 0, read.data[field])",
        "read.data[field]",
        "trial 8, pass 0, tick 0: reward.count[0]",
    ),
    "targets are those of the first tick": Fault(
        "units/objective.py",
        "(self.base if self.every_tick else 0)",
        "0",
        "trial 7, pass 0, tick 1: reward.error",
        "running",
    ),
    "mean is not kept": Fault(
        "units/judge.py",
        'value.eq(getattr(baseline, f"{field}_next"))',
        "value.eq(value)",
        "trial 7, update: reward.mean[0]",
        "running",
    ),
}


def failures(hardware: Path, how: str, kind: str) -> list[str]:
    """Return what fails on a copy."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(CHECKER), str(hardware), how, kind],
        cwd=REPOSITORY,  # for its cache
        env=os.environ | {"PYTHONPATH": str(hardware.parents[1]), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(fault: Fault, planted: Planted) -> None:
    """Plant a fault and assert that it is caught where it is."""
    hardware = planted(fault.file, fault.old, fault.new)
    if isinstance(fault.caught, tuple):
        assert failures(hardware, "proof", fault.kind) == list(fault.caught)
    else:
        (seen,) = failures(hardware, "lockstep", fault.kind)
        place, _, values = seen.partition(": golden ")
        golden, _, hardware_value = values.partition(", hardware ")
        assert place.endswith(fault.caught)
        assert golden != hardware_value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["proof", "lockstep"])
def test_without_a_fault_nothing_fails(hardware: Path, how: str, kind: str) -> None:
    assert failures(hardware, how, kind) == []


EVERY_RUN = list(FAULTS)[::3]
"""Faults of every run of the tests; the rest are long."""


@pytest.mark.parametrize("name", EVERY_RUN)
def test_a_fault_is_caught_and_its_place_named(planted: Planted, name: str) -> None:
    check(FAULTS[name], planted)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in {**FAULTS, **MORE} if name not in EVERY_RUN])
def test_more_faults_are_caught_and_their_places_named(planted: Planted, name: str) -> None:
    check({**FAULTS, **MORE}[name], planted)
