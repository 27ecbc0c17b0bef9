"""Cores as Verilog: readable by every tool, the same bytes every time, without anybody's paths."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from goldenspike.hdl import kept as cached
from goldenspike.hdl import yosys

SCRIPT = """read_rtlil core.il
proc -nomux -norom
memory_collect
attrmap -remove generator -remove top -remove src -remove amaranth.hierarchy \
-remove amaranth.decoding
attrmap -modattr -remove generator -remove top -remove src -remove amaranth.hierarchy
write_verilog -norename core.v
"""
# Yosys gives each `always @*` a trigger, so that one whose inputs keep their first values runs too:
# by Verilog's rules the trigger's own first value is a change. By SystemVerilog's it is not, and
# outputs stay x. A nonblocking assignment is one by both, and comes after every process has begun
# to wait, in whatever order a simulator starts them.
TRIGGER = re.compile(r"always @\*\s+begin\s+if \((\S+)\s*\) begin end")
FIRST_VALUE = re.compile(r"^( *)reg (\S+)\s+= 0;$", re.MULTILINE)
PULLED = (
    "{indent}reg {name} ;\n"
    "{indent}/* verilator lint_off INITIALDLY */ initial {name} <= 0; "
    "/* verilator lint_on INITIALDLY */"
)


def convert(component: Any, name: str, *, kept: bool = False) -> str:
    """Return a component as Verilog, its top module called `name`.

    The text means the same in Verilog and SystemVerilog, to simulators and to synthesis: what users
    get is what is simulated here, byte for byte.

    Parameters
    ----------
    component
        What is converted.
    name
        Of its module.
    kept
        Whether the text is taken from the cache, and kept there; the component is a core then. The
        text depends on the sources as they are on disk: who changes them in memory must not ask.
    """
    if not kept:
        return write(component, name)
    path, text = cached.find(component, name)
    if text is None:
        text = write(component, name)
        cached.keep(path, text)
    return text


def write(component: Any, name: str) -> str:
    """Return a component as Verilog, written now."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        text = yosys.netlist(component, name)
        (place / "core.il").write_text(text, encoding="utf-8")
        yosys.run(SCRIPT, place)
        text = (place / "core.v").read_text(encoding="utf-8")
        text = text.partition("\n\n")[2]  # Without the header, which names Yosys' own compiler.
        return pull_triggers(text)


def pull_triggers(text: str) -> str:
    """Return Yosys' Verilog with triggers that are changed at the start by all standards."""
    triggers = set(TRIGGER.findall(text))

    def pull(found: re.Match[str]) -> str:
        indent, name = found.groups()
        return PULLED.format(indent=indent, name=name) if name in triggers else found[0]

    return FIRST_VALUE.sub(pull, text)
