"""Sorting some thousand floats: one scatter into as many buckets as there are points, mended by insertion.

A few points, put in order, tell where the values lie; z / (c + |z|), z from their middle in units c of their
spread, lays bulk and tails side by side in (-1, 1), where the buckets are of one width. Insertion makes the
order exact whatever the buckets were; where it would take too long (values in tight clusters), there is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["Array", "bucket_sort"]

Array = np.ndarray[Any, Any]

PROBES = 15
MOVES = 4
"""Moves a point that the insertion pass may take."""


@njit(cache=True, nogil=True, error_model="numpy")
def bucket_sort(x: Array, carried: Array) -> tuple[Array, Array, bool]:
    """Sort x (n,), finite, and `carried` along with it unless that is empty; both are left as they were.

    Returns:
        Both in the ascending order of x, what is equal as it stood, and whether that was reached: if not, the
        values crowd together, and the arrays hold nothing of use.
    """
    n, carry = x.size, carried.size > 0
    points, along = np.empty_like(x), np.empty_like(carried)
    middle, spread = _middle(x)
    if not spread > 0:
        return points, along, False
    places, starts = np.empty(n, np.int32), np.zeros(n + 1, np.int32)
    for i in range(n):
        z = np.float64(x[i]) - middle
        places[i] = np.int32(0.5 * n + 0.5 * n * (z / (spread + abs(z))))
    for i in range(n):
        starts[places[i]] += 1
    total = 0
    for bucket in range(n + 1):
        start = total
        total += starts[bucket]
        starts[bucket] = start
    for i in range(n):
        place = starts[places[i]]
        starts[places[i]] = place + 1
        points[place] = x[i]
        if carry:
            along[place] = carried[i]
    return points, along, mend(points, along, MOVES * n)


@njit(cache=True, nogil=True)
def _middle(x: Array) -> tuple[float, float]:
    """Median of some points, and the width that the middle half of them spans."""
    probes = np.empty(PROBES)
    for k in range(PROBES):
        probes[k] = x[k * x.size // PROBES]
    probes.sort()
    return probes[PROBES // 2], probes[3 * PROBES // 4] - probes[PROBES // 4]


@njit(cache=True, nogil=True)
def mend(points: Array, carried: Array, budget: int) -> bool:
    """Sort by insertion what is nearly in order; stop and say False once more than `budget` moves are needed."""
    carry = carried.size > 0
    for i in range(1, points.size):
        point = points[i]
        if points[i - 1] > point:
            mass = carried[i] if carry else 0.0
            j = i
            while j > 0 and points[j - 1] > point and budget >= 0:
                points[j] = points[j - 1]
                if carry:
                    carried[j] = carried[j - 1]
                j -= 1
                budget -= 1
            if budget < 0:
                return False
            points[j] = point
            if carry:
                carried[j] = mass
    return True
