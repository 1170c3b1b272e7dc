"""What two samples on the line say of W1 between their laws: an interval, and a guess without the bias of noise.

W = ∫|F − G|, so by the triangle inequality |W(P_n, Q_m) − W(P, Q)| is at most T = ∫|(F_n − F) − (G_m − G)|, whose
quantile the bootstrap finds: that is the lower end, 0 also where a permutation test sees no difference, which makes it
exact for P = Q. Above, W is a mean difference of its influence function, and a mean has a standard error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import njit
from scipy.special import stdtrit

from wdist.plans.line import line_distance
from wdist.resampling.cells import Cells
from wdist.resampling.exchange import exchange
from wdist.resampling.premises import dependence, heavy_tails
from wdist.resampling.statistics import StraightLine
from wdist.rng import Rng

__all__ = ["WORKING_BYTES", "Array", "LineInterval", "line_interval", "refusal"]

Array = np.ndarray[Any, Any]

FEWEST_ROWS = 20
RESAMPLES = 999
ROW_BY_ROW = 40_000
"""Rows of both sides up to which each is drawn; beyond, cells of them are (`cells.py`)."""
BATCH = 4_000_000
WORKING_BYTES = 128 * 2**20
"""Of a batch of redrawn rows or labels, whatever the samples."""
HALVINGS = 10
TIE = 1e-9
"""Areas of the same rows round apart by less."""


@dataclass(frozen=True, eq=False)
class LineInterval:
    """W1 between two laws on the line, from a sample of each; all in the unit of the data.

    Attributes:
        plug_in: W1 between the samples; on average above W1 between the laws.
        low: Lower end of the two-sided interval, and a one-sided lower bound at the same level.
        high: Upper end of the two-sided interval.
        upper: One-sided upper bound.
        guess: √(C² − F²), with C the mean distance across halves of the samples and F that between halves of one, cut
            to [low, high]; a heuristic.
        radius: The bootstrap's quantile of T: [plug_in − radius, plug_in + radius] is the L1 band.
        standard_error: Of `plug_in`, from its influence function; 0 tells nothing where both laws are one.
        resamples: Bootstrap resamples.
    """

    plug_in: float
    low: float
    high: float
    upper: float
    guess: float
    radius: float
    standard_error: float
    resamples: int


def line_interval(x: Array, y: Array, confidence: float, rng: Rng) -> LineInterval:
    """Two-sided interval for W1 between the laws behind two samples on the line.

    [W − q, W + t·se], cut at 0: q the `confidence` quantile of the bootstrap of T, t that of Student's law for the
    upper tail of a two-sided interval; [0, W + t·se] where rows relabelled at random reach W in more than 1 −
    confidence of cases. Exact for P = Q, else approximate, for independent rows and finite variances.

    Args:
        x: Shape (n,), n >= 20.
        y: Shape (m,).
        confidence: Level, between 0 and 1.
        rng: Draws the resamples and halvings.

    Example:
        >>> from wdist.rng import as_rng
        >>> found = line_interval(np.arange(100.0), np.arange(100.0) + 70, 0.95, as_rng(0))
        >>> 50 < found.low < found.plug_in < found.high < 90
        True
    """
    points = np.concatenate([x, y]).astype(np.float64)
    unit = float(
        np.ldexp(1.0, np.frexp(points.max() - points.min())[1] - 1)
    )  # a power of two, which rounds nothing
    points /= unit
    x, y = points[: len(x)], points[len(x) :]
    order = np.argsort(points, kind="stable")
    gaps = np.diff(points[order])
    of_x = order < len(x)
    heights = (np.cumsum(of_x) / len(x) - np.cumsum(~of_x) / len(y))[:-1]  # (N - 1,), F_n − G_m on the gaps
    heights[np.abs(heights) < 1e-12] = 0.0  # whole multiples of 1/(nm), but for rounding
    plug_in = float(np.abs(heights) @ gaps)
    influence = np.empty(len(points))
    influence[order] = np.concatenate([[0.0], -np.cumsum(_signs(heights) * gaps)])
    variances = [float(part.var(ddof=1)) / len(part) for part in np.split(influence, [len(x)])]
    error = sum(variances) ** 0.5
    freedom = min(len(x), len(y)) - 1
    reach, reach_one_sided = (
        error * float(stdtrit(freedom, level)) for level in ((1 + confidence) / 2, confidence)
    )
    cells = Cells.of(of_x, gaps) if len(points) > ROW_BY_ROW else None
    if cells is None:
        excesses, slack = _bootstrapped(order, gaps, heights, len(x), rng), 0.0
    else:
        excesses, slack = cells.excesses(RESAMPLES, rng), cells.slack
    radius = float(np.quantile(excesses, confidence, method="higher")) + slack
    low, high = max(0.0, plug_in - radius), plug_in + reach
    if low > 0:
        areas = cells.relabelled(RESAMPLES, rng) if cells else _relabelled(points, len(x), rng)
        low *= float((areas >= areas[0] * (1 - TIE)).mean() <= 1 - confidence)
    guess = min(max(_debiased(x, y, rng), low), high)
    return LineInterval(
        unit * plug_in, unit * low, unit * high, unit * (plug_in + reach_one_sided), unit * guess, unit * radius,
        unit * error, RESAMPLES,
    )  # fmt: skip


def _signs(heights: Array) -> Array:
    """Signs of F − G; where the samples happen to agree, that of the gap before: the laws need not agree there."""
    told = heights != 0
    last = np.maximum.accumulate(np.where(told, np.arange(len(heights)), -1))
    signs: Array = np.where(last >= 0, np.sign(heights[last]), np.sign(heights[np.argmax(told)]) or 1.0)
    return signs


def refusal(x: Array, y: Array) -> str | None:
    """Say why samples on the line, (n,) and (m,), allow no such interval; None if they do."""
    for points, name in ((x, "a"), (y, "b")):
        if len(points) < FEWEST_ROWS:
            return (
                f"{name} has {len(points)} rows, and an interval between the laws needs {FEWEST_ROWS} a side"
            )
    return dependence(x[:, None], y[:, None]) or heavy_tails(x[:, None], y[:, None])


def _bootstrapped(order: Array, gaps: Array, heights: Array, n: int, rng: Rng) -> Array:
    """T of every resample: (resamples,)."""
    total = len(order)
    place = np.empty(total, dtype=np.int64)
    place[order] = np.arange(total)  # of each row in the order of all
    step = max(1, BATCH // total)
    parts = []
    for start in range(0, RESAMPLES, step):
        count = min(step, RESAMPLES - start)
        drawn = [rng.numpy.integers(k, size=(count, k)) for k in (n, total - n)]
        parts.append(_excesses(place[:n], place[n:], drawn[0], drawn[1], gaps, heights))
    return np.concatenate(parts)


def _relabelled(points: Array, n: int, rng: Rng) -> Array:
    """W1 between the first n points and the rest, and between as many of all at random: (1 + resamples,)."""
    areas = StraightLine().prepare(torch.as_tensor(points)[:, None], rng)
    batches = exchange(n, len(points) - n).batches(RESAMPLES, rng)
    return np.concatenate([areas(labels) for labels in batches])


def _debiased(x: Array, y: Array, rng: Rng) -> float:
    """√(C² − F²) over random halvings, all halves of one size."""
    h = min(len(x), len(y)) // 2
    across, within = 0.0, 0.0
    for _ in range(HALVINGS):
        halves = [np.split(rng.numpy.permutation(side)[: 2 * h], 2) for side in (x, y)]
        across += sum(line_distance(u, v, 1.0) for u in halves[0] for v in halves[1]) / 4
        within += sum(line_distance(u, v, 1.0) for u, v in halves) / 2
    return float(max(0.0, across**2 - within**2) ** 0.5 / HALVINGS)


@njit(cache=True, nogil=True)
def _excesses(of_x: Array, of_y: Array, drawn_x: Array, drawn_y: Array, gaps: Array, heights: Array) -> Array:
    """Σ_k |D*_k − D_k| g_k for resamples given by their row numbers, (k, n) and (k, m)."""
    n, m = of_x.size, of_y.size
    out = np.empty(len(drawn_x))
    weight = np.empty(n + m)
    for b in range(len(drawn_x)):
        weight[:] = 0.0
        for i in range(n):
            weight[of_x[drawn_x[b, i]]] += 1.0 / n
        for j in range(m):
            weight[of_y[drawn_y[b, j]]] -= 1.0 / m
        height, area = 0.0, 0.0
        for k in range(n + m - 1):
            height += weight[k]
            area += abs(height - heights[k]) * gaps[k]
        out[b] = area
    return out
