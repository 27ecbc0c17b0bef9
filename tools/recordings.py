"""Recordings of movements and of speech that come with sktime, as graded inputs.

Each channel is standardised by the mean and the standard deviation that it has over all recordings
learned from. A recording ends with its trial, `hold` ticks a sample; before it begins, the inputs
are 0. What is held out is the archive's test part; to choose settings without a look at it, the
last `validation` recordings of each class of the other part are held out instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.fixed import Format
from goldenspike.golden.parameters import Parameters
from goldenspike.golden.plan import Plan
from goldenspike.sim.toolchain import MissingToolError
from goldenspike.tools.supervised import Labelled, check_ticks

Recordings = tuple[list[np.ndarray], np.ndarray]
"""Recordings ``(samples, channels)``, and the class of each."""


def loader(name: str) -> Any:
    """Return a loader of sktime's data by its name, such as ``load_basic_motions``.

    Raises
    ------
    MissingToolError
        If sktime is not installed.
    """
    try:
        from sktime import datasets
    except ModuleNotFoundError as error:
        raise MissingToolError(
            f"{error.name} must be installed for recordings: install the Python package sktime"
        ) from error
    return getattr(datasets, name)


def _split(load: Any, split: str) -> tuple[list[np.ndarray], np.ndarray]:
    series, names = load(split=split, return_X_y=True, return_type="df-list")
    return [frame.to_numpy(np.float64) for frame in series], np.asarray(names)


def last(labels: np.ndarray, each: int) -> np.ndarray:
    """Return where the last recordings of each class are, `each` of them, as booleans.

    Raises
    ------
    ValueError
        If of a class none would be left.
    """
    least = int(np.bincount(labels).min())
    if each >= least:
        raise ValueError(f"Validation must be 0 to {least - 1} of each class, not {each!r}")
    out = np.zeros(len(labels), bool)
    for label in range(labels.max() + 1) if each else ():
        out[np.flatnonzero(labels == label)[-each:]] = True
    return out


def recordings(load: Any, validation: int = 0) -> tuple[Recordings, Recordings, list[str], int]:
    """Return the recordings to learn from and those held out, standardised.

    With them come the names of the classes, and the samples of the longest recording of all,
    whichever are shown.

    Parameters
    ----------
    load
        A loader of sktime's data.
    validation
        Recordings of each class that are held out from those to learn from, in place of the test
        part; 0 for the test part.

    Raises
    ------
    ValueError
        If of a class none would be left to learn from.
    """
    (learned, names), (held_out, other) = _split(load, "train"), _split(load, "test")
    classes, labels = np.unique(names, return_inverse=True)
    others = np.searchsorted(classes, other)
    longest = max(map(len, (*learned, *held_out)))
    apart = last(labels, validation)
    if apart.any():
        held_out, others = [learned[k] for k in np.flatnonzero(apart)], labels[apart]
        learned, labels = [learned[k] for k in np.flatnonzero(~apart)], labels[~apart]
    together = np.concatenate(learned)
    mean, spread = together.mean(axis=0), together.std(axis=0)
    return (
        ([(x - mean) / spread for x in learned], labels),
        ([(x - mean) / spread for x in held_out], others),
        [str(name) for name in classes],
        longest,
    )


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
    validation
        Recordings of each class that are held out from those to learn from, in place of the test
        part, to choose settings by; 0 for the test part.
    """

    hold: int = 1
    window: int
    validation: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("hold", "window"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name.capitalize()} must be 1 or more ticks, not {value!r}")
        if self.validation < 0:
            raise ValueError(f"Validation must be 0 or more, not {self.validation!r}")


class Recorded(Labelled):
    """A task with recordings for one network: a source of the channels, targets and readouts."""

    def __init__(self, name: str, load: Any, params: RecordedParams, plan: Plan, seed: int) -> None:
        self.params = params
        learned, held_out, self.names, longest = recordings(load, params.validation)
        check_ticks(name, plan, longest * params.hold)
        signal = plan.sources[0].signal

        def shown(split: Recordings) -> tuple[np.ndarray, np.ndarray]:
            return inputs(split[0], signal, plan.ticks, params.hold), split[1]

        classes = len(self.names)
        super().__init__(name, plan, seed, shown(learned), shown(held_out), params.window, classes)
