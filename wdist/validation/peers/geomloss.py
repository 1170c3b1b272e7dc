"""GeomLoss: entropic transport and the Sinkhorn divergence, for p = 1 and 2.

Its costs are |x - y| and |x - y|²/2 and its ε is blur**p, so for p = 2 our OT_ε is twice its value at ε/2. Its
own |x - y| is never below 1e-4, so for p = 1 it is given the distances. It runs a fixed schedule and reports no
convergence: the plan of its potentials is checked here; its values are of second order in that plan's marginal
error, hence the tolerance.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from wdist.validation.peers.peer import Peer, Reference, check_marginals
from wdist.validation.problem import Problem
from wdist.validation.quantities import DIVERGENCE, ENTROPIC

__all__ = ["GEOMLOSS"]

SCALING = 0.997  # the ratio of one blur to the next
MISPLACED, TOLERANCE = 5e-3, 1e-3


def _loss(problem: Problem, **options: Any) -> Any:
    """Call GeomLoss's layer with its blur set for our ε."""
    import torch
    from geomloss import SamplesLoss

    blur = (problem.epsilon / problem.p) ** (1 / problem.p)
    loss = SamplesLoss(
        "sinkhorn", p=int(problem.p), blur=blur, scaling=SCALING, backend="tensorized",
        cost=torch.cdist if problem.p == 1 else None, **options,
    )  # fmt: skip
    parts = (torch.from_numpy(part) for part in (problem.a, problem.x, problem.b, problem.y))
    return loss(*parts)


def _check(problem: Problem) -> None:
    """Refuse potentials whose plan does not have the marginals."""
    potentials = _loss(problem, debias=False, potentials=True)
    u, v = (problem.p * np.ravel(t.numpy()) for t in potentials)
    ratio = np.exp((u[:, None] + v - problem.cost()) / problem.epsilon)
    check_marginals(problem.a[:, None] * problem.b * ratio, problem.a, problem.b, MISPLACED)


def _value(problem: Problem, *, debias: bool) -> float:
    power = problem.p * float(_loss(problem, debias=debias))
    return float(max(power, 0.0) ** (1 / problem.p))


def _has_cost(problem: Problem) -> bool:
    return problem.p in (1, 2)


GEOMLOSS = Peer(
    "GeomLoss",
    "geomloss",
    "geomloss",
    tuple(
        Reference(
            f"geomloss.SamplesLoss(debias={debias})",
            quantity,
            partial(_value, debias=debias),
            _has_cost,
            check=_check,
            most_pairs=1_000_000,
            tolerance=TOLERANCE,
        )
        for debias, quantity in ((False, ENTROPIC), (True, DIVERGENCE))
    ),
)
