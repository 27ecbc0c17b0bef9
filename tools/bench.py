"""``goldenspike bench``: how fast the engine and the simulated hardware are on this machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from goldenspike.golden import catalog
from goldenspike.golden.cell import Nothing
from goldenspike.golden.engine import fill_variates
from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import conductance_lif, leaky_readout, lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.rules import conductance_perturbation, node_perturbation, three_factor
from goldenspike.golden.synapses import exponential
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim import simulators
from goldenspike.tools import bench_lockstep, bench_traces, console, peers
from goldenspike.tools.job import prepare

WIDE, WIDE_TICKS = 1024, 32
SMALL, SMALL_TICKS = (100, 10), 100
REPEATS = 5
TIMES_PLAIN, TICK_US = 2.0, 3.0
"""What the engine should keep: times the plain loop's time; microseconds a tick when small."""
PAIR_US = 300
"""Microseconds that a pair of runs of weight perturbation should take at most, at that size."""
SPIKING = 0.05
"""Share of inputs that spike in a tick, where inputs are spikes."""


class Speed(NamedTuple):
    """Seconds of the engine and of the plain loop for the same trials."""

    engine: float
    plain: float
    equal: bool


def run(*, hardware: bool = True, beside: bool = True) -> int:
    """Measure and print tables; return 1 if the engine and the plain loop disagree in a bit.

    Parameters
    ----------
    hardware
        Whether simulators of the hardware are measured too.
    beside
        Whether other simulators are run beside.
    """
    if hardware:
        for one in simulators.SIMULATORS:
            simulators.version(one)
    console.show("Machine", ("", ""), machine(hardware))
    with console.waiting("the engine"):
        speed, rows = engine_rows()
    console.show("Golden engine, one core", ("what", "measured ", "should be "), rows)
    with console.waiting("every rule"):
        rows = rule_rows()
    title = "Every rule, 100 inputs x 10 neurons x 100 ticks, one core"
    heads = ("rule", "a trial is", "time (synapse and tick) ", "should be ")
    console.show(title, heads, rows)
    with console.waiting("dense e-prop, and other simulators if they are installed"):
        rows = bench_traces.own_rows() + (peers.speed_rows() if beside else [])
    console.show("Learning with eligibility traces, one core", peers.HEADS, rows)
    if not speed.equal:
        console.complain("The engine and the plain loop end with different weights")
    if hardware:
        console.show(bench_lockstep.TITLE, bench_lockstep.HEADS, bench_lockstep.rows())
        heads = ("lanes ", "cycles a trial ", "synapses a cycle ")
        title = "The digits' core (64 x 10, 2 passes of 16 ticks), inputs' loading included"
        console.show(title, heads, bench_lockstep.lane_rows(prepare("digits")))
    return 0 if speed.equal else 1


def machine(hardware: bool) -> list[tuple[str, str]]:
    """Return what the figures depend on."""
    cpu = platform.machine()
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
    used = [("python", platform.python_version())]
    used += [(name, importlib.metadata.version(name)) for name in ("numba", "numpy", "goldenspike")]
    if hardware:
        used += [(name, simulators.version(name)) for name in simulators.SIMULATORS]
    versions = ", ".join(f"{name} {version}" for name, version in used)
    return [("processor", f"{cpu}, {os.cpu_count()} cores"), ("versions", versions)]


def best(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Return the shortest of several times in seconds, after one run that is not counted.

    It is the processor's time of this thread: other load on the machine does not count.
    """
    work()
    times = []
    for _ in range(repeats):
        begin = time.thread_time()
        work()
        times.append(time.thread_time() - begin)
    return min(times)


def engine_rows() -> tuple[Speed, list[tuple[str, str, str]]]:
    """Measure the engine; return the comparison, and rows of a table."""
    speed = wide_layer()
    share = 1e9 / (WIDE_TICKS * WIDE**2)
    ratio = speed.engine / speed.plain
    rows = [
        (f"{WIDE} x {WIDE} LIF, node perturbation", f"{speed.engine * share:.3f} ns a synapse", ""),
        ("  plain loop over the same arrays", f"{speed.plain * share:.3f} ns a synapse", ""),
        ("  engine / plain loop", f"{ratio:.2f}", f"<= {TIMES_PLAIN:g}"),
        ("  the same bits", "yes" if speed.equal else "NO", "yes"),
    ]
    size = " x ".join(map(str, SMALL))
    rows.append((f"{size} LIF, a tick all in", f"{small_layer():.2f} us", f"<= {TICK_US:g} us"))
    return speed, rows


def a1_network(rule: str) -> Network:
    """Return a network of the size of the theory's, 100 x 10 x 100 ticks, that learns by a rule."""
    read = Format.parse
    pre, post, ticks = 100, 10, 100
    module: Any = catalog.RULES[rule]
    shared = {"eta": 1e-3, "factor": read("fxp-s32/30")}
    if module.PERTURBS == "weight":
        shared |= {"sigma": 2.0**-8}
    elif issubclass(module.Params, conductance_perturbation.EmpiricParams):
        shared |= {
            "weight": 2.0**-8,
            "probability": 0.04,
            "decay": 0.9,
            "trace": read("fxp-u16/12"),
        }
    else:
        shared |= {"sigma": 2.0**-5}
    if module.TRACE != "none" and module.TRACE != "active":
        shared |= {"eligibility": read("fxp-s24/8")}
    online = module.TRACE == "tick"
    if online:
        shared |= {"eligibility_decay": 0.98}
    conductance = "probability" in shared
    if conductance:
        signal, synapse = Source(), exponential.Params(0.9, read("fxp-u16/12"))
        limit = read("fxp-u15/16")
        model: Any = conductance_lif.Params(
            read("fxp-s20/14"), 0.025, 0.0, 6.0, -1.0, 1.0, 0.5, conductance=limit
        )
        weight = read("fxp-u16/20")
    else:
        signal, synapse = Source(read("fxp-s16/13")), None
        model, weight = leaky_readout.Params(read("fxp-s18/10")), read("fxp-s24/20")
    return Network(
        ticks,
        (Population("inputs", pre, signal), Population("outputs", post, model)),
        (Projection("inputs", "outputs", weight, synapse=synapse, rule=module.Params(**shared)),),
        Reward(
            "outputs",
            "squared_error",
            running_mean.Params() if online else paired.Params(),
            read("fxp-s36/12"),
            read("fxp-s16/10"),
            scale=0.5 / ticks,
            period=1 if online else 0,
        ),
    )


def rule_rows() -> list[tuple[str, str, str, str]]:
    """Time a trial of every rule at the size of the theory's networks."""
    rows = []
    random = np.random.default_rng(1)
    trials = 50
    for rule in catalog.PERTURBING:
        planned = plan(a1_network(rule))
        source, reward = planned.sources[0], planned.reward
        high = min(source.signal.high, 1 << 13)
        shape = 1, planned.ticks
        inputs = random.integers(0, high, (*shape, source.size), endpoint=True)
        if high == 1:
            inputs = (random.random(inputs.shape) < SPIKING).astype(np.int64)
        size = 0 if reward is None else reward.readout.size
        stimulus = Stimulus({source.name: inputs}, np.zeros((*shape, size), np.int64))
        session = Session(planned, 1)
        seconds = best(lambda s=session, x=stimulus: s.learn(x, [0] * trials)) / trials
        q = planned.plastic[0]
        per = seconds * 1e9 / (q.pre.size * q.post.size * planned.ticks * planned.passes)
        limit = f"<= {PAIR_US} us" if rule == "weight_perturbation" else ""
        runs = "a pair of runs" if planned.passes == 2 else "one run, online"
        rows.append((rule, runs, f"{seconds * 1e6:.0f} us ({per:.2f} ns)", limit))
    return rows


def layer(pre: int, post: int, ticks: int) -> Plan:
    """Return the plan of a layer of LIF neurons that learns by node perturbation, unpaired."""
    read = Format.parse
    rule = node_perturbation.Params(eta=5e-4, sigma=0.5, factor=read("fxp-s18/20"))
    reward = Reward(
        "neurons",
        "count_error",
        running_mean.Params(),
        read("fxp-s24/6"),
        read("fxp-u12/4"),
        1 / ticks**2,
    )
    populations = (
        Population("inputs", pre, Source()),
        Population("neurons", post, lif.Params(read("fxp-s18/10"), decay=0.9, threshold=1.0)),
    )
    projection = Projection("inputs", "neurons", read("fxp-s16/14"), initial=0.02, rule=rule)
    return plan(Network(ticks, populations, (projection,), reward))


def spikes(planned: Plan, every: int) -> Stimulus:
    """Return one sample in which one input of `every` spikes in a tick, each in its turn."""
    source, reward = planned.sources[0], planned.reward
    t, j = np.arange(planned.ticks)[:, None], np.arange(source.size)
    inputs = ((t + j) % every == 0).astype(np.int8)
    size = 0 if reward is None else reward.readout.size
    return Stimulus({source.name: inputs[None]}, np.full((1, size), 40))


def small_layer() -> float:
    """Return microseconds for a tick of a small layer, in trials that learn."""
    planned = layer(*SMALL, SMALL_TICKS)
    session, stimulus = Session(planned, 1), spikes(planned, 2)
    trials = 100
    seconds = best(lambda: session.learn(stimulus, [0] * trials))
    return seconds / (trials * SMALL_TICKS) * 1e6


def wide_layer() -> Speed:
    """Time a trial of a dense layer in the engine and in the plain loop."""
    planned = layer(WIDE, WIDE, WIDE_TICKS)
    stimulus, samples = spikes(planned, 1), [0, 0, 0]
    q = planned.projections[0]
    rule: Any = q.rule
    session = Session(planned, 1)
    weights = session.arrays[f"{q.name}.w"].copy()
    eligibility = np.zeros_like(session.arrays[f"{q.name}.e"])
    outcome = session.learn(stimulus, samples)
    inputs = [three_factor.FactorInputs(int(reward)) for reward in outcome.rewards]
    factors = np.array([three_factor.scale(rule.factor, Nothing(), x)[1].factor for x in inputs])
    constants = plain_constants(planned)
    spikes_in = stimulus.inputs["inputs"][0]
    again = weights.copy()
    plain(spikes_in, again, eligibility, factors, constants, 1)
    equal = bool((again == session.arrays[f"{q.name}.w"]).all())
    engine_s = best(lambda: session.learn(stimulus, samples))
    plain_s = best(lambda: plain(spikes_in, weights, eligibility, factors, constants, 1))
    return Speed(engine_s / len(samples), plain_s / len(samples), equal)


class PlainConstants(NamedTuple):
    """The integers that the plain loop needs."""

    stream: int
    amplitude: int
    decay: int
    threshold: int
    leak_shift: int
    drive_shift: int
    reset_shift: int
    drive: int
    membrane_shift: int
    membrane_low: int
    membrane_high: int
    weight_shift: int
    product_shift: int
    update_shift: int
    weight_low: int
    weight_high: int


def plain_constants(planned: Plan) -> PlainConstants:
    """Return the plain loop's integers for a layer."""
    rule: Any = planned.projections[0].rule
    c, u, perturbation = planned.neurons[0].constants, rule.update, rule.perturbation
    return PlainConstants(
        int(perturbation.stream),
        perturbation.constants.amplitude,
        c.decay,
        c.threshold,
        c.leak_shift,
        c.drive_shift,
        c.reset_shift,
        c.drive,
        c.frac - c.membrane.frac,
        c.membrane.low,
        c.membrane.high,
        u.weight_shift,
        u.product_shift,
        u.frac - u.weight.frac,
        u.weight.low,
        u.weight.high,
    )


@numba.njit(nogil=True)
def plain(x: Any, w: Any, e: Any, factors: Any, c: Any, seed: int) -> None:
    """Do what the engine does for :func:`layer`, written out by hand for it: a peer in timing."""
    size = w.shape[1]
    current = np.zeros(size, np.int64)
    v, spike = np.zeros(size, np.int32), np.zeros(size, np.int8)
    variate = np.zeros(size, np.int8)
    half, mask = 1 << (c.membrane_shift - 1), (1 << c.membrane_shift) - 1
    update_half, update_mask = 1 << (c.update_shift - 1), (1 << c.update_shift) - 1
    for trial in range(factors.size):
        v[:] = 0
        spike[:] = 0
        for t in range(x.shape[0]):
            fill_variates(variate, seed, c.stream, trial, t << 16, 0, 1)
            for j in range(x.shape[1]):
                signal = x[t, j]
                if signal != 0:
                    for i in range(size):
                        current[i] += w[j, i] * signal
                    for i in range(size):
                        e[j, i] += variate[i] * signal
            for i in range(size):
                driven = current[i] + c.amplitude * variate[i]
                u = ((v[i] * c.decay) << c.leak_shift) + ((driven * c.drive) << c.drive_shift)
                u -= (c.threshold * spike[i]) << c.reset_shift
                y, rest = u >> c.membrane_shift, u & mask
                if rest > half or (rest == half and y & 1):
                    y += 1
                v[i] = max(c.membrane_low, min(y, c.membrane_high))
                spike[i] = v[i] >= c.threshold
                current[i] = 0
        factor = factors[trial]
        for j in range(w.shape[0]):
            for i in range(size):
                u = (np.int64(w[j, i]) << c.weight_shift) + ((factor * e[j, i]) << c.product_shift)
                y, rest = u >> c.update_shift, u & update_mask
                if rest > update_half or (rest == update_half and y & 1):
                    y += 1
                w[j, i] = max(c.weight_low, min(y, c.weight_high))
                e[j, i] = 0
