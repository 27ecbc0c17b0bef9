"""The checks can fail: faults planted in the hardware are caught, and their place is named.

Each fault is one edit of a copy of ``hdl``; golden and sim are the repository's own. This file,
run as a script on the copy, proves the twins of a small network and runs it in lockstep.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goldenspike.hdl
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import node_perturbation, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim.lockstep import lockstep, LockstepError
from goldenspike.sim import lockstep as monkey
from goldenspike.sim.proof import prove_all

REPOSITORY = Path(__file__).resolve().parents[1]
F = Format.parse
LANES = 2  # two groups of hidden neurons; one of outputs, whose sums follow each other at once
FIRST = 7  # trial


def network(kind: str) -> Network:
    """Return a network of all units: ``paired`` counts spikes, ``running`` has graded outputs."""
    ticks, factor = 3, F("fxp-s12/6")
    gaussian = {"distribution": Distribution.GAUSSIAN, "sigma": 0.5 * 8**0.5}
    out: Any = lif.Params(F("fxp-s8/3"), 0.9, 1.0, compare=">")
    reward = Reward("out", "count_error", paired.Params(), F("fxp-s9/2"), F("fxp-u4/2"))
    if kind == "running":
        out = leaky_readout.Params(F("fxp-s8/3"), 0.5)
        mean = running_mean.Params(0.25)
        reward = Reward("out", "squared_error", mean, F("fxp-s12/2"), F("fxp-s6/2"))
    return Network(
        ticks,
        (
            Population("spikes", 33, Source()),
            Population("levels", 2, Source(F("fxp-s5/2"))),
            Population("hidden", 3, lif.Params(F("fxp-s9/3"), 0.5, 1.0)),
            Population("out", 2, out),
        ),
        (
            Projection(
                *("spikes", "hidden", F("fxp-s6/3")),
                rule=node_perturbation.Params(
                    0.0625, factor=factor, eligibility=F("fxp-s4/0"), **gaussian
                ),
            ),
            Projection(
                *("hidden", "hidden", F("fxp-s6/3"), 1),
                rule=weight_perturbation.Params(0.0625, 0.5, factor, rounding=Rounding.STOCHASTIC),
            ),
            Projection(
                *("hidden", "out", F("fxp-s8/4")),
                rule=node_perturbation.Params(0.0625, factor=factor, **gaussian),
            ),
            Projection(
                *("levels", "out", F("fxp-s8/4"), 1),
                rule=weight_perturbation.Params(0.0625, factor=factor, **gaussian),
            ),
        ),
        reward,
    )


def start(kind: str) -> tuple[Session, Stimulus]:
    """Return a session with weights at and near their ends, and a stimulus of two samples."""
    session = Session(plan(network(kind)), 20, "python")
    session.trial = FIRST
    random = np.random.default_rng(17)
    for q in session.plan.projections:
        ends = [q.weight.low, q.weight.low + 1, -1, 0, 1, q.weight.high - 1, q.weight.high]
        weights = random.integers(-9, 9, (q.pre.size, q.post.size))
        weights = np.where(random.random(weights.shape) < 0.2, random.choice(ends), weights)
        if q.name == "spikes_to_hidden":
            weights[:, 0] = q.weight.low  # needs the accumulator's last bit when all spike
        session.set_weights(q.name, weights)
    spikes = random.integers(0, 2, (2, 3, 33))
    spikes[0, 0] = 1
    levels = random.choice([-16, -15, -3, -1, 1, 2, 15], (2, 3, 2))
    reward: Any = session.plan.reward
    ticks = (3,) if reward.targets_every_tick else ()
    targets = random.integers(reward.target.low, reward.target.high, (2, *ticks, 2))
    return session, Stimulus({"spikes": spikes, "levels": levels}, targets)


def check(how: str, kind: str) -> list[str]:
    """Return what fails: cells and where they are, or the first write that differs."""
    session, stimulus = start(kind)
    if how == "proof":
        cells = dict.fromkeys(session.plan.cells)
        return [f"{p.where}: {p.cell.name}" for p in prove_all(cells) if not p.proved]
    monkey.SLOWEST = 50_000
    try:
        seen = lockstep(session, stimulus, [0, 1], lanes=LANES, simulator="icarus").mismatch
    except LockstepError as e: return [str(e)]
    if seen is None:
        return []
    assert seen.golden != seen.hardware
    return [str(seen).partition(": golden ")[0]]


@dataclass(frozen=True)
class Fault:
    """One edit of a file of ``hdl``, how it is caught, and what must be said to fail."""

    file: str
    old: str
    new: str
    how: str
    names: tuple[str, ...]
    kind: str = "paired"


FAULTS = {
    "half-even rounds down": Fault(
        "fixed.py",
        "up.eq(rest[-1] & (rest[:-1].any() | quotient[0]))",
        "up.eq(0)",
        "proof",
        (),
    ),
    "half-even rounds half up": Fault(
        "fixed.py",
        "up.eq(rest[-1] & (rest[:-1].any() | quotient[0]))",
        "up.eq(rest[-1])",
        "proof",
        (),
    ),
    "no saturation at the upper end": Fault(
        "fixed.py", "above = ~sign & beyond.any()", "above = Const(0)", "proof", ()
    ),
    "threshold is above, not at": Fault(
        "neurons/lif.py",
        "v >= c.threshold",
        "v > c.threshold",
        "proof",
        (),
    ),
    "spike of the tick before": Fault(
        "neurons/lif.py", "self.signal.eq(self.spike_next)", "self.signal.eq(self.spike)", "proof", ()
    ),
    "stochastic rounding one step too often": Fault(
        "fixed.py", "up.eq(rest > Value.cast(word)", "up.eq(rest >= Value.cast(word)", "proof", ()
    ),
    "sum of an update one bit too narrow": Fault(
        "rules/three_factor.py",
        "total = named(m, align(self.w, c.weight_shift) + change, \"total\")",
        "total = named(m, (align(self.w, c.weight_shift) + change)[:-2].as_signed(), \"total\")",
        "proof",
        (),
    ),
    "reward of the wrong sign": Fault(
        "modulators/paired.py",
        "self.reference - self.error",
        "self.error - self.reference",
        "proof",
        (),
    ),
    "rotations in the wrong order": Fault(
        "randomness.py", "in reversed(ROTATIONS)", "in ROTATIONS", "proof", ()
    ),
    "input of the tick before": Fault(
        "units/sequencer.py",
        "base.eq(base + words_of(p.size, p.signal))",
        "base.eq(base + Mux(tick == 0, 0, words_of(p.size, p.signal)))",
        "lockstep",
        (),
    ),
    "input of this tick, not the one before": Fault(
        "core.py",
        "(rows.words if q.delay else 0)",
        "0",
        "lockstep",
        (),
    ),
    "first spike of a word is stale": Fault(
        "units/population.py",
        "m.d.sync += collected.eq(grown)",
        "m.d.sync += collected.eq(Mux(place == 0, collected, grown))",
        "lockstep",
        (),
    ),
    "lanes swapped": Fault(
        "core.py",
        "zip(post.addends, unit.visits, strict=True)",
        "zip(post.addends, unit.visits[1::-1] + unit.visits[2:], strict=True)",
        "lockstep",
        (),
    ),
    "fields of lanes swapped": Fault(
        "units/synapses.py",
        "word.eq(source.fields.word_select(lane, source.bits))",
        "word.eq(source.fields.word_select(lane ^ 1, source.bits))",
        "lockstep",
        (),
    ),
    "one weight is not written": Fault(
        "units/synapses.py",
        "visit.learned.eq(writing & wrote_learned & inside)",
        "visit.learned.eq(writing & wrote_learned & inside & (index != 0x00010002))",
        "lockstep",
        (),
    ),
    "one weight is written late": Fault(
        "units/synapses.py",
        "write.en.eq(self.learned)]",
        "write.en.eq(self.learned & ((self.index != 0x20001) | (plan_trial := 0)))]",
        "lockstep",
        (),
    ),
    "a bit of the digest": Fault(
        "digest.py", "(CONSTANT >> bit & 1)", "((CONSTANT ^ 1 << 17) >> bit & 1)", "lockstep", ()
    ),
    "perturbation of the next row": Fault(
        "units/synapses.py", "(row << stride)", "((row + 1) << stride)", "lockstep", ()
    ),
    "perturbation of the next neurons": Fault(
        "units/population.py", "source.index.eq(place << lane_bits)", "source.index.eq((place + 1) << lane_bits)", "lockstep", ()
    ),
    "perturbation of the next tick": Fault(
        "units/population.py", "source.high.eq(self.tick << 16)", "source.high.eq((self.tick + 1) << 16)", "lockstep", ()
    ),
    "perturbation of the same trial": Fault(
        "units/sequencer.py", "self.trial.eq(self.trial + 1)", "self.trial.eq(self.trial)", "lockstep", ()
    ),
    "unperturbed run is perturbed": Fault(
        "units/population.py", "perturb.variate.eq(Mux(self.perturbing, variate, 0))", "perturb.variate.eq(variate)", "lockstep", ()
    ),
    "last row is not updated": Fault(
        "units/synapses.py", "with m.If(row == q.pre.size - 1):", "with m.If(row == q.pre.size - 2):", "lockstep", ()
    ),
    "eligibility is not cleared": Fault(
        "units/synapses.py", "Mux(learns, 0, trace.e_next)", "Mux(learns, read.data[\"e\"], trace.e_next)", "lockstep", ()
    ),
    "state is not reset": Fault(
        "units/population.py", "Mux(self.first, 0, before[field])", "before[field]", "lockstep", ()
    ),
    "counts are not reset": Fault(
        "units/objective.py", "Mux(self.first, 0, read.data[field])", "read.data[field]", "lockstep", ()
    ),
    "accumulator one bit too narrow": Fault(
        "units/population.py", "m, f\"current_{lane}\", shape(self.population.current), self.groups", 
        "m, f\"current_{lane}\", shape(self.population.current._replace(width=self.population.current.width - 1)), self.groups", "lockstep", ()
    ),
    "accumulator forgets a write in the same cycle": Fault(
        "units/population.py", "read_port(transparent_for=(write,))", "read_port()", "lockstep", ()
    ),
    "accumulator is not cleared": Fault(
        "units/population.py", "Mux(adding, read.data + addend, 0)", "read.data + Mux(adding, addend, 0)", "lockstep", ()
    ),
    "currents lose their sign": Fault(
        "units/synapses.py", "align(addend, q.shift)", "align(addend.as_unsigned(), q.shift)", "lockstep", ()
    ),
    "levels lose their sign": Fault(
        "units/common.py", "self.word.eq(read.data)", "self.word.eq(read.data.as_unsigned()[:-1])", "lockstep", ()
    ),
    "registers lose their sign": Fault(
        "units/registers.py", "part.as_signed() if", "part if", "lockstep", ()
    ),
    "passes change places": Fault(
        "units/sequencer.py", "with m.If(perturbing):", "with m.If(~perturbing):", "lockstep", ()
    ),
    "words of a block change places": Fault(
        "units/variates.py", "Cat(self.x0, self.x1))", "Cat(self.x1, self.x0))", "lockstep", ()
    ),
    "targets of the tick before": Fault(
        "units/objective.py", "(self.base if self.every_tick else 0)", "0", "lockstep", (), "running"
    ),
    "mean is not kept": Fault(
        "units/sequencer.py", "m.d.sync += signal.eq(getattr(baseline, f\"{field}_next\"))", "pass", "lockstep", (), "running"
    ),
}


def run(folder: Path, how: str, kind: str) -> list[str]:
    """Return what fails on the hardware of a folder."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(Path(__file__)), how, kind],
        cwd=REPOSITORY,  # for its cache
        env=os.environ | {"PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def hardware(tmp_path: Path) -> Path:
    """Return a folder with goldenspike, of which only ``hdl`` is a copy."""
    place = tmp_path / "goldenspike"
    place.mkdir()
    for name in ("golden", "sim"):
        (place / name).symlink_to(REPOSITORY / name)
    shutil.copytree(REPOSITORY / "hdl", place / "hdl", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize("kind", ["paired", "running"])
@pytest.mark.parametrize("how", ["proof", "lockstep"])
def test_without_a_fault_nothing_fails(hardware: Path, how: str, kind: str) -> None:
    assert run(hardware, how, kind) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught_and_named(hardware: Path, name: str) -> None:
    fault = FAULTS[name]
    file = hardware / "goldenspike" / "hdl" / fault.file
    text = file.read_text(encoding="utf-8")
    assert text.count(fault.old) == 1
    file.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    assert tuple(run(hardware, fault.how, fault.kind)) == fault.names


if __name__ == "__main__":
    assert Path(goldenspike.hdl.__path__[0]).parts[-3:-1] != REPOSITORY.parts[-2:]
    print(json.dumps(check(*sys.argv[1:])))
