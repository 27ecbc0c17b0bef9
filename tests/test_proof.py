"""Twins equal their cells, and a twin that does not is found out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
import z3
from amaranth.back import rtlil
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from goldenspike.golden import fixed, randomness
from goldenspike.golden.cell import Cell, Nothing, Ports, select
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.neurons import lif
from goldenspike.golden.rules import node_perturbation, three_factor
from goldenspike.golden.synapses import delta
from goldenspike.hdl.catalog import TWINS, twin
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import align, multiply, named, requantize
from goldenspike.hdl.fixed import Requantize as RequantizeTwin
from goldenspike.hdl.neurons.lif import LIF
from goldenspike.hdl.randomness import Rounds, Schedule, rounded
from goldenspike.hdl.rules.three_factor import Update
from goldenspike.hdl.synapses.delta import Delta
from goldenspike.sim import yosys
from goldenspike.sim.proof import Counterexample, Proof, catalog_cases, prove, prove_all
from goldenspike.sim.query import read_terms
from goldenspike.sim.sides import cell_results, twin_results
from goldenspike.sim.symbolic import Symbol

F = Format.parse
NEURON = lif.Params(F("fxp-s16/10"), 0.9, 1.0).constants(F("fxp-s22/14"))
WEIGHT = three_factor.update_constants(
    F("fxp-s16/14"), F("fxp-s18/20"), F("fxp-s16/0"), Rounding.HALF_EVEN, Overflow.SATURATE
)
NARROWING = fixed.Constants(F("fxp-s16/8"), F("fxp-s8/4"), 2, 0)
SYNAPSE = delta.Constants(F("fxp-s16/14"), F("fxp-s16/10"))


@pytest.mark.parametrize("name", TWINS)
def test_every_case_of_the_catalog_is_proved(name: str) -> None:
    cases = [case for case in catalog_cases() if case[1].name == name]
    proofs = list(prove_all(cases))
    assert [str(proof) for proof in proofs if not proof.proved] == []
    assert [proof.where for proof in proofs] == [where for where, _, _ in cases]
    assert all(0 < proof.widest < 120 for proof in proofs)


class StrictThreshold(LIF):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(inclusive=False)
        return super().elaborate(platform)


class FlooredUpdate(Update):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(rounding=int(Rounding.FLOOR))
        return super().elaborate(platform)


class HalfUpUpdate(Update):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(rounding=int(Rounding.HALF_UP))
        return super().elaborate(platform)


class NoUpperEnd(RequantizeTwin):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        wide = requantize(m, self.x, c.source.frac, Format(True, 14, 4), c.rounding, 0, 0)
        m.d.comb += self.y.eq(Mux(wide < c.target.low, c.target.low, wide))
        return m


class NarrowProduct(Update):
    def product(self, m: Module) -> Value:
        change = Signal((self.factor * self.eligibility).shape())
        m.d.comb += change[:-1].eq((self.factor * self.eligibility)[:-1])
        return change

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        c = self.constants
        total = named(m, align(self.w, c.weight_shift) + self.product(m), "total")
        w = requantize(m, total, c.frac, c.weight, c.rounding, c.overflow, self.word)
        m.d.comb += self.w_next.eq(w)
        return m


class UnsignedProduct(NarrowProduct):
    def product(self, m: Module) -> Value:
        return (self.factor * self.eligibility).as_unsigned()


class SwappedRotations(Rounds):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        x0, x1 = self.x0, self.x1
        for place in (0, 1, 3, 2):
            x0, x1 = rounded(m, x0, x1, self.odd, place)
        m.d.comb += self.x0_next.eq((x0 + self.first)[:32])
        m.d.comb += self.x1_next.eq((x1 + self.second)[:32])
        return m


class LateParity(Schedule):
    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.odd.eq(~self.number[0] & (self.number < 4))
        return m


class OneWrongProduct(Delta):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        wrong = (self.weight == 12345) & (self.signal == -321)
        m.d.comb += self.current.eq(multiply(self.weight, self.signal) ^ wrong)
        return m


WRONG = [
    (StrictThreshold, NEURON),
    (FlooredUpdate, WEIGHT),
    (HalfUpUpdate, WEIGHT),
    (NoUpperEnd, NARROWING),
    (NarrowProduct, WEIGHT),
    (UnsignedProduct, WEIGHT),
    (SwappedRotations, Nothing()),
    (LateParity, Nothing()),
    (OneWrongProduct, SYNAPSE),
]


@pytest.mark.parametrize(("kind", "constants"), WRONG, ids=[kind.__name__ for kind, _ in WRONG])
def test_a_wrong_twin_gets_a_counterexample_that_differs(kind: type[Twin], constants: Any) -> None:
    proof = prove(kind.cell, constants, kind)
    assert (proof.status, proof.proved, proof.reason) == ("counterexample", False, "sat")
    found = proof.counterexample
    assert found is not None
    assert found.differs
    assert cell_results(kind.cell, constants, found.inputs) == found.golden
    assert twin_results(kind(constants), [found.inputs]) == [found.twin]
    assert twin_results(twin(kind.cell, constants), [found.inputs]) == [found.golden]
    assert "<--" in str(proof)


def test_a_counterexample_is_readable() -> None:
    assert str(prove(delta.STEP, SYNAPSE, OneWrongProduct)) == (
        f"synapses.delta.step: synapses.delta.step counterexample, with {SYNAPSE}\n"
        "  weight = 12345\n"
        "  signal = -321\n"
        f"  current: golden {12345 * -321}, twin {(12345 * -321) ^ 1} <--"
    )


def test_a_counterexample_that_does_not_differ_blames_the_proof() -> None:
    same = Counterexample({"x": 1}, {"y": 2}, {"y": 2})
    proof = Proof("here", fixed.REQUANTIZE, None, "counterexample", 0.1, "sat", 1, same)
    assert not same.differs
    assert str(proof).endswith("Both sides agree on it when run: the proof itself is wrong")


def test_equal_cases_are_proved_once() -> None:
    cases = [(where, delta.STEP, SYNAPSE) for where in ("a", "b")]
    first, second = prove_all(cases)
    assert (first.where, second.where) == ("a", "b")
    assert first.seconds == second.seconds
    assert str(first).startswith("a: synapses.delta.step proved in ")


class ShiftedAdds(Delta):
    def elaborate(self, platform: Any) -> Module:
        m = Module()
        partial = [Mux(bit, align(self.weight, k), 0) for k, bit in enumerate(self.signal)]
        total = -partial[-1]
        for term in partial[:-1]:
            total = named(m, total + term, "total")
        m.d.comb += self.current.eq(total)
        return m


def test_out_of_time_is_unknown_and_no_proof() -> None:
    proof = prove(delta.STEP, SYNAPSE, ShiftedAdds, timeout_s=0.2)
    assert (proof.status, proof.proved, proof.counterexample) == ("unknown", False, None)
    assert "unknown after" in str(proof)
    assert str(SYNAPSE) in str(proof)
    small = delta.Constants(F("fxp-s5/0"), F("fxp-s5/0"))
    assert prove(delta.STEP, small, ShiftedAdds).proved


class NarrowDelta(Delta):
    def __init__(self, constants: delta.Constants) -> None:
        self.constants = constants
        shapes = {"weight": In(16), "signal": In(16), "current": Out(31)}
        wiring.Component.__init__(self, shapes)

    @staticmethod
    def cases() -> Iterable[Any]:
        return ()


def test_ports_must_be_those_of_the_cell() -> None:
    with pytest.raises(ValueError, match=r"Port 'weight' of the twin of synapses.delta.step must"):
        prove(delta.STEP, SYNAPSE, NarrowDelta)


def test_a_result_beyond_its_declared_port_is_a_difference() -> None:
    declared = Cell(
        "synapses.delta.step",
        delta.STEP.step,
        lambda c: Ports(Nothing(), delta.Inputs(c.weight, c.signal), delta.Outputs(F("fxp-s31/24"))),
    )

    class Truncated(Delta):
        cell = declared

    proof = prove(declared, SYNAPSE, Truncated)
    assert proof.counterexample is not None
    assert proof.counterexample.golden == {"current": 1 << 30}
    assert proof.counterexample.twin == {"current": -1 << 30}


def test_a_cell_must_not_branch() -> None:
    branching = Cell(
        "synapses.delta.step",
        lambda c, s, x: (s, delta.Outputs(x.weight if x.signal > 0 else 0)),
        delta.ports,
    )
    with pytest.raises(TypeError, match="Cells must choose with select, not with if"):
        prove(branching, SYNAPSE)
    with pytest.raises(TypeError, match="Cells must choose with select, not with if"):
        bool(Symbol.of(1, [0]))


def test_inputs_must_be_free() -> None:
    text = """
        (declare-sort |m_s| 0) (declare-fun |m#0| (|m_s|) (_ BitVec 4))
        (define-fun |m_n x| ((state |m_s|)) (_ BitVec 4)
          (concat ((_ extract 3 1) (|m#0| state)) ((_ extract 1 1) (|m#0| state))))"""
    port = next(p for p in _ports(F("fxp-u4/0")) if p.name == "x")
    with pytest.raises(RuntimeError, match="Inputs of m must be free"):
        read_terms(text, "m", [port])
    port = next(p for p in _ports(F("fxp-u1/0")) if p.name == "x")
    tied = "(declare-sort |m_s| 0) (define-fun |m_n x| ((state |m_s|)) Bool true)"
    with pytest.raises(RuntimeError, match="Inputs of m must be free"):
        read_terms(tied, "m", [port])


def _ports(source: Format) -> list[Any]:
    from goldenspike.hdl.cell import list_ports

    return list_ports(fixed.REQUANTIZE.ports(fixed.Constants(source, source, 0, 0)))


def test_yosys_says_what_is_wrong(tmp_path: Any) -> None:
    with pytest.raises(RuntimeError, match=r"Yosys must succeed, not exit with 1:(.|\n)*nonsense"):
        yosys.run("nonsense", tmp_path)
    assert "help" in yosys.run("help help", tmp_path)


OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "^": lambda a, b: a ^ b,
    "|": lambda a, b: a | b,
    "&": lambda a, b: a & b,
}
SHAPES = [F(f"fxp-{sign}{width}/0") for sign in "su" for width in (1, 2, 4)]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("a", "b"), list(product(SHAPES, SHAPES)))
def test_symbols_grow_as_amaranth_values_do(operation: str, a: Format, b: Format) -> None:
    operate = OPERATIONS[operation]
    x, y = (Symbol(z3.BitVec(n, f.width), f.signed, [0]) for n, f in (("x", a), ("y", b)))
    hardware = operate(*(Signal((f.width, f.signed)[0] if not f.signed else _signed(f)) for f in (a, b)))
    symbol = operate(x, y)
    assert (symbol.width, symbol.signed) == (len(hardware), hardware.shape().signed)
    for p, q in product((a.low, a.high, 1 - a.signed), (b.low, b.high, 0)):
        assert _value(symbol, x, y, p, q) == operate(p, q)


def _signed(fmt: Format) -> Any:
    from amaranth.hdl import signed

    return signed(fmt.width)


def _value(symbol: Symbol, x: Symbol, y: Symbol, p: int, q: int) -> int:
    given = [(s.bits, z3.BitVecVal(v, s.width)) for s, v in ((x, p), (y, q))]
    bits = z3.simplify(z3.substitute(symbol.bits, *given))
    return bits.as_signed_long() if symbol.signed else bits.as_long()


SINGLE = {
    "negated": lambda x: -x,
    "from 3": lambda x: 3 - x,
    "left": lambda x: x << 3,
    "right": lambda x: x >> 2,
    "right beyond": lambda x: x >> 9,
    "masked": lambda x: x & 7,
    "masked beyond": lambda x: x & 0x5555,
    "masked away": lambda x: x & 0,
    "less": lambda x: select((x < 2) | (x == 3), x, -1),
    "at most": lambda x: select((x <= 1) & (x != 0), 5, x),
    "at least": lambda x: select(True & (x >= 1), x + 1, x),
    "both": lambda x: select((x > -1) & False, x, 1 - x),
    "clamped": lambda x: fixed.clamp(x, -3, 2),
    "clamped high": lambda x: fixed.clamp(x, 0, 100),
}


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("fmt", SHAPES)
def test_symbols_compute_what_integers_do(name: str, fmt: Format) -> None:
    x = Symbol(z3.BitVec("x", fmt.width), fmt.signed, [0])
    symbol = Symbol.of(SINGLE[name](x), [0])
    for value in range(fmt.low, fmt.high + 1):
        assert _value(symbol, x, x, value, value) == SINGLE[name](value)


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
        assert twin_results(RequantizeTwin(constants), stimuli) == golden


@pytest.mark.parametrize(("a", "b"), list(product(SHAPES, SHAPES)))
def test_products_agree_for_every_input(a: Format, b: Format) -> None:
    pairs = product(range(a.low, a.high + 1), range(b.low, b.high + 1))
    stimuli = [{"weight": x, "signal": y} for x, y in pairs]
    constants = delta.Constants(a, b)
    golden = [{"current": s["weight"] * s["signal"]} for s in stimuli]
    assert twin_results(twin(delta.STEP, constants), stimuli) == golden


@pytest.mark.parametrize("value", [0, 1, 2, 3, 64, 100, -1, -2, -5])
def test_products_by_constants_agree_for_every_input(value: int) -> None:
    class Scaled(wiring.Component):
        x: In(4)
        y: Out(wiring.Signature({}).create and 16)

        def elaborate(self, platform: Any) -> Module:
            m = Module()
            m.d.comb += self.y.eq(multiply(self.x, value))
            return m

    results = twin_results(Scaled(), [{"x": x} for x in range(16)])
    assert [r["y"] for r in results] == [x * value & 0xFFFF for x in range(16)]


BIT, SIGN = F("fxp-u1/0"), randomness.Distribution.RADEMACHER.variate
PLAIN = [
    (delta.STEP, delta.Constants(F("fxp-s16/14"), BIT), 0),
    (delta.STEP, SYNAPSE, 1),
    (lif.STEP, NEURON, 1),
    (lif.STEP, NEURON._replace(decay=0), 0),
    (lif.STEP, NEURON._replace(decay=1 << 16), 0),
    (three_factor.PERTURB, three_factor.PerturbConstants(F("fxp-s22/14"), SIGN, 1638), 0),
    (three_factor.UPDATE, WEIGHT, 1),
    (three_factor.UPDATE, WEIGHT._replace(eligibility=SIGN), 0),
    (node_perturbation.STEP, node_perturbation.Constants(F("fxp-s7/0"), SIGN, BIT), 0),
]


@pytest.mark.parametrize(("cell", "constants", "multipliers"), PLAIN)
def test_hardware_has_no_multiplier_without_need(
    cell: Cell, constants: Any, multipliers: int
) -> None:
    text = rtlil.convert(twin(cell, constants), name="twin", emit_src=False)
    assert text.count("cell $mul ") == multipliers
