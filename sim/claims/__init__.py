"""What is claimed of the hardware, as benches for :mod:`goldenspike.sim.formal`."""

from __future__ import annotations

from goldenspike.golden.fixed import BIT, Format
from goldenspike.hdl.units.rows import Packing
from goldenspike.sim.claims import networks
from goldenspike.sim.claims.rows import Rows
from goldenspike.sim.claims.synapses import Learner, Synapses
from goldenspike.sim.formal import Property

F = Format.parse

PROPERTIES = [
    Property("rows of spikes", lambda: Rows(Packing(4, BIT))),
    Property("rows of spikes in two words", lambda: Rows(Packing(34, BIT)), 40),
    Property("rows of signals", lambda: Rows(Packing(3, F("fxp-s3/0")))),
    Property("rows of packed signals", lambda: Rows(Packing(5, F("fxp-s2/0"), 2))),
    Property("rows of one signal", lambda: Rows(Packing(1, F("fxp-s2/0")))),
    *(
        Property(
            f"synapses, rule {kind}",
            lambda kind=kind: Synapses(networks.perturbed(kind), "spikes_to_out"),
        )
        for kind in networks.RULES
    ),
    Property("learner of e-prop", lambda: Learner(networks.traced(), "spikes_to_hidden")),
    Property(
        "learner of e-prop, not filtered",
        lambda: Learner(networks.traced(filtered=False), "spikes_to_hidden"),
    ),
    Property("learner of delta rule", lambda: Learner(networks.traced(), "hidden_to_out")),
    Property("synapses, rule online", lambda: Synapses(networks.online(), "spikes_to_out")),
]
