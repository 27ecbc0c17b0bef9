"""A second implementation, naive and on exact fractions, learns the same bits.

It is written from what the docstrings say, with a description as its only input: it knows no
plan, no shifts and no accumulators, and shares nothing with golden but formats, and the numbers of
the table that rate units look up.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import count, pairwise, product
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import BIT, Format, Rounding
from goldenspike.golden.modulators import running_mean, two_sided
from goldenspike.golden.network import Network, Source
from goldenspike.golden.neurons import conductance_lif, leaky_readout, lif
from goldenspike.golden.noise import empiric, filtered, sparse
from goldenspike.golden.plan import plan
from goldenspike.golden.rules import (
    conductance_perturbation,
    delayed_conductance_perturbation,
    hybrid_perturbation,
    node_perturbation,
    online_conductance_perturbation,
    weight_perturbation_0,
)
from goldenspike.golden.synapses import exponential
from goldenspike.golden.table import build
from goldenspike.golden.trial import Session, Stimulus

Rows = list[list[Fraction]]
ZERO = Fraction(0)
EMPIRIC = conductance_perturbation.EmpiricParams
ONLINE = online_conductance_perturbation.Params
DELAYED = delayed_conductance_perturbation.Params
FACTOR = Format(False, 17, 16)


def zeros(rows: int, columns: int) -> Rows:
    """Return a matrix of zeros."""
    return [[ZERO] * columns for _ in range(rows)]


class Run:
    """What a run of a trial has seen and changed."""

    def __init__(self) -> None:
        self.error, self.reward = ZERO, ZERO
        self.signals: list[list[Fraction]] = []
        self.psi: dict[str, Any] = {}
        self.eligibility: dict[str, Any] = {}
        self.active: dict[str, set[int]] = {}


class Reference:
    """A network, a seed, its weights as fractions, and its learning trials one by one."""

    def __init__(self, network: Network, seed: int, store: Any, threefry: Any) -> None:
        self.network, self.seed, self.trial = network, seed, 0
        self.store, self.threefry = store, threefry
        self.populations = {p.name: p for p in network.populations}
        self.order = self.ordered()
        self.learns = [q for q in network.projections if q.rule is not None]
        self.mean: dict[tuple[int, int], Fraction] = {}
        self.weights: dict[str, Rows] = {}
        self.sums: dict[str, Rows] = {}
        self.first: dict[str, int] = {}
        coded = 1
        for number, q in enumerate(network.projections):
            rows, columns = self.shape(q)
            drawn = iter(self.variates(0x300 + number, 0, 32, rows * columns))
            spread = q.initial / 8**0.5
            weights = [
                [
                    self.real(Fraction(q.mean + next(drawn) * spread), q.weight)
                    for _ in range(columns)
                ]
                for _ in range(rows)
            ]
            if q.pattern == "blocks":
                weights = [
                    [w if j * columns // rows == i else ZERO for i, w in enumerate(row)]
                    for j, row in enumerate(weights)
                ]
            self.weights[q.name] = weights
            self.sums[q.name] = zeros(rows, columns)
            if getattr(q.rule, "code", "random") != "random":
                self.first[q.name] = coded
                coded += rows * columns
        self.period = next(2**bits for bits in count(1) if coded <= 2**bits)

    def shape(self, q: Any) -> tuple[int, int]:
        """Return the sizes of a projection."""
        return self.populations[q.pre].size, self.populations[q.post].size

    def real(self, value: Any, fmt: Format, rounding: Any = 2, overflow: Any = 0) -> Fraction:
        """Return the real number that a value is stored as."""
        return self.store(Fraction(value), fmt, rounding, overflow) * Fraction(2) ** -fmt.frac

    def held(self, x: float, fmt: Format = FACTOR) -> Fraction:
        """Return a factor of 0 to 1, as its format holds it."""
        return Fraction(x) if x in (0, 1) else self.real(Fraction(x), fmt)

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

    def variates(self, stream: int, counter: int, width: int, size: int, high: int = 0) -> Any:
        """Return variates: signs of single bits, or centred popcounts of words."""
        fields = self.bits(stream, counter, width, high)
        drawn = [next(fields) for _ in range(size)]
        return [2 * b - 1 if width == 1 else b.bit_count() - 16 for b in drawn]

    def matrix(self, q: Any, drawn: Callable[[int], list[int]]) -> list[list[int]]:
        """Return a number per synapse: every row begins at a multiple of a power of two."""
        (rows, columns), stride = self.shape(q), 1
        while stride < columns:
            stride *= 2
        flat = drawn(rows * stride)
        return [flat[j * stride : j * stride + columns] for j in range(rows)]

    def perturbs_weights(self, q: Any) -> bool:
        """Return whether a projection's rule perturbs its weights."""
        return q.rule is not None and not isinstance(q.rule, (node_perturbation.Params, EMPIRIC))

    def amplitude(self, q: Any) -> Fraction:
        """Return the size of a rule's perturbation, as it is represented."""
        frac = q.weight.frac if self.perturbs_weights(q) else self.current_frac(q.post)
        spread = q.rule.weight if isinstance(q.rule, EMPIRIC) else q.rule.sigma
        spread /= float(self.variance(q.rule)) ** 0.5 if hasattr(q.rule, "sigma") else 1.0
        return self.real(Fraction(spread), Format(True, 62, frac))

    def variance(self, rule: Any) -> Fraction:
        """Return the variance of a rule's noise, in variates."""
        white = Fraction(1 if int(rule.distribution) == 1 else 8)
        noise = getattr(rule, "noise", None)
        if isinstance(noise, sparse.Params):
            return Fraction(noise.probability)
        if isinstance(noise, filtered.Params):
            return white / (1 - Fraction(noise.decay) ** 2)
        return white

    def receptor(self, q: Any) -> str:
        """Return what of its neurons a projection feeds."""
        exciting = isinstance(self.populations[q.post].model, conductance_lif.Params)
        return q.receptor or ("excitatory" if exciting else "current")

    def current_frac(self, name: str) -> int:
        """Return the fraction bits of the exact sum of a population's perturbed currents."""
        fracs = [
            q.weight.frac + (q.synapse.trace if q.synapse else self.signal(q.pre)).frac
            for q in self.network.projections
            if q.post == name and self.receptor(q) in ("current", "excitatory")
        ]
        return max(fracs)

    def signal(self, name: str) -> Format:
        """Return the format of a population's signal."""
        model: Any = self.populations[name].model
        if isinstance(model, Source):
            return model.signal
        return model.output if hasattr(model, "output") else BIT

    def neuron(self, model: Any, s: dict[str, Fraction], current: dict[str, Fraction]) -> Fraction:
        """Update one neuron; return its signal."""
        if isinstance(model, (lif.Params, leaky_readout.Params)):
            return self.linear(model, s, current["current"])
        if isinstance(model, conductance_lif.Params):
            return self.conducting(model, s, current)
        u = current["current"]
        table, _ = build(model.output.frac, int(model.function == "sigmoid"))
        x = self.store(abs(u), table.argument)
        i, rest = divmod(x, 2**table.bits)
        y = (table.base[i] * 2**table.bits + table.rise[i] * rest) * Fraction(2) ** -table.frac
        phi = (y if u >= 0 else -y) + (Fraction(1, 2) if model.function == "sigmoid" else 0)
        h = s["v"] + (phi - s["v"]) * self.held(1.0 / model.tau, model.factor)
        s["v"] = self.real(h, model.output, model.rounding, model.overflow)
        return s["v"]

    def conducting(self, model: Any, s: dict[str, Fraction], g: dict[str, Fraction]) -> Fraction:
        """Update a conductance neuron."""

        def less_rest(x: float) -> Fraction:
            return self.real(Fraction(x - model.rest), model.membrane)

        g_e, g_i = (self.real(g[name], model.conductance) for name in ("excitatory", "inhibitory"))
        v = s["v"] - self.held(model.leak, model.factor) * s["v"]
        v -= g_e * (s["v"] - less_rest(model.excitatory_reversal))
        v -= g_i * (s["v"] - less_rest(model.inhibitory_reversal))
        v = self.real(v, model.membrane, model.rounding, model.overflow)
        spikes = v >= less_rest(model.threshold)
        s["v"] = less_rest(model.reset) if spikes else v
        return Fraction(spikes)

    def linear(self, model: Any, s: dict[str, Fraction], current: Fraction) -> Fraction:
        """Update a leaky integrator that spikes, or does not."""
        driven = (
            self.held(1.0 if model.drive == "one" else 1.0 - model.decay, model.factor) * current
        )
        decay = self.held(model.decay, model.factor)
        if not isinstance(model, lif.Params):
            bias = self.real(Fraction(model.bias), model.output)
            y = decay * s["v"] + driven + bias
            s["v"] = self.real(y, model.output, model.rounding, model.overflow)
            return s["v"]
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

    def filtered(self, model: Any, s: dict[str, Fraction], x: Fraction) -> Fraction:
        """Pass a signal through a synapse; return what it delivers."""
        if isinstance(model, exponential.Params):
            s["s"] = self.real(self.held(model.decay, model.factor) * s["s"] + x, model.trace)
            return s["s"]
        u = self.real(self.held(model.facilitation_decay, model.factor) * s["u"], model.trace)
        d = self.real(self.held(model.depression_decay, model.factor) * s["d"], model.trace)
        release = ZERO
        if x:
            u = self.real(u + self.held(model.utilization, model.factor) * (1 - u), model.trace)
            release = self.real(u * (1 - d), model.trace)
            d = self.real(d + release, model.trace)
        s["u"], s["d"] = u, d
        return release

    def noise(self, name: str, rule: Any, states: list[Fraction], t: int) -> tuple[Any, Any]:
        """Return the variates and scores of a population's neurons in a tick."""
        stream, size = 0x100 + self.order.index(name), self.populations[name].size
        noise, width = rule.noise, int(rule.distribution)
        if noise is None or isinstance(noise, filtered.Params):
            drawn = self.variates(stream, self.trial, width, size, t)
            if noise is None:
                return drawn, drawn
            decay = self.held(noise.decay)
            for i, b in enumerate(drawn):
                states[i] = self.real(decay * states[i] + b, noise.noise)
            return states.copy(), states.copy()
        fields = self.bits(stream, self.trial, 32, t)
        words = [next(fields) for _ in range(size)]
        if isinstance(noise, sparse.Params):
            happens = [word // 2 < noise.probability * 2**31 for word in words]
            drawn = [(2 * (w % 2) - 1) * h for w, h in zip(words, happens, strict=True)]
            return drawn, drawn
        for i, word in enumerate(words):
            spike = word < noise.probability * 2**32
            states[i] = self.real(self.held(noise.decay) * states[i] + spike, noise.trace)
        return states.copy(), [x - self.rest(rule) for x in states]

    def rest(self, rule: Any) -> Fraction:
        """Return the variate where nothing is perturbed: the mean of what is empiric, or 0."""
        noise = getattr(rule, "noise", None)
        if not isinstance(noise, empiric.Params):
            return ZERO
        mean = Fraction(noise.probability) / (1 - self.held(noise.decay))
        return self.real(mean, noise.trace)

    def codes(self, q: Any) -> list[list[int]]:
        """Return the variates of a projection's weights in this trial."""
        rows, columns = self.shape(q)
        slot = self.trial % self.period
        number, rule = self.network.projections.index(q), q.rule
        if rule.code == "random":
            width = int(rule.distribution)
            return self.matrix(q, lambda n: self.variates(0x200 + number, self.trial, width, n))
        index = [
            [self.first[q.name] + j * columns + i for i in range(columns)] for j in range(rows)
        ]
        if rule.code == "one_hot":
            return [[int(k == slot) for k in row] for row in index]
        return [[(-1) ** (k & slot).bit_count() for k in row] for row in index]

    def run(
        self, inputs: dict[str, Rows], target: Any, sign: int, learning: int | None = None
    ) -> Run:
        """Run the ticks of a trial.

        Parameters
        ----------
        sign
            Of the perturbation, or 0.
        learning
            The condition, if time bins are learned.
        """
        network, reward = self.network, self.network.reward
        run = Run()
        state: dict[str, Any] = {
            n: [{"v": ZERO, "spike": ZERO} for _ in range(p.size)]
            for n, p in self.populations.items()
        }
        noise = {n: [ZERO] * p.size for n, p in self.populations.items()}
        filters: dict[str, Any] = {}
        delivered: dict[str, Rows] = {}
        rules: dict[str, Any] = {}
        for q in network.projections:
            rows, columns = self.shape(q)
            filters[q.name] = [{"s": ZERO, "u": ZERO, "d": ZERO} for _ in range(rows)]
            delivered[q.name] = self.weights[q.name]  # They may be learned during the trial.
            run.active[q.name] = set()
            run.eligibility[q.name] = [zeros(rows, columns) for _ in range(6)]
            if self.perturbs_weights(q) and sign:
                run.psi[q.name] = psi = self.codes(q)
                delivered[q.name] = [row.copy() for row in self.weights[q.name]]
                for j, i in product(range(rows), range(columns)):
                    delivered[q.name][j][i] += sign * self.amplitude(q) * psi[j][i]
            elif q.rule is not None and not self.perturbs_weights(q):
                rules[q.post] = q
        past: list[dict[str, list[Fraction]]] = []
        counts = [ZERO] * self.populations[reward.readout].size if reward else []
        late: list[Fraction] = []
        within = ZERO
        for t in range(network.ticks):
            now = {name: rows[t] for name, rows in inputs.items()}
            past.append(now)
            arrived: dict[str, list[Fraction]] = {}
            scores: dict[str, Any] = {}
            for name in (n for n in self.order if n not in inputs):
                p = self.populations[name]
                sums: list[dict[str, Fraction]] = [
                    dict.fromkeys(("current", "excitatory", "inhibitory"), ZERO)
                    for _ in range(p.size)
                ]
                outputs = [ZERO] * p.size
                if name in rules:
                    q = rules[name]
                    variates = [self.rest(q.rule)] * p.size
                    if sign:
                        drawn, scores[name] = self.noise(name, q.rule, noise[name], t)
                        variates = [sign * x for x in drawn]
                    exciting = isinstance(p.model, conductance_lif.Params)
                    for i, b in enumerate(variates):
                        sums[i]["excitatory" if exciting else "current"] += self.amplitude(q) * b
                for q in (q for q in network.projections if q.post == name and t >= q.delay):
                    signals = past[t - q.delay][q.pre]
                    if q.synapse is not None:
                        pairs = zip(filters[q.name], signals, strict=True)
                        signals = [self.filtered(q.synapse, s, x) for s, x in pairs]
                    arrived[q.name] = signals
                    for (j, x), i in product(enumerate(signals), range(p.size)):
                        sums[i][self.receptor(q)] += delivered[q.name][j][i] * x
                        if isinstance(q.rule, hybrid_perturbation.Params) and sign:
                            outputs[i] += run.psi[q.name][j][i] * x
                scores.setdefault(name, outputs)
                pairs = zip(state[name], sums, strict=True)
                now[name] = [self.neuron(p.model, s, c) for s, c in pairs]
            for q in self.learns:
                if sign == 1 and q.name in arrived:
                    self.trace(q, run, arrived[q.name], scores[q.post])
            if reward is None:
                continue
            run.signals.append(now[reward.readout])
            counts = [c + z for c, z in zip(counts, run.signals[-1], strict=True)]
            if reward.objective == "squared_error":
                pairs = zip(run.signals[-1], target[t], strict=True)
                within += sum((z - w) ** 2 for z, w in pairs)
            if reward.period and (t + 1) % reward.period == 0:
                run.error += within
                if learning is not None:
                    gained = self.judge(within, (learning, t // reward.period))
                    late.append(gained)
                    run.reward = gained
                    # What came `delay` bins ago, or nothing so early in a trial.
                    arriving = late[-1 - reward.delay] if len(late) > reward.delay else ZERO
                    for q in self.learns:
                        if q.name in arrived:
                            self.update(q, arriving, run, t)
                within = ZERO
        run.error += within
        if reward is not None and reward.objective == "count_error":
            run.error = sum(((c - w) ** 2 for c, w in zip(counts, target, strict=True)), ZERO)
        return run

    def trace(self, q: Any, run: Run, signals: list[Fraction], score: list[Fraction]) -> None:
        """Trace the eligibilities of a projection in a tick of the perturbed run."""
        rule = q.rule
        traces = run.eligibility[q.name]
        run.active[q.name] |= {j for j, x in enumerate(signals) if x}
        traced = (node_perturbation.Params, hybrid_perturbation.Params, EMPIRIC)
        if not isinstance(rule, traced):
            return
        for (j, x), (i, s) in product(enumerate(signals), enumerate(score)):
            e = traces[0]
            if not isinstance(rule, ONLINE):
                e[j][i] += s * x
                if rule.eligibility is not None:
                    e[j][i] = self.real(e[j][i], rule.eligibility)
                continue
            decay, fmt = self.held(rule.eligibility_decay), rule.eligibility
            e[j][i] = self.real(decay * e[j][i] + s * x, fmt)
            if isinstance(rule, DELAYED):
                gain = self.held(1.0 - rule.eligibility_decay)
                for before, after in pairwise(traces):
                    after[j][i] = self.real(decay * after[j][i] + gain * before[j][i], fmt)

    def judge(self, error: Fraction, place: tuple[int, int]) -> Fraction:
        """Return the reward by a running mean, which goes on."""
        reward: Any = self.network.reward
        mean = self.mean.get(place, error)
        # The mean has four fraction bits more than the error.
        rate = self.real(Fraction(reward.baseline.rate), Format(False, 9, 8))
        grid = Format(True, 62, self.error_frac() + 4)
        self.mean[place] = self.real(mean + rate * (error - mean), grid)
        return self.narrowed(mean - error)

    def narrowed(self, gain: Fraction) -> Fraction:
        """Return a reward in its format, or its sign."""
        reward: Any = self.network.reward
        gained = self.real(gain, reward.reward)
        return Fraction((gained > 0) - (gained < 0)) if reward.sign else gained

    def learn(
        self, inputs: dict[str, Rows], target: Any, outside: Any = None, condition: int = 0
    ) -> dict[str, Any]:
        """Run one learning trial."""
        reward: Any = self.network.reward
        alone = isinstance(reward.baseline, running_mean.Params)
        first = -1 if isinstance(reward.baseline, two_sided.Params) else 0
        binned = condition if reward.period else None
        errors, run = [], Run()
        for sign in (1,) if alone else (first, 1):
            run = self.run(inputs, target, sign, binned)
            errors.append(run.error if outside is None else outside[len(errors)])
        gained = run.reward
        if not reward.period:
            if alone:
                gained = self.judge(errors[0], (condition, 0))
            else:
                gained = self.narrowed((errors[0] - errors[1]) / (2 if first else 1))
            for q in self.learns:
                self.update(q, gained, run, 0)
        self.trial += 1
        return {"errors": errors, "reward": gained, "signals": run.signals}

    def error_frac(self) -> int:
        """Return the fraction bits of the error: those of a square, or those given."""
        reward: Any = self.network.reward
        if reward.objective == "external":
            return reward.target.frac
        return 2 * max(self.signal(reward.readout).frac, reward.target.frac)

    def factor(self, q: Any, gained: Fraction) -> Fraction:
        """Return the product of rate and reward."""
        rule = q.rule
        reward: Any = self.network.reward
        rate = Fraction(rule.eta) * Fraction(reward.scale)
        if not isinstance(rule, EMPIRIC):
            rate /= self.amplitude(q) * self.variance(rule)
        exponent = 0  # the rate keeps 16 significant bits
        while not 2**15 <= rate * Fraction(2) ** exponent < 2**16:
            exponent += 1 if rate * Fraction(2) ** exponent < 2**15 else -1
        rate = round(rate * Fraction(2) ** exponent) * Fraction(2) ** -exponent
        return self.real(rate * gained, rule.factor)

    def update(self, q: Any, gained: Fraction, run: Run, t: int) -> None:
        """Learn the weights of a projection."""
        rule, number = q.rule, self.network.projections.index(q)
        factor = self.factor(q, gained)
        fields = self.bits(0x400 + number, self.trial, 16, t)
        words = self.matrix(q, lambda n: [next(fields) for _ in range(n)])
        eligibility = run.eligibility[q.name][5 if isinstance(rule, DELAYED) else 0]
        if self.perturbs_weights(q) and not isinstance(rule, hybrid_perturbation.Params):
            eligibility = run.psi[q.name]
        for (j, row), i in product(enumerate(self.weights[q.name]), range(self.shape(q)[1])):
            e = eligibility[j][i]
            if isinstance(rule, weight_perturbation_0.Params) and j not in run.active[q.name]:
                e = ZERO
            change = factor * e
            if rule.interval > 1:
                sums = self.sums[q.name]
                sums[j][i] = self.real(sums[j][i] + change, rule.accumulator)
                if (self.trial + 1) % rule.interval:
                    continue
                change, sums[j][i] = sums[j][i], ZERO
            row[i] = self.rounded(row[i] + change, q, words[j][i])

    def rounded(self, weight: Fraction, q: Any, word: int) -> Fraction:
        """Return a weight as it is stored."""
        rule = q.rule
        if rule.rounding != Rounding.STOCHASTIC:
            return self.real(weight, q.weight, rule.rounding, rule.overflow)
        grown = weight * 2**q.weight.frac
        # Up if the word is below the rest, both as 16-bit fractions.
        grown = grown // 1 + (word < (grown % 1) * 2**16 // 1)
        return self.real(grown / 2**q.weight.frac, q.weight, 0, rule.overflow)


def real(raw: Any, fmt: Format) -> Any:
    """Return nested lists of fractions for raw integers."""
    if isinstance(raw, (list, np.ndarray)):
        return [real(x, fmt) for x in raw]
    return int(raw) * Fraction(2) ** -fmt.frac


def compare(reference: Reference, session: Session) -> None:
    """Compare all that is kept from trial to trial: weights, sums and means."""
    for q in reference.network.projections:
        raw = session.arrays[f"{q.name}.w"].tolist()
        assert reference.weights[q.name] == real(raw, q.weight), q.name
        if f"{q.name}.sum" in session.arrays:
            raw = session.arrays[f"{q.name}.sum"].tolist()
            assert reference.sums[q.name] == real(raw, q.rule.accumulator), q.name
    made: Any = session.plan
    for (condition, bin_), mean in reference.mean.items():
        raw = session.arrays["reward.mean"][condition * made.reward.bins + bin_]
        assert mean == real(raw, made.variables["reward.mean"].format)


NAMES = (
    *("spiking", "graded", "deep", "judged", "counted", "hybrid", "coded", "twosided", "noisy"),
    *("conductances", "online", "delayed"),
)
FIRST, TRIALS = 30, 12
"""In these trials, each projection with a one-hot code is perturbed, and its sums are learned."""


@pytest.mark.parametrize("seed", [1, 0xC0FFEE])
@pytest.mark.parametrize("name", NAMES)
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
    session.trial = reference.trial = FIRST
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
        want = reference.learn(inputs, target, outside, stimulus.condition(sample))
        assert want["errors"] == real(got.errors[0], made.reward.error)
        assert want["reward"] == real(got.rewards[0], made.reward.reward)
        assert want["signals"] == real(got.signals[0], made.reward.readout.signal)
        compare(reference, session)
        rewards.append(want["reward"])
        signals += [x for tick in want["signals"] for x in tick]
    assert any(rewards)
    assert len(set(signals)) > 1
    for q in made.plastic:
        assert not np.array_equal(start.arrays[f"{q.name}.w"], session.arrays[f"{q.name}.w"])
    plain = session.evaluate(stimulus, [0], record=True)
    inputs = {p.name: real(stimulus.inputs[p.name][0], p.signal) for p in made.sources}
    run = reference.run(inputs, real(stimulus.targets[0], made.reward.target), 0)
    assert run.signals == real(plain.signals[0], made.reward.readout.signal)
    if made.reward.objective is not None:
        assert run.error == real(plain.errors[0, 0], made.reward.error)
