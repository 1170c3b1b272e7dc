"""One round of an auction: a coupling that is optimal to within ε, and the prices that prove it.

Bertsekas' ε-auction in its form for transport (Bertsekas and Castañon 1989): a row buys what costs it least, from
whoever holds it, until it has sent all its mass, and then prices all it holds at what it would have paid for the
next best, plus ε. A column's holdings (`Holdings`, linked lists of cells) each remember their price; the cheapest is
the first to be bought away and sets the column's potential v = −price. At the end all mass is held, and no row holds
any for more than ε above its least reduced cost, so that Σ a u + Σ b v is within ε of the cost.

A row looks only at its own list (`leaves.Lists`). As v only falls, no column outside of it is below the list's
threshold; the row looks at all columns again when its best choice exceeds that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from wdist.plans.ground import Array
from wdist.plans.leaves import Leaves
from wdist.plans.nearest import nearest, room_for
from wdist.plans.passes import Lists

__all__ = ["FULL", "SOLD", "STOPPED", "Holdings", "auction", "holdings", "sold"]

SOLD, STOPPED, FULL = 0, 1, 2
ROUNDING = 1e-15
TINY = 1e-300


class Holdings(NamedTuple):
    """Who holds how much of which column, bought at what price: one linked list of cells a column.

    Attributes:
        head: First cell of each column, (m,), or -1.
        after: Next cell of the same column, or next unused one, (cells,); -1 ends.
        row: Who holds it.
        mass: How much, in whole units.
        price: What was bid for it.
        unused: First unused cell, (1,).
    """

    head: Array
    after: Array
    row: Array
    mass: Array
    price: Array
    unused: Array


def holdings(columns: int, cells: int) -> Holdings:
    """Nothing held yet."""
    after = np.arange(1, cells + 1)
    after[-1] = -1
    row, mass = np.empty(cells, np.int64), np.zeros(cells, np.int64)
    return Holdings(np.full(columns, -1), after, row, mass, np.empty(cells), np.zeros(1, np.int64))


@njit(cache=True, nogil=True)
def auction(
    stop: Array, epsilon: float, x: Array, leaves: Leaves, norm: float, p: float, lists: Lists, v: Array,
    supply: Array, demand: Array, held: Holdings, counts: Array, most: int,
) -> int:  # fmt: skip
    """Sell all mass. Overwrites v, supply and demand (both end at zero), held, lists and counts (bids, looks).

    Args:
        stop: One flag, looked at before each bid: another thread sets it to end the round.
        epsilon: Least raise of a price, in the unit of cost; above the rounding of v.
        x: Rows, shape (n, d).
        leaves: Columns.
        norm: Order of the norm behind the cost.
        p: Power of the distance.
        lists: Of the rows, at v.
        v: Potentials, shape (m,); they fall.
        supply: Mass of the rows in whole units, shape (n,).
        demand: Mass of the columns, shape (m,), with the same sum.
        held: Empty holdings.
        counts: Shape (2,), added to.
        most: Bids, earlier ones counted in, after which to stop: pieces of mass far smaller than what a row wants,
            at prices all alike, may be passed around for ever so long.

    Returns:
        SOLD, or STOPPED by the flag or at `most` bids, or FULL: more cells are needed.
    """
    n, k = lists.cols.shape
    room = room_for(leaves)
    queue, waiting = np.arange(n), np.ones(n, np.bool_)
    first, length = 0, n
    while length > 0:
        i = queue[first]
        first = (first + 1) % n
        length -= 1
        waiting[i] = False
        while True:
            if stop[0] or counts[0] > most:
                return STOPPED
            counts[0] += 1
            choice, cell, least, second = _best_two(i, lists, v, demand, held)
            if least > lists.threshold[i]:  # what it holds is worth that much to it, and it has to look again
                counts[1] += 1
                _raise(i, lists.threshold[i] + epsilon, lists, v, demand, held)
                limit = _worst(i, lists, v)
                lists.threshold[i] = nearest(
                    x[i], leaves, v, norm, p, limit, room, lists.cost[i], lists.cols[i]
                )  # fmt: skip
                for s in range(k):
                    lists.cost[i, s] += v[lists.cols[i, s]]
                continue
            j, price = lists.cols[i, choice], least - lists.cost[i, choice]
            if cell < 0:
                amount = min(supply[i], demand[j])
                demand[j] -= amount
                left = demand[j]
            else:
                loser = held.row[cell]
                amount = min(supply[i], held.mass[cell])
                supply[loser] += amount
                if not waiting[loser]:
                    waiting[loser] = True
                    queue[(first + length) % n] = loser
                    length += 1
                held.mass[cell] -= amount
                left = held.mass[cell]
                if left == 0:
                    _drop(held, j, cell)
            supply[i] -= amount
            if not _give(held, j, i, amount, price):
                return FULL
            if supply[i] == 0:
                marginal = least if left > 0 else min(second, lists.threshold[i])
                _raise(i, (marginal if marginal < np.inf else least) + epsilon, lists, v, demand, held)
                break
            v[j] = min(v[j], -_cheapest(held, j)) if demand[j] == 0 else v[j]
    return SOLD


@njit(cache=True, nogil=True)
def _best_two(i: int, lists: Lists, v: Array, demand: Array, held: Holdings) -> tuple[int, int, float, float]:
    """What row i could get at least cost: its place on the list, its cell (-1: unsold), its cost, and the next one's.

    What the row holds itself is no choice, or it would bid against itself.
    """
    choice, best, least, second = -1, -1, np.inf, np.inf
    for s in range(lists.cols.shape[1]):
        j = lists.cols[i, s]
        if lists.cost[i, s] - v[j] >= second:
            continue
        if demand[j] > 0:
            cost = lists.cost[i, s] - v[j]
            if cost < least:
                choice, best, least, second = s, -1, cost, least
            elif cost < second:
                second = cost
        cell = held.head[j]
        while cell >= 0:
            if held.row[cell] != i:
                cost = lists.cost[i, s] + held.price[cell]
                if cost < least:
                    choice, best, least, second = s, cell, cost, least
                elif cost < second:
                    second = cost
            cell = held.after[cell]
    return choice, best, least, second


@njit(cache=True, nogil=True)
def _worst(i: int, lists: Lists, v: Array) -> float:
    """Largest reduced cost on row i's list, and a little for rounding: all of the list is below it."""
    worst = -np.inf
    for s in range(lists.cols.shape[1]):
        cost, price = lists.cost[i, s], v[lists.cols[i, s]]
        worst = max(worst, cost - price + ROUNDING * (abs(cost) + abs(price)))
    return worst + TINY


@njit(cache=True, nogil=True)
def _raise(i: int, level: float, lists: Lists, v: Array, demand: Array, held: Holdings) -> None:
    """Price what row i holds at what it would pay for the next best: its cost becomes `level`, if it was less."""
    for s in range(lists.cols.shape[1]):
        j = lists.cols[i, s]
        if lists.cost[i, s] - v[j] >= level:
            continue
        cell = held.head[j]
        while cell >= 0:
            if held.row[cell] == i:
                held.price[cell] = max(held.price[cell], level - lists.cost[i, s])
                if demand[j] == 0:
                    v[j] = -_cheapest(held, j)
                break
            cell = held.after[cell]


@njit(cache=True, nogil=True)
def _cheapest(held: Holdings, j: int) -> float:
    """Lowest price that anybody paid for column j."""
    price = np.inf
    cell = held.head[j]
    while cell >= 0:
        price = min(price, held.price[cell])
        cell = held.after[cell]
    return price


@njit(cache=True, nogil=True)
def _give(held: Holdings, j: int, i: int, amount: int, price: float) -> bool:
    """Add to what row i holds of column j; all of it now counts as bought at the higher price."""
    cell = held.head[j]
    while cell >= 0:
        if held.row[cell] == i:
            held.mass[cell] += amount
            held.price[cell] = max(held.price[cell], price)
            return True
        cell = held.after[cell]
    cell = held.unused[0]
    if cell < 0:
        return False
    held.unused[0] = held.after[cell]
    held.row[cell], held.mass[cell], held.price[cell] = i, amount, price
    held.after[cell] = held.head[j]
    held.head[j] = cell
    return True


@njit(cache=True, nogil=True)
def _drop(held: Holdings, j: int, cell: int) -> None:
    """Take an empty cell out of column j's list."""
    if held.head[j] == cell:
        held.head[j] = held.after[cell]
    else:
        before = held.head[j]
        while held.after[before] != cell:
            before = held.after[before]
        held.after[before] = held.after[cell]
    held.after[cell] = held.unused[0]
    held.unused[0] = cell


@njit(cache=True, nogil=True)
def sold(held: Holdings) -> tuple[Array, Array, Array]:
    """All that is held: row, column and mass of each cell, (e,) each."""
    count = 0
    for j in range(held.head.size):
        cell = held.head[j]
        while cell >= 0:
            count += 1
            cell = held.after[cell]
    rows, cols, mass = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    e = 0
    for j in range(held.head.size):
        cell = held.head[j]
        while cell >= 0:
            rows[e], cols[e], mass[e] = held.row[cell], j, held.mass[cell]
            e += 1
            cell = held.after[cell]
    return rows, cols, mass
