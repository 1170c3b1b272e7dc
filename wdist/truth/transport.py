"""The proofs that cases carry: couplings and potentials, as small objects (closures could not be pickled).

Nearly every known optimal coupling draws one point of a base law and sends it through two affine maps, and
nearly every known optimal potential is linear, or a distance from an affine subspace; funnels have their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.sources import Source

__all__ = ["Affine", "Coupling", "Linear", "Radial", "affine_on_line", "identity", "potential_on_line"]


@dataclass(frozen=True, eq=False)
class Affine:
    """The map z ↦ matrix·z + shift, with matrix (d, k) and shift (d,): (n, k) -> (n, d)."""

    matrix: Tensor
    shift: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        """Map (n, k) to (n, d)."""
        return z @ self.matrix.to(z.device).T + self.shift.to(z.device)


@dataclass(frozen=True, eq=False)
class Coupling:
    """The pairs (to_a(z), to_b(z)) with z ~ base."""

    base: Source
    to_a: Callable[[Tensor], Tensor]
    to_b: Callable[[Tensor], Tensor]

    def __call__(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw `n` pairs, two (n, d)."""
        z = self.base.draw(n, rng)
        return self.to_a(z), self.to_b(z)


@dataclass(frozen=True, eq=False)
class Linear:
    """The potential f(x) = direction·x, 1-Lipschitz for a unit direction (d,)."""

    direction: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Map (n, d) to (n,)."""
        return x @ self.direction.to(x)


@dataclass(frozen=True, eq=False)
class Radial:
    """The potential f(x) = sign·|basisᵀ(x − centre)|, 1-Lipschitz for orthonormal columns.

    Attributes:
        centre: Shape (d,).
        sign: +1 where a lies farther out than b, else −1.
        basis: Shape (d, k), orthonormal columns; None for the whole space.
    """

    centre: Tensor
    sign: float
    basis: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Map (n, d) to (n,)."""
        offset = x - self.centre.to(x)  # (n, d)
        if self.basis is not None:
            offset = offset @ self.basis.to(x)  # (n, k)
        length: Tensor = torch.linalg.vector_norm(offset, dim=1)
        return self.sign * length


def identity(z: Tensor) -> Tensor:
    """Leave points where they are."""
    return z


def affine_on_line(slope: float, shift: float) -> Affine:
    """Give the map z ↦ slope·z + shift, (n, 1) -> (n, 1)."""
    return Affine(torch.tensor([[slope]], dtype=torch.float64), torch.tensor([shift], dtype=torch.float64))


def potential_on_line(to_a: tuple[float, float], to_b: tuple[float, float]) -> Linear | Radial:
    """Give an optimal potential between laws on the line that are increasing affine images of one law.

    The images of z, one map over the other, part from the point where they meet: f is the distance from it,
    counted down if b's image is the wider one. Images that never meet are translates: f(x) = ±x.

    Args:
        to_a: Slope >= 0 and shift of the map to a.
        to_b: Slope >= 0 and shift of the map to b.
    """
    slope, shift = to_a[0] - to_b[0], to_a[1] - to_b[1]  # of the gap between the images
    if slope == 0:
        return Linear(torch.tensor([math.copysign(1.0, shift)], dtype=torch.float64))
    meeting = to_a[1] - to_a[0] * shift / slope
    return Radial(torch.tensor([meeting], dtype=torch.float64), math.copysign(1.0, slope))
