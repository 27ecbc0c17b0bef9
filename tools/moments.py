"""Moments of perturbations: what closed forms need to know of a distribution."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Moments:
    """The higher moments of a symmetric distribution of variance 1.

    Parameters
    ----------
    fourth, sixth
        The means of its fourth and sixth powers.
    """

    fourth: float
    sixth: float

    def cube(self, size: int) -> float:
        """Return the mean of ``|xi|**6``, for `size` independent elements of xi.

        Of the triples of elements, `size` are one element three times, ``3 size (size - 1)`` two
        of one and another, and the others three that differ.
        """
        pairs = size * (size - 1)
        return size * self.sixth + 3 * pairs * self.fourth + pairs * (size - 2)


GAUSSIAN = Moments(3.0, 15.0)
RADEMACHER = Moments(1.0, 1.0)
POPCOUNT = Moments(3.0 - 1 / 16, 14.0 + 5 / 64)
"""Of binomial(32, 1/2): cumulants 8, -4, 8, in units of the variance 1, -1/16, 1/64; and so
``3 - 1/16`` and ``15 - 15/16 + 1/64``."""


def sparse(probability: float) -> Moments:
    """Return the moments of a sign that is drawn with a probability, and 0 else."""
    return Moments(1 / probability, 1 / probability**2)
