"""Cores as Verilog: readable by every tool, the same bytes every time, without anybody's paths."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from goldenspike.hdl import yosys

SCRIPT = """read_rtlil core.il
proc -nomux -norom
memory_collect
attrmap -remove generator -remove top -remove src -remove amaranth.hierarchy \
-remove amaranth.decoding
attrmap -modattr -remove generator -remove top -remove src -remove amaranth.hierarchy
write_verilog -norename core.v
"""


def convert(component: Any, name: str) -> str:
    """Return a component as Verilog, its top module called `name`."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        text = yosys.rtlil.convert(component, name=name, emit_src=False)
        (place / "core.il").write_text(text, encoding="utf-8")
        yosys.run(SCRIPT, place)
        text = (place / "core.v").read_text(encoding="utf-8")
        return text.partition("\n\n")[2]  # Without the header, which names Yosys' own compiler.
