"""Nearest columns under prices, without the cost matrix.

`nearest` gives a row its k columns of least reduced cost c(x, y_j) − v_j and a threshold below which no other column
lies. Groups of leaves and leaves are passed over by their bounds (`leaves.box_bounds`). An opened leaf is read in
single precision, as offsets from its middle, with the rounding taken off (`_lower`): what that leaves open is decided
in double precision.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from wdist.plans.ground import Array, point_cost
from wdist.plans.leaves import SAFE, Leaves, box_bounds, largest, plane_top

__all__ = ["Room", "nearest", "push", "replace_top", "room_for"]

UNIT = 2.0**-24  # of rounding in single precision
ZERO = np.float32(0)
LEAST = 1e-37  # single precision loses digits below
HUGE = 1.7e308


class Room(NamedTuple):
    """What one thread writes on while it looks: bounds and ranks of groups, the same of leaves, a row, a leaf."""

    bound: Array
    rank: Array
    leaf_bound: Array
    leaf_rank: Array
    row: Array
    length: Array
    lower: Array


@njit(cache=True, nogil=True)
def room_for(leaves: Leaves) -> Room:
    """Room for one thread."""
    count, d, width = leaves.offsets.shape
    groups = leaves.groups.top.size
    return Room(
        np.empty(groups), np.empty(groups, np.int64), np.empty(count), np.empty(count, np.int64),
        np.empty(d, np.float32), np.empty(width, np.float32), np.empty(width),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def nearest(
    x: Array, leaves: Leaves, v: Array, norm: float, p: float, limit: float, room: Room, reduced: Array, cols: Array
) -> float:  # fmt: skip
    """Fill `cols` (k,) and `reduced` (k,) with the columns of least c − v, as a heap; gives the threshold.

    To know a `limit` that k columns are below spares work; if it is too low, they are searched for once more.
    """
    count, threshold = _search(x, leaves, v, norm, p, min(limit, HUGE), room, reduced, cols)
    if count < min(cols.size, v.size):
        count, threshold = _search(x, leaves, v, norm, p, HUGE, room, reduced, cols)
    return np.inf if count == v.size else threshold


@njit(cache=True, nogil=True)
def _search(
    x: Array, leaves: Leaves, v: Array, norm: float, p: float, limit: float, room: Room, reduced: Array, cols: Array
) -> tuple[int, float]:  # fmt: skip
    """The same for columns below `limit`: how many there are, up to k, and the threshold.

    The most promising group is opened first, and in a group the most promising leaf.
    """
    groups, boxes, tops = leaves.groups, leaves.boxes, leaves.boxes.top
    points, offsets, middles, above = leaves.points, leaves.offsets, leaves.middles, leaves.above
    row, length, lower = room.row, room.length, room.lower
    k, most, size, width = cols.size, tops.size, leaves.size, offsets.shape[2]
    first = box_bounds(x, groups, 0, groups.top.size, norm, p, room.bound)
    count, threshold = 0, limit
    ranked = 0
    for turn in range(-1, groups.top.size):
        if turn < 0:
            group = first
        else:
            if turn == 0:
                room.bound[first] = np.inf
                ranked = _rank(room.bound, 0, groups.top.size, threshold, room.rank)
            if turn == ranked or room.bound[room.rank[turn]] >= threshold:
                break
            group = room.rank[turn]
        begin, end = group * size, min((group + 1) * size, most)
        box_bounds(x, boxes, begin, end, norm, p, room.leaf_bound)
        promising = _rank(room.leaf_bound, begin, end, threshold, room.leaf_rank)
        for place in range(promising):
            leaf = room.leaf_rank[place]
            if room.leaf_bound[leaf] >= threshold:
                break
            start = leaf * width
            prices = v[start : start + width]
            below = _lower(
                x, middles[leaf], offsets[leaf], boxes.halves[:, leaf], prices, norm, p, threshold, row, length, lower
            )  # fmt: skip
            tops[leaf] = plane_top(leaf, points, boxes.middles, boxes.slope, v, width)
            entered, j = threshold, start
            while below > 0:
                if lower[j - start] < entered:
                    below -= 1
                    if lower[j - start] < threshold:
                        value = point_cost(x, points[j], norm, p) - v[j]
                        if value < threshold:
                            if count < k:
                                push(reduced, cols, count, value, j)
                                count += 1
                            else:
                                replace_top(reduced, cols, value, j)
                            if count == k:
                                threshold = reduced[0]
                j += 1
        groups.top[group] = largest(tops[begin:end], above[begin:end])
    return count, threshold


@njit(cache=True, nogil=True)
def _rank(bound: Array, first: int, last: int, threshold: float, rank: Array) -> int:
    """Sort the boxes first to last that may still matter by their bounds; gives their number."""
    count = 0
    for box in range(first, last):
        if bound[box] < threshold:
            i = count
            while i > 0 and bound[rank[i - 1]] > bound[box]:
                rank[i] = rank[i - 1]
                i -= 1
            rank[i] = box
            count += 1
    return count


@njit(cache=True, nogil=True, fastmath=True)
def _lower(
    x: Array, middle: Array, offsets: Array, halves: Array, prices: Array, norm: float, p: float, limit: float,
    row: Array, length: Array, lower: Array,
) -> int:  # fmt: skip
    """Bound the reduced costs of a leaf, whose v are `prices`, into `lower` (width,); gives how many are below `limit`.

    Let a be the length found in single precision, D the true one, R the leaf's radius and u the unit of rounding.
    The offsets of x and y are rounded by u (D + R) and u R at most, their difference by u a, and the sum of d terms by
    d u a. So D ≥ a (1 − (d + 6) u) − r with r = 2 u R, and, as 2 a r ≤ 8 u a² + r² / (8 u),
    D² ≥ a² (1 − (2 d + 20) u) − r² / (8 u).
    """
    d, size = x.size, prices.size
    for t in range(d):
        row[t] = np.float32(x[t] - middle[t])
    _lengths(row, offsets, norm, length)
    radius = 0.0
    for t in range(d):
        radius = max(radius, halves[t])
    radius *= math.sqrt(d) if norm == 2.0 else d
    off = 2 * UNIT * (radius + LEAST * d)
    if norm == 2.0 and p == 2.0:
        shrink, slack = 1 - (2 * d + 20) * UNIT, off * off / (8 * UNIT)
        for j in range(size):
            lower[j] = length[j] * shrink - slack - prices[j]
    elif norm == 2.0 and p == 1.0:
        shrink = 1 - (d + 8) * UNIT
        for j in range(size):
            lower[j] = math.sqrt(length[j]) * shrink - off - prices[j]
    else:
        shrink = 1 - (d + 8) * UNIT
        for j in range(size):
            a = math.sqrt(np.float64(length[j])) if norm == 2.0 else np.float64(length[j])
            lower[j] = max(a * shrink - off, 0.0) ** p * SAFE - prices[j]
    below = 0
    for j in range(size):
        below += lower[j] < limit
    return below


@njit(cache=True, nogil=True, fastmath=True)
def _lengths(row: Array, offsets: Array, norm: float, out: Array) -> None:
    """Norms (squared for norm 2) of the differences of row (d,) and offsets (d, width), in single precision."""
    d, width = offsets.shape
    fours = d // 4 * 4
    for j in range(width):
        out[j] = ZERO
    if norm == 2.0:
        for t in range(0, fours, 4):  # four at a time, or `out` would be fetched as often as the offsets
            a, b, c, e = row[t], row[t + 1], row[t + 2], row[t + 3]
            for j in range(width):
                f, g, h, i = (
                    a - offsets[t, j],
                    b - offsets[t + 1, j],
                    c - offsets[t + 2, j],
                    e - offsets[t + 3, j],
                )
                out[j] += f * f + g * g + h * h + i * i
        for t in range(fours, d):
            for j in range(width):
                gap = row[t] - offsets[t, j]
                out[j] += gap * gap
    elif norm == 1.0:
        for t in range(d):
            for j in range(width):
                out[j] += abs(row[t] - offsets[t, j])
    else:
        for t in range(d):
            for j in range(width):
                out[j] = max(out[j], abs(row[t] - offsets[t, j]))


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
