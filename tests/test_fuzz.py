"""``goldenspike fuzz`` and ``goldenspike coverage``: what they run, keep and say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from goldenspike.sim import coverage
from goldenspike.sim import fuzz as running
from goldenspike.tools.cli import main


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the seeds that are run, of which 4 differs and 6 crashes."""
    seeds: list[int] = []
    found = {4: ("differs", "trial 1, update: a.w[0]"), 6: ("crashed", "KeyError at a.py:1: 'b'")}

    def run(seed: int, size: str | None, simulator: Any, aim: Any) -> running.Verdict:
        seeds.append(seed)
        status, what = found.get(seed, ("equal", ""))
        given = size or "small", simulator or "icarus", 2, 1, 1, 30, 400, 1.5
        return running.Verdict(seed, status, what, *given)

    monkeypatch.setattr(running, "run", run)
    return seeds


def test_failures_are_told_with_the_command_that_replays_them(
    ran: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuzz", "--seeds", "3:8"]) == 1
    said = capsys.readouterr()
    assert ran == [3, 4, 5, 6, 7]
    assert "Seed 4 (2 lanes, 1 neurons, icarus) differs: trial 1, update: a.w[0]" in said.err
    assert "Seed 6 (2 lanes, 1 neurons, icarus) crashed: KeyError at a.py:1: 'b'" in said.err
    assert "Replay: goldenspike fuzz --seeds 4:5 --simulator icarus" in said.out
    assert "3 of 5 equal; 5 descriptions were refused" in said.out


def test_the_bin_that_networks_aim_at_is_part_of_what_is_asked(
    ran: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "fuzz.jsonl"
    asked = ["fuzz", "--seeds", "4:5", "--log", str(log)]
    aim = "field: match: window: large"
    assert main(asked) == main([*asked, "--aim", aim]) == main([*asked, "--aim", aim]) == 1
    assert ran == [4, 4]
    replay = f"Replay: goldenspike fuzz --seeds 4:5 --simulator icarus --aim '{aim}'"
    assert capsys.readouterr().out.count(replay) == 2


@pytest.mark.parametrize(
    ("aim", "message"),
    [
        ("field: match: windw: large", "(did you mean 'field: match: window: large'?)"),
        (
            "end: neurons.conductance_lif.step: v: high",
            "Bin must be within reach, not 'end: neurons.conductance_lif.step: v: high': a neuron",
        ),
    ],
)
def test_a_bin_that_is_none_is_named(
    aim: str, message: str, ran: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuzz", "--seeds", "0:1", "--aim", aim]) == 2
    assert message in capsys.readouterr().err
    assert ran == []


def test_a_run_goes_on_where_it_stopped(ran: list[int], tmp_path: Path) -> None:
    log = tmp_path / "fuzz.jsonl"
    assert main(["fuzz", "--seeds", "0:3", "--log", str(log)]) == 0
    log.write_text(log.read_text() + '{"seed": 3, "sta')  # Killed as it wrote.
    assert main(["fuzz", "--seeds", "0:6", "--log", str(log)]) == 1
    assert ran == [0, 1, 2, 3, 4, 5]
    assert len([line for line in log.read_text().splitlines() if line.endswith("}")]) == 6
    # What was asked for differently is not what ran.
    assert main(["fuzz", "--seeds", "0:1", "--size", "long", "--log", str(log)]) == 0
    assert ran[6:] == [0]
    assert main(["fuzz", "--seeds", "4:5", "--log", str(log)]) == 1  # It failed, and is told again.
    assert ran[7:] == []


BAD = [
    (["--seeds", "5"], "Seeds must be like 0:100, not '5'"),
    (["--seeds", "5:5"], "Seeds must be like 0:100, not '5:5'"),
    (["--seeds", "0:1", "--size", "huge"], "Size must be one of None, 'small', 'long', 'wide'"),
]


@pytest.mark.parametrize("command", ["fuzz", "coverage"])
@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_input_is_named(
    command: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *options]) == 2
    assert message in capsys.readouterr().err


def test_coverage_says_what_is_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "coverage.json"
    assert main(["coverage", "--seeds", "2:4", "--size", "small", "--json", str(report)]) == 0
    said, data = capsys.readouterr().out, json.loads(report.read_text())
    assert data["bins"] == len(coverage.bins()) == len(data["covered"]) + len(data["open"])
    assert f"{len(data['covered'])} of {data['bins']} bins covered" in said
    assert all(f"open: {title}" in said for title in data["open"][:5])
    assert set(data["chosen"]) <= {2, 3}
    assert set(data["removed"].values()) == set(coverage.REASONS.values())
