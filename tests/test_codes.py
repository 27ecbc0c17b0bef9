"""Perturbation codes, and the eligibility of active inputs only."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Mux

from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import Format
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.ranges import Interval
from goldenspike.golden.rules import codes, weight_perturbation_0
from goldenspike.hdl.rules.codes import OneHot, Walsh
from goldenspike.hdl.rules.weight_perturbation_0 import ActiveOnly

BITS = (1, 2, 4, 9, 31)


def matrix(cell: Any, bits: int) -> np.ndarray:
    """Return the variates of all indices and slots."""
    c, size = codes.Constants(bits), range(1 << bits)
    return np.array(
        [[cell.step(c, Nothing(), codes.Inputs(i, j))[1].variate for j in size] for i in size]
    )


@pytest.mark.parametrize("bits", BITS)
def test_one_hot_is_its_equation(agree: Callable[..., None], bits: int) -> None:
    def equation(index: int, slot: int) -> dict[str, int]:
        return {"variate": int(index == slot)}

    agree(codes.ONE_HOT, codes.Constants(bits), equation)


@pytest.mark.parametrize("bits", BITS)
def test_walsh_is_its_equation(agree: Callable[..., None], bits: int) -> None:
    def equation(index: int, slot: int) -> dict[str, int]:
        return {"variate": -1 if (index & slot).bit_count() % 2 else 1}

    agree(codes.WALSH, codes.Constants(bits), equation)


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_codes_are_orthogonal(bits: int) -> None:
    size = 1 << bits
    assert (matrix(codes.ONE_HOT, bits) == np.eye(size)).all()
    walsh = matrix(codes.WALSH, bits)
    assert (walsh == reduce(np.kron, [[[1, 1], [1, -1]]] * bits)).all()
    assert (walsh @ walsh.T == size * np.eye(size)).all()
    assert walsh.sum(axis=1).tolist() == [size] + [0] * (size - 1)


@pytest.mark.parametrize(("size", "bits"), [(1, 1), (2, 1), (3, 2), (9, 4), (1 << 31, 31)])
def test_a_code_has_the_bits_that_tell_its_parameters_apart(size: int, bits: int) -> None:
    assert codes.constants(size) == codes.Constants(bits)


@pytest.mark.parametrize("size", [0, (1 << 31) + 1])
def test_a_code_has_a_size(size: int) -> None:
    with pytest.raises(ValueError, match="Size") as caught:
        codes.constants(size)
    assert str(caught.value) == f"Size of a code must be 1 to 2**31, not {size}"


def test_intervals_join_unsigned_numbers() -> None:
    joined = Interval(2, 5) & Interval(0, 100)
    assert (joined.low, joined.high) == (0, 5)
    want = "Cells must join only conditions and unsigned numbers with &"
    with pytest.raises(TypeError, match=want):
        Interval(-1, 5) & Interval(0, 100)


@pytest.mark.parametrize("fmt", [d.variate for d in Distribution])
def test_silent_inputs_are_not_eligible(agree: Callable[..., None], fmt: Format) -> None:
    def equation(variate: int, active: int) -> dict[str, int]:
        return {"eligibility": variate * active}

    agree(weight_perturbation_0.STEP, weight_perturbation_0.Constants(fmt), equation)


class NoUpperBit(OneHot):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.variate.eq(self.index[:-1] == self.slot[:-1])
        return m


class EitherBit(Walsh):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.variate.eq(Mux((self.index | self.slot).xor(), -1, 1))
        return m


class AllEligible(ActiveOnly):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.eligibility.eq(self.variate)
        return m


@pytest.mark.parametrize("kind", [NoUpperBit, EitherBit, AllEligible])
def test_wrong_twins_are_refuted(refute: Callable[..., None], kind: Any) -> None:
    variate = weight_perturbation_0.Constants(Distribution.GAUSSIAN.variate)
    refute(kind, variate if kind is AllEligible else codes.Constants(31))
