"""The laws in the plane that generators are tried on: two mixtures whose modes can be counted, and a spiral.

Each is a Source. The mixtures know their centres and width, so that covered modes and the points between them can be
counted; the spiral has no modes and is judged by its distance alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["TOYS", "Mixture", "SwissRoll", "grid", "ring"]

LOOKS = 4000
"""Points of the spiral that the nearest is looked for among: a hundredth of its width apart, or two."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equal Gaussians N(centre, width²·I) about the rows of `centres` (k, d)."""

    centres: Tensor
    width: float

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return self.centres.shape[1]

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` points, shape (n, dim), float32."""
        centres = self.centres.to(rng.device)
        which = torch.randint(len(centres), (n,), generator=rng, device=rng.device)
        noise = torch.randn(n, self.dim, generator=rng, device=rng.device)
        return centres[which] + self.width * noise


@dataclass(frozen=True, eq=False)
class SwissRoll:
    """The spiral (t·cos t, t·sin t)/7.5 with t uniform on [1.5π, 4.5π] and Gaussian noise before scaling."""

    width: float = 0.25

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return 2

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` points, shape (n, 2), float32."""
        t = 1.5 * math.pi * (1 + 2 * torch.rand(n, generator=rng, device=rng.device))
        noise = torch.randn(n, 2, generator=rng, device=rng.device)
        return (self._spiral(t) + self.width * noise) / 7.5

    def good(self, points: Tensor, reach: float = 3.0) -> float:
        """Share of the points (n, 2) within `reach` widths of the spiral, of its own about 0.997.

        Example:
            >>> SwissRoll().good(torch.tensor([[0.0, -0.6283], [0.0, 0.0]]))
            0.5
        """
        turns = torch.linspace(1.5 * math.pi, 4.5 * math.pi, LOOKS, dtype=torch.float64)
        away = torch.cdist(points.double().cpu(), self._spiral(turns) / 7.5).amin(dim=1)  # (n,)
        return float((away <= reach * self.width / 7.5).double().mean())

    @staticmethod
    def _spiral(t: Tensor) -> Tensor:
        return torch.stack([t * t.cos(), t * t.sin()], dim=1)


def ring(k: int = 8, radius: float = 2.0, width: float = 0.02) -> Mixture:
    """Give `k` narrow Gaussians evenly on a circle.

    Example:
        >>> ring().draw(100, torch.Generator().manual_seed(0)).norm(dim=1).mean().round(decimals=2)
        tensor(2.)
    """
    angle = 2 * math.pi * torch.arange(k) / k
    return Mixture(radius * torch.stack([angle.cos(), angle.sin()], dim=1), width)


def grid(side: int = 5, spacing: float = 2.0, width: float = 0.05) -> Mixture:
    """Give side² narrow Gaussians on a square grid about the origin.

    Example:
        >>> grid().centres.shape, float(grid().centres.max())
        (torch.Size([25, 2]), 4.0)
    """
    ticks = spacing * (torch.arange(side) - (side - 1) / 2)
    return Mixture(torch.cartesian_prod(ticks, ticks), width)


TOYS: dict[str, Callable[[], Mixture | SwissRoll]] = {"ring": ring, "grid": grid, "swiss-roll": SwissRoll}
"""Toy laws by name."""
