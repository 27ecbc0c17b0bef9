"""Scripts by which mutants of a core are told from it: words to send, and what must come of them.

Learning trials and plain runs, with stalled streams and without; what is read back after them;
resets between and amid trials, after which all is loaded again; commands that nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from goldenspike.golden.fixed import BIT
from goldenspike.golden.plan import Plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import host
from goldenspike.hdl.cycles import Model
from goldenspike.hdl.units.commands import LOAD
from goldenspike.sim.stimuli import any_words, draw, start, steady

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goldenspike.hdl.core import Core

ANY = 0xFFFFFFFF
STEADY = 3
"""Seeds modulo 4 of cases in which weights, inputs and targets are at one end each."""


class Case(NamedTuple):
    """What the scripts of a core begin with, and show it.

    Parameters
    ----------
    seed
        All that it is a function of, besides the network.
    session
        With random weights and states.
    stimulus
        Two samples.
    external
        ``(trials, passes)``, errors of an external objective, or None.
    """

    seed: int
    session: Session
    stimulus: Stimulus
    external: np.ndarray | None


def draw_case(plan: Plan, seed: int, kind: str = "python") -> Case:
    """Return random weights, states and inputs, half of them from the corners of their formats.

    In every fourth case they are at one end each throughout. `kind` is the session's engine.
    """
    random = np.random.default_rng((seed, 4))
    (session, stimulus), external = start(plan, random, kind), None
    if seed % 4 == STEADY:
        stimulus = steady(session, stimulus, random)
    if plan.reward is not None and plan.reward.objective is None:
        external = draw(random, plan.reward.error, 8, plan.passes)
    return Case(seed, session, stimulus, external)


@dataclass(frozen=True)
class Part:
    """What a host does after a reset, and what must come of it.

    Parameters
    ----------
    words
        Sent to the core.
    digests, answers
        What comes of them.
    abort
        Busy cycles after which the part ends in the midst; 0 if it does not.
    fault
        What `fault` is in the end.
    cycles
        Busy cycles in all by the model of cycles, where streams do not stall; None: not compared.
    busy
        Busy cycles at each digest and in the end, none to compare none.
    """

    words: list[int] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    abort: int = 0
    fault: int = 0
    cycles: int | None = None
    busy: list[int] = field(default_factory=list)

    def text(self) -> str:
        """Return it as the driver reads it."""
        counts = len(self.words), len(self.digests), len(self.answers)
        busy = self.busy or [ANY] * (len(self.digests) + 1)
        head = [self.abort, self.fault, *counts]
        numbers = [*head, *self.words, *self.digests, *busy, *self.answers]
        return "part " + " ".join(f"{number:x}" for number in numbers)


@dataclass(frozen=True)
class Script:
    """Parts, one after the other, each after a reset.

    Parameters
    ----------
    name
        What it is.
    stalls
        Seed of the streams' stalls; 0 for none.
    """

    name: str
    stalls: int
    parts: list[Part]

    def text(self) -> str:
        """Return it as the driver reads it."""
        return "\n".join([f"script {self.stalls:x}", *(part.text() for part in self.parts)])


class Writer:
    """Writes a part: the host's words, and what golden makes of the same."""

    def __init__(self, core: Core, case: Case, session: Session, model: Model | None) -> None:
        self.core, self.case, self.session, self.model = core, case, session, model
        self.part = Part(cycles=None if model is None else 0)
        self.count, self.plain, self.padding = 0, False, False
        self.loaded: dict[str, list[int]] = {}
        self.load()

    def load(self) -> None:
        """Load all that a session keeps."""
        reward = 0
        if self.core.plan.reward is not None:
            fmt = self.core.plan.reward.reward
            reward = fmt.low + (0x9E3779B97F4A7C15 * (self.case.seed + 1)) % (
                fmt.high - fmt.low + 1
            )
        self.loaded = host.register_words(self.session, 0, reward)
        self.loaded |= host.weight_words(self.session)
        for region, values in self.loaded.items():
            self.part.words.extend(host.load(self.core, region, values))

    def overwrite(self) -> None:
        """Load other words wherever the host may, read them, and load again what is right."""
        words = any_words(self.core.plan, self.case.seed)
        for region, values in words.items():
            self.part.words.extend(host.load(self.core, region, values))
        self.read(words)
        self.load()

    def learn(self, samples: Sequence[int], *, split: bool = False) -> None:
        """Learn trials; passes and update are two commands if `split`."""
        case, external = self.case, None
        if case.external is not None:
            places = [k % len(case.external) for k in range(self.count, self.count + len(samples))]
            external = case.external[places]
        self.count += len(samples)
        before = self.session.copy()
        watched = self.model is not None
        self.outcome = self.session.learn(
            case.stimulus, samples, traced=True, watched=watched, external=external
        )
        self.add(before, samples, self.outcome.digests, external=external, split=split)
        self.counted(self.outcome, host.learning(split=split or external is not None))

    def run(self, samples: Sequence[int]) -> None:
        """Run trials without learning."""
        self.plain = True
        watched = self.model is not None
        found = self.session.evaluate(self.case.stimulus, samples, traced=True, watched=watched)
        self.add(self.session, samples, found.digests[:, : self.core.plan.ticks], flags=0)
        self.counted(found, (0,))

    def add(self, before: Session, samples: Sequence[int], digests: Any, **more: Any) -> None:
        """Add the words and digests of trials."""
        for words in host.trial_words(self.core, before, self.case.stimulus, samples, **more):
            self.part.words.extend(self.padded(words) if self.padding else words)
        self.part.digests.extend(digests.reshape(-1).tolist())
        self.last = samples[-1]

    def padded(self, words: list[int]) -> list[int]:
        """Return words with ones where no neuron is, in the inputs that are spikes."""
        found, place = list(words), 0
        sources = {f"{p.name}_inputs": p for p in self.core.plan.sources if p.signal == BIT}
        while place < len(words):
            if words[place] >> 28 != LOAD:
                place += 1
                continue
            region = self.core.regions[words[place] & 0xFF]
            source = sources.get(region.name)
            if source is not None:
                each = region.words // self.core.plan.ticks
                unused = host.MASK << source.size % 32 & host.MASK if source.size % 32 else 0
                for k in range(each, region.words + 1, each):
                    found[place + k] |= unused
            place += 1 + region.words
        return found

    def counted(self, outcome: Any, flags: tuple[int, ...]) -> None:
        """Add the cycles of trials."""
        if self.model is not None:
            more = self.model.trials(outcome.activity, flags).cycles
            self.part = replace(self.part, cycles=(self.part.cycles or 0) + more)

    def check(self) -> None:
        """Read what was just loaded."""
        self.read(self.loaded)

    def readback(self) -> None:
        """Read all that can be read, after learning trials."""
        stimulus = self.case.stimulus
        condition = stimulus.condition(self.last)
        found = host.weight_words(self.session)
        found |= host.result_words(self.session, self.outcome, condition)
        found |= host.sample_words(self.core.plan, stimulus, self.last)
        if self.plain and self.core.plan.passes == 1:
            found.pop("errors", None)  # That of a plain run is the first of them.
        self.read(found)

    def read(self, regions: dict[str, list[int]]) -> None:
        """Read regions."""
        for region, values in regions.items():
            self.part.words.extend(host.read(self.core, region))
            self.part.answers.extend(value & host.MASK for value in values)


def scripts(core: Core, case: Case, *, first: int = 0, trials: int = 3) -> list[Script]:
    """Return the scripts of a case.

    Parameters
    ----------
    core
        Of the case's network.
    case
        Weights, states and stimulus.
    first
        Number of the case: the streams' stalls are others for each.
    trials
        Learning trials of a script.
    """
    random = np.random.default_rng((case.seed, 3))
    learns = core.plan.learns

    def samples(count: int) -> list[int]:
        return [int(k) for k in random.integers(0, case.stimulus.size, count)]

    def written(steps: str, *, timed: bool = False) -> Part:
        session = case.session.copy()
        writer = Writer(core, case, session, Model(core) if timed else None)
        for step in steps:
            if step == "o":
                writer.padding = True
            elif step == "r" and learns:
                writer.readback()
            elif step == "c":
                writer.check()
            elif step == "w":
                writer.overwrite()
            elif step == "p":
                writer.run(samples(1))
            elif step in "ls" and learns:
                writer.learn(samples(1), split=step == "s" and core.plan.episodic)
        return writer.part

    seed = 0x2545F491 + first
    plain, learned = written("p"), "l" * trials
    unknown = [code << 28 | 1 for code in (0, *range(4, 16))]
    unknown += [number << 28 | len(core.regions) for number in (1, 2)]
    strange = written("l")
    strange = replace(strange, words=[*unknown, *strange.words], fault=1)
    aborted = []
    for steps in ("lll", "pl", "lp"):
        aborted += [replace(written(steps), abort=int(random.integers(1, 500))), written("plr")]
    return [
        Script("learn", 0, [written(learned + "r", timed=True)]),
        Script("learn, stalled", seed, [written("cc" + learned + "rlrr")]),
        Script("plain runs among learning ones", 0, [written("plppslplrr", timed=True)]),
        Script("the same, stalled; reset between", seed + 1, [written("clpplr"), written("plr")]),
        Script("unknown commands; bits of nobody", seed + 2, [strange, plain, written("olpl")]),
        Script("bits of nobody", 0, [written("olpl", timed=True)]),
        Script("reset amid runs", seed + 3, aborted),
        Script("other words everywhere before", seed + 4, [written("wplr")]),
    ]
