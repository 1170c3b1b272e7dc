"""A region where one sample has more mass than the other, found on one half of the rows and counted on the other.

Where a region was chosen because it differs, its difference on the same rows proves nothing: under one law it looks
significant nearly always. So one random half chooses (`_score` ranks points by how much nearer they are to a than to
b) and the other half only counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest, fisher_exact
from torch import Tensor

from wdist.costs import cost_blocks
from wdist.result import Interval
from wdist.rng import Rng

__all__ = ["Region", "witness_region"]

Array = np.ndarray[Any, Any]

MOST_CHOOSING = 2000
"""Rows of a side that choose: their distances to all rows are computed."""
FEWEST_ROWS = 20


@dataclass(frozen=True, eq=False)
class Region:
    """Where a has more mass than b, as far as rows tell that did not choose it.

    Attributes:
        share_a: Share of the held-out rows of a within.
        share_b: Share of the held-out rows of b within.
        interval_a: Exact interval for the mass that the law of a has there (Clopper and Pearson 1934).
        interval_b: The same for b.
        pvalue: Fisher's exact test on the held-out rows, two-sided.
        rows_a: Held-out rows of a within, most typical of a first.
        rows_b: Held-out rows of b without, most typical of b first.
    """

    share_a: float
    share_b: float
    interval_a: Interval
    interval_b: Interval
    pvalue: float
    rows_a: Array
    rows_b: Array


def witness_region(x: Tensor, y: Tensor, confidence: float, rng: Rng) -> Region:
    """Choose a region on one half of the rows, count on the other.

    Args:
        x: Rows of a, shape (n, d), float64, in comparable units, n >= 20.
        y: Rows of b, shape (m, d).
        confidence: Level of both intervals.
        rng: Halves the rows.

    Example:
        >>> from wdist.rng import as_rng
        >>> x = torch.arange(200.0).double()[:, None]
        >>> region = witness_region(x, x + 100, 0.95, as_rng(0))
        >>> region.share_a > 0.8, region.share_b < 0.5, region.pvalue < 1e-6
        (True, True, True)
    """
    (first_x, held_x), (first_y, held_y) = (_halves(len(z), rng) for z in (x, y))
    chosen = x[first_x[:MOST_CHOOSING]], y[first_y[:MOST_CHOOSING]]
    threshold = _threshold(*(_score(z, *chosen, own=k) for k, z in enumerate(chosen)))
    scores = [_score(z[rows], *chosen) for z, rows in ((x, held_x), (y, held_y))]
    inside = [score > threshold for score in scores]
    counts = [int(one.sum()) for one in inside]
    sizes = [len(one) for one in inside]
    table = [[count, size - count] for count, size in zip(counts, sizes, strict=True)]
    of_a, of_b = (_mass(*counted, confidence) for counted in zip(counts, sizes, strict=True))
    most_a, most_b = np.argsort(-scores[0]), np.argsort(scores[1])
    return Region(
        counts[0] / sizes[0], counts[1] / sizes[1], of_a, of_b, float(fisher_exact(table)[1]),
        held_x[most_a][inside[0][most_a]], held_y[most_b][~inside[1][most_b]],
    )  # fmt: skip


def _mass(count: int, size: int, confidence: float) -> Interval:
    found = binomtest(count, size).proportion_ci(confidence, method="exact")
    return Interval(float(found.low), float(found.high), confidence, "held-out rows")


def _halves(n: int, rng: Rng) -> tuple[Array, Array]:
    order = rng.numpy.permutation(n)
    return order[: n // 2], order[n // 2 :]


def _score(z: Tensor, x: Tensor, y: Tensor, own: int | None = None) -> Array:
    """How much nearer points (k, d) are to x than to y on average; where they are x or y, each leaves out itself."""
    means = []
    for side, there in enumerate((x, y)):
        sums = torch.cat([block.sum(dim=1) for _, block in cost_blocks(z, there, "euclidean")])
        means.append(sums / (len(there) - (side == own)))
    score: Array = (means[1] - means[0]).cpu().numpy()
    return score


def _threshold(of_x: Array, of_y: Array) -> float:
    """The value above which the share of x exceeds that of y by most."""
    values = np.sort(np.concatenate([of_x, of_y]))
    below_x, below_y = (np.searchsorted(np.sort(s), values, side="right") / len(s) for s in (of_x, of_y))
    return float(values[np.argmax(below_y - below_x)])
