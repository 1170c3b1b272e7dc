"""Ascent over orthonormal matrices: a step along the polar factor of the momentum, then back to the manifold.

The polar factor U·Vᵀ of a gradient U·S·Vᵀ is the steepest direction in the spectral norm (Muon: Jordan et al. 2024),
so every singular direction moves by the same angle. It is found by a quintic Newton-Schulz iteration, and the matrix
is put back by the cubic one, both nothing but matrix products. Parameters that are no such matrices take Adam's step.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["OrthonormalAdam", "polar", "retract"]

MUON = (3.4445, -4.7750, 2.0315)
"""Coefficients of a·X + b·X·XᵀX + c·X·(XᵀX)² that pull singular values from (0.005, 1] near 1 in five rounds."""
MOMENTUM = 0.9
LONGEST = 4.0
"""Most that a tangent may exceed the angle, as all of it may turn one direction and has to be retracted."""
BETAS = (0.9, 0.99)
EPS = 1e-10


def retract(w: Tensor, rounds: int = 1) -> Tensor:
    """Bring nearly orthonormal matrices (..., r, c) back: X ← (3X − X·XᵀX)/2, each round squaring the error.

    Converges for singular values in (0, √3); orthonormal are the rows where r <= c, else the columns.

    Example:
        >>> off = 1.01 * torch.eye(2, dtype=torch.float64)
        >>> float((retract(off, 3) - torch.eye(2)).abs().max()) < 1e-14
        True
    """
    for _ in range(rounds):
        wide = w.shape[-2] <= w.shape[-1]
        gram = w @ w.mT if wide else w.mT @ w
        w = 1.5 * w - 0.5 * (gram @ w if wide else w @ gram)
    return w


def along(m: Tensor, w: Tensor) -> Tensor:
    """What to step along: the polar factor of a matrix m; of a stack (k, r, c), r <= c, each one's part tangent at w.

    For many matrices at once polar factors would cost more than the rest of the step, and bought nothing. Tangents
    stay nearer to the manifold, so they may be longer.
    """
    if m.ndim == 2:
        return polar(m)
    gram = m @ w.mT
    tangent = m - (gram + gram.mT) / 2 @ w
    length = torch.linalg.matrix_norm(tangent, keepdim=True) + 1e-12
    step: Tensor = tangent * (min(math.sqrt(m.shape[-2]), LONGEST) / length)
    return step


def polar(m: Tensor, rounds: int = 5) -> Tensor:
    """Orthonormal factor of a matrix (r, c), to some per cent: enough for a direction to step in."""
    x = m.T if m.shape[0] > m.shape[1] else m
    x = x / (torch.linalg.matrix_norm(x) + 1e-12)
    a, b, c = MUON
    for _ in range(rounds):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    x = retract(x)
    return x.T if m.shape[0] > m.shape[1] else x


class OrthonormalAdam:
    """Polar steps for orthonormal matrices, Adam's for what is free; the caller retracts after the step.

    It has what a loop needs of a torch optimiser and is none, as making one of those imports torch's compiler, which
    takes seconds.

    Attributes:
        param_groups: As torch's: dicts with "params" and "lr".
        state: Of each parameter, by its place.
    """

    def __init__(
        self, matrices: Iterable[Tensor], free: Iterable[Tensor], *, angle: float, lr: float
    ) -> None:
        """Step `matrices` (r, c) by `angle` radians along their momentum's polar factor, `free` by Adam at `lr`."""
        self.param_groups: list[dict[str, Any]] = [
            {"params": list(matrices), "lr": angle}, {"params": list(free), "lr": lr}
        ]  # fmt: skip
        self.state: dict[str, Any] = {"steps": 0}
        self.state["momenta"], self.state["means"], self.state["squares"] = (
            [torch.zeros_like(p) for p in group["params"]]
            for group in (*self.param_groups, self.param_groups[1])
        )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Take one step on the gradients that are there; a parameter that has none stays."""
        self.state["steps"] += 1
        turned, moved = self.param_groups
        for w, momentum in zip(turned["params"], self.state["momenta"], strict=True):
            if w.grad is not None:
                momentum.lerp_(w.grad, 1 - MOMENTUM)
                w.sub_(turned["lr"] * along(momentum, w))
        self._adam(moved["params"], moved["lr"])

    def state_dict(self) -> dict[str, Any]:
        """Everything to go on from, to the bit."""
        rates = [group["lr"] for group in self.param_groups]
        return {"rates": rates, "state": copy.deepcopy(self.state)}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from there."""
        for group, rate in zip(self.param_groups, saved["rates"], strict=True):
            group["lr"] = rate
        self.state["steps"] = saved["state"]["steps"]
        for name in ("momenta", "means", "squares"):  # what was read from a file lies on the CPU
            for mine, theirs in zip(self.state[name], saved["state"][name], strict=True):
                mine.copy_(theirs)

    def _adam(self, free: list[Tensor], lr: float) -> None:
        """Kingma and Ba 2015, Algorithm 1, over all parameters at once."""
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in free]
        k, means, squares = (self.state[name] for name in ("steps", "means", "squares"))
        torch._foreach_lerp_(means, grads, 1 - BETAS[0])
        torch._foreach_mul_(squares, BETAS[1])
        torch._foreach_addcmul_(squares, grads, grads, 1 - BETAS[1])
        sizes = torch._foreach_sqrt(squares)
        torch._foreach_div_(sizes, (1 - BETAS[1] ** k) ** 0.5)
        torch._foreach_add_(sizes, EPS)
        torch._foreach_addcdiv_(free, means, sizes, -lr / (1 - BETAS[0] ** k))
