"""Integer intervals: what every cell could ever produce, found by running the cell on them.

An :class:`Interval` is the set ``low..high``. Running a cell on the intervals of its ports gives
bounds of every intermediate, which is how a network is checked when it is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goldenspike.golden.fixed import Format

if TYPE_CHECKING:
    from collections.abc import Iterable

    from goldenspike.golden.cell import Cell

KERNEL_BITS = 63
"""Bits that a compiled kernel's intermediates may take: an int64 with one bit to spare."""


class Maybe:
    """A condition that intervals do not decide."""

    def __and__(self, other: Any) -> Any:
        return False if other is False else self

    def __or__(self, other: Any) -> Any:
        return True if other is True else self

    __rand__, __ror__ = __and__, __or__

    def __bool__(self) -> bool:
        raise TypeError("Cells must choose with select, not with if")

    def choose(self, a: Any, b: Any) -> Any:
        """Return all that either side may be."""
        a, b = Interval.of(a), Interval.of(b)
        return Interval(min(a.low, b.low), max(a.high, b.high), a.widest or b.widest)


class Operands(list[int]):
    """Bit lengths, those of constant operands among them."""

    def note(self, *operands: int) -> None:
        """Add the bits of constants that intermediates meet."""
        self.extend(Format.holding(min(n, -1), max(n, 0), 0).width for n in operands)


class Interval:
    """All integers ``low..high``; `widest` collects the bit lengths met on the way."""

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, low: int, high: int, widest: list[int] | None = None) -> None:
        self.low, self.high, self.widest = low, high, widest
        if widest is not None:
            widest.append(Format.holding(min(low, -1), max(high, 0), 0).width)

    @classmethod
    def of(cls, value: Any) -> Interval:
        """Return an interval as it is, an integer as the interval of itself."""
        return value if isinstance(value, cls) else cls(int(value), int(value))

    def _join(self, other: Any, low: int, high: int) -> Interval:
        return Interval(low, high, self.widest or Interval.of(other).widest)

    def __add__(self, other: Any) -> Interval:
        b = Interval.of(other)
        return self._join(b, self.low + b.low, self.high + b.high)

    def __sub__(self, other: Any) -> Interval:
        b = Interval.of(other)
        return self._join(b, self.low - b.high, self.high - b.low)

    def __rsub__(self, other: Any) -> Interval:
        return Interval.of(other) - self

    def __neg__(self) -> Interval:
        return 0 - self

    def __mul__(self, other: Any) -> Interval:
        b = Interval.of(other)
        corners = [p * q for p in (self.low, self.high) for q in (b.low, b.high)]
        return self._join(b, min(corners), max(corners))

    __radd__, __rmul__ = __add__, __mul__

    def _shifted(self, count: int, low: int, high: int) -> Interval:
        if self.widest is not None:
            self.widest.append(count + 1)  # An int64 cannot be shifted by more than its bits.
        return self._join(0, low, high)

    def __lshift__(self, count: int) -> Interval:
        return self._shifted(count, self.low << count, self.high << count)

    def __rshift__(self, count: int) -> Interval:
        return self._shifted(count, self.low >> count, self.high >> count)

    def __and__(self, other: Any) -> Interval:
        if isinstance(other, Interval):
            if min(self.low, other.low) < 0:
                raise TypeError("Cells must join only conditions and unsigned numbers with &")
            return self._join(other, 0, min(self.high, other.high))
        if isinstance(self.widest, Operands):
            self.widest.note(other)
        inside = self.low >= 0 and self.high <= other and other & (other + 1) == 0
        return self._join(0, self.low if inside else 0, self.high if inside else other)

    def clamp(self, low: int, high: int) -> Interval:
        """Return the interval limited to ``low..high``."""
        if isinstance(self.widest, Operands):
            self.widest.note(low, high)
        return self._join(0, max(low, min(self.low, high)), max(low, min(self.high, high)))

    def lookup(self, table: tuple[int, ...]) -> Interval:
        """Return the interval of the entries that the index reaches."""
        if not 0 <= self.low <= self.high < len(table):
            raise IndexError(
                f"Index must be within a table of {len(table)}, not {self.low}..{self.high}"
            )
        reached = table[self.low : self.high + 1]
        return self._join(0, min(reached), max(reached))

    def wrap(self, width: int, signed: bool) -> Interval:
        """Return the interval's low bits: itself where it fits, else all there is."""
        fmt = Format(signed, width, 0)
        if self.widest is not None:
            self.widest.append(width + 2)  # The sign's weight is taken away twice.
        inside = fmt.low <= self.low and self.high <= fmt.high
        return self._join(0, *((self.low, self.high) if inside else (fmt.low, fmt.high)))

    def __lt__(self, other: Any) -> Any:
        b = Interval.of(other)
        return True if self.high < b.low else False if self.low >= b.high else Maybe()

    def __gt__(self, other: Any) -> Any:
        return Interval.of(other) < self

    def __ge__(self, other: Any) -> Any:
        b = Interval.of(other)
        return True if self.low >= b.high else False if self.high < b.low else Maybe()

    def __le__(self, other: Any) -> Any:
        return Interval.of(other) >= self

    def __eq__(self, other: object) -> Any:
        b = Interval.of(other)
        if self.high < b.low or b.high < self.low:
            return False
        return True if self.low == self.high == b.low == b.high else Maybe()


def reach(
    cell: Cell, constants: Any, *, operands: bool = False, silent: Iterable[str] = ()
) -> tuple[dict[str, Interval], int]:
    """Run a cell on the whole range of its ports.

    Parameters
    ----------
    operands
        Whether the constants that masks and limits are made of count as well.
    silent
        Fields of the state and of the inputs that are 0.

    Returns
    -------
    bounds
        The interval of every field of the next state and of the outputs.
    width
        Bits of the widest intermediate, as two's complement.
    """
    ports = cell.ports(constants)
    widest: list[int] = Operands([1]) if operands else [1]
    still = set(silent)

    def filled(formats: Any) -> Any:
        names = getattr(formats, "_fields", ())
        given = (
            Interval(0, 0, widest) if name in still else Interval(f.low, f.high, widest)
            for name, f in zip(names, formats, strict=True)
        )
        return type(formats)(*given)

    state, outputs = cell.step(constants, filled(ports.state), filled(ports.inputs))
    bounds = {
        name: Interval.of(value)
        for part in (state, outputs)
        for name, value in zip(part._fields, part, strict=True)
    }
    return bounds, max(widest)


def rests(cell: Cell, constants: Any, silent: Iterable[str], fields: Iterable[str]) -> bool:
    """Return whether some fields of next state and outputs are 0 wherever the `silent` ones are."""
    bounds, _ = reach(cell, constants, silent=silent)
    return all(bounds[name].low == bounds[name].high == 0 for name in fields)


def check(cell: Cell, constants: Any, where: str) -> int:
    """Check that a cell's intermediates fit the kernel and its results their formats.

    Returns
    -------
    int
        Bits to spare below :data:`KERNEL_BITS`.

    Raises
    ------
    ValueError
        Naming the place and the bits that would be needed.
    """
    bounds, width = reach(cell, constants)
    if width > KERNEL_BITS:
        raise ValueError(
            f"Arithmetic of {where} ({cell.name}) must fit {KERNEL_BITS} bits, not {width}: "
            "narrow its formats"
        )
    ports = cell.ports(constants)
    for group, name, fmt in ports.named():
        if group == "inputs":
            continue
        bound = bounds[name]
        if bound.low < fmt.low or bound.high > fmt.high:
            raise ValueError(
                f"Output {name!r} of {where} ({cell.name}) must fit {fmt}, "
                f"not {bound.low}..{bound.high}"
            )
    return KERNEL_BITS - width
