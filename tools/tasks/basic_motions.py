"""Basic motions: standing, walking, running or badminton, by a watch's motion sensors.

Real recordings of three axes of acceleration and three of rotation, ten samples a second for ten
seconds: 40 to learn from, 40 held out. They come with sktime; see
:mod:`goldenspike.tools.recordings` for how they are shown.
Source: Bagnall et al., "The UEA multivariate time series classification archive" (2018).
"""

from __future__ import annotations

from dataclasses import dataclass

from goldenspike.golden.parameters import Parameters
from goldenspike.golden.plan import Plan
from goldenspike.tools.recordings import inputs, longest, recordings
from goldenspike.tools.supervised import Labelled, check_ticks


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    hold
        Ticks that a sample is shown for.
    window
        Ticks with targets, the last of a trial.
    """

    hold: int = 1
    window: int = 50

    def __post_init__(self) -> None:
        for name in ("hold", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name.capitalize()} must be 1 or more ticks, not 0 or less")


class Task(Labelled):
    """Basic motions for one network: 6 channels, 4 targets and 4 readouts."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        from sktime.datasets import load_basic_motions

        self.params = params
        learned, held_out, self.names = recordings(load_basic_motions)
        check_ticks("basic_motions", plan, longest(learned, held_out) * params.hold)
        source, *_ = plan.sources
        shown = [
            (inputs(series, source.signal, plan.ticks, params.hold), labels)
            for series, labels in (learned, held_out)
        ]
        super().__init__("basic_motions", plan, seed, *shown, params.window, len(self.names))
