"""Tables in hardware: two small ROMs, a multiplier and an adder."""

from amaranth.hdl import Const, Module, Mux, Value

from goldenspike.golden.fixed import Format
from goldenspike.golden.table import Table
from goldenspike.hdl.cell import shape
from goldenspike.hdl.fixed import align, low_bits, multiply, named


def lookup(m: Module, table: tuple[int, ...], index: Value, name: str) -> Value:
    """Return the entry of a table at `index`, in the narrowest shape that holds all of them."""
    fmt = Format.holding(min(table), max(table), 0)
    entries: list[Value] = [Const(entry, shape(fmt)) for entry in table]
    for bit in index:
        entries = [
            Mux(bit, odd, even) for even, odd in zip(entries[::2], entries[1::2], strict=True)
        ]
    return named(m, entries[0], name)


def interpolate(m: Module, table: Table, x: Value) -> Value:
    """Return y, of ``table.frac`` fraction bits, for an integer of the format of arguments."""
    base = lookup(m, table.base, x.shift_right(table.bits), "base")
    rise = lookup(m, table.rise, x.shift_right(table.bits), "rise")
    return named(m, align(base, table.bits) + multiply(rise, low_bits(x, table.bits)), "y")
