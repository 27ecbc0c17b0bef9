"""What a bench and its caller tell each other, by files in the folder of the run.

The caller is :func:`goldenspike.sim.simulators.run`; its bench runs in the simulator's process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldenspike.golden.cache import replacing

PLUSARG = "goldenspike"  # its value is the folder
PARAMETERS = "parameters.json"
REPORT = "report.json"


def parameters() -> dict[str, Any]:
    """Return what the caller gave to ``run`` as parameters."""
    return json.loads((_folder() / PARAMETERS).read_text())


def report(values: Mapping[str, Any]) -> None:
    """Add to what ``run`` returns to the caller: anything that JSON can hold."""
    path = _folder() / REPORT
    earlier = json.loads(path.read_text()) if path.exists() else {}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(earlier | dict(values)))


def _folder() -> Path:
    import cocotb  # here, because callers import this module too and do not need it

    return Path(str(cocotb.plusargs[PLUSARG]))
