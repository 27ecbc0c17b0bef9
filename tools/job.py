"""A job: an experiment with its checked network and its task, ready to run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from goldenspike.golden.fixed import Rounding
from goldenspike.golden.health import Finding, start_findings
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.planned import PlannedProjection
from goldenspike.golden.trial import Session
from goldenspike.tools.console import complain, input_errors
from goldenspike.tools.experiment import Experiment, read_experiment, task_module

ENOUGH = 16
"""Fraction bits of a weight below which floor rounding ruins learning."""


@dataclass(frozen=True)
class Job:
    """An experiment, the plan of its network, and its task."""

    experiment: Experiment
    plan: Plan
    task: Any

    def session(self, seed: int | None = None, kind: str = "compiled") -> Session:
        """Return a session that has learned nothing yet: with the weights that its task asks for.

        Parameters
        ----------
        seed
            By default the experiment's own.

        Raises
        ------
        InputError
            In one line, if a rule cannot begin with these weights.
        """
        with input_errors(self.experiment.name):
            session = Session(self.plan, self.experiment.seed if seed is None else seed, kind)
            if hasattr(self.task, "initial"):
                self.task.initial(session)
                for q in self.plan.learners:  # What they keep may be of the weights at the start.
                    session.set_fixed(q)
        return session


def prepare(name: str, *, seed: int | None = None, trials: int | None = None) -> Job:
    """Read an experiment, check its network, make its task; warn of what will not learn.

    Parameters
    ----------
    name
        A shipped experiment or a TOML file.
    seed, trials
        In place of the experiment's own.

    Raises
    ------
    InputError
        In one line, if anything does not fit.
    """
    experiment = read_experiment(name)
    with input_errors(name):
        experiment = replace(
            experiment,
            seed=experiment.seed if seed is None else seed,
            trials=experiment.trials if trials is None else trials,
        )
        planned = plan(experiment.network)
        planned.check_learns()
        if planned.reward is not None and planned.reward.objective is None:
            raise ValueError("Objective of reward must be one that a task can set, not 'external'")
        task = task_module(experiment.task).Task(experiment.parameters, planned, experiment.seed)
    for line in warnings(planned):
        complain(f"warning: {line}")
    return Job(experiment, planned, task)


def warn(findings: list[Finding]) -> None:
    """Print a warning for each finding."""
    for finding in findings:
        complain(f"warning: {finding.text}")


def warn_of_start(session: Session) -> None:
    """Warn of what formats did to the weights that a session started with."""
    warn(start_findings(session.plan, session.starts))


def warnings(planned: Plan) -> list[str]:
    """Return a line for every projection whose rounding will not let it learn."""
    return [
        f"Rule of {q.name} rounds with floor, so every weight that learns drifts by up to half an "
        f"LSB ({drift:g} LSB of {q.weight}, {drift * q.weight.lsb:.3g}) per update on average, "
        f"with {often(planned, q)}, which ruins learning below {ENOUGH} fraction bits: take "
        "half_even or stochastic"
        for q in (*planned.plastic, *planned.learners)
        if q.weight.frac < ENOUGH and (drift := mean_drift(q)) < 0
    ]


def mean_drift(q: PlannedProjection) -> float:
    """Return what rounding adds to a weight in an update on average, in LSB: 0, or below.

    To two digits. Of n bits that are dropped floor takes the mean, ``(1 - 2**-n) / 2``, away. Of a
    sum over trials those are dropped that the sum has more; it was rounded half to even itself.
    """
    rule, learner = q.rule, q.learner
    if learner is not None:
        return -0.5 if learner.params.rounding is Rounding.FLOOR else 0.0
    if rule is None or rule.params.rounding is not Rounding.FLOOR:
        return 0.0
    dropped = rule.update.weight_shift if rule.accumulate is None else rule.accumulate.weight_shift
    return round((2.0**-dropped - 1) / 2, 2)


def often(planned: Plan, q: PlannedProjection) -> str:
    """Return how many updates a projection's weights have, in words."""
    if planned.online and planned.reward is not None:
        bins = planned.reward.bins
        return f"{bins} updates a trial" if bins > 1 else "an update a trial"
    if q.learner is not None and q.learner.params.learns == "tick":
        return f"up to {planned.ticks} updates a trial"
    rule: Any = q.rule or q.learner
    interval = rule.params.interval
    return f"an update every {interval} trials" if interval > 1 else "an update a trial"
