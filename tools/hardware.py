"""``goldenspike bench hardware``: what cores take of an FPGA, how fast they are, and for how long.

Every figure counts all cycles of a tick, and is of the core without digests but for the cycles,
which are those of the simulated core with digests, compared with the golden model's:

- **synaptic operations a cycle**: all inputs at their highest, all weights too, nothing learned.
  The signals that are not 0, times the neurons that each goes to, by the cycles of a tick.
- **learning candidates a cycle**: of rules that learn every tick. Inputs at their highest in the
  first tick of a trial and silent after it, targets at their highest. The synapses of the rows that
  are visited (of neurons whose trace is not 0 at the end) by the mean cycles of a tick of a trial.
  Rules whose synapses keep traces visit all rows: then inputs are at their highest in all ticks,
  weights at the first, and what counts was learned and delivered.
- **idle tick**: cycles of a tick of a learning trial in which all inputs and targets are 0.
- **LUT4, DSP, RAM**: cells that Yosys counts: four-input tables (adders apart), multipliers, block
  RAMs (of 18 kbit on ECP5, 4 kbit on iCE40).
- **cells, MHz**: the logic cells that nextpnr places, tables and adders and table RAMs, and what
  the clock reaches after routing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tomli_w

from goldenspike.golden.network import read_network
from goldenspike.golden.parameters import check_keys, choice, nearest_word
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.planned import PASSES, UPDATE, PlannedProjection
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl.core import Core, check, check_lanes
from goldenspike.hdl.cycles import model as cycle_model
from goldenspike.hdl.shell import Shell
from goldenspike.tools import console, fpga, networks
from goldenspike.tools.console import InputError, input_errors
from goldenspike.tools.experiment import read_experiment, shipped

TABLE = Path(__file__).with_name("hardware.toml")
"""The committed figures, and those of others."""
WORSE = 0.10
"""By what share a figure may worsen."""
SEED, TRIALS = 1, 2
KEYS = ("device", "frequency", "lanes", "neurons", "network")
LANES, DEVICE, FREQUENCY = 8, "ecp5_85k", 50.0
"""Of the cores of experiments."""
CELLS = {
    "ecp5": ("LUT4", ("MULT18X18D",), ("DP16KD",), "TRELLIS_COMB"),
    "ice40": ("SB_LUT4", ("SB_MAC16",), ("SB_RAM40_4K", "SB_SPRAM256KA"), "ICESTORM_LC"),
}
"""By family: tables, multipliers and RAMs as Yosys calls them, logic cells as nextpnr does."""
HEADS = ("core", "lanes ", "ops ", "learn ", "idle ", "LUT4 ", "DSP ", "RAM ", "cells ", "MHz ")
LEGEND = (
    "lanes: synapses and neurons a cycle. ops, learn: synaptic operations and learning candidates "
    "a cycle. idle: cycles of a silent tick. LUT4, DSP, RAM: by Yosys. cells, MHz: logic cells and "
    "clock after routing. Cores without digests."
)


@dataclass(frozen=True)
class Design:
    """A core to measure.

    Parameters
    ----------
    name
        What it is called.
    plan, lanes, neurons
        Of the core.
    device
        One of :data:`~goldenspike.tools.fpga.DEVICES`.
    frequency
        What it should reach there, in MHz.
    """

    name: str
    plan: Plan
    lanes: int
    neurons: int
    device: str
    frequency: float


@dataclass(frozen=True)
class Figures:
    """What was measured; None where it was not, or where there is nothing to measure.

    Parameters
    ----------
    lanes, neurons
        Of the core.
    saturated, learning, idle
        Cycles of a tick: all inputs at their highest; learning, after such a tick or in such ones;
        silent.
    operations, candidates
        Synaptic operations and learning candidates of such a tick.
    lut4, dsp, ram
        Cells that Yosys counts.
    cells, fmax
        Logic cells that nextpnr places, and MHz after routing.
    """

    lanes: int
    neurons: int
    saturated: float
    operations: int
    idle: float
    lut4: int
    dsp: int
    ram: int
    learning: float | None = None
    candidates: int | None = None
    cells: int | None = None
    fmax: float | None = None

    def row(self, name: str) -> tuple[str, ...]:
        """Return the table's row."""
        rate = self.operations / self.saturated
        learned = "-"
        if self.learning is not None and self.candidates is not None:
            learned = f"{self.candidates / self.learning:.1f}"
        return (
            *(name, f"{self.lanes}, {self.neurons}", f"{rate:.2f}", learned, f"{self.idle:,.0f}"),
            *(f"{self.lut4:,}", str(self.dsp), str(self.ram)),
            *("-" if self.cells is None else f"{self.cells:,}",),
            *("-" if self.fmax is None else f"{self.fmax:.1f}",),
        )


COSTS = ("lut4", "saturated", "learning", "idle")
"""Figures that worsen as they grow; `fmax` does as it falls."""


def run(
    names: Sequence[str],
    *,
    everything: bool = False,
    routed: bool | None = None,
    update: bool = False,
) -> int:
    """Measure, print the table, compare; status 1 if a figure is worse than the committed one.

    Parameters
    ----------
    names
        Benchmark networks, shipped experiments or experiments' files; by default the networks.
    everything
        The networks and all shipped experiments that have a core.
    routed
        Whether cores are placed and routed; by default those of the benchmark's networks are.
    update
        Write what was measured to the committed table, instead of comparing.
    """
    fpga.yosys_version()
    with input_errors("bench hardware"):
        known = read_table(TABLE.read_text(encoding="utf-8"))
    chosen = list(names) or [*own(), *(shipped() if everything else ())]
    designs = []
    for name in chosen:
        try:
            designs.append(design(name))
        except InputError as error:
            if name in names:
                raise
            console.say(f"Left out: {error}")
    found = {}
    for one in designs:
        placing = one.name in own() if routed is None else routed
        found[one.name] = measure(one, placing=placing)
    rows = [figures.row(name) for name, figures in found.items()]
    rows += [tuple(peer) for peer in known.peers]
    console.show("Hardware", HEADS, rows)
    console.say(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}: {versions(designs)}")
    console.say(LEGEND)
    console.say(known.source)
    if update:
        TABLE.write_text(write_table(known, known.figures | found), encoding="utf-8")
        console.say(f"Written: {TABLE.name}")
        return 0
    lines = worse(found, known.figures)
    for line in lines:
        console.complain(line)
    return 1 if lines else 0


def own() -> dict[str, Path]:
    """Return the files of the benchmark's networks, by name."""
    folders = [Path(folder) for folder in networks.__path__]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def design(name: str) -> Design:
    """Return a benchmark network, or an experiment's core of 8 lanes.

    Raises
    ------
    InputError
        In one line, if there is none, or it is wrong, or has no core.
    """
    path = own().get(name)
    if path is None:
        if name not in shipped() and not name.endswith(".toml"):
            listed = [*own(), *shipped()]
            hint = nearest_word(name, listed)
            raise InputError(f"Core must be one of {', '.join(listed)}, not {name!r}{hint}")
        experiment = read_experiment(name)
        with input_errors(name):
            planned = plan(experiment.network)
            check(planned, LANES)
        return Design(experiment.name, planned, LANES, 1, DEVICE, FREQUENCY)
    with input_errors(name):
        return parse(name, path.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Design:
    """Return the benchmark network of a TOML text.

    Raises
    ------
    ValueError, TypeError
        In one line that names the key and the value.
    """
    data = tomllib.loads(text)
    check_keys("core", data, KEYS, KEYS)
    choice("Device", data["device"], tuple(fpga.DEVICES))
    check_lanes(data["lanes"], data["neurons"])
    planned = plan(read_network(data["network"]))
    return Design(
        name, planned, data["lanes"], data["neurons"], data["device"], float(data["frequency"])
    )


def measure(one: Design, *, placing: bool) -> Figures:
    """Synthesise a core, count its cycles, and place and route it if asked to."""
    device = fpga.DEVICES[one.device]
    lut, dsps, rams, logic = CELLS[device.family]
    core: Any = Core(one.plan, one.lanes, one.neurons, digest=False)
    cells = fmax = None
    with TemporaryDirectory() as name:
        folder = Path(name)
        with console.waiting(f"Yosys synthesises {one.name}"):
            counts = fpga.synthesise(core, device.family, folder).cells
        if placing:
            if device.few_pins:
                shell: Any = Shell(Core(one.plan, one.lanes, one.neurons, digest=False))
                with console.waiting(f"Yosys synthesises {one.name} behind few pins"):
                    fpga.synthesise(shell, device.family, folder)
            with console.waiting(f"nextpnr places and routes {one.name} (minutes)"):
                placed = fpga.place(folder, device, one.frequency)
            cells = placed.used[logic][0]
            fmax = round(min(reached for reached, _ in placed.clocks.values()), 2)
    with console.waiting(f"the cycles of {one.name}"):
        timed = cycles(one)
    return Figures(
        lanes=one.lanes,
        neurons=one.neurons,
        lut4=counts[lut],
        dsp=sum(counts.get(kind, 0) for kind in dsps),
        ram=sum(counts.get(kind, 0) for kind in rams),
        cells=cells,
        fmax=fmax,
        **timed,
    )


def cycles(one: Design) -> dict[str, Any]:
    """Return the cycles of ticks, and what is done in them, by the name of the figure."""
    planned = one.plan
    learns = planned.learns

    def seen(session: Session, shown: Stimulus, *, learning: bool) -> list[list[int]]:
        return ticks_of(one, session, shown, learning=learning)

    silent = seen(Session(planned, SEED), stimulus(planned, 0, 0), learning=learns)
    found: dict[str, Any] = {"idle": float(np.median(silent))}
    session = Session(planned, SEED)
    set_highest(session)
    shown = stimulus(planned, planned.ticks, planned.ticks)
    found["saturated"] = float(np.median(seen(session, shown, learning=False)))
    found["operations"] = operations(session)
    every = [q for q in planned.learners if learner_of(q).params.learns == "tick"]
    if every:
        session, high = Session(planned, SEED), 1
        if not all(learner_of(q).skips for q in every):
            set_highest(session)
            high = planned.ticks
        ticks = seen(session, stimulus(planned, high, planned.ticks), learning=True)[-1]
        found["learning"] = round(sum(ticks) / len(ticks), 2)
        found["candidates"] = sum(candidates(session, q) for q in every)
    return found


def ticks_of(one: Design, session: Session, shown: Stimulus, *, learning: bool) -> list[list[int]]:
    """Return the cycles of every tick of some trials, pass by pass, as the model counts them."""
    reward, more = one.plan.reward, {}
    flags = (PASSES | UPDATE if learning else 0,)
    if learning and reward is not None and reward.objective is None:
        # Errors from outside are there after the passes.
        flags, more = (PASSES, UPDATE), {"external": np.zeros((TRIALS, one.plan.passes), int)}
    run = session.learn if learning else session.evaluate
    activity = run(shown, [0] * TRIALS, watched=True, **more).activity
    return cycle_model(one.plan, one.lanes, one.neurons).trials(activity, flags).ticks


def learner_of(q: PlannedProjection) -> Any:
    """Return a projection's rule with eligibility traces."""
    return q.learner


def set_highest(session: Session) -> None:
    """Set all weights to their highest."""
    for q in session.plan.projections:
        if q.mirror is None:
            session.set_weights(q.name, highest(q))


def highest(q: PlannedProjection) -> np.ndarray:
    """Return the highest weights, raw, 0 from a neuron to itself where there are no such."""
    weights = np.full((q.pre.size, q.post.size), q.weight.high)
    if not q.description.self_connections and q.pre is q.post:
        np.fill_diagonal(weights, 0)
    return weights


def stimulus(planned: Plan, ticks: int, target_ticks: int) -> Stimulus:
    """Return a sample with inputs and targets at their highest in so many ticks, and then 0."""
    delivering = {q.pre.name for q in planned.projections}
    inputs = {}
    for p in planned.sources:
        high = ticks if p.name in delivering else target_ticks
        inputs[p.name] = np.zeros((1, planned.ticks, p.size), np.int64)
        inputs[p.name][:, :high] = p.signal.high
    reward = planned.reward
    if reward is None or reward.objective is None:
        return Stimulus(inputs)
    shape = (planned.ticks,) if reward.targets_every_tick else ()
    return Stimulus(inputs, np.zeros((1, *shape, reward.readout.size), np.int64))


def operations(session: Session) -> int:
    """Return the synaptic operations of a tick as the last one was, its inputs at their highest."""
    planned = session.plan
    active = {p.name: p.size for p in planned.sources}
    active |= {p.name: int(np.count_nonzero(session.signals(p.name))) for p in planned.neurons}
    return sum(active[q.pre.name] * q.post.size for q in planned.projections)


def candidates(session: Session, q: PlannedProjection) -> int:
    """Return the synapses that a rule visited in the last tick, at least."""
    rows = q.pre.size
    if learner_of(q).skips:
        traces = [
            session.arrays[name] for name in session.arrays if name.startswith(f"{q.name}.pre_")
        ]
        rows = int(np.count_nonzero(np.any([trace != 0 for trace in traces], axis=0)))
    own_synapses = 0 if q.description.self_connections else rows
    return rows * q.post.size - own_synapses


def versions(designs: Iterable[Design]) -> str:
    """Return the versions of the tools, in words."""
    families = sorted({fpga.DEVICES[one.device].family for one in designs})
    used = [f"Yosys {fpga.yosys_version()}"]
    used += [f"nextpnr-{family} {fpga.version(f'nextpnr-{family}')}" for family in families]
    return ", ".join(used)


@dataclass(frozen=True)
class Table:
    """The committed figures, by core; rows of other cores, and where those are from."""

    figures: dict[str, Figures]
    peers: list[list[str]]
    source: str


def read_table(text: str) -> Table:
    """Return the table of a TOML text.

    Raises
    ------
    ValueError, TypeError
        If it is none.
    """
    data = tomllib.loads(text)
    check_keys("table", data, ("source", "peers", "figures"), ("source", "peers", "figures"))
    fields = [field.name for field in dataclasses.fields(Figures)]
    needed = [f.name for f in dataclasses.fields(Figures) if f.default is dataclasses.MISSING]
    for name, given in data["figures"].items():
        check_keys(f"figures of {name}", given, fields, needed)
    figures = {name: Figures(**given) for name, given in data["figures"].items()}
    return Table(figures, data["peers"], data["source"])


def write_table(known: Table, figures: dict[str, Figures]) -> str:
    """Return the TOML text that :func:`read_table` reads."""
    written = {
        name: {k: v for k, v in dataclasses.asdict(one).items() if v is not None}
        for name, one in sorted(figures.items())
    }
    return tomli_w.dumps({"source": known.source, "peers": known.peers, "figures": written})


def worse(found: dict[str, Figures], known: dict[str, Figures]) -> list[str]:
    """Return a line for each figure that is worse than the committed one by more than a tenth."""
    lines = []
    for name, now in found.items():
        before = known.get(name)
        if before is None:
            continue
        for what in (*COSTS, "fmax"):
            old, new = getattr(before, what), getattr(now, what)
            if not old or new is None:
                continue
            change = 1 - new / old if what == "fmax" else new / old - 1
            if change > WORSE:
                noun = f"{what.capitalize()} of {name}"
                lines.append(f"{noun} must be that of the table, {old:g}, or near it, not {new:g}")
    return lines
