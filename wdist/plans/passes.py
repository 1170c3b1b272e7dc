"""The nearest columns of all rows at once: by walks over the leaves, or by matrix products where those skip little.

`search` gives every row its k columns of least reduced cost c(x, y_j) − v_j and a threshold below which no other column
lies; `lists` keeps them for the auction, `transform` keeps the least value alone (the c-transform). In many dimensions
|x|² + |y|² − 2 x·y is quickest, but rounds: with the squares shrunk by more than that it is a lower bound (`_lower`),
and what the bounds leave open is decided by costs from differences (`_settle_rows`), so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from threadpoolctl import ThreadpoolController

from wdist.plans.ground import Array, power
from wdist.plans.leaves import SAFE, Leaves, leaf_width, set_tops
from wdist.plans.nearest import nearest, push, replace_top, room_for

__all__ = ["Lists", "lists", "transform"]

CHUNK = 2**26  # coordinates that a thread works off before it looks up
BLOCK = 2**18  # products that a thread holds at a time, 2 MiB; more where these are less than `FEWEST` rows
FEWEST = 32
MANY = 12  # coordinates from which on products are quicker than leaves
EPS = np.finfo(np.float64).eps


class Lists(NamedTuple):
    """For each of n rows its k columns of least reduced cost when it last looked.

    Attributes:
        cols: Shape (n, k), int32.
        cost: Their costs (not reduced), (n, k).
        threshold: No column off a row's list had a smaller reduced cost then, nor has it since if v only fell: (n,).
    """

    cols: Array
    cost: Array
    threshold: Array


def lists(
    x: Array, leaves: Leaves, v: Array, norm: float, p: float, k: int, pool: ThreadPoolExecutor
) -> Lists:
    """Lists of k columns for all rows x (n, d), at potentials v (m,)."""
    found = _search(x, leaves, v, norm, p, k, pool)
    np.add(found.cost, v[found.cols], out=found.cost)
    return found


def transform(x: Array, leaves: Leaves, v: Array, norm: float, p: float, pool: ThreadPoolExecutor) -> Array:
    """u_i = min_j c(x_i, y_j) − v_j over all columns, for all rows x (n, d): shape (n,)."""
    return _search(x, leaves, v, norm, p, 1, pool).cost[:, 0]


def _search(
    x: Array, leaves: Leaves, v: Array, norm: float, p: float, k: int, pool: ThreadPoolExecutor
) -> Lists:
    """`nearest` for all rows: lists whose costs are reduced ones."""
    n, d = x.shape
    out = Lists(np.empty((n, k), np.int32), np.empty((n, k)), np.empty(n))
    set_tops(leaves, v, norm, p)  # for the looks that follow too
    if norm == 2 and d >= MANY:
        _by_products(x, leaves, v, p, out, pool)
    else:
        _by_slices(_walk_rows, n, CHUNK // (len(v) * d), pool, x, leaves, v, norm, p, out)
    return out


def _by_products(x: Array, leaves: Leaves, v: Array, p: float, out: Lists, pool: ThreadPoolExecutor) -> None:
    """Fill `out` slice by slice."""
    (n, d), m = x.shape, len(v)
    x, y = np.ascontiguousarray(x), leaves.points
    # |x|² and |y|² round by d EPS / 2, 2 x·y by (|x|² + |y|²) d EPS / 2, and the sum of the three by less than 2 EPS
    shrink = 1 - (d + 4) * EPS
    squares_x, squares_y = shrink * np.einsum("ij,ij->i", x, x), shrink * np.einsum("ij,ij->i", y, y)
    start = np.append(np.arange(0, m, leaf_width(d)), m)
    with _libraries().limit(
        limits=1, user_api="blas"
    ):  # each thread multiplies for itself: none waits for another
        _by_slices(_multiply_rows, n, CHUNK // (m * d), pool, x, y, squares_x, squares_y, start, v, p, out)


@cache
def _libraries() -> ThreadpoolController:
    """What multiplies here; looking for it takes milliseconds."""
    return ThreadpoolController()


def _multiply_rows(first: int, last: int, x: Array, y: Array, *arguments: Any) -> None:
    """Settle the rows first to last by as many at a time as have their products in the cache."""
    step = max(FEWEST, BLOCK // len(y))
    products = np.empty((min(step, last - first), len(y)))
    for row in range(first, last, step):
        stop = min(row + step, last)
        np.matmul(x[row:stop], y.T, out=products[: stop - row])
        _settle_rows(row, stop, products, x, y, *arguments)


def _by_slices(
    kernel: Callable[..., None], n: int, most: int, pool: ThreadPoolExecutor, *arguments: Any
) -> None:
    """Run a kernel over slices of at most so many rows on all threads; between slices an interrupt gets through."""
    step = max(1, min(most, -(-n // 4)))
    jobs = [pool.submit(kernel, row, min(row + step, n), *arguments) for row in range(0, n, step)]
    try:
        for job in jobs:
            job.result()
    finally:
        for job in jobs:
            job.cancel()


@njit(cache=True, nogil=True)
def _walk_rows(
    first: int, last: int, x: Array, leaves: Leaves, v: Array, norm: float, p: float, out: Lists
) -> None:
    room = room_for(leaves)
    for i in range(first, last):
        out.threshold[i] = nearest(x[i], leaves, v, norm, p, np.inf, room, out.cost[i], out.cols[i])


@njit(cache=True, nogil=True)
def _settle_rows(
    first: int, last: int, products: Array, x: Array, y: Array, squares_x: Array, squares_y: Array, start: Array,
    v: Array, p: float, out: Lists,
) -> None:  # fmt: skip
    """Choose the k columns by their lower bounds, then let in whoever's bound is below the k-th true reduced cost."""
    m, k = v.size, out.cols.shape[1]
    bound = np.empty(start.size - 1)
    for i in range(first, last):
        lower, reduced, cols = products[i - first], out.cost[i], out.cols[i]
        best = _lower(lower, squares_x[i], squares_y, start, v, p, bound)
        count, threshold = 0, np.inf
        for turn in range(-1, bound.size):
            leaf = best if turn < 0 else turn
            if bound[leaf] >= threshold or turn == best:
                continue
            for j in range(start[leaf], start[leaf + 1]):
                if lower[j] < threshold:
                    if count < k:
                        push(reduced, cols, count, lower[j], j)
                        count += 1
                    else:
                        replace_top(reduced, cols, lower[j], j)
                    if count == k:
                        threshold = reduced[0]
        for s in range(k):
            j = cols[s]
            push(reduced, cols, s, _cost(x[i], y[j], p) - v[j], j)
            lower[j] = np.inf
        for leaf in range(bound.size):
            if bound[leaf] >= reduced[0]:
                continue
            for j in range(start[leaf], start[leaf + 1]):
                if lower[j] < reduced[0]:
                    value = _cost(x[i], y[j], p) - v[j]
                    if value < reduced[0]:
                        replace_top(reduced, cols, value, j)
        out.threshold[i] = np.inf if k == m else reduced[0]


@njit(cache=True, nogil=True, fastmath=True)
def _lower(row: Array, square: float, squares: Array, start: Array, v: Array, p: float, bound: Array) -> int:
    """Turn products x·y (m,) into bounds on reduced costs, `bound` into each leaf's least; gives the best leaf."""
    best = 0
    for leaf in range(bound.size):
        begin, end = start[leaf], start[leaf + 1]
        part, norms, prices = row[begin:end], squares[begin:end], v[begin:end]
        for j in range(end - begin):
            part[j] = power(max(square + norms[j] - 2 * part[j], 0.0), 2.0, p) * SAFE - prices[j]
        bound[leaf] = part[0]
        for j in range(1, end - begin):
            bound[leaf] = min(bound[leaf], part[j])
        if bound[leaf] < bound[best]:
            best = leaf
    return best


@njit(cache=True, nogil=True, fastmath=True)
def _cost(x: Array, y: Array, p: float) -> float:
    total = 0.0
    for t in range(x.size):
        total += (x[t] - y[t]) ** 2
    return power(total, 2.0, p)
