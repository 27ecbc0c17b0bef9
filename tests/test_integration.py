"""What lies beside a core's Verilog is true: its ports, its instance, its map, its waivers."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from amaranth.hdl import Fragment

from goldenspike.hdl.bus.core import AxiCore
from goldenspike.hdl.bus.register_map import BYTES, c_header, markdown
from goldenspike.hdl.core import Core
from goldenspike.hdl.verilog import convert
from goldenspike.sim import toolchain
from goldenspike.sim.simulators import SimulationError
from goldenspike.tools import integration, verilog
from goldenspike.tools.cli import main
from goldenspike.tools.job import prepare

CORES = [
    *(("digits", "stream", 8), ("digits", "axi", 2), ("werfel_node", "axi", 4)),
    pytest.param("cue_accumulation", "axi", 4, marks=pytest.mark.long),
    pytest.param("dnms_running_mean", "axi", 1, marks=pytest.mark.long),
    pytest.param("trajectory_sign", "stream", 16, marks=pytest.mark.long),
]
ALWAYS_WAIVED = set(integration.WAIVERS) - {"UNSIGNED"}
"""What all Verilog of Yosys needs; the other one is needed by some cores."""
REGISTER = r"^  reg (?:signed )?(?:\[\S+\] )?(\S+)\s*(= .+)?;$"
MEMORY_OUTPUT = re.compile(r"_\d+_")
"""What Yosys calls the register behind a memory."""


def made(experiment: str, bus: str, lanes: int) -> tuple[Core | AxiCore, str]:
    """Return an experiment's core and its Verilog."""
    planned = prepare(experiment).plan
    core = AxiCore(planned, lanes) if bus == "axi" else Core(planned, lanes)
    return core, convert(core, "core")


def mapped(experiment: str, lanes: int) -> AxiCore:
    """Return an experiment's core on AXI, whose hardware is made: it complains otherwise."""
    core = AxiCore(prepare(experiment).plan, lanes)
    Fragment.get(core, None)
    return core


@pytest.mark.parametrize(("experiment", "bus", "lanes"), CORES)
def test_cores_are_clean(experiment: str, bus: str, lanes: int, tmp_path: Path) -> None:
    _, text = made(experiment, bus, lanes)
    assert verilog.lint(text, "core") == ""
    verilog.read_back(text, "core")  # Yosys: check -assert, and no latch.
    path = tmp_path / "core.v"
    path.write_text(text)
    found = set(re.findall(r"^%Warning-([A-Z]+)", toolchain.lint([path], "core"), re.MULTILINE))
    assert ALWAYS_WAIVED <= found <= set(integration.WAIVERS)
    assert ("UNSIGNED" in found) == (experiment == "cue_accumulation")
    # Every register but those behind memories has a value from the start.
    for module in text.split("endmodule"):
        registers = re.findall(REGISTER, module, re.MULTILINE)
        clocked = set(re.findall(r"^\s+(\S+)(?: \[\S+\])?\s+<= ", module, re.MULTILINE))
        bare = {name for name, value in registers if not value} & clocked
        assert [name for name in bare if not MEMORY_OUTPUT.fullmatch(name)] == []


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("  reg q;\n  always @* if (a) q = b;\n", "LATCH"),
        ("  wire q;\n  assign q = ~q;\n", "UNOPTFLAT"),
        ("  wire q;\n", "UNDRIVEN"),
    ],
)
def test_what_is_wrong_is_not_waived(wrong: str, complaint: str) -> None:
    text = f"module core(input a, input b, output y);\n{wrong}  assign y = q;\nendmodule\n"
    assert complaint in verilog.lint(text, "core")


def test_a_latch_is_not_read_back() -> None:
    text = "module core(input a, input b, output reg y);\n  always @* if (a) y = b;\nendmodule\n"
    with pytest.raises(SimulationError, match=r"select|assert"):
        verilog.read_back(text, "core")


@pytest.mark.parametrize("bus", ["stream", "axi"])
def test_documents_say_what_the_core_is(bus: str, tmp_path: Path) -> None:
    path = tmp_path / "net.v"
    options = ["--lanes", "2", "--bus", bus, "--out", str(path), "--no-check"]
    assert main(["verilog", "dnms_running_mean", *options]) == 0
    names = {"net.v", "net.regions.json", "net.md", "net.vlt", "net.core", "net_instance.v"}
    assert {place.name for place in tmp_path.iterdir()} == names | (
        {"net.h"} if bus == "axi" else set()
    )
    top = "dnms_running_mean_core"
    text = path.read_text()
    header = re.search(rf"module {top}\((.*?)\);", text, re.DOTALL)
    assert header is not None
    ports = {name.strip() for name in header[1].split(",")}
    document = (tmp_path / "net.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \| (?:in|out)put", document, re.MULTILINE)) == ports
    # The template: every port, once, of its width, as Verilator's lint sees it.
    template = (tmp_path / "net_instance.v").read_text()
    around = tmp_path / "around.v"
    around.write_text(f"module around;\n{template}endmodule\n")
    control = tmp_path / "around.vlt"
    unused = [f'lint_off -rule {rule} -file "*around.v"' for rule in ("UNUSEDSIGNAL", "UNDRIVEN")]
    control.write_text("\n".join(["`verilator_config", *unused, ""]))
    said = toolchain.lint([tmp_path / "net.vlt", control, path, around], "around")
    assert said == ""
    table = json.loads((tmp_path / "net.regions.json").read_text())
    assert {region["name"] for region in table} >= {"registers", "baselines", "targets"}
    assert all(f"{region['name']}" in document for region in table)


PROJECT = """CAPI=2:
name: somebody:projects:around:1
filesets:
  rtl:
    files: [around.v: {file_type: verilogSource}]
    depend: [goldenspike:cores:linear_weight_core]
targets:
  lint:
    filesets: [rtl]
    toplevel: around
    flow: lint
    flow_options: {tool: verilator}
"""
"""A project that knows nothing of waivers."""


def fusesoc(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Let FuseSoC lint a core that it finds in a folder."""
    program = Path(sys.executable).with_name("fusesoc")
    return subprocess.run(
        [program, "--cores-root", ".", "run", "--clean", "--target", "lint", name],
        cwd=folder,
        env=toolchain.environment(folder / "objects") | {"XDG_CONFIG_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def cores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a core of the command, its header elsewhere, and a project with it."""
    folder = tmp_path_factory.mktemp("cores")
    options = ["--bus", "axi", "--lanes", "1", "--no-check", "--out", str(folder / "rtl" / "net.v")]
    options += ["--header", str(folder / "firmware" / "net.h")]
    assert main(["verilog", "linear_weight", *options]) == 0
    template = (folder / "rtl" / "net_instance.v").read_text()
    (folder / "around.v").write_text(f"module around;\n{template}endmodule\n")
    (folder / "around.core").write_text(PROJECT)
    return folder


def test_fusesoc_lints_the_core(cores: Path, tmp_path: Path) -> None:
    place = tmp_path / "cores"
    shutil.copytree(cores, place)
    done = fusesoc(place, "goldenspike:cores:linear_weight_core")
    assert done.returncode == 0, done.stdout + done.stderr
    control = place / "rtl" / "net.vlt"
    control.write_text(control.read_text().replace("UNUSEDSIGNAL", "LATCH"))
    assert fusesoc(place, "goldenspike:cores:linear_weight_core").returncode != 0


def test_what_depends_on_the_core_lints_clean(cores: Path, tmp_path: Path) -> None:
    place = tmp_path / "cores"
    shutil.copytree(cores, place)
    done = fusesoc(place, "somebody:projects:around")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "%Warning" not in said
    # What others write is not waived, be the name of their file alike.
    for name in ("around.v", "around.core"):
        text = (place / name).read_text().replace("around.v", "my_net.v")
        (place / name).write_text(text.replace("endmodule", "wire [1:0] q = 5'd3;\nendmodule"))
    (place / "around.v").rename(place / "my_net.v")
    done = fusesoc(place, "somebody:projects:around")
    said = done.stdout + done.stderr
    assert set(re.findall(r"%Warning-(\w+)", said)) == {"WIDTHTRUNC"}
    assert done.returncode != 0


def test_the_header_is_c_and_says_the_map(tmp_path: Path) -> None:
    path = tmp_path / "firmware" / "net.h"
    options = ["--bus", "axi", "--no-check", "--header", str(path)]
    assert main(["verilog", "dnms_running_mean", *options, "--out", str(tmp_path / "net.v")]) == 0
    given = mapped("dnms_running_mean", 2).map
    prefix = "DNMS_RUNNING_MEAN_CORE"
    lines = ["#include <stdio.h>", '#include "net.h"', '#include "net.h"', "int main(void) {"]
    values = {register.name: given.address(register.name) for register in given.registers}
    for window in given.windows:
        name = window.name.upper()
        values |= {name: window.base, f"{name}_STRIDE": window.stride, f"{name}_ROWS": window.rows}
        values |= {
            f"{name}_{n.upper()}": window.base + BYTES * k for k, n in enumerate(window.names)
        }
    values["IDENTITY_VALUE"] = given.identity
    lines += [f'  printf("%u\\n", {prefix}_{name});' for name in values]
    program = tmp_path / "show.c"
    program.write_text("\n".join([*lines, "  return 0;", "}", ""]))
    cc = shutil.which("cc")
    assert cc is not None
    build = [cc, "-Wall", "-Wextra", "-Werror", "-pedantic", "-std=c99", "-I", str(path.parent)]
    subprocess.run([*build, str(program), "-o", str(tmp_path / "show")], check=True)
    shown = subprocess.run([tmp_path / "show"], capture_output=True, text=True, check=True).stdout
    assert list(map(int, shown.split())) == list(values.values())


def test_the_map_has_every_register_and_window_once() -> None:
    core = mapped("dnms_running_mean", 2)
    given = core.map
    text = markdown(given)
    for register in given.registers:
        assert text.count(f"| `{register.name}` |") == 1
    taken: set[int] = {given.address(register.name) for register in given.registers}
    for window, region in zip(given.windows, core.core.regions, strict=True):
        assert text.count(f"| `{window.base:#06x}` | `{window.name}` | read") == 1
        addresses = [window.address(word) for word in range(region.words)]
        assert len(set(addresses)) == region.words
        assert window.base % window.span == 0
        assert window.base <= min(addresses) <= max(addresses) < window.base + window.span
        assert taken.isdisjoint(addresses)
        taken.update(addresses)
    assert max(taken) < 1 << given.address_bits
    assert given.identity == mapped("dnms_running_mean", 1).map.identity
    assert given.identity != mapped("digits", 2).map.identity


def test_a_header_needs_registers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["verilog", "digits", "--header", str(tmp_path / "net.h")]
    assert main(given) == 2
    assert "Header must be that of a core on axi, not 'stream'" in capsys.readouterr().err


def test_names_that_c_cannot_tell_apart_are_told_apart() -> None:
    given = mapped("digits", 2).map
    twice = dataclasses.replace(given, sources=("a b", "a-b"))
    defined = re.findall(r"#define (\w+) ", c_header(twice, "x"))
    assert {"X_SOURCE_A_B", "X_SOURCE_A_B_2"} <= set(defined)
    assert len(defined) == len(set(defined))
