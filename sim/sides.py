"""The two sides of a cell, run on values: golden as it is, the twin in Amaranth's simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amaranth.lib.wiring import Flow
from amaranth.sim import Simulator

from goldenspike.hdl.cell import list_ports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amaranth.lib.wiring import Component

    from goldenspike.golden.cell import Cell


def cell_results(cell: Cell, constants: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Run a cell on the values of its twin's inputs, integers or symbols.

    Returns
    -------
    dict
        The values of the twin's outputs, by port.
    """
    ports = cell.ports(constants)
    given = [
        type(formats)(*(values[field] for field in getattr(formats, "_fields", ())))
        for formats in (ports.state, ports.inputs)
    ]
    state, outputs = cell.step(constants, *given)
    return {
        port.name: getattr(state if port.group == "next" else outputs, port.field)
        for port in list_ports(ports)
        if port.output
    }


def twin_results(twin: Component, stimuli: Sequence[dict[str, int]]) -> list[dict[str, int]]:
    """Run a twin on the values of its inputs, one set after the other, a cycle each if it is cut.

    Returns
    -------
    list of dict
        The values of its outputs for each, by port.
    """
    members = twin.signature.members.items()
    outputs = [name for name, member in members if member.flow is Flow.Out]
    results = []
    cut = getattr(twin, "cut", False)

    async def bench(ctx: Any) -> None:
        for values in stimuli:
            for name, value in values.items():
                ctx.set(getattr(twin, name), value)
            if cut:
                await ctx.tick()
            results.append({name: int(ctx.get(getattr(twin, name))) for name in outputs})

    simulator = Simulator(twin)
    if cut:
        simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return results
