"""Random models: what fields must be beside each other, so that most are accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from goldenspike.golden import pole
from goldenspike.golden.domains import Formats, domains
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.network import Source
from goldenspike.golden.neurons import adaptive_lif, conductance_lif, rate
from goldenspike.golden.noise import empiric, filtered, sparse
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import (
    actor_critic,
    adaptive_feedback,
    conductance_perturbation,
    delayed_conductance_perturbation,
    delta_rule,
    eprop,
    eprop_adaptive,
    eprop_reward,
    finite_difference,
    hybrid_perturbation,
    multiplexed_perturbation,
    neuromodulated_stdp,
    node_perturbation,
    online_conductance_perturbation,
    rflo,
    stdp,
    triplet_stdp,
    weight_perturbation,
    weight_perturbation_0,
)
from goldenspike.golden.rules.surrogate import KINDS, TABLED
from goldenspike.golden.synapses import dynamic, exponential
from goldenspike.sim.drawing import Drawing

ONLINE = (online_conductance_perturbation, delayed_conductance_perturbation)
OF_WEIGHTS = (
    weight_perturbation,
    weight_perturbation_0,
    finite_difference,
    multiplexed_perturbation,
)
OF_NEURONS = {
    "node": node_perturbation,
    "hybrid": hybrid_perturbation,
    "empiric": conductance_perturbation,
}
PAIRED = (stdp, neuromodulated_stdp, triplet_stdp)
"""Rules that only trace spikes."""
GRADIENTS = (eprop, eprop_adaptive, eprop_reward)


def neuron(d: Drawing, module: Any) -> Any:
    """Return the parameters of a neuron model that has synapses and names no other population."""
    if module is conductance_lif:
        return _conductances(d)
    if module is rate:
        # A finer table takes seconds to make, and is but larger.
        most = 9 if d.chance(0.95) else rate.MOST_FRAC - 1
        frac = d.between(0, most)
        signed = d.chance(0.7)
        more = d.between(-1, 2) if d.chance(0.9) else d.between(0, 40)
        output = Format(signed, max(frac + signed + more, 1 + signed), frac)
        return d.params(rate.Params, output=output)
    known = domains(module.Params)
    if "refractory" in known and d.chance(0.7):
        return d.params(module.Params, refractory=d.one(0, 0, 0, 1, 2, 3))
    return d.params(module.Params)


def _conductances(d: Drawing) -> conductance_lif.Params:
    width = d.between(1, 14)
    conductance = Format(False, width, width + d.between(2, 4))
    if (d.theme is not None and d.chance(0.3)) or d.chance(d.wild):
        conductance = d.format(Formats(signed=False), width)
    membrane = d.given(conductance_lif.Params, "membrane", d.format(Formats(), d.frac))
    high, low = membrane.high, membrane.low
    threshold = d.raw(min(low + 1, high), high)
    raws = {
        "excitatory_reversal": d.raw(0, high),
        "inhibitory_reversal": d.raw(low, max(low, 0)),
        "threshold": threshold,
        "reset": d.raw(low, max(threshold - 1, low)),
    }
    rest = d.one(0.0, 0.0, membrane.lsb, -0.5)
    given = {name: float(membrane.to_float(raw)) + rest for name, raw in raws.items()}
    factor = d.given(conductance_lif.Params, "factor", d.holder())
    if d.aims_at(conductance_lif.Params, "leak"):
        factor, conductance = pole.FACTOR, Format(False, width, width + 8)
    conductance = d.given(conductance_lif.Params, "conductance", conductance)
    one = 1 << max(factor.frac, 0)
    leak = d.one(0, 1, one // 8, one // 4) / one
    leak = d.given(conductance_lif.Params, "leak", leak, factor=factor)
    return d.params(
        conductance_lif.Params,
        membrane=membrane,
        conductance=conductance,
        factor=factor,
        leak=leak,
        rest=rest,
        **given,
    )


def synapse(d: Drawing, signal: Format) -> Any:
    """Return the parameters of a synapse model for a presynaptic signal, or None."""
    kinds = [None, None, exponential, *([dynamic] if signal == BIT else [])]
    module = d.one(*kinds)
    if module is dynamic:
        width = d.whole(1, 12) if d.chance(0.9) else d.between(1, 18)
        return d.params(dynamic.Params, trace=Format(False, width, width))
    return None if module is None else d.params(module.Params)


@dataclass
class Manner:
    """How the neurons of a population are perturbed, on which all of its rules must agree.

    Parameters
    ----------
    kind
        ``"weights"``, ``"node"``, ``"hybrid"``, ``"empiric"`` or ``"online"``.
    given
        Fields of the rules.
    """

    kind: str
    given: dict[str, Any] = field(default_factory=dict)


def _empiric(d: Drawing, factor: Format) -> empiric.Params:
    factor = d.given(empiric.Params, "factor", factor)
    one = 1 << max(factor.frac, 0)
    decay = d.one(0, 1, one // 2, one - 1, one - max(one // 8, 1)) / one if one > 1 else 0.0
    width = d.between(1, 12)
    width = d.between(17, 40) if d.chance(d.wild) else width
    frac = d.between(-2, width + 1)
    trace = d.given(empiric.Params, "trace", Format(False, width, frac))
    trace = d.given(conductance_perturbation.Params, "trace", trace)
    # The mean, probability / (1 - decay), is a whole number of the trace's last bits.
    most = min(trace.high, int((1 - 2.0**-20) / (1 - decay) * 2.0**trace.frac))
    mean = d.raw(1, max(most, 1)) * trace.lsb
    return empiric.Params(mean * (1 - decay), decay, trace, factor)


def manner(d: Drawing, *, online: bool, steady: bool, frac: int) -> Manner:
    """Return how a population's neurons are perturbed.

    Parameters
    ----------
    online
        Whether weights are learned during trials.
    steady
        Whether noise may have no state.
    frac
        Fraction bits of the currents.
    """
    kind = "online" if online else d.one("weights", "node", "hybrid", "empiric")
    if kind == "empiric" and steady:
        kind = "node"
    size = d.one(1, 2, 3, 4, 7, 16, 64) * 2.0**-frac
    if kind in ("online", "empiric"):
        found = _accepted(lambda: _empiric(d, pole.FACTOR))
        given = {"probability": found.probability, "decay": found.decay, "trace": found.trace}
        return Manner(kind, {"weight": size, **given})
    distribution = d.one(*Distribution)
    if kind == "node":
        noises: list[Any] = [None, d.params(sparse.Params, probability=d.one(2.0**-31, 0.25, 1.0))]
        if not steady:
            noises.append(d.params(filtered.Params, noise=_scores(d)))
            noises.append(_accepted(lambda: _empiric(d, d.holder())))
        noise = d.one(*noises)
        variance = distribution.variance if noise is None else noise.variance(distribution)
        sigma = size * variance**0.5
        return Manner(kind, {"sigma": sigma, "distribution": distribution, "noise": noise})
    return Manner(kind, {"sigma": size * distribution.variance**0.5, "distribution": distribution})


def _scores(d: Drawing) -> Format:
    found = d.format(Formats(signed=True), d.between(0, 6))
    return d.given(filtered.Params, "noise", found._replace(frac=max(found.frac, 0)))


def _accepted(make: Any) -> Any:
    """Return what is made without an error, at last."""
    while True:
        try:
            return make()
        except ValueError:
            continue


def _rate(d: Drawing, change: int) -> float:
    """Return a learning rate for changes whose last bit is so many bits below that of weights."""
    return 2.0 ** (change + d.between(-5, 3)) * d.one(1.0, 1.0, 1.37)


def _summed(d: Drawing, weight: Format) -> dict[str, Any]:
    """Return the interval of a rule and what its changes are summed in."""
    interval = 1 << d.between(0, 16)
    if interval == 1 or d.chance(0.5):
        return {"interval": 1, "accumulator": None}
    return {"interval": interval, "accumulator": d.format(Formats(), weight.frac + 2)}


def perturbing(d: Drawing, weight: Format, how: Manner, *, fixed: bool) -> Any:
    """Return a rule of a population's manner, of weights of a format; perhaps none if `fixed`."""
    kinds = [how.kind] * 2 + ([] if how.kind == "online" else ["weights"]) + [None] * fixed
    kind = d.one(*kinds)
    if kind is None:
        return None
    factor = d.format(Formats(), weight.frac + 2)
    shared = {"eta": _rate(d, -weight.frac), "factor": factor}
    if kind == "online":
        shared["eta"] *= 2.0 ** d.between(0, 8)
        shared["eligibility"] = d.format(Formats(), how.given["trace"].frac)
        return d.params(d.one(*ONLINE).Params, interval=1, **shared, **how.given)
    shared |= _summed(d, weight)
    if kind == "weights":
        return _of_weights(d, weight, shared)
    if d.chance(0.6):
        shared["eligibility"] = d.format(Formats(), d.fine)
    return d.params(OF_NEURONS[kind].Params, **shared, **how.given)


def _of_weights(d: Drawing, weight: Format, shared: dict[str, Any]) -> Any:
    """Return a rule that perturbs weights one by one."""
    high = max(weight.high, 1)
    size = d.one(1, 2, max(high // 2, 1), high, 3 * high) * weight.lsb
    module = d.one(*OF_WEIGHTS)
    if module is finite_difference:
        return d.params(module.Params, sigma=size, distribution=Distribution.RADEMACHER, **shared)
    if module is multiplexed_perturbation:
        shared["codes"] = d.one("random", "walsh", "one_hot")
    distribution = d.one(*Distribution)
    if shared.get("codes", "random") != "random":
        distribution = Distribution.RADEMACHER
    sigma = size * distribution.variance**0.5
    return d.params(module.Params, sigma=sigma, distribution=distribution, **shared)


def _learning(d: Drawing, weight: Format) -> dict[str, Any]:
    """Return when a rule with a modulator learns."""
    if d.chance(0.5):
        return {"learns": "tick", "interval": 1, "accumulator": None}
    interval = 1 if d.chance(0.4) else 1 << d.between(0, 16)
    accumulator = d.format(Formats(), weight.frac + 2)
    return {"learns": "trial", "interval": interval, "accumulator": accumulator}


def _how(d: Drawing, learns: str) -> dict[str, Any]:
    """Return how weights learn from factor times eligibility."""
    if d.chance(0.4):
        return {"weight_decay": 0.0, "momentum": 0.0, "limit": "none"}
    return {"momentum": 0.0} if learns == "tick" else {}


def _shared(d: Drawing, weight: Format, third: Format) -> dict[str, Any]:
    factor = d.format(Formats(), weight.frac + d.fine)
    return {"eta": _rate(d, third.frac - factor.frac + factor.width // 2), "factor": factor}


def _surrogate(d: Drawing, excess: Format) -> dict[str, Any]:
    """Return a pseudo-derivative, of neurons whose distance from the threshold has a format."""
    kind = d.one("piecewise_linear", *KINDS)
    width = 2.0**-excess.frac * (1 << d.between(0, max(excess.width - 1, 1)))
    if kind in TABLED:
        frac = d.between(0, 7)
        psi = Format(kind == "multi_gaussian" or d.chance(0.2), frac + 1 + d.between(0, 3), frac)
        height = d.one(0.5, 1.0, 1.0, 0.3)
    else:
        psi = d.format(Formats(), d.between(0, 8))
        height = float(psi.to_float(max(d.raw(0, psi.high), 1)))
    given = {
        "psi": psi,
        "height": height,
        "width": width * d.one(1.0, 1.0, 0.7),
        "surrogate": kind,
        "boundaries": (),
        "levels": (),
    }
    if kind == "steps":
        count = d.between(1, 4)
        ends = sorted({float(d.random.random()) * 2 + 0.01 for _ in range(count)})
        levels = (1.0, *(d.one(0.5, -0.25, 1.0, 0.0) for _ in ends[1:]))
        given |= {"boundaries": tuple(ends), "levels": levels}
    return given


def _regularized(d: Drawing, ticks: int) -> dict[str, Any]:
    return {
        "total": d.format(Formats(), d.fine),
        "pull": d.format(Formats(), d.frac + 3),
        "regularization": 2.0 ** d.between(0, 9),
        "target_rate": d.one(0.0, 0.01, 0.5, 1.0),
        "trial_ticks": ticks,
        "interval": 1,
        "momentum": 0.0,
    }


def tracing(
    d: Drawing,
    module: Any,
    *,
    weight: Format,
    model: Any,
    excess: Format,
    third: Format,
    names: dict[str, str],
    ticks: int,
) -> Any:
    """Return a rule with eligibility traces.

    Parameters
    ----------
    module
        Of the catalog.
    model
        Parameters of the postsynaptic neurons.
    excess, third
        Formats of how far they are from their threshold, and of the modulator.
    names
        Populations that are third factors, by the rule's name for them.
    """
    given: dict[str, Any] = dict(names)
    if module is stdp or module is triplet_stdp:
        return _spiking(d, module, weight)
    given |= _shared(d, weight, third) | _learning(d, weight)
    if module is neuromodulated_stdp:
        return d.params(module.Params, **given, **_pairs(d), **_bounds(d, weight))
    given |= _how(d, given["learns"])
    if module is rflo:
        function = d.one("tanh", "sigmoid")
        if isinstance(model, rate.Params) and d.chance(0.7):
            given |= {"tau": model.tau, "tau_factor": model.factor}
            function = model.function
        psi = d.format(Formats(), d.between(2, 8))
        return d.params(module.Params, psi=psi, function=function, **given)
    if module in (delta_rule, adaptive_feedback, actor_critic):
        return d.params(module.Params, **given)
    given |= _surrogate(d, excess)
    if given["learns"] == "trial" and d.chance(0.5):
        given |= _regularized(d, ticks)
    if module is eprop:
        local = d.chance(0.5)
        given["filter_factor"] = d.holder()
        given["filter_decay"] = _fading(d, given["filter_factor"]) if local else 0.0
        if given["filter_decay"] > 0 or "total" in given:
            given["eligibility"] = d.format(Formats(), d.fine + 2)
        return d.params(module.Params, **given)
    given["eligibility"] = d.format(Formats(), d.fine + 2)
    if module is eprop_adaptive or isinstance(model, adaptive_lif.Params) or d.chance(0.3):
        given |= _adapting(d, model)
    return d.params(module.Params, **given)


def _fading(d: Drawing, factor: Format) -> float:
    return d.real(pole.fading("factor"), {"factor": factor})


def _adapting(d: Drawing, model: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"adaptation": d.format(Formats(signed=True), d.fine)}
    if isinstance(model, adaptive_lif.Params) and model.rho < 1 and d.chance(0.7):
        given |= {"rho": model.rho, "rho_factor": model.factor}
        given |= {"beta": model.beta, "beta_factor": model.gain}
        return given
    factor, gain = d.holder(), d.format(Formats(), d.between(0, 12))
    given |= {"rho": _fading(d, factor), "rho_factor": factor}
    given |= {"beta": float(gain.to_float(d.raw(0, gain.high))), "beta_factor": gain}
    return given


def _pairs(d: Drawing) -> dict[str, Any]:
    frac = d.between(0, 6)
    signed = d.chance(0.2)
    more = d.between(17, 40) if d.chance(d.wild) else d.between(0, 4)
    return {"trace": Format(signed, frac + 1 + signed + more, frac)}


def _bounds(d: Drawing, weight: Format) -> dict[str, Any]:
    low, high = d.raw(weight.low, weight.high), d.raw(weight.low, weight.high)
    ends = float(weight.to_float(min(low, high))), float(weight.to_float(max(low, high)))
    kind = d.one("none", "low", "high", "both")
    if kind == "both" and low == high:
        kind = "none"
    found = {"low": ends[0]} if kind in ("low", "both") else {}
    return found | ({"high": ends[1]} if kind in ("high", "both") else {})


def _spiking(d: Drawing, module: Any, weight: Format) -> Any:
    if module is stdp:
        return d.params(module.Params, **_pairs(d), **_bounds(d, weight))
    bound = Format(False, max(weight.width - weight.signed, 1), weight.frac)
    amplitude = d.format(Formats(), weight.frac)
    multiple = d.one(1.0, 2.0, 1.5, 1000.0)
    drive = d.format(Formats(), weight.frac)
    return d.params(
        module.Params, **_pairs(d), bound=bound, amplitude=amplitude, multiple=multiple, drive=drive
    )


def source(d: Drawing, *, spikes: bool) -> Source:
    """Return a source of spikes or of numbers."""
    return Source(BIT if spikes else d.format(Formats(), d.one(d.fine, d.frac)))
