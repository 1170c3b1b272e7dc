"""What the differentiable kernels share: doubting shapes, reading masses, and the root of a mean power."""

from __future__ import annotations

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.plans.line import MASS_TOLERANCE

__all__ = ["check_kernel_input", "masses", "mean_power"]


def mean_power(gaps: Tensor, masses: Tensor | None, p: float) -> Tensor:
    """(Σ masses·gaps^p)^{1/p} over the last axis, or the largest gap for p = inf; safe where all gaps are zero."""
    if p == float("inf"):
        moved = gaps if masses is None else torch.where(masses > MASS_TOLERANCE, gaps, 0.0)
        return moved.amax(dim=-1)
    if p == 1:
        return gaps.mean(dim=-1) if masses is None else (masses * gaps).sum(dim=-1).to(gaps.dtype)
    scale = gaps.detach().amax(dim=-1, keepdim=True)
    scale = torch.where(scale > 0, scale, 1.0)
    powers = (gaps / scale) ** p
    total = powers.mean(dim=-1) if masses is None else (masses * powers).sum(dim=-1).to(gaps.dtype)
    safe = torch.where(total > 0, total, 1.0)
    return torch.where(total > 0, safe ** (1 / p), total) * scale[..., 0]


def check_kernel_input(x: Tensor, y: Tensor, p: float, *, rows: int) -> None:
    """Doubt the shapes of a kernel's two clouds: the last `rows` + 1 axes are the cloud, the others the batch."""
    if not p >= 1:
        raise InputError(f"p is {p!r}; the order of a Wasserstein distance is a real number >= 1 (or inf)")
    axes = rows + 1
    if x.ndim < axes or y.ndim < axes or 0 in x.shape or 0 in y.shape:
        form = "(..., n)" if rows == 0 else "(..., n, d)"
        raise InputError(
            f"the clouds have shapes {tuple(x.shape)} and {tuple(y.shape)}; pass non-empty {form} tensors"
        )
    if x.shape[:-axes] != y.shape[:-axes] or (rows and x.shape[-1] != y.shape[-1]):
        raise InputError(
            f"the clouds have shapes {tuple(x.shape)} and {tuple(y.shape)}; "
            "leading dimensions and coordinates must agree"
        )


def masses(weights: Tensor | None, x: Tensor) -> Tensor:
    """Masses of the points of x (..., n, d): (..., n), float64, divided by their sum."""
    n = x.shape[-2]
    if weights is None:
        return torch.full(x.shape[:-1], 1 / n, dtype=torch.float64, device=x.device)
    if weights.shape[-1] != n:
        raise InputError(f"there are {weights.shape[-1]} weights for {n} points; pass one a point")
    w = weights.to(torch.float64)
    return (w / w.sum(dim=-1, keepdim=True)).expand(x.shape[:-1])
