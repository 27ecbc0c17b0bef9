"""What benches of registers and packets are told of a core on AXI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goldenspike.golden.fixed import BIT, Format
from goldenspike.hdl.bus.events_out import DEPTH, MARGIN
from goldenspike.hdl.bus.register_map import FLAGS, TICKS_BIT
from goldenspike.sim import axi

if TYPE_CHECKING:
    from goldenspike.golden.plan import Plan
    from goldenspike.hdl.bus.core import AxiCore

LIVE = ("CONTROL", "ACCESSES_REFUSED")
"""Registers that do not only keep what is written."""


def _formats(planned: Plan) -> dict[str, list[Format]]:
    """Return the format of each word of a row, by window; of wide ones, that of each part."""
    whole = Format(signed=False, width=32, frac=0)

    def words(fmt: Format) -> list[Format]:
        rest = fmt.width - 32
        return [fmt] if rest <= 0 else [whole, Format(fmt.signed, rest, 0)]

    reward: Any = planned.reward
    known = [whole, whole]
    if reward.baselines > reward.bins:
        known.append(Format(signed=False, width=16, frac=0))
    means = [word for fmt in reward.baseline_state.values() for word in words(fmt)]
    found = {
        "registers": known,
        "errors": words(reward.error) * 2,
        "reward": words(reward.reward) + ([] if reward.baselines > 1 else means),
        "baselines": means,
        "targets": [reward.target],
    }
    for p in planned.sources:
        found[f"{p.name}_inputs"] = [whole if p.signal == BIT else p.signal]
    for q in planned.projections:
        found[f"{q.name}_w"] = [q.weight]
        if q.rule is not None and q.rule.accumulate is not None:
            found[f"{q.name}_sum"] = [q.rule.accumulate.accumulator]
    return found


def described(core: AxiCore) -> dict[str, Any]:
    """Return what the benches of registers know of a core."""
    given = axi.described(core)
    signs = {}
    by_window = _formats(core.plan)
    for window in core.map.windows:
        row = by_window.get(window.name, [Format(signed=False, width=32, frac=0)])
        row = row * window.row if len(row) == 1 else row
        given["windows"][window.name]["masks"] = [(1 << fmt.width) - 1 for fmt in row]
        for word in range(window.rows * window.row):
            if row[word % window.row].signed:
                signs[window.address(word)] = 1 << (row[word % window.row].width - 1)
    given["kinds"] = {r.name: (r.writable, r.mask) for r in core.map.registers}
    return given | {"signs": signs, "live": LIVE, "flags": FLAGS}


def packets(core: AxiCore) -> dict[str, Any]:
    """Return what the bench of packets knows of a core."""
    planned = core.plan
    return axi.described(core) | {
        "ticks": planned.ticks,
        "sources": [p.name for p in planned.sources],
        "sizes": [p.size for p in planned.sources],
        "bits": [p.signal.width for p in planned.sources],
        "signed": [p.signal.signed for p in planned.sources],
        "targets": list(range(core.core.regions[core.core.region("targets")].words)),
        "passes": planned.passes,
        "ticks_bit": TICKS_BIT,
        "room": DEPTH,
        "held": DEPTH - MARGIN + 1,
        "load": {
            f"{q.name}_w": [q.weight.high] * (q.pre.size * q.post.size) for q in planned.projections
        },
        "report": 1 << TICKS_BIT | (1 << len(planned.neurons)) - 1,
    }
