"""Formats, rounding and limiting: against exact fractions and against fxpmath."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import numba
import numpy as np
import pytest
from fxpmath import Fxp
from hypothesis import assume, given
from hypothesis import strategies as st

from goldenspike.golden.cell import align, clamp, select
from goldenspike.golden.fixed import (
    RANDOM_BITS,
    REQUANTIZE,
    WIDEST,
    Constants,
    Format,
    Inputs,
    Overflow,
    Rounding,
    requantize,
    round_shift,
)

F = Format.parse
DETERMINISTIC = [r for r in Rounding if r is not Rounding.STOCHASTIC]
TARGETS = ["fxp-s1/0", "fxp-u1/0", "fxp-s3/0", "fxp-s5/0", "fxp-u5/0", "fxp-s8/0", "fxp-s12/0"]
SHIFTS = range(-2, 9)
FORMATS = st.builds(Format, st.booleans(), st.integers(1, WIDEST), st.integers(-40, 90))


@pytest.fixture(scope="session")
def compiled() -> Callable[..., np.ndarray]:
    """Give ``requantize`` over arrays of values and words, compiled."""

    @numba.njit
    def many(
        xs: Any, frac: int, fmt: Any, rounding: int, overflow: int, words: Any, out: Any
    ) -> Any:
        for k in range(xs.size):
            out[k] = requantize(xs[k], frac, fmt, rounding, overflow, words[k])

    def run(xs: Any, frac: int, fmt: Format, rounding: int, overflow: int, words: Any = 0) -> Any:
        x, word = np.broadcast_arrays(np.asarray(xs, np.int64), np.asarray(words, np.int64))
        out = np.empty(x.shape, np.int64)
        many(x.copy(), frac, fmt, int(rounding), int(overflow), word.copy(), out)
        return out

    return run


@pytest.mark.parametrize("rounding", DETERMINISTIC)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("text", TARGETS)
def test_all_small_values_are_rounded_and_limited_exactly(
    text: str,
    rounding: Rounding,
    overflow: Overflow,
    compiled: Callable[..., np.ndarray],
    store: Callable[..., int],
) -> None:
    fmt = F(text)
    values = range(-128, 256)
    for shift in SHIFTS:
        want = [store(Fraction(x) / Fraction(2) ** shift, fmt, rounding, overflow) for x in values]
        plain = [requantize(x, shift, fmt, rounding, overflow, 0) for x in values]
        assert plain == want
        scalars = [requantize(np.int64(x), shift, fmt, rounding, overflow, 0) for x in values]
        assert scalars == want
        assert compiled(values, shift, fmt, rounding, overflow).tolist() == want


FXPMATH = {
    Rounding.FLOOR: [("floor", 0.0)],
    Rounding.HALF_UP: [("floor", 0.5)],
    Rounding.HALF_EVEN: [("around", 0.0)],
    Rounding.TOWARD_ZERO: [("trunc", 0.0), ("fix", 0.0)],
}


@pytest.mark.parametrize("rounding", DETERMINISTIC)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("text", TARGETS)
def test_fxpmath_agrees_for_all_small_values(
    text: str, rounding: Rounding, overflow: Overflow, compiled: Callable[..., np.ndarray]
) -> None:
    fmt = F(text)
    values = np.arange(-128, 256)
    for shift, (name, offset) in product(SHIFTS, FXPMATH[rounding]):
        theirs = Fxp(
            values * 2.0**-shift + offset,
            dtype=text,
            rounding=name,
            overflow=overflow.name.lower(),
        ).raw()
        ours = compiled(values, shift, fmt, rounding, overflow)
        assert ours.tolist() == np.asarray(theirs).astype(int).tolist()


def test_fxpmath_ceiling_is_the_negative_of_our_floor() -> None:
    for x, shift in product(range(-40, 40), range(1, 5)):
        ceiling = int(Fxp(x * 2.0**-shift, dtype="fxp-s8/0", rounding="ceil").raw())
        assert ceiling == -requantize(-x, shift, F("fxp-s8/0"), Rounding.FLOOR, 0, 0)


@given(
    x=st.integers(-(2**200), 2**200),
    frac=st.integers(-40, 120),
    fmt=FORMATS,
    rounding=st.sampled_from(DETERMINISTIC),
    overflow=st.sampled_from(Overflow),
)
def test_wide_values_are_rounded_and_limited_exactly(
    store: Callable[..., int],
    x: int,
    frac: int,
    fmt: Format,
    rounding: Rounding,
    overflow: Overflow,
) -> None:
    got = requantize(x, frac, fmt, rounding, overflow, 0)
    assert got == store(x * Fraction(2) ** -frac, fmt, rounding, overflow)
    assert fmt.low <= got <= fmt.high


@given(
    x=st.integers(-(2**61), 2**61) | st.integers(-40, 40),
    shift=st.integers(-20, 61),
    fmt=FORMATS,
    rounding=st.sampled_from(DETERMINISTIC),
    overflow=st.sampled_from(Overflow),
)
def test_compiled_wide_values_equal_python_ones(
    compiled: Callable[..., np.ndarray],
    x: int,
    shift: int,
    fmt: Format,
    rounding: Rounding,
    overflow: Overflow,
) -> None:
    assume(shift >= 0 or abs(x) < 2 ** (61 + shift))
    frac = shift + fmt.frac
    want = requantize(x, frac, fmt, rounding, overflow, 0)
    assert int(compiled([x], frac, fmt, rounding, overflow)[0]) == want
    assert int(requantize(np.int64(x), frac, fmt, rounding, overflow, 0)) == want


@given(
    raw=st.integers(-(2**48), 2**48),
    shift=st.integers(-3, 30),
    signed=st.booleans(),
    width=st.integers(1, 40),
    rounding=st.sampled_from(DETERMINISTIC),
    overflow=st.sampled_from(Overflow),
)
def test_fxpmath_agrees_for_wide_values(
    raw: int, shift: int, signed: bool, width: int, rounding: Rounding, overflow: Overflow
) -> None:
    fmt = Format(signed, width, 0)
    for name, offset in FXPMATH[rounding]:
        assume(abs(raw) * 2.0**-shift < 2.0**51)  # a double holds value and offset exactly
        value = raw * 2.0**-shift + offset
        theirs = Fxp(value, dtype=str(fmt), rounding=name, overflow=overflow.name.lower())
        assert requantize(raw, shift, fmt, rounding, overflow, 0) == int(theirs.raw())


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("width", [1, 2, 8, 31, 32, 33, WIDEST])
def test_the_most_negative_number_stays_itself(width: int, rounding: Rounding) -> None:
    fmt = Format(True, width, 3)
    low = -(2 ** (width - 1))
    for overflow in Overflow:
        for word in (0, 2**RANDOM_BITS - 1):
            assert requantize(low, 3, fmt, rounding, overflow, word) == low
            assert requantize(low << 5, 8, fmt, rounding, overflow, word) == low
    assert requantize(low - 1, 3, fmt, rounding, Overflow.SATURATE, 0) == low
    assert requantize(low - 1, 3, fmt, rounding, Overflow.WRAP, 0) == 2 ** (width - 1) - 1
    unsigned = Format(False, width, 3)
    assert requantize(low, 3, unsigned, rounding, Overflow.SATURATE, 0) == 0
    assert requantize(low, 3, unsigned, rounding, Overflow.WRAP, 0) == 2 ** (width - 1)


WORDS = np.arange(1 << RANDOM_BITS)
WIDE = F("fxp-s40/0")


@pytest.mark.parametrize("shift", [1, 2, 5, 8, 15, 16, 17, 20, 40])
def test_stochastic_rounding_rounds_up_for_exactly_its_share_of_the_words(
    shift: int, compiled: Callable[..., np.ndarray]
) -> None:
    unit = 1 << shift
    rests = {0, 1, unit // 3, unit // 2, unit - 1, unit * 3 // 4} | set(range(min(unit, 16)))
    for quotient, rest in product((-(2**19), -1, 0, 6), sorted(rests)):
        x = quotient * unit + rest
        results = compiled(x, shift, WIDE, Rounding.STOCHASTIC, 0, WORDS)
        share = (rest << RANDOM_BITS) // unit
        assert np.count_nonzero(results == quotient + 1) == share
        assert np.count_nonzero(results == quotient) == WORDS.size - share
        assert (np.diff(results) <= 0).all()


@given(
    x=st.integers(-(2**40), 2**40),
    shift=st.integers(1, 45),
    word=st.integers(0, 2**RANDOM_BITS - 1),
)
def test_stochastic_rounding_is_monotone_and_off_by_less_than_one_bit(
    x: int, shift: int, word: int
) -> None:
    y = round_shift(x, shift, Rounding.STOCHASTIC, word)
    assert abs((y << shift) - x) < 1 << shift
    assert round_shift(x + 1, shift, Rounding.STOCHASTIC, word) >= y


@given(x=st.integers(-(2**61), 2**61), shift=st.integers(1, 61), word=st.integers(0, 2**16 - 1))
def test_compiled_stochastic_rounding_equals_python(
    compiled: Callable[..., np.ndarray], x: int, shift: int, word: int
) -> None:
    fmt = Format(True, WIDEST, 0)
    want = requantize(x, shift, fmt, Rounding.STOCHASTIC, Overflow.SATURATE, word)
    assert int(compiled([x], shift, fmt, Rounding.STOCHASTIC, 0, [word])[0]) == want


@pytest.mark.parametrize("x", [0.0, -1.75, 1e300, -3e-300, np.float64(0.1)])
def test_floats_are_real_numbers_already(x: float) -> None:
    @numba.njit
    def both(x: float) -> tuple[float, float]:
        return requantize(x, 20, Format(True, 4, 0), 0, 0, 0), align(x, 7)

    assert requantize(x, 20, F("fxp-s4/0"), Rounding.FLOOR, Overflow.SATURATE, 0) is x
    assert align(x, 7) is x
    assert both(float(x)) == (x, x)


def test_align_keeps_the_value_of_integers() -> None:
    assert [align(x, 3) for x in (-5, 0, 7)] == [-40, 0, 56]
    assert align(np.int64(-5), 2) == -20


@pytest.mark.parametrize("condition", [True, np.True_, np.int64(3) > 2])
def test_select_chooses_as_a_multiplexer(condition: Any) -> None:
    assert select(condition, 3, 5) == 3
    assert select(condition & (2 < 1), 3, 5) == 5
    assert [clamp(np.int64(x), -2, 3) for x in (-9, -2, 1, 3, 4)] == [-2, -2, 1, 3, 3]


def test_the_cell_requantizes(store: Callable[..., int]) -> None:
    constants = Constants(F("fxp-s8/4"), F("fxp-s4/1"), Rounding.HALF_UP, Overflow.WRAP)
    state = object()
    kept, outputs = REQUANTIZE.step(constants, state, Inputs(-100, 0))
    assert kept is state
    assert outputs.y == store(Fraction(-100, 16), F("fxp-s4/1"), Rounding.HALF_UP, Overflow.WRAP)


@given(FORMATS)
def test_formats_are_read_as_they_are_written(fmt: Format) -> None:
    assert F(str(fmt)) == fmt
    assert str(fmt) == f"fxp-{'s' if fmt.signed else 'u'}{fmt.width}/{fmt.frac}"
    assert fmt.checked() is fmt
    assert (fmt.high - fmt.low).bit_length() == fmt.width
    assert (fmt.low < 0) is fmt.signed
    assert fmt.lsb == 2.0**-fmt.frac


BAD = ["", "s16/12", "Q4.12", "fxp-s16", "fxp-S16/12", "fxp-s16/12 ", "fxp-s016/12"]


@pytest.mark.parametrize("text", [*BAD, "fxp-s8/4-complex", 5, None])
def test_formats_of_another_spelling_are_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="Format must be spelt like 'fxp-s16/12', not ") as caught:
        F(text)
    assert str(caught.value).endswith(repr(text))


@pytest.mark.parametrize("width", [0, 63, 100])
def test_widths_that_cannot_be_stored_are_refused(width: int) -> None:
    message = f"Width of a format must be 1 to 62 bits, not {width}"
    with pytest.raises(ValueError, match=message):
        Format(True, width, 0).checked()
    with pytest.raises(ValueError, match=message):
        F(f"fxp-u{width}/0")


def test_holding_gives_the_narrowest_format() -> None:
    for low, high in product(range(-9, 10), repeat=2):
        if low > high:
            continue
        fmt = Format.holding(low, high, 4)
        fits = [
            Format(signed, width, 4)
            for width in range(1, 6)
            for signed in (False, True)
            if Format(signed, width, 4).low <= low and high <= Format(signed, width, 4).high
        ]
        assert fmt in fits
        assert fmt.signed is (low < 0)
        assert fmt.width == min(f.width for f in fits if f.signed is fmt.signed)


@given(
    value=st.floats(-1e6, 1e6) | st.integers(-64, 64).map(lambda k: k / 16),
    fmt=st.builds(Format, st.booleans(), st.integers(1, WIDEST), st.integers(-10, 40)),
)
def test_nearest_is_the_nearest_that_can_be_stored(value: float, fmt: Format) -> None:
    want = min(max(round(Fraction(value) * Fraction(2) ** fmt.frac), fmt.low), fmt.high)
    assert fmt.nearest(value) == want
    several = fmt.nearest([[value, 0.0]])
    assert several.dtype == np.int64
    assert several.tolist() == [[want, 0]]


@given(st.integers(-(2**52), 2**52), st.integers(-20, 60))
def test_floats_of_raw_values_are_exact(raw: int, frac: int) -> None:
    fmt = Format(True, 54, frac)
    assert Fraction(float(fmt.to_float(raw))) == raw * Fraction(2) ** -frac
    assert fmt.nearest(fmt.to_float(raw)) == raw


CONSTANTS = [("fxp-s8/4", 1.5, 24), ("fxp-s8/4", -8.0, -128), ("fxp-u8/8", 0.9, 230)]


@pytest.mark.parametrize(("text", "value", "raw"), [*CONSTANTS, ("fxp-s4/0", 0.0, 0)])
def test_constants_become_raw_integers(text: str, value: float, raw: int) -> None:
    got = F(text).constant(value, "Decay")
    assert (got, type(got)) == (raw, int)


@pytest.mark.parametrize(
    ("text", "value", "near"),
    [
        ("fxp-s8/4", 9.0, 7.9375),
        ("fxp-s8/4", 0.01, 0.0),
        ("fxp-s8/4", 0.1, 0.125),
        ("fxp-u8/8", -0.5, 0.0),
        ("fxp-s4/-2", 3.0, 4.0),
    ],
)
def test_constants_that_cannot_be_had_name_the_nearest(
    text: str, value: float, near: float
) -> None:
    with pytest.raises(ValueError, match="Decay must be") as caught:
        F(text).constant(value, "Decay")
    want = f"Decay must be representable in {text}, not {value!r} (nearest {near!r})"
    assert str(caught.value) == want


def test_a_constant_may_be_off_by_one_per_cent() -> None:
    fmt = F("fxp-u12/0")
    assert fmt.constant(49.505, "Rate") == 50
    with pytest.raises(ValueError, match=r"nearest 50\.0"):
        fmt.constant(49.5049, "Rate")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_have_no_raw_integer(bad: float) -> None:
    fmt = Format(True, 8, 4)
    with pytest.raises(ValueError, match=f"^Value must be finite, not {bad!r}$"):
        fmt.nearest(bad)
    with pytest.raises(ValueError, match=re.escape(f"not {bad!r} (2 of 4 are not finite)")):
        fmt.nearest(np.array([0.0, bad, bad, 1.0]))


@pytest.mark.parametrize("bad", ["1.5", [1, "a"], {}, 1j])
def test_what_is_no_number_has_no_raw_integer(bad: Any) -> None:
    with pytest.raises(TypeError, match="Value must be a real number or an array, not"):
        Format(True, 8, 4).nearest(bad)


def test_numbers_far_beyond_a_format_are_its_ends() -> None:
    for fmt in (Format(True, 8, 255), Format(False, 62, -255), Format(True, 62, 62)):
        assert fmt.nearest(1e308) == fmt.high
        assert fmt.nearest(np.array([-1e308, 1e308])).tolist() == [fmt.low, fmt.high]
