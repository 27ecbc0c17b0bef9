"""What several tests share: small networks, corner-weighted values, independent arithmetic."""

from __future__ import annotations

import importlib.util
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import settings

from goldenspike.golden import ranges
from goldenspike.golden.cell import Cell, Ports
from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.modulators import paired, running_mean, two_sided
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import conductance_lif, leaky_readout, lif, rate
from goldenspike.golden.noise import filtered, sparse
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import (
    conductance_perturbation,
    delayed_conductance_perturbation,
    finite_difference,
    hybrid_perturbation,
    multiplexed_perturbation,
    node_perturbation,
    online_conductance_perturbation,
    weight_perturbation,
    weight_perturbation_0,
)
from goldenspike.golden.synapses import dynamic, exponential
from goldenspike.golden.trial import Stimulus

# The examples of a property come from its name: every run draws the same.
settings.register_profile("goldenspike", derandomize=True, deadline=None, database=None)
settings.load_profile("goldenspike")

REPOSITORY = Path(__file__).resolve().parents[1]
F = Format.parse
LIF = lif.Params(F("fxp-s14/10"), 0.875, 0.5)
READOUT = leaky_readout.Params(F("fxp-s14/9"), 0.5)
NP = node_perturbation.Params(eta=0.25, sigma=0.25, factor=F("fxp-s18/16"))
WP = weight_perturbation.Params(eta=0.25, sigma=0.125, factor=F("fxp-s18/16"))
WEIGHT = F("fxp-s14/10")


def one_layer(pre: Source, model: Any, rule: Any, objective: str, baseline: Any) -> Network:
    """Return a network of one plastic projection, from "a" (5) to "b" (3), 6 ticks."""
    return Network(
        6,
        (Population("a", 5, pre), Population("b", 3, model)),
        (Projection("a", "b", WEIGHT, initial=0.5, rule=rule),),
        Reward("b", objective, baseline, F("fxp-s20/8"), F("fxp-s8/4"), scale=0.25),
    )


def spiking() -> Network:
    """Return LIF neurons that learn by node perturbation: the demo's network in small."""
    return one_layer(Source(), LIF, NP, "count_error", paired.Params())


def graded() -> Network:
    """Return readouts of graded inputs that learn by weight perturbation: the theory's network."""
    pre = Source(F("fxp-s8/6"))
    return one_layer(pre, READOUT, WP, "squared_error", running_mean.Params())


def deep() -> Network:
    """Return two layers, recurrent and skipping, both rules, stochastic rounding, Gaussians."""
    stochastic = replace(
        WP, sigma=0.177, rounding=Rounding.STOCHASTIC, distribution=Distribution.GAUSSIAN
    )
    gaussian = replace(NP, distribution=Distribution.GAUSSIAN)
    hidden = replace(LIF, decay=0.5, reset="to_value", compare=">", drive="complement")
    return Network(
        5,
        (
            Population("out", 2, LIF),
            Population("spikes", 4, Source()),
            Population("levels", 3, Source(F("fxp-s6/4"))),
            Population("hidden", 5, hidden),
        ),
        (
            Projection("spikes", "hidden", WEIGHT, initial=2.0, rule=gaussian),
            Projection("levels", "hidden", F("fxp-s12/9"), initial=2.0, rule=stochastic),
            Projection("hidden", "hidden", F("fxp-s10/8"), delay=1, initial=0.5, rule=gaussian),
            Projection("hidden", "out", WEIGHT, initial=1.0, rule=WP),
            Projection("spikes", "out", WEIGHT, delay=1, initial=0.5, rule=stochastic),
        ),
        Reward("out", "squared_error", paired.Params(), F("fxp-s16/4"), F("fxp-u4/2")),
    )


def judged() -> Network:
    """Return spikes and readouts whose error comes from outside, with a running mean."""
    rounded = replace(NP, rounding=Rounding.STOCHASTIC, eligibility=F("fxp-s10/3"))
    return Network(
        4,
        (
            Population("levels", 3, Source(F("fxp-u5/3"))),
            Population("hidden", 4, LIF),
            Population("out", 2, READOUT),
        ),
        (
            Projection("levels", "hidden", WEIGHT, initial=1.0, rule=rounded),
            Projection("hidden", "out", WEIGHT, initial=1.0, rule=replace(WP, sigma=0.5)),
            Projection("out", "hidden", F("fxp-s9/8"), delay=1, initial=0.25),
        ),
        Reward("out", "external", running_mean.Params(0.25), F("fxp-s16/6"), F("fxp-s16/4")),
    )


def counted() -> Network:
    """Return readouts whose sum over the trial is judged, fed back to themselves, by a mean."""
    rule = replace(WP, distribution=Distribution.GAUSSIAN, sigma=0.25)
    return Network(
        5,
        (Population("a", 4, Source()), Population("b", 3, replace(READOUT, drive="complement"))),
        (
            Projection("a", "b", WEIGHT, delay=1, initial=1.0, rule=rule),
            Projection("b", "b", F("fxp-s8/7"), delay=1, initial=0.25, rule=NP),
        ),
        Reward("b", "count_error", running_mean.Params(1.0), F("fxp-s18/8"), F("fxp-s9/5")),
    )


def running() -> Network:
    """Return a network without a reward: it only runs."""
    return Network(
        5,
        (Population("a", 4, Source()), Population("b", 3, LIF)),
        (Projection("a", "b", WEIGHT, initial=1.0), Projection("b", "b", WEIGHT, 1, 0.5)),
    )


SIGMOID = rate.Params(F("fxp-u10/10"), "sigmoid")
TANH = rate.Params(F("fxp-s10/8"), "tanh", 2.0)
CONDUCTANCES = conductance_lif.Params(
    *(F("fxp-s18/12"), 0.025, 0.0, 6.0, -1.0, 1.0, 0.5), conductance=F("fxp-u15/17")
)
LEVELS = Source(F("fxp-s8/6"))
GAUSSIAN = Distribution.GAUSSIAN


def three(a: Any, h: Any, b: Any) -> tuple[Population, ...]:
    """Return the populations "a" (4), "h" (5) and "b" (3)."""
    return Population("a", 4, a), Population("h", 5, h), Population("b", 3, b)


def hybrid() -> Network:
    """Return rate units that learn by hybrid perturbation, also from ticks before."""
    rule = hybrid_perturbation.Params(eta=0.25, sigma=0.125, factor=F("fxp-s18/16"))
    short = replace(rule, eligibility=F("fxp-s16/6"))
    late = F("fxp-s12/8")
    return Network(
        6,
        three(LEVELS, TANH, READOUT),
        (
            Projection("a", "h", WEIGHT, initial=0.5, rule=rule),
            Projection("a", "b", WEIGHT, delay=2, initial=0.5, rule=short),
            Projection("h", "b", late, initial=0.5, rule=rule),
            Projection("h", "h", late, delay=3, initial=0.5, rule=rule),
        ),
        Reward("b", "squared_error", paired.Params(), F("fxp-s20/8"), F("fxp-s8/4"), scale=0.25),
    )


def coded() -> Network:
    """Return a perceptron with codes, whose changes are summed over trials."""
    factor = F("fxp-s20/16")
    summed = multiplexed_perturbation.Params(
        eta=0.5, sigma=0.125, factor=factor, interval=4, accumulator=factor
    )
    taken = replace(summed, codes="one_hot", rounding=Rounding.STOCHASTIC)
    single = finite_difference.Params(eta=0.5, sigma=0.25, factor=factor)
    return Network(
        1,
        three(LEVELS, SIGMOID, SIGMOID),
        (
            Projection("a", "h", WEIGHT, initial=1.0, rule=summed),
            Projection("h", "b", WEIGHT, initial=1.0, rule=taken),
            Projection("a", "b", WEIGHT, initial=1.0, rule=single),
        ),
        Reward("b", "squared_error", paired.Params(), F("fxp-s20/10"), F("fxp-u8/7")),
    )


def twosided() -> Network:
    """Return LIF neurons and readouts that are perturbed up and down, rewarded by one bit."""
    summed = replace(WP, distribution=GAUSSIAN, interval=2, accumulator=F("fxp-s20/16"))
    return Network(
        5,
        three(Source(), LIF, READOUT),
        (
            Projection("a", "h", WEIGHT, initial=1.0, rule=NP),
            Projection("h", "b", WEIGHT, initial=1.0, rule=summed),
            Projection("a", "b", WEIGHT, delay=4, initial=1.0, rule=WP),
        ),
        Reward("b", "count_error", two_sided.Params(), F("fxp-s20/10"), F("fxp-s8/4"), sign=True),
    )


def noisy() -> Network:
    """Return filtered synapses and noises, with a mean for each of three conditions."""
    rare = replace(NP, noise=sparse.Params(0.25))
    lasting = filtered.Params(0.75, F("fxp-s14/8"))
    slow = replace(NP, noise=lasting, distribution=GAUSSIAN, eligibility=F("fxp-s16/6"))
    active = weight_perturbation_0.Params(
        eta=0.25, sigma=0.125, factor=F("fxp-s18/16"), rounding=Rounding.STOCHASTIC
    )
    tiring = dynamic.Params(0.5, 0.75, 0.875, F("fxp-u10/10"), F("fxp-u9/8"))
    fading = exponential.Params(0.75, F("fxp-u8/5"))
    return Network(
        7,
        three(Source(), LIF, READOUT),
        (
            Projection("a", "h", WEIGHT, initial=2.0, rule=rare, synapse=tiring),
            Projection("h", "h", WEIGHT, delay=2, initial=1.0, rule=rare),
            Projection("h", "b", WEIGHT, initial=1.0, rule=slow, synapse=fading),
            Projection("a", "b", WEIGHT, delay=1, initial=1.0, rule=active),
        ),
        Reward("b", "squared_error", running_mean.Params(0.25, 3), F("fxp-s20/10"), F("fxp-s8/4")),
    )


EMPIRIC: dict[str, Any] = {
    "eta": 0.01,
    "weight": 0.05,
    "probability": 0.25,
    "decay": 0.875,
    "trace": F("fxp-u10/7"),
    "factor": F("fxp-s18/18"),
}


def conductances() -> Network:
    """Return conductance neurons, excited and inhibited, that learn from empiric synapses."""
    rule = conductance_perturbation.Params(**EMPIRIC)
    exciting = exponential.Params(0.75, F("fxp-u10/7"))
    inhibiting: dict[str, Any] = {
        "receptor": "inhibitory",
        "synapse": exponential.Params(0.5, F("fxp-u6/4")),
    }
    excited = Projection(
        *("a", "h", F("fxp-u12/10")), mean=0.25, initial=0.1, rule=rule, synapse=exciting
    )
    return Network(
        8,
        (*three(Source(), CONDUCTANCES, READOUT), Population("i", 3, Source())),
        (
            excited,
            Projection("i", "h", F("fxp-u8/8"), delay=1, mean=0.0625, **inhibiting),
            Projection("h", "b", WEIGHT, mean=1.0, pattern="blocks"),
        ),
        Reward("b", "squared_error", running_mean.Params(0.25), F("fxp-s20/8"), F("fxp-s8/4")),
    )


def online(kind: Any = online_conductance_perturbation, **more: Any) -> Network:
    """Return conductance neurons that learn every other tick, by means of bins and conditions."""
    rule = kind.Params(eligibility=F("fxp-s14/8"), eligibility_decay=0.75, **EMPIRIC)
    random = replace(rule, rounding=Rounding.STOCHASTIC)
    exciting = exponential.Params(0.75, F("fxp-u10/7"))
    mean = running_mean.Params(0.25, 2)
    excited = Projection(
        *("a", "h", F("fxp-u12/10")), mean=0.25, initial=0.1, rule=rule, synapse=exciting
    )
    return Network(
        8,
        three(Source(), CONDUCTANCES, READOUT),
        (
            excited,
            Projection("h", "h", F("fxp-u8/8"), delay=2, mean=0.0625, rule=random),
            Projection("h", "b", WEIGHT, mean=1.0, pattern="blocks"),
        ),
        Reward("b", "squared_error", mean, F("fxp-s20/8"), F("fxp-s8/4"), period=2, **more),
    )


def delayed() -> Network:
    """Return the same, with rewards of one bit that come two bins late, as do eligibilities."""
    return online(delayed_conductance_perturbation, sign=True, delay=2)


MAKERS = (
    *(spiking, graded, deep, judged, counted, running, hybrid, coded, twosided, noisy),
    *(conductances, online, delayed),
)


@pytest.fixture(scope="session")
def networks() -> dict[str, Network]:
    """Give small networks by name; together they have every part that a program can have."""
    return {make.__name__: make() for make in MAKERS}


def corners(rng: np.random.Generator, fmt: Format, shape: tuple[int, ...]) -> np.ndarray:
    """Return raw values of a format, half of them from its corners."""
    low, high = fmt.low, fmt.high
    near = np.array([c for c in (low, low + 1, -1, 0, 1, high - 1, high) if low <= c <= high])
    anywhere = rng.integers(low, high, shape, endpoint=True)
    return np.where(rng.random(shape) < 0.5, rng.choice(near, shape), anywhere)


@pytest.fixture(scope="session")
def stimulate() -> Callable[..., Stimulus]:
    """Give ``stimulate(plan, seed, samples)``: a corner-weighted stimulus."""

    def make(plan: Plan, seed: int, samples: int = 3) -> Stimulus:
        rng = np.random.default_rng(seed)
        inputs = {
            p.name: corners(rng, p.signal, (samples, plan.ticks, p.size)) for p in plan.sources
        }
        if plan.reward is None:
            return Stimulus(inputs, np.zeros((samples, 0), np.int64))
        ticks = (plan.ticks,) if plan.reward.targets_every_tick else ()
        shape = (samples, *ticks, plan.reward.readout.size)
        targets = corners(rng, plan.reward.target, shape)
        kinds = plan.reward.baselines // plan.reward.bins
        return Stimulus(inputs, targets, rng.integers(0, kinds, samples) if kinds > 1 else None)

    return make


@pytest.fixture(scope="session")
def draw_raw() -> Callable[..., np.ndarray]:
    """Give :func:`corners`."""
    return corners


ROUND = {
    Rounding.FLOOR: math.floor,
    Rounding.HALF_UP: lambda value: math.floor(value + Fraction(1, 2)),
    Rounding.HALF_EVEN: round,
    Rounding.TOWARD_ZERO: math.trunc,
}


def store(
    value: Fraction, fmt: Format, rounding: int = Rounding.HALF_EVEN, overflow: int = 0
) -> int:
    """Return the raw integer that the contract stores a real number as."""
    low = -(2 ** (fmt.width - 1)) if fmt.signed else 0
    high = low + 2**fmt.width - 1
    raw = ROUND[Rounding(rounding)](value * Fraction(2) ** fmt.frac)
    if overflow == Overflow.SATURATE:
        return min(max(raw, low), high)
    return (raw - low) % 2**fmt.width + low


@pytest.fixture(scope="session", name="store")
def give_store() -> Callable[..., int]:
    """Give :func:`store`, written from the contract on exact fractions."""
    return store


EXHAUSTED = 300
"""Cells of fewer inputs than that are tried on all of them."""


def port_values(ports: Ports, draws: int = 60) -> list[tuple[Any, Any]]:
    """Return ``(state, inputs)``: all that there are, or some, corners preferred."""
    formats = [*ports.state, *ports.inputs]
    if math.prod(f.high - f.low + 1 for f in formats) <= EXHAUSTED:
        rows: Any = product(*(range(f.low, f.high + 1) for f in formats))
    else:
        rng = np.random.default_rng(len(formats))
        rows = np.transpose([corners(rng, f, (draws,)) for f in formats]).tolist()
    split = len(ports.state)
    return [(type(ports.state)(*r[:split]), type(ports.inputs)(*r[split:])) for r in rows]


def by_name(parts: tuple[Any, Any]) -> dict[str, Any]:
    """Return the fields of two named tuples."""
    return {name: value for part in parts for name, value in part._asdict().items()}


@pytest.fixture(scope="session")
def agree() -> Callable[..., None]:
    """Give ``agree(cell, constants, equation)``: all ways to execute a cell give the equation.

    Python integers, numpy's and compiled ones, and no result is outside its format or interval;
    ``equation(**ports)`` gives raw integers.
    """
    compiled: dict[str, Callable[..., Any]] = {}

    def check(cell: Cell, constants: Any, equation: Callable[..., dict[str, int]]) -> None:
        step = compiled.setdefault(cell.name, numba.njit(cell.step))
        ranges.check(cell, constants, "here")
        bounds, _ = ranges.reach(cell, constants)
        for given in port_values(cell.ports(constants)):
            want = equation(**by_name(given))
            assert by_name(cell.step(constants, *given)) == want
            scalars = [type(part)(*map(np.int64, part)) for part in given]
            assert by_name(cell.step(constants, *scalars)) == want
            assert by_name(step(constants, *given)) == want
            assert all(bounds[name].low <= raw <= bounds[name].high for name, raw in want.items())

    return check


@pytest.fixture(scope="session")
def refute() -> Callable[..., None]:
    """Give ``refute(kind, constants)``: a wrong twin gets a counterexample that differs."""
    from goldenspike.sim.proof import prove

    def check(kind: Any, constants: Any) -> None:
        proof = prove(kind.cell, constants, kind)
        assert proof.status == "counterexample"
        assert proof.counterexample is not None
        assert proof.counterexample.differs

    return check


def threefry2x32(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """Return Threefry-2x32-20, written from the paper's section 3.3 and the Skein constants."""
    m = 1 << 32
    schedule = [*key, 0x1BD11BDA ^ key[0] ^ key[1]]
    distances = [13, 15, 26, 6, 17, 29, 16, 24]
    x, y = counter
    for r in range(21):
        if r % 4 == 0:
            d = r // 4
            x = (x + schedule[d % 3]) % m
            y = (y + schedule[(d + 1) % 3] + d) % m
        if r == 20:
            break
        x = (x + y) % m
        turned = y * 2 ** distances[r % 8]
        y = (turned % m + turned // m) ^ x
    return x, y


@pytest.fixture(scope="session")
def threefry() -> Callable[..., tuple[int, int]]:
    """Give ``threefry((key0, key1), (counter0, counter1))``, which shares nothing with golden."""
    return threefry2x32


@pytest.fixture(scope="session")
def reference_eprop() -> ModuleType:
    """Give the module of e-prop in floating point, which shares nothing with golden."""
    path = Path(__file__).with_name("reference_eprop.py")
    spec: Any = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hardware(tmp_path: Path) -> Path:
    """Return a copy of ``hdl``, which a goldenspike beside it is made of."""
    place = tmp_path / "goldenspike"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "hdl", place / "hdl", ignore=ignored)
    for name in ("golden", "sim"):
        (place / name).symlink_to(REPOSITORY / name)
    return place / "hdl"


@pytest.fixture
def planted(hardware: Path) -> Callable[[str, str, str], Path]:
    """Give ``planted(file, old, new)``: the copy of ``hdl``, with that edit of one of its files."""

    def plant(name: str, old: str, new: str) -> Path:
        file = hardware / name
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), encoding="utf-8")
        return hardware

    return plant
