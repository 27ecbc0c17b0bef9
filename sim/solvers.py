"""Solvers of bit-vectors behind one function: z3, and others for a second opinion.

A question is a formula of z3's, as its constructors made it. The others get it as SMT-LIB text, so
that neither z3's simplifier nor its search has a part in their answers.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import z3

from goldenspike.golden.parameters import choice
from goldenspike.sim.toolchain import MissingToolError

if TYPE_CHECKING:
    from collections.abc import Callable

Solver = Literal["z3", "bitwuzla", "cvc5"]
PACKAGES: dict[Solver, str] = {"z3": "z3-solver", "bitwuzla": "bitwuzla", "cvc5": "cvc5"}
"""The Python packages that bring the solvers."""
SOLVERS: tuple[Solver, ...] = tuple(PACKAGES)


class Answer(NamedTuple):
    """What a solver says of a formula.

    Parameters
    ----------
    result
        Whether values of its constants make it true; ``"unknown"`` if the time was not enough.
    reason
        The result, or the solver's own word why there is none.
    values
        If there are such values: those by name. A constant that is not named may have any.
    """

    result: Literal["sat", "unsat", "unknown"]
    reason: str
    values: dict[str, int]


def version(solver: str) -> str:
    """Return the version of a solver that is installed.

    Raises
    ------
    ValueError
        If goldenspike does not know it.
    MissingToolError
        In one line that says what to install.
    """
    choice("Solver", solver, SOLVERS)
    for name, package in PACKAGES.items():
        if name == solver and importlib.util.find_spec(name) is not None:
            return importlib.metadata.version(package)
    raise MissingToolError(
        f"{solver} must be installed to prove with it: install the Python package {solver}, or "
        "the extra: pip install 'goldenspike[solvers]'"
    )


def ask(formula: Any, timeout_s: float, solver: Solver = "z3") -> Answer:
    """Ask a solver whether a formula can be true.

    Parameters
    ----------
    formula
        Of z3's, on constants that are bit-vectors or Boolean.
    timeout_s
        Time limit in seconds.
    """
    milliseconds = max(1, int(1000 * timeout_s))
    return ANSWERERS[solver](formula, milliseconds)


def text(formula: Any) -> str:
    """Return a formula as SMT-LIB, shared terms once; it is not simplified."""
    solver = z3.Solver()
    solver.add(formula)
    return solver.sexpr()


def _z3(formula: Any, milliseconds: int) -> Answer:
    solver = z3.SolverFor("QF_BV")
    solver.set("timeout", milliseconds)
    solver.add(formula)
    result = solver.check()
    if result == z3.unsat:
        return Answer("unsat", "unsat", {})
    if result == z3.unknown:
        return Answer("unknown", solver.reason_unknown(), {})
    model: Any = solver.model()
    values = {}
    for constant in model.decls():
        if constant.arity():  # A function that z3 made for itself.
            continue
        value = model[constant]
        number = z3.is_true(value) if z3.is_bool(value) else value.as_long()
        values[constant.name()] = int(number)
    return Answer("sat", "sat", values)


def _bitwuzla(formula: Any, milliseconds: int) -> Answer:
    bitwuzla: Any = importlib.import_module("bitwuzla")
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    options.set(bitwuzla.Option.TIME_LIMIT_PER, milliseconds)
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    parser.parse(f"(set-logic QF_BV)\n{text(formula)}", parse_only=True, parse_file=False)
    solver = parser.bitwuzla()
    result = solver.check_sat()
    if result == bitwuzla.Result.UNSAT:
        return Answer("unsat", "unsat", {})
    if result != bitwuzla.Result.SAT:
        return Answer("unknown", "bitwuzla ran out of time", {})
    values = {
        _plain(term.symbol()): int(solver.get_value(term).value(10))
        for term in parser.get_declared_funs()
    }
    return Answer("sat", "sat", values)


def _cvc5(formula: Any, milliseconds: int) -> Answer:
    cvc5: Any = importlib.import_module("cvc5")
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("produce-models", "true")
    solver.setOption("tlimit-per", str(milliseconds))
    parser = cvc5.InputParser(solver)
    script = f"(set-logic QF_BV)\n{text(formula)}"
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script, "question")
    symbols = parser.getSymbolManager()
    while not (command := parser.nextCommand()).isNull():
        command.invoke(solver, symbols)
    result = solver.checkSat()
    if result.isUnsat():
        return Answer("unsat", "unsat", {})
    if not result.isSat():
        return Answer("unknown", f"cvc5: {result}", {})
    values = {}
    for term in symbols.getDeclaredTerms():
        value = solver.getValue(term)
        number = value.getBooleanValue() if value.isBooleanValue() else value.getBitVectorValue(10)
        values[_plain(term.getSymbol())] = int(number)
    return Answer("sat", "sat", values)


def _plain(name: str) -> str:
    """Return a name without the bars that SMT-LIB puts round it."""
    return name.strip("|")


ANSWERERS: dict[Solver, Callable[[Any, int], Answer]] = {
    "z3": _z3,
    "bitwuzla": _bitwuzla,
    "cvc5": _cvc5,
}
