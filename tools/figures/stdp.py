"""STDP: kernels of pairs and triplets, what dopamine does late or not at all, and what is learned.

Kernels are measured by whole sessions: two sources make a presynaptic and a postsynaptic neuron
spike at given ticks, a trial for each distance. Decays are such that their integers are exact, so
what differs from the equations is rounding alone. Seeds of the tasks differ in weights, noise and
associations; that rewards teach is shown by rewards at random, which teach nothing.
Sources: Morrison, Diesmann, Gerstner, Biological Cybernetics 98:459 (2008); Pfister and Gerstner, J
Neuroscience 26:9673 (2006); Schmidgall and Hays, Frontiers in Neuroscience 17:1183321 (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from goldenspike.golden.fixed import Format
from goldenspike.golden.network import Network, Population, Projection, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.rules import neuromodulated_stdp, stdp, triplet_stdp
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run
from goldenspike.tools.supervised import spikes
from goldenspike.tools.tasks import assembly, cue_association

SOURCE, THEORY = "own float code", "the equations"
LOCKSTEP: dict[Simulator, int] = {"verilator": 50, "icarus": 2}
SEEDS = range(8)

# Kernels

REACH = 100
"""Largest distance of a pair, in ticks."""
TICKS = 2 * REACH + 20
CENTRE = REACH + 10
"""Tick of the postsynaptic spike of a pair."""
WEIGHT, START = Format.parse("fxp-s18/16"), 0.5
LSB = WEIGHT.lsb
TRACE = Format.parse("fxp-u22/20")
AMPLITUDE = Format.parse("fxp-u18/20")
FAST, SLOW = 1 - 2.0**-4, 1 - 2.0**-9
"""Decays of traces, exact in 16 bits."""
PAIR: dict[str, Any] = {"plus": 0.05, "minus": 0.04}
TRIPLET: dict[str, Any] = {"plus2": 0.02, "minus2": 0.03, "plus3": 0.05, "minus3": 0.01}
TRACED: dict[str, Any] = {
    "trace": TRACE,
    "pre_decay": FAST,
    "post_decay": FAST,
    "amplitude": AMPLITUDE,
}
STDP = stdp.Params(**TRACED, **PAIR)
TRIPLETS = triplet_stdp.Params(
    trace=TRACE,
    r1_decay=FAST,
    r2_decay=FAST,
    o1_decay=SLOW,
    o2_decay=FAST,
    amplitude=AMPLITUDE,
    **TRIPLET,
    drive=Format.parse("fxp-u20/22"),
    multiple=2.0,
    bound=Format.parse("fxp-u17/16"),
)
ELIGIBILITY, KEPT = Format.parse("fxp-s24/22"), 1 - 2.0**-6
EXACT = Format.parse(f"fxp-s44/{TRACE.frac + AMPLITUDE.frac}")
"""Holds every change of a tick exactly."""
ONE = Format.parse("fxp-s4/2")


def modulated(eligibility: Format, decay: float) -> neuromodulated_stdp.Params:
    """Return neuromodulated STDP whose factor is the dopamine itself."""
    return neuromodulated_stdp.Params(
        **TRACED,
        **PAIR,
        modulator="dopamine",
        eta=1.0,
        factor=ONE,
        eligibility=eligibility,
        eligibility_decay=decay,
    )


def two_neurons(rule: Any, size: int = 1, ticks: int = TICKS) -> Plan:
    """Return a network of sources `pre` and `post`, which make their neurons spike; dopamine.

    The plastic weights are too small to make a neuron spike: they learn and change nothing.
    """
    model = lif.Params(Format.parse("fxp-s20/12"), 0.0, 4.0, reset="to_value")
    populations = [
        Population("pre", size, Source()),
        Population("post", size, Source()),
        Population("neurons", size, model),
    ]
    projections = [
        Projection("post", "neurons", Format.parse("fxp-s8/0"), mean=100.0, pattern="blocks"),
        Projection("pre", "neurons", WEIGHT, mean=START, rule=rule),
    ]
    if hasattr(rule, "modulator"):
        populations += [
            Population("reward", 1, Source(ONE)),
            Population("dopamine", 1, leaky_readout.Params(ONE)),
        ]
        projections.append(Projection("reward", "dopamine", Format.parse("fxp-s2/0"), mean=1.0))
    return plan(Network(ticks, tuple(populations), tuple(projections), readout="neurons"))


@dataclass(frozen=True)
class Trial:
    """Ticks of the spikes of both neurons, and of dopamine of 1."""

    pre: tuple[int, ...]
    post: tuple[int, ...]
    dopamine: tuple[int, ...] = ()


def changes(rule: Any, trials: list[Trial], kind: str) -> np.ndarray:
    """Return by how much the weight changes in each of some trials, from the same weight."""
    made = two_neurons(rule)
    inputs = {p.name: np.zeros((len(trials), made.ticks, 1), np.int64) for p in made.sources}
    for k, trial in enumerate(trials):
        inputs["pre"][k, list(trial.pre)] = inputs["post"][k, list(trial.post)] = 1
        if "reward" in inputs:
            inputs["reward"][k, list(trial.dopamine)] = ONE.nearest(1.0)
    session = Session(made, 0, kind)
    saved, stimulus, found = session.save(), Stimulus(inputs), []
    for k in range(len(trials)):
        session.restore(saved)
        session.learn(stimulus, [k])
        found.append(session.weights("pre_to_neurons")[0, 0])
    return np.array(found) - START


def pair_trials() -> tuple[np.ndarray, list[Trial]]:
    """Return distances, post after pre, and a trial of each."""
    distances = np.arange(-REACH, REACH + 1)
    return distances, [Trial((CENTRE - int(d),), (CENTRE,)) for d in distances]


def pair_kernel(distances: np.ndarray) -> np.ndarray:
    """Return what a pair of each distance changes."""
    potentiated = np.where(distances >= 0, PAIR["plus"] * FAST ** np.abs(distances), 0.0)
    depressed = np.where(distances <= 0, PAIR["minus"] * FAST ** np.abs(distances), 0.0)
    return potentiated - depressed


def triplet_trials() -> tuple[list[Trial], np.ndarray]:
    """Return pairs, and triplets of both kinds, of each distance, with what each changes."""
    trials, wanted = [], []
    p2, m2, p3, m3 = (TRIPLET[name] for name in ("plus2", "minus2", "plus3", "minus3"))
    for d in range(1, REACH + 1):
        near = FAST**d
        trials.append(Trial((CENTRE - d,), (CENTRE,)))
        wanted.append(p2 * near)
        trials.append(Trial((CENTRE,), (CENTRE - d,)))
        wanted.append(-m2 * SLOW**d)
        # post 2 d before and pre d before the post that is potentiated
        far = d // 2
        if far:
            trials.append(Trial((CENTRE - far,), (CENTRE - 2 * far, CENTRE)))
            wanted.append((p2 + p3 * FAST ** (2 * far)) * FAST**far - m2 * SLOW**far)
            trials.append(Trial((CENTRE - 2 * far, CENTRE), (CENTRE - far,)))
            wanted.append(p2 * FAST**far - (m2 + m3 * FAST ** (2 * far)) * SLOW**far)
    return trials, np.array(wanted)


def delayed_trials() -> tuple[list[Trial], np.ndarray]:
    """Return a pair, then dopamine for a tick after more and more, and what each changes."""
    distance, delays = 10, range(1, REACH)
    trials = [Trial((CENTRE - distance,), (CENTRE,), (CENTRE + delay,)) for delay in delays]
    return trials, PAIR["plus"] * FAST**distance * KEPT ** np.array(delays)


def random_spikes(made: Plan, seed: int, dopamine: float) -> Stimulus:
    """Return a trial of random spikes of both sources, with constant dopamine."""
    shape = 1, made.ticks, made.sources[0].size
    inputs = {
        name: spikes(np.full(shape, 0.1), seed, stream)
        for name, stream in (("pre", 1), ("post", 2))
    }
    if len(made.sources) > len(inputs):
        inputs["reward"] = np.full((1, made.ticks, 1), ONE.nearest(dopamine))
    return Stimulus(inputs)


def unlike_pairs(kind: str) -> float:
    """Return how many of 64 weights neuromodulated STDP learns unlike pair STDP in a trial.

    Dopamine is constant, and eligibilities do not last.
    """
    found = []
    for rule in (STDP, modulated(EXACT, 0.0)):
        made = two_neurons(rule, 8)
        session = Session(made, 0, kind)
        session.learn(random_spikes(made, 3, 1.0), [0])
        found.append(session.weights("pre_to_neurons"))
    assert (found[0] != START).any()
    return float((found[0] != found[1]).sum())


def moved_without_dopamine(kind: str) -> float:
    """Return how many of 64 weights change in a trial without dopamine, of eligible synapses."""
    made = two_neurons(modulated(ELIGIBILITY, KEPT), 8)
    session = Session(made, 0, kind)
    session.learn(random_spikes(made, 3, 0.0), [0])
    assert (session.arrays["pre_to_neurons.e"] != 0).all()
    return float((session.weights("pre_to_neurons") != START).sum())


def kernels() -> Iterator[Figure]:
    """Yield by how far kernels are off, in LSB of the weight, and what must not move."""
    words = "neuromodulated STDP"

    def off(rule: Any, trials: list[Trial], wanted: np.ndarray) -> tuple[float, float]:
        fixed, real = (
            float(np.abs(changes(rule, trials, kind) - wanted).max() / LSB)
            for kind in ("compiled", "ideal")
        )
        return fixed, real

    def both(work: Callable[[str], float]) -> tuple[float, float]:
        return work("compiled"), work("ideal")

    distances, pairs = pair_trials()
    what = f"kernel, -{REACH} to {REACH} ticks: most LSB off"
    yield Figure("pair STDP", what, THEORY, (0.0, 2.0), *off(STDP, pairs, pair_kernel(distances)))
    what = f"pairs and triplets to {REACH} ticks: most LSB off"
    yield Figure("triplet STDP", what, THEORY, (0.0, 2.0), *off(TRIPLETS, *triplet_trials()))
    # Half an LSB of the weight, and half one of the eligibility in every tick that it fades.
    most = 0.5 + 0.5 * ELIGIBILITY.lsb / (1 - KEPT) / LSB + TRACE.lsb / (1 - FAST) / LSB
    found = off(modulated(ELIGIBILITY, KEPT), *delayed_trials())
    yield Figure(
        words, f"dopamine 1 to {REACH - 1} ticks late: LSB off", THEORY, (0.0, most), *found
    )
    exactly = (0.0, 0.0)
    what = "weights unlike pair STDP's, of 64"
    yield Figure(words, what, THEORY, exactly, *both(unlike_pairs), 0.0)
    what = "weights moved without dopamine, of 64"
    yield Figure(words, what, THEORY, exactly, *both(moved_without_dopamine), 0.0)


# Tasks

REVERSAL = 100
"""Trials of a phase of continual association."""
PHASES = 4


def choices(
    job: Job,
    trials: int,
    kind: str = "compiled",
    run: Run | None = None,
    *,
    at_random: bool = False,
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Return, for each seed, the cue of each trial, whether it chose rightly; accuracy at the end.

    Parameters
    ----------
    at_random
        Put the reward into any arm.
    """

    def work(session: Session) -> tuple[np.ndarray, np.ndarray, float]:
        task = cue_association.Task(job.task.params, job.plan, session.seed)
        task.initial(session)
        stimulus, samples = task.trials(0, trials)
        if at_random:
            coins = np.random.default_rng(session.seed).integers(0, 2, trials)
            samples = samples + task.params.train * coins
        outcome = session.learn(stimulus, samples, record=True)
        right = 1.0 - task.losses(outcome, samples)
        return task.cue_of[samples], right, task.measure(session)["accuracy"]

    what = f"{job.experiment.name} learns {trials} trials"
    return (run or Run()).sessions(job.plan, SEEDS, kind, work, what)


def accuracy(found: list[tuple[np.ndarray, np.ndarray, float]]) -> float:
    """Return the median accuracy of seeds at the end."""
    return float(np.median([accurate for _, _, accurate in found]))


def second(found: list[tuple[np.ndarray, np.ndarray, float]]) -> float:
    """Return the share of right choices when a cue is shown for the second time."""
    again = [
        right[np.flatnonzero(cue == one)[1]] for cue, right, _ in found for one in np.unique(cue)
    ]
    return float(np.mean(again))


def after_reversals(found: list[tuple[np.ndarray, np.ndarray, float]]) -> float:
    """Return the share of right choices in the second half of all phases, meant over seeds."""
    halves = np.mean([right for _, right, _ in found], axis=0).reshape(PHASES, 2, -1)
    return float(halves[:, 1].mean())


def completions(job: Job, kind: str = "compiled", run: Run | None = None) -> float:
    """Return the median completion of an assembly after the experiment's trials."""

    def work(session: Session) -> float:
        task = assembly.Task(job.task.params, job.plan, session.seed)
        session.learn(*task.trials(0, job.experiment.trials))
        return task.measure(session)["completion"]

    what = f"{job.experiment.name} learns {job.experiment.trials} trials"
    return float(np.median((run or Run()).sessions(job.plan, SEEDS, kind, work, what)))


def figures(run: Run) -> Iterator[Figure]:
    """Yield kernels, cue association and assemblies."""
    yield from kernels()
    words, job = "neuromodulated STDP", run.job("cue_association")
    same = run.lockstep(job, LOCKSTEP)
    trials = job.experiment.trials
    fixed, real = (choices(job, trials, kind, run) for kind in ("compiled", "ideal"))
    what = f"cue association, {trials} trials: median accuracy"
    yield Figure(words, what, SOURCE, (0.95, 1.0), accuracy(fixed), accuracy(real), 1.0, same)
    what = "one-shot association: right at the second time"
    yield Figure(words, what, SOURCE, (0.9, 1.0), second(fixed), second(real), 0.98, same)
    continual = run.job("cue_association", reversal=REVERSAL)
    fixed, real = (
        choices(continual, PHASES * REVERSAL, kind, run) for kind in ("compiled", "ideal")
    )
    what = f"continual association, reversed every {REVERSAL}: right from half of it on"
    pair = after_reversals(fixed), after_reversals(real)
    yield Figure(words, what, SOURCE, (0.95, 1.0), *pair, 1.0, same)
    fixed, real = (
        choices(job, trials, kind, run, at_random=True) for kind in ("compiled", "ideal")
    )
    what = "rewards at random: median accuracy"
    yield Figure(words, what, SOURCE, (0.2, 0.8), accuracy(fixed), accuracy(real), 0.5, same)
    for name, rule, least in (
        ("assembly", "triplet STDP", 0.9),
        ("assembly_pairs", "pair STDP", 0.75),
    ):
        job = run.job(name)
        what = f"assemblies, {job.experiment.trials} trials: median completion"
        pair = completions(job, "compiled", run), completions(job, "ideal", run)
        yield Figure(rule, what, SOURCE, (least, 1.0), *pair, None, run.lockstep(job, LOCKSTEP))
