"""``goldenspike fuzz``: random networks in lockstep, one after the other; what they cover."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from amaranth.hdl import UnusedElaboratable

from goldenspike.golden.parameters import choice
from goldenspike.sim import coverage, fuzz, simulators
from goldenspike.sim.cases import random_case
from goldenspike.sim.drawn_graph import SIZES
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools import console
from goldenspike.tools.console import InputError, input_errors


def seeds_of(text: str) -> range:
    """Return the seeds that ``first:last`` names, the last one not among them."""
    first, colon, last = text.partition(":")
    if not colon or not first.isdecimal() or not last.isdecimal() or int(first) >= int(last):
        raise InputError(f"Seeds must be like 0:100, not {text!r}")
    return range(int(first), int(last))


def known(log: Path | None, asked: list[str | None]) -> dict[int, dict[str, Any]]:
    """Return what a log says of seeds that ran already as they are asked for, by seed."""
    found: dict[int, dict[str, Any]] = {}
    if log is None or not log.exists():
        return found
    for line in log.read_text().splitlines():
        try:
            one = json.loads(line)
        except ValueError:
            continue  # The last line of a run that was killed.
        if one["asked"] == asked:
            found[one["seed"]] = one
    return found


def replay(seed: int, size: str | None, simulator: str, aim: str | None = None) -> str:
    """Return the command that runs a case again."""
    words = f"goldenspike fuzz --seeds {seed}:{seed + 1} --simulator {simulator}"
    words += "" if size is None else f" --size {size}"
    return words if aim is None else f"{words} --aim '{aim}'"


def run(
    seeds: str,
    *,
    size: str | None = None,
    simulator: Simulator | None = None,
    aim: str | None = None,
    log: Path | None = None,
) -> int:
    """Run the cases of some seeds, print those that fail, and how they are run again.

    Parameters
    ----------
    seeds
        ``first:last``.
    size, simulator
        Of every network; by default the seed chooses both.
    aim
        Title of a bin of the functional coverage that every network is to be in.
    log
        File that gets a line of JSON for each case. Cases that it has already are not run again.
    """
    with input_errors("fuzz"):
        wanted = seeds_of(seeds)
        choice("Size", size, (None, *SIZES))
        choice("Simulator", simulator, (None, *simulators.SIMULATORS))
        known_bin = None if aim is None else coverage.named(aim)
    asked = [size, simulator, *([] if aim is None else [aim])]
    before = known(log, asked)
    if log is not None and log.exists() and not log.read_text().endswith("\n"):
        with log.open("a") as file:
            file.write("\n")
    told = [before[seed] for seed in wanted if seed in before]
    warnings.simplefilter("ignore", UnusedElaboratable)  # Of cores that could not be made.
    with console.progress() as bars:
        bar = bars.add_task("lockstep", total=len(wanted), completed=len(told))
        for one in told:
            _complain(one, size, aim)
        for seed in (s for s in wanted if s not in before):
            verdict = fuzz.run(seed, size, simulator, aim=known_bin)
            one = verdict.data() | {"asked": asked}
            told.append(one)
            if log is not None:
                with log.open("a") as file:
                    file.write(json.dumps(one) + "\n")
            _complain(one, size, aim)
            bars.advance(bar, 1)
    return _report(told)


def _complain(one: dict[str, Any], size: str | None, aim: str | None) -> None:
    if one["status"] != "equal":
        where = f"{one['lanes']} lanes, {one['neurons']} neurons, {one['simulator']}"
        console.complain(f"Seed {one['seed']} ({where}) {one['status']}: {one['what']}")
        console.say(f"Replay: {replay(one['seed'], size, one['simulator'] or 'icarus', aim)}")


def _report(told: list[dict[str, Any]]) -> int:
    groups = Counter((one["size"], one["simulator"]) for one in told)
    rows = []
    for (size, simulator), count in sorted(groups.items()):
        mine = [one for one in told if (one["size"], one["simulator"]) == (size, simulator)]
        equal = sum(one["status"] == "equal" for one in mine)
        totals = [sum(one[name] for one in mine) for name in ("ticks", "cycles")]
        minutes = sum(one["seconds"] for one in mine) / 60
        rows.append([size, simulator, count, equal, *totals, f"{minutes:.1f}"])
    heads = ("networks", "simulator", "cases ", "equal ", "ticks ", "cycles ", "minutes ")
    console.show("Random networks in lockstep", heads, rows)
    failed = sum(one["status"] != "equal" for one in told)
    refused = sum(one["refused"] for one in told)
    console.say(f"{len(told) - failed} of {len(told)} equal; {refused} descriptions were refused")
    return 1 if failed else 0


def cover(seeds: str, *, size: str | None = None, report: Path | None = None) -> int:
    """Print which bins the cases of some seeds leave open; write what they cover as JSON."""
    with input_errors("coverage"):
        wanted = seeds_of(seeds)
        choice("Size", size, (None, *SIZES))
    found: dict[int, set[coverage.Bin]] = {}
    with console.progress() as bars:
        bar = bars.add_task("golden runs", total=len(wanted))
        for seed in wanted:
            found[seed] = coverage.of_case(random_case(seed, size))
            bars.advance(bar, 1)
    every = coverage.bins()
    reached = set().union(*found.values())
    rows = []
    for kind in sorted({one[0] for one in every}):
        mine = {one for one in every if one[0] == kind}
        share = 100 * len(mine & reached) / len(mine)
        rows.append([kind, len(mine), len(mine & reached), f"{share:.1f} %"])
    console.show("Functional coverage", ("bins", "all ", "covered ", "share "), rows)
    for one in sorted(every - reached, key=str):
        console.say(f"open: {coverage.title(one)}")
    share = 100 * len(reached) / len(every)
    console.say(f"{len(reached)} of {len(every)} bins covered: {share:.1f} %")
    if report is not None:
        data = {
            "seeds": [wanted.start, wanted.stop],
            "bins": len(every),
            "covered": {
                coverage.title(one): [seed for seed, bins in found.items() if one in bins]
                for one in sorted(reached, key=str)
            },
            "open": [coverage.title(one) for one in sorted(every - reached, key=str)],
            "removed": {
                coverage.title(one): coverage.reason(one)
                for one in sorted(coverage.removed(), key=str)
            },
            "chosen": coverage.choose(found),
        }
        report.write_text(json.dumps(data, indent=1) + "\n")
    return 0
