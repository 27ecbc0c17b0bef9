"""Pseudo-derivatives: how much a neuron would rather have spiked, had it been pushed a little.

    u   = |excess| / width                          every tick and postsynaptic neuron
    psi = blocked ? 0 : requantize(height * g(u))

excess is the potential minus the threshold, and g, by the name of `surrogate`,

    piecewise_linear    max(0, 1 - u)
    exponential         exp(-u)
    fast_sigmoid        1 / (1 + u)**2
    arctan              1 / (1 + u**2)
    multi_gaussian      p(u) / p(0), p(u) = 1.15 N(u; 0, 1/2) - 0.15 (N(u; 1/2, 3) + N(u; -1/2, 3))
    steps               levels[k] of the first k for which u < boundaries[k], else 0

N(u; mu, sigma) being the normal density. psi is within one LSB of that, and steps are where they
are exactly: excess is first rounded to the bits that count, the smooth ones are tables of straight
lines. For the paper's piecewise linear one, height is its gamma over the threshold, and width the
threshold. With regularisation, a neuron also counts its spikes, and pulls its weights to a rate:

    spikes' = spikes + signal                       from 0 at the start of a trial
    pull    = requantize(-eta * regularization / ticks * (spikes' / ticks - target_rate))

Sources: Bellec et al., Nature Communications 11:3625 (2020), piecewise linear, regularisation;
Shrestha, Orchard, NeurIPS 2018, exponential; Zenke, Ganguli, Neural Comput 30:1514 (2018), fast
sigmoid; Fang et al., ICCV 2021, arctan; Yin, Corradi, Bohte, Nature Machine Intelligence 3:905
(2021), multi-Gaussian; Frenkel, Indiveri, "ReckOn", ISSCC 2022, steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Annotated

from goldenspike.golden.domains import LIMIT, Between, OneOf, Positive, Whole
from goldenspike.golden.fixed import Format
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.rules import psi
from goldenspike.golden.rules.eligibility import Part
from goldenspike.golden.rules.psi import LinearConstants, StepConstants
from goldenspike.golden.table import Function, Table, tabulate

TABLED = {
    "exponential": Function.EXPONENTIAL,
    "fast_sigmoid": Function.FAST_SIGMOID,
    "arctan": Function.ARCTAN,
    "multi_gaussian": Function.MULTI_GAUSSIAN,
}
"""The surrogates that are tables."""
KINDS = ("piecewise_linear", *TABLED, "steps")
REGULARIZED = ("total", "pull", "regularization", "target_rate", "trial_ticks")
"""What is given all together or not at all."""


@dataclass(frozen=True, kw_only=True)
class SurrogateParams(Parameters):
    """What rules are told about pseudo-derivatives, and about a pull to a rate.

    Parameters
    ----------
    psi
        Format of the pseudo-derivative; signed for ``"multi_gaussian"``.
    height
        Of the pseudo-derivative at the threshold; of ``"steps"``, that of a level of 1.
    width
        Unit of the distance from the threshold, usually the threshold itself: at which the
        piecewise linear one is 0.
    surrogate
        ``"piecewise_linear"``, ``"exponential"``, ``"fast_sigmoid"``, ``"arctan"``,
        ``"multi_gaussian"`` or ``"steps"``.
    boundaries, levels
        Of ``"steps"``: where they end, ascending, and what g is before; as many of the one as of
        the other.
    total
        Format of the sum of a synapse's eligibilities over a trial. With this and what follows,
        which is given all together, firing rates are regularised.
    pull
        Format of the pull, in weight units per unit of that sum.
    regularization
        Strength of the pull, above 0: the paper's c_reg.
    target_rate
        Spikes a tick that neurons are pulled to, 0 to 1.
    trial_ticks
        Ticks of a trial, which are the network's.
    """

    psi: Format
    height: Positive
    width: Positive
    surrogate: Annotated[str, OneOf(KINDS)] = "piecewise_linear"
    boundaries: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()
    total: Format | None = None
    pull: Format | None = None
    regularization: Annotated[float | None, Between(0, above=True)] = None
    target_rate: Annotated[float | None, Between(0, 1)] = None
    trial_ticks: Annotated[int | None, Whole(1, LIMIT - 1)] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_steps()
        self._check_psi()
        self._check_regularization()

    def _check_regularization(self) -> None:
        given = [name for name in REGULARIZED if getattr(self, name) is not None]
        if given and len(given) < len(REGULARIZED):
            missing = next(name for name in REGULARIZED if name not in given)
            raise ValueError(
                f"Regularisation must have all of {', '.join(REGULARIZED)}, not no {missing}"
            )

    def _check_steps(self) -> None:
        if self.surrogate != "steps":
            for noun, given in (("Boundaries", self.boundaries), ("Levels", self.levels)):
                if given:
                    raise ValueError(f"{noun} must be left out for {self.surrogate}, not {given!r}")
            return
        ascending = all(a < b for a, b in pairwise((0.0, *self.boundaries, math.inf)))
        if not self.boundaries or not ascending:
            raise ValueError(f"Boundaries must ascend from above 0, not {self.boundaries!r}")
        if len(self.levels) != len(self.boundaries):
            raise ValueError(
                f"Levels must be {len(self.boundaries)}, as boundaries are, not {self.levels!r}"
            )

    def _check_psi(self) -> None:
        """Check that psi holds the surrogate: shows it, and does not cut it off."""
        if self.surrogate == "multi_gaussian" and not self.psi.signed:
            raise ValueError(f"Psi must be signed for multi_gaussian, not {self.psi}")
        levels = self.levels if self.surrogate == "steps" else (1.0,)
        values = [self.height * float(level) for level in levels]
        raws = [round(value * 2.0**self.psi.frac) for value in values]
        if not any(raws) or not self.psi.low <= min(raws) <= max(raws) <= self.psi.high + 1:
            ends = f"{min(values)!r} to {max(values)!r}" if len(values) > 1 else f"{values[0]!r}"
            raise ValueError(f"Psi must be a format that holds the height {ends}, not {self.psi}")
        if self.surrogate in TABLED:
            self._table()

    def _table(self) -> Table:
        """Return the table of psi, within half an LSB."""
        try:
            kind = TABLED[self.surrogate]
            return tabulate(kind, self.height, 1 / self.width, self.psi.frac + 1)[0]
        except ValueError as error:
            raise ValueError(
                f"Psi must be a coarser format for {self.surrogate}, not {self.psi}: {error}"
            ) from None

    def surrogate_part(self, outputs: dict[str, Format], eta: float) -> Part:
        """Return the pseudo-derivative of a neuron with such outputs, and its pull if it has one.

        Parameters
        ----------
        outputs
            Of the neuron model: `excess`, `blocked` and, for a pull, `signal`.
        eta
            Learning rate of the pull.

        Raises
        ------
        KeyError
            Naming the output that there is none of.
        ValueError
            If the pull's format does not show what a spike changes.
        """
        excess, _ = outputs["excess"], outputs["blocked"]
        if self.surrogate == "piecewise_linear":
            c, real, cells = *self._linear(excess), (psi.LINEAR, psi.LINEAR_PULL)
        elif self.surrogate == "steps":
            c, real, cells = *self._stepped(excess), (psi.STEPPED, psi.STEPPED_PULL)
        else:
            c = psi.TableConstants(excess, self.psi, self._table())
            real, cells = c, (psi.TABLE, psi.TABLE_PULL)
        if self.pull is None or self.trial_ticks is None:
            return Part(cells[0], c, real)
        _ = outputs["signal"]
        assert self.regularization is not None
        assert self.target_rate is not None
        offset = eta * self.regularization / self.trial_ticks * self.target_rate
        rate = eta * self.regularization / self.trial_ticks**2
        pull = psi.pull_constants(rate, offset, self.trial_ticks, self.pull)
        ideal = pull.ideal(rate, offset)
        return Part(cells[1], psi.BothConstants(c, pull), psi.BothConstants(real, ideal))

    def _linear(self, excess: Format) -> tuple[LinearConstants, LinearConstants]:
        steepest, end = self.height / self.width, self.width
        precise = self.psi.frac + psi.GUARD_BITS
        argument_frac = min(precise + math.ceil(math.log2(steepest)), excess.frac)
        slope_frac = max(precise + math.ceil(math.log2(end)), precise - argument_frac)
        farthest = math.ceil(Fraction(end) * Fraction(2) ** argument_frac)
        c = LinearConstants(
            excess,
            self.psi,
            Format.holding(0, farthest, argument_frac),
            argument_frac + slope_frac,
            round(Fraction(self.height) * Fraction(2) ** (argument_frac + slope_frac)),
            round(Fraction(steepest) * Fraction(2) ** slope_frac),
        )
        return c, c._replace(height=self.height, slope=steepest)

    def _stepped(self, excess: Format) -> tuple[StepConstants, StepConstants]:
        ends = [boundary * self.width for boundary in reversed(self.boundaries)]
        values = [self.height * level for level in reversed(self.levels)]
        raw_ends = [math.ceil(Fraction(end) * Fraction(2) ** excess.frac) for end in ends]
        raw_values = [self.psi.nearest(value) for value in values]
        c = StepConstants(excess, self.psi, tuple(raw_ends), tuple(raw_values))
        return c, c._replace(ends=tuple(ends), values=tuple(values))
