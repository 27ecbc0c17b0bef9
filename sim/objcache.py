"""Compile once what all Verilator builds share: a compiler launcher for Verilator's OBJCACHE.

Verilator's makefile writes the words of ``OBJCACHE`` in front of every compiler command. Its own
runtime (verilated.cpp and its neighbours) and cocotb's main program are named by absolute paths
and come out the same for every design; a design's own files are named relative to its folder.

    python objcache.py STORE c++ FLAGS -c -o verilated.o /.../include/verilated.cpp

takes ``verilated.o`` from STORE if this command made it before. The caller names another STORE
for another compiler or another Verilator. This file uses nothing but the standard library, so
that Python starts quickly.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

MODEL = Path("Vtop.h")  # of the design; cocotb's main program includes it


def main(arguments: list[str]) -> int:
    """Run the compiler command, or copy what the same command made before.

    Parameters
    ----------
    arguments
        Folder of the kept objects, then the compiler command.

    Returns
    -------
    int
        Exit status of the compiler; 0 if it need not run.
    """
    store, command = Path(arguments[0]), arguments[1:]
    source = Path(command[-1])
    if "-o" not in command or not source.is_absolute():
        return subprocess.run(command, check=False).returncode
    target = Path(command[command.index("-o") + 1])
    text = source.read_bytes()
    digest = hashlib.sha256("\0".join(command).encode() + text)
    if MODEL.name.encode() in text:
        digest.update(MODEL.read_bytes())
    kept = store / f"{digest.hexdigest()[:20]}.o"
    store.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            status = subprocess.run(command, check=False).returncode
            if status:
                return status
            partial = kept.with_suffix(".partial")
            shutil.copyfile(target, partial)
            partial.rename(kept)
            return 0
    shutil.copyfile(kept, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
