"""From any non-negative matrix to a true coupling, so that its cost is an upper bound.

An unfinished entropic plan misses its marginals and may cost *less* than the optimum. `round_to_coupling`
mends the marginals to rounding; `plan_from_potentials` makes the matrix, from potentials as good or as bad as
they come.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["plan_from_potentials", "round_to_coupling"]


def round_to_coupling(plan: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Map a non-negative matrix onto the couplings of a and b, in place.

    Rows, then columns that hold too much are scaled down; what is missing is spread as a product (Altschuler,
    Weed, Rigollet 2017, Algorithm 2). By their Lemma 7 the plan moves by at most twice the L1 error of its
    marginals.

    Args:
        plan: Shape (n, m), float64, finite and non-negative; overwritten.
        a: Row masses, shape (n,), float64, summing to one.
        b: Column masses, shape (m,).

    Returns:
        The same tensor, now with row sums a and column sums b to rounding.

    Example:
        >>> half = torch.full((2,), 0.5, dtype=torch.float64)
        >>> round_to_coupling(torch.diag(4 * half), half, half).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    plan *= _shrinking(a, plan.sum(dim=1))[:, None]
    plan *= _shrinking(b, plan.sum(dim=0))
    missing_a = (a - plan.sum(dim=1)).clamp_(min=0)  # (n,)
    missing_b = (b - plan.sum(dim=0)).clamp_(min=0)  # (m,)
    total = float(missing_b.sum())
    return plan.addr_(missing_a / total, missing_b) if total > 0 else plan


def plan_from_potentials(u: Tensor, v: Tensor, cost: Tensor, a: Tensor, b: Tensor, epsilon: float) -> Tensor:
    """Build the plan that potentials stand for, exp((u + v − c)/ε) a b, after one Sinkhorn step from either.

    At potentials that are each other's soft c-transforms this is the Gibbs plan itself. Far from there its
    exponent may be ±1000, so the mean of two plans is taken, one a whole Sinkhorn step from u and exact in
    its rows, one a step from v and exact in its columns: finite and of mass one whatever the potentials.
    Round it before use.

    Args:
        u: Potential on the rows, shape (n,), float64, in the unit of the cost.
        v: Potential on the columns, shape (m,).
        cost: Ground costs, shape (n, m), float64.
        a: Row masses, shape (n,), summing to one.
        b: Column masses, shape (m,).
        epsilon: Strength of the entropy, in the unit of the cost.

    Returns:
        A plan of total mass one, shape (n, m), float64.

    Example:
        >>> half, cost = torch.full((2,), 0.5), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> plan_from_potentials(torch.zeros(2), torch.zeros(2), cost, half, half, 1e-3).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    v_next = _soft_transform(u[:, None], cost, a[:, None], epsilon, dim=0)[1]  # (1, m)
    u_next = _soft_transform(v, cost, b, epsilon, dim=1)[1]  # (n, 1)
    rows = _soft_transform(v_next, cost, b, epsilon, dim=1)[0].mul_(a[:, None] / 2)  # (n, m)
    columns = _soft_transform(u_next, cost, a[:, None], epsilon, dim=0)[0].mul_(b / 2)
    return rows.add_(columns)


def _soft_transform(
    w: Tensor, cost: Tensor, masses: Tensor, epsilon: float, *, dim: int
) -> tuple[Tensor, Tensor]:
    """Softmax of (w − c)/ε + log masses along `dim`, (n, m), and −ε times the log-sum-exp; `dim` kept."""
    out = torch.sub(w, cost).div_(epsilon).add_(masses.log())  # (n, m)
    top = out.amax(dim=dim, keepdim=True)
    sums = out.sub_(top).exp_().sum(dim=dim, keepdim=True)
    return out.div_(sums), -epsilon * (top + sums.log())


def _shrinking(masses: Tensor, sums: Tensor) -> Tensor:
    """Factors min(1, mass / sum), with 1 where the sum is zero."""
    return torch.where(sums > masses, masses / sums, torch.ones_like(sums))
