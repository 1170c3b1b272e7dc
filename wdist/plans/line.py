"""Exact transport on the line: sort both sides, then walk the two quantile functions together.

W_p^p = ∫_0^1 |F⁻¹(t) − G⁻¹(t)|^p dt (Villani 2003, Thm 2.18) is a sum over the pieces on which both quantile
functions are constant. For uniform weights the pieces end at multiples of 1/n and 1/m, whole numbers of
1/(nm), so that a walk can start at any atom without drift; for weights the masses left of the two current
atoms are walked down. Compiled, O(n + m) after the sort, accumulated in float64 whatever the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import numpy as np
from numba import njit

from wdist.plans.radix import sort_line, sort_weighted
from wdist.plans.room import Room

__all__ = ["BLOCK", "Array", "Walk", "combine", "line_distance", "power_mean", "walk_block"]

Array = np.ndarray[Any, Any]
Walk = Callable[[float, float], float]
"""(p, unit) -> ∫ (gap / unit)^p over all levels; for p = inf the widest gap."""

MASS_TOLERANCE = 1e-12
SAFE = (1e-200, 1e200)
"""A mean power in this range lost nothing that counts to underflow, and nothing to overflow."""
BLOCK = 2**22
"""Steps of a walk in one compiled call: well under a second, so that an interrupt is heard between two."""
THREADED = 150_000
"""Points a side from which on a second thread is worth its start."""


def line_distance(
    x: Array,
    y: Array,
    p: float,
    weights: tuple[Array, Array] | None = None,
    *,
    threads: int = 1,
    room: Room | None = None,
) -> float:
    """Exact W_p between two samples on the line.

    Args:
        x: Points, shape (n,), float32 or float64, any order.
        y: Points, shape (m,).
        p: Order, 1 <= p <= inf.
        weights: Masses (n,) and (m,), float64, each summing to one; None for uniform ones. For p = inf,
            pieces lighter than 1e-12 are taken for rounding of the masses' sums, not for mass that has to
            move.
        threads: With 2 or more, the two sides are sorted side by side where they are large.
        room: Working memory that a caller of many such distances keeps for the next, one a thread.

    Returns:
        W_p, in the unit of x; not its p-th power.
    """
    if x.size < y.size:
        x, y, weights = y, x, weights and weights[::-1]
    room = room or Room()
    rooms, both = [room, room], cast("Any", map)
    if threads > 1 and y.size >= THREADED:
        rooms, both = [room, Room()], _side_by_side
    walk: Walk
    if weights is None:
        xs, ys = both(sort_line, (x, y), rooms)
        walk = partial(_uniform, xs, ys)
    else:
        (xs, wx), (ys, wy) = both(sort_weighted, (x, y), weights, rooms)
        walk = partial(_weighted, xs, wx, ys, wy, MASS_TOLERANCE if p == math.inf else 0.0)
    distance = power_mean(walk, p, max(float(xs[-1]) - float(ys[0]), float(ys[-1]) - float(xs[0])))
    room.all_back()
    return distance


def power_mean(walk: Walk, p: float, reach: float) -> float:
    """(∫ gap^p)^{1/p}, where no gap exceeds `reach`.

    The powers are taken of the gaps as they are or in units of `reach`, and where the mean then comes out
    extreme, in units of the widest gap, which takes two walks more.
    """
    if p == math.inf or reach == 0:
        return walk(p, 1.0) if reach else 0.0
    unit = 1.0 if p in (1, 2) else reach
    mean = walk(p, unit)
    if not SAFE[0] < mean < SAFE[1]:
        unit = walk(math.inf, 1.0)
        mean = walk(p, unit) if unit else 0.0
    return float(unit * mean ** (1 / p))


def walk_block(x: Array, y: Array, first: int, n: int, m: int, p: float, unit: float) -> float:
    """Walk over a block of the larger of two uniform samples.

    Args:
        x: Sorted atoms `first`, `first` + 1, ... of the sample of n.
        y: Sorted atoms of the sample of m <= n, from the one at level first / n on, as far as x reaches.
        first: Number of the block's first atom.
        n: Size of the larger sample.
        m: Size of the smaller one.
        p: Order.
        unit: What gaps are measured in.

    Returns:
        The block's share of ∫ (gap / unit)^p, or for p = inf its widest gap.
    """
    if n == m:
        total = _walk_equal(x, y, p, unit)
        return float(total if p == math.inf else total / n)
    total = _walk_uniform(x, y, n - first * m % n, n, m, p, unit)
    return float(total if p == math.inf else total / n / m)


def combine(shares: Iterable[float], p: float) -> float:
    """Put the blocks' shares together."""
    return max(shares) if p == math.inf else math.fsum(shares)


def _uniform(x: Array, y: Array, p: float, unit: float) -> float:
    n, m = x.size, y.size
    blocks = ((x[k : k + BLOCK], y[k * m // n :], k) for k in range(0, n, BLOCK))
    return combine((walk_block(xs, ys, k, n, m, p, unit) for xs, ys, k in blocks), p)


def _weighted(x: Array, wx: Array, y: Array, wy: Array, dust: float, p: float, unit: float) -> float:
    shares = []
    i, j, left_x, left_y = 0, 0, wx[0], wy[0]
    while i < x.size and j < y.size:
        share, i, j, left_x, left_y = _walk_weighted(x, wx, y, wy, dust, p, unit, i, j, left_x, left_y)
        shares.append(share)
    return combine(shares, p)


def _side_by_side(function: Callable[..., Any], *sides: Any) -> list[Any]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, *sides))


@njit(cache=True, inline="always")
def _power(gap: float, p: float, unit: float) -> float:
    """(gap / unit)^p; the compiler takes the choice out of the loop around it."""
    if unit == 1.0 and p == 1.0:
        return gap
    if unit == 1.0 and p == 2.0:
        return gap * gap
    return float((gap / unit) ** p)


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _walk_equal(x: Array, y: Array, p: float, unit: float) -> float:
    """Σ_i (|x_(i) − y_(i)| / unit)^p over sorted samples of one size."""
    total = 0.0
    for i in range(x.size):
        gap = abs(np.float64(x[i]) - np.float64(y[i]))
        if p == np.inf:
            total = max(total, gap)
        else:
            total += _power(gap, p, unit)
    return total


@njit(cache=True, nogil=True)
def _walk_uniform(x: Array, y: Array, left: int, n: int, m: int, p: float, unit: float) -> float:
    """Walk in steps of 1/(nm): an atom of x holds m, one of y holds n >= m, of which y[0] has `left` left.

    So an atom of x meets one atom of y, or two: `here` steps go to y[j], the rest to the next one.
    """
    j = 0
    total = 0.0
    for i in range(x.size):
        here = min(left, m)
        gap = abs(np.float64(x[i]) - np.float64(y[j]))
        rest = abs(np.float64(x[i]) - np.float64(y[j + (here < m)]))
        if p == np.inf:
            total = max(total, gap, rest)
        else:
            total += here * _power(gap, p, unit) + (m - here) * _power(rest, p, unit)
        left -= m
        used_up = left <= 0
        j += used_up
        left += n * used_up
    return total


@njit(cache=True, nogil=True)
def _walk_weighted(
    x: Array,
    wx: Array,
    y: Array,
    wy: Array,
    dust: float,
    p: float,
    unit: float,
    i: int,
    j: int,
    left_x: float,
    left_y: float,
) -> tuple[float, int, int, float, float]:
    """Walk `BLOCK` steps on from where a walk stopped; the heavier atom keeps what the lighter did not take.

    For p = inf, pieces of at most `dust` do not count. The next masses of both sides are read before it is
    known which is needed: a branch on that could not be foreseen.
    """
    total = 0.0
    last_x, last_y = x.size - 1, y.size - 1
    steps = 0
    while i <= last_x and j <= last_y and steps < BLOCK:
        next_x, next_y = wx[min(i + 1, last_x)], wy[min(j + 1, last_y)]
        step = min(left_x, left_y)
        gap = abs(np.float64(x[i]) - np.float64(y[j]))
        if p == np.inf:
            total = max(total, gap) if step > dust else total
        else:
            total += step * _power(gap, p, unit)
        x_ends = left_x <= left_y
        kept = abs(left_x - left_y)
        left_x, left_y = (next_x if x_ends else kept), (kept if x_ends else next_y)
        i += x_ends
        j += not x_ends
        steps += 1
    return total, i, j, left_x, left_y
