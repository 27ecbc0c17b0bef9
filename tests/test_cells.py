"""Every cell: the equation of its docstring on exact fractions, in each way that it is executed.

A case is a cell with constants of small formats and the equation that its docstring states,
written on real numbers (fractions), which knows nothing of shifts.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden import fixed, randomness, ranges
from goldenspike.golden.cell import Cell, Nothing
from goldenspike.golden.fixed import BIT, RANDOM_BITS, Format, Overflow, Rounding
from goldenspike.golden.modulators import count_error, paired, running_mean, squared_error
from goldenspike.golden.neurons import adaptive_lif, adaptive_lif_yin, leaky_readout, lif
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import node_perturbation, three_factor
from goldenspike.golden.synapses import delta


class Case(NamedTuple):
    """A cell, its constants, and what its docstring says: ``equation(**ports)`` gives raws."""

    cell: Cell
    constants: Any
    equation: Callable[..., dict[str, int]]


Store = Callable[..., int]
Cases = Callable[[Store], st.SearchStrategy[Case]]
WIDTHS, FRACS = st.integers(1, 5), st.integers(-2, 4)
FORMATS = st.builds(Format, st.booleans(), WIDTHS, FRACS)
SIGNED = st.builds(Format, st.just(value=True), st.integers(2, 5), FRACS)
ERRORS = st.builds(Format, st.just(value=False), WIDTHS, FRACS)
ROUNDINGS = st.sampled_from([r for r in Rounding if r is not Rounding.STOCHASTIC])
OVERFLOWS = st.sampled_from(Overflow)
VARIATES = st.sampled_from([d.variate for d in Distribution])
HALF_EVEN, SATURATE = Rounding.HALF_EVEN, Overflow.SATURATE


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


def stochastic(v: Fraction, fmt: Format, word: int) -> Fraction:
    """Return a value on the format's grid: up for words below the 16-bit fraction of the rest."""
    raw = v * Fraction(2) ** fmt.frac
    below = raw.numerator // raw.denominator
    share = int((raw - below) * 2**RANDOM_BITS)
    return (below + (word < share)) * Fraction(2) ** -fmt.frac


@st.composite
def requantizations(draw: Any, store: Store) -> Case:
    """Make cases of rounding and limiting on their own."""
    c = fixed.Constants(
        draw(FORMATS), draw(FORMATS), int(draw(st.sampled_from(Rounding))), int(draw(OVERFLOWS))
    )

    def equation(x: int, word: int) -> dict[str, int]:
        v, rounding = value(x, c.source), c.rounding
        if rounding == Rounding.STOCHASTIC:
            v, rounding = stochastic(v, c.target, word), HALF_EVEN
        return {"y": store(v, c.target, rounding, c.overflow)}

    return Case(fixed.REQUANTIZE, c, equation)


@st.composite
def lifs(draw: Any, store: Store) -> Case:
    """Make cases of LIF neurons."""
    m = draw(FORMATS.filter(lambda f: f.high > 0))
    current, bits = draw(FORMATS), draw(st.integers(0, 4))
    decay = Fraction(draw(st.integers(0, 1 << bits)), 1 << bits)
    threshold = draw(st.integers(1, m.high)) * Fraction(2) ** -m.frac
    start = draw(st.integers(m.low, m.high)) * Fraction(2) ** -m.frac
    p = lif.Params(
        m,
        float(decay),
        float(threshold),
        draw(st.sampled_from(["one", "complement"])),
        draw(st.sampled_from(["subtract", "to_value"])),
        float(start),
        draw(st.sampled_from([">=", ">"])),
        Format(False, bits + 1, bits),
        draw(ROUNDINGS),
        draw(OVERFLOWS),
        draw(st.integers(0, 3)),
    )

    def equation(v: int, spike: int, **x: int) -> dict[str, int]:
        drive = 1 if p.drive == "one" else 1 - decay
        driven = drive * value(x["current"], current)
        spiked = spike == 1 + p.refractory
        if p.reset == "subtract":
            real = decay * value(v, m) + driven - threshold * spiked
        else:
            real = decay * (start if spiked else value(v, m)) + driven
        after = store(real, m, p.rounding, p.overflow)
        excess = value(after, m) - threshold
        spikes = int((excess >= 0 if p.compare == ">=" else excess > 0) and spike <= 1)
        return {
            "v": after,
            "spike": 1 + p.refractory if spikes else max(spike - 1, 0),
            "signal": spikes,
            "excess": int(excess * Fraction(2) ** m.frac),
            "blocked": int(spike > 1),
        }

    return Case(lif.STEP, p.constants(current), equation)


@st.composite
def adaptives(draw: Any, store: Store) -> Case:
    """Make cases of e-prop's adaptive neurons."""
    return draw(adaptive_cases(store, adaptive_lif))


@st.composite
def yins(draw: Any, store: Store) -> Case:
    """Make cases of Yin's adaptive neurons."""
    return draw(adaptive_cases(store, adaptive_lif_yin))


@st.composite
def adaptive_cases(draw: Any, store: Store, module: Any) -> Case:
    """Make cases of adaptive neurons of either kind."""
    yin = module is adaptive_lif_yin
    m = draw(FORMATS.filter(lambda f: f.high > 0))
    a, current, bits = draw(ERRORS), draw(FORMATS), draw(st.integers(0, 4))
    decay, rho = (Fraction(draw(st.integers(0, 1 << bits)), 1 << bits) for _ in range(2))
    beta = Fraction(draw(st.integers(0, 4 << bits)), 1 << bits)
    threshold = draw(st.integers(1, m.high)) * Fraction(2) ** -m.frac
    refractory = draw(st.integers(0, 2))
    more = {} if yin else {"drive": draw(st.sampled_from(["one", "complement"]))}
    p = module.Params(
        m,
        float(decay),
        float(threshold),
        float(rho),
        float(beta),
        a,
        Format(False, bits + 3, bits),
        refractory,
        Format(False, bits + 1, bits),
        draw(ROUNDINGS),
        draw(OVERFLOWS),
        **more,
    )
    c = p.constants(current)

    def equation(v: int, b: int, spike: int, **x: int) -> dict[str, int]:
        z = int(spike == 1 + refractory)
        jump = 1 - rho if yin else 1
        drive = 1 - decay if yin or p.drive == "complement" else 1
        risen = store(rho * value(b, a) + jump * z, a, p.rounding, p.overflow)
        A = threshold + beta * value(risen, a)
        reset = A * z if yin else threshold * z
        real = decay * value(v, m) + drive * value(x["current"], current) - reset
        after = store(real, m, p.rounding, p.overflow)
        excess = value(after, m) - A
        spikes = int((excess > 0 if yin else excess >= 0) and spike <= 1)
        return {
            "v": after,
            "b": risen,
            "spike": 1 + refractory if spikes else max(spike - 1, 0),
            "signal": spikes,
            "excess": int(excess * Fraction(2) ** c.excess.frac),
            "blocked": int(spike > 1),
        }

    return Case(module.STEP, c, equation)


@st.composite
def readouts(draw: Any, store: Store) -> Case:
    """Make cases of leaky readouts."""
    f, current, bits = draw(FORMATS), draw(FORMATS), draw(st.integers(0, 4))
    decay = Fraction(draw(st.integers(0, 1 << bits)), 1 << bits)
    bias = draw(st.integers(f.low, f.high)) * Fraction(2) ** -f.frac
    p = leaky_readout.Params(
        f,
        float(decay),
        draw(st.sampled_from(["one", "complement"])),
        float(bias),
        Format(False, bits + 1, bits),
        draw(ROUNDINGS),
        draw(OVERFLOWS),
    )

    def equation(y: int, **x: int) -> dict[str, int]:
        drive = 1 if p.drive == "one" else 1 - decay
        real = decay * value(y, f) + drive * value(x["current"], current) + bias
        after = store(real, f, p.rounding, p.overflow)
        return {"y": after, "signal": after}

    return Case(leaky_readout.STEP, p.constants(current), equation)


@st.composite
def deltas(draw: Any, store: Store) -> Case:
    """Make cases of synapses."""
    c = delta.Constants(draw(FORMATS), draw(FORMATS))
    fmt = delta.current_format(c)

    def equation(weight: int, signal: int) -> dict[str, int]:
        return {"current": store(value(weight, c.weight) * value(signal, c.signal), fmt)}

    return Case(delta.STEP, c, equation)


@st.composite
def perturbations(draw: Any, store: Store) -> Case:
    """Make cases of perturbed values."""
    fmt = draw(FORMATS.filter(lambda f: f.high > 0))
    variate = draw(VARIATES | FORMATS.filter(lambda f: f.frac >= 0))
    c = three_factor.PerturbConstants(fmt, variate, draw(st.integers(1, fmt.high)))

    def equation(**x: int) -> dict[str, int]:
        real = value(x["value"], fmt) + value(c.amplitude, fmt) * value(x["variate"], variate)
        return {"perturbed": store(real, three_factor.perturbed_format(c))}

    return Case(three_factor.PERTURB, c, equation)


@st.composite
def factors(draw: Any, store: Store) -> Case:
    """Make cases of a trial's factor; rates of up to 16 significant bits are exact."""
    rate = draw(st.integers(1, (1 << 16) - 1)) * Fraction(2) ** draw(st.integers(-25, 5))
    reward, factor = draw(FORMATS), draw(FORMATS)

    def equation(**x: int) -> dict[str, int]:
        return {"factor": store(rate * value(x["reward"], reward), factor)}

    return Case(
        three_factor.SCALE, three_factor.factor_constants(float(rate), reward, factor), equation
    )


@st.composite
def updates(draw: Any, store: Store) -> Case:
    """Make cases of weight updates."""
    weight, factor = draw(FORMATS), draw(FORMATS)
    eligibility = draw(VARIATES | FORMATS)
    rounding, overflow = draw(st.sampled_from(Rounding)), draw(OVERFLOWS)

    def equation(w: int, word: int, **x: int) -> dict[str, int]:
        change = value(x["factor"], factor) * value(x["eligibility"], eligibility)
        real, mode = value(w, weight) + change, rounding
        if rounding is Rounding.STOCHASTIC:
            real, mode = stochastic(real, weight, word), HALF_EVEN
        return {"w": store(real, weight, mode, overflow)}

    c = three_factor.update_constants(weight, factor, eligibility, rounding, overflow)
    return Case(three_factor.UPDATE, c, equation)


@st.composite
def sums(draw: Any, store: Store) -> Case:
    """Make cases of updates that sum the changes of several trials."""
    weight, total, factor = draw(FORMATS), draw(FORMATS), draw(FORMATS)
    eligibility = draw(VARIATES | FORMATS)
    rounding, overflow = draw(st.sampled_from(Rounding)), draw(OVERFLOWS)

    def equation(w: int, word: int, due: int, **x: int) -> dict[str, int]:
        change = value(x["factor"], factor) * value(x["eligibility"], eligibility)
        grown = store(value(x["sum"], total) + change, total)
        if not due:
            return {"w": w, "sum": grown}
        real, mode = value(w, weight) + value(grown, total), rounding
        if rounding is Rounding.STOCHASTIC:
            real, mode = stochastic(real, weight, word), HALF_EVEN
        return {"w": store(real, weight, mode, overflow), "sum": 0}

    c = three_factor.accumulate_constants(weight, total, factor, eligibility, rounding, overflow)
    return Case(three_factor.ACCUMULATE, c, equation)


@st.composite
def eligibilities(draw: Any, store: Store) -> Case:
    """Make cases of node perturbation's eligibility."""
    overflow = draw(st.sampled_from(Overflow))
    formats = draw(FORMATS), draw(VARIATES | FORMATS), draw(FORMATS)
    c = node_perturbation.Constants(*formats, int(overflow))

    def equation(e: int, score: int, signal: int) -> dict[str, int]:
        real = value(e, c.eligibility) + value(score, c.score) * value(signal, c.signal)
        return {"e": store(real, c.eligibility, Rounding.HALF_EVEN, overflow)}

    return Case(node_perturbation.STEP, c, equation)


@st.composite
def squares(draw: Any, store: Store) -> Case:
    """Make cases of the squared error."""
    signal, target = draw(FORMATS), draw(FORMATS)
    c = squared_error.constants(signal, target, draw(st.integers(1, 4)), draw(st.integers(1, 4)))

    def equation(error: int, **x: int) -> dict[str, int]:
        difference = value(x["signal"], signal) - value(x["target"], target)
        return {"error": store(value(error, c.error) + difference**2, c.error)}

    return Case(squared_error.STEP, c, equation)


@st.composite
def counts(draw: Any, store: Store) -> Case:
    """Make cases of the error of counts."""
    signal, target = draw(FORMATS), draw(FORMATS)
    c = count_error.constants(signal, target, draw(st.integers(1, 4)), draw(st.integers(1, 4)))

    def equation(count: int, error: int, last: int, **x: int) -> dict[str, int]:
        after = store(value(count, c.count) + value(x["signal"], signal), c.count)
        difference = value(after, c.count) - value(x["target"], target)
        real = value(error, c.error) + (difference**2 if last else 0)
        return {"count": after, "error": store(real, c.error)}

    return Case(count_error.STEP, c, equation)


@st.composite
def paired_rewards(draw: Any, store: Store) -> Case:
    """Make cases of the paired baseline."""
    c = paired.Params().constants(draw(FORMATS), draw(FORMATS))

    def equation(error: int, reference: int) -> dict[str, int]:
        return {"reward": store(value(reference, c.error) - value(error, c.error), c.reward)}

    return Case(paired.STEP, c, equation)


@st.composite
def mean_rewards(draw: Any, store: Store) -> Case:
    """Make cases of the running mean."""
    rate = Fraction(draw(st.integers(1, 256)), 256)
    c = running_mean.Params(float(rate)).constants(draw(FORMATS), draw(FORMATS))

    def equation(mean: int, primed: int, **x: int) -> dict[str, int]:
        error = value(x["error"], c.error)
        before = value(mean, c.mean) if primed else error
        after = store(before + rate * (error - before), c.mean)
        return {"reward": store(before - error, c.reward), "mean": after, "primed": 1}

    return Case(running_mean.STEP, c, equation)


@st.composite
def variates(draw: Any, store: Store) -> Case:
    """Make cases of variates."""
    bits = int(draw(st.sampled_from(Distribution)))

    def equation(word: int) -> dict[str, int]:
        return {"variate": 2 * word - 1 if bits == 1 else word.bit_count() - 16}

    return Case(randomness.VARIATE, randomness.VariateConstants(bits), equation)


def mixed_words(store: Store) -> st.SearchStrategy[Case]:
    """Make cases of a synapse's random word."""

    def equation(row: int, column: int) -> dict[str, int]:
        return {"word": (row + column) % 2**16}

    return st.just(Case(randomness.MIX, Nothing(), equation))


CASES: dict[str, Cases] = {
    cell.name: cases
    for cell, cases in (
        (fixed.REQUANTIZE, requantizations),
        (lif.STEP, lifs),
        (adaptive_lif.STEP, adaptives),
        (adaptive_lif_yin.STEP, yins),
        (leaky_readout.STEP, readouts),
        (delta.STEP, deltas),
        (three_factor.PERTURB, perturbations),
        (three_factor.SCALE, factors),
        (three_factor.UPDATE, updates),
        (three_factor.ACCUMULATE, sums),
        (node_perturbation.STEP, eligibilities),
        (squared_error.STEP, squares),
        (count_error.STEP, counts),
        (paired.STEP, paired_rewards),
        (running_mean.STEP, mean_rewards),
        (randomness.VARIATE, variates),
        (randomness.MIX, mixed_words),
    )
}
SEEDS = st.integers(0, 2**32 - 1)
EXHAUSTED = 200
"""Cells of fewer inputs than that are tried on all of them."""


class Watched(int):
    """An integer that keeps the bits of all that is computed from it."""

    bits: list[int]

    @classmethod
    def watch(cls, number: int, bits: list[int]) -> Watched:
        """Return a number whose descendants note their two's-complement width in `bits`."""
        self = cls(number)
        self.bits = bits
        bits.append((~number if number < 0 else number).bit_length() + 1)
        return self


def _watching(name: str) -> Callable[..., Any]:
    plain = getattr(int, name)

    def operate(self: Watched, *others: Any) -> Any:
        return Watched.watch(plain(self, *others), self.bits)

    return operate


OPERATORS = ("add", "radd", "sub", "rsub", "mul", "rmul", "lshift", "rshift", "and", "rand", "neg")
for _name in OPERATORS:
    setattr(Watched, f"__{_name}__", _watching(f"__{_name}__"))


def port_values(case: Case, seed: int, draw_raw: Callable[..., np.ndarray]) -> list[tuple]:
    """Return ``(state, inputs)``, all there are or some, corners preferred."""
    ports = case.cell.ports(case.constants)
    formats = [*ports.state, *ports.inputs]
    total = 1
    for fmt in formats:
        total *= fmt.high - fmt.low + 1
    if total <= EXHAUSTED:
        rows: Any = product(*(range(f.low, f.high + 1) for f in formats))
    else:
        rng = np.random.default_rng(seed)
        rows = np.transpose([draw_raw(rng, f, (60,)) for f in formats]).tolist()
    split = len(ports.state)
    return [(type(ports.state)(*r[:split]), type(ports.inputs)(*r[split:])) for r in rows]


def converted(kind: Callable[[int], Any], given: tuple) -> tuple:
    """Return state and inputs with every number converted."""
    return tuple(type(part)(*map(kind, part)) for part in given)


def results(answer: tuple) -> dict[str, int]:
    """Return the next state and the outputs by name."""
    return {k: int(v) for part in answer for k, v in part._asdict().items()}


def named(given: tuple) -> dict[str, int]:
    """Return state and inputs by name."""
    return {k: v for part in given for k, v in part._asdict().items()}


def test_every_cell_but_the_cipher_has_cases() -> None:
    cipher = {randomness.SCHEDULE.name, randomness.START.name, randomness.ROUNDS.name}
    modules = [fixed, randomness, lif, leaky_readout, delta, three_factor, node_perturbation]
    modules += [adaptive_lif, adaptive_lif_yin, squared_error, count_error, paired, running_mean]
    cells = {v.name for m in modules for v in vars(m).values() if isinstance(v, Cell)}
    assert cells == set(CASES) | cipher


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=60)
@given(data=st.data(), seed=SEEDS)
def test_cells_compute_the_equations_of_their_docstrings(
    name: str, data: Any, seed: int, store: Store, draw_raw: Callable[..., np.ndarray]
) -> None:
    case = data.draw(CASES[name](store))
    for given_ in port_values(case, seed, draw_raw):
        want = case.equation(**named(given_))
        assert results(case.cell.step(case.constants, *given_)) == want
        scalars = converted(np.int64, given_)
        assert results(case.cell.step(case.constants, *scalars)) == want


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40)
@given(data=st.data(), seed=SEEDS)
def test_nothing_that_a_cell_computes_escapes_its_intervals(
    name: str, data: Any, seed: int, store: Store, draw_raw: Callable[..., np.ndarray]
) -> None:
    case = data.draw(CASES[name](store))
    bounds, width = ranges.reach(case.cell, case.constants)
    formats = {n: f for g, n, f in case.cell.ports(case.constants).named() if g != "inputs"}
    seen: list[int] = [0]
    for given_ in port_values(case, seed, draw_raw):
        watched = converted(lambda number: Watched.watch(number, seen), given_)
        for key, got in results(case.cell.step(case.constants, *watched)).items():
            assert bounds[key].low <= got <= bounds[key].high
            assert formats[key].low <= got <= formats[key].high
    assert max(seen) <= width
    if case.constants != randomness.VariateConstants(32):  # intervals see no popcount
        assert ranges.check(case.cell, case.constants, "here") == 63 - width


@pytest.fixture(scope="session")
def compiled() -> Callable[[Cell], Callable[..., Any]]:
    """Give ``compiled(cell)``: its step by Numba, once for each cell."""
    made: dict[str, Callable[..., Any]] = {}

    def make(cell: Cell) -> Callable[..., Any]:
        return made.setdefault(cell.name, numba.njit(cell.step))

    return make


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=15)
@given(data=st.data(), seed=SEEDS)
def test_compiled_cells_equal_python_ones(
    name: str,
    data: Any,
    seed: int,
    store: Store,
    draw_raw: Callable[..., np.ndarray],
    compiled: Callable[[Cell], Callable[..., Any]],
) -> None:
    case = data.draw(CASES[name](store))
    step = compiled(case.cell)
    for given_ in port_values(case, seed, draw_raw)[:40]:
        assert results(step(case.constants, *given_)) == results(
            case.cell.step(case.constants, *given_)
        )


@pytest.mark.parametrize("cell", [lif.STEP, leaky_readout.STEP, three_factor.UPDATE])
def test_cells_on_floats_round_nothing(cell: Cell) -> None:
    fmt, third = Format(True, 8, 2), 1.0 / 3.0
    neuron = {"decay": third, "threshold": 7.0}
    c: Any = {
        lif.STEP: lambda: lif.Params(fmt, 0.5, 7.0).constants(BIT)._replace(**neuron),
        leaky_readout.STEP: lambda: (
            leaky_readout.Params(fmt, 0.5).constants(BIT)._replace(decay=third, drive=1.0)
        ),
        three_factor.UPDATE: lambda: three_factor.update_constants(fmt, fmt, fmt, 0, 0),
    }[cell]()
    c = c._replace(drive=1.0) if hasattr(c, "drive") else c
    ports = cell.ports(c)
    state = type(ports.state)(*(third for _ in ports.state))
    inputs = type(ports.inputs)(*(third for _ in ports.inputs))
    after, _ = cell.step(c, state, inputs)
    assert after[0] == third * third + third


def test_the_cipher_cells_compile_to_what_they_are() -> None:
    rng = np.random.default_rng(7)
    for cell in (randomness.SCHEDULE, randomness.START, randomness.ROUNDS):
        step, ports = numba.njit(cell.step), cell.ports(Nothing())
        for _ in range(20):
            rows = [[int(rng.integers(0, f.high + 1)) for f in part] for part in ports[:2]]
            given_ = [type(p)(*r) if r else Nothing() for p, r in zip(ports[:2], rows, strict=True)]
            assert results(step(Nothing(), *given_)) == results(cell.step(Nothing(), *given_))
