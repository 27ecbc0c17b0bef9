"""``goldenspike certify``: all checks that there are, of one's own network, in one folder."""

from __future__ import annotations

import json
import subprocess
import time
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from goldenspike.golden.network import Network, read_network
from goldenspike.golden.parameters import check_keys
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.trial import check_seed
from goldenspike.hdl.core import Core, check_lanes
from goldenspike.hdl.verilog import convert
from goldenspike.sim import certificate as checks
from goldenspike.sim import simulators
from goldenspike.sim.simulators import SimulationError
from goldenspike.sim.toolchain import SIMULATORS
from goldenspike.tools import certificate, console, prove, records, verilog
from goldenspike.tools.certificate import Folder, sha256
from goldenspike.tools.console import input_errors
from goldenspike.tools.experiment import KEYS, find
from goldenspike.tools.job import Job, prepare
from goldenspike.tools.records import Check

TRIALS = 3
TIME_S = 120.0
"""Seconds that the claims of the sequencer may take, all together."""
SOLVER = "z3"


@dataclass(frozen=True)
class Request:
    """What is certified.

    Parameters
    ----------
    name
        What it is called.
    description
        The file's bytes.
    network, plan
        The network.
    job
        With its task; None if it has none.
    lanes, neurons
        Of the core.
    seed, trials
        Of what is run.
    time_s
        Time limit of the claims in seconds.
    """

    name: str
    description: bytes
    network: Network
    plan: Plan
    job: Job | None
    lanes: int
    neurons: int
    seed: int
    trials: int
    time_s: float

    @property
    def top(self) -> str:
        """Name of the Verilog's module."""
        return verilog.module_name(self.name)


@dataclass(frozen=True)
class Asked:
    """How a network is certified: lanes and neurons of the core, trials, time limit in seconds."""

    lanes: int = 8
    neurons: int = 1
    seed: int | None = None
    trials: int = TRIALS
    time_s: float = TIME_S


def read(path: Path, name: str, asked: Asked) -> Request:
    """Return what is certified: a network, with a task or without.

    Raises
    ------
    InputError
        In one line, if anything does not fit.
    """
    with input_errors(name):
        check_lanes(asked.lanes, asked.neurons)
        description = path.read_bytes()
        data = tomllib.loads(description.decode("utf-8"))
        check_keys("experiment", data, KEYS, ("network",))
        job = prepare(str(path), seed=asked.seed) if "task" in data else None
        if job is not None:
            network, planned, seed = job.experiment.network, job.plan, job.experiment.seed
        else:
            network = read_network(data["network"])
            planned = plan(network)
            seed = check_seed(data.get("seed", 1) if asked.seed is None else asked.seed)
    shape = asked.lanes, asked.neurons
    return Request(
        name, description, network, planned, job, *shape, seed, asked.trials, asked.time_s
    )


def ready() -> None:
    """Raise MissingToolError unless all tools are installed."""
    verilog.ready(icarus=True)
    for simulator in SIMULATORS:
        simulators.version(simulator)


def run(name: str, asked: Asked, *, fresh: bool = False, out: Path | None = None) -> int:
    """Check all, and write the certificate; status 1 if a check failed.

    Parameters
    ----------
    name
        A shipped experiment, or a TOML file.
    asked
        How it is certified.
    fresh
        Prove again what is kept as proved.
    out
        The folder.
    """
    path = find(name)
    request = read(path, path.stem, asked)
    folder = Folder(out or Path("build") / path.stem / "certificate")
    ready()
    text, _ = export(request)
    found, listed = check(request, text, fresh=fresh)
    files = written(request, text, found, listed)
    folder.write(files)
    console.say(files[certificate.PAGE].decode())
    digest = sha256(files[certificate.CERTIFICATE])
    console.say(f"Written: {folder.path}; SHA-256 of its {certificate.CERTIFICATE}: {digest}")
    return tell(listed)


def compare(folder: Path, file: Path | None, *, replay: bool = False) -> int:
    """Tell whether a Verilog file is the certified one; make all checks again if asked for.

    Parameters
    ----------
    folder
        Of the certificate.
    file
        The Verilog; None for that of the folder.
    replay
        Whether all checks are made again, and must find the same.
    """
    given = certificate.read(folder)
    file = file or folder / certificate.VERILOG
    problems = certificate.complaints(folder, given, file)
    for problem in problems:
        console.complain(problem)
    if problems:
        return 1
    counts = given["counts"]
    told = f"{counts['passed']} checks passed, {counts['left_out']} left out"
    console.say(f"{file} is the Verilog that {folder} certifies: {told}")
    return repeat(folder, given) if replay else 0


def repeat(folder: Path, given: dict[str, Any]) -> int:
    """Make all checks of a certificate again; status 1 if one fails or finds something else."""
    with input_errors(str(folder / certificate.CERTIFICATE)):
        try:
            fields = [given[name] for name in ("lanes", "neurons", "seed", "trials", "time")]
            name = str(given["name"])
        except KeyError as error:
            raise ValueError(f"Certificate must be whole, but lacks {error}") from None
    request = read(folder / certificate.DESCRIPTION, name, Asked(*fields))
    ready()
    text = (folder / certificate.VERILOG).read_text(encoding="utf-8")
    found, listed = check(request, text, fresh=True)
    status = tell(listed)
    now = certificate.versions(SOLVER)
    for name in sorted({*now, *given["versions"]}):
        then = given["versions"].get(name)
        if now.get(name) != then:
            console.say(f"{name} is {now.get(name)} now, and was {then}")
    for then, run in zip(given["lockstep"], found["lockstep"], strict=True):
        what = f"{run['what']} on {run['simulator']}"
        if then["digest"] != run["digest"]:
            console.complain(f"{what}: the digest is {run['digest']} now, and was {then['digest']}")
            status = 1
    return status


def tell(listed: list[Check]) -> int:
    """Say what failed and what was left out; return the exit status."""
    failed = [one for one in listed if one.problem]
    for one in listed:
        if one.left_out:
            console.say(f"Left out: {one.name}: {one.left_out}")
    for one in failed:
        console.complain(f"{one.group}: {one.name}: {one.problem}")
    done = sum(not one.left_out for one in listed)
    left = len(listed) - done
    told = f", {left} left out" if left else ""
    console.say(f"{done - len(failed)} of {done} checks passed{told}")
    return 1 if failed else 0


def export(request: Request) -> tuple[str, Core]:
    """Return the Verilog of a network, with its header, and the core that it is of."""
    with console.waiting("Amaranth and Yosys write the Verilog"):
        with input_errors(request.name):
            core = Core(request.plan, request.lanes, request.neurons)
        text = convert(core, request.top)
    head = certificate.header(request.top, request.description, request.lanes, request.neurons)
    return head + text, core


def check(
    request: Request, text: str, *, fresh: bool = False
) -> tuple[dict[str, Any], list[Check]]:
    """Make all checks of a network and its Verilog.

    Returns
    -------
    dict, list of Check
        What was found, as the certificate has it, and as JUnit has it.
    """
    cases = [(f"{request.name}: {place}", cell, c) for place, cell, c in request.plan.cells]
    proofs = prove.prove(cases, SOLVER, None, fresh=fresh)
    listed = [Check("proofs", *_named(p), "" if p.proved else str(p)) for p in proofs]
    again, core = export(request)
    export_problem = "" if again == text else "the description gives other Verilog now"
    listed.append(Check("verilog", "the same bytes again", problem=export_problem))
    readers = []
    for reader, problem in read_by_all(text, request.top):
        readers.append({"reader": reader, "problem": problem or None})
        listed.append(Check("verilog", reader, problem=problem))
    tried = try_all(request, checks.Bench(text, request.top, core))
    listed += [Check("lockstep", t.name, problem=t.problem) for t in tried]
    claimed, more = claim_all(request)
    found = {
        "proofs": [prove.as_data(p) for p in proofs],
        "export": {"same": not export_problem},
        "readers": readers,
        "lockstep": [tried_data(t) for t in tried],
        "claims": claimed,
    }
    return found, [*listed, *more]


def _named(one: Any) -> tuple[str, float]:
    """Return a proof's name and time."""
    return f"{one.where}: {one.cell.name}", one.seconds


def read_by_all(text: str, top: str) -> list[tuple[str, str]]:
    """Let everybody read the Verilog: return readers, each with its problem, or nothing."""
    with console.waiting("Yosys, Icarus and Verilator read the Verilog"):
        standards = "2005", "2012"
        found = [(f"Icarus -g{year} reads it", icarus(text, top, year)) for year in standards]
        problem = ""
        try:
            verilog.read_back(text, top)
        except (SimulationError, RuntimeError) as error:
            problem = str(error)
        found.append(("Yosys reads it, and finds no latch", problem))
        complaints = verilog.lint(text, top)
        found.append(("Verilator -Wall reads it, and has nothing to complain of", complaints))
    return found


def icarus(text: str, top: str, standard: str) -> str:
    """Return what Icarus says of a Verilog text by a standard, if it does not read it."""
    with TemporaryDirectory() as name:
        (Path(name) / "core.v").write_text(text, encoding="utf-8")
        words = ["iverilog", f"-g{standard}", "-s", top, "-t", "null", "core.v"]
        done = subprocess.run(words, cwd=name, capture_output=True, text=True, check=False)
    return "\n".join(done.stderr.splitlines()[-20:]) if done.returncode else ""


def try_all(request: Request, bench: checks.Bench) -> list[checks.Tried]:
    """Run the Verilog in lockstep: on both simulators, stalled and not, resets among the runs."""
    shown = [checks.cornered(request.plan, request.seed, request.trials)]
    if request.job is not None:
        stimulus, samples = request.job.task.trials(0, request.trials)
        given = [int(sample) for sample in samples]
        shown.append(checks.Shown("task", request.job.session(), stimulus, given))
    asked: list[tuple[Any, ...]] = [
        (one, simulator, stalls, None)
        for simulator in SIMULATORS
        for one in shown
        for stalls in (True, False)
    ]
    asked.append((shown[0], "icarus", True, request.seed))
    tried = []
    with console.progress() as bars:
        bar = bars.add_task("lockstep", total=len(asked))
        for number, (one, simulator, stalls, power_up) in enumerate(asked):
            bars.update(bar, description=f"lockstep on {simulator}")
            seed = request.seed + number
            done = bench.run(one, simulator, seed, stalls=stalls, power_up=power_up)
            tried.append(done)
            bars.advance(bar)
    return tried


def tried_data(tried: checks.Tried) -> dict[str, Any]:
    """Return what became of a lockstep run as the certificate has it."""
    fields = ("what", "simulator", "stalls", "power_up", "kinds")
    found = {name: getattr(tried, name) for name in fields}
    for name in ("trials", "ticks", "cycles", "words"):
        found[name] = getattr(tried.report, name, 0)
    digest = None if tried.report is None else f"{tried.report.digest:08x}"
    return {**found, "digest": digest, "problem": tried.problem or None}


def claim_all(request: Request) -> tuple[list[dict[str, Any]], list[Check]]:
    """Check the claims of the sequencer at the core's own shape, as far as the time allows."""
    found, listed = [], []
    network, shape = request.network, (request.lanes, request.neurons)
    with console.waiting(f"claims of the sequencer, {request.time_s:g} s at most"):
        begin = time.monotonic()
        for name, outcome in checks.claims(network, *shape, request.time_s, time.monotonic):
            seconds = round(time.monotonic() - begin, 1)
            begin = time.monotonic()
            if isinstance(outcome, str):
                one = {"result": "left out", "depth": 0, "reason": outcome}
                listed.append(Check("claims", name, seconds, left_out=outcome))
            else:
                problem = "" if outcome.shown else str(outcome)
                one = {"result": outcome.status, "depth": outcome.depth, "reason": problem or None}
                listed.append(Check("claims", name, seconds, problem))
            found.append({"name": name, **one, "seconds": seconds})
    return found, listed


def written(
    request: Request, text: str, found: dict[str, Any], listed: list[Check]
) -> dict[str, bytes]:
    """Return the files of a certificate."""
    counts = {
        "checks": len(listed),
        "passed": sum(not one.problem and not one.left_out for one in listed),
        "failed": sum(bool(one.problem) for one in listed),
        "left_out": sum(bool(one.left_out) for one in listed),
    }
    data = {
        "format": certificate.FORMAT,
        "passed": counts["failed"] == 0,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "name": request.name,
        "top": request.top,
        "lanes": request.lanes,
        "neurons": request.neurons,
        "seed": request.seed,
        "trials": request.trials,
        "time": request.time_s,
        "description": {
            "file": certificate.DESCRIPTION,
            "sha256": sha256(request.description),
        },
        "verilog": {
            "file": certificate.VERILOG,
            "sha256": sha256(text.encode()),
            "lines": len(text.splitlines()),
        },
        "counts": counts,
        "versions": certificate.versions(SOLVER),
        **found,
    }
    files = {
        certificate.DESCRIPTION: request.description,
        certificate.VERILOG: text.encode(),
        certificate.JUNIT: records.junit("goldenspike.certify", listed).encode(),
        certificate.PAGE: certificate.page(data).encode(),
    }
    others = (certificate.JUNIT, certificate.PAGE)
    data["files"] = {name: sha256(files[name]) for name in others}
    files[certificate.CERTIFICATE] = (json.dumps(data, indent=2) + "\n").encode()
    return files
