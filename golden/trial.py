"""Running trials: the arrays of a network, and the engine that moves them.

A :class:`Session` is a network with weights, a seed and a count of trials. Three engines run the
same program: ``compiled`` (Numba, int64 arithmetic on narrow arrays), ``python`` (unbounded
Python integers) and ``ideal`` (float64, nothing rounded). The first two agree bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from goldenspike.golden import activity, engine, randomness
from goldenspike.golden.fixed import WIDEST, Format
from goldenspike.golden.parameters import choice, integer
from goldenspike.golden.plan import PASSES, UPDATE, Plan
from goldenspike.golden.planned import PlannedPopulation, PlannedProjection
from goldenspike.golden.program import program
from goldenspike.golden.start import Start, check_memory, initial_weights, real_weights, started
from goldenspike.golden.synapses import delta

__all__ = ["Outcome", "Session", "Stimulus", "in_parallel", "initial_weights"]

WIDE = Format(True, WIDEST, 0)
"""Room for an exact sum."""
ENGINES = ("compiled", "python", "ideal")
SPECIALISED, SPECIALISED_ONLINE = 1 << 16, 1 << 7
"""Synapses from which on a network is compiled for its very constants, which is twice as fast, or
thrice where all synapses are visited in every tick.
"""


@dataclass(frozen=True)
class Stimulus:
    """What a task presents: samples of inputs and targets, as raw integers.

    Parameters
    ----------
    inputs
        By source population: ``(samples, ticks, neurons)``.
    targets
        ``(samples, ticks, neurons)`` or ``(samples, neurons)``, as the objective asks; none without
        a reward.
    conditions
        ``(samples,)``, the kind of trial that each is, for a baseline that tells them apart; by
        default all are of kind 0.
    """

    inputs: dict[str, np.ndarray]
    targets: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.int64))
    conditions: np.ndarray | None = None

    @property
    def size(self) -> int:
        """The number of samples."""
        return next(iter(self.inputs.values())).shape[0]

    def condition(self, sample: int) -> int:
        """Return the kind of trial that a sample is."""
        return 0 if self.conditions is None else int(self.conditions[sample])


class Outcome(NamedTuple):
    """What trials gave.

    Parameters
    ----------
    errors
        ``(trials, passes)``, raw: unperturbed before perturbed.
    rewards
        ``(trials,)``, raw; that of the last time bin if there are several.
    signals
        ``(trials, ticks, neurons)`` of the readout, in its last pass, if recorded.
    digests
        ``(trials, digests)`` if traced.
    trace
        Rows ``(moment, variable, index, value)`` in program order, if traced, where ``moment`` is
        ``trial * digests + tick``.
    activity
        ``(trials, passes, ticks, bits)``, as :mod:`goldenspike.golden.activity` has it, if watched.
    """

    errors: np.ndarray
    rewards: np.ndarray
    signals: np.ndarray
    digests: np.ndarray
    trace: np.ndarray
    activity: np.ndarray


def storage(fmt: Format) -> Any:
    """Return the narrowest signed dtype that holds a format."""
    width = fmt.width + (not fmt.signed)
    return next(t for t in (np.int8, np.int16, np.int32, np.int64) if np.iinfo(t).bits >= width)


def with_arrays(constants: Any) -> Any:
    """Return constants with arrays in the place of tables, which compiled code reads faster."""
    if not isinstance(constants, tuple):
        return constants
    if not hasattr(constants, "_fields"):
        return np.array(constants, np.int64)
    return type(constants)(*map(with_arrays, constants))


class Session:
    """A network's arrays, and the methods that run its trials.

    Parameters
    ----------
    plan
        A checked network.
    seed
        Of all its randomness, 0 to 2**32 - 1.
    kind
        ``compiled``, ``python`` or ``ideal``.

    Attributes
    ----------
    arrays
        State by name, such as ``"pixels_to_classes.w"``; raw integers, or real numbers if ideal.
    trial
        Number of the next learning trial: the counter of the perturbations.
    starts
        By projection, what its format and its rule's bounds did to the weights it started with.
    watch
        A :class:`~goldenspike.golden.health.Watch` that is told of every call of :meth:`learn`, or
        None; copies of the session tell the same one.

    Raises
    ------
    ValueError
        If the network does not fit the memory of this machine.
    """

    def __init__(self, plan: Plan, seed: int = 0, kind: str = "compiled") -> None:
        choice("Engine", kind, ENGINES)
        check_memory(plan)
        self.plan, self.seed, self.kind, self.trial = plan, check_seed(seed), kind, 0
        self.starts: dict[str, Start] = {}
        self.watch: Any = None
        self.arrays: dict[str, np.ndarray] = {}
        self._scratch: dict[str, np.ndarray] = {}
        self._constants: dict[str, Any] = {}
        self._allocate()
        for q in plan.projections:
            if q.mirror is None:
                self.start_weights(q.name, real_weights(q, self.seed))
            if q.learner is not None:
                self.set_fixed(q)

    def _zeros(self, fmt: Format, *shape: int) -> np.ndarray:
        if self.kind == "ideal":
            return np.zeros(shape)
        if self.kind == "python":
            out = np.empty(shape, object)
            out[...] = 0
            return out
        return np.zeros(shape, storage(fmt))

    def _allocate(self) -> None:
        plan = self.plan
        ideal = self.kind == "ideal"
        for variable in plan.variables.values():
            if variable.shape:
                self.arrays[variable.name] = self._zeros(variable.format, *variable.shape)
        for p in plan.neurons:
            self._scratch[f"{p.name}.signal"] = self._zeros(p.signal, p.size)
            for name in plan.taken(p):
                self._scratch[f"{p.name}.{name}"] = self._zeros(p.outputs[name], p.size)
            if p.draws:
                self._scratch[f"{p.name}.words"] = np.zeros(1, np.int64)
            if p.depth > 1:
                self._scratch[f"{p.name}.history"] = self._zeros(p.signal, p.depth, p.size)
            for receptor in p.receptors:
                self._scratch[f"{p.name}.{receptor}"] = self._zeros(WIDE, p.size)
            self._constants[f"{p.name}.constants"] = (
                p.params.ideal(p.constants) if ideal else p.constants
            )
            if p.output is not None:
                self._scratch[f"{p.name}.output"] = self._zeros(WIDE, p.size)
                self._scratch[f"{p.name}.score"] = self._zeros(p.output, p.size)
            if p.perturbation is not None:
                self._perturbation(p.name, p.perturbation)
                self._noise(p)
        for q in plan.projections:
            self._projection(q)
            if q.learner is not None:
                self._learner(q)
        if plan.reward is not None:
            self._constants["reward.constants"] = plan.reward.constants or 0
            baseline = plan.reward.baseline_constants
            self._constants["reward.baseline"] = (
                plan.reward.baseline_params.ideal(baseline) if ideal else baseline
            )
            if plan.reward.sign is not None:
                one = plan.reward.sign
                self._constants["reward.sign"] = one._replace(one=1.0) if ideal else one
            if plan.reward.delay:
                self._scratch["reward.late"] = self._zeros(plan.reward.reward, plan.reward.delay)

    def _projection(self, q: PlannedProjection) -> None:
        """Make the scratch arrays and constants of a projection."""
        shape = (q.pre.size, q.post.size)
        ideal = self.kind == "ideal"
        self._constants[f"{q.name}.synapse"] = q.synapse
        self._constants[f"{q.name}.shift"] = q.shift
        if q.filter is not None:
            given = q.filter_constants
            self._constants[f"{q.name}.filter"] = (
                q.description.synapse.ideal(given) if ideal else given
            )
            self._scratch[f"{q.name}.filtered"] = self._zeros(q.signal, q.pre.size)
        found = q.weight_perturbation
        if found is not None:
            self._scratch[f"{q.name}.delivered"] = self._zeros(q.synapse.weight, *shape)
            self._scratch[f"{q.name}.psi"] = self._zeros(found.constants.variate, *shape)
            self._perturbation(q.name, found)
            if found.code is not None:
                self._constants[f"{q.name}.code"] = found.code.constants
                self._constants[f"{q.name}.first"] = found.code.first
        rule = q.rule
        if rule is None:
            return
        factor = rule.factor
        self._constants[f"{q.name}.rate"] = factor._replace(rate=rule.rate) if ideal else factor
        self._constants[f"{q.name}.update"] = rule.accumulate or rule.update
        self._constants[f"{q.name}.stride"] = rule.perturbation.stride
        if rule.trace is not None:
            self._constants[f"{q.name}.trace"] = (
                rule.params.ideal(rule.constants)
                if ideal and hasattr(rule.params, "ideal")
                else rule.constants
            )
        if rule.kind == "output" and found is not None:
            output = delta.Constants(found.constants.variate, q.signal)
            self._constants[f"{q.name}.output"] = output
            self._constants[f"{q.name}.output_shift"] = q.output_shift
        self._scratch[f"{q.name}.words"] = np.zeros(q.post.size, np.int64)

    def _learner(self, q: PlannedProjection) -> None:
        """Make the arrays and constants of a rule with eligibility traces."""
        learner: Any = q.learner
        names = {"factor": "scale", "synapse": "synapse_part", "update": "update_part"}
        for name, part in learner.parts.items():
            constants = part.ideal if self.kind == "ideal" else part.constants
            self._constants[f"{q.name}.{names.get(name, name)}"] = constants
            if name in ("pre", "post", "factor"):
                size = q.pre.size if name == "pre" else q.post.size
                for given, fmt in part.outputs.items():
                    self._scratch[f"{q.name}.of_{given}"] = self._zeros(fmt, size)
        for kept in learner.fixed:
            fmt = learner.kept[kept]
            self.arrays[f"{q.name}.{kept}"] = self._zeros(fmt, q.pre.size, q.post.size)
        if learner.words:
            # Of 32 bits, as the loops that they are read in may be.
            self._scratch[f"{q.name}.rows"] = np.zeros(q.pre.size, np.int32)
            self._scratch[f"{q.name}.columns"] = np.zeros(q.post.size, np.int32)

    def set_fixed(self, q: PlannedProjection) -> None:
        """Set what a rule keeps per synapse and never changes, as its weights are now."""
        learner: Any = q.learner
        if not learner.fixed:
            return
        work = learner.params.fixed_ideal if self.kind == "ideal" else learner.params.fixed
        for name, values in work(self.weights(q.name)).items():
            if name in learner.fixed:
                self.arrays[f"{q.name}.{name}"][...] = values

    def _noise(self, p: PlannedPopulation) -> None:
        """Make the scratch arrays and constants of a population's noise."""
        perturbation: Any = p.perturbation
        noise = perturbation.noise
        ideal = self.kind == "ideal"
        self._scratch[f"{p.name}.variate"] = self._zeros(noise.variate, p.size)
        if noise.white:
            self._constants[f"{p.name}.rest"] = 0
            return
        self._scratch[f"{p.name}.score"] = self._zeros(noise.score, p.size)
        self._scratch[f"{p.name}.words"] = np.zeros(p.size, np.int64)
        self._constants[f"{p.name}.noise"] = (
            noise.params.ideal(noise.constants) if ideal else noise.constants
        )
        self._constants[f"{p.name}.rest"] = float(noise.params.rest) if ideal else noise.rest

    def _perturbation(self, name: str, perturbation: Any) -> None:
        constants = perturbation.constants
        if self.kind == "ideal":
            constants = constants._replace(amplitude=float(perturbation.amplitude))
        self._constants[f"{name}.perturb"] = constants
        self._constants[f"{name}.stream"] = perturbation.stream

    def set_weights(self, projection: str, raw: Any) -> None:
        """Set a projection's weights, ``(pre, post)``, raw integers.

        Raises
        ------
        ValueError
            If the shape is another one, a weight is beyond its format, one from a neuron to itself
            is not 0 where there is none, or the weights are another projection's.
        """
        q = self._own(projection)
        array = self.arrays[f"{projection}.w"]
        fmt = self.plan.variables[f"{projection}.w"].format
        raw = np.asarray(raw)
        check_raw(f"Weights of {projection}", raw, array.shape, fmt)
        if not q.description.self_connections and np.diagonal(raw).any():
            raise ValueError(f"Weights of {projection} from a neuron to itself must be 0")
        array[...] = fmt.to_float(raw) if self.kind == "ideal" else raw

    def start_weights(self, projection: str, real: Any) -> None:
        """Set the weights, ``(pre, post)``, real numbers, that a projection starts with.

        They are rounded, and in fixed point clipped to the format and to the bounds of the rule;
        :attr:`starts` tells how many were.

        Raises
        ------
        ValueError
            If they are of another shape or not finite, one from a neuron to itself is not 0 where
            there is none, or the weights are another projection's.
        """
        q = self._own(projection)
        given = np.asarray(real, np.float64)
        array = self.arrays[f"{projection}.w"]
        if given.shape != array.shape:
            noun = f"Weights of {projection}"
            raise ValueError(f"{noun} must be of shape {array.shape}, not {given.shape}")
        raw, rounded, self.starts[projection] = started(q, given)
        self.set_weights(projection, raw)
        if self.kind == "ideal":
            array[...] = rounded

    def _planned(self, projection: str) -> PlannedProjection:
        """Return a projection of the plan by its name."""
        known = {q.name: q for q in self.plan.projections}
        choice("Projection", projection, known)
        return known[projection]

    def _own(self, projection: str) -> PlannedProjection:
        """Return a projection of the plan that has weights of its own."""
        q = self._planned(projection)
        if q.mirror is not None:
            raise ValueError(
                f"Weights of {projection} must be left to {q.mirror}, which it mirrors"
            )
        return q

    def weights(self, projection: str) -> np.ndarray:
        """Return a copy of a projection's weights as real numbers, ``(pre, post)``."""
        mirror = self._planned(projection).mirror
        if mirror is not None:
            return self.weights(mirror).T
        raw = self.arrays[f"{projection}.w"]
        fmt = self.plan.variables[f"{projection}.w"].format
        return raw.copy() if self.kind == "ideal" else fmt.to_float(raw.astype(np.int64))

    def signals(self, population: str) -> np.ndarray:
        """Return the signals, ``(neurons,)``, of a population of neurons in the last tick."""
        choice("Population", population, [p.name for p in self.plan.neurons])
        return self._scratch[f"{population}.signal"].copy()

    def scratch(self, name: str) -> np.ndarray:
        """Return what the engine keeps from tick to tick besides the state, such as factors."""
        return self._scratch[name]

    def save(self) -> dict[str, Any]:
        """Return all that the following trials depend on."""
        return {"trial": self.trial, **{k: v.copy() for k, v in self.arrays.items()}}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what :meth:`save` returned."""
        self.trial = saved["trial"]
        for name, array in self.arrays.items():
            array[...] = saved[name]

    def copy(self, seed: int | None = None) -> Session:
        """Return an independent session in the same state, with another seed if given."""
        other = copy.copy(self)
        other.starts = dict(self.starts)
        other.arrays = {k: v.copy() for k, v in self.arrays.items()}
        other._scratch = {k: v.copy() for k, v in self._scratch.items()}
        other.seed = self.seed if seed is None else check_seed(seed)
        return other

    def learn(self, stimulus: Stimulus, samples: Any, **more: Any) -> Outcome:
        """Run learning trials.

        Parameters
        ----------
        stimulus
            Samples to choose from.
        samples
            ``(trials,)``, which sample each trial presents.
        traced
            Compute the digests.
        trace_rows
            Room for that many writes in the trace.
        record
            Record the readout's signals.
        watched
            Record the activity.
        external
            ``(trials, passes)``, the errors of an external objective, where they are known.

        Raises
        ------
        ValueError
            If the network has no rule, or something given does not fit.
        """
        self.plan.check_learns()
        samples = check_samples(samples)
        outcome = self._run(PASSES | UPDATE, stimulus, samples, **more)
        self.trial = (self.trial + samples.size) & randomness.MASK
        if self.watch is not None:
            self.watch.look(self, stimulus, samples, outcome)
        return outcome

    def evaluate(self, stimulus: Stimulus, samples: Any, **more: Any) -> Outcome:
        """Run trials without perturbation or learning; parameters as in :meth:`learn`."""
        return self._run(0, stimulus, samples, **more)

    def perturb(self, stimulus: Stimulus, samples: Any, **more: Any) -> Outcome:
        """Run the next learning trials without learning; parameters as in :meth:`learn`.

        What the session has learned, its traces and :attr:`trial` stay as they were.
        """
        return self.copy()._run(PASSES, stimulus, samples, **more)

    def learn_from(
        self, stimulus: Stimulus, sample: int, judge: Callable[[np.ndarray], Sequence[int]]
    ) -> Outcome:
        """Run one learning trial whose error comes from outside.

        Parameters
        ----------
        judge
            Gets the readout's signals, ``(passes, ticks, neurons)``, unperturbed before perturbed,
            and returns the errors of the passes, raw.
        """
        signals = self._run(PASSES, stimulus, [sample], record=True, each_pass=True).signals
        errors = np.asarray(judge(signals)).reshape(1, -1)
        outcome = self._run(UPDATE, stimulus, [sample], external=errors)
        self.trial = (self.trial + 1) & randomness.MASK
        return outcome

    def _run(
        self,
        learn: int,
        stimulus: Stimulus,
        samples: Any,
        *,
        traced: bool = False,
        trace_rows: int = 0,
        record: bool = False,
        each_pass: bool = False,
        watched: bool = False,
        external: Any = None,
    ) -> Outcome:
        plan = self.plan
        real = self.kind == "ideal"
        samples = check_samples(samples)
        count = len(samples)
        wide = np.float64 if real else object if self.kind == "python" else np.int64
        self._check(stimulus, samples)
        readout = plan.readout.size if plan.readout is not None else 0
        errors = np.zeros((count, 2), wide)
        known = np.zeros((count, 2), wide)
        if learn & UPDATE and plan.reward is not None and plan.reward.objective is None:
            if external is None:
                raise ValueError("Errors of an external objective must be given, not None")
            given = np.asarray(external)
            check_raw("External errors", given, (count, plan.passes), plan.reward.error)
            known[:, : plan.passes] = plan.reward.error.to_float(given) if real else given
            errors[...] = known
        rewards = np.zeros(count, wide)
        recorded = count * (plan.passes if each_pass else 1) if record else 0
        signals = np.zeros((recorded, plan.ticks, readout), wide)
        digests = np.zeros((count if traced else 0, plan.digests), np.int64)
        trace = np.zeros((trace_rows + 1, 4), np.int64)
        arguments: dict[str, Any] = {
            "count": count,
            "first": self.trial,
            "learn": learn,
            "seed": self.seed,
            "ticks": plan.ticks,
            "zero": 0.0 if real else 0,
            "samples": samples,
            "conditions": self._conditions(stimulus),
            "external": known,
            "targets": self._signal(stimulus.targets, self._target_format()),
            "errors": errors,
            "rewards": rewards,
            "record": signals,
            "digests": digests,
            "trace": trace,
        }
        for p in plan.sources:
            arguments[f"{p.name}.inputs"] = self._signal(stimulus.inputs[p.name], p.signal)
        size = sum(activity.sizes(plan).values()) if watched else 0
        active = np.zeros((count, plan.passes, plan.ticks, size), np.uint8)
        if watched:
            arguments["activity"] = active
        arguments |= self.arrays | self._scratch
        synapses = sum(q.pre.size * q.post.size for q in plan.projections)
        own = synapses >= (SPECIALISED_ONLINE if plan.online or plan.learners else SPECIALISED)
        own = own and self.kind != "python"
        constants = {name.replace(".", "__"): value for name, value in self._constants.items()}
        if self.kind != "python":
            constants = {name: with_arrays(value) for name, value in constants.items()}
        arguments |= {} if own else constants
        names = [name.replace(".", "__") for name in arguments]
        narrow = own and not real and bool(plan.learners)
        fixed = constants if own else None
        source = program(plan, names, traced, fixed, narrow=narrow, watched=watched)
        if self.kind == "python":
            engine.load(source).run(*arguments.values())
        else:
            engine.compiled(source)(*arguments.values())
        used = int(trace[0, 0])
        errors, trace = errors[:, : plan.passes], trace[1 : used + 1]
        return Outcome(errors, rewards, signals, digests, trace, active)

    def _conditions(self, stimulus: Stimulus) -> np.ndarray:
        """Return the kinds of trials of a stimulus, checked."""
        kinds = 1
        if self.plan.reward is not None:
            kinds = self.plan.reward.baselines // self.plan.reward.bins
        if stimulus.conditions is None:
            return np.zeros(stimulus.size, np.int64)
        given = whole("Conditions", stimulus.conditions)
        if given.shape != (stimulus.size,):
            raise ValueError(f"Conditions must be of shape ({stimulus.size},), not {given.shape}")
        if given.size and not 0 <= given.min() <= given.max() < kinds:
            raise ValueError(
                f"Conditions must be 0 to {kinds - 1}, not {given.min()}..{given.max()}"
            )
        return given.astype(np.int64)

    def _target_format(self) -> Format:
        return self.plan.reward.target if self.plan.reward else Format(False, 1, 0)

    def _signal(self, raw: np.ndarray, fmt: Format) -> np.ndarray:
        """Return raw signals as the engine wants them."""
        if self.kind == "ideal":
            return fmt.to_float(raw)
        return raw.astype(object if self.kind == "python" else storage(fmt))

    def _check(self, stimulus: Stimulus, samples: np.ndarray) -> None:
        plan = self.plan
        size = stimulus.size
        choice("Sources of a stimulus", set(stimulus.inputs), ({p.name for p in plan.sources},))
        wanted: dict[str, tuple[np.ndarray, tuple[int, ...], Format]] = {
            p.name: (stimulus.inputs[p.name], (size, plan.ticks, p.size), p.signal)
            for p in plan.sources
        }
        if plan.reward is not None and plan.reward.objective is not None:
            ticks = (plan.ticks,) if plan.reward.targets_every_tick else ()
            shape = (size, *ticks, plan.reward.readout.size)
            wanted["targets"] = stimulus.targets, shape, plan.reward.target
        for name, (raw, shape, fmt) in wanted.items():
            check_raw(f"Signals of {name}", np.asarray(raw), shape, fmt)
        if samples.size and not 0 <= samples.min() <= samples.max() < size:
            ends = f"{samples.min()}..{samples.max()}"
            raise ValueError(f"Samples must be 0 to {size - 1}, not {ends}")


def check_seed(seed: Any) -> int:
    """Return a seed that is one, as a Python integer, or raise ValueError or TypeError."""
    return integer("Seed", seed, 0, (1 << 32) - 1)


def check_samples(samples: Any) -> np.ndarray:
    """Return the numbers of samples, ``(trials,)``, or raise ValueError or TypeError."""
    numbers = whole("Samples", samples)
    if numbers.ndim != 1:
        raise ValueError(f"Samples must be of shape (trials,), not {numbers.shape}")
    return numbers


def whole(noun: str, values: Any) -> np.ndarray:
    """Return integers, of any kind, as an array of int64.

    Raises
    ------
    TypeError
        If there are others among them: masks are not numbers of what they select.
    """
    given = np.asarray(values)
    if not given.size:
        return given.astype(np.int64)
    if given.dtype == bool:
        raise TypeError(f"{noun} must be integers, not a mask: take np.flatnonzero of it")
    if given.dtype == object:
        return np.array(_integers(noun, given), np.int64).reshape(given.shape)
    if not np.issubdtype(given.dtype, np.integer):
        raise TypeError(f"{noun} must be integers, not {given.dtype}")
    return given.astype(np.int64)


def _integers(noun: str, given: np.ndarray) -> list[int]:
    """Return the items of an array of objects as Python integers; raise TypeError for others."""
    return [integer(f"Item {place} of {noun}", item) for place, item in enumerate(given.flat)]


def check_raw(noun: str, raw: np.ndarray, shape: tuple[int, ...], fmt: Format) -> None:
    """Raise unless an array has a shape, and holds integers of a format."""
    if raw.shape != shape:
        raise ValueError(f"{noun} must be of shape {shape}, not {raw.shape}")
    if raw.dtype == object:
        _integers(noun, raw)
    elif not np.issubdtype(raw.dtype, np.integer):
        raise TypeError(f"{noun} must be raw integers, not {raw.dtype}")
    if raw.size and (raw.min() < fmt.low or raw.max() > fmt.high):
        bad = int(raw.min() if raw.min() < fmt.low else raw.max())
        raise ValueError(f"{noun} must fit {fmt}, not {bad}")


def in_parallel(things: Sequence[Any], work: Callable[[Any], Any], threads: int) -> list:
    """Return ``work(thing)`` of every session or job, by threads: the engine frees Python."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, things))
