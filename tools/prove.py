"""``goldenspike prove``: every twin equals its cell, for all inputs; and the rest is in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goldenspike.sim import claims, formal, proof
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


def check(timeout_s: int = formal.TIMEOUT_S) -> int:
    """Check what is claimed of units and cores, and print a table; counterexamples follow it."""
    outcomes = []
    with console.progress() as bars:
        bar = bars.add_task("Yosys reads the hardware", total=len(claims.PROPERTIES))
        for one in claims.PROPERTIES.values():
            bars.update(bar, description=one.name)
            outcomes.append(formal.check(one, timeout_s=timeout_s))
            bars.update(bar, advance=1)
    rows = [(o.name, o.result, o.registers, o.gates, f"{o.seconds:.1f}") for o in outcomes]
    heads = ("property", "result", "registers ", "gates ", "seconds ")
    console.show("Formal checks, for all inputs and memories", heads, rows)
    failed = [o for o in outcomes if not o.shown]
    proved = sum(o.status == "proved" for o in outcomes)
    bounded = sum(o.status == "bounded" for o in outcomes)
    console.say(f"{proved} proved for all time, {bounded} for so many cycles, {len(failed)} not")
    for found in failed:
        console.say(found)
    return 1 if failed else 0
