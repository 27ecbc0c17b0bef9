"""E-prop in fixed point against NEST's losses, and against the gradient in floating point."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import Format
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session
from goldenspike.tools.job import prepare

TOLERANCE = 1e-7
"""Of the losses, relative; with 30 fraction bits."""
GRADIENT = 1e-2
"""Root mean square of the gradient's error over that of the gradient, with 16 fraction bits."""


@pytest.mark.parametrize("kind", ["compiled", "ideal"])
def test_the_losses_are_nests(kind: str, reference_eprop: Any) -> None:
    job = prepare("pattern_generation_30")
    session = job.session(kind=kind)
    stimulus, samples = job.task.trials(0, 5)
    losses = job.task.losses(session.learn(stimulus, samples, record=True), samples)
    assert losses == pytest.approx(reference_eprop.NEST_LOSSES, rel=TOLERANCE)


def test_the_gradient_of_given_spikes_with_16_bits(reference_eprop: Any) -> None:
    """The change of the weights is ``-eta G``; the float reference follows golden's spikes.

    Weights have the values of 16 fraction bits but 10 bits more, so that their change is seen.
    """
    job = prepare("pattern_generation")
    given = job.experiment.network
    network = replace(
        given,
        readout="hidden",
        projections=tuple(
            q if q.rule is None else replace(q, weight=Format.parse("fxp-s28/26"))
            for q in given.projections
        ),
    )
    session, coarse = Session(plan(network), 1), job.session()
    before = {}
    for q in session.plan.projections:
        raw = coarse.arrays[f"{q.name}.w"].astype(np.int64)
        session.set_weights(q.name, raw << 10 if q.learner is not None else raw)
        before[q.name] = session.weights(q.name)
    spikes = session.learn(job.task.stimulus, [0], record=True).signals[0].astype(float)
    task = reference_eprop.draw()
    wanted = reference_eprop.gradient(task, reference_eprop.forward(task.weights, task.x, spikes))
    for name, gradient in (
        ("inputs_to_hidden", wanted.inputs),
        ("hidden_to_hidden", wanted.recurrent),
        ("hidden_to_readout", wanted.outputs),
    ):
        change = before[name] - session.weights(name)
        found = change.reshape(gradient.shape) / reference_eprop.ETA
        error = np.sqrt(((found - gradient) ** 2).mean() / (gradient**2).mean())
        assert error < GRADIENT, name
