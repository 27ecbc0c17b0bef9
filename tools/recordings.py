"""Recordings of movements and of speech that come with sktime, as graded inputs.

Each channel is standardised by the mean and the standard deviation that it has over all recordings
learned from. A recording ends with its trial, `hold` ticks a sample; before it begins, the inputs
are 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from goldenspike.golden.fixed import Format

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
