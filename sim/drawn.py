"""Random descriptions of models: what random cases are put together of.

All formats are narrow, so that their ends are reached, and so that every draw is a network that
can be planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.modulators import paired, running_mean, two_sided
from goldenspike.golden.neurons import conductance_lif, leaky_readout, lif, rate
from goldenspike.golden.noise import empiric, filtered, sparse
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

DETERMINISTIC = (Rounding.FLOOR, Rounding.HALF_EVEN, Rounding.TOWARD_ZERO)
ONLINE = (online_conductance_perturbation, delayed_conductance_perturbation)
"""Rules that learn during trials."""
LEAST_FRAC = 2
"""Fraction bits that weights have at least, and so all currents."""


class Drawn:
    """Choices of one case."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def one(self, *options: Any) -> Any:
        """Return one of some options."""
        return options[self.random.integers(len(options))]

    def between(self, low: int, high: int) -> int:
        """Return an integer of a range, its ends included."""
        return int(self.random.integers(low, high, endpoint=True))

    def shuffled(self, things: list[Any]) -> list[Any]:
        """Return things in a random order."""
        return [things[k] for k in self.random.permutation(len(things))]

    def weight(self) -> Format:
        """Return a format of weights."""
        return Format(
            self.one(True, True, True, False), self.between(4, 12), self.between(LEAST_FRAC, 5)
        )

    def neurons(self) -> Any:
        """Return a neuron model's parameters."""
        return self.one(self._lif, self._lif, self._readout, self._rate, self._conductances)()

    def _linear(self) -> dict[str, Any]:
        decay = self.one(0.0, 0.5, 0.9, 1.0)
        return {
            "decay": decay,
            "drive": self.one("one", "complement") if decay < 1 else "one",  # of 0 nothing learns
            "rounding": self.one(*DETERMINISTIC),
            "overflow": self.one(*Overflow),
        }

    def _lif(self) -> lif.Params:
        return lif.Params(
            Format(True, self.between(6, 16), self.between(1, 4)),
            threshold=self.one(1.0, 1.5),
            reset=self.one("subtract", "to_value"),
            reset_value=self.one(0.0, -1.0),
            compare=self.one(">=", ">"),
            **self._linear(),
        )

    def _readout(self) -> leaky_readout.Params:
        fmt = Format(True, self.between(6, 16), self.between(1, 4))
        return leaky_readout.Params(fmt, bias=self.one(0.0, 0.5), **self._linear())

    def _rate(self) -> rate.Params:
        frac = self.between(2, 7)
        function = self.one("tanh", "sigmoid")
        signed = function == "tanh"
        return rate.Params(
            Format(signed, frac + signed + self.between(-1, 1), frac),
            function,
            tau=self.one(1.0, 2.0, 5.0),
            rounding=self.one(*DETERMINISTIC),
            overflow=self.one(*Overflow),
        )

    def _conductances(self) -> conductance_lif.Params:
        frac, width = self.between(3, 8), self.between(3, 12)
        return conductance_lif.Params(
            Format(True, frac + self.between(3, 5), frac),
            leak=self.one(0.0, 0.125, 0.3),
            rest=self.one(0.0, 0.5),
            excitatory_reversal=3.5,
            inhibitory_reversal=self.one(-1.0, -3.5),
            threshold=self.one(1.0, 1.5),
            reset=self.one(0.5, -1.0),
            conductance=Format(False, width, width + 2),  # Two of them and the leak are below 1.
            rounding=self.one(*DETERMINISTIC),
            overflow=self.one(*Overflow),
        )

    def synapse(self, signal: Format) -> Any:
        """Return a synapse model's parameters for a presynaptic signal, or None."""
        spikes = (self._dynamic,) if signal == BIT else ()
        return self.one(lambda: None, lambda: None, self._exponential, *spikes)()

    def _exponential(self) -> exponential.Params:
        trace = Format(self.one(True, False), self.between(3, 8), self.between(0, 4))
        return exponential.Params(self.one(0.0, 0.5, 0.875, 1.0), trace)

    def _dynamic(self) -> dynamic.Params:
        width = self.between(3, 8)
        return dynamic.Params(
            self.one(0.25, 0.5, 1.0),
            self.one(0.0, 0.5, 1.0),
            self.one(0.0, 0.875, 1.0),
            trace=Format(False, width, width),
            factor=Format(False, 9, 8),
        )

    def baseline(self, *, online: bool) -> Any:
        """Return a baseline's parameters."""
        mean = running_mean.Params(self.one(0.125, 0.5), self.one(1, 1, 2, 3))
        return mean if online else self.one(paired.Params(), two_sided.Params(), mean)

    def manner(self, *, online: bool, steady: bool) -> dict[str, Any]:
        """Return how a population's neurons are perturbed, on which all of its rules must agree.

        Parameters
        ----------
        online
            Whether weights are learned during trials.
        steady
            Whether noise may have no state.
        """
        kind = "empiric" if online else self.one("weights", "node", "hybrid", "empiric")
        if kind == "empiric" and (online or not steady):
            empirical = self._empiric()
            return {
                "kind": "online" if online else "empiric",
                "weight": self.one(1, 4, 16) * 2.0**-LEAST_FRAC,
                "probability": empirical.probability,
                "decay": empirical.decay,
                "trace": empirical.trace,
            }
        distribution = self.one(*Distribution)
        if kind in ("node", "empiric"):
            noises = [None, sparse.Params(self.one(0.25, 1.0))]
            noises += [] if steady else [self._filtered(), self._empiric()]
            noise = self.one(*noises)
            variance = distribution.variance if noise is None else noise.variance(distribution)
            sigma = self.one(1, 4, 16) * 2.0**-LEAST_FRAC * variance**0.5
            shared = {"sigma": sigma, "distribution": distribution, "noise": noise}
            return {"kind": "node", **shared}
        sigma = self.one(1, 2, 8) * 2.0**-LEAST_FRAC * distribution.variance**0.5
        return {"kind": kind, "sigma": sigma, "distribution": distribution}

    def _empiric(self) -> empiric.Params:
        frac = self.between(2, 4)  # The mean is a quarter to 2.
        trace = Format(False, frac + self.between(2, 4), frac)
        return empiric.Params(self.one(0.25, 0.5), self.one(0.0, 0.5, 0.75), trace)

    def _filtered(self) -> filtered.Params:
        trace = Format(True, self.between(4, 10), self.between(0, 4))
        return filtered.Params(self.one(0.0, 0.5, 0.875), trace)

    def rule(self, weight: Format, manner: dict[str, Any], *, fixed: bool) -> Any:
        """Return a learning rule of a population's manner, of the weights', or none if `fixed`."""
        shared: dict[str, Any] = {
            "eta": 2.0 ** self.between(-10, 4),
            "factor": Format(True, self.between(6, 20), self.between(2, 14)),
            "rounding": self.one(*Rounding),
            "overflow": self.one(*Overflow),
        }
        kinds = [manner["kind"]] * 2
        kinds += [] if manner["kind"] == "online" else ["weights"]
        kinds += [None] if fixed else []
        kind = self.one(*kinds)
        own = {key: value for key, value in manner.items() if key != "kind"}
        if kind is None:
            return None
        if kind == "online":
            return self._online(shared | own)
        interval = self.one(1, 1, 2, 4)
        if interval > 1:
            fmt = Format(True, self.between(6, 16), self.between(2, 10))
            shared |= {"interval": interval, "accumulator": fmt}
        if kind == "weights":
            return self._weights(weight, shared)
        shared["eligibility"] = self.one(None, Format(True, 4, 0), Format(True, 9, 2))
        modules = {
            "node": node_perturbation,
            "hybrid": hybrid_perturbation,
            "empiric": conductance_perturbation,
        }
        return modules[kind].Params(**shared, **own)

    def _online(self, shared: dict[str, Any]) -> Any:
        return self.one(*ONLINE).Params(
            eligibility=Format(True, self.between(4, 12), self.between(0, 5)),
            eligibility_decay=self.one(0.0, 0.5, 0.875),
            **shared,
        )

    def _weights(self, weight: Format, shared: dict[str, Any]) -> Any:
        """Return a rule that perturbs weights one by one."""
        distribution = self.one(*Distribution)
        amplitudes: Sequence[int] = (1, 2, weight.high // 2, weight.high)
        size = self.one(*amplitudes) * 2.0**-weight.frac
        spread = {"distribution": distribution, "sigma": size * distribution.variance**0.5}
        coded = {"sigma": size}
        return self.one(
            lambda: weight_perturbation.Params(**shared, **spread),
            lambda: weight_perturbation_0.Params(**shared, **spread),
            lambda: finite_difference.Params(**shared, **coded),
            lambda: multiplexed_perturbation.Params(
                **shared, **coded, codes=self.one("walsh", "one_hot")
            ),
            lambda: multiplexed_perturbation.Params(**shared, **spread, codes="random"),
        )()
