"""The conductance LIF against its equation on fractions, its Euler steps and its proofs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numba
import numpy as np
import pytest
from amaranth.hdl import Module

from goldenspike.golden import ranges
from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.neurons import conductance_lif
from goldenspike.golden.neurons.conductance_lif import SILENT, STEP, Inputs, Params, State
from goldenspike.hdl.neurons.conductance_lif import ConductanceLIF
from goldenspike.sim.proof import prove

F = Format.parse
MILLIVOLTS = Params(F("fxp-s16/8"), 0.025, -60.0, 0.0, -70.0, -50.0, -55.0, F("fxp-u14/16"))
CURRENTS = F("fxp-s22/18"), F("fxp-u18/14")
CASES = list(ConductanceLIF.cases())
Store = Callable[..., int]


def equation(c: Any, store: Store, v: int, excitatory: int, inhibitory: int) -> tuple[int, int]:
    """Return the next v and the spike by the docstring's equation, on fractions."""
    lsb = Fraction(2) ** -c.membrane.frac
    leak = 1 - c.keep * Fraction(2) ** -(c.frac - c.membrane.frac - c.keep_shift)
    real, change = v * lsb, Fraction(0)
    for raw, fmt, reversal in (
        (excitatory, c.excitatory, c.excitatory_reversal),
        (inhibitory, c.inhibitory, c.inhibitory_reversal),
    ):
        g = store(raw * Fraction(2) ** -fmt.frac, c.conductance)
        change += g * Fraction(2) ** -c.conductance.frac * (real - reversal * lsb)
    after = store(real - leak * real - change, c.membrane, c.rounding, c.overflow)
    return (c.reset, 1) if after >= c.threshold else (after, 0)


@pytest.fixture(scope="module")
def compiled() -> Any:
    return numba.njit(STEP.step)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_every_case_is_its_equation_on_every_side(
    number: int, store: Store, draw_raw: Callable[..., np.ndarray], compiled: Any
) -> None:
    c = CASES[number]
    rng = np.random.default_rng(number)
    rows = np.transpose([draw_raw(rng, f, (200,)) for f in (c.membrane, *CASES[number][2:4])])
    corners = product(*((f.low, f.high) for f in (c.membrane, c.excitatory, c.inhibitory)))
    for v, e, i in [*rows.tolist(), *corners]:
        want = equation(c, store, v, e, i)
        for step in (STEP.step, compiled):
            (after,), (spike,) = step(c, State(v), Inputs(e, i))
            assert (after, spike) == want
    assert ranges.check(STEP, c, "here") >= 0


def test_potentials_are_relative_to_rest() -> None:
    c = MILLIVOLTS.constants(*CURRENTS)
    potentials = c.excitatory_reversal, c.inhibitory_reversal, c.threshold, c.reset
    assert potentials == (60 * 256, -10 * 256, 10 * 256, 5 * 256)
    assert STEP.step(c, State(0), Inputs(0, 0)) == (State(0), conductance_lif.Outputs(0))
    moved = replace(
        MILLIVOLTS, rest=0, excitatory_reversal=60, inhibitory_reversal=-10, threshold=10, reset=5
    )
    assert moved.constants(*CURRENTS) == c


def test_a_spike_resets_in_the_same_tick_at_equality() -> None:
    c = replace(MILLIVOLTS, leak=0.0).constants(*CURRENTS)
    for v, after, spike in ((2559, 2559, 0), (2560, c.reset, 1), (2561, c.reset, 1)):
        assert STEP.step(c, State(v), Inputs(0, 0)) == (State(after), (spike,))


def test_a_negative_sum_conducts_nothing_and_a_large_one_is_limited() -> None:
    c = MILLIVOLTS.constants(*CURRENTS)
    resting = STEP.step(c, State(100), Inputs(0, 0))
    assert STEP.step(c, State(100), Inputs(CURRENTS[0].low, 0)) == resting
    most = STEP.step(c, State(100), Inputs(1 << 17, 0))
    assert STEP.step(c, State(100), Inputs(CURRENTS[0].high, 0)) == most != resting


def test_between_its_reversals_it_stays_there() -> None:
    c = replace(MILLIVOLTS, threshold=60.0, reset=0.0).constants(*CURRENTS)
    for v in (c.inhibitory_reversal, 0, c.excitatory_reversal):
        for g in product((0, 1 << 16, CURRENTS[0].high), (0, 1 << 12, CURRENTS[1].high)):
            (after,), _ = STEP.step(c, State(v), Inputs(*g))
            assert c.inhibitory_reversal <= after <= c.excitatory_reversal


def test_on_floats_it_is_euler(compiled: Any) -> None:
    c = MILLIVOLTS.ideal(MILLIVOLTS.constants(*CURRENTS))
    v, e, i = 1.0 / 3.0, 0.07, 0.03
    want = v - 0.025 * v - e * (v - 60.0) - i * (v + 10.0)
    for step in (STEP.step, compiled):
        (after,), (spike,) = step(c, State(v), Inputs(e, i))
        assert (after, spike) == (pytest.approx(want, rel=1e-15), 0)  # three sums of doubles
        assert step(c, State(9.99), Inputs(0.02, 0.0)) == (State(5.0), (1,))


def test_a_step_that_may_not_be_stable_is_refused() -> None:
    wide = replace(MILLIVOLTS, conductance=F("fxp-u15/16"))
    with pytest.raises(ValueError, match="Sum") as caught:
        wide.constants(*CURRENTS)
    leak, largest = round(0.025 * 2**16), 2**15 - 1
    assert str(caught.value) == (
        "Sum of leak and largest conductances must be below 1, not "
        f"{(leak + 2 * largest) / 2**16!r}: narrow the conductance, fxp-u15/16, or what it is "
        "the sum of"
    )
    assert wide.constants(CURRENTS[0], SILENT).inhibitory == SILENT
    assert wide.constants(CURRENTS[0], F("fxp-u6/10")).conductance == wide.conductance
    half = replace(MILLIVOLTS, leak=0.5, conductance=F("fxp-u2/2"))
    assert half.constants(F("fxp-u1/2"), SILENT).keep == 1 << 15
    with pytest.raises(ValueError, match=r"must be below 1, not 1.0: narrow"):
        half.constants(F("fxp-u1/2"), F("fxp-u1/2"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leak": 1.0}, "Leak must be 0 to below 1, not 1.0"),
        ({"leak": 1.5}, "Leak must be 0 to below 1, not 1.5"),
        ({"leak": 1e-6}, "Leak must be representable in fxp-u17/16, not 1e-06 (nearest 0.0)"),
        ({"reset": -50.0}, "Reset must be below the threshold, not -50.0"),
        ({"conductance": F("fxp-s16/16")}, "Conductance must be unsigned, not fxp-s16/16"),
        (
            {"excitatory_reversal": 90.0},
            (
                "Excitatory reversal less rest must be representable in fxp-s16/8, not 150.0 "
                "(nearest 127.99609375)"
            ),
        ),
        ({"threshold": float("nan")}, "Threshold must be finite, not nan"),
        (
            {"rounding": Rounding.STOCHASTIC},
            (
                "Rounding of a neuron must be one of 'floor', 'half_up', 'half_even', "
                "'toward_zero', not 'stochastic'"
            ),
        ),
    ],
)
def test_wrong_parameters_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"must be") as caught:
        replace(MILLIVOLTS, **change)
    assert str(caught.value) == message
    with pytest.raises(TypeError, match="Rest must be a number, not '-60'"):
        replace(MILLIVOLTS, rest="-60")  # pyright: ignore[reportArgumentType]


class Late(ConductanceLIF):
    """Spikes above the threshold only."""

    def elaborate(self, platform: Any) -> Module:
        c = self.constants
        self.constants = c._replace(threshold=c.threshold + 1)
        return super().elaborate(platform)


class Shifted(ConductanceLIF):
    """Pulls to another reversal."""

    def elaborate(self, platform: Any) -> Module:
        c = self.constants
        self.constants = c._replace(excitatory_reversal=c.excitatory_reversal + 1)
        return super().elaborate(platform)


@pytest.mark.parametrize("kind", [Late, Shifted])
def test_a_wrong_twin_gets_a_counterexample(kind: type[ConductanceLIF]) -> None:
    proof = prove(STEP, CASES[-2], kind)
    assert proof.counterexample is not None
    assert proof.counterexample.differs
