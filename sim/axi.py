"""Learning trials of a core on AXI, by its buses alone, against the golden model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.fixed import BIT
from goldenspike.golden.neurons import spiking
from goldenspike.golden.plan import UPDATE, Plan
from goldenspike.golden.trial import Outcome, Session, Stimulus
from goldenspike.hdl import cycles, host, verilog
from goldenspike.hdl.bus.axi_stream import EVENT
from goldenspike.hdl.bus.core import AxiCore
from goldenspike.hdl.bus.register_map import TICKS_BIT, Window
from goldenspike.hdl.host import MASK
from goldenspike.sim import simulators
from goldenspike.sim.power_up import scramble
from goldenspike.sim.toolchain import Simulator

BENCH = "goldenspike.sim.benches.axi_bench"
TOP = "axi_core"
END, UPDATED = 1 << 31, 1 << 30
TRACE_ROWS = 1 << 20


@dataclass(frozen=True)
class Trials:
    """What a bench plays, and what must come of it.

    Parameters
    ----------
    parameters
        For :data:`BENCH`.
    words
        What windows hold at the end, by name.
    digests
        Of every tick and update.
    events
        What ``m_axis_events`` reports, packet by packet.
    given
        How many events come in.
    cycles
        The fewest that the trials take: those of a core without a bus, which reports nothing.
    """

    parameters: dict[str, Any]
    words: dict[str, list[int]]
    digests: list[int]
    events: list[list[int]]
    given: int
    cycles: int

    def compared(self, found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Return, by name, what the bench of trials found and what must be."""
        counted = found["counted"]
        working = counted["CYCLES"] - counted["STALLS"]
        sent = sum(not word & END for packet in self.events for word in packet)
        return {
            "words": (found["words"], self.words),
            "events": (found["events"], self.events),
            "TICKS": (counted["TICKS"], len(self.digests)),
            "DIGESTS": (counted["DIGESTS"], sum(self.digests) & MASK),
            "DIGEST": (counted["DIGEST"], self.digests[-1]),
            "EVENTS_IN": (counted["EVENTS_IN"], self.given),
            "EVENTS_OUT": (counted["EVENTS_OUT"], sent),
            "STATUS": (counted["STATUS"], 1 << 2),
            "CYCLES": (self.cycles <= working and counted["CYCLES"] <= found["elapsed"], True),
        }


def prepare(
    plan: Plan,
    lanes: int,
    simulator: Simulator,
    *,
    neurons: int = 1,
    power_up: int | None = None,
) -> tuple[AxiCore, simulators.Build]:
    """Return a core on AXI and the simulation built of it.

    `power_up` is None if memories begin with zeros, or the seed of random contents.
    """
    core = AxiCore(plan, lanes, neurons)
    text = verilog.convert(core, TOP)
    sources = [("core.v", text if power_up is None else scramble(text, power_up))]
    return core, simulators.build(sources, TOP, simulator)


def described(core: AxiCore, *, stalls: bool = True) -> dict[str, Any]:
    """Return what a bench knows of a core."""
    given = core.map
    return {
        "registers": {register.name: given.address(register.name) for register in given.registers},
        "windows": {w.name: _window(w) for w in given.windows},
        "streams": [name.removeprefix("s_axis_") for name in core.streams if name[0] == "s"],
        "address_bits": given.address_bits,
        "stalls": stalls,
    }


def _window(window: Window) -> dict[str, Any]:
    fields = ("base", "rows", "row", "stride", "writable")
    return {field: getattr(window, field) for field in fields}


def event(neuron: int, population: int, value: int = 1) -> int:
    """Return an address event as a word of its stream."""
    made = EVENT.const({"neuron": neuron, "population": population, "value": value & MASK})
    return made.as_value().value


def packet(
    core: AxiCore, stimulus: Stimulus, sample: int, random: np.random.Generator
) -> list[int]:
    """Return the events of a sample's signals: those of a tick in random order."""
    words: list[int] = []
    for tick in range(core.plan.ticks):
        found = [
            event(int(neuron), number, int(stimulus.inputs[p.name][sample][tick][neuron]))
            for number, p in enumerate(core.plan.sources)
            for neuron in np.flatnonzero(stimulus.inputs[p.name][sample][tick])
        ]
        words += [int(word) for word in random.permutation(np.array(found, object))]
        words.append(END)
    while len(words) > 1 and words[-2] == END:  # The rest of a packet that ends is silent.
        words.pop()
    return words


def _graded(plan: Plan) -> bool:
    """Return whether a network is one population of graded signals, of which each pass is seen."""
    return len(plan.neurons) == 1 and plan.neurons[0].signal != BIT and plan.passes == 1


def reported(core: AxiCore, outcome: Outcome) -> list[list[int]]:
    """Return the events that a core reports of trials of the golden model."""
    plan = core.plan
    numbers = {p.name: number for number, p in enumerate(plan.neurons)}
    spikes = {
        v.number: numbers[name]
        for v in plan.variables.values()
        for name, _, field in [v.name.partition(".")]
        if field == "spike" and name in numbers
    }
    packets: list[list[int]] = [[]]
    digests = outcome.digests.reshape(-1)
    rows = outcome.trace[np.isin(outcome.trace[:, 1], list(spikes))] if spikes else []
    by_moment: dict[int, list[int]] = {}
    if _graded(plan):
        for moment, signals in enumerate(outcome.signals.reshape(-1, plan.neurons[0].size)):
            trial, tick = divmod(moment, plan.ticks)
            by_moment[trial * plan.digests + tick] = [
                event(int(neuron), 0, int(signals[neuron])) for neuron in np.flatnonzero(signals)
            ]
    for moment, variable, index, value in np.asarray(rows).reshape(-1, 4).tolist():
        number = spikes[variable]
        # `spike` goes on counting down while the neuron is refractory.
        if spiking.has_spiked(plan.neurons[number].params, value):
            by_moment.setdefault(moment, []).append(event(index, number))
    for moment, digest in enumerate(digests.tolist()):
        tick = moment % plan.digests
        update = tick == plan.passes * plan.ticks
        end = END | (UPDATED if update else 0)
        packets[-1] += [*by_moment.get(moment, []), digest << 32 | end]
        if update or tick % plan.ticks == plan.ticks - 1:
            packets.append([])
    return packets[:-1]


def trials(
    core: AxiCore,
    session: Session,
    stimulus: Stimulus,
    samples: Any,
    *,
    streamed: bool,
    external: np.ndarray | None = None,
    stalls: bool = True,
    split: bool = False,
) -> Trials:
    """Return how a core plays trials that the golden model learns, or runs, here.

    Parameters
    ----------
    session
        Is moved on by the trials.
    stimulus, samples, external
        As :meth:`goldenspike.sim.lockstep.lockstep` takes them.
    streamed
        Whether inputs, targets and errors come by their streams, or all by windows.
    split
        Whether passes and update are two commands, as they are with an external objective.
    """
    before = session.copy()
    rows = TRACE_ROWS * len(samples)
    more: dict[str, Any] = {"traced": True, "record": True, "watched": True}
    more["external"] = external
    while True:
        run = session.learn if core.plan.learns else session.evaluate
        outcome = run(stimulus, samples, trace_rows=rows, **more)
        if len(outcome.trace) < rows:
            break
        session.restore(before.save())  # The trace was full: some of the spikes were not seen.
        rows *= 2
    condition = stimulus.condition(samples[-1])
    words = host.weight_words(session) | host.result_words(session, outcome, condition)
    loaded = host.register_words(before, 0) | host.weight_words(before)
    steps: list[list[Any]] = [["load", name, values] for name, values in loaded.items()]
    two = split or external is not None
    flags = host.learning(split=two) if core.plan.learns else (0,)
    model = cycles.model(core.plan, core.core.lanes, core.core.neurons)
    least = model.trials(outcome.activity, flags).cycles
    random = np.random.default_rng(1)
    packets: dict[str, list[list[int]]] = {}
    at = before.copy()
    for k, sample in enumerate(samples):
        known = host.sample_words(core.plan, stimulus, sample)
        if core.core.conditional:
            at.trial = (before.trial + k) & MASK
            registers = host.register_words(at, stimulus.condition(sample))["registers"]
            steps.append(["load", "registers", registers])
        if streamed:
            packets.setdefault("events", []).append(packet(core, stimulus, sample, random))
            if "targets" in known:
                packets.setdefault("targets", []).append(known["targets"])
        else:
            steps += [["load", name, values] for name, values in known.items()]
        for flag in flags:
            if external is not None and flag == UPDATE:
                values = host.error_words(session.plan, [int(error) for error in external[k]])
                if streamed:
                    packets.setdefault("errors", []).append(values)
                else:
                    steps.append(["load", "errors", values])
            steps.append(["run", 1 | flag << 1 | streamed << 3])
    words |= host.sample_words(core.plan, stimulus, samples[-1])
    report = _graded(core.plan) or sum(
        1 << number
        for number, p in enumerate(core.plan.neurons)
        if p.signal == BIT and "spike" in p.state
    )
    parameters = described(core, stalls=stalls) | {
        "report": report | 1 << TICKS_BIT,
        "packets": packets,
        "steps": steps,
        "read": list(words),
    }
    events = [word for packet in packets.get("events", []) for word in packet]
    return Trials(
        parameters,
        words,
        digests=outcome.digests.reshape(-1).tolist(),
        events=reported(core, outcome),
        given=sum(not word & END for word in events),
        cycles=least,
    )
