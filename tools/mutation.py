"""``goldenspike mutate``: how many single faults in the netlists of cores our checks tell.

    goldenspike mutate --report docs/mutation.md

Yosys draws the faults. Each result is added to a file of JSON lines as soon as it is known; a run
that was interrupted goes on where it was.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from goldenspike.golden.cache import cache_root
from goldenspike.golden.network import read_network
from goldenspike.golden.parameters import choice
from goldenspike.golden.plan import plan
from goldenspike.sim import mutation_score
from goldenspike.sim.mutation_score import Record, Subject
from goldenspike.tools import console, mutants

WANTED = 0.99
"""The share of mutants, those proved equivalent left out, that must be killed."""
COLUMNS = ("lockstep", "cycles", "proof", "equivalent", "survived")
REASONS = "reasons.toml"
HEAD = """# The mutation score

`{command}` draws single faults in the netlists of {cores} cores, which together have every unit,
every rule and every kind of neuron, and tells which of our checks kills each. It can be interrupted
and goes on where it was; `--report docs/mutation.md` writes this page.

Yosys' `mutate` draws a bit of a cell's port, which is inverted, constant, or inverted where another
bit is 0 or 1; it prefers source lines, signals and bits that have no mutant yet. The netlist is
that of the exported Verilog. A mutant is killed by

- *lockstep*: a digest, a word that is read back or `fault` is not golden's, the core hangs, or a
  stream breaks its rules; in learning trials, plain runs and resets, stalled and not, from random
  memories, with random weights and inputs;
- *cycles*: only the count of busy cycles is not that of the model of cycles;
- *proof*: the twin that has the fault does not equal its cell.

A mutant is equivalent if it is proved that nobody can tell it from the core: outputs say the same
in every cycle, whatever the inputs are. What is left has survived.

**{killed:,} of {real:,} mutants that are not proved equivalent are killed: {share:.2f} %.**
{total:,} were drawn (seed {seed}), {equivalent:,} of them are proved equivalent.

"""


def subjects() -> dict[str, Path]:
    """Return the files of the networks whose cores are mutated, by name."""
    folders = [Path(folder) for folder in mutants.__path__]
    files = (path for folder in folders for path in sorted(folder.glob("*.toml")))
    return {path.stem: path for path in files if path.name != REASONS}


def subject(name: str) -> Subject:
    """Return a network whose core is mutated."""
    choice("Core", name, tuple(subjects()))
    data = tomllib.loads(subjects()[name].read_text(encoding="utf-8"))
    planned = plan(read_network(data["network"]))
    return Subject(name, planned, data["lanes"], data["neurons"], data.get("bus") == "axi")


def known(path: Path) -> list[Record]:
    """Return the records of a file of results; a last line that was cut short does not count."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found.append(Record(**json.loads(line)))
    return found


def go_on(one: Subject, path: Path, *, count: int, seed: int) -> Iterator[Record]:
    """Yield the records of all of a core's mutants, those that are known first.

    Those that are new are added to the file.
    """
    netlist = one.draw(count, seed)
    left = {mutant.number for mutant in netlist.mutants}
    for record in known(path):
        if record.key == netlist.key and record.number in left:
            left.discard(record.number)
            yield record
    for stage in (*mutation_score.STAGES, mutation_score.survivors):
        if not left:
            break
        for record in stage(one, netlist, sorted(left)):
            left.discard(record.number)
            with path.open("a", encoding="utf-8") as file:
                # A line of its own, even behind one that was cut short.
                file.write(f"\n{json.dumps(record.data())}\n")
            yield record


def reason(record: Record) -> str:
    """Return why a mutant may survive, of those that are written down; empty if nobody knows."""
    for folder in mutants.__path__:
        path = Path(folder) / REASONS
        if path.exists():
            for one in tomllib.loads(path.read_text(encoding="utf-8"))["reason"]:
                if re.search(one["place"], f"{record.subject}: {record.place}"):
                    return one["text"]
    return ""


def rows(records: Iterable[Record]) -> list[list[str | int]]:
    """Return a row for each core: its mutants, and how many of them met which end."""
    found: dict[str, Counter[str]] = {}
    for one in records:
        ends = found.setdefault(one.subject, Counter())
        ends["mutants"] += 1
        ends[one.by if one.fate == "killed" else one.fate] += 1
    return [
        [name, ends["mutants"], *(ends[column] for column in COLUMNS)]
        for name, ends in found.items()
    ]


def report(records: list[Record], command: str, seed: int) -> str:
    """Return the page that tells the score, core by core, and every survivor."""
    fates, share = mutation_score.score(records)
    killed = fates["killed"]
    text = HEAD.format(
        command=command,
        cores=len({one.subject for one in records}),
        killed=killed,
        real=killed + fates["survived"],
        share=100 * share,
        total=len(records),
        seed=seed,
        equivalent=fates["equivalent"],
    )
    lines = [f"| core | mutants | {' | '.join(COLUMNS)} |", "|---" * (2 + len(COLUMNS)) + "|"]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows(records)]
    sums = Counter(one.by if one.fate == "killed" else one.fate for one in records)
    total = [len(records), *(sums[column] for column in COLUMNS)]
    lines += ["| all | " + " | ".join(map(str, total)) + " |", ""]
    left = [one for one in records if one.fate == "survived"]
    if left:
        lines += ["## Survivors", "", "| core | source | fault | why |", "|---|---|---|---|"]
        for one in sorted(left, key=lambda one: (one.source, one.place)):
            fault = f"`{one.mode}` of `{one.place}`"
            lines.append(f"| {one.subject} | `{one.source}` | {fault} | {reason(one) or 'open'} |")
        lines.append("")
    return text + "\n".join(lines)


def run(names: list[str], *, count: int, seed: int, results: Path | None, page: Path | None) -> int:
    """Run the mutants of cores; print the table and the survivors.

    Returns
    -------
    int
        1 if fewer than :data:`WANTED` were killed.
    """
    with console.input_errors("mutate"):
        chosen = [subject(name) for name in names or subjects()]
        results = results or cache_root() / "mutation" / "results.jsonl"
        results.parent.mkdir(parents=True, exist_ok=True)
    records: list[Record] = []
    with console.progress() as bars:
        bar = bars.add_task("", total=count * len(chosen))
        for one in chosen:
            bars.update(bar, description=one.name)
            for record in go_on(one, results, count=count, seed=seed):
                records.append(record)
                bars.update(bar, advance=1)
    heads = ("core", "mutants ", *(f"{column} " for column in COLUMNS))
    console.show("Mutants", heads, rows(records))
    for one in records:
        if one.fate == "survived":
            why = reason(one) or "open"
            console.say(f"survived: {one.subject} #{one.number}: {one.mode} of {one.place}")
            console.say(f"    {one.source}: {why}")
    fates, share = mutation_score.score(records)
    console.say(
        f"{fates['killed']} of {fates['killed'] + fates['survived']} killed: {100 * share:.2f} %; "
        f"{fates['equivalent']} more are proved equivalent"
    )
    if page is not None:
        command = f"goldenspike mutate --count {count} --seed {seed}"
        page.write_text(report(records, command, seed), encoding="utf-8")
    return 0 if share >= WANTED else 1


if __name__ == "__main__":
    from goldenspike.tools.cli import main

    raise SystemExit(main(["mutate", *sys.argv[1:]]))
