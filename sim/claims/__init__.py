"""What is claimed of the hardware, as benches for :mod:`goldenspike.sim.formal`."""

from __future__ import annotations

from goldenspike.golden.fixed import BIT, Format
from goldenspike.hdl.units.rows import Packing
from goldenspike.sim.claims import networks
from goldenspike.sim.claims.buses import Axi, Frames
from goldenspike.sim.claims.cores import Answers, Cores, Returns
from goldenspike.sim.claims.fields import Fields
from goldenspike.sim.claims.populations import Filters, Mirror, Population, Signals, Sums
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
    Property("filter of signals", lambda: Filters(networks.online(), "spikes_to_out")),
    Property("mirror", lambda: Mirror(networks.traced(), "errors_to_teacher")),
    Property("population", lambda: Population(networks.perturbed("none"), "out")),
    Property("population of spikes", lambda: Population(networks.traced(), "hidden")),
    Property("population, two neurons a cycle", lambda: Population(networks.perturbed("none"), "out", 2)),
    Property("population with variates", lambda: Population(networks.perturbed("node"), "out")),
    *(
        Property(f"{name} of a population{more}", lambda kind=kind,n=n: kind(networks.perturbed("none"), "out", n))
        for name, kind in (("sums", Sums), ("signals", Signals))
        for n, more in ((1, ""), (2, ", two neurons a cycle"))
    ),
    *(
        Property(f"{name} of a population of spikes", lambda kind=kind: kind(networks.traced(), "hidden"))
        for name, kind in (("sums", Sums), ("signals", Signals))
    ),
    Property("signals of a population that are late", lambda: Signals(networks.late(), "out")),
    *(
        Property(f"core, rule {kind}", lambda kind=kind: Cores(networks.perturbed(kind, 2)))
        for kind in networks.RULES
    ),
    Property("core, rule online", lambda: Cores(networks.online(2))),
    Property("core, delays", lambda: Cores(networks.late(2))),
    Property("core with traces", lambda: Cores(networks.traced(2))),
    Property("core with traces, not filtered", lambda: Cores(networks.traced(2, filtered=False))),
    Property("core, 4 lanes", lambda: Cores(networks.traced(5), 4, 2)),
    *(
        Property(f"returns, rule {kind}", lambda kind=kind: Returns(networks.perturbed(kind, 2)))
        for kind in networks.RULES
    ),
    Property("returns, rule online", lambda: Returns(networks.online(2))),
    Property("returns, with traces", lambda: Returns(networks.traced(2))),
    Property("frames of events", lambda: Frames(networks.perturbed("none"))),
    Property("axi, no rule", lambda: Axi(networks.perturbed("none", 2))),
    Property("axi, with traces", lambda: Axi(networks.traced(2))),
    Property("random fields", lambda: Fields(4, ahead=False)),
    Property("random fields, ahead", lambda: Fields(1, ahead=True)),
    Property("answers of a core", lambda: Answers(networks.perturbed("node", 2))),
]
