"""Mutants of the buses of a core on AXI, run by the benches of :mod:`goldenspike.sim.axi`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from goldenspike.sim import axi, axi_plays, mutation, simulators
from goldenspike.sim.mutation_scripts import draw_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from goldenspike.hdl.bus.core import AxiCore
    from goldenspike.sim.mutation import Mutant, Netlist

LIMIT = 400_000
"""Cycles after which a bench hangs: the longest takes a quarter."""
TIMEOUT_S = 900.0


class Play(NamedTuple):
    """A bench, and what must come of it.

    Parameters
    ----------
    testcase, seed, parameters
        Of the bench.
    differs
        Returns one word that names the wrong part of the bench's report, or an empty text.
    """

    testcase: str
    seed: int
    parameters: dict[str, Any]
    differs: Callable[[dict[str, Any]], str]


def _told(made: axi.Trials, found: dict[str, Any]) -> str:
    """Return what of some trials is not golden's."""
    compared = made.compared(found).items()
    return next((name for name, (seen, right) in compared if seen != right), "")


def plays(core: AxiCore, *, more: bool = False) -> list[Play]:
    """Return the plays that all mutants see, or `more` for those that are left."""

    def trials(testcase: str, seed: int, *, streamed: bool, **given: Any) -> Play:
        case = draw_case(core.plan, seed)
        made = axi.trials(
            *(core, case.session, case.stimulus, [0, 1, 1]),
            streamed=streamed,
            external=None if case.external is None else case.external[:3],
            split=core.plan.episodic and seed % 2 > 0,
        )
        return Play(testcase, seed, {**made.parameters, **given}, partial(_told, made))

    def plain(testcase: str, seed: int, given: dict[str, Any]) -> Play:
        return Play(testcase, seed, given, lambda found: "")

    described, packets = axi_plays.described(core), axi_plays.packets(core)
    resetting = {"resets": 12, "within": 4000, "run": 350}
    if not more:
        return [
            trials("trials", 0, streamed=True),
            plain("windows", 3, described),
            plain("packets", 1, packets),
            plain("illegal", 3, described),
        ]
    return [
        *(trials("trials", seed, streamed=seed % 2 > 0) for seed in range(1, 5)),
        *(trials("resets", seed, streamed=seed % 2 > 0, **resetting) for seed in range(2)),
        *(plain("windows", seed, described) for seed in range(4, 6)),
        *(plain("packets", seed, packets) for seed in range(2, 4)),
    ]


def build(netlist: Netlist) -> simulators.Build:
    """Return the simulation of a netlist with all of its mutants."""
    sources = [("core.v", mutation.verilog(netlist))]
    return simulators.build(sources, mutation.TOP, "verilator", loops=True)


def buses(mutant: Mutant) -> bool:
    """Return whether a mutant is of what only cores on buses have."""
    inner = f"{mutation.TOP}.core"
    module = mutant.module
    return not (module == inner or module.startswith(f"{inner}.")) or ".report_" in module


def run(
    given: Sequence[Play], netlist: Netlist, numbers: Sequence[int], *, blind: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield the numbers of the mutants that a bench tells from the core, and what it saw.

    Raises
    ------
    MutationError
        If a bench fails with the core as it is.
    """
    built = build(netlist)
    for number in (0, *numbers):
        for play in given:
            seen = "" if blind and number else _seen(built, play, number)
            if seen and not number:
                raise mutation.MutationError(f"Core must pass {play.testcase}, but: {seen}")
            if seen:
                yield number, f"{play.testcase} {play.seed}: {seen}"
                break


def _seen(built: simulators.Build, play: Play, mutant: int) -> str:
    """Return what a bench says of a mutant; nothing if all is well."""
    given = {**play.parameters, "mutant": mutant, "limit": LIMIT}
    try:
        found = simulators.run(
            *(built, axi.BENCH),
            testcase=play.testcase,
            parameters=given,
            seed=play.seed,
            timeout_s=TIMEOUT_S,
        )
    except simulators.SimulationError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        return (lines[1] if len(lines) > 1 and "failed in" in lines[0] else lines[0])[:100]
    return play.differs(found)
