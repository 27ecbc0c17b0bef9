"""What becomes of each mutant of a core: who kills it, or why nobody can.

Lockstep comes first, because it is quick. Mutants that it does not tell from the core are compared
with it by proof; those that are not decided run through many more cases. The others have survived.
"""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from amaranth.hdl import UnusedElaboratable

from goldenspike.hdl.bus.core import AxiCore
from goldenspike.hdl.core import Core
from goldenspike.sim import apart, equivalence, mutation, mutation_axi, mutation_twins
from goldenspike.sim.mutation_scripts import Script, draw_case, scripts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from goldenspike.golden.plan import Plan
    from goldenspike.sim.mutation import Netlist, Verdict

Fate = Literal["killed", "equivalent", "survived"]
CASES, MORE, MOST = range(2), range(2, 12), range(12, 500)
"""Cases that every mutant runs through; more for those that are left; and most of all.

A low bit of a random word decides one rounding of many thousands.
"""
MANY = 50
"""Cases from which on it is worth the time to compile the golden model."""
WATCHED = range(8)
"""Cases that tell which registers of a mutant differ."""
LIMIT = 3
"""Times the cycles of the core as it is, after which a mutant hangs."""


@dataclass(frozen=True)
class Subject:
    """A network whose core is mutated.

    Parameters
    ----------
    name
        What it is called.
    plan, lanes, neurons
        Of the core.
    bus
        Whether it is on AXI: then the mutants are those of the buses.
    """

    name: str
    plan: Plan
    lanes: int
    neurons: int
    bus: bool = False

    def core(self) -> Any:
        """Return the core, new each time, for it can be elaborated but once."""
        kind = AxiCore if self.bus else Core
        return kind(self.plan, self.lanes, self.neurons)

    @contextlib.contextmanager
    def looked_at(self) -> Iterator[Any]:
        """Give a core that is not elaborated: it tells its regions and schedules."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnusedElaboratable)  # Nobody wants it itself.
            core = self.core()
            yield core
            del core
            gc.collect()

    def scripts(self, cases: Iterable[int]) -> list[Script]:
        """Return the scripts of some cases, by their numbers."""
        found, numbers = list[Script](), list(cases)
        kind = "python" if len(numbers) < MANY else "compiled"
        with self.looked_at() as core:
            for k in numbers:
                found += scripts(core, draw_case(self.plan, k, kind), first=16 * k)
            del core
        return found

    def draw(self, count: int, seed: int) -> Netlist:
        """Return its netlist and mutants of it."""
        return mutation.draw(self.core(), count, seed, mutation_axi.buses if self.bus else None)


@dataclass(frozen=True)
class Record:
    """What became of a mutant.

    Parameters
    ----------
    subject, number
        Which one.
    key
        Hash of the netlist and the list of its mutants: another one is another mutant.
    place, mode, source
        What it is.
    fate
        ``"killed"``, ``"equivalent"`` or ``"survived"``.
    by
        Who told: ``"lockstep"``, ``"cycles"`` (lockstep's count of them alone), ``"proof"`` ...
    detail
        What was seen, and where.
    """

    subject: str
    number: int
    key: str
    place: str
    mode: str
    source: str
    fate: Fate
    by: str
    detail: str = ""

    def data(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def record(
    subject: Subject, netlist: Netlist, number: int, fate: Fate, by: str, detail: str = ""
) -> Record:
    """Return the record of a mutant."""
    m = netlist.mutants[number - 1]
    where = (subject.name, number, netlist.key)
    return Record(*where, m.place, m.mode, m.source, fate, by, detail)


class Scripted:
    """The scripts of some cases of a core, in a file, checked with the core as it is.

    Raises
    ------
    MutationError
        If the core, unchanged, does not do as golden does, or takes other cycles than the model's.
    """

    def __init__(self, subject: Subject, driver: Path, cases: Iterable[int], path: Path) -> None:
        self.driver, self.path = driver, path
        self.scripts = subject.scripts(cases)
        mutation.write(self.scripts, path)
        counts = iter(mutation.counted(driver, path))
        self.cycles = 0
        for script in self.scripts:
            for k, part in enumerate(script.parts):
                busy = next(counts)
                self.cycles = max(self.cycles, 2 * len(part.words) + (busy[-1] if busy else 0))
                if part.cycles is None:
                    continue
                if busy[-1] != part.cycles:
                    raise mutation.MutationError(
                        f"Core {subject.name} must take {part.cycles} cycles, not {busy[-1]}"
                    )
                script.parts[k] = replace(part, busy=busy)
        mutation.write(self.scripts, path)

    def run(self, mutants: Sequence[int], *, blind: bool = False) -> Iterator[Verdict]:
        """Run mutants."""
        limit = LIMIT * self.cycles + 2000
        return mutation.run(self.driver, self.path, mutants, limit, blind=blind)

    def told(self, verdict: Verdict) -> str:
        """Return what a verdict saw, in words."""
        script = self.scripts[verdict.script]
        return f"{verdict.seen} {verdict.index} of part {verdict.part}: {script.name}"


def by_lockstep(
    subject: Subject,
    netlist: Netlist,
    numbers: Sequence[int],
    *,
    cases: Iterable[int] = CASES,
    blind: bool = False,
) -> Iterator[Record]:
    """Yield the records of the mutants that lockstep tells from the core.

    Parameters
    ----------
    numbers
        Of the mutants to run.
    cases
        Numbers of the cases that they run through.
    blind
        Whether nothing is compared: then none is told, which shows that the comparison counts.
    """
    if subject.bus:
        yield from _by_buses(subject, netlist, numbers, blind=blind)
        return
    driver = mutation.build(netlist)
    with TemporaryDirectory() as folder:
        scripted = Scripted(subject, driver, cases, Path(folder) / "scripts")
        for verdict in scripted.run(numbers, blind=blind):
            if verdict.seen != "same":
                by = "cycles" if verdict.seen == "cycles" else "lockstep"
                told = scripted.told(verdict)
                yield record(subject, netlist, verdict.mutant, "killed", by, told)


def _by_buses(
    subject: Subject,
    netlist: Netlist,
    numbers: Sequence[int],
    *,
    more: bool = False,
    blind: bool = False,
) -> Iterator[Record]:
    """Yield the records of the mutants that the benches of the buses tell from the core."""
    with subject.looked_at() as core:
        plays = mutation_axi.plays(core, more=more)
        del core
    for number, seen in mutation_axi.run(plays, netlist, numbers, blind=blind):
        yield record(subject, netlist, number, "killed", "lockstep", seen)


def by_more(subject: Subject, netlist: Netlist, numbers: Sequence[int]) -> Iterator[Record]:
    """Yield the records of the mutants that lockstep tells from the core in more cases."""
    if subject.bus:
        yield from _by_buses(subject, netlist, numbers, more=True)
        return
    yield from by_lockstep(subject, netlist, numbers, cases=MORE)


def by_most(subject: Subject, netlist: Netlist, numbers: Sequence[int]) -> Iterator[Record]:
    """Yield the records of the mutants that lockstep tells from the core in very many cases."""
    if not subject.bus:
        yield from by_lockstep(subject, netlist, numbers, cases=MOST)


def by_proof(subject: Subject, netlist: Netlist, numbers: Sequence[int]) -> Iterator[Record]:
    """Yield the records of the mutants that are proved to do what the core does."""
    mutants = [netlist.mutants[number - 1] for number in numbers]
    for number, how in equivalence.prove(netlist, mutants):
        yield record(subject, netlist, number, "equivalent", how)


def by_closer_proof(subject: Subject, netlist: Netlist, numbers: Sequence[int]) -> Iterator[Record]:
    """Yield the records of mutants that are proved, given which registers differ in runs."""
    if subject.bus:
        return
    mutants = [netlist.mutants[number - 1] for number in numbers]
    differ = partial(apart.registers, scripts=subject.scripts(WATCHED))
    for number, how in equivalence.prove_apart(netlist, mutants, differ):
        yield record(subject, netlist, number, "equivalent", how)


def by_twin(subject: Subject, netlist: Netlist, numbers: Sequence[int]) -> Iterator[Record]:
    """Yield the records of mutants in twins: killed by proof, or proved to equal the cell."""
    mutants = [netlist.mutants[number - 1] for number in numbers]
    for number, equal, cell in mutation_twins.decide(netlist, mutants):
        fate = "equivalent" if equal else "killed"
        yield record(subject, netlist, number, fate, "cell" if equal else "proof", cell)


def survivors(subject: Subject, netlist: Netlist, numbers: Sequence[int]) -> Iterator[Record]:
    """Yield the records of mutants that nothing killed."""
    for number in numbers:
        yield record(subject, netlist, number, "survived", "nobody")


STAGES = (by_lockstep, by_more, by_proof, by_twin, by_most, by_closer_proof)
"""What is done with a core's mutants, one after the other, with those that are left."""


def score(records: Iterable[Record]) -> tuple[Counter[str], float]:
    """Return how many mutants met which fate, and which share of the others was killed."""
    fates = Counter(one.fate for one in records)
    real = fates["killed"] + fates["survived"]
    return fates, fates["killed"] / real if real else 1.0
