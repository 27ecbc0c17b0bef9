"""One lane of a projection's visit: the twins between a bank's read and write ports."""

from typing import TYPE_CHECKING, Any

from amaranth.hdl import Module, Mux, Signal

from goldenspike.golden.fixed import RANDOM_BITS
from goldenspike.golden.plan import Plan
from goldenspike.golden.randomness import VARIATE, VariateConstants
from goldenspike.golden.rules import three_factor
from goldenspike.golden.synapses import delta
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import shape
from goldenspike.hdl.fixed import align
from goldenspike.hdl.units.common import Tap, later

if TYPE_CHECKING:
    from goldenspike.hdl.units.synapses import SynapseUnit


class Visit:
    """One lane of a visit.

    Members
    -------
    learned, traced, index
        In: the weight or the eligibility, of that index, is written in this cycle.
    addend, output
        Out: the synapse's current, and what its perturbation delivered.
    """

    def __init__(self, unit: "SynapseUnit", lane: int, plan: Plan) -> None:
        self.unit, self.lane = unit, lane
        q, rule = unit.projection, unit.rule
        self.learned, self.traced = Signal(), Signal()
        self.addend = Signal(shape(q.post.currents[q.receptor]))
        traced = q.post.output if q.traces("output") else None
        self.output = None if traced is None else Signal(shape(traced))
        self.index = Signal(32)
        self.next = {
            field: Signal(member.shape)
            for layout in unit.layouts.values()
            for field, member in layout
            if rule is not None
        }
        channels = dict.fromkeys(("deliver", "trace", "learn"), lane)
        for field, value in self.next.items():
            variable, learned = plan.variables[f"{q.name}.{field}"], field in ("w", "sum")
            phase = "deliver" if q.traces("delivery") else "trace"
            if learned and not q.traces("tick"):
                phase = "learn"
            name, channel = getattr(unit, phase).name, channels[phase]
            valid = self.learned if learned else self.traced
            unit.taps.append(Tap((name,), channel, variable, valid, self.index, value))
            channels[phase] += unit.lanes

    def build(self, m: Module, before: dict[str, Any], stage: Any) -> None:
        """Add the twins between the fields read and the next ones, which are registered."""
        unit, lane = self.unit, self.lane
        q, rule = unit.projection, unit.rule
        weight: Any = before["w"]
        variate: Any = self._variate(m, stage)
        perturbation: Any = q.weight_perturbation
        if variate is not None:
            m.submodules[f"perturb_{lane}"] = perturb = twin(
                three_factor.PERTURB, perturbation.constants
            )
            # A negated variate fits: there are two values, or the range is not used to its end.
            sign = Mux(unit.negative, -variate, variate)
            m.d.comb += [
                perturb.value.eq(weight),
                perturb.variate.eq(Mux(unit.perturbing, sign, 0)),
            ]
            weight = perturb.perturbed
        m.submodules[f"synapse_{lane}"] = synapse = twin(delta.STEP, q.synapse)
        m.d.comb += [synapse.weight.eq(weight), synapse.signal.eq(stage.signal)]
        addend = Signal.like(synapse.current)
        m.d.sync += addend.eq(synapse.current)
        m.d.comb += self.addend.eq(align(addend, q.shift))
        if self.output is not None:
            constants = delta.Constants(perturbation.constants.variate, q.signal)
            m.submodules[f"output_{lane}"] = output = twin(delta.STEP, constants)
            m.d.comb += [output.weight.eq(variate), output.signal.eq(stage.signal)]
            delivered = Signal.like(output.current)
            m.d.sync += delivered.eq(output.current)
            m.d.comb += self.output.eq(align(delivered, q.output_shift))
        if rule is None:
            return
        eligibility = self._trace(m, before, stage, variate)
        self._update(m, before, stage, eligibility)

    def _variate(self, m: Module, stage: Any) -> Any:
        """Add what regenerates the synapse's variate, if its weight is perturbed; return it."""
        unit, lane = self.unit, self.lane
        perturbation = unit.projection.weight_perturbation
        if perturbation is None:
            return None
        if perturbation.code is not None:
            code = twin(perturbation.code.cell, perturbation.code.constants)
            m.submodules[f"code_{lane}"] = code
            # The period's bits count: an index beyond is of a lane without a synapse.
            m.d.comb += [code.index.eq(stage.index + lane), code.slot.eq(unit.slot)]
            return code.variate
        source: Any = unit.weight_fields
        variate = twin(VARIATE, VariateConstants(source.bits))
        m.submodules[f"variate_{lane}"] = variate
        word = source.fields.word_select(lane, source.bits)
        m.d.comb += variate.word.eq(later(m, word, f"word_{lane}"))
        return variate.variate

    def _trace(self, m: Module, before: dict[str, Any], stage: Any, variate: Any) -> Any:
        """Add the eligibility; return what learns, its state's last field."""
        unit, lane = self.unit, self.lane
        rule: Any = unit.rule
        traced: Any = None
        if rule.trace is None:
            return variate
        m.submodules[f"trace_{lane}"] = trace = twin(rule.trace, rule.constants)
        if rule.kind == "active":
            m.d.comb += [trace.variate.eq(variate), trace.active.eq(stage.active)]
            return trace.eligibility
        online = rule.kind == "tick"
        m.d.comb += [trace.score.eq(unit.post.scores[lane]), trace.signal.eq(stage.signal)]
        for field in rule.state:
            kept = Mux(unit.fresh, 0, before[field]) if online else before[field]
            after = getattr(trace, f"{field}_next")
            m.d.comb += getattr(trace, field).eq(kept)
            if online:
                traced = later(m, after, f"{field}_traced")
                m.d.sync += self.next[field].eq(traced)
            else:
                traced = before[field]
                m.d.sync += self.next[field].eq(Mux(stage.learns, 0, after))
        return traced

    def _update(self, m: Module, before: dict[str, Any], stage: Any, eligibility: Any) -> None:
        """Add the update of the weight."""
        unit, lane = self.unit, self.lane
        rule: Any = unit.rule
        summed = rule.accumulate is not None
        cell, constants = (
            (three_factor.ACCUMULATE, rule.accumulate)
            if summed
            else (three_factor.UPDATE, rule.update)
        )
        m.submodules[f"update_{lane}"] = update = twin(cell, constants)
        m.d.comb += [update.factor.eq(unit.factor), update.eligibility.eq(eligibility)]
        online = rule.kind == "tick"
        if unit.rounding_fields is not None:
            fields = unit.rounding_fields.fields.word_select(lane, RANDOM_BITS)
            random = later(m, fields, f"random_{lane}")
            m.d.comb += update.word.eq(later(m, random, "random_later") if online else random)
        if summed:
            m.d.comb += update.due.eq(unit.due)
        for field in ("w", "sum") if summed else ("w",):
            value = before[field]
            kept = later(m, value, f"{field}_later") if online else value
            m.d.comb += getattr(update, field).eq(kept)
            after = getattr(update, f"{field}_next")
            m.d.sync += self.next[field].eq(Mux(stage.updates_later, after, kept))
