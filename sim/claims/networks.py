"""Small networks, of which units and cores are made: every kind of phase, two groups of lanes."""

from __future__ import annotations

from typing import Any

from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import error, paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import conductance_lif, leaky_readout, lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.rules import (
    delta_rule,
    eprop,
    hybrid_perturbation,
    node_perturbation,
    online_conductance_perturbation,
    weight_perturbation,
    weight_perturbation_0,
)
from goldenspike.golden.synapses import exponential

F = Format.parse
LIF = lif.Params(F("fxp-s6/2"), 0.5, 1.0)
READOUT = leaky_readout.Params(F("fxp-s6/2"), 0.5)
JUDGED: Any = {"reward": F("fxp-s8/2"), "target": F("fxp-s4/2")}
PERTURBED: Any = {"eta": 0.0625, "sigma": 0.5, "factor": F("fxp-s6/3")}
RULES = {
    "none": None,
    "node": node_perturbation.Params(**PERTURBED),
    "weight": weight_perturbation.Params(**PERTURBED, rounding=Rounding.STOCHASTIC),
    "active": weight_perturbation_0.Params(**PERTURBED),
    "hybrid": hybrid_perturbation.Params(**PERTURBED),
}


def perturbed(kind: str, size: int = 3, ticks: int = 2) -> Plan:
    """Return a layer that learns by perturbation, after a trial, by one of :data:`RULES`."""
    projection = Projection("spikes", "out", F("fxp-s4/2"), rule=RULES[kind])
    learns = RULES[kind] is not None
    reward = Reward("out", "squared_error", paired.Params(), **JUDGED) if learns else None
    populations = Population("spikes", size, Source()), Population("out", size, READOUT)
    return plan(Network(ticks, populations, (projection,), reward))


def online(size: int = 3, ticks: int = 2) -> Plan:
    """Return a layer that learns by empiric synapses after every tick."""
    neuron = conductance_lif.Params(
        *(F("fxp-s10/5"), 0.125, 0.0, 4.0, -1.0, 1.0, 0.0), conductance=F("fxp-u7/8")
    )
    rule = online_conductance_perturbation.Params(
        eta=0.0625,
        weight=0.125,
        probability=0.25,
        decay=0.5,
        trace=F("fxp-u7/4"),
        factor=F("fxp-s12/6"),
        eligibility=F("fxp-s10/4"),
        eligibility_decay=0.75,
    )
    fading = exponential.Params(0.5, F("fxp-u5/2"))
    projection = Projection("spikes", "out", F("fxp-u6/4"), rule=rule, synapse=fading)
    populations = Population("spikes", size, Source()), Population("out", size, neuron)
    baseline = running_mean.Params(0.25, 2)
    reward = Reward("out", "squared_error", baseline, period=1, **JUDGED)
    return plan(Network(ticks, populations, (projection,), reward))


def traced(size: int = 3, ticks: int = 2, *, filtered: bool = True, mirror: bool = True) -> Plan:
    """Return e-prop with symmetric feedback: rules with traces, a mirror, a modulator.

    `filtered` eligibilities are kept for every synapse; without them an update has a stage less.
    """
    shared: Any = {
        "eta": 0.5,
        "factor": F("fxp-s10/6"),
        "trace": F("fxp-u7/4"),
        "trace_decay": 0.75,
    }
    local: Any = {"psi": F("fxp-u6/5"), "height": 0.5, "width": 8.0, "modulator": "teacher"}
    if filtered:
        local |= {
            "filter_decay": 0.5,
            "eligibility": F("fxp-s10/5"),
            "learns": "trial",
            "accumulator": F("fxp-s12/8"),
        }
    else:
        local |= {"rounding": Rounding.STOCHASTIC}
    populations = (
        Population("spikes", size, Source()),
        Population("targets", 2, Source(F("fxp-s6/2"))),
        Population("hidden", size, lif.Params(F("fxp-s9/3"), 0.5, 1.0)),
        Population("out", 2, leaky_readout.Params(F("fxp-s8/3"), 0.5)),
        Population("errors", 2, error.Params(F("fxp-s8/3"), "out", "targets")),
        Population("teacher", size, leaky_readout.Params(F("fxp-s10/4"))),
    )
    weight = F("fxp-s8/4")
    feedback: Any = {"mirror": "hidden_to_out"} if mirror else {}
    projections = (
        Projection("spikes", "hidden", weight, rule=eprop.Params(**shared, **local)),
        Projection("hidden", "out", weight, rule=delta_rule.Params(**shared, modulator="errors")),
        Projection("errors", "teacher", weight, **feedback),
    )
    return plan(Network(ticks, populations, projections, readout="out"))


def late(size: int = 3, ticks: int = 4) -> Plan:
    """Return a layer whose signals come back after a tick and after two."""
    weight = F("fxp-s4/2")
    populations = Population("spikes", size, Source()), Population("out", size, READOUT)
    projections = (
        Projection("spikes", "out", weight),
        Projection("out", "out", weight, delay=2),
    )
    return plan(Network(ticks, populations, projections))
