"""Memories that power up with anything: a core must not depend on the zeros of a bitstream."""

from __future__ import annotations

import re

import numpy as np

WORD = re.compile(r"^(\s+)(\\\S+ |\w+)\[(\d+)\] = (\d+)'h0+;$", re.MULTILINE)
WRITE = re.compile(r"^\s+(\\\S+ |\w+)\[.*\] <= ", re.MULTILINE)


def scramble(text: str, seed: int) -> str:
    """Return a core's Verilog with random numbers for the zeros that its memories begin with.

    Memories that nothing writes, tables, stay as they are.

    Parameters
    ----------
    text
        What :func:`goldenspike.hdl.verilog.convert` returned.
    seed
        All that the numbers are a function of.
    """
    random = np.random.default_rng(seed)
    written = set(WRITE.findall(text))

    def draw(found: re.Match[str]) -> str:
        indent, name, place, width = found.groups()
        if name not in written:
            return found[0]
        bits = int.from_bytes(random.bytes(-(-int(width) // 8)), "little") & ((1 << int(width)) - 1)
        return f"{indent}{name}[{place}] = {width}'h{bits:x};"

    return WORD.sub(draw, text)
