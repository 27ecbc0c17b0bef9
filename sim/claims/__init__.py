"""What is claimed of the hardware, as benches for :mod:`goldenspike.sim.formal`.

Each unit is looked at alone, its surroundings keeping to its contract; that they do is claimed of
whole cores.
"""

from __future__ import annotations

from goldenspike.golden.fixed import BIT, Format
from goldenspike.hdl.units.rows import Packing
from goldenspike.sim.claims.buses import Axi, Events, Frames
from goldenspike.sim.claims.cores import Answers, Cores, Returns
from goldenspike.sim.claims.fields import Fields
from goldenspike.sim.claims.networks import RULES, late, online, perturbed, traced
from goldenspike.sim.claims.populations import Filters, Mirror, Population, Signals, Sums
from goldenspike.sim.claims.rows import Rows
from goldenspike.sim.claims.synapses import Learner, Synapses
from goldenspike.sim.formal import Property

F = Format.parse


def _rows() -> list[Property]:
    """List what is claimed of row sources."""
    return [
        Property("rows: spikes", lambda: Rows(Packing.of(4, BIT))),
        Property("rows: spikes of two words", lambda: Rows(Packing.of(34, BIT)), 40),
        Property("rows: signals", lambda: Rows(Packing(3, F("fxp-s3/0")))),
        Property("rows: packed signals", lambda: Rows(Packing(5, F("fxp-s2/0"), 2))),
        Property("rows: one signal", lambda: Rows(Packing(1, F("fxp-s2/0")))),
    ]


def _synapses() -> list[Property]:
    """List what is claimed of projections."""
    found = [
        Property(f"synapses: {kind}", lambda kind=kind: Synapses(perturbed(kind), "spikes_to_out"))
        for kind in RULES
    ]
    return [
        *found,
        Property("synapses: online", lambda: Synapses(online(), "spikes_to_out")),
        Property("learner: e-prop", lambda: Learner(traced(), "spikes_to_hidden")),
        Property(
            "learner: e-prop, one stage less",
            lambda: Learner(traced(filtered=False), "spikes_to_hidden"),
        ),
        Property("learner: delta rule", lambda: Learner(traced(), "hidden_to_out")),
        Property("filter", lambda: Filters(online(), "spikes_to_out")),
        Property("mirror", lambda: Mirror(traced(), "errors_to_teacher")),
    ]


def _populations() -> list[Property]:
    """List what is claimed of populations."""
    found = []
    for name, kind in (("population", Population), ("sums", Sums), ("signals", Signals)):
        found += [
            Property(f"{name}: graded", lambda kind=kind: kind(perturbed("none"), "out")),
            Property(f"{name}: two a cycle", lambda kind=kind: kind(perturbed("none"), "out", 2)),
            Property(f"{name}: spikes", lambda kind=kind: kind(traced(), "hidden")),
        ]
    return [
        *found,
        Property("population: variates", lambda: Population(perturbed("node"), "out")),
        Property("signals: of ticks before", lambda: Signals(late(), "out")),
        Property("random fields", lambda: Fields(4, ahead=False)),
        Property("random fields: ahead", lambda: Fields(1, ahead=True)),
    ]


def _cores() -> list[Property]:
    """List what is claimed of whole cores."""
    plans = {
        **{kind: lambda kind=kind: perturbed(kind, 2) for kind in RULES},
        "online": lambda: online(2),
        "delays": lambda: late(2),
        "traces": lambda: traced(2),
    }
    found = [Property(f"core: {n}", lambda make=make: Cores(make())) for n, make in plans.items()]
    found += [
        Property("core: traces, one stage less", lambda: Cores(traced(2, filtered=False))),
        Property("core: traces, 4 lanes", lambda: Cores(traced(5), 4, 2)),
        Property("core: answers", lambda: Answers(perturbed("node", 2))),
    ]
    found += [
        Property(f"returns: {n}", lambda make=make: Returns(make())) for n, make in plans.items()
    ]
    return [
        *found,
        Property("axi: frames of events", lambda: Frames(perturbed("none"))),
        Property("axi: events to outside", Events),
        Property("axi: core, none", lambda: Axi(perturbed("none", 2))),
        Property("axi: core, traces", lambda: Axi(traced(2))),
    ]


PROPERTIES = {one.name: one for one in (*_rows(), *_synapses(), *_populations(), *_cores())}
"""All properties, by name."""
