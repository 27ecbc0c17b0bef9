"""Cycles of what waits for random fields: the Threefry and its clients, visits and draws.

What needs no random fields takes a number of cycles that is known beforehand; what does is followed
cycle by cycle here, as its clients share one :class:`goldenspike.hdl.units.variates.BlockSource`.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from goldenspike.hdl.units.variates import BlockSource, FieldSource


class Client:
    """A field source: what it has, and what it asks for in a cycle.

    Attributes
    ----------
    index, requested, soon
        The fields that are needed, whether they are in this cycle, and those that will be, or None.
    """

    def __init__(self, source: FieldSource) -> None:
        self.blocks, self.shift, self.ahead = source.blocks, source.shift, source.ahead
        self.index, self.requested = 0, False
        self.soon: int | None = None
        self.tags: list[int | None] = [None] * (2 if self.ahead else 1)
        self.filling = False
        self.asked = self.came = self.target = self.place = 0

    def flush(self) -> None:
        """Forget what was fetched."""
        self.tags = [None] * len(self.tags)

    def hit(self) -> bool:
        """Return whether the fields stand."""
        return self.index >> self.shift in self.tags

    def wants(self) -> bool:
        """Return whether it wants a block in this cycle."""
        return self.filling and self.asked < self.blocks

    def misses(self) -> bool:
        """Return whether it sees in this cycle that it lacks fields, which `begin` fetches then."""
        if self.filling:
            return False
        wanted = self.index >> self.shift
        if self.requested and wanted not in self.tags:
            self.target = wanted
        elif self.soon is not None and self.soon >> self.shift not in self.tags:
            self.target = self.soon >> self.shift
        else:
            return False
        # Not in the place of what is needed now.
        self.place = int(self.ahead and self.tags[0] == wanted)
        return True

    def begin(self) -> None:
        """Let it ask for what it lacks, from the next cycle on."""
        self.filling = True
        self.tags[self.place] = None

    def grant(self) -> None:
        """Let a block arrive."""
        self.came += 1
        if self.came == self.blocks:
            self.asked = self.came = 0
            self.filling = False
            self.tags[self.place] = self.target


class Blocks:
    """The one Threefry, and its clients, the first in line first."""

    def __init__(self, source: BlockSource | None, clients: Sequence[Client]) -> None:
        self.clients = clients
        self.latency = 0 if source is None else source.latency
        self.busy = 0 if source is None or source.pipelined else self.latency
        self.free = 0
        self.coming: deque[tuple[int, Client]] = deque()

    def cycle(self, now: int) -> bool:
        """Go through a cycle; return whether a block is begun in it, or comes."""
        missing = [client for client in self.clients if client.misses()]
        moved = bool(missing)
        if now >= self.free:
            for client in self.clients:
                if client.wants():
                    client.asked += 1
                    self.coming.append((now + self.latency, client))
                    self.free = now + self.busy + 1
                    moved = True
                    break
        while self.coming and self.coming[0][0] <= now:
            self.coming.popleft()[1].grant()
            moved = True
        for client in missing:
            client.begin()
        return moved


class Draw:
    """Draws the fields of one group after another.

    Parameters
    ----------
    client
        What it draws from.
    groups, lanes
        How many groups there are, of how many fields.
    """

    def __init__(self, client: Client, groups: int, lanes: int) -> None:
        self.client, self.left, self.lanes = client, groups, lanes
        self.go = False
        client.index = 0

    def cycle(self) -> bool:
        """Begin a cycle; return whether anything moves."""
        self.client.requested = True
        self.go = self.client.hit()
        return self.go

    def settle(self, now: int) -> int | None:
        """End a cycle; return when all is over, once that is known."""
        self.client.requested = False
        if self.go:
            self.left -= 1
            self.client.index += self.lanes
        return None if self.left else now + 1


class Reading(NamedTuple):
    """What a visit needs of a client: fields from ``(row << stride) + group * lanes`` on."""

    client: Client
    stride: int
    lanes: int


class Visit:
    """Visits rows, group by group, as fast as fields are there.

    Parameters
    ----------
    words
        The rows of every word of signals; one of none takes a cycle.
    groups
        Of a row.
    latency
        Cycles from a visit to its end.
    readings
        The fields that it needs.
    streaming
        Whether rows come from a :class:`goldenspike.hdl.units.rows.RowSource`, or are counted.
    """

    def __init__(
        self,
        words: list[list[int]],
        groups: int,
        latency: int,
        readings: list[Reading],
        *,
        streaming: bool = True,
    ) -> None:
        self.groups, self.latency, self.readings = groups, latency, readings
        self.words, self.left = deque(words), deque[int]()
        self.row = self.group = 0
        self.last = -latency
        self.held = self.go = self.taken = self.next_word = False
        if not streaming:
            self.left += self.words.popleft()
            self._take()

    def cycle(self) -> bool:
        """Begin a cycle; return whether anything moves."""
        self.go = self.held
        offered = bool(self.left)
        for client, stride, lanes in self.readings:
            if self.held:
                client.requested = True
                client.index = (self.row << stride) + self.group * lanes
                self.go = self.go and client.hit()
            if client.ahead and offered:
                client.soon = self.left[0]
        ending = self.go and self.group == self.groups - 1
        self.taken = offered and (ending or not self.held)
        empties = not offered or (self.taken and len(self.left) == 1)
        self.next_word = bool(self.words) and empties
        return self.go or self.taken or self.next_word or not offered

    def settle(self, now: int) -> int | None:
        """End a cycle; return when all is over, once that is known."""
        for client, _, _ in self.readings:
            client.requested, client.soon = False, None
        if not (self.words or self.left or self.held):
            return max(now, self.last + self.latency) + 1
        if self.go:
            self.last = now
            self.group = (self.group + 1) % self.groups
            self.held = self.group > 0
        if self.taken:
            self._take()
        if self.next_word:
            self.left += self.words.popleft()
        return None

    def _take(self) -> None:
        """Take the next row."""
        self.row, self.held = self.left.popleft(), True


def follow(
    blocks: Blocks,
    waiting: dict[str, Draw | Visit],
    begins: dict[str, int],
    overs: dict[str, int],
    now: int,
) -> int:
    """Go on, cycle by cycle, until a stream ends; return the cycle after.

    Parameters
    ----------
    blocks
        What they wait for.
    waiting, begins
        The streams by name, and when they begin; those that end are taken out.
    overs
        Gets when these are over.
    now
        The cycle from which on to go.
    """
    ended = False
    while not ended:
        active = [name for name in waiting if begins[name] < now]
        if not active:
            now = 1 + min(begins[name] for name in waiting)
            continue
        moving = [waiting[name].cycle() for name in active]
        moving.append(blocks.cycle(now))
        for name in active:
            over = waiting[name].settle(now)
            if over is not None:
                overs[name] = over
                del waiting[name]
                ended = True
        now += 1
        if blocks.coming and not any(moving):  # Nothing does until a block comes, or one begins.
            later = [begins[name] + 1 for name in waiting if begins[name] >= now - 1]
            now = max(now, min([blocks.coming[0][0], *later]))
    return now


def visited(counts: list[int], groups: int, latency: int) -> int:
    """Return the cycles of a visit of a row source's rows that needs no fields.

    Parameters
    ----------
    counts
        Rows of every word of signals.
    groups, latency
        As in :class:`Visit`.
    """
    stands = 1  # When the next word does, from the start on.
    sent = ended = -groups  # When the last row was, and the last one of its word.
    for rows in counts:
        taken = max(stands, ended)
        if rows:
            sent = max(taken + 1, sent + groups) + (rows - 1) * groups
            ended = sent
        stands = taken + 1
    if not any(counts):
        return stands + 1
    last = sent + groups
    return max(stands, last + 1, last + latency) + 1
