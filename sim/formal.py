"""Formal checks: what is claimed of hardware holds for all inputs, memories and times.

A bench wraps a unit, drives it with anything that its contract allows, and claims properties. It
goes through RTLIL and Yosys to a circuit of gates and registers, which ABC, a part of Yosys,
checks: by induction (property directed reachability: `pdr`) for all time, or from the reset on for
a number of cycles (`bmc3`). What a bench must reach is checked too: a claim about nothing is none.

Memories begin with arbitrary contents. The twins of cells are cut: their outputs are anything in
every cycle, so what is proved of a unit holds whatever its cells compute, and the proof does not
depend on formats. That they compute what they should is :mod:`goldenspike.sim.proof`'s part.
"""

from __future__ import annotations

import importlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal, Value

from goldenspike.hdl import yosys
from goldenspike.sim import aiger

if TYPE_CHECKING:
    from collections.abc import Callable

hdl: Any = importlib.import_module("amaranth.hdl")
asserts: Any = importlib.import_module("amaranth.asserts")
"""Amaranth's properties, which its type stubs do not know as they are."""
Status = Literal["proved", "bounded", "failed", "unreached", "unknown"]
TIMEOUT_S = 240
REACH = 400
"""Cycles within which a bench must reach what it must."""
TOP = "bench"
SMALLER = "dc2; scorr; dc2"
"""Registers that are always equal become one: induction then takes a fraction of the time."""
INDUCTIONS = (
    ("pdr", 0.04),
    (f"{SMALLER}; pdr -s", 0.04),
    (f"{SMALLER}; pdr", 0.04),
    (f"{SMALLER}; pdr -n", 0.04),
    (f"{SMALLER}; pdr -s", 0.2),
    ("pdr", 0.2),
    (f"{SMALLER}; pdr -r", 0.2),
    ("pdr -y", 0.2),
)
"""What is tried one after the other, each for a share of the time: which one is quick is luck."""

PREPARE = """read_rtlil bench.il
hierarchy -top {top}
{cut}
proc
flatten
opt_clean
chformal -lower
memory_collect
async2sync
dffunmap
opt_clean
formalff -setundef -clk2ff -ff2anyinit
setundef -undriven -anyseq
select -set named w:* w:$* w:*.* %u %d
expose @named
opt -full
memory_map -formal
formalff -clk2ff -ff2anyinit
techmap
opt -fast
simplemap
dffunmap
aigmap
opt_clean
setundef -undriven -anyseq
design -save ready
"""
WRITE = """design -load ready
{chosen}
write_aiger -I -B -zinit -no-startoffset -map {name}.aim {name}.aig
"""
CHOSEN = {
    "claims": "chformal -cover -remove",
    "goals": "chformal -assert -remove\nchtype -set $assert t:$cover",
}
# ABC runs inside the pass that maps logic; that maps this gate in the end, which nobody needs.
ENGINE = """read_rtlil gate.il
abc -script engine.abc
"""
GATE = """module \\gate
  wire input 1 \\a
  wire input 2 \\b
  wire output 3 \\y
  cell $_AND_ \\both
    connect \\A \\a
    connect \\B \\b
    connect \\Y \\y
  end
end
"""
MAPPED = """.model netlist
.inputs ys__n0 ys__n1
.outputs ys__n2
.names ys__n0 ys__n1 ys__n2
11 1
.end
"""


class Bench(Elaboratable):
    """What drives a unit, and what is claimed of it: one that derives from it says so in `build`.

    `build` adds to the module `m`. Every signal that it names is shown with a counterexample.
    A unit that brings a domain has the bench in it: then `clock` is the unit's own.
    """

    def __init__(self) -> None:
        self.free: list[str] = []
        self.domain: Any = ClockDomain("sync", reset_less=True)
        self.clock: Any = self.domain.clk
        self.claims: list[str] = []
        self.goals = 0
        self.m = Module()

    def build(self, m: Module) -> None:
        """Add the unit, what drives it, and the claims."""
        raise NotImplementedError

    def elaborate(self, platform: Any) -> Module:
        if self.clock is self.domain.clk:
            self.m.domains += self.domain
        self.build(self.m)
        return self.m

    def claim(self, name: str, condition: Any) -> None:
        """Claim that a condition holds in every cycle."""
        holds = Signal(name=name)
        self.claims.append(name)
        self.m.d.comb += [holds.eq(condition), hdl.Assert(holds)]

    def suppose(self, condition: Any) -> None:
        """Take it that a condition holds in every cycle."""
        self.m.d.comb += hdl.Assume(condition)

    def reach(self, condition: Any) -> None:
        """Say that a condition must hold in some cycle of some run: what is claimed happens."""
        self.goals += 1
        goal = Signal(name="goal")
        self.m.d.comb += [goal.eq(condition), hdl.Cover(goal)]

    def anything(self, name: str, kind: Any = 1) -> Signal:
        """Return a signal that is anything in every cycle."""
        signal = Signal(kind, name=name)
        self.m.d.comb += signal.eq(asserts.AnySeq(len(signal)))
        return signal

    def something(self, name: str, kind: Any = 1) -> Signal:
        """Return a signal that is anything, and always the same; below its range if it has one."""
        signal = Signal(kind, name=name)
        self.m.d.comb += signal.eq(asserts.AnyConst(len(signal)))
        if isinstance(kind, range):
            self.suppose(signal < kind.stop)
        return signal

    @staticmethod
    def opened(unit: Any) -> Module:
        """Elaborate a unit, now and only once: its memories and parts can be looked at."""
        module = unit.elaborate(None)
        unit.elaborate = lambda platform: module
        return module

    def released(self, name: str, unit: Any) -> None:
        """Add a unit whose outputs are anything in every cycle."""
        self.m.submodules[name] = unit
        self.free.append(f"{TOP}.{name}")

    def before(self, value: Any, name: str, *, initially: int = 0) -> Signal:
        """Return a value as it was a cycle ago."""
        value = Value.cast(value)
        register = Signal(value.shape(), name=name, init=initially)
        self.m.d.sync += register.eq(value)
        return register


@dataclass(frozen=True)
class Property:
    """A bench, and for how long its claims are checked.

    Parameters
    ----------
    name
        What it is called.
    make
        Makes the bench.
    depth
        Cycles from the reset on; None for all time.
    """

    name: str
    make: Callable[[], Bench]
    depth: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a property.

    Parameters
    ----------
    name
        Of the property.
    status
        ``"proved"`` for all time or ``"bounded"`` for `depth` cycles, else it is not shown:
        ``"failed"`` with a counterexample, ``"unreached"`` if its goal cannot be, or ``"unknown"``
        if the time was not enough.
    depth
        Cycles that are known to be right; of a failure, those until it.
    seconds
        Time that it took.
    registers, gates
        Of the circuit.
    broken
        The claims that a counterexample breaks.
    trace
        The counterexample: named values, cycle by cycle.
    """

    name: str
    status: Status
    depth: int
    seconds: float
    registers: int
    gates: int
    broken: tuple[str, ...] = ()
    trace: dict[str, list[int]] | None = None

    @property
    def shown(self) -> bool:
        """Whether the claims hold, as far as they are checked, and speak of something."""
        return self.status in ("proved", "bounded")

    @property
    def result(self) -> str:
        """The status in words."""
        if self.status == "bounded":
            return f"{self.depth} cycles"
        return self.status

    def __str__(self) -> str:
        if self.trace is None:
            return f"{self.name}: {self.status} after {self.seconds:.1f} s"
        head = f"{self.name}: {', '.join(self.broken)} is false in cycle {self.depth - 1}"
        return f"{head}\n{table(self.trace)}"


def table(trace: dict[str, list[int]], columns: int = 24) -> str:
    """Return the last cycles of a trace, in hex: the bench's own signals that are not always 0."""
    named = {name: values for name, values in trace.items() if not re.search(r"[.$\\]|__", name)}
    shown = {name: values for name, values in named.items() if len({0, *values}) > 1}
    count = max((len(values) for values in shown.values()), default=0)
    first = max(count - columns, 0)
    rows = {"cycle": list(range(count)), **dict(sorted(shown.items()))}
    cells = {name: [f"{value:x}" for value in values[first:]] for name, values in rows.items()}
    cells["cycle"] = [str(k) for k in range(first, count)]
    widths = [max(len(row[k]) for row in cells.values()) for k in range(count - first)]
    margin = max(map(len, cells))
    return "\n".join(
        f"  {name:{margin}} " + " ".join(f"{v:>{w}}" for v, w in zip(row, widths, strict=True))
        for name, row in cells.items()
    )


def _source(bench: Bench) -> tuple[str, list[str]]:
    """Return a bench as RTLIL, memories without contents, and the modules of its twins."""
    text = yosys.netlist(bench, TOP, ports=[bench.clock])
    if not bench.claims or bench.goals != 1:
        raise ValueError(
            f"Bench must claim something and have one goal, not {bench.claims} and {bench.goals}"
        )
    text = re.sub(
        r"\n  (attribute [^\n]*\n  )*cell \$meminit_v2 .*?\n  end\n", "\n", text, flags=re.DOTALL
    )
    modules = re.findall(r"^module \\(\S+)\n(.*?)^end\n", text, re.DOTALL | re.MULTILINE)
    still = [
        name for name, body in modules if not re.search(r"^  wire .*\\clk$", body, re.MULTILINE)
    ]
    return text, still


def _engine(folder: Path, circuit: str, command: str) -> tuple[str, int, list[str]]:
    """Run ABC on a circuit: return its answer, the cycles that it knows, and a counterexample."""
    answer, steps = folder / "status.txt", folder / "steps.aiw"
    for file in (answer, steps):
        file.unlink(missing_ok=True)
    script = [
        f"read_aiger {circuit}",
        *("fold", "strash", command, "write_status status.txt", "write_cex -a steps.aiw"),
        *("read_blif mapped.blif", "strash", "map"),
    ]
    (folder / "engine.abc").write_text("\n".join([*script, ""]), encoding="utf-8")
    yosys.run(ENGINE, folder)
    head = answer.read_text(encoding="utf-8").split()
    found: list[str] = []
    if head[0] == "snl_SAT":
        lines = steps.read_text(encoding="utf-8").split("\n")[1:]
        found = [line for line in lines if line and set(line) <= {"0", "1"}]
    return head[0], int(head[1]), found


def check(one: Property, folder: Path | None = None, timeout_s: int = TIMEOUT_S) -> Outcome:
    """Check a property.

    Parameters
    ----------
    one
        The property.
    folder
        Where the files go; None for a temporary one.
    timeout_s
        Time limit of an engine.

    Raises
    ------
    RuntimeError
        If a counterexample, run on the circuit, breaks no claim.
    """
    if folder is None:
        with TemporaryDirectory() as name:
            return check(one, Path(name), timeout_s)
    begin = time.perf_counter()
    bench = one.make()
    text, still = _source(bench)
    cut = "\n".join(f"cutpoint {module}" for module in (*still, *bench.free))
    for name, content in (("bench.il", text), ("gate.il", GATE), ("mapped.blif", MAPPED)):
        (folder / name).write_text(content, encoding="utf-8")
    script = PREPARE.format(top=TOP, cut=cut)
    script += "".join(WRITE.format(name=n, chosen=chosen) for n, chosen in CHOSEN.items())
    yosys.run(script, folder)
    for name in CHOSEN:
        data = (folder / f"{name}.aig").read_bytes()
        (folder / f"{name}_only.aig").write_bytes(aiger.without_outputs(data))
    circuit = aiger.read((folder / "claims.aig").read_bytes())

    def outcome(status: Status, depth: int, **more: Any) -> Outcome:
        seconds = time.perf_counter() - begin
        sizes = len(circuit.latches), len(circuit.gates)
        return Outcome(one.name, status, depth, seconds, *sizes, **more)

    commands = [f"{c} -T {max(int(s * timeout_s), 1)}" for c, s in INDUCTIONS]
    if one.depth:
        commands = [f"{SMALLER}; bmc3 -F {one.depth} -T {timeout_s}"]
    answer, known, steps = "", 0, []
    for command in commands:
        answer, known, steps = _engine(folder, "claims_only.aig", command)
        if answer != "snl_UNK":
            break
    if steps:
        if not one.depth:  # The shortest one is the best to look at.
            _, _, shortest = _engine(folder, "claims_only.aig", f"bmc3 -F {len(steps)} -T 20")
            steps = shortest or steps
        values = circuit.run(steps)
        named = aiger.traces(circuit, (folder / "claims.aim").read_text(encoding="utf-8"), values)
        broken = tuple(name for name in bench.claims if not named.get(name, [1])[-1])
        allowed = all(step[literal] for step in values for literal in circuit.constraints)
        if not broken or not allowed:
            raise RuntimeError(f"Counterexample of {one.name} must break a claim: it does not")
        return outcome("failed", len(steps), broken=broken, trace=named)
    known += 1  # ABC says the last cycle, counted from 0.
    if answer != "snl_UNSAT" and not (one.depth and known >= one.depth):
        return outcome("unknown", known)
    search = f"{SMALLER}; bmc3 -F {REACH} -T {timeout_s}"
    _, _, reached = _engine(folder, "goals_only.aig", search)
    if not reached:
        return outcome("unreached", known)
    return outcome("bounded" if one.depth else "proved", known)
