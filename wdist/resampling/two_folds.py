"""A lower confidence bound on W1 between laws, from critics fitted to one half of the rows and read on the other.

Any 1-Lipschitz f has E_a f − E_b f ≤ W1, so the mean on rows that f never saw is an estimate from below with a standard
error. Each half in turn fits a portfolio on two thirds, chooses by the last third, and is read on the other half. The
larger of two bounds stands, each at half of the error: both halves together would be fully correlated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from wdist.critic.closed_form import affine, best_axis, radial, subspace_radial
from wdist.critic.cone_ascent import cones
from wdist.rng import Rng

__all__ = ["FEWEST_ROWS", "PORTFOLIO", "Critic", "Reading", "student_lower", "two_fold_readings"]

Array = np.ndarray[Any, Any]
Critic = Callable[[Array], Array]

FEWEST_ROWS = 40
"""A side: 20 a fold."""
MOST_FITTED = 4000
"""Rows a side that a critic is fitted to; all others still choose and read it."""

PORTFOLIO: dict[str, Callable[[Array, Array, Rng], Critic]] = {
    "affine": lambda x, y, rng: affine(x, y),
    "radial": lambda x, y, rng: radial(x, y),
    "subspace-radial": lambda x, y, rng: subspace_radial(x, y),
    "best axis": lambda x, y, rng: best_axis(x, y),
    "4 cones": lambda x, y, rng: cones(x, y, 4, rng),
    "16 cones": lambda x, y, rng: cones(x, y, 16, rng),
}
"""From the stiffest to the most pliable: which one overfits least depends on the data, and a third of them says so."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The critic that one fold chose, and its values on the rows of the other.

    Attributes:
        name: Its key in the portfolio.
        critic: The function, (n, d) -> (n,), 1-Lipschitz.
        low: Its least value on the rows it was fitted to or chosen by.
        high: Its largest there.
        values_a: On the rows of a in the other fold.
        values_b: On those of b.
    """

    name: str
    critic: Critic
    low: float
    high: float
    values_a: Array
    values_b: Array

    @property
    def mean(self) -> float:
        """Mean difference, of which W1 is above the expectation."""
        return float(self.values_a.mean() - self.values_b.mean())

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return _error(self.values_a, self.values_b)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the standard error."""
        return min(len(self.values_a), len(self.values_b)) - 1


def two_fold_readings(x: Array, y: Array, rng: Rng) -> tuple[Reading, Reading]:
    """Cut both samples in two at random; fit, choose and read each half.

    Args:
        x: Rows (n, d), n >= 40.
        y: Rows (m, d).
        rng: For the halves and for where cones start.

    Example:
        >>> from wdist.rng import as_rng
        >>> rows = np.random.default_rng(0).normal(size=(2, 200, 3))
        >>> readings = two_fold_readings(rows[0] + 2, rows[1], as_rng(0))
        >>> 3 < student_lower(readings, 0.95) < 3.5  # √12 between the laws
        True
    """
    first, second = (_halves(points, rng) for points in (x, y))
    return (
        _read((first[0], second[0]), (first[1], second[1]), rng.spawn()),
        _read((first[1], second[1]), (first[0], second[0]), rng.spawn()),
    )


def student_lower(readings: tuple[Reading, ...], confidence: float) -> float:
    """max(0, max_k [m_k − t·se_k]), t at 1 − α/K for K readings (Bonferroni)."""
    level = 1 - (1 - confidence) / len(readings)
    return max(0.0, *(r.mean - float(stdtrit(r.freedom, level)) * r.error for r in readings))


def _read(fold: tuple[Array, Array], other: tuple[Array, Array], rng: Rng) -> Reading:
    """Fit on two thirds of a fold, choose by mean less what its error will be in the other, and read there."""
    cuts = [math.ceil(2 * len(points) / 3) for points in fold]
    fitted = [points[: min(cut, MOST_FITTED)] for points, cut in zip(fold, cuts, strict=True)]
    judges = [points[cut:] for points, cut in zip(fold, cuts, strict=True)]
    shrink = math.sqrt(sum(map(len, judges)) / sum(map(len, other)))
    critics = {name: fit(fitted[0], fitted[1], rng.spawn()) for name, fit in PORTFOLIO.items()}

    def promise(name: str) -> float:
        values = critics[name](judges[0]), critics[name](judges[1])
        return float(values[0].mean() - values[1].mean()) - shrink * _error(*values)

    best = max(critics, key=promise)
    critic = critics[best]
    seen = np.concatenate([critic(points) for points in (*fitted, *judges)])
    return Reading(best, critic, float(seen.min()), float(seen.max()), critic(other[0]), critic(other[1]))


def _error(a: Array, b: Array) -> float:
    return math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))


def _halves(points: Array, rng: Rng) -> tuple[Array, Array]:
    order = rng.numpy.permutation(len(points))
    half = len(points) // 2
    return points[order[:half]], points[order[half:]]
