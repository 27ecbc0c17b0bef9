"""Faults far out are caught by random networks: beyond any that are drawn by habit.

Each fault does nothing in a small network of short trials. A network of the generator, named by its
seed, catches it; without the fault it is equal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CHECKER = Path(__file__).with_name("check_drawn.py")
Planted = Callable[[str, str, str], Path]


class Fault(NamedTuple):
    """An edit of a file of ``hdl``, and the network that catches it."""

    file: str
    old: str
    new: str
    seed: int
    size: str
    kind: str = ""
    simulator: str = "icarus"


FAULTS = {
    "digest leaves out bits of the index from 25 on": Fault(
        *("digest.py", "crc(variable, index, value), 0)", "crc(variable, index[:25], value), 0)"),
        *(36, "wide"),
    ),
    "random blocks repeat from 2**12 on": Fault(
        "units/variates.py",
        "(target * blocks + asked)",
        "(target * blocks + asked)[:12]",
        *(282, "wide", "rewarded"),
    ),
    "delays lose their highest bit": Fault(
        "core.py",
        "self.sequencer.bases[population.name] - words * delay",
        "self.sequencer.bases[population.name] - words * (delay & 127)",
        *(7, "long", "rewarded"),
    ),
    "words of rounding repeat after 64 ticks": Fault(
        "units/sequencer.py",
        "unit.high.eq(tick << 16 if renewed else 0)",
        "unit.high.eq(tick[:6] << 16 if renewed else 0)",
        *(32, "long", "traced"),
    ),
    "words of noise repeat after 256 ticks": Fault(
        "units/population.py",
        "source.index.eq(place << lane_bits),\n            source.high.eq(self.tick << 16)",
        "source.index.eq(place << lane_bits),\n            source.high.eq(self.tick[:8] << 16)",
        *(60, "long", "rewarded"),
    ),
    "intervals are 16 at most": Fault(
        "units/sequencer.py",
        "interval = learner.learner.interval",
        "interval = min(learner.learner.interval, 16)",
        *(110, "small", "traced"),
    ),
    "rewards are late by 3 bins at most": Fault(
        "units/judge.py",
        "for k in range(reward.delay)",
        "for k in range(min(reward.delay, 3))",
        *(0, "long", "online"),
    ),
    "rows from 128 on are taken for others": Fault(
        "units/synapses.py",
        "row.eq(rows.o.payload.row),\n",
        "row.eq(rows.o.payload.row[:7]),\n",
        *(66, "wide", "rewarded"),
    ),
    "a plain run goes on from the state of the trial before": Fault(
        "units/sequencer.py",
        "first.eq(tick == 0)",
        "first.eq((tick == 0) & flags[0])",
        *(196, "small", "traced"),
    ),
    "trials are counted in 16 bits": Fault(
        "units/sequencer.py",
        "self.trial.eq(self.trial + 1)",
        "self.trial.eq((self.trial + 1)[:16])",
        *(118, "small", "traced"),
    ),
    "silent rows learn as if they spiked": Fault(
        "units/rows.py",
        "if packing.signal == BIT and not self.every:",
        "if packing.signal == BIT:",
        *(72, "small", "traced"),
    ),
    "conditions from 256 on are taken for others": Fault(
        "units/sequencer.py",
        "times(self.condition, reward.bins)",
        "times(self.condition[:8], reward.bins)",
        *(128, "wide", "rewarded"),
    ),
    "an error counts only if the command of its passes has an update": Fault(
        "units/sequencer.py",
        "with m.If(tracing):",
        "with m.If(tracing & flags[1]):",
        *(6, "small", "rewarded"),
    ),
}


def verdict(hardware: Path, fault: Fault) -> dict[str, Any]:
    """Return what becomes of a fault's network on a copy."""
    asked = [str(hardware), str(fault.seed), fault.size, fault.kind, fault.simulator]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(CHECKER), *asked],
        cwd=REPOSITORY,  # for its cache
        env=os.environ | {"PYTHONPATH": str(hardware.parents[1]), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


EVERY_RUN = list(FAULTS)[5::3]
"""Faults of every run of the tests; the rest are long."""


def check(name: str, hardware: Path, planted: Planted) -> None:
    fault = FAULTS[name]
    right = verdict(hardware, fault)
    assert (right["status"], right["what"]) == ("equal", "")
    assert verdict(planted(*fault[:3]), fault)["status"] == "differs"


@pytest.mark.parametrize("name", EVERY_RUN)
def test_a_random_network_catches_what_is_far_out(
    name: str, hardware: Path, planted: Planted
) -> None:
    check(name, hardware, planted)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in EVERY_RUN])
def test_random_networks_catch_more_that_is_far_out(
    name: str, hardware: Path, planted: Planted
) -> None:
    check(name, hardware, planted)
