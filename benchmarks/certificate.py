"""Answers to hold every side against, found without trusting any of them.

On the line and along directions the quantile functions are integrated once more, in NumPy's longest float. In space
`plan_bracket` takes a plan and potentials that a solver claims and proves both sides itself: the plan must have the
marginals, its cost bounds W_p^p from above; potentials lowered by their worst violation over all pairs bound
it from below. O(n + m) memory beyond a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.families import Problem

__all__ = ["Bracket", "WrongPlanError", "line_answer", "plan_bracket", "sliced_answer"]

Array = np.ndarray[Any, Any]
BLOCK = 2**22  # pairs at once
MARGINAL = 1e-9  # mass that may be amiss at a point, in units of the mean mass of its side


class WrongPlanError(ValueError):
    """What a solver hands out as a plan is none."""


@dataclass(frozen=True)
class Bracket:
    """lower <= W_p <= upper, and how that is known."""

    lower: float
    upper: float
    how: str

    def error(self, value: float) -> float:
        """Give the relative distance of a value from the bracket; infinite for what is not a number."""
        off = max(self.lower - value, value - self.upper, 0.0)
        return float("inf") if np.isnan(value) else off / self.upper if self.upper > 0 else off


def line_answer(problem: Problem) -> Bracket:
    """W_p of points (n, 1), (m, 1), to the last digits of float64."""
    value = float(_line_power(problem, problem.x[:, 0], problem.y[:, 0]) ** (1 / np.longdouble(problem.p)))
    return Bracket(value, value, f"quantiles in {np.finfo(np.longdouble).nmant + 1}-bit floats")


def sliced_answer(problem: Problem) -> Bracket:
    """Sliced W_p over the problem's directions."""
    assert problem.directions is not None
    x, y = problem.x.astype(float), problem.y.astype(float)
    centre = x.mean(axis=0)
    powers = [_line_power(problem, (x - centre) @ t, (y - centre) @ t) for t in problem.directions]
    value = float(np.mean(powers) ** (1 / np.longdouble(problem.p)))
    return Bracket(value, value, f"line by line in {np.finfo(np.longdouble).nmant + 1}-bit floats")


def _line_power(problem: Problem, x: Array, y: Array) -> np.longdouble:
    """∫ |F⁻¹(t) − G⁻¹(t)|^p dt over the pieces between the jumps of both; uniform masses count in whole 1/(nm)."""
    i, j = np.argsort(x), np.argsort(y)
    ends_x, ends_y = _levels(problem, i, j)
    ends = np.sort(np.concatenate([ends_x, ends_y]))
    at_x = np.minimum(np.searchsorted(ends_x, ends), len(x) - 1)
    at_y = np.minimum(np.searchsorted(ends_y, ends), len(y) - 1)
    gaps = np.abs(x[i][at_x].astype(np.longdouble) - y[j][at_y])
    pieces = np.diff(ends, prepend=ends[:1] * 0).astype(np.longdouble)
    return np.sum(pieces * gaps ** np.longdouble(problem.p)) / ends[-1]


def _levels(problem: Problem, i: Array, j: Array) -> tuple[Array, Array]:
    """Where each quantile function jumps: (n,), (m,), increasing, on one scale."""
    n, m = len(i), len(j)
    if problem.a is None and problem.b is None:
        return m * np.arange(1, n + 1), n * np.arange(1, m + 1)
    levels = [
        np.cumsum(w[order].astype(np.longdouble)) for w, order in zip(problem.masses, (i, j), strict=True)
    ]
    return levels[0] / levels[0][-1], levels[1] / levels[1][-1]


def plan_bracket(problem: Problem, plan: Any, u: Array, v: Array) -> Bracket:
    """Prove lower <= W_p <= upper from a claimed plan and claimed potentials.

    Args:
        problem: Points and masses.
        plan: Its positive entries as `rows`, `cols`, `mass`.
        u: Potential at the rows, (n,), in the unit of W_p**p.
        v: The same at the columns, (m,).

    Raises:
        WrongPlanError: if the plan's marginals are not the masses.
    """
    x, y, p = problem.x.astype(float), problem.y.astype(float), problem.p
    masses = problem.masses
    for name, at, mass in zip(("rows", "columns"), (plan.rows, plan.cols), masses, strict=True):
        off = np.abs(np.bincount(at, plan.mass, len(mass)) - mass).max() * len(mass)
        if off > MARGINAL or plan.mass.min() < 0:
            raise WrongPlanError(f"the plan's {name} miss their masses by {off:.2g} of a mean mass")
    gaps = np.sqrt(((x[plan.rows] - y[plan.cols]) ** 2).sum(axis=1))
    upper = float(plan.mass @ gaps**p)
    violation = max(
        float((u[rows, None] + v - _cost(x[rows], y, p)).max()) for rows in _blocks(len(x), len(y))
    )
    lower = float(masses[0] @ u + masses[1] @ v) - max(0.0, violation)
    return Bracket(
        max(0.0, lower) ** (1 / p), upper ** (1 / p), "plan and potentials, checked over all pairs"
    )


def _cost(x: Array, y: Array, p: float) -> Array:
    return cdist(x, y, "sqeuclidean") if p == 2 else cdist(x, y) ** p


def _blocks(n: int, m: int) -> list[slice]:
    step = max(1, BLOCK // m)
    return [slice(start, start + step) for start in range(0, n, step)]
