"""A probe of augmentations: they must let the generator's gradient pass, and move each point by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from wdist.gan.augment import Augmenter
from wdist.gan.patient import Finding

__all__ = ["augmented"]


def augmented(augment: Augmenter, x: Tensor) -> Finding:
    """Whether augmented points (n, d) are points, depend each on itself alone, and carry a gradient."""
    check = "augmentation"
    x = x.detach().clone().requires_grad_()
    y = augment(x, torch.Generator(device=x.device).manual_seed(0), progress=0.0)
    if y.shape != x.shape or not bool(torch.isfinite(y).all()):
        return Finding(
            check, f"it makes {tuple(y.shape)} of {tuple(x.shape)}, or numbers that are not finite", "keep (n, d)"
        )  # fmt: skip
    if not y.requires_grad:
        return Finding(
            check, "no gradient passes through it, so the generator cannot learn",
            "use operations of torch that are differentiable in x, and no rounding",
        )  # fmt: skip
    weights = torch.linspace(1, 2, y.shape[1], dtype=y.dtype, device=y.device)  # no two coordinates alike
    sizes = torch.stack(
        [torch.autograd.grad(row @ weights, x, retain_graph=True)[0].norm(dim=1) for row in y[:4]]
    )  # (4, n)
    own = sizes.diagonal()
    if not bool((own > 0).all()):
        return Finding(
            check, "some points have no gradient through it", "leave out what forgets a whole point"
        )
    if bool((sizes.sum(dim=1) > own).any()):
        return Finding(
            check, "an augmented point depends on the other points of its batch", "move each point by itself"
        )
    return Finding(check, seen="points stay points, each moves by itself, and gradients pass")
