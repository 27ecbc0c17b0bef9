"""Reproduced figures: what is out of band fails, and the page says what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.trial import Session
from goldenspike.sim import lockstep
from goldenspike.tools import reproduce
from goldenspike.tools.cli import main
from goldenspike.tools.cosim import Verdict
from goldenspike.tools.figures import linear
from goldenspike.tools.measuring import Figure, Run, lockstep_trials, near

REPORT = lockstep.Report("icarus", 8, 20, 60, 1, 1, 7, None)
EQUAL = Verdict("icarus", (REPORT,))
DIFFERS = Verdict("icarus", (), "/home/me/x: trial 3: differs", 0, 10)


def figure(fixed: float = 1.0, **more: Any) -> Figure:
    given: dict[str, Any] = {"quantity": "error left |e|", "source": "theory: me"}
    given |= {"band": near(1.0, 0.05), "expected": 1.0, "ideal": 1.01}
    return Figure("my rule", fixed=fixed, **(given | more))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return what the only family yields, to be filled by the test."""
    found: list[Figure] = []
    family = ModuleType("tiny", "Tiny family.\n\nMore about it.")

    def figures(run: Run) -> Iterator[Figure]:
        yield from found

    vars(family)["figures"] = figures
    monkeypatch.setattr(reproduce, "families", lambda: {"tiny": family, "large": family})
    return found


# Bands


@pytest.mark.parametrize(
    ("fixed", "band", "good"),
    [
        (0.95, (0.95, 1.05), True),
        (1.05, (0.95, 1.05), True),
        (0.9499, (0.95, 1.05), False),
        (1.0501, (0.95, 1.05), False),
        (-1.0, (0.95, 1.05), False),
        (math.nan, (0.95, 1.05), False),
        (math.nan, (-math.inf, math.inf), False),
        (math.inf, (0.95, math.inf), True),
        (7.0, (0.95, math.inf), True),
        (0.0, (0.0, 0.0), True),
        (1e-9, (0.0, 0.0), False),
    ],
)
def test_a_figure_is_good_in_its_band_only(fixed, band, good):
    assert figure(fixed, band=band).good is good


def test_a_figure_is_bad_if_any_simulator_differs():
    assert figure(lockstep=(EQUAL,)).good
    assert not figure(lockstep=(EQUAL, DIFFERS)).good


@pytest.mark.parametrize("expected", [2.0, -2.0, 0.0])
def test_a_band_is_a_share_to_either_side(expected):
    assert near(expected, 0.5) == (expected - abs(expected) / 2, expected + abs(expected) / 2)


@pytest.mark.parametrize(
    ("expected", "band", "text"),
    [
        (2.004, near(2.004, 0.05), "2.004 \u00b1 5 %"),
        (-4.0, near(-4.0, 0.1), "-4 \u00b1 10 %"),
        (0.74, (0.66, 0.8), "0.74 (0.66 to 0.8)"),
        (0.74, (0.66, math.inf), "0.74 (at least 0.66)"),
        (None, (-math.inf, 0.66), "at most 0.66"),
        (0.0, (0.0, 0.0), "exactly 0"),
        (0.0, (-1.0, 1.0), "0 (-1 to 1)"),
    ],
)
def test_what_is_expected_is_told_with_its_band(expected, band, text):
    assert reproduce.expected(figure(expected=expected, band=band)) == text


# The command


def test_families_are_listed(tiny, capsys):
    for arguments in ([], ["--list"], ["tiny", "--list"]):
        assert main(["reproduce", *arguments]) == 0
        text = capsys.readouterr().out
        assert "│ tiny  │ Tiny family." in text
        assert "│ large │" in text


def test_every_shipped_family_has_a_summary_and_figures():
    known = reproduce.families()
    assert {"linear", "werfel"} <= set(known)
    for name, module in known.items():
        assert callable(module.figures), name
        assert (module.__doc__ or "").splitlines()[0].endswith("."), name


def test_good_figures_give_status_0_and_write_nothing(tiny, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny += [figure(), figure(ideal=None, quantity="another")]
    assert main(["reproduce", "tiny", "--no-rtl"]) == 0
    text = capsys.readouterr().out
    assert "my rule" in text
    assert "2 of 2 as they must be" in text
    assert "not run" in text
    assert list(tmp_path.iterdir()) == []


def test_a_figure_out_of_band_is_named_and_gives_status_1(tiny, capsys):
    tiny += [figure(), figure(1.2, quantity="decay")]
    assert main(["reproduce", "tiny", "--no-rtl"]) == 1
    printed = capsys.readouterr()
    assert "goldenspike: tiny: my rule: decay: must be 0.95 to 1.05, not 1.2\n" in printed.err
    assert printed.err.count("goldenspike: ") == 1
    assert "BAD" in printed.out
    assert "1 of 2 as they must be" in printed.out


def test_hardware_that_differs_is_told_and_gives_status_1(tiny, capsys):
    tiny.append(figure(lockstep=(EQUAL, DIFFERS)))
    assert main(["reproduce", "tiny"]) == 1
    printed = capsys.readouterr()
    assert "icarus, trials 0 to 9: /home/me/x: trial 3: differs\n" in printed.err
    assert "0 of 1" in printed.out


@pytest.mark.parametrize("options", [[], ["--all"], ["--list"]])
def test_an_unknown_family_gets_one_line_and_status_2(options, capsys):
    assert main(["reproduce", "linear", "werfle", *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    known = ", ".join(repr(name) for name in reproduce.families())
    assert f"Family of figures must be one of {known}, not" in printed.err
    assert "not 'werfle' (did you mean 'werfel'?)" in printed.err


def test_a_missing_simulator_gets_one_line_before_anything_is_measured(
    tiny, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "--all"]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert "must be installed" in printed.err
    assert list(tmp_path.iterdir()) == []
    assert main(["reproduce", "--all", "--no-rtl"]) == 0


# The page


def test_all_writes_one_table_with_the_command_that_made_it(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny += [figure(lockstep=(EQUAL,)), figure(1.2, lockstep=(DIFFERS,))]
    assert main(["reproduce", "--all"]) == 1  # what is bad is written too
    text = (tmp_path / "docs" / "reproduce.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "Made by `goldenspike reproduce --all` on 20" in text
    for program in ("goldenspike", "numba", "verilator", "icarus"):
        assert f"{program} " in text.split("Made by")[1].split("|")[0]
    assert "/home" not in text
    assert str(tmp_path) not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in rows}) == 1
    assert rows[0] == (
        "| family | rule | quantity | expected | source | float64 | fixed point | RTL | verdict |"
    )
    start = r"| tiny | my rule | error left \|e\| | 1 ± 5 % | theory: me | 1.01 |"
    assert rows[2] == f"{start} 1 | = fixed, trials: icarus 20 | good |"
    assert rows[3] == f"{start} 1.2 | differs (icarus) | BAD |"
    assert [row.split(" ")[1] for row in rows[2:]] == ["tiny", "tiny", "large", "large"]


def test_a_page_of_some_names_them(tiny, tmp_path):
    tiny.append(figure())
    path = tmp_path / "some.md"
    assert main(["reproduce", "large", "tiny", "tiny", "--no-rtl", "--out", str(path)]) == 0
    assert "`goldenspike reproduce large tiny --no-rtl`" in path.read_text(encoding="utf-8")


def test_ctrl_c_leaves_the_page_that_was_there(tiny, tmp_path, monkeypatch):
    path = tmp_path / "page.md"
    path.write_text("before")

    def interrupted(run: Run) -> Iterator[Figure]:
        yield figure()
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce.families()["tiny"], "figures", interrupted)
    assert main(["reproduce", "--all", "--no-rtl", "--out", str(path)]) == 130
    assert path.read_text() == "before"


# Measuring


def test_sessions_come_back_in_the_order_of_their_seeds():
    job = Run().job("werfel_node")
    found = Run().sessions(job.plan, [5, 3, 4], "ideal", lambda s: (s.seed, s.kind), "x")
    assert found == [(5, "ideal"), (3, "ideal"), (4, "ideal")]


def test_a_job_can_have_other_parameters():
    job = Run().job("linear_node", 7, unreachable=2.0)
    assert job.experiment.seed == 7
    assert job.task.params == job.experiment.parameters
    assert job.task.params.unreachable == 2.0
    assert job.task.params.dimension == 50


def test_a_rate_is_that_of_a_geometric_series():
    errors = 2 + 3 * 0.99 ** np.arange(100)
    assert linear.rate_of(np.stack([errors - 1, errors + 1]), 5, 2) == pytest.approx(0.01)
    assert math.isnan(linear.rate_of(np.full((2, 100), 5.0), 5, 2))
    assert math.isnan(linear.rate_of(np.full((2, 100), np.nan), 5, 2))


def test_lockstep_counts_the_trials_of_every_simulator():
    moved: list[int] = []
    job = Run().job("werfel_node")
    verdicts = lockstep_trials(job, 12, ("icarus",), moved.append)
    assert [(one.simulator, one.problem, one.total("trials")) for one in verdicts] == [
        ("icarus", None, 12)
    ]
    assert sum(moved) == 12
    assert Run(hardware=False).lockstep(job) == ()


def test_lockstep_that_differs_is_no_good_figure(monkeypatch):
    def differs(session: Session, stimulus: Any, samples: Any, **_: Any) -> lockstep.Report:
        found = lockstep.Mismatch(3, "update", "inputs_to_outputs.w", (2, 1), 5, 4)
        return lockstep.Report("icarus", 8, len(samples), 1, 1, 1, 1, found)

    monkeypatch.setattr(lockstep, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(lockstep, "lockstep", differs)
    job = Run().job("werfel_node")
    verdicts = Run(hardware=True).lockstep(job, {"verilator": 20, "icarus": 5})
    assert [one.simulator for one in verdicts] == ["verilator", "icarus"]
    assert not figure(lockstep=verdicts).good
    assert (
        "inputs_to_outputs.w[2, 1]: golden 5, hardware 4"
        in reproduce.faults(figure(lockstep=verdicts))[0]
    )


def test_lockstep_of_fewer_trials_than_asked_is_no_good_figure(monkeypatch):
    monkeypatch.setattr(lockstep, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(lockstep, "lockstep", lambda *_, **__: REPORT)
    verdicts = lockstep_trials(Run().job("werfel_node"), 30, ("icarus",))
    assert verdicts[0].problem == "Trials must be 30, not 60"


def test_adding_a_family_takes_a_module(monkeypatch, tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        '"""Mine."""\n'
        "from goldenspike.tools.measuring import Figure\n"
        "def figures(run):\n"
        "    yield Figure('rule', 'share solved', 'paper: me', (0.9, 1), 0.95)\n"
    )
    places = [*reproduce.package.__path__, str(tmp_path)]
    monkeypatch.setattr(reproduce.package, "__path__", places)
    assert main(["reproduce", "mine", "--no-rtl"]) == 0
