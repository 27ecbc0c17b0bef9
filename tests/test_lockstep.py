"""Golden and core compute the same bits, and where they do not, the place is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import node_perturbation, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim import lockstep as checked
from goldenspike.sim.lockstep import lockstep
from goldenspike.tools import job

F = Format.parse
TRIALS = 500
FALL = {"werfel_node": 500, "werfel_weight": 4}
"""By what factor the error falls at least; the closed form is e**(500/60) and e**(500/340)."""


def wide(kind: str) -> Network:
    """Return a projection to 18 neurons, which no number of lanes above 2 divides."""
    factor = F("fxp-s14/10")
    if kind == "node":
        rule: Any = node_perturbation.Params(eta=0.25, sigma=0.25, factor=factor)
        source, model = Source(), lif.Params(F("fxp-s12/6"), 0.9, 1.0)
        reward = Reward("b", "count_error", paired.Params(), F("fxp-s14/4"), F("fxp-u4/2"))
    else:
        rule = weight_perturbation.Params(
            eta=0.25,
            sigma=0.25 * 8**0.5,
            factor=factor,
            distribution=Distribution.GAUSSIAN,
            rounding=Rounding.STOCHASTIC,
        )
        source, model = Source(F("fxp-s6/3")), leaky_readout.Params(F("fxp-s12/4"), 0.5)
        mean = running_mean.Params(0.25)
        reward = Reward("b", "squared_error", mean, F("fxp-s20/4"), F("fxp-s8/2"))
    projection = Projection("a", "b", F("fxp-s10/6"), initial=0.5, rule=rule)
    return Network(
        3, (Population("a", 5, source), Population("b", 18, model)), (projection,), reward
    )


@pytest.fixture
def start(stimulate: Callable[..., Stimulus]) -> Callable[[str], tuple[Session, Stimulus]]:
    """Give ``start(kind)``: a session of a network of one projection, and a stimulus."""

    def make(kind: str) -> tuple[Session, Stimulus]:
        planned = plan(wide(kind))
        session = Session(planned, 3, "python")
        session.trial = 40
        return session, stimulate(planned, 1)

    return make


SAMPLES = [0, 1, 1, 2]
Start = Callable[[str], tuple[Session, Stimulus]]


@pytest.mark.parametrize("kind", ["node", "weight"])
@pytest.mark.parametrize(("lanes", "neurons"), [(1, 1), (2, 2), (4, 1), (8, 8), (16, 4), (32, 16)])
def test_lanes_do_not_change_a_bit(start: Start, kind: str, lanes: int, neurons: int) -> None:
    session, stimulus = start(kind)
    alone = session.copy()
    report = lockstep(session, stimulus, SAMPLES, lanes=lanes, neurons=neurons, simulator="icarus")
    before = alone.copy()
    digests = alone.learn(stimulus, SAMPLES, traced=True).digests
    assert report.mismatch is None
    assert (report.trials, report.lanes, report.ticks) == (4, lanes, digests.size)
    assert report.digest == int(digests.sum()) & 0xFFFFFFFF
    assert session.trial == alone.trial == 44
    for name, array in alone.arrays.items():
        assert np.array_equal(session.arrays[name], array)
    assert not np.array_equal(session.arrays["a_to_b.w"], before.arrays["a_to_b.w"])


@pytest.mark.parametrize("kind", ["node", "weight"])
def test_stalls_change_the_cycles_and_nothing_else(start: Start, kind: str) -> None:
    session, stimulus = start(kind)
    built = checked.prepare(session.plan, 4, "icarus")
    reports = {}
    for stalls in (False, True):
        reports[stalls] = lockstep(
            session.copy(),
            stimulus,
            SAMPLES,
            lanes=4,
            simulator="icarus",
            stalls=stalls,
            built=built,
        )
    assert reports[True].mismatch is None
    assert reports[True].cycles > reports[False].cycles
    assert dataclasses.replace(reports[True], cycles=0) == dataclasses.replace(
        reports[False], cycles=0
    )


def test_lockstep_goes_on_where_it_stopped(start: Start) -> None:
    """A core takes over all that trials depend on: weights, counter and the running mean."""
    session, stimulus = start("weight")
    built = checked.prepare(session.plan, 16, "icarus")
    for samples in ([0, 1], [], [2, 0]):
        before = session.trial
        report = lockstep(session, stimulus, samples, lanes=16, simulator="icarus", built=built)
        assert report.mismatch is None
        assert report.trials == session.trial - before == len(samples)
    assert session.arrays["reward.primed"] == [1]


@pytest.mark.parametrize("experiment", FALL)
def test_werfels_perceptron_learns_in_hardware(experiment: str) -> None:
    made = job.prepare(experiment)
    session = Session(made.plan, made.experiment.seed, "python")
    first = session.weights("inputs_to_outputs")
    error = made.task.measure(session)["error"]
    stimulus, samples = made.task.trials(0, TRIALS)
    report = lockstep(session, stimulus, samples, lanes=2, simulator="verilator")
    # The weights of the core were read back and compared with the session's, which moved on.
    assert (report.mismatch, report.trials, session.trial) == (None, TRIALS, TRIALS)
    assert report.words > session.arrays["inputs_to_outputs.w"].size == 32
    assert (session.weights("inputs_to_outputs") != first).all()
    assert made.task.measure(session)["error"] < error / FALL[experiment]


def test_errors_from_outside_are_those_of_learn_from(
    networks: dict[str, Network], stimulate: Callable[..., Stimulus]
) -> None:
    planned = plan(networks["judged"])
    session, stimulus = Session(planned, 5, "python"), stimulate(planned, 2)
    alone = session.copy()
    known: list[list[int]] = []

    def judge(signals: np.ndarray) -> list[int]:
        known.append([int(abs(signals).sum()) - 300 * (len(known) % 2)])
        return known[-1]

    samples = [0, 1, 2, 0]
    for sample in samples:
        alone.learn_from(stimulus, sample, judge)
    report = lockstep(
        session, stimulus, samples, lanes=4, simulator="icarus", external=np.array(known, object)
    )
    assert report.mismatch is None
    assert len({*map(tuple, known)}) > 2
    for array, other in zip(session.arrays.values(), alone.arrays.values(), strict=True):
        assert np.array_equal(array, other)
    assert session.trial == alone.trial == 4
