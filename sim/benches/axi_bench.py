"""cocotb benches of a core on AXI; the managers on the other side are cocotbext-axi's."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Edge, First, RisingEdge, Timer
from cocotb.utils import get_sim_time
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
FLAGS, UPDATE = 3 << 1, 1 << 2
"""Of CONTROL: how a run learns; no more than an update, which takes no events."""
BUSY = 1
"""Of STATUS."""
COUNTERS = ("TICKS", "DIGESTS", "EVENTS_IN", "EVENTS_OUT", "CYCLES", "STALLS")
"""Registers that count runs, and wrap."""


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
        self.midst = False  # A run is under way.
        self.elapsed = 0  # Cycles from the commands that start runs to their ends.
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
        write.w_channel.send = littered(write.w_channel.send)
        channels = [write.aw_channel, write.w_channel, write.b_channel]
        channels += [read.ar_channel, read.r_channel, *self.sources.values(), self.events]
        for channel in channels if given["stalls"] else ():
            channel.set_pause_generator(pauses())
        dut.aresetn.value = 0
        if "mutant" in given:
            dut.mutant.value = given["mutant"]
            cocotb.start_soon(limit(given["limit"]))
        outputs = {"s_axi_b": ["resp"], "s_axi_r": ["data", "resp"]}
        outputs["m_axis_events_t"] = ["data", "last"]
        for prefix, fields in outputs.items():
            cocotb.start_soon(watch(dut, prefix, fields))
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

    async def run(self, control: int, late: list[int] | None = None) -> None:
        """Start a run and wait for its end; its events may come late."""
        await self.write("RUNS", 0)
        start = get_sim_time("ns")
        await self.write("CONTROL", control)
        self.midst = True
        if late is not None:
            await ClockCycles(self.dut.aclk, random.randrange(300))
            self.send("events", late)
        await self.ended()
        self.elapsed += int(get_sim_time("ns") - start) // PERIOD_NS
        self.midst = False

    async def ended(self) -> None:
        """Wait for the end of a run, by the interrupt."""
        limit = Timer(SLOWEST * PERIOD_NS, unit="ns")
        while not int(self.dut.irq.value):
            assert await First(Edge(self.dut.irq), limit) is not limit, "the run hangs"
        assert await self.read("RUNS") == 1
        assert not await self.read("STATUS") & 3

    async def packets(self) -> list[list[int]]:
        """Wait until no event is left; return those that came out, packet by packet."""
        while int(self.dut.m_axis_events_tvalid.value):
            await ClockCycles(self.dut.aclk, 1)
        await ClockCycles(self.dut.aclk, 2)
        found = []
        while not self.events.empty():
            data = bytes(self.events.recv_nowait())
            found.append(
                [int.from_bytes(data[k : k + 8], "little") for k in range(0, len(data), 8)]
            )
        return found


END, UPDATED = 1 << 31, 1 << 30


def event(neuron: int, population: int, value: int = 1) -> int:
    """Return an address event."""
    return value << 32 | population << 16 | neuron


async def limit(cycles: int) -> None:
    """End the test after so many cycles: a mutant may hang."""
    await Timer(cycles * PERIOD_NS, unit="ns")
    raise AssertionError("the bench hangs")


async def watch(dut: Any, prefix: str, fields: list[str]) -> None:
    """See that what is valid stays, as it is, until it is taken; and that nothing is in a reset."""
    valid, ready = getattr(dut, f"{prefix}valid"), getattr(dut, f"{prefix}ready")
    payload = [getattr(dut, f"{prefix}{field}") for field in fields]
    waiting, resetting = None, False
    while True:
        await RisingEdge(dut.aclk)
        alive = int(dut.aresetn.value) == 1
        assert alive or not resetting or int(valid.value) == 0, f"{prefix}valid in a reset"
        resetting = not alive
        shown = [int(one.value) for one in payload] if alive and int(valid.value) else None
        if waiting is not None and alive:
            assert shown == waiting, f"{prefix} changed before it was taken: {waiting}, {shown}"
        waiting = shown if shown is not None and not int(ready.value) else None


def littered(send: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """Return a way to send write data with random bits in the bytes that are not written."""

    async def sends(transaction: Any) -> None:
        for byte in range(BYTES):
            if not transaction.wstrb >> byte & 1:
                transaction.wdata |= random.getrandbits(8) << 8 * byte
        await send(transaction)

    return sends


def pauses() -> Iterator[bool]:
    """Stall for a while, and not for a while, at random."""
    while True:
        share = random.choice([0.0, 0.0, 0.2, 0.7])
        for _ in range(random.randrange(1, 40)):
            yield random.random() < share


async def play(host: Host, given: dict[str, Any]) -> dict[str, Any]:
    """Load a core, let it learn, and return what it holds and what it sent."""
    await host.write("INTERRUPTS", 1 << 2)
    await host.write("REPORT", given["report"])
    host.elapsed = 0
    starts = {name: ALL - random.randrange(8) for name in COUNTERS}  # They wrap.
    for name, start in starts.items():
        await host.write(name, start)
    for stream, packets in given["packets"].items():
        for packet in packets if stream != "events" else ():
            host.send(stream, packet)
    events = list(given["packets"].get("events", ()))
    for step, *what in given["steps"]:
        if step == "load":
            await host.load(*what)
        elif events and what[0] & FLAGS != UPDATE and host.sources["events"].idle():
            if random.random() < 0.5:
                await host.run(what[0], events.pop(0))
                continue
            for packet in (events.pop(0), *events[:1]):  # One ahead of its time.
                host.send("events", packet)
            del events[:1]
            await host.run(*what)
        else:
            await host.run(*what)
    found = {window: await host.fetch(window) for window in given["read"]}
    counted = {name: await host.read(name) - start & ALL for name, start in starts.items()}
    counted |= {name: await host.read(name) for name in ("DIGEST", "STATUS")}
    events = await host.packets()
    return {"words": found, "counted": counted, "events": events, "elapsed": host.elapsed}


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
    hit = 0
    for _ in range(given["resets"]):
        working = cocotb.start_soon(play(host, given))
        if random.random() < 0.5:
            await ClockCycles(dut.aclk, random.randrange(1, given["within"]))
        else:  # Of a run.
            while not host.midst:
                await ClockCycles(dut.aclk, 10)
            await ClockCycles(dut.aclk, random.randrange(1, given["run"]))
        working.cancel()
        hit += host.midst
        host.midst = False
        await host.reset(random.randrange(1, 4))
        assert not await host.read("STATUS") & ~BUSY
        assert await host.read("REPORT") == 0
    if given["packets"]:  # And in the midst of a tick's events.
        host.send("events", [event(neuron, 0) for neuron in range(4)] * 8 + [END])
        await ClockCycles(dut.aclk, 40)
        await host.reset()
    report(await play(host, given) | {"midst": hit})


def signals(given: dict[str, Any], shift: int) -> dict[tuple[int, int], int]:
    """Return values of every other neuron of all sources, by source and neuron."""
    return {
        (source, neuron): random.getrandbits(given["bits"][source]) or 1
        for source, size in enumerate(given["sizes"])
        for neuron in range(size)
        if (shift + neuron) % 2
    }


def inputs(
    given: dict[str, Any], ticks: list[dict[tuple[int, int], int]], source: int
) -> list[int]:
    """Return the words of a source's inputs; ticks that are not given are silent."""
    bits, size, words = given["bits"][source], given["sizes"][source], []
    sign = 1 << (bits - 1) if given["signed"][source] else 0
    for tick in range(given["ticks"]):
        values = [ticks[tick].get((source, n), 0) if tick < len(ticks) else 0 for n in range(size)]
        if bits == 1:
            packed = sum(value << neuron for neuron, value in enumerate(values))
            words += [packed >> low & ALL for low in range(0, size, 32)]
        else:
            words += [(value ^ sign) - sign & ALL for value in values]
    return words


def strays(sizes: list[int]) -> list[int]:
    """Return events of nobody: one bit of a neuron's or a source's number is wrong."""
    found = [event(0xFFFF, 0xFF)]
    for source, size in enumerate(sizes):
        neurons = (neuron ^ 1 << bit for neuron in (0, size - 1) for bit in range(16))
        found += [event(neuron, source) for neuron in neurons if neuron >= size]
        sources = (source ^ 1 << bit for bit in range(8))
        found += [event(0, other) for other in sources if other >= len(sizes)]
    return found


def misleading(words: list[int]) -> list[list[int]]:
    """Return packets of wrong lengths: the place of their last word differs in one bit."""
    last = len(words) - 1
    places = [last ^ 1 << bit for bit in range(last.bit_length())]
    return [[word ^ 1 for word in (words * 2)[: place + 1]] for place in places]


async def reports(host: Host, given: dict[str, Any]) -> int:
    """Report ends of ticks alone, which nobody takes, until the core waits; return how many."""
    host.events.clear_pause_generator()
    host.events.pause = True
    await ClockCycles(host.dut.aclk, 5)
    await host.write("REPORT", 1 << given["ticks_bit"])
    await host.write("STALLS", 0)
    await host.write("TICKS", 0)
    runs = 0
    while True:
        assert runs * given["ticks"] <= given["room"], "the core must wait for room"
        await host.write("RUNS", 0)
        await host.write("CONTROL", 1)
        runs += 1
        await ClockCycles(host.dut.aclk, 3000)
        if await host.read("STATUS") & BUSY:
            break
    assert await host.read("STALLS") > 1000
    assert await host.read("TICKS") == given["held"], "the core waits too early, or too late"
    host.events.pause = False
    await host.ended()
    words = [word for packet in await host.packets() for word in packet]
    assert all(word & END for word in words)
    assert len(words) == runs * given["ticks"], "ends of ticks are lost"
    return len(words)


async def digests(host: Host, given: dict[str, Any], late: list[int] | None = None) -> int:
    """Load a core and run it; targets may come amid the run. Return the sum of its digests."""
    zeros = {name: [0] * len(host.addresses(name)) for name in ("registers", "reward", "targets")}
    for window, words in (zeros | given["load"]).items():
        await host.load(window, words)
    for name in ("DIGESTS", "RUNS"):
        await host.write(name, 0)
    await host.write("CONTROL", 1 | FLAGS)
    if late is not None:
        host.send("targets", late)
    await host.ended()
    return await host.read("DIGESTS")


@cocotb.test()
async def packets(dut: Any) -> None:
    """Send packets that are right, too short, too long, of nobody, early and late."""
    given = parameters()
    host = Host(dut, given)
    await host.reset()
    await host.write("INTERRUPTS", 1 << 2)
    ticks, sizes, targets = given["ticks"], given["sizes"], given["targets"]
    clear = {"EVENTS_IN": 0, "EVENTS_REFUSED": 0, "PACKETS_REFUSED": 0}

    async def counted(**wanted: int) -> None:
        for name in (*clear, "RUNS"):
            assert await host.read(name) == wanted.get(name, 0), name
            await host.write(name, 0)

    # Packets of all ticks and more, of fewer; targets of a wrong length, then right.
    for number in range(3):
        kept = [signals(given, tick + number) for tick in range(ticks - number)]
        words = [END | UPDATED]  # As a core sends it: passed over.
        unknown = [[], [event(sizes[0], 0)], strays(sizes)][number]
        words += unknown
        for found in kept:
            sent = [event(neuron, source, value) for (source, neuron), value in found.items()]
            random.shuffle(sent)
            words += [*sent, END | event(*random.choice([(0, 0), (0xFFFF, 0xFF, ALL)]))]
        host.send("events", words + ([] if number else [event(0, 0), END]))
        more = [[*targets, 5, 6], [7], targets[:-1], *misleading(targets)]
        wrong = [[targets[:-1]], [[*targets, 5]], more][number]
        for packet in (*wrong, targets):
            host.send("targets", packet)
        await host.write("CONTROL", 1 | 1 << 1 | 1 << 3)
        await host.ended()
        refused = len(unknown) if number else 2
        stored = sum(len(found) for found in kept)
        await counted(EVENTS_IN=stored, EVENTS_REFUSED=refused, PACKETS_REFUSED=len(wrong), RUNS=1)
        assert await host.fetch("targets") == targets
        for source, name in enumerate(given["sources"]):
            found = await host.fetch(f"{name}_inputs")
            assert found == inputs(given, kept, source), (name, number)
    # Nobody listens: the core stalls, all the same, and drops nothing.
    await host.write("REPORT", given["report"])
    for window, words in given["load"].items():
        await host.load(window, words)
    host.events.clear_pause_generator()
    host.events.pause = True
    await ClockCycles(dut.aclk, 5)
    await host.write("EVENTS_OUT", 0)
    await host.write("STALLS", 0)
    await host.write("CONTROL", 1 | 1 << 1)
    await ClockCycles(dut.aclk, 3000)
    status, waited = await host.read("STATUS"), await host.read("STALLS")
    assert status & 1, "the core must wait for room"
    assert waited > 1000
    assert await host.read("RUNS") == 0
    host.events.pause = False
    await host.ended()
    came = [word for packet in await host.packets() for word in packet]
    ended = [word for word in came if word & END]
    assert len(came) - len(ended) == await host.read("EVENTS_OUT")
    assert len(ended) == ticks * given["passes"]
    # A run that waits for packets that do not come is called off.
    await host.write("RUNS", 0)
    await host.write("CONTROL", 1 | 1 << 1 | 1 << 3)
    await ClockCycles(dut.aclk, 50)
    assert await host.read("STATUS") & 3 == 3
    address = host.registers["CONTROL"]
    assert await host.put(address, (3).to_bytes(BYTES, "little")) == AxiResp.SLVERR
    assert await host.read("CONTROL") == 1 | 1 << 1 | 1 << 3
    window = next(iter(host.windows))
    assert (await host.take(host.windows[window]["base"]))[0] == AxiResp.SLVERR
    await host.write("CONTROL", 1 << 1)
    await ClockCycles(dut.aclk, 5)
    assert await host.read("STATUS") & 3 == 0
    assert await host.read("ACCESSES_REFUSED") == 2
    # Ends of ticks alone fill the queue, too.
    ends = await reports(host, given)
    # Targets that come amid a run wait for its end.
    alone = await digests(host, given)
    assert await digests(host, given, [word ^ 1 for word in targets]) == alone
    await ClockCycles(dut.aclk, 5 * len(targets))  # Then they are stored, for a run that streams.
    while not host.sources["targets"].idle():
        await ClockCycles(dut.aclk, 10)
    await ClockCycles(dut.aclk, 10)
    assert await host.fetch("targets") == [word ^ 1 for word in targets]
    # Counters of what was refused stay at their highest; so does that of runs.
    for name in ("EVENTS_REFUSED", "PACKETS_REFUSED", "RUNS"):
        await host.write(name, ALL - 1)
    host.send("events", [event(sizes[0], 0)] * 3 + [END])
    await host.write("CONTROL", 1 | 1 << 1 | 1 << 3)
    while await host.read("STATUS") & BUSY:
        await ClockCycles(dut.aclk, 10)
    for _ in range(2):
        host.send("targets", targets[:-1])
    await ClockCycles(dut.aclk, 20 * len(targets))
    await host.write("CONTROL", 1 | 1 << 1)
    while await host.read("STATUS") & BUSY:
        await ClockCycles(dut.aclk, 10)
    for name in ("EVENTS_REFUSED", "PACKETS_REFUSED", "RUNS"):
        assert await host.read(name) == ALL, name
    report({"stalls": waited, "events": len(came), "ends": ends})


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
    # What does more than to keep: without RUN nothing starts; refusals so far are counted.
    for value in (14, 2, 12, 0):
        await host.write("CONTROL", value)
        assert await host.read("CONTROL") == value
        assert not await host.read("STATUS") & 3
    for value in (ALL, 7, 0):
        await host.write("ACCESSES_REFUSED", value)
        assert await host.read("ACCESSES_REFUSED") == value
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
    # Each bit of what was refused or done raises its flag.
    for name in given["flags"]:
        await host.write(name, 0)
    for place, name in enumerate(given["flags"]):
        for word in (0, *(1 << bit for bit in range(32))):
            await host.write(name, word)
            assert await host.read("STATUS") & ~3 == bool(word) << 2 + place, (name, word)
        await host.write(name, 0)
    # Bytes that are not written stay.
    for name, (writable, mask) in given["kinds"].items():
        for byte in range(BYTES) if writable and name != "CONTROL" else ():
            for whole, part in ((ALL, 0), (0, 0xFF)):
                await host.write(name, whole)
                await host.put(host.registers[name] + byte, bytes([part]))
                wanted = (whole ^ 0xFF << 8 * byte) & mask
                assert await host.read(name) == wanted, (name, byte, whole)
            await host.write(name, 0)
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
    for value in (ALL - 1, ALL, (1 << 24) - 1):  # It stays at its highest.
        await host.write("ACCESSES_REFUSED", value)
        for _ in range(2):
            assert (await host.take(others[0]))[0] == AxiResp.SLVERR
        assert await host.read("ACCESSES_REFUSED") == min(value + 2, ALL)
    await host.write("ACCESSES_REFUSED", 0)
    assert await host.read("STATUS") == 0
    assert int(dut.irq.value) == 0
    for address in random.sample(sorted(legal), min(200, len(legal))):
        assert (await host.take(address))[0] == AxiResp.OKAY, hex(address)
    report({"refused": refused})
