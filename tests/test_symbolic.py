"""Symbols compute what integers do, and grow as Amaranth's values do."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import z3
from amaranth.hdl import Signal

from goldenspike.golden.cell import clamp, select
from goldenspike.golden.fixed import Format
from goldenspike.hdl.cell import shape
from goldenspike.sim.symbolic import Symbol

F = Format.parse
SHAPES = [F(f"fxp-{sign}{width}/0") for sign in "su" for width in (1, 2, 4)]
OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "^": lambda a, b: a ^ b,
    "|": lambda a, b: a | b,
    "&": lambda a, b: a & b,
}


def _value(symbol: Symbol, x: Symbol, y: Symbol, p: int, q: int) -> int:
    given = [(s.bits, z3.BitVecVal(v, s.width)) for s, v in ((x, p), (y, q))]
    bits: Any = z3.simplify(z3.substitute(symbol.bits, *given))
    return bits.as_signed_long() if symbol.signed else bits.as_long()


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("a", "b"), list(product(SHAPES, SHAPES)))
def test_symbols_grow_as_amaranth_values_do(operation: str, a: Format, b: Format) -> None:
    operate = OPERATIONS[operation]
    x, y = (Symbol(z3.BitVec(n, f.width), f.signed, [0]) for n, f in (("x", a), ("y", b)))
    hardware = operate(Signal(shape(a)), Signal(shape(b)))
    symbol = operate(x, y)
    assert (symbol.width, symbol.signed) == (len(hardware), hardware.shape().signed)
    for p, q in product((a.low, a.high, 1 - a.signed), (b.low, b.high, 0)):
        assert _value(symbol, x, y, p, q) == operate(p, q)


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
    "clamped": lambda x: clamp(x, -3, 2),
    "clamped high": lambda x: clamp(x, 0, 100),
}


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("fmt", SHAPES)
def test_symbols_compute_what_integers_do(name: str, fmt: Format) -> None:
    x = Symbol(z3.BitVec("x", fmt.width), fmt.signed, [0])
    symbol = Symbol.of(SINGLE[name](x), [0])
    for value in range(fmt.low, fmt.high + 1):
        assert _value(symbol, x, x, value, value) == SINGLE[name](value)
