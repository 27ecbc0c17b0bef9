"""STDP in all its forms: pairs, pairs with a third factor, triplets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numba
import numpy as np
import pytest
from amaranth.hdl import Module
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from goldenspike.golden import catalog
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import BIT, RANDOM_BITS, Format, Overflow, Rounding
from goldenspike.golden.network import Network, Population, Projection, Source
from goldenspike.golden.neurons import lif
from goldenspike.golden.plan import plan
from goldenspike.golden.rules import (
    bounded,
    eligibility,
    neuromodulated_stdp,
    spike_trace,
    stdp,
    three_factor,
    triplet_stdp,
)
from goldenspike.golden.rules.eligibility import Part
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl.rules.neuromodulated_stdp import OwnPairEligibility, PairEligibility
from goldenspike.hdl.rules.spike_trace import PreTrace
from goldenspike.hdl.rules.stdp import PairUpdate
from goldenspike.hdl.rules.triplet_stdp import TripletUpdate

F = Format.parse
FORMATS = st.builds(Format, st.booleans(), st.integers(1, 5), st.integers(-2, 4))
TRACES = st.builds(Format, st.booleans(), st.integers(2, 6), st.integers(0, 4)).filter(
    lambda f: f.high >= 1 << f.frac
)
ROUNDINGS, OVERFLOWS = st.sampled_from(Rounding), st.sampled_from(Overflow)
EIGHTHS = st.integers(0, 7).map(lambda k: k / 8)
EIGHTH = Format(False, 3, 3)
PAIR: dict[str, Any] = {
    "trace": F("fxp-u20/18"),
    "pre_decay": math.exp(-1 / 20),
    "post_decay": math.exp(-1 / 40),
    "trace_factor": F("fxp-u20/20"),
    "amplitude": F("fxp-u20/22"),
    "plus": 0.01,
    "minus": 0.012,
}
STDP = stdp.Params(**PAIR)
RSTDP = neuromodulated_stdp.Params(
    **PAIR,
    eta=1.0,
    factor=F("fxp-s16/12"),
    modulator="dopamine",
    eligibility=F("fxp-s24/22"),
    eligibility_decay=0.99,
)
TRIPLET = triplet_stdp.Params(
    trace=F("fxp-u26/22"),
    r1_decay=math.exp(-1 / 25),
    r2_decay=math.exp(-1 / 30),
    o1_decay=math.exp(-1 / 1000),
    o2_decay=math.exp(-1 / 40),
    amplitude=F("fxp-u20/24"),
    plus2=0.01,
    minus2=0.002,
    plus3=0.02,
    minus3=0.003,
    drive=F("fxp-u20/24"),
    multiple=2.0,
    bound=F("fxp-u19/18"),
    trace_factor=F("fxp-u24/24"),
)
WEIGHT = F("fxp-s20/18")


def value(raw: int, fmt: Format) -> Fraction:
    """Return the real number of a raw integer."""
    return int(raw) * Fraction(2) ** -fmt.frac


def stored(
    store: Callable[..., int], real: Fraction, fmt: Format, word: int, rounding: int, overflow: int
) -> int:
    """Return what a real number is stored as; stochastic: up below the 16-bit fraction."""
    if rounding == Rounding.STOCHASTIC:
        raw = real * Fraction(2) ** fmt.frac
        below = raw.numerator // raw.denominator
        up = word < int((raw - below) * 2**RANDOM_BITS)
        real, rounding = (below + up) * Fraction(2) ** -fmt.frac, Rounding.HALF_EVEN
    return store(real, fmt, rounding, overflow)


class Run:
    """One synapse between two neurons: the parts of a rule, by hand, on Python integers."""

    def __init__(self, params: Any, weight: Format, start: float, kind: str = "integers") -> None:
        self.params, self.ideal = params, kind == "ideal"
        self.pre, self.post = params.pre(BIT), params.post({"signal": BIT})
        known = {**self.pre.outputs, **self.post.outputs}
        self.scale = params.scale({**known, "modulator": F("fxp-s16/12")})
        self.synapse = params.synapse(known)
        for part in (self.scale, self.synapse):
            known |= {} if part is None else part.outputs
        self.update = params.update(weight, known)
        one = np.array([[start]])
        fixed = {}
        if hasattr(params, "fixed"):
            fixed = (params.fixed_ideal if self.ideal else params.fixed)(one)
        self.state: dict[str, Any] = {}
        for name in ("pre", "post", "synapse", "update"):
            part = getattr(self, name)
            for field in {} if part is None else part.state:
                number = fixed[field][0, 0] if field in fixed else 0
                self.state[f"{name}.{field}"] = float(number) if self.ideal else int(number)
        self.state["update.w"] = start if self.ideal else weight.nearest(start)

    @property
    def w(self) -> Any:
        return self.state["update.w"]

    def begin(self) -> None:
        """Begin a trial: traces are 0."""
        kept = ("update.", "synapse.plus", "synapse.minus")
        self.state |= {name: 0 for name in self.state if not name.startswith(kept)}

    def part(self, name: str, known: dict[str, Any]) -> dict[str, Any]:
        """Step a part; return its outputs."""
        part: Part | None = getattr(self, name)
        if part is None:
            return {}
        c = part.ideal if self.ideal else part.constants
        ports = part.cell.ports(part.constants)
        state = type(ports.state)(*(self.state[f"{name}.{f}"] for f in part.state))
        inputs = type(ports.inputs)(*(known[f] for f in part.inputs))
        after, outputs = part.cell.step(c, state, inputs)
        self.state |= {f"{name}.{f}": getattr(after, f) for f in part.state}
        return {f: getattr(outputs, f) for f in part.outputs}

    def tick(self, pre: int, post: int, **more: Any) -> Any:
        """Run one tick; return the weight after it."""
        kind = float if self.ideal else int
        known = {"word": 0, "due": 0, "modulator": 0, **more}
        known |= self.part("pre", {"signal": kind(pre)}) | self.part("post", {"signal": kind(post)})
        known |= self.part("scale", known)
        known |= self.part("synapse", known)
        self.part("update", known)
        return self.w


def change(params: Any, pre: list[int], post: list[int], kind: str = "integers") -> Any:
    """Return what spikes at these ticks change a weight of 0.5 by, as a real number."""
    run = Run(params, WEIGHT, 0.5, kind)
    before = run.w
    for t in range(max(pre + post) + 1):
        run.tick(t in pre, t in post)
    return run.w - before if kind == "ideal" else value(run.w - before, WEIGHT)


# Cells


def faded(raw: int, decay: float, trace: Format, store: Callable[..., int]) -> int:
    """Return what is left of a trace."""
    return store(Fraction(decay) * value(raw, trace), trace)


@settings(max_examples=60)
@given(trace=TRACES, decay=EIGHTHS, coincident=st.booleans(), side=st.sampled_from(["pre", "post"]))
def test_traces_are_their_equation(
    agree: Callable[..., None],
    store: Callable[..., int],
    trace: Format,
    decay: float,
    coincident: bool,
    side: str,
) -> None:
    c = spike_trace.constants(decay, trace, coincident, EIGHTH)

    def equation(signal: int, **state: int) -> dict[str, int]:
        left = faded(state["trace"], decay, trace, store)
        grown = store(value(left, trace) + signal, trace)
        met = grown if coincident else left
        return {"trace": grown, f"{side}_spike": signal, f"{side}_trace": met}

    agree(spike_trace.PRE if side == "pre" else spike_trace.POST, c, equation)


@st.composite
def pair_params(draw: Any) -> dict[str, Any]:
    """Return what pair rules of small formats are told."""
    amplitude = draw(FORMATS)
    plus, minus = (
        draw(st.integers(amplitude.low, amplitude.high)) * amplitude.lsb for _ in range(2)
    )
    return {
        "trace": draw(TRACES),
        "pre_decay": 0.5,
        "post_decay": 0.5,
        "amplitude": amplitude,
        "plus": plus,
        "minus": minus,
        "rounding": draw(ROUNDINGS),
        "overflow": draw(OVERFLOWS),
    }


@st.composite
def bounds_of(draw: Any, weight: Format) -> dict[str, float | None]:
    """Return bounds within a format, or none."""
    raws = sorted(draw(st.integers(weight.low, weight.high)) for _ in range(2))
    assume(raws[0] < raws[1])
    return {
        name: draw(st.sampled_from([None, raw * weight.lsb]))
        for name, raw in zip(("low", "high"), raws, strict=True)
    }


def limited(raw: int, weight: Format, params: Any) -> int:
    """Return a weight within its bounds."""
    low = weight.low if params.low is None else params.low / weight.lsb
    high = weight.high if params.high is None else params.high / weight.lsb
    return int(min(max(raw, low), high))


def pairs(params: Any, x: dict[str, int], plus: Fraction, minus: Fraction) -> Fraction:
    """Return what the spikes of a tick change."""
    up = plus * value(x["pre_trace"], params.trace) * x["post_spike"]
    return up - minus * value(x["post_trace"], params.trace) * x["pre_spike"]


@settings(max_examples=60)
@given(data=st.data())
def test_pair_updates_are_their_equation(
    agree: Callable[..., None], store: Callable[..., int], data: Any
) -> None:
    weight = data.draw(FORMATS)
    params = stdp.Params(**data.draw(pair_params()), **data.draw(bounds_of(weight)))

    def equation(w: int, word: int, **x: int) -> dict[str, int]:
        real = value(w, weight) + pairs(params, x, Fraction(params.plus), Fraction(params.minus))
        raw = stored(store, real, weight, word, params.rounding, params.overflow)
        return {"w": limited(raw, weight, params)}

    part = params.update(weight, {})
    agree(part.cell, part.constants, equation)


def modulated(pair: dict[str, Any], **more: Any) -> neuromodulated_stdp.Params:
    """Return parameters of a rule with a modulator."""
    given: dict[str, Any] = {"eta": 1.0, "factor": F("fxp-s8/4"), "modulator": "any"}
    return neuromodulated_stdp.Params(**pair, **given, eligibility_factor=EIGHTH, **more)


@settings(max_examples=60)
@given(
    data=st.data(), decay=EIGHTHS, e=FORMATS, coefficients=st.sampled_from(["shared", "synapse"])
)
def test_eligibilities_are_their_equation(
    agree: Callable[..., None],
    store: Callable[..., int],
    data: Any,
    decay: float,
    e: Format,
    coefficients: str,
) -> None:
    pair = data.draw(pair_params())
    params = modulated(pair, eligibility=e, eligibility_decay=decay, coefficients=coefficients)

    def equation(**x: int) -> dict[str, int]:
        if coefficients == "shared":
            own, plus, minus = {}, Fraction(params.plus), Fraction(params.minus)
        else:
            own = {name: x[name] for name in ("plus", "minus")}
            plus, minus = (value(raw, params.amplitude) for raw in own.values())
        after = store(Fraction(decay) * value(x["e"], e) + pairs(params, x, plus, minus), e)
        return {"e": after, "eligibility": after, **own}

    part = params.synapse({})
    agree(part.cell, part.constants, equation)


@settings(max_examples=60)
@given(data=st.data(), learns=st.sampled_from(["tick", "trial"]))
def test_modulated_updates_are_their_equation(
    agree: Callable[..., None], store: Callable[..., int], data: Any, learns: str
) -> None:
    weight, factor, e, total = (data.draw(FORMATS) for _ in range(4))
    params = modulated(
        data.draw(pair_params()),
        **data.draw(bounds_of(weight)),
        eligibility=e,
        eligibility_decay=0.5,
        learns=learns,
        accumulator=total if learns == "trial" else None,
    )
    how = params.rounding, params.overflow

    def equation(w: int, word: int, due: int = 1, **x: int) -> dict[str, int]:
        real = value(x["factor"], factor) * value(x["eligibility"], e)
        sums = {}
        if learns == "trial":
            grown = store(value(x["sum"], total) + real, total)
            sums["sum"] = 0 if due else grown
            real = value(grown, total)
        raw = stored(store, value(w, weight) + real, weight, word, *how) if due else w
        return {"w": limited(raw, weight, params), **sums}

    part = params.update(weight, {"factor": factor, "eligibility": e})
    home = bounded if params.low is not None or params.high is not None else three_factor
    assert part.cell in (home.UPDATE, home.ACCUMULATE)
    agree(part.cell, part.constants, equation)


@settings(max_examples=60)
@given(modulator=FORMATS, factor=FORMATS, eta=st.integers(1, 999).map(lambda k: k / 64))
def test_factors_are_their_equation(
    agree: Callable[..., None],
    store: Callable[..., int],
    modulator: Format,
    factor: Format,
    eta: float,
) -> None:
    params = replace(RSTDP, eta=eta, factor=factor)

    def equation(**x: int) -> dict[str, int]:
        return {"factor": store(Fraction(eta) * value(x["modulator"], modulator), factor)}

    part = params.scale({"modulator": modulator})
    agree(part.cell, part.constants, equation)
    assert part.cell is eligibility.MODULATE
    assert part.ideal.rate == eta


@settings(max_examples=60)
@given(data=st.data(), decays=st.tuples(EIGHTHS, EIGHTHS), side=st.sampled_from(["pre", "post"]))
def test_triplet_traces_are_their_equation(
    agree: Callable[..., None],
    store: Callable[..., int],
    data: Any,
    decays: tuple[float, float],
    side: str,
) -> None:
    trace, amplitude, drive = data.draw(TRACES), data.draw(FORMATS), data.draw(FORMATS)
    a2, a3 = (data.draw(st.integers(amplitude.low, amplitude.high)) for _ in range(2))
    x = "r" if side == "pre" else "o"
    sign = "minus" if side == "pre" else "plus"
    names = {f"{x}1_decay": decays[0], f"{x}2_decay": decays[1]}
    names |= {f"{sign}2": a2 * amplitude.lsb, f"{sign}3": a3 * amplitude.lsb}
    formats = {"trace": trace, "amplitude": amplitude, "drive": drive, "trace_factor": EIGHTH}
    rest = {f"{s}{k}": 0.0 for s in ("plus", "minus") for k in (2, 3)}
    rest |= {f"{s}{k}_decay": 0.5 for s in ("r", "o") for k in (1, 2)}
    params = replace(TRIPLET, **rest | names | formats)

    def equation(signal: int, **s: int) -> dict[str, int]:
        left = [faded(s[f"{x}{k}"], decays[k - 1], trace, store) for k in (1, 2)]
        after = {f"{x}{k}": store(value(left[k - 1], trace) + signal, trace) for k in (1, 2)}
        real = value(a2, amplitude) + value(a3, amplitude) * value(left[1], trace)
        driven = store(real, drive) if signal else 0
        return {**after, f"{side}_trace": left[0], drives[side]: driven}

    drives = {"pre": "depress", "post": "potentiate"}
    part = params.pre(BIT) if side == "pre" else params.post({"signal": BIT})
    agree(part.cell, part.constants, equation)


@settings(max_examples=60)
@given(
    weight=FORMATS.filter(lambda f: f.width > f.signed),
    trace=TRACES,
    drive=FORMATS,
    rounding=ROUNDINGS,
    overflow=OVERFLOWS,
)
def test_triplet_updates_are_their_equation(
    agree: Callable[..., None],
    store: Callable[..., int],
    weight: Format,
    trace: Format,
    drive: Format,
    rounding: Rounding,
    overflow: Overflow,
) -> None:
    def equation(w: int, bound: int, word: int, **x: int) -> dict[str, int]:
        up = value(x["pre_trace"], trace) * value(x["potentiate"], drive)
        down = value(x["post_trace"], trace) * value(x["depress"], drive)
        raw = stored(store, value(w, weight) + up - down, weight, word, rounding, overflow)
        return {"w": min(max(raw, 0), bound), "bound": bound}

    c = triplet_stdp.constants(weight, trace, drive, rounding, overflow)
    agree(triplet_stdp.UPDATE, c, equation)


# Kernels

DISTANCES = range(1, 101)


def trace_error(params: Any, ticks: int) -> float:
    """Return how far a spike's trace of at most 1 may be off after some ticks.

    Every tick rounds the trace by half of its last bit at most, and the decay is off by half of
    its last bit; what was off before only fades.
    """
    return ticks * (params.trace.lsb + params.trace_factor.lsb) / 2


@pytest.mark.parametrize("coincident", [True, False])
def test_pairs_learn_the_kernel(coincident: bool) -> None:
    params = replace(STDP, coincident=coincident)
    for d in DISTANCES:
        # Half an LSB of the weight, of the amplitude, and the trace's error times the amplitude.
        off = trace_error(params, d) * 0.012 + params.amplitude.lsb / 2 + WEIGHT.lsb / 2
        assert off < 2 * WEIGHT.lsb
        assert abs(change(params, [3], [3 + d]) - 0.01 * math.exp(-d / 20)) <= off
        assert abs(change(params, [3 + d], [3]) + 0.012 * math.exp(-d / 40)) <= off
    together = change(params, [3], [3])
    assert abs(together - (0.01 - 0.012) * coincident) <= params.amplitude.lsb + WEIGHT.lsb / 2
    assert coincident or together == 0


def test_all_pairs_count() -> None:
    got = change(STDP, [0, 10, 20], [25])
    want = 0.01 * sum(math.exp(-d / 20) for d in (25, 15, 5))
    # Three traces, and what all their last bits lose.
    assert abs(got - want) <= 3 * trace_error(STDP, 25) * 0.01 + 2 * STDP.amplitude.lsb + WEIGHT.lsb


def triplet_kernel(pre: list[int], post: list[int]) -> float:
    """Return what spikes change a weight by: all sums over earlier spikes of the paper's model."""

    def trace(spikes: list[int], t: int, tau: float) -> float:
        return sum(math.exp(-(t - s) / tau) for s in spikes if s < t)

    total = 0.0
    for t in pre:
        total -= trace(post, t, 1000) * (0.002 + 0.003 * trace(pre, t, 30))
    for t in post:
        total += trace(pre, t, 25) * (0.01 + 0.02 * trace(post, t, 40))
    return total


TRIPLETS = [
    *(([100], [100 + d]) for d in (*range(-100, 0), *DISTANCES, 0)),
    *(([0, a + b], [a]) for a, b in product((1, 5, 30, 100), repeat=2)),
    *(([a], [0, a + b]) for a, b in product((1, 5, 30, 100), repeat=2)),
    *(([0, a], [a, a + b]) for a, b in product((1, 30, 100), repeat=2)),
]


def test_triplets_learn_the_kernel_to_2_lsb() -> None:
    params = TRIPLET
    for pre, post in TRIPLETS:
        last = max(pre + post) - min(pre + post)
        # A change is trace * drive, of a trace of at most 1 here (1 earlier spike) and a drive of
        # at most .03: the trace is off by trace_error; the drive by half of its last bit, by half
        # of that of two amplitudes, and by A3 times what its own trace is off.
        traced = trace_error(params, last)
        driven = params.drive.lsb / 2 + params.amplitude.lsb + 0.02 * traced
        # At most two ticks change the weight, and each rounds it by half of its last bit.
        off = 2 * (traced * 0.03 + driven + WEIGHT.lsb / 2)
        assert off < 2 * WEIGHT.lsb
        assert abs(change(params, pre, post) - triplet_kernel(pre, post)) <= off, (pre, post)
    assert change(params, [5], [5]) == 0


@pytest.mark.parametrize(("pre", "post"), TRIPLETS[::17])
def test_ideals_are_the_kernel_itself(pre: list[int], post: list[int]) -> None:
    assert math.isclose(
        *(change(TRIPLET, pre, post, "ideal"), triplet_kernel(pre, post)), abs_tol=1e-14
    )
    d = post[0] - pre[0]
    pair = replace(STDP, coincident=False)
    kernel = 0.01 * math.exp(-d / 20) if d > 0 else -0.012 * math.exp(d / 40) if d else 0.0
    assert math.isclose(change(pair, pre[:1], post[:1], "ideal"), kernel, abs_tol=1e-14)


def test_weights_stay_between_0_and_their_bounds() -> None:
    run = Run(replace(TRIPLET, plus2=0.05, minus2=0.05), WEIGHT, 0.01)
    tops = [run.tick(t % 8 == 0, t % 8 == 1) for t in range(80)]
    assert max(tops) == tops[-1] == WEIGHT.nearest(0.02)
    falls = [run.tick(t % 8 == 1, t % 8 == 0) for t in range(80)]
    assert min(falls) == falls[-1] == 0
    assert run.state["update.bound"] == WEIGHT.nearest(0.02)


# The third factor

SPIKES = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.integers(0, 2**16 - 1)), min_size=5, max_size=60
)


@settings(max_examples=40)
@given(spikes=SPIKES, learns=st.sampled_from(["tick", "trial"]))
def test_without_a_modulator_weights_do_not_move_and_eligibilities_do(
    spikes: list[tuple[bool, bool, int]], learns: str
) -> None:
    params = replace(
        RSTDP,
        learns=learns,
        rounding=Rounding.STOCHASTIC,
        accumulator=F("fxp-s24/22") if learns == "trial" else None,
    )
    run = Run(params, WEIGHT, 0.3)
    before, seen = run.w, set()
    for pre, post, word in spikes:
        assert run.tick(pre, post, word=word, due=word & 1) == before
        seen.add(run.state["synapse.e"])
    if any(pre != post for pre, post, _ in spikes) and any(post for _, post, _ in spikes):
        assert len(seen) > 1 or not any(pre for pre, _, _ in spikes)


@settings(max_examples=60)
@given(
    spikes=SPIKES,
    rounding=ROUNDINGS,
    overflow=OVERFLOWS,
    coincident=st.booleans(),
    weight=st.sampled_from([F("fxp-s8/7"), WEIGHT, F("fxp-s28/26")]),
    modulator=st.sampled_from([1.0, 0.25, -2.0, 0.75]),
)
def test_a_constant_modulator_without_memory_is_pair_stdp_bit_for_bit(
    spikes: list[tuple[bool, bool, int]],
    rounding: Rounding,
    overflow: Overflow,
    coincident: bool,
    weight: Format,
    modulator: float,
) -> None:
    # The eligibility has all fraction bits of amplitude and trace, and A+ and A- times the
    # modulator are still exact in the format of the amplitudes.
    shared = {**PAIR, "amplitude": F("fxp-s20/22"), "plus": 0.0078125, "minus": 0.01171875}
    shared |= {"rounding": rounding, "overflow": overflow, "coincident": coincident}
    exact = RSTDP.amplitude.frac + RSTDP.trace.frac
    settings_ = {"eligibility": Format(True, 44, exact), "eligibility_decay": 0.0}
    settings_ |= {"low": -0.9, "high": 0.5}
    one = Run(replace(RSTDP, **shared, **settings_), weight, 0.4)
    scaled = {name: shared[name] * modulator for name in ("plus", "minus")}
    two = Run(stdp.Params(**{**shared, **scaled}, low=-0.9, high=0.5), weight, 0.4)
    raw = F("fxp-s16/12").nearest(modulator)
    for pre, post, word in spikes:
        assert one.tick(pre, post, word=word, modulator=raw) == two.tick(pre, post, word=word)


@pytest.mark.parametrize("delay", [0, 1, 10, 100, 300])
@pytest.mark.parametrize("kept", [0.9, 0.99])
def test_a_late_pulse_learns_what_the_eligibility_has_faded_to(delay: int, kept: float) -> None:
    params = replace(RSTDP, eligibility_decay=kept)
    run = Run(params, WEIGHT, 0.25)
    before = run.w
    one = F("fxp-s16/12").nearest(1.0)
    for t in range(6 + delay):
        run.tick(t == 0, t == 5, modulator=one if t == 5 + delay else 0)
    want = 0.01 * math.exp(-5 / 20) * kept**delay
    # The eligibility is rounded in every tick and what was off fades; its decay is off by half of
    # its last bit, which counts once a tick; the weight is rounded once.
    rounded = params.eligibility.lsb / 2 * min(delay + 1, 1 / (1 - kept))
    decayed = delay * kept ** max(delay - 1, 0) * params.eligibility_factor.lsb / 2 * 0.01
    made = 0.01 * trace_error(params, 5) + params.amplitude.lsb / 2
    off = rounded + decayed + made + WEIGHT.lsb / 2
    assert off < 5 * WEIGHT.lsb
    assert abs(value(run.w - before, WEIGHT) - want) <= off
    ideal = Run(params, WEIGHT, 0.25, "ideal")
    for t in range(6 + delay):
        ideal.tick(t == 0, t == 5, modulator=float(t == 5 + delay))
    assert math.isclose(ideal.w - 0.25, want, abs_tol=1e-14)


def test_coefficients_of_a_synapse_are_the_shared_ones_until_loaded() -> None:
    own = replace(RSTDP, coefficients="synapse")
    one, two = Run(RSTDP, WEIGHT, 0.25), Run(own, WEIGHT, 0.25)
    ideal = Run(own, WEIGHT, 0.25, "ideal")
    rng = np.random.default_rng(3)
    for _ in range(200):
        pre, post, m = (int(n) for n in rng.integers(0, [2, 2, 4096]))
        assert one.tick(pre, post, modulator=m) == two.tick(pre, post, modulator=m)
        ideal.tick(pre, post, modulator=m / 4096)
    assert (ideal.state["synapse.plus"], ideal.state["synapse.minus"]) == (0.01, 0.012)
    two.state |= {"synapse.plus": 0, "synapse.minus": 0, "synapse.e": 0}
    before = two.w
    assert two.tick(1, 1, modulator=4095) == before


def test_weights_that_learn_once_a_trial_learn_the_sum() -> None:
    params = replace(RSTDP, learns="trial", accumulator=F("fxp-s30/28"), high=0.3)
    run, online = Run(params, WEIGHT, 0.25), Run(RSTDP, WEIGHT, 0.25)
    for t in range(20):
        spikes = t in (0, 12), t in (5, 14)
        before = run.w
        after = run.tick(*spikes, modulator=1024, due=int(t == 19))
        online.tick(*spikes, modulator=1024)
        assert after == before or t == 19
    # Both sum the same changes: the one rounds in each of 20 ticks, the other once.
    assert abs(run.w - online.w) <= 11
    assert run.state["update.sum"] == 0
    for t in range(20):
        run.tick(0, int(t < 5), modulator=32767, due=int(t == 19))
        run.tick(1, 0, modulator=-32767, due=0)
    run.tick(0, 0, modulator=0, due=1)
    assert run.w == WEIGHT.nearest(0.3)


@pytest.mark.parametrize("params", [STDP, TRIPLET])
@settings(max_examples=30)
@given(post=st.integers(0, 50), word=st.integers(0, 2**16 - 1), w=st.integers(0, 2**17))
def test_rows_without_spikes_and_traces_change_nothing(
    params: Any, post: int, word: int, w: int
) -> None:
    assert params.skips
    run = Run(replace(params, rounding=Rounding.STOCHASTIC), WEIGHT, 0.5)
    run.state["update.w"] = w
    for t in range(post + 2):
        assert run.tick(0, t % 3 == 0, word=word) == w
    assert not RSTDP.skips


# In a network

NETWORKED = [
    *(STDP, replace(STDP, coincident=False, low=0.2, high=0.6), TRIPLET),
    replace(RSTDP, coefficients="synapse"),
    replace(RSTDP, learns="trial", accumulator=F("fxp-s30/28")),
]


@pytest.mark.parametrize(
    ("params", "kind", "delay"),
    [
        *((params, "python", delay) for params in NETWORKED for delay in (0, 2)),
        *((params, "compiled", 1) for params in NETWORKED[1:4]),
    ],
)
def test_networks_learn_what_the_parts_do_by_hand(params: Any, kind: str, delay: int) -> None:
    ticks, trials = 40, 3
    populations = (
        *(Population("a", 5, Source()), Population("dopamine", 1, Source(F("fxp-s16/12")))),
        Population("b", 3, lif.Params(F("fxp-s16/10"), 0.9, 0.5)),
    )
    projection = Projection("a", "b", WEIGHT, delay, mean=0.4, initial=0.1, rule=params)
    session = Session(plan(Network(ticks, populations, (projection,))), 5, kind)
    rng = np.random.default_rng(11)
    spikes = rng.random((trials, ticks, 5)) < 0.2
    pulses = rng.integers(-2048, 2048, (trials, ticks, 1))
    inputs = {"a": spikes.astype(np.int64), "dopamine": pulses}
    runs = {}
    starts = session.weights("a_to_b")
    for place in product(range(5), range(3)):
        runs[place] = Run(params, WEIGHT, float(starts[place]))
    fired = session.learn(Stimulus(inputs), range(trials), record=True).signals
    assert fired.sum() > trials
    for (j, i), run in runs.items():
        for k in range(trials):
            run.begin()
            for t in range(delay, ticks):
                more = {"modulator": int(pulses[k, t, 0]), "due": int(t == ticks - 1)}
                run.tick(int(spikes[k, t - delay, j]), int(fired[k, t, i]), **more)
    learned = session.arrays["a_to_b.w"]
    assert learned.tolist() == [[runs[j, i].w for i in range(3)] for j in range(5)]
    assert (session.weights("a_to_b") != starts).sum() > 7


# Compiled reals, parameters, twins


@pytest.mark.parametrize("params", [STDP, TRIPLET, replace(RSTDP, low=0.0)])
def test_ideals_compile_to_what_they_are(params: Any) -> None:
    run = Run(params, WEIGHT, 0.25, "ideal")
    for name in ("pre", "post", "scale", "synapse", "update"):
        part: Part | None = getattr(run, name)
        if part is None:
            continue
        ports = part.cell.ports(part.constants)
        state = type(ports.state)(*(0.3 + k for k, _ in enumerate(ports.state)))
        inputs = type(ports.inputs)(*(1.0 for _ in ports.inputs))
        assert numba.njit(part.cell.step)(part.ideal, state, inputs) == part.cell.step(
            part.ideal, state, inputs
        )


@pytest.mark.parametrize("params", [STDP, TRIPLET, RSTDP, replace(RSTDP, low=0.0, high=0.5)])
def test_parameters_are_read_and_written(params: Any) -> None:
    assert type(params).read(params.write(), "rule") == params
    assert catalog.RULES[catalog.name_of(catalog.RULES, params)].Params is type(params)


def test_pair_rules_without_a_factor_have_no_rate() -> None:
    with pytest.raises(ValueError, match="Key of rule") as caught:
        stdp.Params.read({**STDP.write(), "eta": 1.0}, "rule")
    assert "not 'eta'" in str(caught.value)
    for params in (STDP, TRIPLET):
        assert (params.learns, params.interval, params.summed) == ("tick", 1, False)
        assert not hasattr(params, "modulator")
    keys = list(three_factor.RuleParams(eta=1.0, factor=BIT).__dataclass_fields__)
    assert keys == ["eta", "factor", "interval", "accumulator", "rounding", "overflow"]


def error(make: Callable[[], Any]) -> str:
    """Return the message of the ValueError that is raised."""
    with pytest.raises(ValueError, match="must") as caught:
        make()
    return str(caught.value)


def test_errors_name_what_is_wrong() -> None:
    levels = F("fxp-s8/6")
    want = "Signal that is traced must be spikes, fxp-u1/0, not fxp-s8/6"
    for params in (STDP, TRIPLET):
        assert error(lambda params=params: params.pre(levels)) == want
        assert error(lambda params=params: params.post({"signal": levels})) == want
    assert error(lambda: replace(STDP, trace=F("fxp-u8/8"))) == (
        "Trace of a spike must be representable in fxp-u8/8, not 1.0 (nearest 0.99609375)"
    )
    assert error(lambda: replace(STDP, pre_decay=1.0)) == "Pre decay must be 0 to below 1, not 1.0"
    assert error(lambda: replace(STDP, pre_decay=1 - 2**-30)).startswith(
        "Pre decay must be representable in fxp-u20/20, not 0.99999"
    )
    assert error(lambda: replace(RSTDP, eligibility_decay=1.0)) == (
        "Eligibility decay must be 0 to below 1, not 1.0"
    )
    assert error(lambda: replace(STDP, plus=-0.01)).startswith("Plus must be representable in")
    assert error(lambda: replace(STDP, minus=7.0)).startswith("Minus must be representable in")
    assert error(lambda: replace(TRIPLET, plus3=7.0)).startswith("Plus3 must be representable in")
    assert error(lambda: replace(TRIPLET, multiple=0.5)) == "Multiple must be 1 or more, not 0.5"
    assert error(lambda: replace(STDP, low=0.5, high=0.5)) == "Low must be below high, 0.5, not 0.5"
    assert error(lambda: replace(STDP, high=7.0).update(WEIGHT, {})).startswith(
        "High must be representable in fxp-s20/18, not 7.0"
    )
    assert error(lambda: TRIPLET.update(F("fxp-s16/14"), {})) == (
        "Bound of weights of fxp-s16/14 must have the format fxp-u15/14, not fxp-u19/18"
    )
    assert error(lambda: TRIPLET.fixed(np.array([[0.5, -0.25]]))) == (
        "Initial weights must be 0 or more, not -0.25"
    )
    assert error(lambda: replace(RSTDP, coefficients="neuron")).startswith(
        "Coefficients must be one of 'shared', 'synapse', not 'neuron'"
    )
    assert error(lambda: replace(RSTDP, learns="trial")) == (
        "Accumulator must be given for a rule that learns every trial"
    )
    assert error(lambda: replace(RSTDP, accumulator=WEIGHT)) == (
        "Accumulator must be left out for a rule that learns every tick"
    )
    assert error(lambda: replace(RSTDP, interval=2)) == (
        "Interval must be 1 for a rule that learns every tick, not 2"
    )
    assert error(lambda: replace(RSTDP, learns="never")).startswith("Learns must be one of")


def test_bounds_are_multiples_of_initial_weights() -> None:
    w = np.array([[0.0, 0.25], [0.5, 1.5]])
    assert TRIPLET.fixed_ideal(w)["bound"].tolist() == [[0.0, 0.5], [1.0, 3.0]]
    raw = TRIPLET.fixed(w)["bound"]
    assert raw.tolist() == [[0, 1 << 17], [1 << 18, (1 << 19) - 1]]
    assert raw.dtype == np.int64


class SeesItself(PreTrace):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(coincident=True)
        return super().elaborate(platform)


class Symmetric(PairUpdate):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(plus=self.constants.minus)
        return super().elaborate(platform)


class Unclipped(PairUpdate):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(high=self.constants.weight.high)
        return super().elaborate(platform)


class LateEligibility(PairEligibility):
    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.eligibility.eq(self.e)
        return m


class SharedAfterAll(OwnPairEligibility):
    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.plus_next.eq(self.constants.plus)
        return m


class HalfUp(TripletUpdate):
    def elaborate(self, platform: Any) -> Module:
        self.constants = self.constants._replace(rounding=int(Rounding.HALF_UP))
        return super().elaborate(platform)


WRONG = [
    (SeesItself, replace(STDP, coincident=False).pre(BIT)),
    (Symmetric, STDP.update(WEIGHT, {})),
    (Unclipped, replace(STDP, high=0.5).update(WEIGHT, {})),
    (LateEligibility, RSTDP.synapse({})),
    (SharedAfterAll, replace(RSTDP, coefficients="synapse").synapse({})),
    (HalfUp, TRIPLET.update(WEIGHT, {})),
]


@pytest.mark.parametrize(("kind", "part"), WRONG, ids=[kind.__name__ for kind, _ in WRONG])
def test_wrong_twins_are_refuted(refute: Callable[..., None], kind: Any, part: Part) -> None:
    refute(kind, part.constants)


def test_cells_without_state_have_none() -> None:
    part = RSTDP.scale({"modulator": BIT})
    assert part.cell.step(part.constants, Nothing(), eligibility.ModulateInputs(1))[0] == Nothing()
