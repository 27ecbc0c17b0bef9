"""Mutants that nobody can tell from their core: proofs that both do the same, for all time.

A core and its mutant get the same inputs. Memories are taken out of both: while they are told the
same, what they answer is the same, whatever it is. Registers are paired. First it is tried, for any
values of registers, that paired ones get the same again; then, with the registers as they begin,
that no input ever makes a difference that is seen: meanwhile registers of the mutant may be its
own, and its memories may be told otherwise and then answer anything. Last, words of memories are
registers too, and those are the mutant's own that differ in a run. ABC answers all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from goldenspike.hdl import yosys
from goldenspike.sim import aiger
from goldenspike.sim.and_gates import Graph, written
from goldenspike.sim.formal import ENGINE, GATE, MAPPED
from goldenspike.sim.mutation import CONTROL, TOP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
memory_map
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
NAME = re.compile(r'    parameter \\MEMID "\\*(.*)"')
WAYS = ("RD_ADDR", "RD_DATA", "WR_ADDR", "WR_DATA", "RD_EN", "WR_EN")
"""The lines of a memory's ports."""
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
        each |= {"RD_EN": 1, "WR_EN": each["DATA"]}
        size = {way: ports[way[:2]] * (each.get(way) or each[way[3:]]) for way in WAYS}
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


class Memory(NamedTuple):
    """A memory whose ports :func:`opened` took out: their names, by what they are.

    Parameters
    ----------
    names
        By ``"RD_ADDR"`` and so on.
    width, bits
        Of a word, and of its place.
    writers, readers
        How many ports.
    clocked
        Whether a reader's answer comes in the next cycle.
    """

    names: dict[str, str]
    width: int
    bits: int
    writers: int
    readers: int
    clocked: list[bool]

    def place(self, bits: dict[int, int], port: int) -> list[int]:
        """Return a port's part of an address line, without the bits that are constant."""
        mine = range(port * self.bits, (port + 1) * self.bits)
        return [bits[k] for k in mine if k in bits]


class Line(NamedTuple):
    """What a memory is told by one of its readers, or for one bit of its words.

    Parameters
    ----------
    memory
        Its number.
    kind
        ``"read"`` or ``"column"``.
    number
        Of the port, or of the bit.
    """

    memory: int
    kind: str
    number: int


def _memories(names: Iterable[str]) -> list[Memory]:
    """Return the memories whose ports are among some names."""
    # Ports of one memory are numbered one after the other.
    found: dict[int, dict[str, list[str]]] = defaultdict(dict)
    for name in names:
        if name.startswith("memory:"):
            _, number, way, *rest = name.split(":")
            found[(int(number) - 1001) // len(WAYS)][way] = [name, *rest]
    memories = []
    for ways in found.values():
        ports = {way: int(rest[1]) for way, rest in ways.items()}
        _, _, clocked, width, bits = next(iter(ways.values()))
        readers, writers = (
            next((count for way, count in ports.items() if way[:2] == kind), 0)
            for kind in ("RD", "WR")
        )
        memories.append(
            Memory(
                names={way: ways.get(way, [""])[0] for way in WAYS},
                width=int(width),
                bits=int(bits),
                writers=writers,
                readers=readers,
                clocked=[bit == "1" for bit in clocked[::-1]],
            )
        )
    return memories


class Pairs:
    """A core's circuit, in which an input chooses the mutant.

    Parameters
    ----------
    netlist
        Of the core.
    mutants
        Those that are in the circuit, fewer than :data:`FIRST`; none of a clock's port.
    mapped
        Whether words of memories are registers, which begin with anything.
    """

    def __init__(
        self, netlist: Netlist, mutants: Sequence[Mutant], *, mapped: bool = False
    ) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "netlist.il").write_text(netlist.text, encoding="utf-8")
            commands = "\n".join(mutant.command(mutant.number) for mutant in mutants)
            yosys.run(FLATTEN.format(mutants=commands, top=TOP), folder)
            flat = (folder / "flat.il").read_text(encoding="utf-8")
            text = flat if mapped else opened(flat)
            (folder / "opened.il").write_text(text, encoding="utf-8")
            yosys.run(CIRCUIT, folder)
            self.circuit = aiger.read((folder / "circuit.aig").read_bytes())
            names = (folder / "circuit.aim").read_text(encoding="utf-8")
        self.outputs = self._named(names, "output")
        self.answers = self._named(names, "input")
        self.memories = _memories([*self.outputs, *self.answers])
        self.control = self.answers.get(CONTROL, {})
        stores = set(NAME.findall(text))
        self.words = {
            number: bit
            for name, bits in self._named(names, "latch").items()
            if name.rpartition("[")[0] in stores
            for bit, number in bits.items()
        }
        """The registers that are words of a memory, and which bit of the word each is."""
        self.graph = Graph()
        self.begun = self.graph.new()
        """A register that is 1 from the second cycle on."""
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
        state = [k in self.words for k in range(len(self.circuit.latches))]
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

    def values(
        self, mutant: int, registers: list[int], inputs: Sequence[int] | None = None
    ) -> list[int]:
        """Return the literals of a mutant, whose registers are given, in place of the circuit's.

        So may be its inputs, of which those that choose the mutant do not count.
        """
        inputs = list(inputs or self.inputs)
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

    def _signals(self, values: list[int]) -> dict[str, dict[int, int]]:
        """Return the bits of outputs; those that are missing are constants, in the mutants too."""
        return {
            name: {bit: values[self.circuit.outputs[number]] for bit, number in bits.items()}
            for name, bits in self.outputs.items()
        }

    def observed(self, values: list[int]) -> list[int]:
        """Return what is seen from outside: outputs, 0 where they say nothing."""
        both = self.graph.both
        signals = self._signals(values)
        found: list[int] = []
        for name, bits in signals.items():
            if name in MASKED:
                found += [both(bits[k], signals[MASKED[name]][0]) for k in sorted(bits)]
            elif not name.startswith("memory:"):
                found += [bits[k] for k in sorted(bits)]
        return found

    def told(self, values: list[int]) -> dict[Line, list[int]]:
        """Return what memories are told: whether they listen, then the rest, 0 if they do not.

        An enable that is missing counts as 1: then more must be the same.
        """
        both = self.graph.both
        signals = self._signals(values)
        found: dict[Line, list[int]] = {}
        for number, memory in enumerate(self.memories):
            told = {way: signals.get(name, {}) for way, name in memory.names.items()}
            for port in range(memory.readers):
                enabled = told["RD_EN"].get(port, 1) if memory.clocked[port] else 1
                place = [both(enabled, bit) for bit in memory.place(told["RD_ADDR"], port)]
                found[Line(number, "read", port)] = [enabled, *place]
            for column in range(memory.width):
                line = found[Line(number, "column", column)] = []
                for port in range(memory.writers):
                    bit = port * memory.width + column
                    enabled = told["WR_EN"].get(bit, 1)
                    written = [told["WR_DATA"].get(bit, 0), *memory.place(told["WR_ADDR"], port)]
                    line += [enabled, *(both(enabled, one) for one in written)]
        return found

    def step(self, mutant: int) -> int:
        """Return what is 1 if equal registers may differ after a cycle, or be seen to."""
        other = self.values(mutant, self.plain)
        pairs = [
            *zip(self.following(self.golden), self.following(other), strict=True),
            *zip(self.observed(self.golden), self.observed(other), strict=True),
        ]
        mine, theirs = self.told(self.golden), self.told(other)
        for line, literals in mine.items():
            pairs += zip(literals, theirs[line], strict=True)
        return self._differ(pairs)

    def _differ(self, pairs: Iterable[tuple[int, int]]) -> int:
        return self.graph.some({self.graph.differ(a, b) for a, b in pairs})

    def ever(self, mutant: int, reach: int) -> tuple[dict[int, int], int]:
        """Return next values of the mutant's own registers, and what is 1 if it is seen to differ.

        Its own are those that a difference comes to within `reach` cycles, as far as the circuit
        tells; the others are the core's, and are seen if they get another value. A line of a memory
        that is told other things gets a register: while that is 1, what it answers is anything. A
        reader's is 1 from a cycle in which the mutant asks for something else to the next in which
        it asks for the same; a column's, from the first cycle in which it is written otherwise.
        """
        graph = self.graph
        split: dict[int, int] = {}
        lines: dict[Line, int] = {}
        inputs = list(self.inputs)
        mine = self.told(self.golden)
        for _ in range(reach):
            pairs, other = self._beside(mutant, split, inputs)
            theirs = self.told(other)
            more = [k for k, (a, b) in enumerate(pairs) if a != b and k not in split]
            strange = [
                line
                for line, literals in mine.items()
                if literals != theirs[line] and line not in lines and self._kept(line)
            ]
            if not more and not strange:
                break
            split |= {k: graph.new() for k in more}
            for line in strange:
                lines[line] = graph.new()
                for k in self._answers(line):
                    inputs[k] = graph.choose(lines[line], graph.new(), inputs[k])
        pairs, other = self._beside(mutant, split, inputs)
        own = {register: pairs[k][1] for k, register in split.items()}
        seen = [pair for k, pair in enumerate(pairs) if k not in split]
        seen += zip(self.observed(self.golden), self.observed(other), strict=True)
        for line, literals in self.told(other).items():
            told = [*zip(mine[line], literals, strict=True)]
            if line not in lines:
                seen += told
                continue
            register, differs = lines[line], self._differ(told)
            if line.kind == "column":
                own[register] = graph.some([register, differs])
            else:
                own[register] = graph.choose(graph.some(told[0]), differs, register)
        return own, self._differ(seen)

    def apart(self, mutant: int, own: Iterable[int]) -> tuple[dict[int, int], int]:
        """Return the same as :meth:`ever`, given which registers are the mutant's own."""
        split = {k: self.graph.new() for k in own}
        pairs, other = self._beside(mutant, split, self.inputs)
        seen = [pair for k, pair in enumerate(pairs) if k not in split]
        seen += zip(self.observed(self.golden), self.observed(other), strict=True)
        following = {register: pairs[k][1] for k, register in split.items()}
        return {**following, self.begun: 1}, self._differ(seen)

    def _beside(
        self, mutant: int, split: dict[int, int], inputs: Sequence[int]
    ) -> tuple[list[tuple[int, int]], list[int]]:
        """Return the next values of the core's registers and the mutant's, and its literals.

        `split` has the registers that are its own, by the number of the core's.
        """
        # That a register is constant is known of the core, not of one that is the mutant's.
        state = [split.get(k, plain) for k, plain in enumerate(self.plain)]
        for k in self.words.keys() & split.keys():  # It begins with what the core's begins with.
            state[k] = self.graph.choose(self.begun, split[k], self.plain[k])
        other = self.values(mutant, state, inputs)
        after = self.following(other)
        return [*zip(self.following(self.golden), after, strict=True)], other

    def _kept(self, line: Line) -> bool:
        """Return whether what a line is told shows in later cycles only."""
        return line.kind == "column" or self.memories[line.memory].clocked[line.number]

    def _answers(self, line: Line) -> list[int]:
        """Return the numbers of the inputs by which a line answers."""
        memory = self.memories[line.memory]
        bits = self.answers.get(memory.names["RD_DATA"], {})
        if line.kind == "column":
            mine = range(line.number, memory.readers * memory.width, memory.width)
        else:
            mine = range(line.number * memory.width, (line.number + 1) * memory.width)
        return [bits[k] for k in mine if k in bits]

    def near(self, literal: int, depth: int, own: dict[int, int] | None = None) -> dict[int, int]:
        """Return next values of the registers that a literal depends on, over so many cycles.

        What registers of the core hold that are further away is left open, and in every cycle what
        its memories hold; not so the mutant's own.
        """
        own = own or {}
        following = dict(zip(self.registers, self.following(self.golden), strict=True)) | own
        for k in self.words:
            del following[self.registers[k]]
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
REACHES = (1, 2, 4, 8)
"""In how many cycles a difference may spread, as far as the circuit tells, before it is seen."""
SECONDS, PATIENCE = 3, 100
FIRST = 1 << 15
"""Number of the first mutant that stands for one of a clock."""
MANY = 1000
"""Registers of a mutant's own, from which on it is not tried."""


def prove(netlist: Netlist, mutants: Sequence[Mutant]) -> Iterator[tuple[int, str]]:
    """Yield the numbers of mutants that do what the core does, and how it is known.

    ``"structure"``: what the mutant makes different nobody reads, or it is a constant; ``"step"``:
    equal registers get equal values again, whatever they are; ``"reached"``: they do in all states
    that the core reaches; ``"unseen"``: registers differ, but nobody ever sees it. A register with
    another clock is equivalent if each of its bits may be a constant in its place: then nobody
    reads the bit, or it never changes.
    """
    chosen = [mutant for mutant in mutants if mutant.port not in CLOCKS]
    fixed: dict[int, list[list[Mutant]]] = {}  # By register, and bit: the constants in its place.
    first = FIRST
    for mutant in mutants:
        if mutant.port == "CLK":
            fixed[mutant.number] = _constant_bits(netlist, mutant, first)
            first += 2 * len(fixed[mutant.number])
    constants = [one for bits in fixed.values() for bit in bits for one in bit]
    if not chosen and not constants:
        return
    pairs = Pairs(netlist, [*chosen, *constants])
    for number, bits in fixed.items():
        if all(any(pairs.step(one.number) == 0 for one in bit) for bit in bits):
            yield number, "structure"
    left: set[int] = set()
    for mutant in chosen:
        if pairs.step(mutant.number) == 0:
            yield mutant.number, "structure"
        else:
            left.add(mutant.number)
    with TemporaryDirectory() as name:
        for reach in (0, *REACHES):
            known: dict[int, tuple[dict[int, int], int]] = {}
            for number in sorted(left):
                own, bad = pairs.ever(number, reach) if reach else ({}, pairs.step(number))
                if len(own) < MANY:
                    known[number] = own, bad
            for depth in DEPTHS:
                problems = {
                    number: _problem(pairs, bad, depth, own)
                    for number, (own, bad) in known.items()
                    if number in left
                }
                for number in never(problems, f"pdr -T {SECONDS}", Path(name)):
                    left.discard(number)
                    yield number, "unseen" if reach else "reached" if depth else "step"


def _constant_bits(netlist: Netlist, mutant: Mutant, first: int) -> list[list[Mutant]]:
    """Return two mutants for each bit of a register, which is 0 or 1; `first` is their number."""
    start = netlist.text.index(f"module \\{mutant.module}\n")
    cell = netlist.text[netlist.text.index(f"  cell $dff {mutant.cell}\n", start) :]
    width = int(cell.partition("parameter \\WIDTH ")[2].partition("\n")[0])
    register = replace(mutant, port="Q", control=None)
    return [
        [
            replace(register, mode=f"const{value}", bit=bit, number=first + 2 * bit + value)
            for value in (0, 1)
        ]
        for bit in range(width)
    ]


def prove_apart(
    netlist: Netlist,
    mutants: Sequence[Mutant],
    differ: Callable[[Pairs, list[int]], dict[int, list[int]]],
) -> Iterator[tuple[int, str]]:
    """Yield the numbers of mutants that are proved, given which registers differ.

    ``"apart"``: only these registers ever differ from the core's, and nobody sees it. Each proof
    gets :data:`PATIENCE` seconds.

    Parameters
    ----------
    differ
        Returns the registers, words of memories among them, by the numbers of the mutants.
    """
    chosen = [mutant for mutant in mutants if mutant.port not in CLOCKS]
    if not chosen:
        return
    pairs = Pairs(netlist, chosen, mapped=True)
    for number, registers in differ(pairs, [mutant.number for mutant in chosen]).items():
        own, bad = pairs.apart(number, registers)
        problem = _problem(pairs, bad, len(pairs.registers), own)
        with TemporaryDirectory() as name:
            if never({number: problem}, f"pdr -T {PATIENCE}", Path(name)):
                yield number, "apart"


def _problem(pairs: Pairs, bad: int, depth: int, own: dict[int, int]) -> bytes:
    """Return the file of the question whether something is ever 1."""
    seen = pairs.graph.new()  # ABC's engines want a register.
    return written(pairs.graph, {**pairs.near(bad, depth, own), seen: bad}, seen)
