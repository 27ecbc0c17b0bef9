"""golden, hdl and the catalogs are in step."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

import goldenspike.golden.catalog as golden_catalog
from goldenspike.golden import cell as golden_cell
from goldenspike.golden.cell import Cell, Nothing
from goldenspike.hdl import catalog as hdl_catalog
from goldenspike.hdl.catalog import TWINS
from goldenspike.sim.proof import catalog_cases

GOLDEN = Path(golden_cell.__file__).parent
HDL = Path(hdl_catalog.__file__).parent
FILES = [str(path.relative_to(GOLDEN)) for path in sorted(GOLDEN.rglob("*.py"))]
MODELS = [
    module
    for registry in ("NEURONS", "NOISES", "SYNAPSES", "RULES", "OBJECTIVES", "BASELINES")
    for module in getattr(golden_catalog, registry).values()
]


def _module(side: str, file: str) -> ModuleType:
    name = file.removesuffix(".py").replace("/", ".")
    return importlib.import_module(f"goldenspike.{side}.{name}")


def _cells(module: ModuleType) -> list[Cell]:
    """Return the cells that a module makes itself."""
    place = module.__name__.removeprefix("goldenspike.golden.")
    found = [value for value in vars(module).values() if isinstance(value, Cell)]
    return [value for value in found if value.name.rpartition(".")[0] == place]


@pytest.mark.parametrize("file", [f for f in FILES if not f.endswith("__init__.py")])
def test_every_cell_has_its_twin_in_the_file_of_the_same_name(file: str) -> None:
    for cell in _cells(_module("golden", file)):
        kind = TWINS[cell.name]
        assert kind.cell is cell
        assert kind.__module__ == _module("hdl", file).__name__


def test_every_twin_is_of_a_cell_that_its_golden_file_makes() -> None:
    cells = [cell for file in FILES for cell in _cells(_module("golden", file))]
    assert sorted(cell.name for cell in cells) == sorted(TWINS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_of_the_catalog_has_its_file_in_hdl(model: ModuleType) -> None:
    file = Path(str(model.__file__)).relative_to(GOLDEN)
    assert (HDL / file).is_file()
    for cell in _cells(model):
        assert cell.name in TWINS


@pytest.mark.parametrize("name", TWINS)
def test_every_twin_has_cases_of_several_formats(name: str) -> None:
    cases = [constants for _, cell, constants in catalog_cases() if cell.name == name]
    assert cases
    if cases[0] != Nothing():
        assert len(set(cases)) >= 2


def test_cases_are_named_after_their_cells() -> None:
    places = [where for where, _, _ in catalog_cases()]
    assert len(set(places)) == len(places)
    assert places[0] == "fixed.requantize #0"
