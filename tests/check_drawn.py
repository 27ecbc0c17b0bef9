"""Run a random case on a copy of ``hdl``, and print what became of it as JSON.

A script, run by ``test_drawn_faults.py`` on copies in which faults are planted.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from amaranth.hdl import UnusedElaboratable

import goldenspike.hdl
from goldenspike.sim import fuzz

if __name__ == "__main__":
    copy, seed, size, kind, simulator = sys.argv[1:]
    assert [Path(place) for place in goldenspike.hdl.__path__] == [Path(copy)]
    warnings.simplefilter("ignore", UnusedElaboratable)
    print(json.dumps(fuzz.run(int(seed), size, simulator, kind or None).data()))
