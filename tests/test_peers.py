"""Peers: what they answer is read, and nothing that they do holds up or breaks a command."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from goldenspike.sim.simulators import SimulationError
from goldenspike.tools import peers
from goldenspike.tools.peers import PeerError

SPEED = {"ns": 7.691, "rate": 25.4, "version": "3.10.0"}
LOSSES = {"losses": [1.5, 2, 3, 4, 5], "seconds": 0.5, "version": "3.10.0"}


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Return what makes a peer's interpreter of a shell script."""
    monkeypatch.setattr(peers, "FOLDER", tmp_path / ".peers")

    def make(name: str, body: str) -> Path:
        path = peers.FOLDER / name / "bin" / "python"
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return make


def says(answer: Any) -> str:
    return f"echo a banner\necho '{json.dumps(answer)}'\necho"


@pytest.mark.usefixtures("fake")
def test_peers_that_are_not_installed_are_told_as_such():
    assert peers.nest_losses() is None
    assert peers.speed("brian2") is None
    rows = peers.speed_rows()
    assert [row[0] for row in rows] == ["NEST", "Brian2", "Lava"]
    assert all(row[2].startswith("not installed") for row in rows)
    assert all(len(row) == len(peers.HEADS) for row in rows)


def test_answers_are_read_from_the_last_line(fake):
    fake("nest", f"case $2 in losses) {says(LOSSES)};; *) {says(SPEED)};; esac")
    assert peers.nest_losses() == peers.Losses((1.5, 2.0, 3.0, 4.0, 5.0), 0.5, "3.10.0")
    assert peers.speed("nest") == peers.Speed(7.691, 25.4, "3.10.0")
    row = ("NEST 3.10.0", "e-prop, 25 spikes/s", "7.69 ns")
    assert peers.speed_rows()[0] == row


def test_the_script_runs_with_the_peers_interpreter_in_a_folder_that_is_removed(fake, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "ours")
    fake("nest", 'touch left; echo "{\\"a\\": \\"$PWD $TMPDIR $1 $2 $PYTHONPATH\\"}"')
    answer: Any = peers.ask("nest", "speed")
    folder, temporary, script, question = answer["a"].split()
    assert folder == temporary
    assert not Path(folder).exists()
    assert Path(script) == Path(peers.__file__).with_name("nest_eprop.py")
    assert question == "speed"


def test_a_peer_that_fails_is_told_in_one_line(fake, capsys):
    fake("brian2", "echo Traceback >&2\necho 'ImportError: no brian' >&2\nexit 3")
    with pytest.raises(PeerError, match=r"^Brian2 failed: ImportError: no brian$"):
        peers.speed("brian2")
    assert peers.speed_rows()[1] == ("Brian2", "three-factor STDP", "failed")
    assert capsys.readouterr().err == "goldenspike: Brian2 failed: ImportError: no brian\n"


def test_a_peer_that_fails_in_silence_is_told_by_its_status(fake):
    fake("nest", "exit 3")
    with pytest.raises(PeerError, match=r"^NEST failed: status 3$"):
        peers.nest_losses()


def test_a_peer_that_hangs_is_stopped_with_all_that_it_started(fake, tmp_path, monkeypatch):
    note = tmp_path / "child"
    fake("nest", f"sleep 1000000 & echo $! > {note}; wait")
    wait = subprocess.Popen.wait

    def waits(self, timeout=None):  # The time is over when the peer has started a child.
        while timeout is not None and self.poll() is None:
            if note.exists() and note.read_text().endswith("\n"):
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.01)
        return wait(self)

    monkeypatch.setattr(subprocess.Popen, "wait", waits)
    with pytest.raises(PeerError, match=r"^NEST must answer within 0\.5 s, and did not$"):
        peers.speed("nest", 0.5)
    command = Path("/proc", note.read_text().strip(), "cmdline")
    while command.exists() and command.read_bytes():  # One that was not killed never ends.
        time.sleep(0.01)


@pytest.mark.parametrize("body", ["echo nothing", "echo [1]", "true"])
def test_an_answer_must_be_json(fake, body):
    fake("nest", body)
    with pytest.raises(PeerError, match=r"^NEST must answer with a line of JSON, not "):
        peers.ask("nest", "speed")


@pytest.mark.parametrize(
    "losses", [None, [1, 2], [1, 2, 3, 4, float("nan")], [1, 2, 3, 4, "5"], "12345"]
)
def test_losses_must_be_five_numbers(fake, losses):
    fake("nest", says(LOSSES | {"losses": losses}))
    with pytest.raises(PeerError, match=r"^NEST must answer with 5 numbers, not "):
        peers.nest_losses()


def test_speeds_must_be_numbers(fake):
    fake("nest", says({"version": "1"}))
    with pytest.raises(PeerError, match=r"^NEST must answer with 2 numbers, not \[None, None\]$"):
        peers.speed("nest")


def test_a_peers_error_ends_a_command_with_one_line():
    assert issubclass(PeerError, SimulationError)  # which the command line tells so


# Their environments


@pytest.fixture
def steps(monkeypatch):
    """Return the commands that were given, and make the first `bad` succeed or fail."""
    given: list[list[str]] = []

    def execute(command: list[Any], limit_s: float) -> tuple[int | None, str, str]:
        given.append([str(word) for word in command])
        if "venv" in given[-1]:
            python = Path(given[-1][-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        return (
            (1, "", "long\nERROR: no such thing\n") if "brian2==2.9.0" in command else (0, "", "")
        )

    monkeypatch.setattr(peers, "execute", execute)
    return given


@pytest.mark.usefixtures("fake")
def test_environments_are_made_and_one_that_fails_is_told_and_removed(steps, capsys):
    assert peers.install() == 1
    error = "goldenspike: Brian2 could not be installed: ERROR: no such thing\n"
    assert capsys.readouterr().err == error
    assert peers.python("nest") is not None
    assert peers.python("brian2") is None
    assert not (peers.FOLDER / "brian2").exists()
    assert [step[2] for step in steps] == ["venv", "pip", "venv", "pip"]
    assert steps[1][-1] == "nest-simulator==3.10.0"


def test_an_environment_that_is_there_stays_there(fake, steps):
    fake("nest", "true")
    fake("brian2", "true")
    assert peers.install() == 1
    assert [step[2] for step in steps] == ["pip", "pip"]
    assert peers.python("brian2") is not None


@pytest.mark.usefixtures("fake")
def test_an_installation_that_hangs_is_told(monkeypatch):
    monkeypatch.setattr(peers, "execute", lambda command, limit_s: (None, "", ""))
    assert peers.make(peers.FOLDER / "nest", ("x",)) == "it took longer than 1200 s"
