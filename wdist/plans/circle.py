"""Exact transport on the circle: one free rotation, then the line.

Cut open, the circle is a line on which quantile functions repeat, F⁻¹(t + 1) = F⁻¹(t) + period. Delon,
Salomon and Sobolevski (2010): W_p^p = min_α ∫_0^1 |F⁻¹(t) − G⁻¹(t + α)|^p dt, convex in α and linear between
the shifts at which a step of one function passes a step of the other. The minimum is found by bisection on
the slope, then read off as the crossing of the two lines that meet there. For p = 1 it is ∫|F − G − median(F
− G)| (Rabin, Delon and Gousseau 2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["circle_distance"]

Array = np.ndarray[Any, Any]
DUST = 4 * np.finfo(np.float64).eps


def circle_distance(x: Array, y: Array, wx: Array, wy: Array, p: float, period: float) -> float:
    """Exact W_p between two weighted samples on a circle, for the length of the shorter arc.

    Args:
        x: Positions, shape (n,), any real numbers; taken modulo `period`.
        y: Positions, shape (m,).
        wx: Masses (n,), summing to one.
        wy: Masses (m,), summing to one.
        p: Order, 1 <= p < inf.
        period: Length of the circle, in the unit of x.

    Returns:
        W_p, in the unit of x.
    """
    xs, ends_x = _sorted(x / period, wx)
    ys, ends_y = _sorted(y / period, wy)
    if p == 1:
        return period * _by_median(xs, ends_x, ys, ends_y)
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _slope(middle, xs, ends_x, ys, ends_y, p) < 0:
            low = middle
        else:
            high = middle
    return period * min(_distance(alpha, xs, ends_x, ys, ends_y, p) for alpha in (low, high))


def _sorted(x: Array, w: Array) -> tuple[Array, Array]:
    """Positions in [0, 1) in order, and the level at which each one's step of the quantile function ends."""
    x = np.mod(x, 1.0)
    order = np.argsort(x)
    ends = np.cumsum(w[order])
    return x[order], ends / ends[-1]


def _by_median(xs: Array, ends_x: Array, ys: Array, ends_y: Array) -> float:
    """∫|D − c| for D = F − G and c its median over the circle."""
    at = np.concatenate([xs, ys])
    order = np.argsort(at)
    jumps = np.concatenate([np.diff(ends_x, prepend=0.0), -np.diff(ends_y, prepend=0.0)])[order]
    gap = np.cumsum(jumps)  # F − G on [at_k, at_{k+1})
    at = at[order]
    length = np.diff(at, append=at[0] + 1.0)
    rank = np.argsort(gap)
    middle = gap[rank][np.searchsorted(np.cumsum(length[rank]), 0.5)]
    return float(np.abs(gap - middle) @ length)


def _quantile(level: Array, points: Array, ends: Array) -> Array:
    """Periodic quantile function: the point whose step holds `level`, plus the whole turns."""
    turns = np.floor(level)
    index = np.searchsorted(ends, level - turns, side="right")
    over = index >= len(points)  # the level sits on the end of the last step, up to rounding
    return points[np.where(over, 0, index)] + turns + over


def _distance(alpha: float, xs: Array, ends_x: Array, ys: Array, ends_y: Array, p: float) -> float:
    """(∫_0^1 |F⁻¹(t) − G⁻¹(t + α)|^p dt)^{1/p}, powers taken in units of the widest gap."""
    cuts = np.sort(np.concatenate([[0.0, 1.0], ends_x, np.mod(ends_y - alpha, 1.0)]))
    width = np.diff(cuts)
    width[width < DUST] = 0.0  # two steps that meet, up to the rounding of α
    middle = cuts[:-1] + width / 2
    gaps = np.abs(_quantile(middle, xs, ends_x) - _quantile(middle + alpha, ys, ends_y))
    widest = float(gaps[width > 0].max())
    return widest * float((gaps[width > 0] / widest) ** p @ width[width > 0]) ** (1 / p) if widest else 0.0


def _slope(alpha: float, xs: Array, ends_x: Array, ys: Array, ends_y: Array, p: float) -> float:
    """Right derivative in α: at each end of a step of G, the mass ahead trades y_j for y_{j+1}."""
    level = ends_y - alpha  # where the steps of G end, seen from F
    turns = np.ceil(level) - 1
    index = np.searchsorted(ends_x, level - turns, side="left")
    partner = xs[np.minimum(index, len(xs) - 1)] + turns  # (m,); F's value just before
    after = np.append(ys[1:], ys[0] + 1.0)
    ahead, behind = np.abs(partner - after), np.abs(partner - ys)
    widest = max(ahead.max(), behind.max()) or 1.0
    return float(((ahead / widest) ** p - (behind / widest) ** p).sum())
