"""What is asked of a solver: terms of a twin's description, and inputs for which the sides differ.

All terms are z3's, on one constant for each input of the twin, see :func:`free`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import z3

from goldenspike.hdl.fixed import signed_digits
from goldenspike.sim.solvers import Answer, Solver, ask

if TYPE_CHECKING:
    from goldenspike.hdl.cell import Port

PRODUCT_S = 5.0
"""Time limit in seconds for the question whether two products have equal factors."""
CASES = 16
"""So many values of narrow inputs at most are tried one by one."""
PLAIN_S = 3.0
"""Time limit in seconds within which a second solver gets the question as it stands."""


def free(port: Port) -> Any:
    """Return the constant that an input of a twin is, on both sides."""
    return z3.BitVec(f"in.{port.name}", port.format.width)


def _as_bits(term: Any) -> Any:
    """Return a term as bits: ports of one bit are Bool in Yosys' description."""
    return z3.If(term, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)) if z3.is_bool(term) else term


def _origin(bit: Any) -> tuple[Any, int] | None:
    """Return the uninterpreted constant and the place that a bit is of, if of one alone."""
    place = 0
    if bit.decl().kind() == z3.Z3_OP_ITE:
        bit, one, zero = bit.children()
        if not (z3.is_true(z3.simplify(one == 1)) and z3.is_true(z3.simplify(zero == 0))):
            return None
    elif bit.decl().kind() == z3.Z3_OP_EXTRACT:
        place, bit = bit.params()[1], bit.arg(0)
    return (bit, place) if bit.decl().kind() == z3.Z3_OP_UNINTERPRETED else None


def _origins(terms: dict[str, Any], inputs: list[Port]) -> list[tuple[Any, Any]] | None:
    """Return Yosys' constants, each with what it is of the inputs; None if those are not free.

    Yosys cuts an input in pieces where its bits go different ways.
    """
    sources: dict[int, Any] = {}
    pieces: dict[tuple[int, int], Any] = {}
    count = 0
    for port in inputs:
        for k in range(port.format.width):
            found = _origin(z3.simplify(z3.Extract(k, k, terms[port.name])))
            if found is None:
                return None
            source, place = found
            sources[source.get_id()] = source
            pieces[source.get_id(), place] = z3.Extract(k, k, free(port))
            count += 1
    if len(pieces) < count:
        return None
    pairs = []
    for number, source in sources.items():
        width = 1 if z3.is_bool(source) else source.size()
        nobody = z3.BitVec(f"{source.decl().name()}", width)
        bits = [pieces.get((number, k), z3.Extract(k, k, nobody)) for k in reversed(range(width))]
        value = z3.simplify(z3.Concat(bits) if width > 1 else bits[0])
        pairs.append((source, value == 1 if z3.is_bool(source) else value))
    return pairs


def read_terms(text: str, module: str, ports: list[Port], *, cut: bool = False) -> dict[str, Any]:
    """Return what a twin's outputs carry, as terms of its inputs, by port.

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
    inputs = [port for port in ports if not port.output]
    origins = _origins(terms, inputs)
    if origins is None:
        raise RuntimeError(f"Inputs of {module} must be free in its SMT-LIB description")
    return {port.name: z3.substitute(terms[port.name], *origins) for port in ports if port.output}


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


def _same(a: Any, b: Any, known: list[tuple[Any, Any]], solver: Solver) -> bool:
    """Return whether two products surely have equal factors, whatever the `known` terms are."""
    factors = zip(a.children(), b.children(), strict=True)
    differ = z3.simplify(z3.substitute(z3.Or([p != q for p, q in factors]), *known))
    return z3.is_false(differ) or ask(differ, PRODUCT_S, solver).result == "unsat"


def _differ(golden: list[Any], twin: list[Any]) -> Any:
    """Return the formula that some output differs."""
    parts = [a != b for a, b in zip(golden, twin, strict=True)]
    return z3.Or(parts) if len(parts) > 1 else parts[0]


def _inputs(formula: Any) -> list[Any]:
    """Return the constants of a formula that have one or two bits, those of fewest bits first."""
    found, seen, left = {}, set(), [formula]
    while left:
        term = left.pop()
        if term.get_id() not in seen:
            seen.add(term.get_id())
            left += term.children()
            if z3.is_bv(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED and term.size() <= 2:
                found[term.decl().name()] = term
    return sorted(found.values(), key=lambda term: (term.size(), term.decl().name()))


def _case_by_case(formula: Any, timeout_s: float, solver: Solver) -> Answer | None:
    """Ask for each value of the narrowest inputs on its own; None if that does not tell.

    Twins multiply by two bits with multiplexers, which solvers hardly see in a multiplier.
    """
    split, cases = _inputs(formula), 1
    while split and (cases := 1 << sum(term.size() for term in split)) > CASES:
        split.pop(0)
    if not split:
        return None
    for number in range(cases):
        values, rest = {}, number
        for term in split:
            values[term.decl().name()] = rest & ((1 << term.size()) - 1)
            rest >>= term.size()
        pairs = [(t, z3.BitVecVal(values[t.decl().name()], t.size())) for t in split]
        answer = ask(z3.substitute(formula, *pairs), timeout_s, solver)
        if answer.result == "sat":
            return answer._replace(values=values | answer.values)
        if answer.result == "unknown":
            return None
    return Answer("unsat", "unsat", {})


def search(golden: list[Any], twin: list[Any], timeout_s: float, solver: Solver = "z3") -> Answer:
    """Look for inputs for which the sides differ.

    A product of equal factors is the same on both sides. At first it is any number whatever, also
    in the factors of the products after it, and no multiplier is left to reason about; if that is
    not enough, the twin is given golden's own. Solvers other than z3 get the question as it stands
    before that, and for each value of narrow inputs: most of it they answer without any help.
    """
    if solver != "z3":
        answer = ask(_differ(golden, twin), min(PLAIN_S, timeout_s), solver)
        if answer.result != "unknown":
            return answer
        known_cases = _case_by_case(_differ(golden, twin), min(PLAIN_S, timeout_s), solver)
        if known_cases is not None:
            return known_cases
    golden, twin = _as_adders(golden), _as_adders(twin)
    difference = _differ(golden, twin)
    numbers: dict[int, Any] = {}
    known, shared = [], []
    candidates = _products(golden)
    for product in _products(twin):
        candidates.sort(key=lambda g: g.get_id() in numbers)  # Most likely each has one partner.
        alike = (g for g in candidates if g.size() == product.size())
        original = next((g for g in alike if _same(g, product, known, solver)), None)
        if original is not None:
            name = f"product{len(numbers)}"
            number = numbers.setdefault(original.get_id(), z3.BitVec(name, original.size()))
            known += [(original, number), (product, number)]
            shared.append((product, original))
    if shared:
        answer = ask(z3.substitute(difference, *known), timeout_s, solver)
        if answer.result == "unsat":
            return answer
        difference = z3.substitute(difference, *shared)
    return ask(difference, timeout_s, solver)
