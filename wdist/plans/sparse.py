"""Exact discrete transport in O(nk) memory: auctions at ever smaller ε, certified over all pairs.

No cost matrix is ever held. A quarter of the points, and a quarter of those, are solved first, and the c-transform
carries a level's prices to the next (`_descend`). On each level `_settle` runs one auction after the other, ε five
times smaller each time, until the cost of the coupling is within `GAP` of what its prices prove. The proof is not the
auction's word: `solve_sparse` puts the prices through the c-transform over all pairs and reports both sides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass

import numpy as np
import torch

from wdist.plans.auction import FULL, STOPPED, auction, holdings, sold
from wdist.plans.dense import Coupling, Solution
from wdist.plans.ground import Array, pair_costs
from wdist.plans.leaves import Leaves, as_leaves, leaf_order, set_tops
from wdist.plans.passes import Lists, lists, transform

__all__ = ["LIST", "solve_sparse"]

GAP = 1e-10  # ε at the end, in units of the cost
ROUGH = 1e-3  # the same on the coarser levels
SHRINK = 5.0  # of ε from one auction to the next
START, AGAIN = 1.0, 0.3  # first ε on the coarsest level and on the others, in units of the costs' spread
FEWEST = 256  # rows that are not subdivided
PART = 4  # every so many points make the next coarser level
SAMPLE = 64  # rows that the prices to begin with are a mean over
LIST = 16  # columns on a row's list, more where columns outnumber the rows
UNITS = 2.0**60  # masses are counted in whole units
ROUNDING = 8 * np.finfo(np.float64).eps
SAME = 1e-12  # relative difference of masses that is rounding
SLACK = 16 * np.finfo(np.float64).eps
TINY = 1e-300
PATIENCE = 3000  # bids of one auction a point
GLANCE = 0.05  # seconds between looks at the clock


@dataclass(frozen=True, eq=False)
class _Cloud:
    """Some rows of the data in the order of their leaves: their numbers (n,), points (n, d), whole masses (n,)."""

    rows: Array
    points: Array
    mass: Array
    leaves: Leaves


@dataclass(frozen=True)
class _Ground:
    """The cost |x − y|**p, and what walks over all pairs."""

    norm: float
    p: float
    pool: ThreadPoolExecutor

    def transform(self, x: Array, leaves: Leaves, v: Array) -> Array:
        return transform(x, leaves, v, self.norm, self.p, self.pool)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Mass in whole units that goes from place rows[e] of a cloud to place cols[e] of another, and its mean cost."""

    rows: Array
    cols: Array
    mass: Array
    cost: float


class _Clock:
    """Runs compiled work on another thread, so that Ctrl-C and the time limit can stop it."""

    def __init__(self, limit: float | None) -> None:
        self._end = np.inf if limit is None else time.monotonic() + limit
        self._stop = np.zeros(1, np.int64)

    @property
    def up(self) -> bool:
        return time.monotonic() >= self._end

    def run(self, pool: ThreadPoolExecutor, kernel: Callable[..., int], *arguments: object) -> int:
        """Give what `kernel(flag, *arguments)` gives; the flag turns 1 when it shall stop."""
        job = pool.submit(kernel, self._stop, *arguments)
        try:
            while True:
                try:
                    return int(job.result(timeout=GLANCE))
                except NotYet:
                    self._stop[0] = self.up
        except BaseException:
            self._stop[0] = 1
            raise


def solve_sparse(
    x: Array, y: Array, a: Array, b: Array, norm: float, p: float, *, rng: np.random.Generator,
    time_limit: float | None = None,
) -> tuple[Solution, float]:  # fmt: skip
    """Solve transport between weighted clouds for the cost |x − y|**p and certify the answer.

    Args:
        x: Points, shape (n, d), float64, centred together with y.
        y: Points, shape (m, d).
        a: Masses (n,), summing to one.
        b: Masses (m,).
        norm: Order of the norm: 2, 1 or inf.
        p: Finite order, best a small one: powers of distances far apart share the digits of one float64.
        rng: Chooses the points of the coarser levels; the answer is optimal whichever they are.
        time_limit: Seconds after which to stop and certify what there is; the certificate itself, two walks
            over the pairs, is not counted.

    Returns:
        The solution in units of a length to the power p, and that length. If primal and dual are apart, time ran out
        or the costs need more digits than float64 has.
    """
    if len(x) > len(y):  # the fewer, heavier points bid
        found, unit = solve_sparse(y, x, b, a, norm, p, rng=rng, time_limit=time_limit)
        turned = Coupling(found.coupling.cols, found.coupling.rows, found.coupling.mass)
        potentials = found.potential_b, found.potential_a
        return Solution(turned, *potentials, found.primal, found.dual, found.engine, found.iterations), unit
    unit = max(float(np.abs(x).max()), float(np.abs(y).max())) or 1.0
    x, y = x / unit, y / unit
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        ground = _Ground(norm, p, pool)
        rows, cols, v, plan, bids = _descend(x, y, a, b, ground, _Clock(time_limit), rng)
        u = ground.transform(x, cols.leaves, v)
        potential = np.full(len(y), -np.inf)
        potential[cols.rows] = v
        if len(cols.rows) < len(y):  # columns without mass: whatever is feasible
            bare = np.flatnonzero(potential == -np.inf)
            order = leaf_order(x)
            potential[bare] = ground.transform(y[bare], as_leaves(x[order]), u[order])
    share = plan.mass / plan.mass.sum()
    coupling = Coupling(rows.rows[plan.rows], cols.rows[plan.cols], share)
    longest = (2.0 * x.shape[1] ** (1 / norm)) ** p
    primal = plan.cost + longest * (_lost(a, coupling.rows, share) + _lost(b, coupling.cols, share))
    if primal == 0 and (x[coupling.rows] != y[coupling.cols]).any():
        primal = TINY  # the powers of what it moves are below the smallest number
    middle = b @ potential  # the dual value is blind to a constant, and small numbers round less
    u, potential = u + middle, potential - middle
    size = a @ np.abs(u) + b @ np.abs(potential) + np.abs(potential).max()
    dual = max(0.0, float(a @ u + b @ potential - SLACK * size))
    excess = max(0.0, dual - primal)  # masses that rounding moved: the truth may be as far on the other side
    return Solution(
        coupling, u, potential, dual + excess if excess else primal, dual - excess, "sparse", bids
    ), unit


def _descend(
    x: Array, y: Array, a: Array, b: Array, ground: _Ground, clock: _Clock, rng: np.random.Generator
) -> tuple[_Cloud, _Cloud, Array, _Plan, int]:
    """Solve ever larger parts, each from the last one's prices: both clouds, prices, plan and bids of the whole."""
    shares = [1.0]
    while min(len(x), len(y)) * shares[-1] > FEWEST:
        shares.append(shares[-1] / PART)
    order_a, order_b = rng.permutation(len(x)), rng.permutation(len(y))
    spread = _spread(x[order_a[:FEWEST]], y[order_b[:FEWEST]], ground)
    bids, coarser = 0, None
    plan: _Plan | None = None
    for share in reversed(shares):
        rows, cols = _clouds(x, y, a, b, _head(order_a, share), _head(order_b, share))
        v = _mean_costs(rows, cols, ground) if coarser is None else ground.transform(cols.points, *coarser)
        v -= v.mean()
        epsilon = (START if coarser is None else AGAIN) * spread
        plan, made = _settle(rows, cols, v, ground, clock, epsilon, GAP if share == 1 else ROUGH)
        bids += made
        if share < 1:
            coarser = rows.leaves, ground.transform(rows.points, cols.leaves, v)
    return rows, cols, v, plan or _in_order(rows, cols, ground), bids


def _settle(
    rows: _Cloud, cols: _Cloud, v: Array, ground: _Ground, clock: _Clock, epsilon: float, goal: float
) -> tuple[_Plan | None, int]:
    """Hold auctions from prices v, which they change, until ε is `goal` of the cost: the last plan, and all bids."""
    n, m = len(rows.rows), len(cols.rows)
    plan: _Plan | None = None
    counts = np.zeros(2, np.int64)
    cells = 2 * (n + m)
    if clock.up:
        return plan, 0
    k = min(m, max(LIST, 4 * (-(-m // n))))
    near = lists(rows.points, cols.leaves, v, ground.norm, ground.p, k, ground.pool)
    epsilon = max(epsilon, _rounding(near, v)) or 1.0  # 1 where all points are one
    while not clock.up:
        held = holdings(m, cells)
        set_tops(cols.leaves, v, ground.norm, ground.p)
        state = clock.run(
            ground.pool, auction, epsilon, rows.points, cols.leaves, ground.norm, ground.p, near, v,
            rows.mass.copy(), cols.mass.copy(), held, counts, int(counts[0]) + PATIENCE * (n + m),
        )  # fmt: skip
        if state == STOPPED:
            break
        if state == FULL:
            cells *= 2
            continue
        plan = _priced(*sold(held), rows, cols, ground)
        least = max(goal * plan.cost, _rounding(near, v))
        if epsilon <= least or plan.cost == 0:
            break
        epsilon = max(epsilon / SHRINK, least)
    return plan, int(counts[0])


def _rounding(near: Lists, v: Array) -> float:
    """An ε that still raises prices: beyond the last digits of costs and prices."""
    return ROUNDING * float(np.abs(near.cost).max() + np.abs(v).max())


def _priced(i: Array, j: Array, mass: Array, rows: _Cloud, cols: _Cloud, ground: _Ground) -> _Plan:
    cost = pair_costs(rows.points, cols.leaves.points, i, j, ground.norm, ground.p)
    return _Plan(i, j, mass, float(cost @ (mass / mass.sum())))


def _in_order(rows: _Cloud, cols: _Cloud, ground: _Ground) -> _Plan:
    """Some coupling, where time did not allow a good one: both clouds in order along the line between their means."""
    along = rows.points.mean(axis=0) - cols.points.mean(axis=0)
    i, j = np.argsort(rows.points @ along), np.argsort(cols.points @ along)
    ends_i, ends_j = np.cumsum(rows.mass[i]), np.cumsum(cols.mass[j])
    ends = np.union1d(ends_i, ends_j)
    places = i[np.searchsorted(ends_i, ends)], j[np.searchsorted(ends_j, ends)]
    return _priced(*places, np.diff(ends, prepend=0), rows, cols, ground)


def _head(order: Array, share: float) -> Array:
    return order[: max(1, int(len(order) * share))]


def _clouds(x: Array, y: Array, a: Array, b: Array, rows: Array, cols: Array) -> tuple[_Cloud, _Cloud]:
    """The rows and columns given that have mass, in the order of their leaves."""
    if not (a[rows].any() and b[cols].any()):  # a part that fell on empty points only
        rows, cols = np.union1d(rows, [a.argmax()]), np.union1d(cols, [b.argmax()])
    mass = _whole(a[rows] / a[rows].sum(), b[cols] / b[cols].sum())
    return _cloud(x, rows, mass[0]), _cloud(y, cols, mass[1])


def _cloud(points: Array, rows: Array, mass: Array) -> _Cloud:
    rows, mass = rows[mass > 0], mass[mass > 0]
    order = leaf_order(points[rows])
    rows = rows[order]
    chosen = np.ascontiguousarray(points[rows])
    return _Cloud(rows, chosen, mass[order], as_leaves(chosen))


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


def _lost(mass: Array, places: Array, share: Array) -> float:
    """Mass that whole units did not catch: what tiny masses differ by."""
    off = np.abs(np.bincount(places, share, len(mass)) - mass)
    return float(off[off > 2 * SAME * mass].sum())


def _mean_costs(rows: _Cloud, cols: _Cloud, ground: _Ground) -> Array:
    """What each column costs a row on average, (m,): prices to begin with, so that bids only tell rows apart."""
    every = np.arange(len(cols.rows))
    sample = np.linspace(0, len(rows.rows) - 1, min(len(rows.rows), SAMPLE)).astype(np.int64)
    total = np.zeros(len(every))
    for i in sample:
        total += pair_costs(
            rows.points, cols.leaves.points, np.full(len(every), i), every, ground.norm, ground.p
        )
    return total / len(sample)


def _spread(x: Array, y: Array, ground: _Ground) -> float:
    """Typical size of the costs less what rows and columns have in common: what a choice of partners is about."""
    i, j = np.divmod(np.arange(len(x) * len(y)), len(y))
    cost = pair_costs(x, y, i, j, ground.norm, ground.p).reshape(len(x), len(y))
    cost = cost - cost.mean(axis=0)
    cost -= cost.mean(axis=1, keepdims=True)
    return float(np.sqrt(np.abs(cost)).mean() ** 2)  # far points hardly count, and it is zero only if all are
