"""Points in spatial leaves, and leaves in groups, so that a search for the least c(x, y_j) − v_j opens few of them.

Each box carries a plane above the potentials of its points: v bends like the cost itself, and the cost less a plane
is bounded over a box in closed form (`box_bounds`), far better than the cost less the largest v. As v only falls during
an auction, planes stay above; whoever opens a leaf lowers its plane (`plane_top`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from wdist.plans.ground import Array, power

__all__ = [
    "Boxes",
    "Leaves",
    "as_leaves",
    "box_bounds",
    "largest",
    "leaf_order",
    "leaf_width",
    "plane_top",
    "set_tops",
]

FEW = 8  # coordinates below which bounds tell leaves apart
NARROW, WIDE = 64, 256  # points of a leaf in few coordinates and in many
SAFE = 1 - 1e-12  # a box's bound is rounded too
ROUNDING = 1e-12
TINY, HUGE = 1e-300, 1.7e308


class Boxes(NamedTuple):
    """Boxes around points, and above the v of each a plane: v_j ≤ top + slope·(y_j − middle).

    Attributes:
        lows: Least coordinates, (d, boxes).
        highs: Largest ones, (d, boxes).
        middles: Shape (d, boxes).
        halves: Half the sides, (d, boxes).
        slope: Of the planes, (d, boxes).
        top: Their heights in the middle, (boxes,); `nearest` lowers them as v falls.
    """

    lows: Array
    highs: Array
    middles: Array
    halves: Array
    slope: Array
    top: Array


class Leaves(NamedTuple):
    """Points in the order of their leaves: leaf l holds the `width` points from l·width on, the last one what is left.

    Attributes:
        points: Shape (m, d).
        offsets: From the middle of each leaf, coordinate by coordinate: (leaves, d, width), float32.
        middles: Shape (leaves, d).
        boxes: Of the leaves.
        groups: Boxes of `size` leaves each, in order.
        above: What a leaf's plane has at most above its group's, less the leaf's top, (leaves,).
        size: About the root of the number of leaves.
    """

    points: Array
    offsets: Array
    middles: Array
    boxes: Boxes
    groups: Boxes
    above: Array
    size: int


def leaf_width(d: int) -> int:
    """Points of a leaf in d coordinates."""
    return NARROW if d < FEW else WIDE


def leaf_order(points: Array) -> Array:
    """Order of the rows (m,) that puts leaves together, by halving the widest coordinate: O(m d log m)."""
    width = leaf_width(points.shape[1])
    order = []
    stack = [np.arange(len(points))]
    while stack:
        rows = stack.pop()
        if len(rows) <= width:
            order.append(rows)
            continue
        part = points[rows]
        axis = int(np.argmax(part.max(axis=0) - part.min(axis=0)))
        half = max(width, len(rows) // 2 // width * width)  # full leaves, but for the last one
        split = np.argpartition(part[:, axis], half)
        stack += [rows[split[half:]], rows[split[:half]]]
    return np.concatenate(order)


def as_leaves(points: Array) -> Leaves:
    """Box the leaves of points (m, d) that are in `leaf_order` already."""
    m, d = points.shape
    width = leaf_width(d)
    start = np.arange(0, m, width)
    low, high = np.minimum.reduceat(points, start, axis=0), np.maximum.reduceat(points, start, axis=0)
    middle = low / 2 + high / 2
    offsets = np.zeros((len(start) * width, d), np.float32)
    offsets[:m] = points - np.repeat(middle, width, axis=0)[:m]
    offsets = np.ascontiguousarray(offsets.reshape(-1, width, d).transpose(0, 2, 1))
    size = math.isqrt(len(start))
    groups = np.arange(0, len(start), size)
    around = _boxes(np.minimum.reduceat(low, groups, axis=0), np.maximum.reduceat(high, groups, axis=0))
    return Leaves(points, offsets, middle, _boxes(low, high), around, np.empty(len(start)), size)


def _boxes(low: Array, high: Array) -> Boxes:
    lows, highs = low.T.copy(), high.T.copy()
    middles = lows / 2 + highs / 2
    halves = np.maximum(highs - middles, middles - lows)
    return Boxes(lows, highs, middles, halves, np.zeros_like(lows), np.empty(len(low)))


def set_tops(leaves: Leaves, v: Array, norm: float, p: float) -> None:
    """Lay planes on v (m,): before the first look at new potentials.

    Near its optimum v bends like the cost itself, and a bound by the largest v of a box would be far off. Where
    `box_bounds` does not know how to use a slope it is left zero.
    """
    (count, d, width), m = leaves.offsets.shape, len(v)
    boxes, groups, size = leaves.boxes, leaves.groups, leaves.size
    if norm == 2 and p in (1, 2) and d < FEW:
        heights = np.append(v, np.full(count * width - m, v[m - 1])).reshape(count, width)
        boxes.slope[:] = _slopes(leaves.offsets, heights).T
        parts = np.minimum(np.arange(len(groups.top) * size), count - 1).reshape(-1, size)
        groups.slope[:] = _slopes(leaves.middles[parts].transpose(0, 2, 1), heights.mean(axis=1)[parts]).T
    _raise_tops(leaves, v)


def _slopes(points: Array, heights: Array) -> Array:
    """Slopes of the planes closest to heights (b, w) at points (b, d, w): shape (b, d)."""
    points = points - points.mean(axis=2, keepdims=True, dtype=np.float64)
    heights = heights - heights.mean(axis=1, keepdims=True)
    spread = points @ points.transpose(0, 2, 1)
    least = 1e-6 * np.trace(spread, axis1=1, axis2=2) + TINY  # keeps flat boxes solvable
    spread += least[:, None, None] * np.eye(spread.shape[1])
    slopes: Array = np.linalg.solve(spread, points @ heights[:, :, None])[:, :, 0]
    return slopes


@njit(cache=True, nogil=True)
def _raise_tops(leaves: Leaves, v: Array) -> None:
    """Put the planes above v, those of the groups above those of their leaves."""
    boxes, groups = leaves.boxes, leaves.groups
    for leaf in range(boxes.top.size):
        boxes.top[leaf] = plane_top(
            leaf, leaves.points, boxes.middles, boxes.slope, v, leaves.offsets.shape[2]
        )
        group = leaf // leaves.size
        above = 0.0
        for t in range(boxes.slope.shape[0]):
            slope = boxes.slope[t, leaf]
            above += abs(slope - groups.slope[t, group]) * boxes.halves[t, leaf]
            above -= groups.slope[t, group] * (boxes.middles[t, leaf] - groups.middles[t, group])
        leaves.above[leaf] = above
    for group in range(groups.top.size):
        begin, end = group * leaves.size, min((group + 1) * leaves.size, boxes.top.size)
        groups.top[group] = largest(boxes.top[begin:end], leaves.above[begin:end])


@njit(cache=True, nogil=True, fastmath=True)
def plane_top(leaf: int, points: Array, middles: Array, slope: Array, v: Array, width: int) -> float:
    """Least height of a leaf's plane."""
    begin, end = leaf * width, min((leaf + 1) * width, v.size)
    top: float = -HUGE
    if points.shape[1] < FEW:
        for j in range(begin, end):
            rest = v[j]
            for t in range(points.shape[1]):
                rest -= slope[t, leaf] * (points[j, t] - middles[t, leaf])
            top = max(top, rest)
    else:
        for j in range(begin, end):
            top = max(top, v[j])
    return top


@njit(cache=True, nogil=True, fastmath=True)
def largest(values: Array, more: Array) -> float:
    """Largest of the sums, (n,) each."""
    most: float = values[0] + more[0]
    for j in range(values.size):
        most = max(most, values[j] + more[j])
    return most


@njit(cache=True, nogil=True, fastmath=True)
def box_bounds(x: Array, boxes: Boxes, first: int, last: int, norm: float, p: float, out: Array) -> int:
    """Least reduced cost that each of the boxes first to last may hold, into out[first:last]; gives the best box."""
    bound, top = out[first:last], boxes.top[first:last]
    bound[:] = 0.0
    if norm == 2.0 and p == 2.0 and x.size < FEW:
        _squares_above_planes(x, boxes, first, last, bound)
    elif norm == 2.0 and p == 1.0 and x.size < FEW:
        _lengths_above_planes(x, boxes, first, last, bound)
    else:
        for t in range(x.size):
            here, lows, highs = x[t], boxes.lows[t, first:last], boxes.highs[t, first:last]
            for box in range(bound.size):
                gap = max(max(lows[box] - here, here - highs[box]), 0.0)
                if norm == 2.0:
                    bound[box] += gap * gap
                elif norm == 1.0:
                    bound[box] += gap
                else:
                    bound[box] = max(bound[box], gap)
        for box in range(bound.size):
            bound[box] = power(bound[box], norm, p) * SAFE
    best = 0
    for box in range(bound.size):
        bound[box] -= top[box]
        if bound[box] < bound[best]:
            best = box
    return first + best


@njit(cache=True, nogil=True, fastmath=True)
def _squares_above_planes(x: Array, boxes: Boxes, first: int, last: int, out: Array) -> None:
    """The least of |x − y|² − slope·(y − middle) over each box: it is a sum of parabolas."""
    for t in range(x.size):
        here, middles, halves = x[t], boxes.middles[t, first:last], boxes.halves[t, first:last]
        slopes = boxes.slope[t, first:last]
        for box in range(out.size):
            gap, half, slope = here - middles[box], halves[box], slopes[box]
            z = min(max(gap + slope / 2, -half), half)
            out[box] += (gap - z) * (gap - z) * SAFE - slope * z - ROUNDING * abs(slope * z)


@njit(cache=True, nogil=True, fastmath=True)
def _lengths_above_planes(x: Array, boxes: Boxes, first: int, last: int, out: Array) -> None:
    """A bound on |x − y| − slope·(y − middle) over each box: |x − y| is above its tangent in the middle."""
    middles, halves, slopes = boxes.middles, boxes.halves, boxes.slope
    for box in range(first, last):
        length = 0.0
        for t in range(x.size):
            length += (middles[t, box] - x[t]) ** 2
        length = math.sqrt(length)
        rise = 0.0
        for t in range(x.size):
            rise += abs((middles[t, box] - x[t]) / (length + TINY) - slopes[t, box]) * halves[t, box]
        out[box - first] = length * SAFE - rise * (1 + ROUNDING)
