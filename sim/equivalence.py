"""Mutants that nobody can tell from their core: proofs that both do the same, for all time.

A core and its mutant get the same inputs. Memories are taken out of both: what they are told must
be the same in every cycle, so what they answer is the same, whatever it is. Registers are paired.
First it is tried, for any values of registers, that paired ones get the same again; then, with the
registers as they begin, that no input ever makes a difference. ABC answers both.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from goldenspike.hdl import yosys
from goldenspike.sim import aiger
from goldenspike.sim.and_gates import Graph, written
from goldenspike.sim.formal import ENGINE, GATE, MAPPED
from goldenspike.sim.mutation import CONTROL, TOP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from goldenspike.sim.mutation import Mutant, Netlist

FLATTEN = """read_rtlil netlist.il
{mutants}
hierarchy -top {top}
flatten
opt_clean
write_rtlil flat.il
"""
# Registers begin with 0, inverted where they began with 1. After that nothing says how they begin,
# so no pass may tell from it what they are: `opt_dff`, a part of `opt`, would.
CIRCUIT = """read_rtlil opened.il
opt_clean
dffunmap
zinit -all
setattr -unset init w:*
opt_expr
opt_merge
opt_clean
techmap
opt_expr
opt_merge
opt_clean
simplemap
dffunmap
aigmap
opt_clean
setundef -undriven -zero
write_aiger -no-startoffset -map circuit.aim circuit.aig
"""
MASKED = {
    "digest": "tick",
    "o__payload": "o__valid",
    **{f"m_axis_events_t{name}": "m_axis_events_tvalid" for name in ("data", "last")},
    **{f"s_axi_r{name}": "s_axi_rvalid" for name in ("data", "resp")},
    "s_axi_bresp": "s_axi_bvalid",
}
"""Outputs that say something only where another is 1."""
MEMORY = re.compile(r"  cell \$mem_v2 \S+\n(.*?)\n  end\n", re.DOTALL)
CLOCKS = ("CLK", "RD_CLK", "WR_CLK")


def opened(text: str) -> str:
    """Return a flat netlist whose memories are ports: what they answer, and what they are told."""
    number = 1000

    def port(found: re.Match[str]) -> str:
        nonlocal number
        signals = dict(re.findall(r"    connect \\(\S+) (.+)", found[1]))
        widths = dict(re.findall(r"    parameter \\(\S+) (?:signed )?(.+)", found[1]))
        ports = {way: int(widths[f"{way}_PORTS"]) for way in ("RD", "WR")}
        each = {"ADDR": int(widths["ABITS"]), "DATA": int(widths["WIDTH"])}
        size = {
            **{f"{way}_{name}": ports[way] * bits for way in ports for name, bits in each.items()},
            "RD_EN": ports["RD"],
            "WR_EN": ports["WR"] * each["DATA"],
        }
        clocked = widths["RD_CLK_ENABLE"].partition("'")[2]
        lines = []
        for name, width in size.items():
            number += 1
            shape = ":".join(map(str, (ports[name[:2]], clocked, each["DATA"], each["ADDR"])))
            wire = f"\\memory:{number}:{name}:{shape}"
            kind = "input" if name == "RD_DATA" else "output"
            ends = (signals[name], wire) if kind == "input" else (wire, signals[name])
            lines += [
                f"  wire width {width} {kind} {number} {wire}",
                "  connect {} {}".format(*ends),
            ]
        return "\n".join([*lines, ""])

    return MEMORY.sub(port, text)


class Pairs:
    """A core's circuit, in which an input chooses the mutant.

    Parameters
    ----------
    netlist
        Of the core.
    mutants
        Those that are in the circuit; none of a clock's port.
    """

    def __init__(self, netlist: Netlist, mutants: Sequence[Mutant]) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "netlist.il").write_text(netlist.text, encoding="utf-8")
            commands = "\n".join(mutant.command(mutant.number) for mutant in mutants)
            yosys.run(FLATTEN.format(mutants=commands, top=TOP), folder)
            flat = (folder / "flat.il").read_text(encoding="utf-8")
            (folder / "opened.il").write_text(opened(flat), encoding="utf-8")
            yosys.run(CIRCUIT, folder)
            self.circuit = aiger.read((folder / "circuit.aig").read_bytes())
            names = (folder / "circuit.aim").read_text(encoding="utf-8")
        self.outputs = self._named(names, "output")
        inputs = self._named(names, "input")
        self.control = inputs.get(CONTROL, {})
        self.graph = Graph()
        self.inputs = [self.graph.new() for _ in range(self.circuit.inputs)]
        self.registers = [self.graph.new() for _ in self.circuit.latches]
        self.constant = self._constants()
        self.plain = [
            0 if steady else register
            for register, steady in zip(self.registers, self.constant, strict=True)
        ]
        self.golden = self.values(0, self.plain)

    @staticmethod
    def _named(names: str, kind: str) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = defaultdict(dict)
        for number, bit, name in re.findall(rf"^{kind} (\d+) (\d+) (.+)$", names, re.MULTILINE):
            found[name][int(bit)] = int(number)
        return found

    def _constants(self) -> list[bool]:
        """Return which registers stay 0 whatever comes, by what is known of each: 0, or anything.

        Values are 1 where something may be 1; a literal and its negation may both be.
        """
        may = bytearray(2 + 2 * (self.circuit.inputs + len(self.circuit.latches)))
        may += bytearray(2 * len(self.circuit.gates))
        may[1] = 1
        for k in range(self.circuit.inputs):
            may[2 * k + 2] = may[2 * k + 3] = 1
        chosen = set(self.control.values())
        for k in chosen:
            may[2 * k + 2] = 0
        first = self.circuit.inputs + 1
        state = [False] * len(self.circuit.latches)
        while True:
            for k, free in enumerate(state):
                may[2 * (first + k)], may[2 * (first + k) + 1] = free, 1
            for literal, a, b in self.circuit.gates:
                may[literal] = may[a] & may[b]
                may[literal + 1] = may[a ^ 1] | may[b ^ 1]
            after = [
                free or bool(may[following])
                for free, (following, _) in zip(state, self.circuit.latches, strict=True)
            ]
            if after == state:
                return [not free for free in state]
            state = after

    def values(self, mutant: int, registers: list[int]) -> list[int]:
        """Return the literals of a mutant, whose registers are given, in place of the circuit's."""
        inputs = list(self.inputs)
        for bit, number in self.control.items():
            inputs[number] = mutant >> bit & 1
        found = [0, 1]
        for literal in (*inputs, *registers):
            found += [literal, literal ^ 1]
        both = self.graph.both
        for _, a, b in self.circuit.gates:
            literal = both(found[a], found[b])
            found += [literal, literal ^ 1]
        return found

    def following(self, values: list[int]) -> list[int]:
        """Return the next values of registers."""
        return [values[literal] for literal, _ in self.circuit.latches]

    def observed(self, values: list[int]) -> list[int]:
        """Return what must be the same: outputs, and what memories are told, where they listen."""
        both, some = self.graph.both, self.graph.some
        signals = {
            name: {bit: values[self.circuit.outputs[number]] for bit, number in bits.items()}
            for name, bits in self.outputs.items()
        }
        found: list[int] = []
        for name, bits in signals.items():
            if name in MASKED:
                found += [both(bits[k], signals[MASKED[name]][0]) for k in sorted(bits)]
            elif not name.startswith("memory:"):
                found += [bits[k] for k in sorted(bits)]
        memories: dict[int, dict[str, Any]] = defaultdict(dict)
        for name in (name for name in signals if name.startswith("memory:")):
            _, number, way, ports, clocked, width, places = name.split(":")
            # Ports of one memory are numbered one after the other: see `opened`.
            memory = memories[(int(number) - 1001) // 6]
            memory[way] = (signals[name], int(ports), clocked)
            memory |= {"width": int(width), "bits": int(places)}
        for memory in memories.values():
            found += self._told(memory, both, some)
        return found

    @staticmethod
    def _told(memory: dict[str, Any], both: Any, some: Any) -> list[int]:
        """Return what a memory is told, 0 where it does not listen.

        Bits that are missing are constants, in the mutants too. An enable that is missing counts as
        1: then more must be the same.
        """
        nothing: Any = ({}, 0, "")
        signals = {way: memory.get(way, nothing) for way in ("WR_EN", "WR_DATA", "WR_ADDR")}
        (enables, writers, _), (data, _, _), (places, _, _) = signals.values()
        found = list(enables.values())
        found += [both(enables.get(k, 1), literal) for k, literal in data.items()]
        width, bits = memory["width"], memory["bits"]
        for port in range(writers):
            enabled = some(enables.get(port * width + k, 1) for k in range(width))
            mine = range(port * bits, port * bits + bits)
            found += [both(enabled, places[k]) for k in mine if k in places]
        enables = memory.get("RD_EN", nothing)[0]
        places, readers, clocked = memory.get("RD_ADDR", nothing)
        for port in range(readers):
            listens = 1
            if clocked[::-1][port] == "1" and port in enables:
                listens = enables[port]
                found.append(listens)
            mine = range(port * bits, port * bits + bits)
            found += [both(listens, places[k]) for k in mine if k in places]
        return found

    def step(self, mutant: int) -> int:
        """Return what is 1 if equal registers may differ after a cycle, or be seen to."""
        other = self.values(mutant, self.plain)
        pairs = [
            *zip(self.following(self.golden), self.following(other), strict=True),
            *zip(self.observed(self.golden), self.observed(other), strict=True),
        ]
        return self.graph.some({self.graph.differ(a, b) for a, b in pairs})

    def ever(self, mutant: int) -> tuple[dict[int, int], int]:
        """Return next values of the mutant's own registers, and what is 1 if it is seen to differ.

        Registers that never get other values than the core's are the core's.
        """
        graph = self.graph
        split: dict[int, int] = {}
        while True:
            # That a register is constant is known of the core, not of one that is the mutant's.
            state = [split.get(k, plain) for k, plain in enumerate(self.plain)]
            other = self.values(mutant, state)
            after = self.following(other)
            pairs = zip(self.following(self.golden), after, strict=True)
            more = [k for k, (a, b) in enumerate(pairs) if a != b and k not in split]
            if not more:
                break
            split |= {k: graph.new() for k in more}
        seen = zip(self.observed(self.golden), self.observed(other), strict=True)
        own = {register: after[k] for k, register in split.items()}
        return own, graph.some({graph.differ(a, b) for a, b in seen})

    def near(self, literal: int, depth: int, own: dict[int, int] | None = None) -> dict[int, int]:
        """Return next values of the registers that a literal depends on, over so many cycles.

        What registers of the core hold that are further away is left open; not so the mutant's own.
        """
        own = own or {}
        following = dict(zip(self.registers, self.following(self.golden), strict=True)) | own
        found: dict[int, int] = {}
        now, seen = [literal, *own.values()], set()
        for _ in range(depth):
            left, here = [one >> 1 for one in now], []
            while left:
                variable = left.pop()
                if variable in seen:
                    continue
                seen.add(variable)
                a, b = self.graph.gates[variable]
                if a >= 0 and variable:
                    left += [a >> 1, b >> 1]
                elif 2 * variable in following:
                    here.append(2 * variable)
            now = [following[register] for register in here]
            found |= dict(zip(here, now, strict=True))
        return found | own


def never(problems: dict[int, bytes], commands: str, folder: Path) -> set[int]:
    """Return the problems whose output is never 1, as far as ABC's commands show it.

    ABC's stack can overflow. The problems are then halved; the one that fails alone stays open.
    """
    lines = []
    for number, data in problems.items():
        (folder / f"{number}.aig").write_bytes(data)
        for kind in ("txt", "out.aig"):
            (folder / f"{number}.{kind}").unlink(missing_ok=True)
        lines += [f"read_aiger {number}.aig", "strash", "dc2", "scorr", "dc2"]
        # Engines want registers; what has none left is decided.
        lines += [f"write_aiger {number}.out.aig", commands, f"write_status {number}.txt"]
    lines += ["read_blif mapped.blif", "strash", "map", ""]
    for name, content in (("gate.il", GATE), ("mapped.blif", MAPPED)):
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "engine.abc").write_text("\n".join(lines), encoding="utf-8")
    try:
        yosys.run(ENGINE, folder, timeout_s=7200)
    except RuntimeError:
        numbers = list(problems)
        half = len(numbers) // 2
        parts = (numbers[:half], numbers[half:]) if half else ()
        return set().union(*(never({k: problems[k] for k in p}, commands, folder) for p in parts))
    found = set()
    for number in problems:
        left, status = folder / f"{number}.out.aig", folder / f"{number}.txt"
        shown = status.exists() and status.read_text(encoding="utf-8").startswith("snl_UNSAT")
        if shown or aiger.read(left.read_bytes()).outputs == [0]:
            found.add(number)
    return found


DEPTHS = (0, 2, 6)
"""How many cycles back registers count; those further away hold anything."""
SECONDS = 3
MANY = 1000
"""Registers of a mutant's own, from which on it is not tried."""


def prove(netlist: Netlist, mutants: Sequence[Mutant]) -> Iterator[tuple[int, str]]:
    """Yield the numbers of mutants that do what the core does, and how it is known.

    ``"structure"``: what the mutant makes different nobody reads, or it is a constant; ``"step"``:
    equal registers get equal values again, whatever they are; ``"reached"``: they do in all states
    that the core reaches; ``"unseen"``: registers differ, but nobody ever sees it.
    """
    chosen = [mutant for mutant in mutants if mutant.port not in CLOCKS]
    if not chosen:
        return
    pairs = Pairs(netlist, chosen)
    left: set[int] = set()
    for mutant in chosen:
        if pairs.step(mutant.number) == 0:
            yield mutant.number, "structure"
        else:
            left.add(mutant.number)
    with TemporaryDirectory() as name:
        for seen in (False, True):
            for depth in DEPTHS:
                problems: dict[int, bytes] = {}
                for number in sorted(left):
                    own, bad = pairs.ever(number) if seen else ({}, pairs.step(number))
                    if len(own) < MANY:
                        problems[number] = _problem(pairs, bad, depth, own)
                for number in never(problems, f"pdr -T {SECONDS}", Path(name)):
                    left.discard(number)
                    yield number, "unseen" if seen else "reached" if depth else "step"


def _problem(pairs: Pairs, bad: int, depth: int, own: dict[int, int]) -> bytes:
    """Return the file of the question whether something is ever 1."""
    seen = pairs.graph.new()  # ABC's engines want a register.
    return written(pairs.graph, {**pairs.near(bad, depth, own), seen: bad}, seen)
