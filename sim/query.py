"""What is asked of z3: the terms of a twin's description, and inputs for which the sides differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import z3

from goldenspike.hdl.fixed import signed_digits

if TYPE_CHECKING:
    from goldenspike.hdl.cell import Port

PRODUCT_S = 5.0
"""Time limit in seconds for the question whether two products have equal factors."""


def _as_bits(term: Any) -> Any:
    """Return a term as bits: ports of one bit are Bool in Yosys' description."""
    return z3.If(term, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)) if z3.is_bool(term) else term


def _is_free(bit: Any) -> bool:
    """Return whether a simplified bit is a bit of an uninterpreted constant and nothing else."""
    if bit.decl().kind() == z3.Z3_OP_ITE:
        bit, one, zero = bit.children()
        if not (z3.is_true(z3.simplify(one == 1)) and z3.is_true(z3.simplify(zero == 0))):
            return False
    if bit.decl().kind() == z3.Z3_OP_EXTRACT:
        bit = bit.arg(0)
    return bit.decl().kind() == z3.Z3_OP_UNINTERPRETED


def read_terms(text: str, module: str, ports: list[Port], *, cut: bool = False) -> dict[str, Any]:
    """Return what the twin's ports carry, as terms of the same free bits.

    Parameters
    ----------
    text, module
        The twin's description.
    ports
        Of the twin.
    cut
        Whether registers lie across it: then its outputs are taken a cycle after its inputs.

    Raises
    ------
    RuntimeError
        If the inputs could not take every value, each on its own; or if outputs of a cut twin
        are not those of the cycle before, whatever its inputs are now.
    """
    queries = [f"(declare-const s |{module}_s|) (declare-const t |{module}_s|)"]
    for k, port in enumerate(ports):
        sort = "Bool" if port.format.width == 1 else f"(_ BitVec {port.format.width})"
        when = "t" if cut and port.output else "s"
        line = f"(declare-const p{k} {sort})(assert (= p{k} (|{module}_n {port.name}| {when})))"
        queries.append(line)
    if cut:
        queries.append(f"(assert (|{module}_t| s t))")
    formulas: Any = z3.parse_smt2_string("\n".join((text, *queries)))
    pairs = zip(ports, formulas, strict=False)
    terms = {port.name: _as_bits(formula.arg(1)) for port, formula in pairs}
    if cut:
        outputs = {port.name: terms[port.name] for port in ports if port.output}
        terms |= _a_cycle_ago(outputs, formulas[len(ports)], module)
    bits = [
        z3.simplify(z3.Extract(k, k, terms[port.name]))
        for port in ports
        if not port.output
        for k in range(port.format.width)
    ]
    if not all(map(_is_free, bits)) or len({bit.get_id() for bit in bits}) < len(bits):
        raise RuntimeError(f"Inputs of {module} must be free in its SMT-LIB description")
    return terms


def _a_cycle_ago(terms: dict[str, Any], moves: Any, module: str) -> dict[str, Any]:
    """Return terms of registers as terms of what these were given, a cycle ago."""
    changes = moves.children() if z3.is_and(moves) else [moves]
    registers = [(change.arg(1), change.arg(0)) for change in changes if z3.is_eq(change)]
    found = {name: z3.substitute(term, *registers) for name, term in terms.items()}
    for name, term in found.items():
        if not registers or _mentions(z3.simplify(term), registers[0][0].arg(0)):
            raise RuntimeError(f"Output {name} of {module} must come of registers alone: it is cut")
    return found


def _mentions(term: Any, what: Any) -> bool:
    """Return whether a term has another in it."""
    left, seen = [term], set()
    while left:
        one = left.pop()
        if one.eq(what):
            return True
        if one.get_id() not in seen:
            seen.add(one.get_id())
            left += one.children()
    return False


def _products(terms: list[Any]) -> list[Any]:
    """Return the products in terms, inner ones first."""
    found, seen = [], set()
    left = [(term, False) for term in terms]
    while left:
        term, done = left.pop()
        if done and term.decl().kind() == z3.Z3_OP_BMUL:
            found.append(term)
        elif not done and term.get_id() not in seen:
            seen.add(term.get_id())
            left.append((term, True))
            left += [(part, False) for part in term.children()]
    return found


def _as_adders(terms: list[Any]) -> list[Any]:
    """Return terms in which products by a constant of two signed digits are two shifts, summed.

    Twins multiply so. That ``x * 96`` is ``x * 128 - x * 32`` need not be searched for.
    """
    known: list[tuple[Any, Any]] = []
    for product in _products(terms):
        factors: list[Any] = [z3.simplify(factor) for factor in product.children()]
        constants = [k for k, factor in enumerate(factors) if z3.is_bv_value(factor)]
        if len(factors) != 2 or not constants:
            continue
        digits = signed_digits(factors[constants[0]].as_long())
        if len(digits) == 2:
            x: Any = z3.substitute(product.arg(1 - constants[0]), *known)
            (low, sign), (high, _) = digits
            known.append((product, (x << high) + (x << low if sign > 0 else -(x << low))))
    return [z3.substitute(term, *known) for term in terms]


def _solve(formula: Any, timeout_s: float) -> tuple[Any, z3.Solver]:
    solver = z3.SolverFor("QF_BV")
    solver.set("timeout", max(1, int(1000 * timeout_s)))
    solver.add(formula)
    return solver.check(), solver


def _same(a: Any, b: Any, known: list[tuple[Any, Any]]) -> bool:
    """Return whether two products surely have equal factors, whatever the `known` terms are."""
    factors = zip(a.children(), b.children(), strict=True)
    differ = z3.simplify(z3.substitute(z3.Or([p != q for p, q in factors]), *known))
    return z3.is_false(differ) or _solve(differ, PRODUCT_S)[0] == z3.unsat


def search(golden: list[Any], twin: list[Any], timeout_s: float) -> tuple[Any, z3.Solver]:
    """Look for inputs for which the sides differ.

    A product of equal factors is the same on both sides. At first it is any number whatever, also
    in the factors of the products after it, and no multiplier is left to reason about; if that is
    not enough, the twin is given golden's own.
    """
    golden, twin = _as_adders(golden), _as_adders(twin)
    difference = z3.Or([a != b for a, b in zip(golden, twin, strict=True)])
    numbers: dict[int, Any] = {}
    known, shared = [], []
    candidates = _products(golden)
    for product in _products(twin):
        candidates.sort(key=lambda g: g.get_id() in numbers)  # Most likely each has one partner.
        same = (g for g in candidates if g.size() == product.size() and _same(g, product, known))
        original = next(same, None)
        if original is not None:
            name = f"product{len(numbers)}"
            number = numbers.setdefault(original.get_id(), z3.BitVec(name, original.size()))
            known += [(original, number), (product, number)]
            shared.append((product, original))
    if shared:
        result, solver = _solve(z3.substitute(difference, *known), timeout_s)
        if result == z3.unsat:
            return result, solver
        difference = z3.substitute(difference, *shared)
    return _solve(difference, timeout_s)
