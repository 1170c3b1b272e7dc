"""One coordinate at a time: which ones differ most, and how, as distribution functions with the area between them.

That area is W1 along the coordinate, so the picture is the number. Order and p-values are `wdist.compare`'s; where rows
may not be relabelled (weights, series), distances alone rank the coordinates, and the page says why.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from markupsafe import Markup

from wdist.inference.comparison import feature_units
from wdist.measures import Samples
from wdist.methods.line import wasserstein_1d
from wdist.report.svg import Array, Scale, across, drawing, ground, path

__all__ = ["marginal", "ranked"]

MOST_STEPS = 400
"""Steps that are drawn of a distribution function: finer than a line is wide."""
TAIL, FAR = 0.002, 3.0
"""Where that share of the points at either end makes the axis so many times longer, it is drawn at the edge."""


def ranked(a: Samples, b: Samples) -> list[dict[str, Any]]:
    """What `Comparison.to_dict` has of features, for weighted points or series: without p-values, furthest first.

    Args:
        a: Points (n, d); the coordinates are called "0", "1", ...
        b: Points (m, d).
    """
    x, y = a.points.double(), b.points.double()
    distances = wasserstein_1d(x.T, y.T, weights_x=a.weights, weights_y=b.weights)  # (d,)
    relative = distances.cpu() / torch.as_tensor(feature_units(torch.cat([x, y])))
    shifts = b.weights @ y - a.weights @ x  # (d,)
    figures = zip(distances.tolist(), relative.tolist(), shifts.tolist(), strict=True)
    rows = [
        {"name": str(k), "distance": distance, "relative": of_spread, "shift": shift, "pvalue": None}
        for k, (distance, of_spread, shift) in enumerate(figures)
    ]
    return sorted(rows, key=lambda row: -row["relative"])


def marginal(
    key: str, a: Samples, b: Samples, column: int, label: str, names: tuple[str, str], wide: bool
) -> Markup:
    """Draw both distribution functions along a coordinate, and the area between them.

    Args:
        key: Id of the figure.
        a: Points (n, d).
        b: Points (m, d).
        column: Which coordinate.
        label: Its name and unit.
        names: What the samples are called.
        wide: Over the whole column of the page, or half of it.
    """
    width, height, head, foot = (680.0, 340.0, 50.0, 52.0) if wide else (330.0, 180.0, 20.0, 26.0)
    low, high = _span(a, b, column)
    x = Scale(low, high, 0.0, width)
    y = Scale(0.0, 1.0, height - foot, head)
    of_a, of_b = (_curve(side, column, x, y) for side in (a, b))
    around = [np.concatenate([one, other[::-1]]) for one, other in zip(of_a, of_b, strict=True)]
    return drawing(
        key,
        f"Distribution functions along {label}",
        f"Share of points up to each value of {label}, for {names[0]} and for {names[1]}; the area between "
        "the two lines is W1 along it.",
        (width, height),
        ground(y, (0.0, width), "share of the points up to there" if wide else "", most=2),
        path(around[0], around[1], "between", closed=True),
        path(of_a[0], of_a[1], "curve a"),
        path(of_b[0], of_b[1], "curve b"),
        across(x, height - foot, label if wide else "", most=5 if wide else 4),
    )  # fmt: skip


def _span(a: Samples, b: Samples, column: int) -> tuple[float, float]:
    """From where to where to draw: all points, but for a few that lie far outside."""
    pooled = np.concatenate([side.points[:, column].double().cpu().numpy() for side in (a, b)])
    low, high = float(pooled.min()), float(pooled.max())
    inner = [float(q) for q in np.quantile(pooled, [TAIL, 1 - TAIL])]
    if high - low > FAR * (inner[1] - inner[0]) > 0:
        low, high = inner
    margin = 0.03 * (high - low) or abs(high) / 2 or 0.5
    return low - margin, high + margin


def _curve(side: Samples, column: int, x: Scale, y: Scale) -> tuple[Array, Array]:
    """Corners of the distribution function, in units of the figure."""
    points, order = side.points[:, column].double().cpu().sort()
    below = side.weights.cpu()[order].cumsum(dim=0).clamp(max=1).numpy()
    rows = np.unique(np.linspace(0, len(points) - 1, MOST_STEPS).astype(int))
    at = np.clip(points.numpy()[rows], x.low, x.high)
    across_, up = np.concatenate([[x.low], at, [x.high]]), np.concatenate([[0.0], below[rows], [1.0]])
    return x.all(np.repeat(across_, 2)[1:]), y.all(np.repeat(up, 2)[:-1])
