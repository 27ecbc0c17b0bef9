"""Rewards of two-sided perturbation, and of one bit."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numba
import pytest
from amaranth.hdl import Module, Mux
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import paired, sign, two_sided
from goldenspike.hdl.modulators.sign import Sign
from goldenspike.hdl.modulators.two_sided import TwoSided

F = Format.parse
FORMATS = st.builds(Format, st.booleans(), st.integers(1, 6), st.integers(-2, 4))
HOLDING_ONE = FORMATS.filter(lambda f: f.frac >= 0 and f.high >= 1 << f.frac)


@settings(max_examples=60)
@given(error=FORMATS, reward=FORMATS)
def test_two_sided_rewards_are_their_equation(
    agree: Callable[..., None], store: Callable[..., int], error: Format, reward: Format
) -> None:
    def equation(**x: int) -> dict[str, int]:
        half = Fraction(x["reference"] - x["error"], 2) * Fraction(2) ** -error.frac
        return {"reward": store(half, reward)}

    agree(two_sided.STEP, two_sided.Params().constants(error, reward), equation)


def test_what_is_even_in_the_perturbation_cancels() -> None:
    params = two_sided.Params()
    c = params.ideal(params.constants(F("fxp-u20/10"), F("fxp-s20/10")))
    errors = two_sided.Inputs(2.0 + 0.375 + 0.25, 2.0 - 0.375 + 0.25)
    for step in (two_sided.STEP.step, numba.njit(two_sided.STEP.step)):
        assert step(c, Nothing(), errors)[1].reward == -0.375


def test_the_first_run_has_its_sign() -> None:
    assert (paired.PAIRED, paired.REFERENCE) == (True, 0)
    assert (two_sided.PAIRED, two_sided.REFERENCE) == (True, -1)


@settings(max_examples=60)
@given(fmt=HOLDING_ONE)
def test_signs_are_their_equation(agree: Callable[..., None], fmt: Format) -> None:
    def equation(reward: int) -> dict[str, int]:
        return {"reward": ((reward > 0) - (reward < 0)) * 2**fmt.frac}

    agree(sign.STEP, sign.constants(fmt), equation)


@pytest.mark.parametrize("reward", [-3.5, 0.0, 1e-9])
def test_signs_of_real_numbers(reward: float) -> None:
    c = sign.ideal(sign.constants(F("fxp-s8/4")))
    for step in (sign.STEP.step, numba.njit(sign.STEP.step)):
        assert step(c, Nothing(), sign.Inputs(reward))[1].reward == (reward > 0) - (reward < 0)


@pytest.mark.parametrize(
    ("text", "nearest"), [("fxp-s8/7", 0.9921875), ("fxp-s1/0", 0.0), ("fxp-u8/-2", 0.0)]
)
def test_a_reward_of_one_must_be_representable(text: str, nearest: float) -> None:
    with pytest.raises(ValueError, match="Reward") as caught:
        sign.constants(F(text))
    want = f"Reward of 1 must be representable in {text}, not 1.0 (nearest {nearest})"
    assert str(caught.value) == want


class NotHalved(TwoSided):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(frac=self.constants.frac - 1)
        return super().elaborate(platform)


class NeverZero(Sign):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        one = self.constants.one
        m.d.comb += self.reward_next.eq(Mux(self.reward >= 0, one, -one))
        return m


@pytest.mark.parametrize("kind", [NotHalved, NeverZero])
def test_wrong_twins_are_refuted(refute: Callable[..., None], kind: Any) -> None:
    reward = F("fxp-s20/12")
    two = two_sided.Params().constants(F("fxp-u30/16"), reward)
    refute(kind, two if kind is NotHalved else sign.constants(reward))
