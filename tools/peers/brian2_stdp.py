"""Three-factor STDP in Brian2: its speed. Runs in Brian2's own environment, and needs a compiler.

    python brian2_stdp.py speed    -> {"ns": per synapse and tick, "rate": ..., "version": ...}

1024 recurrent neurons, all to all, ticks of 1 ms. Traces x and y of pre- and postsynaptic spikes;
a synapse's eligibility c and its weight are updated in every tick by a modulator M:

    at a pre spike:  v += gain w,  c -= A y      at a post spike:  c += A x
    c' = decay c,  w' = clip(w + M c', 0, 1)

It is Brian2's C++ standalone mode with one thread, in double precision (single was slower); the
time is the process's, as Brian2's profiler adds it up. The rate is in spikes a second.
Source: Izhikevich, Cereb Cortex 17:2443 (2007).
"""

import json
import sys
import tempfile

import brian2 as b2

SIZE, TICKS = 1024, 200
NEURON = """
dv/dt = (drive - v) / tau : 1
dx/dt = -x / tau : 1
dy/dt = -y / tau : 1
"""
SYNAPSE = """
w : 1
c : 1
"""
TICK = """
c = decay * c
w = clip(w + M * c, 0, 1)
"""
NAMES = {"tau": 20 * b2.ms, "drive": 1.05, "gain": 1e-4, "decay": 0.999, "A": 0.01, "M": 0.01}


def speed():
    """Return the time of a tick in ns per synapse."""
    tick = 1 * b2.ms
    with tempfile.TemporaryDirectory() as folder:
        b2.set_device("cpp_standalone", build_on_run=False)
        b2.defaultclock.dt = tick
        b2.seed(1)
        spiking = {"threshold": "v > 1", "reset": "v = 0; x += 1; y += 1", "method": "exact"}
        neurons = b2.NeuronGroup(SIZE, NEURON, namespace=NAMES, **spiking)
        neurons.v = "rand()"
        synapses = b2.Synapses(
            neurons,
            neurons,
            SYNAPSE,
            on_pre="v_post += gain * w; c -= A * y_post",
            on_post="c += A * x_pre",
            namespace=NAMES,
        )
        synapses.connect()
        synapses.w = "rand()"
        synapses.run_regularly(TICK, dt=tick)
        spikes = b2.SpikeMonitor(neurons, record=False)
        network = b2.Network(neurons, synapses, spikes)
        network.run(TICKS * tick, profile=True)
        b2.device.build(directory=folder, with_output=False)
        seconds = sum(float(spent) for _, spent in network.profiling_info)
        rate = int(spikes.num_spikes) / (SIZE * TICKS / 1000)
    return {"ns": 1e9 * seconds / (SIZE**2 * TICKS), "rate": rate}


if __name__ == "__main__":
    found = {"speed": speed}[sys.argv[1]]()
    print(json.dumps(found | {"version": b2.__version__}), flush=True)
