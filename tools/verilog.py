"""``goldenspike verilog``: an experiment's core as a file, and what other tools make of it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib.wiring import In

from goldenspike.golden.parameters import choice
from goldenspike.hdl import yosys
from goldenspike.hdl.bus import register_map
from goldenspike.hdl.bus.core import AxiCore
from goldenspike.hdl.core import Core, check_lanes
from goldenspike.hdl.verilog import convert
from goldenspike.sim import simulators, testbench, toolchain
from goldenspike.sim.simulators import MissingToolError, SimulationError
from goldenspike.tools import certificate, console, fpga, integration, results
from goldenspike.tools.console import input_errors
from goldenspike.tools.experiment import find
from goldenspike.tools.job import Job, prepare

READ = f"""read_verilog core.v
hierarchy -check -top {{top}}
proc
check -assert
select -assert-none t:$dlatch t:$adlatch t:$dlatchsr t:$sr
tee -q -o {fpga.STAT} stat -json
"""
BUSES = ("stream", "axi")


def module_name(name: str) -> str:
    """Return the name of an experiment's core in Verilog, C and FuseSoC.

    What ends so is no keyword, and what begins with a letter is a name everywhere.
    """
    found = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"net_{found}_core" if not found[0].isalpha() else f"{found}_core"


def check_file(noun: str, path: Path) -> None:
    """Raise ValueError if makefiles and FuseSoC cannot take a file of that name."""
    if not re.fullmatch(r"\w[\w.+-]*", path.name, re.ASCII):
        raise ValueError(
            f"Name of the {noun} must be of letters, digits and '_.+-', which all tools can read, "
            f"not {path.name!r}"
        )


def run(
    name: str,
    *,
    lanes: int = 8,
    neurons: int = 1,
    out: Path | None = None,
    bus: str = "stream",
    header: Path | None = None,
    check: bool = True,
    synth: str | None = None,
    trials: int | None = None,
    seed: int | None = None,
) -> int:
    """Write the Verilog and what goes with it, print its interfaces, and check.

    Parameters
    ----------
    trials
        Of a bench that checks itself; None for no bench.
    seed
        Of what the bench runs.
    """
    with input_errors("verilog"):
        check_lanes(lanes, neurons)
        choice("Bus", bus, BUSES)
        if header is not None and bus != "axi":
            raise ValueError(f"Header must be that of a core on axi, not {bus!r}")
        for noun, file in (("Verilog file", out), ("C header", header)):
            if file is not None:
                check_file(noun, file)
    job = prepare(name, seed=seed)
    path = out or Path("build") / job.experiment.name / "core.v"
    ready(icarus=check)
    top = module_name(job.experiment.name)
    with input_errors(name):
        kind: Any = AxiCore if bus == "axi" else Core
        core = kind(job.plan, lanes, neurons)
    with console.waiting("Amaranth and Yosys write the Verilog"):
        text = certificate.header(top, find(name).read_bytes(), lanes, neurons)
        text += convert(core, top, kept=True)
    written = documents(core, top, path, header)
    results.write_text(path, text)
    for place, document in written.items():
        results.write_text(place, document)
    console.show(f"Ports of {top}", ("port", "direction", "bits "), ports(core))
    console.show(*interface(core))
    files = ", ".join(str(place) for place in written)
    console.say(f"Written: {path} ({len(text.splitlines())} lines), {files}")
    if trials is not None:
        with console.waiting("golden learns the trials of the bench"):
            bench = testbench_files(job, core, top, path, trials)
        for place, document in bench.items():
            results.write_text(place, document)
        console.say(f"A bench of {trials} trials: see {next(iter(bench))}")
    if check:
        with console.waiting("Yosys and Icarus read it, Verilator lints it"):
            area = read_back(text, top)
            complaints = lint(text, top)
        found = f"{area.memories} memories of {area.bits} bits"
        console.say(
            f"Yosys {fpga.yosys_version()} and Icarus {simulators.version('icarus')} read it:"
        )
        console.say(f"  {sum(area.cells.values())} cells before synthesis, {found}")
        if complaints:
            raise SimulationError(f"Verilator must not complain of {top}, but does:\n{complaints}")
        console.say(f"Verilator {simulators.version('verilator')} has nothing to complain of.")
    if synth is not None:
        with console.waiting(f"Yosys synthesises for {synth} (minutes)"):
            area = fpga.synthesise(core, synth)
        rows = sorted(area.cells.items(), key=lambda cell: -cell[1])
        console.show(f"Cells on {synth}", ("cell", "number "), rows)
    return 0


def ready(*, icarus: bool = False) -> None:
    """Raise MissingToolError unless Yosys, and Icarus if asked for, are installed."""
    if icarus:
        simulators.version("icarus")
    try:
        yosys.command()
    except RuntimeError as error:
        raise MissingToolError(str(error)) from error


def ports(core: Core | AxiCore) -> list[tuple[str, str, int]]:
    """Return name, direction and bits of a core's ports, as the Verilog has them."""
    found = [] if isinstance(core, AxiCore) else [("clk", "input", 1), ("rst", "input", 1)]
    for path, member, _ in core.signature.flatten(core):
        direction = "input" if member.flow is In else "output"
        name = "__".join(str(part) for part in path)
        found.append((name, direction, Shape.cast(member.shape).width))
    return found


def regions(core: Core | AxiCore) -> list[dict[str, Any]]:
    """Return what a host can load and read: number, name and words of each region.

    Those of a core on AXI have an address too, and say how their rows lie.
    """
    if isinstance(core, AxiCore):
        fields = ("number", "name", "base", "rows", "row", "stride", "writable", "names", "content")
        return [{field: getattr(window, field) for field in fields} for window in core.map.windows]
    return [
        {"number": number, "name": region.name, "words": region.words}
        for number, region in enumerate(core.regions)
    ]


def interface(core: Core | AxiCore) -> tuple[str, tuple[str, ...], list[tuple[Any, ...]]]:
    """Return title, heads and rows of the table of what a host can reach."""
    if not isinstance(core, AxiCore):
        heads = ("number ", "name", "words ")
        return "Regions", heads, [tuple(region.values()) for region in regions(core)]
    rows = [(f"{core.map.address(r.name):#06x}", r.name, 1) for r in core.map.registers]
    rows += [(f"{w.base:#06x}", w.name, w.rows * w.row) for w in core.map.windows]
    return "Addresses", ("address ", "name", "words "), rows


def documents(core: Core | AxiCore, top: str, path: Path, header: Path | None) -> dict[Path, str]:
    """Return what goes with a core's Verilog, by file: beside it, but for the header."""
    table, control, description, template, text = (
        path.with_name(f"{path.stem}{end}")
        for end in (".regions.json", ".vlt", ".core", "_instance.v", ".md")
    )
    listed = ports(core)
    sections = [f"# {top}\n", integration.port_table(listed)]
    found = {table: json.dumps(regions(core), indent=2) + "\n"}
    if isinstance(core, AxiCore):
        header = header or path.with_suffix(".h")
        found[header] = register_map.c_header(core.map, top)
        sections.append(register_map.markdown(core.map))
    else:
        sections.append(integration.region_table(regions(core)))
    found[text] = "\n".join(sections)
    found[template] = integration.instance(top, listed)
    found[control] = integration.waivers(path)
    found[description] = integration.fusesoc(top, path, control, header)
    return found


def testbench_files(
    job: Job, core: Core | AxiCore, top: str, path: Path, trials: int
) -> dict[Path, str]:
    """Return a bench and its files, by file, what tells how to run it first."""
    session = job.session()
    what = f"{trials} trials of {job.experiment.name} from seed {job.experiment.seed}"
    given = job.task.trials(session.trial, trials)
    found = testbench.files(core, top, session, *given, what=what)
    folder = path.with_name(f"{path.stem}_tb")
    page = integration.bench_page(top, path, what, list(found))
    return {folder / name: text for name, text in {"README.md": page, **found}.items()}


def lint(text: str, top: str) -> str:
    """Return what ``verilator --lint-only -Wall`` says of a core: nothing."""
    with TemporaryDirectory() as name:
        path = Path(name) / "core.v"
        path.write_text(text, encoding="utf-8")
        control = path.with_suffix(".vlt")
        control.write_text(integration.waivers(path), encoding="utf-8")
        return toolchain.lint([control, path], top)


def read_back(text: str, top: str) -> fpga.Area:
    """Let Yosys and Icarus read a core; return what Yosys counts.

    Raises
    ------
    SimulationError
        With the end of the log of the one that does not read it.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "core.v").write_text(text, encoding="utf-8")
        fpga.run_yosys(READ.format(top=top), folder)
        done = subprocess.run(
            ["iverilog", "-g2005", "-Wall", "-s", top, "-t", "null", "core.v"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            tail = "\n".join(done.stderr.splitlines()[-20:])
            raise SimulationError(f"Icarus must read {top}, but does not:\n{tail}")
        return fpga.counted(folder)
