"""Japanese vowels: tell which of nine men says "ae".

Real recordings of speech, 12 coefficients of linear prediction of each frame, 7 to 29 frames long:
270 to learn from, 370 held out. They come with sktime; see :mod:`goldenspike.tools.recordings` for
how they are shown.
Source: Kudo, Toyama, Shimbo, Pattern Recognition Letters 20:1103 (1999).
"""

from __future__ import annotations

from dataclasses import dataclass

from goldenspike.golden.plan import Plan
from goldenspike.tools.recordings import Recorded, RecordedParams, loader


@dataclass(frozen=True, kw_only=True)
class Params(RecordedParams):
    """Parameters of the task."""

    window: int = 7


class Task(Recorded):
    """Japanese vowels for one network: 12 channels, 9 targets and 9 readouts."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        super().__init__("japanese_vowels", loader("load_japanese_vowels"), params, plan, seed)
