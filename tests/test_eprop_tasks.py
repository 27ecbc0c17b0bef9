"""Tasks whose network is told its targets: their data, statistics, determinism and errors."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.network import read_network
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.randomness import Stream
from goldenspike.golden.trial import Session
from goldenspike.tools import recordings
from goldenspike.tools.cli import main
from goldenspike.tools.experiment import task_module
from goldenspike.tools.supervised import real, spikes
from goldenspike.tools.tasks import cue_accumulation, pattern_generation, store_recall

NEST = 101.964356999041
"""The loss of the first iteration of NEST's ``test_eprop_regression``."""


def network(
    ticks: int, inputs: int, outputs: int, signal: str = "fxp-u1/0", **changes: Any
) -> Plan:
    """Return a network whose readouts sum what the inputs give them."""
    tables = {
        "ticks": ticks,
        "readout": "readout",
        "population": [
            {"name": "inputs", "size": inputs, "model": "source", "signal": signal},
            {"name": "targets", "size": outputs, "model": "source", "signal": "fxp-s16/12"},
            {
                "name": "readout",
                "size": outputs,
                "model": "leaky_readout",
                "output": "fxp-s24/12",
                "decay": 0.875,
            },
        ],
        "projection": [
            {"pre": "inputs", "post": "readout", "weight": "fxp-s16/12", "initial": 0.1}
        ],
    }
    return plan(read_network({**tables, **changes}))


def cue_task(seed: int = 0, **given: Any) -> cue_accumulation.Task:
    params = cue_accumulation.Params(**given)
    made = network(params.ticks, 4 * params.group, 2)
    return cue_accumulation.Task(params, made, seed)


def store_task(seed: int = 0, **given: Any) -> store_recall.Task:
    params = store_recall.Params(**given)
    made = network(params.ticks, (params.values + 2) * params.group, params.values)
    return store_recall.Task(params, made, seed)


def recorded(name: str, ticks: int, channels: int, classes: int, **given: Any) -> Any:
    module = task_module(name)
    made = network(ticks, channels, classes, "fxp-s16/12")
    return module.Task(module.Params(**given), made, 0)


# Cue accumulation.


def test_a_trial_is_cues_then_a_delay_then_the_recall() -> None:
    assert cue_accumulation.Params().ticks == 2250
    task = cue_task(rate=1.0, noise=0.0, train=20)
    shown, targets = task.stimulus.inputs["inputs"], task.stimulus.inputs["targets"]
    assert shown.shape == (20, 2250, 40)
    assert targets.shape == (20, 2250, 2)
    for sample, side in enumerate(task.labels):
        at = shown[sample].reshape(2250, 4, 10)
        assert (at == at[:, :, :1]).all()  # at a rate of 1 a group is of one mind
        left, right, recall, noise = at[:, :, 0].T
        assert not noise.any()
        assert (np.flatnonzero(recall) == np.arange(2100, 2250)).all()
        cues = (left + right)[:1050].reshape(7, 150)
        assert not cues[:, :50].any()
        assert (cues[:, 50:] == 1).all()
        assert not (left + right)[1050:].any()
        assert (right.sum() > left.sum()) == side
        assert not targets[sample, :2100].any()
        assert (targets[sample, 2100:, side] == 4096).all()
        assert not targets[sample, 2100:, 1 - side].any()


def test_cues_and_spikes_have_their_rates() -> None:
    inputs, sides = cue_accumulation.draw(
        cue_accumulation.Params(cue=20, gap=5, delay=10, recall=15, rate=0.5, noise=0.125),
        3,
        Stream.TASK,
        400,
    )
    groups = inputs.reshape(400, 200, 4, 10).astype(float).mean(axis=3)
    cues = groups[:, :175, :2].reshape(400, 7, 25, 2)[:, :, 5:].mean(axis=2)
    assert abs(cues.sum(axis=2).mean() - 0.5) < 0.003  # 560 000 draws: 4.5 standard deviations
    assert abs(groups[:, -15:, 2].mean() - 0.5) < 0.01
    assert abs(groups[:, :, 3].mean() - 0.125) < 0.002
    right = cues[:, :, 1] > cues[:, :, 0]
    assert ((right.sum(axis=1) > 3) == sides).all()
    assert abs(sides.mean() - 0.5) < 0.1
    # Of 7 cues with 3 in 10 astray the majority has 7 * .7 and a little more: 4.98.
    most = np.maximum(right.sum(axis=1), 7 - right.sum(axis=1))
    assert abs(most.mean() - 4.98) < 0.2


def test_no_cue_is_astray_if_none_may_be() -> None:
    task = cue_task(astray=0.0, rate=1.0, noise=0.0, train=30, delay=0)
    left, right = task.stimulus.inputs["inputs"].reshape(30, -1, 4, 10)[:, :, :2, 0].sum(axis=1).T
    assert set(np.maximum(left, right)) == {700}
    assert set(np.minimum(left, right)) == {0}


def test_samples_are_functions_of_the_seed_and_differ_from_those_held_out() -> None:
    small = {"cue": 10, "gap": 5, "delay": 20, "recall": 15}
    a, b, other = cue_task(1, **small), cue_task(1, **small), cue_task(2, **small)
    more = cue_task(1, **small, train=60, held_out=5)
    first = a.stimulus.inputs["inputs"]
    assert (first == b.stimulus.inputs["inputs"]).all()
    assert (first == more.stimulus.inputs["inputs"][:50]).all()
    assert (a.held_out.inputs["inputs"][:5] == more.held_out.inputs["inputs"]).all()
    assert (first != other.stimulus.inputs["inputs"]).any()
    assert (first != a.held_out.inputs["inputs"]).any()
    assert (a.labels != other.labels).any()


def test_every_epoch_shows_every_sample_once_in_its_own_order() -> None:
    task = cue_task(cue=2, gap=0, delay=0, recall=2)
    _, samples = task.trials(0, 150)
    epochs = samples.reshape(3, 50)
    assert (np.sort(epochs) == np.arange(50)).all()
    assert (epochs[0] != epochs[1]).any()
    parts = [task.trials(first, count)[1] for first, count in ((0, 7), (7, 90), (97, 53))]
    assert (np.concatenate(parts) == samples).all()
    assert (task.trials(50, 50)[1] == epochs[1]).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cues": 4}, "Cues must be an odd number, not 4"),
        ({"cues": 0}, "Cues must be 1 or more, not 0"),
        ({"held_out": 0}, "Held-out must be 1 or more, not 0"),
        ({"gap": -1}, "Gap must be 0 or more ticks"),
        ({"rate": 1.5}, "Rate must be 0 to 1, not 1.5"),
        ({"astray": -0.1}, "Astray must be 0 to 1, not -0.1"),
    ],
)
def test_cues_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cue_accumulation.Params(**given)


def test_networks_that_do_not_fit_are_refused() -> None:
    params = cue_accumulation.Params(cue=2, gap=0, delay=0, recall=2)
    for made, message in (
        (network(17, 40, 2), "Ticks of cue_accumulation must be 16, not 17"),
        (network(16, 30, 2), "must have a source of 40, then one of 2 targets, and 2 readouts"),
        (network(16, 40, 3), "must have a source of 40, then one of 2 targets, and 2 readouts"),
        (network(16, 40, 2, "fxp-s8/4"), "Inputs of cue_accumulation must be spikes"),
    ):
        with pytest.raises(ValueError, match=message):
            cue_accumulation.Task(params, made, 0)


# Store and recall.


def test_the_value_that_is_stored_is_the_one_to_recall() -> None:
    task = store_task(rate=1.0, steps=5, step=3, values=3, group=2)
    shown = task.stimulus.inputs["inputs"].reshape(200, 5, 3, 5, 2)
    assert (shown == shown[:, :, :1, :, :1]).all()
    steps = shown[:, :, 0, :, 0]
    assert (steps[:, :4, :3].sum(axis=2) == 1).all()
    assert not steps[:, 4, :4].any()
    assert (steps[:, :, 4] == np.eye(5)[4]).all()  # the command to recall is in the last step
    assert (steps[:, :, 3].sum(axis=1) == 1).all()
    stored = steps[:, :, 3].argmax(axis=1)
    assert set(stored) == {0, 1, 2, 3}
    assert (steps[np.arange(200), stored, :3].argmax(axis=1) == task.labels).all()
    targets = task.stimulus.inputs["targets"]
    assert not targets[:, :12].any()
    assert (targets[:, 12:] == 4096 * np.eye(3)[task.labels][:, None]).all()
    assert np.bincount(task.labels).min() > 45


def test_store_and_recall_has_its_rate() -> None:
    task = store_task(rate=0.25)
    shown = task.stimulus.inputs["inputs"].reshape(200, 6, 100, 4, 10).astype(float)
    assert abs(shown[:, :5, :, :2].sum(axis=3).mean() - 0.25) < 0.002
    assert abs(shown[:, 5, :, 3].mean() - 0.25) < 0.005


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"values": 1}, "Values must be 2 or more, not 1"),
        ({"steps": 1}, "Steps must be 2 or more, not 1"),
        ({"step": 0}, "Step must be 1 or more, not 0"),
        ({"rate": 2.0}, "Rate must be 0 to 1, not 2.0"),
    ],
)
def test_steps_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        store_recall.Params(**given)


# Labelled tasks.


def test_spikes_are_drawn_by_sample_tick_and_neuron() -> None:
    p = np.full((3, 5, 7), 0.5)
    p[1, 2] = np.arange(7) / 6
    drawn = spikes(p, 9, Stream.TASK)
    assert (spikes(p[1:], 9, Stream.TASK, 1) == drawn[1:]).all()
    assert (spikes(p[:, :3], 9, Stream.TASK) == drawn[:, :3]).all()
    assert (spikes(p, 9, Stream.TASK + 1) != drawn).any()
    assert (drawn[1, 2, 0], drawn[1, 2, 6]) == (0, 1)  # probabilities 0 and 1
    assert abs(spikes(np.full((10, 100, 31), 0.3), 0, Stream.TASK).mean() - 0.3) < 0.012


@pytest.mark.parametrize("kind", ["compiled", "python", "ideal"])
def test_accuracy_and_loss_are_those_of_the_readouts(kind: str) -> None:
    task = cue_task(cue=3, gap=1, delay=2, recall=4, rate=0.5, train=6, held_out=5)
    session = Session(task.plan, 4, kind)
    outcome = session.evaluate(task.stimulus, np.arange(6), record=True)
    y = outcome.signals.astype(float) / (1 if kind == "ideal" else 4096)
    assert (real(task.readout, outcome) == y).all()
    answers = y[:, -4:].sum(axis=1).argmax(axis=1)
    found = task.measure(session)
    assert found["train accuracy"] == (answers == task.labels).mean()
    assert set(found) == {"train accuracy", "held-out accuracy"}
    samples = np.array([3, 0])
    shown = session.evaluate(task.stimulus, samples, record=True)
    p = np.exp(y[samples, -4:])
    p /= p.sum(axis=2, keepdims=True)
    want = [-np.log(p[k, :, task.labels[sample]]).mean() for k, sample in enumerate(samples)]
    assert task.losses(shown, samples) == pytest.approx(want)


def test_readouts_that_say_nothing_answer_the_first_class() -> None:
    task = cue_task(cue=3, gap=1, delay=2, recall=4)
    session = Session(task.plan, 0)
    session.set_weights("inputs_to_readout", np.zeros((40, 2), int))
    outcome = session.evaluate(task.stimulus, np.arange(3), record=True)
    assert task.losses(outcome, np.arange(3)) == pytest.approx(np.full(3, np.log(2)))
    assert task.measure(session)["train accuracy"] == (task.labels == 0).mean()


# Recordings.


def test_basic_motions_are_sktimes_standardised() -> None:
    from sktime.datasets import load_basic_motions

    task = recorded("basic_motions", 100, 6, 4)
    assert task.names == ["badminton", "running", "standing", "walking"]
    series, names = load_basic_motions(split="train", return_X_y=True, return_type="numpy3D")
    assert [task.names[k] for k in task.labels] == list(names)
    mean = series.mean(axis=(0, 2))
    want = (series - mean[:, None]) / series.std(axis=(0, 2))[:, None]
    got = task.stimulus.inputs["inputs"]
    assert got.shape == (40, 100, 6)
    assert (got == np.clip(np.round(4096 * want.swapaxes(1, 2)), -32768, 32767)).all()
    assert task.held_out.inputs["inputs"].shape == (40, 100, 6)
    assert (np.bincount(task.held_out_labels) == 10).all()
    assert not task.stimulus.inputs["targets"][:, :50].any()
    assert (task.stimulus.inputs["targets"][:, 50:] == 4096 * np.eye(4)[task.labels][:, None]).all()


def test_japanese_vowels_end_with_the_trial() -> None:
    task = recorded("japanese_vowels", 29, 12, 9)
    got = task.stimulus.inputs["inputs"]
    assert got.shape == (270, 29, 12)
    assert task.held_out.inputs["inputs"].shape == (370, 29, 12)
    shown = got.any(axis=2)
    lengths = shown.sum(axis=1)
    assert (lengths.min(), lengths.max()) == (7, 26)
    assert (shown == (np.arange(29) >= 29 - lengths[:, None])).all()
    assert (np.bincount(task.labels) == 30).all()
    assert task.held_out.inputs["inputs"].any(axis=2).sum(axis=1).max() == 29
    together = got[shown] / 4096
    assert abs(together.mean(axis=0)).max() < 1e-3
    assert together.std(axis=0) == pytest.approx(np.ones(12), abs=2e-3)


def test_samples_of_a_recording_are_held() -> None:
    once = recorded("japanese_vowels", 29, 12, 9).stimulus.inputs["inputs"]
    held = recorded("japanese_vowels", 87, 12, 9, hold=3).stimulus.inputs["inputs"]
    assert (held == np.repeat(once, 3, axis=1)).all()


def test_channels_are_those_of_each_recording() -> None:
    from sktime.datasets import load_japanese_vowels

    (series, labels), (others, _), names, longest = recordings.recordings(load_japanese_vowels)
    assert max(map(len, series)) == 26
    assert max(map(len, others)) == longest == 29
    assert (len(series), len(labels), len(others)) == (270, 270, 370)
    assert names == list("123456789")
    assert {x.shape[1] for x in series} == {12}


@pytest.mark.parametrize(
    ("name", "shape", "each"),
    [("basic_motions", (100, 6, 4), 3), ("japanese_vowels", (29, 12, 9), 10)],
)
def test_settings_can_be_chosen_without_the_test_part(
    name: str, shape: tuple[int, int, int], each: int
) -> None:
    whole, part = recorded(name, *shape), recorded(name, *shape, validation=each)
    assert (np.bincount(part.held_out_labels) == each).all()
    left = np.bincount(whole.labels) - each
    assert (np.bincount(part.labels) == left).all()
    places = np.arange(len(whole.labels))
    apart = np.sort([places[whole.labels == label][-each:] for label in range(shape[2])], None)
    # Standardised by what is learned from alone, so as one line for each channel.
    module = task_module(name)
    load = recordings.loader(f"load_{name}")
    series, _ = load(split="train", return_X_y=True, return_type="df-list")
    kept = np.concatenate(
        [x.to_numpy() for k, x in enumerate(series) if k not in set(apart.tolist())]
    )
    wanted = [(series[k].to_numpy() - kept.mean(axis=0)) / kept.std(axis=0) for k in apart]
    signal = part.source.signal
    assert (part.held_out.inputs["inputs"] == recordings.inputs(wanted, signal, shape[0], 1)).all()
    with pytest.raises(ValueError, match="Validation must be 0 or more, not -1"):
        module.Params(validation=-1)
    least = int(np.bincount(whole.labels).min())
    with pytest.raises(ValueError, match=f"Validation must be 0 to {least - 1} of each class, not"):
        recorded(name, *shape, validation=least)
    assert len(recorded(name, *shape, validation=least - 1).labels) == shape[2]


def test_recordings_are_the_same_whatever_the_seed() -> None:
    made = network(100, 6, 4, "fxp-s16/12")
    module = task_module("basic_motions")
    one, other = (module.Task(module.Params(), made, seed) for seed in (0, 5))
    for a, b in ((one.stimulus, other.stimulus), (one.held_out, other.held_out)):
        assert all((a.inputs[name] == b.inputs[name]).all() for name in ("inputs", "targets"))
    assert (one.trials(0, 40)[1] != other.trials(0, 40)[1]).any()


def test_without_sktime_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sktime", None)
    for name in ("basic_motions", "japanese_vowels"):
        assert main(["learn", name]) == 2
        assert capsys.readouterr().err == (
            "goldenspike: sktime must be installed for recordings: "
            "install the Python package sktime\n"
        )


@pytest.mark.parametrize("name", ["basic_motions", "japanese_vowels"])
def test_recordings_that_do_not_fit_are_refused(name: str) -> None:
    module = task_module(name)
    for given in ({"hold": 0}, {"window": 0}):
        (noun,) = given
        with pytest.raises(ValueError, match=f"{noun.capitalize()} must be 1 or more ticks"):
            module.Params(**given)
    with pytest.raises(ValueError, match=f"Ticks of {name} must be"):
        recorded(name, 30, 6, 4)
    ticks, channels, classes = (100, 6, 4) if name == "basic_motions" else (29, 12, 9)
    with pytest.raises(ValueError, match=f"then one of {classes} targets, and {classes} readouts"):
        recorded(name, ticks, channels, classes + 1)


# Pattern generation.


def reference_loss(task: pattern_generation.Task, ticks: int) -> float:
    """Return the loss of NEST's network with a task's data, in floating point."""
    into, recurrent, out = (task.weights[name] for name in pattern_generation.PROJECTIONS[:3])
    shown = task.stimulus.inputs["inputs"][0]
    decay, threshold = np.exp(-1 / 30), 0.03
    v, z, y, loss = np.zeros(len(recurrent)), np.zeros(len(recurrent)), 0.0, 0.0
    for t in range(ticks):
        v = decay * v + (1 - decay) * (shown[t] @ into + z @ recurrent) - threshold * z
        z = (v >= threshold).astype(float)
        y = decay * y + (1 - decay) * (z @ out[:, 0])
        loss += 0.5 * (y - task.target[t]) ** 2
    return loss


def pattern_plan(ticks: int, inputs: int, hidden: int) -> Plan:
    populations = [
        {"name": "inputs", "size": inputs, "model": "source"},
        {"name": "targets", "size": 1, "model": "source", "signal": "fxp-s40/36"},
        {
            "name": "hidden",
            "size": hidden,
            "model": "lif",
            "membrane": "fxp-s32/28",
            "decay": 0.96721610048,
            "threshold": 0.03,
            "drive": "complement",
            "factor": "fxp-u25/24",
        },
        {
            "name": "readout",
            "size": 1,
            "model": "leaky_readout",
            "output": "fxp-s32/28",
            "decay": 0.96721610048,
            "drive": "complement",
            "factor": "fxp-u25/24",
        },
    ]
    projections = [
        {"pre": "inputs", "post": "hidden", "weight": "fxp-s26/22"},
        {"pre": "hidden", "post": "hidden", "weight": "fxp-s26/22", "delay": 1},
        {"pre": "hidden", "post": "readout", "weight": "fxp-s26/22"},
    ]
    return network(ticks, inputs, 1, population=populations, projection=projections)


def test_pattern_generation_is_nests_recipe() -> None:
    task = pattern_generation.Task(pattern_generation.Params(), pattern_plan(1000, 100, 100), 1)
    assert reference_loss(task, 1000) == pytest.approx(NEST, rel=1e-12)
    assert (task.target[0], abs(task.target).max()) == (0, 1)
    assert not task.stimulus.inputs["inputs"][0, 0].any()
    assert (np.diag(task.weights["hidden_to_hidden"]) == 0).all()
    assert (task.stimulus.inputs["targets"][0, :, 0] == np.round(task.target * 2.0**36)).all()


def test_sessions_begin_with_the_recipes_weights() -> None:
    task = pattern_generation.Task(pattern_generation.Params(), pattern_plan(60, 20, 10), 5)
    session = Session(task.plan, 0)
    task.initial(session)
    for name in pattern_generation.PROJECTIONS[:3]:
        assert abs(session.weights(name) - task.weights[name]).max() <= 2.0**-23
    found = task.measure(session)
    assert found["loss"] == pytest.approx(reference_loss(task, 60), rel=1e-4)
    stimulus, samples = task.trials(7, 3)
    assert list(samples) == [0, 0, 0]
    outcome = session.evaluate(stimulus, samples, record=True)
    assert task.losses(outcome, samples) == pytest.approx(np.full(3, found["loss"]))


def test_patterns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="Rate must be 0 to 1, not 3"):
        pattern_generation.Params(rate=3)
    with pytest.raises(ValueError, match="must have a projection inputs_to_hidden"):
        pattern_generation.Task(pattern_generation.Params(), network(60, 20, 1), 1)
    with pytest.raises(ValueError, match="Ticks of pattern_generation must be 5 or more, not 4"):
        pattern_generation.Task(pattern_generation.Params(), pattern_plan(4, 20, 10), 1)
