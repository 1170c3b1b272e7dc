"""A Gibbs kernel whose sums KeOps makes pair by pair (Charlier et al. 2021): nothing of n × m is ever written.

It pays on a GPU, where writing a block and reading it again is what takes the time. On a CPU the blocks of `Gibbs`
stay in the cache and are quicker, and the compiler that KeOps calls takes seconds a formula.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor

from wdist.plans.gibbs import RANGE, TINY, Gibbs
from wdist.plans.pairs import Cost, Powers, fits

__all__ = ["FORMULAS", "Online", "gibbs", "has_keops"]

FORMULAS = ("euclidean", "cityblock")  # metrics that are written out below


def has_keops() -> bool:
    """Whether KeOps is installed."""
    return importlib.util.find_spec("pykeops") is not None


def gibbs(cost: Cost, dtype: torch.dtype, keops: bool | None = None) -> Gibbs:
    """Give the quicker kernel of a cost.

    Args:
        cost: Ground cost, (..., n, m).
        dtype: Of the kernel.
        keops: Whether KeOps makes the sums; None for a GPU where it is installed, if the kernel is too large to hold.
    """
    if keops is None:
        known = isinstance(cost, Powers) and cost.metric in FORMULAS
        keops = cost.device.type == "cuda" and not fits(cost.shape, dtype) and known and has_keops()
    return Online(cost, dtype) if keops else Gibbs(cost, dtype)


class Online(Gibbs):
    """The kernel of a cost between points; sums come in float64."""

    def step(self, w: Tensor, level: Tensor, marginals: Tensor) -> tuple[Tensor, Tensor]:
        """Do as `Gibbs.step` does."""
        n = self._cost.shape[-2]
        kernel, heavy = self._kernel_at(w, level), marginals.to(self._dtype)[..., None]
        left, right = heavy[..., :n, :].contiguous(), heavy[..., n:, :].contiguous()
        sums = torch.cat([kernel @ right, kernel.t() @ left], dim=-2)[..., 0]
        sums = sums.to(torch.float64)
        return w - sums.clamp(min=TINY).log(), marginals * sums

    def _kernel_at(self, w: Tensor, level: Tensor) -> Any:  # a LazyTensor (..., n, m), which has no types
        from pykeops.torch import LazyTensor

        cost, n = self._cost, self._cost.shape[-2]
        assert isinstance(cost, Powers)
        x, y, u, v = (z.to(self._dtype).contiguous() for z in (cost.x, cost.y, w[..., :n], w[..., n:]))
        gaps = LazyTensor(x[..., :, None, :]) - LazyTensor(y[..., None, :, :])
        if cost.metric == "cityblock":
            lengths, power = gaps.abs().sum(-1), cost.p
        elif cost.p == 1:
            lengths, power = (gaps**2).sum(-1).sqrt(), 1.0
        else:
            lengths, power = (gaps**2).sum(-1), cost.p / 2
        if power != 1:  # by logarithms: KeOps raises to powers in single precision only
            lengths = (
                lengths.log() * LazyTensor(torch.full((1,), power, dtype=self._dtype, device=x.device))
            ).exp()
        scale = LazyTensor((level * cost.unit**cost.p).to(self._dtype)[..., None, None])  # (..., 1, 1, 1)
        exponents = LazyTensor(u[..., :, None, None]) + LazyTensor(v[..., None, :, None]) - lengths / scale
        return exponents.clamp(*map(int, RANGE[self._dtype])).exp()
