"""A second implementation, naive and on exact fractions, learns the same bits.

It is written from what the docstrings say, with a description as its only input: it knows no
plan, no shifts and no accumulators, and shares no code with golden but formats.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import Format, Rounding
from goldenspike.golden.modulators import paired
from goldenspike.golden.network import Network, Source
from goldenspike.golden.neurons import lif
from goldenspike.golden.plan import plan
from goldenspike.golden.rules import node_perturbation, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus

Rows = list[list[Fraction]]


class Reference:
    """A network, a seed, its weights as fractions, and its learning trials one by one."""

    def __init__(self, network: Network, seed: int, store: Any, threefry: Any) -> None:
        self.network, self.seed, self.trial = network, seed, 0
        self.store, self.threefry = store, threefry
        self.populations = {p.name: p for p in network.populations}
        self.order = self.ordered()
        self.learns = [q for q in network.projections if q.rule is not None]
        self.mean: Fraction | None = None
        self.weights: dict[str, Rows] = {}
        for number, q in enumerate(network.projections):
            columns = self.size(q.post)
            drawn = iter(self.variates(0x300 + number, 0, 32, self.size(q.pre) * columns))
            spread = q.initial / 8**0.5
            self.weights[q.name] = [
                [self.real(Fraction(next(drawn) * spread), q.weight) for _ in range(columns)]
                for _ in range(self.size(q.pre))
            ]

    def size(self, name: str) -> int:
        """Return the size of a population."""
        return self.populations[name].size

    def real(self, value: Fraction, fmt: Format, rounding: Any = 2, overflow: Any = 0) -> Fraction:
        """Return the real number that a value is stored as."""
        return self.store(value, fmt, rounding, overflow) * Fraction(2) ** -fmt.frac

    def ordered(self) -> list[str]:
        """Return the populations so that projections without delay go forward."""
        names, found = list(self.populations), []
        while names:
            waiting = {q.post for q in self.network.projections if not q.delay and q.pre in names}
            found.append(next(name for name in names if name not in waiting))
            names.remove(found[-1])
        return found

    def bits(self, stream: int, counter: int, width: int, high: int = 0) -> Any:
        """Yield the fields of consecutive blocks."""
        index = high << 16
        while True:
            x0, x1 = self.threefry((self.seed, stream), (counter, index))
            both = x0 + x1 * 2**32
            for _ in range(64 // width):
                yield both % 2**width
                both //= 2**width
            index += 1

    def variates(self, stream: int, counter: int, width: int, count: int, high: int = 0) -> Any:
        """Return variates: signs of single bits, or centred popcounts of words."""
        fields = self.bits(stream, counter, width, high)
        drawn = [next(fields) for _ in range(count)]
        return [2 * b - 1 if width == 1 else b.bit_count() - 16 for b in drawn]

    def matrix(self, q: Any, drawn: Callable[[int], list[int]]) -> list[list[int]]:
        """Return a number per synapse: every row begins at a multiple of a power of two."""
        columns, stride = self.size(q.post), 1
        while stride < columns:
            stride *= 2
        flat = drawn(self.size(q.pre) * stride)
        return [flat[j * stride : j * stride + columns] for j in range(self.size(q.pre))]

    def amplitude(self, rule: Any, frac: int) -> Fraction:
        """Return the perturbation's size as it is represented with `frac` fraction bits."""
        spread = rule.sigma / (1 if int(rule.distribution) == 1 else 8**0.5)
        return self.real(Fraction(spread), Format(True, 62, frac))

    def current_frac(self, name: str) -> int:
        """Return the fraction bits of the exact sum of a population's currents."""
        fracs = [
            q.weight.frac + self.signal(q.pre).frac
            for q in self.network.projections
            if q.post == name
        ]
        return max(fracs)

    def signal(self, name: str) -> Format:
        """Return the format of a population's signal."""
        model = self.populations[name].model
        if isinstance(model, Source):
            return model.signal
        return Format(False, 1, 0) if isinstance(model, lif.Params) else model.output

    def neuron(self, model: Any, s: dict[str, Fraction], current: Fraction) -> Fraction:
        """Update one neuron; return its signal."""

        def factor(x: float) -> Fraction:
            return Fraction(x) if x in (0, 1) else self.real(Fraction(x), model.factor)

        driven = factor(1.0 if model.drive == "one" else 1.0 - model.decay) * current
        decay = factor(model.decay)
        if not isinstance(model, lif.Params):
            bias = self.real(Fraction(model.bias), model.output)
            y = decay * s["y"] + driven + bias
            s["y"] = self.real(y, model.output, model.rounding, model.overflow)
            return s["y"]
        threshold = self.real(Fraction(model.threshold), model.membrane)
        v = s["v"]
        if s["spike"] and model.reset == "to_value":
            v = self.real(Fraction(model.reset_value), model.membrane)
        u = decay * v + driven
        if s["spike"] and model.reset == "subtract":
            u -= threshold
        v = self.real(u, model.membrane, model.rounding, model.overflow)
        s["v"], s["spike"] = v, Fraction(v > threshold)
        if model.compare == ">=":
            s["spike"] = Fraction(v >= threshold)
        return s["spike"]

    def run(self, inputs: dict[str, Rows], target: Any, perturbing: bool) -> tuple[Any, Any, Any]:
        """Return the error of a pass, its readout's signals and its eligibilities."""
        network, reward = self.network, self.network.reward
        state = {
            n: [{"v": Fraction(0), "spike": Fraction(0), "y": Fraction(0)} for _ in range(p.size)]
            for n, p in self.populations.items()
        }
        before = {n: [Fraction(0)] * p.size for n, p in self.populations.items()}
        eligibility: dict[str, Any] = {}
        delivered = {name: [row.copy() for row in rows] for name, rows in self.weights.items()}
        noisy: dict[str, Any] = {}
        for number, q in enumerate(network.projections):
            if q.rule is None or not perturbing:
                continue
            width = int(q.rule.distribution)
            if isinstance(q.rule, weight_perturbation.Params):
                psi = self.matrix(
                    q, lambda n, k=number, w=width: self.variates(0x200 + k, self.trial, w, n)
                )
                size = self.amplitude(q.rule, q.weight.frac)
                for j, row in enumerate(psi):
                    for i, b in enumerate(row):
                        delivered[q.name][j][i] += size * b
                eligibility[q.name] = psi
            else:
                noisy[q.post] = (width, self.amplitude(q.rule, self.current_frac(q.post)))
                columns = self.size(q.post)
                eligibility[q.name] = [[Fraction(0)] * columns for _ in range(self.size(q.pre))]
        signals, error = [], Fraction(0)
        counts = [Fraction(0)] * self.size(reward.readout) if reward else []
        for t in range(network.ticks):
            now = {name: rows[t] for name, rows in inputs.items()}
            for name in (n for n in self.order if n not in inputs):
                p = self.populations[name]
                variates, size = [0] * p.size, Fraction(0)
                if name in noisy:
                    width, size = noisy[name]
                    stream = 0x100 + self.order.index(name)
                    variates = self.variates(stream, self.trial, width, p.size, t)
                currents = [size * b for b in variates]
                for q in (q for q in network.projections if q.post == name):
                    arriving = before[q.pre] if q.delay else now[q.pre]
                    for j, x in enumerate(arriving):
                        for i in range(p.size):
                            currents[i] += delivered[q.name][j][i] * x
                            if perturbing and isinstance(q.rule, node_perturbation.Params):
                                e = eligibility[q.name][j][i] + variates[i] * x
                                if q.rule.eligibility is not None:
                                    e = self.real(e, q.rule.eligibility)
                                eligibility[q.name][j][i] = e
                now[name] = [
                    self.neuron(p.model, s, c) for s, c in zip(state[name], currents, strict=True)
                ]
            before = now
            if reward is None:
                continue
            signals.append(now[reward.readout])
            if reward.objective == "squared_error":
                error += sum((z - w) ** 2 for z, w in zip(signals[-1], target[t], strict=True))
            counts = [c + z for c, z in zip(counts, signals[-1], strict=True)]
        if reward is not None and reward.objective == "count_error":
            error = sum((c - w) ** 2 for c, w in zip(counts, target, strict=True))
        return error, signals, eligibility

    def learn(self, inputs: dict[str, Rows], target: Any, outside: Any = None) -> dict[str, Any]:
        """Run one learning trial."""
        reward: Any = self.network.reward
        both = isinstance(reward.baseline, paired.Params)
        errors = []
        for perturbing in (False, True) if both else (True,):
            error, signals, eligibility = self.run(inputs, target, perturbing)
            errors.append(error if outside is None else outside[len(errors)])
        if both:
            gain = errors[0] - errors[1]
        else:
            mean = errors[0] if self.mean is None else self.mean
            gain = mean - errors[0]
            # The mean has four fraction bits more than the error.
            rate = self.real(Fraction(reward.baseline.rate), Format(False, 9, 8))
            grid = Format(True, 62, self.error_frac() + 4)
            self.mean = self.real(mean + rate * (errors[0] - mean), grid)
        gained = self.real(gain, reward.reward)
        for q in self.learns:
            self.update(q, gained, eligibility[q.name])
        self.trial += 1
        return {"errors": errors, "reward": gained, "signals": signals}

    def error_frac(self) -> int:
        """Return the fraction bits of the error: those of a square, or those given."""
        reward: Any = self.network.reward
        if reward.objective == "external":
            return reward.target.frac
        return 2 * max(self.signal(reward.readout).frac, reward.target.frac)

    def update(self, q: Any, gained: Fraction, eligibility: Any) -> None:
        """Learn the weights of a projection."""
        rule, number = q.rule, self.network.projections.index(q)
        perturbs_weights = isinstance(rule, weight_perturbation.Params)
        size = self.amplitude(
            rule, q.weight.frac if perturbs_weights else self.current_frac(q.post)
        )
        variance = 1 if int(rule.distribution) == 1 else 8
        rate = Fraction(rule.eta) * Fraction(self.network.reward.scale) / (size * variance)
        exponent = 0  # the rate keeps 16 significant bits
        while not 2**15 <= rate * Fraction(2) ** exponent < 2**16:
            exponent += 1 if rate * Fraction(2) ** exponent < 2**15 else -1
        rate = round(rate * Fraction(2) ** exponent) * Fraction(2) ** -exponent
        factor = self.real(rate * gained, rule.factor)
        words = self.matrix(
            q,
            lambda n: [
                w for w, _ in zip(self.bits(0x400 + number, self.trial, 16), range(n), strict=False)
            ],
        )
        for j, row in enumerate(self.weights[q.name]):
            for i, w in enumerate(row):
                grown = (w + factor * eligibility[j][i]) * 2**q.weight.frac
                if rule.rounding == Rounding.STOCHASTIC:
                    # Up if the word is below the rest, both as 16-bit fractions.
                    grown = grown // 1 + (words[j][i] < (grown % 1) * 2**16 // 1)
                    row[i] = self.real(grown / 2**q.weight.frac, q.weight, 0, rule.overflow)
                else:
                    value = grown / 2**q.weight.frac
                    row[i] = self.real(value, q.weight, rule.rounding, rule.overflow)


def real(raw: Any, fmt: Format) -> Any:
    """Return nested lists of fractions for raw integers."""
    if isinstance(raw, (list, np.ndarray)):
        return [real(x, fmt) for x in raw]
    return int(raw) * Fraction(2) ** -fmt.frac


def compare(reference: Reference, session: Session) -> None:
    """Compare all weights."""
    for q in reference.network.projections:
        raw = session.arrays[f"{q.name}.w"].tolist()
        assert reference.weights[q.name] == real(raw, q.weight), q.name


TRIALS = 12


@pytest.mark.parametrize("seed", [1, 0xC0FFEE])
@pytest.mark.parametrize("name", ["spiking", "graded", "deep", "judged", "counted"])
def test_a_naive_network_learns_the_same_bits(
    name: str,
    seed: int,
    networks: dict[str, Network],
    stimulate: Callable[..., Stimulus],
    store: Any,
    threefry: Any,
) -> None:
    network = networks[name]
    made = plan(network)
    assert made.reward is not None
    stimulus = stimulate(made, seed)
    session = Session(made, seed, "python")
    reference = Reference(network, seed, store, threefry)
    compare(reference, session)
    start = session.copy()
    rng = np.random.default_rng(seed)
    rewards, signals = [], []
    for k in range(TRIALS):
        sample = k % stimulus.size
        inputs = {p.name: real(stimulus.inputs[p.name][sample], p.signal) for p in made.sources}
        target = real(stimulus.targets[sample], made.reward.target)
        known = None
        if made.reward.objective is None:
            error = made.reward.error
            known = rng.integers(-300, 300, (1, made.passes))
        got = session.learn(stimulus, [sample], record=True, external=known)
        outside = None if known is None else real(known[0], error)
        want = reference.learn(inputs, target, outside)
        assert want["errors"] == real(got.errors[0], made.reward.error)
        assert want["reward"] == real(got.rewards[0], made.reward.reward)
        assert want["signals"] == real(got.signals[0], made.reward.readout.signal)
        compare(reference, session)
        if reference.mean is not None:
            fmt = made.variables["reward.mean"].format
            assert reference.mean == real(session.arrays["reward.mean"][0], fmt)
        rewards.append(want["reward"])
        signals += [x for tick in want["signals"] for x in tick]
    assert any(rewards)
    assert len(set(signals)) > 1
    for q in made.plastic:
        assert not np.array_equal(start.arrays[f"{q.name}.w"], session.arrays[f"{q.name}.w"])
    plain = session.evaluate(stimulus, [0], record=True)
    inputs = {p.name: real(stimulus.inputs[p.name][0], p.signal) for p in made.sources}
    error, signals, _ = reference.run(
        inputs, real(stimulus.targets[0], made.reward.target), perturbing=False
    )
    assert signals == real(plain.signals[0], made.reward.readout.signal)
    if made.reward.objective is not None:
        assert error == real(plain.errors[0, 0], made.reward.error)
