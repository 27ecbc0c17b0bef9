"""Every twin there is, by the name of its cell."""

from typing import Any

from goldenspike.golden.cell import Cell
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import Requantize
from goldenspike.hdl.modulators.count_error import CountError
from goldenspike.hdl.modulators.paired import Paired
from goldenspike.hdl.modulators.running_mean import RunningMean
from goldenspike.hdl.modulators.squared_error import SquaredError
from goldenspike.hdl.neurons.leaky_readout import LeakyReadout
from goldenspike.hdl.neurons.lif import LIF
from goldenspike.hdl.randomness import Rounds, Schedule, Start, Variate
from goldenspike.hdl.rules.node_perturbation import Eligibility
from goldenspike.hdl.rules.three_factor import Perturb, Scale, Update
from goldenspike.hdl.synapses.delta import Delta

TWINS: dict[str, type[Twin]] = {
    kind.cell.name: kind
    for kind in (
        Requantize,
        Schedule,
        Start,
        Rounds,
        Variate,
        LIF,
        LeakyReadout,
        Delta,
        Eligibility,
        Perturb,
        Scale,
        Update,
        CountError,
        SquaredError,
        Paired,
        RunningMean,
    )
}


def twin(cell: Cell, constants: Any) -> Twin:
    """Return the twin of a cell."""
    return TWINS[cell.name](constants)
