"""Cue association by an actor and a critic: learn from rewards alone which arm a cue stands for.

A trial: one of `cues` cues is shown, a group of neurons that spike at random, while the noise
spikes, as it always does; after a `delay` the last group, the recall, spikes, and in its last tick
the network decides, left or right, by chance and its policy. After a `wait`, in the trial's last
tick, there is a reward of 1 if the cue's arm was chosen, else none. Half of the cues, drawn by the
seed, stand for the left arm. The network is told nothing else: not which arm was right, nor that
there might have been a reward.

The sources are the `inputs` (cues, recall, noise); `go`, which spikes in the tick of the decision;
`alive`, which spikes in all but the last tick; `one`, whose signal is -1 in every tick, the error
of a critic whose value is 1 too low; and `arm`, 1 for left and -1 for right in the last tick. The
reward comes about in the network: a population `taken`, 1 neuron, keeps what `action` has chosen,
by the weights that are the task's,

    action -> taken          1 for left, -1 for right

and is matched with the arm. The readout is `taken`.
Source: Bellec et al., Nature Communications 11:3625 (2020), on reward-based e-prop; Schmidgall and
Hays, "Meta-SpikePropamine", Frontiers in Neuroscience 17:1183321 (2023), on the T-maze.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldenspike.golden.parameters import Parameters, unit
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import Stream, words
from goldenspike.golden.trial import Outcome, Session, Stimulus
from goldenspike.tools.supervised import check_ticks, real, spikes

ARMS = 2
SIGNS = np.array([1, -1])
"""What each arm is for `arm` and `taken`."""
SOURCES = ("inputs", "go", "alive", "one", "arm")
TAKEN = "action_to_taken"


@dataclass(frozen=True)
class Params(Parameters):
    """Parameters of the task.

    Parameters
    ----------
    cues
        How many there are, an even number.
    group
        Neurons of a cue, of the recall and of the noise.
    cue, delay, recall, wait
        Durations in ticks; the decision is in the last one of the recall, the reward in the last
        one of the wait.
    rate, noise
        Probability of a spike a tick: of groups that are shown, and of the noise.
    lottery
        Whether the arm of a trial is drawn at random, whatever the cue: nothing can be learned.
    train, held_out
        Samples to learn from and to measure with.
    """

    cues: int = 4
    group: int = 5
    cue: int = 20
    delay: int = 20
    recall: int = 10
    wait: int = 10
    rate: float = 0.25
    noise: float = 0.05
    lottery: bool = False
    train: int = 256
    held_out: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("cues", "group", "cue", "recall", "wait", "train", "held_out"):
            if getattr(self, name) < 1:
                noun = name.capitalize().replace("_", "-")
                raise ValueError(f"{noun} must be 1 or more, not {getattr(self, name)!r}")
        if self.delay < 0:
            raise ValueError(f"Delay must be 0 or more, not {self.delay!r}")
        if self.cues % ARMS:
            raise ValueError(f"Cues must be an even number, not {self.cues!r}")
        for name in ("rate", "noise"):
            unit(name.capitalize(), getattr(self, name))

    @property
    def decision(self) -> int:
        """The tick in which the network decides."""
        return self.cue + self.delay + self.recall - 1

    @property
    def ticks(self) -> int:
        """The length of a trial."""
        return self.decision + 1 + self.wait

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return (self.cues + 2) * self.group


class Task:
    """Cue association for one network; samples are drawn once, and a trial takes one at random."""

    def __init__(self, params: Params, plan: Plan, seed: int) -> None:
        self.params, self.plan, self.seed = params, plan, seed
        _check(params, plan)
        order = np.argsort(words(seed, Stream.TASK, 0, 0, params.cues), kind="stable")
        self.arm_of = order % ARMS
        self.stimulus, self.arms = self._samples(params.train, Stream.TASK + 1)
        self.held_out, self.held_out_arms = self._samples(params.held_out, Stream.TASK + 4)

    def _samples(self, count: int, stream: int) -> tuple[Stimulus, np.ndarray]:
        """Return a stimulus and the arm of each of its samples."""
        params, ticks = self.params, self.plan.ticks
        cue = (words(self.seed, stream, 0, 0, count) * params.cues) >> 32
        arms = self.arm_of[cue]
        if params.lottery:
            arms = words(self.seed, stream + 2, 0, 0, count) >> 31
        shown = np.zeros((count, ticks, params.cues + 2))
        shown[:, : params.cue, : params.cues] = params.rate * np.eye(params.cues)[cue][:, None]
        shown[:, params.cue + params.delay : params.decision + 1, params.cues] = params.rate
        shown[:, :, params.cues + 1] = params.noise
        signals = {name: np.zeros((count, ticks, 1), np.int64) for name in SOURCES[1:]}
        signals["go"][:, params.decision] = 1
        signals["alive"][:, :-1] = 1
        signals["one"][:] = self.plan.sources[3].signal.nearest(-1.0)
        signals["arm"][:, -1, 0] = self.plan.sources[4].signal.nearest(1.0 * SIGNS[arms])
        probabilities = np.repeat(shown, params.group, axis=2)
        return Stimulus({"inputs": spikes(probabilities, self.seed, stream + 1), **signals}), arms

    def initial(self, session: Session) -> None:
        """Give a session the weights that are the task's."""
        session.start_weights(TAKEN, 1.0 * SIGNS[:, None])

    def trials(self, first: int, count: int) -> tuple[Stimulus, np.ndarray]:
        """Return the samples that are learned from, and which each trial from `first` on shows."""
        drawn = words(self.seed, Stream.TASK, 1, first, 2 * count)[::2]
        return self.stimulus, (drawn * self.params.train) >> 32

    def right(self, outcome: Outcome, arms: np.ndarray) -> np.ndarray:
        """Return whether each trial chose its arm."""
        assert self.plan.readout is not None
        taken = real(self.plan.readout, outcome)[:, -1, 0]
        return np.sign(taken) == SIGNS[arms]

    def losses(self, outcome: Outcome, samples: np.ndarray) -> np.ndarray:
        """Return 1 for each trial without a reward, 0 for the others."""
        return 1.0 - self.right(outcome, self.arms[samples])

    def measure(self, session: Session) -> dict[str, float]:
        """Return the share of right choices on samples held out, drawn as when learning."""
        samples = np.arange(self.params.held_out)
        outcome = session.evaluate(self.held_out, samples, record=True)
        return {"accuracy": float(self.right(outcome, self.held_out_arms).mean())}


def _check(params: Params, plan: Plan) -> None:
    """Raise ValueError unless a network is one for the task."""
    check_ticks("cue_association_reward", plan, params.ticks)
    sizes = [(p.name, p.size) for p in plan.sources]
    wanted = list(zip(SOURCES, (params.inputs, 1, 1, 1, 1), strict=True))
    if sizes != wanted:
        listed = ", ".join(f"{name} of {size}" for name, size in wanted)
        raise ValueError(f"Sources of cue_association_reward must be {listed}, in this order")
    if any(p.signal.width != 1 for p in plan.sources[:3]):
        raise ValueError("Inputs, go and alive of cue_association_reward must be spikes")
    if plan.readout is None or plan.readout.name != "taken":
        raise ValueError("Readout of cue_association_reward must be taken")
    found = {q.name: (q.pre.size, q.post.size) for q in plan.projections}
    if found.get(TAKEN) != (ARMS, 1):
        raise ValueError(f"Network of cue_association_reward must have a projection {TAKEN}")
