"""Japanese vowels: tell which of nine men says "ae".

Real recordings of speech, 12 coefficients of linear prediction of each frame, 7 to 29 frames long:
270 to learn from, 370 held out. They come with sktime; see :mod:`goldenspike.tools.recordings` for
how they are shown.
Source: Kudo, Toyama, Shimbo, Pattern Recognition Letters 20:1103 (1999).
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
    window: int = 7

    def __post_init__(self) -> None:
        for name in ("hold", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name.capitalize()} must be 1 or more ticks, not 0 or less")


class Task(Labelled):
    """Japanese vowels for one network: 12 channels, 9 targets and 9 readouts."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        from sktime.datasets import load_japanese_vowels

        self.params = params
        learned, held_out, self.names = recordings(load_japanese_vowels)
        check_ticks("japanese_vowels", plan, longest(learned, held_out) * params.hold)
        source, *_ = plan.sources
        shown = [
            (inputs(series, source.signal, plan.ticks, params.hold), labels)
            for series, labels in (learned, held_out)
        ]
        super().__init__("japanese_vowels", plan, seed, *shown, params.window, len(self.names))
