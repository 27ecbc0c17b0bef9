"""Rounding, limiting and products in hardware: small ones for every input, and what they cost."""

from __future__ import annotations

import ast
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Const, Module, Shape, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from goldenspike.golden import fixed, randomness
from goldenspike.golden.cell import Cell
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.neurons import lif
from goldenspike.golden.rules import node_perturbation, three_factor
from goldenspike.golden.synapses import delta
from goldenspike.hdl import yosys
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.fixed import Requantize, align, low_bits, multiply, signed_digits
from goldenspike.sim.sides import cell_results, twin_results

F = Format.parse
HDL = Path(__file__).resolve().parents[1] / "hdl"
SHAPES = [F(f"fxp-{sign}{width}/0") for sign in "su" for width in (1, 2, 4)]
NEURON = lif.Params(F("fxp-s16/10"), 0.9, 1.0).constants(F("fxp-s22/14"))
WEIGHT = three_factor.update_constants(F("fxp-s16/14"), F("fxp-s18/20"), F("fxp-s16/0"), 2, 0)
SMALL = ["fxp-s5/3 fxp-s3/1", "fxp-u5/3 fxp-s2/0", "fxp-s4/6 fxp-u3/1", "fxp-s3/0 fxp-u4/1"]


@pytest.mark.parametrize("pair", SMALL)
def test_requantize_agrees_for_every_input(pair: str) -> None:
    source, target = map(F, pair.split())
    for rounding, overflow in product(Rounding, Overflow):
        constants = fixed.Constants(source, target, int(rounding), int(overflow))
        words = range(0, 1 << 16, 1 << 11) if rounding is Rounding.STOCHASTIC else (0,)
        values = range(source.low, source.high + 1)
        stimuli = [{"x": x, "word": word} for x in values for word in words]
        golden = [cell_results(fixed.REQUANTIZE, constants, stimulus) for stimulus in stimuli]
        assert twin_results(Requantize(constants), stimuli) == golden


@pytest.mark.parametrize(("a", "b"), list(product(SHAPES, SHAPES)))
def test_products_agree_for_every_input(a: Format, b: Format) -> None:
    pairs = product(range(a.low, a.high + 1), range(b.low, b.high + 1))
    stimuli = [{"weight": x, "signal": y} for x, y in pairs]
    constants = delta.Constants(a, b)
    golden = [{"current": s["weight"] * s["signal"]} for s in stimuli]
    assert twin_results(twin(delta.STEP, constants), stimuli) == golden


class Scaled(wiring.Component):
    def __init__(self, value: int, kind: Shape) -> None:
        self.value = value
        super().__init__({"x": In(kind), "y": Out(16)})
        self.x: Any
        self.y: Any

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.y.eq(multiply(self.x, self.value))
        return m


@pytest.mark.parametrize("value", [0, 1, 2, 3, 7, 31, 40, 64, 100, 768, 4064, -1, -2, -5])
@pytest.mark.parametrize("kind", [unsigned(4), signed(4)])
def test_products_by_constants_agree_for_every_input(value: int, kind: Shape) -> None:
    given = range(-8, 8) if kind.signed else range(16)
    results = twin_results(Scaled(value, kind), [{"x": x} for x in given])
    assert [r["y"] for r in results] == [x * value & 0xFFFF for x in given]


@pytest.mark.parametrize("number", range(600))
def test_signed_digits_are_of_the_number_and_no_neighbours(number: int) -> None:
    digits = signed_digits(number)
    assert sum(sign << place for place, sign in digits) == number
    places = [place for place, _ in digits]
    assert all(after - before > 1 for before, after in pairwise(places))


BIT, SIGN = F("fxp-u1/0"), randomness.Distribution.RADEMACHER.variate
PLAIN = [
    (delta.STEP, delta.Constants(F("fxp-s16/14"), BIT), 0),
    (delta.STEP, delta.Constants(F("fxp-s16/14"), F("fxp-s16/10")), 1),
    (lif.STEP, NEURON, 1),
    (lif.STEP, NEURON._replace(decay=0), 0),
    (lif.STEP, NEURON._replace(decay=1 << 16), 0),
    (lif.STEP, NEURON._replace(decay=(1 << 16) - (1 << 11)), 0),
    (three_factor.PERTURB, three_factor.PerturbConstants(F("fxp-s22/14"), SIGN, 1638), 0),
    (three_factor.UPDATE, WEIGHT, 1),
    (three_factor.UPDATE, WEIGHT._replace(eligibility=SIGN), 0),
    (node_perturbation.STEP, node_perturbation.Constants(F("fxp-s7/0"), SIGN, BIT, 0), 0),
]


@pytest.mark.parametrize(("cell", "constants", "multipliers"), PLAIN)
def test_hardware_has_no_multiplier_without_need(
    cell: Cell, constants: Any, multipliers: int
) -> None:
    text = yosys.rtlil.convert(twin(cell, constants), name="twin", emit_src=False)
    assert text.count("cell $mul ") == multipliers


@pytest.mark.parametrize("kind", [unsigned(3), signed(3), signed(1), unsigned(1)])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_low_bits_are_those_of_the_integer_however_narrow_it_is(kind: Shape, count: int) -> None:
    class Low(Scaled):
        def elaborate(self, platform: Any) -> Module:
            m = Module()
            assert len(low_bits(self.x, count)) == count
            m.d.comb += self.y.eq(low_bits(self.x, count))
            return m

    low = -(1 << (kind.width - 1)) if kind.signed else 0
    given = range(low, low + (1 << kind.width))
    results = twin_results(Low(0, kind), [{"x": x} for x in given])
    assert [r["y"] for r in results] == [x % (1 << count) for x in given]


def test_aligning_never_loses_bits() -> None:
    with pytest.raises(ValueError, match=r"^Shift must be 0 or more, not -1$"):
        align(Const(3, 4), -1)


TWINS = [
    *(HDL / f"{name}.py" for name in ("pole", "randomness", "table")),
    *(
        path
        for folder in ("modulators", "neurons", "noise", "rules", "synapses")
        for path in sorted((HDL / folder).glob("*.py"))
    ),
]


@pytest.mark.parametrize("path", TWINS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_twins_take_low_bits_by_the_one_helper(path: Path) -> None:
    """A slice ends where its value does, and so loses the sign of a narrower one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = [node for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    cut = [one for one in parts if isinstance(one.slice, ast.Slice) and not one.slice.step]
    assert [ast.unparse(one) for one in cut] == []
