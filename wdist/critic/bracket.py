"""Certified bounds on W1 between two given samples, made of a critic's values whatever its slope.

Below by the c-transform, above by the plan that the transformed potentials stand for, rounded to a coupling.
"""

from __future__ import annotations

import math

from wdist.costs import centred, distances
from wdist.critic.potential import Potential
from wdist.measures import Samples
from wdist.plans.ctransform import dual_bound
from wdist.plans.pairs import Matrix
from wdist.plans.rounding import plan_from_potentials, round_to_coupling

__all__ = ["sample_bracket"]

FACTORS = (1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0)
"""Times the slope at which the critic is 1-Lipschitz on all pairs."""
NEAR = 1e-9
"""Of the mean distance: what rounding tells apart on points that are one."""
BLURS = (0.003, 0.01, 0.03)
"""Of the mean distance."""


def sample_bracket(f: Potential, a: Samples, b: Samples) -> tuple[float, float]:
    """Lower and upper bound on W1 between samples, O(nm) time and memory.

    The critic is multiplied by the factor that serves it best; for a clipped one this takes the place of the unknown
    1/kappa.
    """
    x, y = centred(a.points, b.points)
    cost = distances(x, y)  # (n, m)
    on_a, on_b = f(a.points), f(b.points)
    steepest = float(((on_a[:, None] - on_b) / cost.clamp_min(NEAR * float(cost.mean()))).max())
    if not 0 < steepest < math.inf:
        steepest = 1.0
    held = Matrix(cost)
    tried = [
        dual_bound(-factor / steepest * on_b, x, y, a.weights, b.weights, cost=held) for factor in FACTORS
    ]
    best = max(tried, key=lambda bound: bound.value)
    upper = math.inf
    for blur in BLURS:
        plan = plan_from_potentials(
            best.u, best.v, held, a.weights, b.weights, blur * float(cost.mean()) or 1.0
        )
        upper = min(upper, round_to_coupling(plan, a.weights, b.weights).cost(held))
    return min(best.value, upper), upper
