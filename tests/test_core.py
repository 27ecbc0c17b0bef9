"""The core behind its two streams: regions, commands, trials, resets; and its Verilog."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import paired, running_mean
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import PASSES, UPDATE, Plan, plan
from goldenspike.golden.rules import node_perturbation, weight_perturbation
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import host, verilog
from goldenspike.hdl.core import Core
from goldenspike.sim.stimuli import draw

F = Format.parse
SLOWEST = 100_000
"""Cycles after which a port gives up."""
SEED = 6


def network(objective: str) -> Network:
    """Return two layers that learn; an objective of each kind gives the core other regions."""
    factor = F("fxp-s14/10")
    node = node_perturbation.Params(eta=0.25, sigma=0.5, factor=factor)
    weight = weight_perturbation.Params(eta=0.25, sigma=0.25, factor=factor)
    out: Any = lif.Params(F("fxp-s9/4"), 0.9, 1.0)
    baseline: Any = paired.Params()
    target = F("fxp-s8/2")
    if objective != "count_error":
        out, baseline = leaky_readout.Params(F("fxp-s9/4"), 0.5), running_mean.Params(0.25)
    if objective == "external":
        target = F("fxp-s40/4")
    return Network(
        3,
        (
            Population("spikes", 34, Source()),
            Population("levels", 2, Source(F("fxp-s5/2"))),
            Population("hidden", 3, lif.Params(F("fxp-s9/4"), 0.5, 1.0)),
            Population("out", 2, out),
        ),
        (
            Projection("spikes", "hidden", F("fxp-s6/4"), initial=0.125, rule=node),
            Projection("hidden", "hidden", F("fxp-u5/4"), delay=1, initial=0.5, rule=weight),
            Projection("levels", "out", F("fxp-s32/4"), initial=0.25),
            Projection("hidden", "out", F("fxp-s8/4"), initial=1.0, rule=weight),
        ),
        Reward("out", objective, baseline, F("fxp-s34/4"), target),
    )


class HostPort:
    """The host's end of a core's streams, in a testbench of Amaranth's simulator."""

    def __init__(self, ctx: Any, core: Core, reset: Signal) -> None:
        self.ctx, self.core, self.reset_line = ctx, core, reset
        self.digests: list[int] = []
        self.cycles = 0

    async def step(self, cycles: int = 1) -> None:
        """Let cycles pass, keeping the digests of ticks."""
        for _ in range(cycles):
            _, _, tick, digest = await self.ctx.tick().sample(self.core.tick, self.core.digest)
            if tick:
                self.digests.append(digest)
            self.cycles += 1
            assert self.cycles < SLOWEST

    async def send(self, words: list[int]) -> None:
        """Send words."""
        for word in words:
            self.ctx.set(self.core.i.payload, word)
            self.ctx.set(self.core.i.valid, 1)
            while not self.ctx.get(self.core.i.ready):
                await self.step()
            await self.step()
            self.ctx.set(self.core.i.valid, 0)

    async def read(self, region: str) -> list[int]:
        """Return the words of a region."""
        await self.send(host.read(self.core, region))
        self.ctx.set(self.core.o.ready, 1)
        words = []
        while not self.ctx.get(self.core.i.ready):
            if self.ctx.get(self.core.o.valid):
                words.append(self.ctx.get(self.core.o.payload))
            await self.step()
        self.ctx.set(self.core.o.ready, 0)
        return words

    async def load(self, regions: dict[str, list[int]]) -> None:
        """Load regions."""
        for region, words in regions.items():
            await self.send(host.load(self.core, region, words))

    async def run(self, flags: int) -> list[int]:
        """Run a trial; return its digests."""
        self.digests.clear()
        await self.send(host.run(flags))
        while not self.ctx.get(self.core.i.ready):
            await self.step()
        assert not self.ctx.get(self.core.busy)
        return list(self.digests)

    async def reset(self) -> None:
        """Reset the core for a cycle."""
        self.ctx.set(self.reset_line, 1)
        await self.step()
        self.ctx.set(self.reset_line, 0)
        self.digests.clear()


def talk(core: Core, program: Callable[[HostPort], Awaitable[None]]) -> None:
    """Run a host's program on a core."""
    reset = Signal()
    simulator = Simulator(ResetInserter(reset)(core))
    simulator.add_clock(1e-6)

    async def bench(ctx: Any) -> None:
        await program(HostPort(ctx, core, reset))

    simulator.add_testbench(bench)
    simulator.run()


def start(objective: str, seed: int = SEED) -> tuple[Session, Stimulus]:
    """Return a session and a stimulus of two samples."""
    planned = plan(network(objective))
    reward: Any = planned.reward
    random = np.random.default_rng(seed)
    inputs = {p.name: draw(random, p.signal, 2, 3, p.size) for p in planned.sources}
    ticks = (3,) if reward.targets_every_tick else ()
    session = Session(planned, 0x89ABCDEF, "python")
    session.trial = 0xFFFFFFFE
    return session, Stimulus(inputs, random.integers(-9, 9, (2, *ticks, 2)))


def everything(core: Core, session: Session, stimulus: Stimulus) -> dict[str, list[int]]:
    """Return the words of all that a trial of the first sample depends on, by region."""
    return (
        host.register_words(session, 0)
        | host.weight_words(session)
        | host.sample_words(session.plan, stimulus, 0)
    )


@pytest.mark.parametrize("objective", ["count_error", "squared_error", "external"])
@pytest.mark.parametrize("lanes", [1, 4])
def test_what_is_loaded_is_read_back(objective: str, lanes: int) -> None:
    session, _ = start(objective)
    core = Core(session.plan, lanes)
    random = np.random.default_rng(lanes)
    reward: Any = session.plan.reward

    def wide(fmt: Format) -> list[int]:
        return host.wide_words(int(random.choice([fmt.low, -1 if fmt.signed else 1])), fmt.width)

    async def program(port: HostPort) -> None:
        for ends in ("low", "high", "drawn"):
            words: dict[str, list[int]] = {
                "registers": [0, 0xFFFFFFFF] if ends == "low" else [0xFFFFFFFF, 0],
                "errors": wide(reward.error) + wide(reward.error),
                "reward": wide(reward.reward),
                "spikes_inputs": [int(word) for word in random.integers(0, 1 << 32, 6)],
            }
            for fmt in reward.baseline_state.values():
                words["reward"] += wide(fmt)
            formats = {f"{q.name}_w": q.weight for q in session.plan.projections}
            formats["levels_inputs"] = session.plan.sources[1].signal
            if reward.objective is not None:
                formats["targets"] = reward.target
            for region, fmt in formats.items():
                count = core.regions[core.region(region)].words
                drawn = {"low": [fmt.low] * count, "high": [fmt.high] * count}.get(
                    ends, draw(random, fmt, count)
                )
                words[region] = [int(value) & 0xFFFFFFFF for value in drawn]
            assert {r.name for r in core.regions} - set(words) <= {"counts"}
            await port.load(words)
            for region, loaded in words.items():
                assert (region, await port.read(region)) == (region, loaded)

    talk(core, program)


@pytest.mark.parametrize("code", [0, *range(4, 16)])
def test_an_unknown_command_sets_fault_and_is_passed_over(code: int) -> None:
    session, _ = start("count_error")
    core = Core(session.plan, 2)

    async def program(port: HostPort) -> None:
        await port.load({"registers": [12, 34]})
        assert port.ctx.get(core.fault) == 0
        await port.send([code << 28])
        assert port.ctx.get(core.fault) == 1
        assert await port.read("registers") == [12, 34]
        assert port.ctx.get(core.fault) == 1
        await port.reset()
        assert port.ctx.get(core.fault) == 0

    talk(core, program)


@pytest.mark.parametrize("code", [1, 2])
def test_an_unknown_region_sets_fault_and_is_passed_over(code: int) -> None:
    session, _ = start("count_error")
    core = Core(session.plan, 2)

    async def program(port: HostPort) -> None:
        for number in (len(core.regions), 255):
            await port.load({"registers": [12, 34]})
            await port.send([code << 28 | number])
            assert port.ctx.get(core.fault) == 1
            assert await port.read("registers") == [12, 34]
            await port.reset()
        await port.send(host.read(core, core.regions[-1].name))
        assert port.ctx.get(core.fault) == 0

    talk(core, program)


@pytest.mark.parametrize("objective", ["count_error", "squared_error"])
def test_trials_follow_each_other_without_new_inputs(objective: str) -> None:
    session, stimulus = start(objective)
    core = Core(session.plan, 4)
    before = session.copy()
    golden = session.learn(stimulus, [0, 0, 0], traced=True)

    async def program(port: HostPort) -> None:
        await port.load(everything(core, before, stimulus))
        for digests in golden.digests.tolist():
            assert await port.run(host.LEARN) == digests
        for region, words in host.weight_words(session).items():
            assert await port.read(region) == words
        assert await port.read("registers") == [session.seed, 1]  # 2**32 - 2 and three trials
        assert await port.read("errors") == host.error_words(
            session.plan, golden.errors[-1].tolist()
        )

    talk(core, program)
    assert len({tuple(row) for row in golden.digests.tolist()}) == 3
    assert any(golden.rewards)


def test_an_update_may_follow_later() -> None:
    session, stimulus = start("count_error")
    core = Core(session.plan, 4)
    before = session.copy()
    golden = session.learn(stimulus, [0], traced=True).digests[0].tolist()

    async def program(port: HostPort) -> None:
        await port.load(everything(core, before, stimulus))
        assert await port.run(PASSES) == golden[:-1]
        assert await port.read("registers") == [before.seed, before.trial]
        await port.step(100)
        assert await port.run(UPDATE) == golden[-1:]
        assert await port.read("registers") == [before.seed, session.trial]

    talk(core, program)


@pytest.mark.parametrize("objective", ["count_error", "squared_error"])
def test_an_evaluation_learns_nothing_and_can_be_read(objective: str) -> None:
    session, stimulus = start(objective)
    core = Core(session.plan, 2)
    before = session.copy()
    session.learn(stimulus, [0])
    saved = session.copy()
    plain = session.evaluate(stimulus, [0], traced=True)
    counts = [int(n) & 0xFFFFFFFF for n in session.arrays.get("reward.count", ())]
    later = session.learn(stimulus, [0], traced=True)

    async def program(port: HostPort) -> None:
        await port.load(everything(core, before, stimulus))
        await port.run(host.LEARN)
        assert await port.run(0) == plain.digests[0, :3].tolist()
        reward: Any = session.plan.reward
        words = host.wide_words(int(plain.errors[0, 0]), reward.error.width)
        assert (await port.read("errors"))[: len(words)] == words
        if counts:
            assert await port.read("counts") == counts
        for region, words in (
            host.weight_words(saved) | {"registers": [saved.seed, saved.trial]}
        ).items():
            assert await port.read(region) == words
        assert await port.run(host.LEARN) == later.digests[0].tolist()

    talk(core, program)
    assert plain.errors[0, 0] != 0


def test_a_reset_in_the_midst_of_a_trial_leaves_nothing_behind() -> None:
    """Memories survive a reset; what a trial had half summed is cleared before the next command."""
    session, stimulus = start("count_error")
    core = Core(session.plan, 2)
    golden = session.copy().learn(stimulus, [0], traced=True).digests[0].tolist()
    memories = host.weight_words(session) | {"registers": [session.seed, session.trial]}

    async def program(port: HostPort) -> None:
        await port.load(everything(core, session, stimulus))
        inputs = await port.read("spikes_inputs")
        for cycles in range(20, 700, 61):
            await port.send(host.run(host.LEARN))
            await port.step(cycles)
            await port.reset()
            assert await port.read("registers") == [0, 0]
            assert await port.read("spikes_inputs") == inputs
            await port.load(memories)
            assert await port.run(host.LEARN) == golden

    talk(core, program)


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_a_word_of_synapses_is_learned_every_cycle(lanes: int) -> None:
    """Twice the rows take twice the cycles, at a word of every lane in each."""
    cycles = {}
    for size in (20, 40):
        rule = node_perturbation.Params(eta=0.25, sigma=0.5, factor=F("fxp-s14/10"))
        planned = plan(
            Network(
                1,
                (
                    Population("a", size, Source(F("fxp-s4/0"))),
                    Population("b", 8, leaky_readout.Params(F("fxp-s9/4"))),
                ),
                (Projection("a", "b", F("fxp-s6/4"), rule=rule),),
                Reward("b", "external", paired.Params(), F("fxp-s9/4"), F("fxp-s9/4")),
            )
        )
        core = Core(planned, lanes)

        async def program(port: HostPort, core: Core = core, size: int = size) -> None:
            await port.load({"a_inputs": [1] * size})
            for flags in (0, UPDATE):
                port.cycles = 0
                await port.run(flags)
                cycles[size, flags] = port.cycles

        talk(core, program)
    for flags in (0, UPDATE):
        assert cycles[40, flags] - cycles[20, flags] == 20 * 8 // lanes


# ------------------------------------------------------------------------------------- Verilog

WRITE = """
import hashlib, runpy, sys
module = runpy.run_path(sys.argv[1])
core = module["Core"](module["plan"](module["network"]("count_error")), 2, trace=True)
print(hashlib.sha256(module["verilog"].convert(core, "core").encode()).hexdigest())
"""


def test_verilog_is_the_same_bytes_every_time_and_names_no_path() -> None:
    planned = plan(network("count_error"))
    text = verilog.convert(Core(planned, 2, trace=True), "core")
    assert text == verilog.convert(Core(planned, 2, trace=True), "core")
    assert "module core(" in text
    for word in ("/", str(Path.cwd()), Path(__file__).stem, "src =", ".py"):
        assert word not in text.replace("//", "").replace("/*", "").replace("*/", "")


def test_verilog_does_not_depend_on_the_process() -> None:
    seen = {
        subprocess.run(
            [sys.executable, "-c", WRITE, __file__],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert len(seen.pop()) == 65


# -------------------------------------------------------------------------------------- errors


def changed(**more: Any) -> Plan:
    """Return a plan with other formats."""
    given = {"signal": "fxp-s5/2", "weight": "fxp-s8/4"} | more
    rule = weight_perturbation.Params(eta=0.25, sigma=0.25, factor=F("fxp-s14/10"))
    return plan(
        Network(
            2,
            (
                Population("a", 2, Source(F(given["signal"]))),
                Population("b", 2, leaky_readout.Params(F("fxp-s9/4"))),
            ),
            (Projection("a", "b", F(given["weight"]), rule=rule),),
            Reward("b", "squared_error", paired.Params(), F("fxp-s9/4"), F("fxp-s8/2")),
        )
    )


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        ({"signal": "fxp-s33/30"}, "Signal of a must fit a stream word of 32 bits, not fxp-s33/30"),
        ({"weight": "fxp-u33/4"}, "Weight of a_to_b must fit a stream word of 32 bits"),
    ],
)
def test_formats_must_fit_a_word(formats: dict[str, str], message: str) -> None:
    planned = changed(**formats)
    raises_without_warnings(message, lambda: Core(planned, 2))


def test_neurons_must_be_no_more_than_lanes() -> None:
    message = "Neurons of 4 lanes must be one of 1, 2, 4, not 8"
    planned = changed()
    raises_without_warnings(message, lambda: Core(planned, 4, 8))


@pytest.mark.parametrize("lanes", [0, 3, 64, -1, "8"])
def test_lanes_must_be_a_power_of_two(lanes: Any) -> None:
    message = f"Lanes must be one of 1, 2, 4, 8, 16, 32, not {lanes!r}"
    planned = changed()
    raises_without_warnings(message, lambda: Core(planned, lanes))


def raises_without_warnings(message: str, make: Callable[[], Any]) -> None:
    """Assert a ValueError's message, and that no half-made hardware complains of being unused."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="must") as error:
            make()
        assert str(error.value).startswith(message)
        del error
        gc.collect()
    assert [str(warning.message) for warning in seen] == []


def test_regions_and_words_must_be_right() -> None:
    core = Core(changed(), 2)
    verilog.convert(core, "core")
    with pytest.raises(ValueError, match=r"Region must be one of 'registers', .*, not 'weights'"):
        host.read(core, "weights")
    with pytest.raises(ValueError, match="Words of region registers must be 2, not 3"):
        host.load(core, "registers", [1, 2, 3])
