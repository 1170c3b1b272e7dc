"""Exact discrete transport in O(nk) memory, certified over all pairs.

No cost matrix is ever held. A quarter of the points, and a quarter of those, are solved first, and the c-transform
carries a level's prices to the next (`_descend`); `settle` finds each level's plan. The proof is not its word:
`solve_sparse` puts the prices through the c-transform over all pairs and reports both sides.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from wdist.plans.clouds import SAME, Cloud, Ground, Plan, clouds, in_order, mean_costs, spread
from wdist.plans.dense import Coupling, Solution
from wdist.plans.ground import Array
from wdist.plans.leaves import as_leaves, leaf_order
from wdist.plans.settle import Clock, settle

__all__ = ["solve_sparse"]

GAP = 1e-10  # what is left between both sides, in units of the cost
ROUGH = 1e-3  # the same on the coarser levels
START, AGAIN = 1.0, 0.3  # first ε on the coarsest level and on the others, in units of the costs' spread
FEWEST = 256  # rows that are not subdivided
PART = 4  # every so many points make the next coarser level
SLACK = 16 * np.finfo(np.float64).eps
TINY = 1e-300


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
    some_x, some_y = np.flatnonzero(a), np.flatnonzero(b)
    reach = max(float(np.abs(x[some_x]).max()), float(np.abs(y[some_y]).max()))
    unit = 2.0 ** min(1000, max(-1000, math.frexp(reach)[1]))  # division by it costs no digit
    x, y = x / unit, y / unit
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        ground = Ground(norm, p, pool)
        rows, cols, v, plan, bids = _descend(
            x[some_x], y[some_y], a[some_x], b[some_y], ground, Clock(time_limit), rng
        )
        u = ground.transform(x, cols.leaves, v)
        potential = np.full(len(y), -np.inf)
        potential[some_y[cols.rows]] = v
        if len(cols) < len(y):  # columns without mass: whatever is feasible
            bare = np.flatnonzero(potential == -np.inf)
            order = leaf_order(x)
            potential[bare] = ground.transform(y[bare], as_leaves(x[order]), u[order])
    share = plan.mass / plan.mass.sum()
    coupling = Coupling(some_x[rows.rows[plan.rows]], some_y[cols.rows[plan.cols]], share)
    longest = (2.0 * x.shape[1] ** (1 / norm)) ** p
    primal = plan.cost + longest * (_lost(a, coupling.rows, share) + _lost(b, coupling.cols, share))
    if primal == 0 and (x[coupling.rows] != y[coupling.cols]).any():
        primal = TINY  # the powers of what it moves are below the smallest number
    middle = b @ potential  # the dual value is blind to a constant, and small numbers round less
    u, potential = u + middle, potential - middle
    size = a @ np.abs(u) + b @ np.abs(potential) + np.abs(potential[b > 0]).max()
    dual = max(0.0, float(a @ u + b @ potential - SLACK * size))
    excess = max(0.0, dual - primal)  # masses that rounding moved: the truth may be as far on the other side
    return Solution(
        coupling, u, potential, dual + excess if excess else primal, dual - excess, "sparse", bids
    ), unit


def _descend(
    x: Array, y: Array, a: Array, b: Array, ground: Ground, clock: Clock, rng: np.random.Generator
) -> tuple[Cloud, Cloud, Array, Plan, int]:
    """Solve ever larger parts, each from the last one's prices: both clouds, prices, plan and bids of the whole."""
    shares = [1.0]
    while min(len(x), len(y)) * shares[-1] > FEWEST:
        shares.append(shares[-1] / PART)
    order_a, order_b = rng.permutation(len(x)), rng.permutation(len(y))
    typical = spread(x[order_a[:FEWEST]], y[order_b[:FEWEST]], ground)
    bids, coarser = 0, None
    plan: Plan | None = None
    for share in reversed(shares):
        rows, cols = clouds(x, y, a, b, _head(order_a, share), _head(order_b, share))
        v = mean_costs(rows, cols, ground) if coarser is None else ground.transform(cols.points, *coarser)
        v -= v.mean()
        epsilon = (START if coarser is None else AGAIN) * typical
        plan, made = settle(rows, cols, v, ground, clock, epsilon, GAP if share == 1 else ROUGH)
        bids += made
        if share < 1:
            coarser = rows.leaves, ground.transform(rows.points, cols.leaves, v)
    return rows, cols, v, plan or in_order(rows, cols, ground), bids


def _head(order: Array, share: float) -> Array:
    return order[: max(1, int(len(order) * share))]


def _lost(mass: Array, places: Array, share: Array) -> float:
    """Mass that whole units did not catch: what tiny masses differ by."""
    off = np.abs(np.bincount(places, share, len(mass)) - mass)
    return float(off[off > 2 * SAME * mass].sum())
