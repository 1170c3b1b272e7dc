"""Couplings that cost little to find: along the best of many directions, or each row to what is nearest and left.

None is optimal, so each is an upper bound. They are kept by their positive entries; `completed` makes a true coupling
of any such entries, an unfinished solver's too, without a walk over all pairs.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor

from wdist.costs import pair_distances
from wdist.plans.dense import Array, Coupling
from wdist.plans.pairs import Pairs, row_blocks

__all__ = ["completed", "cost_along", "greedy_coupling", "north_west", "sorted_coupling"]

BLOCK_BYTES = 8 * 2**20


def north_west(a: Array, b: Array) -> Coupling:
    """Couple masses in the order given, each row taking up where the last one ended.

    Args:
        a: Row masses, shape (n,), non-negative.
        b: Column masses, shape (m,), of the same sum.

    Example:
        >>> north_west(np.array([0.5, 0.5]), np.array([0.25, 0.75])).mass.tolist()
        [0.25, 0.25, 0.5]
    """
    ends_a, ends_b = np.cumsum(a), np.cumsum(b)
    top = min(ends_a[-1], ends_b[-1])
    ends = np.unique(np.minimum(np.concatenate([ends_a, ends_b]), top))
    mass = np.diff(ends, prepend=0.0)
    ends, mass = ends[mass > 0], mass[mass > 0]
    rows, cols = (np.minimum(np.searchsorted(side, ends), len(side) - 1) for side in (ends_a, ends_b))
    return Coupling(rows, cols, mass)


def completed(plan: Coupling, a: Array, b: Array) -> Coupling:
    """Make a true coupling of any non-negative entries: rows, then columns are scaled down, the rest is laid in order.

    As Altschuler, Weed, Rigollet 2017, Algorithm 2, but for the rest, which they spread over all pairs.

    Args:
        plan: Entries, in any order; repeated ones add up.
        a: Row masses, shape (n,), summing to one.
        b: Column masses, shape (m,).
    """
    mass = plan.mass
    for place, wanted in ((plan.rows, a), (plan.cols, b)):
        there = np.bincount(place, mass, len(wanted))
        mass = mass * np.minimum(1.0, wanted / np.where(there > 0, there, 1.0))[place]
    rest = [
        np.maximum(wanted - np.bincount(place, mass, len(wanted)), 0)
        for place, wanted in ((plan.rows, a), (plan.cols, b))
    ]
    if not all(part.any() for part in rest):
        return Coupling(plan.rows, plan.cols, mass)
    more = north_west(*rest)
    parts = zip((plan.rows, plan.cols, mass), (more.rows, more.cols, more.mass), strict=True)
    return Coupling(*(np.concatenate(part) for part in parts))


def sorted_coupling(x: Array, y: Array, a: Array, b: Array) -> Coupling:
    """Couple points in the order of their projections, (n,) and (m,): optimal along that direction."""
    by_x, by_y = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    found = north_west(a[by_x], b[by_y])
    return Coupling(by_x[found.rows], by_y[found.cols], found.mass)


def cost_along(x: Tensor, y: Tensor, a: Tensor, b: Tensor, direction: Tensor, p: float) -> float:
    """Give what it costs to move points (n, d) to points (m, d) in the order along a direction (d,): at least W_p.

    Time O((n + m)(d + log(n + m))), memory O(n + m).
    """
    along_x, along_y = ((z @ direction.to(z.dtype)).cpu().numpy() for z in (x, y))
    plan = sorted_coupling(along_x, along_y, a.cpu().numpy(), b.cpu().numpy())
    rows, cols, mass = (torch.as_tensor(part, device=x.device) for part in (plan.rows, plan.cols, plan.mass))
    gaps = torch.empty_like(mass)
    height = max(1, BLOCK_BYTES // (8 * x.shape[1]))
    for start in range(0, len(gaps), height):
        block = slice(start, start + height)
        gaps[block] = pair_distances(x[rows[block]].double(), y[cols[block]].double())
    longest = float(gaps.max())
    if math.isinf(p) or longest == 0:
        return longest
    return float(longest * float(mass @ (gaps / longest) ** p) ** (1 / p))


def greedy_coupling(cost: Pairs, a: Tensor, b: Tensor) -> Coupling:
    """Send every row in turn to the nearest columns that have room, walking the cost in blocks of rows."""
    room = b.cpu().numpy().copy()
    masses = a.cpu().numpy()
    parts = [
        _fill(cost.block(rows).cpu().numpy(), masses[rows], room, rows.start) for rows in row_blocks(cost)
    ]
    return Coupling(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@njit(cache=True, nogil=True)
def _fill(block: Array, masses: Array, room: Array, first: int) -> tuple[Array, Array, Array]:
    """Rows of one block, (k, m); takes what it uses from `room`."""
    k, m = block.shape
    rows, cols, mass = np.empty(k + m, np.int64), np.empty(k + m, np.int64), np.empty(k + m)
    count = 0
    for i in range(k):
        left = masses[i]
        while left > 0:
            best, least = -1, np.inf
            for j in range(m):
                if room[j] > 0 and block[i, j] < least:
                    best, least = j, block[i, j]
            if best < 0:
                break  # rounding: the columns are full
            taken = min(left, room[best])
            rows[count], cols[count], mass[count] = first + i, best, taken
            count += 1
            left -= taken
            room[best] -= taken
    return rows[:count], cols[:count], mass[:count]
