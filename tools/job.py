"""A job: an experiment with its checked network and its task, ready to run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from goldenspike.golden.fixed import Rounding
from goldenspike.golden.plan import Plan, plan
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
        if planned.reward is None:
            raise ValueError("Network must have a reward to learn from, not none")
        if planned.reward.objective is None:
            raise ValueError("Objective of reward must be one that a task can set, not 'external'")
        task = task_module(experiment.task).Task(experiment.parameters, planned, experiment.seed)
    for line in warnings(planned):
        complain(f"warning: {line}")
    return Job(experiment, planned, task)


def warnings(planned: Plan) -> list[str]:
    """Return a line for every projection whose rounding will not let it learn."""
    return [
        f"Rule of {q.name} rounds with floor, so every update moves every weight by half an LSB "
        f"of {q.weight} ({-q.weight.lsb / 2:.3g}) on average, which ruins learning below {ENOUGH} "
        "fraction bits: take half_even or stochastic"
        for q in planned.plastic
        if q.rule is not None
        and q.rule.params.rounding is Rounding.FLOOR
        and q.weight.frac < ENOUGH
    ]
