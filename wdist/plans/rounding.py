"""From any non-negative matrix to a true coupling, so that its cost is an upper bound; none of them is held.

An unfinished entropic plan misses its marginals and may cost *less* than the optimum. `round_to_coupling`
mends the marginals to rounding; `plan_from_potentials` makes the matrix, from potentials as good or as bad as
they come. Both keep factors of the rows and columns and are walked in blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wdist.plans.pairs import Cost, Pairs, row_blocks

__all__ = ["Coupling", "GibbsPlan", "plan_from_potentials", "round_to_coupling"]


class Coupling(Pairs):
    """The coupling f_i P_ij g_j + r_i s_j of a and b, (n, m), made from a matrix P that missed them."""

    def __init__(self, plan: Pairs, factors: tuple[Tensor, Tensor], rest: tuple[Tensor, Tensor]) -> None:
        self.shape, self.device = plan.shape, plan.device
        self._plan, self._factors, self._rest = plan, factors, rest

    def block(self, rows: slice) -> Tensor:
        """Entries of some rows, (k, m)."""
        (f, g), (r, s) = self._factors, self._rest
        return (self._plan.block(rows) * f[rows, None]).mul_(g).addr_(r[rows], s)

    def cost(self, cost: Pairs) -> float:
        """Σ coupling · cost: an upper bound on the optimal one."""
        return float(sum((self.block(rows) * cost.block(rows)).sum() for rows in row_blocks(self)))


class GibbsPlan(Pairs):
    """The mean of two plans exp(u_i + v_j − c_ij/ε), (n, m), from pairs w = (u, v) that hold the masses too."""

    def __init__(self, cost: Cost, pairs: tuple[Tensor, Tensor], level: Tensor) -> None:
        self.shape, self.device = cost.shape, cost.device
        self._write = [cost.exponents(w, level, torch.float64) for w in pairs]
        self._rooms = torch.empty((2, 0, cost.shape[-1]), dtype=torch.float64, device=cost.device)

    def block(self, rows: slice) -> Tensor:
        """Entries of some rows, (k, m); they last until the next block."""
        count = rows.stop - rows.start
        if count > self._rooms.shape[1]:
            self._rooms = self._rooms.new_empty((2, count, self.shape[-1]))
        parts = self._rooms[:, :count]
        for write, part in zip(self._write, parts, strict=True):
            write(rows, part)
            part.exp_()
        return parts[0].add_(parts[1]).mul_(0.5)


def round_to_coupling(plan: Pairs, a: Tensor, b: Tensor) -> Coupling:
    """Map a non-negative matrix onto the couplings of a and b, in two walks over it.

    Rows, then columns that hold too much are scaled down; what is missing is spread as a product (Altschuler,
    Weed, Rigollet 2017, Algorithm 2). By their Lemma 7 the plan moves by at most twice the L1 error of its
    marginals.

    Args:
        plan: Shape (n, m), finite and non-negative.
        a: Row masses, shape (n,), float64, summing to one.
        b: Column masses, shape (m,).

    Returns:
        A matrix with row sums a and column sums b to rounding.

    Example:
        >>> from wdist.plans.pairs import Matrix, dense
        >>> half = torch.full((2,), 0.5, dtype=torch.float64)
        >>> dense(round_to_coupling(Matrix(torch.diag(4 * half)), half, half)).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    f, rest, columns = torch.empty_like(a), torch.empty_like(a), torch.zeros_like(b)
    for rows in row_blocks(plan):
        block = plan.block(rows)
        f[rows] = _shrinking(a[rows], block.sum(dim=1))
        columns += f[rows] @ block
    g = _shrinking(b, columns)
    for rows in row_blocks(plan):
        rest[rows] = plan.block(rows) @ g
    missing_a = (a - f * rest).clamp_(min=0)  # (n,)
    missing_b = (b - columns * g).clamp_(min=0)  # (m,)
    total = missing_b.sum()
    return Coupling(plan, (f, g), (missing_a / torch.where(total > 0, total, 1.0), missing_b))


def plan_from_potentials(u: Tensor, v: Tensor, cost: Cost, a: Tensor, b: Tensor, epsilon: float) -> GibbsPlan:
    """Build the plan that potentials stand for, exp((u + v − c)/ε) a b, after one Sinkhorn step from either.

    At potentials that are each other's soft c-transforms this is the Gibbs plan itself. Far from there its
    exponent may be ±1000, so the mean of two plans is taken, one a whole Sinkhorn step from u and exact in
    its rows, one a step from v and exact in its columns: finite and of mass one whatever the potentials.
    Round it before use.

    Args:
        u: Potential on the rows, shape (n,), float64, in the unit of the cost.
        v: Potential on the columns, shape (m,).
        cost: Ground cost, (n, m).
        a: Row masses, shape (n,), summing to one.
        b: Column masses, shape (m,).
        epsilon: Strength of the entropy, in the unit of the cost.

    Returns:
        A plan of total mass one but for the rounding of its exponents.

    Example:
        >>> from wdist.plans.pairs import Matrix, dense
        >>> half, cost = torch.full((2,), 0.5), Matrix(torch.tensor([[0.0, 1.0], [1.0, 0.0]]).double())
        >>> zero = torch.zeros(2).double()
        >>> dense(plan_from_potentials(zero, zero, cost, half.double(), half.double(), 1e-3)).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    level = torch.full_like(a[:1], epsilon)
    u_next, v_next = _soft_transforms(u / epsilon, v / epsilon, cost, a, b, level)
    u_next, v_next = (
        u_next - a @ u_next,
        v_next - b @ v_next,
    )  # blind to constants, and small numbers round less
    u_last, v_last = _soft_transforms(u_next, v_next, cost, a, b, level)
    masses = torch.cat([a, b]).log()
    pairs = torch.cat([u_last, v_next]) + masses, torch.cat([u_next, v_last]) + masses
    return GibbsPlan(cost, pairs, level)


def _soft_transforms(
    u: Tensor, v: Tensor, cost: Cost, a: Tensor, b: Tensor, level: Tensor
) -> tuple[Tensor, Tensor]:
    """Soft c-transforms of v, (n,), and of u, (m,), all over epsilon: minus log-sum-exps, in one walk."""
    w, zero = torch.cat([u + a.log(), v + b.log()]), torch.zeros_like
    to_rows = cost.exponents(torch.cat([zero(u), w[len(u) :]]), level, torch.float64)
    to_columns = cost.exponents(torch.cat([w[: len(u)], zero(v)]), level, torch.float64)
    u_next, v_next = torch.empty_like(u), torch.full_like(v, -torch.inf)
    for rows in row_blocks(cost):
        block = torch.empty((rows.stop - rows.start, len(v)), dtype=torch.float64, device=cost.device)
        to_rows(rows, block)
        u_next[rows] = block.logsumexp(dim=1)
        to_columns(rows, block)
        v_next = torch.logaddexp(v_next, block.logsumexp(dim=0))
    return -u_next, -v_next


def _shrinking(masses: Tensor, sums: Tensor) -> Tensor:
    """Factors min(1, mass / sum), with 1 where the sum is zero."""
    return torch.where(sums > masses, masses / sums, torch.ones_like(sums))
