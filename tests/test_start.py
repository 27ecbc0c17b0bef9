"""How networks start, and what is said when their formats keep them from learning."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldenspike.golden import start
from goldenspike.golden.fixed import Format
from goldenspike.golden.health import (
    Count,
    Watch,
    holding,
    share,
    showing,
    start_findings,
)
from goldenspike.golden.network import Network, Population, Projection, Source
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.rules import delta_rule, stdp
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.tools import cosim, device, results
from goldenspike.tools.cli import main
from goldenspike.tools.experiment import shipped
from goldenspike.tools.job import prepare

F = Format.parse
STDP: dict[str, Any] = {
    "trace": F("fxp-u12/10"),
    "pre_decay": 0.5,
    "post_decay": 0.5,
    "amplitude": F("fxp-u10/12"),
    "plus": 0.05,
    "minus": 0.05,
}
NEURON = lif.Params(F("fxp-s14/10"), 0.875, 0.5)


def network(weight: str, rule: Any = None, size: int = 200, **more: Any) -> Network:
    """Return a network of one projection."""
    return Network(
        4,
        (Population("a", size, Source()), Population("b", 5, NEURON)),
        (Projection("a", "b", F(weight), rule=rule, **more),),
    )


def started(weight: str, rule: Any = None, kind: str = "compiled", **more: Any) -> Session:
    return Session(plan(network(weight, rule, **more)), 7, kind)


def told(session: Session) -> list[str]:
    return [text for _, text in start_findings(session.plan, session.starts)]


# The start


def test_weights_that_their_format_clips_are_counted_and_float64_has_them_unclipped():
    fixed, ideal = (started("fxp-s8/14", initial=0.3, kind=k) for k in ("compiled", "ideal"))
    (q,) = fixed.plan.projections
    real = start.real_weights(q, 7)
    fmt = q.weight
    beyond = (np.rint(real / fmt.lsb) < fmt.low) | (np.rint(real / fmt.lsb) > fmt.high)
    assert 0.8 < beyond.mean() < 0.9
    assert fixed.starts["a_to_b"].clipped == ideal.starts["a_to_b"].clipped == beyond.sum()
    assert (ideal.weights("a_to_b") == np.rint(real / fmt.lsb) * fmt.lsb).all()
    assert (ideal.weights("a_to_b") == fixed.weights("a_to_b"))[~beyond].all()
    assert abs(ideal.weights("a_to_b")).max() > 0.9
    (line,) = told(fixed)
    found = re.fullmatch(
        r"Initial weights of a_to_b, fxp-s8/14, (.*) % are clipped to its ends: "
        r"they are (\S+) to (\S+); take (\S+)",
        line,
    )
    assert found is not None
    assert float(found[1]) == pytest.approx(100 * beyond.mean(), abs=0.05)
    wanted = F(found[4])
    assert wanted.frac == 14
    assert wanted.to_float(wanted.low) <= real.min() <= real.max() <= wanted.to_float(wanted.high)
    assert told(started(str(wanted), initial=0.3)) == []


def test_weights_that_round_to_0_are_counted():
    session = started("fxp-s8/2", initial=0.05)
    (q,) = session.plan.projections
    real = start.real_weights(q, 7)
    lost = (np.abs(real) <= q.weight.lsb / 2) & (real != 0)
    assert session.starts["a_to_b"].lost == lost.sum()
    (line,) = told(session)
    assert line.startswith("Initial weights of a_to_b, fxp-s8/2, ")
    assert f"{share(int(lost.sum()), 1000)} round to 0" in line
    finer = line.rpartition("take ")[2]
    assert told(started(finer, initial=0.05)) == []


def test_a_format_that_suffices_is_not_spoken_of():
    for kind in ("compiled", "python", "ideal"):
        assert told(started("fxp-s12/8", initial=1.0, kind=kind)) == []
    assert told(started("fxp-s12/8")) == []  # All of them are to be 0.


def test_a_spread_as_wide_as_the_format_is_spoken_of():
    (line,) = told(started("fxp-s8/6", initial=5.0))
    clipped = re.search(r"([\d.]+) % are clipped", line)
    assert clipped is not None
    assert float(clipped[1]) > 60


BAD_STARTS = [
    ({"mean": float("nan")}, "Mean of a_to_b must be finite, not nan"),
    ({"mean": float("inf")}, "Mean of a_to_b must be finite, not inf"),
    ({"mean": 1000.0}, "Mean of a_to_b must be representable in fxp-s8/6, not 1000.0 (nearest 1.9"),
    ({"mean": 1000.0, "initial": 0.1}, "Mean of a_to_b must be -2.0 to 1.984375 in fxp-s8/6, not"),
    ({"mean": 0.003}, "Mean of a_to_b must be representable in fxp-s8/6, not 0.003 (nearest 0.0)"),
    ({"initial": float("nan")}, "Initial of a_to_b must be finite, not nan"),
    ({"initial": float("inf")}, "Initial of a_to_b must be finite, not inf"),
    (
        {"mean": 0.75, "rule": stdp.Params(**STDP, low=0.0, high=0.5)},
        "Mean of a_to_b must be 0.0 to 0.5, the bounds of its rule, in fxp-s8/6, not 0.75",
    ),
    (
        {"mean": 0.25, "pattern": "blocks", "rule": stdp.Params(**STDP, low=0.125)},
        "Pattern of a_to_b must be 'full' for weights of 0.125 to 1.984375, not 'blocks'",
    ),
]


@pytest.mark.parametrize(("more", "message"), BAD_STARTS)
def test_a_start_that_cannot_be_is_refused(more: dict[str, Any], message: str):
    with pytest.raises(ValueError, match="must be") as caught:
        plan(network("fxp-s8/6", **more))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("kind", ["compiled", "ideal"])
def test_weights_start_within_the_bounds_of_their_rule(kind: str):
    rule = stdp.Params(**STDP, low=0.0, high=0.5)
    session = started("fxp-s10/8", rule, kind, mean=0.25, initial=0.25)
    real = start.real_weights(session.plan.projections[0], 7)
    outside = (np.rint(real * 256) < 0) | (np.rint(real * 256) > 128)
    assert session.starts["a_to_b"].bounded == outside.sum() > 100
    assert session.starts["a_to_b"].clipped == 0
    weights = session.weights("a_to_b")
    if kind == "compiled":
        assert (weights.min(), weights.max()) == (0.0, 0.5)
        assert (weights == np.clip(np.rint(real * 256) / 256, 0, 0.5)).all()
    (line,) = told(session)
    assert "are clipped to the bounds of its rule: they are -" in line


def test_written_weights_beyond_the_bounds_of_the_rule_are_refused(tmp_path, capsys):
    text = shipped()["assembly_pairs"].read_text()
    weights, narrower = tmp_path / "weights.npz", tmp_path / "narrower.toml"
    results.write_weights(weights, prepare("assembly_pairs").session())
    narrower.write_text(text.replace("high = 0.48", "high = 0.01").replace("0.02", "0.01"))
    assert main(["cosim", str(narrower), "--weights", str(weights)]) == 2
    assert capsys.readouterr().err == (
        f"goldenspike: {weights}: Weights of neurons_to_neurons must be 0.0 to 0.0099945068359375, "
        "the bounds of its rule, but 1024 of 1024 are beyond\n"
    )


def test_a_start_given_by_a_task_is_counted_as_one_that_is_drawn():
    session = started("fxp-s8/6")
    session.start_weights("a_to_b", np.full((200, 5), 3.0))
    assert session.starts["a_to_b"].clipped == 1000
    assert session.weights("a_to_b").max() == 127 / 64
    with pytest.raises(ValueError, match=r"^Weights of a_to_b must be of shape \(200, 5\), not"):
        session.start_weights("a_to_b", np.zeros((5, 200)))
    with pytest.raises(ValueError, match=r"^Value must be finite, not nan"):
        session.start_weights("a_to_b", np.full((200, 5), np.nan))


def test_a_network_that_no_memory_holds_is_refused_with_its_bytes(monkeypatch):
    large = plan(network("fxp-s16/10", size=65535))
    monkeypatch.setattr(start, "available", lambda: 10**6)
    with pytest.raises(ValueError, match="memory") as caught:
        Session(large)
    need = sum(start.memory(large).values())
    assert str(caught.value) == (
        f"Network must fit this machine's memory of 1000000 bytes, but needs about {need}, "
        f"{65535 * 5 * 32} of them for the 65535 x 5 synapses of a_to_b"
    )
    monkeypatch.undo()
    assert start.available() > 10**8


def test_a_command_refuses_a_network_that_no_memory_holds(tmp_path, capsys):
    path = tmp_path / "large.toml"
    text = shipped()["cue_accumulation"].read_text()
    for name, size in (("inputs", 40), ("hidden", 100)):
        assert f"size = {size}" in text, name
    path.write_text(text.replace("size = 100", "size = 65535"))
    assert main(["learn", str(path), "--trials", "1", "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert "Network must fit this machine's memory of" in printed
    assert "65535 x 65535 synapses of hidden_to_hidden" in printed
    assert not (tmp_path / "out").exists()


# Learning


def test_counts_are_of_what_is_stored():
    count = Count(F("fxp-s4/0"))
    count.add([0, 0, 1, 7, -8, 7], [0.0, 0.25, 1.0, 7.0, -9.5, 30.0])
    assert (count.seen, count.lost, count.clipped, count.largest) == (5, 1, 3, 30.0)
    assert count.problem("X", "now") == (
        "X, fxp-s4/0, 60 % of the time at the ends of its format now: the largest was 30; "
        "take fxp-s6/0"
    )
    meant = Count(F("fxp-s4/0"))
    meant.add([7, 7, -8, -8], [7.0, 7.6, -8.25, -9.0], known=True)
    assert (meant.seen, meant.clipped) == (4, 2)
    rounded = Count(F("fxp-s4/0"))
    rounded.add([0] * 20, [0.25] * 20)
    assert rounded.problem("X", "now") == (
        "X, fxp-s4/0, 100 % of the time rounded to 0 now: the largest was 0.25; take fxp-s12/8"
    )
    assert Count(F("fxp-s4/0")).problem("X", "now") is None


def test_formats_that_are_proposed_hold_what_was_seen():
    for largest in (1e-9, 0.3, 1.0, 77.0, 1e6):
        wide, fine = holding(F("fxp-s8/4"), largest), showing(F("fxp-s8/4"), largest)
        assert wide.to_float(wide.high) >= min(largest, 2.0**57)
        assert largest / fine.lsb >= 2**6
        assert fine.to_float(fine.low) == -8
    assert holding(F("fxp-s8/4"), 1e30).width == 62


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0 %"), (1, "0.1 %"), (500, "5 %"), (9999, "99.9 %"), (10000, "100 %")]
)
def test_shares_of_all_and_of_none_are_exact(part: int, text: str):
    assert share(part, 10000) == text


SMALL = Path(__file__).with_name("tiny.toml").read_text()


def written(folder: Path, *changes: tuple[str, str]) -> str:
    """Write the tiny experiment with other formats."""
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "small.toml"
    path.write_text(text)
    return str(path)


def warned(capsys: Any) -> list[str]:
    marked = "goldenspike: warning: "
    lines = capsys.readouterr().err.splitlines()
    return [line.removeprefix(marked) for line in lines if line.startswith(marked)]


def learned(name: str, folder: Path, *more: str) -> int:
    return main(["learn", name, "--trials", "80", "--out", str(folder / "out"), *more])


def test_factors_that_all_round_to_0_are_warned_of(tmp_path, capsys):
    coarse = written(tmp_path, ('factor = "fxp-s12/8"', 'factor = "fxp-s12/1"'))
    assert learned(coarse, tmp_path) == 0
    (line,) = warned(capsys)
    found = re.fullmatch(
        r"Factor of inputs_to_outputs, fxp-s12/1, (\S+) % of the time rounded to 0 in the first 64 "
        r"trials: the largest was (\S+); take (\S+)",
        line,
    )
    assert found is not None
    assert float(found[1]) >= 95
    fine = written(tmp_path, ('factor = "fxp-s12/8"', f'factor = "{found[3]}"'))
    assert learned(fine, tmp_path) == 0
    assert warned(capsys) == []


def test_factors_at_the_ends_of_their_format_are_warned_of(tmp_path, capsys):
    narrow = written(tmp_path, ('factor = "fxp-s12/8"', 'factor = "fxp-s3/8"'))
    assert learned(narrow, tmp_path, "--no-float") == 0
    (line,) = warned(capsys)
    assert line.startswith("Factor of inputs_to_outputs, fxp-s3/8, ")
    assert "% of the time at the ends of its format in the first 64 trials" in line
    wide = written(tmp_path, ('factor = "fxp-s12/8"', f'factor = "{line.rpartition(" ")[2]}"'))
    assert learned(wide, tmp_path, "--no-float") == 0
    assert warned(capsys) == []


def test_updates_that_all_round_to_0_are_warned_of(tmp_path, capsys):
    slow = ("eta = 0.03125", "eta = 1e-5"), ('factor = "fxp-s12/8"', 'factor = "fxp-s30/28"')
    coarse = written(tmp_path, *slow)
    assert learned(coarse, tmp_path) == 0
    (line,) = warned(capsys)
    found = re.fullmatch(
        r"Weights of inputs_to_outputs, fxp-s12/9, 100 % unchanged after 64 trials: float64's "
        r"change by (\S+) a trial; take (\S+), or rounding 'stochastic'",
        line,
    )
    assert found is not None
    assert learned(coarse, tmp_path, "--no-float") == 0
    (line,) = warned(capsys)
    assert "100 % unchanged after 64 trials, although factors are not 0; take fxp-s" in line
    fine = written(tmp_path, *slow, ('weight = "fxp-s12/9"', f'weight = "{found[2]}"'))
    assert learned(fine, tmp_path) == 0
    assert warned(capsys) == []


def test_rewards_at_the_ends_of_their_format_are_warned_of(tmp_path, capsys):
    narrow = written(tmp_path, ('reward = "fxp-s16/8"', 'reward = "fxp-s4/8"'))
    assert learned(narrow, tmp_path) == 0
    lines = [line for line in warned(capsys) if line.startswith("Reward, fxp-s4/8, ")]
    assert len(lines) == 1
    assert "% of the time at the ends of its format" in lines[0]


def test_the_counts_of_factors_are_exact(tmp_path):
    job = prepare(written(tmp_path, ('factor = "fxp-s12/8"', 'factor = "fxp-s2/4"')))
    session = job.session()
    session.watch = watch = Watch(session)
    stimulus, samples = job.task.trials(0, 64)
    factors = []
    variable = job.plan.variables["inputs_to_outputs.factor"].number
    outcome = session.copy().learn(stimulus, samples, trace_rows=10**4, traced=True)
    factors = [value for _, number, _, value in outcome.trace.tolist() if number == variable]
    assert len(factors) == 64
    count = watch.factors["inputs_to_outputs"]
    there = outcome.rewards != 0
    assert count.seen == there.sum() > 32
    assert count.lost == (np.array(factors)[there] == 0).sum() > 0
    assert 0 < count.clipped <= np.isin(np.array(factors), (-2, 1)).sum()
    session.learn(stimulus, samples)
    assert watch.factors["inputs_to_outputs"].seen == count.seen  # The first 64 trials only.


def test_a_watched_session_learns_the_same_bits(tmp_path):
    job = prepare(written(tmp_path))
    plain, seen = job.session(), job.session()
    seen.watch = Watch(seen)
    for session in (plain, seen):
        for first in (0, 1, 9):
            session.learn(*job.task.trials(first, 8))
    assert all((plain.arrays[name] == seen.arrays[name]).all() for name in plain.arrays)


def taught(**more: Any) -> tuple[Plan, Stimulus]:
    """Return a readout that a delta rule teaches, and an error for it that never ends."""
    rule: dict[str, Any] = {
        "modulator": "e",
        "eta": 0.25,
        "factor": F("fxp-s12/10"),
        "trace": F("fxp-u10/4"),
        "trace_decay": 0.875,
    }
    readout = leaky_readout.Params(F("fxp-s12/6"), 0.5)
    made = Network(
        20,
        (
            Population("a", 6, Source()),
            Population("e", 1, Source(F("fxp-s8/4"))),
            Population("b", 3, readout),
        ),
        (Projection("a", "b", F("fxp-s16/10"), rule=delta_rule.Params(**rule | more)),),
    )
    ones = np.ones((1, 20, 6), np.int64), np.full((1, 20, 1), 8)
    return plan(made), Stimulus(dict(zip("ae", ones, strict=True)))


def seen(trials: int = 4, **more: Any) -> list[str]:
    """Return what is found when that network learns."""
    made, stimulus = taught(**more)
    session = Session(made, 1, "python")
    session.watch = watch = Watch(session)
    session.learn(stimulus, [0] * trials)
    return [text for _, text in watch.findings()]


def test_traces_that_saturate_are_warned_of():
    assert seen() == []
    (line,) = seen(trace=F("fxp-u6/4"))  # To 4; eight spikes' worth is 8.
    assert line == (
        "Trace a_to_b.pre_zbar, fxp-u6/4, 100 % of the time at the ends of its format at the end "
        "of trials in the first 4 trials: the largest was 3.94; take fxp-u7/4"
    )


def test_factors_of_rules_with_traces_are_counted_too():
    (line,) = seen(eta=2.0**-12)
    assert line == (
        "Factor of a_to_b, fxp-s12/10, 100 % of the time rounded to 0 in the first 4 trials: the "
        "largest was 0.000122; take fxp-s21/19"
    )
    assert (
        seen(eta=2.0**-12, factor=F("fxp-s21/19")) == []
        or "unchanged" in seen(eta=2.0**-12, factor=F("fxp-s21/19"))[0]
    )
    (line,) = seen(eta=8.0)
    assert line.startswith("Factor of a_to_b, fxp-s12/10, 100 % of the time at the ends")


def test_what_was_told_is_not_told_again():
    made, stimulus = taught(eta=2.0**-12)
    session = Session(made, 1, "python")
    session.watch = watch = Watch(session)
    session.learn(stimulus, [0])
    assert len(watch.findings()) == 1
    session.learn(stimulus, [0])
    assert watch.findings() == []


def test_cosim_and_device_warn_as_learn_does(tmp_path, capsys, monkeypatch):
    coarse = written(
        tmp_path,
        ('factor = "fxp-s12/8"', 'factor = "fxp-s12/-9"'),
        ('weight = "fxp-s12/9"', 'weight = "fxp-s12/9"\ninitial = 9.0'),
    )
    options = ["--simulator", "icarus", "--trials", "12", "--lanes", "1"]
    assert main(["cosim", coarse, *options]) == 0
    lines = warned(capsys)
    assert [line.split(",")[0] for line in lines] == [
        "Initial weights of inputs_to_outputs",
        "Factor of inputs_to_outputs",
    ]
    assert main(["cycles", coarse]) == 0
    assert [line.split(",")[0] for line in warned(capsys)] == lines[0].split(",")[:1]

    class Board:
        """What learns as golden does, in the place of a board."""

        def __init__(self, _: str, job: Any, **__: Any) -> None:
            self.job = job

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def load(self, session: Session) -> None:
            self.session = session.copy()

        def verify(self, trials: int, moved: Any) -> Any:
            self.session.copy().learn(*self.job.task.trials(0, trials))
            return device.Verification(trials, 0, 0, 0, 0.0, None)

    monkeypatch.setattr(device, "Device", Board)
    monkeypatch.setattr(device, "report", lambda *_: None)
    assert main(["device", coarse, "--port", "none", "--trials", "12"]) == 0
    assert [line.split(",")[0] for line in warned(capsys)] == [line.split(",")[0] for line in lines]


def test_both_simulators_are_watched_once(tmp_path):
    job = prepare(written(tmp_path))
    session = cosim.begin(job, None, 0)
    assert session.watch is None


@pytest.mark.parametrize("name", ["digits", "cue_association", "xor_two_sided", "linear_weight"])
def test_shipped_experiments_have_nothing_to_warn_of(name, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["learn", name, "--trials", "70", "--no-float", "--out", out]) == 0
    assert warned(capsys) == []


@pytest.mark.long
@pytest.mark.parametrize("name", shipped())
def test_no_shipped_experiment_has_anything_to_warn_of(name, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["learn", name, "--trials", "70", "--out", out]) == 0
    assert warned(capsys) == []
