"""Parity: the task, its experiments, and rules whose learning needs no multiplier."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import paired
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import leaky_readout
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import weight_perturbation
from goldenspike.golden.trial import Session
from goldenspike.hdl import core, yosys
from goldenspike.hdl.catalog import twin
from goldenspike.tools.figures import parity as parity_figures
from goldenspike.tools.figures import xor as xor_figures
from goldenspike.tools.job import prepare
from goldenspike.tools.measuring import LANES, Run
from goldenspike.tools.tasks import parity
from goldenspike.tools.tasks.parity import Params, Task

F = Format.parse
XOR = tuple(xor_figures.TRIALS)
NAMES = (*XOR, *parity_figures.EXPERIMENTS.values())


# The task


def test_patterns_are_all_there_are_and_the_last_input_is_1() -> None:
    task = prepare("parity_node").task
    shown = task.stimulus.inputs["inputs"][:, 0]
    assert {tuple(row) for row in shown.tolist()} == set(
        itertools.product((0, 1), (0, 1), (0, 1), (1,))
    )
    assert (task.stimulus.inputs["bias"] == 1).all()
    for row, target in zip(shown, task.stimulus.targets[:, 0, 0], strict=True):
        assert target == row[:3].sum() % 2


def test_xor_is_parity_of_2_bits() -> None:
    task = prepare("xor_multiplexed").task
    shown = task.stimulus.inputs["inputs"][:, 0, :2].tolist()
    targets = task.stimulus.targets[:, 0, 0]
    assert dict(zip(map(tuple, shown), targets, strict=True)) == {
        (a, b): a ^ b for a in (0, 1) for b in (0, 1)
    }


def test_together_shows_the_patterns_of_the_others_one_a_tick() -> None:
    apart, together = (prepare(name).task for name in ("xor_multiplexed", "xor_walsh"))
    assert together.stimulus.size == 1
    for name, signals in apart.stimulus.inputs.items():
        assert (together.stimulus.inputs[name][0] == signals[:, 0]).all()
    assert (together.stimulus.targets[0] == apart.stimulus.targets[:, 0]).all()
    assert together.trials(7, 3)[1].tolist() == [0, 0, 0]


def test_cyclic_goes_round() -> None:
    task = prepare("xor_multiplexed").task
    assert task.trials(2, 7)[1].tolist() == [2, 3, 0, 1, 2, 3, 0]


def test_random_is_even_and_of_the_seed() -> None:
    job = prepare("parity_node")
    other = Task(job.task.params, job.plan, 2)
    drawn = job.task.trials(0, 8000)[1]
    counts = np.bincount(drawn, minlength=8)
    assert len(counts) == 8
    assert (abs(counts - 1000) < 5 * np.sqrt(1000 * 7 / 8)).all()
    assert (other.trials(0, 8000)[1] != drawn).mean() > 0.8


@pytest.mark.parametrize("name", ["xor_multiplexed", "xor_walsh", "parity_node"])
def test_trials_do_not_depend_on_how_they_are_cut(name: str) -> None:
    task = prepare(name).task
    parts = [task.trials(first, count)[1] for first, count in ((0, 3), (3, 8))]
    assert np.concatenate(parts).tolist() == task.trials(0, 11)[1].tolist()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"bits": 1}, "Bits must be 2 to 8, not 1"),
        ({"bits": 9}, "Bits must be 2 to 8, not 9"),
        ({"order": "cycle"}, "Order must be one of 'cyclic', 'random', 'together', not 'cycle'"),
    ],
)
def test_parameters_are_checked(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        Params(**given)
    assert str(caught.value).startswith(text)


def test_a_network_must_fit() -> None:
    job = prepare("xor_multiplexed")
    network = job.experiment.network

    def refused(params: Params, network: Network, text: str) -> None:
        with pytest.raises(ValueError, match=re.escape(text)):
            Task(params, plan(network), 0)

    cyclic = job.task.params
    text = "First source of parity must have 4 neurons: the bits and a 1"
    refused(replace(cyclic, bits=3), network, text)
    text = "Ticks of parity must be 4, not 1"
    refused(replace(cyclic, order="together"), network, text)
    refused(cyclic, replace(network, ticks=4), "Ticks of parity must be 1, not 4")
    wide = [replace(p, size=2) if p.name == "outputs" else p for p in network.populations]
    text = "Network of parity must have one readout, and targets every tick"
    refused(cyclic, replace(network, populations=tuple(wide)), text)


# What is measured


def outputs_are(
    monkeypatch: pytest.MonkeyPatch, task: Any, values: list[float]
) -> dict[str, float]:
    monkeypatch.setattr(task, "outputs", lambda session: np.array(values))
    return task.measure(None)


def test_measured_is_the_error_of_the_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    task = prepare("xor_multiplexed").task
    found = outputs_are(monkeypatch, task, [0.25, 0.5, 1.0, 0.75])
    assert found["mean squared error"] == (0.0625 + 0.25 + 0.5625) / 4
    assert found["right outputs"] == 0.5
    assert found["solved"] == 0
    assert outputs_are(monkeypatch, task, [0.25, 0.75, 1.0, 0.125])["solved"] == 1
    assert outputs_are(monkeypatch, task, [0.25, 0.75, 0.75, 0.25])["solved"] == 0  # 0.0625


def test_one_wrong_output_of_many_is_not_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    task = prepare("parity_node").task
    almost = task.targets.astype(float)
    almost[1] = 0.5
    found = outputs_are(monkeypatch, task, almost.tolist())
    assert found["mean squared error"] < parity.SOLVED
    assert found["solved"] == 0


@pytest.mark.parametrize("name", ["xor_multiplexed", "xor_walsh"])
def test_the_error_measured_is_that_of_the_trials(name: str) -> None:
    job = prepare(name)
    reward: Any = job.plan.reward
    for kind in ("compiled", "ideal"):
        session = Session(job.plan, 3, kind)
        samples = np.arange(job.task.stimulus.size)
        errors = session.evaluate(job.task.stimulus, samples).errors[:, 0]
        total = errors.sum() if kind == "ideal" else reward.error.to_float(errors.sum())
        found = job.task.measure(session)["mean squared error"]
        assert found == pytest.approx(total / 4, rel=1e-12)


# The experiments


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_solves_it_in_fixed_point_from_some_seed(name: str) -> None:
    job = prepare(name)
    assert xor_figures.share(job, range(4), 20_000) >= 0.25
    assert xor_figures.share(job, range(4), 40) == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_hardware_can_hold_it(name: str) -> None:
    core.check(prepare(name).plan, LANES)


@pytest.mark.parametrize("name", NAMES)
def test_rates_are_powers_of_two(name: str) -> None:
    for q in prepare(name).plan.plastic:
        rule: Any = q.rule
        amplitude = rule.perturbation.constants.amplitude
        assert rule.factor.rate.bit_count() == amplitude.bit_count() == 1


def test_other_fraction_bits_keep_the_range() -> None:
    job = xor_figures.with_fraction(prepare("xor_multiplexed", seed=5), 12)
    assert {str(q.weight) for q in job.plan.projections} == {"fxp-s19/12"}
    assert job.experiment.seed == job.task.seed == 5
    assert job.task.plan is job.plan


@pytest.mark.parametrize("name", ["xor_multiplexed", "parity_weight"])
def test_shares_are_counted_over_seeds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = prepare(name)
    asked = []

    def measure(self: Any, session: Session) -> dict[str, float]:
        asked.append((session.seed, session.trial))
        return {"solved": float(self.seed == 7 and session.trial >= 50)}

    monkeypatch.setattr(parity.Task, "measure", measure)
    assert xor_figures.share(job, [6, 7, 8], 80) == 1 / 3
    assert sorted(t for seed, t in asked if seed == 7) == list(range(2, 51, 2))
    assert sorted(t for seed, t in asked if seed == 8) == list(range(2, 81, 2))


def test_families_yield_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xor_figures, "share", lambda *given: 0.5 if "ideal" in given else 0.54)
    monkeypatch.setattr(parity_figures, "share", lambda *given: 0.95)
    found = list(xor_figures.figures(Run()))
    assert [figure.rule for figure in found].count(xor_figures.RULES["xor_multiplexed"]) == 4
    assert len(found) == 7
    assert all(figure.good for figure in found if figure.expected is None)
    assert [figure.good for figure in found if figure.expected is not None] == [False]
    assert [figure.good for figure in parity_figures.figures(Run())] == [True, True]


# Codes


@pytest.mark.parametrize("name", ["xor_walsh", "xor_finite_difference"])
def test_codes_of_all_weights_are_orthogonal_over_a_period(name: str) -> None:
    job = prepare(name)
    session = Session(job.plan, 1)
    rows = []
    for trial in range(32):
        session.learn(*job.task.trials(trial, 1))
        psi = [session._scratch[f"{q.name}.psi"].ravel() for q in job.plan.projections]
        rows.append(np.concatenate(psi).astype(int))
    codes = np.array(rows).T
    assert codes.shape == (9, 32)
    assert (codes[:, :16] == codes[:, 16:]).all()
    own = 16 if name == "xor_walsh" else 1
    assert (codes[:, :16] @ codes[:, :16].T == own * np.eye(9)).all()


# Without multipliers

LEARNING = re.compile(r"rules\.(three_factor|codes)\.|randomness\.variate")
"""Cells that perturb weights, scale the reward and learn."""
MULTIPLIER = re.compile(r"^\s*cell \$(?:mul|macc|div|mod|pow)\b", re.MULTILINE)


def multipliers(made: Plan, folder: Path) -> dict[str, int]:
    """Return how many multipliers the twins of a network's perturbation and learning have."""
    chosen = {
        f"{cell.name}_{number}": (cell, constants)
        for number, (_, cell, constants) in enumerate(made.cells)
        if LEARNING.match(cell.name)
    }
    names = {name.replace(".", "_"): pair for name, pair in chosen.items()}
    source = "".join(
        yosys.rtlil.convert(twin(*pair), name=name, emit_src=False).replace(
            "attribute \\top 1\n", ""
        )
        for name, pair in names.items()
    )
    (folder / "twins.il").write_text(source)
    yosys.run("read_rtlil twins.il\nproc\nopt_clean\nwrite_rtlil checked.il", folder)
    checked = (folder / "checked.il").read_text()
    found = {}
    for part in checked.split("\nmodule \\")[1:]:
        name, _, body = part.partition("\n")
        if name in names:
            found[name] = len(
                re.findall(r"^\s*cell \$(?:mul|macc|div|mod|pow)\b", body, re.MULTILINE)
            )
    assert set(found) == set(names)
    return found


def linear(eta: float, sigma: float, scale: float = 0.25, **more: Any) -> Plan:
    """Return a linear readout that learns by weight perturbation."""
    rule = weight_perturbation.Params(eta=eta, sigma=sigma, factor=F("fxp-s24/20"), **more)
    return plan(
        Network(
            4,
            (
                Population("a", 5, Source(F("fxp-s8/6"))),
                Population("b", 3, leaky_readout.Params(F("fxp-s22/14"))),
            ),
            (Projection("a", "b", F("fxp-s16/12"), initial=0.5, rule=rule),),
            Reward("b", "squared_error", paired.Params(), F("fxp-s30/20"), F("fxp-s22/14"), scale),
        )
    )


@pytest.mark.parametrize(
    "made",
    [linear(0.125, 0.0625), *(prepare(name).plan for name in XOR), prepare("parity_weight").plan],
    ids=["linear", *XOR, "parity_weight"],
)
def test_learning_from_signs_and_powers_of_two_needs_no_multiplier(
    made: Plan, tmp_path: Path
) -> None:
    found = multipliers(made, tmp_path)
    assert len(found) >= 3  # at least how it perturbs, scales and learns
    assert set(found.values()) == {0}


def test_multipliers_are_seen_where_they_are(tmp_path: Path) -> None:
    found = multipliers(linear(0.113, 0.053), tmp_path)
    assert {name.rpartition("_")[0] for name, n in found.items() if n} == {
        "rules_three_factor_scale"
    }
    gaussian = linear(0.113, 0.053, distribution=Distribution.GAUSSIAN)
    (tmp_path / "gaussian").mkdir()
    found = multipliers(gaussian, tmp_path / "gaussian")
    assert {name.rpartition("_")[0] for name, n in found.items() if n} == {
        f"rules_three_factor_{name}" for name in ("perturb", "scale", "update")
    }
