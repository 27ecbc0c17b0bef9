"""Where golden and core differ, the place is named; a core that hangs is found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import Format
from goldenspike.golden.modulators import paired
from goldenspike.golden.network import Network, Population, Projection, Reward, Source
from goldenspike.golden.neurons import lif
from goldenspike.golden.plan import Plan, plan
from goldenspike.golden.rules import node_perturbation
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import host
from goldenspike.sim import lockstep as checked
from goldenspike.sim.lockstep import LockstepError, Mismatch, lockstep

F = Format.parse
Run = Callable[[], Mismatch | None]
Change = Callable[[Session, Stimulus], None]
Tamper = Callable[[Change], None]


@pytest.fixture(scope="module")
def planned() -> Plan:
    """Return a network of two spiking inputs and two neurons, whose sums are known by heart."""
    rule = node_perturbation.Params(eta=0.25, sigma=1.0, factor=F("fxp-s12/8"))
    neurons = lif.Params(F("fxp-s10/4"), 1.0, 4.0)
    return plan(
        Network(
            2,
            (Population("a", 2, Source()), Population("b", 2, neurons)),
            (Projection("a", "b", F("fxp-s8/4"), rule=rule),),
            Reward("b", "count_error", paired.Params(), F("fxp-s12/4"), F("fxp-u4/2")),
        )
    )


@pytest.fixture(scope="module")
def built(planned: Plan) -> Any:
    """Return its core in Icarus."""
    return checked.prepare(planned, 2, "icarus")


@pytest.fixture
def small(planned: Plan) -> tuple[Session, Stimulus]:
    """Return a session that has learned five trials, and two samples."""
    session = Session(planned, 1, "python")
    session.trial = 5
    session.set_weights("a_to_b", np.array([[16, 32], [48, 64]]))
    inputs = np.array([[[1, 0], [1, 0]], [[0, 0], [0, 1]]])
    return session, Stimulus({"a": inputs}, np.array([[1, 2], [3, 4]]))


@pytest.fixture
def run(small: tuple[Session, Stimulus], built: Any) -> Run:
    """Give ``run()``: the mismatch of two trials."""
    return lambda: lockstep(*small, [0, 1], lanes=2, simulator="icarus", built=built).mismatch


@pytest.fixture
def tamper(monkeypatch: pytest.MonkeyPatch) -> Tamper:
    """Give ``tamper(change)``: hardware runs on copies of session and stimulus that it changes."""

    def plant(change: Change) -> None:
        script = checked.script

        def tampered(core: Any, session: Session, stimulus: Stimulus, *rest: Any) -> list[int]:
            own = session.copy()
            inputs = {name: raw.copy() for name, raw in stimulus.inputs.items()}
            shown = Stimulus(inputs, stimulus.targets.copy())
            change(own, shown)
            return script(core, own, shown, *rest)

        monkeypatch.setattr(checked, "script", tampered)

    return plant


@pytest.fixture
def judged(networks: dict[str, Network], stimulate: Callable[..., Stimulus]) -> Any:
    """Return a session whose errors come from outside, and three samples."""
    planned = plan(networks["judged"])
    return Session(planned, 5, "python"), stimulate(planned, 2)


def test_without_tampering_nothing_differs(run: Run) -> None:
    assert run() is None


def test_a_weight_shows_where_it_is_used_first(run: Run, tamper: Tamper) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        session.arrays["a_to_b.w"][1, 0] += 3

    tamper(change)
    mismatch = run()
    # Row 1 is delivered in no tick of trial 5, but is learned: 48 and 51 without eligibility.
    assert mismatch == Mismatch(5, "update", "a_to_b.w", (1, 0), 48, 51)
    assert str(mismatch) == "trial 5, update: a_to_b.w[1, 0]: golden 48, hardware 51"


def test_an_input_shows_in_its_tick(
    run: Run, tamper: Tamper, small: tuple[Session, Stimulus]
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        stimulus.inputs["a"][1, 0, 1] = 1

    session, stimulus = small
    alone = session.copy()
    alone.learn(stimulus, [0])
    tamper(change)
    # Trial 6 begins without a spike; the hardware is shown one of input 1.
    weight = int(alone.arrays["a_to_b.w"][1, 0])
    assert run() == Mismatch(6, "pass 0, tick 0", "b.v", (0,), 0, weight)


def test_a_write_of_the_hardware_alone(
    run: Run, tamper: Tamper, small: tuple[Session, Stimulus]
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        stimulus.inputs["a"][1, 0, 0] = 1

    session, stimulus = small
    # Nothing spikes or learns: a row's eligibilities are all that tells them apart.
    session.set_weights("a_to_b", np.zeros((2, 2), int))
    stimulus.targets[...] = 0
    tamper(change)
    mismatch = run()
    assert mismatch is not None
    place = (mismatch.trial, mismatch.step, mismatch.variable, mismatch.golden)
    assert place == (6, "pass 1, tick 0", "a_to_b.e", None)
    assert mismatch.hardware in (-1, 1)
    assert "golden not written, hardware " in str(mismatch)


def test_a_write_of_golden_alone(run: Run, tamper: Tamper, small: tuple[Session, Stimulus]) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        stimulus.inputs["a"][1, 1, 1] = 0

    session, stimulus = small
    session.set_weights("a_to_b", np.zeros((2, 2), int))
    stimulus.targets[...] = 0
    tamper(change)
    mismatch = run()
    assert mismatch is not None
    place = (mismatch.trial, mismatch.step, mismatch.variable, mismatch.index)
    assert place == (6, "pass 1, tick 1", "a_to_b.e", (1, 0))
    assert (mismatch.golden in (-1, 1), mismatch.hardware) == (True, None)
    assert str(mismatch).endswith("hardware not written")


def test_a_target_shows_in_the_error(run: Run, tamper: Tamper) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        stimulus.targets[0, 1] += 1

    tamper(change)
    # Counts of 0 and 1 against targets of 1/4 and 2/4, or 3/4, in sixteenths.
    assert run() == Mismatch(5, "pass 0, tick 1", "reward.error", (), 5, 2)


def test_the_seed_shows_in_the_perturbation(run: Run, tamper: Tamper) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        session.seed += 1

    tamper(change)
    mismatch = run()
    assert mismatch is not None
    assert (mismatch.trial, mismatch.step[:6], mismatch.variable) == (5, "pass 1", "a_to_b.e")


def test_an_error_from_outside_shows_in_its_mean(
    judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, stimulus = judged
    session.arrays["reward.primed"][0] = 1
    script = checked.script

    def tampered(core: Any, session: Session, stimulus: Any, samples: Any, known: Any) -> list[int]:
        return script(core, session, stimulus, samples, known + np.array([[0], [16], [0]]))

    monkeypatch.setattr(checked, "script", tampered)
    known = np.array([[100], [-200], [300]])
    mismatch = lockstep(
        session, stimulus, [0, 1, 2], lanes=1, simulator="icarus", external=known
    ).mismatch
    assert mismatch is not None
    assert (mismatch.trial, mismatch.step, mismatch.variable) == (1, "update", "reward.mean")
    assert mismatch.golden is not None
    # The mean has 4 fraction bits more, and goes a quarter of the way.
    assert mismatch.hardware == mismatch.golden + (16 << 4) // 4


def test_a_digest_that_differs_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    expect = checked.expect
    right = []

    def wrong(*given: Any) -> Any:
        found = expect(*given)
        if len(found.digests) == 10:  # Not when the trial before is run again.
            right.append(found.digests[6])
            found.digests[6] ^= 1 << 31
        return found

    monkeypatch.setattr(checked, "expect", wrong)
    assert run() == Mismatch(6, "pass 0, tick 1", "digest", (), right[0], None)


@pytest.mark.parametrize(
    ("region", "word", "value"), [("registers", 1, 7), ("counts", 1, 1), ("a_inputs", 0, 0)]
)
def test_a_word_read_back_differs(
    run: Run, monkeypatch: pytest.MonkeyPatch, region: str, word: int, value: int
) -> None:
    compare = checked._readback

    def wrong(reads: list[checked.Read], answers: list[int]) -> Any:
        (words,) = [one.words for one in reads if one.region == region]
        assert words[word] == value
        words[word] = value + 2
        return compare(reads, answers)

    monkeypatch.setattr(checked, "_readback", wrong)
    mismatch = run()
    assert mismatch == Mismatch(6, "read back", region, (word,), value + 2, value)


def test_words_that_a_session_does_not_have_are_written_and_read(
    built: Any, small: tuple[Session, Stimulus], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, Any] = {"lanes": 2, "simulator": "icarus", "built": built}
    alone = lockstep(small[0].copy(), small[1], [0, 1], **shown)
    more = lockstep(small[0].copy(), small[1], [0, 1], overwritten=2, **shown)
    assert alone.mismatch is None
    assert more.mismatch is None
    assert more.digest == alone.digest
    assert more.words > alone.words
    load = host.load

    def lost(core: Any, region: str, words: Any) -> list[int]:
        """Return the words with the last error as if it was not written."""
        return load(core, region, [words[0], 0] if region == "errors" else words)

    monkeypatch.setattr(host, "load", lost)
    assert lockstep(small[0].copy(), small[1], [0, 1], **shown).mismatch is None
    mismatch = lockstep(small[0].copy(), small[1], [0, 1], overwritten=2, **shown).mismatch
    assert mismatch is not None
    found = mismatch.trial, mismatch.step, mismatch.variable, mismatch.index, mismatch.hardware
    assert found == (5, "read back before it", "errors", (1,), 0)


def test_an_unknown_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    script = checked.script
    monkeypatch.setattr(checked, "script", lambda *given: [0xF0000000, *script(*given)])
    with pytest.raises(LockstepError, match=r"^Core must understand every command, but set fault$"):
        run()


def test_a_trial_that_never_ends(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    script = checked.script
    monkeypatch.setattr(checked, "script", lambda *given: script(*given)[:-1])  # one run less
    monkeypatch.setattr(checked, "SLOWEST", 3000)
    with pytest.raises(LockstepError, match=r"^Core must end tick 5, but hangs$"):
        run()


def test_an_answer_that_never_comes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "read", lambda core, region: [])
    monkeypatch.setattr(checked, "SLOWEST", 3000)
    with pytest.raises(LockstepError, match=r"^Core must end tick 10, but hangs$"):
        run()


def test_a_digest_too_many(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    expect = checked.expect

    def fewer(*given: Any) -> Any:
        found = expect(*given)
        del found.digests[-1]
        return found

    monkeypatch.setattr(checked, "expect", fewer)
    with pytest.raises(LockstepError, match=r"^Core must make 9 digests, but makes more$"):
        run()


def test_a_failure_of_golden_is_told_and_ends_the_simulation(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: Any) -> Any:
        raise RuntimeError("Golden failed")

    monkeypatch.setattr(checked, "expect", fails)
    with pytest.raises(RuntimeError, match=r"^Golden failed$"):
        run()


def test_a_network_without_a_rule_runs_and_does_not_learn() -> None:
    neurons = Population("b", 2, lif.Params(F("fxp-s10/4"), 1.0, 1.0))
    given = (Population("a", 2, Source()), neurons), (Projection("a", "b", F("fxp-s8/4")),)
    session = Session(plan(Network(2, *given)), 1, "python")
    stimulus = Stimulus({"a": np.ones((1, 2, 2), np.int64)})
    report = lockstep(session, stimulus, [0, 0], lanes=2, simulator="icarus")
    assert (report.trials, report.ticks, report.mismatch) == (2, 4, None)
    said = r"^Network must have a rule to learn by, not none$"
    with pytest.raises(ValueError, match=said):
        lockstep(session, stimulus, [0], runs=[checked.Run("learn", 0)])
    with pytest.raises(ValueError, match=r"^Network must learn after its trials"):
        lockstep(session, stimulus, [0], runs=[checked.Run("split", 0)])
    with pytest.raises(ValueError, match=said):
        session.learn(stimulus, [0])


@pytest.mark.parametrize("difference", [0, 1])
def test_waves_are_recorded(
    small: tuple[Session, Stimulus], tamper: Tamper, tmp_path: Path, difference: int
) -> None:
    def change(session: Session, stimulus: Stimulus) -> None:
        session.arrays["a_to_b.w"][0, 0] += difference

    tamper(change)
    waves = tmp_path / "run.vcd"
    report = lockstep(*small, [0, 1], lanes=2, simulator="icarus", waves=waves)
    assert (report.mismatch is not None) == bool(difference)
    text = waves.read_text()
    assert all(f" {signal} " in text for signal in ("clk", "tick", "digest"))
    assert text.count("\n#") > 100
