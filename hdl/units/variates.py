"""Randomness on chip: one Threefry, and buffers of the variates that units ask it for."""

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from goldenspike.golden.cell import Nothing
from goldenspike.golden.randomness import BLOCK_BITS, GROUPS
from goldenspike.hdl.randomness import Rounds, Schedule, Start
from goldenspike.hdl.units.common import Unit, later


class BlockSource(Unit):
    """Threefry-2x32-20: blocks of random words, in the order in which they are asked for.

    In the cycle of `start`, while it is `ready`, the key and the plaintext are taken. `done` is set
    for one cycle, in which the words and the `owner` stand, who was `asker` at the start.

    Parameters
    ----------
    owners
        How many there are.
    pipelined
        Whether a block is begun every cycle, in hardware for every group of rounds, each in two
        cycles; otherwise one takes eight cycles, and the next one is begun in the ninth.

    Attributes
    ----------
    latency
        Cycles from `start` to `done`.
    """

    def __init__(self, owners: int, *, pipelined: bool = False) -> None:
        self.pipelined = pipelined
        inputs = dict.fromkeys(("key0", "key1", "counter", "index"), In(32))
        outputs = {"ready": Out(1), "done": Out(1), "x0": Out(32), "x1": Out(32)}
        owner = range(max(owners, 2))
        self.latency = 2 * GROUPS + 2 if pipelined else GROUPS + 3
        super().__init__(
            {"start": In(1), "asker": In(owner), **inputs, **outputs, "owner": Out(owner)}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if self.pipelined:
            self._line(m)
        else:
            self._rounds(m)
        return m

    def _line(self, m: Module) -> None:
        """Add a stage for each group of rounds."""
        x0, x1, key1, owner = (
            later(m, getattr(self, name), f"{name}_taken")
            for name in ("counter", "index", "key1", "asker")
        )
        valid: Any = later(m, self.start, "taken")
        for number in range(GROUPS + 1):
            m.submodules[f"schedule_{number}"] = schedule = Schedule(Nothing())
            rounds = number > 0
            one = Rounds(Nothing(), cut=True) if rounds else Start(Nothing())
            m.submodules[f"group_{number}"] = one
            m.d.comb += [
                schedule.key0.eq(self.key0),
                schedule.key1.eq(key1),
                schedule.number.eq(number),
                one.x0.eq(x0),
                one.x1.eq(x1),
                one.first.eq(schedule.first),
                one.second.eq(schedule.second),
                one.odd.eq(schedule.odd),
            ]
            x0, x1 = later(m, one.x0_next, f"x0_{number}"), later(m, one.x1_next, f"x1_{number}")
            for _ in range(1 + rounds):
                key1, owner = later(m, key1, f"key1_{number}"), later(m, owner, f"owner_{number}")
                valid = later(m, valid, f"valid_{number}")
        m.d.comb += [
            self.ready.eq(1),
            self.done.eq(valid),
            self.x0.eq(x0),
            self.x1.eq(x1),
            self.owner.eq(owner),
        ]

    def _rounds(self, m: Module) -> None:
        """Add one group of rounds, which serves for all."""
        m.submodules.schedule = schedule = Schedule(Nothing())
        m.submodules.first = first = Start(Nothing())
        m.submodules.rounds = rounds = Rounds(Nothing())
        number, busy = Signal(range(GROUPS + 2)), Signal()
        key0, key1 = Signal(32), Signal(32)
        words = Signal(65)  # The words of the injection before `number`, one cycle old.
        m.d.comb += [
            self.ready.eq(~busy & ~self.done),
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
                self.owner.eq(self.asker),
                number.eq(0),
                busy.eq(1),
            ]
        with m.Elif(busy):
            m.d.sync += number.eq(number + 1)
            with m.If(number == 1):
                m.d.sync += [self.x0.eq(first.x0_next), self.x1.eq(first.x1_next)]
            with m.Elif(number > 1):
                m.d.sync += [self.x0.eq(rounds.x0_next), self.x1.eq(rounds.x1_next)]
            with m.If(number == GROUPS + 1):
                m.d.sync += [busy.eq(0), self.done.eq(1)]


class FieldSource(Unit):
    """Fields of random bits, `lanes` at a time, cut from blocks as they are needed.

    `request` asks for the fields `index`, `index` + 1, ...; they stand on `fields` while `hit`.
    `index` is a multiple of `lanes`, or of `stride` where that is less. It stands until the
    hit.

    Parameters
    ----------
    bits
        Of a field: 1, 16 or 32.
    lanes
        Fields at a time, a power of two.
    stream
        The second key word.
    stride
        Fields from a row to the next, a power of two, if rows may be shorter than `lanes`.
    ahead
        Whether fields may be fetched before their time: what `soon` asks for, at `next_index`.

    Members
    -------
    flush
        In: what was fetched counts no more; nothing is on its way, as all is awaited.
    want, block, taken, granted, x0, x1
        Asks for a block; it is taken, and later granted with its words.
    """

    def __init__(
        self, bits: int, lanes: int, stream: int, *, stride: int = 0, ahead: bool = False
    ) -> None:
        self.bits, self.lanes, self.stream, self.ahead = bits, lanes, stream, ahead
        self.aligned = min(lanes, stride or lanes).bit_length() - 1
        self.span = max(BLOCK_BITS // bits, lanes)
        self.blocks = self.span * bits // BLOCK_BITS
        self.shift = (self.span - 1).bit_length()
        super().__init__(
            {
                "flush": In(1),
                "request": In(1),
                "index": In(32),
                "soon": In(1),
                "next_index": In(32),
                "high": In(32),
                "hit": Out(1),
                "fields": Out(bits * lanes),
                "want": Out(1),
                "block": Out(32),
                "taken": In(1),
                "granted": In(1),
                "x0": In(32),
                "x1": In(32),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        blocks, shift = self.blocks, self.shift
        count = 2 if self.ahead else 1
        buffers = [Signal(self.span * self.bits, name=f"buffer_{k}") for k in range(count)]
        tags = [Signal(32 - shift, name=f"tag_{k}") for k in range(count)]
        valid = Signal(count)
        hits, nexts = Signal(count), Signal(count)
        wanted, after = self.index[shift:], self.next_index[shift:]
        for k, tag in enumerate(tags):
            m.d.comb += [
                hits[k].eq(valid[k] & (tag == wanted)),
                nexts[k].eq(valid[k] & (tag == after)),
            ]
        # How many of the blocks that fill a buffer were taken, and how many came.
        asked, turn = Signal(range(blocks + 1)), Signal(range(blocks + 1))
        filling, target = Signal(), Signal(32 - shift)
        place, beginning = Signal(range(max(count, 2))), Signal()
        first = self.request & ~hits.any()
        early = (self.soon & ~nexts.any()) if self.ahead else 0
        m.d.comb += [
            self.hit.eq(hits.any()),
            beginning.eq(~filling & ~self.flush & (first | early)),
            # It is asked for in the next cycle: what is missing is a long path already.
            self.want.eq(filling & (asked != blocks)),
            self.block.eq(self.high | (target * blocks + asked)),
        ]
        with m.If(beginning):
            # Not in the place of what is needed now.
            unused = hits[0] if self.ahead else 0
            m.d.sync += [
                filling.eq(1),
                target.eq(Mux(first, wanted, after)),
                place.eq(unused),
                valid.bit_select(unused, 1).eq(0),
            ]
        chosen = buffers[0] if count == 1 else Mux(hits[1], buffers[1], buffers[0])
        offset = Cat(Const(0, self.aligned), self.index[self.aligned : shift])
        m.d.comb += self.fields.eq(chosen >> (offset * self.bits))
        with m.If(self.want & self.taken):
            m.d.sync += asked.eq(asked + 1)
        with m.If(self.granted):
            for k in range(blocks):
                part = slice(k * BLOCK_BITS, (k + 1) * BLOCK_BITS)
                for number, buffer in enumerate(buffers):
                    with m.If((turn == k) & (place == number)):
                        m.d.sync += buffer[part].eq(Cat(self.x0, self.x1))
            m.d.sync += turn.eq(turn + 1)
            with m.If(turn == blocks - 1):
                m.d.sync += [turn.eq(0), asked.eq(0), filling.eq(0)]
                m.d.sync += [
                    valid.bit_select(place, 1).eq(1),
                    Array(tags)[place].eq(target),
                ]
        with m.If(self.flush):
            m.d.sync += valid.eq(0)
        return m


def share(
    m: Module, source: BlockSource, clients: list[FieldSource], seed: Any, trial: Any
) -> None:
    """Connect field sources to the one block source, the first that wants going first."""
    m.d.comb += [source.key0.eq(seed), source.counter.eq(trial)]
    for k, client in enumerate(clients):
        m.d.comb += [
            client.x0.eq(source.x0),
            client.x1.eq(source.x1),
            client.granted.eq(source.done & (source.owner == k)),
        ]
    with m.If(source.ready):
        for k, client in reversed(list(enumerate(clients))):
            with m.If(client.want):
                m.d.comb += [
                    source.start.eq(1),
                    source.asker.eq(k),
                    source.key1.eq(client.stream),
                    source.index.eq(client.block),
                ]
        taken: Any = 1
        for client in clients:
            m.d.comb += client.taken.eq(client.want & taken)
            taken = taken & ~client.want
