"""Every twin there is, by the name of its cell."""

from typing import Any

from goldenspike.golden.cell import Cell
from goldenspike.golden.parameters import nearest_word
from goldenspike.hdl.cell import Twin
from goldenspike.hdl.fixed import Requantize
from goldenspike.hdl.modulators.count_error import CountError
from goldenspike.hdl.modulators.error import Error
from goldenspike.hdl.modulators.exponential_unit import ExponentialUnit
from goldenspike.hdl.modulators.gate import Gate
from goldenspike.hdl.modulators.learning_signal import LearningSignal
from goldenspike.hdl.modulators.match import Match
from goldenspike.hdl.modulators.paired import Paired
from goldenspike.hdl.modulators.running_mean import RunningMean
from goldenspike.hdl.modulators.sign import Sign
from goldenspike.hdl.modulators.softmax_choice import SoftmaxChoice
from goldenspike.hdl.modulators.softmax_error import SoftmaxError
from goldenspike.hdl.modulators.squared_error import SquaredError
from goldenspike.hdl.modulators.td_error import TDError
from goldenspike.hdl.modulators.two_sided import TwoSided
from goldenspike.hdl.neurons.adaptive_lif import AdaptiveLIF
from goldenspike.hdl.neurons.adaptive_lif_yin import AdaptiveLIFYin
from goldenspike.hdl.neurons.conductance_lif import ConductanceLIF
from goldenspike.hdl.neurons.leaky_readout import LeakyReadout
from goldenspike.hdl.neurons.lif import LIF
from goldenspike.hdl.neurons.rate import Rate
from goldenspike.hdl.noise.empiric import Empiric
from goldenspike.hdl.noise.filtered import Filtered
from goldenspike.hdl.noise.sparse import Sparse
from goldenspike.hdl.pole import Pole
from goldenspike.hdl.randomness import AddWords, Rounds, Schedule, Start, Variate
from goldenspike.hdl.rules.bounded import BoundedAccumulate, BoundedUpdate
from goldenspike.hdl.rules.codes import OneHot, Walsh
from goldenspike.hdl.rules.credit import (
    AdaptedCredit,
    AdaptedFilteredCredit,
    FilteredCredit,
    InstantCredit,
    Teach,
    TraceCredit,
)
from goldenspike.hdl.rules.delayed_conductance_perturbation import DelayedEligibility
from goldenspike.hdl.rules.descent import Descend, DescendSlope, Err
from goldenspike.hdl.rules.eligibility import Modulate
from goldenspike.hdl.rules.learning import (
    Gather,
    LearningAccumulate,
    LearningUpdate,
    Regulate,
)
from goldenspike.hdl.rules.local_gradient import (
    AdaptedFilteredGradient,
    AdaptedGradient,
    FilteredGradient,
    InstantGradient,
)
from goldenspike.hdl.rules.neuromodulated_stdp import OwnPairEligibility, PairEligibility
from goldenspike.hdl.rules.node_perturbation import Eligibility
from goldenspike.hdl.rules.online_conductance_perturbation import OnlineEligibility
from goldenspike.hdl.rules.psi import (
    Linear,
    LinearPull,
    Stepped,
    SteppedPull,
    Tabled,
    TabledPull,
)
from goldenspike.hdl.rules.rflo import PassSignal, Slope
from goldenspike.hdl.rules.spike_trace import PostTrace, PreTrace
from goldenspike.hdl.rules.stdp import PairUpdate
from goldenspike.hdl.rules.three_factor import Accumulate, Perturb, Scale, Update
from goldenspike.hdl.rules.trace import ActiveTrace, EligibleTrace, Traced
from goldenspike.hdl.rules.triplet_stdp import TripletPost, TripletPre, TripletUpdate
from goldenspike.hdl.rules.weight_perturbation_0 import ActiveOnly
from goldenspike.hdl.synapses.delta import Delta
from goldenspike.hdl.synapses.dynamic import Dynamic
from goldenspike.hdl.synapses.exponential import Exponential


class MissingTwinError(RuntimeError):
    """A cell has no twin, so that networks with it have no hardware; the text says which."""


class Twins(dict[str, type[Twin]]):
    """Twins by the name of their cell; asking for one that is not there names the nearest."""

    def __missing__(self, name: str) -> type[Twin]:
        raise MissingTwinError(
            f"Cell {name!r} must have a twin in hdl/catalog.py to be hardware, and has none"
            f"{nearest_word(name, self)}"
        )


TWINS = Twins(
    (one.cell.name, one)
    for one in (
        Requantize,
        Schedule,
        Start,
        Rounds,
        AddWords,
        Variate,
        LIF,
        AdaptiveLIF,
        AdaptiveLIFYin,
        LeakyReadout,
        ConductanceLIF,
        Rate,
        Delta,
        Eligibility,
        Perturb,
        Scale,
        Update,
        Accumulate,
        CountError,
        Error,
        SquaredError,
        Paired,
        RunningMean,
        Pole,
        Sparse,
        Filtered,
        Empiric,
        Exponential,
        Dynamic,
        TwoSided,
        Sign,
        OneHot,
        Walsh,
        ActiveOnly,
        OnlineEligibility,
        DelayedEligibility,
        Modulate,
        BoundedUpdate,
        BoundedAccumulate,
        PreTrace,
        PostTrace,
        PairUpdate,
        PairEligibility,
        OwnPairEligibility,
        TripletPre,
        TripletPost,
        TripletUpdate,
        EligibleTrace,
        Traced,
        ActiveTrace,
        Descend,
        DescendSlope,
        Err,
        LearningUpdate,
        LearningAccumulate,
        Gather,
        Regulate,
        LearningSignal,
        InstantGradient,
        FilteredGradient,
        AdaptedGradient,
        AdaptedFilteredGradient,
        Teach,
        TraceCredit,
        InstantCredit,
        FilteredCredit,
        AdaptedCredit,
        AdaptedFilteredCredit,
        PassSignal,
        Slope,
        Linear,
        Tabled,
        Stepped,
        LinearPull,
        TabledPull,
        SteppedPull,
        ExponentialUnit,
        SoftmaxError,
        SoftmaxChoice,
        Gate,
        TDError,
        Match,
    )
)


def twin(cell: Cell, constants: Any, *, cut: bool = False) -> Twin:
    """Return the twin of a cell; raise MissingTwinError if there is none."""
    return TWINS[cell.name](constants, cut=cut)


def cuttable(cell: Cell) -> bool:
    """Return whether the twin of a cell can have registers across it."""
    return TWINS[cell.name].CUTTABLE
