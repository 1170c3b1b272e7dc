"""The analytic laws that cases are made of: each draws from the generator it is given, on its device.

Each has its own sampler, apart from the couplings of `transport.py`, so that the two can be held against each
other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.sources import Source

__all__ = ["Box", "Exponential", "Gaussian", "Pushed", "standard_gaussian"]


@dataclass(frozen=True, eq=False)
class Box:
    """The uniform law on [low_1, high_1] × ... × [low_d, high_d]; an edge of length 0 is a constant."""

    low: Tensor
    high: Tensor

    def __post_init__(self) -> None:
        if self.low.ndim != 1 or self.low.shape != self.high.shape or not bool((self.low <= self.high).all()):
            raise InputError(
                f"a box needs corners (d,) with low <= high; got {self.low.tolist()} and {self.high.tolist()}"
            )

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return self.low.shape[0]

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` points, shape (n, dim), float64."""
        low, high = self.low.to(rng.device), self.high.to(rng.device)
        u = torch.rand(n, self.dim, generator=rng, device=rng.device, dtype=torch.float64)
        return low + (high - low) * u


@dataclass(frozen=True, eq=False)
class Gaussian:
    """N(mean, factor·factorᵀ) with mean (d,) and factor (d, d); a singular factor is welcome."""

    mean: Tensor
    factor: Tensor

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return self.mean.shape[0]

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` points, shape (n, dim), float64."""
        z = torch.randn(n, self.dim, generator=rng, device=rng.device, dtype=torch.float64)
        return self.mean.to(rng.device) + z @ self.factor.to(rng.device).T


@dataclass(frozen=True)
class Exponential:
    """The exponential law on [0, ∞) with mean 1 / rate, drawn by its quantile function −log(1 − u) / rate."""

    rate: float

    @property
    def dim(self) -> int:
        """One coordinate."""
        return 1

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` points, shape (n, 1), float64."""
        u = torch.rand(n, 1, generator=rng, device=rng.device, dtype=torch.float64)
        return -torch.log1p(-u) / self.rate


@dataclass(frozen=True, eq=False)
class Pushed:
    """The law of map(x) for x ~ base, where map takes (n, base.dim) to (n, dim)."""

    base: Source
    map: Callable[[Tensor], Tensor]
    dim: int

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` points, shape (n, dim)."""
        return self.map(self.base.draw(n, rng))


def standard_gaussian(d: int) -> Gaussian:
    """Give N(0, I) in d dimensions."""
    if d < 1:
        raise InputError(f"d is {d!r}; a point has at least one coordinate")
    return Gaussian(torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64))
