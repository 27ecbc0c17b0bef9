"""e-prop in floating point, from its equations: what golden is compared with.

    v   = a v + (1-a) (w_in x + w_rec z(t-1)) - theta z(t-1)         z = v >= theta
    y   = k y + (1-k) w_out z                                        loss = sum_t (y - y*)**2 / 2
    psi = gamma / theta * max(0, 1 - |v - theta| / theta)
    e_ij = psi_i zbar_j      zbar = a zbar + (1-a) (x or z(t-1))      ebar = k ebar + (1-k) e
    G_ij = sum_t L_i ebar_ij + c (f_i - f*) / T sum_t e_ij           L_i = B_i (y - y*)
    G_out = sum_t zbar_out (y - y*)                                  zbar_out = k zbar_out + (1-k) z

It shares no code with golden, and no order of summing either: the readout's filter is moved from
the traces to the learning signal, backwards in time, which makes a gradient one product of
matrices, ``sum_t psi_i zbar_j Lbar_i``. Source: Bellec et al., Nat Commun 11:3625 (2020); the task
is that of NEST's `test_eprop_regression`, whose losses are :data:`NEST_LOSSES`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

NEST_LOSSES = (
    101.964356999041,
    103.466731126205,
    103.340607074771,
    103.680244037686,
    104.412775748752,
)
NEURONS, TICKS = 100, 1000
DECAY = float(np.exp(-1 / 30))
"""Both a and k: membranes and the readout leak alike."""
THRESHOLD, GAMMA = 0.03, 0.3
REGULARISATION, TARGET_RATE = 300.0, 0.01
ETA = 1e-4


class Weights(NamedTuple):
    """Weights ``(pre, post)``, or a gradient of them."""

    inputs: np.ndarray
    recurrent: np.ndarray
    outputs: np.ndarray


class Task(NamedTuple):
    """What is drawn once: the first weights, feedback, inputs ``(ticks, inputs)`` and target."""

    weights: Weights
    feedback: np.ndarray
    x: np.ndarray
    target: np.ndarray


class Trial(NamedTuple):
    """What happened in a trial, tick by tick."""

    v: np.ndarray
    z: np.ndarray
    y: np.ndarray


def draw() -> Task:
    """Return NEST's task; its weights are single precision."""
    random = np.random.RandomState(1)
    root = np.sqrt(NEURONS)
    w_in, w_rec = (random.randn(NEURONS, NEURONS) / root for _ in range(2))
    np.fill_diagonal(w_rec, 0)
    w_out, feedback = (random.randn(NEURONS, 1)[:, 0] / root for _ in range(2))
    x = random.rand(TICKS, NEURONS) < 0.05
    x[0] = False
    amplitudes, phases = random.uniform(0.5, 2, 4), random.uniform(0, 2 * np.pi, 4)
    turns = 2 * np.pi * np.array([1, 2, 3, 5])
    target = (amplitudes * np.sin(np.linspace(phases, phases + turns, TICKS))).sum(axis=1)
    target -= target[0]
    target /= np.abs(target).max()
    single = [w.astype(np.float32).astype(float) for w in (w_in, w_rec, w_out, feedback)]
    return Task(Weights(*single[:3]), single[3], x.astype(float), target)


def forward(weights: Weights, x: np.ndarray, spikes: np.ndarray | None = None) -> Trial:
    """Run a trial from rest.

    Parameters
    ----------
    spikes
        The neurons' spikes ``(ticks, neurons)``, if they are given: membranes follow them.
    """
    v, z = np.zeros((2, NEURONS))
    current = x @ weights.inputs
    potentials, fired = np.zeros((2, len(x), NEURONS))
    for t in range(len(x)):
        drive = (1 - DECAY) * (current[t] + z @ weights.recurrent)
        v = DECAY * v + drive - THRESHOLD * z
        z = (v >= THRESHOLD).astype(float) if spikes is None else spikes[t]
        potentials[t], fired[t] = v, z
    return Trial(potentials, fired, filtered(fired @ weights.outputs))


def filtered(signal: np.ndarray) -> np.ndarray:
    """Return ``s = DECAY s + (1 - DECAY) signal``, tick by tick."""
    return lfilter([1 - DECAY], [1, -DECAY], signal, axis=0)


def loss(trial: Trial, target: np.ndarray) -> float:
    """Return half the squared error summed over the trial."""
    return float(0.5 * ((trial.y - target) ** 2).sum())


def gradient(task: Task, trial: Trial) -> Weights:
    """Return the gradient of a trial; it depends on membranes, spikes and readout alone."""
    ticks = len(task.x)
    error = trial.y - task.target
    psi = GAMMA / THRESHOLD * np.maximum(0, 1 - np.abs(trial.v - THRESHOLD) / THRESHOLD)
    learning = filtered((error[:, None] * task.feedback)[::-1])[::-1]
    rates = trial.z.sum(axis=0) / ticks
    learning = learning + REGULARISATION * (rates - TARGET_RATE) / ticks
    before = np.vstack([np.zeros(NEURONS), trial.z[:-1]])
    recurrent = filtered(before).T @ (psi * learning)
    np.fill_diagonal(recurrent, 0)
    inputs = filtered(task.x).T @ (psi * learning)
    return Weights(inputs, recurrent, filtered(trial.z).T @ error)


def losses(iterations: int) -> list[float]:
    """Return the losses of the first iterations of gradient descent."""
    task = draw()
    weights, found = task.weights, []
    for _ in range(iterations):
        trial = forward(weights, task.x)
        found.append(loss(trial, task.target))
        gradients = gradient(task, trial)
        weights = Weights(*(w - ETA * g for w, g in zip(weights, gradients, strict=True)))
    return found
