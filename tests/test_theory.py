"""Theory, not taste: learning in fixed point follows the closed forms of perturbation learning.

The tolerance of 5 % is the project's; how far the means of these seeds scatter about the closed
forms was measured with 96 seeds: decay 2 % for 32 seeds, floor 2 % for 8.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from goldenspike.golden.plan import plan
from goldenspike.tools.figures import linear
from goldenspike.tools.figures import werfel as perceptron
from goldenspike.tools.job import Job
from goldenspike.tools.measuring import Run
from goldenspike.tools.tasks import linear_teacher, werfel

RUN = Run()
TOLERANCE = 0.05


@pytest.mark.parametrize("rule", linear.EXPERIMENTS)
def test_experiment_is_the_setting_of_the_theory(rule: str) -> None:
    network = RUN.job(linear.EXPERIMENTS[rule]).experiment.network
    theory = linear_teacher.Theory(10, 100, 50, 100)
    settings = network.projections[0].rule
    assert settings.eta == pytest.approx(theory.eta, rel=1e-6)
    assert settings.sigma == pytest.approx(theory.sigma(rule, linear.EFFECTIVE))
    assert network.reward is not None
    assert network.reward.scale == 1 / (2 * network.ticks)


@pytest.mark.parametrize(
    ("rule", "unreachable", "floor"),
    [
        ("weight_perturbation", 0.0, 1.008),
        ("node_perturbation", 0.0, 2.004),
        ("weight_perturbation", 2.0, 3.008),
        ("node_perturbation", 2.0, 5.996),
    ],
)
def test_floor(rule: str, unreachable: float, floor: float) -> None:
    job = RUN.job(linear.EXPERIMENTS[rule], unreachable=unreachable)
    assert job.task.theory.floor(rule, linear.EFFECTIVE) == pytest.approx(floor, rel=1e-3)
    start = linear.errors_of(job, [0], 1)
    assert start == pytest.approx(linear.START + unreachable, rel=1e-3)
    assert linear.floor(job) == pytest.approx(floor, rel=TOLERANCE)


@pytest.mark.parametrize("rule", linear.EXPERIMENTS)
def test_decay(rule: str) -> None:
    job = RUN.job(linear.EXPERIMENTS[rule])
    theory = job.task.theory
    expected = 1 - theory.decay(theory.eta)
    assert expected == pytest.approx(1 - 0.998008, rel=1e-3)
    assert linear.decay(job, rule) == pytest.approx(expected, rel=TOLERANCE)


def test_weights_of_silent_inputs() -> None:
    assert linear.silent(RUN.job("linear_node")) == 0
    assert linear.silent(RUN.job("linear_weight")) == pytest.approx(0.20, rel=0.10)


@pytest.mark.parametrize("rule", perceptron.EXPERIMENTS)
def test_perceptron(rule: str) -> None:
    job = RUN.job(perceptron.EXPERIMENTS[rule])
    theory = werfel.Theory(4, 8)
    settings = job.plan.projections[0].rule
    assert settings is not None
    assert settings.params.eta == pytest.approx(theory.eta(rule), rel=1e-6)
    expected = theory.floor(rule, settings.params.sigma)
    # 15 K trials of correlation time K, 16 seeds: 240 independent errors, each of 4 outputs.
    assert perceptron.floor(job, rule, seeds=range(16)) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("rule", perceptron.EXPERIMENTS)
def test_decay_of_perceptron(rule: str) -> None:
    expected = 1 / werfel.Theory(4, 8).trials(rule)
    found = perceptron.decay(RUN.job(perceptron.EXPERIMENTS[rule]), rule)
    assert found == pytest.approx(expected, rel=TOLERANCE)


def test_floor_rounding_of_updates_misses_the_floor() -> None:
    """Below 16 fraction bits, truncating updates is a bias that learning cannot outrun."""
    experiment = RUN.job("linear_node").experiment
    projection = experiment.network.projections[0]
    errors = {}
    for rounding in ("floor", "half_even"):
        rule = replace(projection.rule, rounding=type(projection.rule.rounding)[rounding.upper()])
        weight = type(projection.weight)(True, 16, 12)
        narrow = replace(projection, rule=rule, weight=weight)
        planned = plan(replace(experiment.network, projections=(narrow,)))
        task = linear_teacher.Task(experiment.parameters, planned, 0)
        errors[rounding] = linear.floor(Job(experiment, planned, task), seeds=range(2))
    assert errors["half_even"] == pytest.approx(2.004, rel=0.1)
    assert errors["floor"] > 1.5 * errors["half_even"]
