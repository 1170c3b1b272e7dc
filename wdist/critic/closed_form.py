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

__all__ = ["Array", "Affine", "FeatureCritic", "affine", "best_axis", "radial", "subspace_radial"]

Array = np.ndarray[Any, Any]
MOST_COLUMNS = 1000
"""Coordinates up to which the subspace is looked for: the eigenvectors take d³."""
SHARE = 0.5
"""Of the largest difference in variance, from which on a direction belongs to the subspace."""


@dataclass(frozen=True, eq=False)
class Affine:
    """f(x) = ⟨direction, x⟩, the direction of unit length (d,)."""

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
class Distance:
    """Distance from a centre (d,), within the span of orthonormal columns (d, r) where there are some."""

    centre: Array
    basis: Array | None = None

    def __call__(self, points: Array) -> Array:
        """Value at each point: (n, d) -> (n,)."""
        away = points - self.centre
        return np.linalg.norm(away if self.basis is None else away @ self.basis, axis=1)


def affine(x: Array, y: Array) -> Affine:
    """Along the line between the means of x (n, d) and y (m, d)."""
    return Affine(_unit(x.mean(axis=0) - y.mean(axis=0)))


def radial(x: Array, y: Array) -> FeatureCritic:
    """In the distance from the mean of all rows."""
    return _fitted(Distance(_centre(x, y)), x, y)


def subspace_radial(x: Array, y: Array) -> FeatureCritic:
    """The same within the span of the directions whose variances differ by half of the largest difference or more.

    They are eigenvectors of the difference of the covariances, or coordinates where there are more than 1000.
    """
    if x.shape[1] > MOST_COLUMNS:
        differences, vectors = x.var(axis=0) - y.var(axis=0), None
    else:
        differences, vectors = np.linalg.eigh(_covariance(x) - _covariance(y))
    differing = np.flatnonzero(np.abs(differences) >= SHARE * np.abs(differences).max())
    basis = np.eye(x.shape[1])[:, differing] if vectors is None else vectors[:, differing]
    return _fitted(Distance(_centre(x, y), basis), x, y)


def best_axis(x: Array, y: Array) -> FeatureCritic:
    """Along the coordinate whose critic gains most on these rows."""
    fits = (_fitted(Affine(direction), x, y) for direction in _axes(x.shape[1]))
    return max(fits, key=lambda f: float(f(x).mean() - f(y).mean()))


def _axes(d: int) -> Array:
    return np.eye(d)


def _fitted(feature: Callable[[Array], Array], x: Array, y: Array) -> FeatureCritic:
    """Slope −clip(D/sd, −1, 1) on the gaps of the pooled feature, D = F − G, sd = √(H(1 − H)(1/n + 1/m))."""
    n, m = len(x), len(y)
    values = np.concatenate([feature(x), feature(y)])
    order = np.argsort(values, kind="stable")
    knots = values[order]
    of_x = order < n
    difference = (np.cumsum(of_x) / n - np.cumsum(~of_x) / m)[:-1]  # (n + m - 1,)
    pooled = np.arange(1, n + m) / (n + m)
    noise = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    slope = -np.clip(difference / noise, -1, 1)
    return FeatureCritic(feature, knots, np.concatenate([[0.0], np.cumsum(slope * np.diff(knots))]))


def _centre(x: Array, y: Array) -> Array:
    centre: Array = (x.mean(axis=0) + y.mean(axis=0)) / 2
    return centre


def _covariance(x: Array) -> Array:
    away = x - x.mean(axis=0)
    covariance: Array = away.T @ away / len(x)
    return covariance


def _unit(direction: Array) -> Array:
    length = np.linalg.norm(direction)
    first = np.zeros_like(direction)
    first[0] = 1.0
    unit: Array = direction / length if length > 0 else first
    return unit
