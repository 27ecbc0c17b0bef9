"""How fast rules with eligibility traces learn: dense e-prop, beside other simulators."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from goldenspike.golden.fixed import Format
from goldenspike.golden.network import Network, Population, Projection, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.rules import eprop
from goldenspike.golden.trial import Session, Stimulus, in_parallel

NEURONS, TICKS, INPUTS = 1024, 50, 32
NS, GOAL, TWO_THREADS = 0.5, 0.2, 1.8
"""What a synapse and tick should take, in nanoseconds, at most and at best; what two threads on
two independent sessions should gain.
"""
REPEATS, TRIALS = 5, 8
SHARE = 0.1
"""Inputs that spike in a tick."""


def dense() -> Plan:
    """Return a recurrent layer that learns by e-prop with a filtered trace for every synapse.

    Formats are such that all arithmetic of a synapse fits 32 bits; weights learn in every tick.
    """
    read = Format.parse
    rule = eprop.Params(
        modulator="teacher",
        eta=0.01,
        factor=read("fxp-s16/12"),
        psi=read("fxp-u8/6"),
        height=0.9,
        width=1.0,
        trace=read("fxp-u8/6"),
        trace_decay=0.9,
        filter_decay=0.9,
        filter_factor=read("fxp-u15/14"),
        eligibility=read("fxp-s16/12"),
    )
    weight = read("fxp-s16/12")
    populations = (
        Population("inputs", INPUTS, Source()),
        Population("error", 1, Source(read("fxp-s8/4"))),
        Population("teacher", NEURONS, leaky_readout.Params(read("fxp-s12/8"))),
        Population("neurons", NEURONS, lif.Params(read("fxp-s18/10"), 0.9, 1.0)),
    )
    projections = (
        Projection("inputs", "neurons", weight, initial=0.08),
        Projection("error", "teacher", weight, initial=0.5),
        Projection("neurons", "neurons", read("fxp-s16/14"), 1, initial=0.005, rule=rule),
    )
    return plan(Network(TICKS, populations, projections, readout="neurons"))


def stimulus(planned: Plan) -> Stimulus:
    """Return random spikes and errors."""
    random = np.random.default_rng(0)
    spikes = (random.random((1, planned.ticks, INPUTS)) < SHARE).astype(np.int64)
    return Stimulus({"inputs": spikes, "error": random.integers(-60, 60, (1, planned.ticks, 1))})


def seconds(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Return the shortest of several times, after one run that is not counted."""
    work()
    times = []
    for _ in range(REPEATS):
        begin = clock()
        work()
        times.append(clock() - begin)
    return min(times)


def measure() -> tuple[float, float, float]:
    """Return nanoseconds a synapse and tick, spikes a second at 1 ms a tick, and threads' gain."""
    planned = dense()
    given = stimulus(planned)
    session = Session(planned, 1)
    one = seconds(lambda: session.learn(given, [0]), time.thread_time)
    spikes = int(session.copy().learn(given, [0], record=True).signals.sum())
    two = [session.copy(), session.copy()]

    def trials(one_session: Session) -> None:
        one_session.learn(given, [0] * TRIALS)

    alone = seconds(lambda: trials(two[0]), time.perf_counter)
    both = seconds(lambda: in_parallel(two, trials, 2), time.perf_counter)
    return (
        one * 1e9 / (NEURONS**2 * planned.ticks),
        spikes / NEURONS / planned.ticks * 1e3,
        2 * alone / both,
    )


def own_rows() -> list[tuple[str, str, str]]:
    """Return rows of the table of peers: golden's own."""
    ns, rate, gain = measure()
    learns = f"e-prop, a trace a synapse, every tick, {NEURONS} x {NEURONS}, {rate:.0f} spikes/s"
    return [
        ("goldenspike", learns, f"{ns:.3f} ns (<= {NS:g}, goal {GOAL:g})"),
        ("", "  two sessions on two threads", f"{gain:.2f} x (>= {TWO_THREADS:g})"),
    ]
