"""Two samples in the plane: their points, and the ways along which an optimal plan moves one onto the other.

Points of more than two coordinates are seen along the two directions in which both together vary most. Where the method
gave no plan, the rows that speak most plainly for one side are ringed instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from wdist.measures import Samples
from wdist.plans.dense import Coupling
from wdist.report.svg import Array, Scale, across, dots, drawing, element, ground

__all__ = ["Plane", "scatter"]

MOST_POINTS, MOST_WAYS, MOST_MARKED = 700, 250, 8
ROWS = 1000
"""Rows of a side, at the most, that principal axes are found from."""
WIDTH, TALLEST, HEAD, FOOT = 680.0, 540.0, 50.0, 52.0


@dataclass(frozen=True, eq=False)
class Plane:
    """Both samples in two coordinates.

    Attributes:
        a: Points (n, 2).
        b: Points (m, 2).
        labels: What the two coordinates are.
        share: Part of the variance of both together that they hold.
        principal: Whether they are principal axes.
    """

    a: Array
    b: Array
    labels: tuple[str, str]
    share: float
    principal: bool

    @staticmethod
    def of(a: Samples, b: Samples, names: Sequence[str]) -> Plane:
        """Take both coordinates of points in the plane, else the first two principal axes; d >= 2.

        Args:
            a: Points (n, d).
            b: Points (m, d).
            names: One a coordinate.
        """
        x, y = (side.points.double().cpu().numpy() for side in (a, b))
        if x.shape[1] == 2:
            return Plane(x, y, (names[0], names[1]), 1.0, False)
        some = np.concatenate([side[_spread(len(side), ROWS)] for side in (x, y)])
        middle = some.mean(axis=0)
        _, values, axes = np.linalg.svd(some - middle, full_matrices=False)
        axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
        parts = values**2 / max(float((values**2).sum()), np.finfo(float).tiny)
        first, second = (f"{part:.0%} of the variance" for part in parts[:2])
        labels = f"first principal axis, {first}", f"second principal axis, {second}"
        return Plane((x - middle) @ axes.T, (y - middle) @ axes.T, labels, float(parts[:2].sum()), True)

    def to_dict(self) -> dict[str, Any]:
        """What the page says of the plane, without the points."""
        return {"share": self.share, "principal": self.principal, "labels": self.labels}


def scatter(
    plane: Plane, plan: Coupling | None, marked: tuple[Sequence[int], Sequence[int]], names: tuple[str, str]
) -> Markup:
    """Draw both samples, and the plan's ways or the marked rows.

    Args:
        plane: The points.
        plan: What goes where; None for no ways.
        marked: Rows of a and of b to ring.
        names: What the samples are called.
    """
    x, y, height = _scales(np.concatenate([plane.a, plane.b]))
    ways, (rows_a, rows_b) = _ways(plane, plan)
    parts = [
        ground(y, (0.0, WIDTH), plane.labels[1], most=5),
        across(x, height - FOOT, plane.labels[0]),
    ]
    if len(ways):
        ends = [x.all(ways[:, 0]), y.all(ways[:, 1]), x.all(ways[:, 2]), y.all(ways[:, 3])]
        d = "".join(f"M{p:.1f} {q:.1f}L{r:.1f} {s:.1f}" for p, q, r, s in zip(*ends, strict=True))
        parts.append(element("path", d=d, class_="ways"))
    for points, rows, own, side in ((plane.a, rows_a, marked[0], "a"), (plane.b, rows_b, marked[1], "b")):
        shown = np.union1d(_spread(len(points), MOST_POINTS), rows).astype(int)
        parts.append(dots(x.all(points[shown, 0]), y.all(points[shown, 1]), side))
        parts += [
            element(
                "circle",
                cx=x(float(points[row, 0])),
                cy=y(float(points[row, 1])),
                r=9.0,
                class_=f"ring {side}",
            )
            for row in own[:MOST_MARKED]
        ]
    what = f"; {len(ways)} ways of the plan join them" if len(ways) else ""
    return drawing(
        "points",
        f"{names[0]} and {names[1]} in two coordinates",
        f"Across: {plane.labels[0]}; up: {plane.labels[1]}{what}.",
        (WIDTH, height),
        *parts,
    )


def _ways(plane: Plane, plan: Coupling | None) -> tuple[Array, tuple[Array, Array]]:
    """Some entries of the plan as lines (k, 4), of all lengths alike; and the rows that they join."""
    nothing = np.zeros(0, dtype=int)
    if plan is None:
        return np.zeros((0, 4)), (nothing, nothing)
    lines = np.concatenate([plane.a[plan.rows], plane.b[plan.cols]], axis=1)
    order = np.argsort(np.linalg.norm(lines[:, :2] - lines[:, 2:], axis=1), kind="stable")
    some = order[_spread(len(order), MOST_WAYS)]
    return lines[some], (plan.rows[some], plan.cols[some])


def _spread(count: int, most: int) -> Array:
    """At most so many of the numbers below count, evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def _scales(points: Array) -> tuple[Scale, Scale, float]:
    """Axes for points (n, 2), in one unit unless one of them is far longer; and the height of the figure."""
    (left, low), (right, high) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    wide, tall = (right - left) or abs(left) or 1.0, (high - low) or abs(low) or 1.0
    unit = max(1.1 * wide / WIDTH, 1.1 * tall / (TALLEST - HEAD - FOOT))
    height = min(max(1.1 * tall / unit + HEAD + FOOT, 320.0), TALLEST)
    room = height - HEAD - FOOT
    across_, up = WIDTH * unit, room * unit
    if across_ > 3.5 * wide or up > 3.5 * tall:
        across_, up = 1.1 * wide, 1.1 * tall
    x_mid, y_mid = (left + right) / 2, (low + high) / 2
    x = Scale(x_mid - across_ / 2, x_mid + across_ / 2, 0.0, WIDTH)
    return x, Scale(y_mid - up / 2, y_mid + up / 2, height - FOOT, HEAD), height
