"""What goes with a core's Verilog into somebody's project: ports, instance, FuseSoC, waivers."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

Port = tuple[str, str, int]
"""Name, direction and bits."""

PORTS = {
    "clk": "Clock: everything happens at its rising edge.",
    "rst": "Synchronous reset, active high: registers take their reset values, memories stay.",
    "i__payload": "A command, or a word that it loads.",
    "i__valid": "The word stands until it is taken.",
    "i__ready": "The core takes the word in this cycle.",
    "o__payload": "A word that the host asked for.",
    "o__valid": "The word stands until it is taken.",
    "o__ready": "The host takes the word in this cycle.",
    "tick": "A tick or an update ends in this cycle, and its digest stands.",
    "digest": "Sum of the CRC-32 and the value of all architectural writes of the tick.",
    "busy": "A trial runs.",
    "fault": "A command was not understood; stands until a reset.",
    "aclk": "Clock of the core and of all buses: everything happens at its rising edge.",
    "aresetn": "Synchronous reset, active low: registers take their reset values, memories stay.",
    "irq": "Level: a flag of STATUS stands that INTERRUPTS lets pass.",
}
CHANNELS = {
    "s_axi_aw": "AXI4-Lite, address of a write",
    "s_axi_w": "AXI4-Lite, data of a write",
    "s_axi_b": "AXI4-Lite, answer to a write",
    "s_axi_ar": "AXI4-Lite, address of a read",
    "s_axi_r": "AXI4-Lite, answer to a read",
    "s_axis_events_t": "AXI4-Stream, address events of sources",
    "s_axis_targets_t": "AXI4-Stream, targets of a trial",
    "s_axis_errors_t": "AXI4-Stream, errors of a trial's passes",
    "m_axis_events_t": "AXI4-Stream, address events of neurons",
}
FIELDS = {
    "addr": "bytes; the lowest two bits do not count",
    "prot": "does not count",
    "valid": "stands until ready",
    "ready": "taken in this cycle, if valid",
    "data": "the word",
    "strb": "which bytes count",
    "resp": "0 OKAY, 2 SLVERR",
    "last": "ends a packet",
}
WAIVERS = {
    "ASCRANGE": "A signal of no bits is written as [-1:0]; nothing depends on it.",
    "CASEINCOMPLETE": "Blocks assign a default before their case, so nothing is kept.",
    "DECLFILENAME": "All modules of a core are in one file.",
    "PROCASSINIT": "Registers have their reset value as initial value too.",
    "UNSIGNED": "A clamp of unsigned numbers compares with 0, which is constant.",
    "UNUSEDSIGNAL": "Values keep the bits and names that their equations give them.",
    "WIDTHEXPAND": "Operands are extended to the result, as Verilog's rules say and Yosys means.",
    "WIDTHTRUNC": "Shifts and sums are cut to the width that was declared for them.",
}
"""Rules of ``verilator -Wall`` that Yosys' Verilog breaks by its manner, and why none matters."""


def port_text(name: str) -> str:
    """Return what a port is."""
    if name in PORTS:
        return PORTS[name]
    channel = max((c for c in CHANNELS if name.startswith(c)), key=len)
    return f"{CHANNELS[channel]}: {FIELDS[name.removeprefix(channel)]}."


def port_table(ports: Iterable[Port]) -> str:
    """Return the ports as a section of Markdown."""
    rows = [f"| `{n}` | {d} | {bits} | {port_text(n)} |" for n, d, bits in ports]
    head = ["## Ports", "", "| port | direction | bits | |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n"


def region_table(regions: Iterable[dict[str, object]]) -> str:
    """Return the regions that commands load and read as a section of Markdown."""
    rows = [f"| {' | '.join(map(str, region.values()))} |" for region in regions]
    head = ["## Regions", "", "| number | name | words |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n"


def instance(top: str, ports: Iterable[Port]) -> str:
    """Return a template of an instance, in Verilog."""
    ports = list(ports)
    lines = [f"// An instance of {top}: copy it, and join its signals to yours."]
    for name, direction, bits in ports:
        kind = f"[{bits - 1}:0] " if bits > 1 else ""
        lines.append(f"wire {kind}{name};  // {direction}: {port_text(name)}")
    joined = [f"    .{name}({name})" for name, _, _ in ports]
    return "\n".join([*lines, "", f"{top} core (", ",\n".join(joined), ");"]) + "\n"


def waivers(verilog: Path) -> str:
    """Return Verilator's control file, which waives its rules by name and says why."""
    lines = [
        "// For the lint of Verilator (--lint-only -Wall): give it this file, then the core.",
        "`verilator_config",
    ]
    for rule, reason in WAIVERS.items():
        lines.append(f"// {reason}")
        # Of this very name, wherever it lies: not of another that ends alike.
        lines += [f'lint_off -rule {rule} -file "{place}{verilog.name}"' for place in ("", "*/")]
    return "\n".join(lines) + "\n"


BENCH_PAGE = """# A bench of {top}

It plays {what}.
It compares with the golden model's every digest{events} and all that the core holds in the end.
Run it in this folder, by Icarus or by Verilator:

```sh
iverilog -g2012 -s {bench} -o bench.vvp {file} {core} && vvp -n bench.vvp
```

```sh
verilator --binary --timing -CFLAGS -std=c++20 --prefix Vbench --top-module {bench} \\
    {control} {file} {core} && obj_dir/Vbench
```

Verilator of the Python package `verilator` needs `-MAKEFLAGS CFG_CXXFLAGS_PCH_I=-include` too.

The bench prints a line that begins with PASS, and ends with status 0. Or it prints which trial,
pass and tick differs first, or which word, and ends with another status.

- `+seed=N` stalls the core by other random numbers.
- `+unstalled` does not stall it.
- `+files=FOLDER` reads the bench's files from that folder. They are {files}.
"""


def bench_page(top: str, core: Path, what: str, files: list[str]) -> str:
    """Return how the bench of a core is run, as a page of Markdown.

    Parameters
    ----------
    core
        Its Verilog.
    what
        What the bench plays.
    files
        Their names, the bench first.
    """
    return BENCH_PAGE.format(
        top=top,
        bench=f"{top}_tb",
        file=files[0],
        what=what,
        core=shlex.quote(f"../{core.name}"),
        control=shlex.quote(f"../{core.with_suffix('.vlt').name}"),
        events=", every event" if "events.hex" in files else "",
        files=", ".join(f"`{name}`" for name in files[1:]),
    )


def fusesoc(top: str, verilog: Path, control: Path, header: Path | None) -> str:
    """Return a FuseSoC description (CAPI 2) of a core."""
    version = re.match(r"\d+(\.\d+)*", importlib.metadata.version("goldenspike"))
    files = {"rtl": [(verilog, "verilogSource")], "lint": [(control, "vlt")]}
    if header is not None:
        files["driver"] = [(header, f"cSource, is_include_file: true, copyto: {header.name}")]
    lines = [
        "CAPI=2:",
        f"name: goldenspike:cores:{top}:{version[0] if version else '0'}",
        "description: A spiking network that learns, made by goldenspike",
        "",
        "filesets:",
    ]
    for fileset, entries in files.items():
        lines += [f"  {fileset}:", "    files:"]
        for path, kind in entries:
            place = Path(os.path.relpath(path, verilog.parent)).as_posix()
            lines.append(f"      - {json.dumps(place)}: {{file_type: {kind}}}")
    lines += [
        "",
        "targets:",
        "  # What depends on the core gets its waivers as well; only Verilator reads them.",
        "  default: &default",
        "    filesets: [lint, rtl]",
        f"    toplevel: {top}",
        "  lint:",
        "    <<: *default",
        "    flow: lint",
        "    flow_options:",
        "      tool: verilator",
        '      verilator_options: ["-Wall"]',
    ]
    return "\n".join(lines) + "\n"
