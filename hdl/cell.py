"""Twins: the hardware of cells.

A twin is a component with the ports that its cell declares, combinational unless it is cut::

    state field f    In f, Out f_next
    input field f    In f
    output field f   Out f; Out f_next where an input or a state field has that name already
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from amaranth.hdl import Module, Shape, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from goldenspike.golden.cell import Cell, Ports
from goldenspike.golden.fixed import Format


def shape(fmt: Format) -> Shape:
    """Return the shape of a format's raw integers."""
    return signed(fmt.width) if fmt.signed else unsigned(fmt.width)


class Port(NamedTuple):
    """A port of a twin.

    It carries `field` of `group`: of the ``"state"``, the ``"inputs"``, the ``"next"`` state or the
    ``"outputs"``.
    """

    name: str
    group: str
    field: str
    format: Format

    @property
    def output(self) -> bool:
        """Whether the twin drives it."""
        return self.group in ("next", "outputs")


def list_ports(ports: Ports) -> list[Port]:
    """Return the ports of the twin of a cell with `ports`."""
    named = list(ports.named())
    taken = {field for group, field, _ in named if group != "outputs"}
    found = []
    for group, field, fmt in named:
        if group == "outputs":
            name = f"{field}_next" if field in taken else field
            found.append(Port(name, group, field, fmt))
            continue
        found.append(Port(field, group, field, fmt))
        if group == "state":
            found.append(Port(f"{field}_next", "next", field, fmt))
    return found


def output_ports(twin: "Twin") -> dict[str, Any]:
    """Return the signals of a twin's outputs, by field."""
    ports = list_ports(twin.cell.ports(twin.constants))
    return {port.field: getattr(twin, port.name) for port in ports if port.group == "outputs"}


class Twin(wiring.Component):
    """Base of all twins.

    Parameters
    ----------
    constants
        The constants of the cell.
    cut
        Whether registers lie across it, in one place: its outputs are then those of the inputs
        and the state of a cycle ago. Only for twins that are `CUTTABLE`.
    """

    cell: Cell
    """The cell that the twin equals."""
    CUTTABLE = False
    """Whether it can be cut. Then all that `elaborate` uses passes :meth:`across` once."""

    def __init__(self, constants: Any, *, cut: bool = False) -> None:
        self.constants, self.cut = constants, cut
        members = {
            port.name: (Out if port.output else In)(shape(port.format))
            for port in list_ports(self.cell.ports(constants))
        }
        super().__init__(members)

    def across(self, m: Module, value: Any, name: str) -> Signal:
        """Return a value as it is on the other side of the cut, if there is one."""
        value = Value.cast(value)
        signal = Signal(value.shape(), name=name, reset_less=True)
        (m.d.sync if self.cut else m.d.comb).__iadd__(signal.eq(value))
        return signal

    @staticmethod
    def cases() -> Iterable[Any]:
        """Return the constants for which it is proved: realistic ones, and all corners."""
        raise NotImplementedError

    if TYPE_CHECKING:
        # The ports: which ones there are is known when a twin is made.
        def __getattr__(self, name: str) -> Any: ...

        def elaborate(self, platform: Any) -> Module: ...
