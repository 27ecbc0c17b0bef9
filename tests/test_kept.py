"""Verilog is kept as long as nothing that it depends on changes, and no longer."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.hdl import kept, verilog
from goldenspike.hdl.bus.core import AxiCore
from goldenspike.hdl.core import Core
from goldenspike.tools.experiment import shipped
from goldenspike.tools.job import prepare


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have an empty cache."""
    monkeypatch.setenv("GOLDENSPIKE_CACHE", str(tmp_path))
    return tmp_path / "verilog"


def text(value: Any) -> str:
    """Return the description of a value."""
    return "".join(kept.described(value, {}))


def test_what_was_written_is_found(
    cache: Path, networks: dict[str, Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(networks["spiking"])
    first = verilog.convert(Core(planned, 2), "core", kept=True)
    assert [path.read_text() for path in cache.iterdir()] == [first]
    assert verilog.convert(Core(planned, 2), "core") == first

    def nobody(*_: Any) -> str:
        raise AssertionError

    monkeypatch.setattr(verilog, "write", nobody)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        again = plan(networks["spiking"])
        assert verilog.convert(Core(again, 2), "core", kept=True) == first
        gc.collect()
    assert [str(one.message) for one in seen] == []  # Nothing complains of not being elaborated.


def test_whatever_differs_is_kept_apart(cache: Path, networks: dict[str, Network]) -> None:
    one = networks["spiking"]
    rule: Any = one.projections[0].rule
    other = replace(
        one, projections=(replace(one.projections[0], rule=replace(rule, eta=rule.eta / 2)),)
    )
    made = [
        (Core(plan(one), 1), "core"),
        (Core(plan(one), 1), "other"),
        (Core(plan(one), 2), "core"),
        (Core(plan(one), 2, 2), "core"),
        (Core(plan(one), 1, trace=True), "core"),
        (Core(plan(one), 1, digest=False), "core"),
        (AxiCore(plan(one), 1), "core"),
        (AxiCore(plan(one), 1, digest=False), "core"),
        (Core(plan(replace(one, ticks=one.ticks + 1)), 1), "core"),
        (Core(plan(other), 1), "core"),
    ]
    places = [kept.find(core, name)[0] for core, name in made]
    assert len(set(places)) == len(made)
    assert {place.parent for place in places} == {cache}
    for core, _ in made:
        kept.claim(core)


def test_every_shipped_network_can_be_described() -> None:
    assert len({text(prepare(name).plan) for name in shipped()}) == len(shipped())


def test_what_is_not_plain_data_is_refused() -> None:
    amount = 3
    with pytest.raises(TypeError, match="Description must consist of plain data, not function"):
        text((1, lambda: amount))
    with pytest.raises(TypeError, match="Description must consist of plain data, not set"):
        text({"a": {1, 2}})


CHILD = """
import json, sys
from goldenspike.hdl import kept
print(json.dumps([kept.__file__, kept._makers()]))
"""


def test_other_sources_write_another_text(hardware: Path) -> None:
    def makers() -> str:
        variables = os.environ | {"PYTHONPATH": str(hardware.parent.parent)}
        given = {"env": variables, "capture_output": True, "text": True}
        ran = subprocess.run([sys.executable, "-c", CHILD], check=True, **given)
        place, key = json.loads(ran.stdout)
        assert Path(place).is_relative_to(hardware)
        return key

    before = makers()
    assert before == makers() == kept._makers()
    file = hardware / "units" / "rows.py"
    file.write_text(file.read_text() + "\n")
    assert makers() != before
