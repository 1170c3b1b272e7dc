"""Critics without training: 1-Lipschitz functions of one 1-Lipschitz feature, of which the best slope is known.

On the line the optimal critic has slope −sign(F − G). Where the feature's distribution functions differ by less than
noise the slope is lowered to their difference in standard errors, so that little is learnt by heart. Features are
projections on one direction and distances from the mean, in the whole space or in the subspace that differs most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Affine", "Array", "FeatureCritic", "affine", "best_axis", "radial", "subspace_radial"]

Array = np.ndarray[Any, Any]
MOST_COLUMNS = 1000
"""Coordinates up to which the subspace is looked for: the eigenvectors take d³."""
SHARE = 0.5
"""Of the largest difference in variance, from which on a direction belongs to the subspace."""


@dataclass(frozen=True, eq=False)
class Affine:
    """f(x) = ⟨direction, x⟩, the direction (d,) of length one or zero."""

    direction: Array

    def __call__(self, points: Array) -> Array:
        """Value at each point: (n, d) -> (n,)."""
        values: Array = points @ self.direction
        return values


@dataclass(frozen=True, eq=False)
class FeatureCritic:
    """f(x) = g(φ(x)), g piecewise linear between knots and constant beyond.

    Attributes:
        feature: φ, 1-Lipschitz: (n, d) -> (n,).
        knots: Sorted, (k,).
        heights: g there, (k,); no slope is above one.
    """

    feature: Callable[[Array], Array]
    knots: Array
    heights: Array

    def __call__(self, points: Array) -> Array:
        """Value at each point: (n, d) -> (n,)."""
        return np.interp(self.feature(points), self.knots, self.heights)


@dataclass(frozen=True, eq=False)
class Coordinate:
    """One coordinate, by its number."""

    number: int

    def __call__(self, points: Array) -> Array:
        """Value at each point: (n, d) -> (n,)."""
        values: Array = points[:, self.number]
        return values


@dataclass(frozen=True, eq=False)
class Distance:
    """Distance from a centre (d,): in the span of orthonormal `rows` (r, d), or in some coordinates (r,), or in all."""

    centre: Array
    rows: Array | None = None
    coordinates: Array | None = None

    def __call__(self, points: Array) -> Array:
        """Value at each point: (n, d) -> (n,)."""
        away = points - self.centre
        if self.coordinates is not None:
            away = away[:, self.coordinates]
        distances: Array = np.linalg.norm(away if self.rows is None else away @ self.rows.T, axis=1)
        return distances


def affine(x: Array, y: Array) -> Affine:
    """Along the line between the means of x (n, d) and y (m, d)."""
    difference = x.mean(axis=0) - y.mean(axis=0)
    return Affine(difference / (np.linalg.norm(difference) or 1.0))


def radial(x: Array, y: Array) -> FeatureCritic:
    """In the distance from the mean of all rows."""
    return _fitted(Distance(_centre(x, y)), x, y)


def subspace_radial(x: Array, y: Array) -> FeatureCritic:
    """The same within the span of the directions whose variances differ by half of the largest difference or more.

    They are eigenvectors of the difference of the covariances, or coordinates where there are more than 1000.
    """
    if x.shape[1] > MOST_COLUMNS:
        differing = _largest(x.var(axis=0) - y.var(axis=0))
        return _fitted(Distance(_centre(x, y), coordinates=differing), x, y)
    differences, vectors = np.linalg.eigh(_covariance(x) - _covariance(y))
    return _fitted(Distance(_centre(x, y), rows=vectors[:, _largest(differences)].T), x, y)


def best_axis(x: Array, y: Array) -> FeatureCritic:
    """Along the coordinate whose critic gains most on these rows."""

    def gain(number: int) -> float:
        knots, slopes, differences = _slopes(Coordinate(number), x, y)
        return float(-(slopes * differences) @ np.diff(knots))

    return _fitted(Coordinate(max(range(x.shape[1]), key=gain)), x, y)


def _fitted(feature: Callable[[Array], Array], x: Array, y: Array) -> FeatureCritic:
    knots, slopes, _ = _slopes(feature, x, y)
    return FeatureCritic(feature, knots, np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))]))


def _slopes(feature: Callable[[Array], Array], x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Pooled sorted values (n + m,); on their gaps D = F − G and the slope −clip(D/sd, −1, 1), (n + m − 1,) each.

    sd = √(H(1 − H)(1/n + 1/m)) with H the distribution function of all rows.
    """
    n, m = len(x), len(y)
    values = np.concatenate([feature(x), feature(y)])
    order = np.argsort(values, kind="stable")
    of_x = order < n
    differences = (np.cumsum(of_x) / n - np.cumsum(~of_x) / m)[:-1]
    pooled = np.arange(1, n + m) / (n + m)
    noise = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return values[order], -np.clip(differences / noise, -1, 1), differences


def _largest(differences: Array) -> Array:
    sizes = np.abs(differences)
    return np.flatnonzero(sizes >= SHARE * sizes.max())


def _centre(x: Array, y: Array) -> Array:
    centre: Array = (x.mean(axis=0) + y.mean(axis=0)) / 2
    return centre


def _covariance(x: Array) -> Array:
    away = x - x.mean(axis=0)
    covariance: Array = away.T @ away / len(x)
    return covariance
