"""Exact transport on the line: sort both sides, then walk the two quantile functions together.

W_p^p = ∫_0^1 |F⁻¹(t) − G⁻¹(t)|^p dt (Villani 2003, Thm 2.18) is a sum over the pieces on which both quantile
functions are constant. For uniform weights the pieces end at multiples of 1/n and 1/m, walked as whole
numbers without drift; for weights the masses left of the two current atoms are walked down. Compiled, O(n +
m) after the sort, accumulated in float64 whatever the input.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import njit

__all__ = ["Array", "line_distance"]

Array = np.ndarray[Any, Any]
MASS_TOLERANCE = 1e-12


def line_distance(x: Array, y: Array, p: float, weights: tuple[Array, Array] | None = None) -> float:
    """Exact W_p between two samples on the line.

    Args:
        x: Points, shape (n,), float32 or float64, any order.
        y: Points, shape (m,).
        p: Order, 1 <= p <= inf.
        weights: Masses (n,) and (m,), float64, each summing to one; None for uniform ones. For p = inf,
            pieces lighter than 1e-12 are taken for rounding of the masses' sums, not for mass that has to
            move.

    Returns:
        W_p, in the unit of x; not its p-th power.
    """
    walk: Callable[[float, float], Any]  # (order, unit) -> Σ mass·(gap / unit)^order, or the widest gap
    if weights is None:
        xs, ys = np.sort(x), np.sort(y)
        walk = partial(_walk_equal if len(xs) == len(ys) else _walk_uniform, xs, ys)
    else:
        i, j = np.argsort(x), np.argsort(y)
        dust = MASS_TOLERANCE if p == np.inf else 0.0
        walk = partial(_walk_weighted, x[i], weights[0][i], y[j], weights[1][j], dust)
    if p == 1:
        return float(walk(1.0, 1.0))
    widest = float(walk(np.inf, 1.0))  # W_inf: powers of gaps in units of it keep within range
    if p == np.inf or widest == 0:
        return widest
    return float(widest * float(walk(p, widest)) ** (1 / p))


@njit(cache=True, inline="always")
def _power(gap: float, p: float) -> float:
    if p == 1.0:
        return gap
    if p == 2.0:
        return gap * gap
    return float(gap**p)


@njit(cache=True)
def _walk_equal(x: Array, y: Array, p: float, scale: float) -> float:
    """Σ|x_(i) − y_(i)|^p / n over sorted samples of one size, in units of scale."""
    total = 0.0
    for i in range(x.size):
        gap = abs(np.float64(x[i]) - np.float64(y[i])) / scale
        if p == np.inf:
            total = max(total, gap)
        else:
            total += _power(gap, p)
    return total if p == np.inf else total / x.size


@njit(cache=True)
def _walk_uniform(x: Array, y: Array, p: float, scale: float) -> float:
    """Walk with n ≠ m, in whole steps of 1/(nm): an atom of x holds m steps, one of y holds n."""
    n, m = x.size, y.size
    i = j = 0
    left_x, left_y = m, n
    total = 0.0
    while i < n and j < m:
        step = min(left_x, left_y)
        gap = abs(np.float64(x[i]) - np.float64(y[j])) / scale
        if p == np.inf:
            total = max(total, gap)
        else:
            total += step * _power(gap, p)
        left_x -= step
        left_y -= step
        if left_x == 0:
            i += 1
            left_x = m
        if left_y == 0:
            j += 1
            left_y = n
    return total if p == np.inf else total / n / m


@njit(cache=True)
def _walk_weighted(x: Array, wx: Array, y: Array, wy: Array, dust: float, p: float, scale: float) -> float:
    """Walk with masses; the heavier of the two current atoms keeps what the lighter one did not take.

    For p = inf, pieces of at most `dust` do not count.
    """
    i = j = 0
    left_x, left_y = wx[0], wy[0]
    total = 0.0
    while True:
        step = min(left_x, left_y)
        gap = abs(np.float64(x[i]) - np.float64(y[j])) / scale
        if p == np.inf:
            if step > dust:
                total = max(total, gap)
        else:
            total += step * _power(gap, p)
        left_x -= step
        left_y -= step
        if left_x <= left_y:
            i += 1
            if i == x.size:
                return total
            left_x = wx[i]
        else:
            j += 1
            if j == y.size:
                return total
            left_y = wy[j]
