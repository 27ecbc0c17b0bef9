"""Basic motions: standing, walking, running or badminton, by a watch's motion sensors.

Real recordings of three axes of acceleration and three of rotation, ten samples a second for ten
seconds: 40 to learn from, 40 held out. They come with sktime; see
:mod:`goldenspike.tools.recordings` for how they are shown.
Source: Bagnall et al., "The UEA multivariate time series classification archive" (2018).
"""

from __future__ import annotations

from dataclasses import dataclass

from goldenspike.golden.plan import Plan
from goldenspike.tools.recordings import Recorded, RecordedParams, loader


@dataclass(frozen=True, kw_only=True)
class Params(RecordedParams):
    """Parameters of the task."""

    window: int = 50


class Task(Recorded):
    """Basic motions for one network: 6 channels, 4 targets and 4 readouts."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        super().__init__("basic_motions", loader("load_basic_motions"), params, plan, seed)
