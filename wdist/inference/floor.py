"""What sampling noise alone would show.

Two samples of one law are never at distance zero: in 32 dimensions, a thousand points each of one Gaussian
are 5.6 apart. The floor estimates that figure for the laws at hand: W1 on the line in closed form, all else by
halving each sample and measuring between its own halves, and its quarters, which show how fast the noise falls.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch

from wdist.costs import Metric
from wdist.errors import InputError
from wdist.measures import Samples
from wdist.methods import Discrete, Line
from wdist.options import check_whole
from wdist.question import Question, ask
from wdist.resampling.serial import serial_dependence
from wdist.result import Floor
from wdist.rng import Rng, Seed, as_rng

__all__ = ["floor_of", "sampling_floor"]

Array = np.ndarray[Any, Any]

LARGEST_HALF = 1500
FEWEST_ROWS = 4
FEWEST_IN_QUARTER = 10
"""Rows from which on quarters of a sample tell a rate."""
RARE = 1.5
"""Mass of the last point, in points of the usual one, below which there are not many like it."""
BEYOND = 0.7
"""Part of the way from the central limit theorem's figure to 2(1 − F) on the last gap that leaves no bias: 0.7 for
exponential tails, 0.75 for P(> t) ~ t^{−3}, by integrating over Poisson counts of points."""
LINE_SHUFFLES = 10
"""Times more halvings on the line, where they scatter more and cost next to nothing."""


def sampling_floor(
    a: Any,
    b: Any,
    *,
    p: float = 1,
    weights_a: Any = None,
    weights_b: Any = None,
    normalize_weights: bool = False,
    metric: Metric = "euclidean",
    shuffles: int = 3,
    seed: Seed = 0,
) -> Floor:
    """Estimate the distance that sampling noise alone would give.

    On the line and for p = 1 it is ∫ E|F_n − G_m| = ∫ √(2/π · F(1 − F)(1/n + 1/m)), with the sample's own F, and more
    on the outermost gaps, beyond which a law may have points that no sample shows. Else it is the mean over shuffles of
    W_p(half, other half) · rate(n_eff)/rate(h), with n_eff = 2nm/(n + m): the distance between halves of h points,
    carried to sizes n and m. On the line the rate is n^{-1/2}, in the plane (log n / n)^{1/2} (Ajtai, Komlos and
    Tusnady 1984); in more dimensions it is what quarters and halves of the sample show, so that points which lie on
    fewer dimensions are carried as these ask. Samples below 40 rows go by n^{-1/d} (Dudley 1969).

    Args:
        a: Points (n,) or (n, d), array-like.
        b: Points (m,) or (m, d).
        p: Order, finite.
        weights_a: Masses (n,), summing to one; None for equal ones. The sample's size is then taken as 1/Σw².
        weights_b: Masses (m,).
        normalize_weights: Divide weights by their sum.
        metric: Ground metric, as in `estimate`.
        shuffles: Random halvings to average over; the closed form needs none.
        seed: As in `estimate`.

    Raises:
        InputError: if a or b is a source, or has fewer than four points.

    Example:
        >>> floor = sampling_floor(list(range(100)), list(range(50, 150)))
        >>> 0 < floor.a < 50
        True
    """
    check_whole("shuffles", shuffles)
    rng = as_rng(seed)
    question = ask(
        a, b, p=p, weights_a=weights_a, weights_b=weights_b, normalize_weights=normalize_weights, metric=metric, rng=rng
    )  # fmt: skip
    return floor_of(question, rng, shuffles)


def floor_of(question: Question, rng: Rng, shuffles: int = 3) -> Floor:
    """Estimate the sampling floor of a question that has passed the border; see `sampling_floor`.

    Raises:
        InputError: if a side is a source, has fewer than four points, or p is inf.
    """
    if not question.sampled:
        raise InputError("the sampling floor is of two given samples; draw from the source first")
    if question.p == float("inf"):
        raise InputError("p is inf; the sampling floor is for finite p")
    pair = tuple(_massive(s) for s in question.samples)
    effective = 2 / sum(1 / _size(s) for s in pair)
    floors = []
    for s, given, name in zip(pair, question.samples, "ab", strict=True):
        _check_rows(given, name)
        if question.dim == 1 and question.p == 1 and isinstance(question.metric, str):
            floors.append(_on_the_line(s, effective))
        else:
            floors.append(_by_halves(s, effective, question, shuffles, rng.spawn()))
    return Floor(floors[0], floors[1], question.p)


def doubt(question: Question) -> str:
    """What makes the floor of a question too low, in words: rows of a series, which it takes for independent."""
    for s, name in zip(question.samples, "ab", strict=True):
        series = serial_dependence(s.points.double().cpu().numpy())
        if series.plain:
            return (
                f"rows of {name} depend on the rows before them (rank correlation {series.correlation:.2f} between "
                "neighbours), and the floor takes them for independent: noise alone may show far more"
            )
    return ""


def _size(s: Samples) -> float:
    """Number of equal points that would be as noisy: n for uniform weights."""
    return float(1 / s.weights.square().sum())


def _massive(s: Samples) -> Samples:
    """Leave out points without mass, of which a half could consist."""
    return s if s.uniform or bool(s.weights.all()) else _part(s, s.weights.nonzero()[:, 0])


def _check_rows(s: Samples, name: str) -> None:
    if len(s) < FEWEST_ROWS:
        raise InputError(f"{name} has {len(s)} points; the sampling floor needs {FEWEST_ROWS} to halve them")
    if int(s.weights.count_nonzero()) < FEWEST_ROWS:
        raise InputError(
            f"weights_{name} are zero on all but {int(s.weights.count_nonzero())} points; "
            f"the sampling floor needs {FEWEST_ROWS} of positive mass"
        )


def _on_the_line(s: Samples, effective: float) -> float:
    """∫ E|F_n − G_m|: by the central limit theorem, and more where the last point stands alone.

    F(1 − F) of a sample of k is too small by (k − 1)/k. Where points are rare E|F_n − G_m| is 2(1 − F), and what is
    missing beyond the last one is, on average, as much as its gap had before it was there (the jackknife).
    """
    points, order = s.points[:, 0].double().sort()
    below = s.weights[order].cumsum(dim=0)[:-1].clamp(max=1)  # (n - 1,), F on the gaps
    size = _size(s)
    spread = (2 / math.pi * below * (1 - below) * size / (size - 1) * 2 / effective).sqrt()
    for end in (0, -1):
        mass = float(s.weights[order[end]])
        if mass * size < RARE:
            spread[end] += BEYOND * (2 * mass - spread[end])
    return float(points.diff() @ spread)


def _by_halves(s: Samples, effective: float, question: Question, shuffles: int, rng: Rng) -> float:
    """W between halves of the sample, carried to the size at the rate from quarters to halves, or that of theory."""
    half = len(s) // 2 if s.dim == 1 else min(len(s) // 2, LARGEST_HALF)
    count = LINE_SHUFFLES * shuffles if s.dim == 1 else shuffles
    orders = [rng.numpy.permutation(len(s))[: 2 * half] for _ in range(count)]
    distance, h = _between_parts(s, half, orders, question, rng)
    if s.dim <= 2 or half < 2 * FEWEST_IN_QUARTER or distance == 0:
        return distance * _rate(effective, s.dim) / _rate(h, s.dim)
    larger, q = _between_parts(s, half // 2, orders, question, rng)
    exponent = min(max(math.log(larger / distance) / math.log(h / q), 0.0), 0.5)
    return float(distance * (h / effective) ** exponent)


def _between_parts(
    s: Samples, size: int, orders: list[Array], question: Question, rng: Rng
) -> tuple[float, float]:
    """Mean distance between parts of so many rows, two after the other in each order; their mean effective size."""
    method = Line() if s.dim == 1 and isinstance(question.metric, str) else Discrete()
    distances, sizes = [], []
    for order in orders:
        for start in range(0, len(order) - 2 * size + 1, 2 * size):
            rows = torch.as_tensor(order[start : start + 2 * size], device=s.points.device)
            pair = [_part(s, part) for part in (rows[:size], rows[size:])]
            asked = dataclasses.replace(question, a=pair[0], b=pair[1])
            distances.append(float(method.estimate(asked, rng)))  # raises where a solver stopped short
            sizes.append(2 / sum(1 / _size(part) for part in pair))
    return sum(distances) / len(distances), sum(sizes) / len(sizes)


def _rate(n: float, dim: int) -> float:
    """How the distance between two samples of n points of one law falls with n."""
    if dim == 2:
        return math.sqrt(math.log(max(n, 2.0)) / n)
    return float(n ** (-1 / max(dim, 2)))


def _part(s: Samples, rows: torch.Tensor) -> Samples:
    w = s.weights[rows]
    return Samples(s.points[rows], w / w.sum(), s.uniform)
