"""One random case after the other in lockstep: what became of each.

Whatever ``plan`` accepts and :func:`goldenspike.hdl.core.check` does not refuse must have a core,
and that core must compute golden's bits in exactly the cycles that the model of cycles says.
"""

from __future__ import annotations

import time
import traceback
from dataclasses import asdict, dataclass
from typing import Any

from goldenspike.hdl import cycles
from goldenspike.sim.cases import Case, random_case
from goldenspike.sim.corners import Bin
from goldenspike.sim.coverage import aimed_case
from goldenspike.sim.lockstep import Report, lockstep, prepare
from goldenspike.sim.toolchain import Simulator

QUICK = 10
"""One small case in so many runs on Verilator, whose builds take longer; larger ones always do."""


@dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Parameters
    ----------
    status
        ``"equal"``, ``"differs"`` or ``"crashed"``.
    what
        The first write that differs, or the error; nothing if all is equal.
    refused
        Networks that were drawn before, and refused.
    cycles, ticks
        Of the whole run.
    """

    seed: int
    status: str
    what: str
    size: str = ""
    simulator: str = ""
    lanes: int = 0
    neurons: int = 0
    refused: int = 0
    ticks: int = 0
    cycles: int = 0
    seconds: float = 0.0

    def data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def simulator_of(case: Case) -> Simulator:
    """Return the simulator that a case runs in, unless another one is asked for."""
    many = case.size != "small" or case.lanes > 8
    return "verilator" if many or case.seed % QUICK == 0 else "icarus"


class _Caught:
    """Keeps whatever error ends its block: it is what is looked for."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
        return self.error is not None


class CyclesError(RuntimeError):
    """A core took other cycles than the model of cycles says."""


def check(case: Case, simulator: Simulator) -> Report:
    """Run a case in lockstep, streams stalling, and compare its cycles with their model.

    Raises
    ------
    CyclesError
        If they are others; runs of one kind, without resets, are compared.
    """
    shown: dict[str, Any] = {"lanes": case.lanes, "neurons": case.neurons}
    built = prepare(case.plan, case.lanes, simulator, neurons=case.neurons, power_up=case.power_up)
    count = _cycles(case)
    found = lockstep(
        case.session.copy(),
        case.stimulus,
        case.samples,
        simulator=simulator,
        runs=case.runs,
        external=case.external,
        overwritten=case.overwritten,
        built=built,
        **shown,
    )
    if count is not None and found.mismatch is None and count != found.busy:
        raise CyclesError(f"Core must take {count} cycles, not {found.busy}")
    return found


def _cycles(case: Case) -> int | None:
    """Return the cycles of a case's runs by their model, which knows those of one kind."""
    session, stimulus = case.session.copy(), case.stimulus
    shown: dict[str, Any] = {"lanes": case.lanes, "neurons": case.neurons}
    kinds = {run.kind for run in case.runs}
    if kinds in ({"learn"}, {"split"}):
        shown |= {"external": case.external, "split": kinds == {"split"}}
        return cycles.of_learning(session, stimulus, case.samples, **shown).cycles
    if kinds == {"plain"}:
        samples = [run.sample for run in case.runs]
        seen = session.evaluate(stimulus, samples, watched=True).activity
        return cycles.model(case.plan, **shown).trials(seen, (0,)).cycles
    return None


def run(
    seed: int,
    size: str | None = None,
    simulator: Simulator | None = None,
    kind: str | None = None,
    aim: Bin | None = None,
) -> Verdict:
    """Run a random case, one that is in a bin if asked, and say what became of it."""
    begin = time.monotonic()
    known: dict[str, Any] = {}
    status, what = "equal", ""
    with _Caught() as caught:
        case = random_case(seed, size, kind) if aim is None else aimed_case(seed, aim, size)
        one = simulator or simulator_of(case)
        known = {"size": case.size, "simulator": one, "refused": case.refused}
        known |= {"lanes": case.lanes, "neurons": case.neurons}
        found = check(case, one)
        known |= {"ticks": found.ticks, "cycles": found.cycles}
        if found.mismatch is not None:
            status, what = "differs", str(found.mismatch)
    if caught.error is not None:
        last = traceback.extract_tb(caught.error.__traceback__)[-1]
        place = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
        status, what = "crashed", f"{type(caught.error).__name__} at {place}: {caught.error}"
    return Verdict(seed, status, what, **known, seconds=round(time.monotonic() - begin, 1))
