"""``goldenspike learn``: an experiment learns in the golden model, beside float64."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goldenspike.golden.trial import Session
from goldenspike.tools import console, results
from goldenspike.tools.experiment import write_experiment
from goldenspike.tools.job import Job, prepare, warn, warn_of_start
from goldenspike.tools.training import History, headline, train


def run(
    name: str,
    *,
    trials: int | None = None,
    seed: int | None = None,
    engine: str = "compiled",
    beside: bool = True,
    out: Path | None = None,
) -> int:
    """Learn, print the figures and write them.

    Parameters
    ----------
    beside
        Whether float64 learns the same trials too.
    out
        Folder of the results; by default ``build/NAME``.
    """
    job = prepare(name, trials=trials, seed=seed)
    folder = out or Path("build") / job.experiment.name
    kinds = [engine] + ["ideal"] * (beside and engine != "ideal")
    with results.owned(folder):
        return _run(job, kinds, folder)


def _run(job: Job, kinds: list[str], folder: Path) -> int:
    sessions = [job.session(kind=kind) for kind in kinds]
    histories, seconds = learn(job, sessions)
    console.show(
        f"{job.experiment.name}: {job.experiment.trials} trials in {seconds:.1f} s, "
        f"seed {job.experiment.seed}",
        ["", *(f"{results.NAMES[history.kind]} " for history in histories)],
        figures(histories),
    )
    write(folder, job, sessions[0], histories)
    console.say(f"In {folder}: learning_curve.png, weights.npz, experiment.toml, result.json")
    return 0


def learn(job: Job, sessions: Sequence[Session]) -> tuple[list[History], float]:
    """Train with a progress bar; return the histories and the seconds it took."""
    begin = time.perf_counter()
    warn_of_start(sessions[0])
    with console.progress() as bars:
        bar = bars.add_task(f"{job.experiment.name} learns", total=job.experiment.trials)
        histories = train(job, sessions, lambda count: bars.advance(bar, count), warn)
    return histories, time.perf_counter() - begin


def figures(histories: Sequence[History]) -> list[list[Any]]:
    """Return a row for each figure: before and after learning."""
    rows = []
    for when, place in (("before", 0), ("after", -1)):
        for figure in histories[0].last:
            cells = [f"{history.measured[place][1][figure]:.4g}" for history in histories]
            rows.append([f"{figure}, {when}", *cells])
    return rows


def summary(job: Job, histories: Sequence[History]) -> dict[str, Any]:
    """Return what ``result.json`` says of a run."""
    experiment = job.experiment
    return {
        "experiment": experiment.name,
        "seed": experiment.seed,
        "trials": experiment.trials,
        "metric": headline(job, histories[0].last),
        "engines": {
            history.kind: {
                "figures": finite(history.last),
                "measured": [{"trials": n, **finite(found)} for n, found in history.measured],
            }
            for history in histories
        },
        "versions": results.versions(),
    }


def finite(found: dict[str, float]) -> dict[str, float | None]:
    """Return figures as JSON can hold them: None for one that diverged."""
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def write(folder: Path, job: Job, session: Session, histories: Sequence[History]) -> None:
    """Write a run's files; ``result.json``, the last one, says that all are there."""
    (folder / "result.json").unlink(missing_ok=True)
    results.write_text(folder / "experiment.toml", write_experiment(job.experiment))
    results.write_weights(folder / "weights.npz", session)
    results.write_curve(folder / "learning_curve.png", job, histories)
    results.write_json(folder / "result.json", summary(job, histories))
