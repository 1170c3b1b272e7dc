"""The gradient of an entropic optimum, by the envelope theorem, without the matrix.

At optimal potentials the derivative of OT_ε is that of the dual value at fixed ones, Σ P ∂c + Σ u ∂a + Σ v ∂b,
with P the plan: no step of the solver is kept, and the plan is walked once, in blocks, if and when the
gradient is asked for.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from wdist.plans.entropic import Entropic
from wdist.plans.gibbs import Gibbs
from wdist.plans.pairs import Powers

__all__ = ["entropic_value"]


def entropic_value(cost: Powers, a: Tensor, b: Tensor, found: Entropic, epsilon: float) -> Tensor:
    """OT_ε at the potentials found, (...), a lower bound on it for any; differentiable once in points and masses.

    Args:
        cost: Ground cost between points x (..., n, d) and y (..., m, d).
        a: Masses, shape (..., n), float64.
        b: Masses, shape (..., m), float64.
        found: Potentials from `entropic_potentials`; the gradient is as exact as their marginals.
        epsilon: Strength of the entropy, in the unit of the cost.
    """
    value: Tensor = _Value.apply(cost.x, cost.y, a, b, cost, found, epsilon)  # type: ignore[no-untyped-call]
    return value


class _Value(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, a: Tensor, b: Tensor, cost: Powers, found: Entropic, epsilon: float
    ) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.problem = cost, found, epsilon
        return found.value.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        (a, b), (cost, found, epsilon) = ctx.saved_tensors, ctx.problem
        level = torch.full_like(a[..., :1], epsilon)
        to_x, to_y = torch.zeros_like(cost.x), torch.zeros_like(cost.y)
        sums_a, sums_b = torch.zeros_like(a), torch.zeros_like(b)
        w = torch.cat([found.u, found.v], dim=-1) / epsilon
        for rows, kernel in Gibbs(cost, torch.float64).blocks(w, level):  # (..., k, m)
            sums_a[..., rows] = (kernel @ b[..., None])[..., 0]
            sums_b += (a[..., None, rows] @ kernel)[..., 0, :]
            plan = kernel.mul_(a[..., rows, None]).mul_(b[..., None, :])
            to_x[..., rows, :], part = cost.slopes(rows, plan)
            to_y += part
        to_a, to_b = found.u - epsilon * (sums_a - 1), found.v - epsilon * (sums_b - 1)
        slope = slope[..., None]
        return slope[..., None] * to_x, slope[..., None] * to_y, slope * to_a, slope * to_b, None, None, None
