"""What bounds between laws take for granted of the rows, as far as rows show it: independence, and a finite variance.

Series show in the correlation of neighbouring rows, pairs in that of rows of one number, heavy tails in Hill's index.
Each is refused only where chance does not explain it. Copies of rows are told, not refused: they may be ties.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wdist.resampling.across import pairing
from wdist.resampling.serial import serial_dependence

__all__ = ["copies", "dependence", "heavy_tails", "tail_index"]

Array = np.ndarray[Any, Any]

FINITE_VARIANCE, PLAIN = 2.0, 2.5
"""Tail index below which the variance is infinite, and standard errors by which it has to be: so that lognormal
samples of 200 and t3 ones of 50 pass, and Cauchy's of 1000 do not (1, 0 and 97 % are refused)."""


def dependence(x: Array, y: Array) -> str | None:
    """Say why the rows of x (n, d) and y (m, d) are no independent samples; None where nothing shows."""
    for points, name in ((x, "a"), (y, "b")):
        series = serial_dependence(points)
        if series.plain:
            return (
                f"rows of {name} depend on the rows before them (rank correlation {series.correlation:.2f} between "
                "neighbours), and an interval needs independent ones; thin them out, or shuffle them if their order "
                "means nothing"
            )
    if correlation := pairing(x, y):
        return (
            f"rows of a and b are paired (rank correlation {abs(correlation):.2f} between rows of one number), and an "
            "interval needs independent samples; keep one row of each pair, or shuffle b if its order means nothing"
        )
    return None


def heavy_tails(x: Array, y: Array) -> str | None:
    """Say which of x (n, d) and y (m, d) has tails like those of a law of infinite variance; None if neither."""
    for points, name in ((x, "a"), (y, "b")):
        index, error = tail_index(points)
        if index + PLAIN * error < FINITE_VARIANCE:
            return (
                f"{name} has tails like those of a law of infinite variance (index {index:.2f}, below 2), for which no "
                "interval holds; bound or transform the values first"
            )
    return None


def tail_index(points: Array) -> tuple[float, float]:
    """Hill's estimate (1975) of how the tails of |x − median| fall, P(> t) ~ t^{−index}, and its standard error.

    From the √n largest, at least 5: a normal or exponential tail gives far more than 2, Cauchy's 1. In several
    coordinates the median is theirs one by one, and the heaviest tail is that of the norm.

    Args:
        points: Shape (n, d).
    """
    away = points - np.median(points, axis=0)
    away /= np.abs(away).max() or 1.0  # squares of large units are beyond double precision
    sizes = np.sort(np.linalg.norm(away, axis=1))[::-1]
    count = max(5, int(len(points) ** 0.5))
    if not sizes[count] > 0:
        return np.inf, 0.0
    excess = float(np.log(sizes[:count] / sizes[count]).mean())
    index = 1 / excess if excess > 0 else np.inf
    return index, index / count**0.5


def copies(x: Array, y: Array) -> str:
    """Say how many rows of x (n, d) and y (m, d) repeat another; "" if none, or so many that the law is discrete."""
    rows = np.ascontiguousarray(np.concatenate([x, y]))
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]  # a row as one key
    repeated = len(keys) - len(np.unique(keys))
    if repeated == 0 or 2 * repeated > len(keys):
        return ""
    return (
        f"{repeated} of {len(keys)} rows repeat another row. If they are copies and no ties, critics were judged on "
        "rows that they were fitted to, and the lower bound is too high: drop them."
    )
