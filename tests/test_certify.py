"""Certificates: what is checked, what is written, and that a tampered file is noticed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from goldenspike.golden.plan import plan
from goldenspike.hdl.core import Core
from goldenspike.hdl.verilog import convert
from goldenspike.sim import certificate as checks
from goldenspike.sim.claims.networks import perturbed
from goldenspike.sim.formal import Outcome
from goldenspike.tools import certificate, certify
from goldenspike.tools.cli import main
from goldenspike.tools.experiment import shipped

# No task, no trials, no seed.
SMALL = """
[network]
ticks = 2
population = [
    { name = "inputs", size = 3, model = "source", signal = "fxp-s8/5" },
    { name = "outputs", size = 2, model = "leaky_readout", output = "fxp-s12/7" },
]

[[network.projection]]
pre = "inputs"
post = "outputs"
weight = "fxp-s12/9"
initial = 0.1
rule = { model = "node_perturbation", eta = 0.02, sigma = 0.1, factor = "fxp-s14/12" }

[network.reward]
readout = "outputs"
objective = "OBJECTIVE"
baseline = { model = "paired" }
reward = "fxp-s16/8"
target = "fxp-s12/7"
EXTRA
"""
FILES = ["certificate.json", "certificate.txt", "core.v", "description.toml", "junit.xml"]


def small(folder: Path, objective: str = "squared_error") -> Path:
    path = folder / "small.toml"
    text = SMALL.replace("OBJECTIVE", objective)
    path.write_text(text.replace("EXTRA", "scale = 0.5"))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate of a small network; its claims got no time."""
    folder = tmp_path_factory.mktemp("made")
    options = ["--lanes", "2", "--trials", "2", "--time", "0", "--out", str(folder / "certificate")]
    assert main(["certify", str(small(folder)), *options]) == 0
    return folder / "certificate"


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "certificate")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_certificate_says_what_was_checked_and_found(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == FILES
    assert [path.name for path in made.parent.iterdir() if path.name.startswith(".")] == []
    data = json.loads((made / "certificate.json").read_text())
    assert (data["format"], data["passed"]) == ("goldenspike-certificate/1", True)
    assert (data["lanes"], data["neurons"], data["trials"], data["seed"]) == (2, 1, 2, 1)
    assert data["description"]["sha256"] == sha256(made / "description.toml")
    assert data["description"]["sha256"] == sha256(made.parent / "small.toml")
    assert data["verilog"]["sha256"] == sha256(made / "core.v")
    assert data["files"] == {name: sha256(made / name) for name in ("junit.xml", "certificate.txt")}
    assert data["proofs"]
    assert all(one["status"] == "proved" for one in data["proofs"])
    assert [one["problem"] for one in data["readers"]] == [None] * 4
    tried = {(r["simulator"], r["stalls"], r["power_up"]) for r in data["lockstep"]}
    usual = {(s, stalls, None) for s in ("verilator", "icarus") for stalls in (True, False)}
    assert tried == usual | {("icarus", True, 1)}
    for run in data["lockstep"]:
        assert set(run["kinds"]) == {"learn", "split", "plain", "reset"}
        assert run["words"] > 0
        assert run["ticks"] == 3 * 5 + 2 * 2  # Digests of 3 learning trials and 2 plain runs.
    assert [one["result"] for one in data["claims"]] == ["left out"] * 4
    done = len(data["proofs"]) + 1 + 4 + 5
    assert data["counts"] == {"checks": done + 4, "passed": done, "failed": 0, "left_out": 4}
    assert set(data["versions"]) > {"goldenspike", "yosys", "z3", "verilator", "icarus", "cocotb"}


def test_a_certificate_is_for_ci_servers_and_people_too(made: Path) -> None:
    data = json.loads((made / "certificate.json").read_text())
    cases = list(ET.parse(made / "junit.xml").getroot().iter("testcase"))
    assert len(cases) == data["counts"]["checks"]
    assert sum(case.find("skipped") is not None for case in cases) == 4
    assert [case for case in cases if case.find("failure") is not None] == []
    page = (made / "certificate.txt").read_text()
    assert page.startswith("Certificate of small, 20")
    assert "All checks passed." in page
    assert data["verilog"]["sha256"] in page
    assert "left out: units stay apart (no time was left of 0 s)" in page


def test_verilog_bears_the_hash_of_its_description_also_what_verilog_writes(
    made: Path, tmp_path: Path
) -> None:
    digest = sha256(made.parent / "small.toml")
    first, second, third = (made / "core.v").read_text().splitlines()[:3]
    assert first.startswith("// small_core: written by goldenspike ")
    assert second == f"// SHA-256 of its description: {digest}"
    assert third.startswith("module small_core")
    task = '\nseed = 1\ntrials = 3\n[task]\nmodel = "werfel"\n'
    file = tmp_path / "small.toml"
    file.write_text(task + small(tmp_path).read_text().replace("ticks = 2", "ticks = 1"))
    options = ["--no-check", "--lanes", "2", "--out", str(tmp_path / "core.v")]
    assert main(["verilog", str(file), *options]) == 0
    lines = (tmp_path / "core.v").read_text().splitlines()
    assert lines[1] == f"// SHA-256 of its description: {sha256(file)}"


def test_the_certified_file_is_recognised(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = shutil.copy(made / "core.v", tmp_path / "mine.v")
    for file in ([], [str(elsewhere)]):
        assert main(["certify", "--check", str(made), *file]) == 0
        printed = capsys.readouterr()
        assert "is the Verilog that" in printed.out
        assert printed.err == ""


@pytest.mark.parametrize("name", ["core.v", "description.toml", "junit.xml", "certificate.txt"])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_one_flipped_bit_is_noticed(
    place: str, name: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copied / name
    data = bytearray(file.read_bytes())
    data[{"first": 0, "middle": len(data) // 2, "last": -1}[place]] ^= 1
    file.write_bytes(data)
    assert main(["certify", "--check", str(copied)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{file} is not" in line


@pytest.mark.parametrize("bit", range(8))
def test_one_flipped_bit_of_a_file_elsewhere_is_noticed(
    bit: int, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray((made / "core.v").read_bytes())
    data[np.random.default_rng(bit).integers(len(data))] ^= 1 << bit
    file = tmp_path / "mine.v"
    file.write_bytes(data)
    assert main(["certify", "--check", str(made), str(file)]) == 1
    assert f"{file} is not the certified Verilog" in capsys.readouterr().err


def test_a_certificate_that_failed_certifies_nothing(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copied / "certificate.json"
    data = json.loads(file.read_text())
    data["passed"] = False
    data["counts"]["failed"] = 3
    file.write_text(json.dumps(data))
    assert main(["certify", "--check", str(copied)]) == 1
    assert "says that 3 of its checks failed" in capsys.readouterr().err


REFUSED = {
    "nothing": ([], "must have an EXPERIMENT, or --check FOLDER"),
    "replay alone": (["digits", "--replay"], "must have an EXPERIMENT, or --check FOLDER"),
    "no certificate": (["--check", "tests"], "tests/certificate.json: No such file"),
    "no file": (["--check", "COPY", "none.v"], "none.v: No such file"),
    "no experiment": (["none.toml"], "must be a file that exists, not 'none.toml'"),
    "lanes": (["digits", "--lanes", "3"], "not 3"),
    "other folder": (["digits", "--out", "tests"], "tests: Folder must be new or a certificate's"),
    "under a file": (["digits", "--out", "LICENSE/x"], "LICENSE/x: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(
    case: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, text = REFUSED[case]
    words = [str(copied) if word == "COPY" else word for word in words]
    assert main(["certify", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert text in line


@pytest.mark.parametrize(
    "damage", [("format", "other"), ("verilog", {}), ("passed", None), ("lanes", None)]
)
def test_a_damaged_certificate_is_refused_in_one_line(
    damage: tuple[str, Any], copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, value = damage
    file = copied / "certificate.json"
    data = json.loads(file.read_text())
    data[key] = value
    if value is None:
        del data[key]
    file.write_text(json.dumps(data))
    assert main(["certify", "--check", str(copied), "--replay"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(file) in line


def test_a_network_that_does_not_learn_is_certified_by_plain_runs(tmp_path: Path) -> None:
    text = SMALL.partition("[network.reward]")[0].replace("rule =", "# rule =")
    (tmp_path / "fixed.toml").write_text(text)
    options = ["--lanes", "2", "--trials", "2", "--time", "0", "--out", str(tmp_path / "made")]
    assert main(["certify", str(tmp_path / "fixed.toml"), *options]) == 0
    data = json.loads((tmp_path / "made" / "certificate.json").read_text())
    assert len(data["lockstep"]) == 5
    for run in data["lockstep"]:
        assert set(run["kinds"]) == {"plain", "reset"}
        assert (run["ticks"], run["problem"]) == (5 * 2, None)


# Failures: a fault in the text that is simulated, a claim that is false, an interruption.


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Icarus alone simulate."""
    monkeypatch.setattr(certify, "SIMULATORS", ("icarus",))


@pytest.mark.usefixtures("quick")
def test_a_fault_in_the_text_is_found_and_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export = certify.export

    def faulty(request: certify.Request) -> Any:
        text, core = export(request)
        changed = text.replace(") * $signed(", ") + $signed(")
        assert changed != text
        return changed, core

    monkeypatch.setattr(certify, "export", faulty)
    out = tmp_path / "out"
    options = ["--lanes", "2", "--trials", "2", "--time", "0", "--out", str(out)]
    assert main(["certify", str(small(tmp_path)), *options]) == 1
    printed = capsys.readouterr()
    found = "trial 0, pass 0, tick 0: this text differs, and a core that is made now does not"
    assert f"lockstep: corners, icarus, stalled: {found}" in printed.err
    data = json.loads((out / "certificate.json").read_text())
    assert data["passed"] is False
    assert data["counts"]["failed"] == 3
    assert "CHECKS FAILED" in (out / "certificate.txt").read_text()
    root = ET.parse(out / "junit.xml").getroot()
    assert len(list(root.iter("failure"))) == 3
    assert main(["certify", "--check", str(out)]) == 1
    assert "3 of its checks failed" in capsys.readouterr().err


def test_a_fault_of_the_hardware_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldenspike.hdl.synapses.delta.multiply", lambda a, b: (a * b) ^ 1)
    core = Core(perturbed("node"), 2)
    bench = checks.Bench(convert(core, "top"), "top", core)
    tried = bench.run(checks.cornered(core.plan, 1, 2), "icarus", 1, stalls=False)
    assert tried.problem.startswith("trial 0, pass 0, tick 0: out.y[")
    assert "golden" in tried.problem


@pytest.mark.usefixtures("quick")
def test_a_false_claim_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = {"kept": [1, 0]}
    outcomes = [
        ("one", Outcome("one", "proved", 9, 0.5, 3, 4)),
        ("other", Outcome("other", "failed", 2, 0.5, 3, 4, ("kept",), trace)),
    ]
    monkeypatch.setattr(checks, "claims", lambda *_: outcomes)
    out = tmp_path / "out"
    options = ["--lanes", "2", "--trials", "2", "--out", str(out)]
    assert main(["certify", str(small(tmp_path)), *options]) == 1
    assert "other: kept is false in cycle 1" in capsys.readouterr().err
    data = json.loads((out / "certificate.json").read_text())
    assert [one["result"] for one in data["claims"]] == ["proved", "failed"]
    assert data["passed"] is False


def test_an_interruption_leaves_nothing_and_what_was_there(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(certify, "check", interrupt)
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    there = sorted(path.name for path in tmp_path.iterdir())
    file = str(small(tmp_path))
    for out in (copied, tmp_path / "new"):
        assert main(["certify", file, "--lanes", "2", "--out", str(out)]) == 130
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*there, "small.toml"])


def test_a_folder_is_replaced_as_a_whole(copied: Path) -> None:
    (copied / "left over").write_text("")
    certificate.Folder(copied).write({"certificate.json": b"{}"})
    assert [path.name for path in copied.iterdir()] == ["certificate.json"]
    assert [path.name for path in copied.parent.iterdir()] == ["certificate"]


def test_a_folder_that_cannot_be_written_leaves_what_was_there(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(path.name for path in copied.iterdir())
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="No space left"):
        certificate.Folder(copied).write({"certificate.json": b"{}"})
    assert sorted(path.name for path in copied.iterdir()) == before
    assert [path.name for path in copied.parent.iterdir()] == ["certificate"]


# What is run


def test_what_is_shown_is_a_function_of_the_seed() -> None:
    planned = perturbed("node")
    one, same, other = (checks.cornered(planned, seed, 4) for seed in (5, 5, 6))
    assert one.session.save().keys() == same.session.save().keys()
    for name, array in one.session.arrays.items():
        assert np.array_equal(array, same.session.arrays[name])
    for name, array in one.stimulus.inputs.items():
        assert np.array_equal(array, same.stimulus.inputs[name])
    name = "spikes_to_out.w"
    assert not np.array_equal(one.session.arrays[name], other.session.arrays[name])
    assert checks.runs(planned, one.samples, 5) == checks.runs(planned, same.samples, 5)
    resets = {run.cycles for seed in range(50) for run in checks.runs(planned, [0, 1], seed)}
    assert len(resets) > 20
    assert max(resets) < 1 << checks.LATEST


def test_an_objective_from_outside_has_errors_for_every_learning_trial(tmp_path: Path) -> None:
    file = small(tmp_path, "external")
    request = certify.read(file, "small", certify.Asked(lanes=2, trials=2))
    shown = checks.cornered(request.plan, 3, 2)
    assert shown.external is not None
    core = Core(request.plan, 2)
    bench = checks.Bench(convert(core, "top"), "top", core)
    tried = bench.run(shown, "icarus", 3, stalls=True)
    assert tried.problem == ""
    assert sum(kind in ("learn", "split") for kind in tried.kinds) == len(shown.external) == 3


def test_claims_are_checked_at_the_networks_own_shape() -> None:
    planned = perturbed("none", 1, 1)
    names = [one.name for one in checks.properties(planned, 2, 1)]
    assert names[0] == "rows of spikes"
    outcome = checks.check_property(network(1), 1, 1, 0, 60)
    assert (outcome.status, outcome.name) == ("proved", "rows of spikes")


def network(size: int) -> Any:
    """Return the network that a plan of the claims' networks is of."""
    from goldenspike.golden.network import Network, Population, Projection, Source
    from goldenspike.sim.claims.networks import READOUT, F

    projection = Projection("spikes", "out", F("fxp-s4/2"))
    populations = Population("spikes", size, Source()), Population("out", size, READOUT)
    return Network(1, populations, (projection,))


def test_a_claim_that_does_not_fit_the_time_is_left_out() -> None:
    seconds = iter([0.0, 0.0, 1e3, 1e3, 1e3])
    found = dict(checks.claims(network(1), 1, 1, 4.0, lambda: next(seconds)))
    assert list(found) == [one.name for one in checks.properties(plan(network(1)), 1, 1)]
    assert found["units stay apart"] == "no time was left of 4 s"
    assert found["rows of spikes"] == "it did not fit 1 s"


# Shipped experiments and the README's own network


@pytest.mark.long
@pytest.mark.parametrize("name", ["werfel_node", "cue_association", "rflo_periodic", "README"])
def test_experiments_get_a_certificate(name: str, tmp_path: Path) -> None:
    path = shipped().get(name)
    if path is None:
        text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
        path = tmp_path / "mine.toml"
        path.write_text(text.split("```toml\n")[1].split("```")[0])
    out = tmp_path / "out"
    options = ["--lanes", "2", "--trials", "2", "--time", "60", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "goldenspike.tools.cli", "certify", str(path), *options],
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 0
    assert main(["certify", "--check", str(out)]) == 0
