"""What cores take of an FPGA: the networks, the measures on a small core, and the table."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from goldenspike.golden.trial import Session
from goldenspike.hdl import host
from goldenspike.hdl.core import Core
from goldenspike.hdl.shell import Shell
from goldenspike.sim import lockstep
from goldenspike.sim.simulators import SimulationError
from goldenspike.tools import fpga, hardware
from goldenspike.tools.cli import main

KNOWN = hardware.Figures(
    lanes=2,
    neurons=1,
    saturated=100.0,
    operations=80,
    idle=50.0,
    lut4=1000,
    dsp=3,
    ram=4,
    learning=200.0,
    candidates=300,
    cells=1500,
    fmax=60.0,
)
TINY = """
device = "ecp5_85k"
frequency = 25.0
lanes = 2
neurons = 2

[network]
ticks = 4

[[network.population]]
name = "inputs"
size = 5
model = "source"

[[network.population]]
name = "target"
size = 3
model = "source"

[[network.population]]
name = "outputs"
size = 3
model = "leaky_readout"
output = "fxp-s8/4"

[[network.population]]
name = "errors"
size = 3
model = "error"
signal = "outputs"
target = "target"
output = "fxp-s8/4"

[[network.projection]]
pre = "inputs"
post = "outputs"
weight = "fxp-s6/4"

[network.projection.rule]
model = "delta_rule"
modulator = "errors"
eta = 0.125
factor = "fxp-s8/6"
trace = "fxp-u6/4"
trace_decay = 0.75
"""


class Flip(wiring.Component):
    def __init__(self) -> None:
        super().__init__({"d": In(1), "q": Out(1)})
        self.d: Any
        self.q: Any

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.sync += self.q.eq(self.d)
        return m


# tools


@pytest.mark.parametrize(("family", "cell"), [("ecp5", "TRELLIS_FF"), ("ice40", "SB_DFFSR")])
def test_component_is_synthesised(family: str, cell: str) -> None:
    assert fpga.synthesise(Flip(), family).cells == {cell: 1}


@pytest.mark.parametrize("name", fpga.DEVICES)
def test_netlist_is_placed_and_timed(name: str, tmp_path: Path) -> None:
    device = fpga.DEVICES[name]
    fpga.synthesise(Toggle(), device.family, tmp_path)
    placed = fpga.place(tmp_path, device, 25.0)
    ((reached, wanted),) = placed.clocks.values()
    assert reached > wanted == 25.0
    logic = hardware.CELLS[device.family][3]
    assert 0 < placed.used[logic][0] < placed.used[logic][1]


class Toggle(wiring.Component):
    def __init__(self) -> None:
        super().__init__({"q": Out(1)})
        self.q: Any

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        count = Signal(4)
        m.d.sync += count.eq(count + 1)
        m.d.comb += self.q.eq(count[-1])
        return m


def test_core_that_cannot_be_placed_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / fpga.NETLIST).write_text("nonsense")
    with pytest.raises(SimulationError, match=r"^Core must be placed and routed, but a tool said"):
        fpga.place(tmp_path, fpga.DEVICES["ecp5_85k"], 25.0)


def test_shell_carries_words_in_and_out() -> None:
    core = Core(hardware.parse("tiny", TINY).plan, 2, 2, digest=False)
    shell: Any = Shell(core)
    seed = 0xC0FFEE42
    words = [*host.load(core, "registers", [seed, 7]), *host.read(core, "registers")]
    simulator = Simulator(shell)
    simulator.add_clock(1e-6)
    got = []

    async def bench(ctx: Any) -> None:
        for word in words:
            ctx.set(shell.shift, 1)
            for place in reversed(range(32)):
                ctx.set(shell.bit, word >> place & 1)
                await ctx.tick()
            ctx.set(shell.shift, 0)
            ctx.set(shell.send, 1)
            await ctx.tick()
            ctx.set(shell.send, 0)
            await ctx.tick().until(shell.sent)
        for _ in range(2):
            await ctx.tick().repeat(10)
            ctx.set(shell.take, 1)
            await ctx.tick()
            ctx.set(shell.take, 0)
            await ctx.tick().repeat(2)
            ctx.set(shell.shift, 1)
            word = 0
            for place in range(32):
                word |= ctx.get(shell.out) << place
                await ctx.tick()
            ctx.set(shell.shift, 0)
            got.append(word)
        assert not ctx.get(shell.fault)

    simulator.add_testbench(bench)
    simulator.run_until(1e-3)
    assert got == [seed, 7]


# networks


@pytest.mark.parametrize("name", hardware.own())
def test_network_of_the_benchmark_has_a_core(name: str) -> None:
    one = hardware.design(name)
    assert one.device in fpga.DEVICES
    assert host.outline(one.plan, one.lanes).regions


def test_committed_figures_are_of_cores_that_there_are() -> None:
    figures = hardware.read_table(hardware.TABLE.read_text()).figures
    assert {"lif_256", "node_32"} <= set(figures)
    for name, one in figures.items():
        found = hardware.design(name)
        assert (one.lanes, one.neurons) == (found.lanes, found.neurons)


def test_unknown_core_is_told_with_the_nearest(capsys: Any) -> None:
    assert main(["bench", "hardware", "lif_265"]) == 2
    assert "not 'lif_265' (did you mean 'lif_256'?)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"ecp5_85k"', '"ecp5_85"', "not 'ecp5_85'"),
        ("lanes = 2", "lanes = 3", "Lanes must be"),
        ("frequency = 25.0", "frequent = 25.0", "frequent"),
    ],
)
def test_network_that_is_wrong_is_told(old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        hardware.parse("tiny", TINY.replace(old, new))


# measures


def test_cycles_are_of_ticks_as_the_docstring_says() -> None:
    one = hardware.parse("tiny", TINY)
    found = hardware.cycles(one)
    assert found["operations"] == 5 * 3
    assert found["candidates"] == 5 * 3
    assert found["idle"] < found["saturated"]
    assert found["idle"] < found["learning"]


def test_every_tick_takes_what_the_simulator_counts() -> None:
    one = hardware.parse("tiny", TINY)
    built = lockstep.prepare(one.plan, one.lanes, "icarus", neurons=one.neurons)
    shown = hardware.stimulus(one.plan, 1, one.plan.ticks)
    samples = [0] * hardware.TRIALS
    moments = lockstep.clocks(Session(one.plan, 1), shown, samples, built)
    ticks = hardware.ticks_of(one, Session(one.plan, 1), shown, learning=True)
    assert len(ticks) == hardware.TRIALS
    for trial, counted in enumerate(ticks):
        seen = moments[trial * one.plan.ticks : (trial + 1) * one.plan.ticks]
        assert counted[1:] == np.diff(seen).tolist()


def test_core_is_measured() -> None:
    found = hardware.measure(hardware.parse("tiny", TINY), placing=True)
    assert found.lut4 > 0
    assert found.dsp > 0
    assert found.fmax is not None
    assert found.cells is not None
    assert found.cells > found.lut4


def test_silent_rows_are_no_candidates() -> None:
    one = hardware.parse("tiny", TINY)
    session = Session(one.plan, 1)
    shown = hardware.stimulus(one.plan, 1, 4)
    shown.inputs["inputs"][:, :, 2:] = 0
    session.learn(shown, [0])
    assert sum(hardware.candidates(session, q) for q in one.plan.learners) == 2 * 3


def test_stimulus_has_inputs_for_a_while_and_targets_for_another() -> None:
    one = hardware.parse("tiny", TINY)
    shown = hardware.stimulus(one.plan, 1, 3)
    assert shown.inputs["inputs"].sum(axis=2).tolist() == [[5, 0, 0, 0]]
    assert np.count_nonzero(shown.inputs["target"]) == 3 * 3


# table


def test_committed_table_is_read_as_it_is_written() -> None:
    table = hardware.read_table(hardware.TABLE.read_text())
    again = hardware.read_table(hardware.write_table(table, table.figures))
    assert again == table
    assert all(len(peer) == len(hardware.HEADS) for peer in table.peers)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("lut4", 1110, "Lut4 of core must be that of the table, 1000, or near it, not 1110"),
        ("idle", 55.5, "Idle of core must be that of the table, 50, or near it, not 55.5"),
        ("saturated", 111.0, "Saturated of core must"),
        ("learning", 222.0, "Learning of core must"),
        ("fmax", 53.4, "Fmax of core must be that of the table, 60, or near it, not 53.4"),
    ],
)
def test_figure_worse_by_11_percent_fails(field: str, value: float, said: str) -> None:
    now = dataclasses.replace(KNOWN, **{field: value})
    (line,) = hardware.worse({"core": now}, {"core": KNOWN})
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("field", "value"),
    [("lut4", 1090), ("lut4", 10), ("idle", 54.0), ("fmax", 55.0), ("fmax", 99.0), ("fmax", None)],
)
def test_figure_that_is_near_or_better_passes(field: str, value: float | None) -> None:
    now = dataclasses.replace(KNOWN, **{field: value})
    assert hardware.worse({"core": now, "new": KNOWN}, {"core": KNOWN}) == []


@pytest.fixture
def measured(monkeypatch: Any, tmp_path: Path) -> Any:
    """Let the command measure a figure that the test gives."""
    table = hardware.read_table(hardware.TABLE.read_text())
    path = tmp_path / "hardware.toml"
    path.write_text(hardware.write_table(table, {"node_32": KNOWN}))
    monkeypatch.setattr(hardware, "TABLE", path)
    found = []
    monkeypatch.setattr(hardware, "measure", lambda one, *, placing: found[-1])
    return found


def test_command_prints_the_table_and_fails_where_it_is_worse(measured: Any, capsys: Any) -> None:
    measured.append(KNOWN)
    assert main(["bench", "hardware", "node_32"]) == 0
    out = capsys.readouterr().out
    for part in ("node_32", "0.80", "1.5", "1,000", "ReckOn 256-256-16", "45,750", "Yosys 0."):
        assert part in out
    measured.append(dataclasses.replace(KNOWN, lut4=1110, fmax=53.0))
    assert main(["bench", "hardware", "node_32"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" must ")[0] for line in lines] == [
        "goldenspike: Lut4 of node_32",
        "goldenspike: Fmax of node_32",
    ]


def test_update_writes_the_table(measured: Any, capsys: Any) -> None:
    better = dataclasses.replace(KNOWN, lut4=900)
    measured.append(better)
    assert main(["bench", "hardware", "node_32", "--update"]) == 0
    assert hardware.read_table(hardware.TABLE.read_text()).figures["node_32"] == better


def test_what_has_no_core_is_named_or_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "pattern_generation_30: Sum of inputs_to_hidden must fit a stream word of 32 bits, not"
    assert main(["bench", "hardware", "pattern_generation_30"]) == 2
    assert why in capsys.readouterr().err
    measured: list[str] = []

    def measure(one: hardware.Design, *, placing: bool) -> hardware.Figures:
        measured.append(one.name)
        return KNOWN

    monkeypatch.setattr(hardware, "measure", measure)
    monkeypatch.setattr(hardware, "worse", lambda found, known: [])
    assert main(["bench", "hardware", "--all"]) == 0
    assert f"Left out: {why}" in " ".join(capsys.readouterr().out.split())
    assert "pattern_generation_30" not in measured
    assert {"eprop_256", "pattern_generation"} < {*measured}
