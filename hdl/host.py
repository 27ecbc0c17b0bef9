"""The host's side of a core's streams: commands and data as 32-bit words.

See :mod:`goldenspike.hdl.core` for the commands, and :class:`~goldenspike.hdl.core.Core` for the
regions. Signals of a source are given tick by tick; spikes are packed, 32 a word, the lowest
neuron in the lowest bit, each tick starting a new word.

What a session is in words stands here only: lockstep and the driver of boards both ask for it.
"""

from __future__ import annotations

import gc
import warnings
import zlib
from typing import Any, NamedTuple

import numpy as np
from amaranth.hdl import UnusedElaboratable

from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.parameters import choice
from goldenspike.golden.plan import PASSES, UPDATE, Plan
from goldenspike.golden.trial import Outcome, Session, Stimulus
from goldenspike.hdl.core import Core
from goldenspike.hdl.units.commands import LOAD, READ, RUN
from goldenspike.hdl.units.rows import WORD_BITS, words_of

MASK = 0xFFFFFFFF
LEARN = PASSES | UPDATE
"""Flags of a whole learning trial."""


def learning(*, split: bool) -> tuple[int, ...]:
    """Return the flags of each command of a learning trial; if `split`, its update has its own."""
    return (PASSES, UPDATE) if split else (LEARN,)


def run(flags: int) -> list[int]:
    """Return the command that runs a trial.

    A network that learns after its trials may get the flags ``PASSES | UPDATE`` at once, or
    ``PASSES``, then ``UPDATE``: the bits are the same. One that learns in trials gets both at once.
    """
    return [RUN << 28 | flags]


class Region(NamedTuple):
    """What a host knows of a region."""

    name: str
    words: int


class Regions:
    """The regions of a core, without the core.

    Attributes
    ----------
    regions
        In the order of their numbers.
    """

    def __init__(self, core: Core) -> None:
        self.regions = [Region(region.name, region.words) for region in core.regions]

    def region(self, name: str) -> int:
        """Return the number of a region, by name."""
        names = [region.name for region in self.regions]
        choice("Region", name, names)
        return names.index(name)


def outline(plan: Plan, lanes: int = 1) -> Regions:
    """Return the regions of a network's core: its lanes do not change them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedElaboratable)  # Nobody wants this core itself.
        core = Core(plan, lanes)
        found = Regions(core)
        del core
        gc.collect()
    return found


def identification(plan: Plan) -> int:
    """Return the word by which a host knows that a core is this network's: a hash of the plan.

    Lanes and digests do not count: neither changes what the host says, nor the bits.
    """
    lines = [f"{plan.ticks} ticks"]
    lines += [f"{p.name} {p.size} {p.params!r}" for p in plan.populations]
    lines += [f"{q.name} {q.description!r}" for q in plan.projections]
    lines += [f"{where} {cell.name} {constants!r}" for where, cell, constants in plan.cells]
    if plan.reward is not None:
        one = plan.reward
        lines += [f"{one.readout.name} {one.baseline_params!r} {one.period} {one.delay}"]
    lines += [f"{region.name} {region.words}" for region in outline(plan).regions]
    return zlib.crc32("\n".join(lines).encode())


def read(core: Core | Regions, region: str) -> list[int]:
    """Return the command that reads a region."""
    return [READ << 28 | core.region(region)]


def load(core: Core | Regions, region: str, words: Any) -> list[int]:
    """Return the command that loads a region, and its words.

    Raises
    ------
    ValueError
        If the region takes another number of words.
    """
    number = core.region(region)
    wanted = core.regions[number].words
    if len(words) != wanted:
        raise ValueError(f"Words of region {region} must be {wanted}, not {len(words)}")
    return [LOAD << 28 | number, *(int(word) & MASK for word in words)]


def signal_words(raw: np.ndarray, signal: Format) -> list[int]:
    """Return the words of a source's signals, ``(ticks, neurons)``."""
    if signal != BIT:
        return [int(value) & MASK for value in raw.reshape(-1)]
    ticks, size = raw.shape
    padded = np.zeros((ticks, words_of(size, signal) * WORD_BITS), np.uint8)
    padded[:, :size] = raw
    return np.packbits(padded, axis=1, bitorder="little").view("<u4").reshape(-1).tolist()


def wide_words(value: int, width: int) -> list[int]:
    """Return the words of a register of `width` bits, the low one first."""
    return [value >> low & MASK for low in range(0, width, 32)]


def narrow(words: Any, fmt: Format) -> np.ndarray:
    """Return the raw integers, int64, of words that hold one each of a format."""
    raw = np.asarray(words, np.int64) & ((1 << min(fmt.width, 32)) - 1)
    return raw - ((raw >> (fmt.width - 1) & 1) << fmt.width) if fmt.signed else raw


def wide(words: Any, fmt: Format) -> list[int]:
    """Return the raw integers of registers, one after the other, from their words."""
    parts = -(-fmt.width // 32)
    found = []
    for first in range(0, len(words), parts):
        raw = sum(int(word) << 32 * k for k, word in enumerate(words[first : first + parts]))
        raw &= (1 << fmt.width) - 1
        found.append(raw - ((raw >> (fmt.width - 1) & 1) << fmt.width) if fmt.signed else raw)
    return found


def weight_words(session: Session) -> dict[str, list[int]]:
    """Return the words of all that is kept per synapse from trial to trial, by region."""
    found = {}
    for q in session.plan.projections:
        for field in ("w", *(("sum",) if q.learner is None else q.learner.kept)):
            kept = session.arrays.get(f"{q.name}.{field}")
            if kept is not None:
                found[f"{q.name}_{field}"] = [int(value) & MASK for value in kept.flat]
    return found


def conditional(plan: Plan) -> bool:
    """Return whether a trial's condition is one of the registers."""
    return plan.reward is not None and plan.reward.baselines > plan.reward.bins


def register_words(session: Session, condition: int, reward: int = 0) -> dict[str, list[int]]:
    """Return the words of the registers that a trial depends on, by region."""
    planned: Any = session.plan.reward
    known = [session.seed, session.trial]
    if planned is None:
        return {"registers": known}
    known += [condition] if conditional(session.plan) else []
    means = [
        wide_words(int(session.arrays[f"reward.{field}"][place]), fmt.width)
        for place in range(planned.baselines)
        for field, fmt in planned.baseline_state.items()
    ]
    words = [word for mean in means for word in mean]
    first = wide_words(reward, planned.reward.width)
    found = {"registers": known, "reward": first + (words if planned.baselines == 1 else [])}
    return found | ({"baselines": words} if planned.baselines > 1 else {})


def error_words(plan: Plan, known: list[int]) -> list[int]:
    """Return the words of the errors of a trial's passes."""
    reward: Any = plan.reward
    both = [0] * (2 - len(known)) + known
    return [word for error in both for word in wide_words(error, reward.error.width)]


def result_words(session: Session, outcome: Outcome, condition: int) -> dict[str, list[int]]:
    """Return the words of what the last of some trials left besides weights, by region."""
    reward: Any = session.plan.reward
    if not len(outcome.errors) or reward is None:
        return register_words(session, condition)
    known = [int(error) for error in outcome.errors[-1]]
    found = register_words(session, condition, int(outcome.rewards[-1]))
    found["errors"] = error_words(session.plan, known)
    for field in reward.counts:
        found["counts"] = [int(n) & MASK for n in session.arrays[f"reward.{field}"]]
    return found


def sample_words(plan: Plan, stimulus: Stimulus, sample: int) -> dict[str, list[int]]:
    """Return the words of a sample's inputs and targets, by region."""
    found = {
        f"{p.name}_inputs": signal_words(stimulus.inputs[p.name][sample], p.signal)
        for p in plan.sources
    }
    if plan.reward is not None and plan.reward.objective is not None:
        targets = stimulus.targets[sample].reshape(-1)
        found["targets"] = [int(target) & MASK for target in targets]
    return found


def trial_words(
    core: Core | Regions,
    session: Session,
    stimulus: Stimulus,
    samples: Any,
    external: np.ndarray | None = None,
    *,
    flags: int = LEARN,
    split: bool = False,
) -> list[list[int]]:
    """Return the words that make a core run trials, trial by trial.

    Parameters
    ----------
    session
        As it is before the first of them; stays as it is.
    stimulus, samples
        What the trials present. A sample is loaded when it is another one than before.
    external
        ``(trials, passes)``, the errors of an external objective, for learning trials.
    flags
        Of the trials; learning ones by default. A core without a rule takes all as plain runs.
    split
        Whether passes and update are two commands, as they always are with an external objective.
    """
    shown = None
    at = session.copy()
    trials = []
    for k, sample in enumerate(samples):
        words = []
        if sample != shown:
            for region, loaded in sample_words(session.plan, stimulus, sample).items():
                words += load(core, region, loaded)
            if conditional(session.plan):
                at.trial = (session.trial + k) & MASK
                known = register_words(at, stimulus.condition(sample))["registers"]
                words += load(core, "registers", known)
            shown = sample
        if external is None and not split:
            words += run(flags)
        else:
            words += run(PASSES)
            if external is not None:
                known = [int(error) for error in external[k]]
                words += load(core, "errors", error_words(session.plan, known))
            words += run(UPDATE)
        trials.append(words)
    return trials
