"""The two sides of a sparse problem: clouds in the order of their leaves, masses in whole units, their cost, a plan."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from wdist.plans.ground import Array, pair_costs
from wdist.plans.leaves import Leaves, as_leaves, leaf_order
from wdist.plans.passes import Lists, lists, transform

__all__ = ["SAME", "Cloud", "Ground", "Plan", "clouds", "in_order", "mean_costs", "priced", "spread"]

UNITS = 2.0**60  # masses are counted in whole units
SAME = 1e-12  # relative difference of masses that is rounding
SAMPLE = 64  # rows that the prices to begin with are a mean over


@dataclass(frozen=True, eq=False)
class Cloud:
    """Some rows of the data in the order of their leaves: their numbers (n,), points (n, d), whole masses (n,)."""

    rows: Array
    points: Array
    mass: Array
    leaves: Leaves

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def share(self) -> Array:
        """Masses summing to one, (n,)."""
        share: Array = self.mass / self.mass.sum()
        return share


@dataclass(frozen=True)
class Ground:
    """The cost |x − y|**p, and what walks over all pairs."""

    norm: float
    p: float
    pool: ThreadPoolExecutor

    def costs(self, x: Array, y: Array, i: Array, j: Array) -> Array:
        """Costs from x[i[e]] to y[j[e]], (e,)."""
        return pair_costs(x, y, i, j, self.norm, self.p)

    def lists(self, x: Array, leaves: Leaves, v: Array, k: int) -> Lists:
        """Each row's k columns of least reduced cost."""
        return lists(x, leaves, v, self.norm, self.p, k, self.pool)

    def transform(self, x: Array, leaves: Leaves, v: Array) -> Array:
        """Each row's least reduced cost."""
        return transform(x, leaves, v, self.norm, self.p, self.pool)


@dataclass(frozen=True, eq=False)
class Plan:
    """Mass that goes from place rows[e] of a cloud to place cols[e] of another, and its mean cost."""

    rows: Array
    cols: Array
    mass: Array
    cost: float


def priced(i: Array, j: Array, mass: Array, rows: Cloud, cols: Cloud, ground: Ground) -> Plan:
    """A plan with its cost."""
    cost = ground.costs(rows.points, cols.points, i, j)
    return Plan(i, j, mass, float(cost @ (mass / mass.sum())))


def in_order(rows: Cloud, cols: Cloud, ground: Ground) -> Plan:
    """Some coupling, where time did not allow a good one: both clouds in order along the line between their means."""
    along = rows.points.mean(axis=0) - cols.points.mean(axis=0)
    i, j = np.argsort(rows.points @ along), np.argsort(cols.points @ along)
    ends_i, ends_j = np.cumsum(rows.mass[i]), np.cumsum(cols.mass[j])
    ends = np.union1d(ends_i, ends_j)
    places = i[np.searchsorted(ends_i, ends)], j[np.searchsorted(ends_j, ends)]
    return priced(*places, np.diff(ends, prepend=0), rows, cols, ground)


def clouds(x: Array, y: Array, a: Array, b: Array, rows: Array, cols: Array) -> tuple[Cloud, Cloud]:
    """The rows and columns given that have mass, in the order of their leaves."""
    if not (a[rows].any() and b[cols].any()):  # a part that fell on empty points only
        rows, cols = np.union1d(rows, [a.argmax()]), np.union1d(cols, [b.argmax()])
    mass = _whole(a[rows] / a[rows].sum(), b[cols] / b[cols].sum())
    return _cloud(x, rows, mass[0]), _cloud(y, cols, mass[1])


def _cloud(points: Array, rows: Array, mass: Array) -> Cloud:
    rows, mass = rows[mass > 0], mass[mass > 0]
    order = leaf_order(points[rows])
    rows = rows[order]
    chosen = np.ascontiguousarray(points[rows])
    return Cloud(rows, chosen, mass[order], as_leaves(chosen))


def _whole(a: Array, b: Array) -> tuple[Array, Array]:
    """Masses in whole units with one sum: as few units as do where all masses are multiples of one, else 2^60."""
    if (a == a[0]).all() and (b == b[0]).all():
        common = np.gcd(len(a), len(b))
        return np.full(len(a), len(b) // common), np.full(len(b), len(a) // common)
    few = np.rint(min(1 / min(a[a > 0].min(), b[b > 0].min()), UNITS))
    for units in (few, UNITS):
        whole = np.rint(a * units).astype(np.int64), np.rint(b * units).astype(np.int64)
        exact = all((np.abs(w - m * units) <= SAME * w).all() for w, m in zip(whole, (a, b), strict=True))
        if units == UNITS or (units < 2**31 and exact and whole[0].sum() == whole[1].sum()):
            break
    whole[1][whole[1].argmax()] += whole[0].sum() - whole[1].sum()
    return whole


def mean_costs(rows: Cloud, cols: Cloud, ground: Ground) -> Array:
    """What each column costs a row on average, (m,): prices to begin with, so that bids only tell rows apart."""
    every = np.arange(len(cols.rows))
    sample = np.linspace(0, len(rows.rows) - 1, min(len(rows.rows), SAMPLE)).astype(np.int64)
    total = np.zeros(len(every))
    for i in sample:
        total += ground.costs(rows.points, cols.points, np.full(len(every), i), every)
    return total / len(sample)


def spread(x: Array, y: Array, ground: Ground) -> float:
    """Typical size of the costs less what rows and columns have in common: what a choice of partners is about."""
    i, j = np.divmod(np.arange(len(x) * len(y)), len(y))
    cost = ground.costs(x, y, i, j).reshape(len(x), len(y))
    cost = cost - cost.mean(axis=0)
    cost -= cost.mean(axis=1, keepdims=True)
    return float(np.sqrt(np.abs(cost)).mean() ** 2)  # far points hardly count, and it is zero only if all are
