"""POT: everything that it has of ours, each where its traps are stepped around.

`emd2` hands out a wrong number where its iterations run out, so its own warning is read; the functions of the
line return p-th powers; `sinkhorn2` leaves the entropy out, so OT_ε is read off the
potentials; the empirical Gaussian adds 1e-6 to every variance unless told not to.
"""

from __future__ import annotations

import numpy as np

from wdist.errors import NotConvergedError
from wdist.validation.peers.peer import Peer, Reference, check_marginals, debiased, entropic
from wdist.validation.problem import Array, Problem
from wdist.validation.quantities import DIVERGENCE, ENTROPIC, EXACT, GAUSSIAN, SLICED

__all__ = ["POT"]

PIVOTS = 10_000_000
STEPS, STOP = 5_000, 1e-6
MISPLACED = 2e-5  # of which the values are of second order


def _emd_1d(problem: Problem) -> float:
    import ot

    x, y = problem.x[:, 0], problem.y[:, 0]
    power = ot.emd2_1d(x, y, problem.a, problem.b, metric="minkowski", p=problem.p, dense=False)
    return float(power ** (1 / problem.p))


def _quantiles(problem: Problem) -> float:
    import ot

    x, y = problem.x[:, 0], problem.y[:, 0]
    return float(ot.wasserstein_1d(x, y, problem.a, problem.b, p=problem.p) ** (1 / problem.p))


def _emd(problem: Problem) -> float:
    import ot

    power, log = ot.emd2(problem.a, problem.b, problem.cost(), numItermax=PIVOTS, log=True)
    if log["warning"] is not None:
        raise NotConvergedError(f"ot.emd2 says: {log['warning']}")
    return float(max(power, 0.0) ** (1 / problem.p))


def _entropic_power(cost: Array, a: Array, b: Array, epsilon: float) -> float:
    """The dual value of POT's potentials, which for P = exp(u + v − c/ε) are ε(u − log a) and ε(v − log b)."""
    import ot

    plan, log = ot.bregman.sinkhorn_log(
        a, b, cost, epsilon, numItermax=STEPS, stopThr=STOP, warn=False, log=True
    )
    check_marginals(plan, a, b, MISPLACED)
    u, v = log["log_u"] - np.log(a), log["log_v"] - np.log(b)
    return float(epsilon * (a @ u + b @ v + 1 - plan.sum()))


def _sliced(problem: Problem) -> float:
    import ot

    return float(
        ot.sliced_wasserstein_distance(
            problem.x, problem.y, problem.a, problem.b, p=problem.p, projections=problem.directions.T
        )
    )


def _moments(problem: Problem) -> float:
    import ot

    moments = [
        (np.average(z, axis=0, weights=w), np.atleast_2d(np.cov(z.T, aweights=w, ddof=0)))
        for z, w in ((problem.x, problem.a), (problem.y, problem.b))
    ]
    (mean_x, cov_x), (mean_y, cov_y) = moments
    return float(ot.gaussian.bures_wasserstein_distance(mean_x, mean_y, cov_x, cov_y))


def _empirical(problem: Problem) -> float:
    import ot

    masses = {"ws": problem.a[:, None], "wt": problem.b[:, None]}
    return float(ot.gaussian.empirical_bures_wasserstein_distance(problem.x, problem.y, reg=0.0, **masses))


def _on_the_line(problem: Problem) -> bool:
    return problem.dim == 1


POT = Peer(
    "POT",
    "POT",
    "ot",
    (
        Reference("ot.emd2_1d", EXACT, _emd_1d, _on_the_line),
        Reference("ot.wasserstein_1d", EXACT, _quantiles, _on_the_line),
        Reference("ot.emd2", EXACT, _emd, most_pairs=4_000_000),
        Reference("ot.bregman.sinkhorn_log", ENTROPIC, entropic(_entropic_power), most_pairs=1_000_000),
        Reference(
            "ot.bregman.sinkhorn_log, debiased", DIVERGENCE, debiased(_entropic_power), most_pairs=1_000_000
        ),
        Reference("ot.sliced_wasserstein_distance", SLICED, _sliced),
        Reference("ot.gaussian.bures_wasserstein_distance", GAUSSIAN, _moments),
        Reference("ot.gaussian.empirical_bures_wasserstein_distance", GAUSSIAN, _empirical),
    ),
)
