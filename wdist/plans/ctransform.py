"""c-transforms over all pairs in blocks of rows, and the certified lower bound that any potential gives.

For any v, u_i = min_j (c_ij − v_j) is the largest potential with u_i + v_j <= c_ij; then Σ a u + Σ b v cannot
exceed the cost of a coupling (Kantorovich duality, Villani 2003, Thm 1.3). Nothing is assumed of v, so
nothing has to be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.costs import Metric, cost_blocks
from wdist.plans.pairs import Pairs, row_blocks

__all__ = ["DualBound", "c_transform", "dual_bound"]

SLACK = 16 * torch.finfo(torch.float64).eps


@dataclass(frozen=True, eq=False)
class DualBound:
    """A lower bound on the optimal cost, with the feasible potentials that prove it.

    Attributes:
        value: Σ a u + Σ b v less what rounding may have added, at least 0; in the unit of the cost.
        u: Shape (n,), float64.
        v: Shape (m,), float64; u[i] + v[j] <= c[i, j] for all pairs, to rounding.
    """

    value: float
    u: Tensor
    v: Tensor


def c_transform(
    v: Tensor, x: Tensor, y: Tensor, metric: Metric = "euclidean", p: float = 1.0, native: str = "torch"
) -> Tensor:
    """Give the largest u with u_i + v_j <= c_ij, that is min_j (c_ij − v_j), for c = distance**p.

    Args:
        v: Potential on y, shape (m,), float64, in the unit of the cost.
        x: Points, shape (n, d), float64; centre large common offsets first (`costs.centred`).
        y: Points, shape (m, d), float64.
        metric: The ground metric, as in `costs.distances`.
        p: Finite order, >= 1.
        native: What a function metric is called with, as in `costs.distances`.

    Returns:
        u, shape (n,), float64; the whole cost matrix is never held.

    Example:
        >>> points = torch.tensor([[0.0], [3.0]], dtype=torch.float64)
        >>> c_transform(torch.tensor([1.0, 2.0], dtype=torch.float64), points, points).tolist()
        [-1.0, -2.0]
    """
    u = torch.empty(len(x), dtype=torch.float64, device=x.device)
    for rows, cost in _powers(cost_blocks(x, y, metric, native), p):
        u[rows] = torch.sub(v, cost).amax(dim=1).neg_()
    return u


def dual_bound(
    v: Tensor, x: Tensor, y: Tensor, a: Tensor, b: Tensor, metric: Metric = "euclidean", p: float = 1.0,
    *, native: str = "torch", cost: Pairs | None = None,
) -> DualBound:  # fmt: skip
    """Lower bound on W_p**p between weighted clouds, from any potential v transformed twice.

    One pass over the pairs does both: a block of rows gives its u, and what those rows leave for every v.

    Args:
        v: Any potential on y, shape (m,), float64, finite; best one near optimal.
        x: Points, shape (n, d), float64.
        y: Points, shape (m, d), float64.
        a: Masses of x, shape (n,), float64, summing to one.
        b: Masses of y, shape (m,).
        metric: The ground metric, as in `costs.distances`.
        p: Finite order, >= 1.
        native: What a function metric is called with, as in `costs.distances`.
        cost: The costs distance**p, (n, m), where there is another way to them; x, y, metric and p are then
            not looked at.
    """
    v = v - (b * v).sum()  # the dual value is blind to a constant, and small numbers round less
    u = torch.empty_like(a)
    best = torch.full_like(v, torch.inf)
    blocks = _powers(cost_blocks(x, y, metric, native), p)
    if cost is not None:
        blocks = ((rows, cost.block(rows)) for rows in row_blocks(cost))
    for rows, block in blocks:
        u[rows] = torch.sub(v, block).amax(dim=1).neg_()
        torch.minimum(best, torch.sub(u[rows, None], block).amax(dim=0).neg_(), out=best)
    value = (a * u).sum() + (b * best).sum()
    size = (a * u.abs()).sum() + (b * best.abs()).sum() + v.abs().amax()
    return DualBound(max(0.0, float(value - SLACK * size)), u, best)


def _powers(blocks: Iterable[tuple[slice, Tensor]], p: float) -> Iterable[tuple[slice, Tensor]]:
    for rows, block in blocks:
        yield rows, block if p == 1 else block**p
