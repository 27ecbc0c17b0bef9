"""The bridge: from frames on a byte stream to a core's two word streams, and its digests back.

What is said, and why nothing is done twice, stands in :mod:`goldenspike.hdl.boards.frame`.
"""

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from goldenspike.hdl.boards.frame import STATUS_WORDS, VERSION, Kind, Verdict
from goldenspike.hdl.boards.framing import FrameReceiver, FrameSender
from goldenspike.hdl.boards.ring import Ring
from goldenspike.hdl.units.common import Unit


class Bridge(Unit):
    """Answers frames, gives words to a core and keeps what comes of it until the host has it.

    Answers that the host does not take stall the core. Digests do not: when :class:`State.LOST`
    stands no more are kept, those lost are counted, and `total` has them all the same.

    Parameters
    ----------
    identification
        Of the network, 32 bits.
    room
        Words for the core, and from it, that are kept; a power of two.
    depth
        Digests that are kept, a power of two; 0 if the core makes none.

    Members
    -------
    i, o : In(stream.Signature(8, always_ready=True)), Out(stream.Signature(8))
        The serial line.
    error : In(1)
        A byte was lost.
    words, answers : Out(stream.Signature(32)), In(stream.Signature(32))
        The core's streams.
    tick, digest, busy, fault : In
        As the core has them.
    restart : Out(1)
        Resets the core.
    running : Out(1)
        Words for the core are left, or a trial runs.
    """

    def __init__(self, identification: int, room: int = 256, depth: int = 256) -> None:
        self.identification, self.room, self.depth = identification, room, depth
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "error": In(1),
                "o": Out(stream.Signature(8)),
                "words": Out(stream.Signature(32)),
                "answers": In(stream.Signature(32)),
                "tick": In(1),
                "digest": In(32),
                "busy": In(1),
                "fault": In(1),
                "restart": Out(1),
                "running": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.receiver = receiver = FrameReceiver()
        m.submodules.sender = sender = FrameSender()
        m.submodules.requests = requests = Ring(self.room)
        m.submodules.replies = replies = Ring(self.room)
        wiring.connect(m, wiring.flipped(self.i), receiver.i)
        wiring.connect(m, wiring.flipped(self.o), sender.o)
        m.d.comb += receiver.error.eq(self.error)
        clear, reset = Signal(), Signal()
        # Without digests the first three stay 0, and cost nothing.
        total, ticks, lost, damaged = Signal(32), Signal(32), Signal(16), Signal(16)

        # The core.
        started = Signal()  # A command has been taken, and `busy` may still be to come.
        m.d.sync += started.eq(requests.take)
        m.d.comb += [
            self.words.valid.eq(requests.level != 0),
            self.words.payload.eq(requests.data),
            requests.take.eq(self.words.valid & self.words.ready),
            requests.release.eq(1),
            self.answers.ready.eq(replies.room != 0),
            replies.put_data.eq(self.answers.payload),
            replies.put.eq(self.answers.valid & self.answers.ready & ~reset),
            replies.commit.eq(1),
            self.running.eq(self.busy | started | (requests.level != 0)),
            self.restart.eq(reset),
            requests.clear.eq(reset),
            replies.clear.eq(reset),
        ]
        taken = {Kind.ANSWERS: replies}
        if self.depth:
            m.submodules.digests = digests = Ring(self.depth)
            taken[Kind.DIGESTS] = digests
            keeping = (lost == 0) & (digests.room != 0)
            m.d.comb += [
                digests.put.eq(self.tick & keeping & ~clear),
                digests.put_data.eq(self.digest),
                digests.commit.eq(1),
                digests.clear.eq(clear),
            ]
            with m.If(self.tick):
                turned = Cat(total[31], total[:31])
                m.d.sync += [total.eq(turned + self.digest), ticks.eq(ticks + 1)]
                m.d.sync += lost.eq(lost + (~keeping & ~lost.all()))
            with m.If(clear):
                m.d.sync += [total.eq(0), ticks.eq(0), lost.eq(0)]

        # The frame that comes. Its last word, the CRC, is only known to be that at its end.
        number, kind, count = Signal(8), Signal(8), Signal(16)
        held, place, beyond = Signal(32), Signal(17), Signal()
        sending = kind == Kind.SEND
        m.d.comb += requests.put_data.eq(held)
        with m.If(receiver.valid):
            m.d.sync += [held.eq(receiver.word), place.eq(place + ~place.all())]
            with m.If(place == 0):
                m.d.sync += Cat(number, kind, count).eq(receiver.word)
                m.d.sync += beyond.eq(0)
            with m.Elif((place != 1) & sending):
                with m.If(requests.room != 0):
                    m.d.comb += requests.put.eq(1)
                with m.Else():
                    m.d.sync += beyond.eq(1)
        whole = receiver.good & (place == Mux(sending, count, 0) + 2)
        with m.If(receiver.end):
            m.d.sync += place.eq(0)
            m.d.comb += requests.rollback.eq(~requests.commit)

        # The request that was done last, and its answer.
        hailed, accepted, asked = Signal(), Signal(8), Signal(8)
        decided, given = Signal(Verdict), Signal(16)
        verdict, left, level = Signal(Verdict), Signal(16), Signal(16)
        verdict_next, given_next = Signal(Verdict), Signal(16)
        for which, ring in taken.items():
            with m.If(kind == which):
                m.d.comb += level.eq(ring.level)
        status = Array(
            [
                Const(VERSION, 32),
                Const(self.identification, 32),
                Const(self.room | self.depth << 16, 32),
                total,
                ticks,
                Cat(lost, damaged),
            ]
        )
        flags = Cat(verdict, self.running, self.fault, lost != 0, Const(0, 3))
        header = Cat(accepted, flags, left)
        word = Signal(32)
        m.d.comb += word.eq(status[(given - left)[: (STATUS_WORDS - 1).bit_length()]])
        for which, ring in taken.items():
            with m.If(asked == which):
                m.d.comb += word.eq(ring.data)

        new, repeated = Signal(), Signal()  # A request that is decided now, or was.
        m.d.comb += [
            new.eq(whole & ((kind == Kind.HELLO) | (hailed & (number == (accepted + 1)[:8])))),
            repeated.eq(whole & hailed & (number == accepted) & ~new),
        ]
        with m.FSM(name="bridge"):
            with m.State("IDLE"):
                with m.If(receiver.end):
                    m.d.sync += [verdict.eq(verdict_next), left.eq(given_next)]
                    m.next = "HEADER"
                    with m.If(new):
                        m.d.sync += [accepted.eq(number), asked.eq(kind), hailed.eq(1)]
                        m.d.sync += [decided.eq(verdict_next), given.eq(given_next)]
                        m.d.comb += [ring.release.eq(1) for ring in taken.values()]
                        with m.If(sending & (count > self.room) | (kind > Kind.RESET)):
                            m.d.comb += verdict_next.eq(Verdict.REFUSED)
                        with m.Elif(sending & beyond):
                            m.d.comb += verdict_next.eq(Verdict.BUSY)
                        with m.Else():
                            m.d.comb += requests.commit.eq(sending)
                        with m.If((kind == Kind.HELLO) | (kind == Kind.STATUS)):
                            m.d.comb += given_next.eq(STATUS_WORDS)
                        with m.Else():
                            m.d.comb += given_next.eq(Mux(count < level, count, level))
                        m.d.comb += [
                            clear.eq((kind == Kind.CLEAR) | (kind == Kind.RESET)),
                            reset.eq(kind == Kind.RESET),
                        ]
                    with m.Elif(repeated):
                        m.d.comb += [verdict_next.eq(decided), given_next.eq(given)]
                        m.d.comb += [ring.rewind.eq(1) for ring in taken.values()]
                    with m.Elif(whole):
                        m.d.comb += verdict_next.eq(Verdict.REFUSED)
                    with m.Else():
                        m.d.comb += verdict_next.eq(Verdict.DAMAGED)
                        m.d.sync += damaged.eq(damaged + ~damaged.all())
            with m.State("HEADER"):
                m.d.comb += [
                    sender.i.valid.eq(1),
                    sender.i.payload.word.eq(header),
                    sender.i.payload.last.eq(left == 0),
                ]
                with m.If(sender.i.ready):
                    m.next = "WORDS"
                    with m.If(left == 0):
                        m.next = "IDLE"
            with m.State("WORDS"):
                m.d.comb += [
                    sender.i.valid.eq(1),
                    sender.i.payload.word.eq(word),
                    sender.i.payload.last.eq(left == 1),
                ]
                with m.If(sender.i.ready):
                    m.d.sync += left.eq(left - 1)
                    for which, ring in taken.items():
                        with m.If(asked == which):
                            m.d.comb += ring.take.eq(1)
                    with m.If(left == 1):
                        m.next = "IDLE"
        return m
