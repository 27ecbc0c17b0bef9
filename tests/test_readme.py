"""What the README shows is what works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from goldenspike.golden.plan import plan
from goldenspike.tools import cli
from goldenspike.tools.experiment import parse, shipped

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the first block of code in a language."""
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_network_of_the_readme_is_a_network() -> None:
    planned = plan(parse(block("toml"), "mine").network)
    assert [p.name for p in planned.neurons] == ["hidden", "classes"]
    assert [q.name for q in planned.plastic] == ["hidden_to_classes"]


def test_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(compile(block("python"), "README.md", "exec"), names)
    assert "None\n" in capsys.readouterr().out
    assert names["outcome"].errors.shape == (500, 2)


def test_readme_names_what_there_is() -> None:
    for name in shipped():
        assert f"`{name}`" in README
    known = {c.name or c.callback.__name__ for c in cli.app.registered_commands}
    known |= {group.name for group in cli.app.registered_groups}
    for command in re.findall(r"^goldenspike (\w+) +[A-Z#\[]", README, re.MULTILINE):
        assert command in known
