"""The driver of boards from end to end, and the commands around it."""

from __future__ import annotations

import os
import pty
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goldenspike.hdl.boards import board as boards
from goldenspike.hdl.boards.clock import Clock
from goldenspike.sim import board, simulators
from goldenspike.tools import bitstream, fpga, link
from goldenspike.tools.cli import main
from goldenspike.tools.console import InputError
from goldenspike.tools.device import Device
from goldenspike.tools.job import prepare

TINY = str(Path(__file__).with_name("tiny.toml"))
SLOW_S = 60.0
"""A simulated board's time-out: other tests run beside it."""


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    """Simulate a board with the tiny network."""
    with board.plugged_in(board.build(prepare(TINY).plan, 2, neurons=2)) as name:
        yield name


def test_network_learns_on_a_board_and_ends_with_the_same_weights(port: str, other: Any) -> None:
    job = prepare(TINY)
    session = job.session()
    with Device(port, job, timeout_s=SLOW_S) as device:
        device.load(session)
        stimulus, samples = job.task.trials(0, 40)
        golden = session.learn(stimulus, samples, traced=True)
        found = device.learn(stimulus, samples)
        assert found.digests == golden.digests.reshape(-1).tolist()
        assert found.errors.tolist() == golden.errors.tolist()
        assert found.rewards.tolist() == golden.rewards.tolist()
        weights = session.arrays["inputs_to_outputs.w"]
        assert device.weights("inputs_to_outputs").tolist() == weights.tolist()
        assert weights.tolist() != job.session().arrays["inputs_to_outputs.w"].tolist()
        plain = session.evaluate(stimulus, samples[:3])
        assert device.evaluate(stimulus, samples[:3]).errors.tolist() == [
            [error] for error in plain.errors[:, 0].tolist()
        ]
        device.session = session.copy()
        seen = device.verify(10)
    assert (seen.difference, seen.trials, seen.digests, seen.lost) == (None, 10, 30, 0)
    assert seen.words > weights.size
    with pytest.raises(InputError, match=r"^Network of the board at .* must be other's, "):
        Device(port, other, timeout_s=SLOW_S)


@pytest.fixture
def other(tmp_path: Path) -> Any:
    """Return the job of another network."""
    path = tmp_path / "other.toml"
    path.write_text(Path(TINY).read_text().replace("eta = 0.03125", "eta = 0.0625"))
    return prepare(str(path))


def test_board_is_there_again_for_the_next_host(port: str) -> None:
    for _ in range(2):
        with Device(port, prepare(TINY), timeout_s=SLOW_S) as device:
            device.load(device.session)
            assert device.verify(2).difference is None


def test_command_verifies_a_board(port: str, capfd: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("goldenspike.tools.device.TIMEOUT_S", SLOW_S)
    assert main(["device", TINY, "--port", port, "--trials", "3"]) == 0
    out, _ = capfd.readouterr()
    assert "words read back and compared" in out
    assert "nothing" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--port", "/dev/no_such_port"], "Port must be a serial port that can be opened at"),
        ([], "device: Board must be named by --port or be --simulate, not neither"),
        (["--port", "x", "--simulate"], "device: Board must be named by --port or be"),
        (["--simulate", "--lanes", "3"], "device: Lanes must be one of 1, 2, 4, 8, 16, 32, not 3"),
        (["--port", "/dev/null"], "Port must be a serial port that can be opened at"),
    ],
)
def test_bad_port_is_one_line(capfd: Any, arguments: list[str], line: str) -> None:
    assert main(["device", TINY, *arguments]) == 2
    _, err = capfd.readouterr()
    (told,) = [text for text in err.splitlines() if text.startswith("goldenspike: ")]
    assert told.startswith(f"goldenspike: {line}")


def test_port_without_a_board_is_one_line(capfd: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(link, "TRIES", 2)
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        assert main(["device", TINY, "--port", os.ttyname(slave)]) == 2
    finally:
        os.close(master)
        os.close(slave)
    _, err = capfd.readouterr()
    (told,) = [text for text in err.splitlines() if text.startswith("goldenspike: ")]
    assert told.startswith("goldenspike: Port must have a goldenspike board at its baud rate, not ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--board", "icebraker"], "bitstream: Board must be one of"),
        (["--board", "icebreaker", "--lanes", "5"], "bitstream: Lanes must be one of"),
        (
            ["--board", "icebreaker", "--frequency", "3"],
            "bitstream: Frequency must be one that the PLL makes of 12 MHz",
        ),
        (["--board", "icebreaker", "--baud", "5000000"], "bitstream: Baud must be within 2 %"),
    ],
)
def test_bad_bitstream_is_one_line(capfd: Any, arguments: list[str], line: str) -> None:
    assert main(["bitstream", TINY, *arguments]) == 2
    _, err = capfd.readouterr()
    assert err.count("goldenspike: ") == 1
    assert err.startswith(f"goldenspike: {line}")


def pretended(reached: float, folder: Path) -> bitstream.Built:
    """Return what the tools might have made."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "top.bin"
    file.write_bytes(b"bits")
    return bitstream.Built(file, {"ICESTORM_LC": (4000, 5280)}, {"clk": (reached, 12.0)}, 1.0)


@pytest.mark.parametrize(("reached", "status"), [(12.5, 0), (12.0, 0), (11.9, 1)])
def test_bitstream_that_is_too_slow_fails(
    reached: float, status: int, tmp_path: Path, capfd: Any, monkeypatch: Any
) -> None:

    def make(platform: Any, top: Any, folder: Path, _: Any) -> bitstream.Built:
        platform.prepare(top, "top", **boards.options(platform))
        return pretended(reached, folder)

    monkeypatch.setattr(bitstream, "make", make)
    out = tmp_path / "out"
    asked = ["bitstream", TINY, "--board", "icebreaker", "--lanes", "1", "--out", str(out)]
    assert main(asked) == status
    text, err = capfd.readouterr()
    assert "76 %" in text
    assert (out / "top.bin").exists() == (status == 0)
    if status:
        assert "Timing must be met at 12 MHz, but the core on icebreaker reaches 11.90 MHz" in err


def test_tool_that_fails_is_told_in_a_line(tmp_path: Path) -> None:
    script = tmp_path / "yosys"
    script.write_text("#!/bin/sh\necho 'ERROR: Unable to fit it'\nexit 1\n")
    script.chmod(0o755)
    platform = boards.platform("icebreaker")
    top = boards.BoardTop(platform, prepare(TINY).plan, 1, Clock(platform, None), 12)
    with pytest.raises(simulators.SimulationError, match=r"but a tool said: ERROR: Unable to fit"):
        bitstream.make(platform, top, tmp_path / "out", {"YOSYS": str(script)})


def test_tools_are_those_on_path_or_of_the_python_packages(monkeypatch: Any) -> None:
    found = bitstream.programs(boards.platform("ulx3s_85f"))
    assert set(found) == {"YOSYS", "NEXTPNR_ECP5", "ECPPACK"}
    monkeypatch.setattr(fpga.shutil, "which", lambda *_, **__: None)
    with pytest.raises(simulators.MissingToolError, match=r"install .* goldenspike\[boards\]$"):
        bitstream.programs(boards.platform("icebreaker"))


@pytest.mark.long
@pytest.mark.parametrize("name", ["icebreaker", "ulx3s_85f"])
def test_bitstream_is_made(name: str, tmp_path: Path, capfd: Any) -> None:
    asked = ["bitstream", TINY, "--board", name, "--lanes", "1", "--out", str(tmp_path / "out")]
    assert main(asked) == 0
    out, _ = capfd.readouterr()
    assert "Clocks in MHz" in out
    (file,) = [path for path in (tmp_path / "out").iterdir() if path.suffix in (".bit", ".bin")]
    assert file.stat().st_size > 10_000
