"""What bounds between laws take for granted of the rows, as far as rows show it: independence, and a finite variance.

Series show in the correlation of neighbouring rows, pairs in that of rows of one number, heavy tails in how many times
the largest rows pass the next. Each is refused only where chance does not explain it. Copies of rows are told, not
refused: they may be ties.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wdist.resampling.across import different_rows, pairing, shared_note, untied
from wdist.resampling.serial import serial_dependence

__all__ = ["copies", "dependence", "heavy_tails", "log_excesses", "tail_index"]

Array = np.ndarray[Any, Any]

FINITE_VARIANCE, PLAIN = 2.0, 2.25
"""Tail index below which the variance is infinite, and standard errors by which it has to be: of pairs of samples of
200 of Cauchy's law 97 % are refused, of lognormal ones 4 %, of t3 ones none."""
FEWEST_FAR = 5


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
    """Say if x (n, d), y (m, d) or what is far out in both tells of a law of infinite variance; None if not."""
    far = [log_excesses(points) for points in (x, y)]
    for excesses, whose in (
        (far[0], "a has"),
        (far[1], "b has"),
        (np.concatenate(far), "a and b together have"),
    ):
        index, error = tail_index(excesses)
        if index + PLAIN * error < FINITE_VARIANCE:
            return (
                f"{whose} tails like those of a law of infinite variance (index {index:.2f}, below 2), for which no "
                "interval holds; bound or transform the values first"
            )
    return None


def tail_index(excesses: Array) -> tuple[float, float]:
    """How a tail falls, P(> t) ~ t^{−index}, from its log excesses, (k,), and the standard error of that.

    Such a tail has exponential log excesses e, with E e² = 2/index² (Dekkers, Einmahl and de Haan 1989): the second
    moment tells it better from lognormal ones than Hill's mean does, whose excesses fall off faster. A normal or
    exponential tail gives far more than 2, Cauchy's 1.
    """
    square = float(np.square(excesses).mean()) if len(excesses) else 0.0
    index = math.sqrt(2 / square) if square > 0 else math.inf
    return index, index * math.sqrt(1.25 / max(len(excesses), 1)) if math.isfinite(index) else 0.0


def log_excesses(points: Array) -> Array:
    """Logarithms of how many times the next one is passed by each of the 0.4·n^{3/4} largest |x − median|, at least 5.

    In several coordinates the median is theirs one by one, and the heaviest tail is that of the norm. In units of
    their own, so that those of two samples can be put together. None where points that far agree with the median.

    Args:
        points: Shape (n, d).
    """
    away = points - np.median(points, axis=0)
    away /= np.abs(away).max() or 1.0  # squares of large units are beyond double precision
    sizes = np.sort(np.linalg.norm(away, axis=1))[::-1]
    count = max(FEWEST_FAR, int(0.4 * len(points) ** 0.75))
    excesses: Array = np.log(sizes[:count] / sizes[count]) if sizes[count] > 0 else np.empty(0)
    return excesses


def copies(x: Array, y: Array) -> str:
    """Say how many rows of x (n, d) and y (m, d) repeat another; "" if none, or as a discrete law has them."""
    if shared := shared_note(x, y):
        return shared
    rows = different_rows(x, y)[0]
    total = len(x) + len(y)
    repeated = total - len(rows)
    if repeated == 0 or (2 * repeated > total and not untied(rows)):
        return ""
    return (
        f"{repeated} of {total} rows repeat another row. If they are copies and no ties, critics were judged on rows "
        "that they were fitted to, and the lower bound is too high: drop them."
    )
