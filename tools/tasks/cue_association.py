"""Cue association, a T-maze with reward: learn from rewards alone which arm each cue stands for.

A trial: one of `cues` cues is shown, a group of neurons that spike at random, and two neurons
choose, the left or the right one, by spiking more; after a `delay` the arms are seen for `reward`
ticks, of which one holds the reward. Half of the cues, drawn by the seed, stand for the left arm.
While the cue is shown a source of noise makes choices differ; with `reversal` all cues
stand for the other arm after every so many trials.

The reward comes about in the network. A trial's spikes are counted, left minus right and right
minus left; four neurons, one for each pair of a choice and an arm, spike while the arm is seen
that holds the reward and the count of the choice is positive, and dopamine is the number of those
that agree minus those that do not. What nothing learns, and is no noise, is the task's, by the
names of populations:

    choice -> choice         each inhibits the other
    choice -> decision       the counts, 1 and -1
    decision, arm -> outcome left and left, right and right, right and left, left and right
    outcome -> dopamine      1, 1, -1, -1

Source: Schmidgall and Hays, "Meta-SpikePropamine", Frontiers in Neuroscience 17:1183321 (2023), for
cue association in a T-maze; Izhikevich, Cerebral Cortex 17:2443 (2007), for late rewards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldenspike.golden.parameters import Parameters, positive, unit
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.golden.trial import Outcome, Session, Stimulus
from goldenspike.tools.supervised import check_ticks, real, spikes

ARMS = 2
EVIDENCE = 2.0**-12
"""What a count adds to a neuron of an outcome, whose threshold is what an arm adds: a tie-break."""
PAIRS = ((0, 0), (1, 1), (1, 0), (0, 1))
"""Choice and arm of each neuron of the outcome: the first two agree."""


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    cues
        How many there are, an even number.
    group
        Neurons of a cue.
    cue, delay, reward
        Durations in ticks.
    rate, noise
        Probability of a spike a tick while a cue is shown: of its neurons, and of the noise.
    inhibition
        What a choice's spike takes from the other's current in the next tick.
    reversal
        Trials after which all cues change their arm; 0: they never do.
    train, held_out
        Samples to learn from and to measure with.
    """

    cues: int = 4
    group: int = 5
    cue: int = 20
    delay: int = 20
    reward: int = 10
    rate: float = 0.25
    noise: float = 0.2
    inhibition: float = 3.0
    reversal: int = 0
    train: int = 256
    held_out: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("cues", "group", "cue", "reward", "train", "held_out"):
            if getattr(self, name) < 1:
                noun = name.capitalize().replace("_", "-")
                raise ValueError(f"{noun} must be 1 or more, not {getattr(self, name)!r}")
        for name in ("delay", "reversal"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"{name.capitalize()} must be 0 or more, not {getattr(self, name)!r}"
                )
        if self.cues % ARMS:
            raise ValueError(f"Cues must be an even number, not {self.cues!r}")
        for name in ("rate", "noise"):
            unit(name.capitalize(), getattr(self, name))
        positive("Inhibition", self.inhibition)

    @property
    def ticks(self) -> int:
        """The length of a trial."""
        return self.cue + self.delay + self.reward


class Task:
    """Cue association for one network: sources of cues, noise and arms, and the populations named.

    Samples are drawn once: a trial takes one of them at random, the first half of the stimulus
    before a reversal, the second half, of the same spikes and the other arms, after it.
    """

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        self.params, self.plan, self.seed = params, plan, seed
        self.weights = _weights(params)
        _check(params, plan, self.weights)
        order = np.argsort(words(seed, Stream.TASK, 0, 0, params.cues), kind="stable")
        self.arm_of = order % ARMS
        self.stimulus, self.arms, self.cue_of = self._samples(params.train, Stream.TASK + 1)
        self.held_out, self.held_out_arms, _ = self._samples(params.held_out, Stream.TASK + 3)

    def _samples(self, count: int, stream: int) -> tuple[Stimulus, np.ndarray, np.ndarray]:
        """Return a stimulus, the arm and the cue of each of its samples."""
        params, (cues, noise, arm) = self.params, self.plan.sources
        cue = np.array([words(self.seed, stream, k, 0, 1)[0] for k in range(count)])
        cue = (cue * params.cues) >> 32
        p = np.zeros((count, self.plan.ticks, cues.size + noise.size))
        shown = np.repeat(np.eye(params.cues)[cue], params.group, axis=1)
        p[:, : params.cue, : cues.size] = params.rate * shown[:, None]
        p[:, : params.cue, cues.size :] = params.noise
        drawn = np.tile(spikes(p, self.seed, stream + 1), (ARMS, 1, 1))
        arms = np.concatenate([self.arm_of[cue], 1 - self.arm_of[cue]])
        seen = np.zeros((len(arms), self.plan.ticks, ARMS))
        seen[:, -params.reward :] = np.eye(ARMS)[arms][:, None]
        inputs = {
            cues.name: drawn[:, :, : cues.size],
            noise.name: drawn[:, :, cues.size :],
            arm.name: arm.signal.nearest(seen),
        }
        return Stimulus(inputs), arms, np.tile(cue, ARMS)

    def initial(self, session: Session) -> None:
        """Give a session the weights that are the task's."""
        for q in self.plan.projections:
            if q.name in self.weights:
                session.start_weights(q.name, self.weights[q.name])

    def reversed(self, trial: int | np.ndarray) -> int | np.ndarray:
        """Return whether the arms are exchanged in a trial, 0 or 1."""
        return trial // self.params.reversal % ARMS if self.params.reversal else 0 * trial

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the samples that are learned from, and which each trial from `first` on shows."""
        drawn = words(self.seed, Stream.TASK, 1, first, 2 * count)[::2]
        picked = (drawn * self.params.train) >> 32
        return self.stimulus, picked + self.params.train * self.reversed(first + np.arange(count))

    def right(self, outcome: Outcome, arms: np.ndarray) -> np.ndarray:
        """Return whether each trial chose an arm."""
        assert self.plan.readout is not None
        counts = real(self.plan.readout, outcome)[:, -1]
        return counts[np.arange(len(arms)), arms] > 0

    def losses(self, outcome: Outcome, samples: np.ndarray) -> np.ndarray:
        """Return 1 for each trial that chose the wrong arm or none, 0 for the others."""
        return 1.0 - self.right(outcome, self.arms[samples])

    def measure(self, session: Session) -> dict[str, float]:
        """Return the share of right choices on samples held out, by the arms of the next trial."""
        count = self.params.held_out
        samples = np.arange(count) + count * self.reversed(session.trial)
        outcome = session.evaluate(self.held_out, samples, record=True)
        return {"accuracy": float(self.right(outcome, self.held_out_arms[samples]).mean())}


def _weights(params: Params) -> dict[str, np.ndarray]:
    """Return the weights ``(pre, post)`` that are the task's, by projection."""
    pairs = np.array(PAIRS)
    agree = np.where(pairs[:, 0] == pairs[:, 1], 1.0, -1.0)
    return {
        "choice_to_choice": params.inhibition * (np.eye(ARMS) - 1),
        "choice_to_decision": 2 * np.eye(ARMS) - 1,
        "decision_to_outcome": EVIDENCE * np.eye(ARMS)[:, pairs[:, 0]],
        "arm_to_outcome": np.eye(ARMS)[:, pairs[:, 1]],
        "outcome_to_dopamine": agree[:, None],
    }


def _check(params: Params, plan: Plan, weights: dict[str, np.ndarray]) -> None:
    """Raise ValueError unless a network is one for the task."""
    check_ticks("cue_association", plan, params.ticks)
    sizes = [p.size for p in plan.sources]
    wanted = params.cues * params.group
    if len(sizes) != 3 or sizes[0] != wanted or sizes[2] != ARMS:
        raise ValueError(
            f"Network of cue_association must have a source of {wanted}, one of noise and one of "
            f"{ARMS} arms"
        )
    if any(p.signal.width != 1 for p in plan.sources):
        raise ValueError("Sources of cue_association must be spikes")
    if plan.readout is None or plan.readout.name != "decision":
        raise ValueError("Readout of cue_association must be the decision")
    found = {q.name: (q.pre.size, q.post.size) for q in plan.projections}
    for name, w in weights.items():
        if found.get(name) != w.shape:
            raise ValueError(
                f"Network of cue_association must have a projection {name} of {w.shape[0]} "
                f"to {w.shape[1]}"
            )
