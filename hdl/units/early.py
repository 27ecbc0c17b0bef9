"""Projections that deliver before the tick that it is for, and those that do while they learn."""

from goldenspike.golden.plan import Plan
from goldenspike.golden.planned import PlannedProjection


def delivers_early(q: PlannedProjection) -> bool:
    """Return whether a projection delivers early: what it reads is there, and it counts not."""
    if q.rule is not None or q.filter is not None or q.mirror is not None:
        return False
    return q.delay > 0 or q.pre.module is None


def joined(plan: Plan) -> set[str]:
    """Return the projections that learn and deliver in one visit, one of each population at most.

    Those are early, and their rules visit all rows. The others learn meanwhile, as deliveries to a
    population take turns, and learning does not.
    """
    found: dict[str, str] = {}
    for q in sorted(plan.learners, key=lambda q: -q.pre.size):
        if q.learner is not None and not q.learner.skips and delivers_early(q):
            found.setdefault(q.post.name, q.name)
    return set(found.values())
