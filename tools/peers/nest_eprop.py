"""e-prop in NEST: the losses of its regression test, or its speed. Runs in NEST's own environment.

    python nest_eprop.py losses    -> {"losses": [5 numbers], "seconds": ..., "version": ...}
    python nest_eprop.py speed     -> {"ns": per synapse and tick, "rate": ..., "version": ...}

The task is pattern generation: 100 inputs, recurrent LIF neurons, one readout that follows four
superimposed sines. NEST's own test of it is `test_eprop_regression` of
``test_eprop_bsshslm_2020_plasticity.py``: 100 neurons, 1000 ms, 5 iterations. NEST visits synapses
when the presynaptic neuron spikes, so the speed comes with the neurons' rate, in spikes a second.
All times are the process's, on one core. Source: Bellec et al., Nat Commun 11:3625 (2020).
"""

import json
import sys
import time

import nest
import numpy as np

INPUTS, NEURONS, TICKS, ITERATIONS = 100, 100, 1000, 5
WIDE, WIDE_TICKS = 1024, 250
TAU, THRESHOLD = 30.0, 0.03
DELAYS = 3.0
"""Milliseconds from an input's spike to the loss: to the neurons, the readout, and through it."""


def draw(neurons, length):
    """Return weights, feedback, input spikes and target, in the order of NEST's test."""
    random = np.random.RandomState(1)  # the legacy generator, by which the losses were made
    w_in = random.randn(INPUTS, neurons) / np.sqrt(INPUTS)
    w_rec = random.randn(neurons, neurons) / np.sqrt(neurons)
    np.fill_diagonal(w_rec, 0.0)
    w_out = random.randn(neurons, 1) / np.sqrt(neurons)
    feedback = random.randn(neurons, 1) / np.sqrt(neurons)
    x = random.rand(length, INPUTS) < 0.05
    x[0] = False
    amplitudes = random.uniform(0.5, 2.0, 4)
    phases = random.uniform(0.0, 2 * np.pi, 4)
    target = np.zeros(length)
    for amplitude, phase, period in zip(amplitudes, phases, (1000, 500, 333, 200), strict=True):
        end = phase + 2 * np.pi * (length // period)
        target += amplitude * np.sin(np.linspace(phase, end, length))
    target -= target[0]
    target /= np.abs(target).max()
    return [w.astype(np.float32) for w in (w_in, w_rec, w_out, feedback)], x, target


def build(neurons, length, iterations):
    """Make the network for iterations of `length` ms; return recorders of readout and spikes."""
    (w_in, w_rec, w_out, feedback), x, target = draw(neurons, length)
    nest.ResetKernel()
    nest.set(
        resolution=1.0,
        total_num_virtual_procs=1,
        eprop_update_interval=float(length),
        eprop_learning_window=float(length),
        eprop_reset_neurons_on_update=True,
    )
    membrane = {"C_m": 1.0, "E_L": 0.0, "I_e": 0.0, "V_m": 0.0, "tau_m": TAU}
    membrane |= {"regular_spike_arrival": False}
    hidden = nest.Create(
        "eprop_iaf_bsshslm_2020",
        neurons,
        membrane
        | {
            "V_th": THRESHOLD,
            "t_ref": 0.0,
            "surrogate_gradient_function": "piecewise_linear",
            "surrogate_gradient_height": 0.3 / THRESHOLD,
            "surrogate_gradient_width": THRESHOLD,
            "flush_event_send_interval": float(length),
            "c_reg": 300.0,
            "f_target": 10.0,
        },
    )
    readout = nest.Create(
        "eprop_readout_bsshslm_2020", 1, membrane | {"loss": "mean_squared_error"}
    )
    generators = nest.Create("spike_generator", INPUTS)
    relays = nest.Create("parrot_neuron", INPUTS)
    teacher = nest.Create("step_rate_generator")
    offset = 1.0 + DELAYS
    ticks = np.arange(iterations * length, dtype=float)
    recorder = nest.Create(
        "multimeter",
        params={
            "interval": 1.0,
            "record_from": ["readout_signal", "target_signal"],
            "start": offset,
            "stop": offset + iterations * length,
        },
    )
    for generator, spikes in zip(generators, x.T, strict=True):
        generator.spike_times = ticks[np.tile(spikes, iterations)] + 1.0
    teacher.set(amplitude_times=ticks + offset, amplitude_values=np.tile(target, iterations))

    descent = {"type": "gradient_descent", "batch_size": 1, "eta": 1e-4}
    nest.SetDefaults(
        "eprop_synapse_bsshslm_2020",
        {"optimizer": descent | {"Wmin": -100.0, "Wmax": 100.0}, "average_gradient": False},
    )
    dense = {"rule": "all_to_all", "allow_autapses": False}

    def learning(weights):
        kind = {"synapse_model": "eprop_synapse_bsshslm_2020", "tau_m_readout": TAU}
        return kind | {"delay": 1.0, "weight": weights.T}

    nest.Connect(generators, relays, "one_to_one", {"delay": 1.0})
    nest.Connect(relays, hidden, dense, learning(w_in))
    nest.Connect(hidden, hidden, dense, learning(w_rec))
    nest.Connect(hidden, readout, dense, learning(w_out))
    broadcast = {"synapse_model": "eprop_learning_signal_connection_bsshslm_2020", "delay": 1.0}
    nest.Connect(readout, hidden, dense, broadcast | {"weight": feedback})
    rate = {"synapse_model": "rate_connection_delayed", "delay": 1.0, "receptor_type": 2}
    nest.Connect(teacher, readout, "one_to_one", rate)
    nest.Connect(recorder, readout)
    spikes = nest.Create("spike_recorder")
    nest.Connect(hidden, spikes)
    return recorder, spikes


def losses():
    """Return the losses of the first iterations and how long they took."""
    recorder, _ = build(NEURONS, TICKS, ITERATIONS)
    begin = time.process_time()
    nest.Simulate(ITERATIONS * TICKS + DELAYS + 2.0)
    seconds = time.process_time() - begin
    events = recorder.events
    error = events["readout_signal"] - events["target_signal"]
    squares = 0.5 * (error**2).reshape(ITERATIONS, TICKS).sum(axis=1)
    return {"losses": squares.tolist(), "seconds": seconds}


def speed():
    """Return the time of an iteration of a wide network in ns per synapse and tick."""
    _, recorder = build(WIDE, WIDE_TICKS, 2)
    nest.Simulate(WIDE_TICKS + DELAYS + 2.0)  # the first iteration's spikes have no past
    spikes = recorder.n_events
    begin = time.process_time()
    nest.Simulate(float(WIDE_TICKS))
    seconds = time.process_time() - begin
    synapses = WIDE * (INPUTS + WIDE - 1 + 1)
    rate = (recorder.n_events - spikes) / (WIDE * WIDE_TICKS / 1000)
    return {"ns": 1e9 * seconds / (synapses * WIDE_TICKS), "rate": rate}


if __name__ == "__main__":
    nest.verbosity = nest.VerbosityLevel.ERROR
    found = {"losses": losses, "speed": speed}[sys.argv[1]]()
    print(json.dumps(found | {"version": nest.__version__}), flush=True)
