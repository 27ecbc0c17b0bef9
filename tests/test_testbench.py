"""The bench that goes with a core: it passes without us, and fails where the core is wrong."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.cache import cache_root
from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import verilog
from goldenspike.hdl.bus.core import AxiCore
from goldenspike.hdl.core import Core
from goldenspike.sim import testbench, toolchain
from goldenspike.tools.cli import main

PASSES = r"^PASS: {}, {} digests"


def commands(page: Path) -> dict[str, str]:
    """Return the commands that a bench's page gives, by simulator."""
    found = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    return {command.split()[0]: command for command in found}


def run(folder: Path, command: str, *plusargs: str) -> tuple[int, str]:
    """Run a command of a page; return its status and what it prints."""
    variables = toolchain.environment(cache_root() / "sim" / "objects" / "testbench")
    done = subprocess.run(
        ["sh", "-c", " ".join([command.strip(), *plusargs])],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def written(experiment: str, bus: str, path: Path, *more: str) -> Path:
    """Write an experiment's core and bench by the command; return the folder of the bench."""
    given = ["--bus", bus, "--no-check", "--testbench", "--out", str(path), *more]
    assert main(["verilog", experiment, *given]) == 0
    return path.with_name(f"{path.stem}_tb")


@pytest.mark.parametrize(
    ("bus", "simulator"),
    [
        ("stream", "iverilog"),
        ("stream", "verilator"),
        ("axi", "iverilog"),
        pytest.param("axi", "verilator", marks=pytest.mark.long),
    ],
)
def test_the_bench_of_an_experiment_passes_without_python(
    bus: str, simulator: str, tmp_path: Path
) -> None:
    folder = written("digits", bus, tmp_path / "net.v", "--lanes", "1", "--seed", "9")
    command = commands(folder / "README.md")[simulator]
    status, said = run(folder, command)
    assert status == 0, said
    assert re.search(PASSES.format("digits_core", 2 * 33), said, re.MULTILINE)
    assert "arning" not in said.replace("inherited", "")
    # Once built, other stalls take other times, and change nothing else.
    again = command.partition("&&")[2]
    passes = [run(folder, again, plusarg) for plusarg in ("+seed=5", "+unstalled")]
    assert [status for status, _ in passes] == [0, 0]
    assert len({re.findall(r"in (\d+) cycles", text)[0] for _, text in [(0, said), *passes]}) == 3
    # Both simulators answer with a status when something differs.
    expected = folder / ("digests.hex" if bus == "stream" else "events.hex")
    words = [int(word, 16) ^ 1 for word in expected.read_text().split()]
    expected.write_text("".join(f"{word:08x}\n" for word in words))
    status, said = run(folder, again)
    assert status != 0
    assert re.search(r"^trial 0, \S.*the model has ", said, re.MULTILINE), said
    assert "PASS" not in said


@pytest.mark.long
@pytest.mark.parametrize("simulator", ["iverilog", "verilator"])
@pytest.mark.parametrize(
    ("experiment", "bus"),
    [("cue_accumulation", "stream"), ("cue_accumulation", "axi"), ("dnms_running_mean", "axi")],
)
def test_benches_of_larger_experiments_pass(
    experiment: str, bus: str, simulator: str, tmp_path: Path
) -> None:
    more = ["--lanes", "8", "--neurons", "8", "--trials", "1"]
    folder = written(experiment, bus, tmp_path / "core.v", *more)
    status, said = run(folder, commands(folder / "README.md")[simulator])
    assert status == 0, said
    assert "\nPASS: " in f"\n{said}"


SAMPLES = (0, 1, 2)
Made = Callable[..., tuple[Path, str]]


@pytest.fixture
def made(networks: dict[str, Network], stimulate: Callable[..., Stimulus], tmp_path: Path) -> Made:
    """Give ``made(bus, network)``: a folder with core and bench, and the command for Icarus."""

    def make(bus: str, name: str = "spiking") -> tuple[Path, str]:
        planned = plan(networks[name])
        session, stimulus = Session(planned, 3, "python"), stimulate(planned, 5)
        session.trial = 7
        core: Any = (AxiCore if bus == "axi" else Core)(planned, 2)
        external = None
        if name == "judged":
            draws = np.random.default_rng(1).integers(-300, 300, (len(SAMPLES), planned.passes))
            external = draws.astype(object)
        given = {"what": "3 trials", "external": external}
        found = testbench.files(core, "net", session, stimulus, SAMPLES, **given)
        for file, text in found.items():
            (tmp_path / file).write_text(text)
        (tmp_path / "core.v").write_text(verilog.convert(core, "net"))
        built = "iverilog -g2012 -s net_tb -o bench.vvp bench.sv core.v"
        return tmp_path, f"{built} && vvp -n bench.vvp"

    return make


@pytest.mark.parametrize("bus", ["stream", "axi"])
@pytest.mark.parametrize("name", ["judged", "graded", "online"])
def test_benches_of_all_kinds_of_rewards_pass(made: Made, bus: str, name: str) -> None:
    folder, command = made(bus, name)
    status, said = run(folder, command)
    assert status == 0, said
    assert said.startswith("PASS: net, ")


def edit(path: Path, module: str, old: str, new: str) -> None:
    """Change the first `old` in a module of a Verilog file, by its name's end."""
    head, name, rest = re.split(rf"(module \\\S+{module} )", path.read_text(), maxsplit=1)
    body, end, rest = rest.partition("endmodule")
    assert old in body
    path.write_text("".join([head, name, body.replace(old, new, 1), end, rest]))


@pytest.mark.parametrize(
    ("bus", "module", "old", "new", "said"),
    [
        ("stream", r"\.neuron_0", " + ", " - ", r"trial 7, pass 0, tick \d: digest "),
        ("stream", r"\.update_0", " + ", " - ", r"trial 7, update: digest "),
        ("axi", r"\.neuron_0", " + ", " - ", r"trial 7, pass 0, tick \d: (tick|event of popul)"),
        ("axi", r"\.update_1", " + ", " - ", r"trial 7, update: update with digest "),
    ],
)
def test_a_planted_fault_is_found_and_its_tick_named(
    made: Made, bus: str, module: str, old: str, new: str, said: str
) -> None:
    folder, command = made(bus)
    edit(folder / "core.v", module, old, new)
    status, text = run(folder, command)
    assert status != 0
    assert re.match(said, text), text
    assert "the model has " in text
    assert "PASS" not in text


@pytest.mark.long
def test_verilator_ends_with_a_status_too(tmp_path: Path) -> None:
    folder = written("digits", "stream", tmp_path / "core.v", "--lanes", "1", "--trials", "1")
    edit(tmp_path / "core.v", r"\.update_0", " + ", " - ")
    status, text = run(folder, commands(folder / "README.md")["verilator"])
    assert status != 0
    assert "trial 0, update: digest " in text
    assert "PASS" not in text


@pytest.mark.parametrize(
    ("bus", "file", "said"),
    [
        ("stream", "answers.hex", r"after the last trial: a_to_b_w\[0, 1\] is (\w+), the model h"),
        ("axi", "steps.hex", r"after the last trial: a_to_b_w\[0, 1\] is (\w+), the model has "),
    ],
)
def test_a_weight_that_differs_is_named(made: Made, bus: str, file: str, said: str) -> None:
    folder, command = made(bus)
    path = folder / file
    lines = path.read_text().splitlines()
    # The second weight that is read back.
    place = 1
    if bus == "axi":
        checks = [k for k, line in enumerate(lines) if line[0] == str(testbench.CHECK)]
        place = checks[1 + 2 * len(SAMPLES) + 1]
    lines[place] = f"{int(lines[place], 16) ^ 1:0{len(lines[place])}x}"
    path.write_text("\n".join(lines) + "\n")
    status, text = run(folder, command)
    assert status != 0
    assert re.match(said, text), text


@pytest.mark.parametrize("bus", ["stream", "axi"])
def test_a_core_that_hangs_or_lacks_files_is_told(made: Made, bus: str) -> None:
    folder, command = made(bus)
    path = folder / "bench.sv"
    text = path.read_text()
    port, name = {"stream": (".i__valid", "i_valid"), "axi": (".s_axi_wvalid", "s_axi_wvalid")}[bus]
    assert text.count(f"{port}({name})") == 1
    silent = text.replace(f"{port}({name})", f"{port}(1'b0)")
    path.write_text(re.sub(r"PATIENCE = \d+", "PATIENCE = 3000", silent))
    status, said = run(folder, command)
    assert status != 0
    assert said.startswith("trial 7, pass 0, tick 0: nothing happens for 3000 cycles")
    path.write_text(text)
    next(folder.glob("*s.hex")).unlink()
    status, said = run(folder, command)
    assert status != 0
    assert "The bench's files must be in .: name their folder by +files=" in said


def test_a_bench_has_a_trial_at_least(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verilog", "digits", "--testbench", "--trials", "0"]) == 2
    assert "--trials" in capsys.readouterr().err
