"""``goldenspike prove``: every twin equals its cell, for all inputs; and the rest is in order.

With ``--json`` it writes, of format ``goldenspike-prove/1``::

    format, passed, versions
    proofs          a list: where, cell, constants (as text), status ("proved", "counterexample" or
                    "unknown"), kept (whether the very same was proved before), seconds, reason
                    (the solver's word), widest (bits of the widest intermediate), counterexample:
                    null, or inputs, golden and twin, raw integers by port

and with ``--sequencer``, of format ``goldenspike-prove-sequencer/1``::

    format, passed, versions
    properties      a list: name, status ("proved", "bounded", "failed", "unreached" or "unknown"),
                    depth (cycles that are known to be right, or those to the failure), seconds,
                    registers, gates, broken (names of claims), and trace: null, or a list of values
                    by signal, cycle by cycle
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import Any

from goldenspike.sim import claims, formal, kept, proof, solvers, spread
from goldenspike.tools import console, fpga
from goldenspike.tools.experiment import shipped
from goldenspike.tools.job import prepare
from goldenspike.tools.records import Check, Records
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


def versions(solver: str | None = None) -> dict[str, str]:
    """Return the versions of what a proof can depend on."""
    found = {name: importlib.metadata.version(name) for name in ("goldenspike", "amaranth")}
    found["yosys"] = fpga.yosys_version()
    for name in dict.fromkeys(("z3", solver)):
        found |= {name: solvers.version(name)} if solver and name else {}
    return found


def run(
    names: Sequence[str],
    *,
    everything: bool = False,
    solver: solvers.Solver = "z3",
    jobs: int | None = None,
    fresh: bool = False,
    records: Records | None = None,
) -> int:
    """Prove and print a table; the counterexamples, if any, follow it.

    Parameters
    ----------
    names, everything
        Experiments; all that are shipped, and the catalog.
    solver
        Who answers.
    jobs
        Processes; None for as many as there are processors.
    fresh
        Prove again what is kept as proved.
    records
        Where it is written as well.
    """
    ready()
    solvers.version(solver)
    chosen = [*names, *(name for name in shipped() if everything and name not in names)]
    asked = cases(chosen, catalog=everything or not names)
    proofs = prove(asked, solver, jobs, fresh=fresh)
    rows = [
        (
            *place,
            len(group),
            sum(p.proved for p in group),
            sum(p.kept for p in group),
            f"{sum(p.seconds for p in group):.2f}",
        )
        for place, group in grouped(proofs).items()
    ]
    heads = ("where", "cell", "cases ", "proved ", "kept ", "seconds ")
    console.show(f"Proofs, for all inputs, by {solver}", heads, rows)
    failed = [p for p in proofs if not p.proved]
    before = sum(p.kept for p in proofs)
    told = f", {before} of them by proofs that were kept" if before else ""
    console.say(f"{len(proofs) - len(failed)} of {len(proofs)} proved{told}")
    for found in failed:
        console.say(found)
    if records is not None:
        data = {"versions": versions(solver), "solver": solver}
        records.write(data | {"proofs": [as_data(p) for p in proofs]}, map(as_check, proofs))
    return 1 if failed else 0


def prove(
    asked: Sequence[tuple[str, Any, Any]],
    solver: solvers.Solver,
    jobs: int | None,
    *,
    fresh: bool = False,
) -> list[proof.Proof]:
    """Return proofs in the order of their cases, with a bar that moves meanwhile."""
    with console.progress() as bars:
        bar = bars.add_task(f"{solver} proves", total=len(asked))
        found = proof.prove_all(
            asked,
            solver=solver,
            jobs=jobs or spread.processors(),
            folder=kept.place(),
            fresh=fresh,
            moved=lambda count: bars.advance(bar, count),
        )
        return list(found)


def as_data(one: proof.Proof) -> dict[str, Any]:
    """Return a proof as JSON has it."""
    found = one.counterexample
    return {
        "where": one.where,
        "cell": one.cell.name,
        "constants": str(one.constants),
        "status": one.status,
        "kept": one.kept,
        "seconds": round(one.seconds, 3),
        "reason": one.reason,
        "widest": one.widest,
        "counterexample": None if found is None else found._asdict(),
    }


def as_check(one: proof.Proof) -> Check:
    """Return a proof as JUnit has it."""
    place, number, case = one.where.partition(" #")
    name = f"{one.cell.name} #{case}" if number else f"{one.where}: {one.cell.name}"
    problem = "" if one.proved else str(one)
    return Check("catalog" if number else place.partition(": ")[0], name, one.seconds, problem)


def check(timeout_s: int = formal.TIMEOUT_S, records: Records | None = None) -> int:
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
    if records is not None:
        listed = [outcome_data(o) for o in outcomes]
        records.write({"versions": versions(), "properties": listed}, map(outcome_check, outcomes))
    return 1 if failed else 0


def outcome_data(one: formal.Outcome) -> dict[str, Any]:
    """Return what became of a property as JSON has it."""
    fields = ("name", "status", "depth", "registers", "gates", "broken", "trace")
    found = {name: getattr(one, name) for name in fields}
    return {**found, "seconds": round(one.seconds, 3)}


def outcome_check(one: formal.Outcome) -> Check:
    """Return what became of a property as JUnit has it."""
    return Check("sequencer", one.name, one.seconds, "" if one.shown else str(one))
