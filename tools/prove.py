"""``goldenspike prove``: every twin equals its cell, for all inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goldenspike.sim import proof
from goldenspike.tools import console
from goldenspike.tools.experiment import shipped
from goldenspike.tools.job import prepare
from goldenspike.tools.verilog import ready


def cases(names: Sequence[str], *, catalog: bool) -> list[tuple[str, Any, Any]]:
    """Return ``(where, cell, constants)`` of the catalog, and of experiments by name."""
    found = list(proof.catalog_cases()) if catalog else []
    for asked in names:
        job = prepare(asked)
        name = job.experiment.name
        found += [
            (f"{name}: {where}", cell, constants) for where, cell, constants in job.plan.cells
        ]
    return found


def grouped(proofs: Sequence[proof.Proof]) -> dict[tuple[str, str], list[proof.Proof]]:
    """Return proofs by place and cell; the cases of a catalog entry are one place."""
    found: dict[tuple[str, str], list[proof.Proof]] = {}
    for one in proofs:
        place, number, _ = one.where.partition(" #")
        found.setdefault(("catalog" if number else place, one.cell.name), []).append(one)
    return found


def run(names: Sequence[str], *, everything: bool = False) -> int:
    """Prove and print a table; the counterexamples, if any, follow it."""
    ready()
    chosen = [*names, *(name for name in shipped() if everything and name not in names)]
    asked = cases(chosen, catalog=everything or not names)
    proofs = []
    with console.progress() as bars:
        bar = bars.add_task("Yosys reads the hardware", total=len(asked))
        for found in proof.prove_all(asked):
            proofs.append(found)
            bars.update(bar, description=f"proved {found.cell.name}", advance=1)
    rows = [
        (*place, len(group), sum(p.proved for p in group), f"{sum(p.seconds for p in group):.2f}")
        for place, group in grouped(proofs).items()
    ]
    console.show("Proofs, for all inputs", ("where", "cell", "cases ", "proved ", "seconds "), rows)
    failed = [p for p in proofs if not p.proved]
    console.say(f"{len(proofs) - len(failed)} of {len(proofs)} proved")
    for found in failed:
        console.say(found)
    return 1 if failed else 0
