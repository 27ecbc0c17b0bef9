"""A bench of an exported core that checks itself, for people who have a simulator and no Python.

What it plays and what must come of it are files of hexadecimal words beside it: the words that
:mod:`goldenspike.hdl.host` makes of a session, and what the golden model learns of the same trials.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from goldenspike.golden.plan import Plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import host
from goldenspike.hdl.bus.core import AxiCore
from goldenspike.hdl.core import Core
from goldenspike.sim import axi, lockstep

BENCHES = Path(__file__).parent / "benches"
WRITE, CHECK, WAIT = range(3)
RAN = 1 << 2
"""What STATUS holds after a run, and the interrupt that tells of its end."""
STREAM = """    reg [{high}:0] {name}_words[0:{name}_COUNT-1];  // Last or not, and the word.
    reg [{top}:0] s_axis_{name}_tdata = 0;
    reg s_axis_{name}_tlast = 0, s_axis_{name}_tvalid = 0;
    wire s_axis_{name}_tready;
    integer {name}_sent = 0;"""
SENDER = """
    always @(posedge aclk) if (aresetn && (!s_axis_{name}_tvalid || s_axis_{name}_tready)) begin
        s_axis_{name}_tvalid <= 0;
        if ({name}_sent < {name}_COUNT && (!stalling || random[{bit}+:2] != 0)) begin
            s_axis_{name}_tvalid <= 1;
            s_axis_{name}_tlast <= {name}_words[{name}_sent][{bits}];
            s_axis_{name}_tdata <= {name}_words[{name}_sent][{top}:0];
            {name}_sent <= {name}_sent + 1;
        end
    end"""
PORT = "        .s_axis_{name}_t{field}(s_axis_{name}_t{field}),"
FIELDS = ("data", "last", "valid", "ready")


def files(
    core: Core | AxiCore,
    top: str,
    session: Session,
    stimulus: Stimulus,
    samples: Any,
    *,
    what: str,
    external: Any = None,
) -> dict[str, str]:
    """Return a bench and its files, by name.

    Parameters
    ----------
    core, top
        The core, and the name of its module.
    session
        Is moved on by the trials, as :meth:`Session.learn` does.
    stimulus, samples, external
        As :meth:`goldenspike.sim.lockstep.lockstep` takes them.
    what
        The trials, as the head of the bench tells them.
    """
    given = {"TOP": top, "WHAT": what, "FIRST_TRIAL": session.trial} | _shape(core.plan)
    given["PATIENCE"] = patience(core.plan)
    if isinstance(core, AxiCore):
        more, found = _axi(core, session, stimulus, samples, external)
        name = "axi_testbench.sv"
    else:
        more, found = _stream(core, session, stimulus, samples, external)
        name = "stream_testbench.sv"
    text = (BENCHES / name).read_text(encoding="utf-8")
    for mark, value in (given | more).items():
        text = text.replace(f"@{mark}@", str(value))
    return {"bench.sv": text, **found}


def patience(plan: Plan) -> int:
    """Return the cycles after which a core of whatever lanes hangs if nothing comes of it.

    A tick visits every neuron and synapse a few times at most, one a cycle; and the random words
    of each may take some ten cycles.
    """
    synapses = sum(q.pre.size * q.post.size for q in plan.projections)
    return 10_000 + 64 * (synapses + sum(p.size for p in plan.populations))


def _shape(plan: Plan) -> dict[str, Any]:
    return {"TICKS": plan.ticks, "PASSES": plan.passes, "IN_A_TRIAL": plan.digests}


def _lines(values: Iterable[int], bits: int) -> str:
    """Return words as the lines of a file for ``$readmemh``."""
    digits = -(-bits // 4)
    return "".join(f"{int(value):0{digits}x}\n" for value in values)


def _quoted(text: str) -> str:
    """Return a text as it stands in a format of Verilog."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _chosen(cases: list[tuple[str, str]], otherwise: str) -> str:
    """Return the statements that show what is meant, by ``(condition, arguments of $write)``."""
    lines = [f"if ({condition}) $write({what});" for condition, what in cases]
    return "            " + "\n            else ".join([*lines, f"$write({otherwise});"])


def _columns(plan: Plan) -> dict[str, int]:
    """Return how many words make a row of the regions that hold one for each synapse."""
    return {
        f"{q.name}_{field}": q.post.size
        for q in plan.projections
        for field in ("w", "sum", *(q.learner.kept if q.learner is not None else ()))
    }


def _stream(
    core: Core, session: Session, stimulus: Stimulus, samples: Any, external: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return marks and files of the bench of a core with streams."""
    before = session.copy()
    runs = lockstep.trials(core.plan, samples)
    golden = lockstep.expect(session, stimulus, runs, external)
    words = lockstep.script(core, before, stimulus, runs, external)
    compared = lockstep.left(session, stimulus, runs, golden)
    for region in compared:
        words += host.read(core, region)
    answers = [word for values in compared.values() for word in values]
    columns, cases, first = _columns(core.plan), [], 0
    for region, values in compared.items():
        index = f"place - {first}"
        text = f'"{_quoted(region)}[%0d]", {index}'
        if region in columns:
            n = columns[region]
            text = f'"{_quoted(region)}[%0d, %0d]", ({index}) / {n}, ({index}) % {n}'
        first += len(values)
        cases.append((f"place < {first}", text))
    marks = {
        "WORDS": len(words),
        "DIGESTS": len(golden.digests),
        "ANSWERS": len(answers),
        "NAMES": _chosen(cases, '"a word"'),
    }
    return marks, {
        "stimulus.hex": _lines(words, 32),
        "digests.hex": _lines(golden.digests, 32),
        "answers.hex": _lines(answers, 32),
    }


def _axi(
    core: AxiCore, session: Session, stimulus: Stimulus, samples: Any, external: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return marks and files of the bench of a core on AXI."""
    made = axi.trials(core, session, stimulus, samples, streamed=True, external=external)
    steps = [what << 64 | place << 32 | data for what, place, data in _steps(core, made)]
    events = [
        (k == len(packet) - 1) << 64 | event
        for packet in made.events
        for k, event in enumerate(packet)
    ]
    cases = [
        (f"address == {core.map.address(register.name)}", f'"{register.name}"')
        for register in core.map.registers
    ]
    for w in core.map.windows:
        inside = f"(address - {w.base})"
        row, word = f"{inside} / {w.stride}", f"{inside} % {w.stride} / 4"
        index = f'[%0d, %0d]", {row}, {word}' if w.row > 1 else f'[%0d]", {row}'
        cases.append((f"address < {w.base + w.span}", f'"{_quoted(w.name)}{index}'))
    marks = {
        "STEPS": len(steps),
        "EVENTS": len(events),
        "DIGESTS": len(made.digests),
        "TOP_BIT": core.map.address_bits - 1,
        "NAMES": _chosen(cases, '"address %h", address'),
    }
    found = {"steps.hex": _lines(steps, 68), "events.hex": _lines(events, 68)}
    declared, senders, joined, read = [], [], [], []
    for k, name in enumerate(made.parameters["streams"]):
        bits = 64 if name == "events" else 32
        packets = made.parameters["packets"].get(name, [])
        words = [
            (k == len(packet) - 1) << bits | word
            for packet in packets
            for k, word in enumerate(packet)
        ]
        shape = {"name": name, "bits": bits, "top": bits - 1, "high": bits + 3, "bit": 8 + 2 * k}
        declared += [f"    localparam integer {name}_COUNT = {len(words)};"]
        declared.append(STREAM.format(**shape))
        senders.append(SENDER.format(**shape))
        joined += [PORT.format(name=name, field=field) for field in FIELDS]
        read.append(f'        $readmemh({{folder, "/{name}_in.hex"}}, {name}_words);')
        found[f"{name}_in.hex"] = _lines(words, bits + 4)
    marks |= {"DECLARED": declared, "SENDERS": senders, "JOINED": joined, "READ": read}
    return {k: "\n".join(v) if isinstance(v, list) else v for k, v in marks.items()}, found


def _steps(core: AxiCore, made: axi.Trials) -> list[tuple[int, int, int]]:
    """Return the accesses of a bench: what, address, data."""
    at = core.map.address

    def window(what: int, name: str, words: list[int]) -> list[tuple[int, int, int]]:
        w = core.map.window(name)
        return [(what, w.address(k), word & host.MASK) for k, word in enumerate(words)]

    steps = [(CHECK, at("IDENTITY"), core.map.identity), (WRITE, at("INTERRUPTS"), RAN)]
    steps.append((WRITE, at("REPORT"), made.parameters["report"]))
    for name, *what in made.parameters["steps"]:
        if name == "load":
            steps += window(WRITE, *what)
        else:
            steps += [(WRITE, at("RUNS"), 0), (WRITE, at("CONTROL"), what[0]), (WAIT, 0, 0)]
            steps += [(CHECK, at("RUNS"), 1), (CHECK, at("STATUS"), RAN)]
    for name, words in made.words.items():
        steps += window(CHECK, name, words)
    steps.append((CHECK, at("TICKS"), len(made.digests)))
    steps.append((CHECK, at("DIGESTS"), sum(made.digests) & host.MASK))
    refused = ("EVENTS_REFUSED", "PACKETS_REFUSED", "ACCESSES_REFUSED")
    return steps + [(CHECK, at(name), 0) for name in refused]
