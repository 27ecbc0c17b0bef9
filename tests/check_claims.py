"""Check properties of the hardware, and print what fails as JSON.

A script, run by ``test_formal.py`` on a copy of ``hdl`` in which a fault is planted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import goldenspike.hdl
from goldenspike.sim import claims, formal

if __name__ == "__main__":
    copy, *names = sys.argv[1:]
    assert [Path(place) for place in goldenspike.hdl.__path__] == [Path(copy)]
    outcomes = [formal.check(claims.PROPERTIES[name]) for name in names]
    print(json.dumps([[o.status, *o.broken] for o in outcomes]))
