"""cocotb benches of a core on AXI; the managers on the other side are cocotbext-axi's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Edge, First, Timer
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamSink,
    AxiStreamSource,
)

from goldenspike.sim.exchange import parameters, report

PERIOD_NS = 10
SLOWEST = 500_000
"""Cycles after which a run is taken to hang."""
BYTES = 4
ALL = 0xFFFFFFFF


class Host:
    """Who talks to the core: all channels stall at random.

    Parameters
    ----------
    dut
        The core.
    given
        `registers` by name, `windows` by name as their fields, and whether channels stall.
    """

    def __init__(self, dut: Any, given: dict[str, Any]) -> None:
        self.dut, self.registers, self.windows = dut, given["registers"], given["windows"]
        reset = {"reset": dut.aresetn, "reset_active_level": False}
        self.axi: Any = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.aclk, **reset)
        self.sources = {
            name: AxiStreamSource(
                AxiStreamBus.from_prefix(dut, f"s_axis_{name}"), dut.aclk, **reset
            )
            for name in given["streams"]
        }
        self.events = AxiStreamSink(
            AxiStreamBus.from_prefix(dut, "m_axis_events"), dut.aclk, **reset
        )
        write, read = self.axi.write_if, self.axi.read_if
        channels = [write.aw_channel, write.w_channel, write.b_channel]
        channels += [read.ar_channel, read.r_channel, *self.sources.values(), self.events]
        for channel in channels if given["stalls"] else ():
            channel.set_pause_generator(pauses())
        dut.aresetn.value = 0
        cocotb.start_soon(Clock(dut.aclk, PERIOD_NS, unit="ns").start())

    async def reset(self, cycles: int = 2) -> None:
        """Reset the core; what was queued for it is gone."""
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, cycles)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 1)
        for stream in (*self.sources.values(), self.events):
            stream.clear()

    async def put(self, address: int, data: bytes) -> AxiResp:
        """Write bytes; return the answer."""
        return (await self.axi.write(address, data)).resp

    async def take(self, address: int, count: int = BYTES) -> tuple[AxiResp, bytes]:
        """Read bytes; return the answer and the bytes."""
        answer = await self.axi.read(address, count)
        return answer.resp, answer.data

    async def write(self, name: str, value: int) -> None:
        """Write a register."""
        assert await self.put(self.registers[name], value.to_bytes(BYTES, "little")) == AxiResp.OKAY

    async def read(self, name: str) -> int:
        """Read a register."""
        answer, data = await self.take(self.registers[name])
        assert answer == AxiResp.OKAY
        return int.from_bytes(data, "little")

    def addresses(self, window: str) -> list[int]:
        """Return the addresses of a window's words."""
        w = self.windows[window]
        rows = range(w["base"], w["base"] + w["rows"] * w["stride"], w["stride"])
        return [row + BYTES * k for row in rows for k in range(w["row"])]

    async def load(self, window: str, words: list[int]) -> None:
        """Write all words of a window."""
        for address, word in zip(self.addresses(window), words, strict=True):
            answer = await self.put(address, word.to_bytes(BYTES, "little"))
            assert answer == AxiResp.OKAY, (window, hex(address), answer)

    async def fetch(self, window: str) -> list[int]:
        """Read all words of a window."""
        words = []
        for address in self.addresses(window):
            answer, data = await self.take(address)
            assert answer == AxiResp.OKAY, (window, hex(address), answer)
            words.append(int.from_bytes(data, "little"))
        return words

    def send(self, stream: str, words: list[int]) -> None:
        """Queue a packet."""
        width = len(self.sources[stream].bus.tdata) // 8
        self.sources[stream].send_nowait(b"".join(w.to_bytes(width, "little") for w in words))

    async def run(self, control: int) -> None:
        """Start a run and wait for its end."""
        await self.write("RUNS", 0)
        await self.write("CONTROL", control)
        await self.ended()

    async def ended(self) -> None:
        """Wait for the end of a run, by the interrupt."""
        limit = Timer(SLOWEST * PERIOD_NS, unit="ns")
        while not int(self.dut.irq.value):
            assert await First(Edge(self.dut.irq), limit) is not limit, "the run hangs"
        assert await self.read("RUNS") == 1
        assert not await self.read("STATUS") & 3

    def packets(self) -> list[list[int]]:
        """Return the events that came out, packet by packet."""
        found = []
        while not self.events.empty():
            data = bytes(self.events.recv_nowait())
            found.append(
                [int.from_bytes(data[k : k + 8], "little") for k in range(0, len(data), 8)]
            )
        return found


def pauses() -> Iterator[bool]:
    """Stall for a while, and not for a while, at random."""
    while True:
        share = random.choice([0.0, 0.2, 0.5, 0.9])
        for _ in range(random.randrange(1, 40)):
            yield random.random() < share


async def play(host: Host, given: dict[str, Any]) -> dict[str, Any]:
    """Load a core, let it learn, and return what it holds and what it sent."""
    await host.write("INTERRUPTS", 1 << 2)
    await host.write("REPORT", given["report"])
    for name in ("TICKS", "DIGESTS", "EVENTS_IN", "EVENTS_OUT"):
        await host.write(name, 0)
    for stream, packets in given["packets"].items():
        for packet in packets:
            host.send(stream, packet)
    for step, *what in given["steps"]:
        if step == "load":
            await host.load(*what)
        else:
            await host.run(*what)
    found = {window: await host.fetch(window) for window in given["read"]}
    counters = ("DIGEST", "DIGESTS", "TICKS", "EVENTS_IN", "EVENTS_OUT", "CYCLES", "STALLS")
    counted = {name: await host.read(name) for name in (*counters, "STATUS")}
    while host.dut.m_axis_events_tvalid.value:
        await ClockCycles(host.dut.aclk, 1)
    await ClockCycles(host.dut.aclk, 2)
    return {"words": found, "counted": counted, "events": host.packets()}


@cocotb.test()
async def trials(dut: Any) -> None:
    """Run learning trials by the bus alone."""
    given = parameters()
    host = Host(dut, given)
    await host.reset()
    report(await play(host, given))


@cocotb.test()
async def resets(dut: Any) -> None:
    """Reset at random cycles, in the midst of everything; then trials are what they always are."""
    given = parameters()
    host = Host(dut, given)
    await host.reset()
    for _ in range(given["resets"]):
        working = cocotb.start_soon(play(host, given))
        await ClockCycles(dut.aclk, random.randrange(1, given["within"]))
        working.cancel()
        await host.reset(random.randrange(1, 4))
        assert await host.read("STATUS") == 0
        assert await host.read("REPORT") == 0
    # What a reset leaves: sums, which a plain pass clears, and eligibilities, which loading does.
    await host.write("INTERRUPTS", 1 << 2)
    await host.run(1)
    report(await play(host, given))


@cocotb.test()
async def windows(dut: Any) -> None:
    """Write everything that can be written, in words and bytes, and read everything."""
    given = parameters()
    host = Host(dut, given)
    await host.reset()
    held: dict[int, int] = {}
    places: list[tuple[int, int, bool]] = []
    for name, (writable, mask) in given["kinds"].items():
        if name not in given["live"]:
            places.append((host.registers[name], mask, writable))
    for name, w in given["windows"].items():
        masks = w["masks"]
        each = zip(host.addresses(name), masks * w["rows"], strict=True)
        places += [(address, mask, w["writable"]) for address, mask in each]

    def kept(address: int, value: int, mask: int) -> int:
        sign = given["signs"].get(str(address), 0)
        return (value & mask) | (ALL & ~mask if sign and value & sign else 0)

    order = list(places)
    for _ in range(2):
        random.shuffle(order)
        for address, mask, writable in order:
            word = random.choice([0, ALL, random.getrandbits(32), random.getrandbits(32)])
            first = random.randrange(BYTES)
            last = random.randrange(first, BYTES) + 1
            if random.random() < 0.5 or address not in held:
                first, last = 0, BYTES
            data = word.to_bytes(BYTES, "little")[first:last]
            answer = await host.put(address + first, data)
            if not writable:
                assert answer == AxiResp.SLVERR, hex(address)
                continue
            assert answer == AxiResp.OKAY, hex(address)
            whole = bytearray(held.get(address, 0).to_bytes(BYTES, "little"))
            whole[first:last] = data
            held[address] = kept(address, int.from_bytes(whole, "little"), mask)
        random.shuffle(order)
        for address, _, writable in order:
            answer, data = await host.take(address)
            assert answer == AxiResp.OKAY, hex(address)
            if writable:
                found = int.from_bytes(data, "little")
                assert found == held[address], (hex(address), hex(held[address]), hex(found))
    # At once: reads and writes of their own pace keep their order on their channels.
    some = [place[0] for place in order if place[2]][:16]
    events = [host.axi.init_read(address, BYTES) for address in some]
    writes = [host.axi.init_write(a, held[a].to_bytes(BYTES, "little")) for a in some]
    for address, event in zip(some, events, strict=True):
        await event.wait()
        assert int.from_bytes(event.data.data, "little") == held[address]
    for event in writes:
        await event.wait()
        assert event.data.resp == AxiResp.OKAY
    report({"places": len(places)})


@cocotb.test()
async def illegal(dut: Any) -> None:
    """Touch every address that there is: what is not in the map is refused and counted."""
    given = parameters()
    host = Host(dut, given)
    await host.reset()
    legal = set(host.registers.values())
    for name in host.windows:
        legal |= set(host.addresses(name))
    end = 1 << given["address_bits"]
    others = [address for address in range(0, end, BYTES) if address not in legal]
    refused = 0
    for address in others if len(others) < 600 else random.sample(others, 600):
        answer, data = await host.take(address)
        assert (answer, data) == (AxiResp.SLVERR, bytes(BYTES)), hex(address)
        assert await host.put(address, bytes(BYTES)) == AxiResp.SLVERR, hex(address)
        refused += 2
    assert await host.read("ACCESSES_REFUSED") == refused
    assert await host.read("STATUS") == 1 << 5
    await host.write("INTERRUPTS", 1 << 5)
    assert int(dut.irq.value) == 1
    await host.write("ACCESSES_REFUSED", 0)
    assert await host.read("STATUS") == 0
    assert int(dut.irq.value) == 0
    for address in random.sample(sorted(legal), min(200, len(legal))):
        assert (await host.take(address))[0] == AxiResp.OKAY, hex(address)
    report({"refused": refused})
