"""Randomness on chip: one Threefry, and buffers of the variates that units ask it for."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out

from goldenspike.golden.cell import Nothing
from goldenspike.golden.randomness import BLOCK_BITS, GROUPS
from goldenspike.hdl.randomness import Rounds, Schedule, Start
from goldenspike.hdl.units.common import Unit


class BlockSource(Unit):
    """Threefry-2x32-20: a block in eight cycles, one at a time.

    In the cycle of `start` the key and the plaintext are taken; `done` is set for one cycle, from
    which on the words stand until the next start.
    """

    def __init__(self) -> None:
        word = In(32)
        inputs = dict.fromkeys(("key0", "key1", "counter", "index"), word)
        outputs = {"busy": Out(1), "done": Out(1), "x0": Out(32), "x1": Out(32)}
        super().__init__({"start": In(1), **inputs, **outputs})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.schedule = schedule = Schedule(Nothing())
        m.submodules.first = first = Start(Nothing())
        m.submodules.rounds = rounds = Rounds(Nothing())
        number = Signal(range(GROUPS + 2))
        key0, key1 = Signal(32), Signal(32)
        words = Signal(65)  # The words of the injection before `number`, one cycle old.
        m.d.comb += [
            schedule.key0.eq(key0),
            schedule.key1.eq(key1),
            schedule.number.eq(number),
        ]
        m.d.sync += [words.eq(Cat(schedule.first, schedule.second, schedule.odd)), self.done.eq(0)]
        for twin in (first, rounds):
            m.d.comb += [
                twin.x0.eq(self.x0),
                twin.x1.eq(self.x1),
                Cat(twin.first, twin.second, twin.odd).eq(words),
            ]
        with m.If(self.start):
            m.d.sync += [
                key0.eq(self.key0),
                key1.eq(self.key1),
                self.x0.eq(self.counter),
                self.x1.eq(self.index),
                number.eq(0),
                self.busy.eq(1),
            ]
        with m.Elif(self.busy):
            m.d.sync += number.eq(number + 1)
            with m.If(number == 1):
                m.d.sync += [self.x0.eq(first.x0_next), self.x1.eq(first.x1_next)]
            with m.Elif(number > 1):
                m.d.sync += [self.x0.eq(rounds.x0_next), self.x1.eq(rounds.x1_next)]
            with m.If(number == GROUPS + 1):
                m.d.sync += [self.busy.eq(0), self.done.eq(1)]
        return m


class FieldSource(Unit):
    """Fields of random bits, `lanes` at a time, cut from blocks as they are needed.

    `request` asks for the fields `index`, `index` + 1, ...; they stand on `fields` while `hit`.
    `index` is a multiple of `lanes`, or of a row's stride where that is less.

    Parameters
    ----------
    bits
        Of a field: 1, 16 or 32.
    lanes
        Fields at a time, a power of two.
    stream
        The second key word.
    """

    def __init__(self, bits: int, lanes: int, stream: int) -> None:
        self.bits, self.lanes, self.stream = bits, lanes, stream
        self.span = max(BLOCK_BITS // bits, lanes)
        super().__init__(
            {
                "flush": In(1),
                "request": In(1),
                "index": In(32),
                "high": In(32),
                "hit": Out(1),
                "fields": Out(bits * lanes),
                "want": Out(1),
                "block": Out(32),
                "granted": In(1),
                "x0": In(32),
                "x1": In(32),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        blocks = self.span * self.bits // BLOCK_BITS
        shift = (self.span - 1).bit_length()
        buffer = Signal(self.span * self.bits)
        tag, valid = Signal(32), Signal()
        turn = Signal(range(blocks + 1))
        wanted = self.index[shift:]
        offset = self.index[:shift] * self.bits
        m.d.comb += [
            self.hit.eq(valid & (tag == wanted)),
            self.fields.eq(buffer >> offset),
            self.want.eq(self.request & ~self.hit),
            self.block.eq(self.high | (wanted * blocks + turn)),
        ]
        with m.If(self.want & self.granted):
            for k in range(blocks):
                with m.If(turn == k):
                    place = slice(k * BLOCK_BITS, (k + 1) * BLOCK_BITS)
                    m.d.sync += buffer[place].eq(Cat(self.x0, self.x1))
            m.d.sync += [turn.eq(turn + 1), valid.eq(0)]
            with m.If(turn == blocks - 1):
                m.d.sync += [turn.eq(0), valid.eq(1), tag.eq(wanted)]
        with m.If(self.flush):
            m.d.sync += [valid.eq(0), turn.eq(0)]
        return m


def share(
    m: Module, source: BlockSource, clients: list[FieldSource], seed: Any, trial: Any
) -> None:
    """Connect field sources to the one block source, the first that wants going first."""
    m.d.comb += [source.key0.eq(seed), source.counter.eq(trial)]
    owner = Signal(range(len(clients) + 1))
    for k, client in enumerate(clients):
        m.d.comb += [
            client.x0.eq(source.x0),
            client.x1.eq(source.x1),
            client.granted.eq(source.done & (owner == k)),
        ]
    with m.If(~source.busy & ~source.done):
        for k, client in reversed(list(enumerate(clients))):
            with m.If(client.want):
                m.d.comb += [
                    source.start.eq(1),
                    source.key1.eq(client.stream),
                    source.index.eq(client.block),
                ]
                m.d.sync += owner.eq(k)
