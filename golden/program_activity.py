"""Writing the part of a program that records what is not 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goldenspike.golden.activity import sizes
from goldenspike.golden.program_learner import LearnerWriter

if TYPE_CHECKING:
    from collections.abc import Iterable


class ActivityWriter(LearnerWriter):
    """Writes the record of a tick's activity, of its end."""

    def activity(self) -> None:
        """Write the record of every group of :mod:`goldenspike.golden.activity`."""
        w, plan = self.write, self.plan
        for p in plan.populations:
            self._group(f"{p.name}.signal", [f"{self.signal_of(p)}[u]"])
        for p in plan.neurons:
            if p.state:
                self._group(f"{p.name}.state", [f"{p.name}__{field}[u]" for field in p.state])
        for q in plan.projections:
            if q.filter is not None:
                with self.arriving(q):
                    self._group(f"{q.name}.filtered", [f"{q.name}__filtered[u]"])
        for q in plan.learners:
            learner: Any = q.learner
            w("if learn & 2:")
            with w, self.arriving(q):
                given = [f"{q.name}__of_{field}[u]" for field in learner.pre.outputs]
                self._group(f"{q.name}.pre", given)
                if learner.factor is not None:
                    self._group(f"{q.name}.factor", [f"{q.name}__of_factor[u]"])

    def _group(self, name: str, values: Iterable[str]) -> None:
        """Write the record of a group: whether any of the values of neuron `u` is not 0."""
        lengths = sizes(self.plan)
        before = list(lengths).index(name)
        first = sum(list(lengths.values())[:before])
        w = self.write
        w(f"for u in range({lengths[name]}):")
        with w:
            w(f"if {' or '.join(f'{value} != 0' for value in values)}:")
            with w:
                w(f"activity[k, n, t, {first} + u] = 1")
