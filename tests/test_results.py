"""Results: one run owns a folder, what cannot be written is found first, and files are named."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.cache import replacing
from goldenspike.golden.trial import Session
from goldenspike.tools import learn as learning
from goldenspike.tools import link, results
from goldenspike.tools.cli import main
from goldenspike.tools.console import InputError
from goldenspike.tools.job import prepare

TINY = str(Path(__file__).with_name("tiny.toml"))
HOLDS = """
import os, sys
from pathlib import Path
from goldenspike.tools import results
with results.owned(Path(sys.argv[1])):
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path) -> Any:
    """Start a process that owns a folder; it goes on until it is killed, or its stdin ends."""
    folder = tmp_path / "out"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert int(child.stdout.readline()) == child.pid
    yield folder, child
    child.kill()
    child.communicate()


def test_a_folder_that_another_run_has_is_refused_with_its_process(holder, capsys, monkeypatch):
    folder, child = holder
    monkeypatch.setattr(Session, "learn", lambda *_, **__: pytest.fail("learned"))
    for command in (["learn", TINY], ["demo"]):
        assert main([*command, "--out", str(folder)]) == 2
        assert capsys.readouterr().err == (
            f"goldenspike: Folder of results must be this run's alone, not {str(folder)!r}, to "
            f"which process {child.pid} writes\n"
        )


@pytest.mark.parametrize("ended", ["well", "killed"])
def test_a_folder_is_free_again_however_its_run_ended(ended, holder):
    folder, child = holder
    if ended == "killed":
        child.send_signal(signal.SIGKILL)
        child.wait()
    else:
        child.communicate()
    with results.owned(folder):
        assert list(folder.iterdir()) == []
    assert folder.exists() == (ended == "killed")  # Which it was that had made it.


def test_two_runs_at_once_leave_the_files_of_one(tmp_path):
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "goldenspike.tools.cli", "learn", TINY, "--no-float"]
    seeds = ("5", "6")
    runs = [
        subprocess.Popen(
            [*command, "--seed", seed, "--out", str(folder)], stderr=subprocess.PIPE, text=True
        )
        for seed in seeds
    ]
    said = [run.communicate()[1] for run in runs]
    statuses = [run.returncode for run in runs]
    assert 0 in statuses
    assert all(
        status == 0 or (status == 2 and "must be this run's alone" in text)
        for status, text in zip(statuses, said, strict=True)
    )
    result = json.loads((folder / "result.json").read_text())
    job = prepare(TINY, seed=result["seed"])
    session = job.session()
    session.learn(*job.task.trials(0, result["trials"]))
    written = results.read_weights(folder / "weights.npz", job.plan)["inputs_to_outputs"]
    assert (written == session.arrays["inputs_to_outputs.w"]).all()
    assert f"seed = {result['seed']}" in (folder / "experiment.toml").read_text()


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    folder = there / "a" / "b"

    def fail() -> None:
        with results.owned(folder):
            assert folder.is_dir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(there.iterdir()) == []
    with results.owned(folder):
        (folder / "file").touch()
    assert (folder / "file").exists()


def test_a_folder_that_cannot_be_written_is_found_before_learning(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(learning, "learn", lambda *_: pytest.fail("learned"))
    for folder in ("/proc/nowhere", "/dev/null/x", f"{tmp_path}/{'a' * 300}"):
        assert main(["learn", TINY, "--out", folder]) == 2
        printed = capsys.readouterr().err
        assert printed.startswith(f"goldenspike: {folder}: ")
        assert printed.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["cosim", TINY, "--waves", "/proc/nowhere/x.vcd"],
        ["reproduce", "linear", "--out", "/proc/nowhere/x.md"],
        ["bitstream", TINY, "--board", "icebreaker", "--out", "/proc/nowhere"],
    ],
)
def test_every_output_is_tried_before_the_work(command, capsys, monkeypatch):
    from goldenspike.sim import lockstep
    from goldenspike.tools import bitstream, reproduce

    monkeypatch.setattr(lockstep, "prepare", lambda *_, **__: pytest.fail("built"))
    monkeypatch.setattr(reproduce, "measure", lambda *_, **__: pytest.fail("measured"))
    monkeypatch.setattr(bitstream, "make", lambda *_, **__: pytest.fail("made"))
    assert main(command) == 2
    assert capsys.readouterr().err == "goldenspike: /proc/nowhere: No such file or directory\n"


def test_a_folder_with_files_of_others_is_not_emptied(tmp_path):
    (tmp_path / "thesis.tex").write_text("years")
    (tmp_path / "deep").mkdir()
    with pytest.raises(InputError, match=r"must be empty, or of an earlier run, not '.*', which"):
        results.clear(tmp_path, "build_top.sh")
    assert (tmp_path / "thesis.tex").read_text() == "years"
    (tmp_path / "build_top.sh").touch()
    results.clear(tmp_path, "build_top.sh")
    assert list(tmp_path.iterdir()) == []
    results.clear(tmp_path, "build_top.sh")
    results.clear(tmp_path / "none", "build_top.sh")


def test_a_full_disk_is_told_with_the_file(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # As of write(): without a name.

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        results.write_weights(path, prepare(TINY).session())
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_grows_beyond_what_is_allowed_is_told_by_its_name(tmp_path):
    out = tmp_path / "out"
    asked = ["learn", TINY, "--trials", "4", "--no-float", "--out", str(out)]
    program = f"from goldenspike.tools.cli import main; raise SystemExit(main({asked!r}))"
    prepare(TINY).session().learn(*prepare(TINY).task.trials(0, 1))  # Compiled, and kept.
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"goldenspike: {out}/learning_curve.png: File too large"
    )
    assert not (out / "result.json").exists()


def test_an_error_of_another_file_keeps_its_name(tmp_path):
    def fail() -> None:
        with replacing(tmp_path / "a"):
            (tmp_path / "none").read_text()

    with pytest.raises(FileNotFoundError) as caught:
        fail()
    assert caught.value.filename == str(tmp_path / "none")


def weights_of(tmp_path: Path) -> tuple[Any, Path]:
    job = prepare(TINY)
    path = tmp_path / "weights.npz"
    results.write_weights(path, job.session())
    return job.plan, path


def test_an_array_is_no_file_of_weights(tmp_path):
    plan, _ = weights_of(tmp_path)
    for name in ("array.npy", "renamed.npz"):
        with (tmp_path / name).open("wb") as file:
            np.save(file, np.zeros((4, 2), np.int64))
        with pytest.raises(InputError) as caught:
            results.read_weights(tmp_path / name, plan)
        assert str(caught.value) == (
            f"{tmp_path / name}: Weights must be a file that `learn` wrote"
        )


def test_damaged_weights_are_refused_in_words_of_ours(tmp_path):
    plan, path = weights_of(tmp_path)
    good = path.read_bytes()
    for seed in range(400):
        rng = random.Random(seed)
        data = bytearray(good)
        for _ in range(rng.choice((1, 2, 8))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.choice((len(data), rng.randrange(len(data))))])
        said = ""
        try:
            results.read_weights(path, plan)
        except InputError as error:
            said = str(error)
        assert not said or "must be" in said, f"seed {seed}: {said}"


def test_boards_need_pyserial_and_say_so(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(InputError, match=r"^Python package pyserial must be installed to talk"):
        link.open_port("/dev/ttyUSB0", 1_000_000)
    assert main(["device", TINY, "--port", "/dev/ttyUSB0"]) == 2
    assert "install goldenspike[boards]" in capsys.readouterr().err


def test_names_of_projections_are_answered_with_the_nearest():
    session = prepare(TINY).session()
    wanted = "Projection must be one of 'inputs_to_outputs', not 'input_to_outputs' (did you mean"
    for work in (
        lambda: session.weights("input_to_outputs"),
        lambda: session.set_weights("input_to_outputs", np.zeros((4, 2), np.int64)),
        lambda: session.start_weights("input_to_outputs", np.zeros((4, 2))),
    ):
        with pytest.raises(ValueError, match="must be") as caught:
            work()
        assert str(caught.value).startswith(wanted)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xef\xbb\xbf", None),
        (b"\xff\xfe", "File must be UTF-8 text, but has other bytes in line 1"),
        (b"# ok\n# \x80\n", "File must be UTF-8 text, but has other bytes in line 2"),
    ],
)
def test_a_byte_order_mark_is_no_part_of_a_file_and_other_bytes_are_named(data, words, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(data + Path(TINY).read_bytes())
    if words is None:
        assert prepare(str(path)).plan.ticks == 1
        return
    with pytest.raises(InputError) as caught:
        prepare(str(path))
    assert str(caught.value) == f"{path}: {words}"
