"""Small cone critics, fitted in tenths of a second: the functions of `cones.py`, ascended in NumPy on all rows at once.

With few cones and a few hundred rows, a step of autograd is all overhead. The gradient is short enough to write out:
softmax weights, signed by the side a row belongs to, pull centres towards rows and turn planes. All parameters lie in
one vector, so that Adam is a handful of operations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import expit

from wdist.critic.cones import SPREAD, kmeans
from wdist.rng import Rng

__all__ = ["ConeCritic", "cones"]

Array = np.ndarray[Any, Any]
PLANES, STEPS, RATE = 2, 150, 0.03
HOT, COLD = 0.1, 0.003
"""Temperature at the first step and after the last, in standard deviations; geometric between."""
MOMENTUM, MEMORY, TINY = 0.9, 0.99, 1e-8
"""Of Adam."""
NEAR = 1e-3
"""Distance below which cones are flat, in standard deviations: nearer, single precision does not tell."""
ENTRIES = 2**20


@dataclass(frozen=True, eq=False)
class ConeCritic:
    """f(x) = w·peak_a(x) − (1 − w)·peak_b(x), peak(x) = τ·log Σ_j exp(h_j(x)/τ) over cones and planes h_j.

    Every h_j has slope one, hence both peaks slope one at most, and so has their difference, whose weights sum to one.

    Attributes:
        parameters: All of them in one vector; `unfolded` says which is which.
        k: Cones on each side.
        centre: Of the data, (d,); their unit below.
        unit: What one is, in the data's own unit.
        temperature: τ, in that unit.
    """

    parameters: Array
    k: int
    centre: Array
    unit: float
    temperature: float

    def __call__(self, points: Array) -> Array:
        """Value at each point: (n, d) -> (n,)."""
        rows = max(1, ENTRIES // (2 * self.k + 2 * PLANES))
        parts = [
            self._values((points[start : start + rows] - self.centre) / self.unit)
            for start in range(0, len(points), rows)
        ]
        return np.concatenate(parts)

    def _values(self, z: Array) -> Array:
        parts = unfolded(self.parameters, self.k, z.shape[1])
        peaks, _, _ = _peaks(z, np.square(z).sum(axis=1), parts, self.temperature)
        w = expit(4 * parts.balance[0])
        values: Array = self.unit * (w * peaks[:, 0] - (1 - w) * peaks[:, 1])
        return values


@dataclass(frozen=True, eq=False)
class Parts:
    """Views of one vector: centres (2, K, d), normals (2, P, d), offsets (2, K + P) and the logit of w, over four."""

    centres: Array
    normals: Array
    offsets: Array
    balance: Array


def unfolded(vector: Array, k: int, d: int) -> Parts:
    """Say which entries of a vector of parameters, or of their gradient, are which."""
    cuts = np.cumsum([2 * k * d, 2 * PLANES * d, 2 * (k + PLANES)])
    centres, normals, offsets, balance = np.split(vector, cuts)
    return Parts(
        centres.reshape(2, k, d), normals.reshape(2, PLANES, d), offsets.reshape(2, k + PLANES), balance
    )


def cones(x: Array, y: Array, k: int, rng: Rng) -> ConeCritic:
    """Fit k cones and two planes a side to x (n, d) against y (m, d); fewer cones where rows are few."""
    centre = (x.mean(axis=0) + y.mean(axis=0)) / 2
    z = np.concatenate([x, y]) - centre
    unit = math.sqrt(float(np.square(z).mean())) or 1.0
    z = (z / unit).astype(np.float32)
    k = max(1, min(k, len(x) // 2, len(y) // 2))
    vector = _start(z[: len(x)], z[len(x) :], k, rng)
    signs = np.repeat([1 / len(x), -1 / len(y)], [len(x), len(y)]).astype(np.float32)
    squares = np.square(z).sum(axis=1)
    gradient, first, second = (np.zeros_like(vector) for _ in range(3))
    here, slope = (unfolded(v, k, z.shape[1]) for v in (vector, gradient))
    for step in range(STEPS):
        share = step / STEPS
        _differentiate(z, squares, signs, here, slope, HOT * (COLD / HOT) ** share)
        first += (1 - MOMENTUM) * (gradient - first)
        second += (1 - MEMORY) * (gradient * gradient - second)
        rate = RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))) / (1 - MOMENTUM ** (step + 1))
        vector += rate * first / (np.sqrt(second / (1 - MEMORY ** (step + 1))) + TINY)
    return ConeCritic(vector.astype(np.float64), k, centre, unit, COLD)


def _start(x: Array, y: Array, k: int, rng: Rng) -> Array:
    """Centres by k-means on each side, at the height of the mean distance; planes along the line between the means."""
    d = x.shape[1]
    vector = np.zeros(2 * (k + PLANES) * (d + 1) + 1, dtype=np.float32)
    parts, draws = unfolded(vector, k, d), rng.torch()
    for side, z in enumerate((x, y)):
        parts.centres[side] = kmeans(torch.from_numpy(z), k, draws).numpy()
    pooled = np.concatenate([x, y])
    forth = x.mean(axis=0) - y.mean(axis=0)
    forth /= np.linalg.norm(forth) or 1.0
    noise = SPREAD / math.sqrt(d) * rng.numpy.standard_normal((2, PLANES, d))
    parts.normals[:] = np.stack([forth, -forth])[:, None] + noise
    away = np.square(pooled).sum(axis=1)[:, None] - 2 * pooled @ parts.centres.reshape(-1, d).T
    away += np.square(parts.centres.reshape(-1, d)).sum(axis=1)
    parts.offsets[:, :k] = np.sqrt(np.maximum(away, NEAR**2)).mean(axis=0).reshape(2, k)
    parts.offsets[:, k:] = -1.0
    return vector


def _peaks(z: Array, squares: Array, parts: Parts, temperature: float) -> tuple[Array, Array, Array]:
    """Peaks (n, 2), softmax weights (n, 2, K + P), distances from the centres (n, 2, K)."""
    (_, k, d), p = parts.centres.shape, parts.normals.shape[1]
    flat = parts.centres.reshape(2 * k, d)
    away = z @ (-2 * flat.T)
    away += squares[:, None]
    away += np.square(flat).sum(axis=1)
    np.sqrt(np.maximum(away, NEAR**2, out=away), out=away)
    distances = away.reshape(len(z), 2, k)
    heights = np.empty((len(z), 2, k + p), dtype=z.dtype)
    np.negative(distances, out=heights[:, :, :k])
    heights[:, :, k:] = (z @ _normalised(parts.normals).reshape(2 * p, d).T).reshape(len(z), 2, p)
    heights += parts.offsets
    heights /= temperature
    top = heights.max(axis=2, keepdims=True)
    heights -= top
    weights = np.exp(heights, out=heights)
    total = weights.sum(axis=2, keepdims=True)
    weights /= total
    return temperature * (top + np.log(total))[:, :, 0], weights, distances


def _differentiate(
    z: Array, squares: Array, signs: Array, at: Parts, slope: Parts, temperature: float
) -> None:
    """Write the gradient of Σ_i signs_i·f(z_i) to `slope`."""
    (_, k, d), p = at.centres.shape, at.normals.shape[1]
    peaks, weights, distances = _peaks(z, squares, at, temperature)
    w = float(expit(4 * at.balance[0]))
    slope.balance[0] = 4 * w * (1 - w) * (signs @ peaks).sum()
    weights *= signs[:, None, None] * np.array([w, w - 1], dtype=z.dtype)[:, None]
    slope.offsets[:] = weights.sum(axis=0)
    pull = (weights[:, :, :k] / distances).reshape(len(z), 2 * k)
    slope.centres[:] = (pull.T @ z - pull.sum(axis=0)[:, None] * at.centres.reshape(2 * k, d)).reshape(
        2, k, d
    )
    turn = (weights[:, :, k:].reshape(len(z), 2 * p).T @ z).reshape(2, p, d)
    normals = _normalised(at.normals)
    lengths = np.linalg.norm(at.normals, axis=2, keepdims=True)
    slope.normals[:] = (turn - (turn * normals).sum(axis=2, keepdims=True) * normals) / lengths


def _normalised(normals: Array) -> Array:
    unit: Array = normals / np.linalg.norm(normals, axis=2, keepdims=True)
    return unit
