"""What rules with eligibility traces share: the parts that they are put together of.

    pre      presynaptic signal -> traces of the presynaptic neuron        every tick
    post     what the neuron model gives -> traces of the postsynaptic neuron
    factor   third factor, and outputs of post -> one factor a postsynaptic neuron
    synapse  outputs of pre and post -> eligibility of the synapse
    update   factor times eligibility -> weight, every tick or at the end of the trial

Each part is a cell; they are wired by the names of their fields. The third factor is the signal of
a population, the `modulator`, and by default the factor is

    factor = requantize(eta * modulator)                    every tick and postsynaptic neuron

Source: Gerstner et al., Front Neural Circuits 12:53 (2018), on three-factor rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from goldenspike.golden.cell import Cell, Nothing, Ports, cell
from goldenspike.golden.domains import OneOf, Other
from goldenspike.golden.fixed import Format
from goldenspike.golden.rules import three_factor
from goldenspike.golden.rules.three_factor import FactorOutputs, RuleParams, UpdateParams


class Part(NamedTuple):
    """A cell with its constants, and those of the float64 model."""

    cell: Cell
    constants: Any
    ideal: Any

    @property
    def state(self) -> dict[str, Format]:
        """The formats of the state, by field."""
        return getattr(self.cell.ports(self.constants).state, "_asdict", dict)()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return getattr(self.cell.ports(self.constants).inputs, "_fields", ())

    @property
    def outputs(self) -> dict[str, Format]:
        """The formats of the outputs, by field."""
        return getattr(self.cell.ports(self.constants).outputs, "_asdict", dict)()


@dataclass(frozen=True, kw_only=True)
class TickParams(UpdateParams):
    """What every rule is told that has no third factor and learns in every tick."""

    @property
    def learns(self) -> str:
        """Weights learn in every tick."""
        return "tick"

    @property
    def interval(self) -> int:
        """Trials between two updates."""
        return 1

    @property
    def summed(self) -> bool:
        """Whether changes are summed before weights learn them."""
        return False


@dataclass(frozen=True, kw_only=True)
class TracedParams(RuleParams):
    """What every rule with eligibility traces is told, but for where its third factor is from.

    Parameters
    ----------
    learns
        ``"tick"``: weights learn in every tick; ``"trial"``: the changes of a trial are summed in
        `accumulator` and learned in its last tick, or in that of every `interval`-th trial.
    """

    learns: Annotated[str, OneOf(("tick", "trial"))] = "tick"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.learns == "tick" and self.interval > 1:
            raise ValueError(
                f"Interval must be 1 for a rule that learns every tick, not {self.interval}"
            )

    @property
    def summed(self) -> bool:
        """Whether changes are summed before weights learn them."""
        return self.learns == "trial"

    @property
    def learning(self) -> str:
        """When weights learn, in words."""
        return f"a rule that learns every {self.learns}"


@dataclass(frozen=True, kw_only=True)
class EligibilityParams(TracedParams):
    """What every rule with eligibility traces and a modulator is told.

    Parameters
    ----------
    modulator
        Population whose signal is the third factor: of one neuron, which counts for all synapses,
        or of one for each postsynaptic neuron.
    """

    modulator: Other

    def modulated(self, modulator: Format) -> Part:
        """Return the factor that is the rate times the modulator's signal."""
        constants = three_factor.factor_constants(self.eta, modulator, self.factor)
        return Part(MODULATE, constants, constants._replace(rate=float(self.eta)))


class ModulateInputs(NamedTuple):
    modulator: Any


@cell
def modulate(c: Any, s: Any, x: Any) -> Any:
    """Make the factor of one postsynaptic neuron and tick."""
    return three_factor.scale(c, s, three_factor.FactorInputs(x.modulator))


MODULATE = Cell(
    "rules.eligibility.modulate",
    modulate,
    lambda c: Ports(Nothing(), ModulateInputs(c.reward), FactorOutputs(c.factor)),
)
