"""Writing the parts of a program that are about rules with eligibility traces, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goldenspike.golden import randomness
from goldenspike.golden.cell import Nothing
from goldenspike.golden.fixed import RANDOM_BITS
from goldenspike.golden.program_projection import ProjectionWriter
from goldenspike.golden.randomness import Stream

if TYPE_CHECKING:
    from goldenspike.golden.planned import PlannedProjection
    from goldenspike.golden.rules.eligibility import Part


class LearnerWriter(ProjectionWriter):
    """Writes what the parts of a rule do in a tick."""

    def learn_parts(self, q: PlannedProjection) -> None:
        """Write a tick of a projection's rule: traces, factors, weights."""
        w = self.write
        learner: Any = q.learner
        w("if learn & 2:")
        with w:
            if learner.post is not None:
                self.neurons(q, "post", q.post.size, {})
            with self.arriving(q):
                self.neurons(q, "pre", q.pre.size, {"signal": f"{q.name}__x[u]"})
                if learner.factor is not None:
                    self.factors(q)
                if learner.skips and learner.factor is not None:
                    w("if any_factor != 0:")
                    with w:
                        self.rows(q)
                else:
                    self.rows(q)

    def part(self, part: Part, name: str, state: list[str], inputs: list[str]) -> None:
        """Write the call of a part's cell, its constants by their name."""
        self.call(part.cell, (name, part.constants), state, inputs)

    def neurons(self, q: PlannedProjection, name: str, size: int, known: dict[str, str]) -> None:
        """Write the step of a part for every neuron; its outputs go to arrays."""
        w = self.write
        learner: Any = q.learner
        part = learner.parts[name]
        w(f"for u in range({size}):")
        with w:
            state = {field: f"{q.name}__{name}_{field}[u]" for field in part.state}
            inputs = [known.get(field, f"{q.post.name}__{field}[u]") for field in part.inputs]
            self.part(part, f"{q.name}__{name}", list(state.values()), inputs)
            for field, place in state.items():
                w(f"{place} = s.{field}")
                w.note(self.number(f"{q.name}.{name}_{field}"), "u", f"s.{field}")
            w(*(f"{q.name}__of_{field}[u] = o.{field}" for field in part.outputs))

    def factors(self, q: PlannedProjection) -> None:
        """Write the factor of every postsynaptic neuron."""
        w = self.write
        learner: Any = q.learner
        known = {
            field: f"{self.signal_of(one)}[{'u' if one.size > 1 else '0'}]"
            for field, one in learner.modulators.items()
        }
        if learner.skips:
            w("any_factor = zero")
        w(f"for u in range({q.post.size}):")
        with w:
            inputs = [known.get(f, f"{q.name}__of_{f}[u]") for f in learner.factor.inputs]
            self.part(learner.factor, f"{q.name}__scale", [], inputs)
            w(*(f"{q.name}__of_{field}[u] = o.{field}" for field in learner.factor.outputs))
            if learner.skips:
                w("any_factor = o.factor if o.factor != 0 else any_factor")
            for field in learner.factor.outputs:
                w.note(self.number(f"{q.name}.{field}"), "u", f"o.{field}")

    def rows(self, q: PlannedProjection) -> None:
        """Write the visit of all synapses, row by row."""
        w = self.write
        learner: Any = q.learner
        if "due" in learner.update.inputs:
            interval = learner.interval
            turn = f" and trial & {interval - 1} == {interval - 1}" if interval > 1 else ""
            w(f"due = 1 if t == ticks - 1{turn} else 0")
        if learner.words:
            for kind, stream in (
                ("rows", Stream.ROUNDING_ROW),
                ("columns", Stream.ROUNDING_COLUMN),
            ):
                words = f"{q.name}__{kind}"
                self.fields(words, str(int(stream) + q.number), "t << 16", "0", RANDOM_BITS)
        w(f"for j in range({q.pre.size}):")
        with w:
            outputs = list(learner.pre.outputs)
            w(*(f"pre_{field} = {q.name}__of_{field}[j]" for field in outputs))
            if learner.skips:
                w(f"if {' and '.join(f'pre_{field} == 0' for field in outputs)}:")
                with w:
                    w("continue")
            if q.description.self_connections:
                w(f"for i in range({q.post.size}):")
                with w:
                    self.synapse(q)
                return
            w("for side in range(2):  # of the synapse from a neuron to itself")
            with w:
                w(f"for i in range(side * (j + 1), {q.post.size} if side else j):")
                with w:
                    self.synapse(q)

    def synapse(self, q: PlannedProjection) -> None:
        """Write the step of one synapse: its traces and its weight."""
        w = self.write
        learner: Any = q.learner
        known = {field: f"pre_{field}" for field in learner.pre.outputs}
        if learner.post is not None:
            known |= {field: f"{q.name}__of_{field}[i]" for field in learner.post.outputs}
        if learner.factor is not None:
            known |= {field: f"{q.name}__of_{field}[i]" for field in learner.factor.outputs}
        if learner.synapse is not None:
            part = learner.synapse
            state = [f"{q.name}__{field}[j, i]" for field in part.state]
            self.part(part, f"{q.name}__synapse_part", state, [known[f] for f in part.inputs])
            self.keep(q, part)
            for field in part.outputs:
                w(f"synapse_{field} = o.{field}")
                known[field] = f"synapse_{field}"
        known["due"] = "due"
        known["word"] = "0"
        if learner.words:
            words = [f"{q.name}__rows[j]", f"{q.name}__columns[i]"]
            self.call(randomness.MIX, ("Nothing()", Nothing()), [], words)
            w("word = o.word")
            known["word"] = "word"
        part = learner.update
        state = [f"{q.name}__{field}[j, i]" for field in part.state]
        self.part(part, f"{q.name}__update_part", state, [known[f] for f in part.inputs])
        self.keep(q, part)

    def keep(self, q: PlannedProjection, part: Part) -> None:
        """Write the fields of a synapse's state back, but for those that never change."""
        w = self.write
        learner: Any = q.learner
        for field in part.state:
            if field not in learner.fixed:
                w(f"{q.name}__{field}[j, i] = s.{field}")
                w.note(self.number(f"{q.name}.{field}"), "(j << 16) | i", f"s.{field}")
