"""Mutants of a core: single faults in its netlist, and whether lockstep sees them.

Yosys draws the faults: a bit of a cell's port is inverted, constant, or mixed with another. All
of a core's mutants go into one netlist with an input that chooses one, so that a simulation is
built once. A mutant is killed if the core that has it differs from the golden model in a digest, in
a word that is read back, or in the cycles that the model of cycles tells.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from amaranth.hdl import Value
from amaranth.lib.wiring import In

from goldenspike import hdl
from goldenspike.golden.cache import cache_root
from goldenspike.hdl import yosys
from goldenspike.hdl.cell import Twin
from goldenspike.sim.power_up import scramble
from goldenspike.sim.toolchain import LOOPS_OPTIONS, environment, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from goldenspike.sim.mutation_scripts import Script

ir: Any = importlib.import_module("amaranth.hdl._ir")
"""Amaranth's designs, which tell what became of each component; its converter asks them as well."""
TOP = "core"
CONTROL = "mutant"
CONTROL_BITS = 16
LOOPS = "/* verilator lint_off UNOPTFLAT */\n"
"""Of words whose bits depend on each other, which a mutant may make."""
POWER_UP = 1
"""Seed of what memories hold at first."""
DRIVER = Path(__file__).parent / "benches" / "mutants.cpp"
BUILD_S, RUN_S = 1800.0, 600.0
"""Time limits in seconds, of a build and of the run of one mutant."""
PREPARE = """read_rtlil core.il
proc
memory_collect
write_rtlil netlist.il
mutate -list {count} -seed {seed} -o mutants.txt
"""
APPLY = """read_rtlil netlist.il
{mutants}
attrmap -remove generator -remove top -remove src -remove amaranth.hierarchy \
-remove amaranth.decoding
attrmap -modattr -remove generator -remove top -remove src -remove amaranth.hierarchy
write_verilog -norename core.v
"""
SIMULATE = (
    *("--cc", "--exe", "--build", "--top-module", TOP, "--prefix", f"V{TOP}", "-Mdir", "object"),
    *(
        "-Wno-lint",
        "-Wno-style",
        "-Wno-fatal",
        "-O3",
        *LOOPS_OPTIONS,
        "-CFLAGS",
        "-std=c++20 -DVL_USER_FATAL",
    ),
    *("-o", "driver"),
)


class MutationError(RuntimeError):
    """Mutants could not be made or run, or the core without a mutant fails."""


@dataclass(frozen=True)
class Mutant:
    """A fault of a netlist.

    Parameters
    ----------
    number
        From 1 on; 0 is the core as it is.
    mode
        What becomes of the bit: ``"inv"``, ``"const0"``, ``"const1"``; ``"cnot0"`` and ``"cnot1"``
        invert it where another bit of the port is 0 or 1.
    module, cell, port, bit
        Where: the module's name is the path of the unit.
    control
        The other bit of the port, or None.
    wire
        The nearest named signal, with the number of its bit; may be empty.
    sources
        Places in the source, as ``"hdl/units/visit.py:35"``: of the signal, then of the cell.
    """

    number: int
    mode: str
    module: str
    cell: str
    port: str
    bit: int
    control: int | None
    wire: str
    sources: tuple[str, ...]

    @property
    def source(self) -> str:
        """The place in the source of the project that is nearest to it; may be empty."""
        own = [place for place in self.sources if place.startswith("hdl/")]
        return own[-1] if own else self.sources[-1] if self.sources else ""

    @property
    def place(self) -> str:
        """The module, and the cell's port or the signal."""
        signal = f" ({self.wire})" if self.wire else ""
        return f"{self.module} {self.cell}.{self.port}[{self.bit}]{signal}"

    def command(self, number: int | None = None) -> str:
        """Return the command of Yosys that makes it, if the control is `number` or None."""
        chosen = "" if number is None else f" -ctrl {CONTROL} {CONTROL_BITS} {number}"
        return self.at(self.module, self.cell) + chosen

    def at(self, module: str, cell: str) -> str:
        """Return the command of Yosys that makes the same fault at another cell."""
        other = "" if self.control is None else f" -ctrlbit {self.control}"
        return (
            f"mutate -mode {self.mode} -module {module} -cell {cell}"
            f" -port {self.port} -portbit {self.bit}{other}"
        )


class Netlist(NamedTuple):
    """A core's netlist as RTLIL, mutants of it, and its twins by the names of their modules."""

    text: str
    mutants: tuple[Mutant, ...]
    twins: dict[str, Twin]

    @property
    def key(self) -> str:
        """A hash of both."""
        parts = [self.text, *(mutant.command(mutant.number) for mutant in self.mutants)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


SEEN = ("digest", "answer", "cycles", "hangs", "fault", "stream", "unsettled")
"""What may be seen of a mutant, if anything."""


class Verdict(NamedTuple):
    """What a simulation says of a mutant.

    Parameters
    ----------
    mutant
        Its number.
    seen
        ``"same"`` if nothing differs; else ``"digest"``, ``"answer"`` (a word that was read back),
        ``"cycles"``, ``"hangs"``, ``"fault"``, ``"stream"`` (an offered word changed), or
        ``"unsettled"`` (a loop of logic).
    script, part, index
        Which script and part of it, and which digest or word, counted from 0.
    """

    mutant: int
    seen: str
    script: int
    part: int
    index: int


def relative(text: str) -> str:
    """Return RTLIL whose places in the source do not tell where the project is."""
    root = str(Path(str(hdl.__path__[0])).resolve().parent)

    def short(found: re.Match[str]) -> str:
        places = found[1].split("|")
        kept = [
            re.sub(r"^.*/(site-packages|python3[.]\d+)/", "", p.removeprefix(f"{root}/"))
            for p in places
        ]
        return f'attribute \\src "{"|".join(kept)}"'

    return re.sub(r'attribute \\src "([^"]*)"', short, text)


def _read(line: str) -> Mutant:
    """Return the mutant of a line of Yosys' list, without its number."""
    words = line.split()[1:]
    fields: dict[str, list[str]] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        fields.setdefault(name.removeprefix("-"), []).append(value)

    def first(name: str) -> str:
        return fields.get(name, [""])[0]

    wire = first("wire").removeprefix("\\")
    return Mutant(
        *(0, first("mode"), first("module"), first("cell"), first("port")),
        bit=int(first("portbit")),
        control=int(first("ctrlbit")) if "ctrlbit" in fields else None,
        wire=f"{wire}[{first('wirebit')}]" if wire else "",
        sources=tuple(place for value in fields.get("src", []) for place in value.split("|")),
    )


def elaborated(core: Any) -> tuple[str, dict[str, Twin]]:
    """Return a core as RTLIL, and its twins by the names of their modules."""
    ports = {}
    for path, member, value in core.signature.flatten(core):
        way = ir.PortDirection.Input if member.flow is In else ir.PortDirection.Output
        ports["__".join(map(str, path))] = (Value.cast(value), way)
    design = ir.Fragment.get(core, None).prepare(ports=ports, hierarchy=(TOP,))
    text, _ = yosys.rtlil.convert_fragment(design, name=TOP, emit_src=True)
    parts = design.elaboratables.items()
    twins = {
        ".".join(design.fragments[part].name): unit
        for unit, part in parts
        if isinstance(unit, Twin)
    }
    return text, twins


def draw(
    core: Any, count: int, seed: int, among: Callable[[Mutant], bool] | None = None
) -> Netlist:
    """Return the netlist of a core, and mutants of it.

    Parameters
    ----------
    core
        Will be elaborated.
    count
        How many mutants.
    seed
        Of which; Yosys prefers places in the source, signals and bits that have none yet.
    among
        Whether a mutant may be one of them; by default all may. More are drawn then.
    """
    more = 1 if among is None else 5
    with TemporaryDirectory() as name:
        folder = Path(name)
        text, twins = elaborated(core)
        (folder / "core.il").write_text(relative(text), encoding="utf-8")
        yosys.run(PREPARE.format(count=more * count, seed=seed), folder)
        lines = (folder / "mutants.txt").read_text(encoding="utf-8").splitlines()
        drawn = [_read(line) for line in lines]
        chosen = [one for one in drawn if among is None or among(one)][:count]
        mutants = tuple(replace(one, number=k) for k, one in enumerate(chosen, 1))
        return Netlist((folder / "netlist.il").read_text(encoding="utf-8"), mutants, twins)


def verilog(netlist: Netlist) -> str:
    """Return a netlist with all of its mutants as Verilog; memories hold anything at first."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "netlist.il").write_text(netlist.text, encoding="utf-8")
        commands = "\n".join(mutant.command(mutant.number) for mutant in netlist.mutants)
        yosys.run(APPLY.format(mutants=commands), folder)
        return LOOPS + scramble((folder / "core.v").read_text(encoding="utf-8"), POWER_UP)


def build(netlist: Netlist, cache: Path | None = None) -> Path:
    """Return the simulation of a netlist with all of its mutants, made or found in the cache.

    Raises
    ------
    MutationError
        With the end of the compiler's log.
    """
    tools = [*identity("verilator"), DRIVER.read_text(encoding="utf-8"), APPLY, *SIMULATE]
    key = hashlib.sha256("\n".join([*tools, netlist.key]).encode()).hexdigest()[:20]
    cache = (cache or cache_root() / "mutation").resolve()
    driver = cache / key / "driver"
    if driver.exists():
        return driver
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        (folder / "core.v").write_text(verilog(netlist), encoding="utf-8")
        shutil.copyfile(DRIVER, folder / DRIVER.name)
        variables = environment(cache / "objects" / hashlib.sha256(str(tools).encode()).hexdigest())
        verilator = Path(variables["VERILATOR_ROOT"]) / "bin" / "verilator"
        done = subprocess.run(
            [str(verilator), *SIMULATE, "core.v", DRIVER.name],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=BUILD_S,
            check=False,
        )
        made = folder / "object" / "driver"
        if done.returncode or not made.exists():
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
            raise MutationError(f"Verilator must build the mutants, but failed:\n{tail}")
        driver.parent.mkdir(exist_ok=True)
        partial = driver.with_suffix(f".{os.getpid()}")
        shutil.copy2(made, partial)
        partial.rename(driver)
    return driver


def _run(driver: Path, *arguments: str, timeout_s: float) -> str:
    command = [str(driver), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise MutationError(f"{shlex.join(command)} must succeed, but failed: {done.stderr}")
    return done.stdout


def counted(driver: Path, scripts: Path, mutant: int = 0) -> list[list[int]]:
    """Return the busy cycles at each digest and at the end of each part, of the core as it is.

    Raises
    ------
    MutationError
        If the core does not do what the scripts say.
    """
    lines = _run(
        driver, str(scripts), str(1 << 40), str(mutant), str(mutant), "counting", timeout_s=RUN_S
    ).splitlines()
    if lines and re.fullmatch(rf"\d+ ({'|'.join(SEEN)})( \d+){{3}}", lines[-1]):
        raise MutationError(f"Core without a mutant must do as golden does, but: {lines[-1]}")
    return [[int(word, 16) for word in line.split()] for line in lines]


def run(
    driver: Path, scripts: Path, mutants: Sequence[int], limit: int, *, blind: bool = False
) -> Iterator[Verdict]:
    """Run mutants, one after the other.

    Parameters
    ----------
    driver
        From :func:`build`.
    scripts
        The file of scripts.
    mutants
        Their numbers.
    limit
        Cycles of a part after which a core hangs.
    blind
        Whether nothing is compared.

    Yields
    ------
    Verdict
        One for each.
    """
    for mutant in mutants:
        given = [str(scripts), str(limit), str(mutant), str(mutant), *(["blind"] if blind else [])]
        words = _run(driver, *given, timeout_s=RUN_S).split()
        yield Verdict(int(words[0]), words[1], *map(int, words[2:5]))


def write(scripts: Sequence[Script], path: Path) -> None:
    """Write scripts for the driver."""
    path.write_text("\n".join(script.text() for script in scripts) + "\n", encoding="utf-8")
