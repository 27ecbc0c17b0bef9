"""A projection that mirrors another one: it delivers that one's weights, transposed."""

from operator import add
from typing import Any

from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal

from goldenspike.golden.planned import PlannedProjection
from goldenspike.golden.synapses import delta
from goldenspike.hdl.catalog import twin
from goldenspike.hdl.cell import shape
from goldenspike.hdl.fixed import align
from goldenspike.hdl.units.common import Region, Steps, Tap, balanced, later, memory
from goldenspike.hdl.units.population import PopulationUnit
from goldenspike.hdl.units.rows import Packing
from goldenspike.hdl.units.synapses import SynapseUnit


class MirrorUnit(Elaboratable):
    """Delivers the transposed weights of another projection, a word of lanes a cycle.

    First the presynaptic signals are gathered, by lane, as many a cycle as a word has; if all are
    0 that is all. Then the rows of the other projection are read one after the other: the products
    of a word are summed, those of a row's words accumulated, and the sum goes to the neuron of the
    row.

    Parameters
    ----------
    projection, other
        What it is, and the unit whose weights it delivers.
    packing
        How the presynaptic signals are packed.
    post
        The unit of the postsynaptic population.
    lanes
        Synapses a cycle, a power of two.

    Members
    -------
    deliver, busy
        In, Out: start of a phase; whether it is under way, from the next cycle on.
    address, enable, word
        Out, Out, In: reads the presynaptic signals; a word stands in the next cycle.
    adding, add_group, addends
        Out: the currents that go to the population in this cycle.
    """

    GATHERING, LATENCY = 2, 3
    """Cycles from the read of a step's signals to the count of them; of a word to its sum."""

    def __init__(
        self,
        projection: PlannedProjection,
        other: SynapseUnit,
        packing: Packing,
        post: PopulationUnit,
        lanes: int,
    ) -> None:
        self.projection, self.other, self.post, self.lanes = projection, other, post, lanes
        self.packing = packing
        size = projection.pre.size
        self.steps = Steps(size, min(lanes, 1 << packing.bits, Steps.fitting(size)), lanes)
        name = projection.name
        self.deliver, self.busy = Signal(name=f"{name}_deliver"), Signal(name=f"{name}_busy")
        self.address, self.enable = Signal(16, name=f"{name}_raw_address"), Signal()
        self.word = Signal(packing.shape, name=f"{name}_raw_word")
        self.adding = Signal(name=f"{name}_adding")
        self.add_group = Signal(range(-(-projection.post.size // lanes)), name=f"{name}_add_group")
        kind = shape(projection.post.currents[projection.receptor])
        self.addends = [Signal(kind, name=f"{name}_addend_{k}") for k in range(lanes)]
        self.reading, self.read_address = Signal(), Signal.like(other.guest_address)
        self.regions: dict[str, Region] = {}
        self.taps: list[Tap] = []

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        q, lanes, groups = self.projection, self.lanes, self.other.groups
        lane_bits = lanes.bit_length() - 1
        packing, steps = self.packing, self.steps
        gathering, step = steps.run(m, self.deliver)
        visiting, row, group = Signal(), Signal(range(q.post.size)), Signal(range(groups))
        silent = Signal()
        # Gather.
        m.d.comb += [
            self.address.eq(packing.address(steps.index(step))),
            self.enable.eq(gathering),
        ]
        gathered, at = later(m, gathering, "gathered"), later(m, step, "at")
        values = packing.elements(self.word, steps.index(at), steps.width)
        sounding = Cat(steps.there(at, k) & (v != 0) for k, v in enumerate(values)).any()
        with m.If(self.deliver):
            m.d.sync += silent.eq(1)
        with m.If(gathered & sounding):
            m.d.sync += silent.eq(0)
        counted = later(m, gathered, "counted")
        with m.If(counted & ~gathered & ~silent):
            m.d.sync += [visiting.eq(1), row.eq(0), group.eq(0), self.read_address.eq(0)]
        # Read: a word of weights and the signals of its lanes.
        last = group == groups - 1
        with m.If(visiting):
            m.d.sync += [
                group.eq(Mux(last, 0, group + 1)),
                row.eq(row + last),
                self.read_address.eq(self.read_address + 1),
            ]
            with m.If(last & (row == q.post.size - 1)):
                m.d.sync += visiting.eq(0)
        m.d.comb += self.reading.eq(visiting)
        # Multiply, then sum over the lanes, then over the groups.
        multiplying, ended = later(m, visiting, "multiplying"), later(m, last, "ended")
        began, of_row = later(m, group == 0, "began"), later(m, row, "of_row")
        products = []
        for lane in range(min(lanes, q.pre.size)):
            # The last word's lanes beyond the neurons hold nothing that counts.
            beyond = ended if (groups - 1) * lanes + lane >= q.pre.size else 0
            bank = memory(m, f"signals_{lane}", shape(q.pre.signal), groups)
            write, read = bank.write_port(), bank.read_port()
            m.submodules[f"synapse_{lane}"] = one = twin(delta.STEP, q.synapse)
            m.d.comb += [
                write.addr.eq(steps.group(at)),
                write.data.eq(values[lane % steps.width]),
                write.en.eq(gathered & steps.mine(at, lane)),
                read.addr.eq(group),
                one.weight.eq(self.other.guest_words[lane]["w"]),
                one.signal.eq(Mux(beyond, 0, read.data)),
            ]
            products.append(later(m, one.current, f"product_{lane}"))
        summing = later(m, multiplying, "summing")
        kind = shape(q.post.currents[q.receptor])
        total = Signal(kind)
        with m.If(summing):
            # Sums of currents of one neuron fit its accumulator, as the plan has checked.
            first = later(m, began, "first")
            m.d.sync += total.eq(Mux(first, 0, total) + align(balanced(add, products), q.shift))
        neuron = later(m, later(m, of_row, "neuron"), "neuron_later")
        m.d.comb += [
            self.adding.eq(later(m, summing & later(m, ended, "last"), "adding")),
            self.add_group.eq(neuron >> lane_bits),
        ]
        for lane, addend in enumerate(self.addends):
            mine = neuron[:lane_bits] == lane if lane_bits else 1
            m.d.comb += addend.eq(Mux(mine, total, 0))
        working = gathering | gathered | visiting | multiplying | summing
        m.d.comb += self.busy.eq(visiting | later(m, working, "working"))
        return m
