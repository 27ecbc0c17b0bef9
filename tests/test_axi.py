"""A core on AXI: cocotbext-axi's managers see the golden model's bits, and every refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim import axi, simulators
from goldenspike.sim.cases import random_case, traced_case
from goldenspike.sim.simulators import Simulator

ALL = 0xFFFFFFFF
LIVE = ("CONTROL", "ACCESSES_REFUSED")
"""Registers that do not only keep what is written."""


def play(built: Any, made: axi.Trials, testcase: str, seed: int = 0, **more: Any) -> dict[str, Any]:
    """Run a bench; everything that comes of the trials must be the golden model's."""
    found = simulators.run(
        built, axi.BENCH, testcase=testcase, seed=seed, parameters={**made.parameters, **more}
    )
    assert found["words"] == made.words
    counted = found["counted"]
    assert counted["TICKS"] == len(made.digests)
    assert counted["DIGESTS"] == sum(made.digests) & ALL
    assert counted["DIGEST"] == made.digests[-1]
    assert counted["STATUS"] == 1 << 2
    assert found["events"] == made.events
    return counted


def case(name: str, networks: dict[str, Network], stimulate: Callable[..., Stimulus]) -> Any:
    """Return session, stimulus, samples and errors of a network, by name or the seed of a case."""
    kind, _, seed = name.partition(" ")
    if seed:
        made = {"random": random_case, "traced": traced_case}[kind](int(seed))
        return made.session, made.stimulus, made.samples, made.external
    planned = plan(networks[name])
    session = Session(planned, 5, "python")
    session.trial = 0xFFFFFFFE
    external = None
    if name == "judged":
        external = np.random.default_rng(1).integers(-300, 300, (3, planned.passes)).astype(object)
    return session, stimulate(planned, 2), [2, 0, 1], external


@pytest.mark.parametrize("streamed", [False, True], ids=["windows", "streams"])
@pytest.mark.parametrize(
    ("name", "lanes", "simulator"),
    [
        ("spiking", 4, "icarus"),
        ("spiking", 4, "verilator"),
        ("deep", 2, "icarus"),
        ("judged", 1, "icarus"),
        ("noisy", 8, "icarus"),
        ("delayed", 16, "icarus"),
        ("traced 3", 2, "icarus"),
    ],
)
def test_trials_by_the_buses_alone(
    networks: dict[str, Network],
    stimulate: Callable[..., Stimulus],
    name: str,
    lanes: int,
    simulator: Simulator,
    streamed: bool,
) -> None:
    session, stimulus, samples, external = case(name, networks, stimulate)
    core, built = axi.prepare(session.plan, lanes, simulator)
    more = {"streamed": streamed, "external": external}
    made = axi.trials(core, session, stimulus, samples, **more)
    counted = play(built, made, "trials")
    sent = sum(len(packet) for packet in made.events) - len(made.digests)
    assert counted["EVENTS_OUT"] == sent
    packets = made.parameters["packets"].get("events", [])
    given = sum(not word & axi.END for packet in packets for word in packet)
    assert counted["EVENTS_IN"] == given
    assert bool(given) == streamed
