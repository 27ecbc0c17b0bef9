"""Every solver answers alike, finds a planted fault, and is told of if it is missing."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import z3
from amaranth.hdl import Module

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.neurons import lif
from goldenspike.golden.rules import three_factor
from goldenspike.hdl.fixed import Requantize
from goldenspike.hdl.neurons.lif import LIF
from goldenspike.hdl.rules.three_factor import Update
from goldenspike.sim import query
from goldenspike.sim.proof import catalog_cases, prove, prove_all
from goldenspike.sim.sides import cell_results, twin_results
from goldenspike.sim.solvers import SOLVERS, Answer, Solver, ask, version
from goldenspike.sim.toolchain import MissingToolError
from goldenspike.tools.cli import main

F = Format.parse
OTHERS = tuple(solver for solver in SOLVERS if solver != "z3")
NEURON = lif.Params(F("fxp-s16/10"), 0.9, 1.0).constants(F("fxp-s22/14"))
WEIGHT = three_factor.update_constants(
    F("fxp-s16/14"), F("fxp-s18/20"), F("fxp-s16/0"), Rounding.HALF_EVEN, Overflow.SATURATE
)
A, B, FLAG = z3.BitVec("in.a", 8), z3.BitVec("b", 8), z3.Bool("a flag")


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solver_says_whether_a_formula_can_be_true_and_with_what(solver: Solver) -> None:
    wanted = z3.And(A * B == 35, z3.ULT(A, B), z3.ULT(1, A), z3.ULT(B, 20), FLAG)
    assert ask(wanted, 60.0, solver) == Answer("sat", "sat", {"in.a": 5, "b": 7, "a flag": 1})
    assert ask(A * B != B * A, 60.0, solver) == Answer("unsat", "unsat", {})


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solver_that_runs_out_of_time_says_so(solver: Solver) -> None:
    p, q = z3.BitVec("p", 128), z3.BitVec("q", 128)
    number = (10**18 + 3) * (10**18 + 9)
    below = z3.And(z3.ULT(1, p), z3.ULT(1, q), z3.ULT(p, 1 << 62), z3.ULT(q, 1 << 62))
    answer = ask(z3.And(p * q == number, below), 0.3, solver)
    assert (answer.result, answer.values) == ("unknown", {})
    assert answer.reason


@pytest.mark.parametrize("solver", OTHERS)
@pytest.mark.parametrize("plainly", [True, False])
def test_others_prove_what_z3_proves(
    plainly: bool, solver: Solver, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not plainly:
        monkeypatch.setattr(query, "PLAIN_S", 0.001)
    for kind, constants in ((LIF, NEURON), (Update, WEIGHT)):
        found = prove(kind.cell, constants, solver=solver)
        assert (found.status, found.reason) == ("proved", "unsat"), str(found)


def test_narrow_inputs_are_tried_value_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    x, bits, flag = z3.BitVec("in.x", 8), z3.BitVec("in.bits", 2), z3.BitVec("in.flag", 1)
    asked = []

    def counted(formula: Any, timeout_s: float, solver: Solver) -> Answer:
        asked.append(formula)
        if len(asked) == 1:
            return Answer("unknown", "out of time", {})
        return ask(formula, timeout_s, solver)

    monkeypatch.setattr(query, "ask", counted)
    wide = z3.ZeroExt(6, bits) + z3.ZeroExt(7, flag)
    found = query.search([x + wide], [wide + x], 9.0, "bitwuzla")
    assert (found.result, len(asked)) == ("unsat", 1 + 8)
    asked.clear()
    wrong = z3.If(z3.And(x == 77, bits == 2, flag == 1), x, x + wide)
    found = query.search([wrong], [wide + x], 9.0, "bitwuzla")
    assert found.values == {"in.x": 77, "in.bits": 2, "in.flag": 1}


class Floored(Update):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(rounding=int(Rounding.FLOOR))
        return super().elaborate(platform)


class Strict(LIF):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(inclusive=False)
        return super().elaborate(platform)


@pytest.mark.parametrize("solver", OTHERS)
@pytest.mark.parametrize("kind", [Floored, Strict])
def test_others_find_a_planted_fault(kind: Any, solver: Solver) -> None:
    constants = WEIGHT if kind is Floored else NEURON
    found = prove(kind.cell, constants, kind, solver=solver)
    assert found.status == "counterexample"
    both = found.counterexample
    assert both is not None
    assert both.differs
    assert cell_results(kind.cell, constants, both.inputs) == both.golden
    assert twin_results(kind(constants), [both.inputs]) == [both.twin]


def test_z3_has_no_part_in_the_answer_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("z3 must not search")

    monkeypatch.setattr(z3.Solver, "check", refuse)
    cases = [case for case in catalog_cases() if case[1] is Requantize.cell][:60:7]
    for solver in OTHERS:
        assert all(found.proved for found in prove_all(cases, solver=solver))


@pytest.mark.parametrize("solver", OTHERS)
def test_a_solver_that_is_missing_is_told_of_in_one_line(
    solver: Solver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *_: None if name == solver else find(name)
    )
    with pytest.raises(MissingToolError, match=f"install the Python package {solver}, or"):
        version(solver)
    assert main(["prove", "xor_two_sided", "--solver", solver]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("pip install 'goldenspike[solvers]'")


def test_a_solver_must_be_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="Solver must be one of 'z3', 'bitwuzla', 'cvc5', not 'z4"):
        version("z4")
    assert main(["prove", "--solver", "yices"]) == 2
    assert "'bitwuzla'" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize("solver", OTHERS)
def test_others_agree_with_z3_on_every_case_of_the_catalog(solver: Solver) -> None:
    proofs = list(prove_all(catalog_cases(), solver=solver))
    assert [str(found) for found in proofs if not found.proved] == []
