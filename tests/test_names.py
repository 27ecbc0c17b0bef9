"""Names of networks and files: what tools can read comes of all that are accepted."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goldenspike.golden.network import LONGEST_NAME, Network, Population, Projection
from goldenspike.golden.plan import plan
from goldenspike.hdl.bus.core import AxiCore
from goldenspike.hdl.bus.register_map import c_header
from goldenspike.hdl.core import Core
from goldenspike.hdl.verilog import convert
from goldenspike.sim import simulators, toolchain
from goldenspike.tools import verilog
from goldenspike.tools.cli import main
from goldenspike.tools.experiment import shipped

LIMIT = 1024
"""Characters of an identifier that every tool for Verilog must take, by its standard."""
KEYWORDS = [
    ("reg", "module", "class"),
    ("int", "logic", "signed"),
    ("wire", "endmodule", "template"),
    ("clk", "rst", "core"),
    ("x" * LONGEST_NAME, "y" * LONGEST_NAME, "z" * LONGEST_NAME),
]
FEW = [("reg", "axi"), ("int", "stream"), ("xxx", "axi")]
"""What every run of the tests has."""


def named(network: Network, names: tuple[str, ...]) -> Network:
    """Return a network whose populations have other names."""
    known = dict(zip([p.name for p in network.populations], names, strict=False))

    def other(part: Any, *fields: str) -> Any:
        return replace(part, **{field: known[getattr(part, field)] for field in fields})

    reward: Any = network.reward
    return replace(
        network,
        populations=tuple(other(p, "name") for p in network.populations),
        projections=tuple(other(q, "pre", "post") for q in network.projections),
        reward=other(reward, "readout"),
    )


def compiles(folder: Path, top: str) -> None:
    """Have the files of a core and its instance read by everything that shall read them."""
    core, around = folder / "core.v", folder / "around.v"
    template = (folder / "core_instance.v").read_text()
    around.write_text(f"module around;\n{template}endmodule\n")
    for standard in ("2005", "2012"):
        made = ["iverilog", f"-g{standard}", "-t", "null", "-s", "around", str(around), str(core)]
        subprocess.run(made, check=True)
    assert toolchain.lint([folder / "core.vlt", core], top) == ""
    verilog.read_back(core.read_text(), top)
    header = folder / "core.h"
    if header.exists():
        (folder / "include.c").write_text('#include "core.h"\n#include "core.h"\nint unused;\n')
        for compiler in (["cc", "-std=c99"], ["c++", "-x", "c++", "-std=c++11"]):
            strict = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]
            subprocess.run([*compiler, *strict, "include.c"], cwd=folder, check=True)


@pytest.mark.parametrize(
    ("names", "bus"),
    [
        pytest.param(
            names,
            bus,
            marks=[] if (names[0][:3], bus) in FEW else pytest.mark.long,
            id=f"{names[0][:9]}-{bus}",
        )
        for names in KEYWORDS
        for bus in ("stream", "axi")
    ],
)
def test_populations_may_be_called_anything(
    networks: dict[str, Network], names: tuple[str, ...], bus: str, tmp_path: Path
) -> None:
    planned = plan(named(networks["deep"], (*names, "float")))
    core: Any = (AxiCore if bus == "axi" else Core)(planned, 1)
    text = convert(core, "net_core")
    (tmp_path / "core.v").write_text(text)
    for path, document in verilog.documents(core, "net_core", tmp_path / "core.v", None).items():
        path.write_text(document)
    compiles(tmp_path, "net_core")
    words = re.findall(r"[\w$]+", text)
    assert max(map(len, words)) + len("net_core.projection_.synapse_00") < LIMIT


def test_a_name_that_is_too_long_is_refused() -> None:
    Population("a" * LONGEST_NAME, 1, None)
    with pytest.raises(ValueError, match="Name must have 300 characters at most, not 301: 'aaaa"):
        Population("a" * (LONGEST_NAME + 1), 1, None)


def test_two_simulators_run_a_network_of_keywords(networks: dict[str, Network]) -> None:
    planned = plan(named(networks["spiking"], ("int", "class")))
    core = Core(planned, 1)
    text = convert(core, "core")
    for simulator in simulators.SIMULATORS:
        simulators.build([("core.v", text)], "core", simulator, visible=["*"])


@pytest.mark.parametrize(
    ("file", "top"),
    [
        ("2layer", "net_2layer_core"),
        pytest.param("module", "module_core", marks=pytest.mark.long),
        pytest.param("a-b.2", "a_b_2_core", marks=pytest.mark.long),
        pytest.param("\N{GREEK SMALL LETTER BETA}1", "net__1_core", marks=pytest.mark.long),
        ("n" * 240, f"{'n' * 240}_core"),
    ],
)
def test_experiments_may_be_called_anything(file: str, top: str, tmp_path: Path) -> None:
    path = tmp_path / f"{file}.toml"
    shutil.copy(shipped()["xor_walsh"], path)
    out = tmp_path / "a folder" / "core.v"
    given = ["--bus", "axi", "--lanes", "1", "--no-check", "--testbench", "--out", str(out)]
    assert main(["verilog", str(path), *given]) == 0
    compiles(out.parent, top)
    made = ["iverilog", "-g2012", "-t", "null", "-s", f"{top}_tb", str(out)]
    subprocess.run([*made, str(out.parent / "core_tb" / "bench.sv")], check=True)
    assert f"name: goldenspike:cores:{top}:" in (out.parent / "core.core").read_text()


@pytest.mark.parametrize("option", ["--out", "--header"])
@pytest.mark.parametrize("name", ["my core.v", "a'b.v", "-x.v", "(1).v"])
def test_a_file_that_tools_cannot_name_is_refused(
    option: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    given = ["--bus", "axi", f"{option}={path}"]
    assert main(["verilog", "xor_walsh", *given]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"must be of letters, digits and '_.+-', which all tools can read, not {name!r}" in said
    assert not path.exists()


def test_an_experiment_with_a_space_in_its_name_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my net.toml"
    shutil.copy(shipped()["xor_walsh"], path)
    assert main(["verilog", str(path)]) == 2
    assert "Name must be of letters, digits and '_.-', not 'my net'" in capsys.readouterr().err


def test_macros_differ_whatever_names_are_like(networks: dict[str, Network]) -> None:
    core = AxiCore(plan(networks["spiking"]), 1)
    given = replace(core.map, sources=("a b", "a-b", "a_b_2", "a b"), populations=())
    defined = re.findall(r"#define (\w+) ", c_header(given, "x"))
    assert len(defined) == len(set(defined))
    assert sum(name.startswith("X_SOURCE_A_B") for name in defined) == 4
    convert(core, "core")


def test_projections_of_one_name_are_refused(networks: dict[str, Network]) -> None:
    base: Any = networks["spiking"]
    model, one = base.populations[1].model, base.projections[0]
    names = ("a", "b_to_c", "a_to_b", "c")
    populations = (base.populations[0], *(Population(n, 2, model) for n in names[1:]))
    projections = (
        Projection("a", "b_to_c", one.weight, initial=0.5),
        Projection("a", "a_to_b", one.weight, initial=0.5),
        Projection("a_to_b", "c", one.weight, initial=0.5),
    )
    assert projections[0].name == projections[2].name == "a_to_b_to_c"
    with pytest.raises(ValueError, match="a_to_b_to_c"):
        plan(Network(3, populations, projections))
