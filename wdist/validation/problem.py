"""One pair of samples in the conventions that all peers are asked in.

Points are float64, centred, and at most one in every coordinate: peers lose digits to a common offset, and
some stop by absolute thresholds. Whatever has the unit of the data is multiplied back by `unit`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from wdist.costs import centred
from wdist.question import Question
from wdist.rng import Rng

__all__ = ["Problem", "pose"]

Array = NDArray[np.float64]

PROJECTIONS = 100
STRENGTH = 0.05  # of the mean cost: the entropy at which every peer converges in some hundred steps


@dataclass(frozen=True, eq=False)
class Problem:
    """Two weighted clouds, without points of no mass, and an order.

    Attributes:
        x: Shape (n, d).
        y: Shape (m, d).
        a: Masses of x, shape (n,).
        b: Masses of y, shape (m,).
        p: Order, finite.
        unit: What one unit of x is in the unit of the data.
        matched: Whether both clouds are uniform and of one size.
        directions: Unit vectors to slice along, (L, d).
    """

    x: Array
    y: Array
    a: Array
    b: Array
    p: float
    unit: float
    matched: bool
    directions: Array

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return int(self.x.shape[1])

    @property
    def pairs(self) -> int:
        """Number of pairs of points, n·m."""
        return len(self.x) * len(self.y)

    def cost(self, x: Array | None = None, y: Array | None = None) -> Array:
        """|x - y|**p over all pairs of x and y, (n, m), or of other points; anew at each call, as a user would pay."""
        gaps = cdist(self.x if x is None else x, self.y if y is None else y)
        return np.asarray(gaps if self.p == 1 else gaps**self.p)

    @cached_property
    def epsilon(self) -> float:
        """Strength of the entropy, in the unit of the cost: ε in ⟨P, c⟩ + ε KL(P | a⊗b)."""
        return STRENGTH * float(self.a @ self.cost() @ self.b) or 1.0


def pose(question: Question, rng: Rng) -> Problem:
    """Bring a question about two clouds to the peers' conventions."""
    a, b = question.samples
    x, y = (t.numpy() for t in centred(a.points, b.points))
    reach = float(max(np.abs(x).max(), np.abs(y).max()))
    unit = 2.0 ** math.frexp(reach)[1]  # a power of two, so that dividing by it rounds nothing
    directions: Any = rng.numpy.normal(size=(PROJECTIONS if question.dim > 1 else 1, question.dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    at_x, at_y = (m.weights.numpy() for m in (a, b))
    heavy_x, heavy_y = at_x > 0, at_y > 0
    points = x[heavy_x] / unit, y[heavy_y] / unit
    return Problem(*points, at_x[heavy_x], at_y[heavy_y], question.p, unit, question.matched, directions)
