"""The multiple of a potential that proves most, so that no potential has to come in the right unit or sign.

For a fixed v the dual value h(s) = Σ_i a_i min_j (c_ij − s v_j) + s Σ_j b_j v_j is concave and piecewise linear in s,
and one walk over the pairs gives it with its slope. Two tangents that lean towards each other bound its maximum from
above where they meet, and that is where to look next.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wdist.plans.pairs import Pairs, row_blocks

__all__ = ["best_multiple"]

CLOSE = 1e-11
"""Of the maximum, within which to stop: potentials of an exact solver, in any unit, are to prove it exact."""
WALKS = 40
DOUBLINGS = 60


def best_multiple(v: Tensor, cost: Pairs, a: Tensor, b: Tensor) -> float:
    """Find the s, of either sign, whose potential s·v has nearly the largest dual value.

    Args:
        v: Any potential on the columns, shape (m,), float64, finite; of order one and of mean zero under b.
        cost: Costs, (n, m).
        a: Row masses, shape (n,), summing to one.
        b: Column masses, shape (m,).

    Example:
        >>> from wdist.plans.pairs import Matrix
        >>> cost = Matrix(torch.tensor([[2.0, 3.0], [1.0, 2.0]]).double())
        >>> half = torch.full((2,), 0.5).double()
        >>> best_multiple(torch.tensor([-1.0, 1.0]).double(), cost, half, half)
        0.5
    """

    def tangent(s: float) -> tuple[float, float, float]:
        """Give s, h(s) and the slope there."""
        value, slope = float(s * (b @ v)), float(b @ v)
        for rows in row_blocks(cost):
            least, j = torch.sub(cost.block(rows), s * v).min(dim=1)  # (k,)
            value += float(a[rows] @ least)
            slope -= float(a[rows] @ v[j])
        return s, value, slope

    left = tangent(0.0)
    sign = 1.0 if left[2] > 0 else -1.0
    spread = float(v.max() - v.min())
    if left[2] == 0 or spread == 0:
        return 0.0
    step = sign * float(cost.block(slice(0, 1)).max()) / spread or sign
    right = tangent(step)
    for _ in range(DOUBLINGS):  # the slope tends to Σ b v − max v <= 0, so it turns
        if right[2] * sign <= 0:
            break
        left, right = right, tangent(2 * right[0])
    best = max(left, right, key=lambda point: point[1])
    for _ in range(WALKS):
        (s, low, rise), (t, high, fall) = left, right
        if rise == fall:
            break
        meeting = (high - low + rise * s - fall * t) / (rise - fall)
        bound = low + rise * (meeting - s)
        if bound - best[1] <= CLOSE * abs(bound):
            break
        middle = tangent(meeting)
        best = max(best, middle, key=lambda point: point[1])
        if middle[2] * sign > 0:
            left = middle
        else:
            right = middle
    return best[0]
