"""Costs |x − y|**p of points, compiled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

__all__ = ["Array", "pair_costs", "point_cost", "power"]

Array = np.ndarray[Any, Any]


@njit(cache=True, nogil=True, inline="always")
def power(total: float, norm: float, p: float) -> float:
    """distance**p from Σ|z|² for norm 2, else from the distance itself."""
    if norm == 2.0:
        if p == 2.0:
            return total
        return math.sqrt(total) if p == 1.0 else total ** (p / 2)
    return total if p == 1.0 else total**p


@njit(cache=True, nogil=True, fastmath=True)
def point_cost(x: Array, y: Array, norm: float, p: float) -> float:
    """Cost between two points (d,)."""
    total = 0.0
    for t in range(x.size):
        gap = abs(x[t] - y[t])
        if norm == 2.0:
            total += gap * gap
        elif norm == 1.0:
            total += gap
        else:
            total = max(total, gap)
    return power(total, norm, p)


@njit(cache=True, nogil=True)
def pair_costs(x: Array, y: Array, rows: Array, cols: Array, norm: float, p: float) -> Array:
    """Costs from x[rows[e]] to y[cols[e]], (e,)."""
    out = np.empty(rows.size)
    for e in range(rows.size):
        out[e] = point_cost(x[rows[e]], y[cols[e]], norm, p)
    return out
