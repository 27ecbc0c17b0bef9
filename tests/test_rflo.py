"""RFLO: the slope of a rate unit, and the eligibility that it makes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import ranges
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import Format
from goldenspike.golden.neurons import rate
from goldenspike.golden.rules import local_gradient, rflo, three_factor
from goldenspike.hdl.rules.rflo import Slope

F = Format.parse
FORMATS = st.builds(Format, st.booleans(), st.integers(1, 5), st.integers(-2, 4))
PHIS = st.builds(Format, st.booleans(), st.integers(1, 8), st.integers(0, 6))
RULE = rflo.Params(
    eta=0.03,
    factor=F("fxp-s18/22"),
    modulator="learning_signal",
    eligibility=F("fxp-s20/18"),
    tau=10.0,
    psi=F("fxp-u13/12"),
)


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


@settings(max_examples=60)
@given(phi=PHIS, psi=FORMATS, sigmoid=st.booleans())
def test_slopes_are_their_equation(
    agree: Callable[..., None],
    store: Callable[..., int],
    phi: Format,
    psi: Format,
    sigmoid: bool,
) -> None:
    c = rflo.slope_constants(phi, psi, sigmoid=sigmoid)
    assert c.narrow.frac == min(phi.frac, max(psi.frac + rflo.GUARD, 0))

    def equation(**x: int) -> dict[str, int]:
        y = value(store(value(x["phi"], phi), c.narrow), c.narrow)
        return {"psi": store(y * (1 - y) if sigmoid else 1 - y * y, psi)}

    agree(rflo.SLOPE, c, equation)


@given(signal=FORMATS)
def test_signals_pass(agree: Callable[..., None], signal: Format) -> None:
    part = replace(RULE).pre(signal)
    agree(part.cell, part.constants, lambda **x: {"trace": x["signal"]})


@pytest.mark.parametrize("function", ["tanh", "sigmoid"])
def test_slopes_are_derivatives(function: str) -> None:
    neuron = rate.Params(F("fxp-s16/12"), function)
    current = F("fxp-s16/10")
    c = neuron.constants(current)
    phi = rate.ports(c).outputs[1]
    part = replace(RULE, function=function).post({"phi": phi})
    for u in np.linspace(-6, 6, 101):
        _, o = rate.step(c, rate.State(0), rate.Inputs(current.nearest(u)))
        _, slope = part.cell.step(part.constants, Nothing(), rflo.SlopeInputs(o.phi))
        real = float(current.to_float(current.nearest(u)))
        y = math.tanh(real) if function == "tanh" else 1 / (1 + math.exp(-real))
        exact = 1 - y * y if function == "tanh" else y * (1 - y)
        # phi is within 2**-12; its square moves by 2 |phi| of that; then half an LSB of psi, and
        # what the guard bits take away.
        assert abs(slope.psi * 2.0**-12 - exact) < (2 + 0.5 + 0.125) * 2.0**-12
        _, ideal = part.cell.step(part.ideal, Nothing(), rflo.SlopeInputs(y))
        assert ideal.psi == exact


def test_the_finest_table_fits_the_kernel() -> None:
    neuron = rate.Params(F("fxp-s18/16"))
    phi = rate.ports(neuron.constants(F("fxp-s20/16"))).outputs[1]
    part = replace(RULE, psi=F("fxp-u17/16")).post({"phi": phi})
    assert ranges.check(part.cell, part.constants, "here") > 0


def test_its_eligibility_is_that_of_e_prop() -> None:
    values = {"trace": F("fxp-s16/12"), "psi": RULE.psi}
    part = RULE.synapse(values)
    assert part.cell is local_gradient.FILTERED
    assert part.ideal.pole.decay == 1 - 0.1
    assert part.ideal.pole.gain == pytest.approx(0.1, rel=1e-15)
    assert replace(RULE, tau=1.0).synapse(values).cell is local_gradient.INSTANT
    factor = RULE.scale({"modulator": F("fxp-s16/12")})
    update = RULE.update(F("fxp-s16/14"), {**part.outputs, **factor.outputs})
    assert update.cell is three_factor.UPDATE
    assert not RULE.skips


@pytest.mark.parametrize("tau", [1.0, 4.0, 10.0])
def test_the_ideal_is_murrays(tau: float) -> None:
    rng = np.random.default_rng(3)
    params = replace(RULE, tau=tau)
    part = params.synapse({"trace": F("fxp-s16/12"), "psi": RULE.psi})
    state: Any = local_gradient.FilteredState(0.0) if tau > 1 else Nothing()
    p = 0.0
    for h, slope in rng.uniform(-1, 1, (200, 2)).tolist():
        state, o = part.cell.step(part.ideal, state, local_gradient.Inputs(h, slope))
        p = (1 - 1 / tau) * p + slope * h / tau
        assert o.eligibility == pytest.approx(p, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tau": 0.5}, "Tau must be 1 or more, not 0.5"),
        ({"tau": 1e7}, "1/tau must be representable in fxp-u17/16, not 1e-07"),
        ({"function": "relu"}, "Function must be one of 'tanh', 'sigmoid', not 'relu'"),
    ],
)
def test_the_rule_says_what_it_must_be_told(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RULE, **more)


def test_tau_must_be_a_number() -> None:
    with pytest.raises(TypeError, match="Tau must be a number, not '10'"):
        replace(RULE, tau="10")


class OtherFunction(Slope):
    def elaborate(self, platform: Any) -> Module:
        c = self.constants
        self.constants = c._replace(sigmoid=True, one=1 << c.narrow.frac)
        return super().elaborate(platform)


def test_a_wrong_twin_is_found_out(refute: Callable[..., None]) -> None:
    refute(OtherFunction, next(iter(Slope.cases())))
