"""Writing the program of a plan: plumbing around its cells, as Python source.

It moves, selects and sums exactly, and nothing else; what it computes, cells compute.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from goldenspike.golden.fixed import RANDOM_BITS
from goldenspike.golden.modulators import sign
from goldenspike.golden.program_activity import ActivityWriter
from goldenspike.golden.randomness import Stream
from goldenspike.golden.rules import three_factor

if TYPE_CHECKING:
    from goldenspike.golden.plan import Plan
    from goldenspike.golden.planned import PlannedPopulation


class _Program(ActivityWriter):
    """The program of one plan."""

    def text(self, arguments: list[str], constants: dict[str, Any]) -> str:
        """Return the whole source."""
        self.trials()
        known = [f"{name} = {self.literal(value)}" for name, value in constants.items()]
        header = [
            '"""A trial program, written by goldenspike.golden.engine."""',
            "import numpy as np",
            "from goldenspike.golden.cell import Nothing, align",
            "from goldenspike.golden.digest import note",
            "from goldenspike.golden.engine import fill_fields, fill_variates",
            "from goldenspike.golden.narrow import narrowed",
            *sorted(self.imports),
            "",
            *(f"{name} = narrowed({path!r})" for name, path in sorted(self.narrowed.items())),
            *known,
            "",
            f"def run({', '.join(arguments)}):",
        ]
        return "\n".join([*header, *self.write.lines, ""])

    def trials(self) -> None:
        """Write the loop over trials."""
        w, plan = self.write, self.plan
        signs = self.signs
        w("for k in range(count):")
        with w:
            w("trial = (first + k) & 0xFFFFFFFF", "sample = samples[k]")
            w(f"runs = 0 if learn == 2 else ({len(signs)} if learn & 1 else 1)")
            w("for n in range(runs):")
            with w:
                step = signs[-1] - signs[0]
                w(f"perturbing = {signs[0]} + {step} * n if learn & 1 else 0")
                self.one_pass()
            if plan.episodic:
                w("if learn & 2:")
                with w:
                    self.update()

    def one_pass(self) -> None:
        """Write a pass: reset, then the ticks."""
        w, plan = self.write, self.plan
        self.reset()
        w("for t in range(ticks):")
        with w:
            if w.traced:
                w("digest = 0", "step = n * ticks + t")
            for p in plan.neurons:
                if p.perturbation is not None:
                    self.perturb_neurons(p)
            for q in plan.late:
                self.deliver(q)
            for p in plan.neurons:
                for q in plan.prompt(p):
                    self.deliver(q)
                self.step(p)
            for q in plan.projections:
                if q.traces("output"):
                    w("if perturbing == 1:")
                    with w, self.arriving(q):
                        self.trace(q)
            self.judge()
            for q in plan.learners:
                self.learn_parts(q)
            if plan.online:
                self.learn_in_bins()
            for p in plan.neurons:
                if p.depth > 1:
                    w(f"{p.name}__history[t & {p.depth - 1}] = {p.name}__signal")
            if w.traced:
                w("digests[k, step] = digest")
            if self.watched:
                self.activity()
        if plan.reward is not None:
            if plan.reward.objective is None:
                w("total = external[k, n]")
            w("errors[k, n] = total")

    def reset(self) -> None:
        """Write what every run begins with: all state is 0."""
        w, plan = self.write, self.plan
        w("error = zero", "total = zero")
        for p in plan.neurons:
            w(*(f"{p.name}__{receptor}[:] = 0" for receptor in p.receptors))
            w(*(f"{p.name}__{field}[:] = 0" for field in p.state))
            if p.output is not None:
                w(f"{p.name}__score[:] = 0")
            noise = None if p.perturbation is None else p.perturbation.noise
            if noise is not None:
                w(f"{p.name}__variate[:] = {p.name}__rest")
                w(*(f"{p.name}__noise_{field}[:] = 0" for field in noise.state))
        if plan.reward is not None:
            w(*(f"reward__{field}[:] = 0" for field in plan.reward.counts))
            if plan.reward.delay:
                w("reward__late[:] = 0")
        for q in plan.projections:
            w(*(f"{q.name}__{field}[:] = 0" for field in q.filter_state))
            if q.learner is not None:
                for name in ("pre", "post"):
                    part = q.learner.parts.get(name)
                    state = () if part is None else part.state
                    w(*(f"{q.name}__{name}_{field}[:] = 0" for field in state))
                w(*(f"{q.name}__{field}[:] = 0" for field in q.learner.traces))
            if q.rule is not None and q.rule.kind == "tick":
                w(*(f"{q.name}__{field}[:] = 0" for field in q.rule.state))
            if q.weight_perturbation is not None:
                self.perturb_weights(q)

    def perturb_neurons(self, p: PlannedPopulation) -> None:
        """Write the variates of a population for a tick."""
        w = self.write
        noise: Any = p.perturbation.noise if p.perturbation is not None else None
        w("if perturbing != 0:")
        with w:
            if noise.white:
                w(
                    f"fill_variates({p.name}__variate, seed, {p.name}__stream, trial, t << 16, "
                    f"0, {noise.bits})"
                )
                if -1 in self.signs:
                    w("if perturbing < 0:")
                    with w:
                        w(f"{p.name}__variate[:] = -{p.name}__variate")
                return
            module = self.model(sys.modules[noise.cell.step.__module__])
            self.fields(f"{p.name}__words", f"{p.name}__stream", "t << 16", "0", noise.bits)
            w(f"for i in range({p.name}__variate.size):")
            with w:
                state = ", ".join(f"{p.name}__noise_{field}[i]" for field in noise.state)
                before = f"{module}.State({state})" if state else "Nothing()"
                w(
                    f"s, o = {module}.step({p.name}__noise, {before}, "
                    f"{module}.Inputs({p.name}__words[i]))",
                    f"{p.name}__variate[i] = perturbing * o.variate",
                    f"{p.name}__score[i] = o.score",
                )
                for field in noise.state:
                    w(f"{p.name}__noise_{field}[i] = s.{field}")
                    w.note(self.number(f"{p.name}.noise_{field}"), "i", f"s.{field}")

    def step(self, p: PlannedPopulation) -> None:
        """Write the update of a population."""
        w = self.write
        if p.draws:
            stream = str(Stream.DRAW + p.number)
            self.fields(f"{p.name}__words", stream, "t << 16", "0", RANDOM_BITS)
        w(f"for i in range({p.name}__signal.size):")
        with w:
            driven = [f"{p.name}__{receptor}[i]" for receptor in p.receptors]
            if p.perturbation is not None:
                shared = self.model(three_factor)
                w(
                    f"driven = {shared}.perturb({p.name}__perturb, Nothing(), "
                    f"{shared}.PerturbInputs({driven[0]}, {p.name}__variate[i]))[1].perturbed"
                )
                driven[0] = "driven"
            driven += [
                f"{self.signal_of(other)}[{'i' if other.size > 1 else '0'}]"
                for other in p.signals.values()
            ]
            if p.window is not None:
                driven.append(f"1 if t >= ticks - {p.window} else 0" if p.window else "1")
            if p.draws:
                driven.append(f"int({p.name}__words[0])")
            state = [f"{p.name}__{field}[i]" for field in p.state]
            self.call(p.module.STEP, (f"{p.name}__constants", p.constants), state, driven)
            w(*(f"{p.name}__{receptor}[i] = 0" for receptor in p.receptors))
            w(f"{p.name}__signal[i] = o.signal")
            w(*(f"{p.name}__{field}[i] = o.{field}" for field in self.plan.taken(p)))
            if p.output is not None:
                w(f"{p.name}__score[i] = {p.name}__output[i]", f"{p.name}__output[i] = 0")
            for field in p.state:
                w(f"{p.name}__{field}[i] = s.{field}")
                w.note(self.number(f"{p.name}.{field}"), "i", f"s.{field}")

    def judge(self) -> None:
        """Write the objective of a tick, and the record of the readout's signals."""
        w, reward = self.write, self.plan.reward
        if self.plan.readout is not None:
            w("if record.shape[0] > 0:")
            with w:
                row = "k if record.shape[0] == count else k * runs + n"
                w(f"record[{row}, t, :] = {self.plan.readout.name}__signal")
        if reward is None or reward.objective is None:
            return
        readout = reward.readout.name
        module = self.model(reward.objective)
        if reward.period > 1:
            w(f"last = 1 if t % {reward.period} == {reward.period - 1} else 0")
            w(f"error = zero if t % {reward.period} == 0 else error")
        elif reward.period == 1:
            w("last = 1", "error = zero")
        else:
            w("last = 1 if t == ticks - 1 else 0")
        w(f"for i in range({readout}__signal.size):")
        with w:
            target = "targets[sample, t, i]" if reward.targets_every_tick else "targets[sample, i]"
            state = ", ".join(f"reward__{field}[i]" for field in reward.counts)
            w(
                f"s, o = {module}.step(reward__constants, {module}.State({state}), "
                f"{module}.Inputs({readout}__signal[i], {target}, error, last))",
                "error = o.error",
            )
            for field in reward.counts:
                w(f"reward__{field}[i] = s.{field}")
                w.note(self.number(f"reward.{field}"), "i", f"s.{field}")
        w.note(self.number("reward.error"), "0", "error")
        w("total = total + error if last == 1 else total" if reward.period else "total = error")

    def reward(self, inputs: str, place: str) -> None:
        """Write the reward of an error, `rewards[k]`, by the baseline at a place."""
        w, plan = self.write, self.plan
        reward: Any = plan.reward
        module = self.model(reward.baseline)
        state = ", ".join(f"reward__{field}[{place}]" for field in reward.baseline_state)
        w(
            f"s, o = {module}.step(reward__baseline, "
            f"{f'{module}.State({state})' if state else 'Nothing()'}, {module}.Inputs({inputs}))",
        )
        for field in reward.baseline_state:
            w(f"reward__{field}[{place}] = s.{field}")
            w.note(self.number(f"reward.{field}"), place, f"s.{field}")
        if reward.sign is not None:
            module = self.model(sign)
            w(f"o = {module}.step(reward__sign, Nothing(), {module}.Inputs(o.reward))[1]")
        w("rewards[k] = o.reward")
        w.note(self.number("reward.reward"), "0", "o.reward")

    def update(self) -> None:
        """Write the end of a learning trial: reward, factors, weights."""
        w, plan = self.write, self.plan
        reward: Any = plan.reward
        if w.traced:
            w("digest = 0", f"step = {plan.passes} * ticks")
        inputs = "errors[k, 1], errors[k, 0]" if reward.paired else "errors[k, 0]"
        self.reward(inputs, "conditions[sample]" if reward.baselines > 1 else "0")
        for q in plan.plastic:
            self.factor(q, "rewards[k]")
            self.learn(q)
        if w.traced:
            w("digests[k, step] = digest")

    def learn_in_bins(self) -> None:
        """Write the end of a tick of a network that learns during trials."""
        w, plan = self.write, self.plan
        reward: Any = plan.reward
        w("if learn & 2 and last == 1:")
        with w:
            bin_ = f"t // {reward.period}" if reward.period > 1 else "t"
            place = bin_ if reward.bins > 1 else "0"
            if reward.baselines > reward.bins:
                place = f"conditions[sample] * {reward.bins} + {place}"
            w(f"place = {place}")
            self.reward("error", "place")
            arriving = "rewards[k]"
            if reward.delay:
                # A ring: what was put there `delay` bins ago is taken out before it is replaced.
                late = f"({bin_}) % {reward.delay}"
                arriving = "arriving"
                w(f"arriving = reward__late[{late}]", f"reward__late[{late}] = rewards[k]")
            for q in plan.plastic:
                self.factor(q, arriving)
        for q in plan.plastic:
            with self.arriving(q):
                w("if perturbing == 1:")
                with w:
                    w(f"for j in range({q.name}__x.size):")
                    with w:
                        w(f"x = {q.name}__x[j]")
                        self.trace_row(q)
                w("if learn & 2 and last == 1:")
                with w:
                    self.learn(q)


def program(
    plan: Plan,
    arguments: list[str],
    traced: bool,
    constants: dict[str, Any] | None = None,
    *,
    narrow: bool = False,
    watched: bool = False,
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
    narrow
        Whether cells calculate in 32 bits where these are enough.
    watched
        Whether it records the activity: ``"activity"`` is then one of the arguments.
    """
    return _Program(plan, traced, narrow, watched).text(arguments, constants or {})
