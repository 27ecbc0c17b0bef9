"""e-prop in floating point, which golden is compared with: NEST's losses, true gradients."""

from __future__ import annotations

import numpy as np
import pytest


def test_the_losses_are_those_of_nest(reference_eprop):
    assert reference_eprop.losses(5) == pytest.approx(reference_eprop.NEST_LOSSES, rel=1e-12)


def test_traces_forward_in_time_give_the_same_gradient(reference_eprop):
    """The recurrence of the papers, tick by tick: e, ebar, and their sums."""
    r = reference_eprop
    task = r.draw()
    trial = r.forward(task.weights, task.x)
    keep, error = r.DECAY, trial.y - task.target
    zbar, ebar, along, summed = np.zeros((4, r.NEURONS, r.NEURONS))
    before = np.vstack([np.zeros(r.NEURONS), trial.z[:-1]])
    for t in range(r.TICKS):
        zbar = keep * zbar + (1 - keep) * before[t][:, None]
        psi = r.GAMMA / r.THRESHOLD * np.maximum(0, 1 - np.abs(trial.v[t] / r.THRESHOLD - 1))
        e = psi * zbar
        ebar = keep * ebar + (1 - keep) * e
        along += ebar * error[t] * task.feedback
        summed += e
    rates = trial.z.sum(axis=0) / r.TICKS
    along += r.REGULARISATION * (rates - r.TARGET_RATE) / r.TICKS * summed
    np.fill_diagonal(along, 0)
    assert r.gradient(task, trial).recurrent == pytest.approx(along, rel=1e-9, abs=1e-12)


def test_given_spikes_are_followed(reference_eprop):
    r = reference_eprop
    task = r.draw()
    free = r.forward(task.weights, task.x)
    given = r.forward(task.weights, task.x, free.z)
    assert all((a == b).all() for a, b in zip(free, given, strict=True))
    silent = r.forward(task.weights, task.x, np.zeros_like(free.z))
    assert silent.y.max() == 0
    assert r.loss(silent, task.target) == pytest.approx(126.9, abs=0.05)


@pytest.mark.long
def test_the_loss_falls_to_that_of_400_iterations(reference_eprop):
    assert reference_eprop.losses(401)[400] == pytest.approx(22.5, abs=0.05)
