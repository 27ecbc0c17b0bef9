"""Writing the program of a plan: plumbing around its cells, as Python source.

It moves, selects and sums exactly, and nothing else; what it computes, cells compute.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from goldenspike.golden.fixed import Rounding
from goldenspike.golden.randomness import Stream
from goldenspike.golden.rules import three_factor
from goldenspike.golden.synapses import delta

if TYPE_CHECKING:
    from goldenspike.golden.plan import Plan
    from goldenspike.golden.planned import PlannedPopulation, PlannedProjection


class _Writer:
    """Lines of a program, indented by nested blocks."""

    def __init__(self, traced: bool) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.traced = traced

    def __call__(self, *lines: str) -> None:
        self.lines.extend("    " * self.depth + line for line in lines)

    def note(self, variable: int, index: str, value: str) -> None:
        """Write the line that digests a write, if this program digests."""
        if self.traced:
            moment = "k * digests.shape[1] + step"
            self(f"digest = note(digest, trace, {moment}, {variable}, {index}, {value})")

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


class _Program:
    """The program of one plan."""

    def __init__(self, plan: Plan, traced: bool) -> None:
        self.plan = plan
        self.write = _Writer(traced)
        self.imports: set[str] = set()

    def number(self, name: str) -> int:
        """Return a variable's number."""
        return self.plan.variables[name].number

    def model(self, module: Any) -> str:
        """Import a model's module; return the name it goes by."""
        package, _, name = module.__name__.rpartition(".")
        self.imports.add(f"from {package} import {name}")
        return name

    def literal(self, value: Any) -> str:
        """Return the source of a constant: a number, or named tuples of such."""
        if not isinstance(value, tuple):
            return repr(value if isinstance(value, (bool, float)) else int(value))
        kind = f"{self.model(sys.modules[type(value).__module__])}.{type(value).__name__}"
        return f"{kind}({', '.join(map(self.literal, value))})"

    def text(self, arguments: list[str], constants: dict[str, Any]) -> str:
        """Return the whole source."""
        self.trials()
        known = [f"{name} = {self.literal(value)}" for name, value in constants.items()]
        header = [
            '"""A trial program, written by goldenspike.golden.engine."""',
            "from goldenspike.golden.cell import Nothing, align",
            "from goldenspike.golden.digest import note",
            "from goldenspike.golden.engine import fill_variates, fill_words",
            *sorted(self.imports),
            "",
            *known,
            "",
            f"def run({', '.join(arguments)}):",
        ]
        return "\n".join([*header, *self.write.lines, ""])

    def trials(self) -> None:
        """Write the loop over trials."""
        w, plan = self.write, self.plan
        begin = 0 if plan.passes == 2 else 1
        w("for k in range(count):")
        with w:
            w("trial = (first + k) & 0xFFFFFFFF", "sample = samples[k]")
            w(f"begin, end = ({begin} if learn & 1 else 0), (2 if learn & 1 else 1)")
            w("if learn == 2:")
            with w:
                w("begin = end = 0")
            w("for perturbing in range(begin, end):")
            with w:
                self.one_pass()
            if plan.reward is not None:
                w("if learn & 2:")
                with w:
                    self.update()

    def one_pass(self) -> None:
        """Write a pass: reset, then the ticks."""
        w, plan = self.write, self.plan
        w("error = zero")
        for p in plan.neurons:
            w(f"{p.name}__current[:] = 0")
            w(*(f"{p.name}__{field}[:] = 0" for field in p.state))
            if p.perturbation is not None:
                w(f"{p.name}__variate[:] = 0")
        if plan.reward is not None:
            w(*(f"reward__{field}[:] = 0" for field in plan.reward.counts))
        for q in plan.projections:
            if q.weight_perturbation is not None:
                self.perturb_weights(q)
        w("for t in range(ticks):")
        with w:
            if w.traced:
                w("digest = 0", "step = (perturbing - begin) * ticks + t")
            for p in plan.sources:
                w(f"{p.name}__signal = {p.name}__inputs[sample, t]")
            for p in plan.neurons:
                if p.perturbation is not None:
                    self.perturb_neurons(p)
            for q in plan.late:
                w("if t > 0:")
                with w:
                    if q.pre.module is None:
                        w(f"{q.name}__late = {q.pre.name}__inputs[sample, t - 1]")
                    self.deliver(q, "late" if q.pre.module is None else "")
            for p in plan.neurons:
                for q in plan.prompt(p):
                    self.deliver(q, "")
                self.step(p)
            self.judge()
            if w.traced:
                w("digests[k, step] = digest")
        if plan.reward is not None:
            if plan.reward.objective is None:
                w("error = external[k, perturbing - begin]")
            w("errors[k, perturbing - begin] = error")

    def fill(self, array: str, stream: str, high: str, offset: str, bits: int) -> None:
        """Write the call that fills an array with variates."""
        self.write(f"fill_variates({array}, seed, {stream}, trial, {high}, {offset}, {bits})")

    def perturb_weights(self, q: PlannedProjection) -> None:
        """Write the perturbation of a projection's weights for a pass."""
        w = self.write
        shared = self.model(three_factor)
        w("if perturbing == 1:")
        with w:
            self.regenerate(q)
            w(f"for j in range({q.name}__w.shape[0]):")
            with w:
                w(f"for i in range({q.name}__w.shape[1]):")
                with w:
                    w(
                        f"{q.name}__delivered[j, i] = {shared}.perturb({q.name}__perturb, "
                        f"Nothing(), {shared}.PerturbInputs({q.name}__w[j, i], "
                        f"{q.name}__psi[j, i]))[1].perturbed"
                    )
        w("else:")
        with w:
            w(f"{q.name}__delivered[:] = {q.name}__w")

    def regenerate(self, q: PlannedProjection) -> None:
        """Write the loop that regenerates a projection's variates of a trial."""
        found: Any = q.weight_perturbation
        bits = int(found.distribution)
        self.write(f"for j in range({q.name}__w.shape[0]):")
        with self.write:
            self.fill(f"{q.name}__psi[j]", f"{q.name}__stream", "0", f"j * {q.name}__stride", bits)

    def perturb_neurons(self, p: PlannedPopulation) -> None:
        """Write the variates of a population for a tick."""
        found: Any = p.perturbation
        self.write("if perturbing == 1:")
        with self.write:
            self.fill(
                f"{p.name}__variate", f"{p.name}__stream", "t << 16", "0", int(found.distribution)
            )

    def deliver(self, q: PlannedProjection, late: str) -> None:
        """Write the visit of the rows whose signal is not 0."""
        w = self.write
        synapse = self.model(delta)
        signal = f"{q.name}__late" if late else f"{q.pre.name}__signal"
        weight = f"{q.name}__{'delivered' if q.weight_perturbation is not None else 'w'}"
        w(f"for j in range({signal}.size):")
        with w:
            w(f"x = {signal}[j]", "if x != 0:")
            with w:
                w(f"for i in range({weight}.shape[1]):")
                with w:
                    inputs = f"{synapse}.Inputs({weight}[j, i], x)"
                    w(
                        f"{q.post.name}__current[i] += align({synapse}.step({q.name}__synapse, "
                        f"Nothing(), {inputs})[1].current, {q.name}__shift)"
                    )
                if q.rule is not None and q.rule.step is not None:
                    w("if perturbing == 1:")
                    with w:
                        self.trace(q)

    def trace(self, q: PlannedProjection) -> None:
        """Write the eligibility of a row."""
        w = self.write
        rule: Any = q.rule
        module = self.model(rule.module)
        w(f"for i in range({q.name}__e.shape[1]):")
        with w:
            inputs = f"{module}.Inputs({q.post.name}__variate[i], x)"
            w(
                f"{q.name}__e[j, i] = {module}.step({q.name}__trace, "
                f"{module}.State({q.name}__e[j, i]), {inputs})[0].e"
            )
            w.note(self.number(f"{q.name}.e"), "(j << 16) | i", f"{q.name}__e[j, i]")

    def step(self, p: PlannedPopulation) -> None:
        """Write the update of a population."""
        w = self.write
        module = self.model(p.module)
        current = f"{p.name}__current[i]"
        w(f"for i in range({p.name}__current.size):")
        with w:
            if p.perturbation is not None:
                shared = self.model(three_factor)
                w(
                    f"driven = {shared}.perturb({p.name}__perturb, Nothing(), "
                    f"{shared}.PerturbInputs({current}, {p.name}__variate[i]))[1].perturbed"
                )
            else:
                w(f"driven = {current}")
            state = ", ".join(f"{p.name}__{field}[i]" for field in p.state)
            w(
                f"s, o = {module}.step({p.name}__constants, {module}.State({state}), "
                f"{module}.Inputs(driven))"
            )
            w(f"{current} = 0", f"{p.name}__signal[i] = o.signal")
            for field in p.state:
                w(f"{p.name}__{field}[i] = s.{field}")
                w.note(self.number(f"{p.name}.{field}"), "i", f"s.{field}")

    def judge(self) -> None:
        """Write the objective of a tick, and the record of the readout's signals."""
        w, reward = self.write, self.plan.reward
        if reward is None:
            return
        readout = reward.readout.name
        w("if record.shape[0] > 0:")
        with w:
            w(f"record[k, t, :] = {readout}__signal")
        if reward.objective is None:
            return
        module = self.model(reward.objective)
        w(f"for i in range({readout}__signal.size):")
        with w:
            target = "targets[sample, t, i]" if reward.targets_every_tick else "targets[sample, i]"
            state = ", ".join(f"reward__{field}[i]" for field in reward.counts)
            w("last = 1 if t == ticks - 1 else 0")
            w(
                f"s, o = {module}.step(reward__constants, {module}.State({state}), "
                f"{module}.Inputs({readout}__signal[i], {target}, error, last))",
                "error = o.error",
            )
            for field in reward.counts:
                w(f"reward__{field}[i] = s.{field}")
                w.note(self.number(f"reward.{field}"), "i", f"s.{field}")
        w.note(self.number("reward.error"), "0", "error")

    def update(self) -> None:
        """Write the end of a learning trial: reward, factors, weights."""
        w, plan = self.write, self.plan
        reward: Any = plan.reward
        module = self.model(reward.baseline)
        if w.traced:
            w("digest = 0", f"step = {plan.passes} * ticks")
        state = ", ".join(f"reward__{field}[0]" for field in reward.baseline_state)
        inputs = "errors[k, 1], errors[k, 0]" if reward.paired else "errors[k, 0]"
        w(
            f"s, o = {module}.step(reward__baseline, "
            f"{f'{module}.State({state})' if state else 'Nothing()'}, {module}.Inputs({inputs}))",
            "rewards[k] = o.reward",
        )
        w.note(self.number("reward.reward"), "0", "o.reward")
        for field in reward.baseline_state:
            w(f"reward__{field}[0] = s.{field}")
            w.note(self.number(f"reward.{field}"), "0", f"s.{field}")
        shared = self.model(three_factor)
        for q in plan.plastic:
            w(
                f"factor = {shared}.scale({q.name}__rate, Nothing(), "
                f"{shared}.FactorInputs(rewards[k]))[1].factor"
            )
            w.note(self.number(f"{q.name}.factor"), "0", "factor")
            self.learn(q)
        if w.traced:
            w("digests[k, step] = digest")

    def learn(self, q: PlannedProjection) -> None:
        """Write the update of a projection's weights."""
        w = self.write
        rule: Any = q.rule
        shared = self.model(three_factor)
        eligibility = f"{q.name}__{'psi' if rule.step is None else 'e'}"
        stochastic = rule.params.rounding == Rounding.STOCHASTIC
        if rule.step is None:
            w("if learn == 2:")
            with w:
                self.regenerate(q)
        w(f"for j in range({q.name}__w.shape[0]):")
        with w:
            if stochastic:
                w(
                    f"fill_words({q.name}__words, seed, {Stream.ROUNDING + q.number}, trial, "
                    f"j * {q.name}__stride)"
                )
            w(f"for i in range({q.name}__w.shape[1]):")
            with w:
                word = f"{q.name}__words[i]" if stochastic else "0"
                w(
                    f"{q.name}__w[j, i] = {shared}.update({q.name}__update, "
                    f"{shared}.UpdateState({q.name}__w[j, i]), {shared}.UpdateInputs("
                    f"factor, {eligibility}[j, i], {word}))[0].w"
                )
                w.note(self.number(f"{q.name}.w"), "(j << 16) | i", f"{q.name}__w[j, i]")
                if rule.step is not None:
                    w(f"{eligibility}[j, i] = 0")


def program(
    plan: Plan, arguments: list[str], traced: bool, constants: dict[str, Any] | None = None
) -> str:
    """Return the source of the function that runs trials of a plan.

    Parameters
    ----------
    plan
        The network.
    arguments
        Names of its parameters, in the order of :mod:`goldenspike.golden.trial`.
    traced
        Whether it computes digests and traces.
    constants
        Constants that are written into the source, by name, instead of being arguments.
    """
    return _Program(plan, traced).text(arguments, constants or {})
