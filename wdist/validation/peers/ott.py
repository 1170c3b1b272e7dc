"""OTT: entropic transport on JAX, in float64.

Its `reg_ot_cost` is our OT_ε, KL term against a⊗b included, given our cost matrix; its `converged` is read.
"""

from __future__ import annotations

from wdist.errors import NotConvergedError
from wdist.validation.peers.peer import Peer, Reference, debiased, entropic
from wdist.validation.problem import Array
from wdist.validation.quantities import DIVERGENCE, ENTROPIC

__all__ = ["OTT"]

STEPS, STOP = 20_000, 1e-6  # its error is that of the marginals, of which the value is of second order


def _entropic_power(cost: Array, a: Array, b: Array, epsilon: float) -> float:
    import jax
    from ott.geometry import geometry
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import sinkhorn

    with jax.enable_x64(True):
        cost, a, b = (jax.numpy.asarray(part) for part in (cost, a, b))
        problem = linear_problem.LinearProblem(geometry.Geometry(cost_matrix=cost, epsilon=epsilon), a=a, b=b)
        found = sinkhorn.Sinkhorn(threshold=STOP, max_iterations=STEPS)(problem)
        if not bool(found.converged):
            raise NotConvergedError(f"converged is False after {STEPS} iterations at threshold {STOP:g}")
        return float(found.reg_ot_cost)


OTT = Peer(
    "OTT",
    "ott-jax",
    "ott",
    (
        Reference("ott.solvers.linear.sinkhorn", ENTROPIC, entropic(_entropic_power), most_pairs=1_000_000),
        Reference(
            "ott.solvers.linear.sinkhorn, debiased",
            DIVERGENCE,
            debiased(_entropic_power),
            most_pairs=1_000_000,
        ),
    ),
)
