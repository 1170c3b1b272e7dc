"""Everything that is timed, by name: wdist through its public names, and what a user could pick instead.

A side is a function (problem, **settings) -> `Answer`; what it does between is what its user would have to do, the cost
matrix included. Libraries are imported inside, so that a process of its own holds only what its side needs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import wdist
from benchmarks.families import Array, Problem
from wdist.plans.line import line_distance

__all__ = ["SIDES", "Answer", "engines"]

ENGINES = ("pot", "scipy", "lapx", "sparse")
MANY = 2**40  # iterations: no limit


@dataclass(frozen=True)
class Answer:
    """W_p (never its p-th power) as a side gave it, whether the side vouches for it, and wdist's estimate if it did."""

    value: float
    converged: bool = True
    note: str = ""
    estimate: Any = None


def _estimated(problem: Problem, method: Any, seed: int = 0) -> Answer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wdist.WdistWarning)
        est = wdist.estimate(
            problem.x, problem.y, p=problem.p, method=method, weights_a=problem.a, weights_b=problem.b, seed=seed
        )  # fmt: skip
    return Answer(est.value, est.converged, est.message, est)


def wdist_exact(problem: Problem) -> Answer:
    """wdist.estimate(..., method="exact"): engine chosen by wdist."""
    return _estimated(problem, "exact")


def wdist_discrete(problem: Problem, engine: str) -> Answer:
    """wdist.estimate(..., method=wdist.Discrete(engine=...))."""
    return _estimated(problem, wdist.Discrete(engine=engine))


def wdist_line(problem: Problem) -> Answer:
    """wdist.plans.line.line_distance."""
    masses = None if problem.a is None else (problem.a, problem.b)
    return Answer(line_distance(problem.x[:, 0], problem.y[:, 0], problem.p, masses))  # type: ignore[arg-type]


def wdist_sliced(problem: Problem, seed: int) -> Answer:
    """wdist.estimate(..., method=wdist.Sliced(projections=...)), with its interval and lower bound."""
    assert problem.directions is not None
    return _estimated(problem, wdist.Sliced(projections=len(problem.directions)), seed)


def wdist_functional_sliced(problem: Problem) -> Answer:
    """wdist.functional.sliced_wasserstein along given directions."""
    x, y, directions = (torch.from_numpy(t) for t in (problem.x, problem.y, problem.directions))
    return Answer(
        float(wdist.functional.sliced_wasserstein(x, y, p=problem.p, directions=directions.to(x.dtype)))
    )


def wdist_sinkhorn(problem: Problem, blur: float, tol: float) -> Answer:
    """wdist.functional.sinkhorn_divergence, debiased; epsilon = blur**2."""
    a, b = (None if w is None else torch.from_numpy(w) for w in (problem.a, problem.b))
    x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
    try:
        root = wdist.functional.sinkhorn_divergence(
            x, y, epsilon=blur**2, p=problem.p, weights_x=a, weights_y=b, tol=tol
        )
    except wdist.NotConvergedError as error:
        return Answer(float("nan"), False, str(error))
    return Answer(float(root))


def scipy_1d(problem: Problem) -> Answer:
    """scipy.stats.wasserstein_distance."""
    from scipy.stats import wasserstein_distance

    assert problem.p == 1
    return Answer(float(wasserstein_distance(problem.x[:, 0], problem.y[:, 0], problem.a, problem.b)))


def pot_emd2_1d(problem: Problem) -> Answer:
    """ot.emd2_1d."""
    import ot

    metric = {1: "cityblock", 2: "sqeuclidean"}.get(problem.p, "minkowski")
    cost = ot.emd2_1d(
        problem.x[:, 0], problem.y[:, 0], problem.a, problem.b, metric=metric, p=problem.p, dense=False
    )
    return Answer(_root(cost, problem))


def pot_wasserstein_1d(problem: Problem) -> Answer:
    """ot.wasserstein_1d."""
    import ot

    return Answer(
        _root(ot.wasserstein_1d(problem.x[:, 0], problem.y[:, 0], problem.a, problem.b, p=problem.p), problem)
    )


def pot_emd2(problem: Problem) -> Answer:
    """ot.emd2 without an iteration limit, on ot.dist (p = 2) or scipy's cdist."""
    import ot

    a, b = problem.masses
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cost, log = ot.emd2(a, b, _cost(problem), numItermax=MANY, log=True)
    return Answer(_root(cost, problem), log["warning"] is None, log["warning"] or "")


def pot_emd2_lazy(problem: Problem) -> Answer:
    """ot.lp.emd2_lazy without an iteration limit: no cost matrix."""
    import ot

    a, b = problem.masses
    metric = {1: "euclidean", 2: "sqeuclidean"}[int(problem.p)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cost, log = ot.lp.emd2_lazy(problem.x, problem.y, a, b, metric=metric, numItermax=MANY, log=True)
    return Answer(_root(cost, problem), log["warning"] is None, log["warning"] or "")


def scipy_assignment(problem: Problem) -> Answer:
    """scipy.optimize.linear_sum_assignment on the same cost."""
    cost = _cost(problem)
    return Answer(_root(cost[linear_sum_assignment(cost)].mean(), problem))


def lapx(problem: Problem, solver: str) -> Answer:
    """One of lapx's dense solvers on the same cost."""
    import lap

    cost = _cost(problem)
    found = getattr(lap, solver)(cost)
    total = found[0] if np.ndim(found[0]) == 0 else cost[np.arange(len(cost)), found[0]].sum()
    return Answer(_root(total / len(cost), problem))


def pot_sliced(problem: Problem) -> Answer:
    """ot.sliced_wasserstein_distance along given directions."""
    import ot

    directions = problem.directions
    assert directions is not None
    return Answer(
        float(
            ot.sliced_wasserstein_distance(
                problem.x, problem.y, p=problem.p, projections=directions.T.astype(problem.x.dtype)
            )
        )
    )


def geomloss(problem: Problem, blur: float, scaling: float, backend: str) -> Answer:
    """geomloss.SamplesLoss("sinkhorn"), debiased, in single precision; its cost is half the square."""
    from geomloss import SamplesLoss

    assert problem.p == 2
    assert problem.a is None
    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, backend=backend)
    x, y = (torch.from_numpy(side.astype(np.float32)) for side in (problem.x, problem.y))
    return Answer(max(0.0, 2 * float(loss(x, y))) ** 0.5)


def _cost(problem: Problem) -> Array:
    if problem.p == 2:
        import ot

        return np.asarray(ot.dist(problem.x, problem.y))
    cost = cdist(problem.x, problem.y)
    return cost if problem.p == 1 else cost**problem.p


def _root(power: Any, problem: Problem) -> float:
    return float(power) ** (1 / problem.p)


SIDES: dict[str, Callable[..., Answer]] = {
    "wdist estimate": wdist_exact,
    "wdist line_distance": wdist_line,
    "wdist Discrete": wdist_discrete,
    "wdist Sliced": wdist_sliced,
    "wdist functional sliced": wdist_functional_sliced,
    "wdist sinkhorn_divergence": wdist_sinkhorn,
    "scipy wasserstein_distance": scipy_1d,
    "scipy linear_sum_assignment": scipy_assignment,
    "POT emd2_1d": pot_emd2_1d,
    "POT wasserstein_1d": pot_wasserstein_1d,
    "POT emd2": pot_emd2,
    "POT emd2_lazy": pot_emd2_lazy,
    "POT sliced": pot_sliced,
    "lapx": lapx,
    "GeomLoss": geomloss,
}


def engines() -> tuple[str, ...]:
    """Name the engines of `wdist.Discrete` that this wdist has."""
    found = []
    for engine in ENGINES:
        try:
            wdist.Discrete(engine=engine)
        except wdist.InputError:
            continue
        found.append(engine)
    return tuple(found)
