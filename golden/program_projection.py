"""Writing the parts of a program that are about projections: deliver, trace, learn."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from goldenspike.golden.fixed import RANDOM_BITS
from goldenspike.golden.randomness import Stream
from goldenspike.golden.rules import three_factor
from goldenspike.golden.synapses import delta
from goldenspike.golden.writer import PlanWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from goldenspike.golden.planned import PlannedPopulation, PlannedProjection


class ProjectionWriter(PlanWriter):
    """Writes what happens to a projection's weights, signals and eligibilities."""

    def perturb_weights(self, q: PlannedProjection) -> None:
        """Write the perturbation of a projection's weights for a pass."""
        w = self.write
        shared = self.model(three_factor)
        w("if perturbing != 0:")
        with w:
            self.regenerate(q)
            w(f"for j in range({q.name}__w.shape[0]):")
            with w:
                w(f"for i in range({q.name}__w.shape[1]):")
                with w:
                    w(
                        f"{q.name}__delivered[j, i] = {shared}.perturb({q.name}__perturb, "
                        f"Nothing(), {shared}.PerturbInputs({q.name}__w[j, i], "
                        f"perturbing * {q.name}__psi[j, i]))[1].perturbed"
                    )
        w("else:")
        with w:
            w(f"{q.name}__delivered[:] = {q.name}__w")

    def regenerate(self, q: PlannedProjection) -> None:
        """Write the loop that regenerates a projection's variates of a trial."""
        w = self.write
        found: Any = q.weight_perturbation
        w(f"for j in range({q.name}__w.shape[0]):")
        with w:
            if found.code is None:
                bits = int(found.distribution)
                w(
                    f"fill_variates({q.name}__psi[j], seed, {q.name}__stream, trial, 0, "
                    f"j * {q.name}__stride, {bits})"
                )
                return
            module = self.model(sys.modules[type(found.code.constants).__module__])
            w(f"for i in range({q.name}__w.shape[1]):")
            with w:
                index = f"{q.name}__first + j * {q.name}__w.shape[1] + i"
                slot = f"trial & {(1 << found.code.constants.bits) - 1}"
                w(
                    f"{q.name}__psi[j, i] = {module}.{found.code.cell.step.__name__}("
                    f"{q.name}__code, Nothing(), {module}.Inputs({index}, {slot}))[1].variate"
                )

    @contextmanager
    def arriving(self, q: PlannedProjection) -> Iterator[None]:
        """Write a block for the ticks in which signals arrive."""
        w = self.write
        if q.delay:
            w(f"if t >= {q.delay}:")
        with w if q.delay else nullcontext():
            yield

    def raw_signal(self, q: PlannedProjection) -> str:
        """Return the source of the presynaptic signals that arrive in this tick."""
        if q.pre.module is None:
            return f"{q.pre.name}__inputs[sample, t - {q.delay}]"
        if q.delay:
            return f"{q.pre.name}__history[(t - {q.delay}) & {q.pre.depth - 1}]"
        return f"{q.pre.name}__signal"

    def signal_of(self, p: PlannedPopulation) -> str:
        """Return the source of a population's signals of this tick."""
        return f"{p.name}__inputs[sample, t]" if p.module is None else f"{p.name}__signal"

    def deliver(self, q: PlannedProjection) -> None:
        """Write the visit of the rows whose signal is not 0."""
        w = self.write
        synapse = self.model(delta)
        weight = f"{q.mirror or q.name}__{'w' if q.weight_perturbation is None else 'delivered'}"
        place, across = ("[j, i]", "[1]") if q.mirror is None else ("[i, j]", "[0]")
        target = f"{q.post.name}__{q.receptor}[i]"
        with self.arriving(q):
            if q.filter is None:
                w(f"{q.name}__x = {self.raw_signal(q)}")
            else:
                self.filter(q)
            w(f"for j in range({q.name}__x.size):")
            with w:
                w(f"x = {q.name}__x[j]", "if x != 0:")
                with w:
                    w(f"for i in range({weight}.shape{across}):")
                    with w:
                        inputs = f"{synapse}.Inputs({weight}{place}, x)"
                        w(
                            f"{target} += align({synapse}.step({q.name}__synapse, "
                            f"Nothing(), {inputs})[1].current, {q.name}__shift)"
                        )
                    if q.traces("output"):
                        w("if perturbing == 1:")
                        with w:
                            self.output(q)
                    if q.traces("active"):
                        w("if perturbing == 1:")
                        with w:
                            w(f"{q.name}__active[j] = 1")
                            w.note(self.number(f"{q.name}.active"), "j", "1")
                    if q.traces("delivery"):
                        w("if perturbing == 1:")
                        with w:
                            self.trace_row(q)

    def filter(self, q: PlannedProjection) -> None:
        """Write the step of a projection's filter, neuron by neuron."""
        w = self.write
        module = self.model(q.filter)
        w(f"{q.name}__arrived = {self.raw_signal(q)}", f"{q.name}__x = {q.name}__filtered")
        w(f"for j in range({q.name}__x.size):")
        with w:
            state = ", ".join(f"{q.name}__{field}[j]" for field in q.filter_state)
            w(
                f"s, o = {module}.step({q.name}__filter, {module}.State({state}), "
                f"{module}.Inputs({q.name}__arrived[j]))",
                f"{q.name}__x[j] = o.signal",
            )
            for field in q.filter_state:
                w(f"{q.name}__{field}[j] = s.{field}")
                w.note(self.number(f"{q.name}.{field}"), "j", f"s.{field}")

    def output(self, q: PlannedProjection) -> None:
        """Write the sum of what a row's perturbation delivers."""
        w = self.write
        synapse = self.model(delta)
        w(f"for i in range({q.name}__psi.shape[1]):")
        with w:
            inputs = f"{synapse}.Inputs({q.name}__psi[j, i], x)"
            w(
                f"{q.post.name}__output[i] += align({synapse}.step({q.name}__output, "
                f"Nothing(), {inputs})[1].current, {q.name}__output_shift)"
            )

    def trace(self, q: PlannedProjection) -> None:
        """Write the visit of the rows that were delivered, for their eligibilities."""
        w = self.write
        w(f"for j in range({q.name}__x.size):")
        with w:
            w(f"x = {q.name}__x[j]", "if x != 0:")
            with w:
                self.trace_row(q)

    def trace_row(self, q: PlannedProjection) -> None:
        """Write the eligibilities of a row."""
        w = self.write
        rule: Any = q.rule
        module = self.model(sys.modules[rule.trace.step.__module__])
        population: Any = q.post
        white = population.perturbation is not None and population.perturbation.noise.white
        score = f"{q.post.name}__{'variate' if white else 'score'}[i]"
        w(f"for i in range({q.name}__w.shape[1]):")
        with w:
            state = ", ".join(f"{q.name}__{field}[j, i]" for field in rule.state)
            w(
                f"s, o = {module}.step({q.name}__trace, {module}.State({state}), "
                f"{module}.Inputs({score}, x))"
            )
            for field in rule.state:
                w(f"{q.name}__{field}[j, i] = s.{field}")
                w.note(self.number(f"{q.name}.{field}"), "(j << 16) | i", f"s.{field}")

    def factor(self, q: PlannedProjection, reward: str) -> None:
        """Write the factor of a projection."""
        w = self.write
        shared = self.model(three_factor)
        w(
            f"{q.name}__factor = {shared}.scale({q.name}__rate, Nothing(), "
            f"{shared}.FactorInputs({reward}))[1].factor"
        )
        w.note(self.number(f"{q.name}.factor"), "0", f"{q.name}__factor")

    def learn(self, q: PlannedProjection) -> None:
        """Write the update of a projection's weights."""
        w = self.write
        rule: Any = q.rule
        if q.weight_perturbation is not None and rule.kind != "output":
            w("if learn == 2:")
            with w:
                self.regenerate(q)
        if rule.accumulate is not None:
            interval = rule.params.interval
            w(f"due = 1 if trial & {interval - 1} == {interval - 1} else 0")
        w(f"for j in range({q.name}__w.shape[0]):")
        with w:
            if rule.words:
                high = "t << 16" if rule.kind == "tick" else "0"
                stream = str(Stream.ROUNDING + q.number)
                self.fields(f"{q.name}__words", stream, high, f"j * {q.name}__stride", RANDOM_BITS)
            w(f"for i in range({q.name}__w.shape[1]):")
            with w:
                self.learn_one(q)
            if rule.kind == "active":
                w(f"{q.name}__active[j] = 0")

    def learn_one(self, q: PlannedProjection) -> None:
        """Write the update of one weight."""
        w = self.write
        rule: Any = q.rule
        shared = self.model(three_factor)
        eligibility = f"{q.name}__psi[j, i]"
        if rule.kind == "active":
            module = self.model(sys.modules[rule.trace.step.__module__])
            w(
                f"e = {module}.step({q.name}__trace, Nothing(), {module}.Inputs({eligibility}, "
                f"{q.name}__active[j]))[1].eligibility"
            )
            eligibility = "e"
        elif rule.state:
            eligibility = f"{q.name}__{list(rule.state)[-1]}[j, i]"
        word = f"{q.name}__words[i]" if rule.words else "0"
        if rule.accumulate is None:
            w(
                f"{q.name}__w[j, i] = {shared}.update({q.name}__update, "
                f"{shared}.UpdateState({q.name}__w[j, i]), {shared}.UpdateInputs("
                f"{q.name}__factor, {eligibility}, {word}))[0].w"
            )
        else:
            w(
                f"s, _ = {shared}.accumulate({q.name}__update, {shared}.AccumulateState("
                f"{q.name}__w[j, i], {q.name}__sum[j, i]), {shared}.AccumulateInputs("
                f"{q.name}__factor, {eligibility}, due, {word}))",
                f"{q.name}__w[j, i] = s.w",
                f"{q.name}__sum[j, i] = s.sum",
            )
            w.note(self.number(f"{q.name}.sum"), "(j << 16) | i", f"{q.name}__sum[j, i]")
        w.note(self.number(f"{q.name}.w"), "(j << 16) | i", f"{q.name}__w[j, i]")
        if rule.kind != "tick":
            w(*(f"{q.name}__{field}[j, i] = 0" for field in rule.state))
