"""SciPy: W1 on the line, assignments, and a linear programme for the few smallest problems."""

from __future__ import annotations

from wdist.validation.peers.peer import Peer, Reference
from wdist.validation.problem import Problem
from wdist.validation.quantities import EXACT

__all__ = ["SCIPY"]


def _line(problem: Problem) -> float:
    from scipy import stats

    return float(stats.wasserstein_distance(problem.x[:, 0], problem.y[:, 0], problem.a, problem.b))


def _programme(problem: Problem) -> float:
    from scipy import stats

    return float(stats.wasserstein_distance_nd(problem.x, problem.y, problem.a, problem.b))


def _assignment(problem: Problem) -> float:
    from scipy import optimize

    cost = problem.cost()
    rows, columns = optimize.linear_sum_assignment(cost)
    return float(cost[rows, columns].mean() ** (1 / problem.p))


SCIPY = Peer(
    "SciPy",
    "scipy",
    "scipy",
    (
        Reference(
            "scipy.stats.wasserstein_distance",
            EXACT,
            _line,
            lambda problem: problem.dim == 1 and problem.p == 1,
        ),
        Reference(
            "scipy.stats.wasserstein_distance_nd",
            EXACT,
            _programme,
            lambda problem: problem.dim > 1 and problem.p == 1,
            most_pairs=5_000,  # at 90,000 it takes nine seconds
            tolerance=1e-6,  # what HiGHS calls feasible
        ),
        Reference(
            "scipy.optimize.linear_sum_assignment",
            EXACT,
            _assignment,
            lambda problem: problem.matched,
            most_pairs=4_000_000,
        ),
    ),
)
