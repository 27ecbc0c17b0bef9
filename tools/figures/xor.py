"""XOR: the share of seeds that two hidden units solve it from, by ways to perturb 9 weights.

2-2-1 sigmoid units with biases. The other seeds sit in the known local minimum, in floating point
as in fixed point: what is judged is that word length does not change how many. A seed has solved it
when, at one of the checks, the mean squared error is below 0.04 and every output is right; without
stopping there, random signs are at the same share after 200,000 trials. The initial weights and the
perturbations of a seed are the same in float64, where nothing is rounded or limited. Weights from
-64 to 64 are wide enough; from -16 to 16, it is solved from 4 seeds in 100 more.
Source: McCaughan et al., "Multiplexed gradient descent", APL Machine Learning 1:026118 (2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session
from goldenspike.sim.toolchain import Simulator
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Figure, Run
from goldenspike.tools.tasks import parity

TRIALS = {
    "xor_multiplexed": 200_000,
    "xor_two_sided": 200_000,
    "xor_walsh": 50_000,
    "xor_finite_difference": 50_000,
}
"""Trials of an experiment: 200,000 patterns shown."""
RULES = {
    "xor_multiplexed": "multiplexed, random signs",
    "xor_two_sided": "weight perturbation, two-sided",
    "xor_walsh": "multiplexed, Walsh codes",
    "xor_finite_difference": "finite difference",
}
WIDTHS = {"xor_multiplexed": (8, 10, 12)}
"""Fraction bits of weights, where they are not only those of the experiment."""
SEEDS = range(200)
CHECKS = 40
"""How often, evenly over its trials, a seed is asked whether it has solved it."""
POINTS = 0.05
"""How far the share of fixed point may be from that of float64."""
CHECKED, CHANCE = 0.74, 0.09
"""The share in another code in floating point, of 200 other seeds, and two standard errors of the
difference between two such shares."""
LOCKSTEP: dict[Simulator, int] = {"verilator": 400, "icarus": 40}
LOCKSTEP_BEYOND: dict[Simulator, int] = {"icarus": 40}
"""With other word lengths."""


def with_fraction(job: Job, bits: int) -> Job:
    """Return a job whose weights have other fraction bits, in the same range."""
    network = job.experiment.network
    weights = [q.weight for q in network.projections]
    formats = [w._replace(width=w.width - w.frac + bits, frac=bits) for w in weights]
    changed = tuple(
        replace(q, weight=fmt) for q, fmt in zip(network.projections, formats, strict=True)
    )
    experiment = replace(job.experiment, network=replace(network, projections=changed))
    planned = plan(experiment.network)
    return Job(experiment, planned, type(job.task)(job.task.params, planned, experiment.seed))


def share(
    job: Job, seeds: Sequence[int], trials: int, kind: str = "compiled", run: Run | None = None
) -> float:
    """Return the share of seeds that solve parity within some trials."""

    def work(session: Session) -> bool:
        task = parity.Task(job.task.params, job.plan, session.seed)
        for check in range(1, CHECKS + 1):
            count = trials * check // CHECKS - session.trial
            session.learn(*task.trials(session.trial, count))
            if task.measure(session)["solved"]:
                return True
        return False

    what = f"{job.experiment.name} learns {trials} trials"
    solved = (run or Run()).sessions(job.plan, seeds, kind, work, what)
    return sum(solved) / len(solved)


def figures(run: Run) -> Iterator[Figure]:
    """Yield the share that is solved, by rule and by word length."""
    for name, trials in TRIALS.items():
        job = run.job(name)
        own = job.experiment.network.projections[0].weight.frac
        ideal = share(job, SEEDS, trials, "ideal", run)
        for bits in WIDTHS.get(name, (own,)):
            changed = with_fraction(job, bits)
            fixed = share(changed, SEEDS, trials, "compiled", run)
            same = run.lockstep(changed, LOCKSTEP if bits == own else LOCKSTEP_BEYOND)
            yield Figure(
                RULES[name],
                f"share solved, weights of {bits} fraction bits",
                "float64, same seeds",
                (ideal - POINTS, ideal + POINTS),
                fixed,
                ideal,
                lockstep=same,
            )
            if name == "xor_multiplexed" and bits == own:
                yield Figure(
                    RULES[name],
                    "share solved",
                    "own float code",
                    (CHECKED - CHANCE, CHECKED + CHANCE),
                    fixed,
                    ideal,
                    CHECKED,
                    same,
                )
