"""Exact discrete transport over a dense cost matrix, certified.

The engines (POT's network simplex, SciPy's and lapx's assignment solvers) find a coupling; what they say of
it is not taken on trust. Any coupling's cost is an upper bound, any pair of feasible potentials a lower one:
`certified` puts the potentials through the c-transform over all pairs and reports both sides. Assignment
solvers return no potentials, so `_assignment_potentials` reads them off the assignment as shortest paths.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from scipy.optimize import linear_sum_assignment

from wdist.errors import InputError, NotConvergedError
from wdist.plans.aside import aside, pot
from wdist.unheard import unheard

__all__ = ["ENGINES", "Array", "Coupling", "Solution", "solve", "solve_power"]

Array = np.ndarray[Any, Any]
ENGINES = ("pot", "scipy", "lapx")  # over a cost matrix; "sparse" (plans/sparse.py) holds none
DUST = 1e-13
LOG_RANGE = 6.0  # beyond e^-6 of the largest cost, potentials of order one cost the certificate its digits
CAP = 100.0  # in units of what mass has to travel anyway: dearer pairs hardly serve an optimal plan
BLOCK = 2**17  # costs read at once: they stay in the cache
OPTIMAL, MAX_ITER_REACHED = 1, 3


@dataclass(frozen=True, eq=False)
class Coupling:
    """A transport plan by its positive entries: `mass[k]` goes from row `rows[k]` of a to row `cols[k]` of b."""

    rows: Array
    cols: Array
    mass: Array

    def dense(self, n: int, m: int) -> Array:
        """The plan as a matrix (n, m)."""
        plan = np.zeros((n, m))
        np.add.at(plan, (self.rows, self.cols), self.mass)
        return plan


@dataclass(frozen=True, eq=False)
class Solution:
    """A coupling with its cost (`primal`), and feasible potentials (n,), (m,) with theirs (`dual` <= optimum).

    `iterations` counts the bids of an auction; the other engines do not tell.
    """

    coupling: Coupling
    potential_a: Array
    potential_b: Array
    primal: float
    dual: float
    engine: str
    iterations: int | None = None


def solve_power(
    distance: Array,
    p: float,
    a: Array,
    b: Array,
    *,
    matched: bool,
    engine: str = "pot",
    max_iter: int = 1_000_000,
) -> tuple[Solution, float]:
    """Solve for the cost distance**p, in a unit of distance that keeps the powers within double precision.

    The unit is the largest distance, unless p is so high that the distances that matter would underflow in it. Then
    it is one that mass surely has to travel (every point's nearest partner, at most W_inf), and costs are capped: a
    capped cost only lowers the dual value, and the primal one is read from the plan without the cap, so the
    certificate holds; a plan that uses capped pairs shows as a gap. The unit then moves to the longest pair of
    the plan found, up or down, until that pair is within range.

    Args:
        distance: Shape (n, m), finite, non-negative; overwritten.
        p: Finite order.
        a: Masses (n,), summing to one.
        b: Masses (m,), summing to one.
        matched: As in `solve`.
        engine: As in `solve`.
        max_iter: As in `solve`.

    Returns:
        The solution, in the unit to the power p, and the unit.
    """
    options = {"matched": matched, "engine": engine, "max_iter": max_iter}
    top = float(distance.max()) or 1.0
    if p == 1:
        distance /= top
        return solve(distance, a, b, **options), top  # type: ignore[arg-type]
    unit = float(max(distance.min(axis=1).max(), distance.min(axis=0).max()))
    unit = unit or float(distance[distance > 0].min(initial=top))
    if p * np.log(top / unit) < LOG_RANGE:
        distance /= top
        distance **= p
        return solve(distance, a, b, **options), top  # type: ignore[arg-type]
    while True:
        cost = np.minimum(distance / unit, CAP ** (1 / p)) ** p
        found = solve(cost, a, b, **options)  # type: ignore[arg-type]
        longest = float(distance[found.coupling.rows, found.coupling.cols].max())
        capped = longest > unit * CAP ** (1 / p)
        sunk = longest > 0 and p * np.log(unit / longest) > LOG_RANGE
        if not capped and not sunk:
            return found, unit
        unit = longest  # sunk: a coupling within `longest` exists, so the next one uses no capped pair


def solve(
    cost: Array, a: Array, b: Array, *, matched: bool, engine: str = "pot", max_iter: int = 1_000_000
) -> Solution:
    """Find an optimal coupling of `a` and `b` and certify it.

    Args:
        cost: Shape (n, m), finite, non-negative, of order one.
        a: Masses (n,), summing to one.
        b: Masses (m,), summing to one.
        matched: n = m and all masses are equal, so that an assignment is optimal (Birkhoff).
        engine: "pot" for any masses; "scipy" or "lapx" for assignments.
        max_iter: First iteration limit of the network simplex; a run that hits it is run on with ten times as
            many.

    Raises:
        InputError: if the engine solves assignments only, or is not installed.
        NotConvergedError: if the network simplex finds no feasible flow.
    """
    if engine == "pot":
        coupling, v = _network_simplex(cost, a, b, max_iter)
    elif not matched:
        raise InputError(
            f"engine {engine!r} solves assignments only: equal sizes, equal masses; use engine='pot'"
        )
    else:
        columns = _assignment(cost, engine)
        coupling = Coupling(np.arange(len(a)), columns, np.asarray(a, dtype=np.float64))
        v = aside(_assignment_potentials, cost, columns)
    return certified(cost, a, b, coupling, v, engine)


def certified(cost: Array, a: Array, b: Array, coupling: Coupling, v: Array, engine: str) -> Solution:
    """Bracket the optimum: u_i = min_j c_ij − v_j, then v_j = min_i c_ij − u_i, is feasible whatever `v` was."""
    u = np.concatenate([(block - v).min(axis=1) for block in _row_blocks(cost)])
    v = np.full(len(b), np.inf)
    start = 0
    for block in _row_blocks(cost):
        np.minimum(v, (block - u[start : start + len(block), None]).min(axis=0), out=v)
        start += len(block)
    primal = float(cost[coupling.rows, coupling.cols] @ coupling.mass)
    dual = max(0.0, float(a @ u + b @ v))
    return Solution(coupling, u, v, primal, min(dual, primal), engine)


def lapx_installed() -> bool:
    """Tell whether the optional engine "lapx" can be imported."""
    return importlib.util.find_spec("lap") is not None


def _row_blocks(cost: Array) -> list[Array]:
    step = max(1, BLOCK // cost.shape[1])
    return [cost[start : start + step] for start in range(0, len(cost), step)]


def _network_simplex(cost: Array, a: Array, b: Array, max_iter: int) -> tuple[Coupling, Array]:
    """Run POT's network simplex until it says optimal; its flow without rounding dust, and its column potentials."""
    while True:
        with unheard(module=r"ot\."):  # POT warns where it should fail; its result code is read instead
            plan, log = aside(pot().emd, a, b, cost, numItermax=max_iter, log=True, center_dual=False)
        if log["result_code"] == OPTIMAL:
            break
        if log["result_code"] != MAX_ITER_REACHED:
            raise NotConvergedError(f"the network simplex gave up: {log['warning']}")
        max_iter *= 10
    places = np.flatnonzero(plan > 0)  # several times quicker than pairs of places of numbers
    rows, cols = np.divmod(places, len(b))
    mass = plan.ravel()[places]
    keep = mass > DUST * np.minimum(a[rows], b[cols])
    return Coupling(rows[keep], cols[keep], mass[keep]), np.asarray(log["v"])


def _assignment(cost: Array, engine: str) -> Array:
    """Column assigned to each row: (n,)."""
    if engine == "scipy":
        return np.asarray(aside(linear_sum_assignment, cost)[1])
    if not lapx_installed():
        raise InputError("engine 'lapx' is not installed; pip install lapx, or use engine='pot' or 'scipy'")
    import lap

    return np.asarray(aside(lap.lapjvr, cost, return_cost=False)[1])


@njit(cache=True, nogil=True)
def _assignment_potentials(cost: Array, columns: Array) -> Array:
    """Column potentials of an optimal assignment: shortest paths in the graph whose arcs leave an assigned column.

    v_j <= c_ij − c_iσ(i) + v_σ(i) for all i, j; label correcting from v = 0, a queue of rows whose label
    fell.
    """
    n = len(columns)
    v = np.zeros(n)
    row_of = np.empty(n, np.int64)
    for i in range(n):
        row_of[columns[i]] = i
    queue = np.empty(n, np.int64)
    waiting = np.ones(n, np.bool_)
    head, count, left = 0, n, 200 * n
    for i in range(n):
        queue[i] = i
    while count > 0 and left > 0:
        i = queue[head]
        head = (head + 1) % n
        count -= 1
        left -= 1
        waiting[i] = False
        base = v[columns[i]] - cost[i, columns[i]]
        for j in range(n):
            label = cost[i, j] + base
            if label < v[j] - 1e-15:
                v[j] = label
                k = row_of[j]
                if not waiting[k]:
                    waiting[k] = True
                    queue[(head + count) % n] = k
                    count += 1
    return v
