"""What the differentiable kernels share: doubting clouds and masses, and the root of a mean power."""

from __future__ import annotations

import torch
from torch import Tensor

from wdist.arrays import FLOATS
from wdist.errors import InputError
from wdist.plans.line import MASS_TOLERANCE

__all__ = ["check_kernel_input", "check_weights", "masses", "mean_power"]


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
    """Doubt a kernel's two clouds: the last `rows` + 1 axes are the cloud, the others the batch."""
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not p >= 1:
        raise InputError(f"p is {p!r}; the order of a Wasserstein distance is a real number >= 1 (or inf)")
    for cloud in (x, y):
        if not isinstance(cloud, Tensor) or cloud.dtype not in FLOATS:
            what = cloud.dtype if isinstance(cloud, Tensor) else type(cloud).__name__
            raise InputError(f"a cloud is {what}; the kernels take float32 or float64 tensors")
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
    if x.device != y.device:
        raise InputError(f"one cloud is on {x.device}, the other on {y.device}; move one to the other")
    if not bool(torch.isfinite(x).all() & torch.isfinite(y).all()):
        raise InputError("a cloud has coordinates that are NaN or infinite; drop or mend those points")


def check_weights(weights: Tensor, n: int) -> None:
    """Doubt the masses of n points: one a point, finite, none negative, not all zero."""
    if not isinstance(weights, Tensor) or weights.ndim == 0 or weights.shape[-1] != n:
        count = weights.shape[-1] if isinstance(weights, Tensor) and weights.ndim else type(weights).__name__
        raise InputError(f"there are {count} weights for {n} points; pass one a point")
    w = weights.detach()
    if not bool((torch.isfinite(w) & (w >= 0)).all() & (w.sum(dim=-1) > 0).all()):
        raise InputError("weights must be finite, none negative and not all zero")


def masses(weights: Tensor | None, x: Tensor) -> Tensor:
    """Masses of the points of x (..., n, d): (..., n), float64, divided by their sum."""
    if x.device.type == "mps":
        raise InputError(
            "the clouds are on mps, which has no float64; pass x.cpu() and y.cpu(): gradients go back"
        )
    n = x.shape[-2]
    if weights is None:
        return torch.full(x.shape[:-1], 1 / n, dtype=torch.float64, device=x.device)
    check_weights(weights, n)
    w = weights.to(torch.float64)
    return (w / w.sum(dim=-1, keepdim=True)).expand(x.shape[:-1])
