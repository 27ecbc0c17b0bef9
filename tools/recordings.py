"""Recordings of movements and of speech that come with sktime, as graded inputs.

Each channel is standardised by the mean and the standard deviation that it has over all recordings
learned from. A recording ends with its trial, `hold` ticks a sample; before it begins, the inputs
are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.fixed import Format
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.plan import Plan
from goldenspike.tools.supervised import Labelled, check_ticks

Recordings = tuple[list[np.ndarray], np.ndarray]
"""Recordings ``(samples, channels)``, and the class of each."""


def _split(load: Any, split: str) -> tuple[list[np.ndarray], np.ndarray]:
    series, names = load(split=split, return_X_y=True, return_type="df-list")
    return [frame.to_numpy(np.float64) for frame in series], names


def recordings(load: Any) -> tuple[Recordings, Recordings, list[str]]:
    """Return the recordings to learn from and those held out, standardised, and the classes' names.

    Parameters
    ----------
    load
        A loader of sktime's data.
    """
    (learned, names), (held_out, other) = _split(load, "train"), _split(load, "test")
    together = np.concatenate(learned)
    mean, spread = together.mean(axis=0), together.std(axis=0)
    classes, labels = np.unique(names, return_inverse=True)
    others = np.searchsorted(classes, other)
    return (
        ([(x - mean) / spread for x in learned], labels),
        ([(x - mean) / spread for x in held_out], others),
        [str(name) for name in classes],
    )


def longest(*splits: Recordings) -> int:
    """Return the number of samples of the longest recording."""
    return max(len(x) for series, _ in splits for x in series)


def inputs(series: list[np.ndarray], signal: Format, ticks: int, hold: int) -> np.ndarray:
    """Return raw inputs ``(recordings, ticks, channels)``."""
    out = np.zeros((len(series), ticks, series[0].shape[1]))
    for k, x in enumerate(series):
        out[k, ticks - hold * len(x) :] = np.repeat(x, hold, axis=0)
    return signal.nearest(out)


@dataclass(frozen=True, kw_only=True)
class RecordedParams(Parameters):
    """Parameters of a task with recordings.

    Parameters
    ----------
    hold
        Ticks that a sample is shown for.
    window
        Ticks with targets, the last of a trial.
    """

    hold: int = 1
    window: int

    def __post_init__(self) -> None:
        for name in ("hold", "window"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name.capitalize()} must be 1 or more ticks, not {value!r}")


class Recorded(Labelled):
    """A task with recordings for one network: a source of the channels, targets and readouts."""

    def __init__(self, name: str, load: Any, params: RecordedParams, plan: Plan, seed: int) -> None:
        self.params = params
        learned, held_out, self.names = recordings(load)
        check_ticks(name, plan, longest(learned, held_out) * params.hold)
        signal = plan.sources[0].signal

        def shown(split: Recordings) -> tuple[np.ndarray, np.ndarray]:
            return inputs(split[0], signal, plan.ticks, params.hold), split[1]

        classes = len(self.names)
        super().__init__(name, plan, seed, shown(learned), shown(held_out), params.window, classes)
