"""Frames on a line that errs: the UART, the bridge, the link, and a core behind all of them."""

import random
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Elaboratable, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenspike.golden.plan import Plan
from goldenspike.golden.trial import Session
from goldenspike.hdl import host
from goldenspike.hdl.boards import board, clock
from goldenspike.hdl.boards.bridge import Bridge
from goldenspike.hdl.boards.frame import (
    ESCAPE,
    FLAG,
    STATUS_WORDS,
    Decoder,
    Header,
    Kind,
    State,
    Status,
    Verdict,
    chain,
    encode,
)
from goldenspike.hdl.boards.top import digest_depth
from goldenspike.hdl.boards.uart import UartReceiver, UartTransmitter, divisor
from goldenspike.hdl.core import LANES, Core
from goldenspike.tools.console import InputError
from goldenspike.tools.device import Device
from goldenspike.tools.job import prepare
from goldenspike.tools.link import Link, LinkError

IDENTIFICATION = 0x12345678
CYCLE_S = 1e-6
QUIET = 50
"""Cycles after which no answer comes any more."""
WORDS = st.integers(0, 0xFFFFFFFF) | st.sampled_from([0x7E7E7E7E, 0x7D5E7D5D, 0x7D, 0])
TINY = Path(__file__).with_name("tiny.toml")


class Echo(wiring.Component):
    """A core that gives back every word, stalls, and makes a tick of each."""

    def __init__(self) -> None:
        words = stream.Signature(32)
        members: dict[str, Any] = {"i": In(words), "o": Out(words), "tick": Out(1)}
        members |= {"digest": Out(32), "busy": Out(1), "fault": Out(1)}
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=32, depth=4)
        noise = Signal(16, init=0xACE1)
        m.d.sync += noise.eq((noise << 1) | (noise[15] ^ noise[13] ^ noise[12] ^ noise[10]))
        go = noise[0]
        m.d.comb += [
            fifo.w_data.eq(self.i.payload),
            fifo.w_en.eq(self.i.valid & go),
            self.i.ready.eq(fifo.w_rdy & go),
            self.o.payload.eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
            self.tick.eq(self.i.valid & self.i.ready),
            self.digest.eq(self.i.payload),
        ]
        return m


class Behind(Elaboratable):
    """A bridge with a core behind it."""

    def __init__(self, bridge: Bridge, core: Any) -> None:
        self.bridge, self.core = bridge, core
        self.reset = Signal()

    def elaborate(self, platform: Any) -> Any:
        m = Module()
        bridge, core = self.bridge, self.core
        m.submodules.bridge = bridge
        m.submodules.core = ResetInserter(bridge.restart)(core)
        wiring.connect(m, bridge.words, core.i)
        wiring.connect(m, core.o, bridge.answers)
        m.d.comb += [
            bridge.tick.eq(core.tick),
            bridge.digest.eq(core.digest),
            bridge.busy.eq(core.busy),
            bridge.fault.eq(core.fault),
        ]
        return ResetInserter(self.reset)(m)


class Line:
    """A serial port whose other end is a bridge in Amaranth's simulator.

    Every byte passes `spoil`, in either direction: it returns the bytes that arrive.
    """

    def __init__(
        self,
        core: Any = None,
        *,
        identification: int = IDENTIFICATION,
        room: int = 16,
        depth: int = 256,
        spoil: Callable[[int], bytes] = lambda byte: bytes([byte]),
    ) -> None:
        self.bridge = Bridge(identification, room, depth)
        self.behind = Behind(self.bridge, core or Echo())
        self.spoil, self.closed, self.cycles = spoil, False, 0
        self.coming, self.gone = bytearray(), bytearray()
        self._errors = self._reset = False
        simulator = Simulator(self.behind)
        simulator.add_clock(CYCLE_S)
        simulator.add_testbench(self._wire, background=True)
        self.simulator = simulator

    async def _wire(self, ctx: Any) -> None:
        bridge = self.bridge
        ctx.set(bridge.o.ready, 1)
        while True:
            ctx.set(bridge.i.valid, bool(self.gone))
            if self.gone:
                ctx.set(bridge.i.payload, self.gone.pop(0))
            ctx.set(bridge.error, self._errors)
            ctx.set(self.behind.reset, self._reset)
            self._errors = self._reset = False
            *_, valid, byte = await ctx.tick().sample(bridge.o.valid, bridge.o.payload)
            if valid:
                self.coming += self.spoil(byte)

    def run(self, cycles: int) -> None:
        """Let cycles pass."""
        self.cycles += cycles
        self.simulator.run_until(self.cycles * CYCLE_S)

    def clock(self) -> float:
        """Return the time."""
        return self.cycles * CYCLE_S

    def lose_byte(self) -> None:
        """Let the receiver say that a byte was lost."""
        self._errors = True
        self.run(2)

    def reset(self) -> None:
        """Reset the board for a cycle."""
        self._reset = True
        self.run(2)

    @property
    def in_waiting(self) -> int:
        return len(self.coming)

    def write(self, data: bytes) -> None:
        for byte in data:
            self.gone += self.spoil(byte)

    def read(self, count: int) -> bytes:
        for _ in range(20):
            if self.coming:
                break
            self.run(10)
        found = bytes(self.coming[:count])
        del self.coming[:count]
        return found

    def close(self) -> None:
        self.closed = True

    def link(self) -> Link:
        """Return the host's end."""
        return Link("line", serial=self, clock=self.clock, timeout_s=4e-4)

    def say(self, frame: bytes) -> list[tuple[Header, Verdict, list[int]]]:
        """Send bytes; return the answers to them."""
        self.write(frame)
        self.run(len(frame) + QUIET)
        before = -1
        while before != len(self.coming):
            before = len(self.coming)
            self.run(QUIET)
        found = Decoder().feed(self.read(1 << 16))
        heads = [Header.of(words[0]) for words in found]
        return [
            (head, Verdict(head.kind & 3), words[1:])
            for head, words in zip(heads, found, strict=True)
        ]

    def ask(self, number: int, kind: int, *words: int, count: int | None = None) -> Any:
        """Send a request; return verdict and words of its one answer."""
        header = Header(number, kind, len(words) if count is None else count)
        ((_, verdict, found),) = self.say(encode([header.word(), *words]))
        return verdict, found


def hailed(**options: Any) -> Line:
    """Return a line whose bridge counts from 0."""
    line = Line(**options)
    verdict, words = line.ask(0, Kind.HELLO)
    assert verdict is Verdict.DONE
    assert Status.of(words).identification == IDENTIFICATION
    return line


# --- frames -------------------------------------------------------------------------------------


@given(st.lists(WORDS, max_size=9))
def test_frame_is_stuffed_and_read_back(words: list[int]) -> None:
    frame = encode([1, *words])
    assert frame[0] == frame[-1] == FLAG
    assert FLAG not in frame[1:-1]
    assert Decoder().feed(frame) == [[1, *words]]


def test_frame_has_the_crc_of_zlib_and_the_bytes_of_hdlc() -> None:
    body = bytes([FLAG, ESCAPE, 1, 2])
    check = zlib.crc32(body).to_bytes(4, "little")
    assert encode([0x02017D7E]) == bytes([FLAG, ESCAPE, 0x5E, ESCAPE, 0x5D, 1, 2, *check, FLAG])


@given(st.binary(max_size=30), st.lists(WORDS, max_size=4), st.integers(0, 40))
def test_decoder_is_in_step_again_after_garbage(garbage: bytes, words: list[int], cut: int) -> None:
    decoder = Decoder()
    decoder.feed(garbage + encode([7, *words])[:cut])
    assert decoder.feed(encode([1, *words]))[-1] == [1, *words]


@given(st.lists(WORDS, min_size=1, max_size=4), st.data())
def test_decoder_believes_no_frame_with_a_bit_turned(words: list[int], data: Any) -> None:
    frame = bytearray(encode(words))
    place = data.draw(st.integers(1, len(frame) - 2))
    frame[place] ^= 1 << data.draw(st.integers(0, 7))
    assert Decoder().feed(bytes(frame)) == []


# --- UART ---------------------------------------------------------------------------------------


def received(line: list[int], cycles: int) -> tuple[list[int], int]:
    """Return the bytes, and the number of errors, that a receiver sees on a line."""
    receiver = UartReceiver(cycles)
    found, errors = [], 0

    async def bench(ctx: Any) -> None:
        nonlocal errors
        for level in line:
            ctx.set(receiver.rx, level)
            *_, valid, byte, error = await ctx.tick().sample(
                receiver.o.valid, receiver.o.payload, receiver.error
            )
            found.extend([byte] if valid else [])
            errors += error

    simulator = Simulator(receiver)
    simulator.add_clock(CYCLE_S)
    simulator.add_testbench(bench)
    simulator.run()
    return found, errors


def levels(data: bytes, cycles: float, stop: int = 1) -> list[int]:
    """Return a line that carries bytes, a sample a cycle, for `cycles` a bit."""
    bits = [bit for byte in data for bit in (0, *(byte >> k & 1 for k in range(8)), stop, 1)]
    ends = [round((k + 1) * cycles) for k in range(len(bits))]
    line = [1] * 20
    for bit, end in zip(bits, ends, strict=True):
        line += [bit] * (20 + end - len(line))
    return line + [1] * 40


DATA = bytes(range(0, 256, 5)) + b"\x00\xff\x55\xaa"


@pytest.mark.parametrize(("cycles", "drifts"), [(4, 0.01), (8, 0.03), (12, 0.035), (25, 0.035)])
def test_receiver_reads_a_line_of_another_clock(cycles: int, drifts: float) -> None:
    for drift in (1 - drifts, 1.0, 1 + drifts):
        assert received(levels(DATA, cycles * drift), cycles) == (list(DATA), 0)


def test_receiver_passes_over_glitches() -> None:
    line = levels(DATA, 12)
    for place in range(5, len(line), 7):  # A sample wrong here and there, in every place of a bit.
        line[place] ^= 1
    assert received(line, 12) == (list(DATA), 0)


def test_receiver_tells_a_byte_without_a_stop_bit_and_a_broken_line() -> None:
    found, errors = received(levels(b"\x0f", 8, stop=0) + levels(b"ab", 8), 8)
    assert (found, errors) == ([0x61, 0x62], 1)
    assert received([1] * 20 + [0] * 500 + levels(b"a", 8), 8) == ([0x61], 1)


@pytest.mark.parametrize("cycles", [4, 7])
def test_transmitter_is_understood(cycles: int) -> None:
    transmitter = UartTransmitter(cycles)
    line = []

    async def bench(ctx: Any) -> None:
        left = list(DATA)
        for _ in range((len(DATA) + 2) * 11 * cycles):
            ctx.set(transmitter.i.valid, bool(left))
            ctx.set(transmitter.i.payload, left[0] if left else 0)
            *_, ready, level = await ctx.tick().sample(transmitter.i.ready, transmitter.tx)
            line.append(level)
            if ready and left:
                left.pop(0)

    simulator = Simulator(transmitter)
    simulator.add_clock(CYCLE_S)
    simulator.add_testbench(bench)
    simulator.run()
    assert received([1] * 20 + line, cycles) == (list(DATA), 0)


def test_divisor_is_near_the_rate() -> None:
    assert divisor(25e6, 1_000_000) == 25
    assert divisor(12e6, 115_200) == 104
    with pytest.raises(ValueError, match=r"^Baud must be within 2 % of .* 12 MHz .*, not 5000000$"):
        divisor(12e6, 5_000_000)
    with pytest.raises(ValueError, match=r"^Baud must be .* 1500000 is, not 0$"):
        divisor(12e6, 0)


# --- bridge -------------------------------------------------------------------------------------


def test_request_is_done_once_however_often_it_comes() -> None:
    line = hailed()
    for _ in range(3):
        assert line.ask(1, Kind.SEND, 10, 11) == (Verdict.DONE, [])
    for _ in range(3):
        assert line.ask(2, Kind.ANSWERS, count=9) == (Verdict.DONE, [10, 11])
    assert line.ask(3, Kind.ANSWERS, count=9) == (Verdict.DONE, [])
    for _ in range(2):
        assert line.ask(4, Kind.DIGESTS, count=1) == (Verdict.DONE, [10])
    assert line.ask(5, Kind.DIGESTS, count=9) == (Verdict.DONE, [11])
    assert line.bridge.room == 16


def test_numbers_go_round() -> None:
    line = Line()
    assert line.ask(254, Kind.HELLO)[0] is Verdict.DONE
    for number in (255, 0, 1):
        assert line.ask(number, Kind.SEND, number) == (Verdict.DONE, [])
    assert line.ask(2, Kind.DIGESTS, count=9) == (Verdict.DONE, [255, 0, 1])


@pytest.mark.parametrize("number", [0, 2, 3, 254, 255])
def test_request_out_of_turn_is_refused_and_changes_nothing(number: int) -> None:
    line = hailed()
    assert line.ask(1, Kind.SEND, 5)[0] is Verdict.DONE
    assert line.ask(number, Kind.SEND, 6) == (
        (Verdict.DONE if number == 2 else Verdict.REFUSED),
        [],
    )
    assert line.ask(3 if number == 2 else 2, Kind.ANSWERS, count=9)[1] == (
        [5, 6] if number == 2 else [5]
    )


def test_board_that_was_not_hailed_or_was_reset_refuses() -> None:
    line = Line()
    assert line.ask(1, Kind.SEND, 1)[0] is Verdict.REFUSED
    line = hailed()
    line.ask(1, Kind.SEND, 1)
    line.reset()
    for number in (1, 2):
        assert line.ask(number, Kind.SEND, 2)[0] is Verdict.REFUSED
    assert line.ask(7, Kind.HELLO)[0] is Verdict.DONE
    assert line.ask(8, Kind.DIGESTS, count=9) == (Verdict.DONE, [])


def test_unknown_kind_is_refused_once_decided() -> None:
    line = hailed()
    assert line.ask(1, 7, count=0) == (Verdict.REFUSED, [])
    assert line.ask(1, Kind.SEND, 4) == (Verdict.REFUSED, [])  # It was decided.
    assert line.ask(2, Kind.ANSWERS, count=9) == (Verdict.DONE, [])


FRAME = encode([Header(1, Kind.SEND, 2).word(), 0x01020304, 0x7E7D7E7D])


def damaged_frames() -> dict[str, bytes]:
    """Return what becomes of a request on a bad line."""
    wrong = encode([Header(1, Kind.SEND, 3).word(), 1, 2])
    more = encode([Header(1, Kind.SEND, 1).word(), 1, 2])
    turned = bytearray(FRAME)
    turned[7] ^= 0x10
    return {
        "truncated": FRAME[:9] + bytes([FLAG]),
        "a byte short": FRAME[:5] + FRAME[6:],
        "a bit turned": bytes(turned),
        "cut inside an escape": FRAME[: FRAME.index(ESCAPE) + 1] + bytes([FLAG]),
        "fewer words than told": wrong,
        "more words than told": more,
        "no header": encode([]),
        "oversize garbage": bytes([FLAG]) + bytes(range(100)) * 6 + bytes([FLAG]),
        "crc of another": encode([Header(1, Kind.SEND, 2).word(), 1, 2])[:-5]
        + FRAME[-5:-1]
        + bytes([FLAG]),
    }


@pytest.mark.parametrize("what", damaged_frames())
def test_damaged_frame_is_told_counted_and_changes_nothing(what: str) -> None:
    line = hailed()
    answers = line.say(damaged_frames()[what])
    assert answers
    assert {verdict for _, verdict, _ in answers} == {Verdict.DAMAGED}
    assert line.ask(1, Kind.SEND, 8) == (Verdict.DONE, [])
    assert line.ask(2, Kind.ANSWERS, count=9) == (Verdict.DONE, [8])
    assert Status.of(line.ask(3, Kind.STATUS)[1]).damaged == len(answers)


def test_frame_of_which_a_byte_was_lost_is_damaged() -> None:
    line = hailed()
    line.write(FRAME[:-1])
    line.run(100)
    line.lose_byte()
    assert [verdict for _, verdict, _ in line.say(FRAME[-1:])] == [Verdict.DAMAGED]


@given(st.binary(max_size=60))
@settings(max_examples=15)
def test_bridge_is_in_step_again_with_the_next_frame(garbage: bytes) -> None:
    line = hailed()
    line.write(garbage)
    line.run(len(garbage) + 2 * QUIET)
    line.coming.clear()
    # A frame begins with a flag, which ends the garbage: the second copy is surely heard alone.
    line.say(encode([Header(1, Kind.SEND, 1).word(), 77]))
    assert line.ask(1, Kind.SEND, 77) == (Verdict.DONE, [])
    assert line.ask(2, Kind.ANSWERS, count=9) == (Verdict.DONE, [77])


def test_noise_between_answer_and_request_gives_no_word_twice() -> None:
    line = hailed()
    line.ask(1, Kind.SEND, 1, 2, 3)
    assert line.ask(2, Kind.ANSWERS, count=2) == (Verdict.DONE, [1, 2])
    line.say(b"noise\x7e")
    assert line.ask(3, Kind.ANSWERS, count=2) == (Verdict.DONE, [3])


def test_words_are_taken_whole_or_not_and_a_word_too_many_is_refused() -> None:
    line = hailed(room=8)
    assert line.ask(1, Kind.SEND, *range(8)) == (Verdict.DONE, [])
    assert line.ask(2, Kind.SEND, *range(8, 16)) == (Verdict.DONE, [])
    # 8 words fill the answers, 5 stay in the core; 3 are left of the second frame.
    assert line.ask(3, Kind.SEND, *range(16, 22)) == (Verdict.BUSY, [])
    assert line.ask(3, Kind.SEND, *range(16, 22)) == (Verdict.BUSY, [])
    assert line.ask(4, Kind.SEND, *range(9)) == (Verdict.REFUSED, [])
    assert line.ask(5, Kind.ANSWERS, count=99) == (Verdict.DONE, list(range(8)))
    assert line.ask(6, Kind.SEND, 16, 17) == (Verdict.DONE, [])
    assert line.ask(7, Kind.ANSWERS, count=99) == (Verdict.DONE, list(range(8, 16)))
    # The next come when it is known that these have arrived.
    assert line.ask(8, Kind.ANSWERS, count=99) == (Verdict.DONE, [])
    assert line.ask(9, Kind.ANSWERS, count=99) == (Verdict.DONE, [16, 17])


def test_digests_that_there_is_no_room_for_are_told_counted_and_summed() -> None:
    line = hailed(room=8, depth=4)
    words = list(range(100, 107))
    line.ask(1, Kind.SEND, *words)
    ((header, _, _),) = line.say(encode([Header(2, Kind.STATUS, 0).word()]))
    assert State(header.kind & ~3) & State.LOST
    assert line.ask(3, Kind.DIGESTS, count=99) == (Verdict.DONE, words[:4])
    line.ask(4, Kind.SEND, 5)  # There is room again, but what comes now would have a gap before it.
    assert line.ask(5, Kind.DIGESTS, count=99) == (Verdict.DONE, [])
    status = Status.of(line.ask(6, Kind.STATUS)[1])
    total = 0
    for word in [*words, 5]:
        total = chain(total, word)
    assert (status.lost, status.ticks, status.total) == (4, 8, total)
    assert line.ask(7, Kind.CLEAR) == (Verdict.DONE, [])
    assert line.ask(8, Kind.SEND, 6) == (Verdict.DONE, [])
    assert line.ask(8, Kind.SEND, 6) == (Verdict.DONE, [])
    assert line.ask(9, Kind.DIGESTS, count=99) == (Verdict.DONE, [6])
    status = Status.of(line.ask(10, Kind.STATUS)[1])
    assert (status.lost, status.ticks, status.total, status.depth) == (0, 1, 6, 4)


def test_chain_tells_the_order() -> None:
    assert chain(chain(0, 1), 2) != chain(chain(0, 2), 1)
    assert chain(0x80000001, 0xFFFFFFFF) == 2


def test_reset_forgets_what_is_on_its_way() -> None:
    line = hailed(room=8)
    line.ask(1, Kind.SEND, *range(8))
    line.ask(2, Kind.SEND, *range(8))
    assert line.ask(3, Kind.RESET) == (Verdict.DONE, [])
    assert line.ask(4, Kind.ANSWERS, count=99) == (Verdict.DONE, [])
    assert line.ask(5, Kind.DIGESTS, count=99) == (Verdict.DONE, [])
    assert line.ask(6, Kind.SEND, 3) == (Verdict.DONE, [])
    assert line.ask(7, Kind.ANSWERS, count=99) == (Verdict.DONE, [3])


def test_bridge_without_digests_says_so() -> None:
    line = hailed(depth=0)
    line.ask(1, Kind.SEND, 4)
    assert line.ask(2, Kind.DIGESTS, count=9) == (Verdict.DONE, [])
    status = Status.of(line.ask(3, Kind.STATUS)[1])
    assert (status.depth, status.total, status.ticks) == (0, 0, 0)
    assert len(status) == STATUS_WORDS + 2


# --- link ---------------------------------------------------------------------------------------


class Spoiler:
    """A bad line: bytes are turned, lost, doubled, and garbage comes in, all with a probability."""

    def __init__(self, seed: int, rate: float) -> None:
        self.random, self.rate = random.Random(seed), rate
        self.done = 0

    def __call__(self, byte: int) -> bytes:
        if self.random.random() >= self.rate:
            return bytes([byte])
        self.done += 1
        other = bytes(self.random.choices([FLAG, ESCAPE, byte, *range(256)], k=3))
        turned = byte ^ 1 << self.random.randrange(8)
        return self.random.choice([b"", bytes([turned]), bytes([byte, byte]), other, b"\x7e"])


@given(st.integers(0, 1 << 30), st.sampled_from([0.0, 0.003, 0.01]))
@settings(max_examples=8)
def test_every_word_arrives_once_and_in_order_over_a_bad_line(seed: int, rate: float) -> None:
    spoil = Spoiler(seed, 0.0)
    line = Line(spoil=spoil, depth=1024, room=32)
    link = line.link()
    link.tries = 1000
    spoil.rate = rate
    words = [random.Random(seed).randrange(1 << 32) for _ in range(60)]
    sent, answers, digests = 0, [], []
    while len(answers) < len(words):
        size = spoil.random.randrange(1, 12)
        piece = words[sent : sent + size]
        if piece and link.send(piece):
            sent += len(piece)
        if spoil.random.random() < 0.5:
            answers += link.take(Kind.ANSWERS, spoil.random.randrange(20))
        digests += link.take(Kind.DIGESTS, 20)
    while len(digests) < len(words):
        digests += link.take(Kind.DIGESTS, 20)
    assert answers == digests == words
    assert (link.repeated > 0) <= (spoil.done > 0)
    spoil.rate = 0.0
    assert link.get_status().ticks == len(words)


def test_link_says_that_a_board_was_reset_or_is_gone() -> None:
    line = Line()
    link = line.link()
    assert link.send([1])
    line.reset()
    with pytest.raises(LinkError, match=r"^Board at line must take request SEND of 1 words, but "):
        link.send([2])
    line.spoil = lambda _: b""
    with pytest.raises(LinkError, match=r"^Board at line must answer within 0.0004 s, but did not"):
        link.send([2])


def test_link_gives_up_on_a_line_of_noise() -> None:
    line = Line()
    link = line.link()
    line.spoil = lambda byte: bytes([byte ^ 0x15])
    with pytest.raises(LinkError, match=r"^Board at line must answer"):
        link.get_status()


def test_port_without_a_board_is_refused() -> None:
    line = Line(spoil=lambda _: b"")
    with pytest.raises(InputError, match=r"^Port must have a goldenspike board .*, not 'line'"):
        line.link()
    assert line.closed


# --- a core behind the bridge -------------------------------------------------------------------


def device(depth: int = 256, lanes: int = 1, **options: Any) -> Device:
    """Return the driver of a core behind a bridge, in Amaranth's simulator."""
    job = prepare(str(TINY))
    wanted = host.identification(job.plan)
    line = Line(Core(job.plan, lanes), identification=wanted, room=64, depth=depth, **options)
    return Device("line", job, serial=line, clock=line.clock, timeout_s=1e-3)


def test_device_learns_as_golden_does_over_a_bad_line() -> None:
    spoil = Spoiler(3, 0.0)
    one = device(spoil=spoil)
    spoil.rate = 0.004
    session = one.job.session()
    one.load(session)
    stimulus, samples = one.job.task.trials(0, 4)
    golden = session.learn(stimulus, samples, traced=True)
    found = one.learn(stimulus, samples)
    assert found.errors.tolist() == golden.errors.tolist()
    assert found.rewards.tolist() == golden.rewards.tolist()
    assert found.digests == golden.digests.reshape(-1).tolist()
    assert (found.lost, found.ticks) == (0, golden.digests.size)
    for q in one.plan.projections:
        assert one.weights(q.name).tolist() == session.arrays[f"{q.name}.w"].tolist()
    assert spoil.done
    assert one.link.repeated


def test_device_names_the_first_digest_that_differs() -> None:
    one = device()
    one.load(one.session)
    assert one.verify(2).difference is None
    raw = one.session.arrays["inputs_to_outputs.w"].copy()
    golden = one.session.copy()
    raw[1, 0] += 100
    one.set_weights("inputs_to_outputs", raw)
    one.session = golden
    difference: Any = one.verify(3).difference
    assert (difference.trial, difference.step) == (2, "pass 0, tick 0")
    assert difference.golden != difference.board
    assert str(difference).startswith("trial 2, pass 0, tick 0: golden ")


def test_digests_that_are_lost_are_compared_by_their_sum() -> None:
    one = device(depth=4)
    one.link.take = lambda kind, count: (  # As of a host that is slow to fetch digests.
        [] if kind is Kind.DIGESTS else Link.take(one.link, kind, count)
    )
    one.load(one.session)
    found = one.verify(3)
    assert found.difference is None
    assert found.lost == 5
    golden = one.session.copy()
    golden.trial += 1
    one.session = golden
    difference: Any = one.verify(2).difference
    assert difference.step == "pass 0, tick 0 or later"


def test_weight_that_differs_is_named_without_digests() -> None:
    job = prepare(str(TINY))
    core = Core(job.plan, 1, digest=False)
    line = Line(core, identification=host.identification(job.plan), room=64, depth=0)
    one = Device("line", job, serial=line, clock=line.clock, timeout_s=1e-3)
    one.load(one.session)
    golden = one.session.copy()
    raw = golden.arrays["inputs_to_outputs.w"].copy()
    raw[3, 1] -= 1
    one.set_weights("inputs_to_outputs", raw)
    one.session = golden
    found: Any = one.verify(1)
    assert found.digests == 0
    assert found.difference.step.startswith("read back, inputs_to_outputs_w[")


def test_board_of_another_network_is_refused() -> None:
    job = prepare(str(TINY))
    line = Line()
    with pytest.raises(
        InputError, match=r"^Network of the board at line must be tiny's, .{8}, not"
    ):
        Device("line", job, serial=line, clock=line.clock, timeout_s=1e-3)
    assert line.closed


def test_identification_is_of_the_network_alone() -> None:
    one, same = prepare(str(TINY)), prepare(str(TINY), seed=9)
    assert host.identification(one.plan) == host.identification(same.plan)
    text = TINY.read_text()
    for old, new in (("eta = 0.03125", "eta = 0.0625"), ("size = 4", "size = 5")):
        other = read(text.replace(old, new))
        assert host.identification(other) != host.identification(one.plan)


def read(text: str) -> Plan:
    """Return the plan of an experiment's text."""
    from goldenspike.golden.plan import plan
    from goldenspike.tools.experiment import parse

    return plan(parse(text, "other").network)


def test_regions_do_not_depend_on_lanes() -> None:
    planned = prepare(str(TINY)).plan
    wanted = host.outline(planned).regions
    for lanes in LANES:
        assert host.outline(planned, lanes).regions == wanted


def test_session_of_another_network_is_not_loaded() -> None:
    one = device()
    other = read(TINY.read_text().replace("size = 4", "size = 5"))
    with pytest.raises(ValueError, match=r"^Session must be of the board's network"):
        one.load(Session(other, 1))


def test_digest_depth_holds_two_trials_within_its_ends() -> None:
    assert digest_depth(SimpleNamespace(digests=3)) == 256
    assert digest_depth(SimpleNamespace(digests=129)) == 512
    assert digest_depth(SimpleNamespace(digests=5000)) == 16384
    assert digest_depth(SimpleNamespace(digests=5000), most=256) == 256


def test_registers_are_read_from_their_words() -> None:
    for width in (31, 32, 33, 48, 64):
        fmt = host.Format(True, width, 4)
        known = [0, -1, fmt.low, fmt.high, 12345]
        words = [word for raw in known for word in host.wide_words(raw, width)]
        assert host.wide(words, fmt) == known
    known = np.array([-4, 3, 0, -1])
    assert host.narrow(known & 0xFFFFFFFF, host.Format(True, 3, 0)).tolist() == known.tolist()


# --- boards -------------------------------------------------------------------------------------


def test_boards_are_those_with_a_line_and_open_tools() -> None:
    known = board.boards()
    assert {"ulx3s_12f", "ulx3s_85f", "icebreaker", "versa_ecp5", "ice40_hx8k_b_evn"} <= set(known)
    assert "fomu_pvt" not in known  # It has no serial line.
    with pytest.raises(ValueError, match=r"^Board must be one of .*, not 'icebraker'.*icebreaker"):
        board.platform("icebraker")


class Wire(wiring.Component):
    """What a top is to a board."""

    rx: In(1)
    tx: Out(1)
    running: Out(1)
    fault: Out(1)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.sync += self.tx.eq(self.rx)
        return m


@pytest.mark.parametrize("name", sorted(board.boards()))
def test_every_board_takes_a_top(name: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(board, "Top", lambda *_, **__: Wire())
    platform = board.platform(name)
    planned: Any = None
    own = platform.default_clk_frequency
    mhz = 25.0 if own > 25e6 else None  # So PLLs are made too.
    made = clock.Clock(platform, mhz)
    cycles = divisor(made.hz, 115_200)
    top = board.BoardTop(platform, planned, 1, made, cycles, digest=False)
    files = platform.prepare(top, "top", **board.options(platform)).files
    (text,) = (str(files[file]) for file in files if file.endswith((".lpf", ".pcf")))
    assert f"{own} HZ" in text or f" {own / 1e6}" in text
    assert len([line for line in text.splitlines() if "uart_0__" in line]) >= 2


@pytest.mark.parametrize("mhz", [12.0, 16.0, 20.0, 24.0, 30.0, 40.0, 48.0, 50.0, 62.5, 100.0])
def test_plls_divide_as_they_must(mhz: float) -> None:
    for given_mhz in (12.0, 25.0, 50.0, 100.0):
        found = clock.ecp5_division(given_mhz, mhz)
        p = found.parameters
        oscillator = given_mhz / p["CLKI_DIV"] * p["CLKOP_DIV"]
        assert 400 <= oscillator <= 800
        assert found.mhz == pytest.approx(oscillator / p["CLKOS_DIV"])
        assert found.mhz == pytest.approx(mhz, rel=0.005)
        if mhz >= 17:
            found = clock.ice40_division(given_mhz, mhz)
            p = found.parameters
            oscillator = given_mhz / (p["DIVR"] + 1) * (p["DIVF"] + 1)
            assert 533 <= oscillator <= 1066
            assert found.mhz == pytest.approx(oscillator / 2 ** p["DIVQ"])
            assert found.mhz == pytest.approx(mhz, rel=0.02)


def test_icebreaker_divides_as_icepll_does() -> None:
    """``icepll -i 12 -o 24`` prints DIVR 0, DIVF 63, DIVQ 5, FILTER_RANGE 1."""
    assert clock.ice40_division(12.0, 24.0).parameters == {
        "DIVR": 0,
        "DIVF": 63,
        "DIVQ": 5,
        "FILTER_RANGE": 1,
    }


def test_frequency_that_the_pll_does_not_make_is_refused() -> None:
    platform = board.platform("icebreaker")
    with pytest.raises(
        ValueError, match=r"^Frequency must be one that the PLL makes of 12 MHz, as"
    ):
        clock.Clock(platform, 3.0)
    assert clock.Clock(platform, 12.0).division is None
    assert clock.Clock(platform, 24.0).hz == 24e6
