"""What the units share: taps, regions, memories."""

from collections.abc import Callable, Iterable
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from goldenspike.golden.plan import Variable


class Unit(wiring.Component):
    """A component whose ports are known when it is made."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Tap(NamedTuple):
    """An architectural write, seen in the cycle in which it happens.

    `phases` are the names of those in which it may happen; of the taps of the same phases, those
    of a channel are never valid in the same cycle. `index` is packed as in the digest, `value` is
    a raw integer of the variable's format.
    """

    phases: tuple[str, ...]
    channel: int
    variable: Variable
    valid: Value
    index: Value
    value: Value


class Rest(NamedTuple):
    """Writes that are left out as all would be of 0: whether, in this cycle, and to what."""

    valid: Value
    variable: Variable


def times(value: Value, constant: int) -> Value:
    """Return ``value * constant`` as a sum of shifts: an address is not worth a multiplier."""
    shifts = [k for k in range(constant.bit_length()) if constant >> k & 1]
    return reduce(add, (value << k for k in shifts))


def balanced(operator: Callable[[Any, Any], Any], values: Iterable[Any]) -> Any:
    """Return what an operator makes of values, in a tree: as few after another as can be."""
    found = list(values)
    while len(found) > 1:
        pairs = zip(found[::2], found[1::2], strict=False)
        found = [operator(a, b) for a, b in pairs] + found[len(found) & ~1 :]
    return found[0]


def later(m: Module, value: Value, name: str) -> Signal:
    """Return a value as it was a cycle ago."""
    register = Signal(value.shape(), name=name)
    m.d.sync += register.eq(value)
    return register


class Steps:
    """Neurons that are visited `width` a cycle, in banks of `lanes`.

    Parameters
    ----------
    size
        Neurons.
    width
        Neurons a step, a power of two, `lanes` at most.
    lanes
        Banks: neuron i is in bank ``i % lanes``, at ``i // lanes``.
    """

    def __init__(self, size: int, width: int, lanes: int) -> None:
        self.size, self.width, self.lanes = size, width, lanes
        self.count = -(-size // width)
        self.bits = width.bit_length() - 1
        self.part_bits = (lanes // width).bit_length() - 1

    @staticmethod
    def fitting(size: int) -> int:
        """Return how many neurons a step should have at most."""
        return 1 << (size - 1).bit_length()

    def counter(self, name: str = "step") -> Signal:
        """Return a signal that counts steps."""
        return Signal(range(self.count), name=name)

    def run(self, m: Module, start: Value) -> tuple[Signal, Signal]:
        """Add what goes through all steps, the first in the cycle of `start`.

        Returns whether it is at one, and which.
        """
        running, going, step = Signal(name="running"), Signal(name="going"), self.counter()
        m.d.comb += running.eq(start | going)
        last = step == self.count - 1
        with m.If(running):
            m.d.sync += [going.eq(~last), step.eq(Mux(last, 0, step + 1))]
        return running, step

    def index(self, step: Value, k: int = 0) -> Value:
        """Return the index of a step's neuron `k`."""
        return Cat(Const(k, self.bits), step)

    def there(self, step: Value, k: int) -> Any:
        """Return whether a step has a neuron `k`."""
        beyond = (self.count - 1) * self.width + k >= self.size
        return step != self.count - 1 if beyond else 1

    def group(self, step: Value) -> Value:
        """Return where the banks have a step's neurons."""
        return step >> self.part_bits

    def mine(self, step: Value, lane: int) -> Any:
        """Return whether a step's neurons are in this bank and its likes."""
        return step[: self.part_bits] == lane // self.width if self.part_bits else 1

    def of_step(self, values: list[Value], step: Value) -> list[Value]:
        """Return those of the banks' values that are of a step's neurons."""
        if not self.part_bits:
            return values
        part = step[: self.part_bits]
        return [Array(values[k :: self.width])[part] for k in range(self.width)]

    def taps(
        self,
        phases: tuple[str, ...],
        first: int,
        variable: Variable,
        when: tuple[Any, Value],
        values: list[Signal],
    ) -> list[Tap]:
        """Return taps of a step's neurons on channels from `first`; `when` is valid and step."""
        valid, step = when
        there = [valid & self.there(step, k) for k in range(len(values))]
        return [
            Tap(phases, first + k, variable, there[k], self.index(step, k), value)
            for k, value in enumerate(values)
        ]


class Region:
    """What the host can load or read as a sequence of 32-bit words.

    Parameters
    ----------
    name, words
        What it is called, and how many there are.
    row
        Words of a row, if it has rows; they say how `at` counts.
    names
        What the words of a row are called, if each is another thing.
    loadable
        Whether the host may load it.

    Members
    -------
    begin, at
        In, In: starts at a word. Its place in its row is in the lowest `row_bits` bits of `at`,
        above them is its row. 0, the first word, unless the core has a bus.
    load, data
        In: stores the next word, in this cycle.
    read, value
        In, Out: asks for the next word, which stands from the third cycle after.
    """

    def __init__(
        self,
        name: str,
        words: int,
        *,
        row: int | None = None,
        names: Iterable[str] = (),
        loadable: bool = True,
    ) -> None:
        self.name, self.words, self.row = name, words, row or words
        self.names, self.loadable = tuple(names), loadable
        self.row_bits = (self.row - 1).bit_length()
        self.at: Any = 0
        self.begin = Signal(name=f"{name}_begin")
        self.load = Signal(name=f"{name}_load")
        self.data = Signal(32, name=f"{name}_data")
        self.read = Signal(name=f"{name}_read")
        self.value = Signal(32, name=f"{name}_value")

    def place(self) -> tuple[Any, Any]:
        """Return the row and the place in it at which the host begins."""
        return self.at >> self.row_bits, self.at & ((1 << self.row_bits) - 1)


def memory(m: Module, name: str, shape: Any, depth: int) -> Memory:
    """Add a memory of `depth` words, all 0, to a module."""
    made = Memory(shape=shape, depth=depth, init=[])
    m.submodules[name] = made
    return made


class HostedMemory:
    """A memory of inputs or targets: a region for the host, a read port for the core.

    Parameters
    ----------
    name
        The region's name.
    shape
        Of a word, 32 bits at most.
    depth
        Words.

    Members
    -------
    address, enable
        In: what the core reads; the word stands on `word` in the next cycle while `enable` was set.
    """

    def __init__(self, name: str, shape: Any, depth: int) -> None:
        self.region = Region(name, depth)
        self.shape, self.depth = shape, depth
        self.address = Signal(range(depth), name=f"{name}_address")
        self.enable = Signal(name=f"{name}_enable", init=1)
        self.word = Signal(shape, name=f"{name}_word")

    def build(self, m: Module) -> None:
        """Add the memory to a module."""
        region = self.region
        store = memory(m, f"memory_{region.name}", self.shape, self.depth)
        write, read = store.write_port(), store.read_port()
        place = Signal(range(self.depth + 1), name=f"{region.name}_place")
        with m.If(region.begin):
            m.d.sync += place.eq(region.at)
        with m.Elif(region.load | region.read):
            m.d.sync += place.eq(place + 1)
        asked = Signal(name=f"{region.name}_asked")
        m.d.sync += asked.eq(region.read)
        with m.If(asked):
            m.d.sync += region.value.eq(read.data)
        m.d.comb += [
            write.addr.eq(place),
            write.data.eq(region.data),
            write.en.eq(region.load),
            read.addr.eq(self.address),
            read.en.eq(self.enable),
            self.word.eq(read.data),
        ]
        with m.If(region.read):
            m.d.comb += [read.addr.eq(place), read.en.eq(1)]
