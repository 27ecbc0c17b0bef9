"""Registers that the host can load and read."""

from typing import Any

from amaranth.hdl import Array, Module, Mux, Signal, Value

from goldenspike.hdl.units.common import Region, memory


def part_name(name: str, low: int) -> str:
    """Return what the word that holds the bits from `low` on of something is called."""
    return f"{name}_high" if low else name


def parts(value: Any) -> list[Any]:
    """Return the words of a value, the low one first; the high one has its sign."""
    found = []
    for low in range(0, len(value), 32):
        signed = value.shape().signed and low + 32 >= len(value)
        part = value[low : low + 32]
        found.append(part.as_signed() if signed else part)
    return found


class Registers:
    """A region of registers that the core keeps: each takes one word, or two beyond 32 bits."""

    def __init__(self, name: str, signals: list[Signal]) -> None:
        self.parts = [
            (signal, place) for signal in signals for place in range(0, max(len(signal), 1), 32)
        ]
        names = [part_name(signal.name, place) for signal, place in self.parts]
        self.region = Region(name, len(self.parts), names=names)

    def build(self, m: Module) -> None:
        """Add the host's accesses to the module that drives the registers."""
        region = self.region
        place = Signal(range(len(self.parts) + 1))
        with m.If(region.begin):
            m.d.sync += place.eq(region.at)
        with m.Elif(region.load | region.read):
            m.d.sync += place.eq(place + 1)
        with m.Switch(place):
            for k, (signal, low) in enumerate(self.parts):
                with m.Case(k):
                    with m.If(region.load):
                        m.d.sync += signal[low : low + 32].eq(region.data)
                    with m.If(region.read):
                        part = signal[low:] if signal.shape().signed else signal[low : low + 32]
                        wide = part.as_signed() if signal.shape().signed else part
                        m.d.sync += region.value.eq(wide)


class RegisterFile:
    """Registers of which there is one set for each place: in a memory that the host sees too.

    Each field takes one word of the region for every 32 bits, place by place.

    Members
    -------
    address, values
        In, Out: the set whose values stand in the next cycle, by field.
    write, next_values
        In, In: stores a set at the address in this cycle.
    """

    def __init__(self, name: str, shapes: dict[str, Any], depth: int) -> None:
        self.name, self.depth = name, depth
        self.values = {
            field: Signal(kind, name=f"{name}_{field}") for field, kind in shapes.items()
        }
        self.next_values = {
            field: Signal(kind, name=f"{name}_{field}_next") for field, kind in shapes.items()
        }
        self.parts = [
            (field, low) for field, value in self.values.items() for low in range(0, len(value), 32)
        ]
        self.address = Signal(range(depth), name=f"{name}_address")
        self.write = Signal(name=f"{name}_write")
        names = [part_name(field, low) for field, low in self.parts]
        self.region = Region(name, depth * len(names), row=len(names), names=names)

    def build(self, m: Module) -> None:
        """Add the memories, one for each word of a set."""
        region = self.region
        place, part = Signal(range(self.depth + 1)), Signal(range(len(self.parts)))
        with m.If(region.begin):
            at, at_part = region.place()
            m.d.sync += [place.eq(at), part.eq(at_part)]
        with m.Elif(region.load | region.read):
            end = part == len(self.parts) - 1
            m.d.sync += [part.eq(Mux(end, 0, part + 1)), place.eq(place + end)]
        asked, asked_part = Signal(), Signal.like(part)
        m.d.sync += [asked.eq(region.read), asked_part.eq(part)]
        words = []
        for k, (field, low) in enumerate(self.parts):
            value, after = self.values[field], self.next_values[field]
            width = len(value[low : low + 32])
            store = memory(m, f"{self.name}_{k}", width, self.depth)
            write, read = store.write_port(), store.read_port()
            m.d.comb += [
                read.addr.eq(Mux(region.read, place, self.address)),
                write.addr.eq(Mux(region.load, place, self.address)),
                write.data.eq(Mux(region.load, region.data, after[low : low + 32])),
                write.en.eq(self.write | (region.load & (part == k))),
                value[low : low + 32].eq(read.data),
            ]
            signed = value.shape().signed and low + 32 >= len(value)
            words.append(Value.cast(read.data).as_signed() if signed else read.data)
        with m.If(asked):
            m.d.sync += region.value.eq(Array(words)[asked_part])
