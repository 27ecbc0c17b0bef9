"""``goldenspike demo``: the main job, end to end, on the digits.

A network learns in the golden model beside float64; its hardware learns the first trials again in
lockstep and ends with the same weights; the hardware is written as Verilog that other tools read.
"""

from __future__ import annotations

import time
from pathlib import Path

from goldenspike.hdl.core import Core
from goldenspike.hdl.verilog import convert
from goldenspike.sim import lockstep, simulators
from goldenspike.tools import console, cosim, results
from goldenspike.tools import learn as learning
from goldenspike.tools import verilog as writing
from goldenspike.tools.experiment import write_experiment
from goldenspike.tools.job import Job, prepare
from goldenspike.tools.training import History, headline

NAME = "digits"
SIMULATOR = "verilator"
ACCURACY = 0.92
"""What held-out accuracy must reach."""
GAP = 0.015
"""How far fixed point may be from float64, either way."""


def run(
    *,
    trials: int | None = None,
    together: int = 64,
    seed: int | None = None,
    lanes: int = 8,
    out: Path = Path("build/demo"),
) -> int:
    """Do all of it; return 0 if every check of the summary holds.

    Parameters
    ----------
    together
        Trials that the hardware learns too.
    """
    job = prepare(NAME, seed=seed, trials=trials)
    simulators.version(SIMULATOR)
    writing.ready(icarus=True)
    with results.owned(out):
        return _run(job, together, lanes, out)


def _run(job: Job, together: int, lanes: int, out: Path) -> int:
    begin = time.perf_counter()
    result = out / "result.json"
    result.unlink(missing_ok=True)

    console.say(f"1. {NAME}: {job.experiment.trials} trials in fixed point and in float64")
    sessions = [job.session(kind=kind) for kind in ("compiled", "ideal")]
    histories, seconds = learning.learn(job, sessions)
    results.write_text(out / f"{NAME}.toml", write_experiment(job.experiment))
    results.write_weights(out / "weights.npz", sessions[0])
    results.write_curve(out / "learning_curve.png", job, histories)

    console.say(f"2. The hardware learns the first {together} trials again, on Verilator")
    verdict = same_bits(job, together, lanes)

    console.say("3. The hardware as Verilog")
    top = writing.module_name(NAME)
    with console.waiting("Amaranth and Yosys write it, Yosys and Icarus read it"):
        text = convert(Core(job.plan, lanes), top, kept=True)
        results.write_text(out / "core.v", text)
        area = writing.read_back(text, top)

    checks = judge(job, histories, verdict, together)
    console.show("", ("", "fixed point ", "float64 "), learning.figures(histories))
    rows = [(what, found, "yes" if held else "NO") for what, found, held in checks]
    rows.append(("Yosys and Icarus read the Verilog", f"{sum(area.cells.values())} cells", "yes"))
    console.show("", ("", "found ", "as it must be"), rows)
    good = all(held for _, _, held in checks)
    data = learning.summary(job, histories) | {
        "lockstep": {
            "simulator": SIMULATOR,
            "lanes": lanes,
            "trials": verdict.total("trials"),
            "ticks": verdict.total("ticks"),
            "cycles": verdict.total("cycles"),
            "digest": f"{verdict.digest:08x}",
            "problem": verdict.problem,
        },
        "checks": {what: held for what, _, held in checks},
    }
    results.write_json(result, data)
    files = f"core.v, learning_curve.png, weights.npz, {NAME}.toml, result.json"
    total = time.perf_counter() - begin
    console.say(f"{total:.0f} s in all, {seconds:.0f} s of them learning. In {out}: {files}")
    return 0 if good else 1


def same_bits(job: Job, trials: int, lanes: int) -> cosim.Verdict:
    """Run lockstep from the experiment's initial weights; tell of a mismatch."""
    with console.waiting("Verilator compiles the core (the first time takes a while)"):
        built = lockstep.prepare(job.plan, lanes, SIMULATOR)
    with console.progress() as bars:
        bar = bars.add_task("lockstep", total=trials)
        verdict = cosim.check(
            job,
            job.session(),
            trials,
            built,
            lanes=lanes,
            simulator=SIMULATOR,
            stalls=True,
            moved=lambda count: bars.advance(bar, count),
        )
    if verdict.problem is not None:
        console.complain(verdict.problem)
        given = {"--seed": job.experiment.seed, "--lanes": lanes}
        console.say(f"Replay: {cosim.replay(NAME, verdict, given, stalls=True)}")
    return verdict


def judge(
    job: Job, histories: list[History], verdict: cosim.Verdict, trials: int
) -> list[tuple[str, str, bool]]:
    """Return ``(what, what was found, whether it is as it must be)``."""
    metric = headline(job, histories[0].last)
    fixed, real = (history.last[metric] for history in histories)
    seen = verdict.total("trials")
    same = verdict.problem is None and seen == trials
    weights = sum(q.pre.size * q.post.size for q in job.plan.projections)
    at_most, at_least = 100 * GAP, 100 * ACCURACY
    return [
        (f"{metric}, at least {at_least:g} %", f"{100 * fixed:.2f} %", fixed >= ACCURACY),
        (
            f"and within {at_most:g} points of float64",
            f"{100 * (fixed - real):+.2f}",
            abs(fixed - real) <= GAP,
        ),
        ("digests that differ in lockstep", "0" if same else "1, stopped there", same),
        (f"weights equal after {seen} trials", f"all {weights}" if same else "no", same),
    ]
