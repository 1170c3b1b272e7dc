"""One level of a sparse problem: auctions at ever smaller ε, and a network simplex where they turn into wars.

`settle` runs one auction after the other, ε five times smaller each time, until the cost of the coupling is within
`goal` of what its prices prove. Where masses are uneven, pieces of them change hands over and over at steps of ε;
in an auction of more than `WAR` bids a point `_on_arcs` takes over: prices as good as that leave each point a
handful of partners, and POT's network simplex is quick on those alone. All pairs are then searched for reduced costs
below zero, whose arcs join, until there are none (column generation). A few points against very many it takes at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

import numpy as np
from scipy.sparse import coo_array

from wdist.plans.aside import aside, pot
from wdist.plans.auction import FULL, SOLD, auction, holdings, sold
from wdist.plans.clouds import Cloud, Ground, Plan, in_order, priced
from wdist.plans.ground import Array
from wdist.plans.leaves import set_tops
from wdist.plans.passes import Lists
from wdist.unheard import unheard

__all__ = ["LIST", "Clock", "settle"]

NEARLY = 1.001  # the least ε falls with the prices, for ever so long
SHRINK = 5.0  # of ε from one auction to the next
LIST = 16  # columns on a row's list, more where columns outnumber the rows
ROUNDING = 8 * np.finfo(np.float64).eps
PATIENCE = 3000  # bids of one auction a point
WAR = 7  # bids of one auction a point, after the first, from which on the simplex is quicker
LOPSIDED = 1000  # columns a row from which on bids, which read a whole list each, are dearer than the simplex
ARCS, MORE = 8, 8
NARROW = 1000.0  # arcs whose reduced cost is so many times the worst violation are let go
ROUNDS = 12  # of the simplex
GLANCE = 0.05  # seconds between looks at the clock


class Clock:
    """Runs compiled work on another thread, so that Ctrl-C and the time limit can stop it."""

    def __init__(self, limit: float | None) -> None:
        self._end = np.inf if limit is None else time.monotonic() + limit
        self._stop = np.zeros(1, np.int64)

    @property
    def up(self) -> bool:
        """Whether time is up."""
        return time.monotonic() >= self._end

    @property
    def left(self) -> float | None:
        """Seconds left, None for no end of them."""
        return None if self._end == np.inf else max(0.0, self._end - time.monotonic())

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


def settle(
    rows: Cloud, cols: Cloud, v: Array, ground: Ground, clock: Clock, epsilon: float, goal: float
) -> tuple[Plan | None, int]:
    """Find a plan whose cost is within `goal` of what prices v prove, from `epsilon` on; overwrites v.

    Returns:
        The last plan, better or worse if time ran out, and the number of all bids.
    """
    n, m = len(rows), len(cols)
    plan: Plan | None = None
    counts = np.zeros(2, np.int64)
    cells = 3 * (n + m)
    if clock.up:
        return plan, 0
    if m > LOPSIDED * n:
        plan = _on_arcs(rows, cols, v, in_order(rows, cols, ground), ground, clock, goal)
        if plan is not None:
            return plan, 0
    near = ground.lists(rows.points, cols.leaves, v, min(m, max(LIST, 4 * (-(-m // n)))))
    epsilon = max(epsilon, _rounding(near, v)) or 1.0  # 1 where all points are one
    peaceful = True
    while not clock.up:
        held, bids, before = holdings(m, cells), int(counts[0]), v.copy()
        patience = WAR if peaceful and (plan is None or epsilon < plan.cost) else PATIENCE
        set_tops(cols.leaves, v, ground.norm, ground.p)
        state = clock.run(
            ground.pool, auction, epsilon, rows.points, cols.leaves, ground.norm, ground.p, near, v,
            rows.mass.copy(), cols.mass.copy(), held, counts, bids + patience * (n + m),
        )  # fmt: skip
        if state == SOLD:
            plan = priced(*sold(held), rows, cols, ground)
            least = max(goal * plan.cost, _rounding(near, v))
            if epsilon <= NEARLY * least or plan.cost == 0:
                break
            epsilon = max(epsilon / SHRINK, least)
            continue
        if state == FULL:
            cells *= 2
        elif clock.up or not peaceful:
            v[:] = before  # those of a broken auction prove less
            break
        else:
            peaceful = False
            settled = _on_arcs(rows, cols, v, plan or in_order(rows, cols, ground), ground, clock, goal)
            if settled is not None:
                plan = settled
                break
            if plan is None:  # the first ε was too small
                epsilon *= SHRINK
    return plan, int(counts[0])


def _rounding(near: Lists, v: Array) -> float:
    """An ε that still raises prices: beyond the last digits of costs and prices."""
    return ROUNDING * float(np.abs(near.cost).max() + np.abs(v).max())


def _on_arcs(
    rows: Cloud, cols: Cloud, v: Array, plan: Plan, ground: Ground, clock: Clock, goal: float
) -> Plan | None:
    """The best plan on ever more arcs, from prices v and any plan, overwrites v, or gives None."""
    n, m = len(rows), len(cols)
    a, b, price = rows.share, cols.share, v
    near = ground.lists(rows.points, cols.leaves, price, min(ARCS, m))
    u = (near.cost - price[near.cols]).min(axis=1)
    back = ground.lists(cols.points, rows.leaves, u, min(ARCS, n))
    arcs = np.unique(np.concatenate([plan.rows * m + plan.cols, *_keys(near, back, m)]))
    for _ in range(ROUNDS):
        i, j = np.divmod(arcs, m)
        reduced = ground.costs(rows.points, cols.points, i, j) - u[i] - price[j]  # small numbers round less
        scale = float(np.abs(reduced).max()) or 1.0  # what the simplex takes for zero is an absolute number
        found = _simplex(a, b, coo_array((reduced / scale, (i, j)), shape=(n, m)), clock.left)
        if found is None:
            return None
        flow, du, dv = found
        u, price = u + scale * du, price + scale * dv
        plan = priced(flow.row.astype(np.int64), flow.col.astype(np.int64), flow.data, rows, cols, ground)
        near = ground.lists(rows.points, cols.leaves, price, min(MORE, m))
        slack = near.cost - price[near.cols] - u[:, None]
        if plan.cost - a @ (u + slack.min(axis=1)) - b @ price <= goal * plan.cost:
            v[:] = price
            return plan
        back = ground.lists(cols.points, rows.leaves, u, min(MORE, n))
        short = back.cost - u[back.cols] - price[:, None]
        margin = -slack.min()  # potentials of degenerate plans jump: what is as near is let in too
        ahead, behind = _keys(near, back, m)
        reduced = ground.costs(rows.points, cols.points, i, j) - u[i] - price[j]
        kept = arcs[reduced <= NARROW * margin]  # long arcs, far from any use, would coarsen that number
        within = ahead[(slack < margin).ravel()], behind[(short < margin).ravel()]
        arcs = np.unique(np.concatenate([kept, plan.rows * m + plan.cols, *within]))
    return None


def _keys(near: Lists, back: Lists, m: int) -> tuple[Array, Array]:
    """Arcs i·m + j of the lists of rows and of columns, (n·k,) and (m·k,)."""
    ahead = np.arange(len(near.cols))[:, None] * m + near.cols
    behind = back.cols.astype(np.int64) * m + np.arange(len(back.cols))[:, None]
    return ahead.ravel(), behind.ravel()


def _simplex(
    a: Array, b: Array, cost: coo_array, seconds: float | None
) -> tuple[coo_array, Array, Array] | None:
    """Flow of least cost on the arcs given, and its potentials; None where time runs out or POT warns."""
    most = np.iinfo(np.int32).max
    with unheard(module=r"ot\."):  # what POT warns of is read instead
        try:
            flow, log = aside(
                pot().emd, a, b, cost, numItermax=most, log=True, center_dual=False, seconds=seconds
            )
        except TimeoutError:
            return None
    return None if log["warning"] else (flow, log["u"], log["v"])
