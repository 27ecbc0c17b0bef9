"""The register map of a core's bus: the one source of its hardware, its Markdown and its C header.

Addresses are of bytes. Control registers come first, from 0 on; after them every region of the
core has a window, aligned to its own span. A row of a window begins at a power of two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.plan import Plan

if TYPE_CHECKING:
    from goldenspike.hdl.core import Core

BYTES = 4
CONTROL_SPAN = 0x100
"""Bytes of the control registers."""
SMALLEST_BITS = 12
"""Of an address: what buses hand out at least."""
TICKS_BIT = 31
"""Of the register ``REPORT``: ticks are reported."""
ALL = 0xFFFFFFFF


@dataclass(frozen=True)
class Field:
    """Bits of a register."""

    name: str
    low: int
    width: int
    text: str

    @property
    def mask(self) -> int:
        """The bits, in place."""
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True)
class Register:
    """A control register.

    Parameters
    ----------
    name, text
        What it is.
    writable
        Whether the host may write it.
    mask
        Bits that keep what is written.
    reset
        What it holds after a reset.
    fields
        Its bits, if it is not one number.
    """

    name: str
    text: str
    writable: bool = False
    mask: int = ALL
    reset: int = 0
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Window:
    """A region of the core on the bus.

    Parameters
    ----------
    name, number
        Of the region.
    base, span
        In bytes; the span is a power of two.
    rows, row, stride
        How many rows there are, words of a row, bytes from one row to the next.
    writable
        Whether the host may write it.
    names
        What the words of a row are called, if each is another thing.
    content
        The format of a word, or what is in it.
    text
        What it is.
    """

    name: str
    number: int
    base: int
    span: int
    rows: int
    row: int
    stride: int
    writable: bool
    names: tuple[str, ...]
    content: str
    text: str

    def address(self, word: int) -> int:
        """Return the address of a word, in the order in which streams carry them."""
        row, place = divmod(word, self.row)
        return self.base + row * self.stride + place * BYTES


@dataclass(frozen=True)
class RegisterMap:
    """All that is on a core's bus.

    Parameters
    ----------
    registers, windows
        In the order of their addresses.
    address_bits
        Of an address.
    sources, populations
        What address events are of: names by number.
    identity
        A hash of all of it, which the hardware tells.
    """

    registers: tuple[Register, ...]
    windows: tuple[Window, ...]
    address_bits: int
    sources: tuple[str, ...]
    populations: tuple[str, ...]
    identity: int

    def address(self, name: str) -> int:
        """Return the address of a register, or of the first word of a window."""
        for place, register in enumerate(self.registers):
            if register.name == name:
                return place * BYTES
        return self.window(name).base

    def window(self, name: str) -> Window:
        """Return a window by its region's name."""
        return next(window for window in self.windows if window.name == name)


COUNTERS = {
    "RUNS": "Runs that ended. Stays at its highest value.",
    "EVENTS_REFUSED": "Events of a neuron, source or tick that there is not. Stays at its highest.",
    "PACKETS_REFUSED": "Packets of targets or errors of a wrong length. Stays at its highest.",
    "ACCESSES_REFUSED": "Accesses that were answered with SLVERR. Stays at its highest.",
    "TICKS": "Ticks and updates that ended. Wraps.",
    "DIGESTS": "Sum of their digests, modulo 2**32.",
    "CYCLES": "Clock cycles of runs. Wraps.",
    "STALLS": "Of these, cycles in which `m_axis_events` or an event that is late held it. Wraps.",
    "EVENTS_IN": "Events taken from `s_axis_events`. Wraps.",
    "EVENTS_OUT": "Events of neurons given to `m_axis_events`. Wraps.",
}
"""Counters by name; the first four have a flag in ``STATUS``."""
FLAGS = tuple(list(COUNTERS)[:4])
FIRST_FLAG = 2
"""Their lowest bit in ``STATUS`` and ``INTERRUPTS``."""
CONTROL_FIELDS = (
    Field("RUN", 0, 1, "1 starts a run; 0 calls off one that waits."),
    Field("PASSES", 1, 1, "The run has the passes of a learning trial; otherwise one plain pass."),
    Field("UPDATE", 2, 1, "The run learns. Without PASSES it only does that."),
    Field("STREAM", 3, 1, "The run waits for packets of its streams, tick by tick for events."),
)


def _control(plan: Plan, identity: int) -> tuple[Register, ...]:
    """Return the control registers, in order."""
    flags = tuple(
        Field(name, FIRST_FLAG + k, 1, f"`{name}` is not 0.") for k, name in enumerate(FLAGS)
    )
    busy = (
        Field(
            "BUSY",
            0,
            1,
            "A run is under way or waits, windows are refused; or a reset ends.",
        ),
        Field("WAITING", 1, 1, "A run waits for a packet."),
    )
    mask = sum(field.mask for field in flags)
    populations = tuple(
        Field(f"POPULATION_{name.upper()}", k, 1, f"Signals of `{name}`.")
        for k, name in enumerate(p.name for p in plan.neurons)
        if k < TICKS_BIT
    )
    ticks = Field("TICKS", TICKS_BIT, 1, "Ends of ticks and updates, with their digests.")
    reported = sum(field.mask for field in (*populations, ticks))
    return (
        Register("IDENTITY", "A hash of this map.", reset=identity),
        Register(
            "CONTROL",
            "Starts a run. Refused while one is under way.",
            True,
            sum(field.mask for field in CONTROL_FIELDS),
            fields=CONTROL_FIELDS,
        ),
        Register(
            "STATUS", "What goes on, and flags that stand until cleared.", fields=busy + flags
        ),
        Register("INTERRUPTS", "Flags that set `irq`.", True, mask, fields=flags),
        Register(
            "REPORT",
            "What `m_axis_events` reports.",
            True,
            reported,
            fields=(*populations, ticks),
        ),
        Register("DIGEST", "Digest of the last tick, or update."),
        *(Register(name, text, True) for name, text in COUNTERS.items()),
    )


def register_map(core: Core) -> RegisterMap:
    """Return the register map of a core made with ``bus=True``."""
    plan = core.plan
    contents = _contents(plan)
    base, windows = CONTROL_SPAN, []
    for number, region in enumerate(core.regions):
        rows = region.words // region.row
        stride = BYTES << region.row_bits
        span = 1 << (rows * stride - 1).bit_length()
        base = -(-base // span) * span
        content, text = contents[region.name]
        windows.append(
            Window(
                region.name,
                number,
                base,
                span,
                rows,
                region.row,
                stride,
                region.loadable,
                region.names,
                content,
                text,
            )
        )
        base += span
    bits = max(SMALLEST_BITS, (base - 1).bit_length())
    names = tuple(p.name for p in plan.sources), tuple(p.name for p in plan.neurons)
    identity = crc32(repr((_control(plan, 0), windows, names, plan.ticks)).encode())
    return RegisterMap(_control(plan, identity), tuple(windows), bits, *names, identity)


def _contents(plan: Plan) -> dict[str, tuple[str, str]]:
    """Return what is in the words of every region, and what the region is."""
    found = {
        "registers": ("integers", "Seed and number of the next trial; its condition, if any."),
        "errors": ("integers", "Errors of the unperturbed pass and the perturbed one."),
        "reward": ("integers", "The last reward; the baseline, if there is one for all."),
        "baselines": ("integers", "Baselines, a row a condition and time bin."),
        "counts": ("integers", "Spikes of the readout in the last pass, by neuron."),
    }
    if plan.reward is not None:
        reward = plan.reward
        found["errors"] = (str(reward.error), found["errors"][1])
        if reward.objective is not None:
            rows = "by tick and neuron" if reward.targets_every_tick else "by neuron"
            found["targets"] = (str(reward.target), f"Targets of `{reward.readout.name}`, {rows}.")
    for p in plan.sources:
        packed = "32 spikes a word, a new word a tick"
        content = packed if p.signal == BIT else str(p.signal)
        found[f"{p.name}_inputs"] = (content, f"Signals of `{p.name}`, tick by tick.")
    for p in plan.neurons:
        formats = ", ".join(f"{field} {fmt}" for field, fmt in p.state.items())
        found[f"{p.name}_state"] = (formats, f"State of `{p.name}`, a row a neuron.")
    for q in plan.projections:
        rows = f"a row a neuron of `{q.pre.name}`, by neuron of `{q.post.name}`"
        text = f"Weights of `{q.name}`, {rows}. A write clears what is kept within a trial."
        found[f"{q.name}_w"] = (str(q.weight), text)
        kept: dict[str, Format] = {}
        if q.rule is not None and q.rule.accumulate is not None:
            kept["sum"] = q.rule.accumulate.accumulator
        if q.learner is not None:
            kept |= q.learner.kept
        for field, fmt in kept.items():
            found[f"{q.name}_{field}"] = (str(fmt), f"`{field}` of `{q.name}`, {rows}.")
    return found


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Return the lines of a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(map(str, row)) for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _access(writable: bool) -> str:
    return "read, write" if writable else "read"


def markdown(given: RegisterMap) -> str:
    """Return the map as a section of Markdown."""
    legal = (
        "Addresses of {} bits count bytes; words have 32. Everything else is answered with SLVERR: "
        "places between and after, writes of what can only be read, windows while `STATUS.BUSY` "
        "stands. Byte strobes count."
    )
    kept = (
        "Memories keep what they hold over a reset; they start as 0. Words are sign-extended; bits "
        "that a word's format does not have are not kept."
    )
    rows = [
        (f"`{place * BYTES:#06x}`", f"`{r.name}`", _access(r.writable), f"`{r.reset:#x}`", r.text)
        for place, r in enumerate(given.registers)
    ]
    lines = [
        "## Register map",
        "",
        legal.format(given.address_bits),
        "",
        *_table(("address", "register", "access", "after reset", ""), rows),
    ]
    for register in given.registers:
        if register.fields:
            rows = [
                (f"{f.low}" if f.width == 1 else f"{f.low + f.width - 1}..{f.low}", f.name, f.text)
                for f in register.fields
            ]
            lines += ["", f"### {register.name}", "", *_table(("bits", "field", ""), rows)]
    rows = [
        (
            f"`{w.base:#06x}`",
            f"`{w.name}`",
            _access(w.writable),
            f"{w.rows} x {w.row}",
            f"{w.stride}",
            w.content,
            w.text,
        )
        for w in given.windows
    ]
    head = ("address", "window", "access", "rows x words", "bytes a row", "a word", "")
    lines += [
        "",
        "### Windows",
        "",
        kept,
        "",
        *_table(head, rows),
    ]
    named = [(w, name, k) for w in given.windows for k, name in enumerate(w.names)]
    rows = [(f"`{w.name}`", f"`{w.base + k * BYTES:#06x}`", f"`{name}`") for w, name, k in named]
    if rows:
        lines += ["", *_table(("window", "address, in the first row", "word"), rows)]
    return "\n".join([*lines, "", *_events(given)]) + "\n"


def _events(given: RegisterMap) -> list[str]:
    """Return what is said of the streams."""
    fields = [
        ("15..0", "neuron", "its number in its population"),
        ("23..16", "population", "of whom the event is, as numbered below"),
        ("30", "update", "with end: an update of a trial ends, not a tick"),
        ("31", "end", "no event: a tick ends; the value is its digest where a core says so"),
        ("63..32", "value", "a signal, sign-extended; of a spike 1, or anything where it comes in"),
    ]
    numbers = [
        (f"`{stream}`", number, f"`{name}`")
        for stream, names in (
            ("s_axis_events", given.sources),
            ("m_axis_events", given.populations),
        )
        for number, name in enumerate(names)
    ]
    incoming = (
        "`s_axis_events`: a packet is a trial, `tlast` ends it. Events of a tick have no order; "
        "what does not come is 0; ticks that a packet does not reach are silent. Events of nobody, "
        "and what comes after the last tick, count in `EVENTS_REFUSED`. `s_axis_targets` and "
        "`s_axis_errors`: a packet is the window of that name, word by word; one of another length "
        "counts in `PACKETS_REFUSED`, and the next one starts again. A run with `CONTROL.STREAM` "
        "uses one packet of each; the next ones wait outside."
    )
    outgoing = (
        "`m_axis_events`: signals that are not 0, of populations that `REPORT` names. If nobody "
        "takes them the core stands still (`STALLS`), and goes on when somebody does. With "
        "`REPORT.TICKS` the ends of ticks come too, and `tlast` with the end of a pass or update."
    )
    return [
        "## Streams",
        "",
        incoming,
        "",
        outgoing,
        "",
        *_table(("bits", "field of an event", ""), fields),
        "",
        *_table(("stream", "number", "population"), numbers),
    ]


def macro(name: str) -> str:
    """Return a name as one of C's macros has it."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def c_header(given: RegisterMap, prefix: str) -> str:
    """Return the map as a header for C.

    Parameters
    ----------
    prefix
        Of all names in it.
    """
    prefix = macro(prefix)
    lines: list[str] = []
    seen: set[str] = set()

    def define(name: str, value: int, text: str = "") -> None:
        comment = f" /* {text} */" if text else ""
        first, count = name, 1
        while name in seen:  # Names that differ in what C's macros do not show.
            count += 1
            name = f"{first}_{count}"
        seen.add(name)
        lines.append(f"#define {prefix}_{name} {value:#x}u{comment}")

    define("IDENTITY_VALUE", given.identity, "What IDENTITY holds.")
    define("ADDRESS_BITS", given.address_bits)
    for place, register in enumerate(given.registers):
        lines.append("")
        define(macro(register.name), place * BYTES, register.text)
        for field in register.fields:
            define(f"{macro(register.name)}_{macro(field.name)}", field.mask, field.text)
    for w in given.windows:
        lines.append("")
        define(macro(w.name), w.base, f"{w.text} {w.content}; {_access(w.writable)}")
        define(f"{macro(w.name)}_ROWS", w.rows)
        define(f"{macro(w.name)}_WORDS", w.row, "Of a row.")
        define(f"{macro(w.name)}_STRIDE", w.stride, "Bytes from one row to the next.")
        for k, name in enumerate(w.names):
            define(f"{macro(w.name)}_{macro(name)}", w.base + k * BYTES)
    lines.append("")
    for kind, names in (("SOURCE", given.sources), ("POPULATION", given.populations)):
        for number, name in enumerate(names):
            define(f"{kind}_{macro(name)}", number, "In address events.")
    define("EVENT_END", 1 << 31, "Of an event: a tick ends.")
    define("EVENT_UPDATE", 1 << 30, "Of an event: an update ends.")
    guard = f"{prefix}_H"
    head = [f"/* Registers of {prefix.lower()}, as goldenspike wrote them. */", ""]
    body = [f"#ifndef {guard}", f"#define {guard}", "", *lines, "", f"#endif /* {guard} */"]
    return "\n".join(head + body) + "\n"
