"""Activity: what is not 0 in a tick, which decides how long the hardware is at it.

A run that is watched records a bit for each of a network's neurons, in each of the groups of
:func:`sizes`, one after the other:

=================  ===============================================================================
``NAME.signal``    the population's neurons whose signal is not 0
``NAME.state``     those with any state that is not 0, after the tick
``NAME.filtered``  the projection's presynaptic neurons whose filtered signal is not 0
``NAME.pre``       those of which its rule's presynaptic part gives anything but 0
``NAME.factor``    the postsynaptic neurons whose factor is not 0
=================  ===============================================================================

Those of a projection are 0 as long as nothing arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from goldenspike.golden.plan import Plan


def sizes(plan: Plan) -> dict[str, int]:
    """Return the size of every group that a plan has, in order."""
    found = {f"{p.name}.signal": p.size for p in plan.populations}
    found |= {f"{p.name}.state": p.size for p in plan.neurons if p.state}
    for q in plan.projections:
        if q.filter is not None:
            found[f"{q.name}.filtered"] = q.pre.size
        if q.learner is not None:
            found[f"{q.name}.pre"] = q.pre.size
            if q.learner.factor is not None:
                found[f"{q.name}.factor"] = q.post.size
    return found


def groups(plan: Plan, activity: np.ndarray) -> dict[str, np.ndarray]:
    """Return the groups of what was recorded, ``(..., bits)``, by name."""
    lengths = sizes(plan)
    ends = np.cumsum(list(lengths.values()))
    return dict(zip(lengths, np.split(activity, ends[:-1], axis=-1), strict=True))
