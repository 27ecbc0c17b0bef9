"""Random networks whose rules trace eligibilities, with modulators, feedback and windows.

A network has a source of spikes, perhaps one of graded signals, and a source of one neuron that is
a global third factor; one or two hidden layers, a readout that is judged against a source of
targets, and a population of learning signals for each layer, behind random feedback or the
readout's own weights transposed.
"""

from __future__ import annotations

from typing import Any

from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import error, learning_signal
from goldenspike.golden.network import Network, Population, Projection, Source
from goldenspike.golden.neurons import adaptive_lif, adaptive_lif_yin, leaky_readout, lif, rate
from goldenspike.golden.rules import (
    adaptive_feedback,
    delta_rule,
    eprop,
    eprop_adaptive,
    neuromodulated_stdp,
    rflo,
    stdp,
    triplet_stdp,
)
from goldenspike.golden.rules.surrogate import KINDS
from goldenspike.sim.drawn import Drawn

GRADED = Format(True, 5, 2)
"""The format of graded inputs and targets."""


class DrawnTraces(Drawn):
    """Choices of a network whose rules trace eligibilities."""

    def spiking(self) -> Any:
        """Return a spiking neuron model's parameters."""
        return self.one(self.refractory, self.adaptive, self.adaptive)()

    def refractory(self) -> lif.Params:
        """Return a LIF neuron, perhaps with a refractory period."""
        return lif.Params(
            Format(True, self.between(6, 14), self.between(1, 4)),
            decay=self.one(0.5, 0.9, 1.0),
            threshold=self.one(1.0, 1.5),
            reset=self.one("subtract", "to_value"),
            refractory=self.one(0, 1, 3),
        )

    def adaptive(self) -> Any:
        """Return an adaptive LIF neuron, of either convention."""
        frac = self.between(2, 4)
        module: Any = self.one(adaptive_lif, adaptive_lif_yin)
        return module.Params(
            Format(True, frac + self.between(3, 8), frac),
            decay=self.one(0.5, 0.9),
            threshold=self.one(1.0, 1.5),
            rho=self.one(0.5, 0.96875),
            beta=self.one(0.25, 1.5),
            adaptation=Format(False, self.between(4, 8), self.between(2, 5)),
            gain=Format(False, 4, 2),
            refractory=self.one(0, 0, 2),
        )

    def rates(self) -> rate.Params:
        """Return a rate unit."""
        frac = self.between(3, 7)
        return rate.Params(Format(True, frac + 1, frac), tau=self.one(1.0, 2.0, 5.0))

    def shared(self, modulator: str) -> dict[str, Any]:
        """Return what every rule with a third factor is told."""
        return {
            "modulator": modulator,
            "eta": 2.0 ** self.between(-4, 3),
            "factor": Format(True, self.between(6, 14), self.between(2, 8)),
            "rounding": self.one(*Rounding),
            "overflow": self.one(0, 0, 1),
        }

    def learning(self) -> dict[str, Any]:
        """Return when and how weights learn."""
        if self.one(True, False):
            return {
                "weight_decay": self.one(0.0, 0.0, 0.25),
                "limit": self.one("none", "none", "one_lsb"),
            }
        return {
            "learns": "trial",
            "interval": self.one(1, 1, 2),
            "accumulator": Format(True, self.between(6, 16), self.between(2, 8)),
            "momentum": self.one(0.0, 0.0, 0.5),
        }

    def trace(self) -> dict[str, Any]:
        """Return the filter of a presynaptic signal."""
        return {
            "trace": Format(self.one(True, False), self.between(4, 9), self.between(1, 5)),
            "trace_decay": self.one(0.0, 0.5, 0.875),
            "gain": self.one("one", "complement"),
        }

    def pairs(self) -> dict[str, Any]:
        """Return what rules are told that learn from pairs of spikes."""
        return {
            "trace": Format(False, self.between(3, 8), self.between(0, 2)),
            "pre_decay": self.one(0.0, 0.5, 0.875),
            "post_decay": self.one(0.0, 0.5, 0.875),
            "amplitude": Format(False, 6, 4),
            "plus": self.one(0.25, 1.5),
            "minus": self.one(0.5, 2.0),
            "coincident": self.one(True, False),
        }

    def stdp(self, weight: Format) -> stdp.Params:
        """Return pair STDP."""
        ends = float(weight.to_float(weight.low // 2)), float(weight.to_float(weight.high // 2))
        bounds = self.one({}, {"low": ends[0]}, dict(zip(("low", "high"), ends, strict=True)))
        return stdp.Params(rounding=self.one(*Rounding), **self.pairs(), **bounds)

    def neuromodulated(self, modulator: str) -> neuromodulated_stdp.Params:
        """Return neuromodulated STDP."""
        return neuromodulated_stdp.Params(
            eligibility=Format(True, self.between(4, 12), self.between(0, 5)),
            eligibility_decay=self.one(0.0, 0.5, 0.875),
            coefficients=self.one("shared", "synapse"),
            **self.pairs(),
            **self.shared(modulator),
        )

    def triplet(self, weight: Format) -> triplet_stdp.Params:
        """Return triplet STDP."""
        decays = {name: self.one(0.0, 0.5, 0.875) for name in ("r1", "r2", "o1", "o2")}
        return triplet_stdp.Params(
            trace=Format(False, self.between(3, 8), self.between(0, 2)),
            amplitude=Format(False, 6, 4),
            plus2=self.one(0.0, 0.25, 1.5),
            minus2=self.one(0.25, 1.0),
            plus3=self.one(0.0, 0.5),
            minus3=self.one(0.0, 0.5),
            drive=Format(False, self.between(4, 8), self.between(2, 4)),
            multiple=self.one(1.0, 2.0),
            bound=Format(False, weight.width - weight.signed, weight.frac),
            rounding=self.one(*Rounding),
            **{f"{name}_decay": value for name, value in decays.items()},
        )

    def surrogate(self) -> dict[str, Any]:
        """Return a pseudo-derivative."""
        kind = self.one("piecewise_linear", "piecewise_linear", *KINDS)
        frac = self.between(2, 6)
        given = {
            "psi": Format(kind in ("multi_gaussian", "steps"), frac + self.between(1, 3), frac),
            "height": self.one(0.5, 1.0),
            "width": self.one(1.0, 1.5),
            "surrogate": kind,
        }
        if kind == "steps":
            given |= {"boundaries": (0.25, 1.5), "levels": (1.0, self.one(0.5, -0.25))}
        return given

    def regularized(self, ticks: int) -> dict[str, Any]:
        """Return a pull to a rate."""
        return {
            "total": Format(True, self.between(5, 14), self.between(1, 5)),
            "pull": Format(True, self.between(4, 12), self.between(3, 8)),
            "regularization": self.one(10.0, 300.0),
            "target_rate": self.one(0.01, 0.5),
            "trial_ticks": ticks,
        }

    def filtered(self) -> dict[str, Any]:
        """Return whether eligibilities are filtered, as the readout does."""
        decay = self.one(0.0, 0.0, 0.5, 0.875)
        fmt = Format(True, self.between(4, 12), self.between(1, 6))
        return {"filter_decay": decay, "eligibility": fmt} if decay else {}

    def eprop(self, model: Any, modulator: str, ticks: int) -> Any:
        """Return e-prop for a neuron model."""
        given = {**self.shared(modulator), **self.learning(), **self.trace(), **self.surrogate()}
        given |= self.filtered()
        if given.get("learns") == "trial" and self.one(True, False):
            given |= self.regularized(ticks) | {"interval": 1, "momentum": 0.0}
            given["eligibility"] = Format(True, self.between(4, 12), self.between(1, 6))
        if isinstance(model, adaptive_lif.Params) and self.one(True, False):
            given["eligibility"] = Format(True, self.between(4, 12), self.between(1, 6))
            adaptation = Format(True, self.between(5, 12), self.between(1, 5))
            return eprop_adaptive.Params(
                rho=model.rho, beta=model.beta, adaptation=adaptation, **given
            )
        return eprop.Params(**given)

    def rule(self, weight: Format, model: Any, modulator: str, ticks: int) -> Any:
        """Return a rule that a neuron model can learn by, or none."""
        if isinstance(model, rate.Params):
            return self.one(
                lambda: None,
                lambda: rflo.Params(
                    tau=model.tau,
                    psi=Format(False, 6, 5),
                    eligibility=Format(True, self.between(4, 12), self.between(1, 6)),
                    **self.shared(modulator),
                    **self.learning(),
                ),
            )()
        return self.one(
            lambda: None,
            lambda: self.stdp(weight),
            lambda: self.neuromodulated(self.one(modulator, "reward")),
            lambda: self.triplet(weight),
            lambda: self.eprop(model, modulator, ticks),
            lambda: self.eprop(model, modulator, ticks),
            lambda: self.eprop(model, modulator, ticks),
        )()


def traced_network(seed: int) -> Network:
    """Return a network whose rules trace eligibilities."""
    d = DrawnTraces(seed)
    ticks = d.between(3, 9)
    spikes = Population("spikes", d.one(1, 5, 33), Source())
    reward = Population("reward", 1, Source(GRADED))
    outputs = d.one(1, 2, 5)
    targets = Population("targets", outputs, Source(GRADED))
    populations, projections = [spikes, reward, targets], []
    before, layers = spikes, []
    for k in range(d.between(1, 2)):
        graded = d.one(True, False, False)
        model = d.rates() if graded else d.spiking()
        layer = Population(f"layer_{k}", d.one(1, 4, 9), model)
        pairs = [(before, d.one(0, 0, 1, 2))]
        if d.one(True, False):
            pairs.append((layer, d.one(1, 1, 2)))
        for pre, delay in pairs:
            spiking = pre is spikes or not isinstance(pre.model, rate.Params)
            weight = d.weight()
            rule = d.rule(weight, model, f"signal_{k}", ticks)
            pairwise = stdp.Params, neuromodulated_stdp.Params, triplet_stdp.Params
            if isinstance(rule, pairwise) and not spiking:
                rule = None
            itself = pre is not layer or d.one(True, False)
            given = {"rule": rule, "self_connections": itself}
            projections.append(Projection(pre.name, layer.name, weight, delay, **given))
        populations.append(layer)
        layers.append(layer)
        before = layer
    output = leaky_readout.Params(Format(True, 9, 3), d.one(0.5, 0.9))
    readout = Population("readout", outputs, output)
    weight = d.weight()
    own = delta_rule.Params(**d.shared("errors"), **d.learning(), **d.trace())
    projections.append(Projection(before.name, "readout", weight, d.one(0, 0, 1), rule=own))
    errors = error.Params(
        output=Format(True, d.between(5, 9), d.between(1, 3)),
        signal="readout",
        target="targets",
        function=d.one("identity", "hard_sigmoid"),
        window=d.one(0, 0, 1, 3),
    )
    populations += [readout, Population("errors", outputs, errors)]
    for k, layer in enumerate(layers):
        fmt = Format(True, d.between(5, 10), d.between(1, 4))
        learns = layer is layers[-1] and d.one(True, False)
        if learns:
            signal: Any = learning_signal.Params(fmt, activity=layer.name)
        else:
            signal = leaky_readout.Params(fmt)
        populations.append(Population(f"signal_{k}", layer.size, signal))
        mirror = layer is before and not learns and d.one(True, False)
        feedback = None
        if learns and d.one(True, True, False):
            feedback = adaptive_feedback.Params(
                **{name: value for name, value in d.shared("").items() if name != "modulator"},
                **d.trace(),
            )
        projections.append(
            Projection(
                "errors",
                f"signal_{k}",
                weight if mirror else d.weight(),
                rule=feedback,
                mirror=f"{before.name}_to_readout" if mirror else None,
            )
        )
    return Network(
        ticks, tuple(d.shuffled(populations)), tuple(d.shuffled(projections)), readout="readout"
    )
