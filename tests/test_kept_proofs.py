"""Proofs that are kept: found again if nothing of them has changed, and never otherwise."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Module

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.rules import three_factor
from goldenspike.golden.synapses import delta
from goldenspike.hdl import yosys
from goldenspike.hdl.rules.three_factor import Update
from goldenspike.sim import kept, proof, solvers, spread
from goldenspike.sim.proof import Proof, prove_all

F = Format.parse
REPOSITORY = Path(__file__).parents[1]
WEIGHT = three_factor.update_constants(
    F("fxp-s16/14"), F("fxp-s18/20"), F("fxp-s16/0"), Rounding.HALF_EVEN, Overflow.SATURATE
)
SYNAPSE = delta.Constants(F("fxp-s16/14"), F("fxp-s16/10"))
CASES = [("update", Update.cell, WEIGHT), ("delta", delta.STEP, SYNAPSE)]


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let neither Yosys nor a solver run."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("Nothing must run")

    monkeypatch.setattr(yosys, "run", refuse)
    for name in solvers.SOLVERS:
        monkeypatch.setitem(solvers.ANSWERERS, name, refuse)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_is_kept_needs_neither_yosys_nor_a_solver(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first = list(prove_all(CASES, folder=tmp_path))
    assert [(p.status, p.kept) for p in first] == [("proved", False)] * 2
    assert len(files(tmp_path)) == 3  # The update is proved with registers across it too.
    request.getfixturevalue("nobody")
    again = list(prove_all(CASES, folder=tmp_path))
    assert [(p.status, p.kept) for p in again] == [("proved", True)] * 2
    assert [(p.where, p.widest) for p in again] == [(p.where, p.widest) for p in first]
    assert str(again[1]) == "delta: synapses.delta.step proved before"
    for changed in ({"fresh": True}, {"folder": None}, {"solver": "bitwuzla"}):
        with pytest.raises(AssertionError, match="Nothing must run"):
            list(prove_all(CASES, **{"folder": tmp_path, **changed}))
    other = delta.Constants(F("fxp-s16/14"), F("fxp-s16/9"))
    with pytest.raises(AssertionError, match="Nothing must run"):
        list(prove_all([("delta", delta.STEP, other)], folder=tmp_path))


def test_a_wrong_twin_of_the_same_name_and_constants_is_not_what_was_kept(tmp_path: Path) -> None:
    class Floored(Update):
        def elaborate(self, platform: Any) -> Module:
            self.constants = self.constants._replace(rounding=int(Rounding.FLOOR))
            return super().elaborate(platform)

    assert all(p.proved for p in prove_all(CASES, folder=tmp_path))
    before = files(tmp_path)
    for _ in range(2):  # Nor is a counterexample kept.
        found = next(prove_all(CASES[:1], {Update.cell.name: Floored}, folder=tmp_path))
        assert (found.status, found.kept) == ("counterexample", False)
    assert files(tmp_path) == before


def test_a_twin_whose_cut_is_wrong_is_found_though_the_rest_of_it_is_kept(tmp_path: Path) -> None:
    class ShortCut(Update):
        def across(self, m: Module, value: Any, name: str) -> Any:
            return super().across(m, value & -2 if self.cut and name == "step" else value, name)

    assert all(p.proved for p in prove_all(CASES, folder=tmp_path))
    found = next(prove_all(CASES[:1], {Update.cell.name: ShortCut}, folder=tmp_path))
    assert (found.status, found.kept) == ("counterexample", False)


def test_what_no_solver_answers_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = solvers.Answer("unknown", "out of time", {})
    monkeypatch.setitem(solvers.ANSWERERS, "z3", lambda *_: unknown)
    for _ in range(2):
        found = next(prove_all(CASES, folder=tmp_path))
        assert (found.status, found.kept) == ("unknown", False)
    assert files(tmp_path) == []


@pytest.mark.parametrize("damage", ["", "{}", "[]", "other", "status"])
def test_a_damaged_file_is_no_proof(damage: str, tmp_path: Path) -> None:
    case = CASES[1:]
    list(prove_all(case, folder=tmp_path))
    (file,) = files(tmp_path)
    data = json.loads(file.read_text())
    texts = {
        "other": json.dumps({**data, "key": "0" * 64}),
        "status": json.dumps({**data, "status": "unknown"}),
    }
    file.write_text(texts.get(damage, damage))
    assert not next(prove_all(case, folder=tmp_path)).kept
    assert next(prove_all(case, folder=tmp_path)).kept


@pytest.mark.parametrize("what", ["version of the solver", "source of the proof"])
def test_another_prover_proves_again(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[1:]
    list(prove_all(case, folder=tmp_path))
    assert next(prove_all(case, folder=tmp_path)).kept
    if what == "version of the solver":
        monkeypatch.setattr(solvers, "version", lambda solver: "0.0")
    else:
        monkeypatch.setattr(kept, "_makers", lambda: ["another"])
    assert not next(prove_all(case, folder=tmp_path)).kept


PROGRAM = """
import sys
import time
from pathlib import Path
from goldenspike.golden.fixed import Format
from goldenspike.golden.neurons import lif
from goldenspike.sim.proof import prove_all
F = Format.parse
constants = lif.Params(F("fxp-s8/4"), 0.9, 1.0).constants(F("fxp-s10/6"))
found = next(prove_all([("lif", lif.STEP, constants)], folder=Path(sys.argv[1])))
print(found.status, "before" if found.kept else "now")
"""
CELL = ("golden/neurons/lif.py", " | ((v == c.threshold) & c.inclusive)", "")
TWIN = ("hdl/neurons/lif.py", "v >= c.threshold if c.inclusive else v > c.threshold", "v > 0")
ALIKE = (TWIN[0], TWIN[1], "v > c.threshold")
SHARED = ("golden/fixed.py", "(x + (half - 1) + (quotient & 1))", "(x + half)")
SHARED_TWIN = ("hdl/fixed.py", "rest[-1] & (rest[:-1].any() | odd)", "rest[-1]")
WORDS = ("golden/neurons/lif.py", '"""One tick."""', '"""A tick."""')
EDITS = {
    "nothing": ([], "proved before"),
    "words": ([WORDS], "proved before"),
    "the cell": ([CELL], "counterexample now"),
    "its twin": ([TWIN], "counterexample now"),
    "what cells share": ([SHARED], "counterexample now"),
    "what twins share": ([SHARED_TWIN], "counterexample now"),
    "both alike": ([CELL, ALIKE], "proved now"),
}


def test_edits_of_a_cell_or_a_twin_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "goldenspike").mkdir()
    for name in ("golden", "hdl", "sim"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, tmp_path / "goldenspike" / name, ignore=ignored)

    def outcome() -> str:
        return subprocess.run(
            [sys.executable, "-B", "-c", PROGRAM, "kept"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert outcome() == "proved now"
    found = {}
    for what, (edits, _) in EDITS.items():
        before = {}
        for name, old, new in edits:
            file = tmp_path / "goldenspike" / name
            before[file] = file.read_text()
            assert before[file].count(old) == 1
            file.write_text(before[file].replace(old, new))
        found[what] = outcome()
        for file, text in before.items():
            file.write_text(text)
    assert found == {what: outcome for what, (_, outcome) in EDITS.items()}


def proofs(**options: object) -> list[Proof]:
    names = ("synapses.delta.step", "modulators.sign.step", "rules.eligibility.modulate")
    cases = [case for case in proof.catalog_cases() if case[1].name in names]
    return list(prove_all(cases, **options))


def test_processes_prove_the_same_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "BATCH", 8)
    moves: list[int] = []
    many = proofs(jobs=2, folder=tmp_path, moved=moves.append)
    assert len(many) > 2 * proof.BATCH
    assert sum(moves) == len(many)
    assert all(p.proved for p in many)
    assert sum(not p.kept for p in many) > len(many) / 2  # Some ask the same as others.
    one = proofs(folder=tmp_path)
    assert all(p.kept for p in one)
    assert [(p.where, p.constants, p.widest) for p in one] == [
        (p.where, p.constants, p.widest) for p in many
    ]


def test_an_error_in_a_process_is_told_and_no_process_is_left() -> None:
    assert sorted(spread.spread(divmod, [(7, 2), (9, 4)], 2)) == [(0, (3, 1)), (1, (2, 1))]
    with pytest.raises(ZeroDivisionError):
        list(spread.spread(divmod, [(7, 2), (9, 0)], 2))
    assert multiprocessing.active_children() == []


def test_a_process_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import os, time\n"
        "from goldenspike.sim import spread\n"
        "if __name__ == '__main__':\n"
        "    next(spread.spread(os.getpid, [()], 1))\n"
        "    for _, number in spread.spread(time.sleep, [(0,), (1000,)], 2):\n"
        "        import multiprocessing\n"
        "        print(*(one.pid for one in multiprocessing.active_children()), flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
    )
    file = tmp_path / "program.py"
    file.write_text(program)
    with subprocess.Popen([sys.executable, file], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        numbers = child.stdout.readline().split()
        child.wait()
    assert len(numbers) == 2
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{number}/exe").exists() for number in numbers):
        assert time.monotonic() < deadline, numbers
        time.sleep(0.05)
