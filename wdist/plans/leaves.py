"""Nearest columns under prices, without the cost matrix: points in spatial leaves, whole leaves passed over by a bound.

A reduced cost c(x, y_j) − v_j is at least the cost from x to the box of y_j's leaf less the leaf's largest v, so most
leaves are never opened in few dimensions; in many, the bound costs one point in `LEAF`. `nearest` gives a row
its k columns of least reduced cost and a threshold below which no other column lies.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

__all__ = [
    "Array",
    "Leaves",
    "as_leaves",
    "leaf_order",
    "nearest",
    "pair_costs",
    "power",
    "push",
    "replace_top",
    "set_tops",
]

Array = np.ndarray[Any, Any]
LEAF = 64
SAFE = 1 - 1e-12  # a box's bound is rounded too


class Leaves(NamedTuple):
    """Points in the order of their leaves, with each leaf's box.

    Attributes:
        points: Shape (d, m): coordinate by coordinate.
        lows: Least coordinates of each leaf, (d, leaves).
        highs: Largest ones, (d, leaves).
        start: Leaf l holds the points start[l] to start[l + 1], (leaves + 1,).
        top: At least the largest v of each leaf, (leaves,); `nearest` tightens it as v falls.
    """

    points: Array
    lows: Array
    highs: Array
    start: Array
    top: Array


def leaf_order(points: Array) -> tuple[Array, Array]:
    """Order of the rows (m,), and where each leaf starts in it, by halving the widest coordinate: O(m d log m)."""
    order, start = [], [0]
    stack = [np.arange(len(points))]
    while stack:
        rows = stack.pop()
        if len(rows) <= LEAF:
            order.append(rows)
            start.append(start[-1] + len(rows))
            continue
        part = points[rows]
        axis = int(np.argmax(part.max(axis=0) - part.min(axis=0)))
        half = max(LEAF, len(rows) // 2 // LEAF * LEAF)  # full leaves, but for one
        split = np.argpartition(part[:, axis], half)
        stack += [rows[split[half:]], rows[split[:half]]]
    return np.concatenate(order), np.array(start)


def as_leaves(points: Array, start: Array) -> Leaves:
    """Box the leaves of points (m, d) that are in `leaf_order` already."""
    low = np.minimum.reduceat(points, start[:-1], axis=0)
    high = np.maximum.reduceat(points, start[:-1], axis=0)
    return Leaves(
        np.ascontiguousarray(points.T), low.T.copy(), high.T.copy(), start, np.empty(len(start) - 1)
    )


def set_tops(leaves: Leaves, v: Array) -> None:
    """Take each leaf's largest v (m,): before the first look at new potentials."""
    np.maximum.reduceat(v, leaves.start[:-1], out=leaves.top)


@njit(cache=True, nogil=True, inline="always")
def power(total: float, norm: float, p: float) -> float:
    """distance**p from Σ|z|² for norm 2, else from the distance itself."""
    if norm == 2.0:
        if p == 2.0:
            return total
        return math.sqrt(total) if p == 1.0 else total ** (p / 2)
    return total if p == 1.0 else total**p


@njit(cache=True, nogil=True, fastmath=True)
def _costs(x: Array, points: Array, first: int, last: int, norm: float, p: float, out: Array) -> None:
    """Costs from x (d,) to the points first to last."""
    size = last - first
    out[:size] = 0.0
    for t in range(points.shape[0]):
        here, row = x[t], points[t, first:last]
        if norm == 2.0:
            for j in range(size):
                gap = here - row[j]
                out[j] += gap * gap
        elif norm == 1.0:
            for j in range(size):
                out[j] += abs(here - row[j])
        else:
            for j in range(size):
                out[j] = max(out[j], abs(here - row[j]))
    if norm == 2.0 and p == 2.0:
        return
    for j in range(size):
        out[j] = power(out[j], norm, p)


@njit(cache=True, nogil=True)
def pair_costs(x: Array, points: Array, rows: Array, cols: Array, norm: float, p: float) -> Array:
    """Costs from x[rows[e]] to the column cols[e], (e,)."""
    out = np.empty(rows.size)
    for e in range(rows.size):
        _costs(x[rows[e]], points, cols[e], cols[e] + 1, norm, p, out[e : e + 1])
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _bounds(x: Array, leaves: Leaves, norm: float, p: float, out: Array) -> int:
    """Least reduced cost that a leaf may hold, (leaves,); gives the leaf where it is smallest."""
    out[:] = 0.0
    for t in range(x.size):
        here, lows, highs = x[t], leaves.lows[t], leaves.highs[t]
        for leaf in range(out.size):
            gap = max(max(lows[leaf] - here, here - highs[leaf]), 0.0)
            if norm == 2.0:
                out[leaf] += gap * gap
            elif norm == 1.0:
                out[leaf] += gap
            else:
                out[leaf] = max(out[leaf], gap)
    best = 0
    for leaf in range(out.size):
        out[leaf] = power(out[leaf], norm, p) * SAFE - leaves.top[leaf]
        if out[leaf] < out[best]:
            best = leaf
    return best


@njit(cache=True, nogil=True)
def nearest(
    x: Array, leaves: Leaves, v: Array, norm: float, p: float, bound: Array, rank: Array, cost: Array,
    reduced: Array, cols: Array,
) -> float:  # fmt: skip
    """Fill `cols` (k,) and `reduced` (k,) with the columns of least c − v, as a heap; gives the threshold.

    `bound`, `rank` (leaves,) and `cost` (LEAF,) are room to work in. Leaves are opened from the most promising on.
    """
    k = cols.size
    first = _bounds(x, leaves, norm, p, bound)
    count, threshold, ranked = 0, np.inf, 0
    turn = -1
    while True:
        if turn < 0:
            leaf = first
        else:
            if turn == 0:
                ranked = _rank(bound, first, threshold, rank)
            if turn == ranked or bound[rank[turn]] >= threshold:
                break
            leaf = rank[turn]
        turn += 1
        begin, end = leaves.start[leaf], leaves.start[leaf + 1]
        _costs(x, leaves.points, begin, end, norm, p, cost)
        least, top = np.inf, -np.inf
        for j in range(end - begin):
            cost[j] -= v[begin + j]
            least, top = min(least, cost[j]), max(top, v[begin + j])
        leaves.top[leaf] = top
        if least >= threshold:
            continue
        for j in range(end - begin):
            if cost[j] < threshold:
                if count < k:
                    push(reduced, cols, count, cost[j], begin + j)
                    count += 1
                else:
                    replace_top(reduced, cols, cost[j], begin + j)
                if count == k:
                    threshold = reduced[0]
    return np.inf if count == v.size else threshold


@njit(cache=True, nogil=True)
def _rank(bound: Array, first: int, threshold: float, rank: Array) -> int:
    """Sort the leaves that may still matter by their bounds; gives their number."""
    count = 0
    for leaf in range(bound.size):
        if bound[leaf] < threshold and leaf != first:
            i = count
            while i > 0 and bound[rank[i - 1]] > bound[leaf]:
                rank[i] = rank[i - 1]
                i -= 1
            rank[i] = leaf
            count += 1
    return count


@njit(cache=True, nogil=True)
def push(key: Array, item: Array, at: int, new: float, what: int) -> None:
    """Add to a heap whose largest key is first."""
    while at > 0 and key[(at - 1) >> 1] < new:
        up = (at - 1) >> 1
        key[at], item[at] = key[up], item[up]
        at = up
    key[at], item[at] = new, what


@njit(cache=True, nogil=True)
def replace_top(key: Array, item: Array, new: float, what: int) -> None:
    """Put a smaller key in the place of the largest."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= key.size:
            break
        if child + 1 < key.size and key[child + 1] > key[child]:
            child += 1
        if key[child] <= new:
            break
        key[at], item[at] = key[child], item[child]
        at = child
    key[at], item[at] = new, what
